"""Command `demo`: the whole way from a movie to a forecast, on a simulated movie or one's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..base import CellSimError
from . import _common as common
from .doctor import has_display

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..forecasting import Forecast

STEPS = 5
FRAMES = 14
SEED = 990_001
"""The demo's own phantom: no training, validation or test sequence has it (scripts/training_split.json)."""

FORECAST, FIGURE, REPORT = "predicted.ome.tif", "predicted.png", "report.json"


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the results; made if it does not exist.")],
    source: Annotated[
        str | None,
        typer.Option("--input", metavar="FILE", help="Your own movie instead of the simulated one."),
    ] = None,
    at: Annotated[
        int | None,
        typer.Option(
            "--at",
            help="Last frame the forecast may see, from 0. By default 5 true frames are left to compare.",
        ),
    ] = None,
    gui: Annotated[
        bool, typer.Option("--gui/--no-gui", help="Open the result in napari where there is a screen.")
    ] = True,
) -> None:
    """Forecast a simulated movie (or yours), print how good it is, and open napari.

    Writes predicted.ome.tif, predicted.png and report.json into the folder, replacing those of an earlier
    demo.
    """
    from ..evaluation import assess, default_start, draw_figure
    from ..evaluation.cells import true_cells
    from ..forecasting import forecast_job
    from ..models import load_model

    movie = None if source is None else common.open_movie(source, None, None)
    folder = make_folder(out)
    targets = [common.check_target(folder / name, source or "") for name in (FORECAST, FIGURE, REPORT)]
    if movie is None:
        from ..phantom import simulate

        typer.echo(f"Simulating {FRAMES} frames of yeast in a trap (seed {SEED}) …", err=True)
        movie = simulate(FRAMES, SEED).as_timelapse()
    chosen = load_model(common.DEFAULT_MODEL)
    start = at if at is not None else default_start(movie, STEPS) if movie.n_times > 1 else 0
    forecast = common.run_job(forecast_job(movie, chosen, steps=STEPS, at=start))
    if isinstance(forecast, list):
        forecast = forecast[0]
    common.warn(forecast.provenance["warnings"])
    report = assess(movie, forecast, cells=true_cells(movie, forecast, chosen))
    forecast.save(targets[0])
    draw_figure(targets[1], movie, forecast)
    report.save(targets[2])
    typer.echo(f"{movie.name}: {STEPS} frames predicted after frame {forecast.at}")
    typer.echo(report.table())
    for target in targets:
        typer.echo(f"written: {target}")
    if gui:
        _open_napari(movie, forecast)


def make_folder(path: Path) -> Path:
    """Make the folder of the results, where it does not exist.

    Raises
    ------
    CellSimError
        If it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise CellSimError(f"{path} is a file: name a folder for the results.") from None
    except OSError as error:
        raise CellSimError(f"The folder {path} cannot be made: {error.strerror}.") from error
    return path


def _open_napari(movie: TimeLapse, forecast: Forecast) -> None:
    if not has_display():
        typer.echo("There is no screen, so napari is not opened.", err=True)
        return
    try:
        import napari
        from qtpy import QtWidgets  # noqa: F401
    except Exception as error:
        typer.echo(f"napari cannot be opened ({error}); see `napari-cellsim doctor`.", err=True)
        return
    viewer = napari.Viewer(title="napari-cellsim demo")
    place, every = movie.placement, "TCZYX"
    # The layer has the axes of the source, so that the forecast's layers continue it.
    shown = movie.frames[tuple(slice(None) if axis in place.axes else 0 for axis in every)]
    kept = [axis for axis in every if axis in place.axes]
    viewer.add_image(
        shown.transpose([kept.index(axis) for axis in place.axes]),
        name=movie.name,
        scale=place.scale,
        translate=place.translate,
        units=place.units,
        axis_labels=place.axis_labels,
    )
    forecast.add_to(viewer)
    napari.run()
