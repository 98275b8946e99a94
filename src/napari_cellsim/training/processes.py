"""The processes that train one model together: found, joined and averaged through lightning-fabric.

One process is the rule; lightning-fabric is imported only where a launcher (``torchrun``, ``srun``) started several.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor

from ..base import CellSimError
from ..models.hardware import choose_device

# The others wait while the first one validates and writes, which may take long.
_PATIENCE = timedelta(hours=4)


class Processes:
    """All processes of a run, seen from one of them.

    Parameters
    ----------
    device : torch.device
        Where this process trains.
    fabric : lightning_fabric.Fabric, optional
        Connection to the others; none for a single process.

    Attributes
    ----------
    rank, count : int
        Number of this process, from 0, and how many there are.
    """

    def __init__(self, device: torch.device, fabric: Any = None) -> None:
        self.device, self._fabric = device, fabric
        self.rank: int = fabric.global_rank if fabric else 0
        self.count: int = fabric.world_size if fabric else 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and decides."""
        return self.rank == 0

    def rows(self, batch: int) -> slice:
        """Return which samples of a batch are this process' own.

        Raises
        ------
        CellSimError
            If the batch cannot be shared equally.
        """
        if batch % self.count:
            raise CellSimError(
                f"A batch of {batch} cannot be shared equally by {self.count} processes; make it a multiple of that."
            )
        share = batch // self.count
        return slice(self.rank * share, (self.rank + 1) * share)

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """Return means over all processes."""
        if self.count == 1 or not values:
            return values
        packed = torch.tensor(list(values.values()), dtype=torch.float32, device=self.device)
        return dict(zip(values, self._fabric.all_reduce(packed, reduce_op="mean").tolist(), strict=True))

    def largest(self, *values: float) -> list[float]:
        """Return the maximum of each value over all processes."""
        if self.count == 1:
            return list(values)
        packed = torch.tensor(values, dtype=torch.float32, device=self.device)
        found: list[float] = self._fabric.all_reduce(packed, reduce_op="max").tolist()
        return found

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace the gradients by their means over all processes; without effect for one process."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        for same in _by_type(gradients):
            flat = torch.cat([gradient.flatten() for gradient in same])
            _unpack(self._fabric.all_reduce(flat, reduce_op="mean"), same)

    @torch.no_grad()
    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors with those of the first process."""
        if self.count == 1:
            return
        for same in _by_type(list(tensors)):
            flat = torch.cat([tensor.flatten() for tensor in same])
            torch.distributed.broadcast(flat, 0)
            _unpack(flat, same)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Return the tensors of all processes, in order; all must have one shape."""
        if self.count == 1:
            return [tensor]
        return list(self._fabric.all_gather(tensor.to(self.device)).cpu())


def join(device: str) -> Processes:
    """Meet the other processes that the launcher has started, or none.

    Parameters
    ----------
    device : str
        "cpu", "cuda", "cuda:0", "mps" or "auto". Several processes on one machine take one card each.

    Raises
    ------
    CellSimError
        If there is no such device, or there are other processes, but lightning-fabric is missing.
    """
    count, here = _launched()
    if count == 1:
        return Processes(choose_device(device))
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.strategies import DDPStrategy
    except ImportError as error:
        raise CellSimError(
            f"{count} processes were started for this training, but lightning-fabric, which connects them, is not "
            'installed; run pip install "napari-cellsim[distributed]".'
        ) from error
    kind = "cuda" if device == "auto" and torch.cuda.is_available() else device.replace("auto", "cpu")
    accelerator = kind.partition(":")[0]
    if accelerator == "cuda" and torch.cuda.device_count() < here:
        raise CellSimError(
            f"{here} processes were started on this machine, but it has {torch.cuda.device_count()} cards; start one "
            'process per card, or set device = "cpu".'
        )
    strategy = DDPStrategy(
        timeout=_PATIENCE, process_group_backend="nccl" if accelerator == "cuda" else "gloo"
    )
    fabric = Fabric(accelerator=accelerator, devices=here, num_nodes=count // here, strategy=strategy)
    fabric.launch()
    # A process that ends with its connections open can be aborted by gloo's own threads after all work is done.
    atexit.register(_leave)
    return Processes(fabric.device, fabric)


def is_first() -> bool:
    """Return whether the launcher, if there is one, made this process the one that speaks."""
    return int(os.environ.get("RANK", os.environ.get("SLURM_PROCID", "0"))) == 0


def _leave() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _launched() -> tuple[int, int]:
    """Return how many processes ``torchrun`` or ``srun`` has started, and how many of them on this machine."""
    seen = os.environ
    if "TORCHELASTIC_RUN_ID" in seen:
        return int(seen["WORLD_SIZE"]), int(seen["LOCAL_WORLD_SIZE"])
    # Only the steps of a job know this one, not the batch script around them.
    count = int(seen.get("SLURM_STEP_NUM_TASKS", 1))
    return count, count // int(seen.get("SLURM_STEP_NUM_NODES", 1))


def _by_type(tensors: Sequence[Tensor]) -> list[list[Tensor]]:
    """Group tensors that can be packed into one."""
    groups: dict[torch.dtype, list[Tensor]] = {}
    for tensor in tensors:
        groups.setdefault(tensor.dtype, []).append(tensor)
    return list(groups.values())


def _unpack(flat: Tensor, targets: Sequence[Tensor]) -> None:
    for target, values in zip(targets, flat.split([t.numel() for t in targets]), strict=True):
        target.copy_(values.view_as(target))
