"""Free generation: determinism, truncation, noise, batches, progress and cancelling."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_cellsim as cs
from napari_cellsim.base import JobCancelled, JobToken, Progress
from napari_cellsim.generation import PicturesReady, generate, generate_job, mean_latent, render
from napari_cellsim.generation.renderer import Renderer


def finish(job):
    events = []
    while True:
        try:
            events.append(next(job))
        except StopIteration as stop:
            return events, stop.value


def test_a_seed_says_it_all(gan):
    first, again, other = (generate(gan, n=3, seed=seed) for seed in (4, 4, 5))
    for key in ("images", "latents", "noise_seeds", "z"):
        np.testing.assert_array_equal(getattr(first, key), getattr(again, key))
        assert not np.isin(getattr(first, key), getattr(other, key)).all()
    assert first.provenance["model"] == {"name": "small", "hash": gan.hash, "kind": "cellgan"}
    assert first.provenance["config"] == {"n": 3, "seed": 4, "truncation": 0.7, "noise": "random"}


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_a_picture_depends_neither_on_its_batch_nor_on_how_many_there_are(gan, batch):
    whole = generate(gan, n=5, seed=1, batch=5)
    part = generate(gan, n=4, seed=1, batch=batch)
    np.testing.assert_array_equal(part.z, whole.z[:4])
    np.testing.assert_array_equal(part.noise_seeds, whole.noise_seeds[:4])
    np.testing.assert_allclose(part.latents, whole.latents[:4], atol=1e-5)
    np.testing.assert_allclose(part.images, whole.images[:4], atol=0.02)  # of a deviation of 50


def test_global_random_numbers_are_left_alone(gan):
    torch.manual_seed(0)
    generate(gan, n=1)
    after = torch.rand(1)
    torch.manual_seed(0)
    assert torch.rand(1) == after


def test_truncation_0_is_the_mean_picture(gan):
    pictures = generate(gan, n=3, truncation=0, noise="none")
    mean = mean_latent(gan)
    np.testing.assert_allclose(pictures.latents, np.tile(mean, (3, 1, 1)), rtol=1e-6)
    np.testing.assert_allclose(pictures.images, np.tile(render(gan, mean[None]), (3, 1, 1, 1, 1)), atol=0.02)


def test_truncation_draws_the_latents_towards_their_mean(gan):
    full, half = (generate(gan, n=3, truncation=t).latents[:, 0] for t in (1.0, 0.5))
    np.testing.assert_allclose(half, (full + mean_latent(gan)) / 2, atol=1e-6)
    z = torch.from_numpy(generate(gan, n=3).z)
    with torch.inference_mode():
        np.testing.assert_allclose(full, gan.networks["mapping"](z), atol=1e-5)


def test_the_mean_latent_is_the_mean(gan):
    w = Renderer(gan, "cpu").sample(500, seed=3)
    np.testing.assert_allclose(mean_latent(gan, n=500, seed=3), w.mean(0), atol=1e-5)


def test_noise(gan):
    random, fixed, none = (
        generate(gan, n=2, truncation=0, noise=noise) for noise in ("random", "fixed", "none")
    )
    assert len(set(random.noise_seeds)) == 2
    assert not np.allclose(random.images[0], random.images[1], atol=1)
    np.testing.assert_allclose(fixed.images[0], fixed.images[1], atol=0.02)
    assert not np.allclose(fixed.images[0], none.images[0], atol=1)
    assert (none.noise_seeds == -1).all()
    np.testing.assert_array_equal(fixed.noise_seeds, generate(gan, n=2, seed=9, noise="fixed").noise_seeds)


def test_pictures_have_the_intensities_of_the_card(gan, sequence_gan, make_model):
    with torch.inference_mode():
        bare = Renderer(gan, "cpu").pictures(*(lambda g: (g.latents, g.noise_seeds))(generate(gan, n=2)))
    np.testing.assert_allclose(generate(gan, n=2).images, 1000 + 50 * bare, atol=0.02)
    sequences = generate(sequence_gan, n=2)
    assert sequences.images.shape == (2, 3, 2, 32, 32)
    assert (sequences.pixel_size, sequences.interval) == (0.5, 10.0)
    np.testing.assert_array_equal(sequences.intensity[0], [[1000, 50], [200, 10]])
    assert np.abs(sequences.images[:, :, 1] - 200).max() < np.abs(sequences.images[:, :, 0] - 1000).max()
    plain = generate(make_model(), n=1)
    np.testing.assert_array_equal(plain.intensity, [[[0, 1]]])
    assert "states no intensities" in plain.notes[0]


def test_frames_of_a_sequence_come_before_channels(sequence_gan):
    # MODELS.md and the networks: (B, T·C, H, W), frames-major
    renderer = Renderer(sequence_gan, "cpu")
    latents = generate(sequence_gan, n=1).latents
    with torch.inference_mode():
        raw = renderer.draw(torch.from_numpy(latents), renderer.noise(np.array([-1])))
    shown = renderer.pictures(latents, np.array([-1]))
    np.testing.assert_array_equal(shown[0, 2, 1], raw[0, 5])
    np.testing.assert_array_equal(shown[0, 1, 0], raw[0, 2])


def test_pictures_are_drawn_again_from_what_is_kept(gan, sequence_gan, tmp_path):
    for model in (gan, sequence_gan):
        made = generate(model, n=3, seed=2)
        again = cs.open_result(made.save(tmp_path / "made.ome.tif"))
        np.testing.assert_allclose(render(model, again), made.images, atol=0.02)
        np.testing.assert_allclose(render(model, again.select(2)), made.images[2:], atol=0.02)


def test_latents_of_another_model_are_said_to_be_so(gan, make_model):
    from napari_cellsim.generation import interpolate

    walk = interpolate(make_model(seed=8), generate(gan, n=2), steps=1)
    assert any("come from model 'small'" in note for note in walk.notes)


def test_events_bring_every_picture_once_and_count_up(gan):
    events, made = finish(generate_job(gan, 5, batch=2))
    ready = [event for event in events if isinstance(event, PicturesReady)]
    assert [event.first for event in ready] == [0, 2, 4]
    np.testing.assert_array_equal(np.concatenate([event.images for event in ready]), made.images)
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.done, event.total) for event in progress] == [(0, 5), (2, 5), (4, 5), (5, 5)]
    assert progress[0].seconds_left is None
    assert progress[-1].seconds_left == 0


def test_cancelling_stops_before_the_next_batch(gan):
    token = JobToken()
    job = generate_job(gan, 4, batch=1, token=token)
    while not isinstance(next(job), PicturesReady):
        pass
    token.cancel()
    with pytest.raises(JobCancelled):
        finish(job)


def test_out_of_memory_halves_the_batch(make_model):
    model = make_model()
    seen = []

    def small_memory(module, inputs):
        seen.append(len(inputs[0]))
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    plain = generate(model, n=5)
    handle = model.network.register_forward_pre_hook(small_memory)
    tight = generate(model, n=5, batch=5)
    handle.remove()
    assert seen == [5, 2, 2, 1]
    np.testing.assert_allclose(tight.images, plain.images, atol=1e-3)


def test_an_autoencoder_generates_from_the_normal_distribution(vae):
    made = generate(vae, n=2, seed=1, truncation=0.5)
    np.testing.assert_allclose(made.latents[:, 0], made.z / 2)
    assert (made.noise_seeds == -1).all()
    with torch.inference_mode():
        expected = vae.network.decode(torch.from_numpy(made.latents[:, 0]))
    np.testing.assert_allclose(made.images[:, 0], expected, atol=1e-4)
    assert not mean_latent(vae).any()


def test_it_is_a_verb_of_the_package(gan):
    assert isinstance(cs.generate(gan, n=1, seed=0, truncation=0.7), cs.Generated)
