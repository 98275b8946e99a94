"""Gradients of one optimiser step: precision, micro-batches, full memory, several processes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..models.hardware import free_memory, is_out_of_memory
from .config import Precision
from .processes import Processes


@dataclass
class Stepping:
    """How the gradient of a batch is computed; the batch that the optimiser sees stays the same.

    Attributes
    ----------
    precision : {"float32", "bfloat16"}
        The latter computes matrix products in bfloat16 (autocast); weights, gradients and optimiser stay in float32.
    parts : int
        Micro-batches that a batch is worked through in. Doubled whenever the memory is full.
    processes : Processes
        Those that share the batch.
    """

    precision: Precision = "float32"
    parts: int = 1
    processes: Processes = field(default_factory=lambda: Processes(torch.device("cpu")))

    def backward(
        self,
        batch: Any,
        losses: Callable[[Any], dict[str, Tensor]],
        optimisers: Sequence[torch.optim.Optimizer],
    ) -> dict[str, float]:
        """Fill the gradients of the optimisers' parameters, averaged over micro-batches and processes.

        A loss that is a mean over samples gets the gradient of the whole batch up to rounding; one that compares
        samples with each other gets the mean of those of the parts.

        Parameters
        ----------
        batch : Sized
            This process' share of the batch.
        losses : callable
            Returns scalars for a micro-batch; "loss" is differentiated.
        optimisers : sequence of torch.optim.Optimizer
            Whose parameters.

        Returns
        -------
        dict
            Mean of each scalar.

        Raises
        ------
        RuntimeError
            If the memory does not hold even a single sample.
        """
        while True:
            for optimiser in optimisers:
                optimiser.zero_grad(set_to_none=True)
            random = random_state(self.processes.device)
            try:
                values = self._accumulate(batch, losses)
                break
            except RuntimeError as error:
                if not is_out_of_memory(error) or self.parts >= len(batch):
                    raise
            # Not inside `except`: the traceback of the error keeps tensors alive.
            self.parts = min(len(batch), 2 * self.parts)
            restore_random_state(random, self.processes.device)
            free_memory(self.processes.device)
        for optimiser in optimisers:
            self.processes.average_gradients(p for group in optimiser.param_groups for p in group["params"])
        return self.processes.mean(values)

    def _accumulate(self, batch: Any, losses: Callable[[Any], dict[str, Tensor]]) -> dict[str, float]:
        count, parts = len(batch), min(self.parts, len(batch))
        totals: dict[str, float] = defaultdict(float)
        for index in range(parts):
            rows = slice(index * count // parts, (index + 1) * count // parts)
            part = batch.part(rows) if parts > 1 else batch
            with self._autocast():
                values = losses(part)
            share = len(part) / count
            (values["loss"] * share).backward()
            for name, value in values.items():
                totals[name] += share * float(value.detach())
        return dict(totals)

    def _autocast(self) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.processes.device.type, torch.bfloat16)


def random_state(device: torch.device) -> list[Tensor]:
    """Return the state of torch's random generators: of the processor, and of the card if the device is one."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    return states


def restore_random_state(states: Sequence[Tensor], device: torch.device) -> None:
    """Set what `random_state` returned."""
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
