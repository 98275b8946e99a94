"""The models that the docks offer: bundled ones, the user's folder, and files opened from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psygnal import Signal

from ..base import CellSimError
from ..models import ModelEntry, list_models
from ..models.header import read_header
from ..models.registry import read_entry
from . import settings


class _Changes:
    changed = Signal()


_of_this_session: list[Path] = []
changes = _Changes()
"""`changes.changed` is emitted on the GUI thread whenever the list may have become another one."""


def available(*kinds: str) -> list[ModelEntry]:
    """Return the models known here, each file once; does not import torch.

    Parameters
    ----------
    *kinds : str
        Such as "sdcnet": models of these kinds in this order. Without any, all models, files with a problem included.
    """
    entries = list_models()
    known = {entry.path.resolve() for entry in entries}
    others = dict.fromkeys([*_of_this_session, *settings.opened_models()])
    entries += [read_entry(path) for path in others if path.is_file() and path.resolve() not in known]
    if not kinds:
        return entries
    return [entry for kind in kinds for entry in entries if entry.kind == kind and entry.problem is None]


def keep_for_session(path: Path) -> None:
    """Add a model file to the list until napari is closed."""
    _of_this_session.append(path)
    changes.changed.emit()


def drop_from_session(path: Path) -> None:
    """Take a file off that was kept for the session; the file itself stays."""
    if path in _of_this_session:
        _of_this_session.remove(path)
        changes.changed.emit()


def networks_of(model: str | Path | None) -> dict[str, dict[str, Any]]:
    """Return the configuration of each network of a model by its role, from the head of its file.

    Nothing where there is no such model or its file cannot be read.
    """
    path = next((entry.path for entry in available() if model in (key_of(entry), entry.name)), model)
    try:
        content = read_header(Path(path or "")).content
    except CellSimError:
        return {}
    return {role: dict(network.config) for role, network in content.networks.items()}


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
