"""Command `import-movie`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base import CellSimError
from . import _common as common
from .phantom import Trap

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..training.labels import Labelled


def import_movie(
    source: common.Input,
    out: Annotated[Path, typer.Option("--out", help="Training folder to make or to add to.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", help="Cell labels of the movie (TIFF), or a folder of them if INPUT is a folder too."
        ),
    ] = None,
    trap_label: Annotated[
        int | None,
        typer.Option("--trap-label", help="Number that marks traps in the labels; -1 always does."),
    ] = None,
    trap_mask: Annotated[
        Path | None,
        typer.Option("--trap-mask", help="TIFF that is not 0 where traps are, if the labels are not."),
    ] = None,
    trap: Annotated[
        Trap | None,
        typer.Option("--trap", help="Shape of the traps: tells the trapped cell from the others."),
    ] = None,
    classes: Annotated[
        bool, typer.Option("--classes", help="The labels are the classes 0 to 3 already, not cell numbers.")
    ] = False,
    ignore: Annotated[
        int | None, typer.Option("--ignore", help="Number that marks pixels of unknown class.")
    ] = None,
    keep_empty: Annotated[
        bool, typer.Option("--keep-empty", help="Frames without labels show no cell; else they are left out.")
    ] = False,
    validation: Annotated[
        float, typer.Option("--validation", help="Share to validate on, the last frames or files.")
    ] = 0.2,
    last_frame: Annotated[
        int | None, typer.Option("--last-frame", min=0, help="Last frame to take, counted from 0.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the movie in the folder.")] = None,
    channel: common.Channel = 0,
    plane: common.Plane = 0,
    pixel_size: common.PixelSize = None,
    interval: common.Interval = None,
    quiet: common.Quiet = False,
) -> None:
    """Bring a movie, with labels if there are any, into a training folder.

    The network of the recipe `segmentation` learns from labelled movies, that of `flow_unsupervised` from any.
    """
    from ..training.labels import find_pairs, write_labelled, write_pairs
    from ..training.movies import write_movie

    def opened(path: str | Path) -> TimeLapse:
        return common.open_movie(str(path), pixel_size, interval)

    def pictures(movie: TimeLapse) -> Any:
        return _frames(movie, channel, plane, last_frame)

    def marks(path: Path) -> Any:
        return _frames(opened(path), 0, 0, last_frame)

    rules: dict[str, Any] = {
        "trap_label": trap_label,
        "trap": None if trap is None else trap.value,
        "classes": classes,
        "ignore": ignore,
        "keep_empty": keep_empty,
        "validation": validation,
    }
    facts: dict[str, Any]
    if labels is None:
        if trap_label is not None or trap_mask is not None or trap or classes or ignore is not None:
            raise CellSimError("Rules for labels were given, but no labels: name them with --labels.")
    elif not labels.exists():
        raise CellSimError(f"There are no labels {labels}: check the name.")
    elif labels.is_dir() and Path(source).is_dir():
        if trap_mask is not None:
            raise CellSimError(
                "One trap mask cannot serve a folder of pictures: mark the traps in the labels."
            )
        found = [(known, opened(picture), marks(own)) for known, picture, own in find_pairs(source, labels)]
        facts = _calibration(found[0][1])
        _tell(write_pairs(out, [(n, pictures(m), own) for n, m, own in found], **facts, **rules), out, quiet)
        return
    movie = opened(source)
    facts = {"name": name or movie.name} | _calibration(movie)
    if labels is None:
        train, held_out = write_movie(out, pictures(movie), validation=validation, **facts)
        if not quiet:
            typer.echo(f"{train} frames to train on, {held_out} to validate on: {out}")
        return
    mask = None if trap_mask is None else marks(trap_mask)
    _tell(write_labelled(out, pictures(movie), marks(labels), trap_mask=mask, **facts, **rules), out, quiet)


def _calibration(movie: TimeLapse) -> dict[str, Any]:
    return {"pixel_size": movie.pixel_size, "interval": movie.interval}


def _frames(movie: TimeLapse, channel: int, plane: int, last_frame: int | None) -> Any:
    stop = None if last_frame is None else last_frame + 1
    return movie.select(channel=channel, plane=plane).frames[:stop, 0, 0]


def _tell(done: Labelled, out: Path, quiet: bool) -> None:
    if quiet:
        return
    typer.echo(
        f"{done.train} labelled frames to train on, {done.validation} to validate on, "
        f"{done.left_out} without labels left out: {out}"
    )
    typer.echo(", ".join(f"{name} {100 * share:.1f} %" for name, share in done.pixels.items()))
