"""Command `crop`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base import CellSimError
from . import _common as common
from .phantom import Trap

if TYPE_CHECKING:
    from ..datasets import CropStore, Experiment, Located

_PRESETS = ("with randomness", "without randomness")


def crop(
    experiment: Annotated[
        Path, typer.Argument(metavar="EXPERIMENT", help="Folder of TIFFs, multi-position OME-TIFF, or movie.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Store to write, such as crops.zarr.")],
    trap: Annotated[Trap | None, typer.Option("--trap", help="Shape of the traps.")] = None,
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            metavar="Y0,Y1,X0,X1",
            help="Rectangle in pixels around one trap, best an empty one.",
        ),
    ] = None,
    size: Annotated[
        int, typer.Option("--size", min=1, help="Height and width of the crops in pixels.")
    ] = 256,
    pixel_size: common.PixelSize = None,
    interval: common.Interval = None,
    position: Annotated[
        list[str] | None, typer.Option("--position", help="Only this position; may be given several times.")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option("--pattern", help="Regular expression for file names with the groups t, c, z and p."),
    ] = None,
    threshold: Annotated[float, typer.Option("--threshold", help="Smallest score of a trap, up to 1.")] = 0.4,
    rotation: Annotated[
        float, typer.Option("--rotation", help="Largest rotation of the chip, degrees.")
    ] = 5.0,
    channel: common.Channel = 0,
    plane: Annotated[
        int | None, typer.Option("--plane", min=0, help="Focal plane to look at; the middle one by default.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Number of threads.")] = None,
    curate: Annotated[
        str | None,
        typer.Option(
            "--curate",
            help="Measure the crops and drop by these rules: 'with randomness', 'without randomness'.",
        ),
    ] = None,
    window: Annotated[
        int | None, typer.Option("--window", min=1, help="Frames per reviewed window; all by default.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="TRAIN,VALIDATION,TEST", help="Shares of the parts, such as 0.8,0.1,0.1."
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Segmentation model for --curate.")] = "unet-lite",
    device: common.Device = "auto",
    quiet: common.Quiet = False,
) -> None:
    """Find the traps of an experiment and cut their crops into one store.

    The same command goes on where it was stopped. With --curate and --split the store can be trained on at once.
    """
    from .. import datasets

    if (trap is None) == (template is None):
        raise CellSimError("Say what a trap looks like: give either --trap or --template.")
    if curate is not None and curate not in _PRESETS:
        raise CellSimError(f"There are no rules called {curate!r}: choose one of {', '.join(_PRESETS)}.")
    shares = None if split is None else _shares(split)
    opened = datasets.open_experiment(experiment, pattern=pattern, pixel_size=pixel_size, interval=interval)
    if position:
        opened = opened.select(position)
    looks = _template(opened, trap, template, channel, plane)
    located: list[Located] = []
    for place in opened.positions:
        found = common.run_job(
            datasets.locate_job(
                place, looks, channel=channel, plane=plane, rotation=rotation, threshold=threshold
            ),
            quiet=quiet,
        )
        if not quiet:
            typer.echo(f"{place.name}: {len(found.traps)} traps, drift {_drift(found):.1f} px")
        located.append(found)
    store = common.run_job(datasets.crop_job(opened, out, located, size=size, workers=workers), quiet=quiet)
    if not quiet:
        typer.echo(f"{len(store)} traps, {len(store.left_out)} left out at the border: {store.path}")
    common.warn([note for place in opened.positions for note in place.notes])
    _review(store, curate, window, shares, model, device, channel, plane, quiet)


def _review(
    store: CropStore,
    curate: str | None,
    window: int | None,
    shares: tuple[float, float, float] | None,
    model: str,
    device: str,
    channel: int,
    plane: int | None,
    quiet: bool,
) -> None:
    from .. import datasets

    if curate is None and shares is None:
        return
    curation = datasets.Curation(store, window)
    if curate is not None:
        job = datasets.measure_job(store, model, channel=channel, plane=plane, device=device)
        counts = curation.apply(curate, common.run_job(job, quiet=quiet))
        if not quiet:
            typer.echo(f"{counts['keep']} windows kept, {counts['drop']} dropped, {counts['flag']} flagged")
    if shares is not None:
        made = datasets.make_split(store, curation.kept(), shares)
        made.save(store)
        if not quiet:
            typer.echo(", ".join(f"{part} {len(own)}" for part, own in made.parts.items()))


def _template(
    experiment: Experiment, trap: Trap | None, rectangle: str | None, channel: int, plane: int | None
) -> Any:
    from ..data import TrapGeometry
    from ..datasets import TrapTemplate

    if trap is not None:
        return TrapGeometry.nominal(trap.value)
    regions = common.parse_region(rectangle)
    assert regions is not None  # one of the two is given
    movie = experiment.positions[0].timelapse()
    frame = movie.array([0], channel, movie.n_planes // 2 if plane is None else plane)[0]
    return TrapTemplate.from_region(frame, regions[0])


def _drift(found: Located) -> float:
    shifts = found.track.shifts
    return float(((shifts**2).sum(1) ** 0.5).max())


def _shares(text: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(part) for part in text.split(","))
    except ValueError:
        raise CellSimError(f"The shares {text!r} are not three numbers such as 0.8,0.1,0.1.") from None
    return first, second, third
