"""Where to compute, and what to do when its memory is full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base import CellSimError

if TYPE_CHECKING:
    import torch


def devices() -> list[str]:
    """Return what `choose_device` accepts on this machine: "auto", "cpu" and every GPU."""
    import torch

    found = ["auto", "cpu"]
    if torch.cuda.is_available():
        found += [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def choose_device(name: str = "auto") -> torch.device:
    """Return the torch device of that name; "auto" prefers a GPU.

    Raises
    ------
    CellSimError
        If this machine has no such device.
    """
    import torch

    found = devices()
    if name == "auto":
        return torch.device(found[2] if len(found) > 2 else "cpu")
    if name == "cuda" and "cuda:0" in found:
        name = "cuda:0"
    if name not in found:
        raise CellSimError(f"This machine has no device {name!r}; choose one of {', '.join(found)}.")
    return torch.device(name)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether an error of torch says that the memory of its device is full."""
    import torch

    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, torch.OutOfMemoryError) or any(w in str(error) for w in words)


def free_memory(device: torch.device) -> None:
    """Give what torch keeps in reserve back to the device."""
    import torch

    if device.type == "cuda":
        torch.cuda.empty_cache()
