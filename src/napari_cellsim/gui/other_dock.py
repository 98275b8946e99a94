"""One dock of the plugin hands something to another one."""

from __future__ import annotations

from typing import Any

PLUGIN = "napari-cellsim"


def open_dock(viewer: Any, name: str) -> Any:
    """Return a dock by its name in the manifest, in front of others; it is opened if it is not there yet."""
    frame, dock = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    frame.show()
    frame.raise_()
    return dock
