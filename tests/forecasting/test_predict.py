"""A forecast as a user asks for it: what it may see, what it gives back, what it refuses."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from napari_cellsim.base import CellSimError, JobCancelled, JobToken, Progress
from napari_cellsim.data import TimeLapse, open_timelapse
from napari_cellsim.forecasting import FrameReady, estimate, forecast_job, predict
from napari_cellsim.forecasting import predict as predict_function
from napari_cellsim.forecasting.rolling import kernel_deviation
from napari_cellsim.models import Model, ModelCard


def make_model(pixel_size: float | None = None, interval: float | None = None, awake: bool = False) -> Model:
    """Return an untrained model: it copies the last frame, or (awake) does something arbitrary."""
    torch.manual_seed(3)
    model = Model.create(
        "test-model", "sdcnet", "lite", card=ModelCard(pixel_size=pixel_size, interval=interval)
    )
    net = model.network
    with torch.no_grad():
        for decoder in (net.flow_decoder, net.kernel_v_decoder, net.kernel_h_decoder):
            if awake:
                torch.nn.init.normal_(decoder.head.weight, std=0.05)
            else:
                decoder.head.weight.zero_()
    return model


def make_movie(frames: int = 6, size: tuple[int, int] = (48, 56), **calibration) -> TimeLapse:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(frames, *size))
    picture = gaussian_filter(noise, (1, 3, 3)) * 4000 + 3000
    return open_timelapse(picture.astype(np.uint16), axes="TYX", **calibration)


OWN = {"flow": "classical", "segmentation": "none"}


def test_an_untrained_model_copies_the_last_frame_in_the_movies_own_units() -> None:
    movie = make_movie()
    forecast = predict(movie, make_model(), steps=3, **OWN)
    last = movie.array([5])[0]
    assert forecast.frames.shape == (1, 3, 1, 48, 56)
    for step in range(3):
        np.testing.assert_allclose(forecast.frames[0, step, 0], last, rtol=1e-5, atol=0.05)
    assert not forecast.flow.any()
    assert not forecast.kernel_deviation.any()
    assert forecast.at == 5


@pytest.mark.parametrize("at", [0, 1, 2, 4])
def test_frames_after_the_start_change_nothing(at: int) -> None:
    movie = make_movie()
    frames = np.asarray(movie.frames).copy()
    frames[at + 1 :] = np.random.default_rng(0).integers(0, 65535, frames[at + 1 :].shape)
    altered = open_timelapse(frames, axes="TCZYX")
    model = make_model(awake=True)
    one, other = (predict(m, model, steps=2, at=at, **OWN) for m in (movie, altered))
    assert np.array_equal(one.frames, other.frames)
    assert np.array_equal(one.flow, other.flow)
    assert one.provenance["input"]["hash"] == other.provenance["input"]["hash"]


def test_altering_a_frame_it_may_see_changes_the_forecast() -> None:
    movie = make_movie()
    frames = np.asarray(movie.frames).copy()
    frames[1] += 500
    model = make_model(awake=True)
    one = predict(movie, model, steps=1, at=2, **OWN)
    other = predict(open_timelapse(frames, axes="TCZYX"), model, steps=1, at=2, **OWN)
    assert not np.array_equal(one.frames, other.frames)


def test_the_same_forecast_twice_is_bit_identical() -> None:
    movie, model = make_movie(), make_model(awake=True)
    one, other = (predict(movie, model, steps=2, **OWN) for _ in range(2))
    assert np.array_equal(one.frames, other.frames)


@pytest.mark.parametrize(("offset", "gain"), [(1000.0, 1.0), (0.0, 0.25), (-5000.0, 3.0)])
def test_intensity_units_do_not_matter(offset: float, gain: float) -> None:
    movie, model = make_movie(), make_model(awake=True)
    scaled = open_timelapse(movie.array(slice(None)) * gain + offset, axes="TYX")
    one = predict(movie, model, steps=2, **OWN).frames
    other = predict(scaled, model, steps=2, **OWN).frames
    np.testing.assert_allclose(other, one * gain + offset, atol=gain * 3, rtol=0)


def test_another_pixel_size_comes_back_on_the_movies_grid() -> None:
    movie = make_movie(pixel_size=0.263)
    forecast = predict(movie, make_model(pixel_size=0.108), steps=2, **OWN)
    assert forecast.frames.shape[-2:] == (48, 56)
    assert forecast.provenance["config"]["zoom"] == pytest.approx(0.263 / 0.108)
    last = movie.array([5])[0]
    error = np.abs(forecast.frames[0, -1, 0] - last)[4:-4, 4:-4].max()
    assert error < 0.02 * np.ptp(last)


def test_channel_and_plane_are_chosen() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 4000, (4, 2, 3, 40, 40)).astype(np.uint16)
    movie = open_timelapse(frames, axes="TCZYX")
    forecast = predict(movie, make_model(), steps=1, channel=1, plane=2, **OWN)
    np.testing.assert_allclose(forecast.frames[0, 0, 0], frames[3, 1, 2], atol=0.05, rtol=1e-5)
    assert (forecast.channel, forecast.plane, forecast.n_channels, forecast.n_planes) == (1, 2, 2, 3)


def test_regions_are_forecast_in_their_place() -> None:
    movie = make_movie(size=(160, 170))
    forecasts = predict(movie, make_model(), steps=1, regions=[(10, 60, 20, 80), (100, 160, 90, 170)], **OWN)
    last = movie.array([5])[0]
    assert [f.origin for f in forecasts] == [(10, 20), (100, 90)]
    np.testing.assert_allclose(forecasts[0].frames[0, 0, 0], last[10:60, 20:80], atol=0.05, rtol=1e-5)
    np.testing.assert_allclose(forecasts[1].frames[0, 0, 0], last[100:160, 90:170], atol=0.05, rtol=1e-5)


def test_networks_as_flow_and_segmentation() -> None:
    movie = make_movie(size=(64, 64))
    flow, masks = Model.create("f", "pwcnet", "lite"), Model.create("s", "unet", "lite")
    forecast = predict(movie, make_model(), steps=2, flow=flow, segmentation=masks, keep_kernels=True)
    assert forecast.segmentation.shape == (2, 64, 64)
    assert forecast.segmentation.max() <= 3
    assert forecast.kernels_v.shape == forecast.kernels_h.shape == (2, 7, 64, 64)
    assert forecast.provenance["flow"]["hash"] == flow.hash
    assert forecast.provenance["segmentation"]["hash"] == masks.hash


@pytest.mark.parametrize(("sees", "seen"), [("frames", (128, 128)), ("all", (64, 64))])
def test_cells_in_predicted_frames_are_sought_on_the_grid_of_the_network_that_finds_them(sees, seen) -> None:
    finder = Model.create("s", "unet", "lite", card=ModelCard(pixel_size=0.1))
    model = Model.create("m", "sdcnet", "lite", card=ModelCard(pixel_size=0.2), sees=sees)
    sizes = []
    finder.network.register_forward_pre_hook(lambda _, given: sizes.append(tuple(given[0].shape[-2:])))
    movie = make_movie(size=(64, 64), pixel_size=0.2)
    forecast = predict(movie, model, steps=2, flow="classical", segmentation=finder)
    assert forecast.segmentation.shape == (2, 64, 64)
    assert sizes
    assert set(sizes) == {seen}


def test_given_flow_and_labels() -> None:
    movie = make_movie()
    labels = np.zeros((48, 56), int)
    labels[20:30, 20:30] = 1
    flow = np.zeros((6, 2, 48, 56), np.float32)
    forecast = predict(movie, make_model(), steps=2, flow=flow, segmentation=labels)
    assert (forecast.segmentation[1] == 2 * labels).all()  # copied along by zero motion
    assert forecast.provenance["flow"] == {"source": "array"}


def test_events_come_in_order_and_frames_as_they_are_made() -> None:
    events = list(forecast_job(make_movie(), make_model(), steps=3, **OWN))
    progress = [e for e in events if isinstance(e, Progress)]
    frames = [e for e in events if isinstance(e, FrameReady)]
    assert [p.done for p in progress] == [0, 1, 2, 3]
    assert [f.step for f in frames] == [0, 1, 2]
    assert frames[0].frame.shape == (48, 56)
    assert progress[-1].seconds_left == 0


def test_cancelling_stops_at_once() -> None:
    token = JobToken()
    job = forecast_job(make_movie(), make_model(), steps=50, token=token, **OWN)
    for event in job:
        if isinstance(event, FrameReady) and event.step == 1:
            token.cancel()
            break
    with pytest.raises(JobCancelled):
        list(job)


def test_out_of_memory_is_retried_in_smaller_tiles() -> None:
    movie, model = make_movie(size=(300, 300)), make_model()
    sizes = []

    def refuse_large(_module, inputs) -> None:
        sizes.append(inputs[0].shape[-1])
        if inputs[0].shape[-1] > 256:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    model.network.register_forward_pre_hook(refuse_large)
    forecast = predict(movie, model, steps=2, **OWN)
    assert sizes[0] == 300
    assert max(sizes[1:]) <= 256
    assert forecast.provenance["config"]["tile"] == 256
    np.testing.assert_allclose(forecast.frames[0, 1, 0], movie.array([5])[0], atol=0.1, rtol=1e-4)


def test_hopeless_memory_is_explained() -> None:
    model = make_model()

    def refuse(_module, _inputs) -> None:
        raise torch.OutOfMemoryError("out of memory")

    model.network.register_forward_pre_hook(refuse)
    with pytest.raises(CellSimError, match="smaller region"):
        predict(make_movie(), model, steps=1, **OWN)


def test_other_runtime_errors_are_not_hidden() -> None:
    model = make_model()

    def fail(_module, _inputs) -> None:
        raise RuntimeError("a real defect")

    model.network.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="a real defect"):
        predict(make_movie(), model, steps=1, **OWN)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "at least 1"),
        ({"at": 6}, "frames 0 to 5"),
        ({"at": -1}, "frames 0 to 5"),
        ({"channel": 1}, "no channel 1"),
        ({"plane": 3}, "no plane 3"),
        ({"device": "tpu"}, "no device 'tpu'"),
        ({"pixel_size": 0.0}, "must be a positive number"),
        ({"flow": "guess"}, "'guess' is unknown"),
        ({"segmentation": "guess"}, "'guess' is unknown"),
        ({"regions": []}, "No region"),
        ({"regions": [(0, 4, 0, 4)]}, "larger one"),
        ({"regions": [(500, 600, 0, 40)]}, "larger one"),
    ],
)
def test_bad_requests_get_a_sentence(options: dict, words: str) -> None:
    with pytest.raises(CellSimError, match=words):
        predict(make_movie(), make_model(), **{**OWN, **options})


def test_frames_with_nan_are_refused() -> None:
    frames = make_movie().array(slice(None))
    frames[4, 3, 3] = np.nan
    movie = open_timelapse(frames, axes="TYX")
    with pytest.raises(CellSimError, match="NaN"):
        predict(movie, make_model(), **OWN)
    predict(movie, make_model(), steps=1, at=3, **OWN)  # the bad frame comes later


def test_a_model_that_cannot_forecast_is_refused() -> None:
    with pytest.raises(CellSimError, match="cannot forecast"):
        predict_function(make_movie(), Model.create("u", "unet", "lite"))


def test_an_unlike_calibration_is_said() -> None:
    model = make_model(pixel_size=0.108, interval=10.0)
    unknown = predict(make_movie(), model, steps=1, **OWN).provenance["warnings"]
    assert any("pixel size" in w and "unknown" in w for w in unknown)
    assert any("interval" in w and "unknown" in w for w in unknown)
    fast = predict(make_movie(pixel_size=0.108, interval=3.0), model, steps=1, **OWN).provenance["warnings"]
    assert len(fast) == 1
    assert "3 min" in fast[0]
    assert not predict(make_movie(pixel_size=0.108, interval=10.0), model, steps=1, **OWN).provenance[
        "warnings"
    ]


def test_one_frame_and_constant_frames_work() -> None:
    constant = open_timelapse(np.full((4, 32, 32), 7, np.uint8), axes="TYX")
    np.testing.assert_allclose(predict(constant, make_model(), steps=2, **OWN).frames, 7, atol=1e-4)
    single = open_timelapse(make_movie().array([0]), axes="TYX")
    assert predict(single, make_model(), steps=1, **OWN).frames.shape == (1, 1, 1, 48, 56)


def test_kernel_deviation_equals_its_definition() -> None:
    g = torch.Generator().manual_seed(0)
    v, h = (torch.randn(2, 5, 6, 7, generator=g) for _ in range(2))
    outer = v[:, :, None] * h[:, None]
    centre = torch.zeros(5, 5)
    centre[2, 2] = 1
    expected = (outer - centre[None, :, :, None, None]).abs().sum((1, 2))[:, None]
    torch.testing.assert_close(kernel_deviation(v, h), expected)


def test_the_estimate_grows_with_steps_and_area() -> None:
    model = make_model(pixel_size=0.108)
    flow, masks = Model.create("f", "pwcnet", "lite"), Model.create("s", "unet", "lite")
    small, large = make_movie(size=(64, 64)), make_movie(size=(128, 128))
    one = estimate(small, model, steps=1, flow=flow, segmentation=masks)
    assert one.seconds > 0
    assert estimate(small, model, steps=9, flow=flow, segmentation=masks).seconds > 3 * one.seconds
    assert estimate(large, model, steps=1, flow=flow, segmentation=masks).seconds > 1.5 * one.seconds
    assert estimate(large, model, steps=1, flow=flow, segmentation=masks).memory_bytes > one.memory_bytes


def small_model(**overrides) -> Model:
    """Return an untrained model that sees frames alone."""
    small = {"widths": [8, 12], "decoder_widths": [8]}
    return Model.create("small", "sdcnet", "default", card=ModelCard(pixel_size=0.1), **small | overrides)


def test_the_estimate_knows_how_often_the_network_looks() -> None:
    model, movie = small_model(block=3), make_movie(size=(128, 128), pixel_size=0.1)
    model.network.register_forward_pre_hook(lambda *_: time.sleep(0.2))
    for steps, looks in ((1, 1), (3, 1), (4, 2), (7, 3)):
        assert estimate(movie, model, steps, segmentation="none").seconds >= 0.2 * looks


def test_the_estimate_holds_the_maps_of_all_frames_of_a_block() -> None:
    movie = make_movie(size=(64, 64))
    one, seven = (
        estimate(movie, small_model(block=block, residual=False), segmentation="none").memory_bytes
        for block in (1, 7)
    )
    assert seven - one >= 4 * 64 * 64 * 6 * (2 + 7 + 7)


def test_a_flow_that_is_asked_for_in_vain_is_said() -> None:
    movie, model = make_movie(pixel_size=0.1), small_model()
    for flow in ("classical", np.zeros((6, 2, 48, 56), np.float32)):
        warnings = predict(movie, model, 1, flow=flow, segmentation="none").provenance["warnings"]
        assert any("'small' looks at frames alone" in sentence for sentence in warnings)
    assert not predict(movie, model, 1, segmentation="none").provenance["warnings"]


def test_a_partner_other_than_the_trainings_is_said(tmp_path) -> None:
    Model.create("far-flow", "pwcnet", "lite").save(tmp_path / "far-flow.safetensors")
    model = make_model()
    model.card.partners["flow"] = {"name": "far-flow", "hash": "0" * 64}
    model.save(tmp_path / "model.safetensors")
    with pytest.warns(UserWarning, match="far-flow"):
        forecast = predict(make_movie(), tmp_path / "model.safetensors", steps=1, segmentation="none")
    assert any("far-flow" in w and "hash" in w for w in forecast.provenance["warnings"])
