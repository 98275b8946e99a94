"""Command `train`."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base import JobToken

if TYPE_CHECKING:
    from ..training import TrainEvent


def train(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Configuration run.toml, or the run folder that holds it.")
    ],
) -> None:
    """Train a model, or go on with a run that was stopped.

    Prints one line per event. Ctrl-C saves a checkpoint and stops; the same command goes on from there.
    """
    from ..training import train as events

    token = JobToken()
    with _cancelling(token):
        for event in events(run, token):
            typer.echo(describe(event))


def describe(event: TrainEvent) -> str:
    """Return one line about a training event."""
    from ..training import CheckpointSaved, Finished, Paused, Resumed, StepLogged, Validated

    step = f"step {event.step:>7}"
    match event:
        case StepLogged():
            rate = f"lr {event.learning_rate:.2e}  {event.images_per_second:.1f} images/s"
            return f"{step}  {100 * event.progress:5.1f} %  {_numbers(event.losses)}  {rate}"
        case Validated():
            return f"{step}  validation  {_numbers(event.metrics)}{'  (best so far)' if event.best else ''}"
        case CheckpointSaved():
            return f"{step}  checkpoint {event.path}"
        case Finished():
            return f"{step}  {'stopped early' if event.stopped else 'finished'}, model {event.path}"
        case Paused():
            return f"{step}  paused"
        case Resumed():
            return f"{step}  going on from here"
    return f"{step}  {type(event).__name__}"


def _numbers(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.5g}" for name, value in values.items())


@contextmanager
def _cancelling(token: JobToken) -> Iterator[None]:
    """Turn the first Ctrl-C (or a cluster's SIGTERM) into a cancelled token; a second one interrupts at once."""
    wanted = (signal.SIGINT, signal.SIGTERM)
    before: dict[signal.Signals, Any] = {}

    def cancel(number: int, _frame: Any) -> None:
        typer.echo("Stopping after this step …", err=True)
        token.cancel()
        signal.signal(number, before[signal.Signals(number)])

    try:
        before.update({number: signal.signal(number, cancel) for number in wanted})
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
