"""Reports of single forecasts: known scores, no look into the future, the JSON format."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import Report, assess, baselines, evaluate, metrics
from napari_cellsim.evaluation.scoring import score
from napari_cellsim.forecasting import predict

OPTIONS = {"flow": "classical", "segmentation": "none", "device": "cpu"}
METHODS = ["model", "copy_last", "blurred_copy_last", "constant_flow"]


@pytest.fixture(scope="module")
def report(movie, untrained):
    return evaluate(movie, untrained, at=4, steps=3, **OPTIONS)


def test_untrained_model_scores_as_copy_last(report):
    for horizon in report.horizons:
        assert horizon.model.mse == pytest.approx(horizon.copy_last.mse, rel=0.1)
        assert (
            horizon.constant_flow.mse < 0.5 * horizon.copy_last.mse
        )  # the scene really moves at constant speed
        assert horizon.mse_ratio == pytest.approx(
            horizon.model.mse / min(horizon.scores(m).mse for m in METHODS[1:]), rel=1e-9
        )
        assert horizon.model.cells is None


def test_horizons_and_identity(report, movie, untrained):
    assert [h.horizon for h in report.horizons] == [1, 2, 3]
    assert [h.frame for h in report.horizons] == [5, 6, 7]
    assert [h.minutes for h in report.horizons] == [10, 20, 30]
    assert report.model == {"name": "untrained", "hash": untrained.hash}
    assert report.region is None
    assert report.blur_tuned_on == "frames 0 to 4 of the movie"
    assert report.provenance["input"]["frames"][-1] == 4


def test_scores_are_the_metrics_of_the_frames(report, movie):
    truth = movie.array(6)[0]
    low, span = truth.min(), np.ptp(truth)
    guess = baselines.copy_last(movie.array(slice(0, 5)), 2)[1]
    scores = report.horizons[1].copy_last
    for name in ("mse", "l1", "psnr", "ssim", "sharpness", "psnr_thesis", "ssim_thesis"):
        expected = getattr(metrics, name)((guess - low) / span, (truth - low) / span)
        assert getattr(scores, name) == pytest.approx(expected, rel=1e-4), name
    standardised = ((guess - truth.mean()) / truth.std(), (truth - truth.mean()) / truth.std())
    assert scores.mse_z == pytest.approx(metrics.mse(*standardised), rel=1e-4)
    assert scores.l1_z == pytest.approx(metrics.l1(*standardised), rel=1e-4)


def test_scores_do_not_depend_on_units(movie):
    prediction, target = movie.array([0, 1])
    plain, scaled = score(prediction, target), score(prediction * 7 + 100, target * 7 + 100)
    for name, value in plain.model_dump(exclude={"psnr_thesis", "ssim_thesis"}).items():
        assert value is None or getattr(scaled, name) == pytest.approx(value, rel=1e-4), name


def test_json_has_every_metric_for_every_method(report, tmp_path):
    path = report.save(tmp_path / "report.json")
    content = json.loads(path.read_text())
    assert list(tmp_path.iterdir()) == [path]
    assert content["at"] == 4
    assert content["steps"] == 3
    assert [h["horizon"] for h in content["horizons"]] == [1, 2, 3]
    for horizon in content["horizons"]:
        for method in METHODS:
            judged = {"cells", "growth", "iou", "cell_count", "count_error"}  # none without a segmentation
            sure = {"coverage", "half_width"}  # none without an uncertainty
            together = {"crps", "energy", "diversity", "diversity_ratio"}  # none of one picture
            absent = judged | sure | together
            assert all(horizon[method][key] is None for key in absent)
            numbers = {key: value for key, value in horizon[method].items() if key not in absent}
            assert set(numbers) == {
                "mse",
                "l1",
                "psnr",
                "ssim",
                "mse_z",
                "l1_z",
                "sharpness",
                "psnr_thesis",
                "ssim_thesis",
                "spectral",
            }
            assert all(isinstance(value, float) for value in numbers.values())
    assert Report.open(path) == report


def test_perfect_and_flat_frames_stay_valid_json(movie, untrained):
    still = replace(movie, frames=np.repeat(movie.frames[:1], 5, axis=0))
    perfect = evaluate(still, untrained, at=3, steps=1, **OPTIONS)
    assert perfect.horizons[0].copy_last.mse == 0
    assert perfect.horizons[0].copy_last.psnr is None  # infinite, which JSON cannot say
    assert perfect.horizons[0].mse_ratio is None
    frames = movie.frames.copy()
    frames[5] = 1000.0
    flat = evaluate(replace(movie, frames=frames), untrained, at=4, steps=1, **OPTIONS)
    assert set(flat.horizons[0].model.model_dump().values()) == {None}
    for found in (perfect, flat):
        assert Report.model_validate_json(found.to_json()) == found
        assert "NaN" not in found.to_json()
        assert "Infinity" not in found.to_json()
        assert "–" in found.table()


def test_nothing_after_at_changes_baselines_or_blur(movie, untrained):
    """Only the truth may see later frames: changing them must leave what was predicted bit-identical."""
    forecast = predict(movie, untrained, steps=2, at=4, **OPTIONS)
    altered = movie.frames.copy()
    altered[5:] = np.random.default_rng(0).random(altered[5:].shape) * 4000
    original = assess(movie, forecast)
    changed = assess(replace(movie, frames=altered), forecast)
    assert changed.blur_sigma == original.blur_sigma
    truth = altered[5, 0, 0]
    for method, frames in (
        ("copy_last", baselines.copy_last(movie.array(slice(0, 5)), 1)),
        ("constant_flow", baselines.constant_flow(movie.array(slice(0, 5)), 1)),
    ):
        assert changed.horizons[0].scores(method) == score(frames[0], truth)


def test_horizons_without_truth_are_left_out(movie, untrained):
    report = evaluate(movie, untrained, at=6, steps=3, **OPTIONS)
    assert [h.horizon for h in report.horizons] == [1]
    last = predict(movie, untrained, steps=2, **OPTIONS)
    nothing = assess(movie, last)
    assert nothing.horizons == []
    assert "no frame after number 7" in nothing.table()


def test_cells_from_labels(movie, untrained):
    labels = np.zeros((8, 48, 48), np.int32)
    labels[:, 10:30, 12:32] = 3
    labels[:, :4] = -1  # trap
    report = evaluate(movie, untrained, at=5, steps=2, **OPTIONS | {"segmentation": labels})
    inside = report.horizons[0].copy_last.cells
    truth, guess = movie.array(6)[0], movie.array(5)[0]
    expected = metrics.mse(guess, truth, data_range=np.ptp(truth), mask=labels[6] > 0)
    assert inside.mse == pytest.approx(expected, rel=1e-4)
    assert "cells MSE" in report.table()
    past_only = evaluate(movie, untrained, at=5, steps=2, **OPTIONS | {"segmentation": labels[:6]})
    assert past_only.horizons[0].model.cells is None


def test_cells_from_a_network(movie, untrained):
    """The network sees the true frame; an untrained one finds something or nothing, but always inside the frame."""
    from napari_cellsim.evaluation.cells import true_cells
    from napari_cellsim.models import Model

    unet = Model.create("untrained unet", "unet", "lite")
    forecast = predict(movie, untrained, steps=3, at=5, regions=[(4, 44, 0, 40)], **OPTIONS)[0]
    found = true_cells(movie, forecast, untrained, unet, "cpu")
    assert found.after.shape == (2, 40, 40)
    assert found.before.shape == (40, 40)
    assert found.after.dtype == bool
    assert found.source == "untrained unet on the true frames"
    assert true_cells(movie, forecast, untrained, "none", "cpu") is None


def test_region(movie, untrained):
    report = evaluate(movie, untrained, at=4, steps=1, regions=[(8, 40, 4, 44)], **OPTIONS)
    assert report.region == (8, 40, 4, 44)
    window = (slice(8, 40), slice(4, 44))
    assert report.horizons[0].copy_last == score(movie.array(4)[0][window], movie.array(5)[0][window])


def test_errors_are_sentences(movie, untrained, tmp_path):
    with pytest.raises(CellSimError, match="none follows frame 7"):
        evaluate(movie, untrained, at=7, **OPTIONS)
    with pytest.raises(CellSimError, match="2 regions"):
        evaluate(movie, untrained, at=4, steps=1, regions=[(0, 20, 0, 20)] * 2, **OPTIONS)
    forecast = predict(movie, untrained, steps=1, at=4, **OPTIONS)
    with pytest.raises(CellSimError, match="does not fit"):
        assess(movie.crop(0, 40, 0, 40), forecast)
    with pytest.raises(CellSimError, match="one mask for each"):
        assess(movie, forecast, cells=np.ones((1, 8, 8)))
    with pytest.raises(CellSimError, match="cannot be read"):
        Report.open(tmp_path / "absent.json")
    (tmp_path / "other.json").write_text('{"a": 1}')
    with pytest.raises(CellSimError, match=r"other\.json is not a report"):
        Report.open(tmp_path / "other.json")
