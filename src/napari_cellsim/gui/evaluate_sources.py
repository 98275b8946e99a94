"""Where an evaluation takes its movies or pictures from: what is offered, or files and folders dropped on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox
from magicgui.widgets.bases import Widget
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ..base import CellSimError
from .evaluate_request import Source
from .forecast_request import LayerSnapshot
from .generate_layers import OURS, block_of
from .widgets import DropZone, button, calibration_field, choose_some, form, line, say, side_by_side

FILES = "files"
_SHOWN = 4


class FileSources(QWidget):
    """Offers things by name, and takes files and folders.

    Parameters
    ----------
    offered : callable
        Returns what to offer, by name.
    what : str
        What it is, in the plural, such as ``"movies"``.
    tooltip : str
        What it is for.
    label : str
        What the choice is called.
    hint : str
        What files and folders there may be, a sentence.
    pattern : str
        What files to ask for, such as ``"TIFF (*.tif *.tiff)"``.
    missing : str
        What to do if nothing is chosen.
    """

    def __init__(
        self,
        offered: Callable[[], list[tuple[str, Any]]],
        what: str,
        tooltip: str,
        label: str,
        *,
        hint: str,
        pattern: str,
        missing: str,
    ) -> None:
        super().__init__()
        self._offered, self._what, self._pattern, self._missing = offered, what, pattern, missing
        self._files: list[Path] = []
        self.combo = ComboBox(label=label, choices=self._choices, nullable=True, tooltip=tooltip)
        self.drop_zone = DropZone(f"Drop {what} here", hint)
        self.file_button = button("Files…", f"Choose {what} on the disk; several may be chosen.")
        self.folder_button = button("Folder…", hint)
        self.clear_button = button("Clear", "Forget the files, and choose anew.")
        self.names = line(f"Chosen {what}")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (
            form(self.combo, *self._more_rows()),
            side_by_side(self.file_button, self.folder_button, self.clear_button),
            self.drop_zone,
            self.names,
        ):
            column.addWidget(part)
        self.drop_zone.dropped.connect(self.add)
        self.file_button.clicked.connect(self._ask_files)
        self.folder_button.clicked.connect(self._ask_folder)
        self.clear_button.clicked.connect(lambda _checked=False: self.clear())
        self._show()

    def _more_rows(self) -> tuple[Widget, ...]:
        """Return what stands below the choice."""
        return ()

    @property
    def files(self) -> list[Path]:
        """The files and folders that were added."""
        return list(self._files)

    def add(self, paths: list[Path]) -> None:
        """Add files and folders, and choose them."""
        self._files += [path for path in map(Path, paths) if path not in self._files]
        self._show()
        self.combo.value = FILES

    def clear(self) -> None:
        """Forget the files."""
        self._files = []
        self._show()

    def reset_choices(self) -> None:
        """Offer what exists now; the first is taken where none was chosen."""
        self.combo.reset_choices()
        choose_some(self.combo)

    def paths(self, wanted: Any = None) -> tuple[Path, ...]:
        """Return the files that were chosen, or that are meant by `wanted`, a path or several.

        Raises
        ------
        CellSimError
            If nothing is chosen.
        """
        value = self.combo.value if wanted is None else wanted
        if isinstance(value, str) and value == FILES:
            return tuple(self._files)
        if value is None:
            raise CellSimError(f"No {self._what} are chosen: {self._missing}")
        many = value if isinstance(value, (list, tuple)) else [value]
        return tuple(Path(one).expanduser() for one in many)

    def _choices(self, _box: Any) -> list[tuple[str, Any]]:
        chosen = self._offered()
        if self._files:
            count = len(self._files)
            text = self._files[0].name if count == 1 else f"{count} files or folders"
            chosen.append((text, FILES))
        return chosen

    def _show(self) -> None:
        self.reset_choices()
        self.clear_button.setEnabled(bool(self._files))
        names = [path.name for path in self._files]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        say(self.names, ", ".join(names[:_SHOWN]) + more)

    def _ask_files(self, _checked: bool = False) -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            self, f"Choose {self._what}", "", f"{self._pattern};;All files (*)"
        )
        if paths:
            self.add([Path(path) for path in paths])

    def _ask_folder(self, _checked: bool = False) -> None:
        path = QFileDialog.getExistingDirectory(self, f"Choose a folder of {self._what}")
        if path:
            self.add([Path(path)])


class Sources(FileSources):
    """Offers layers, and takes files, folders and stores of crops.

    Parameters
    ----------
    layers : callable
        Returns the layers to be offered, topmost first.
    what, tooltip, label
        As for `FileSources`.
    """

    def __init__(self, layers: Callable[[], list[Any]], what: str, tooltip: str, label: str = "From") -> None:
        super().__init__(
            lambda: [(layer.name, layer) for layer in layers()],
            what,
            tooltip,
            label,
            hint="Several files, a folder of single TIFFs, or a store of crops (*.zarr).",
            pattern="TIFF (*.tif *.tiff)",
            missing="open some in napari, or drop their files on the field in this dock.",
        )

    def _more_rows(self) -> tuple[Widget, ...]:
        self.pixel_size = calibration_field(
            "Pixel size",
            "µm",
            "Size of one pixel in µm, where layer or file do not say it, or say it wrongly.",
            100.0,
        )
        self.pixel_size.native.setSpecialValueText("as they say")
        return (self.pixel_size,)

    def read(self, wanted: Any = None) -> tuple[Source, ...]:
        """Return what was chosen, or what is meant by `wanted`: a layer, or paths.

        Raises
        ------
        CellSimError
            If nothing is chosen.
        """
        value = self.combo.value if wanted is None else wanted
        if hasattr(value, "data"):
            return (LayerSnapshot.of(getattr(value, "__wrapped__", value)),)
        return self.paths(value)


def picture_layers(viewer: Any) -> list[Any]:
    """Return the image layers, grey or in colour, that the Generate dock did not make, topmost first."""
    from napari.layers import Image

    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Image) and block_of(layer).get("kind") not in OURS
    ]
