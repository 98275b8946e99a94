"""The Guide tab of the Generate dock in a real viewer, with a real (untrained, small) model."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError, JobCancelled

UM = {"units": ("minute", "um", "um"), "scale": (10.0, 0.864, 0.864)}


def test_encode_the_current_frame(generate_dock, movie, qtbot):
    viewer, tab = generate_dock.viewer, generate_dock._view.guide
    kept = movie.copy()
    viewer.add_image(movie, name="movie", **UM)
    viewer.dims.set_point(0, 40.0)
    qtbot.waitUntil(lambda: tab.pixel_size.value == pytest.approx(0.864), timeout=20_000)
    assert tab.at.value == 4
    tab.encode_button.click()
    qtbot.waitUntil(lambda: generate_dock.result is not None, timeout=60_000)
    result = generate_dock.result
    assert result.kind == "guided"
    assert result.records[0]["frame"] == 4
    np.testing.assert_allclose(result.guides[0, 0, 0], movie[4, 16:48, 20:52])
    assert viewer.layers[-1].data.shape == (32, 32)
    assert "generated" in viewer.layers[-1].name
    assert not tab.pair.isHidden()
    assert "PSNR" in tab.numbers.text()
    assert "SSIM" in tab.numbers.text()
    assert "central 32×32 px" in tab.notes.text()
    assert np.array_equal(movie, kept)
    assert viewer.layers.units is not None


def test_refine_goes_on_from_the_look_alike(generate_dock, movie, qtbot):
    tab = generate_dock._view.guide
    generate_dock.viewer.add_image(movie, name="movie", **UM)
    encoded = generate_dock.encode().wait(60)
    captions = []
    tab.steps.value = 20
    tab.refine_button.click()
    generate_dock.job.happened.connect(lambda event: captions.append(tab.pair.caption))
    qtbot.waitUntil(lambda: generate_dock.result is not encoded, timeout=60_000)
    refined = generate_dock.result
    assert refined.records[0]["psnr"] > encoded.records[0]["psnr"]
    assert "→" in tab.numbers.text()
    assert any(text.startswith("Step ") for text in captions)
    assert len(generate_dock.viewer.layers) == 3
    generate_dock.layer = generate_dock.viewer.layers[-1]
    again = generate_dock.refine(10, generate_dock.layer).wait(60)
    assert again.records[0]["steps"] == 30


def test_another_frame_is_encoded_before_it_is_refined(generate_dock, movie):
    viewer = generate_dock.viewer
    viewer.add_image(movie, name="movie", **UM)
    viewer.dims.set_point(0, 20.0)
    generate_dock.encode().wait(60)
    viewer.dims.set_point(0, 50.0)
    assert generate_dock.refine(10).wait(60).records[0]["frame"] == 5


def test_refine_without_encoding_first(generate_dock, movie):
    generate_dock.viewer.add_image(movie[0], name="picture", scale=(0.864, 0.864), units=("um", "um"))
    result = generate_dock.refine(10, space="w").wait(60)
    assert result.records[0]["steps"] == 10
    assert result.latents.shape[1] == 1


def test_rectangles_are_guides(generate_dock, movie):
    viewer = generate_dock.viewer
    viewer.add_image(np.tile(movie, (1, 2, 2)), name="movie", **UM)
    boxes = [(10, 42, 20, 52), (60, 92, 80, 112)]
    corners = [[(y0 - 0.5, x0 - 0.5), (y1 - 0.5, x1 - 0.5)] for y0, y1, x0, x1 in boxes]
    viewer.add_shapes(corners, shape_type="rectangle", name="traps", scale=(0.864, 0.864), units=("um", "um"))
    result = generate_dock.encode("movie", regions="traps", at=2).wait(60)
    assert [tuple(record["region"]) for record in result.records] == boxes
    assert viewer.layers[-1].data.shape == (2, 32, 32)
    assert "Mean of 2 guides" in generate_dock._view.guide.numbers.text()


def test_pixel_size_typed(generate_dock, movie):
    generate_dock.viewer.add_image(movie, name="movie")
    result = generate_dock.encode(pixel_size=0.432).wait(60)
    assert result.records[0]["region"] == [0, 64, 4, 68]
    assert any("resampled from 64×64 to 32×32 px" in note for note in result.notes)


def test_planes_and_channels_follow_the_sliders(generate_dock, movie):
    viewer = generate_dock.viewer
    viewer.add_image(
        np.stack([movie, movie + 1000], axis=1), name="movie", axis_labels=("t", "z", "y", "x"),
        scale=(1, 1, 0.864, 0.864), units=("pixel", "pixel", "um", "um"),
    )  # fmt: skip
    viewer.dims.set_point((0, 1), (3, 1))
    record = generate_dock.encode().wait(60).records[0]
    assert (record["frame"], record["plane"]) == (3, 1)


def test_wrong_guides(generate_dock, movie):
    viewer = generate_dock.viewer
    with pytest.raises(CellSimError, match="There is no picture to be guided by yet"):
        generate_dock.encode()
    viewer.add_image(np.zeros((32, 32, 3), np.uint8), rgb=True, name="colour")
    viewer.add_labels(np.ones((32, 32), int), name="labels")
    viewer.add_image(np.full((64, 64), 7.0), name="flat")
    viewer.add_image(movie, name="movie", **UM)
    viewer.add_shapes(name="nothing drawn", ndim=2)
    before = [layer.name for layer in viewer.layers]
    with pytest.raises(CellSimError, match="'colour' is a colour"):
        generate_dock.encode("colour")
    with pytest.raises(CellSimError, match="'labels' is a Labels layer"):
        generate_dock.encode("labels")
    with pytest.raises(CellSimError, match="same value everywhere"):
        generate_dock.encode("flat").wait(60)
    with pytest.raises(CellSimError, match="has no frame 99"):
        generate_dock.encode("movie", at=99)
    with pytest.raises(CellSimError, match="'nothing drawn' is empty"):
        generate_dock.encode("movie", regions="nothing drawn")
    assert [layer.name for layer in viewer.layers] == before
    assert generate_dock.job is None


def test_cancel_a_refinement(generate_dock, movie, qtbot):
    generate_dock.viewer.add_image(movie, name="movie", **UM)
    job = generate_dock.refine(5000)
    qtbot.waitUntil(lambda: generate_dock._view.guide.pair.caption.startswith("Step "), timeout=60_000)
    generate_dock.cancel()
    with pytest.raises(JobCancelled):
        job.wait(60)
    assert [layer.name for layer in generate_dock.viewer.layers] == ["movie"]
    assert generate_dock._view.guide.encode_button.isEnabled()
