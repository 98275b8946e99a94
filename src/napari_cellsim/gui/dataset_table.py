"""The table of windows under review: thousands of rows, sorted, decided on by keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPixmap
from qtpy.QtWidgets import QAbstractButton, QAbstractItemView, QHeaderView, QTableView, QWidget

from ..datasets import Window
from .dataset_desk import ReviewDesk
from .dataset_thumbnails import ICON, Thumbnails

VERDICTS = {"keep": "✓ keep", "drop": "✗ drop", "flag": "⚑ flag", "": "–"}
_COLOURS = {"keep": "#3fa34d", "drop": "#d9534f", "flag": "#e0a100"}  # legible on dark and light
_KEYS = {Qt.Key.Key_K: "keep", Qt.Key.Key_D: "drop", Qt.Key.Key_F: "flag"}
_COLUMNS = (
    ("Trap", "Position and trap, and its middle frame"),
    ("Frames", "First and last frame of the window"),
    ("Verdict", "Keep, drop, or flag (left out until somebody has looked); – counts as keep"),
    ("Cells", "Fewest and most cells in a frame"),
    ("In trap", "Share of frames with a cell in the trap"),
    ("Focus", "Fine detail of the least sharp frame; 1 is usual in this store"),
    ("Flush", "Largest sudden change of the cells' area, in cells: washed in or out"),
    ("Reason", "Why the rules decided so, or “by hand”"),
)
_ORDER = {"drop": 0, "flag": 1, "": 2, "keep": 3}


class WindowTable(QAbstractTableModel):
    """Rows are windows; what is decided on them is asked of the desk.

    Parameters
    ----------
    desk : ReviewDesk
        Decisions and measures.
    thumbnails : Thumbnails
        Pictures.
    """

    def __init__(self, desk: ReviewDesk, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk, self._thumbnails = desk, thumbnails
        self._windows: list[Window] = []
        self._rows: dict[str, int] = {}
        self._sorted: tuple[int, Qt.SortOrder] = (-1, Qt.SortOrder.AscendingOrder)
        self._blank = QPixmap(ICON, ICON)
        self._blank.fill(QColor(128, 128, 128, 60))
        desk.changed.connect(self._decided)
        thumbnails.ready.connect(self._pictured)

    # ---- what the desk holds ----

    def reload(self) -> None:
        """Show the windows of the desk."""
        self.beginResetModel()
        self._windows = list(self._desk.review.curation.windows) if self._desk.open else []
        self._arrange()
        self.endResetModel()

    def window(self, row: int) -> Window:
        """Return the window of a row."""
        return self._windows[row]

    def row(self, name: str) -> int:
        """Return the row of a window; -1 if it is not there."""
        return self._rows.get(name, -1)

    def _arrange(self) -> None:
        column, order = self._sorted
        if column >= 0:
            self._windows.sort(key=self._key(column), reverse=order == Qt.SortOrder.DescendingOrder)
        self._rows = {window.id: row for row, window in enumerate(self._windows)}

    def _key(self, column: int) -> Callable[[Window], Any]:
        summaries = self._desk.review.summaries
        measure = {3: "most_cells", 4: "trapped", 5: "focus", 6: "flush"}.get(column)
        if measure is not None:
            return lambda w: summaries[w.id][measure] if w.id in summaries else -1.0
        if column == 1:
            return lambda w: (w.start, w.sequence)
        if column == 2:
            return lambda w: _ORDER[self._desk.verdict(w.id)]
        if column == 7:
            return lambda w: self._reason(w)
        return lambda w: (w.sequence, w.start)

    def _reason(self, window: Window) -> str:
        decision = self._desk.decision(window.id)
        if decision is None:
            return ""
        return decision.reason or ("by hand" if decision.by == "hand" else decision.by)

    def _decided(self, names: list[str]) -> None:
        rows = [self._rows[name] for name in names if name in self._rows]
        if rows:
            self.dataChanged.emit(self.index(min(rows), 0), self.index(max(rows), len(_COLUMNS) - 1))

    def _pictured(self, name: str) -> None:
        if name in self._rows:
            index = self.index(self._rows[name], 0)
            self.dataChanged.emit(index, index, [Qt.ItemDataRole.DecorationRole])

    # ---- Qt's questions ----

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of windows."""
        return 0 if parent is not None and parent.isValid() else len(self._windows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a column's name and what it means."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section][0]
        return _COLUMNS[section][1] if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return text, picture or colour of a cell."""
        window, column = self._windows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(window, column)
        if role == Qt.ItemDataRole.DecorationRole and column == 0:
            return self._thumbnails.icon(window) or self._blank
        if role == Qt.ItemDataRole.ForegroundRole and column == 2:
            colour = _COLOURS.get(self._desk.verdict(window.id))
            return QColor(colour) if colour else None
        if role == Qt.ItemDataRole.TextAlignmentRole and 3 <= column <= 6:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            return window.id if column == 0 else self._text(window, column) or None
        return None

    def _text(self, window: Window, column: int) -> str:
        if column == 0:
            return window.sequence
        if column == 1:
            return f"{window.start}–{window.stop - 1}"
        if column == 2:
            return VERDICTS[self._desk.verdict(window.id)]
        if column == 7:
            return self._reason(window)
        measured = self._desk.review.summaries.get(window.id)
        if measured is None:
            return ""
        if column == 3:
            few, many = round(measured["fewest_cells"]), round(measured["most_cells"])
            return f"{few}–{many}" if few != many else f"{few}"
        if column == 4:
            return f"{measured['trapped']:.0%}"
        return f"{measured['focus' if column == 5 else 'flush']:.2f}"

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; what is selected stays selected."""
        self._sorted = (column, order)
        if not self._desk.open:
            return
        self.layoutAboutToBeChanged.emit()
        before = [(index, self._windows[index.row()].id) for index in self.persistentIndexList()]
        self._arrange()
        for index, name in before:
            self.changePersistentIndex(index, self.index(self._rows[name], index.column()))
        self.layoutChanged.emit()


class WindowView(QTableView):
    """The table on the screen.

    Attributes
    ----------
    decided : Signal
        Emitted with "keep", "drop" or "flag" when its key is pressed.
    undone : Signal
        Emitted when U, or Ctrl+Z, is pressed.
    opened : Signal
        Emitted when a row is to be shown in the viewer: Enter or double click.
    moved : Signal
        Emitted when another row becomes the current one.
    """

    decided = Signal(str)
    undone = Signal()
    opened = Signal()
    moved = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setIconSize(QSize(ICON, ICON))
        self.setShowGrid(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setMinimumHeight(170)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("Windows under review")
        self.setToolTip(
            "K keeps, D drops, F flags, U undoes; Enter or double click shows the window in the viewer"
        )
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(ICON + 4)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        for part in (self.verticalHeader(), self.horizontalHeader(), *self.findChildren(QAbstractButton)):
            part.setAccessibleName("Columns of the table of windows")
            part.setToolTip("Click on a column to sort by it")
        self.doubleClicked.connect(lambda _index: self.opened.emit())

    def setModel(self, model: Any) -> None:
        """Show a model, unsorted at first."""
        super().setModel(model)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        for column, width in enumerate((146, 52, 62, 48, 52, 50, 46, 200)):
            self.setColumnWidth(column, width)

    def currentChanged(self, current: QModelIndex, previous: QModelIndex) -> None:
        """Tell who wants to know."""
        super().currentChanged(current, previous)
        self.moved.emit()

    def chosen_rows(self) -> list[int]:
        """Return the selected rows."""
        return sorted(index.row() for index in self.selectionModel().selectedRows())

    def go(self, row: int) -> None:
        """Make a row the current and only selected one."""
        if 0 <= row < self.model().rowCount():
            self.setCurrentIndex(self.model().index(row, 0))
            self.selectRow(row)

    def keyPressEvent(self, event: Any) -> None:
        """Decide, undo, open; everything else is Qt's."""
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        control = event.modifiers() == Qt.KeyboardModifier.ControlModifier
        if plain and event.key() in _KEYS:
            self.decided.emit(_KEYS[event.key()])
        elif (plain and event.key() == Qt.Key.Key_U) or (control and event.key() == Qt.Key.Key_Z):
            self.undone.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit()
        else:
            super().keyPressEvent(event)
