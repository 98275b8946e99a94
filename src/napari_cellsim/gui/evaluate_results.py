"""How an evaluation's result is shown in the dock: a table, what to know before trusting it, and the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from magicgui.widgets import ComboBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .evaluate_tables import Table
from .widgets import button, form, line, say, side_by_side

ROW_HEIGHT = 22
_MOST_ROWS = 14


class ResultBox(QWidget):
    """A table or several to choose among, lines below it, and buttons for the report.

    Parameters
    ----------
    name : str
        What the table shows, for those who cannot see it.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.summary = line(f"What was measured: {name}")
        self._tables: Mapping[str, Table] = {}
        self.choice = ComboBox(label="Show", tooltip="What the table shows; the report has all.")
        self._choice_row = form(self.choice)
        self.table = QTableWidget()
        self.table.setAccessibleName(name)
        self.table.setToolTip(name)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setWordWrap(False)
        self.table.setTabKeyNavigation(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        parts = (
            self.table.verticalHeader(),
            self.table.horizontalHeader(),
            *self.table.findChildren(QAbstractButton),
        )
        for part in parts:
            part.setAccessibleName(f"Columns of: {name}")
            part.setToolTip(name)
        self.notes = line(f"What to know: {name}")
        self.open_button = button(
            "Open report", "Show tables, plots, examples and provenance in the browser."
        )
        self.save_button = button(
            "Save report…", "Save as HTML to look at, or as CSV or JSON with all numbers."
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (
            self.summary,
            self._choice_row,
            self.table,
            self.notes,
            side_by_side(self.open_button, self.save_button),
        ):
            column.addWidget(widget)
        self.choice.changed.connect(self._fill)
        self.hide()

    def show_result(self, summary: str, tables: Mapping[str, Table], notes: Sequence[str]) -> Iterator[None]:
        """Show a result with its tables by name, in small steps."""
        say(self.summary, summary)
        say(self.notes, "<br>".join(notes))
        yield
        self._tables = tables
        self.choice.choices = list(tables)
        self._choice_row.setVisible(len(tables) > 1)
        self._fill(self.choice.value)
        yield
        self.show()

    def _fill(self, name: str | None) -> None:
        if name not in self._tables:  # while other names are being offered
            return
        heads, rows = self._tables[name]
        self.table.clear()
        self.table.setColumnCount(len(heads))
        self.table.setRowCount(len(rows))
        self.table.setHorizontalHeaderLabels(heads)
        for r, row in enumerate(rows):
            for c, text in enumerate(row):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignLeft if c == 0 else Qt.AlignmentFlag.AlignRight
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(f"{row[0]}, {heads[c]}: {text}")
                self.table.setItem(r, c, item)
        self.table.setFixedHeight(ROW_HEIGHT * (min(len(rows), _MOST_ROWS) + 1) + 24)

    @property
    def texts(self) -> list[list[str]]:
        """What the table says, head first."""
        columns = range(self.table.columnCount())
        heads = [self.table.horizontalHeaderItem(c).text() for c in columns]
        rows = [[self.table.item(r, c).text() for c in columns] for r in range(self.table.rowCount())]
        return [heads, *rows]
