"""Legends of the overlays: colour wheel and arrows of the motion, colour bar of the uncertainty."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from ..data.flow_colours import flow_wheel
from ..forecasting.layers import UNCERTAINTY_COLOURS
from .widgets import line, say

_SIZE = 56
_BAR = 12  # px, height of the colour bar


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
        self.setVisible(facts is not None and "full_colour" in facts)
        if facts is None or "full_colour" not in facts:
            return
        if not facts["full_colour"]:
            say(self._text, "Nothing moves in this forecast.")
            return
        text = f"Full colour: {facts['full_colour']:.2g} {facts['unit']} or more."
        magnification = facts.get("arrow_magnification", 1.0)
        if magnification > 1.05:
            text += f" Arrows are drawn {magnification:.2g} times as long as the motion."
        say(self._text, text)


class UncertaintyLegend(QWidget):
    """Colour bar of the uncertainty with a line of text; hidden until there is something to explain."""

    def __init__(self) -> None:
        super().__init__()
        table = np.array(UNCERTAINTY_COLOURS)
        at, knots = np.linspace(0, 1, _SIZE), np.linspace(0, 1, len(table))
        *rgb, alpha = (np.interp(at, knots, column) for column in table.T)
        over_grey = np.stack([alpha * channel + (1 - alpha) * 0.5 for channel in rgb], axis=-1)
        pixels = np.repeat(np.round(over_grey * 255).astype(np.uint8)[None], _BAR, axis=0)
        picture = QImage(pixels.tobytes(), _SIZE, _BAR, 3 * _SIZE, QImage.Format.Format_RGB888)
        bar = QLabel()
        bar.setPixmap(QPixmap.fromImage(picture))
        bar.setFixedSize(_SIZE, _BAR)
        bar.setAccessibleName("Colour bar of the uncertainty")
        bar.setToolTip("Grey, as the picture: the forecast is sure of the pixel. Bright: do not trust it.")
        self._text = line("What the uncertainty means")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(bar)
        row.addWidget(self._text, 1, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    @property
    def text(self) -> str:
        """The words beside the bar."""
        return self._text.text()

    def explain(self, facts: dict[str, Any] | None) -> None:
        """Show what the brightest colour means.

        Parameters
        ----------
        facts : dict or None
            ``uncertainty``, of which ``brightest`` is a half-width in intensity units and ``share`` the same as a part
            of the picture's range; without it the legend is hidden.
        """
        found = None if facts is None else facts.get("uncertainty")
        self.setVisible(found is not None)
        if found is not None:
            say(
                self._text,
                f"Uncertainty: brightest is ±{_plain(found['brightest'])} intensity units or more, "
                f"{100 * found['share']:.0f} % of the picture's range. 68 % of pixels should end up within ±.",
            )


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
