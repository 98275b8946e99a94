"""The Forecast dock: regions, sources, overlays, calibration and estimate."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPointF
from qtpy.QtGui import QEnterEvent
from qtpy.QtWidgets import QApplication

from napari_cellsim.base import CellSimError

UM = {"units": ("minute", "um", "um"), "scale": (10.0, 0.2, 0.2), "translate": (30.0, 4.0, 8.0)}


def frames_layer(viewer):
    (layer,) = [
        one for one in viewer.layers if one.metadata.get("napari_cellsim", {}).get("what") == "frames"
    ]
    return layer


def test_regions(forecast_dock, movie, qtbot):
    viewer = forecast_dock.viewer
    big = np.tile(movie, (1, 2, 2))
    viewer.add_image(big, name="movie", **UM)
    boxes = [(0, 40, 0, 40), (70, 120, 80, 144)]
    corners = [[(y0 - 0.5, x0 - 0.5), (y1 - 0.5, x1 - 0.5)] for y0, y1, x0, x1 in boxes]
    viewer.add_shapes(
        corners,
        shape_type="rectangle",
        name="traps",
        scale=(0.2, 0.2),
        translate=(4.0, 8.0),
        units=("um", "um"),
    )
    job = forecast_dock.run("movie", steps=1, at=4, regions="traps")
    job.wait(60)
    assert [part.frames.shape[-2:] for part in job.result.parts] == [(40, 40), (50, 64)]
    frame = forecast_dock.result.frames[0, 0, 0]
    assert frame.shape == big.shape[1:]
    inside = np.zeros(frame.shape, bool)
    for y0, y1, x0, x1 in boxes:
        inside[y0:y1, x0:x1] = True
    assert np.isfinite(frame[inside]).all()
    assert np.isnan(frame[~inside]).all()
    np.testing.assert_allclose(frames_layer(viewer).translate, (30 + 50, 4, 8))


def test_one_region_is_placed_where_it_was_cut(forecast_dock, movie):
    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie", **UM)
    forecast_dock.run("movie", steps=1, at=4, regions=[(10, 50, 20, 70)]).wait(60)
    layer = frames_layer(viewer)
    assert layer.data.shape == (1, 40, 50)
    np.testing.assert_allclose(layer.translate, (80, 4 + 10 * 0.2, 8 + 20 * 0.2))


def test_empty_shapes_layer(forecast_dock, movie):
    forecast_dock.viewer.add_image(movie, name="movie")
    forecast_dock.viewer.add_shapes(name="nothing drawn", ndim=2)
    with pytest.raises(CellSimError, match="'nothing drawn' is empty"):
        forecast_dock.run("movie", regions="nothing drawn")


def test_current_view(make_napari_viewer, small_model, movie, qtbot):
    from napari_cellsim.gui.viewer_state import visible_region

    viewer = make_napari_viewer(show=True)
    layer = viewer.add_image(np.tile(movie, (1, 4, 4)), name="movie")
    qtbot.waitUntil(lambda: visible_region(layer) is None, timeout=20_000)
    viewer.scene.camera.zoom = viewer.scene.camera.zoom * 4
    viewer.scene.camera.center = (128.0, 100.0)
    qtbot.waitUntil(lambda: visible_region(layer) is not None, timeout=20_000)
    y0, y1, x0, x1 = visible_region(layer)
    assert y0 < 128 < y1
    assert x0 < 100 < x1
    assert (y1 - y0) * (x1 - x0) < 256 * 288 / 8


def test_classical_flow(forecast_dock, movie):
    forecast_dock.viewer.add_image(movie, name="movie")
    choices = {"steps": 1, "flow": "classical", "segmentation": "none"}
    forecast_dock.run("movie", model="sdcnet-lite", **choices).wait(60)
    assert forecast_dock.result.segmentation is None
    assert "classical" in forecast_dock.result.provenance["flow"]["source"]
    forecast_dock.run("movie", model="sdcnet-default", **choices).wait(60)
    assert "frames alone" in forecast_dock.result.provenance["flow"]["source"]


def test_a_model_that_sees_frames_alone_asks_for_no_flow(forecast_dock, small_models):
    box = forecast_dock._form.flow
    forecast_dock.choose_model(small_models / "small-sdcnet.safetensors")
    assert box.enabled
    forecast_dock.choose_model("sdcnet-default")
    assert not box.enabled
    assert "needs no optical flow" in box.native.toolTip()


def test_labels_of_another_size(forecast_dock, movie):
    forecast_dock.viewer.add_image(movie, name="movie")
    forecast_dock.viewer.add_labels(np.ones((8, 9), int), name="cells")
    with pytest.raises(CellSimError, match="does not fit"):
        forecast_dock.run("movie", segmentation="cells").wait(60)


def test_overlays_wanted(forecast_dock, movie):
    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie")
    for box in forecast_dock._form.overlays.values():
        box.value = False
    forecast_dock._form.overlays["arrows"].value = True
    forecast_dock.run("movie", steps=1).wait(60)
    parts = [one.metadata["napari_cellsim"]["what"] for one in viewer.layers if one.name != "movie"]
    assert parts == ["frames", "motion"]


def test_what_comes_after_does_not_matter(forecast_dock, movie):
    forecast_dock.viewer.add_image(movie, name="movie")
    other = movie.copy()
    other[5:] = 7
    forecast_dock.viewer.add_image(other, name="other")
    first = forecast_dock.run("movie", steps=2, at=4).wait(60)
    second = forecast_dock.run("other", steps=2, at=4).wait(60)
    assert np.array_equal(first.forecast.frames, second.forecast.frames)


def test_follows_the_slider_until_a_number_is_typed(forecast_dock, movie):
    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie")
    viewer.dims.set_point(0, 2)
    assert forecast_dock.at == 2
    forecast_dock._form.follow.value = False
    forecast_dock._form.at.value = 6
    viewer.dims.set_point(0, 1)
    assert forecast_dock.at == 6
    forecast_dock._form.follow.value = True
    assert forecast_dock.at == 1


def test_asks_for_an_unknown_calibration_and_reads_a_known_one(forecast_dock, movie, tmp_path, qtbot):
    import tifffile

    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="bare")
    qtbot.waitUntil(lambda: forecast_dock.facts is not None, timeout=20_000)
    assert "pixel size and frame interval is not known" in forecast_dock._view.facts_line.text()
    path = tmp_path / "known.ome.tif"
    tifffile.imwrite(
        path,
        movie,
        metadata={
            "axes": "TYX", "PhysicalSizeX": 0.182, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.182,
            "PhysicalSizeYUnit": "µm", "TimeIncrement": 300, "TimeIncrementUnit": "s",
        },
    )  # fmt: skip
    (layer,) = viewer.open(path)
    forecast_dock._form.layer.value = layer
    qtbot.waitUntil(
        lambda: forecast_dock.facts is not None and forecast_dock.facts.interval == 5.0, timeout=20_000
    )
    assert forecast_dock._form.pixel_size.value == pytest.approx(0.182)
    forecast_dock.run(steps=1).wait(60)
    assert forecast_dock.result.pixel_size == pytest.approx(0.182)
    forecast_dock.run("bare", steps=1, at=3, pixel_size=0.3, interval=2.0).wait(60)
    assert forecast_dock.result.pixel_size == 0.3
    assert forecast_dock.result.interval == 2.0


def test_estimate_and_warnings_before_the_run(forecast_dock, movie, qtbot):
    viewer = forecast_dock.viewer
    viewer.add_image(movie, name="movie", scale=(1.0, 1.0, 1.0), units=("minute", "um", "um"))
    qtbot.waitUntil(lambda: forecast_dock.facts is not None, timeout=20_000)
    assert not forecast_dock._view.estimate_line.text()
    here = QPointF(5, 5)
    QApplication.sendEvent(forecast_dock, QEnterEvent(here, here, here))
    qtbot.waitUntil(lambda: bool(forecast_dock._view.estimate_line.text()), timeout=60_000)
    assert forecast_dock._view.estimate_line.text().startswith("Expected")
    assert "MB of memory" in forecast_dock._view.estimate_line.text()
    assert "1 µm" in forecast_dock._view.warning_line.text()
    assert "Kernels" in forecast_dock._view.kernel_line.text()
    assert list(forecast_dock._form.device.choices)[:2] == ["auto", "cpu"]
