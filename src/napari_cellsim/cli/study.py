"""Command `study`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base import CellSimError
from . import _common as common

if TYPE_CHECKING:
    from ..training import ClassifierConfig, FitConfig

_INITIALISATIONS, _PER_CLASS = 10, "100"


def study(
    specimens: Annotated[
        Path,
        typer.Argument(metavar="SPECIMENS", help="Folder with one folder of real pictures per class."),
    ],
    synthetic: Annotated[
        list[Path],
        typer.Option(
            "--synthetic",
            help="Folder with one folder of generated pictures per class; or MSG-GAN model files, one per class.",
        ),
    ],
    out: common.ReportFiles = None,
    initialisations: Annotated[
        int, typer.Option("--initialisations", help="Trainings of each kind, from other initial weights.")
    ] = _INITIALISATIONS,
    per_class: Annotated[
        str,
        typer.Option(
            "--per-class",
            metavar="K,K…",
            help="How many generated pictures of each class to add, each on its own.",
        ),
    ] = _PER_CLASS,
    size: Annotated[
        int | None, typer.Option("--size", help="Side of the pictures in px; 64 by default.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Longest training, in steps; 2400 by default.")
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option("--split", help="File of a split to keep to; by default a new one."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", help="A run.toml of the recipe classifier that says everything else."),
    ] = None,
    runs: Annotated[
        Path | None,
        typer.Option(
            "--runs", help="Folder to keep all trainings in; those finished there are not repeated."
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the first initialisation and of generated pictures.")
    ] = 0,
    device: Annotated[
        str | None,
        typer.Option("--device", help="Where to compute: auto, cpu, cuda:0, mps …; cpu by default."),
    ] = None,
    quiet: common.Quiet = False,
) -> None:
    """Measure whether generated pictures of specimens help a classifier.

    Trains classifiers with and without generated pictures, from the same initial weights, and reports mean, spread,
    best, confidence intervals and a paired test, and whether the difference is significant.
    """
    from ..training import augmentation_study_job

    targets = common.report_targets(out)
    config, schedule = _settings(specimens, settings, size=size, split=split, steps=steps, device=device)
    result = common.run_job(
        augmentation_study_job(
            config,
            synthetic,
            initialisations=initialisations,
            per_class=_counts(per_class),
            schedule=schedule,
            seed=seed,
            folder=runs,
            command=_command(locals()),
        ),
        quiet=quiet,
        unit="step",
    )
    common.deliver(result, targets, quiet=quiet)


def _counts(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise CellSimError(
            f"{text!r} are not numbers of generated pictures with commas between, such as 50,100,200."
        ) from None


def _settings(
    folder: Path,
    file: Path | None,
    *,
    size: int | None,
    split: Path | None,
    steps: int | None,
    device: str | None,
) -> tuple[ClassifierConfig, FitConfig]:
    from pydantic import ValidationError

    from ..training import ClassifierConfig, read_run
    from ..training.augmentation_studies import SCHEDULE

    given: dict[str, Any] = {}
    schedule: FitConfig = SCHEDULE
    if file is not None:
        run = read_run(file)
        if run.recipe != "classifier":
            raise CellSimError(
                f"{file} is for the recipe {run.recipe!r}: give one for the recipe 'classifier'."
            )
        given, schedule = dict(run.settings), run.fit
    data = {"batch": 32, **given.get("data", {}), "folder": str(folder)}
    data |= {"size": size} if size else {}
    data |= {"split": str(split)} if split else {}
    changes = {"steps": steps, "device": device}
    schedule = schedule.model_copy(
        update={name: value for name, value in changes.items() if value is not None}
    )
    try:
        return ClassifierConfig.model_validate({**given, "data": data}), schedule
    except ValidationError as error:
        first = error.errors()[0]
        raise CellSimError(
            f"The classifier cannot be trained so: {'.'.join(map(str, first['loc']))}: {first['msg']}."
        ) from error


def _command(given: dict[str, Any]) -> str:
    """Return the command line that gives the same numbers again."""
    words = ["napari-cellsim", "study", str(given["specimens"])]
    for path in given["synthetic"]:
        words += ["--synthetic", str(path)]
    defaults = {
        "initialisations": _INITIALISATIONS,
        "per_class": _PER_CLASS,
        "size": None,
        "steps": None,
        "split": None,
        "settings": None,
        "seed": 0,
        "device": None,
    }
    for name, default in defaults.items():
        if given[name] != default:
            words += [f"--{name.replace('_', '-')}", str(given[name])]
    return shlex.join(words)
