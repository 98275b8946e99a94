"""Sample data, stacking of single pictures, and the ways a movie gets into napari."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_cellsim.base import CellSimError
from napari_cellsim.gui.stacking import natural_key, stack_layers

CALIBRATED = {
    "axes": "TYX", "PhysicalSizeX": 0.182, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.182,
    "PhysicalSizeYUnit": "µm", "TimeIncrement": 300, "TimeIncrementUnit": "s",
}  # fmt: skip


def test_phantom_movie_is_calibrated_and_ready_to_forecast(make_napari_viewer):
    viewer = make_napari_viewer()
    image, cells = viewer.open_sample("napari-cellsim", "phantom_movie")
    assert image.data.shape == (20, 256, 256)
    assert image.data.dtype == np.uint16
    assert cells.data.shape == image.data.shape
    assert tuple(image.scale) == pytest.approx((10.0, 0.108, 0.108))
    assert [str(unit) for unit in image.units] == ["minute", "micrometer", "micrometer"]
    assert image.units == cells.units
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    assert dock.layer is image


def test_the_menu_command_adds_a_simulated_movie(make_napari_viewer):
    from napari_cellsim.gui.commands import new_phantom_movie

    viewer = make_napari_viewer()
    new_phantom_movie(viewer)
    assert [layer.data.shape for layer in viewer.layers] == [(20, 256, 256), (20, 256, 256)]


@pytest.mark.slow
def test_phantom_field_marks_its_traps(make_napari_viewer):
    viewer = make_napari_viewer()
    image, _, traps = viewer.open_sample("napari-cellsim", "phantom_field")
    assert image.data.shape[0] == 10
    assert len(traps.data) == 6
    from napari_cellsim.gui.viewer_state import drawn_regions

    for y0, y1, x0, x1 in drawn_regions(traps, image):
        assert 0 <= y0 < y1 <= image.data.shape[1]
        assert 0 <= x0 < x1 <= image.data.shape[2]
        assert y1 - y0 == pytest.approx(144, abs=1)


def test_natural_order():
    names = ["t10", "t2", "T1", "t2b", "10", "9"]
    assert sorted(names, key=natural_key) == ["9", "10", "T1", "t2", "t2b", "t10"]


def test_stacking_twenty_single_tiffs(forecast_dock, tmp_path):
    viewer = forecast_dock.viewer
    frames = np.arange(20 * 12 * 16, dtype=np.uint16).reshape(20, 12, 16)
    paths = [tmp_path / f"cell_t{t}.tif" for t in range(20)]
    for path, frame in zip(paths, frames, strict=True):
        tifffile.imwrite(path, frame)
    viewer.open(sorted(paths), stack=False)  # as dropped: t0, t1, t10, t11, …
    assert len(viewer.layers) == 20
    before = [layer.data.tobytes() for layer in viewer.layers]
    assert not forecast_dock._view.stack_button.isHidden()
    assert forecast_dock._view.stack_button.text() == "Stack 20 single-frame layers"
    forecast_dock._view.stack_button.click()
    stack = forecast_dock.layer
    assert stack.name == "cell_t (20 frames)"
    assert stack.data.dtype == np.uint16
    np.testing.assert_array_equal(stack.data, frames)
    assert [layer.data.tobytes() for layer in viewer.layers if layer is not stack] == before


def test_only_the_selected_pictures_are_stacked(make_napari_viewer):
    viewer = make_napari_viewer()
    layers = [
        viewer.add_image(np.full((4, 5), t, np.uint8), name=f"f{t}", scale=(0.1, 0.1)) for t in range(4)
    ]
    viewer.layers.selection = set(layers[1:3])
    stack = stack_layers(viewer)
    assert stack.data[:, 0, 0].tolist() == [1, 2]
    assert tuple(stack.scale) == (1, 0.1, 0.1)


def test_nothing_to_stack(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.add_image(np.zeros((4, 5)))
    with pytest.raises(CellSimError, match="fewer than two"):
        stack_layers(viewer)


def test_open_button_keeps_the_calibration(forecast_dock, movie, tmp_path):
    path = tmp_path / "known.ome.tif"
    tifffile.imwrite(path, movie, metadata=CALIBRATED)
    forecast_dock.open(path).wait(30)
    layer = forecast_dock.layer
    np.testing.assert_array_equal(layer.data, movie)
    assert tuple(layer.scale) == pytest.approx((5.0, 0.182, 0.182))
    assert [str(unit) for unit in layer.units] == ["minute", "micrometer", "micrometer"]


def test_open_several_channels_and_planes(forecast_dock, movie, tmp_path):
    path = tmp_path / "many.ome.tif"
    data = np.stack(
        [np.stack([movie, movie + 1, movie + 2], 1), np.stack([movie + 10, movie + 11, movie + 12], 1)], 1
    )
    tifffile.imwrite(path, data, metadata={"axes": "TCZYX"})
    forecast_dock.open(path).wait(30)
    assert [layer.data.shape for layer in forecast_dock.viewer.layers] == [(8, 3, 64, 72)] * 2
    np.testing.assert_array_equal(np.asarray(forecast_dock.viewer.layers[1].data)[:, 2], movie + 12)


def test_open_folder_of_single_tiffs(forecast_dock, movie, tmp_path):
    for t, frame in enumerate(movie):
        tifffile.imwrite(tmp_path / f"t{t + 5}.tif", frame)  # t5 … t12: the order of letters would be wrong
    forecast_dock.open(tmp_path).wait(30)
    np.testing.assert_array_equal(np.asarray(forecast_dock.layer.data), movie)


@pytest.mark.parametrize("content", [b"", b"II*\x00garbage"])
def test_bad_files_get_a_sentence(forecast_dock, tmp_path, content):
    path = tmp_path / "bad.tif"
    path.write_bytes(content)
    with pytest.raises(CellSimError, match=r"bad\.tif"):
        forecast_dock.open(path).wait(30)
    assert len(forecast_dock.viewer.layers) == 0
    assert forecast_dock.message.startswith("⚠")


def test_open_a_model(forecast_dock, small_models, tmp_path):
    import shutil

    path = tmp_path / "mine.safetensors"
    shutil.copy(small_models / "small-sdcnet.safetensors", path)
    forecast_dock.open(path).wait(30)
    assert forecast_dock.model == path
