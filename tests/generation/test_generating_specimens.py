"""Colour pictures of specimens from a small MSG-GAN: sphere, scales, layers, files, and what does not apply."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_cellsim as cs
from napari_cellsim.base import CellSimError
from napari_cellsim.generation import (
    Editor,
    contact_sheet,
    directions,
    edit,
    generate,
    interpolate,
    mean_latent,
    mix,
    open_result,
    project,
    render,
    scale_sheet,
    scales,
    walk_sheet,
)
from napari_cellsim.generation.walks import slerp
from napari_cellsim.models import Model, ModelCard

SIZE, LATENT = 16, 24
CARD = {
    "description": "Generates pictures of single specimens: planktic.",
    "modality": "photograph",
    "normalisation": {"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
    "training": {"classes": {"planktic": 505}},
}


def make_msggan(name: str = "forams (planktic)", **overrides) -> Model:
    torch.manual_seed(3)
    settings = {"size": SIZE, "latent": LATENT, "widths": (12,) * 9, **overrides}
    return Model.create(name, "msggan", "lite", card=ModelCard.model_validate(CARD), **settings)


@pytest.fixture(scope="module")
def msggan() -> Model:
    return make_msggan()


@pytest.fixture(scope="module")
def made(msggan):
    return cs.generate(msggan, n=3, seed=5)


def test_the_pictures_are_what_the_network_says(msggan, made):
    assert made.images.shape == (3, 1, 3, SIZE, SIZE)
    assert made.channel_names == ("red", "green", "blue")
    with torch.inference_mode():
        said = msggan.network(torch.from_numpy(made.z))[-1].numpy()
    np.testing.assert_allclose(made.images[:, 0], (127.5 + 127.5 * said).clip(0, 255), atol=1e-3)
    assert made.images.std() > 1
    np.testing.assert_array_equal(made.images, render(msggan, made))
    assert not made.notes


def test_latents_lie_on_the_sphere_and_are_the_codes(msggan, made):
    np.testing.assert_allclose(np.linalg.norm(made.z, axis=1), np.sqrt(LATENT), rtol=1e-6)
    np.testing.assert_array_equal(made.latents[:, 0], made.z)
    assert (made.noise_seeds == -1).all()
    assert made.provenance["config"] == {"n": 3, "seed": 5, "truncation": 1.0, "noise": "random"}
    assert made.provenance["model"]["kind"] == "msggan"
    assert not mean_latent(msggan).any()


def test_a_picture_depends_neither_on_its_batch_nor_on_how_many_there_are(msggan, made):
    part = generate(msggan, n=2, seed=5, batch=1)
    np.testing.assert_allclose(part.images, made.images[:2], atol=1e-3)
    assert not np.allclose(generate(msggan, n=1, seed=6).images, made.images[:1])


def test_intensities_stay_within_a_photograph():
    bright = make_msggan()
    with torch.no_grad():
        for layer in bright.network.images.values():
            layer.bias.fill_(-1.5)
    dark = generate(bright, n=2)
    assert dark.images.min() == 0
    assert dark.images.max() <= 255


def test_grey_specimens():
    made = generate(make_msggan(channels=1), n=2)
    assert made.images.shape == (2, 1, 1, SIZE, SIZE)
    assert not made.colour
    assert made.images.max() > 10  # 8-bit intensities
    ((data, options, _),) = made.to_layers()
    assert data.shape == (2, SIZE, SIZE)
    assert "rgb" not in options


def test_colour_layer_and_back(made):
    from types import SimpleNamespace

    ((data, options, kind),) = made.to_layers()
    assert (kind, options["rgb"], data.shape) == ("image", True, (3, SIZE, SIZE, 3))
    assert 0 <= data.min() < data.max() <= 1
    assert len(options["scale"]) == len(options["units"]) == len(options["axis_labels"]) == 3
    np.testing.assert_allclose(data[1, ..., 2], made.images[1, 0, 2] / 255, rtol=1e-6)
    again = cs.Generated.from_layer(SimpleNamespace(data=data, **options))
    np.testing.assert_allclose(again.images, made.images, rtol=1e-6)
    np.testing.assert_array_equal(again.latents, made.latents)
    single = cs.Generated.from_layer(SimpleNamespace(data=data[1], **made.select(1).to_layers()[0][1]))
    np.testing.assert_allclose(single.images, made.images[1:2], rtol=1e-6)


def test_colour_channels_of_something_else_are_no_photograph():
    """Three fluorescence channels stay three channels."""
    images = np.zeros((2, 1, 3, 8, 8), np.float32)
    other = cs.Generated(images, np.zeros((2, 1, 4), np.float32), np.full(2, -1))
    ((data, options, _),) = other.to_layers()
    assert data.shape == (2, 3, 8, 8)
    assert "rgb" not in options


def test_save_and_open(made, tmp_path):
    path = made.save(tmp_path / "specimens.cellsim.ome.tif")
    again = open_result(path)
    for key in ("images", "latents", "z", "intensity", "noise_seeds"):
        np.testing.assert_array_equal(getattr(again, key), getattr(made, key))
    assert again.colour
    assert cs.open_result(path).channel_names == ("red", "green", "blue")


@pytest.mark.parametrize("space", [None, "z"])
def test_a_walk_follows_the_great_circle(msggan, made, space):
    walk = interpolate(msggan, made, steps=4, space=space)
    assert len(walk) == 9
    z = walk.latents[:, 0]
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), np.sqrt(LATENT), rtol=1e-5)
    np.testing.assert_allclose(z[[0, 4, 8]], made.z, atol=1e-5)
    np.testing.assert_allclose(walk.images[[0, 4, 8]], made.images, atol=0.01)
    # equal steps along the circle, and every point in the plane of its ends
    angles = np.arccos(np.clip((z[:-1] * z[1:]).sum(1) / LATENT, -1, 1))
    np.testing.assert_allclose(angles[:4], angles[0], rtol=1e-3)
    assert np.linalg.matrix_rank(z[:5], tol=1e-3) == 2
    assert walk.colour
    assert walk.provenance["config"]["space"] == "z"


def test_a_walk_at_the_thesis_size_keeps_the_length():
    """√512 at each of the 10 points, whatever the length of what is given."""
    model = make_msggan(latent=512)
    ends = np.random.default_rng(0).normal(size=(2, 512)).astype(np.float32) * 3
    walk = interpolate(model, ends, steps=9)
    np.testing.assert_allclose(np.linalg.norm(walk.latents[:, 0], axis=1), np.sqrt(512), rtol=1e-5)


def test_opposite_points_are_joined_by_a_circle_too():
    a = np.array([[0.0, 2.0, 0.0]])
    way = np.concatenate([slerp(a, -a, np.array([t])) for t in (0, 0.25, 0.5, 1)])
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 2, rtol=1e-6)
    np.testing.assert_allclose(way[[0, 3]], [a[0], -a[0]], atol=1e-6)
    np.testing.assert_allclose(way[2] @ a[0], 0, atol=1e-6)


def test_scales_end_in_the_picture(msggan, made):
    drawn = scales(msggan, made)
    assert [scale.shape for scale in drawn] == [(3, 3, side, side) for side in (4, 8, 16)]
    np.testing.assert_allclose(drawn[-1], made.images[:, 0], atol=1e-3)
    sheet = scale_sheet(drawn)
    assert sheet.shape == (3 * SIZE, 3 * SIZE, 3)
    np.testing.assert_array_equal(sheet[SIZE : 2 * SIZE, 2 * SIZE :], drawn[-1][1].transpose(1, 2, 0))
    np.testing.assert_array_equal(sheet[:4, :4], np.broadcast_to(drawn[0][0, :, 0, 0], (4, 4, 3)))
    grey = make_msggan(channels=1)
    assert scale_sheet(scales(grey, generate(grey, n=2))).shape == (2 * SIZE, 3 * SIZE)


def test_sheets(msggan, made):
    sheet = contact_sheet(made, 2)
    assert sheet.shape == (2 * SIZE, 2 * SIZE, 3)
    np.testing.assert_array_equal(sheet[SIZE:, :SIZE], made.images[2, 0].transpose(1, 2, 0))
    assert not sheet[SIZE:, SIZE:].any()
    for loop, rows in ((False, 2), (True, 3)):
        walk = interpolate(msggan, made, steps=3, loop=loop)
        sheet = walk_sheet(walk)
        assert sheet.shape == (rows * SIZE, 4 * SIZE, 3)
        np.testing.assert_array_equal(sheet[SIZE : 2 * SIZE, :SIZE], walk.images[3, 0].transpose(1, 2, 0))
        np.testing.assert_array_equal(sheet[:SIZE, 3 * SIZE :], sheet[SIZE : 2 * SIZE, :SIZE])
    np.testing.assert_array_equal(sheet[-SIZE:, -SIZE:], sheet[:SIZE, :SIZE])


def test_what_does_not_apply_is_refused_in_one_sentence(msggan, made, gan, movie):
    pictures = generate(gan, n=2)
    found = directions(gan, n=2)
    for call, sentence in (
        (lambda: mix(msggan, made, made, 2), "is an MSG-GAN, which has no styles to mix; choose a Cell-GAN"),
        (lambda: directions(msggan), "is an MSG-GAN: its codes vary alike in all directions"),
        (lambda: edit(msggan, made, found, [0, 0]), "is an MSG-GAN, which has no directions"),
        (lambda: Editor(msggan, made), "is an MSG-GAN, which has no directions"),
        (lambda: cs.encode(msggan, movie), "is an MSG-GAN, which has no guidance encoder"),
        (lambda: cs.encode(msggan, movie, refine_steps=5), "no W to project into"),
        (lambda: project(msggan, made), "no guides"),
        (lambda: project(msggan, cs.encode(gan, movie, at=0)), "no W to project into"),
        (lambda: generate(msggan, n=1, truncation=0.5), "leave the truncation of 0.5 out"),
        (lambda: interpolate(msggan, made, space="w"), "great circles"),
        (lambda: interpolate(msggan, np.zeros((2, LATENT))), "no direction"),
        (lambda: interpolate(msggan, pictures), "latents have the shape"),
        (lambda: scales(gan, pictures), "full size only"),
        (lambda: contact_sheet(made, 0), "0 columns"),
        (lambda: walk_sheet(made), "are no walk"),
        (lambda: walk_sheet(interpolate(msggan, made, steps=2).select([0, 1])), "missing"),
    ):
        with pytest.raises(CellSimError, match=sentence) as error:
            call()
        assert "\n" not in str(error.value)
    assert len(generate(msggan, n=1, truncation=1.0)) == 1
