"""What is measured of a forecaster: one value per test sequence, horizon and metric.

A forecast sees three frames and starts twice in each sequence of twelve, from frame 2 and from frame 4; the two are
averaged, because they are not independent. Errors, PSNR and SSIM are of intensities divided by the range of the true
frame (data range 1); `cells` is inside the true cells, `growth` where there is a cell now but was none in the last
frame seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from competitors import Forecaster

from napari_cellsim.base.provenance import hash_array
from napari_cellsim.evaluation import metrics
from napari_cellsim.evaluation.calibration import coverage, crps, diversity
from napari_cellsim.evaluation.scoring import score
from napari_cellsim.training.feeding import history_scale
from napari_cellsim.training.sequences import IGNORE
from napari_cellsim.training.sequences import Sequence as Stored

HISTORY, HORIZONS, STARTS = 3, (1, 3, 5, 7), (2, 4)
STEPS = max(HORIZONS)
LEVELS = (0.5, 0.68, 0.8, 0.9, 0.95)
SAMPLES = 4
PROTOCOL = 1  # raised when a number would come out otherwise: what was remembered is then measured again

METRICS = ("mse", "l1", "psnr", "ssim", "mse_z", "sharpness", "spectral")
REGIONS = {"cells": ("mse", "ssim"), "growth": ("mse", "ssim")}

Scores = dict[int, dict[str, list[float | None]]]  # horizon -> metric -> one value per sequence
Sampler = Callable[[np.ndarray, int, int, int], np.ndarray]
"""History (T, Y, X), steps, number of samples, first seed -> (samples, steps, Y, X)."""
Spans = Callable[[np.ndarray, int], tuple[np.ndarray, dict[float, np.ndarray]]]
"""History, steps -> expected frames (steps, Y, X), and for each level the half-width of its interval, same shape."""


@dataclass(frozen=True)
class Start:
    """One forecast to be judged.

    Attributes
    ----------
    history, future : array
        (3, Y, X) and (7, Y, X), scaled by the history as a forecast would do it.
    cells, growth : array of bool
        (7, Y, X).
    """

    history: np.ndarray
    future: np.ndarray
    cells: np.ndarray
    growth: np.ndarray


def starts(sequence: Stored) -> Iterator[Start]:
    """Yield the forecasts of one stored sequence."""
    images, semantic = np.asarray(sequence.images), np.asarray(sequence.semantic)
    inside = (semantic >= 2) & (semantic != IGNORE)
    for at in STARTS:
        seen, later = slice(at + 1 - HISTORY, at + 1), slice(at + 1, at + 1 + STEPS)
        scale = history_scale(images[seen])
        cells = inside[later]
        yield Start(scale.forward(images[seen]), scale.forward(images[later]), cells, cells & ~inside[at])


def fingerprint(tests: Sequence[Stored]) -> str:
    """Return what remembered values depend on beside the forecaster."""
    names = np.array([sequence.folder.name for sequence in tests])
    return f"{PROTOCOL} {len(tests)} {hash_array(names)[:12]}"


def remembered(path: Path, key: str, make: Callable[[], Scores]) -> Scores:
    """Return scores from a file written for the same key, else make and write them."""
    if path.is_file():
        content = json.loads(path.read_text())
        if content["key"] == key:
            return {int(horizon): values for horizon, values in content["scores"].items()}
    scores = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"key": key, "scores": scores}))
    return scores


def measure(tests: Sequence[Stored], forecast: Forecaster) -> Scores:
    """Return every metric of every sequence.

    Parameters
    ----------
    tests : sequence of stored sequences
        With classes.
    forecast : callable
        History (3, Y, X), steps -> (steps, Y, X).
    """

    def judge(start: Start) -> dict[int, dict[str, float]]:
        predicted = forecast(start.history, STEPS)
        return {
            h: frame_scores(predicted[h - 1], start.future[h - 1], start.cells[h - 1], start.growth[h - 1])
            for h in HORIZONS
        }

    return over_sequences(tests, judge)


def frame_scores(
    guess: np.ndarray, truth: np.ndarray, cells: np.ndarray, growth: np.ndarray
) -> dict[str, float]:
    """Return all metrics of one frame; NaN where undefined."""
    found = score(guess, truth, cells, growth)
    values = {name: getattr(found, name) for name in METRICS}
    for region, names in REGIONS.items():
        inside = getattr(found, region)
        values |= {f"{region}_{name}": inside and getattr(inside, name) for name in names}
    return {name: float("nan") if value is None else value for name, value in values.items()}


def measure_samples(tests: Sequence[Stored], sampler: Sampler, samples: int = SAMPLES) -> Scores:
    """Return what sampled futures are worth, each for itself and together.

    Parameters
    ----------
    tests : sequence of stored sequences
    sampler : callable
        See `Sampler`.
    samples : int
        Number of futures, at least 2; seeds 0, 1, …

    Returns
    -------
    Scores
        ``mse``, ``ssim``, ``sharpness``, ``spectral``: means over single samples. ``mean_mse``, ``mean_sharpness``: of
        the mean of all samples. ``diversity``: root-mean-square difference of two samples. ``variance``: mean over
        pixels of the (unbiased) variance among samples, in units of ``mse``. ``crps``: fair score of all samples
        together, to be compared with the ``l1`` of a single forecast.
    """

    def judge(start: Start) -> dict[int, dict[str, float]]:
        drawn = sampler(start.history, STEPS, samples, 0)
        found = {}
        for h in HORIZONS:
            truth = start.future[h - 1]
            low, span = float(truth.min()), float(np.ptp(truth))
            target, guesses = (truth - low) / span, (drawn[:, h - 1] - low) / span
            mean = guesses.mean(0)
            errors = [metrics.mse(guess, target) for guess in guesses]
            single = {
                name: float(np.mean([getattr(metrics, function)(guess, target) for guess in guesses]))
                for name, function in (
                    ("ssim", "ssim"),
                    ("sharpness", "sharpness"),
                    ("spectral", "spectral_ratio"),
                )
            }
            found[h] = {
                "mse": float(np.mean(errors)),
                **single,
                "mean_mse": metrics.mse(mean, target),
                "mean_sharpness": metrics.sharpness(mean, target),
                "diversity": diversity(guesses),
                "crps": crps(guesses, target),
                "variance": float(guesses.var(axis=0, ddof=1, dtype=np.float64).mean()),
            }
        return found

    return over_sequences(tests, judge)


def measure_coverage(tests: Sequence[Stored], spans: Spans) -> Scores:
    """Return how often the truth lies inside the stated intervals.

    Returns
    -------
    Scores
        ``0.5``, ``0.68``, …: the share of pixels whose error is at most the half-width stated for this level;
        ``cells 0.5``, …: of the pixels inside true cells; ``width``: mean half-width at 68 %, in units of the true
        frame's range; ``error``: root mean squared error in the same units.
    """

    def judge(start: Start) -> dict[int, dict[str, float]]:
        mean, widths = spans(start.history, STEPS)
        found = {}
        for h in HORIZONS:
            truth, cells = start.future[h - 1], start.cells[h - 1]
            error, span = np.abs(truth - mean[h - 1]), float(np.ptp(truth))
            values: dict[str, float] = {}
            for level in LEVELS:
                stated = mean[h - 1], widths[level][h - 1], truth
                values[f"{level:g}"] = coverage(*stated)
                values[f"cells {level:g}"] = coverage(*stated, mask=cells)
            values["width"] = float(widths[0.68][h - 1].mean()) / span
            values["error"] = float(np.sqrt((error.astype(np.float64) ** 2).mean())) / span
            found[h] = values
        return found

    return over_sequences(tests, judge)


def over_sequences(tests: Sequence[Stored], judge: Callable[[Start], dict[int, dict[str, float]]]) -> Scores:
    """Return the values of each sequence: means over its starts, None where no start has any."""
    found: Scores = {}
    for sequence in tests:
        judged = [judge(start) for start in starts(sequence)]
        for horizon, values in judged[0].items():
            for name in values:
                known = [one[horizon][name] for one in judged if np.isfinite(one[horizon][name])]
                value = float(np.mean(known)) if known else None
                found.setdefault(horizon, {}).setdefault(name, []).append(value)
    return found


def strata(tests: Sequence[Stored]) -> dict[str, list[Any]]:
    """Return randomness, trap and focal plane of each sequence."""
    return {key: [sequence.info[key] for sequence in tests] for key in ("random", "trap", "focus")}
