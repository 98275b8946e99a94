"""Command `phantom`."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ..base import CellSimError, Clock, Event
from . import _common as common

if TYPE_CHECKING:
    import numpy as np


class Trap(StrEnum):
    """Trap geometries of the simulator."""

    tear_drop = "tear_drop"
    rectangular = "rectangular"
    l_foot = "l_foot"
    round = "round"


class Specimen(StrEnum):
    """What is simulated."""

    yeast = "yeast"
    shells = "shells"


class Ground(StrEnum):
    """What shells lie on."""

    dark = "dark"
    bright = "bright"
    both = "both"


_OF_YEAST = {"frames": "--frames", "pixel_size": "--pixel-size", "trap": "--trap", "planes": "--planes"}
_OF_SHELLS = {"per_class": "--per-class", "ground": "--ground"}


def phantom(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="OME-TIFF to write; of shells a new folder.")],
    specimen: Annotated[
        Specimen, typer.Option("--specimen", help="A movie of yeast, or photographs of shells.")
    ] = Specimen.yeast,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same pixels.")] = 0,
    size: Annotated[
        int | None,
        typer.Option("--size", min=32, help="Height and width in pixels: 256 of yeast, 64 of shells."),
    ] = None,
    frames: Annotated[
        int, typer.Option("--frames", min=1, help="Yeast: number of frames, 10 minutes apart.")
    ] = 20,
    pixel_size: Annotated[float, typer.Option("--pixel-size", help="Yeast: pixel size in µm.")] = 0.108,
    trap: Annotated[Trap, typer.Option("--trap", help="Yeast: shape of the pillars.")] = Trap.tear_drop,
    planes: Annotated[
        str,
        typer.Option(
            "--planes", metavar="Z,Z…", help="Yeast: focal planes in µm relative to the nominal focus."
        ),
    ] = "0",
    per_class: Annotated[
        int, typer.Option("--per-class", min=1, help="Shells: pictures of each of the four classes.")
    ] = 200,
    ground: Annotated[Ground, typer.Option("--ground", help="Shells: what they lie on.")] = Ground.dark,
) -> None:
    """Simulate a movie of growing yeast, or photographs of shells, with their ground truth.

    Of yeast the OME-TIFF holds the pictures first, then the series labels, semantic, flow and valid. Of shells the
    folder holds a folder of PNG pictures per class.
    """
    foreign = _OF_SHELLS if specimen is Specimen.yeast else _OF_YEAST
    for name, option in foreign.items():
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise CellSimError(f"{option} does not belong to --specimen {specimen.value}: leave it out.")
    if specimen is Specimen.yeast:
        _yeast(out, frames, seed, size or 256, pixel_size, trap.value, planes)
        return
    _check_new_folder(out)
    common.run_job(_shells(out, per_class, seed, size or 64, ground.value), unit="picture")
    typer.echo(f"{per_class} pictures of each class, seed {seed}: {out}")


def _check_new_folder(path: Path) -> None:
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise CellSimError(f"{path} is there already: name a new folder.")
    if not path.absolute().parent.is_dir():
        raise CellSimError(f"{path} cannot be made: there is no folder {path.absolute().parent}.")


def _shells(
    out: Path, per_class: int, seed: int, size: int, ground: Literal["dark", "bright", "both"]
) -> Generator[Event, None, None]:
    """Write the folder under another name, and give it its own when it is whole."""
    from PIL import Image

    from ..phantom.shells import SHELL_CLASSES, photograph_specimen

    draft = out.absolute().with_name(f".{out.absolute().name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    clock = Clock(len(SHELL_CLASSES) * per_class, "photographing shells")
    try:
        for name in SHELL_CLASSES:
            (draft / name).mkdir(parents=True)
            for number in range(per_class):
                picture, _ = photograph_specimen(name, seed, number, size, ground)
                Image.fromarray(picture.transpose(1, 2, 0)).save(draft / name / f"{name}_{number:05d}.png")
                yield clock.progress(1)
        if out.exists():
            out.rmdir()
        draft.replace(out.absolute())
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _yeast(out: Path, frames: int, seed: int, size: int, pixel_size: float, trap: Any, planes: str) -> None:
    from .. import phantom as room
    from ..data import Series, write_series

    try:
        heights = tuple(float(z) for z in planes.split(","))
    except ValueError:
        raise CellSimError(
            f"The planes {planes!r} are not numbers with commas between, such as -1,0,1."
        ) from None
    common.check_target(out)
    sequence = room.simulate(frames, seed, size=size, pixel_size=pixel_size, trap=trap, planes=heights)
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
