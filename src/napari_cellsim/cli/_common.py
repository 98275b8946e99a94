"""What several commands share: reading options, running a job with a progress bar, checking targets."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ..base import CellSimError, Event, Progress

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..evaluation.study import Study
    from ..models import Model

Result = TypeVar("Result")

Input = Annotated[
    str,
    typer.Argument(
        metavar="INPUT",
        help="Movie: a TIFF or zarr file, a folder of TIFFs, or a pattern in quotes such as 'pos1/*.tif'.",
    ),
]
ModelName = Annotated[
    str, typer.Option("--model", help="Bundled model by name (see `models`), or a *.safetensors file.")
]
Steps = Annotated[int, typer.Option("--steps", min=1, help="Number of frames to predict.")]
Flow = Annotated[
    str,
    typer.Option(
        "--flow",
        help="Optical flow between past frames: model, classical, or the name or file of a PWC-Net model.",
    ),
]
Segmentation = Annotated[
    str,
    typer.Option(
        "--segmentation",
        help="Segmentation of past frames: model, none, the name or file of a U-Net model, or a TIFF of cell labels.",
    ),
]
Channel = Annotated[int, typer.Option("--channel", min=0, help="Channel of the movie, counted from 0.")]
Plane = Annotated[int, typer.Option("--plane", min=0, help="Focal plane of the movie, counted from 0.")]
PixelSize = Annotated[
    float | None, typer.Option("--pixel-size", help="Pixel size in µm; overrides what the file states.")
]
Interval = Annotated[
    float | None, typer.Option("--interval", help="Minutes between frames; overrides what the file states.")
]
Device = Annotated[str, typer.Option("--device", help="Where to compute: auto, cpu, cuda:0, mps …")]
RegionText = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="Y0,Y1,X0,X1", help="Rectangle in pixels to forecast; the whole image by default."
    ),
]
Mode = Annotated[
    str,
    typer.Option(
        "--mode",
        help="mean: the best estimate, blurred where the future is open; sample: possible futures, sharp guesses.",
    ),
]
ReportFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--out", help="Report to write: .html to look at, .csv or .json with all numbers; several times."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print neither progress nor tables.")]

DEFAULT_MODEL = "sdcnet-default"


def run_job(job: Generator[Event, None, Result], *, quiet: bool = False, unit: str = "frame") -> Result:
    """Run a job to its end, with a progress bar on stderr where that is a terminal."""
    from tqdm import tqdm

    with tqdm(total=1, unit=unit, disable=True if quiet else None, leave=False) as bar:
        while True:
            try:
                event = next(job)
            except StopIteration as stop:
                result: Result = stop.value
                return result
            if isinstance(event, Progress):
                bar.total = event.total
                bar.set_description(event.message, refresh=False)
                bar.update(event.done - bar.n)


def open_movie(source: str, pixel_size: float | None, interval: float | None) -> TimeLapse:
    """Open a movie and override its calibration where the user gave one."""
    from ..data import open_timelapse

    return open_timelapse(source, pixel_size=pixel_size, interval=interval)


def flow_source(text: str) -> str | Model:
    """Return a flow source as `predict` takes it."""
    return text if text in ("model", "classical") else _load(text, "--flow", "model, classical")


def segmentation_source(text: str) -> Any:
    """Return a segmentation source as `predict` takes it; a TIFF gives its labels (T, Y, X)."""
    if text in ("model", "none"):
        return text
    if Path(text).suffix.lower() in (".tif", ".tiff"):
        import numpy as np

        from ..data import open_timelapse

        return np.asarray(open_timelapse(text).frames[:, 0, 0])
    return _load(text, "--segmentation", "model, none, a TIFF of labels")


def parse_region(text: str | None) -> list[tuple[int, int, int, int]] | None:
    """Read "y0,y1,x0,x1" as the list of regions that `predict` takes."""
    if text is None:
        return None
    try:
        y0, y1, x0, x1 = (int(part) for part in text.split(","))
    except ValueError:
        raise CellSimError(
            f"The region {text!r} is not four whole numbers Y0,Y1,X0,X1 in pixels, such as 0,256,128,384."
        ) from None
    return [(y0, y1, x0, x1)]


def check_target(path: Path, *inputs: str) -> Path:
    """Refuse a target that could not be written, or would overwrite an input, before hours are spent.

    Raises
    ------
    CellSimError
        If its folder does not exist, it is a folder itself, or it is one of the inputs.
    """
    if path.is_dir():
        raise CellSimError(f"{path} is a folder: name a file in it.")
    if not path.absolute().parent.is_dir():
        raise CellSimError(f"{path} cannot be written: there is no folder {path.absolute().parent}.")
    if any(Path(name).exists() and path.exists() and path.samefile(name) for name in inputs):
        raise CellSimError(f"{path} is the input itself, which is never overwritten: choose another name.")
    return path


def report_targets(paths: list[Path] | None, *inputs: str) -> list[Path]:
    """Return where to write a report, once it is known that all of it can be written there."""
    from ..evaluation import check_suffix

    return [check_target(check_suffix(path), *inputs) for path in paths or []]


def deliver(study: Study, targets: list[Path], *, quiet: bool) -> None:
    """Write a study wherever it is wanted, and print what it says."""
    warn(study.warnings)
    for target in targets:
        study.save(target)
    if not quiet:
        typer.echo(study.table())
        for target in targets:
            typer.echo(f"written: {target}")


def warn(lines: list[str]) -> None:
    """Print warnings to stderr."""
    for line in lines:
        typer.echo(f"warning: {line}", err=True)


def _load(text: str, option: str, words: str) -> Model:
    from ..models import load_model

    try:
        return load_model(text)
    except CellSimError as error:
        raise CellSimError(
            f"{option} takes {words} or a model, but {text!r} is none of them: {error}"
        ) from error
