"""The numbers of a training, as they come in; knows no Qt."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ..training.events import Finished, StepLogged, TrainEvent, Validated


class Curves:
    """Losses and metrics by name, and the newest values of everything else."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.last: StepLogged | None = None
        self.finished: Finished | None = None
        self.metrics: dict[str, float] = {}
        self._train: dict[str, tuple[list[int], list[float]]] = {}
        self._validation: dict[str, tuple[list[int], list[float]]] = {}

    def add(self, events: Iterable[TrainEvent]) -> None:
        """Take in events, in their order."""
        for event in events:
            if isinstance(event, StepLogged):
                self.last = event
                _append(self._train, event.step, event.losses)
            elif isinstance(event, Validated):
                self.metrics = event.metrics
                _append(self._validation, event.step, event.metrics)
            elif isinstance(event, Finished):
                self.finished = event

    @property
    def names(self) -> list[str]:
        """Names of losses and metrics; "loss" comes first."""
        found = dict.fromkeys([*self._train, *self._validation])
        return sorted(found, key=lambda name: name != "loss")

    def training(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of a loss while training; empty if there is none of this name."""
        return _arrays(self._train, name)

    def validation(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return steps and values of a metric on the validation data; empty if there is none of this name."""
        return _arrays(self._validation, name)


def running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of each value and those up to `window` - 1 before it, (N,); what is not finite is left out."""
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    stop = np.arange(1, len(values) + 1)
    start = np.maximum(0, stop - window)
    many = counts[stop] - counts[start]
    return np.where(many > 0, (sums[stop] - sums[start]) / np.maximum(many, 1), np.nan)


def thinned(steps: np.ndarray, values: np.ndarray, most: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Return at most about `most` points, evenly spread, the last one included."""
    stride = max(1, len(steps) // most)
    chosen = np.arange(len(steps) - 1, -1, -stride)[::-1]
    return steps[chosen], values[chosen]


def _append(series: dict[str, tuple[list[int], list[float]]], step: int, values: dict[str, float]) -> None:
    for name, value in values.items():
        steps, numbers = series.setdefault(name, ([], []))
        steps.append(step)
        numbers.append(value)


def _arrays(series: dict[str, tuple[list[int], list[float]]], name: str) -> tuple[np.ndarray, np.ndarray]:
    steps, values = series.get(name, ([], []))
    return np.array(steps, float), np.array(values, float)
