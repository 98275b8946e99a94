"""How long will a training take? Some of its steps, done in a process of its own, tell."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..base import CellSimError, JobToken
from .errands import answer, ask_process, fail

STEPS = 20
_WARM = 2  # steps that are slower than the rest: caches, kernels chosen
_PATIENCE = 90.0  # seconds after which fewer steps have to do


@dataclass(frozen=True)
class Probe:
    """What some steps have told.

    Parameters
    ----------
    steps : int
        Steps that were timed.
    seconds_per_step : float
        Mean time of a step.
    images_per_second : float
        Samples shown per second.
    seconds : float
        Expected time of the whole budget, validations included.
    memory : int or None
        Largest memory, bytes: of the card, or of the process on a processor; None where unknown.
    device : str
        Where, such as "cpu" or "cuda:0".
    """

    steps: int
    seconds_per_step: float
    images_per_second: float
    seconds: float
    memory: int | None
    device: str


def probe(run: str | Path, steps: int = STEPS, token: JobToken | None = None) -> Probe:
    """Do some steps of a run in another process and tell how long all of it will take; the run folder stays as it is.

    Parameters
    ----------
    run : path
        Run folder or ``run.toml``.
    steps : int
        Steps to do, spread over the whole schedule.
    token : JobToken, optional
        Cancelling it kills the process.

    Raises
    ------
    CellSimError
        If the run cannot be trained: settings, data, budget, memory.
    JobCancelled
        If the token was cancelled.
    """
    options = (str(Path(run).resolve()), "--steps", str(steps))
    return Probe(**ask_process("training.probe", *options, patient=True, token=token))


def measure(run: str | Path, steps: int) -> Probe:
    """Do what `probe` promises, in this process."""
    import torch

    from .budget import Budget
    from .feeding import Prefetcher
    from .fitting import memory_used
    from .processes import Processes, join
    from .run import read_run, run_file
    from .stepping import Stepping

    asked = read_run(run_file(run))
    config = asked.fit
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    recipe = asked.make()
    budget = Budget.of(config, recipe)
    processes: Processes = join(config.device)
    recipe.modules.to(processes.device)
    recipe.stepping = Stepping(config.precision, config.accumulate, processes)
    shares = [(step + 0.5) / steps for step in range(steps)]
    # what takes turns with the step (every n-th) must take its turn here too, so the numbers of the steps are real
    feed: Prefetcher[Any] = Prefetcher(
        lambda step: recipe.batch(step, shares[min(step, steps - 1)]), config.loaders
    )
    times: list[float] = []
    images, began = 0, time.monotonic()
    try:
        for step, share in enumerate(shares):
            start = time.monotonic()
            batch = feed(step).to(processes.device)
            recipe.set_learning_rates(share)
            recipe.train_step(batch, share)
            if processes.device.type == "cuda":
                torch.cuda.synchronize(processes.device)
            times.append(time.monotonic() - start)
            images = len(batch)
            if time.monotonic() - began > _PATIENCE:
                break
    finally:
        feed.close()
    timed = times[_WARM:] or times
    mean = sum(timed) / len(timed)
    validating = 0.0
    if config.validate_every:
        start = time.monotonic()
        recipe.validate()
        validating = (time.monotonic() - start) / config.validate_every
    limits = [budget.steps * (mean + validating)] if budget.steps else []
    limits += [60 * budget.minutes] if budget.minutes else []
    return Probe(
        len(timed), mean, images / mean, min(limits), memory_used(processes.device), str(processes.device)
    )


def main() -> None:
    """Measure the run named on the command line and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("run", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    options = parser.parse_args()
    try:
        answer(asdict(measure(options.run, options.steps)))
    except CellSimError as error:
        fail(error)
    except (RuntimeError, MemoryError, FloatingPointError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        fail(CellSimError(f"The training could not be tried out: {first}"))


if __name__ == "__main__":
    main()
