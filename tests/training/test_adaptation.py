"""Adapting a model to a movie: what it learns from, what it must not see, and what it says."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from drift import FRAMES, drifting
from scipy.ndimage import gaussian_filter

import napari_cellsim as cs
from napari_cellsim.base import CellSimError, JobCancelled, JobToken, Progress, run
from napari_cellsim.data import TimeLapse
from napari_cellsim.models import Model, ModelCard, Shrinkage, load_model
from napari_cellsim.training import adaptation, adaptation_course
from napari_cellsim.training.adaptation import adapt, adapt_job, read_past
from napari_cellsim.training.adaptation_check import HeldOut

SDC = {"widths": [8, 12], "decoder_widths": [8], "trunk_stride": 2, "time_mixing": "channels"}
PWC = {"channels": [8, 12, 16], "decoder_channels": [16], "context_channels": [16], "context_dilations": [1]}
UNET = {"widths": [8, 16], "trunk_stride": 2}
AT = 11


def movie(frames=None, **changes):
    images = drifting() if frames is None else frames
    return TimeLapse(
        images[:, None, None], name="drift [1]", **({"pixel_size": 0.1, "interval": 5.0} | changes)
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small untrained model, which forecasts the last frame, in a file with its partners beside it."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    partners = {}
    for role, kind, overrides in (("flow", "pwcnet", PWC), ("segmentation", "unet", UNET)):
        partner = Model.create(f"tiny-{kind}", kind, **overrides)
        partners[role] = {"name": partner.name, "hash": partner.save(folder / f"{kind}.safetensors")}
    card = ModelCard(
        description="Tiny.", trained_on="nothing", pixel_size=0.1, interval=10, partners=partners
    )
    Model.create("tiny", "sdcnet", card=card, **SDC).save(folder / "tiny.safetensors")
    return load_model(folder / "tiny.safetensors")


@pytest.fixture(scope="module")
def alone():
    """A small untrained model without partners, which is faster."""
    torch.manual_seed(0)
    return Model.create("alone", "sdcnet", card=ModelCard(pixel_size=0.1), **SDC)


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """An untrained network of two levels has further to go than a trained one."""
    monkeypatch.setattr(adaptation_course, "LEARNING_RATE", 5e-3)


def adapted(model, images=None, steps=4, **options):
    return adapt(movie(images), model, **({"at": AT, "steps": steps, "device": "cpu"} | options))


@pytest.fixture(scope="module")
def result(model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation_course, "LEARNING_RATE", 5e-3)
        return adapted(model)


@pytest.fixture(scope="module")
def reference(alone):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adaptation_course, "LEARNING_RATE", 5e-3)
        found = adapted(alone)
    assert found.helped
    return found


def test_a_copying_model_learns_to_do_better(model, result):
    before = model.hash
    assert result.helped
    assert result.after < 0.99 * result.before
    assert f"{result.before:.2f}" in result.message
    assert f"{result.after:.2f}" in result.message
    assert "frames 8 to 11" in result.message
    assert result.model.hash != before
    assert model.hash == before  # the given one is left as it was
    assert not result.model.network._forward_pre_hooks
    assert not result.model.network.training

    # also on frames that nobody has seen
    errors = []
    for chosen in (model, result.model):
        forecast = cs.predict(movie(), chosen, steps=4, at=AT, device="cpu")
        errors.append(np.mean((forecast.frames[0, :, 0] - drifting()[AT + 1 :]) ** 2))
    assert errors[1] < errors[0]


@pytest.mark.parametrize("later", ["noise", "nan", "absent"])
def test_later_frames_change_nothing(alone, reference, later):
    images = drifting()
    if later == "absent":
        images = images[: AT + 1]
    else:
        images[AT + 1 :] = (
            np.nan if later == "nan" else np.random.default_rng(1).random(images[AT + 1 :].shape)
        )
    other = adapted(alone, images, at=None if later == "absent" else AT)
    assert other.model.hash == reference.model.hash
    assert (other.before, other.after, other.message) == (
        reference.before,
        reference.after,
        reference.message,
    )


def test_earlier_frames_and_the_seed_change_something(alone, reference):
    images = drifting()
    images[3] += 50
    assert adapted(alone, images).model.hash != reference.model.hash
    assert adapted(alone, seed=1).model.hash != reference.model.hash


def test_the_card_says_where_it_comes_from(model, result, tmp_path):
    result.model.save(tmp_path / "m.safetensors")
    card = load_model(tmp_path / "m.safetensors").card
    assert card == result.model.card
    assert card.partners == model.card.partners
    assert (card.pixel_size, card.interval) == (0.1, 5.0)
    assert card.trained_on == "nothing; then frames 0 to 11 of drift [1]"
    told = card.training["adaptation"]
    assert told["of"] == {"name": "tiny", "hash": model.hash}
    assert told["movie"]["frames"] == [0, AT]
    assert told["held_out"] == [8, AT]
    assert 1 <= told["steps"] <= told["tried_steps"] == 4
    assert (told["before"], told["after"]) == (result.before, result.after)
    assert told["settings"]["data"]["seed"] == told["seed"] == 0
    assert "cellsim-adapt" not in card.model_dump_json()  # no path of a folder that is gone
    assert result.model.name == "tiny adapted to drift _1_"


def test_it_is_measured_as_it_forecasts(model, result):
    past = read_past(movie(), result.model, AT, 0, 0, None)
    held_out = HeldOut(past.images, len(past.images) - past.held_out, past.history, JobToken())
    flow, classes = (cs.models.resolve_partner(model, role).network for role in ("flow", "segmentation"))

    def forecast(history, steps):
        sources = flow, lambda frame: torch.softmax(classes(frame), 1)
        return cs.nets.roll_out(result.model.network, history, steps, *sources).frames

    again = adapted(result.model, steps=1)
    assert again.before == pytest.approx(held_out(forecast).error, rel=1e-5)


def test_a_model_that_cannot_be_improved_is_returned_itself(alone, monkeypatch):
    monkeypatch.setattr(adaptation_course, "LEARNING_RATE", 0.0)
    found = adapted(alone, steps=2)
    assert not found.helped
    assert found.model is alone
    assert found.after == pytest.approx(found.before)
    assert "stays as it is" in found.message


def test_what_a_model_knows_of_its_errors_and_its_other_networks_are_kept():
    torch.manual_seed(0)
    small = {"widths": [8, 12], "decoder_widths": [8]}
    model = Model.create("new", "sdcnet", "default", card=ModelCard(pixel_size=0.1), scale=True, **small)
    model.networks["sampler"] = Model.create("sampler", "sdcnet", "default", noise=2, **small).network
    found = adapted(model, steps=3)
    assert found.helped
    assert found.model.networks["sampler"] is model.networks["sampler"]
    before, after = model.network.state_dict(), found.model.network.state_dict()
    changed = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "residual_decoder" in changed
    assert "scale_decoder" not in changed
    assert found.model.card.training["adaptation"]["settings"]["roll_out"] == [[0.0, 7]]


def test_progress_runs_from_nothing_to_all_with_the_time_left(alone):
    events = list(adapt_job(movie(), alone, at=AT, steps=4, device="cpu"))
    assert all(isinstance(event, Progress) for event in events)
    done = [event.done for event in events]
    assert done == sorted(done)
    assert (done[0], done[-1], events[0].total) == (0, 100, 100)
    assert events[-2].seconds_left > 0
    assert any("held-out error" in event.message for event in events)


def test_minutes_end_it_too_but_never_before_the_first_step(alone):
    found = adapted(alone, steps=0, minutes=1e-6)
    assert np.isfinite([found.before, found.after]).all()
    if found.helped:
        assert found.model.card.training["adaptation"]["steps"] == 1


@pytest.mark.parametrize("how", ["cancel", "close"])
@pytest.mark.parametrize("after", [1, 4, 7])
def test_a_cancelled_job_leaves_nothing_behind(alone, tmp_path, monkeypatch, how, after):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    token = JobToken()
    job = adapt_job(movie(), alone, at=AT, steps=4, device="cpu", token=token)
    for _ in range(after):
        next(job)
    assert len(list(tmp_path.iterdir())) == 1
    if how == "close":
        job.close()
    else:
        token.cancel()
        with pytest.raises(JobCancelled):
            run(job)
    assert list(tmp_path.iterdir()) == []


def test_a_step_stops_before_its_next_prediction(alone, monkeypatch):
    token, ended = JobToken(), []
    draw, step = adaptation_course.SDCNetRecipe.batch, adaptation_course.Lesson.step

    def drawn(self, *arguments):
        token.cancel()
        return draw(self, *arguments)

    def done(self, *arguments):
        step(self, *arguments)
        ended.append(arguments)

    monkeypatch.setattr(adaptation_course.SDCNetRecipe, "batch", drawn)
    monkeypatch.setattr(adaptation_course.Lesson, "step", done)
    with pytest.raises(JobCancelled):
        adapted(alone, token=token)
    assert ended == []


def test_five_frames_are_enough_and_four_are_not(alone):
    found = adapted(alone, at=4, steps=2)
    assert "on frame 4" in found.message.lower()
    with pytest.raises(CellSimError, match="has 4 frames up to frame 3, too few to adapt to: at least 5"):
        adapted(alone, at=3)
    with pytest.raises(CellSimError, match="has 1 frame up to frame 0"):
        adapted(alone, at=0)


@pytest.mark.parametrize(
    ("count", "held_out"), [(5, 1), (6, 2), (8, 2), (10, 3), (18, 6), (24, 6), (40, 10), (100, 25)]
)
def test_how_many_frames_are_held_out(alone, count, held_out):
    past = read_past(movie(drifting(count, side=20)), alone, None, 0, 0, None)
    assert past.held_out == held_out


def test_only_the_last_hundred_frames_of_a_long_movie_are_read(alone):
    past = read_past(movie(drifting(120, side=20)), alone, 110, 0, 0, None)
    assert (past.frames[0], past.frames[-1], len(past.images)) == (11, 110, 100)


def test_of_large_fields_fewer_frames_are_read_as_many_as_fit_on_the_models_grid(alone, monkeypatch):
    monkeypatch.setattr(adaptation, "_MOST_VALUES", 20 * 40 * 40)
    images = drifting(30, side=40)
    for pixel_size, frames, side in ((0.1, 20, 40), (0.05, 20, 20), (0.15, 8, 60)):
        past = read_past(movie(images, pixel_size=pixel_size), alone, None, 0, 0, None)
        assert past.images.shape == (frames, side, side)
        assert past.frames == list(range(30 - frames, 30))


def test_frames_are_brought_to_the_models_pixel_size(alone):
    assert read_past(movie(pixel_size=0.2), alone, AT, 0, 0, None).images.shape == (12, 96, 96)
    assert read_past(movie(pixel_size=None), alone, AT, 0, 0, 0.05).images.shape == (12, 24, 24)
    past = read_past(movie(pixel_size=None), alone, AT, 0, 0, None)
    np.testing.assert_array_equal(past.images, drifting()[: AT + 1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"at": FRAMES}, "frames 0 to 15"),
        ({"at": -1}, "frames 0 to 15"),
        ({"steps": 0, "minutes": 0}, "greater than 0"),
        ({"steps": -1}, "greater than 0"),
        ({"channel": 1}, "has no channel 1"),
        ({"plane": 2}, "has no plane 2"),
        ({"pixel_size": 0.02}, "at least 16 x 16"),
        ({"device": "abacus"}, "no device 'abacus'"),
    ],
)
def test_mistakes_are_explained(alone, options, words):
    with pytest.raises(CellSimError, match=words):
        adapted(alone, **options)


def test_wrong_model_and_wrong_movies_are_explained(alone):
    with pytest.raises(CellSimError, match="is a unet, which cannot forecast"):
        adapted(Model.create("classes", "unet", **UNET))
    images = drifting()
    images[5, 3, 3] = np.nan
    with pytest.raises(CellSimError, match="frame 5"):
        adapted(alone, images)
    with pytest.raises(CellSimError, match="Nothing changes"):
        adapted(alone, np.repeat(drifting()[:1], FRAMES, axis=0))


def test_full_memory_is_one_sentence(alone, monkeypatch, tmp_path):
    def full(self, number, share):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(adaptation_course.Lesson, "step", full)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(CellSimError, match="memory of cpu does not hold the adaptation of 'alone'"):
        adapted(alone)
    assert list(tmp_path.iterdir()) == []


def test_a_mean_forecast_is_drawn_towards_the_blurred_last_frame(alone):
    images = drifting()
    plain = cs.predict(images, alone, 3, flow="classical", segmentation="none")
    card = alone.card.model_copy(
        update={
            "shrinkage": [
                Shrinkage(horizon=1, weight=1, blur=1),
                Shrinkage(horizon=2, weight=0.25, blur=1.5),
            ]
        }
    )
    model = replace(alone, card=card)
    found = cs.predict(images, model, 3, flow="classical", segmentation="none")
    assert np.array_equal(found.frames[:, 0], plain.frames[:, 0])
    blurred = gaussian_filter(images[-1], 1.5, mode="nearest")
    for step in (1, 2):  # later horizons take the last entry
        expected = 0.25 * plain.frames[0, step, 0] + 0.75 * blurred
        assert np.allclose(found.frames[0, step, 0], expected, atol=1e-3 * np.ptp(images))


def test_nothing_is_learned_from_the_frames_that_choose(alone, monkeypatch):
    seen = []
    original = adaptation_course.Lesson.step

    def step(self, number, share):
        seen.append((self.recipe.config.data.last_frame, self.recipe.batch(number, share).images.shape[1]))
        original(self, number, share)

    monkeypatch.setattr(adaptation_course.Lesson, "step", step)
    adapted(alone, steps=2)
    assert seen[:2] == [(7, 8), (7, 8)]
    assert all(last is None for last, _ in seen[2:])


def test_the_module_itself_needs_no_torch():
    import subprocess
    import sys

    code = "import sys; import napari_cellsim.training.adaptation; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert cs.adapt is adaptation.adapt
