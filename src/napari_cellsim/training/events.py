"""What a training run tells its observers."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import Event


@dataclass(frozen=True)
class TrainEvent(Event):
    """Base class of training events; `step` counts optimiser steps done."""

    step: int


@dataclass(frozen=True)
class StepLogged(TrainEvent):
    """Mean losses since the last such event.

    Parameters
    ----------
    losses : dict
        Mean of each loss and diagnostic value.
    images_per_second : float
        Sequences (or pictures) per second of training time.
    learning_rate : float
        Learning rate of the first parameter group.
    progress : float
        Used share of the budget, 0 to 1.
    """

    losses: dict[str, float]
    images_per_second: float
    learning_rate: float
    progress: float


@dataclass(frozen=True)
class Validated(TrainEvent):
    """Metrics on the validation data; the recipe says which one decides about the best checkpoint."""

    metrics: dict[str, float]
    best: bool


@dataclass(frozen=True)
class CheckpointSaved(TrainEvent):
    """A complete checkpoint lies at `path`."""

    path: str


@dataclass(frozen=True)
class Paused(TrainEvent):
    """Somebody asked the run to wait."""


@dataclass(frozen=True)
class Resumed(TrainEvent):
    """The run goes on, after a pause or from a checkpoint."""


@dataclass(frozen=True)
class Finished(TrainEvent):
    """The run is over and its model lies at `path`.

    Parameters
    ----------
    path : str
        The final model file.
    stopped : bool
        Whether it was stopped before its budget was used.
    """

    path: str
    stopped: bool
