"""Command `adapt`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ..base import CellSimError
from . import _common as common


def adapt(
    source: common.Input,
    out: Annotated[Path, typer.Option("--out", help="Model file to write, *.safetensors.")],
    at: Annotated[
        int | None,
        typer.Option(
            "--at", help="Index of the last frame to learn from, from 0; the movie's last by default."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="Time to spend.")] = 3.0,
    steps: Annotated[
        int,
        typer.Option(
            "--steps",
            min=0,
            help="Instead of --minutes: steps of learning, with the same result every time.",
        ),
    ] = 0,
    model: common.ModelName = common.DEFAULT_MODEL,
    channel: common.Channel = 0,
    plane: common.Plane = 0,
    pixel_size: common.PixelSize = None,
    interval: common.Interval = None,
    device: common.Device = "auto",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of what is drawn at random.")] = 0,
    quiet: common.Quiet = False,
) -> None:
    """Adapt a forecasting model to a movie, on its frames up to --at.

    The last frames before --at are held out to choose how long to learn. If that does not help, the model is written
    as it was.
    """
    from ..forecasting import calibration_warnings
    from ..models import load_model
    from ..training import adapt_job

    common.check_target(out, source, model)
    if out.suffix != ".safetensors":
        raise CellSimError(f"A model is saved as *.safetensors, not as {out.name}; change the file's name.")
    if not os.access(out.absolute().parent, os.W_OK):
        raise CellSimError(f"{out} cannot be written: the folder {out.absolute().parent} is read-only.")
    movie = common.open_movie(source, pixel_size, interval)
    given = load_model(model)
    common.warn(calibration_warnings(movie, given))
    result = common.run_job(
        adapt_job(
            movie,
            given,
            at=at,
            minutes=minutes,
            steps=steps,
            channel=channel,
            plane=plane,
            device=device,
            seed=seed,
        ),
        quiet=quiet,
        unit="%",
    )
    result.model.save(out)
    if not quiet:
        typer.echo(f"{'Adapted' if result.helped else 'Unchanged'} model {result.model.name!r}: {out}")
        typer.echo(
            f"squared error / best baseline's on the held-out frames: {result.before:.3f} before, "
            f"{result.after:.3f} after"
        )
        typer.echo(result.message)
