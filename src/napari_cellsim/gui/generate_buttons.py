"""What the buttons of the Generate dock do: they call its methods, ask for file names, and show errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from ..base import CellSimError
from .generate_view import GenerateView

if TYPE_CHECKING:
    from .generate_dock import GenerateDock

_OPENABLE = "Generated pictures and models (*.tif *.tiff *.safetensors);;All files (*)"


def connect(dock: GenerateDock, view: GenerateView) -> None:
    """Connect every button of `view` with the method of `dock` of that name."""

    def guarded(action: Callable[[], Any]) -> Callable[..., None]:
        def slot(*_: Any) -> None:
            try:
                action()
            except CellSimError as error:
                view.bar.show_error(error)

        return slot

    def ask_open() -> None:
        paths, _ = QFileDialog.getOpenFileNames(dock, "Open generated pictures or a model", "", _OPENABLE)
        if paths:
            dock.open(*(Path(path) for path in paths))

    def ask_save() -> None:
        path, _ = QFileDialog.getSaveFileName(
            dock, "Save the generated pictures", "generated.cellsim.ome.tif", "OME-TIFF (*.ome.tif)"
        )
        if path:
            dock.save(path)

    guide, explore = view.guide, view.explore
    for button, action in (
        (view.sample.run_button, dock.run),
        (guide.encode_button, dock.encode),
        (guide.refine_button, dock.refine),
        (explore.add_button, dock.add_current),
        (explore.add_all_button, dock.add_all),
        (explore.walk_button, dock.interpolate),
        (explore.mix_button, dock.mix),
        (explore.scales_button, dock.scales),
        (explore.take_button, dock.take),
        (explore.keep_button, dock.keep),
        (explore.forecast_button, dock.forecast),
        (view.open_button, ask_open),
        (view.save_button, ask_save),
    ):
        button.clicked.connect(guarded(action))
    explore.weights_changed.connect(guarded(dock.edit))
