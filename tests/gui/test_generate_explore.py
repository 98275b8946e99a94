"""The Explore tab of the Generate dock in a real viewer, with a real (untrained, small) model."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError


@pytest.fixture
def explored(generate_dock):
    """The dock with four pictures generated and its Explore tab in front."""
    generate_dock.run(n=4, seed=1).wait(60)
    generate_dock.show_tab("Explore")
    return generate_dock


def choose(dock, *numbers):
    """Choose pictures as a person does: move the slider, press the button."""
    for number in numbers:
        dock.viewer.dims.set_point(0, number)
        dock._view.explore.add_button.click()


def mosaic(viewer):
    (layer,) = [one for one in viewer.layers if one.metadata["napari_cellsim"]["kind"] == "mosaic"]
    return layer


def test_the_list_of_pictures(explored):
    tab = explored._view.explore
    choose(explored, 2, 0)
    np.testing.assert_array_equal(explored.chosen[0].images[0], explored.result.images[2])
    assert [tab.list.item(i).text() for i in range(tab.list.count())] == ["2", "0"]
    assert "0 of 4" in tab.current.text()
    tab.list.item(0).setSelected(True)
    tab.remove_button.click()
    assert [tab.list.item(i).text() for i in range(tab.list.count())] == ["0"]
    tab.add_all_button.click()
    assert len(explored.chosen) == 5
    tab.clear_button.click()
    assert explored.chosen == []
    assert tab.list.count() == 0


@pytest.mark.parametrize("space", ["w", "z", "w+"])
def test_movie_through_the_pictures(explored, space, qtbot):
    viewer = explored.viewer
    choose(explored, 0, 3, 1)
    movie = explored.interpolate(steps=5, space=space).wait(60)
    assert len(movie) == 11
    layer = explored.layer
    assert layer.axis_labels[0] == "t"
    assert layer.data.shape == (11, 32, 32)
    if space != "z":
        pictures = explored.chosen
        np.testing.assert_allclose(movie.latents[5, 0], pictures[1].latents[0, 0], rtol=1e-5)
    assert len(viewer.layers) == 2


def test_movie_by_the_button(explored, qtbot):
    tab = explored._view.explore
    choose(explored, 0, 1)
    tab.steps.value = 4
    tab.loop.value = True
    before = explored.result
    tab.walk_button.click()
    qtbot.waitUntil(lambda: explored.result is not before, timeout=60_000)
    assert explored.result.kind == "walk"
    assert "noise of the first one" in tab.notes.text()
    assert len(explored.result) == 8


def test_mixing_grid(explored, qtbot):
    tab = explored._view.explore
    choose(explored, 0, 1, 2)
    tab.crossover.value = 3
    before = explored.result
    tab.mix_button.click()
    qtbot.waitUntil(lambda: explored.result is not before, timeout=60_000)
    grid = explored.result
    assert grid.grid == (4, 4)
    shown = mosaic(explored.viewer).data
    assert shown.shape == (4 * 32, 4 * 32)
    np.testing.assert_array_equal(shown[32:64, 64:96], grid.images[4 + 2, 0, 0])
    np.testing.assert_array_equal(grid.latents[4 + 2, :3], grid.latents[2, :3])
    np.testing.assert_array_equal(grid.latents[4 + 2, 3:], grid.latents[4, 3:])
    other = explored.mix([0], [1, 2, 3], layer=2)
    assert other.name == "Mixing styles"
    with pytest.raises(CellSimError, match="no generated pictures"):
        explored.layer = mosaic(explored.viewer)
    other.wait(60)
    assert explored.result.grid == (4, 2)


def test_too_few_pictures(explored):
    with pytest.raises(CellSimError, match="at least two pictures"):
        explored.interpolate()
    choose(explored, 1)
    explored._view.explore.mix_button.click()
    assert "at least two pictures" in explored.message
    assert explored.job is None
    assert len(explored.viewer.layers) == 1


def test_sliders_change_one_picture(explored, qtbot):
    viewer, tab = explored.viewer, explored._view.explore
    viewer.dims.set_point(0, 2)
    start = explored.layer.data.copy()
    with qtbot.waitSignal(explored.editor.edited, timeout=60_000):
        tab.sliders[0].slider.setValue(tab.sliders[0].slider.maximum())
    assert len(viewer.layers) == 2
    changed = viewer.layers[-1]
    assert changed.data.shape == (32, 32)
    assert not np.array_equal(changed.data, start[2])
    np.testing.assert_array_equal(viewer.layers[0].data, start)
    assert "variance" in tab.sliders[0].toolTip()
    assert " 2" in tab.editing.text()
    with qtbot.waitSignal(explored.editor.edited, timeout=60_000):
        tab.reset_button.click()
    np.testing.assert_allclose(changed.data, start[2], rtol=1e-4)
    assert changed is viewer.layers[-1]


def test_an_edited_picture_goes_on_living(explored, qtbot, tmp_path):
    with qtbot.waitSignal(explored.editor.edited, timeout=60_000):
        explored.edit([1.0, -2.0], picture=3)
    explored._view.explore.keep_button.click()
    kept = explored.viewer.layers[-1]
    pixels = kept.data.copy()
    explored.layer = kept
    explored.add_current()
    assert explored.chosen[0].records[0]["weights"][:2] == [1.0, -2.0]
    with qtbot.waitSignal(explored.editor.edited, timeout=60_000):
        explored.edit([0.5])
    assert len(explored.viewer.layers) == 3
    np.testing.assert_array_equal(kept.data, pixels)
    explored.layer = kept
    explored.save(tmp_path / "edited.cellsim.ome.tif").wait(60)
    explored.open(tmp_path / "edited.cellsim.ome.tif").wait(60)
    np.testing.assert_array_equal(explored.viewer.layers[-1].data, pixels)


def test_many_wishes_are_answered_by_few_pictures_and_the_last(explored, qtbot):
    seen = []
    explored.editor.edited.connect(seen.append)
    for number in range(60):
        explored.edit([number / 20])
    qtbot.waitUntil(lambda: bool(seen) and seen[-1].wish.weights[0] == pytest.approx(59 / 20), timeout=60_000)
    assert len(seen) < 60
    qtbot.waitUntil(lambda: explored.editor.job is None, timeout=60_000)


def test_closing_the_dock_while_sliders_move(explored, qtbot):
    with qtbot.waitSignal(explored.editor.edited, timeout=60_000):
        explored.edit([1.0], picture=0)
    layers = len(explored.viewer.layers)
    explored.edit([2.0])
    job = explored.editor.job
    explored.parent().destroyOnClose()
    qtbot.waitUntil(lambda: job is None or job.status != "running", timeout=60_000)
    assert len(explored.viewer.layers) == layers


def test_forecast_of_a_repeated_picture(explored, qtbot):
    viewer = explored.viewer
    viewer.dims.set_point(0, 1)
    explored._view.explore.forecast_button.click()
    movie = viewer.layers[-1]
    assert movie.data.shape == (3, 32, 32)
    np.testing.assert_array_equal(movie.data[0], movie.data[2])
    np.testing.assert_array_equal(movie.data[0], explored.result.images[1, 0, 0])
    assert "repeated" in movie.name
    assert "generated" in movie.name
    assert "at rest" in explored.message
    (forecast,) = [dock for name, dock in viewer.window.dock_widgets.items() if name.startswith("Forecast")]
    assert forecast.layer is movie
    assert forecast.at == 2
    assert viewer.layers.units is not None
    viewer.add_image(np.zeros((4, 16, 16)), name="another movie")
    forecast.layer = "another movie"
    assert forecast.layer is not movie
    again = explored.forecast(0)
    assert forecast.layer is again


def test_forecast_of_a_generated_sequence(generate_dock, small_generators):
    made = generate_dock.run(n=2, model=small_generators / "small-cellgan-movie.safetensors").wait(60)
    movie = generate_dock.forecast(1)
    np.testing.assert_array_equal(movie.data, made.images[1, :, 0])
    assert "repeated" not in movie.name
    assert "start of a movie" in generate_dock.message
    np.testing.assert_allclose(movie.scale, (10, 0.864, 0.864))


def test_nothing_to_explore(generate_dock):
    for action in (generate_dock.add_current, generate_dock.forecast, generate_dock.edit, generate_dock.take):
        with pytest.raises(CellSimError, match="no generated pictures yet"):
            action()
    assert not generate_dock._view.explore.forecast_button.isEnabled()


def test_layers_that_are_not_generated(explored, movie):
    explored.viewer.add_image(movie, name="movie")
    with pytest.raises(CellSimError, match="'movie' holds no generated pictures"):
        explored.layer = "movie"
    with pytest.raises(CellSimError, match="no layer called 'nothing'"):
        explored.layer = "nothing"
    broken = explored.layer
    broken.data = broken.data[:, :16]
    with pytest.raises(CellSimError, match="as it was generated"):
        explored.add_all()


def test_pictures_of_a_model_that_is_gone(explored, monkeypatch, tmp_path):
    explored.add_all()
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path))
    with pytest.raises(CellSimError, match="'small-cellgan', which is not on the list"):
        explored.interpolate()
