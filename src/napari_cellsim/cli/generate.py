"""Commands `generate` and `encode`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import _common as common

if TYPE_CHECKING:
    from ..generation import Generated

DEFAULT_MODEL = "cellgan-lite"


class Noise(StrEnum):
    """Noise maps of generated pictures."""

    random = "random"
    fixed = "fixed"
    none = "none"


class Space(StrEnum):
    """Latent spaces of a look-alike."""

    w = "w"
    w_plus = "w+"


Out = Annotated[
    Path, typer.Option("--out", help="OME-TIFF to write: the pictures first, then their latents.")
]
NoiseChoice = Annotated[
    Noise, typer.Option("--noise", help="Noise of its own for each picture, the same for all, or none.")
]
Seed = Annotated[int, typer.Option("--seed", help="The same seed gives the same pictures; 0 or more.")]


def generate(
    out: Out,
    n: Annotated[int, typer.Option("--n", "-n", help="Number of pictures, at least 1.")] = 16,
    seed: Seed = 0,
    truncation: Annotated[
        float | None,
        typer.Option(
            "--truncation",
            help="From 0 (the mean picture) to 1 (full variety); 0.7 by default, always 1 for an MSG-GAN.",
        ),
    ] = None,
    noise: NoiseChoice = Noise.random,
    model: common.ModelName = DEFAULT_MODEL,
    device: common.Device = "auto",
    quiet: common.Quiet = False,
) -> None:
    """Generate new pictures of trapped cells, or of what your own generator has learnt.

    Writes one OME-TIFF that napari, Fiji and `open_result` read.
    """
    from ..generation import generate_job
    from ..models import load_model

    common.check_target(out)
    job = generate_job(load_model(model), n, seed, truncation, noise.value, device=device)
    result = common.run_job(job, quiet=quiet, unit="picture")
    _finish(result, out, quiet, f"{len(result)} generated pictures, seed {seed}: {out}")


def encode(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="Guide pictures: a TIFF or zarr file, a folder of TIFFs, or a pattern in quotes such as 'pos1/*.tif'.",
        ),
    ],
    out: Out,
    at: Annotated[
        list[int] | None,
        typer.Option(
            "--at", help="Frame to take as a guide, from 0; may be given several times; all by default."
        ),
    ] = None,
    space: Annotated[
        Space | None,
        typer.Option("--space", help="One latent for all slots (w), or one for each (w+), as by default."),
    ] = None,
    refine_steps: Annotated[
        int, typer.Option("--refine-steps", help="Steps of projection after the encoder's answer.")
    ] = 0,
    noise: NoiseChoice = Noise.none,
    seed: Seed = 0,
    channel: common.Channel = 0,
    plane: common.Plane = 0,
    pixel_size: common.PixelSize = None,
    region: Annotated[
        str | None,
        typer.Option("--region", metavar="Y0,Y1,X0,X1", help="Rectangle in pixels that shows the trap."),
    ] = None,
    model: common.ModelName = DEFAULT_MODEL,
    device: common.Device = "auto",
    quiet: common.Quiet = False,
) -> None:
    """Generate look-alikes of guide pictures.

    Writes one OME-TIFF with the look-alikes, the guides as the model saw them, and the latents.
    """
    from ..generation import encode_job
    from ..models import load_model

    common.check_target(out, source)
    job = encode_job(
        load_model(model),
        source,
        at=at,
        channel=channel,
        plane=plane,
        regions=common.parse_region(region),
        pixel_size=pixel_size,
        space=None if space is None else space.value,
        refine_steps=refine_steps,
        noise=noise.value,
        seed=seed,
        device=device,
    )
    result = common.run_job(job, quiet=quiet, unit="picture")
    _finish(result, out, quiet, f"{len(result)} look-alikes: {out}")
    if not quiet:
        for record in result.records:
            typer.echo(_likeness(record))


def _finish(result: Generated, out: Path, quiet: bool, summary: str) -> None:
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)
    result.save(out)
    if not quiet:
        typer.echo(summary)


def _likeness(record: dict[str, float]) -> str:
    text = f"frame {record['frame']}: PSNR {record['psnr']:.1f} dB, SSIM {record['ssim']:.3f}"
    if record["steps"]:
        text += f" (before refinement {record['psnr_before']:.1f} dB, {record['ssim_before']:.3f})"
    return text
