"""Dropping a model file on napari loads it into the Models dock; the only reader this plugin declares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..base import CellSimError
from . import model_list


def get_model_reader(path: str | list[str]) -> Callable[..., list[tuple[None]]] | None:
    """Return the reader of ``*.safetensors`` files, or None for anything else."""
    paths = [path] if isinstance(path, str) else list(path)
    return read_models if all(Path(one).suffix == ".safetensors" for one in paths) else None


def read_models(path: str | list[str]) -> list[tuple[None]]:
    """Put model files on the list of models and show the Models dock.

    Returns
    -------
    list
        napari's sign for "read, and no layers to add".
    """
    from napari.utils.notifications import show_error

    for one in [path] if isinstance(path, str) else path:
        try:
            _show(model_list.open_file(Path(one)))
        except CellSimError as error:
            show_error(str(error))
    return [(None,)]


def _show(entry: Any) -> None:
    from napari import current_viewer
    from napari.utils.notifications import show_info

    viewer = current_viewer()
    if viewer is None:
        return
    from .other_dock import open_dock

    open_dock(viewer, "Models").select(entry.path)
    show_info(f"Model {entry.name} is ready to use.")
