"""Widgets of the Generate dock: a slider with its number, a seed with dice, small pictures."""

from __future__ import annotations

import math
import random

import numpy as np
from magicgui.widgets import SpinBox
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QWidget,
)

LARGEST_SEED = 2**31 - 1
_PREVIEW = 110  # px, so that two stand side by side in a dock of 300 px


class NumberSlider(QWidget):
    """A slider and a number field that always show the same value.

    Parameters
    ----------
    name : str
        Accessible name of the control.
    low, high, step : float
        Range and step of the value.
    value : float
        Value to begin with.
    tooltip : str
        What the value does.

    Attributes
    ----------
    changed : Signal
        Emitted with the new value, a float.
    """

    changed = Signal(float)

    def __init__(self, name: str, low: float, high: float, step: float, value: float, tooltip: str) -> None:
        super().__init__()
        self._low, self._step = low, step
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, round((high - low) / step))
        self.slider.setPageStep(max(1, round(0.5 / step)))
        self.number = QDoubleSpinBox()
        self.number.setRange(low, high)
        self.number.setSingleStep(step)
        self.number.setDecimals(max(0, -math.floor(math.log10(step))))
        self.number.setFixedWidth(84)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 1)
        row.addWidget(self.number)
        for part, kind in ((self.slider, "slider"), (self.number, "number")):
            part.setAccessibleName(f"{name}, {kind}")
            part.setToolTip(tooltip)
        self.setAccessibleName(name)
        self.setToolTip(tooltip)
        self.setFocusProxy(self.slider)
        self.set(value)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)

    @property
    def value(self) -> float:
        """The value shown."""
        return float(self.number.value())

    @value.setter
    def value(self, value: float) -> None:
        self.number.setValue(value)

    def set(self, value: float) -> None:
        """Show a value without emitting `changed`."""
        for part, position in ((self.slider, self._position(value)), (self.number, value)):
            blocked = part.blockSignals(True)
            part.setValue(position)
            part.blockSignals(blocked)

    def _position(self, value: float) -> int:
        return round((value - self._low) / self._step)

    def _slid(self, position: int) -> None:
        self.number.setValue(self._low + position * self._step)

    def _typed(self, value: float) -> None:
        blocked = self.slider.blockSignals(True)
        self.slider.setValue(self._position(value))
        self.slider.blockSignals(blocked)
        self.changed.emit(value)


class SeedField(QWidget):
    """A seed with a button that throws a new one."""

    def __init__(self, tooltip: str) -> None:
        super().__init__()
        self.field = SpinBox(label="Seed", value=0, min=0, max=LARGEST_SEED, tooltip=tooltip)
        native = self.field.native
        native.setAccessibleName("Seed")
        native.setToolTip(tooltip)
        native.setMinimumWidth(60)
        native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.dice = QPushButton("Dice")
        self.dice.setAccessibleName("New random seed")
        self.dice.setToolTip("Throw the dice for a new seed, and so for other pictures")
        self.dice.clicked.connect(self.throw)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(native, 1)
        row.addWidget(self.dice)
        self.setFocusProxy(native)

    @property
    def value(self) -> int:
        """The seed."""
        return int(self.field.value)

    @value.setter
    def value(self, seed: int) -> None:
        self.field.value = seed

    def throw(self, _checked: bool = False) -> None:
        """Choose another seed by chance."""
        self.field.value = random.randrange(1_000_000)  # few enough digits to be written into a notebook


def add_row(page: QWidget, label: str, widget: QWidget, position: int | None = None) -> None:
    """Put a widget of ours as a labelled row into a page made by `widgets.form`."""
    layout = page.layout()
    assert isinstance(layout, QFormLayout)
    text = QLabel(label)
    text.setToolTip(widget.toolTip())
    text.setBuddy(widget.focusProxy() or widget)
    layout.insertRow(layout.rowCount() if position is None else position, text, widget)


def pixmap(picture: np.ndarray, size: int, limits: tuple[float, float] | None = None) -> QPixmap:
    """Return a picture scaled into a square of `size` px.

    Parameters
    ----------
    picture : ndarray
        (Y, X) in any intensity units, or in colour (Y, X, 3) from 0 to 255.
    size : int
        Side of the square, px.
    limits : tuple of float, optional
        Intensities of a grey picture shown black and white; by default its 0.5 and 99.5 percentiles.
    """
    values = np.nan_to_num(np.asarray(picture, dtype=np.float32))
    colour = values.ndim == 3
    low, high = (0.0, 255.0) if colour else limits or display_limits(values)
    shown = np.ascontiguousarray(np.clip((values - low) / (high - low) * 255, 0, 255).astype(np.uint8))
    height, width = shown.shape[:2]
    form = QImage.Format.Format_RGB888 if colour else QImage.Format.Format_Grayscale8
    image = QImage(shown.tobytes(), width, height, shown.strides[0], form)
    return QPixmap.fromImage(image).scaled(
        QSize(size, size), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )


def thumbnail(picture: np.ndarray, size: int) -> QIcon:
    """Return a picture (Y, X) or (Y, X, 3) as an icon, see `pixmap`."""
    return QIcon(pixmap(picture, size))


def display_limits(values: np.ndarray) -> tuple[float, float]:
    """Return intensities to show black and white, with no regard to the 1 % most extreme pixels."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0.5, 99.5)) if finite.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


class PicturePair(QWidget):
    """Guide and result side by side, in the same grey scale; hidden until there is something to compare."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        self._captions: list[QLabel] = []
        self._pictures: list[QLabel] = []
        for column, caption in enumerate(("Guide", "Result")):
            heading = QLabel(caption)
            picture = QLabel()
            picture.setFixedSize(_PREVIEW, _PREVIEW)
            picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
            picture.setAccessibleName(f"{caption} picture")
            grid.addWidget(heading, 0, column, Qt.AlignmentFlag.AlignHCenter)
            grid.addWidget(picture, 1, column, Qt.AlignmentFlag.AlignHCenter)
            self._captions.append(heading)
            self._pictures.append(picture)
        self._pictures[0].setToolTip("The guide as the model sees it: cropped and resampled to its size")
        self._pictures[1].setToolTip("What the model generates for it, in the grey scale of the guide")
        self._limits: tuple[float, float] | None = None
        self.hide()

    @property
    def caption(self) -> str:
        """The words over the result."""
        return self._captions[1].text()

    def show_guide(self, picture: np.ndarray) -> None:
        """Show the guide (Y, X); it decides the grey scale of both."""
        self._limits = display_limits(picture)
        self._pictures[0].setPixmap(pixmap(picture, _PREVIEW, self._limits))
        self.show()

    def show_result(self, picture: np.ndarray, caption: str = "Result") -> None:
        """Show the result (Y, X)."""
        self._pictures[1].setPixmap(pixmap(picture, _PREVIEW, self._limits))
        self._captions[1].setText(caption)
        self.show()
