"""The list of all runs in a folder, with how each stands."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ..training.runs import RunSummary
from .widgets import button, line, say

STATES = {
    "new": "not started",
    "starting": "starting",
    "running": "running",
    "paused": "paused",
    "finished": "finished",
    "stopped": "stopped early",
    "cancelled": "cancelled",
    "failed": "failed",
    "dead": "died",
}
"""What is said for each status."""
_PATH = Qt.ItemDataRole.UserRole


class RunList(QWidget):
    """Lists runs and offers what can be done with each. What the buttons do is the dock's business.

    Attributes
    ----------
    chosen : Signal
        Emitted when another run was chosen.
    """

    chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunSummary] = []
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["Run", "State", "Done", "Last sign"])
        self.tree.setRootIsDecorated(False)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setAccessibleName("Runs")
        self.tree.setToolTip(
            "All runs in the folder below; choose one to follow it, to go on with it or to reuse it."
        )
        self.tree.setMinimumHeight(120)
        self.tree.header().setAccessibleName("Columns of the list of runs")
        self.tree.header().setToolTip(
            "Name, state, used share of the budget, and when it last gave a sign of life"
        )
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.details = line("Details of the chosen run")
        self.show_button = button(
            "Show progress", "Show the curves of this run, and follow it if it is running."
        )
        self.resume_button = button("Resume", "Go on with this run from its newest checkpoint.")
        self.reuse_button = button("Reuse settings", "Fill the first tab with the settings of this run.")
        self.folder_button = button("Folder…", "Choose the folder that holds the runs; it is remembered.")
        self.folder_line = line("Folder of the runs")
        grid = QGridLayout()
        grid.addWidget(self.show_button, 0, 0)
        grid.addWidget(self.resume_button, 0, 1)
        grid.addWidget(self.reuse_button, 1, 0)
        grid.addWidget(self.folder_button, 1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.tree, 1)
        column.addWidget(self.details)
        column.addLayout(grid)
        column.addWidget(self.folder_line)
        self.tree.currentItemChanged.connect(self._changed)
        self._changed()

    @property
    def runs(self) -> list[RunSummary]:
        """The runs listed, the newest first."""
        return self._runs

    @property
    def selected(self) -> RunSummary | None:
        """The chosen run."""
        item = self.tree.currentItem()
        path = None if item is None else item.data(0, _PATH)
        return next((run for run in self._runs if run.path == path), None)

    def select_again(self) -> None:
        """Enable what can be done with the chosen run."""
        self._changed()

    def select(self, path: Path) -> None:
        """Choose the run of that folder."""
        for row in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(row)
            if item.data(0, _PATH) == path:
                self.tree.setCurrentItem(item)

    def show_runs(self, runs: list[RunSummary], folder: Path) -> None:
        """Show how the runs stand now; nothing moves if nothing has changed."""
        say(self.folder_line, f"<small>Runs in {folder}</small>")
        if runs == self._runs:
            return
        same = [run.path for run in runs] == [run.path for run in self._runs]
        before = self.selected
        self._runs = runs
        if not same:
            self.tree.clear()
            for run in runs:
                item = QTreeWidgetItem()
                item.setData(0, _PATH, run.path)
                self.tree.addTopLevelItem(item)
        for row, run in enumerate(runs):
            item = self.tree.topLevelItem(row)
            texts = (
                run.path.name,
                STATES.get(run.status, run.status),
                f"{run.progress:.0%}",
                _when(run.heartbeat),
            )
            for column, text in enumerate(texts):
                item.setText(column, text)
        if not same and runs:
            self.select(runs[0].path if before is None else before.path)
        self._changed()

    def _changed(self, *_: object) -> None:
        run = self.selected
        say(self.details, "" if run is None else _describe(run))
        self.show_button.setEnabled(run is not None)
        self.reuse_button.setEnabled(run is not None and bool(run.recipe))
        self.resume_button.setEnabled(
            run is not None and run.status in ("paused", "new", "stopped", "cancelled", "failed", "dead")
        )
        self.chosen.emit()


def _describe(run: RunSummary) -> str:
    state = STATES.get(run.status, run.status)
    text = f"<b>{run.path.name}</b> ({run.recipe or 'unreadable'}): {state}, step {run.step}."
    if run.status == "dead":
        text += " Its process is gone; Resume goes on from its newest checkpoint."
    elif run.message:
        text += f" {run.message}"
    return text


def _when(heartbeat: str) -> str:
    try:
        then = datetime.fromisoformat(heartbeat).astimezone()
    except ValueError:
        return ""
    today = then.date() == datetime.now().astimezone().date()
    return then.strftime("%H:%M") if today else then.strftime("%d %b %H:%M")
