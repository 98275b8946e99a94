"""What the buttons of the Forecast dock do: they call its methods, ask for file names, and show errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from ..base import CellSimError
from .forecast_view import ForecastView

if TYPE_CHECKING:
    from .forecast_dock import ForecastDock

_OPENABLE = "Movies, forecasts and models (*.tif *.tiff *.safetensors);;All files (*)"


def connect(dock: ForecastDock, view: ForecastView) -> None:
    """Connect every button of `view`, and the drop zone, with the method of `dock` that it stands for."""

    def guarded(action: Callable[[], Any]) -> None:
        try:
            action()
        except CellSimError as error:
            view.bar.show_error(error)

    def ask_file() -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            dock, "Open a movie, a saved forecast or a model", "", _OPENABLE
        )
        if paths:
            dock.open(*(Path(path) for path in paths))

    def ask_folder() -> None:
        path = QFileDialog.getExistingDirectory(dock, "Open a folder of TIFFs")
        if path:
            dock.open(Path(path))

    def ask_save() -> None:
        path, _ = QFileDialog.getSaveFileName(
            dock, "Save the forecast", "forecast.ome.tif", "OME-TIFF (*.ome.tif)"
        )
        if path:
            dock.save(path)

    def ask_save_adapted() -> None:
        name = f"{dock.adapted.model.name if dock.adapted else 'adapted'}.safetensors"
        path, _ = QFileDialog.getSaveFileName(dock, "Save the adapted model", name, "Model (*.safetensors)")
        if path:
            dock.save_adapted(path)

    for button, action in (
        (view.run_button, dock.run),
        (view.stack_button, dock.stack),
        (view.open_button, ask_file),
        (view.folder_button, ask_folder),
        (view.save_button, ask_save),
        (view.adapt.adapt_button, dock.adapt),
        (view.adapt.save_button, ask_save_adapted),
    ):
        button.clicked.connect(lambda _checked=False, action=action: guarded(action))
    view.drop_zone.dropped.connect(lambda paths: guarded(lambda: dock.open(*paths)))
