"""What a training procedure must offer to `fit`."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from .stepping import Stepping


class Sized(Protocol):
    """A batch: knows how many sequences it holds, moves between devices and can be divided."""

    def __len__(self) -> int: ...

    def to(self, device: torch.device | str) -> Any:
        """Return the batch on another device."""

    def part(self, rows: slice) -> Any:
        """Return some of its samples as a batch."""


class RecipeConfig(BaseModel):
    """Settings that every recipe shares."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Recipe(ABC):
    """One training procedure.

    A recipe owns its modules and optimisers, and is otherwise without memory: batches follow from seed and step,
    learning rates and schedules from the used share of the budget. That makes a run resumable exactly.

    Attributes
    ----------
    name : str
        Name in ``run.toml``.
    modules : torch.nn.ModuleDict
        Everything with weights that a checkpoint must hold, losses included. Frozen partners do not belong here.
    averaged : tuple of str
        Names of the modules of which a running average is kept (if asked for) and used for validation and export.
    optimisers : dict
        Optimisers by name.
    clip : float
        Largest norm of the gradient of each optimiser's parameters; 0 for no limit.
    metric : str
        The validation metric to minimise, see `judged_by`.
    stepping : Stepping
        How `descend` computes a gradient; set by `fit`.
    """

    name: ClassVar[str]
    metric: ClassVar[str] = "loss"
    averaged: ClassVar[tuple[str, ...]] = ("network",)

    def __init__(self) -> None:
        self.modules = nn.ModuleDict()
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.clip = 1.0
        self.stepping = Stepping()

    @property
    def judged_by(self) -> str:
        """The validation metric that says which weights are the best: `metric`, unless the settings choose another."""
        return self.metric

    @property
    def feeder(self) -> Any:
        """The source of batches, where the recipe keeps one as ``_feeder``; else None.

        Its length is the number of samples in an epoch, and its attribute ``share`` says which samples of each batch
        this process draws.
        """
        return getattr(self, "_feeder", None)

    @abstractmethod
    def batch(self, step: int, progress: float) -> Sized:
        """Return the batch of a step: a pure function of its arguments, called from a background thread."""

    @abstractmethod
    def losses(self, batch: Any, progress: float) -> dict[str, torch.Tensor]:
        """Return scalars by name; "loss" is the one that is differentiated."""

    @abstractmethod
    def validate(self) -> dict[str, float]:
        """Return metrics on held-out data; contains `judged_by`."""

    def preview(self) -> np.ndarray | None:
        """Return a picture (H, W[, 3]) uint8 of what the networks do now, always of the same input; None for none."""
        return None

    @abstractmethod
    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the finished model, with what is known about its training, to `path`."""

    def train_step(self, batch: Any, progress: float) -> dict[str, float]:
        """Do one optimiser step and return the values to log.

        Recipes with several losses (adversarial ones) override this and call `descend` once for each.

        Raises
        ------
        FloatingPointError
            If the loss or a gradient is not finite; nothing has been updated then.
        """
        return self.descend(batch, lambda part: self.losses(part, progress))

    def descend(
        self, batch: Any, losses: Callable[[Any], dict[str, torch.Tensor]], *names: str
    ) -> dict[str, float]:
        """Update the parameters of some optimisers by the gradient of one loss.

        Takes care of precision, micro-batches, full memory, several processes, and clipping.

        Parameters
        ----------
        batch : Sized
            What `losses` needs.
        losses : callable
            Returns scalars for a batch or a part of one; "loss" is differentiated.
        *names : str
            Optimisers; all of them by default.

        Returns
        -------
        dict
            The scalars, means over the batch.

        Raises
        ------
        FloatingPointError
            If the loss or a gradient is not finite; nothing has been updated then.
        """
        chosen = [self.optimisers[name] for name in names or self.optimisers]
        values = self.stepping.backward(batch, losses, chosen)
        of = f" of the {' and '.join(names)}" if names else ""
        if not math.isfinite(values["loss"]):
            raise FloatingPointError(f"the loss{of} is not finite")
        for optimiser in chosen:
            params = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
            norm = nn.utils.clip_grad_norm_(params, self.clip if self.clip > 0 else math.inf)
            if not torch.isfinite(norm):
                raise FloatingPointError(f"a gradient{of} is not finite")
        for optimiser in chosen:
            optimiser.step()
        return values

    def set_learning_rates(self, progress: float) -> None:
        """Set each group's rate: ``initial_lr`` times the group's schedule at this share of the budget."""
        for optimiser in self.optimisers.values():
            for group in optimiser.param_groups:
                group.setdefault("initial_lr", group["lr"])
                schedule = warm_cosine if group.get("decay", True) else _constant
                group["lr"] = group["initial_lr"] * schedule(progress)


def warm_cosine(progress: float, warm: float = 0.02, floor: float = 0.02) -> float:
    """Return the factor on a learning rate: a short linear rise, then half a cosine down to `floor`."""
    if progress < warm:
        return max(0.05, progress / warm)
    share = min(1.0, (progress - warm) / (1 - warm))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share))


def _constant(progress: float) -> float:
    return 1.0
