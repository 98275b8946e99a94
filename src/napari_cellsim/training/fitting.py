"""Runs any recipe: the loop, its budget, checkpoints, pause and stop, and the run folder."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from ..base import CellSimError, JobCancelled, JobToken, versions
from .averaging import WeightAverage
from .budget import Budget, Stopwatch
from .checkpoints import (
    checkpoint_path,
    clean,
    list_checkpoints,
    load_checkpoint,
    load_modules,
    save_checkpoint,
)
from .config import FitConfig
from .events import (
    BatchDivided,
    CheckpointSaved,
    Finished,
    Paused,
    Resumed,
    StepLogged,
    TrainEvent,
    Validated,
)
from .failures import explain
from .feeding import Prefetcher
from .processes import Processes, join
from .recipe import Recipe, Sized
from .run_folder import COMMANDS, RunFolder
from .stepping import Stepping, random_state

E = TypeVar("E", bound=TrainEvent)

_HEARTBEAT = 2.0  # seconds between writes of state.json
_POLL = 0.2  # seconds between looks at control.json while paused


def fit(
    recipe: Recipe, config: FitConfig, run_dir: str | Path, token: JobToken | None = None
) -> Generator[TrainEvent, None, None]:
    """Train, or go on training, in a run folder.

    Started in several processes (``torchrun``, ``srun``) it trains one model with all of them: each takes its share of
    every batch, gradients are averaged, and the first one alone yields events and writes.

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
        folder's ``control.json``: "pause", "run", "stop", which ends the run early with a usable model, and "cancel".

    Yields
    ------
    TrainEvent
        The same events as in ``events.jsonl``.

    Raises
    ------
    CellSimError
        If the folder is in use, the budget is missing, the recipe cannot be trained this way, a checkpoint does not
        fit, the loss stops being finite, or memory or disk are full.
    JobCancelled
        If the token was cancelled, or the folder's ``control.json`` says so.
    """
    budget = Budget.of(config, recipe)
    processes = join(config.device)
    folder = RunFolder(run_dir, silent=not processes.first)
    with folder.locked():
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        if processes.first:
            clean(folder.checkpoints)
        # Whoever launched it has reset the commands already, and may have asked for something since.
        if folder.state().get("status") != "starting":
            folder.control("run")
        for event in _Loop(recipe, config, budget, folder, token or JobToken(), processes).run():
            if processes.first:
                yield event


class _Loop:
    """State of one `fit`."""

    def __init__(
        self,
        recipe: Recipe,
        config: FitConfig,
        budget: Budget,
        folder: RunFolder,
        token: JobToken,
        processes: Processes,
    ) -> None:
        self.recipe, self.config, self.budget = recipe, config, budget
        self.folder, self.token, self.processes = folder, token, processes
        self.step, self.seconds, self.saved = 0, 0.0, -1
        self.best: float = float("inf")
        self.best_step: int | None = None
        self.sums: dict[str, float] = defaultdict(float)
        self.summed = 0
        self.watch, self.heartbeat = Stopwatch(), 0.0
        recipe.modules.to(processes.device)
        recipe.stepping = Stepping(config.precision, config.accumulate, processes)
        processes.copy_from_first(recipe.modules.state_dict().values())
        self.average = WeightAverage(recipe, config.average)
        self.rows = slice(None)
        if processes.count > 1:
            self._share_work()

    def _share_work(self) -> None:
        self.rows = self.processes.rows(len(self.recipe.batch(0, 0.0)))
        if self.recipe.feeder is not None:
            self.recipe.feeder.share, self.rows = self.rows, slice(None)

    @property
    def progress(self) -> float:
        return self.budget.progress(self.step, self.seconds)

    @property
    def _settled(self) -> bool:
        """Whether the validation has not got better for as long as one is willing to wait."""
        wait = self.config.patience * self.config.validate_every
        return bool(wait) and self.best_step is not None and self.step - self.best_step >= wait

    def run(self) -> Generator[TrainEvent, None, None]:
        feed: Prefetcher[Sized] | None = None
        try:
            yield from self._resume()
            feed = Prefetcher(self._batch, self.config.loaders)
            try:
                yield from self._train(feed)
            except JobCancelled:
                yield self._checkpoint()
                self.folder.write_state("cancelled", self.step, self.progress, "Cancelled; can be resumed.")
                raise
        except JobCancelled:
            raise
        except Exception as error:
            message = explain(error, self.step, self.folder.checkpoints, self.processes.device)
            self._fail(message or (str(error) if isinstance(error, CellSimError) else _named(error)))
            if message is None:
                raise
            raise CellSimError(message) from error
        finally:
            if feed is not None:
                feed.close()

    def _fail(self, message: str) -> None:
        with suppress(OSError):  # a full disk has no room for this either
            self.folder.write_state("failed", self.step, self.progress, message)

    def _batch(self, step: int) -> Sized:
        """Return this process' share of a batch; called from background threads."""
        batch = self.recipe.batch(step, self.budget.progress(step, self.seconds))
        if self.rows == slice(None):
            return batch
        share: Sized = batch.part(self.rows)
        return share

    def _resume(self) -> Generator[TrainEvent, None, None]:
        found = list_checkpoints(self.folder.checkpoints) if self.processes.first else []
        # On a network's disk the others may still see older ones.
        step = int(self.processes.largest(int(found[-1].name[-8:]) if found else -1)[0])
        device, rank = self.processes.device, self.processes.rank
        if rank:  # chance is the process' own; the first one keeps that of a run in one process
            fresh = np.random.SeedSequence([self.config.seed, rank, step + 1])
            torch.manual_seed(int(fresh.generate_state(1)[0]))
        if step >= 0:
            path = checkpoint_path(self.folder.checkpoints, step)
            state, average = load_checkpoint(path, self.recipe, device, rank)
            self.average.values = {name: value.to(device) for name, value in average.items()}
            self.step, self.seconds = state["step"], state["seconds"]
            self.best = float("inf") if state["best"] is None else state["best"]
            # Checkpoints of earlier versions lack the following.
            self.best_step = state.get("best_step")
            self.recipe.stepping.parts = max(self.config.accumulate, state.get("parts", 1))
            self.sums.update(state.get("sums", {}))
            self.summed = state.get("summed", 0)
        self.folder.forget_events_after(self.step)
        if step >= 0:
            yield self._log(Resumed(self.step))
        self.watch.start(self.seconds)

    def _train(self, feed: Prefetcher[Sized]) -> Generator[TrainEvent, None, None]:
        images, since = 0, self.seconds
        stopped = False
        while True:
            command = yield from self._command()
            if self.progress >= 1:
                break
            if command == "stop" or self._settled:
                stopped = True
                break
            batch = feed(self.step).to(self.processes.device)
            yield from self._one_step(batch)
            images += len(batch) * self.processes.count
            if self.step % self.config.log_every == 0:
                self.seconds = self.watch.seconds
                yield self._log(self._summary(images / max(self.seconds - since, 1e-9)))
                images, since = 0, self.seconds
            better = False
            if self.config.validate_every and self.step % self.config.validate_every == 0:
                event = self._validate()
                better = event.best
                yield event
            due = self.config.checkpoint_every and self.step % self.config.checkpoint_every == 0
            if better or due:
                yield self._checkpoint()
            self._beat("running")
        if self.saved != self.step:
            yield self._checkpoint()
        self._export()
        best = None if self.best_step is None else self.best
        end = self._log(Finished(self.step, str(self.folder.final), stopped, self.best_step, best))
        self.folder.write_state(
            "stopped" if stopped else "finished", self.step, self.progress
        )  # the last word
        yield end

    def _one_step(self, batch: Sized) -> Generator[TrainEvent, None, None]:
        progress, parts = self.progress, self.recipe.stepping.parts
        self.recipe.set_learning_rates(progress)
        values = self.recipe.train_step(batch, progress)
        self.processes.copy_from_first(self.recipe.modules.buffers())
        self.step += 1
        self.average.update(self.step)
        for name, value in values.items():
            self.sums[name] += value
        self.summed += 1
        if self.recipe.stepping.parts > parts:
            yield self._log(BatchDivided(self.step, self.recipe.stepping.parts))

    def _summary(self, rate: float) -> StepLogged:
        means = {name: value / self.summed for name, value in self.sums.items()}
        self.sums.clear()
        self.summed = 0
        lr = next(iter(self.recipe.optimisers.values())).param_groups[0]["lr"]
        left = self.seconds * (1 / self.progress - 1) if self.progress else None
        memory = memory_used(self.processes.device)
        return StepLogged(self.step, means, rate, lr, self.progress, round(self.seconds, 3), left, memory)

    def _command(self) -> Generator[TrainEvent, None, str]:
        """Wait while paused, raise if cancelled, and let all processes share one clock."""
        paused = False
        while True:
            own = "cancel" if self.token.cancelled else "pause" if self.token.paused else "run"
            asked = max(own, self.folder.command(), key=COMMANDS.index) if self.processes.first else own
            seconds = self.watch.seconds if self.processes.first and not paused else self.seconds
            wish, self.seconds = self.processes.largest(COMMANDS.index(asked), seconds)
            command = COMMANDS[int(wish)]
            if command == "cancel":
                raise JobCancelled("The job was cancelled.")
            if command != "pause":
                break
            if not paused:
                paused = True
                yield self._checkpoint()
                yield self._log(Paused(self.step))
                self.heartbeat = 0.0  # say so at once
            self._beat("paused")
            time.sleep(_POLL)
        if paused:
            self.watch.start(self.seconds)
            self.heartbeat = 0.0
            yield self._log(Resumed(self.step))
        return command

    def _validate(self) -> Validated:
        """Validate in the first process; the others only learn whether it is the best."""
        metrics: dict[str, float] = {}
        better = False
        if self.processes.first:
            with self.average.applied():
                metrics = self.recipe.validate()
                sheet = self.recipe.preview()
            if sheet is not None:
                self.folder.write_preview(self.step, sheet)
            judged = metrics[self.recipe.judged_by]
            better = judged < self.best
            self.best = min(self.best, judged)
        better = bool(self.processes.largest(float(better))[0])
        if better:
            self.best_step = self.step
        return self._log(Validated(self.step, metrics, better))

    def _checkpoint(self) -> CheckpointSaved:
        own = random_state(self.processes.device)
        random = [self.processes.gather(state) for state in own]
        path = self.folder.checkpoints
        if self.processes.first:
            state = {
                "seconds": self.seconds,
                "best": None if self.best == float("inf") else self.best,
                "best_step": self.best_step,
                "parts": self.recipe.stepping.parts,
                "sums": dict(self.sums),
                "summed": self.summed,
            }
            path = save_checkpoint(
                path, self.step, self.recipe, self.average.values, state, self.config.keep, random
            )
        self.saved = self.step
        return self._log(CheckpointSaved(self.step, str(path)))

    def _export(self) -> None:
        if not self.processes.first:
            return
        exported = self.step
        with self.average.applied():
            if self.config.export == "best" and self.best_step is not None:
                load_modules(self.folder.path, self.recipe, best=True)
                exported = self.best_step
            self.recipe.save(self.folder.final, self._provenance() | {"exported_step": exported})

    def _provenance(self) -> dict[str, Any]:
        best = None
        if self.best_step is not None:
            best = {"step": self.best_step, "metric": self.recipe.judged_by, "value": self.best}
        return {
            "recipe": self.recipe.name,
            "fit": self.config.model_dump(),
            "steps": self.step,
            "minutes": round(self.seconds / 60, 2),
            "processes": self.processes.count,
            "best": best,
            "versions": versions(),
        }

    def _log(self, event: E) -> E:
        self.folder.append(event)
        self._beat("running")
        return event

    def _beat(self, status: str) -> None:
        if time.monotonic() - self.heartbeat >= _HEARTBEAT:
            self.heartbeat = time.monotonic()
            self.folder.write_state(status, self.step, self.progress)


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def memory_used(device: torch.device) -> int | None:
    """Return the largest memory used so far, bytes."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_reserved(device))
    if sys.platform == "win32":
        return None
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(used if sys.platform == "darwin" else 1024 * used)
