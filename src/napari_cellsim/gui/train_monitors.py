"""What is watched while a generator of photographs learns: numbers in words, and its pictures at all scales."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QFormLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

_CHANGE = "change_"
_LINES = {
    "patch_distance": (
        "Distance to real",
        (
            "How far small patches of its pictures are from those of the training pictures, mean over scales, in\n"
            "their standard deviations: small is good, but no proof of good shapes."
        ),
    ),
    "change": (
        "Change by scale",
        (
            "Mean squared difference to the pictures of the validation before, over their variance, coarse to fine:\n"
            "it falls while the generator settles."
        ),
    ),
    "copies": (
        "Copies",
        (
            "Share of its pictures that are nearer to a training picture than 99 of 100 of those are to each other:\n"
            "about 1 % is chance, much more means learnt by heart."
        ),
    ),
    "deviation": ("Variety", "Standard deviation over its pictures: near 0, all of them are the same."),
    "grid": (
        "Grid",
        "Strength of a regular grid in its pictures: much above that of the real ones is a flaw of the network.",
    ),
    "duality_gap": (
        "Duality gap",
        (
            "What either network could still gain if it were trained alone for a while, on pictures held out: 0 at an\n"
            "equilibrium, so once it no longer falls, more training helps little."
        ),
    ),
}


class TrainMonitors(QWidget):
    """Shows the newest monitors of a generator of photographs; hidden for every other run."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, QLabel] = {}
        self._form = QFormLayout()
        self._form.setContentsMargins(0, 0, 0, 0)
        for name, (label, tooltip) in _LINES.items():
            value = QLabel()
            value.setWordWrap(True)
            value.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
            value.setAccessibleName(label)
            heading = QLabel(f"{label}:")
            for one in (heading, value):
                one.setToolTip(tooltip)
            self._form.addRow(heading, value)
            self.values[name] = value
        self.picture = _Picture()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._form)
        column.addWidget(self.picture)
        self.forget()

    def forget(self) -> None:
        """Show nothing of the run before."""
        self.picture.show_array(None)
        self.show_metrics({})

    def show_metrics(self, metrics: Mapping[str, float]) -> None:
        """Show the metrics of the newest validation."""
        texts = _texts(metrics) if "patch_distance" in metrics else {}
        for name, value in self.values.items():
            value.setText(texts.get(name, ""))
            self._form.setRowVisible(value, name in texts)
        self.setVisible(bool(texts))

    def show_preview(self, picture: np.ndarray) -> None:
        """Keep the newest preview, (H, W) or (H, W, 3) uint8."""
        self.picture.show_array(picture)


def _texts(metrics: Mapping[str, float]) -> dict[str, str]:
    """Return what is said about each monitor that there is."""
    texts = {
        name: f"{metrics[name]:.3g}"
        for name in ("patch_distance", "deviation", "duality_gap")
        if name in metrics
    }
    sides = sorted(int(name.removeprefix(_CHANGE)) for name in metrics if name.startswith(_CHANGE))
    if sides:
        texts["change"] = " · ".join(f"{metrics[f'{_CHANGE}{side}']:.2g} ({side} px)" for side in sides)
    if "copies" in metrics:
        texts["copies"] = f"{metrics['copies']:.0%} (chance: 1 %)"
    if "grid" in metrics:
        texts["grid"] = f"{metrics['grid']:.3g} (real pictures: {metrics['grid_real']:.3g})"
    return texts


class _Picture(QLabel):
    """A picture as wide as the dock, never widening it."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Newest pictures of the generator")
        self.setToolTip(
            "What the generator draws now of random numbers that never change; a row per scale, where it has several."
        )
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._whole: QPixmap | None = None

    def show_array(self, picture: np.ndarray | None) -> None:
        """Show a picture (H, W) or (H, W, 3) uint8, or nothing."""
        self._whole = None
        if picture is not None:
            colour = np.ascontiguousarray(
                picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, 2)
            )
            height, width, _ = colour.shape
            # the picture is copied: the array may go
            image = QImage(colour.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            self._whole = QPixmap.fromImage(image.copy())
        self._fit()

    def resizeEvent(self, event) -> None:
        """Keep to the dock's width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        if self._whole is None:
            self.clear()
            return
        width = min(self.width(), self._whole.width())
        fitted = self._whole.scaledToWidth(max(1, width), Qt.TransformationMode.SmoothTransformation)
        self.setPixmap(fitted)
        self.setFixedHeight(fitted.height())
