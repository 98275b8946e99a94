"""Which kernels are active on which device, and why."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from typing import Literal

from . import _lib

Backend = Literal["c++", "cuda", "torch"]


@dataclass(frozen=True)
class KernelStatus:
    """What computes the operators on one device.

    Attributes
    ----------
    device
        ``"cpu"``, ``"cuda:0"``, …, or ``"cuda"`` where torch has no CUDA device.
    backend
        ``"c++"`` or ``"cuda"`` for compiled kernels, ``"torch"`` for plain torch operations.
    reason
        What was compiled and how, or why it is not used.
    """

    device: str
    backend: Backend
    reason: str

    def __str__(self) -> str:
        return f"{self.device}: {self.backend} ({self.reason})"


def report() -> list[KernelStatus]:
    """Say for every device which kernels compute the operators and why.

    Returns
    -------
    list of KernelStatus
        Processor first. Does not import torch: as long as nobody has, it says only what was compiled.
    """
    if "torch" not in sys.modules:
        return [_compiled("cpu", "c++", "libcellsim_cpu"), _compiled("cuda", "cuda", "libcellsim_cuda")]
    import torch

    rows = [status("cpu")]
    if torch.cuda.is_available():
        rows += [status(f"cuda:{index}") for index in range(torch.cuda.device_count())]
    else:
        built = _compiled("cuda", "cuda", "libcellsim_cuda")
        found = "compiled" if built.backend == "cuda" else built.reason
        rows.append(KernelStatus("cuda", "torch", f"torch sees no CUDA device; kernels: {found}"))
    if torch.backends.mps.is_available():
        rows.append(status("mps"))
    return rows


@functools.cache
def status(device: str) -> KernelStatus:
    """Load and try the kernels for one torch device, such as ``"cpu"`` or ``"cuda:0"``."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        library = _lib.cpu_library()
        return KernelStatus(device, "torch" if library.handle is None else "c++", library.reason)
    if kind != "cuda":
        return KernelStatus(device, "torch", f"there are no compiled kernels for {kind}")
    library = _lib.cuda_library()
    if library.handle is None:
        return KernelStatus(device, "torch", library.reason)
    error = library.handle.cellsim_cuda_usable(int(index or 0))
    if error:  # the driver is too old, or no code for this GPU was compiled
        message = library.handle.cellsim_cuda_error(error).decode()
        return KernelStatus(device, "torch", f"{library.reason}, but this device refuses it: {message}")
    return KernelStatus(device, "cuda", library.reason)


def _compiled(device: str, backend: Backend, name: str) -> KernelStatus:
    path = None if _lib.disabled() else _lib.find(name)
    if path is None:
        return KernelStatus(device, "torch", _lib.why_missing(name))
    return KernelStatus(device, backend, f"compiled: {path}; torch is not loaded yet")
