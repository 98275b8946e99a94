"""Which answer the Forecast dock gives: the average of all futures, or single ones."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets import ComboBox, SpinBox
from qtpy.QtWidgets import QFormLayout, QWidget

from ..base import CellSimError
from ..forecasting.prediction import Mode
from . import model_list
from .generate_widgets import SeedField, add_row
from .widgets import form, line, say

MOST_SAMPLES = 16
ANSWERS = {"best estimate (mean)": "mean", "one possible future (sample)": "sample"}
_SAID = {
    "mean": "The average of what may happen: the smallest error, but blurred wherever the future is open.",
    "sample": "One guess at what may happen: sharp, and another one for every seed. "
    "Look at several before you trust a detail.",
}
_NO_SAMPLER = (
    '{} gives the best estimate only: its file has no network "sampler", which makes single futures.'
)


class AnswerForm:
    """The controls of the answer, rows of a form that is made by `widgets.form`.

    Attributes
    ----------
    rows : tuple of Widget
        For `widgets.form`, before `complete`.
    """

    def __init__(self) -> None:
        self.answer = ComboBox(
            label="Answer",
            choices=list(ANSWERS.items()),
            value="mean",
            tooltip="An average of futures is blurred, a sharp picture is one guess: choose which of them you want.",
        )
        self.samples = SpinBox(
            label="Samples",
            min=1,
            max=MOST_SAMPLES,
            value=1,
            tooltip='How many possible futures; several share one layer with a slider "sample".',
        )
        self.seed = SeedField("The same seed makes the same samples; sample s uses seed + s.")
        self.sentence = line("What the answer is")
        self._answer_row = form(
            self.answer
        )  # of its own: its words need the width that a common label column takes
        self.rows = (self.samples,)
        self.answer.changed.connect(self._show)
        self._refusal: str = _NO_SAMPLER.format("This model")

    def complete(self, page: QWidget) -> None:
        """Add to the page with the `rows` what is no magicgui widget: the answer, the sentence and the seed."""
        layout = page.layout()
        assert isinstance(layout, QFormLayout)
        self._layout = layout
        row, _ = layout.getWidgetPosition(self.samples.native)
        layout.insertRow(row, self._answer_row)
        layout.insertRow(row + 1, self.sentence)
        add_row(page, "Seed", self.seed, row + 3)
        self._show()

    def offer(self, *models: str | Path | None) -> None:
        """Offer samples if the files of all models have a network for them; does not import torch."""
        without = [model for model in models or (None,) if not can_sample(model)]
        name = (
            "This model" if len(models) < 2 else f"Model “{Path(without[0] or '').stem}”" if without else ""
        )
        self._refusal = _NO_SAMPLER.format(name) if without else ""
        self.answer.enabled = not without
        if without:
            self.answer.value = "mean"
        self._show()

    def _show(self, *_: object) -> None:
        chosen = self.answer.value
        say(self.sentence, self._refusal or _SAID[chosen])
        for widget in (self.samples.native, self.seed):
            self._layout.setRowVisible(widget, chosen == "sample")

    def chosen(
        self, model: str | Path, mode: str | None = None, samples: int | None = None, seed: int | None = None
    ) -> tuple[Mode, int, int]:
        """Return mode, number of samples and seed; what is None is taken from the controls.

        Raises
        ------
        CellSimError
            If there is no such mode, the model cannot sample, or the number of samples is out of range.
        """
        mode = self.answer.value if mode is None else mode
        if mode not in _SAID:
            raise CellSimError(f"There is no answer {mode!r}; choose mode='mean' or mode='sample'.")
        if mode == "mean":
            return "mean", 1, 0
        if not can_sample(model):
            raise CellSimError(
                f"Model {Path(model).stem!r} gives the best estimate only: its file has no network 'sampler'; choose "
                "another model, or mode='mean'."
            )
        samples = self.samples.value if samples is None else samples
        if not 1 <= samples <= MOST_SAMPLES:
            raise CellSimError(f"The number of samples is {samples}; choose 1 to {MOST_SAMPLES}.")
        return "sample", samples, self.seed.value if seed is None else seed


def can_sample(model: str | Path | None) -> bool:
    """Return whether a model makes single futures."""
    return "sampler" in model_list.networks_of(model)


def sees_frames_alone(model: str | Path | None) -> bool:
    """Return whether a model needs no optical flow."""
    return model_list.networks_of(model).get("sdcnet", {}).get("sees") == "frames"


def has_uncertainty(model: str | Path | None) -> bool:
    """Return whether a model says how sure it is of each pixel."""
    return any(bool(config.get("scale")) for config in model_list.networks_of(model).values())
