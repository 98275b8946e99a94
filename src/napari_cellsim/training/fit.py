"""Runs any recipe: the loop, its budget, checkpoints, pause and stop, and the run folder."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from ..base import CellSimError, JobCancelled, JobToken, versions
from .checkpoints import list_checkpoints, load_checkpoint, save_checkpoint
from .events import CheckpointSaved, Finished, Paused, Resumed, StepLogged, TrainEvent, Validated
from .feeding import Prefetcher
from .recipe import Recipe
from .run_folder import RunFolder

E = TypeVar("E", bound=TrainEvent)

_HEARTBEAT = 2.0  # seconds between writes of state.json
_POLL = 0.2  # seconds between looks at control.json while paused


class FitConfig(BaseModel):
    """How long and how to train.

    Attributes
    ----------
    steps, minutes : int, float
        Budget; the run ends when the first of them is used up. 0 for no limit; one must be set. A run with a budget in
        steps alone is exactly repeatable.
    log_every, validate_every, checkpoint_every : int
        Steps between these; 0 for never (a checkpoint is always written at the end).
    keep : int
        Checkpoints to keep.
    average : float
        Decay of the running average of the weights that is validated and exported; 0 for none.
    device : str
        Where to train.
    threads : int
        CPU threads of torch; 0 leaves them alone.
    seed : int
        Seed of torch; the data has its own in the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(0, ge=0)
    minutes: float = Field(0, ge=0)
    log_every: int = Field(20, ge=1)
    validate_every: int = Field(0, ge=0)
    checkpoint_every: int = Field(200, ge=0)
    keep: int = Field(2, ge=1)
    average: float = Field(0.0, ge=0, lt=1)
    device: str = "cpu"
    threads: int = Field(0, ge=0)
    seed: int = 0


def fit(
    recipe: Recipe, config: FitConfig, run_dir: str | Path, token: JobToken | None = None
) -> Generator[TrainEvent, None, None]:
    """Train, or go on training, in a run folder.

    Parameters
    ----------
    recipe : Recipe
        What to train.
    config : FitConfig
        How long and how.
    run_dir : path
        The run folder. If it holds a checkpoint, the run continues from the newest one.
    token : JobToken, optional
        Cancelling it writes a checkpoint and raises `JobCancelled`; pausing it waits. Other processes use the
        folder's ``control.json``: "pause", "run", and "stop", which ends the run early with a usable model.

    Yields
    ------
    TrainEvent
        The same events as in ``events.jsonl``.

    Raises
    ------
    CellSimError
        If the folder is in use, the budget is missing, a checkpoint does not fit, or the loss stops being finite.
    JobCancelled
        If the token was cancelled.
    """
    if not config.steps and not config.minutes:
        raise CellSimError("The training has no budget; give it a number of steps or of minutes.")
    folder = RunFolder(run_dir)
    with folder.locked():
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        folder.control("run")
        yield from _Loop(recipe, config, folder, token or JobToken()).run()


class _Loop:
    """State of one `fit`."""

    def __init__(self, recipe: Recipe, config: FitConfig, folder: RunFolder, token: JobToken) -> None:
        self.recipe, self.config, self.folder, self.token = recipe, config, folder, token
        self.step, self.spent, self.best = 0, 0.0, float("inf")
        self.resumed = time.monotonic()
        self.heartbeat = 0.0
        recipe.modules.to(config.device)
        self.average: dict[str, Tensor] = {}

    def progress(self, step: int) -> float:
        """Return the used share of the budget; for a budget in steps a function of the step alone."""
        by_steps = step / self.config.steps if self.config.steps else 0.0
        by_time = self.seconds() / (60 * self.config.minutes) if self.config.minutes else 0.0
        return min(1.0, max(by_steps, by_time))

    def seconds(self) -> float:
        return self.spent + time.monotonic() - self.resumed

    def run(self) -> Generator[TrainEvent, None, None]:
        yield from self._resume()
        feed = Prefetcher(lambda step: self.recipe.batch(step, self.progress(step)))
        try:
            yield from self._train(feed)
        except JobCancelled:
            yield self._checkpoint()
            self.folder.write_state(
                "cancelled", self.step, self.progress(self.step), "Cancelled; can be resumed."
            )
            raise
        except FloatingPointError as error:
            message = self._explain(error)
            self.folder.write_state("failed", self.step, self.progress(self.step), message)
            raise CellSimError(message) from error
        except Exception as error:
            self.folder.write_state(
                "failed", self.step, self.progress(self.step), f"{type(error).__name__}: {error}"
            )
            raise
        finally:
            feed.close()

    def _resume(self) -> Generator[TrainEvent, None, None]:
        found = list_checkpoints(self.folder.checkpoints)
        if found:
            state, self.average = load_checkpoint(found[-1], self.recipe)
            self.average = {name: value.to(self.config.device) for name, value in self.average.items()}
            self.step, self.spent, self.best = state["step"], state["seconds"], state["best"] or float("inf")
            self.folder.forget_events_after(self.step)
            yield self._log(Resumed(self.step))
        elif self.config.average:
            self.average = {name: value.detach().clone() for name, value in self._averaged()}
        self.resumed = time.monotonic()

    def _train(self, feed: Prefetcher[Any]) -> Generator[TrainEvent, None, None]:
        sums: dict[str, float] = defaultdict(float)
        count, images, since = 0, 0, self.seconds()
        stopped = False
        while self.progress(self.step) < 1:
            yield from self._wait_while_paused()
            if self.folder.command() == "stop":
                stopped = True
                break
            progress = self.progress(self.step)
            batch = feed(self.step).to(self.config.device)
            self.recipe.set_learning_rates(progress)
            values = self.recipe.train_step(batch, progress)
            self.step += 1
            self._update_average()
            count, images = count + 1, images + len(batch)
            for name, value in values.items():
                sums[name] += value
            if self.step % self.config.log_every == 0:
                rate = next(iter(self.recipe.optimisers.values())).param_groups[0]["lr"]
                means = {name: value / count for name, value in sums.items()}
                elapsed = max(self.seconds() - since, 1e-9)
                yield self._log(
                    StepLogged(self.step, means, images / elapsed, rate, self.progress(self.step))
                )
                sums.clear()
                count, images, since = 0, 0, self.seconds()
            if self.config.validate_every and self.step % self.config.validate_every == 0:
                yield self._validate()
            if self.config.checkpoint_every and self.step % self.config.checkpoint_every == 0:
                yield self._checkpoint()
            self._beat("running")
        yield self._checkpoint()
        with self._averaged_weights():
            self.recipe.save(self.folder.final, self._provenance())
        status = "stopped" if stopped else "finished"
        self.folder.write_state(status, self.step, self.progress(self.step))
        yield self._log(Finished(self.step, str(self.folder.final), stopped))

    def _wait_while_paused(self) -> Generator[TrainEvent, None, None]:
        announced = False
        while not self.token.cancelled and (self.token.paused or self.folder.command() == "pause"):
            if not announced:
                announced, self.spent = True, self.seconds()
                yield self._checkpoint()
                yield self._log(Paused(self.step))
            self.resumed = time.monotonic()
            self._beat("paused")
            time.sleep(_POLL)
        self.token.check()
        if announced:
            self.resumed = time.monotonic()
            yield self._log(Resumed(self.step))

    def _validate(self) -> Validated:
        with self._averaged_weights():
            metrics = self.recipe.validate()
            sheet = self.recipe.preview()
        if sheet is not None:
            self.folder.write_preview(self.step, sheet)
        value = metrics[self.recipe.metric]
        better = value < self.best
        self.best = min(self.best, value)
        return self._log(Validated(self.step, metrics, better))

    def _checkpoint(self) -> CheckpointSaved:
        best = self.best if self.best < float("inf") else None
        state = {"seconds": self.seconds(), "best": best}
        path = save_checkpoint(
            self.folder.checkpoints, self.step, self.recipe, self.average, state, self.config.keep
        )
        return self._log(CheckpointSaved(self.step, str(path)))

    def _averaged(self) -> Iterator[tuple[str, Tensor]]:
        for module in self.recipe.averaged:
            for name, value in self.recipe.modules[module].state_dict().items():
                if value.is_floating_point():
                    yield f"{module}.{name}", value

    def _update_average(self) -> None:
        if not self.average:
            return
        # Early on the average follows faster, so that it does not remember the fresh network.
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        names, values = zip(*self._averaged(), strict=True)
        torch._foreach_lerp_([self.average[name] for name in names], [v.detach() for v in values], 1 - decay)

    @contextmanager
    def _averaged_weights(self) -> Iterator[None]:
        if not self.average:
            yield
            return
        own = {name: value.detach().clone() for name, value in self._averaged()}
        self.recipe.modules.load_state_dict(self.average, strict=False)
        try:
            yield
        finally:
            self.recipe.modules.load_state_dict(own, strict=False)

    def _provenance(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.name,
            "fit": self.config.model_dump(),
            "steps": self.step,
            "minutes": round(self.seconds() / 60, 2),
            "versions": versions(),
        }

    def _explain(self, error: FloatingPointError) -> str:
        found = list_checkpoints(self.folder.checkpoints)
        kept = f"The last good state is {found[-1]}." if found else "There is no checkpoint yet."
        return (
            f"Training stopped at step {self.step} because {error}; try a smaller learning rate or look for "
            f"damaged pictures in the data. {kept}"
        )

    def _log(self, event: E) -> E:
        self.folder.append(event)
        self._beat("running")
        return event

    def _beat(self, status: str) -> None:
        if time.monotonic() - self.heartbeat >= _HEARTBEAT:
            self.heartbeat = time.monotonic()
            self.folder.write_state(status, self.step, self.progress(self.step))
