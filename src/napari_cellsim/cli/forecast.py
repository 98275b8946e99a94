"""Command `predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from . import _common as common

if TYPE_CHECKING:
    from ..forecasting.prediction import Mode


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
    mode: common.Mode = "mean",
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Number of possible futures, with --mode sample.")
    ] = 1,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the first possible future; the next ones count on.")
    ] = 0,
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
            mode=cast("Mode", mode),  # which forecast_job checks
            samples=samples,
            seed=seed,
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
        many = f"{samples} possible futures of " if samples > 1 else ""
        typer.echo(f"{many}{steps} predicted frames after frame {result.at}: {out}")
        typer.echo(assessed.table())
