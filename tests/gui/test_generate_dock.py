"""The Generate tab of the Generate dock in a real viewer, with a real (untrained, small) model."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from napari_cellsim.base import CellSimError, JobCancelled


def test_the_biologist_presses_generate(generate_dock, qtbot):
    viewer, view = generate_dock.viewer, generate_dock._view
    view.sample.number.value = 5
    view.sample.seed.value = 7
    view.sample.run_button.click()
    assert not view.sample.run_button.isEnabled()
    qtbot.waitUntil(lambda: generate_dock.result is not None, timeout=60_000)
    assert view.sample.run_button.isEnabled()
    (layer,) = viewer.layers
    assert layer.data.shape == (5, 32, 32)
    assert "generated" in layer.name
    np.testing.assert_allclose(layer.scale, (1, 0.864, 0.864))
    assert "seed 7" in view.sample.summary.text()
    assert "finished" in generate_dock.message
    assert generate_dock.layer is layer


def test_same_seed_same_pictures(generate_dock):
    first = generate_dock.run(n=3, seed=4).wait(60)
    second = generate_dock.run(n=2, seed=4).wait(60)
    other = generate_dock.run(n=2, seed=5).wait(60)
    np.testing.assert_array_equal(first.images[:2], second.images)
    assert not np.array_equal(second.images, other.images)
    names = [layer.name for layer in generate_dock.viewer.layers]
    assert len(set(names)) == 3


def test_dice_throws_another_seed(generate_dock):
    field = generate_dock._view.sample.seed
    seen = set()
    for _ in range(5):
        field.dice.click()
        seen.add(field.value)
    assert len(seen) > 1
    assert all(0 <= seed < 1_000_000 for seed in seen)


def test_truncation_slider_and_number_agree(generate_dock):
    slider = generate_dock._view.sample.truncation
    slider.slider.setValue(slider.slider.maximum())
    assert slider.value == pytest.approx(1.0)
    slider.number.setValue(0.3)
    assert slider.slider.value() == 6
    assert generate_dock.run(n=1).wait(60).provenance["config"]["truncation"] == pytest.approx(0.3)


def test_pictures_appear_while_they_are_made(generate_dock, qtbot):
    viewer = generate_dock.viewer
    seen = []
    viewer.layers.events.inserted.connect(
        lambda event: seen.append((event.value.name, event.value.data.shape))
    )
    job = generate_dock.run(n=200)
    job.wait(60)
    assert seen[0][0] == "pictures (generating)"
    assert seen[0][1][0] < 200
    (layer,) = viewer.layers
    assert layer.data.shape == (200, 32, 32)
    assert "(generated)" in layer.name


def test_cancel_half_way_keeps_what_was_made(generate_dock, qtbot):
    viewer = generate_dock.viewer
    job = generate_dock.run(n=5000)
    qtbot.waitUntil(lambda: len(viewer.layers) > 0, timeout=60_000)
    generate_dock._view.bar.cancel_button.click()
    with pytest.raises(JobCancelled):
        job.wait(60)
    (partial,) = viewer.layers
    assert "incomplete" in partial.name
    assert 1 <= len(partial.data) < 5000
    assert np.isfinite(partial.data).all()
    assert generate_dock.layer is None, "without latents there is nothing to explore"
    assert generate_dock.message.endswith("was cancelled.")
    assert generate_dock.run(n=1).wait(60).images.shape[0] == 1


def test_one_picture_is_seen_whatever_the_time_slider_says(generate_dock, movie):
    viewer = generate_dock.viewer
    viewer.add_image(movie, name="movie", scale=(10.0, 0.2, 0.2), units=("minute", "um", "um"))
    viewer.dims.set_point(0, 50.0)
    generate_dock.run(n=1).wait(60)
    assert viewer.layers[-1].ndim == 2
    assert viewer.layers.units is not None


@pytest.mark.parametrize("movie_first", [True, False])
def test_pictures_beside_a_movie_keep_its_units(generate_dock, movie, movie_first, qtbot):
    viewer = generate_dock.viewer

    def add_movie():
        viewer.add_image(movie, name="movie", scale=(10.0, 0.2, 0.2), units=("minute", "um", "um"))

    if movie_first:
        add_movie()
    generate_dock.run(n=4).wait(60)
    layer = generate_dock.layer
    if not movie_first:
        add_movie()
    assert viewer.layers.units is not None
    assert str(viewer.layers.units[0]) == "minute"
    viewer.dims.set_point(0, 20.0)
    np.testing.assert_allclose(layer.world_to_data((20.0, 0, 0))[0], 2)
    generate_dock.add_current()
    np.testing.assert_array_equal(generate_dock.chosen[0].images, generate_dock.result.images[2:3])


def test_three_frames_per_picture(generate_dock, small_generators):
    made = generate_dock.run(n=2, model=small_generators / "small-cellgan-movie.safetensors").wait(60)
    assert made.images.shape == (2, 3, 1, 32, 32)
    assert generate_dock.layer.data.shape == (2, 3, 32, 32)


def test_no_model_code_on_the_gui_thread(generate_dock):
    from torch.nn.modules.module import register_module_forward_pre_hook

    threads = set()
    handle = register_module_forward_pre_hook(lambda module, args: threads.add(threading.current_thread()))
    try:
        generate_dock.run(n=2).wait(60)
    finally:
        handle.remove()
    assert threads
    assert threading.main_thread() not in threads


def test_wrong_wishes(generate_dock, tmp_path):
    with pytest.raises(CellSimError, match="number of pictures is 0"):
        generate_dock.run(n=0).wait(60)
    with pytest.raises(CellSimError, match="seed"):
        generate_dock.run(seed=-1).wait(60)
    with pytest.raises(CellSimError, match="truncation is 2"):
        generate_dock.run(truncation=2.0).wait(60)
    with pytest.raises(CellSimError, match="no model called 'nothing'"):
        generate_dock.run(model="nothing").wait(60)
    assert list(generate_dock.viewer.layers) == []
    assert generate_dock.message.startswith("⚠")


def test_no_model_installed(make_napari_viewer, tmp_path, monkeypatch):
    from napari_cellsim.gui import generate_form

    monkeypatch.setattr(generate_form, "KINDS", ())
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    with pytest.raises(CellSimError, match="No generating model is installed"):
        dock.run()
    dock._view.sample.run_button.click()
    assert "No generating model is installed" in dock.message


def test_out_of_memory_is_explained(generate_dock):
    import torch
    from torch.nn.modules.module import register_module_forward_pre_hook

    def refuse(module, args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 40.00 GiB.")

    handle = register_module_forward_pre_hook(refuse)
    try:
        with pytest.raises(CellSimError, match="memory"):
            generate_dock.run(n=2).wait(60)
    finally:
        handle.remove()
    assert "memory" in generate_dock.message
    assert "region" not in generate_dock.message
    assert len(generate_dock.run(n=1).wait(60)) == 1


def test_layers_are_added_in_one_turn_of_the_event_loop_and_painted_in_another(generate_dock, qtbot):
    painted = []
    generate_dock.viewer.layers.events.inserted.connect(
        lambda _event: painted.append(generate_dock._view.updatesEnabled())
    )
    generate_dock.run(n=2).wait(60)
    generate_dock.interpolate([0, 1], steps=2).wait(60)
    generate_dock.mix([0], [1]).wait(60)
    generate_dock.edit([1.0], picture=0)
    qtbot.waitUntil(lambda: len(painted) == 5, timeout=60_000)
    assert painted == [False] * 5
    qtbot.waitUntil(generate_dock._view.updatesEnabled)


def test_one_job_at_a_time(generate_dock):
    job = generate_dock.run(n=3)
    with pytest.raises(CellSimError, match="still running"):
        generate_dock.run()
    job.wait(60)


@pytest.mark.parametrize("what", ["viewer", "dock"])
def test_closing_while_running(make_napari_viewer, small_generators, monkeypatch, qtbot, what):
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(small_generators))
    viewer = make_napari_viewer()
    container, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    job = dock.run(n=9000, model=small_generators / "small-cellgan.safetensors")
    qtbot.waitUntil(lambda: len(viewer.layers) > 0, timeout=60_000)
    if what == "viewer":
        viewer.close()
    else:
        container.destroyOnClose()
    qtbot.waitUntil(lambda: job.status == "cancelled", timeout=60_000)
    if what == "dock":
        viewer.dims.set_point(0, 1)  # a closed dock must not answer
        viewer.add_image(np.zeros((3, 8, 8)), name="another")


def test_save_and_open_again(generate_dock, tmp_path):
    with pytest.raises(CellSimError, match="no generated pictures yet"):
        generate_dock.save(tmp_path / "nothing.cellsim.ome.tif")
    before = generate_dock.run(n=3).wait(60)
    path = tmp_path / "pictures.cellsim.ome.tif"
    generate_dock.save(path).wait(60)
    generate_dock.viewer.layers.clear()
    assert generate_dock.layer is None
    generate_dock.open(path).wait(60)
    np.testing.assert_array_equal(generate_dock.result.latents, before.latents)
    assert generate_dock.layer.data.shape == (3, 32, 32)
    generate_dock.add_all()
    assert len(generate_dock.chosen) == 3


def test_save_menu_of_napari_keeps_the_latents(generate_dock, tmp_path):
    from napari_cellsim import open_result

    for number in (1, 3):
        made = generate_dock.run(n=number).wait(60)
        path = tmp_path / f"{number}.cellsim.ome.tif"
        assert generate_dock.layer.save(str(path)) == [str(path)]
        np.testing.assert_array_equal(open_result(path).latents, made.latents)


def test_open_a_model_and_what_is_none(generate_dock, small_generators, tmp_path):
    generate_dock.open(small_generators / "small-cellgan-movie.safetensors").wait(60)
    assert generate_dock.model == small_generators / "small-cellgan-movie.safetensors"
    (tmp_path / "no.tif").write_bytes(b"no picture")
    with pytest.raises(CellSimError):
        generate_dock.open(tmp_path / "no.tif").wait(60)
