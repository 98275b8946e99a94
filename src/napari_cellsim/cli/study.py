"""Command `study`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..training.study_settings import (
    INITIALISATIONS,
    PER_CLASS,
    picture_counts,
    study_command,
    study_settings,
)
from . import _common as common


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
    ] = INITIALISATIONS,
    per_class: Annotated[
        str,
        typer.Option(
            "--per-class",
            metavar="K,K…",
            help="How many generated pictures of each class to add, each on its own.",
        ),
    ] = PER_CLASS,
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
    config, schedule = study_settings(
        specimens,
        settings,
        data={"size": size, "split": None if split is None else str(split)},
        fit={"steps": steps, "device": device},
    )
    command = study_command(
        specimens,
        synthetic,
        initialisations=initialisations,
        per_class=per_class,
        size=size,
        steps=steps,
        split=split,
        settings=settings,
        seed=seed,
        device=device,
    )
    result = common.run_job(
        augmentation_study_job(
            config,
            synthetic,
            initialisations=initialisations,
            per_class=picture_counts(per_class),
            schedule=schedule,
            seed=seed,
            folder=runs,
            command=command,
        ),
        quiet=quiet,
        unit="step",
    )
    common.deliver(result, targets, quiet=quiet)
