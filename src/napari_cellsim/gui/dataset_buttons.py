"""What the buttons of the Dataset dock do: they call its methods, ask for file names, and show errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog

from ..base import CellSimError
from .dataset_view import DatasetView

if TYPE_CHECKING:
    from .dataset_dock import DatasetDock


def connect(dock: DatasetDock, view: DatasetView) -> None:
    """Connect every button of `view` with the method of `dock` of that name."""

    def guarded(action: Callable[..., Any]) -> Callable[..., None]:
        return lambda *_: attempt(dock, action)

    def ask_folder() -> None:
        path = QFileDialog.getExistingDirectory(dock, "Open the folder of an experiment")
        if path:
            dock.open(path)

    def ask_file() -> None:
        path, _ = QFileDialog.getOpenFileName(
            dock, "Open a multi-position TIFF or a movie", "", "TIFF (*.tif *.tiff);;All files (*)"
        )
        if path:
            dock.open(path)

    def ask_store() -> None:
        path = QFileDialog.getExistingDirectory(dock, "Open a store of crops (a folder named *.zarr)")
        if path:
            dock.open_store(path)

    find, crop, review, split = view.find, view.crop, view.review, view.split
    for button, action in (
        (find.folder_button, ask_folder),
        (find.file_button, ask_file),
        (find.draw_button, dock.draw_template),
        (find.find_button, dock.find),
        (find.add_button, dock.add_by_hand),
        (find.edit_button, dock.edit_by_hand),
        (crop.crop_button, dock.crop),
        (crop.continue_button, dock.continue_crop),
        (review.open_button, ask_store),
        (review.measure_button, dock.measure),
        (review.keep_button, partial(dock.decide, "keep")),
        (review.drop_button, partial(dock.decide, "drop")),
        (review.flag_button, partial(dock.decide, "flag")),
        (review.undo_button, dock.undo),
        (review.forget_button, dock.forget_decisions),
        (review.show_button, dock.show_window),
        (split.split_button, dock.split),
        (split.train_button, dock.train),
        *((one, partial(dock.apply_preset, name)) for name, one in review.presets.items()),
    ):
        button.clicked.connect(guarded(action))
    find.drop_zone.dropped.connect(partial(open_dropped, dock))
    find.position.textActivated.connect(lambda name: attempt(dock, lambda: dock.show_position(name)))
    review.length.valueChanged.connect(guarded(lambda: dock.set_window_length(review.window_length)))
    review.view.decided.connect(lambda verdict: attempt(dock, lambda: dock.decide(verdict)))
    review.view.undone.connect(guarded(dock.undo))
    review.view.opened.connect(guarded(dock.show_window))


def open_dropped(dock: DatasetDock, paths: list[Path]) -> None:
    """Open a dropped folder or file."""

    def action() -> None:
        if len(paths) > 1:
            raise CellSimError(
                f"{len(paths)} things were dropped, but an experiment is one folder or one file: drop the folder that "
                "holds them."
            )
        dock.open(paths[0])

    attempt(dock, action)


def attempt(dock: DatasetDock, action: Callable[[], Any]) -> None:
    """Do something, and say in the dock what is wrong if it fails."""
    try:
        action()
    except CellSimError as error:
        dock._view.bar.show_error(error)
