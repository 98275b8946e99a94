"""The Models dock: which models there are, and what each is for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QTextOption
from qtpy.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHeaderView,
    QSizePolicy,
    QTextBrowser,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..base import CellSimError
from ..models import ModelEntry
from . import model_list, settings
from .job_bar import JobBar
from .jobs import Job, start_job
from .links import Links
from .widgets import button

_KINDS = {
    "sdcnet": "forecast",
    "cellgan": "generate",
    "msggan": "generate (MSG-GAN)",
    "vae": "generate (VAE)",
    "simvp": "forecast (SimVP, for comparison)",
    "pwcnet": "optical flow",
    "unet": "segmentation",
    "classifier": "classification",
    "backbone": "start of a classifier",
    "": "unusable",
}
_METRICS = {
    "mse_ratio": "MSE / best baseline's",
    "mse": "MSE",
    "epe": "end-point error, px",
    "epe_cells": "end-point error in cells, px",
    "epe_cells_of_zero_flow": "the same for no motion at all, px",
    "iou_trap": "IoU of traps",
    "iou_cell": "IoU of cells",
    "iou_cell_of_interest": "IoU of the cell of interest",
    "domain_frechet_distance": "Fréchet distance",
    "domain_kid": "KID",
}
_ENTRY = Qt.ItemDataRole.UserRole


class ModelsDock(QWidget):
    """Dock that lists the bundled models and one's own, and says what each is for.

    The buttons are also methods: `open`, `import_weights`, `forget`.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer that the dock belongs to.
    """

    def __init__(self, napari_viewer) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._tree = QTreeWidget()
        self._tree.setHeaderLabels(["Model", "For", "Pixel size", "From"])
        self._tree.setRootIsDecorated(False)
        self._tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._tree.setAccessibleName("Models")
        self._tree.setToolTip("The models that CellSim knows; choose one to read what it is for.")
        self._tree.setMinimumHeight(110)
        self._tree.setStyleSheet("QTreeView::item { height: 22px; }")
        self._tree.header().setAccessibleName("Columns of the model list")
        self._tree.header().setToolTip("Name, task, pixel size the model expects, and where it comes from")
        self._tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self._tree.header().setStretchLastSection(False)  # it would never shrink below 100 px
        self._details = QTextBrowser()
        self._details.setWordWrapMode(
            QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
        )  # file names are long words
        self._details.setFrameShape(QFrame.Shape.NoFrame)
        self._details.setAccessibleName("Details of the chosen model")
        self._details.setToolTip("What the chosen model is for, on what it was trained and how well it did")
        self.open_button = button(
            "Open file…", "Add one of your own model files (*.safetensors); it is remembered."
        )
        self.import_button = button(
            "Import weights…",
            "Turn published weights of PWC-Net, Multi-StyleGAN or ResNet-18 (*.pth, *.pt, *.pytorch, *.tar) into a "
            "CellSim model and keep it; which of them a file holds is recognised.",
        )
        self.forget_button = button("Forget", "Take your own model off this list; its file stays.")
        self._bar = JobBar("model import")
        grid = QGridLayout()
        grid.addWidget(self.open_button, 0, 0)
        grid.addWidget(self.import_button, 0, 1)
        grid.addWidget(self.forget_button, 1, 0, 1, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self._tree, 2)
        column.addWidget(self._details, 3)
        column.addLayout(grid)
        column.addWidget(self._bar)
        self._tree.currentItemChanged.connect(self._show_details)
        self.open_button.clicked.connect(self._ask_open)
        self.import_button.clicked.connect(self._ask_import)
        self.forget_button.clicked.connect(self._forget_clicked)
        self._links = Links(self)
        self._links.add(model_list.changes.changed, self.refresh)
        self.refresh()

    # ---- public face ----

    @property
    def entries(self) -> list[ModelEntry]:
        """The models listed, in order."""
        return [self._tree.topLevelItem(i).data(0, _ENTRY) for i in range(self._tree.topLevelItemCount())]

    @property
    def selected(self) -> ModelEntry | None:
        """The chosen model."""
        item = self._tree.currentItem()
        return None if item is None else item.data(0, _ENTRY)

    @property
    def details(self) -> str:
        """What is said of the chosen model, as plain text."""
        return self._details.toPlainText()

    @property
    def message(self) -> str:
        """The line under the list."""
        return self._bar.message

    def run(self, path: str | Path) -> ModelEntry:
        """Do what the dock is for: the same as `open`."""
        return self.open(path)

    def open(self, path: str | Path) -> ModelEntry:
        """Add a model file to the list, remember it, and choose it.

        Raises
        ------
        CellSimError
            If it is no usable model.
        """
        entry = model_list.open_file(Path(path))
        self.select(entry.path)
        self._bar.say(f"Model {entry.name} is ready to use.")
        return entry

    def import_weights(self, path: str | Path) -> Job:
        """Read weights that were published elsewhere in a worker and keep them as a model.

        Returns
        -------
        Job
            Its result is the path of the new model file.
        """
        if self._bar.job is not None:
            raise CellSimError("An import is still running; wait for it or press Cancel.")

        def work(_token: Any) -> Path:
            from ..models import import_weights, store

            return store(import_weights(path))

        job = start_job(work, f"Importing {Path(path).name}")
        self._bar.follow(job)
        self._links.running_job = job.token
        job.finished.connect(self._imported)
        return job

    def forget(self) -> None:
        """Take the chosen model, if it was opened from a file, off the list."""
        if self.selected is not None:
            settings.forget_model(self.selected.path)
            model_list.changes.changed.emit()

    def select(self, path: Path) -> None:
        """Choose the model of that file."""
        for i in range(self._tree.topLevelItemCount()):
            item = self._tree.topLevelItem(i)
            if item.data(0, _ENTRY).path.resolve() == path.resolve():
                self._tree.setCurrentItem(item)

    def refresh(self) -> None:
        """Read the list again."""
        before = self.selected
        self._tree.clear()
        for entry in sorted(model_list.available(), key=lambda entry: list(_KINDS).index(entry.kind)):
            pixel = f"{entry.card.pixel_size:g} µm" if entry.card.pixel_size else "any"
            origin = "bundled" if entry.bundled else "own"
            item = QTreeWidgetItem([entry.name, _KINDS[entry.kind], pixel, origin])
            item.setData(0, _ENTRY, entry)
            self._tree.addTopLevelItem(item)
        if before is not None:
            self.select(before.path)
        if self._tree.currentItem() is None and self._tree.topLevelItemCount():
            self._tree.setCurrentItem(self._tree.topLevelItem(0))
        self._show_details()

    # ---- inside ----

    def _show_details(self, *_: Any) -> None:
        entry = self.selected
        self._details.setText(
            "No model is installed; open a model file." if entry is None else describe(entry)
        )
        opened = {path.resolve() for path in settings.opened_models()}
        self.forget_button.setEnabled(entry is not None and entry.path.resolve() in opened)

    def _imported(self) -> None:
        job = self.sender()
        if job.status == "succeeded":
            model_list.changes.changed.emit()
            self.select(job.result)

    def _ask_open(self, _checked: bool = False) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", "", "CellSim models (*.safetensors)")
        if path:
            self._guarded(lambda: self.open(path))

    def _ask_import(self, _checked: bool = False) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self,
            "Import weights of PWC-Net, Multi-StyleGAN or ResNet-18",
            "",
            "PyTorch weights (*.pth *.pytorch *.pt *.tar);;All files (*)",
        )
        if path:
            self._guarded(lambda: self.import_weights(path))

    def _forget_clicked(self, _checked: bool = False) -> None:
        self.forget()

    def _guarded(self, action: Any) -> None:
        try:
            action()
        except CellSimError as error:
            self._bar.show_error(error)


def describe(entry: ModelEntry) -> str:
    """Return what a model says about itself, as a small table in rich text."""
    if entry.problem is not None:
        return f"⚠ {entry.problem}"
    card = entry.card
    rows = {
        "What for": card.description,
        "Pictures": f"{card.input_size[0]} × {card.input_size[1]} px" if card.input_size else "",
        "Pixel size": f"{card.pixel_size:g} µm" if card.pixel_size else "any",
        "Interval": f"{card.interval:g} min" if card.interval else "any",
        "Microscopy": card.modality,
        "Trained on": card.trained_on,
        "Works with": ", ".join(f"{role}: {partner['name']}" for role, partner in card.partners.items()),
        "Accuracy": "<br>".join(_accuracy(card.metrics)),
        "Size": f"{entry.parameters / 1e6:.2f} million weights, {entry.size / 2**20:.1f} MB",
        "Licence": card.licence,
        "File": str(entry.path),
        "Hash": f"<code>{entry.hash[:16]}</code>",
    }
    lines = "".join(
        f"<tr><td><b>{name}</b>&nbsp;</td><td>{text}</td></tr>" for name, text in rows.items() if text
    )
    return f"<h4>{entry.name}</h4><table>{lines}</table>"


def _accuracy(metrics: dict[str, Any]) -> Iterator[str]:
    """Yield each number with what it is; ``mse_3`` is the MSE of step 3."""
    for name, value in metrics.items():
        if isinstance(value, dict):
            yield from (f"{name} {line}" for line in _accuracy(value))
            continue
        stem, _, step = name.rpartition("_")
        words = f"{_metric(stem)}, step {step}" if step.isdecimal() else _metric(name)
        yield f"{words}: {value:.3g}" if isinstance(value, float) else f"{words}: {value}"


def _metric(name: str) -> str:
    return _METRICS.get(name, name.replace("_", " "))
