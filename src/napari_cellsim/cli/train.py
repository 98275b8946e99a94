"""Command `train`."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base import JobCancelled, JobToken

if TYPE_CHECKING:
    from ..training import RunConfig, TrainEvent


def train(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Configuration run.toml, or the run folder that holds it.")
    ],
    submit: Annotated[
        bool,
        typer.Option(
            "--submit", help="Queue this command on the SLURM cluster that [slurm] in run.toml describes."
        ),
    ] = False,
    per_class: Annotated[
        bool,
        typer.Option(
            "--per-class",
            help="Generators of photographs: one model per class, each in a run folder of its own beside RUN.",
        ),
    ] = False,
) -> None:
    """Train a model, or go on with a run that was stopped.

    Prints one line per event. Ctrl-C saves a checkpoint and stops; the same command goes on from there.
    A run that names another one by "then" is followed by it.
    """
    start = run
    if per_class:
        from ..training.class_runs import split_by_class

        start = split_by_class(run)[0]
    if submit:
        _submit(start)
        return
    from ..training import read_run
    from ..training.processes import is_first
    from ..training.run import chain, run_file, train_one

    first, token, step = is_first(), JobToken(), 0
    try:
        with _cancelling(token):
            for one in chain(start):
                config = read_run(run_file(one))
                if first:
                    typer.echo(_headline(one, config))
                for event in train_one(one, token):
                    step = event.step
                    typer.echo(describe(event))
    except JobCancelled:
        if first:
            options = " --per-class" if per_class else ""
            typer.echo(f"Stopped at step {step}; to go on from there: napari-cellsim train {run}{options}")
        raise


def _submit(run: Path) -> None:
    from ..training import read_run, submit
    from ..training.run import run_file

    asked = read_run(run_file(run)).slurm
    job = submit(run, asked)
    place = "in the background of this machine" if asked.cluster == "local" else "on the cluster"
    typer.echo(f"Job {job.job_id} trains {run} {place}; its words go to {job.paths.stdout}")


def _headline(run: Path, config: RunConfig) -> str:
    """Return what is trained, where, and how long."""
    fit = config.fit
    limits = {"steps": fit.steps, "images": fit.images, "epochs": fit.epochs, "minutes": fit.minutes}
    budget = " or ".join(f"{value:g} {name}" for name, value in limits.items() if value)
    return f"Training {config.recipe} in {run} on {fit.device} for {budget}; Ctrl-C saves a checkpoint and stops."


def describe(event: TrainEvent) -> str:
    """Return one line about a training event."""
    from ..training import (
        BatchDivided,
        CheckpointSaved,
        Finished,
        Paused,
        Resumed,
        StepLogged,
        Validated,
    )

    step = f"step {event.step:>7}"
    match event:
        case StepLogged():
            rate = f"lr {event.learning_rate:.2e}  {event.images_per_second:.1f} images/s"
            left = "" if event.seconds_left is None else f"  {_duration(event.seconds_left)} left"
            return f"{step}  {100 * event.progress:5.1f} %  {_numbers(event.losses)}  {rate}{left}"
        case Validated():
            return f"{step}  validation  {_numbers(event.metrics)}{'  (best so far)' if event.best else ''}"
        case CheckpointSaved():
            return f"{step}  checkpoint {event.path}"
        case Finished():
            best = (
                ""
                if event.best_step is None
                else f" (best validation {event.best:.5g} at step {event.best_step})"
            )
            return f"{step}  {'stopped early' if event.stopped else 'finished'}, model {event.path}{best}"
        case BatchDivided():
            return f"{step}  the memory was full; each batch is worked through in {event.parts} parts from now on"
        case Paused():
            return f"{step}  paused"
        case Resumed():
            return f"{step}  going on from here"
    return f"{step}  {type(event).__name__}"


def _numbers(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.5g}" for name, value in values.items())


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{seconds / 3600:.1f} h"


@contextmanager
def _cancelling(token: JobToken) -> Iterator[None]:
    """Turn the first Ctrl-C (or a cluster's warning) into a cancelled token; a second one interrupts at once."""
    names = ("SIGINT", "SIGTERM", "SIGUSR2")  # Windows has no SIGUSR2
    wanted = [getattr(signal, name) for name in names if hasattr(signal, name)]
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
