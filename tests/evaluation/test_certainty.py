"""Reports of forecasts that say how sure they are, or that are several possible futures."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from made_movies import drifting

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.data import TimeLapse
from napari_cellsim.evaluation import (
    Comparison,
    MovieStudy,
    Report,
    assess,
    compare_models,
    compare_sequences,
    crps,
    diversity,
    energy_score,
)
from napari_cellsim.evaluation.cells import Judge, TrueCells
from napari_cellsim.evaluation.scoring import score
from napari_cellsim.forecasting import Forecast, half_width
from napari_cellsim.models import load_model

AT, STEPS, SIZE = 4, 2, 64
CELLS = np.zeros((STEPS, SIZE, SIZE), bool)
CELLS[:, 20:44, 16:40] = True
SCALE = 300 * np.array([0.1, 0.2])[:, None, None]  # of the movie's about 4000 grey values


def forecast_of(movie: TimeLapse, frames: np.ndarray, **fields) -> Forecast:
    """A forecast of frames (S, T, Y, X)."""
    _, steps, height, width = frames.shape
    empty = np.zeros((steps, 2, height, width), np.float32)
    given = {
        "provenance": {"model": {"name": "made up", "hash": "0"}},
        "pixel_size": movie.pixel_size,
    } | fields
    return Forecast(np.asarray(frames, np.float32)[:, :, None], empty, AT, **given)


def sure(movie: TimeLapse, seed: int = 0) -> Forecast:
    """Laplace errors of a known scale, which inside cells is twice what the forecast says."""
    noise = np.random.default_rng(seed).laplace(size=(1, STEPS, SIZE, SIZE)) * SCALE * (1 + CELLS)
    width = half_width(np.broadcast_to(SCALE, (STEPS, SIZE, SIZE)))
    return forecast_of(movie, truth_of(movie) + noise, uncertainty=width[:, None])


def guesses(movie: TimeLapse, count: int = 4, seed: int = 0) -> Forecast:
    """Samples that differ from each other as each does from the truth, by Gaussian noise of deviation 60 √2."""
    noise = np.random.default_rng(seed).normal(0, 60, (count + 1, STEPS, SIZE, SIZE))
    return forecast_of(movie, truth_of(movie) + noise[1:] - noise[:1])


def truth_of(movie: TimeLapse) -> np.ndarray:
    return movie.array(slice(AT + 1, AT + 1 + STEPS))


@pytest.fixture(scope="module")
def movies() -> list[TimeLapse]:
    return [drifting(size=SIZE, seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def sampled(movies) -> list[Report]:
    return [assess(movie, guesses(movie, seed=n), sequence=str(n)) for n, movie in enumerate(movies)]


@pytest.fixture(scope="module")
def certain(movies) -> list[Report]:
    return [assess(movie, sure(movie, n), cells=CELLS, sequence=str(n)) for n, movie in enumerate(movies)]


def test_coverage_is_that_of_the_noise(certain, movies):
    report = certain[0]
    assert (report.nominal_coverage, report.mode, report.samples) == (0.6827, "mean", 1)
    outside = 1 - CELLS[0].mean()
    bold = 1 - (1 - 0.6827) ** 0.5  # of a Laplace distribution of twice the scale
    for step, horizon in enumerate(report.horizons):
        scores = horizon.interval_scores
        assert scores is horizon.model
        # four standard errors of 576 and of 4096 pixels
        assert scores.cells.coverage == pytest.approx(bold, abs=0.083)
        assert scores.coverage == pytest.approx(0.6827 * outside + bold * (1 - outside), abs=0.03)
        span = np.ptp(truth_of(movies[0])[step])
        assert scores.half_width == pytest.approx(SCALE[step].item() * 1.14791 / span, rel=1e-4)
        assert horizon.copy_last.coverage is None
        assert scores.crps is None
    assert "interval of 68.3 %: holds" in report.table()
    assert "inside cells" in report.table()


def test_coverage_over_movies(certain, tmp_path):
    comparison = compare_sequences(certain)
    assert comparison.nominal_coverage == 0.6827
    for horizon in comparison.horizons:
        values = [r.horizons[horizon.horizon - 1].model.coverage for r in certain]
        found = horizon.interval_scores["coverage"]
        assert found.value == pytest.approx(np.mean(values))
        assert min(values) <= found.low <= found.value <= found.high <= max(values)
        assert horizon.interval_scores["cells_coverage"].value < found.value
    assert "interval of 68.3 %" in comparison.table()
    assert Comparison.open(comparison.save(tmp_path / "c.json")) == comparison
    page = study_of(certain).html()
    assert "Is it as sure as it says?" in page
    assert "68.3" in page
    assert "Possible futures" not in page


def test_one_sample_their_mean_and_all_together(sampled, movies):
    report, movie = sampled[0], movies[0]
    assert (report.mode, report.samples, report.nominal_coverage) == ("sample", 4, None)
    frames = np.asarray(guesses(movie).frames)[:, :, 0]
    for step, horizon in enumerate(report.horizons):
        truth = truth_of(movie)[step]
        each = [score(frame, truth) for frame in frames[:, step]]
        for name in ("mse", "psnr", "ssim", "spectral", "sharpness", "psnr_thesis"):
            assert getattr(horizon.model, name) == pytest.approx(np.mean([getattr(s, name) for s in each]))
        assert horizon.sample_mean.mse == pytest.approx(score(frames[:, step].mean(0), truth).mse)
        # the errors of the samples have the truth's half of the variance in common
        assert horizon.sample_mean.mse == pytest.approx(horizon.model.mse * (1 + 1 / 4) / 2, rel=0.05)
        span = np.ptp(truth)
        for name, value in (("crps", crps), ("energy", energy_score)):
            assert getattr(horizon.model, name) == pytest.approx(value(frames[:, step], truth) / span)
        assert horizon.model.diversity == pytest.approx(diversity(frames[:, step]) / span)
        assert horizon.model.diversity_ratio == pytest.approx(1, abs=0.03)
        for method in ("sample_mean", "copy_last", "blurred_copy_last", "constant_flow"):
            alone = horizon.scores(method)
            assert (alone.crps, alone.energy) == (alone.l1, pytest.approx(alone.mse**0.5))
            assert alone.diversity is None
        assert horizon.model.crps < horizon.sample_mean.crps < horizon.model.l1
        assert horizon.methods[:2] == ["model", "sample_mean"]
    table = report.table()
    assert "model, one sample" in table
    assert "mean of samples" in table
    assert "4 samples: CRPS" in table


def test_equal_samples_are_one_picture(movies):
    movie = movies[0]
    one = assess(movie, guesses(movie, count=1))
    thrice = assess(movie, forecast_of(movie, np.repeat(guesses(movie, count=1).frames[:, :, 0], 3, axis=0)))
    for alone, together in zip(one.horizons, thrice.horizons, strict=True):
        assert together.model.diversity_ratio == 0
        assert together.model.crps == pytest.approx(alone.model.l1)
        for name in ("mse", "ssim", "spectral"):
            assert getattr(together.model, name) == pytest.approx(getattr(alone.model, name))
            assert getattr(together.sample_mean, name) == pytest.approx(getattr(alone.model, name), rel=1e-4)
        assert together.copy_last.mse == alone.copy_last.mse
        assert alone.sample_mean is None
        assert alone.copy_last.crps is None


def test_interval_around_samples_lies_around_their_mean(movies):
    movie = movies[0]
    error = np.array([-30.0, 50.0])[
        :, None, None, None
    ]  # of two samples, everywhere; their mean is off by 10
    width = np.broadcast_to(np.array([11.0, 9.0], np.float32)[:, None, None, None], (STEPS, 1, SIZE, SIZE))
    report = assess(movie, forecast_of(movie, truth_of(movie) + error, uncertainty=width))
    assert [h.interval_scores.coverage for h in report.horizons] == [1, 0]
    assert [h.model.coverage for h in report.horizons] == [None, None]
    (summary, _) = compare_sequences([report]).horizons
    assert summary.interval_scores["coverage"].value == 1


def test_a_single_sample_says_that_it_is_one(movies):
    made = {"model": {"name": "made up", "hash": "0"}, "config": {"mode": "sample", "samples": 1, "seed": 3}}
    report = assess(movies[0], replace(guesses(movies[0], count=1), provenance=made))
    assert (report.mode, report.samples) == ("sample", 1)
    assert "model, one sample" in report.table()
    assert "CRPS" not in report.table()
    assert "skill of one sample" in compare_sequences([report]).table()


def test_samples_are_judged_one_by_one():
    """Cells of two samples that are past frames: the mean of what each scores by itself."""
    scene = phantom.simulate(6, 7, size=128, pixel_size=0.216)
    filmed = scene.as_timelapse()
    past = filmed.array([0, 4])
    both = forecast_of(filmed, past[:, None])
    judge = Judge(filmed, both, load_model("unet-lite"), "cpu")
    cells = TrueCells.from_labels(scene.labels[AT : AT + 2], "labels given")
    report = assess(filmed, both, cells=cells, judge=judge)
    each = [
        assess(filmed, replace(both, frames=both.frames[n : n + 1]), cells=cells, judge=judge, like=report)
        for n in range(2)
    ]
    for name in ("iou", "cell_count", "count_error"):
        alone = [getattr(r.horizons[0].model, name) for r in each]
        assert getattr(report.horizons[0].model, name) == pytest.approx(np.mean(alone))
    assert each[0].horizons[0].model.iou < each[1].horizons[0].model.iou == report.horizons[0].copy_last.iou
    assert report.horizons[0].sample_mean.iou is not None
    assert each[0].horizons[0].copy_last.crps is None  # taken over from a report that had several samples
    assert report.horizons[0].model.cells.mse == pytest.approx(
        np.mean([r.horizons[0].model.cells.mse for r in each])
    )


def test_studies_of_samples(sampled, tmp_path):
    comparison = compare_sequences(sampled)
    assert (comparison.mode, comparison.samples) == ("sample", 4)
    assert comparison.horizons[0].scores["model"]["crps"].value == pytest.approx(
        np.mean([r.horizons[0].model.crps for r in sampled])
    )
    assert "4 samples: CRPS" in comparison.table()
    study = study_of(sampled)
    page = study.html()
    for words in ("Possible futures", "model, one sample", "mean of samples", "energy score", "asked for 4"):
        assert words in page
    assert "as sure as it says" not in page
    rows = list(csv.DictReader(io.StringIO(study.to_csv())))
    assert {(row["mode"], row["samples"]) for row in rows} == {("sample", "4")}
    assert {row["forecast"] for row in rows if row["metric"] == "mse"} >= {
        "model",
        "sample_mean",
        "copy_last",
    }
    assert MovieStudy.open(study.save(tmp_path / "s.json")) == study


def test_samples_are_not_compared_with_means(sampled, certain):
    with pytest.raises(CellSimError, match="expected frame, some of samples"):
        compare_sequences([*sampled, *certain])
    renamed = [r.model_copy(update={"model": {"name": "other", "hash": "1"}}) for r in sampled]
    test = compare_models(sampled, renamed, "crps")[0]
    assert test.difference.value == 0


def test_reports_of_version_1_open(certain, tmp_path):
    """What an older napari-cellsim wrote lacks all that is said of certainty."""
    old = strip(json.loads(certain[0].to_json()))
    old["format_version"] = 1
    path = tmp_path / "old.json"
    path.write_text(json.dumps(old))
    found = Report.open(path)
    assert (found.mode, found.samples, found.nominal_coverage) == ("mean", 1, None)
    assert found.horizons[0].interval_scores is None
    assert found.horizons[0].model.mse == certain[0].horizons[0].model.mse
    assert "interval" not in found.table()
    assert "interval of" not in compare_sequences([found]).table()
    study_of([found]).html()


NEW = {
    *("mode", "samples", "nominal_coverage", "sample_mean", "coverage", "half_width"),
    *("crps", "energy", "diversity", "diversity_ratio"),
}


def strip(value):
    if isinstance(value, list):
        return [strip(item) for item in value]
    return {k: strip(v) for k, v in value.items() if k not in NEW} if isinstance(value, dict) else value


def study_of(reports: list[Report]) -> MovieStudy:
    return MovieStudy(
        command=None, time="now", versions={}, comparisons=[compare_sequences(reports)], reports=reports
    )
