"""The command line, in the same words as the scripting interface.

Nothing here imports torch, napari or a sibling room before a command needs it, so that help appears at once.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .. import __version__
from ..base import CellSimError, JobCancelled
from . import (
    adapt,
    crop,
    demo,
    doctor,
    evaluate,
    forecast,
    generate,
    import_movie,
    models,
    phantom,
    study,
    train,
)

USER_ERROR, INTERRUPTED = 2, 130


class _Commands(TyperGroup):
    """Turns what the user can mend into one line on stderr, never a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CellSimError as error:
            typer.echo(f"napari-cellsim: {error}", err=True)
            raise typer.Exit(USER_ERROR) from error
        except (KeyboardInterrupt, JobCancelled) as error:
            typer.echo("\nnapari-cellsim: stopped; nothing half-written is left.", err=True)
            raise typer.Exit(INTERRUPTED) from error


app = typer.Typer(
    name="napari-cellsim",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-cellsim {__version__}")
        raise typer.Exit


@app.callback()
def _about(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and stop."),
    ] = False,
) -> None:
    """Forecast time-lapse microscopy of trapped cells, generate it, and simulate it."""


app.command("demo")(demo.demo)
app.command("predict")(forecast.predict)
app.command("adapt")(adapt.adapt)
app.command("evaluate")(evaluate.evaluate)
app.command("generate")(generate.generate)
app.command("encode")(generate.encode)
app.command("phantom")(phantom.phantom)
app.command("models")(models.models)
app.command("import-weights")(models.import_weights)
app.command("crop")(crop.crop)
app.command("import-movie")(import_movie.import_movie)
app.command("train")(train.train)
app.command("study")(study.study)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line."""
    app()
