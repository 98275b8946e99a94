"""Regions, segmentation and cell counts of forecasts, judged by the bundled network and by true labels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.data import TimeLapse
from napari_cellsim.evaluation import Report, assess, evaluate, metrics
from napari_cellsim.evaluation.cells import Judge, TrueCells
from napari_cellsim.evaluation.forecast_study import find_cells
from napari_cellsim.evaluation.instances import iou
from napari_cellsim.forecasting import predict
from napari_cellsim.models import load_model

OPTIONS = {"flow": "classical", "segmentation": "none", "device": "cpu"}
AT, STEPS = 3, 2


@pytest.fixture(scope="module")
def scene():
    return phantom.simulate(6, 7, size=128, pixel_size=0.216)


@pytest.fixture(scope="module")
def filmed(scene) -> TimeLapse:
    return scene.as_timelapse()


@pytest.fixture(scope="module")
def forecast(filmed, untrained):
    return predict(filmed, untrained, at=AT, steps=STEPS, **OPTIONS)


@pytest.fixture(scope="module")
def judge(filmed, forecast) -> Judge:
    return Judge(filmed, forecast, load_model("unet-lite"), "cpu")


@pytest.fixture(scope="module")
def report(filmed, scene, forecast, judge) -> Report:
    cells = TrueCells.from_labels(scene.labels[AT : AT + 1 + STEPS], "labels given")
    return assess(filmed, forecast, cells=cells, judge=judge)


def test_regions_are_those_of_the_labels(report, filmed, scene):
    before, now = (scene.labels[t] > 0 for t in (AT, AT + 2))
    guess, truth = filmed.array([AT, AT + 2])
    span = np.ptp(truth)
    scores = report.horizons[1].copy_last
    for name, mask in (("cells", now), ("growth", now & ~before)):
        region = getattr(scores, name)
        assert region.mse == pytest.approx(metrics.mse(guess, truth, span, mask), rel=1e-5)
        assert region.l1_z == pytest.approx(metrics.l1(guess, truth, truth.std(), mask), rel=1e-5)
        scaled = ((guess - truth.min()) / span, (truth - truth.min()) / span)
        assert region.ssim == pytest.approx(metrics.ssim(*scaled, mask=mask), rel=1e-4)
        assert region.sharpness == pytest.approx(metrics.sharpness(guess, truth, mask=mask), rel=1e-5)
    assert scores.growth.mse > scores.mse  # where cells grew, copying the last frame is wrong
    assert scores.spectral == pytest.approx(metrics.spectral_ratio(guess, truth), rel=1e-5)
    assert report.horizons[1].blurred_copy_last.spectral < scores.spectral


def test_segmentation_is_judged_alike_for_all(report, filmed, scene, judge):
    seen = judge.labels(filmed.array([AT, AT + 1])) > 0
    truth = scene.labels[AT + 1] > 0
    horizon = report.horizons[0]
    assert horizon.judge_iou == pytest.approx(iou(seen[1], truth))
    assert horizon.judge_iou > 0.85  # the network knows phantoms
    assert horizon.copy_last.iou == pytest.approx(iou(seen[0], truth))
    assert report.judge == {"name": "unet-lite", "hash": judge.hash}
    assert report.cells_from == "labels given"


def test_counted_cells(report, scene):
    for horizon in report.horizons:
        names = set(np.unique(scene.labels[horizon.frame])) - {0, -1}
        assert horizon.true_count == pytest.approx(
            len(names), abs=1
        )  # a bud of the last frame is not counted
        for method in ("model", "copy_last", "blurred_copy_last", "constant_flow"):
            scores = horizon.scores(method)
            assert scores.count_error == abs(scores.cell_count - horizon.true_count)
    copied = [h.copy_last.cell_count for h in report.horizons]
    assert copied[0] == copied[1]  # the same picture twice


def test_report_with_judge_is_json(report, tmp_path):
    assert Report.open(report.save(tmp_path / "r.json")) == report
    table = report.table()
    assert "cells IoU" in table
    assert "skill" in table


def test_without_labels_the_judge_says_what_is_true(filmed, forecast, untrained, judge):
    cells, chosen = find_cells(filmed, forecast, untrained, judge="unet-lite", device="cpu")
    assert chosen.hash == judge.hash
    assert cells.source == "unet-lite on the true frames"
    np.testing.assert_array_equal(cells.labels, judge.labels(filmed.array(slice(AT, AT + 1 + STEPS))))
    found = assess(filmed, forecast, cells=cells, judge=chosen)
    assert [h.judge_iou for h in found.horizons] == [1, 1]


def test_labels_that_do_not_fit_are_refused(filmed, forecast, untrained, scene):
    with pytest.raises(CellSimError, match="one label picture"):
        find_cells(filmed, forecast, untrained, labels=scene.labels[:4])
    # as past masks for the model they are fine, but they say nothing about later frames
    cells, chosen = find_cells(filmed, forecast, untrained, segmentation=scene.labels[:4])
    assert (cells, chosen) == (None, None)


def test_nobody_judges_unless_asked(filmed, untrained, scene):
    plain = evaluate(filmed, untrained, at=AT, steps=1, **OPTIONS)
    assert plain.horizons[0].model.iou is None
    assert plain.cells_from is None
    labelled = evaluate(filmed, untrained, at=AT, steps=1, labels=scene.labels, **OPTIONS)
    assert labelled.horizons[0].model.growth is not None
    assert labelled.horizons[0].model.iou is None
    assert labelled.judge is None


def test_baselines_are_taken_over(report, filmed, forecast, scene, judge):
    """Another model's report of the same frames gives the same numbers, without scoring its baselines again."""
    cells = TrueCells.from_labels(scene.labels[AT : AT + 1 + STEPS], "labels given")
    again = assess(filmed, forecast, cells=cells, judge=judge, like=report)
    assert again.horizons == report.horizons
    with pytest.raises(CellSimError, match="after frame 2"):
        assess(filmed, forecast, like=report.model_copy(update={"at": 2}))
