"""The Split tab of the Dataset dock: training, validation and test parts that share nothing."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import ComboBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSpinBox, QVBoxLayout, QWidget

from .dataset_review_work import SplitFacts
from .generate_widgets import SeedField, add_row
from .widgets import button, form, line, say, section, whole_number

_GROUPS = {
    "trap": ("trap", "All windows of a trap stay in one part: what is tested was never seen."),
    "trap and time window": ("window", "Each time window of a trap by itself, as the thesis does: for few traps."),
}  # fmt: skip


class SplitTab(QWidget):
    """Widgets of the Split tab. What the buttons do is the dock's business."""

    def __init__(self) -> None:
        super().__init__()
        self.kept_line = line("What there is to split")
        self.training = _share("Training", 80, "Share of the kept windows to learn from")
        self.validation = _share(
            "Validation", 10, "Share by which training is watched and the best state chosen"
        )
        self.test = _share("Test", 10, "Share that is set aside to measure the finished model; the rest")
        self.test.setEnabled(False)
        self.group = ComboBox(
            label="Keep together",
            choices=list(_GROUPS),
            tooltip="What stays in one part; planes always do. " + " ".join(why for _, why in _GROUPS.values()),
        )  # fmt: skip
        self.seed = SeedField("The same seed deals the same windows into the same parts")
        self.split_button = button("Split", "Deal out the kept windows, and check that parts share no cells.")
        self.result = QLabel()
        self.result.setTextFormat(Qt.TextFormat.RichText)
        self.result.setAccessibleName("Windows in each part")
        self.result.setToolTip("Windows, traps and frames in each part")
        self.leak_line = line("Result of the leak check")
        self.next_line = line("What to do next")
        self.train_button = button("Train with this…", "Choose this store in the Train dock.")
        page = form(self.group)
        for n, one in enumerate((self.training, self.validation, self.test)):
            add_row(page, one.accessibleName(), one, n)
        add_row(page, "Seed", self.seed)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        column.addWidget(section("Parts", self.kept_line, page))
        for one in (self.split_button, self.result, self.leak_line, self.next_line, self.train_button):
            column.addWidget(one)
        column.addStretch(1)
        self.training.valueChanged.connect(self._shares_changed)
        self.validation.valueChanged.connect(self._shares_changed)
        self.show_split(None, "")

    @property
    def fractions(self) -> tuple[float, float, float]:
        """Shares of training, validation and test."""
        first, second = self.training.value() / 100, self.validation.value() / 100
        return first, second, max(0.0, round(1 - first - second, 6))

    @property
    def grouping(self) -> str:
        """What stays together, "trap" or "window"."""
        return _GROUPS[self.group.value][0]

    def show_kept(self, counts: dict[str, int] | None) -> None:
        """Say how many windows there are to split."""
        if counts is None:
            say(self.kept_line, "No store is open: cut crops or open a store in the Review tab.")
            return
        left = counts["drop"] + counts["flag"]
        say(
            self.kept_line, f"{counts['keep']} windows are kept; {left} dropped or flagged ones are left out."
        )

    def mark_outdated(self) -> None:
        """Say that the split that is shown is no longer that of the decisions."""
        if self.result.isVisibleTo(self):
            say(self.leak_line, "⚠ Decisions have changed since: split again.")

    def show_split(self, split: SplitFacts | None, store: str) -> None:
        """Show a finished split of a store."""
        for one in (self.result, self.train_button):
            one.setVisible(split is not None)
        if split is None:
            say(self.leak_line, "")
            say(self.next_line, "")
            return
        rows = "".join(
            f"<tr><td>{part}&nbsp;</td><td align=right>&nbsp;{split.windows[part]}</td>"
            f"<td align=right>&nbsp;{split.traps[part]}</td><td align=right>&nbsp;{split.frames[part]}</td></tr>"
            for part in split.windows
        )
        self.result.setText(
            "<table cellpadding=2><tr><td></td><td>&nbsp;windows</td><td>&nbsp;traps</td><td>&nbsp;frames</td></tr>"
            f"{rows}</table>"
        )
        say(self.leak_line, "✓ Checked: no two parts show the same cells at the same time.")
        say(self.next_line, f"Ready to train on: <b>{store}</b>")

    def _shares_changed(self, _value: Any = None) -> None:
        self.validation.setMaximum(100 - self.training.value())
        self.test.setValue(100 - self.training.value() - self.validation.value())


def _share(name: str, value: int, tooltip: str) -> QSpinBox:
    field = whole_number(name, 1 if name == "Training" else 0, 100, value, tooltip, step=5)
    field.setSuffix(" %")
    return field
