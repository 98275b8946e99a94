"""All metrics of one predicted frame, and of the four forecasts of one horizon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from . import metrics
from .calibration import coverage, crps, diversity, energy_score
from .cells import Judge, TrueCells
from .instances import Labels, count_tracked, iou, track_cells
from .report import BASELINES, Horizon, Method, RegionScores, Scores
from .spectrum import DETAIL

Frames = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


Region = TypeVar("Region", bound=RegionScores)


def score(
    prediction: Any,
    target: Any,
    cells: Mask | None = None,
    growth: Mask | None = None,
    half_width: Any = None,
) -> Scores:
    """Compute every metric of the report that needs no judging network, for one frame.

    Parameters
    ----------
    prediction, target : array (Y, X)
        In any common intensity unit; both are scaled by the target's range (and mean and deviation for
        ``*_z``).
    cells, growth : array of bool (Y, X), optional
        Regions for which metrics are given apart.
    half_width : array (Y, X), optional
        Of the interval around the prediction, in the same unit.

    Returns
    -------
    Scores
        Metrics of a constant target, and SSIM and detail of pictures too small for them, are None.
    """
    truth, guess = np.asarray(target, dtype=np.float64), np.asarray(prediction, dtype=np.float64)
    low, span, spread = truth.min(), np.ptp(truth), truth.std()
    if span == 0:
        undefined = dict.fromkeys(RegionScores.model_fields)
        return Scores(**undefined, psnr_thesis=None, ssim_thesis=None)
    guess01, truth01 = (guess - low) / span, (truth - low) / span
    smallest = min(truth.shape)
    width01 = None if half_width is None else np.asarray(half_width, dtype=np.float64) / span

    def region(mask: Mask | None) -> dict[str, float]:
        squared, absolute = (f(guess01, truth01, mask=mask) for f in (metrics.mse, metrics.l1))
        windowed = smallest > 2 * metrics.SSIM_RADIUS
        return {
            "mse": squared,
            "l1": absolute,
            "psnr": metrics.psnr(guess01, truth01, mask=mask),
            "ssim": metrics.ssim(guess01, truth01, mask=mask) if windowed else float("nan"),
            "mse_z": squared * (span / spread) ** 2,
            "l1_z": absolute * span / spread,
            "sharpness": metrics.sharpness(guess01, truth01, mask=mask),
        } | ({} if width01 is None else certainty(width01, mask))

    def certainty(width: npt.NDArray[np.float64], mask: Mask | None) -> dict[str, float]:
        held = coverage(guess01, width, truth01, mask)
        return {"coverage": held, "half_width": float((width if mask is None else width[mask]).mean())}

    def inside(mask: Mask | None) -> RegionScores | None:
        return RegionScores(**region(mask)) if mask is not None and mask.any() else None

    return Scores(
        **region(None),
        psnr_thesis=metrics.psnr_thesis(guess01, truth01),
        ssim_thesis=metrics.ssim_thesis(guess01, truth01),
        spectral=metrics.spectral_ratio(guess01, truth01) if smallest >= DETAIL[1] else None,
        cells=inside(cells),
        growth=inside(growth),
    )


def score_horizons(
    forecasts: Mapping[Method, Frames],
    scored: Mapping[Method, list[Scores]],
    last: Frames,
    truth: Frames,
    cells: TrueCells | None,
    judge: Judge | None,
    at: int,
    interval: float | None,
    half_width: Frames | None = None,
) -> list[Horizon]:
    """Score all forecasts against every true frame.

    Parameters
    ----------
    forecasts : dict
        Method -> samples of predicted frames (S, T, Y, X); S = 1 for all but "model". Several samples get the mean
        over samples of each metric.
    scored : dict
        Method -> scores per true frame, of the methods that were scored before.
    last : array (Y, X)
        The last visible frame.
    truth : array (H, Y, X)
        The frames after it, at most T.
    cells : TrueCells or None
    judge : Judge or None
        Looks for cells in the forecasts, if single cells of the true frames are known.
    at : int
        Index of the last visible frame.
    interval : float or None
        Minutes.
    half_width : array (T, Y, X), optional
        Of the interval around the model's frames, or around "sample_mean" where that is given.
    """
    centre = "sample_mean" if "sample_mean" in forecasts else "model"
    rows: dict[Method, list[list[Scores]]] = {}
    for method, samples in forecasts.items():
        widths = half_width if method == centre else None
        rows[method] = [
            [
                score(frames[k], target, *_regions(cells, k), None if widths is None else widths[k])
                for k, target in enumerate(truth)
            ]
            for frames in samples
        ]
    counts, ceilings = np.full(len(truth), np.nan), np.full(len(truth), np.nan)
    if judge is not None and cells is not None and cells.labels is not None and len(truth):
        counts = _counts(cells.labels)
        seen = judge.labels(np.concatenate([last[None], truth]))
        ceilings = np.array([iou(seen[k + 1] > 0, cells.after[k]) for k in range(len(truth))])
        for method, samples in forecasts.items():
            for number, frames in enumerate(samples):
                predicted = judge.labels(frames[: len(truth)])
                numbers = _counts(np.concatenate([seen[:1], predicted]))
                rows[method][number] = [
                    scores.model_copy(
                        update={
                            "iou": _number(iou(predicted[k] > 0, cells.after[k])),
                            "cell_count": float(numbers[k]),
                            "count_error": float(abs(numbers[k] - counts[k])),
                        }
                    )
                    for k, scores in enumerate(rows[method][number])
                ]
    found = dict(scored) | {
        method: [_mean(of_frame) for of_frame in zip(*of_samples, strict=True)]
        for method, of_samples in rows.items()
    }
    drawn = forecasts["model"]
    for method, of_frames in found.items():
        found[method] = [
            _together(scores, drawn[:, k], truth[k]) if method == "model" else _alone(scores, len(drawn) > 1)
            for k, scores in enumerate(of_frames)
        ]
    return [
        _horizon(k, {m: rows[k] for m, rows in found.items()}, at, interval, counts[k], ceilings[k])
        for k in range(len(truth))
    ]


def _mean(rows: Sequence[Region]) -> Region:
    """Return the mean of each score; None where it is undefined for one of them."""
    if len(rows) == 1:
        return rows[0]
    means: dict[str, Any] = {}
    for name in type(rows[0]).model_fields:
        values = [getattr(row, name) for row in rows]
        if any(value is None for value in values):
            means[name] = None
        elif isinstance(values[0], RegionScores):
            means[name] = _mean(values)
        else:
            means[name] = sum(values) / len(values)
    return type(rows[0])(**means)


def _together(scores: Scores, samples: Frames, target: Frames) -> Scores:
    """Add what several samples (S, Y, X) of one frame are worth together."""
    span = float(np.ptp(target))
    if len(samples) < 2 or span == 0:
        return scores
    drawn, truth = np.asarray(samples, dtype=np.float64) / span, np.asarray(target, dtype=np.float64) / span
    apart = diversity(drawn)
    error = float(np.sqrt(((drawn - truth) ** 2).mean(axis=(1, 2))).mean())
    return scores.model_copy(
        update={
            "crps": crps(drawn, truth),
            "energy": energy_score(drawn, truth),
            "diversity": apart,
            "diversity_ratio": apart / error if error else None,
        }
    )


def _alone(scores: Scores, beside_samples: bool) -> Scores:
    """Set CRPS and energy score of one picture, so that they can be compared with those of samples beside it."""
    known = beside_samples and scores.mse is not None
    return scores.model_copy(
        update={
            "crps": scores.l1 if known else None,
            "energy": float(np.sqrt(scores.mse)) if known and scores.mse is not None else None,
        }
    )


def _counts(labels: npt.NDArray[Any] | Labels) -> npt.NDArray[np.float64]:
    """Return the tracked cells of all frames but the first, the last visible one."""
    return count_tracked(track_cells(labels))[1:].astype(np.float64)


def _regions(cells: TrueCells | None, k: int) -> tuple[Mask | None, Mask | None]:
    if cells is None:
        return None, None
    growth = None if cells.before is None else cells.after[k] & ~cells.before
    return cells.after[k], growth


def _horizon(
    index: int, scores: dict[Method, Scores], at: int, interval: float | None, count: float, ceiling: float
) -> Horizon:
    ratio = _ratio(scores["model"].mse, [scores[b].mse for b in BASELINES])
    return Horizon(
        horizon=index + 1,
        frame=at + 1 + index,
        minutes=None if interval is None else interval * (index + 1),
        mse_ratio=ratio,
        skill=None if ratio is None else 1 - ratio,
        true_count=float(count),
        judge_iou=float(ceiling),
        **{str(method): row for method, row in scores.items()},
    )


def _ratio(error: float | None, others: list[float | None]) -> float | None:
    best = min((other for other in others if other is not None), default=None)
    return None if error is None or not best else error / best


def _number(value: float) -> float | None:
    # model_copy does not validate, and JSON knows no NaN
    return None if np.isnan(value) else value
