"""A small plot: how far the forecast is from the frames that did follow."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtWidgets import QWidget

from .forecast_work import ErrorCurve

_HEIGHT = 170


class ErrorPlot(pg.PlotWidget):
    """Root-mean-square error against the step, for the forecast and for copying the last frame.

    The two curves differ in marker and dash as well as in colour.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedHeight(_HEIGHT)
        self.setMinimumWidth(0)
        self.setAccessibleName("Error of the forecast against copying the last frame")
        self.setToolTip(
            "Root-mean-square difference to the true frames, in grey levels, for each step (lower is better).\n"
            "Solid: the forecast. Dashed: simply repeating the last frame used."
        )
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.setLabel("bottom", "steps after the last frame used")
        self.setLabel("left", "error (grey levels)")
        self._legend = self.addLegend(offset=(-6, -6))
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
        self.plot(
            steps, self._curve.copy_last, name="copy of the last frame",
            pen=pg.mkPen(text, width=2, style=pg.QtCore.Qt.PenStyle.DashLine),
            symbol="s", symbolSize=6, symbolBrush=text,
        )  # fmt: skip
        self.plot(
            steps, self._curve.model, name="forecast",
            pen=pg.mkPen(accent, width=3), symbol="o", symbolSize=7, symbolBrush=accent,
        )  # fmt: skip
        self.getAxis("bottom").setTicks(
            [[(int(step), str(int(step))) for step in steps]] if len(steps) <= 12 else None
        )
        largest = max(1e-12, float(max(self._curve.model.max(), self._curve.copy_last.max())))
        self.setYRange(0, largest * 1.1)
        self.setXRange(0.8, float(steps[-1]) + 0.2)
