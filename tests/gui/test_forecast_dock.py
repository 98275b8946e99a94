"""The Forecast dock in a real viewer, with a real (untrained, small) model."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_cellsim.base import CellSimError, JobCancelled

UM = {"units": ("minute", "um", "um"), "scale": (10.0, 0.2, 0.2), "translate": (30.0, 4.0, 8.0)}


def world(layer, index):
    return np.asarray(layer.data_to_world(index))


def frames_layer(viewer):
    (layer,) = [
        one for one in viewer.layers if one.metadata.get("napari_cellsim", {}).get("what") == "frames"
    ]
    return layer


def test_the_biologist_picks_the_layer_and_presses_run(forecast_dock, movie, small_model, qtbot):
    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie")
    assert forecast_dock.layer is viewer.layers["movie"]
    viewer.dims.set_point(0, 4)
    assert forecast_dock.at == 4
    forecast_dock._form.steps.value = 2
    forecast_dock._view.run_button.click()
    assert not forecast_dock._view.run_button.isEnabled()
    qtbot.waitUntil(lambda: forecast_dock.result is not None, timeout=60_000)
    assert forecast_dock._view.run_button.isEnabled()
    assert forecast_dock.result.at == 4
    assert forecast_dock.result.frames.shape == (1, 2, 1, 64, 72)
    assert frames_layer(viewer).data.shape == (2, 64, 72)
    assert "finished" in forecast_dock.message
    assert [layer.name for layer in viewer.layers if "running" in layer.name] == []
    assert all("predicted" in layer.name for layer in viewer.layers if layer.name != "movie")
    assert forecast_dock._view.kernel_line.text()


@pytest.mark.parametrize("shape", ["TYX", "TZYX", "TCYX"])
def test_frames_continue_the_movie_in_world_coordinates(forecast_dock, movie, small_model, shape):
    viewer = forecast_dock.viewer
    if shape == "TYX":
        layer = viewer.add_image(movie, name="movie", **UM)
        choices = {}
    else:
        letter = shape[1].lower()
        layer = viewer.add_image(
            np.stack([movie, movie + 1, movie + 2], axis=1),
            name="movie",
            axis_labels=("t", letter, "y", "x"),
            scale=(10.0, 2.0, 0.2, 0.2),
            translate=(30.0, 1.0, 4.0, 8.0),
            units=("minute", "um" if letter == "z" else "pixel", "um", "um"),
        )
        choices = {"plane" if letter == "z" else "channel": 2}
    forecast_dock.run("movie", steps=2, at=5, **choices).wait(60)
    result = frames_layer(viewer)
    assert result.ndim == layer.ndim
    assert result.units == layer.units
    first = np.zeros(layer.ndim)
    there = first.copy()
    there[0] = 6
    if choices:
        there[1] = 2
    np.testing.assert_allclose(world(result, first), world(layer, there))
    first[0], there[0] = 1, 7
    np.testing.assert_allclose(world(result, first), world(layer, there))


def test_live_frames_lie_where_the_result_will(forecast_dock, movie, qtbot):
    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie", **UM)
    seen = []
    viewer.layers.events.inserted.connect(lambda event: seen.append(event.value))
    job = forecast_dock.run("movie", steps=3, at=2)
    qtbot.waitUntil(lambda: bool(seen), timeout=60_000)
    live = seen[0]
    assert "running" in live.name
    assert viewer.dims.point[0] == pytest.approx(30 + 10 * 3)
    assert forecast_dock.at == viewer.layers["movie"].world_to_data((20.0, 0, 0))[0] or forecast_dock.at >= 0
    job.wait(60)
    result = frames_layer(viewer)
    np.testing.assert_allclose(result.translate, live.translate)
    np.testing.assert_allclose(result.scale, live.scale)
    assert result.contrast_limits == pytest.approx(viewer.layers["movie"].contrast_limits)


def test_layers_of_the_user_stay_as_they_are(forecast_dock, movie):
    viewer = forecast_dock.viewer
    kept = movie.copy()
    image = viewer.add_image(movie, name="movie", **UM)
    cells = viewer.add_labels((movie > 6000).astype(np.int32), name="cells", **UM)
    before = [
        (layer.name, layer.data.tobytes(), tuple(layer.translate), layer.visible) for layer in (image, cells)
    ]
    forecast_dock.run("movie", steps=2, at=3, segmentation="cells").wait(60)
    forecast_dock.run("movie", steps=2, at=3).wait(60)
    after = [
        (layer.name, layer.data.tobytes(), tuple(layer.translate), layer.visible) for layer in (image, cells)
    ]
    assert before == after
    assert np.array_equal(movie, kept)
    names = [layer.name for layer in viewer.layers]
    assert len(names) == len(set(names))


def test_no_model_code_on_the_gui_thread(forecast_dock, movie):
    from torch.nn.modules.module import register_module_forward_pre_hook

    threads = set()
    handle = register_module_forward_pre_hook(lambda module, args: threads.add(threading.current_thread()))
    forecast_dock.viewer.add_image(movie, name="movie")
    try:
        forecast_dock.run("movie", steps=2).wait(60)
    finally:
        handle.remove()
    assert threads
    assert threading.main_thread() not in threads


def test_error_curve_when_the_movie_goes_on(forecast_dock, movie):
    forecast_dock.viewer.add_image(movie, name="movie")
    forecast_dock.run("movie", steps=4, at=5).wait(60)
    curve = forecast_dock.error_curve
    assert list(curve.steps) == [1, 2]
    truth = movie.astype(float)
    expected = [np.sqrt(np.mean((truth[5] - truth[t]) ** 2)) for t in (6, 7)]
    np.testing.assert_allclose(curve.copy_last, expected, rtol=1e-5)
    assert (curve.blurred_copy_last > 0).all()
    assert (curve.constant_flow > 0).all()
    frames = forecast_dock.result.frames[0, :2, 0]
    np.testing.assert_allclose(
        curve.model, np.sqrt(np.mean((frames - truth[6:8]) ** 2, axis=(1, 2))), rtol=1e-4
    )
    assert not forecast_dock._view.plot.isHidden()


def test_no_error_curve_at_the_end_of_the_movie(forecast_dock, movie):
    forecast_dock.viewer.add_image(movie, name="movie")
    forecast_dock.run("movie", steps=1, at=5).wait(60)
    forecast_dock.run("movie", steps=1, at=7).wait(60)
    assert forecast_dock.error_curve is None
    assert forecast_dock._view.plot.isHidden()


def test_cancel_half_way_keeps_what_was_computed(forecast_dock, movie, qtbot):
    viewer = forecast_dock.viewer
    viewer.add_image(np.tile(movie, (1, 3, 3)), name="movie")
    job = forecast_dock.run("movie", steps=60, at=3)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=60_000)
    forecast_dock._view.bar.cancel_button.click()
    with pytest.raises(JobCancelled):
        job.wait(60)
    (partial,) = [layer for layer in viewer.layers if layer.name != "movie"]
    assert "incomplete" in partial.name
    assert 1 <= len(partial.data) < 60
    assert np.isfinite(partial.data[0]).all()
    assert forecast_dock.result is None
    assert forecast_dock.message.endswith("was cancelled.")
    forecast_dock.run("movie", steps=1, at=3).wait(60)
    assert forecast_dock.result.steps == 1


def test_no_layer_selected(forecast_dock):
    with pytest.raises(CellSimError, match="There is no movie yet"):
        forecast_dock.run()
    forecast_dock._view.run_button.click()
    assert "There is no movie yet" in forecast_dock.message
    assert forecast_dock.job is None


def test_wrong_layers(forecast_dock, movie):
    viewer = forecast_dock.viewer
    viewer.add_image(np.zeros((5, 16, 16, 3), np.uint8), rgb=True, name="colour")
    viewer.add_image(movie[0], name="picture")
    viewer.add_labels(np.ones((5, 16, 16), int), name="labels")
    viewer.add_image(movie[:1], name="one frame")
    with pytest.raises(CellSimError, match="'colour' is a colour"):
        forecast_dock.run("colour")
    with pytest.raises(CellSimError, match="'picture' is a single picture"):
        forecast_dock.run("picture")
    with pytest.raises(CellSimError, match="'labels' is a Labels layer"):
        forecast_dock.run("labels")
    with pytest.raises(CellSimError, match="no layer called 'nothing'"):
        forecast_dock.run("nothing")
    with pytest.raises(CellSimError, match="'one frame' has one frame only"):
        forecast_dock.run("one frame").wait(60)
    assert [layer.name for layer in viewer.layers] == ["colour", "picture", "labels", "one frame"]
    assert forecast_dock.message.startswith("⚠")


def test_nan_frames_get_a_sentence_and_leave_nothing(forecast_dock, movie):
    broken = movie.astype(np.float32)
    broken[3] = np.nan
    forecast_dock.viewer.add_image(broken, name="broken", contrast_limits=(0, 12000))
    with pytest.raises(CellSimError):
        forecast_dock.run("broken", at=3, steps=1).wait(60)
    assert [layer.name for layer in forecast_dock.viewer.layers] == ["broken"]


def test_out_of_memory_is_explained(forecast_dock, movie):
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook

    def refuse(module, args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 40.00 GiB.")

    handle = register_module_forward_pre_hook(refuse)
    forecast_dock.viewer.add_image(movie, name="movie")
    try:
        with pytest.raises(CellSimError, match="memory"):
            forecast_dock.run("movie", steps=2).wait(60)
    finally:
        handle.remove()
    assert "memory" in forecast_dock.message
    assert "smaller" in forecast_dock.message
    forecast_dock.run("movie", steps=1).wait(60)
    assert forecast_dock.result is not None


def test_closing_the_viewer_while_running(make_napari_viewer, small_model, movie, qtbot):
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    viewer.add_image(np.tile(movie, (1, 4, 4)), name="movie")
    job = dock.run("movie", steps=80)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=60_000)
    viewer.close()
    qtbot.waitUntil(lambda: job.status == "cancelled", timeout=60_000)


def test_closing_the_dock_while_running(make_napari_viewer, small_model, movie, qtbot):
    viewer = make_napari_viewer()
    container, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    viewer.add_image(np.tile(movie, (1, 4, 4)), name="movie")
    job = dock.run("movie", steps=80)
    qtbot.waitUntil(lambda: len(viewer.layers) > 1, timeout=60_000)
    container.destroyOnClose()
    qtbot.waitUntil(lambda: job.status == "cancelled", timeout=60_000)
    viewer.dims.set_point(0, 1)  # a closed dock must not answer
    viewer.add_image(movie, name="another")


def test_one_run_at_a_time(forecast_dock, movie):
    forecast_dock.viewer.add_image(movie, name="movie")
    job = forecast_dock.run("movie", steps=3)
    with pytest.raises(CellSimError, match="still running"):
        forecast_dock.run("movie")
    job.wait(60)


def test_from_the_console(make_napari_viewer, small_model, movie):
    from napari_cellsim.gui.forecast_dock import ForecastDock

    viewer = make_napari_viewer()
    viewer.add_image(movie, name="movie")
    viewer.window.add_dock_widget(ForecastDock(viewer), name="Forecast")
    job = viewer.window.dock_widgets["Forecast"].run(layer="movie", steps=5, model=small_model)
    outcome = job.wait(60)
    assert outcome.forecast.steps == 5
    assert viewer.window.dock_widgets["Forecast"].result is outcome.forecast


def test_save_and_open_again(forecast_dock, movie, tmp_path):
    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie", **UM)
    with pytest.raises(CellSimError, match="no forecast to save"):
        forecast_dock.save(tmp_path / "nothing.ome.tif")
    forecast_dock.run("movie", steps=2, at=4).wait(60)
    before = forecast_dock.result
    forecast_dock.save(tmp_path / "result.ome.tif").wait(60)
    viewer.layers.clear()
    forecast_dock.open(tmp_path / "result.ome.tif").wait(60)
    assert forecast_dock.result is not before
    assert np.array_equal(forecast_dock.result.frames, before.frames)
    assert np.array_equal(forecast_dock.result.flow, before.flow)
    np.testing.assert_allclose(frames_layer(viewer).translate, (80, 4, 8))


def test_save_menu_of_napari_writes_the_whole_forecast(forecast_dock, movie, tmp_path):
    from napari_cellsim.forecasting import open_result

    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie")
    forecast_dock.run("movie", steps=2, at=4).wait(60)
    path = tmp_path / "saved.cellsim.ome.tif"
    assert frames_layer(viewer).save(str(path)) == [str(path)]
    assert np.array_equal(open_result(path).flow, forecast_dock.result.flow)
    other = tmp_path / "movie.cellsim.ome.tif"
    with pytest.raises(CellSimError, match="no forecast made in this session"):
        viewer.layers["movie"].save(str(other))
    assert not other.exists()
