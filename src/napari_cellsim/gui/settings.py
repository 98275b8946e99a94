"""The plugin's page in napari's preferences."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from napari.settings import get_plugin_settings

_SEPARATOR = "|"  # allowed in no Windows path and rare elsewhere


def forecast_settings():
    """Return the section "Forecast": `device`, `steps`, `flow`, `threads`."""
    return get_plugin_settings("napari-cellsim").forecast


def generate_settings():
    """Return the section "Generate": `device`, `number`, `truncation`, `threads`."""
    return get_plugin_settings("napari-cellsim").generate


def train_settings():
    """Return the section "Train": `device`, `runs_folder`."""
    return get_plugin_settings("napari-cellsim").train


def runs_folder() -> Path:
    """Return the folder with all runs, which need not exist."""
    chosen = train_settings().runs_folder
    return Path(chosen) if chosen else platformdirs.user_documents_path() / "CellSim runs"


def opened_models() -> list[Path]:
    """Return the user's own model files that still exist, newest first."""
    text = get_plugin_settings("napari-cellsim").models.opened_files
    return [Path(part) for part in text.split(_SEPARATOR) if part and Path(part).is_file()]


def remember_model(path: Path) -> None:
    """Put a model file at the head of the list that survives a restart."""
    paths = [path.resolve(), *(known for known in opened_models() if known.resolve() != path.resolve())]
    get_plugin_settings("napari-cellsim").models.opened_files = _SEPARATOR.join(map(str, paths))


def forget_model(path: Path) -> None:
    """Take a model file off the list; the file itself stays."""
    paths = [known for known in opened_models() if known.resolve() != path.resolve()]
    get_plugin_settings("napari-cellsim").models.opened_files = _SEPARATOR.join(map(str, paths))
