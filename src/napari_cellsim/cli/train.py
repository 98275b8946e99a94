"""Command `train`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..base import CellSimError, Progress


def train(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Configuration run.toml, or a run folder that holds one, to resume."
        ),
    ],
) -> None:
    """Train a model, or go on with a run that was stopped.

    One line per event; Ctrl-C stops after saving a checkpoint, and the same command goes on from there.
    """
    from ..training import train as events

    config = run / "run.toml" if run.is_dir() else run
    if not config.is_file():
        raise CellSimError(
            f"There is no training configuration {config}: give a run.toml or a folder that holds one."
        )
    for event in events(config):
        typer.echo(event.message if isinstance(event, Progress) else str(event))
