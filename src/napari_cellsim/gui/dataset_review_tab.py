"""The Review tab of the Dataset dock: measures, rules, and a table in which windows are kept, dropped or flagged."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from . import model_list, settings
from .dataset_desk import ReviewDesk
from .dataset_review_work import Measuring, preset_names
from .dataset_table import WindowTable, WindowView
from .dataset_thumbnails import SIDE, Thumbnails
from .generate_widgets import add_row
from .widgets import button, form, line, say, section, whole_number

_CAPTIONS = ("First", "Middle", "Last")
_PRESETS = (
    "Keep windows with at most 8 cells and a cell in the trap, in focus.",
    "The same, and drop windows into or out of which cells are flushed, which nobody can foresee.",
)
MIDDLE = -1  # of the focal planes


class ReviewTab(QWidget):
    """Widgets of the Review tab. What the buttons do is the dock's business.

    Parameters
    ----------
    desk : ReviewDesk
        Whose windows are shown.
    """

    def __init__(self, desk: ReviewDesk) -> None:
        super().__init__()
        self._desk = desk
        self.open_button = button("Open store…", "Open a store of crops, a folder whose name ends in .zarr.")
        self.store_line = line("Which store is open")
        self.length = whole_number("Window", 0, 0, 0, "Frames per window: what is kept or dropped as one")
        self.length.setSpecialValueText("whole sequences")
        self.length.setSuffix(" frames")
        self.channel = whole_number("Channel", 0, 0, 0, "Bright-field channel that is measured and shown")
        self.plane = whole_number("Focal plane", MIDDLE, 0, MIDDLE, "Focal plane that is measured and shown")
        self.plane.setSpecialValueText("the middle one")
        self.model = ComboBox(
            label="Model", choices=_models, tooltip="Segmentation model that counts the cells"
        )
        self.measure_button = button(
            "Measure", "Count the cells of every frame and measure focus and sudden changes; takes a while."
        )
        self.presets: dict[str, Any] = {
            name: button(name.capitalize(), f"{why} What you decided stays.")
            for name, why in zip(preset_names(), _PRESETS, strict=True)
        }
        self.counts_line = line("How many windows are kept")
        self.thumbnails = Thumbnails(self)
        self.table = WindowTable(desk, self.thumbnails, self)
        self.view = WindowView()
        self.view.setModel(self.table)
        self.strip = [_picture(caption) for caption in _CAPTIONS]
        self.strip_line = line("Which window is shown")
        self.keep_button = button("Keep", "Keep the chosen windows (key K).")
        self.drop_button = button("Drop", "Drop the chosen windows (key D).")
        self.flag_button = button(
            "Flag", "Flag the chosen windows: left out until somebody has looked (key F)."
        )
        self.undo_button = button("Undo", "Take back the last decision (key U).")
        self.forget_button = button("Forget all", "Forget all decisions on this store; can be undone.")
        self.show_button = button("Show", "Show the chosen window in the viewer (Enter, or double click).")
        self._arrange()
        self.view.moved.connect(self.show_strip)
        self.thumbnails.ready.connect(self._pictured)
        self.channel.valueChanged.connect(self.take_pictures)
        self.plane.valueChanged.connect(self.take_pictures)
        desk.changed.connect(self.show_counts)
        self.reload()

    def _arrange(self) -> None:
        self._opened = QWidget()
        column = QVBoxLayout(self._opened)
        column.setContentsMargins(0, 0, 0, 0)
        self._rows = form(self.model)
        for n, one in enumerate((self.length, self.channel, self.plane)):
            add_row(self._rows, one.accessibleName(), one, n)
        rules = QWidget()
        grid = QGridLayout(rules)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.measure_button, 0, 0, 1, 2)
        for n, one in enumerate(self.presets.values()):
            grid.addWidget(one, 1, n)
        pictures = QHBoxLayout()
        pictures.setSpacing(3)
        for one in self.strip:
            pictures.addWidget(one)
        pictures.addStretch(1)
        decide = QGridLayout()
        made = (self.keep_button, self.drop_button, self.flag_button)
        more = (self.undo_button, self.forget_button, self.show_button)
        for n, one in enumerate(made + more):
            decide.addWidget(one, n // 3, n % 3)
        column.addWidget(section("Windows and measures", self._rows, collapsed=True))
        column.addWidget(rules)
        column.addWidget(self.counts_line)
        column.addWidget(self.view, 1)
        column.addWidget(self.strip_line)
        column.addLayout(pictures)
        column.addLayout(decide)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(4, 2, 8, 2)
        outer.addWidget(self.store_line)
        outer.addWidget(self.open_button)
        outer.addWidget(self._opened, 1)
        outer.addStretch(0)

    @property
    def measuring(self) -> Measuring:
        """How the store is to be measured."""
        chosen = settings.forecast_settings()
        return Measuring(self.model.value, self.channel.value(), self._plane, chosen.device, chosen.threads)

    @property
    def window_length(self) -> int | None:
        """Frames per window; None for whole sequences."""
        return self.length.value() or None

    @property
    def chosen(self) -> list[str]:
        """Ids of the selected windows."""
        return [self.table.window(row).id for row in self.view.chosen_rows()]

    @property
    def _plane(self) -> int | None:
        return None if self.plane.value() == MIDDLE else self.plane.value()

    def reload(self) -> None:
        """Show the windows that the desk holds now."""
        there = self._desk.open
        self._opened.setVisible(there)
        if not there:
            say(self.store_line, "Cut crops in the Crop tab, or open a store that was cut before.")
            self.table.reload()
            return
        review = self._desk.review
        store = review.store
        shapes = [sequence.shape for sequence in store.sequences]
        times = max(shape[0] for shape in shapes)
        channels, planes = (max(shape[axis] for shape in shapes) for axis in (1, 2))
        self.channel.setMaximum(channels - 1)
        self.plane.setMaximum(planes - 1)
        layout = self._rows.layout()
        layout.setRowVisible(self.channel, channels > 1)
        layout.setRowVisible(self.plane, planes > 1)
        blocked = self.length.blockSignals(True)
        self.length.setMaximum(times)
        self.length.setValue(review.curation.length or 0)
        self.length.blockSignals(blocked)
        left = f", {len(store.left_out)} traps left out at the border" if store.left_out else ""
        text = f"<b>{store.path.name}</b>: {len(store)} sequences of up to {times} frames{left}."
        say(self.store_line, text + (f"<br>⚠ {review.problem}" if review.problem else ""))
        self.store_line.setToolTip(str(store.path))
        self.measure_button.setText("Measure again" if review.table else "Measure")
        self.take_pictures()
        self.table.reload()
        self.show_counts()
        self.view.go(0)
        self.show_strip()

    def take_pictures(self, *_: Any) -> None:
        """Take thumbnails from the chosen channel and plane."""
        if self._desk.open:
            self.thumbnails.show(self._desk.review.store, self.channel.value(), self._plane)
            self.view.viewport().update()
            self.show_strip()

    def show_counts(self, *_: Any) -> None:
        """Say how many windows are kept, dropped and flagged."""
        counts = self._desk.counts()
        measured = "" if self._desk.review.table else " Not measured yet."
        say(
            self.counts_line,
            f"{counts['keep']} windows kept, {counts['drop']} dropped, {counts['flag']} flagged.{measured}",
        )
        self.undo_button.setEnabled(self._desk.can_undo)

    def show_strip(self) -> None:
        """Show the pictures of the current row."""
        row = self.view.currentIndex().row()
        for label in self.strip:
            label.clear()
        if row < 0 or not self._desk.open:
            say(self.strip_line, "")
            return
        window = self.table.window(row)
        say(self.strip_line, f"{window.sequence}, first, middle and last frame:")
        for label, picture in zip(self.strip, self.thumbnails.frames(window) or (), strict=False):
            label.setPixmap(picture)

    def _pictured(self, name: str) -> None:
        row = self.view.currentIndex().row()
        if row >= 0 and self.table.window(row).id == name:
            self.show_strip()

    def reset_choices(self) -> None:
        """Offer the models that exist now."""
        self.model.reset_choices()


def _models(_widget: Any = None) -> list[tuple[str, Any]]:
    return [(entry.name, model_list.key_of(entry)) for entry in model_list.available("unet")]


def _picture(caption: str) -> QLabel:
    label = QLabel()
    label.setFixedSize(SIDE, SIDE)
    label.setAlignment(Qt.AlignmentFlag.AlignCenter)
    label.setAccessibleName(f"{caption} frame of the window")
    label.setToolTip(f"{caption} frame of the window")
    label.setStyleSheet("background: rgba(128, 128, 128, 60);")
    return label
