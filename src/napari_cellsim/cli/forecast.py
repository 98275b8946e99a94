"""Commands `predict` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..base import CellSimError
from . import _common as common

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..evaluation import Report


def predict(
    source: common.Input,
    out: Annotated[
        Path, typer.Option("--out", help="OME-TIFF to write: predicted frames, flow and overlays.")
    ],
    at: Annotated[
        int | None,
        typer.Option(
            "--at", help="Index of the last frame the forecast may see, from 0; the movie's last by default."
        ),
    ] = None,
    steps: common.Steps = 5,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", help="JSON to write: errors of model and baselines against the frames after --at."
        ),
    ] = None,
    model: common.ModelName = common.DEFAULT_MODEL,
    flow: common.Flow = "model",
    segmentation: common.Segmentation = "model",
    channel: common.Channel = 0,
    plane: common.Plane = 0,
    pixel_size: common.PixelSize = None,
    interval: common.Interval = None,
    device: common.Device = "auto",
    region: common.RegionText = None,
    keep_kernels: Annotated[
        bool, typer.Option("--keep-kernels", help="Keep the adaptive kernels in the OME-TIFF (large).")
    ] = False,
    quiet: common.Quiet = False,
) -> None:
    """Forecast the next frames of a movie.

    Writes one OME-TIFF that napari, Fiji and `open_result` read. Where the movie goes on after --at, the
    forecast is compared with what really came, beside three simple baselines.
    """
    from ..evaluation import assess
    from ..evaluation.cells import true_cells
    from ..forecasting import forecast_job
    from ..models import load_model

    for target in (out, report):
        if target is not None:
            common.check_target(target, source)
    regions = common.parse_region(region)
    movie = common.open_movie(source, pixel_size, interval)
    masks = common.segmentation_source(segmentation)
    chosen = load_model(model)
    found = common.run_job(
        forecast_job(
            movie,
            chosen,
            steps=steps,
            at=at,
            flow=common.flow_source(flow),
            segmentation=masks,
            channel=channel,
            plane=plane,
            regions=regions,
            device=device,
            keep_kernels=keep_kernels,
        ),
        quiet=quiet,
    )
    result = found[0] if isinstance(found, list) else found
    common.warn(result.provenance["warnings"])
    assessed = assess(movie, result, cells=true_cells(movie, result, chosen, masks, device))
    result.save(out)
    if report is not None:
        assessed.save(report)
    if not quiet:
        typer.echo(f"{steps} predicted frames after frame {result.at}: {out}")
        typer.echo(assessed.table())


def evaluate(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="One or more movies, as for `predict`.")
    ],
    at: Annotated[
        list[int] | None,
        typer.Option(
            "--at",
            help="Last visible frame; may be given several times. By default --steps true frames are left.",
        ),
    ] = None,
    steps: common.Steps = 5,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="JSON to write: the report of one forecast, or the comparison over several."
        ),
    ] = None,
    model: common.ModelName = common.DEFAULT_MODEL,
    flow: common.Flow = "model",
    segmentation: common.Segmentation = "model",
    channel: common.Channel = 0,
    plane: common.Plane = 0,
    pixel_size: common.PixelSize = None,
    interval: common.Interval = None,
    device: common.Device = "auto",
    region: common.RegionText = None,
    quiet: common.Quiet = False,
) -> None:
    """Measure a model against the true frames of one or more movies.

    Copy-last-frame, blurred copy-last-frame and constant-flow extrapolation stand beside it. With several
    movies the table gives means over movies with 95 % bootstrap intervals; several forecasts of one movie are
    averaged first.
    """
    from ..evaluation import compare_sequences
    from ..evaluation import evaluate as evaluate_one
    from ..models import load_model

    if out is not None:
        common.check_target(out, *inputs)
    chosen, flow_backend = load_model(model), common.flow_source(flow)
    masks, regions = common.segmentation_source(segmentation), common.parse_region(region)
    reports: list[Report] = []
    for source in inputs:
        movie = common.open_movie(source, pixel_size, interval)
        for start in at or [default_start(movie, steps)]:
            reports.append(
                evaluate_one(
                    movie,
                    chosen,
                    at=start,
                    steps=steps,
                    flow=flow_backend,
                    segmentation=masks,
                    channel=channel,
                    plane=plane,
                    regions=regions,
                    device=device,
                )
            )
            if not quiet:
                typer.echo(f"{source}, after frame {start}: done", err=True)
    for line in dict.fromkeys(line for report in reports for line in report.warnings):
        common.warn([line])
    result = reports[0] if len(reports) == 1 else compare_sequences(reports)
    if out is not None:
        result.save(out)
    if not quiet:
        typer.echo(result.table())


def default_start(movie: TimeLapse, steps: int) -> int:
    """Return the last frame that leaves `steps` true frames, but not less than the first."""
    if movie.n_times < 2:
        raise CellSimError(
            f"{movie.name} has one frame only, so there is no truth to compare a forecast with."
        )
    return max(0, movie.n_times - 1 - steps)
