"""Hand a store of crops to the Train dock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .train_dock import TrainDock

PLUGIN = "napari-cellsim"


def hand_over(viewer: Any, store: Path) -> None:
    """Choose a store of crops in the Train dock, which is opened if need be."""
    for dock in viewer.window.dock_widgets.values():
        if isinstance(dock, TrainDock):
            break
    else:
        _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Train")
    dock.use_dataset(store)
    dock.parent().raise_()
