"""The Train dock's second tab: curves, numbers and buttons of the run that is being followed."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ..training.supervision import StateSeen
from .job_bar import format_seconds
from .run_list import STATES
from .train_curves import Curves
from .train_monitors import TrainMonitors
from .widgets import button, line, say

_NUMBERS = {
    "elapsed": ("Trained for", "Time of training so far, without pauses"),
    "left": ("Left", "Time until the budget is used up, at the present speed"),
    "speed": ("Images/s", "Pictures or sequences shown per second"),
    "memory": ("Memory", "Largest memory so far: of the graphics card, or of the process on a processor"),
    "step": ("Step", "Steps of the optimiser done"),
    "rate": ("Rate", "Learning rate of the first group of weights"),
}


class TrainProgress(QWidget):
    """Shows one run. What the buttons do is the dock's business."""

    def __init__(self) -> None:
        super().__init__()
        self.title = line("The run that is shown")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Used share of the budget")
        self.bar.setToolTip("How much of the budget is used up")
        self.values = {name: QLabel("–") for name in _NUMBERS}
        self.loss = QComboBox()
        self.loss.setAccessibleName("Which loss or metric to draw")
        self.loss.setToolTip("Which loss or metric to draw")
        self.loss.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.loss.setMinimumContentsLength(6)
        self.logarithmic = QCheckBox("log")
        self.logarithmic.setAccessibleName("Logarithmic axis")
        self.logarithmic.setToolTip("Show the values on a logarithmic axis")
        self.window = QSpinBox()
        self.window.setRange(1, 1000)
        self.window.setValue(10)
        self.window.setPrefix("mean of ")
        self.window.setMinimumWidth(70)
        self.window.setAccessibleName("Running average")
        self.window.setToolTip("How many logged values the thick line averages over")
        self.previews = QCheckBox("Show previews in the viewer")
        self.previews.setAccessibleName(self.previews.text())
        self.previews.setToolTip(
            "At each validation, show what the network does with always the same input, in a layer\n"
            "beside your data; the house button of napari brings both into view"
        )
        self.previews.setChecked(True)
        self.pause_button = button("Pause", "Wait, keeping everything; Resume goes on.")
        self.stop_button = button(
            "Stop and keep", "End the training now and keep what has been learnt as a model."
        )
        self.cancel_button = button(
            "Cancel", "End the training without a model; the list of runs can resume it."
        )
        self.plot: Any = None
        self.curves = Curves()
        self.monitors = TrainMonitors()
        self._arrange()
        for changed in (self.loss.currentTextChanged, self.logarithmic.toggled, self.window.valueChanged):
            changed.connect(self.draw)
        self.forget()

    def _arrange(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        for place, (name, (label, tooltip)) in enumerate(_NUMBERS.items()):
            heading = QLabel(f"{label}:")
            value = self.values[name]
            value.setAccessibleName(label)
            for widget in (heading, value):
                widget.setToolTip(tooltip)
            grid.addWidget(heading, place // 2, 2 * (place % 2))
            grid.addWidget(value, place // 2, 2 * (place % 2) + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        drawing = QHBoxLayout()
        drawing.addWidget(self.loss, 1)
        drawing.addWidget(self.window)
        drawing.addWidget(self.logarithmic)
        buttons = QGridLayout()
        buttons.addWidget(self.pause_button, 0, 0)
        buttons.addWidget(self.cancel_button, 0, 1)
        buttons.addWidget(self.stop_button, 1, 0, 1, 2)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(4, 4, 4, 4)
        self._column.addWidget(self.title)
        self._column.addWidget(self.bar)
        self._column.addLayout(grid)
        self._column.addLayout(drawing)
        self._place = self._column.count()
        self._column.addWidget(self.monitors)
        self._column.addWidget(self.previews)
        self._column.addLayout(buttons)
        self._column.addStretch(0)

    def forget(self, name: str = "") -> None:
        """Show nothing of the run before."""
        self.curves = Curves()
        self.monitors.forget()
        self.bar.setValue(0)
        for value in self.values.values():
            value.setText("–")
        say(
            self.title,
            f"<b>{name}</b>: looking…" if name else "Nothing is being trained; start in the first tab.",
        )
        self.show_buttons("")
        self.draw()

    def show_state(self, name: str, state: StateSeen) -> None:
        """Say how the run stands."""
        say(self.title, f"<b>{name}</b>: {STATES.get(state.status, state.status)}")
        self.bar.setValue(round(1000 * state.progress))
        self.values["step"].setText(str(state.step))
        self.show_buttons(state.status)

    def show_ending(self, name: str, sentence: str) -> None:
        """Say how the run ended, if it did not end well."""
        say(self.title, f"<b>{name}</b>: ⚠ {sentence}")

    def show_buttons(self, status: str) -> None:
        """Enable what can be done in a status."""
        active = status in ("starting", "running", "paused")
        self.pause_button.setText("Resume" if status == "paused" else "Pause")
        self.pause_button.setAccessibleName(self.pause_button.text())
        for one in (self.pause_button, self.stop_button, self.cancel_button):
            one.setEnabled(active)

    def make_plot(self, theme: str) -> None:
        """Make the plot; apart from `draw`, because pyqtgraph takes 0.2 s to import, in a worker."""
        if self.plot is None:
            from .train_plot import TrainPlot

            self.plot = TrainPlot()
            self.plot.set_theme(theme)
            self._column.insertWidget(self._place, self.plot, 1)
            self.draw()

    def show_numbers(self) -> None:
        """Show the newest numbers and offer the losses there are."""
        self.monitors.show_metrics(self.curves.metrics)
        last = self.curves.last
        if last is not None:
            memory = "–" if last.memory is None else f"{last.memory / 2**30:.1f} GB"
            left = "–" if last.seconds_left is None else format_seconds(last.seconds_left)
            texts = {
                "elapsed": format_seconds(last.seconds),
                "left": left,
                "speed": f"{last.images_per_second:.3g}",
                "memory": memory,
                "step": str(last.step),
                "rate": f"{last.learning_rate:.2g}",
            }
            for name, text in texts.items():
                self.values[name].setText(text)
            self.bar.setValue(round(1000 * last.progress))
        names = self.curves.names
        if names != [self.loss.itemText(i) for i in range(self.loss.count())]:
            chosen = self.loss.currentText()
            self.loss.blockSignals(True)
            self.loss.clear()
            self.loss.addItems(names)
            self.loss.setCurrentIndex(max(0, names.index(chosen) if chosen in names else 0))
            self.loss.blockSignals(False)

    def draw(self, _value: Any = None) -> None:
        """Draw the chosen loss."""
        if self.plot is not None:
            self.plot.show_curves(
                self.curves, self.loss.currentText(), self.window.value(), self.logarithmic.isChecked()
            )
