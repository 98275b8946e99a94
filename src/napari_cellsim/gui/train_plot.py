"""A live plot: one loss while training, its running average, and the same on the validation data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from napari.utils.theme import get_theme
from qtpy.QtCore import QSize
from qtpy.QtGui import QColor

from .train_curves import Curves, running_mean, thinned

_HEIGHT = 210


class TrainPlot(pg.PlotWidget):
    """Loss against step. Thin: as logged; thick: running average; dots: validation."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(_HEIGHT)
        self.setMinimumWidth(0)
        self.setAccessibleName("Loss of the training against its steps")
        self.setToolTip(
            "Lower is better for losses. Thin: as logged; thick: running average; dots: on the validation data.\n"
            "Drag to move, turn the wheel to zoom, double click to see everything."
        )
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setLabel("bottom", "optimiser steps")
        # pyqtgraph cuts the tails of the label's letters
        self.getPlotItem().layout.setContentsMargins(1, 1, 1, 5)
        self.getAxis("left").setWidth(48)
        self.getAxis("bottom").setHeight(42)
        self._legend = self.addLegend(offset=(-4, 4), labelTextSize="8pt", verSpacing=-4)
        self._raw = self.plot(name="as logged")
        self._mean = self.plot(name="running average")
        self._validation = self.plot(name="validation", symbol="o", symbolSize=7)
        self._lines = (self._raw, self._mean, self._validation)
        self.set_theme("dark")

    def sizeHint(self) -> QSize:
        """Ask for little: what room there is comes by itself."""
        return QSize(200, _HEIGHT)

    def set_theme(self, name: str) -> None:
        """Take over the colours of a napari theme."""
        theme = get_theme(name)
        text, accent = theme.text.as_hex("long"), theme.current.as_hex("long")
        faint = QColor(text)
        faint.setAlpha(110)
        self.setBackground(theme.background.as_hex("long"))
        for side in ("left", "bottom"):
            axis: Any = self.getAxis(side)
            axis.setPen(text)
            axis.setTextPen(text)
        self._legend.setLabelTextColor(text)
        paper = QColor(theme.background.as_hex("long"))
        paper.setAlpha(200)
        self._legend.setBrush(paper)
        self._raw.setPen(pg.mkPen(faint, width=1))
        self._mean.setPen(pg.mkPen(accent, width=3))
        self._validation.setPen(pg.mkPen(text, width=1, style=pg.QtCore.Qt.PenStyle.DotLine))
        self._validation.setSymbolBrush(text)
        self._validation.setSymbolPen(text)
        for sample, label in self._legend.items:
            label.setText(label.text)  # takes over the colour
            sample.update()

    def show_curves(self, curves: Curves, name: str, window: int, logarithmic: bool) -> None:
        """Draw a loss.

        Parameters
        ----------
        curves : Curves
            The numbers.
        name : str
            Which loss.
        window : int
            Logged values that the running average takes in.
        logarithmic : bool
            Whether the values are shown on a logarithmic axis; what is not positive is left out then.
        """
        steps, values = curves.training(name)
        series = [(steps, values), (steps, running_mean(values, window)), curves.validation(name)]
        self.setLogMode(False, logarithmic)
        for line, (x, y) in zip(self._lines, series, strict=True):
            if logarithmic:
                y = np.where(y > 0, y, np.nan)
            line.setData(*thinned(x, y), connect="finite")

    def shown(self, which: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what is drawn: 0 as logged, 1 running average, 2 validation."""
        x, y = self._lines[which].getOriginalDataset()
        return (np.empty(0), np.empty(0)) if x is None else (x, y)

    def mouseDoubleClickEvent(self, event: Any) -> None:
        """Show everything."""
        self.enableAutoRange()
        super().mouseDoubleClickEvent(event)
