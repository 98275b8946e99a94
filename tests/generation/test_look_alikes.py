"""Guided generation: the encoder's answer, and refinement by projection."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

import napari_cellsim as cs
from napari_cellsim.base import CellSimError, JobCancelled, JobToken, Progress
from napari_cellsim.generation import (
    RefinementReady,
    encode,
    encode_job,
    generate,
    mean_latent,
    project,
    project_job,
    render,
)
from napari_cellsim.generation.generated import NO_NOISE
from napari_cellsim.generation.likeness import psnr, ssim
from napari_cellsim.generation.projection import GuideLoss, layout_side, project_steps, rate
from napari_cellsim.generation.renderer import Renderer
from napari_cellsim.generation.starts import Samples
from napari_cellsim.models import Model


def without(model: Model, *roles: str) -> Model:
    return Model("bare", model.kind, {r: n for r, n in model.networks.items() if r not in roles}, model.card)


def finish(job):
    events = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as stop:
            return events, stop.value


@pytest.fixture(scope="module")
def own_picture(gan):
    """A picture that the generator can make: nearly one of its own."""
    made = generate(gan, n=1, seed=5, truncation=1.0, noise="none")
    return made.as_timelapse(0)


@pytest.mark.parametrize(("space", "plus"), [("w", False), ("w+", True)])
def test_encoding_is_the_encoders_answer(gan, movie, space, plus):
    found = encode(gan, movie, at=[0, 2], space=space)
    guide = (found.guides - found.guides.mean((2, 3, 4), keepdims=True)) / found.guides.std(
        (2, 3, 4), keepdims=True
    )
    with torch.inference_mode():
        expected = gan.networks["encoder"](torch.from_numpy(guide[:, 0]), plus=plus)
    np.testing.assert_allclose(found.latents, expected, atol=1e-4)
    assert found.kind == "guided"
    assert [r["frame"] for r in found.records] == [0, 2]
    assert found.provenance["config"]["space"] == space


def test_a_look_alike_has_the_intensities_of_its_guide(gan, movie):
    found = encode(gan, movie, at=0)
    np.testing.assert_allclose(found.intensity[0, 0], [found.guides.mean(), found.guides.std()], rtol=1e-4)
    np.testing.assert_allclose(render(gan, found), found.images, rtol=1e-5)


def test_records_say_how_alike(gan, movie):
    found = encode(gan, movie, at=1)
    record, image, guide = found.records[0], found.images[0, 0, 0], found.guides[0, 0, 0]
    error = np.square(image.astype(float) - guide).mean()
    assert record["psnr"] == pytest.approx(10 * np.log10(np.ptp(guide) ** 2 / error), rel=1e-5)
    assert (record["psnr"], record["ssim"]) == (record["psnr_before"], record["ssim_before"])
    assert record["start"] == "encoder"


def test_likeness_of_equal_and_known_pictures():
    rng = np.random.default_rng(0)
    guide = rng.random((2, 1, 32, 32)).astype(np.float32) * 500
    assert psnr(guide, guide) == np.inf
    assert ssim(guide, guide) == pytest.approx(1)
    other = guide + rng.normal(0, 30, guide.shape).astype(np.float32)
    # inside its border scikit-image's own mean is the same, up to the border it crops
    settings = {"gaussian_weights": True, "use_sample_covariance": False, "win_size": 11}
    each = [
        structural_similarity(g[0], o[0], data_range=np.ptp(g[0]), **settings)
        for g, o in zip(guide, other, strict=True)
    ]
    assert ssim(other, guide) == pytest.approx(np.mean(each), rel=1e-5)


def test_a_picture_of_its_own_is_projected_back(gan, own_picture):
    events, found = finish(encode_job(gan, own_picture, space="w", refine_steps=60))
    record = found.records[0]
    assert record["loss"] < 0.3 * record["loss_before"]
    assert record["psnr"] > record["psnr_before"] + 5
    assert record["ssim"] > record["ssim_before"]
    assert found.latents.shape == (1, 1, 256)
    looks = [event for event in events if isinstance(event, RefinementReady)]
    assert (looks[0].step, looks[0].index) == (0, 0)
    assert looks[-1].psnr == pytest.approx(record["psnr"])
    np.testing.assert_array_equal(looks[-1].image, found.images[0])
    progress = [event for event in events if isinstance(event, Progress)]
    assert (progress[-1].done, progress[-1].total) == (60, 60)
    np.testing.assert_allclose(render(gan, found), found.images, rtol=1e-4)


def test_refining_is_reproducible_and_moves_every_slot(gan, movie):
    first, again = (encode(gan, movie, at=[0, 1], refine_steps=12, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.latents, again.latents)
    assert first.latents.shape == (2, 8, 256)
    assert (np.ptp(first.latents, axis=1).max(-1) > 1e-3).all()
    assert first.provenance["loss"] == [
        "mean squared error",
        "gradients on 4 scales",
        "discriminator features",
    ]
    # a guide is refined alike with and without others before it
    other = encode(gan, movie, at=0, refine_steps=12, seed=3)
    np.testing.assert_allclose(other.latents[0], first.latents[0], atol=1e-4)


def test_a_result_is_refined_further_also_from_a_file(gan, movie, tmp_path):
    start = encode(gan, movie, at=0)
    opened = cs.open_result(start.save(tmp_path / "start.ome.tif"))
    once, again = project(gan, start, steps=20), project(gan, opened, steps=20)
    np.testing.assert_array_equal(once.images, again.images)
    assert once.records[0]["psnr_before"] == pytest.approx(start.records[0]["psnr"])
    twice = project(gan, once, steps=10)
    assert twice.records[0]["loss"] <= once.records[0]["loss"]
    assert twice.records[0]["steps"] == 30
    np.testing.assert_array_equal(twice.guides, start.guides)


def test_the_users_networks_stay_as_they_are(gan, movie):
    before = gan.hash
    encode(gan, movie, at=0, refine_steps=3)
    assert gan.hash == before
    assert all(weight.grad is None for net in gan.networks.values() for weight in net.parameters())


def test_without_an_encoder_projection_starts_at_the_mean_picture(gan, movie):
    bare = without(gan, "encoder", "discriminator")
    with pytest.raises(CellSimError, match="no guidance encoder"):
        encode(bare, movie, at=0)
    found = encode(bare, movie, at=0, space="w", refine_steps=1)
    assert found.records[0]["start"] == "mean"
    assert any("starts at its mean picture" in note for note in found.notes)
    assert found.provenance["loss"] == ["mean squared error", "gradients on 4 scales"]
    assert found.records[0]["psnr_before"] == pytest.approx(
        psnr(
            found.intensity[0, 0, 0]
            + found.intensity[0, 0, 1] * (render(gan, mean_latent(gan)[None])[0] - 1000) / 50,
            found.guides[0],
        ),
        rel=1e-4,
    )


def test_an_encoder_without_w_plus_gives_every_slot_the_same(make_model, movie):
    found = encode(make_model(), movie, at=0, space="w+")
    assert found.latents.shape == (1, 8, 256)
    assert not np.ptp(found.latents, axis=1).any()
    assert any("answers in W only" in note for note in found.notes)


def test_sequences_have_look_alikes(sequence_gan, pictures):
    found = encode(sequence_gan, pictures(frames=4, channels=2, interval=10.0), refine_steps=2)
    assert found.images.shape == (2, 3, 2, 32, 32)
    assert found.interval == 10.0


def test_an_autoencoder_has_look_alikes(vae, movie):
    found = encode(vae, movie, at=0, refine_steps=20)
    assert found.latents.shape == (1, 1, 256)
    assert found.records[0]["loss"] < found.records[0]["loss_before"]
    with pytest.raises(CellSimError, match="no slots"):
        encode(vae, movie, space="w+")


def test_refining_can_be_cancelled(gan, movie):
    token = JobToken()
    job = encode_job(gan, movie, at=0, refine_steps=50, token=token)
    while not isinstance(next(job), RefinementReady):
        pass
    token.cancel()
    with pytest.raises(JobCancelled):
        list(job)


def test_the_learning_rate_ramps_up_and_down():
    assert rate(0) == 0
    assert rate(0.025) == pytest.approx(0.05)
    assert rate(0.5) == pytest.approx(0.1)
    assert rate(0.875) == pytest.approx(0.05)
    assert rate(1) == 0


@torch.no_grad()
def test_the_loss_is_zero_for_the_guide_alone(gan):
    guide = torch.randn(1, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    loss = GuideLoss(guide, gan.networks["discriminator"])
    assert float(loss(guide)) == pytest.approx(0, abs=1e-6)
    assert float(loss(guide + 1)) > 1  # a change of level is seen by the squared error
    bare = GuideLoss(guide)
    assert float(bare(guide + 1)) == pytest.approx(1, abs=1e-4)  # and by no gradient


def test_the_layout_is_what_is_left_of_a_reduced_picture():
    guide = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    loss = GuideLoss(guide)
    checks = torch.ones(64, 64)
    checks[::2, ::2] = checks[1::2, 1::2] = -1
    for side in (8, 16):
        assert float(loss.layout(guide + checks, side)) == pytest.approx(0, abs=1e-9)  # finer than a block
        assert float(loss.layout(guide + 0.5, side)) == pytest.approx(4 * 0.25, rel=1e-4)
    halves = torch.cat([torch.ones(64, 8), -torch.ones(64, 56)], 1)
    assert float(loss.layout(guide + halves, 8)) == pytest.approx(4, rel=1e-4)
    assert float(GuideLoss(guide[..., :8, :8]).layout(guide[..., :8, :8] + checks[:8, :8], 16)) == 4


def test_the_layout_comes_first_coarse_to_fine():
    assert [layout_side(progress) for progress in (0, 0.09, 0.1, 0.19, 0.2, 1)] == [8, 8, 16, 16, None, None]


def test_several_starts_are_followed_and_the_best_goes_on(gan):
    """Far from the guide one start is lost; a sample that is the guide itself must win, and is found among others."""
    renderer = Renderer(gan, "cpu", None)
    samples = Samples(renderer, 8, seed=4)
    latents = renderer.sample(8, 4)[:, None]
    silent = np.full(8, NO_NOISE)
    guide = renderer.pictures(latents[5:6], silent[5:6])[0]
    found = samples.nearest(guide, 3)
    assert found.shape == (3, 1, 256)
    np.testing.assert_array_equal(found[0], latents[5])
    starts = np.concatenate([latents[0:1], latents[5:6]])
    looks = list(project_steps(renderer, guide, starts, NO_NOISE, 60, 0))
    assert [look.step for look in looks] == list(range(61 + 18))
    assert looks[0].start == 0
    assert looks[-1].start == 1
    assert (np.diff([look.loss for look in looks]) <= 0).all()
    np.testing.assert_array_equal(looks[0].latent, latents[0])
    alone = list(project_steps(renderer, guide, latents[:1], NO_NOISE, 60, 0))[-1]
    assert looks[-1].loss < alone.loss


@pytest.mark.parametrize(("steps", "searched"), [(99, False), (100, True)])
def test_with_many_steps_samples_are_starts_too(gan, movie, steps, searched):
    events, first = finish(encode_job(gan, movie, at=0, refine_steps=steps))
    progress = [event for event in events if isinstance(event, Progress)][-1]
    assert progress.done == progress.total == steps + (3 * int(0.3 * steps) if searched else 0)
    assert first.latents.shape == (1, 8, 256)
    assert first.records[0]["steps"] == steps
    assert first.records[0]["loss"] <= first.records[0]["loss_before"]
    events, again = finish(project_job(gan, first, steps=100))
    progress = [event for event in events if isinstance(event, Progress)][-1]
    assert progress.done == progress.total == 100  # what was refined before goes on alone
    assert again.records[0]["steps"] == steps + 100


def test_a_plain_array_is_a_guide(gan):
    picture = np.random.default_rng(0).random((32, 32))
    assert isinstance(cs.encode(gan, picture, refine_steps=0), cs.Generated)
