"""Commands `models` and `import-weights`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..base import CellSimError
from . import _common as common


class Kind(StrEnum):
    """Foreign checkpoints that can be imported."""

    auto = "auto"
    pwcnet = "pwcnet"
    multistylegan = "multistylegan"
    resnet18 = "resnet18"


# Where the models of each kind are used, by what the command line calls them.
_USES = {
    "pwcnet": "predict … --flow {}",
    "cellgan": "generate --model {}",
    "backbone": "study … --settings run.toml, with preset = 'resnet18' and start = '{}' in its [settings]",
}


def models(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Show the whole card of this model.")
    ] = None,
) -> None:
    """List the bundled models and your own, or show the card of one."""
    from ..models import list_models, user_model_folder

    entries = list_models()
    if name is not None:
        entry = next((e for e in entries if e.name == name), None)
        if entry is None:
            known = ", ".join(e.name for e in entries) or "none"
            raise CellSimError(f"There is no model called {name!r}; known models: {known}.")
        typer.echo(f"{entry.name}  {entry.kind}  {entry.path}\nsha256 {entry.hash}")
        typer.echo(entry.problem or entry.card.model_dump_json(indent=2))
        return
    for entry in entries:
        origin = "bundled" if entry.bundled else "own"
        size = f"{entry.size / 1e6:.1f} MB"
        text = entry.problem or entry.card.description
        typer.echo(
            f"{entry.name:<24}{entry.kind:<10}{origin:<9}{entry.parameters:>12,} weights {size:>9}  {text}"
        )
    if not entries:
        typer.echo("There are no models: this installation came without weights.")
    typer.echo(f"Your own models live in {user_model_folder()}")


def import_weights(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="File of the foreign weights.")],
    kind: Annotated[
        Kind, typer.Option("--kind", help="Which network it holds; auto recognises it.")
    ] = Kind.auto,
    name: Annotated[
        str | None, typer.Option("--name", help="Name under which other commands will find the model.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write this *.safetensors file instead of keeping the model in your model folder."
        ),
    ] = None,
) -> None:
    """Bring weights of somebody else's network: PWC-Net, Multi-StyleGAN, or ResNet-18 for classifiers.

    The file is read without unpickling anything but tensors, and stays yours: mind its licence.
    """
    from ..models import import_weights as read_checkpoint
    from ..models import store

    if out is not None:
        common.check_target(out, str(checkpoint))
    model = read_checkpoint(checkpoint, kind.value)
    if out is None:
        target = store(model, name)
    else:
        model.save(out)
        target = out
    typer.echo(f"Weights imported as a model of kind {model.kind}: {target}")
    use = _USES[model.kind].format((name or model.name) if out is None else out)
    typer.echo(f"Use them with: napari-cellsim {use}")
