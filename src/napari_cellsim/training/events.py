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
    seconds : float
        Time of training so far, without pauses.
    seconds_left : float
        Time until the budget is used up, at the mean speed so far.
    memory : int or None
        Largest memory so far, bytes: of the card, or of the process on a processor; None where unknown.
    """

    losses: dict[str, float]
    images_per_second: float
    learning_rate: float
    progress: float
    seconds: float = 0.0
    seconds_left: float | None = None
    memory: int | None = None


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
class BatchDivided(TrainEvent):
    """The memory was full; from now on each batch is worked through in `parts` micro-batches."""

    parts: int


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
    best_step : int or None
        Step of the best validation, whose checkpoint is kept; None without validation.
    best : float or None
        The recipe's metric there.
    """

    path: str
    stopped: bool
    best_step: int | None = None
    best: float | None = None
