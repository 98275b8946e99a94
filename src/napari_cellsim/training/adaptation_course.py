"""The two trainings of an adaptation: one that finds out how long to learn, one that learns from all frames."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..base import CellSimError, Event, JobToken, Progress
from ..models import Shrinkage, resolve_partner
from ..models.hardware import choose_device, free_memory, is_out_of_memory
from .adaptation_check import HORIZON, HeldOut, Verdict
from .augmentation import Augmentation
from .averaging import WeightAverage
from .processes import Processes
from .recipes.forecast import SDCNetRecipe
from .recipes.forecast_settings import SDCNetConfig, Stage, sdcnet_run
from .sequences import write_sequence
from .stepping import Stepping

if TYPE_CHECKING:
    from .adaptation import Past

STAGE: Stage = "default"
LEARNING_RATE = 5e-4
ROLL_OUT = HORIZON  # frames predicted in a row, where the past is long enough
CROP, BATCH = 128, 4
WARM_UP = (
    10  # steps until the full rate: the optimiser's first ones are as large as their direction is unsure
)
AVERAGE = 0.97  # decay of the running average of the weights
MARGIN = 0.01  # a smaller gain may well be chance: the best of several measurements is chosen
_CHECKS = 8  # measurements on the held-out frames, if the budget is in steps
_TRAINING_PER_CHECK = 3.0  # seconds of training for each second of measuring, if it is in minutes


class Lesson:
    """One training from the weights of the given model.

    Parameters
    ----------
    config : SDCNetConfig
        What and how.
    device : torch.device
        Where.
    seed : int
        Seed of torch.
    token : JobToken
        Cancelling it stops a step before the next frame is predicted.
    """

    def __init__(self, config: SDCNetConfig, device: torch.device, seed: int, token: JobToken) -> None:
        torch.manual_seed(seed)
        self.recipe = SDCNetRecipe(config)
        self.recipe.modules.to(device)
        for partner in self.recipe.partners.values():
            partner.to(device)
        self.recipe.stepping = Stepping(processes=Processes(device))
        self.device = device
        self.average = WeightAverage(self.recipe, AVERAGE)
        network: nn.Module = self.recipe.network
        self._watch = network.register_forward_pre_hook(lambda *_: token.check() if token.cancelled else None)

    def step(self, number: int, share: float) -> None:
        """Do an optimiser step, the rates being those at a share of the whole course."""
        batch = self.recipe.batch(number, share).to(self.device)
        self.recipe.set_learning_rates(share)
        for group in self.recipe.optimisers["network"].param_groups:
            group["lr"] *= min(1.0, (number + 1) / WARM_UP)
        self.recipe.train_step(batch, share)
        self.average.update(number + 1)

    def measure(self, held_out: HeldOut) -> Verdict:
        """Judge the averaged weights on held-out frames."""

        def forecast(history: Tensor, steps: int) -> Tensor:
            return self.recipe.predict(history.to(self.device), steps).frames.cpu()

        with self.average.applied():
            return held_out(forecast)

    def network(self) -> nn.Module:
        """Return the network with the averaged weights, ready for use; ends the lesson."""
        self._watch.remove()
        self.recipe.modules.load_state_dict(self.average.values, strict=False)
        network: nn.Module = self.recipe.network
        return network.cpu().eval().requires_grad_(True)


class Course:
    """Both trainings and the measurements between them.

    Parameters
    ----------
    past : Past
        Model and frames.
    folder : Path
        Empty folder to work in.
    minutes : float
        Time for all.
    steps : int
        Instead: optimiser steps of the first training.
    device : str
        Where to compute.
    seed : int
        Seed of everything.
    token : JobToken
        To cancel or pause.

    Attributes
    ----------
    before, after : float
        Error on the held-out frames, of the given model and the best that was reached by learning.
    shrunk : float
        The latter, with as much of the forecasts believed as is best.
    shrinkage : list of Shrinkage
        How much of the forecasts should be believed.
    record : dict
        What the model's card should say.
    """

    def __init__(
        self,
        past: Past,
        folder: Path,
        *,
        minutes: float,
        steps: int,
        device: str,
        seed: int,
        token: JobToken,
    ) -> None:
        self.past, self.folder, self.seed, self.token = past, folder, seed, token
        self.device = choose_device(device)
        self.steps, self.seconds = steps, 60 * minutes
        self.before = self.after = self.shrunk = math.inf
        self.record: dict[str, Any] = {}
        self.shrinkage: list[Shrinkage] = []
        self.first = len(past.images) - past.held_out
        model = past.model
        self._partners = {role: str(resolve_partner(model, role).source) for role in model.card.partners}
        self._began, self._waited = time.monotonic(), 0.0
        self._training = 0.0  # seconds spent in optimiser steps
        self._check = 0.0  # seconds that a measurement takes
        self._shares: list[float] = []  # of the course before each step

    def run(self) -> Generator[Event, None, nn.Module | None]:
        """Yield progress and return the adapted network, or None if adapting does not help.

        Raises
        ------
        CellSimError
            If memory or disk are full, or learning fails.
        JobCancelled
            If the token was cancelled.
        """
        try:
            network = yield from self._run()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise CellSimError(
                f"The memory of {self.device} does not hold the adaptation of {self.past.model.name!r}; choose another "
                "device or a smaller model."
            ) from error
        except FloatingPointError as error:
            raise CellSimError(
                f"Adapting {self.past.model.name!r} failed because {error}; look for damaged frames in "
                f"{self.past.movie.name!r}."
            ) from error
        except OSError as error:
            raise CellSimError(
                f"Adapting needs room for a copy of the frames in {self.folder.parent}: {error.strerror or error}."
            ) from error
        finally:
            free_memory(self.device)
        return network

    def _run(self) -> Generator[Event, None, nn.Module | None]:
        yield Progress(0, 100, "Reading the past frames")
        info = {"source": self.past.movie.name, "pixel_size": self.past.model.card.pixel_size}
        write_sequence(self.folder / "train" / "movie", {"images": self.past.images}, info)
        self.past.model.save(self.folder / "start.safetensors")
        best = yield from self._choose()
        if not self.after <= (1 - MARGIN) * self.before:
            return None
        lesson = Lesson(self._config(None), self.device, self.seed, self.token)
        for number, share in enumerate(self._shares[:best]):
            self._wait()
            yield self._progress(f"Learning from all frames, step {number + 1} of {best}", number, best)
            lesson.step(number, share)
        self._wait()
        self.record = {
            "steps": best,
            "tried_steps": len(self._shares),
            "held_out": [self.past.frames[self.first], self.past.frames[-1]],
            "before": self.before,
            "after": self.shrunk,
            "after_learning": self.after,
            "seed": self.seed,
            "device": str(self.device),
            "settings": self._config(None).model_dump(
                mode="json",
                exclude={"data": {"folder"}, "start": True, "flow_model": True, "segmentation_model": True},
            ),
        }
        yield Progress(100, 100, "Adapted")
        return lesson.network()

    def _choose(self) -> Generator[Event, None, int]:
        """Learn from the frames before the held-out ones; return the number of steps with the least error there."""
        yield self._progress("Measuring the model as it is")
        held_out = HeldOut(self.past.images, self.first, self.past.history, self.token)
        lesson = Lesson(self._config(self.first - 1), self.device, self.seed, self.token)
        began = time.monotonic()
        self.before = lesson.measure(held_out).error
        since, best = time.monotonic(), 0
        self._check = since - began
        while True:
            self._wait()
            done = len(self._shares)
            share = self._share()
            over = bool(done) and share >= 1
            due = (
                done % math.ceil(self.steps / _CHECKS) == 0
                if self.steps
                else time.monotonic() - since > _TRAINING_PER_CHECK * self._check
            )
            if done and (over or due):
                verdict = lesson.measure(held_out)
                if verdict.error < self.after:
                    self.after, self.shrunk, self.shrinkage = verdict
                    best = done
                since = time.monotonic()
            if over:
                return best
            yield self._progress(self._so_far())
            began = time.monotonic()
            self._shares.append(min(1.0, share))
            lesson.step(done, share)
            self._training += time.monotonic() - began

    def _so_far(self) -> str:
        text = (
            f"Learning, step {len(self._shares) + 1}; held-out error {self.before:.2f} of the best baseline's"
        )
        return text if math.isinf(self.after) else f"{text}, after learning {self.after:.2f}"

    def _share(self) -> float:
        """Return the used share of the first training; its steps will perhaps all be done once more."""
        if self.steps:
            return len(self._shares) / self.steps
        return (self._elapsed() + self._check + self._training) / self.seconds

    def _progress(self, message: str, again: int = 0, best: int = 0) -> Progress:
        """Return how far the course is; `again` of `best` steps have been repeated."""
        done, elapsed = len(self._shares), self._elapsed()
        left: float | None
        if best:
            left = self._training / done * (best - again)
            share = elapsed / (elapsed + left)
        elif self.steps:
            share = 0.5 * done / self.steps
            left = elapsed * (1 / share - 1) if share else None
        else:
            share = elapsed / self.seconds
            left = max(0.0, self.seconds - elapsed)
        return Progress(min(99, int(100 * share)), 100, message, left)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began - self._waited

    def _wait(self) -> None:
        began = time.monotonic()
        self.token.check()
        self._waited += time.monotonic() - began

    def _config(self, last_frame: int | None) -> SDCNetConfig:
        """Return the settings of a training on the stored frames up to one of them."""
        network, images = self.past.model.network.config, self.past.images
        count = len(images) if last_frame is None else last_frame + 1
        config, _ = sdcnet_run(
            "default",
            STAGE,
            self.folder,
            start=self.folder / "start.safetensors",
            flow_model=self._partners.get("flow", ""),
            segmentation_model=self._partners.get("segmentation", ""),
            overrides=network.model_dump(mode="json"),
            # what one pass predicts of a block should stay as good as its first frames
            roll_out=((0.0, min(max(ROLL_OUT, network.block), count - self.past.history)),),
            encoder_lr=LEARNING_RATE,
            head_lr=LEARNING_RATE,
            data={
                "batch": BATCH,
                "crop": min(CROP, *images.shape[1:]),
                # The movie is always of this camera and these optics.
                "augmentation": Augmentation.none().model_copy(update={"flip": True, "rotate": True}),
                "last_frame": last_frame,
                "seed": self.seed,
            },
        )
        return config
