"""The Generate dock with models of specimens: colour pictures, classes, rows on the sphere, all scales."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim.base import CellSimError

SIZE, LATENT = 16, 24


@pytest.fixture(scope="session")
def specimen_models(tmp_path_factory):
    """A folder with small untrained generators: two of one class each, and one of both."""
    import torch

    from napari_cellsim.models import Model, ModelCard

    folder = tmp_path_factory.mktemp("specimens")
    for seed, (name, classes) in enumerate(
        {
            "forams": {"benthic": 623, "planktic": 505},
            "forams (benthic)": {"benthic": 623},
            "forams (planktic)": {"planktic": 505},
            "pollen": {"birch": 40},
        }.items()
    ):
        card = ModelCard(
            description=f"Generates pictures of single specimens: {', '.join(classes)}.",
            modality="photograph",
            normalisation={"method": "range", "mean": 127.5, "std": 127.5, "low": 0, "high": 255},
            training={"classes": classes},
        )
        torch.manual_seed(seed)
        settings = {"size": SIZE, "latent": LATENT, "widths": (12,) * 9}
        Model.create(name, "msggan", "lite", card=card, **settings).save(folder / f"{name}.safetensors")
    return folder


@pytest.fixture
def specimen_dock(make_napari_viewer, specimen_models, small_generators, monkeypatch):
    """A viewer's Generate dock with all of them and a small Cell-GAN on its list, which is chosen."""
    from napari_cellsim.gui import model_list

    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(specimen_models))
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    path = small_generators / "small-cellgan.safetensors"
    model_list.keep_for_session(path)
    dock._view.model_form.model.value = path
    dock.viewer = viewer
    yield dock
    model_list.drop_from_session(path)


def choose(dock, name):
    """Choose a model by its name, as in the row Model."""
    form = dock._view.model_form
    form.model.value = next(
        one for one in form.model.choices if one is not None and name == getattr(one, "stem", one)
    )


def wait_for_layers(dock, qtbot, number):
    """Wait until there are that many layers and the job that made them has ended, which may be later."""
    from napari_cellsim.gui import jobs

    qtbot.waitUntil(lambda: len(dock.viewer.layers) == number and not jobs.running_jobs(), timeout=60_000)


def visible(part):
    return not getattr(part, "native", part).isHidden()


def test_the_biologist_generates_specimens_in_colour(specimen_dock, qtbot):
    viewer, view = specimen_dock.viewer, specimen_dock._view
    choose(specimen_dock, "forams (planktic)")
    view.sample.number.value = 5
    view.sample.seed.value = 7
    view.sample.run_button.click()
    qtbot.waitUntil(lambda: specimen_dock.result is not None, timeout=60_000)
    (layer,) = viewer.layers
    assert layer.rgb
    assert layer.data.shape == (5, SIZE, SIZE, 3)
    assert layer.ndim == 3
    assert layer.name == "forams (planktic) (generated)"
    np.testing.assert_allclose(
        layer.data, specimen_dock.result.images[:, 0].transpose(0, 2, 3, 1) / 255, rtol=1e-5
    )
    assert view.sample.summary.text() == "Made: 5 pictures of 16 × 16 px, seed 7."
    viewer.dims.set_point(0, 3)
    view.explore.add_button.click()
    np.testing.assert_allclose(specimen_dock.chosen[0].images, specimen_dock.result.images[3:4], rtol=1e-5)
    icon = view.explore.list.item(0).icon().pixmap(56).toImage()
    assert not icon.isGrayscale()


def test_one_specimen_alone(specimen_dock):
    choose(specimen_dock, "forams")
    specimen_dock.run(n=1).wait(60)
    (layer,) = specimen_dock.viewer.layers
    assert (layer.rgb, layer.ndim, layer.data.shape) == (True, 2, (SIZE, SIZE, 3))


def test_pictures_appear_in_colour_while_they_are_made(specimen_dock, qtbot):
    viewer, seen = specimen_dock.viewer, []
    viewer.layers.events.inserted.connect(lambda event: seen.append((event.value.name, event.value.rgb)))
    choose(specimen_dock, "forams")
    specimen_dock.run(n=200).wait(60)
    assert seen == [("pictures (generating)", True)]
    (layer,) = viewer.layers
    assert layer.data.shape == (200, SIZE, SIZE, 3)


def test_the_class_is_shown_and_chosen(specimen_dock):
    form = specimen_dock._view.model_form
    assert not visible(form.specimens), "a Cell-GAN has no classes"
    choose(specimen_dock, "forams (planktic)")
    assert visible(form.specimens)
    texts = [form.specimens.native.itemText(i) for i in range(form.specimens.native.count())]
    assert texts == ["2 together: benthic, planktic", "benthic", "planktic"]
    assert form.specimens.native.currentText() == "planktic"
    form.specimens.native.setCurrentText("benthic")
    assert specimen_dock.model.stem == "forams (benthic)"
    assert specimen_dock.run(n=1).wait(60).provenance["model"]["name"] == "forams (benthic)"
    assert form.specimens.native.currentText() == "benthic", "a new layer changes no choice"
    choose(specimen_dock, "pollen")
    assert form.specimens.native.currentText() == "birch"
    assert form.specimens.native.count() == 1
    choose(specimen_dock, "small-cellgan")
    assert not visible(form.specimens)


def test_controls_that_do_not_apply_are_hidden(specimen_dock):
    view = specimen_dock._view
    styled = (view.sample.noise, view.sample.truncation, view.explore.space, view.explore.mix_section)
    styled += (view.explore.slider_section, view.explore.forecast_button)
    assert all(map(visible, styled))
    assert view.tabs.isTabVisible(1)
    assert not visible(view.explore.scales_button)
    choose(specimen_dock, "pollen")
    assert not any(map(visible, styled))
    assert not view.tabs.isTabVisible(1)
    assert visible(view.explore.scales_button)
    specimen_dock.run(n=2).wait(60)
    choose(specimen_dock, "small-cellgan")
    assert visible(view.sample.truncation)
    assert not visible(view.explore.mix_section), "the layer in the Explore tab is still one of specimens"
    specimen_dock.run(n=2).wait(60)
    assert all(map(visible, styled))


def test_rows_on_the_sphere(specimen_dock, qtbot):
    viewer, tab = specimen_dock.viewer, specimen_dock._view.explore
    choose(specimen_dock, "forams")
    specimen_dock.run(n=3, seed=2).wait(60)
    tab.add_all_button.click()
    tab.steps.value = 4
    tab.rows.value = True
    tab.walk_button.click()
    wait_for_layers(specimen_dock, qtbot, 3)
    walk = specimen_dock.result
    np.testing.assert_allclose(np.linalg.norm(walk.latents[:, 0], axis=1), np.sqrt(LATENT), rtol=1e-5)
    movie, rows = viewer.layers[1:]
    assert (movie.rgb, movie.data.shape, movie.axis_labels[0]) == (True, (9, SIZE, SIZE, 3), "t")
    assert (rows.rgb, rows.data.shape) == (True, (2 * SIZE, 5 * SIZE, 3))
    np.testing.assert_allclose(rows.data[SIZE:, :SIZE], movie.data[4], atol=1e-6)


def test_all_scales_of_the_current_picture(specimen_dock, qtbot):
    viewer, tab = specimen_dock.viewer, specimen_dock._view.explore
    choose(specimen_dock, "pollen")
    specimen_dock.run(n=3, seed=2).wait(60)
    source = specimen_dock.layer
    viewer.dims.set_point(0, 1)
    tab.scales_button.click()
    wait_for_layers(specimen_dock, qtbot, 2)
    sheet = viewer.layers[-1]
    assert sheet.rgb
    assert sheet.data.shape == (SIZE, 3 * SIZE, 3)
    np.testing.assert_allclose(sheet.data[:, 2 * SIZE :], source.data[1], atol=1e-5)
    assert len(np.unique(sheet.data[:, :SIZE].reshape(-1, 3), axis=0)) <= 16  # 4 × 4 px, enlarged


def test_colour_pictures_are_saved_and_opened(specimen_dock, tmp_path):
    choose(specimen_dock, "forams")
    made = specimen_dock.run(n=3).wait(60)
    for path, save in (
        (tmp_path / "dock.cellsim.ome.tif", lambda path: specimen_dock.save(path).wait(60)),
        (tmp_path / "menu.cellsim.ome.tif", lambda path: specimen_dock.layer.save(str(path))),
    ):
        save(path)
        specimen_dock.open(path).wait(60)
        np.testing.assert_array_equal(specimen_dock.result.latents, made.latents)
        np.testing.assert_allclose(specimen_dock.result.images, made.images, rtol=1e-5)
        assert specimen_dock.layer.rgb


def test_what_does_not_apply_is_refused_in_words(specimen_dock, movie):
    choose(specimen_dock, "pollen")
    specimen_dock.run(n=2).wait(60)
    with pytest.raises(CellSimError, match="leave the truncation"):
        specimen_dock.run(n=1, truncation=0.5).wait(60)
    with pytest.raises(CellSimError, match="no styles to mix"):
        specimen_dock.mix([0], [1]).wait(60)
    with pytest.raises(CellSimError, match="great circles"):
        specimen_dock.interpolate([0, 1], space="w").wait(60)
    with pytest.raises(CellSimError, match="no start of a movie"):
        specimen_dock.forecast(0)
    specimen_dock.viewer.add_image(movie, name="movie")
    with pytest.raises(CellSimError, match="no guidance encoder"):
        specimen_dock.encode("movie", at=0).wait(60)
