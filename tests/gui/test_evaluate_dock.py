"""The Forecast and Generator tabs of the Evaluate dock, in a real viewer, with real (untrained, small) models."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
import tifffile

from napari_cellsim.base import CellSimError, JobCancelled


@pytest.fixture
def dock(make_napari_viewer, small_models, small_generators, tmp_path, monkeypatch):
    """A viewer's Evaluate dock with two forecasting models and a generator, added as the Plugins menu adds it."""
    folder = tmp_path / "models"
    shutil.copytree(small_models, folder)
    shutil.copy(small_generators / "small-cellgan.safetensors", folder)
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(folder))
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Evaluate")
    dock._view.forecast.tick(["small-sdcnet"])
    dock._view.generator.model_form.model.value = folder / "small-cellgan.safetensors"
    dock.viewer, dock.folder = viewer, folder
    return dock


def test_the_biologist_evaluates_a_movie(dock, movie, qtbot):
    view = dock._view.forecast
    dock.viewer.add_image(movie, name="movie")
    view.steps.value = 2
    view.starts.value = "3, 5"
    view.run_button.click()
    assert not view.run_button.isEnabled()
    qtbot.waitUntil(lambda: view.result.isVisibleTo(dock), timeout=60_000)
    qtbot.waitUntil(lambda: dock.job is None, timeout=60_000)
    assert view.run_button.isEnabled()
    assert "finished" in dock.message
    heads, *rows = view.result.texts
    assert heads == ["Step", "Skill", "Model", "Copy last", "Blurred copy", "Constant flow"]
    assert [row[0] for row in rows] == ["1", "2"]
    assert [report.at for report in dock.study.reports] == [3, 5]
    score = dock.study.comparisons[0].horizons[0].scores["copy_last"]["mse"].value
    assert float(rows[0][3]) == pytest.approx(1000 * score, rel=5e-3)
    # an untrained model copies the last frame
    assert float(rows[0][2]) == pytest.approx(float(rows[0][3]), rel=0.05)
    assert "needs several movies" in view.result.summary.text()
    assert "pixel size" in view.result.notes.text()
    view.result.choice.value = "SSIM"
    ssim = dock.study.comparisons[0].horizons[1].scores["model"]["ssim"].value
    assert float(view.result.texts[2][2]) == pytest.approx(ssim, rel=5e-3)


def test_dropped_files_two_models_and_the_command(dock, movie, small_models, tmp_path):
    view = dock._view.forecast
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"pos{number}.tif")
        tifffile.imwrite(paths[-1], np.roll(movie, 5 * number, axis=2), photometric="minisblack")
    second = dock.folder / "another.safetensors"
    from napari_cellsim.models import Model, load_model

    first = load_model(small_models / "small-sdcnet.safetensors")
    Model("another", "sdcnet", first.networks, first.card).save(second)
    dock.reset_choices()
    view.tick(["small-sdcnet", "another"])
    view.sources.drop_zone.dropped.emit(paths)
    view.judge.value = "none"
    view.steps.value = 1
    study = dock.evaluate_forecasts().wait(120)
    assert [one.sequences for one in study.comparisons] == [3, 3]
    rows = view.result.texts[1:]
    assert [row[0] for row in rows] == ["1 · another", "1 · small-sdcnet"]
    assert all("[" in row[1] for row in rows), "several movies give an interval"
    assert "MSE of another against small-sdcnet" in view.result.notes.text()
    assert all(str(path) in study.command for path in paths)
    assert "--judge none" in study.command
    assert "IoU of cells" not in view.result.choice.choices
    view.sources.clear_button.click()
    with pytest.raises(CellSimError, match="No movies are chosen"):
        dock.evaluate_forecasts()


def test_true_cells_of_a_layer(dock, movie):
    view = dock._view.forecast
    dock.viewer.add_image(movie, name="movie")
    dock.viewer.add_labels((movie > 6000).astype(np.int32), name="cells")
    view.labels.value = dock.viewer.layers["cells"]
    study = dock.evaluate_forecasts(steps=1).wait(60)
    assert study.reports[0].horizons[0].model.cells.mse is not None
    assert "MSE · 10³ in cells" in view.result.choice.choices


def test_report_in_the_browser_and_on_the_disk(dock, movie, tmp_path, monkeypatch):
    from qtpy.QtGui import QDesktopServices

    dock.viewer.add_image(movie, name="movie")
    with pytest.raises(CellSimError, match="no result"):
        dock.open_report()
    dock.evaluate_forecasts(steps=1, judge="none").wait(60)
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()) or True)
    path = dock.open_report().wait(30)
    assert opened == [str(path)]
    assert "<html" in path.read_text(encoding="utf-8")
    for ending in ("html", "csv", "json"):
        dock.save_report(tmp_path / f"report.{ending}").wait(30)
    with (tmp_path / "report.csv").open(encoding="utf-8") as file:
        assert {row["forecast"] for row in csv.DictReader(file)} >= {"model", "copy_last"}
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["comparisons"]
    with pytest.raises(CellSimError, match="ends in"):
        dock.save_report(tmp_path / "report.pdf").wait(30)
    assert not (tmp_path / "report.pdf").exists()


def test_cancel(dock, movie, qtbot):
    from napari_cellsim.base import Progress

    dock.viewer.add_image(np.tile(movie, (1, 3, 3)), name="movie")
    job = dock.evaluate_forecasts(at=list(range(1, 7)), steps=1)
    seen = []
    job.happened.connect(lambda event: seen.append(event) if isinstance(event, Progress) else None)
    qtbot.waitUntil(lambda: any(event.done for event in seen), timeout=60_000)
    dock._view.bar.cancel_button.click()
    with pytest.raises(JobCancelled):
        job.wait(60)
    assert dock.study is None
    assert not dock._view.forecast.result.isVisibleTo(dock)
    assert dock._view.forecast.run_button.isEnabled()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda view: view.tick([]), "No model is chosen"),
        (lambda view: setattr(view.starts, "value", "three"), "names no frames"),
        (lambda view: setattr(view.starts, "value", "7"), "7"),
        (lambda view: setattr(view.channel, "value", 4), "no channel 4"),
        (lambda view: view.sources.add(["/nowhere/pos1.tif"]), "pos1.tif"),
    ],
)
def test_bad_input_gets_one_sentence(dock, movie, qtbot, spoil, sentence):
    view = dock._view.forecast
    dock.viewer.add_image(movie, name="movie")
    spoil(view)
    view.run_button.click()
    qtbot.waitUntil(lambda: "⚠" in dock.message, timeout=60_000)
    assert sentence in dock.message
    assert "unexpected" not in dock.message
    assert dock.study is None


def test_a_generator_against_real_pictures(dock, qtbot):
    view = dock._view.generator
    dock.show_tab("Generator")
    real = np.random.default_rng(0).normal(9000, 1500, (20, 40, 40)).clip(0).astype(np.uint16)
    dock.viewer.add_image(real, name="stills")
    view.n.value = 16
    view.run_button.click()
    qtbot.waitUntil(lambda: view.result.isVisibleTo(dock), timeout=60_000)
    qtbot.waitUntil(lambda: dock.job is None, timeout=60_000)
    table = {row[0]: row[1:] for row in view.result.texts[1:]}
    study = dock.study
    assert float(table["KID · 10³"][0]) == pytest.approx(1000 * study.distances.kid, rel=5e-3)
    assert float(table["Recall"][1]) == pytest.approx(study.reference.recall, rel=5e-3)
    assert {"Fréchet distance", "Precision", "Copies of real pictures", "Largest step of walks"} <= set(table)
    assert study.extractor in view.result.summary.text()
    assert "16 pictures of small-cellgan against 20 real ones" in view.result.summary.text()
    assert "Go by KID" in view.result.notes.text(), "so few pictures are worth a warning"
    assert study.command is None, "a layer has no command line"


def test_a_generator_without_real_pictures(dock):
    dock.show_tab("Generator")
    dock._view.generator.run_button.click()
    assert "No real pictures are chosen" in dock.message


def test_each_sequence_of_a_store_of_crops_counts(dock, phantom_store):
    study = dock.evaluate_forecasts(phantom_store.path, steps=1, judge="none").wait(120)
    assert study.comparisons[0].sequences == len(phantom_store)
    assert study.command is None, "the command line reads no stores"


@pytest.fixture
def unsure(dock, small_models):
    """The dock's folder with a model besides that knows how sure it is, and whose futures differ by seed; ticked."""
    import torch

    from napari_cellsim import nets
    from napari_cellsim.models import Model, load_model

    networks = {"sdcnet": nets.create("sdcnet", "lite", scale=True)}
    networks["sampler"] = nets.create("sdcnet", "lite", noise=2, residual=True)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in networks["sampler"].parameters():  # fresh networks ignore the noise
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    card = load_model(small_models / "small-sdcnet.safetensors").card
    Model("unsure", "sdcnet", networks, card).save(dock.folder / "unsure.safetensors")
    dock.reset_choices()
    dock._view.forecast.tick(["unsure"])
    return dock


def finished(dock, qtbot):
    view = dock._view.forecast
    qtbot.waitUntil(lambda: view.result.isVisibleTo(dock), timeout=120_000)
    qtbot.waitUntil(lambda: dock.job is None, timeout=60_000)


def test_how_often_the_truth_lies_in_the_interval(unsure, movie, qtbot):
    view = unsure._view.forecast
    unsure.viewer.add_image(movie, name="movie")
    unsure.viewer.add_labels((movie > 6000).astype(np.int32), name="cells")
    view.labels.value = unsure.viewer.layers["cells"]
    view.steps.value = 2
    view.tick(["small-sdcnet", "unsure"])
    view.run_button.click()
    finished(unsure, qtbot)
    view.result.choice.value = "Coverage, %"
    heads, *rows = view.result.texts
    assert heads[:4] == ["Step", "Should be, %", "Whole picture", "Inside cells"]
    assert [row[0] for row in rows] == ["1 · unsure", "2 · unsure"], "the other model has no interval"
    (horizon, _) = unsure.study.comparisons[1].horizons
    assert unsure.study.comparisons[1].model["name"] == "unsure"
    assert rows[0][1] == "68.3"
    assert float(rows[0][2]) == pytest.approx(100 * horizon.scores["model"]["coverage"].value, abs=0.1)
    assert float(rows[0][3]) == pytest.approx(100 * horizon.scores["model"]["cells_coverage"].value, abs=0.1)
    assert not {"CRPS · 10³", "Diversity / error"} & set(view.result.choice.choices), "there are no samples"
    view.tick(["small-sdcnet"])
    unsure.evaluate_forecasts(steps=1, judge="none").wait(60)
    assert "Coverage, %" not in view.result.choice.choices
    assert view.result.texts[0][1] == "Skill", "the table follows when a measure is gone"


def test_samples_are_judged_together_and_one_by_one(unsure, movie, tmp_path, qtbot):
    view, answers = unsure._view.forecast, unsure._view.forecast.answers
    paths = [tmp_path / f"pos{number}.tif" for number in range(2)]
    for number, path in enumerate(paths):
        tifffile.imwrite(path, np.roll(movie, 5 * number, axis=2), photometric="minisblack")
    view.sources.drop_zone.dropped.emit(paths)
    view.judge.value = "none"
    view.steps.value = 1
    assert answers.seed.isHidden()
    answers.answer.value = "sample"
    assert not answers.seed.isHidden()
    answers.samples.value = 3
    answers.seed.value = 7
    view.run_button.click()
    finished(unsure, qtbot)
    study = unsure.study
    config = study.reports[0].provenance["config"]
    assert (config["mode"], config["samples"], config["seed"]) == ("sample", 3, 7)
    assert all(words in study.command for words in ("--mode sample", "--samples 3", "--seed 7"))
    assert "Skill of a single sample" in view.result.summary.text()
    assert view.result.texts[0][2:4] == ["One sample", "Mean of samples"]
    scores = study.comparisons[0].horizons[0].scores
    view.result.choice.value = "CRPS · 10³"
    heads, row = view.result.texts
    assert heads[2] == "Samples together"
    assert float(row[2].split()[0]) == pytest.approx(1000 * scores["model"]["crps"].value, rel=5e-3)
    assert float(row[heads.index("Copy last")].split()[0]) == pytest.approx(
        1000 * scores["copy_last"]["l1"].value, rel=5e-3
    )
    view.result.choice.value = "Diversity / error"
    assert view.result.texts[0] == ["Step", "Skill", "Samples together"], "one picture has no diversity"
    assert float(view.result.texts[1][2].split()[0]) > 0
    again = unsure.evaluate_forecasts(mode="mean", steps=1).wait(120)
    assert again.reports[0].mode == "mean"
    assert "--mode " not in again.command


def test_samples_need_a_sampler_in_every_model(unsure, movie):
    view, answers = unsure._view.forecast, unsure._view.forecast.answers
    unsure.viewer.add_image(movie, name="movie")
    answers.answer.value = "sample"
    view.tick(["small-sdcnet", "unsure"])
    assert answers.answer.value == "mean"
    assert not answers.answer.enabled
    assert "small-sdcnet” gives the best estimate only" in answers.sentence.text()
    with pytest.raises(CellSimError, match="no network 'sampler'"):
        unsure.evaluate_forecasts(mode="sample")
    view.tick(["unsure"])
    assert answers.answer.enabled
    assert unsure.job is None
