"""Small widgets shared by the docks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from magicgui.widgets import ComboBox, FloatSpinBox, LineEdit
from magicgui.widgets.bases import Widget
from qtpy.QtCore import QMimeData, QSize, Qt, Signal
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSpinBox,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible


def form(*rows: Widget | tuple[Widget, QWidget]) -> QWidget:
    """Lay magicgui widgets out as labelled rows that stay usable at a width of 300 px.

    Every widget needs `label` and `tooltip`; its accessible name becomes the label. A pair is such a widget and what
    stands behind it.
    """
    page = QWidget()
    layout = QFormLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
    for one in rows:
        row, behind = one if isinstance(one, tuple) else (one, None)
        native = row.native
        native.setAccessibleName(row.label)
        native.setToolTip(row.tooltip)
        if isinstance(native, QComboBox):
            native.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            native.setMinimumContentsLength(6)
            native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if isinstance(native, QAbstractSpinBox):
            native.setMinimumWidth(60)
            native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if isinstance(native, QCheckBox):  # says itself what it is
            native.setAccessibleName(native.text())
            layout.addRow(native)
            continue
        label = QLabel(row.label)
        label.setToolTip(row.tooltip)
        label.setBuddy(native)
        layout.addRow(label, native if behind is None else side_by_side(native, behind))
    return page


def show_row(row: Widget, visible: bool) -> None:
    """Show or hide a row made by `form`, label and all."""
    page = row.native.parentWidget()
    page.layout().setRowVisible(row.native, visible)


def section(title: str, *contents: QWidget, collapsed: bool | None = None) -> QWidget:
    """Return a titled group of widgets; with `collapsed` a button folds it away."""
    if collapsed is not None:
        # The arrow stands in the text, which follows napari's theme; an icon would stay black in the dark one.
        folding = QCollapsible(title, expandedIcon=QIcon(), collapsedIcon=QIcon())
        folding.setDuration(0)
        folding.layout().setContentsMargins(0, 4, 0, 0)
        folding.layout().setSpacing(2)
        button = folding.toggleButton()
        # a heading like that of other sections, and not blue in napari's theme while it is open
        button.setStyleSheet(
            "text-align: left; border: none; background: transparent; font-weight: bold; padding: 2px 0px"
        )
        folding.toggled.connect(lambda opened: button.setText(f"{'▾' if opened else '▸'} {title}"))
        button.setText(f"▾ {title}")
        button.setAccessibleName(title)
        button.setToolTip(f"Show or hide: {title}")
        for content in contents:
            folding.addWidget(content)
        if collapsed:
            folding.collapse(animate=False)
        else:
            folding.expand(animate=False)
        return folding
    box = QWidget()
    column = QVBoxLayout(box)
    column.setContentsMargins(0, 4, 0, 0)
    column.setSpacing(4)
    heading = QLabel(f"<b>{title}</b>")
    column.addWidget(heading)
    for content in contents:
        column.addWidget(content)
    return box


def side_by_side(*widgets: QWidget) -> QWidget:
    """Lay widgets out in one row."""
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        row.addWidget(widget)
    return box


def choose_some(box: ComboBox) -> None:
    """Choose the first thing that a box offers, if nothing is chosen."""
    if box.value is None and len(box.choices) > 1:
        box.value = next(choice for choice in box.choices if choice is not None)


def button(text: str, tooltip: str) -> QPushButton:
    """Return a push button with tooltip and accessible name."""
    made = QPushButton(text)
    made.setToolTip(tooltip)
    made.setAccessibleName(text.rstrip("…"))
    return made


def path_button(row: LineEdit, title: str, tooltip: str, files: str = "") -> QPushButton:
    """Return a button that asks for a path and writes it into `row`.

    Parameters
    ----------
    row : LineEdit
        Takes the path.
    title : str
        Of the question.
    tooltip : str
        Of the button.
    files : str
        What files to offer, such as ``"CSV (*.csv)"``; empty to ask for a folder.
    """
    made = button("Choose…", tooltip)
    made.setAccessibleName(title)

    def ask(_checked: bool = False) -> None:
        if files:
            path, _ = QFileDialog.getOpenFileName(made, title, "", files)
        else:
            path = QFileDialog.getExistingDirectory(made, title)
        if path:
            row.value = path

    made.clicked.connect(ask)
    return made


def line(name: str) -> QLabel:
    """Return a word-wrapped line of text that never widens the dock."""
    label = QLabel()
    label.setWordWrap(True)
    label.setAccessibleName(name)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label


def say(label: QLabel, text: str) -> None:
    """Write on a `line`; an empty text hides it."""
    label.setText(text)
    label.setVisible(bool(text))


class _VerticalScroll(QScrollArea):
    """Scrolls up and down only, and is never narrower than what it holds."""

    def minimumSizeHint(self) -> QSize:
        """Width of the content plus the scroll bar, and a small height."""
        content = self.widget().minimumSizeHint().width()
        return QSize(content + self.verticalScrollBar().sizeHint().width() + 2, 120)


def scrolling(content: QWidget) -> QScrollArea:
    """Return a vertical scroll area around `content`."""
    area = _VerticalScroll()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(content)
    return area


def tab_box(dock: str, name: str, tooltip: str, pages: Mapping[str, QWidget]) -> QTabWidget:
    """Return the tabs of a dock.

    Parameters
    ----------
    dock : str
        Its name.
    name, tooltip : str
        What the tabs are, for screen readers and for those who point at them.
    pages : mapping of str to QWidget
        Contents by their short names, from left to right.
    """
    tabs = QTabWidget()
    tabs.setAccessibleName(name)
    bar = tabs.tabBar()
    bar.setAccessibleName(f"Tabs of the {dock} dock")
    for one in (tabs, bar):
        one.setToolTip(tooltip)
    bar.setUsesScrollButtons(False)  # the names are short
    for scroll in bar.findChildren(QToolButton):
        scroll.setToolTip("Show the tabs on this side")
    for title, page in pages.items():
        tabs.addTab(page, title)
    return tabs


def unknown_or(value: float | None) -> float:
    """Return what a calibration field shows: 0, displayed as "unknown", for None."""
    return 0.0 if value is None else value


def device_box(chosen: str) -> ComboBox:
    """Return the choice of a device, for as long as the machine was not asked which it has."""
    return ComboBox(
        label="Device",
        choices=list(dict.fromkeys(["auto", "cpu", chosen])),
        value=chosen,
        tooltip="Where to compute: auto takes a graphics card where there is one.",
    )


def offer_devices(box: ComboBox, devices: list[str]) -> None:
    """Offer the devices of this machine in a `device_box`, keeping the choice."""
    wanted = box.value
    choices = list(dict.fromkeys([*devices, wanted]))
    if list(box.choices) != choices:
        box.choices = choices
        box.value = wanted


def calibration_field(label: str, unit: str, tooltip: str, largest: float) -> FloatSpinBox:
    """Return a number field with a unit whose lowest value, 0, reads "unknown"."""
    field = FloatSpinBox(label=label, value=0.0, min=0.0, max=largest, step=0.01, tooltip=tooltip)
    native = field.native
    native.setDecimals(4)
    native.setSuffix(f" {unit}")
    native.setSpecialValueText("unknown")
    return field


def whole_number(name: str, low: int, high: int, value: int, tooltip: str, *, step: int = 1) -> QSpinBox:
    """Return a field for a whole number; it reports a number when it is complete, not at every key."""
    field = QSpinBox()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setValue(value)
    field.setKeyboardTracking(False)
    field.setAccessibleName(name)
    field.setToolTip(tooltip)
    field.setMinimumWidth(60)
    field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return field


class DropZone(QLabel):
    """A field that takes files and folders dropped on it.

    Attributes
    ----------
    dropped : Signal
        Emitted with the list of paths.
    """

    dropped = Signal(list)

    def __init__(self, text: str, tooltip: str) -> None:
        super().__init__(text)
        self.setAcceptDrops(True)
        self.setWordWrap(True)
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setToolTip(tooltip)
        self.setAccessibleName(text)
        self.setMinimumHeight(36)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setStyleSheet("DropZone { border: 1px dashed palette(mid); border-radius: 4px; padding: 4px; }")

    def dragEnterEvent(self, event) -> None:
        """Accept what has local files."""
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event) -> None:
        """Report the files."""
        paths = local_paths(event.mimeData())
        event.acceptProposedAction()
        self.dropped.emit(paths)


def local_paths(mime: QMimeData) -> list[Path]:
    """Return the files and folders on this computer among what is dragged."""
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]
