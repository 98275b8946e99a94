"""Command `phantom`."""

from __future__ import annotations

from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base import CellSimError
from . import _common as common

if TYPE_CHECKING:
    import numpy as np


class Trap(StrEnum):
    """Trap geometries of the simulator."""

    tear_drop = "tear_drop"
    rectangular = "rectangular"
    l_foot = "l_foot"
    round = "round"


def phantom(
    out: Annotated[Path, typer.Option("--out", help="OME-TIFF to write.")],
    frames: Annotated[int, typer.Option("--frames", min=1, help="Number of frames, 10 minutes apart.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same movie.")] = 0,
    size: Annotated[int, typer.Option("--size", min=32, help="Height and width in pixels.")] = 256,
    pixel_size: Annotated[float, typer.Option("--pixel-size", help="Pixel size in µm.")] = 0.108,
    trap: Annotated[Trap, typer.Option("--trap", help="Shape of the pillars.")] = Trap.tear_drop,
    planes: Annotated[
        str,
        typer.Option("--planes", metavar="Z,Z…", help="Focal planes in µm relative to the nominal focus."),
    ] = "0",
) -> None:
    """Simulate a movie of growing yeast in a trap, with its ground truth.

    The OME-TIFF holds the pictures first, then the series labels, semantic, flow and valid.
    """
    from .. import phantom as room
    from ..data import Series, write_series

    try:
        heights = tuple(float(z) for z in planes.split(","))
    except ValueError:
        raise CellSimError(
            f"The planes {planes!r} are not numbers with commas between, such as -1,0,1."
        ) from None
    common.check_target(out)
    sequence = room.simulate(frames, seed, size=size, pixel_size=pixel_size, trap=trap.value, planes=heights)
    gaps = {round(upper - lower, 6) for lower, upper in pairwise(heights)}
    calibration: dict[str, Any] = {
        "pixel_size": sequence.pixel_size,
        "interval": sequence.interval,
        "z_step": gaps.pop() if len(gaps) == 1 and min(gaps) > 0 else None,
    }
    arrays: list[tuple[str, np.ndarray, str]] = [
        ("images", sequence.images, "TZYX"),
        ("labels", sequence.labels, "TYX"),
        ("semantic", sequence.semantic, "TYX"),
        ("flow", sequence.flow, "TCYX"),
        ("valid", sequence.valid, "TYX"),
    ]
    # One frame has no flow, and an empty series cannot be written.
    series = [Series(name, data, axes, **calibration) for name, data, axes in arrays if data.size]
    write_series(
        out, series, {"kind": "phantom", "seed": seed, "config": sequence.config.model_dump(mode="json")}
    )
    typer.echo(f"{frames} frames of {size} x {size} px, seed {seed}: {out}")
