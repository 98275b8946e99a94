"""The Find tab of the Dataset dock: the experiment, and the traps in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, LineEdit
from qtpy.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from ..data import TrapGeometry
from .dataset_hits import LOWEST
from .dataset_work import PositionFacts
from .generate_widgets import NumberSlider, add_row
from .widgets import DropZone, button, calibration_field, form, line, say, section, show_row, unknown_or

DRAWN = "drawn rectangle"
_SHAPES = {"tear-drop": "tear_drop", "rectangular": "rectangular", "L-foot": "l_foot", "round": "round"}
THRESHOLD = 0.4


class FindTab(QWidget):
    """Form of the Find tab. What the buttons do is the dock's business."""

    def __init__(self) -> None:
        super().__init__()
        self.drop_zone = DropZone(
            "Drop the folder of an experiment here",
            "A folder of TIFFs, a multi-position OME-TIFF, or a store of crops; a folder can be dropped anywhere on "
            "this dock.",
        )
        self.folder_button = button("Open folder…", "Open the folder of an experiment.")
        self.file_button = button("Open file…", "Open a multi-position OME-TIFF or a movie.")
        self.position = QComboBox()
        self.position.setToolTip("Which position of the chip is shown")
        self.position.setAccessibleName("Position")
        self.position.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.position.setMinimumContentsLength(6)
        self.position.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.pixel_size = calibration_field(
            "Pixel size", "µm", "Width of a pixel in the sample, in µm", 100.0
        )
        self.interval = calibration_field("Interval", "min", "Time between two frames, in minutes", 100_000.0)
        self.pattern = LineEdit(
            label="Pattern",
            value="",
            tooltip="Only for unusual file names: a regular expression for the path below the folder, with the named "
            "groups t (time), and where needed c (channel), z (plane) and p (position). Used when you open.",
        )
        self.facts_line = line("What the experiment is")
        self.template = ComboBox(
            label="Looks like",
            choices=[DRAWN, *_SHAPES],
            value=DRAWN,
            tooltip="What a trap looks like: a rectangle that you draw around one, or a known shape",
        )
        self.channel = ComboBox(
            label="Channel",
            choices=[("0", 0)],
            value=0,
            tooltip="Bright-field channel in which traps are sought",
        )
        self.draw_button = button(
            "Draw a rectangle",
            "Drag a rectangle around one trap, best an empty one; its middle is the middle of the crops.",
        )
        self.rotation = NumberSlider(
            "Rotation", 0.0, 5.0, 0.5, 5.0, "The chip may be turned by up to so many degrees either way"
        )
        self.everywhere = CheckBox(
            text="In all positions",
            value=False,
            tooltip="Find the traps of all positions, not only of the one that is shown",
        )
        self.find_button = button("Find traps", "Find all traps in the frame and focal plane that are shown.")
        self.threshold = NumberSlider(
            "Threshold", LOWEST, 0.95, 0.01, THRESHOLD, "Only what looks so much like a trap is shown and cropped"
        )  # fmt: skip
        self.count_line = line("How many traps there are")
        self.add_button = button(
            "Add", "Add a trap by hand: drag a rectangle around it, of any size; its middle counts."
        )
        self.edit_button = button(
            "Move or delete", "Choose traps to drag them elsewhere, or to delete them with the Delete key."
        )
        self._arrange()
        self.show_facts(None, 0, "")
        self.show_count(None)
        self.template.changed.connect(self._template_changed)

    def _arrange(self) -> None:
        place = form(self.pixel_size, self.interval)
        add_row(place, "Position", self.position, 0)
        self._place = place
        self._names = section("Unusual file names", form(self.pattern), collapsed=True)
        look = form(self.template, self.channel)
        search = form(self.everywhere)
        add_row(search, "Rotation °", self.rotation, 0)
        self._result = QWidget()
        result = QVBoxLayout(self._result)
        result.setContentsMargins(0, 0, 0, 0)
        sliding = form()
        add_row(sliding, "Threshold", self.threshold)
        result.addWidget(sliding)
        result.addWidget(self.count_line)
        result.addLayout(_row(self.add_button, self.edit_button))
        opening = QWidget()
        grid = QGridLayout(opening)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.folder_button, 0, 0)
        grid.addWidget(self.file_button, 0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        column.addWidget(section("Experiment", self.drop_zone, opening, self._names, self.facts_line, place))
        self._traps = section("Traps", look, self.draw_button, search, self.find_button, self._result)
        column.addWidget(self._traps)
        column.addStretch(1)

    @property
    def shape(self) -> TrapGeometry | None:
        """The chosen shape; None for a drawn rectangle."""
        kind = _SHAPES.get(self.template.value)
        return None if kind is None else TrapGeometry.nominal(kind)

    @property
    def stated(self) -> dict[str, float | None]:
        """Pixel size (µm) and interval (minutes) in the fields; None where unknown."""
        return {"pixel_size": self.pixel_size.value or None, "interval": self.interval.value or None}

    def show_positions(self, names: Sequence[str], current: str) -> None:
        """Offer the positions of an experiment."""
        blocked = self.position.blockSignals(True)
        self.position.clear()
        self.position.addItems(list(names))
        self.position.setCurrentText(current)
        self.position.blockSignals(blocked)
        self.everywhere.enabled = len(names) > 1

    def show_facts(self, facts: PositionFacts | None, positions: int, layout: str) -> None:
        """Say what the experiment and the position are."""
        self._place.setVisible(facts is not None)
        self._traps.setVisible(facts is not None)
        if facts is None:
            say(self.facts_line, "")
            return
        channels = [(name, index) for index, name in enumerate(facts.channels)]
        if list(self.channel.choices) != [index for _, index in channels]:
            self.channel.choices = channels
        show_row(self.channel, len(facts.channels) > 1)
        for field, value in ((self.pixel_size, facts.pixel_size), (self.interval, facts.interval)):
            with field.changed.blocked():
                field.value = unknown_or(value)
        self.show_known(facts, positions, layout)

    def show_known(self, facts: PositionFacts, positions: int, layout: str) -> None:
        """Say what the position is, and ask for what is not known of its calibration."""
        parts = [f"{facts.n_times} frames of {facts.height} × {facts.width} px"]
        if len(facts.channels) > 1:
            parts.append(f"{len(facts.channels)} channels")
        if facts.n_planes > 1:
            parts.append(f"{facts.n_planes} focal planes")
        where = "1 position" if positions == 1 else f"{positions} positions"
        lines = [f"{where} ({layout}); {facts.name}: {', '.join(parts)}."]
        known = {"pixel size": self.pixel_size.value, "interval": self.interval.value}
        unknown = [name for name, value in known.items() if not value]
        if unknown:
            lines.append(f"⚠ Not known: {' and '.join(unknown)}. Please type what you know below.")
        if facts.crops:
            lines.append("The pictures are crops of single traps already: Find takes the middle of each.")
        lines += [f"⚠ {note}" for note in facts.notes]
        say(self.facts_line, "<br>".join(lines))

    def show_count(self, count: Any) -> None:
        """Say how many traps there are, as `dataset_field.Count`; None hides the result."""
        self._result.setVisible(count is not None)
        say(self.count_line, "" if count is None else str(count))

    def _template_changed(self, _value: Any = None) -> None:
        self.draw_button.setVisible(self.template.value == DRAWN)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    return row
