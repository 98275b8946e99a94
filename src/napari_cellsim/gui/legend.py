"""The legend of the motion overlays: the colour wheel and what its rim and the arrows mean."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from ..data.flow_colours import flow_wheel
from .widgets import line, say

_SIZE = 56


class MotionLegend(QWidget):
    """Colour wheel with a line of text; hidden until there is something to explain."""

    def __init__(self) -> None:
        super().__init__()
        pixels = flow_wheel(_SIZE)
        picture = QImage(pixels.tobytes(), _SIZE, _SIZE, 3 * _SIZE, QImage.Format.Format_RGB888)
        wheel = QLabel()
        wheel.setPixmap(QPixmap.fromImage(picture))
        wheel.setFixedSize(_SIZE, _SIZE)
        wheel.setAccessibleName("Colour wheel of the motion")
        wheel.setToolTip(
            "The colour is the direction of the motion: red right, green down, cyan left, violet up."
        )
        self._text = line("What the motion overlays mean")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(wheel)
        row.addWidget(self._text, 1, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    @property
    def text(self) -> str:
        """The words beside the wheel."""
        return self._text.text()

    def explain(self, facts: dict[str, Any] | None) -> None:
        """Show what full colour and arrow length mean.

        Parameters
        ----------
        facts : dict or None
            ``full_colour`` and its ``unit``, and ``arrow_magnification``; None hides the legend.
        """
        self.setVisible(facts is not None)
        if facts is None:
            return
        if not facts["full_colour"]:
            say(self._text, "Nothing moves in this forecast.")
            return
        text = f"Full colour: {facts['full_colour']:.2g} {facts['unit']} or more."
        magnification = facts.get("arrow_magnification", 1.0)
        if magnification > 1.05:
            text += f" Arrows are drawn {magnification:.2g} times as long as the motion."
        say(self._text, text)
