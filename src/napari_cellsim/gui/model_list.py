"""The models that the docks offer: bundled ones, the user's folder, and files opened from elsewhere."""

from __future__ import annotations

from pathlib import Path

from psygnal import Signal

from ..base import CellSimError
from ..models import ModelEntry, list_models
from ..models.registry import read_entry
from . import settings


class _Changes:
    changed = Signal()


changes = _Changes()
"""`changes.changed` is emitted on the GUI thread whenever the list may have become another one."""


def available(kind: str | None = None) -> list[ModelEntry]:
    """Return the models known here, each file once; does not import torch.

    Parameters
    ----------
    kind : str or None
        "sdcnet", "pwcnet" or "unet"; None for all, files with a problem included.
    """
    entries = list_models()
    known = {entry.path.resolve() for entry in entries}
    entries += [read_entry(path) for path in settings.opened_models() if path.resolve() not in known]
    if kind is None:
        return entries
    return [entry for entry in entries if entry.kind == kind and entry.problem is None]


def open_file(path: Path) -> ModelEntry:
    """Add a model file to the list and remember it.

    Raises
    ------
    CellSimError
        If it is no usable model.
    """
    entry = read_entry(path)
    if entry.problem is not None:
        raise CellSimError(entry.problem)
    if path.resolve() not in {known.path.resolve() for known in list_models()}:
        settings.remember_model(path)
    changes.changed.emit()
    return entry


def key_of(entry: ModelEntry) -> str | Path:
    """Return what `load_model` takes for an entry: its name, or its path where a name could be ambiguous."""
    return entry.name if entry.bundled else entry.path
