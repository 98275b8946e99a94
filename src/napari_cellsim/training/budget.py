"""How long to train: in steps, images, epochs and minutes, whichever is used up first."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from ..base import CellSimError
from .config import FitConfig
from .recipe import Recipe


@dataclass(frozen=True)
class Budget:
    """A budget, counted in optimiser steps and minutes; 0 for no limit.

    Attributes
    ----------
    steps : int
        Optimiser steps.
    minutes : float
        Time of training, without pauses.
    """

    steps: int
    minutes: float

    @classmethod
    def of(cls, config: FitConfig, recipe: Recipe) -> Budget:
        """Return the budget of a configuration; images and epochs become steps.

        Raises
        ------
        CellSimError
            If there is no budget, or one in epochs for a recipe that does not know how many samples it has.
        """
        if not (config.steps or config.images or config.epochs or config.minutes):
            raise CellSimError(
                "The training has no budget; give it a number of steps, images, epochs or minutes."
            )
        limits = [config.steps] if config.steps else []
        if config.images or config.epochs:
            batch = len(recipe.batch(0, 0.0))
            if config.images:
                limits.append(math.ceil(config.images / batch))
            if config.epochs:
                limits.append(math.ceil(config.epochs * _samples(recipe) / batch))
        return cls(min(limits, default=0), config.minutes)

    def progress(self, step: int, seconds: float) -> float:
        """Return the used share, 0 to 1; without a limit in minutes a function of the step alone."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = seconds / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_time))


class Stopwatch:
    """Seconds of training, over all parts of a run; pauses are not counted."""

    def __init__(self) -> None:
        self._before, self._since = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Time so far."""
        return self._before + time.monotonic() - self._since

    def start(self, before: float) -> None:
        """Go on counting from `before` seconds."""
        self._before, self._since = before, time.monotonic()


def _samples(recipe: Recipe) -> int:
    try:
        return len(recipe.feeder)
    except TypeError:
        raise CellSimError(
            f"The recipe {recipe.name!r} does not know how many samples it has, so it cannot count epochs; give the "
            "budget in steps, images or minutes."
        ) from None
