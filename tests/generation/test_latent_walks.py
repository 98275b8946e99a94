"""Moving through the latent space: walks, mixing, principal directions, live editing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.generation import Editor, directions, edit, generate, interpolate, mix, render
from napari_cellsim.generation.walks import slerp


@pytest.fixture(scope="module")
def keyframes(gan):
    return generate(gan, n=3, seed=1, noise="fixed")


@pytest.mark.parametrize("space", ["w", "w+", "z", None])
def test_a_walk_passes_through_its_keyframes(gan, keyframes, space):
    walk = interpolate(gan, keyframes, steps=4, space=space)
    assert (len(walk), walk.kind) == (9, "walk")
    stops = walk.select([0, 4, 8])
    expected = np.broadcast_to(keyframes.latents, stops.latents.shape)
    np.testing.assert_allclose(stops.latents, expected, atol=1e-5)
    np.testing.assert_allclose(stops.images, keyframes.images, atol=0.05)


def test_a_walk_in_w_is_straight(gan, keyframes):
    walk = interpolate(gan, keyframes.select([0, 1]), steps=4, space="w")
    steps = np.diff(walk.latents, axis=0)
    np.testing.assert_allclose(steps, np.tile(steps.mean(0), (4, 1, 1)), atol=1e-5)


def test_a_walk_in_w_plus_has_a_latent_for_every_slot(gan, keyframes):
    assert interpolate(gan, keyframes, steps=1, space="w+").latents.shape == (3, gan.network.slots, 256)


def test_a_walk_in_z_keeps_the_length_and_the_truncation(gan, keyframes):
    walk = interpolate(gan, keyframes.select([0, 1]), steps=4, space="z")
    lengths = np.linalg.norm(keyframes.z[:2], axis=1)
    np.testing.assert_allclose(np.linalg.norm(walk.z, axis=1), np.linspace(*lengths, 5), rtol=1e-5)
    again = interpolate(gan, walk.select([0, -1]), steps=4, space="z")
    np.testing.assert_allclose(again.latents, walk.latents, atol=1e-5)


def test_slerp_on_a_quarter_circle():
    a, b = np.array([[1.0, 0.0]]), np.array([[0.0, 2.0]])
    third = slerp(a, b, np.array([1 / 3]))
    np.testing.assert_allclose(third, [[np.cos(np.pi / 6) * 4 / 3, np.sin(np.pi / 6) * 4 / 3]], atol=1e-6)
    np.testing.assert_allclose(slerp(a, 3 * a, np.array([0.5])), [[2.0, 0.0]], atol=1e-6)


def test_a_loop_comes_back_without_repeating_its_start(gan, keyframes):
    walk = interpolate(gan, keyframes, steps=2, loop=True)
    assert len(walk) == 6
    np.testing.assert_allclose(walk.latents[5], (keyframes.latents[2] + keyframes.latents[0]) / 2, atol=1e-6)


def test_a_walk_of_pictures_with_own_noise_takes_that_of_the_first(gan):
    pictures = generate(gan, n=2)
    walk = interpolate(gan, pictures, steps=2)
    assert (walk.noise_seeds == pictures.noise_seeds[0]).all()
    assert any("noise of the first" in note for note in walk.notes)
    np.testing.assert_allclose(walk.images[0], pictures.images[0], atol=0.05)


def test_plain_latents_can_be_walked(vae):
    ends = np.stack([np.zeros(256), np.ones(256)])
    walk = interpolate(vae, ends, steps=2)
    np.testing.assert_allclose(walk.latents[1], 0.5)
    with pytest.raises(CellSimError, match="no z"):
        interpolate(vae, ends, space="z")
    with pytest.raises(CellSimError, match="no slots"):
        interpolate(vae, ends, space="w+")


@pytest.mark.parametrize(("layer", "parent"), [(0, "destination"), (8, "source")])
def test_mixing_at_the_ends_gives_the_parents(gan, keyframes, layer, parent):
    assert gan.network.slots == 8
    grid = mix(gan, keyframes.select([0, 1]), keyframes.select([1, 2, 0]), layer)
    assert (grid.kind, grid.grid) == ("grid", (4, 3))
    images = grid.images.reshape(4, 3, *grid.images.shape[1:])
    np.testing.assert_allclose(images[0, 1:], keyframes.images[[0, 1]], atol=0.05)
    np.testing.assert_allclose(images[1:, 0], keyframes.images[[1, 2, 0]], atol=0.05)
    parents = images[:1, 1:] if parent == "source" else images[1:, :1]
    np.testing.assert_allclose(images[1:, 1:], np.broadcast_to(parents, images[1:, 1:].shape), atol=0.05)


def test_mixing_takes_coarse_slots_from_the_source(gan, keyframes):
    cell = mix(gan, keyframes.select(0), keyframes.select(1), 3).latents[3]
    np.testing.assert_array_equal(cell[:3], np.tile(keyframes.latents[0], (3, 1)))
    np.testing.assert_array_equal(cell[3:], np.tile(keyframes.latents[1], (5, 1)))


def test_the_corner_of_a_grid_is_the_mean_picture(gan, keyframes):
    grid = mix(gan, keyframes.select(0), keyframes.select(1), 3)
    mean = generate(gan, n=1, truncation=0, noise="fixed")
    np.testing.assert_allclose(grid.images[0], mean.images[0], atol=0.05)


def test_directions_are_principal(gan):
    found = directions(gan, n=5, seed=2)
    np.testing.assert_allclose(found.components @ found.components.T, np.eye(5), atol=1e-5)
    assert (np.diff(found.deviations) <= 0).all()
    with torch.inference_mode():
        z = torch.randn(5000, 256, generator=torch.Generator().manual_seed(9))
        w = gan.networks["mapping"](z).numpy()
    along = (w - found.mean) @ found.components.T
    np.testing.assert_allclose(along.std(0), found.deviations, rtol=0.1)
    np.testing.assert_allclose(found.explained, found.deviations**2 / w.var(0).sum(), rtol=0.05)
    np.testing.assert_array_equal(directions(gan, n=5, seed=2).components, found.components)
    assert (found.components[np.arange(5), np.abs(found.components).argmax(1)] > 0).all()


def test_editing_moves_along_directions(gan, keyframes):
    found = directions(gan, n=3)
    still = edit(gan, keyframes, found, [0, 0, 0])
    np.testing.assert_allclose(still.images, keyframes.images, atol=0.05)
    moved = edit(gan, keyframes, found, [0, 2.0, 0])
    way = moved.latents - keyframes.latents
    np.testing.assert_allclose(
        way, np.tile(2 * found.deviations[1] * found.components[1], (3, 1, 1)), atol=1e-5
    )
    each = edit(gan, keyframes, found, np.diag([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(each.latents[1], moved.latents[1])
    assert each.kind == "edit"


def test_an_editor_shows_what_edit_makes(gan, keyframes):
    editor = Editor(gan, keyframes, 1, n=4)
    weights = [1.0, -1.0, 0.5, 0.0]
    made = edit(gan, keyframes.select(1), editor.directions, weights)
    np.testing.assert_allclose(editor.image(weights), made.images[0], atol=0.05)
    np.testing.assert_allclose(editor.generated(weights).latents, made.latents)
    np.testing.assert_allclose(render(gan, editor.generated(weights))[0], editor.image(weights), atol=0.05)
    editor.select(keyframes, 2)
    np.testing.assert_allclose(editor.image(np.zeros(4)), keyframes.images[2], atol=0.05)


def test_finding_directions_can_be_cancelled(gan):
    token = JobToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        directions(gan, token=token)


def test_what_an_autoencoder_cannot_do(vae):
    pictures = generate(vae, n=2)
    with pytest.raises(CellSimError, match="no styles"):
        mix(vae, pictures, pictures, 1)
    with pytest.raises(CellSimError, match="no principal"):
        directions(vae)
