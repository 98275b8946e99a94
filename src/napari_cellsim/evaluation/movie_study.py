"""Forecasting models on many movies: reports, means, tests between models, examples."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from ..base import CellSimError, Clock, Event, JobToken, now, run, versions
from ..data import TimeLapse
from ..forecasting import Forecast, forecast_job
from .baselines import tune_sigma
from .commands import Command
from .comparison import METRICS, Comparison, compare_sequences, metric_of
from .figure import figure_jpeg
from .forecast_study import assess, check_start, find_cells
from .pairing import PairedTest, compare_models
from .pairing import table as test_table
from .report import Report, Strict
from .study import Study

if TYPE_CHECKING:
    from ..models import Model

TESTED = ("mse", "ssim", "spectral", "cells_mse", "iou", "crps")
"""Metrics by which models are tested against each other, where they exist."""

EXAMPLES = 3


class Example(Strict):
    """A figure of one forecast.

    Attributes
    ----------
    caption : str
    picture : bytes
        JPEG.
    command : str or None
    """

    caption: str
    picture: bytes
    command: str | None


class MovieStudy(Study):
    """How well models forecast movies.

    Attributes
    ----------
    comparisons : list of Comparison
        One per model, over all sequences.
    tests : list of PairedTest
        The first model against each of the others, by every metric of `TESTED` that exists.
    reports : list of Report
        One per model, movie and start, each with its own command.
    examples : list of Example
        The best, the middle and the worst forecast of the first model at the last horizon; not kept in JSON.
    """

    comparisons: list[Comparison]
    tests: list[PairedTest] = Field(default_factory=list)
    reports: list[Report]
    examples: list[Example] = Field(default_factory=list, exclude=True)

    def html(self) -> str:
        """Return the report as one HTML document that needs nothing else."""
        from .movie_page import html

        return html(self)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one dictionary per number of every forecast."""
        for report in self.reports:
            for horizon in report.horizons:
                for method in horizon.methods:
                    for metric in METRICS:
                        value = metric_of(horizon.scores(method), metric)
                        if value is not None:
                            yield {
                                "model": report.model["name"],
                                "movie": report.input,
                                "sequence": report.sequence,
                                "at": report.at,
                                "plane": report.plane,
                                "horizon": horizon.horizon,
                                "minutes": horizon.minutes,
                                "mode": report.mode,
                                "samples": report.samples,
                                "forecast": method,
                                "metric": metric,
                                "value": value,
                            }

    def table(self) -> str:
        """Return means over sequences, or the one forecast, and the tests as text."""
        if len(self.reports) == 1:
            return self.reports[0].table()
        parts = []
        for comparison in self.comparisons:
            name = [f"model {comparison.model['name']}"] if len(self.comparisons) > 1 else []
            parts.append("\n".join([*name, comparison.table()]))
        others = dict.fromkeys(test.second for test in self.tests)
        parts += [
            test_table([t for t in self.tests if t.second == other and t.metric == "mse"]) for other in others
        ]
        return "\n\n".join(parts)


def evaluate_movies(movies: Sequence[TimeLapse], models: Sequence[Model], **options: Any) -> MovieStudy:
    """Evaluate models on movies; parameters as `evaluate_movies_job`."""
    return run(evaluate_movies_job(movies, models, **options))


def evaluate_movies_job(
    movies: Sequence[TimeLapse],
    models: Sequence[Model],
    *,
    at: Sequence[int] = (),
    steps: int = 5,
    labels: Sequence[Any] = (),
    judge: Any = None,
    validation: Sequence[TimeLapse] = (),
    command: Command | None = None,
    level: float = 0.95,
    seed: int = 0,
    token: JobToken | None = None,
    **options: Any,
) -> Generator[Event, None, MovieStudy]:
    """Evaluate models on movies as a job: yields progress, returns a `MovieStudy`.

    Parameters
    ----------
    movies : sequence of TimeLapse
        Each counts as one sequence.
    models : sequence of Model
        Forecasting models; the first is tested against each of the others.
    at : sequence of int
        Last visible frames; by default the one of each movie that leaves `steps` true frames.
    steps : int
        Frames to predict.
    labels : sequence of arrays (T, Y, X)
        True cells of each movie; none, or one per movie.
    judge : "model", "none", str or Model, optional
        Network that looks for cells, the same for all models; by default the first model's partner, if it has one.
    validation : sequence of TimeLapse
        Movies that tune the blur of `blurred_copy_last`; by default each movie's own frames up to the start.
    command : Command, optional
        The command line that asks for the same; without it, none is printed.
    level : float
        Nominal coverage of intervals.
    seed : int
        Of bootstrap and permutations, and of the first sample in the mode "sample".
    token : JobToken, optional
        To cancel or pause.
    **options
        As `predict`; `regions` may hold one rectangle. With ``mode="sample"`` and `samples`, what a single sample
        scores stands beside what their mean and all together do.

    Yields
    ------
    Progress

    Raises
    ------
    CellSimError
        If there is nothing to evaluate, movies are too short, or two models have one name.
    """
    token = token or JobToken()
    names = [model.name for model in models]
    if not movies or not models:
        raise CellSimError("There is nothing to evaluate: give at least one movie and one forecasting model.")
    if len(set(names)) < len(names):
        raise CellSimError(
            f"Two models have one name ({', '.join(names)}): rename one, or reports cannot tell them apart."
        )
    if labels and len(labels) != len(movies):
        raise CellSimError(
            f"There are {len(labels)} label files for {len(movies)} movies: give one for each."
        )
    work = list(_work(movies, at, steps))
    plane, channel = options.get("plane", 0), options.get("channel", 0)
    sigma = (
        tune_sigma([movie.array(channel=channel, plane=plane) for movie in validation], steps)
        if validation
        else None
    )
    options["seed"] = seed
    common = _judge(models[0], judge, options.get("segmentation", "model"))
    judge_name = None if len(models) == 1 or isinstance(common, str) else common.name
    known = {key: options[key] for key in ("segmentation", "device") if key in options}
    clock = Clock(len(work) * len(models), "Forecast")
    yield clock.progress()
    reports: list[Report] = []
    figures: list[tuple[Report, bytes]] = []
    for m, model in enumerate(models):
        for number, start in work:
            token.check()
            movie, own = movies[number], labels[number] if labels else None
            forecast = _forecast(movie, model, start, steps, token, options)
            cells, network = find_cells(
                movie, forecast, model, labels=own, judge=common, token=token, **known
            )
            same = reports[len(reports) - m * len(work)] if m else None  # of the first model: equal baselines
            report = assess(movie, forecast, cells=cells, judge=network, sigma=sigma, like=same)
            if command is not None:
                text = command.only(number, m, start, judge_name).text()
                report = report.model_copy(update={"command": text})
            reports.append(report)
            if m == 0:
                figures.append((report, figure_jpeg(movie, forecast)))
            yield clock.progress(1)
    comparisons = [
        compare_sequences([r for r in reports if r.model["name"] == name], level=level, seed=seed)
        for name in names
    ]
    return MovieStudy(
        command=None if command is None else command.text(),
        time=now(),
        versions=versions(),
        warnings=list(dict.fromkeys(line for report in reports for line in report.warnings)),
        comparisons=comparisons,
        tests=list(_tests(reports, names, level, seed)),
        reports=reports,
        examples=_examples(figures),
    )


def default_start(movie: TimeLapse, steps: int) -> int:
    """Return the last frame that leaves `steps` true frames, but not less than the first."""
    if movie.n_times < 2:
        raise CellSimError(
            f"{movie.name} has one frame only, so there is no truth to compare a forecast with."
        )
    return max(0, movie.n_times - 1 - steps)


def _work(movies: Sequence[TimeLapse], at: Sequence[int], steps: int) -> Iterator[tuple[int, int]]:
    """Yield the number of a movie and a last visible frame."""
    for number, movie in enumerate(movies):
        for start in at or [default_start(movie, steps)]:
            check_start(movie, start)
            yield number, start


def _judge(model: Model, judge: Any, segmentation: Any) -> Any:
    """Return one judge for all models: a network, or "none"."""
    source = judge if judge is not None else segmentation
    if not isinstance(source, np.ndarray) and (not isinstance(source, str) or source == "none"):
        return source
    from ..forecasting.sources import cell_finder, frames_only
    from ..models import load_model

    if isinstance(source, np.ndarray):
        source = "model" if frames_only(model) or "segmentation" in model.card.partners else "none"
    if source == "none":
        return source
    return cell_finder(model) if source == "model" else load_model(source)


def _forecast(
    movie: TimeLapse, model: Model, at: int, steps: int, token: JobToken, options: dict[str, Any]
) -> Forecast:
    found = run(forecast_job(movie, model, at=at, steps=steps, token=token, **options))
    forecasts = found if isinstance(found, list) else [found]
    if len(forecasts) != 1:
        raise CellSimError(
            f"{len(forecasts)} regions were given, but one report is about one: evaluate each by itself."
        )
    return forecasts[0]


def _tests(reports: list[Report], names: list[str], level: float, seed: int) -> Iterator[PairedTest]:
    parts = {name: [r for r in reports if r.model["name"] == name] for name in names}
    for other in names[1:]:
        for metric in TESTED:
            has = any(metric_of(h.model, metric) is not None for r in parts[names[0]] for h in r.horizons)
            if has:
                yield from compare_models(parts[names[0]], parts[other], metric, level=level, seed=seed)


def _examples(figures: list[tuple[Report, bytes]]) -> list[Example]:
    """Return the best, the middle and the worst forecast by MSE against the best baseline at the last horizon."""
    ranked = sorted(
        figures, key=lambda pair: r if (r := pair[0].horizons[-1].mse_ratio) is not None else np.inf
    )
    places = dict.fromkeys((0, len(ranked) // 2, len(ranked) - 1))
    words = {0: "best", len(ranked) - 1: "worst", len(ranked) // 2: "middle"} if len(ranked) > 2 else {}
    found = []
    for place in list(places)[:EXAMPLES]:
        report, picture = ranked[place]
        last = report.horizons[-1]
        ratio = "undefined" if last.mse_ratio is None else f"{last.mse_ratio:.3f}"
        rank = f"The {words[place]} forecast: " if place in words else ""
        caption = (
            f"{rank}{report.input}, after frame {report.at}, by {report.model['name']}. "
            f"MSE over that of the best baseline at {last.horizon} steps: {ratio}."
        )
        found.append(Example(caption=caption, picture=picture, command=report.command))
    return found
