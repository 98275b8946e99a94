"""Command `doctor`: what is installed, what is active, and why something is not."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from collections.abc import Callable, Iterator

import typer


def doctor() -> None:
    """Print versions, devices, compiled kernels, weights and display: send this with every question."""
    for title, section in (
        ("versions", _versions),
        ("devices", _devices),
        ("kernels", _kernels),
        ("models", _models),
        ("display", _display),
    ):
        typer.echo(title)
        for line in _guarded(section):
            typer.echo(f"  {line}")


def _guarded(section: Callable[[], Iterator[str]]) -> Iterator[str]:
    # The doctor is called when something is broken: one broken part must not hide the others.
    try:
        yield from section()
    except Exception as error:
        yield f"not available: {type(error).__name__}: {error}"


def _versions() -> Iterator[str]:
    from ..base import versions

    for name, version in versions().items():
        yield f"{name} {version}"
    yield f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} processors"
    yield f"installed in {os.path.dirname(os.path.dirname(__file__))}"


def _devices() -> Iterator[str]:
    import torch

    yield f"cpu: {torch.get_num_threads()} threads"
    for index in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(index)
        name = torch.cuda.get_device_name(index)
        yield f"cuda:{index}: {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
    if not torch.cuda.is_available():
        reason = (
            "this torch is built without CUDA" if torch.version.cuda is None else "torch sees no usable GPU"
        )
        yield f"cuda: none ({reason})"
    if torch.backends.mps.is_available():
        yield "mps: available"


def _kernels() -> Iterator[str]:
    from .. import _cuda

    for status in _cuda.report():
        yield f"{status.device}: {status.backend} ({status.reason})"


def _models() -> Iterator[str]:
    from ..models import list_models

    entries = list_models()
    for entry in entries:
        yield f"{entry.name}: {entry.problem or f'{entry.kind}, {entry.parameters:,} weights'} ({entry.path})"
    if not entries:
        yield "none: this installation came without weights"


def _display() -> Iterator[str]:
    for name in ("napari", "qtpy"):
        try:
            yield f"{name} {importlib.import_module(name).__version__}"
        except Exception as error:
            yield f"{name} cannot be imported: {error}"
    binding = next((b for b in ("PyQt6", "PySide6", "PyQt5", "PySide2") if importlib.util.find_spec(b)), None)
    yield f"Qt binding: {binding or 'none; install one with: pip install napari-cellsim[all]'}"
    if has_display():
        yield f"screen: yes (OpenGL is tested when napari opens; {_gl_hint()})"
    else:
        yield "screen: none (DISPLAY and WAYLAND_DISPLAY are not set); predict, evaluate and demo --no-gui still work"
        yield "to draw without a screen: xvfb-run -a napari-cellsim demo --out DIR"


def has_display() -> bool:
    """Return whether a window could be opened."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _gl_hint() -> str:
    if os.environ.get("QT_QPA_PLATFORM") == "offscreen":
        return "QT_QPA_PLATFORM=offscreen has no OpenGL: unset it to see pictures"
    if sys.platform.startswith("linux"):
        return "without a driver: apt install libgl1 libegl1 libgl1-mesa-dri libxcb-cursor0"
    return "if the canvas stays black, update the graphics driver"
