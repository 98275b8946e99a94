"""A small plot: how far the forecast is from the frames that did follow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from ..evaluation import ErrorCurve

_HEIGHT = 230
_DASH, _DOT, _DASH_DOT = (
    pg.QtCore.Qt.PenStyle.DashLine,
    pg.QtCore.Qt.PenStyle.DotLine,
    pg.QtCore.Qt.PenStyle.DashDotLine,
)
# field of ErrorCurve, name in the legend, dash, marker
_BASELINES = (
    ("copy_last", "last frame", _DASH, "s"),
    ("blurred_copy_last", "last frame, blurred", _DOT, "t"),
    ("constant_flow", "motion goes on", _DASH_DOT, "d"),
)


class ErrorPlot(pg.PlotWidget):
    """Root-mean-square error against the step, for the forecast and for three trivial ones.

    The curves differ in marker and dash as well as in colour.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(_HEIGHT)
        self.setMinimumWidth(0)
        self.setAccessibleName("Error of the forecast beside copying, blurring and moving on the last frame")
        self.setToolTip(
            "Root-mean-square difference to the true frames, in grey levels, for each step (lower is better).\n"
            "Solid: the forecast. Dashed: repeating the last frame used. Dotted: repeating it blurred, with the best\n"
            "blur for the frames seen. Dash-dotted: everything moves on as it last moved."
        )
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.setLabel("bottom", "steps after the last frame used")
        # pyqtgraph cuts the tails of the label's letters
        self.getPlotItem().layout.setContentsMargins(1, 1, 1, 5)
        self.setLabel("left", "error (grey levels)")
        self._legend = self.addLegend(offset=(-4, 2), labelTextSize="8pt", verSpacing=-5)
        self._curve: ErrorCurve | None = None
        self._theme = "dark"

    def show_curve(self, curve: ErrorCurve) -> None:
        """Draw another curve."""
        self._curve = curve
        self._draw()

    def set_theme(self, name: str) -> None:
        """Take over the colours of a napari theme."""
        self._theme = name
        self._draw()

    def _draw(self) -> None:
        theme = get_theme(self._theme)
        text, accent = theme.text.as_hex("long"), theme.current.as_hex("long")
        self.setBackground(theme.background.as_hex("long"))
        for side in ("left", "bottom"):
            axis: Any = self.getAxis(side)
            axis.setPen(text)
            axis.setTextPen(text)
        self._legend.setLabelTextColor(text)
        self.getPlotItem().clear()
        if self._curve is None:
            return
        steps = self._curve.steps
        for field, name, dash, marker in _BASELINES:
            self.plot(
                steps, getattr(self._curve, field), name=name,
                pen=pg.mkPen(text, width=1.5, style=dash), symbol=marker, symbolSize=6, symbolBrush=text,
            )  # fmt: skip
        self.plot(
            steps, self._curve.model, name="forecast",
            pen=pg.mkPen(accent, width=3), symbol="o", symbolSize=7, symbolBrush=accent,
        )  # fmt: skip
        self.getAxis("bottom").setTicks(
            [[(int(step), str(int(step))) for step in steps]] if len(steps) <= 12 else None
        )
        shown = [self._curve.model, *(getattr(self._curve, field) for field, *_ in _BASELINES)]
        largest = max(1e-12, float(np.nanmax(np.stack(shown))))
        self.setYRange(0, largest * 1.7)  # room for the legend above the curves
        self.setXRange(0.8, float(steps[-1]) + 0.2)
