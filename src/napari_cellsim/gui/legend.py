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


class _Legend(QWidget):
    """A picture with a line of text beside it; hidden until there is something to explain.

    Parameters
    ----------
    pixels : ndarray
        The picture, (height, width, 3) uint8.
    name, tooltip : str
        What the picture is, and how to read it.
    text_name : str
        Accessible name of the text.
    """

    def __init__(self, pixels: np.ndarray, name: str, tooltip: str, text_name: str) -> None:
        super().__init__()
        height, width, _ = pixels.shape
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        picture = QLabel()
        picture.setPixmap(QPixmap.fromImage(image))
        picture.setFixedSize(width, height)
        picture.setAccessibleName(name)
        picture.setToolTip(tooltip)
        self._text = line(text_name)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(picture)
        row.addWidget(self._text, 1, Qt.AlignmentFlag.AlignVCenter)
        self.hide()

    @property
    def text(self) -> str:
        """The words beside the picture."""
        return self._text.text()

    def _show(self, text: str) -> None:
        say(self._text, text)
        self.setVisible(bool(text))


class MotionLegend(_Legend):
    """Colour wheel of the motion."""

    def __init__(self) -> None:
        super().__init__(
            flow_wheel(_SIZE),
            "Colour wheel of the motion",
            "The colour is the direction of the motion: red right, green down, cyan left, violet up.",
            "What the motion overlays mean",
        )

    def explain(self, facts: dict[str, Any] | None) -> None:
        """Show what full colour and arrow length mean.

        Parameters
        ----------
        facts : dict or None
            ``full_colour`` and its ``unit``, and ``arrow_magnification``; None hides the legend.
        """
        if facts is None or "full_colour" not in facts:
            self._show("")
            return
        if not facts["full_colour"]:
            self._show("Nothing moves in this forecast.")
            return
        text = f"Full colour: {facts['full_colour']:.2g} {facts['unit']} or more."
        magnification = facts.get("arrow_magnification", 1.0)
        if magnification > 1.05:
            text += f" Arrows are drawn {magnification:.2g} times as long as the motion."
        self._show(text)


class UncertaintyLegend(_Legend):
    """Colour bar of the uncertainty."""

    def __init__(self) -> None:
        table = np.array(UNCERTAINTY_COLOURS)
        at, knots = np.linspace(0, 1, _SIZE), np.linspace(0, 1, len(table))
        *rgb, alpha = (np.interp(at, knots, column) for column in table.T)
        over_grey = np.stack([alpha * channel + (1 - alpha) * 0.5 for channel in rgb], axis=-1)
        super().__init__(
            np.repeat(np.round(over_grey * 255).astype(np.uint8)[None], _BAR, axis=0),
            "Colour bar of the uncertainty",
            "Grey, as the picture: the forecast is sure of the pixel. Bright: do not trust it.",
            "What the uncertainty means",
        )

    def explain(self, facts: dict[str, Any] | None) -> None:
        """Show what the brightest colour means.

        Parameters
        ----------
        facts : dict or None
            ``uncertainty``, of which ``brightest`` is a half-width in intensity units and ``share`` the same as a part
            of the picture's range; without it the legend is hidden.
        """
        found = None if facts is None else facts.get("uncertainty")
        if found is None:
            self._show("")
            return
        self._show(
            f"Uncertainty: brightest is ±{_plain(found['brightest'])} intensity units or more, "
            f"{100 * found['share']:.0f} % of the picture's range. Two thirds of pixels are expected to lie "
            "within the ± shown."
        )


def _plain(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
