"""The error table of one forecast: what `evaluate` returns and the command line writes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict

from ..base import CellSimError
from ..data import atomic_path
from ..forecasting.prediction import Mode

Method = Literal["model", "sample_mean", "copy_last", "blurred_copy_last", "constant_flow"]
BASELINES: tuple[Method, ...] = get_args(Method)[2:]
METHODS: tuple[Method, ...] = ("model", *BASELINES)
"""What every report holds; that of several samples holds their mean, `sample_mean`, besides."""
# 2: coverage of intervals and scores of samples; reports of version 1 have none and open as before.
FORMAT_VERSION = 2


def _finite_or_none(value: Any) -> Any:
    # JSON knows neither infinity (PSNR of a perfect forecast) nor NaN (a metric that is undefined).
    return None if isinstance(value, float) and not math.isfinite(value) else value


Score = Annotated[float | None, BeforeValidator(_finite_or_none)]


def write_text(target: Path, text: str) -> Path:
    """Write a text file, whole or not at all.

    Raises
    ------
    CellSimError
        If it cannot be written.
    """
    try:
        with atomic_path(target) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CellSimError(f"The report cannot be written to {target}: {error.strerror or error}.") from error
    return target


class Strict(BaseModel):
    """Base of all result models: unknown fields are refused, nothing changes after it was made."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class JsonFile(Strict):
    """A result that is written to one JSON file."""

    def to_json(self) -> str:
        """Return the result as indented JSON text."""
        return self.model_dump_json(indent=2) + "\n"

    def save(self, path: str | Path) -> Path:
        """Write the result as JSON, whole or not at all.

        Raises
        ------
        CellSimError
            If the file cannot be written.
        """
        return write_text(Path(path), self.to_json())

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        CellSimError
            If the file is missing or holds something else.
        """
        try:
            return cls.model_validate_json(Path(path).read_text(encoding="utf-8"))
        except OSError as error:
            raise CellSimError(f"The report {path} cannot be read: {error.strerror or error}.") from error
        except ValueError as error:
            raise CellSimError(f"{path} is not a {cls.__name__.lower()} of napari-cellsim.") from error


class RegionScores(Strict):
    """Metrics over one region of one frame; None where a metric is undefined or infinite.

    Attributes
    ----------
    mse, l1, psnr, ssim : float or None
        On intensities scaled so that the true frame spans [0, 1] (psnr in dB; ssim windowed, data range 1).
    mse_z, l1_z : float or None
        On intensities standardised by the mean and standard deviation of the true frame.
    sharpness : float or None
        Laplacian standard deviation over that of the true frame; 1 is as sharp.
    coverage : float or None
        Share of pixels whose truth lies in the interval that the forecast gives, where it gives one.
    half_width : float or None
        Mean half-width of that interval, on intensities scaled so that the true frame spans [0, 1].
    """

    mse: Score
    l1: Score
    psnr: Score
    ssim: Score
    mse_z: Score
    l1_z: Score
    sharpness: Score
    coverage: Score = None
    half_width: Score = None


class Scores(RegionScores):
    """Metrics over a whole frame, with the thesis' own definitions beside them.

    Attributes
    ----------
    psnr_thesis, ssim_thesis : float or None
        As printed in Reich 2020, with their known flaws, on the [0, 1] intensities.
    spectral : float or None
        Spectral energy at wavelengths of 4 to 16 px over that of the true frame; 1 is as detailed.
    cells : RegionScores or None
        The metrics inside the cells of the true frame, where a segmentation of it exists.
    growth : RegionScores or None
        The metrics where a cell is in the true frame, but none was in the last visible one.
    iou : float or None
        Intersection over union of the cells that the judging network sees in the forecast and the true cells.
    cell_count, count_error : float or None
        Tracked cells in the forecast, and how far that is from the true number.
    crps, energy : float or None
        Fair continuous ranked probability score and energy score of several samples together, on intensities scaled so
        that the true frame spans [0, 1]; for one picture beside them these are its L1 and the root of its MSE.
    diversity, diversity_ratio : float or None
        Mean root-mean-square difference of two samples, and the same over the mean root-mean-square error of a sample:
        1 if samples vary as much as the truth does, 0 if they are all the same.
    """

    psnr_thesis: Score
    ssim_thesis: Score
    spectral: Score = None
    cells: RegionScores | None = None
    growth: RegionScores | None = None
    iou: Score = None
    cell_count: Score = None
    count_error: Score = None
    crps: Score = None
    energy: Score = None
    diversity: Score = None
    diversity_ratio: Score = None


class Horizon(Strict):
    """The forecasts of one frame.

    Attributes
    ----------
    horizon : int
        Steps ahead of the last visible frame, from 1.
    frame : int
        Index of the true frame in the movie.
    minutes : float or None
        Time ahead, where the movie states its frame interval.
    mse_ratio : float or None
        The model's MSE over that of the baseline with the least; below 1 the model is better.
    skill : float or None
        1 minus that ratio: the share of the best baseline's error that the model avoids, 0 for none, at most 1.
    true_count : float or None
        Tracked cells in the true frame.
    judge_iou : float or None
        IoU of what the judging network sees in the *true* frame with the true cells: no forecast can be expected to
        do better.
    model, copy_last, blurred_copy_last, constant_flow : Scores
        Of several samples, `model` is what a single one scores: the mean over samples of each metric.
    sample_mean : Scores or None
        Of the mean of several samples.
    """

    horizon: int
    frame: int
    minutes: float | None
    mse_ratio: Score
    skill: Score = None
    true_count: Score = None
    judge_iou: Score = None
    model: Scores
    copy_last: Scores
    blurred_copy_last: Scores
    constant_flow: Scores
    sample_mean: Scores | None = None

    @property
    def methods(self) -> list[Method]:
        """The methods that there are scores of, the model's first."""
        return [method for method in get_args(Method) if getattr(self, method) is not None]

    @property
    def interval_scores(self) -> Scores | None:
        """The scores that tell of the forecast's interval, which lies around the mean of several samples."""
        found = self.model if self.sample_mean is None else self.sample_mean
        return None if found.coverage is None else found

    def scores(self, method: Method) -> Scores:
        """Return the scores of one method by its name; `sample_mean` only where there is one."""
        found: Scores = getattr(self, method)
        return found


class Report(JsonFile):
    """How well one forecast of one movie did, per horizon with truth.

    Attributes
    ----------
    input : str
        Name or path of the movie.
    sequence : str
        What the forecast counts as in a comparison: several forecasts of one movie share it.
    at, steps, channel, plane : int
        Last visible frame, predicted frames, and the picture that was used.
    region : tuple of int or None
        ``(y0, y1, x0, x1)`` in pixels, None for the whole image.
    pixel_size, interval : float or None
        Micrometres and minutes, as the movie states them.
    model : dict
        Name and hash of the model.
    blur_sigma : list of float
        Blur of `blurred_copy_last` in pixels, one per step.
    blur_tuned_on : str
        The frames that chose it; never the ones it is judged on.
    cells_from : str or None
        Where the true cells come from.
    judge : dict or None
        Name and hash of the network that looked for cells in the forecasts.
    mode : "mean" or "sample"
        Whether the model was asked for the expected frame or for possible ones.
    samples : int
        Samples that were judged, 1 in the mode "mean".
    nominal_coverage : float or None
        What the coverage of the forecast's interval should be; None for a forecast without an uncertainty.
    command : str or None
        The command line that gives this report.
    horizons : list of Horizon
        Empty where the movie ends at `at`.
    warnings : list of str
        What the reader should know before trusting the numbers.
    provenance : dict
        As the forecast's own.
    """

    format_version: int = FORMAT_VERSION
    input: str
    sequence: str
    at: int
    steps: int
    channel: int
    plane: int
    region: tuple[int, int, int, int] | None
    pixel_size: float | None
    interval: float | None
    model: dict[str, str | None]
    blur_sigma: list[float]
    blur_tuned_on: str
    cells_from: str | None = None
    judge: dict[str, str | None] | None = None
    mode: Mode = "mean"
    samples: int = 1
    nominal_coverage: float | None = None
    command: str | None = None
    horizons: list[Horizon]
    warnings: list[str] = []
    provenance: dict[str, Any] = {}

    def table(self) -> str:
        """Return the report as a text table, one row per horizon and method."""
        if not self.horizons:
            return f"The movie has no frame after number {self.at}, so there is no truth to compare with."
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        with_cells = any(h.model.cells for h in self.horizons)
        counted = any(h.model.iou is not None for h in self.horizons)
        columns: list[tuple[str, str | None]] = [
            (name, None) for name in ("mse", "l1", "psnr", "ssim", "sharpness")
        ]
        heads = ["MSE·10³", "L1·10³", "PSNR dB", "SSIM", "sharpness"]
        if with_cells:
            columns += [("mse", "cells"), ("ssim", "cells")]
            heads += ["cells MSE·10³", "cells SSIM"]
        if counted:
            columns += [("iou", None), ("count_error", None)]
            heads += ["cells IoU", "miscounted"]
        yield f"{'step':>4}  {'forecast':<18}" + "".join(f"{head:>14}" for head in heads)
        for horizon in self.horizons:
            for method in horizon.methods:
                scores = horizon.scores(method)
                values = [getattr(scores.cells if part else scores, name, None) for name, part in columns]
                scaled = zip((name for name, _ in columns), values, strict=True)
                label = method_label(method, self.mode)
                yield f"{horizon.horizon:>4}  {label:<18}" + "".join(_cell(n, v) for n, v in scaled)
            ratio = "undefined" if horizon.mse_ratio is None else f"{horizon.mse_ratio:.3f}"
            skill = "" if horizon.skill is None else f", skill {horizon.skill:+.3f}"
            yield f"{'':>4}  MSE of the {method_label('model', self.mode)} / best baseline: {ratio}{skill}"
            yield from self._certainty(horizon)

    def _certainty(self, horizon: Horizon) -> Iterator[str]:
        found = horizon.interval_scores
        if found is not None and self.nominal_coverage is not None:
            inside = None if found.cells is None else found.cells.coverage
            yield interval_line(
                self.nominal_coverage, _number(found.coverage, 100, 1), _number(inside, 100, 1)
            )
        own = horizon.model
        if own.crps is not None:
            best = min(s for b in BASELINES if (s := horizon.scores(b).crps) is not None)
            numbers = (_number(own.crps, 1000), _number(best, 1000), _number(own.diversity, 1000))
            yield samples_line(self.samples, *numbers, _number(own.diversity_ratio))


def interval_line(nominal: float, held: str, inside: str) -> str:
    """Return what is said of the forecast's interval below the scores of a step."""
    cells = "" if inside == "–" else f", inside cells {inside} %"
    return f"{'':>4}  interval of {100 * nominal:.1f} %: holds {held} % of the pixels{cells}"


def samples_line(samples: int, score: str, best: str, apart: str, ratio: str) -> str:
    """Return what is said of several samples together below the scores of a step."""
    return (
        f"{'':>4}  {samples} samples: CRPS·10³ {score}, best baseline {best}; two samples differ by RMS·10³ {apart}, "
        f"over their error {ratio}"
    )


def method_label(method: Method, mode: Mode) -> str:
    """Return the name of a method for people."""
    if method == "sample_mean":
        return "mean of samples"
    return "model, one sample" if (method, mode) == ("model", "sample") else method.replace("_", " ")


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return f"{'–':>14}"
    if name in ("mse", "l1"):
        return f"{1000 * value:>14.3f}"
    return f"{value:>14.2f}" if name == "psnr" else f"{value:>14.3f}"


def _number(value: float | None, factor: float = 1, digits: int = 3) -> str:
    return "–" if value is None else f"{factor * value:.{digits}f}"
