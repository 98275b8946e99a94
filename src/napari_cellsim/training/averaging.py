"""Running average of the weights during training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from .recipe import Recipe


class WeightAverage:
    """Exponential running average of those modules that a recipe names.

    Parameters
    ----------
    recipe : Recipe
        Owner of the weights.
    decay : float
        Per step; 0 for no average.

    Attributes
    ----------
    values : dict
        The averages by name; empty if there are none.
    """

    def __init__(self, recipe: Recipe, decay: float) -> None:
        self._recipe, self._decay = recipe, decay
        self.values: dict[str, Tensor] = {}
        if decay:
            self.values = {name: value.detach().clone() for name, value in self._weights()}

    def _weights(self) -> Iterator[tuple[str, Tensor]]:
        for module in self._recipe.averaged:
            for name, value in self._recipe.modules[module].state_dict().items():
                if value.is_floating_point():
                    yield f"{module}.{name}", value

    def update(self, step: int) -> None:
        """Move towards the weights after `step` steps."""
        if not self.values:
            return
        # Early on the average follows faster, so that it does not remember the fresh network.
        decay = min(self._decay, (1 + step) / (10 + step))
        names, weights = zip(*self._weights(), strict=True)
        torch._foreach_lerp_([self.values[name] for name in names], [w.detach() for w in weights], 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the recipe's modules hold the average meanwhile."""
        if not self.values:
            yield
            return
        own = {name: value.detach().clone() for name, value in self._weights()}
        self._recipe.modules.load_state_dict(self.values, strict=False)
        try:
            yield
        finally:
            self._recipe.modules.load_state_dict(own, strict=False)
