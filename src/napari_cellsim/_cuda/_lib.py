"""Find and load the compiled libraries. Never raises: a library that cannot be used comes with the reason."""

from __future__ import annotations

import ctypes
import functools
import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ABI_VERSION = 1
_SUFFIX = ".dll" if sys.platform == "win32" else ".so"  # CMake modules end in .so on macOS, too
_POINTER: type[ctypes._SimpleCData[Any]] = ctypes.c_void_p
_INT64: type[ctypes._SimpleCData[Any]] = ctypes.c_int64
_INT: type[ctypes._SimpleCData[Any]] = ctypes.c_int

# The arguments of the C functions in csrc/cellsim.h, without their device part.
_SDC_SHAPE = [_INT64] * 5 + [_INT]  # n, c, h, w, k, border
_SDC_FORWARD = [_INT] + [_POINTER] * 5 + _SDC_SHAPE
_SDC_BACKWARD = [_INT] + [_POINTER] * 9 + _SDC_SHAPE
_PAU_SIZE = [_INT64, _INT]  # count, form
_PAU_FORWARD = [_INT] + [_POINTER] * 4 + _PAU_SIZE


class Library(NamedTuple):
    """A loaded library, or None, and one line that says which it is or why there is none."""

    handle: ctypes.CDLL | None
    reason: str


@functools.cache
def cpu_library() -> Library:
    """Load the processor kernels that suit this processor best."""
    import torch  # first: its OpenMP runtime is then the one that both use

    if torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"):
        library = _load("libcellsim_cpu_avx2", _declare_cpu)
        if library.handle is not None:
            return library
    return _load("libcellsim_cpu", _declare_cpu)


@functools.cache
def cuda_library() -> Library:
    """Load the CUDA kernels; this touches no GPU."""
    return _load("libcellsim_cuda", _declare_cuda)


def find(name: str) -> Path | None:
    """Where a library lies, without loading it."""
    return next((d / f"{name}{_SUFFIX}" for d in _directories() if (d / f"{name}{_SUFFIX}").is_file()), None)


def disabled() -> bool:
    """Whether the user switched all compiled kernels off."""
    return os.environ.get("CELLSIM_DISABLE_KERNELS", "") not in ("", "0")


def why_missing(name: str) -> str:
    """Say why a library was not compiled, as far as the installation recorded it."""
    if disabled():
        return "switched off by CELLSIM_DISABLE_KERNELS"
    if name == "libcellsim_cuda":
        for directory in _directories():
            status = directory / "cuda_status.txt"
            if status.is_file():
                return status.read_text(encoding="utf-8", errors="replace").strip()
    try:
        # Importing this generated module is also what lets an editable install rebuild itself.
        info = importlib.import_module(f"{__package__}._build_info")
    except ImportError:
        return "not compiled: a source tree, or CMake or the compiler failed (pip install -v shows why)"
    recorded: str = info.CUDA if name == "libcellsim_cuda" else info.CPU
    return f"not compiled: {recorded}"


def _directories() -> Iterator[Path]:
    if directory := os.environ.get("CELLSIM_KERNEL_DIR"):
        yield Path(directory)
    # An editable install keeps libraries and sources in different folders; the package knows both.
    yield from map(Path, sys.modules[__package__].__path__)


def _load(name: str, declare: Callable[[ctypes.CDLL], None]) -> Library:
    why = why_missing(name)
    path = None if disabled() else find(name)
    if path is None:
        return Library(None, why)
    try:
        handle = ctypes.CDLL(str(path))
        version = handle.cellsim_abi_version()
        if version != ABI_VERSION:
            return Library(None, f"{path} is out of date (interface {version}, not {ABI_VERSION}); reinstall")
        declare(handle)
    except (OSError, AttributeError) as error:  # another system or processor, a missing runtime, a stale file
        return Library(None, f"{path} cannot be loaded: {error}")
    return Library(handle, handle.cellsim_description().decode())


def _declare_cpu(handle: ctypes.CDLL) -> None:
    handle.cellsim_description.restype = ctypes.c_char_p
    handle.cellsim_sdc_forward_cpu.argtypes = [*_SDC_FORWARD, _INT]
    handle.cellsim_sdc_backward_cpu.argtypes = [*_SDC_BACKWARD, _INT]
    handle.cellsim_pau_forward_cpu.argtypes = [*_PAU_FORWARD, _INT]
    handle.cellsim_pau_backward_cpu.argtypes = [_INT, *[_POINTER] * 7, *_PAU_SIZE, _INT]


def _declare_cuda(handle: ctypes.CDLL) -> None:
    launch = [_INT, _POINTER]  # device, stream
    handle.cellsim_description.restype = ctypes.c_char_p
    handle.cellsim_cuda_error.restype = ctypes.c_char_p
    handle.cellsim_cuda_error.argtypes = [_INT]
    handle.cellsim_cuda_usable.argtypes = [_INT]
    handle.cellsim_sdc_forward_cuda.argtypes = [*_SDC_FORWARD, *launch]
    handle.cellsim_sdc_backward_cuda.argtypes = [_INT, *[_POINTER] * 10, *_SDC_SHAPE, *launch]
    handle.cellsim_pau_forward_cuda.argtypes = [*_PAU_FORWARD, *launch]
    handle.cellsim_pau_backward_cuda.argtypes = [_INT, *[_POINTER] * 6, *_PAU_SIZE, _INT, *launch]
