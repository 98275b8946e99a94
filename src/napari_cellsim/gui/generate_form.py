"""The controls of the Generate dock that all its tabs share, and those of its first tab."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, SpinBox
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from ..base import CellSimError
from ..models import ModelEntry
from ..models.header import read_header
from . import model_list, specimen_models
from .generate_request import Computing, GenerateRequest
from .generate_widgets import NumberSlider, SeedField, add_row
from .settings import generate_settings
from .widgets import button, choose_some, device_box, form, line, show_row

if TYPE_CHECKING:
    from ..generation import Generated

KINDS = ("cellgan", "vae")
SPECIMENS = ("msggan",)
"""Kinds that the Generate dock offers besides: they draw photographs of single specimens."""
NOISE = {"new for each picture": "random", "the same for all": "fixed", "none": "none"}


class ModelForm:
    """Which model generates, and on which device.

    Parameters
    ----------
    more : tuple of str
        Kinds of models to offer besides `KINDS`.

    Attributes
    ----------
    box : QWidget
        The rows, for the dock to arrange.
    """

    def __init__(self, more: tuple[str, ...] = ()) -> None:
        self._more = more
        self.model = ComboBox(
            label="Model",
            choices=lambda _: [(entry.name, model_list.key_of(entry)) for entry in self._entries()],
            nullable=True,
            tooltip="Which network generates. The Models dock says what each was trained on and opens your own.",
        )
        self.device = device_box(generate_settings().device)
        self.specimens = ComboBox(
            label="Class",
            choices=[],
            tooltip="What the model draws, as its card says. Where there is one model per class, named alike but for\n"
            "the class in brackets, choose another class here.",
        )
        self.box = form(self.model, self.specimens, self.device)
        self.model.changed.connect(self._show_classes)
        self.specimens.changed.connect(self._choose_class)
        choose_some(self.model)
        self._show_classes()

    def reset_choices(self) -> None:
        """Offer the models that exist now, keeping the choice."""
        self.model.reset_choices()
        choose_some(self.model)
        self._show_classes()

    def computing(self, model: str | Path | None = None, device: str | None = None) -> Computing:
        """Return model and device; what is None is taken from the controls.

        Raises
        ------
        CellSimError
            If there is no model.
        """
        model = self.model.value if model is None else model
        if model is None:
            raise CellSimError(
                "No generating model is installed; open a model file (*.safetensors) with the button Open… below."
            )
        return Computing(model, self.device.value if device is None else device, generate_settings().threads)

    def computing_for(self, pictures: Generated) -> Computing:
        """Return the model that made the pictures, and the device of the controls.

        Raises
        ------
        CellSimError
            If that model is not installed.
        """
        maker = pictures.provenance.get("model", {})
        entry = next((entry for entry in self._entries() if entry.hash == maker.get("hash")), None)
        if entry is None:
            raise CellSimError(
                f"The pictures of {pictures.name!r} were made by the model {maker.get('name', 'of unknown name')!r}, "
                "which is not on the list of models; open its file (*.safetensors) with the button Open… below."
            )
        return self.computing(model_list.key_of(entry))

    def entry(self, model: str | Path | None = None) -> ModelEntry | None:
        """Return what is known of a model, by default of the chosen one, without loading it."""
        key = self.model.value if model is None else model
        found = [entry for entry in self._entries() if key in (entry.name, entry.path, str(entry.path))]
        return found[0] if found else None

    def slots(self) -> int:
        """Return how many layers of the chosen model take a style of their own; 1 for an autoencoder."""
        entry = self.entry()
        if entry is None or entry.kind != "cellgan":
            return 1
        size = read_header(entry.path).content.networks["cellgan"].config["size"]
        return 2 * (int(size).bit_length() - 1) - 2

    def kind(self, model: str | Path | None = None) -> str:
        """Return the kind of a model, by default of the chosen one; "" if there is none that can be read."""
        networks = model_list.networks_of(self.model.value if model is None else model)
        return next((kind for kind in (*KINDS, *self._more) if kind in networks), "")

    def _entries(self) -> list[ModelEntry]:
        return model_list.available(*KINDS, *self._more)

    def _show_classes(self, _model: Any = None) -> None:
        """Offer the classes of the models that belong together with the chosen one."""
        entry = self.entry()
        relatives = [] if entry is None else specimen_models.relatives(entry, self._entries())
        choices = [(specimen_models.title(one, relatives), model_list.key_of(one)) for one in relatives]
        with self.specimens.changed.blocked():
            self.specimens.choices = choices
            if choices:
                self.specimens.value = self.model.value
        show_row(self.specimens, bool(choices))

    def _choose_class(self, key: str | Path | None) -> None:
        if key is not None and key != self.model.value:
            self.model.value = key


class SampleTab(QWidget):
    """The first tab: how many pictures, which, and how daring."""

    def __init__(self) -> None:
        super().__init__()
        chosen = generate_settings()
        self.number = SpinBox(
            label="Pictures",
            value=chosen.number,
            min=1,
            max=10_000,
            tooltip="How many pictures to generate.",
        )
        self.seed = SeedField(
            "The same seed, model and settings give the same pictures again, on one kind of device."
        )
        self.truncation = NumberSlider(
            "Truncation",
            0.0,
            1.0,
            0.05,
            chosen.truncation,
            "How far pictures may be from the average one: 0 always gives the average, 0.7 typical pictures,\n"
            "1 the whole variety of the training data with its odd ones.",
        )
        self.noise = ComboBox(
            label="Fine detail",
            choices=list(NOISE),
            value=next(iter(NOISE)),
            tooltip="Noise that decides fine detail such as grain: new for each picture, the same for all, or none.",
        )
        self._rows = form(self.number, self.noise)
        add_row(self._rows, "Seed", self.seed, 1)
        add_row(self._rows, "Truncation", self.truncation, 2)
        self.run_button = button(
            "Generate", "Generate new pictures; they appear as one layer while they are made."
        )
        self.summary = line("What was generated last")
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 8, 2)
        column.addWidget(self._rows)
        column.addWidget(self.run_button)
        column.addWidget(self.summary)
        column.addStretch(1)

    def show_kind(self, kind: str) -> None:
        """Show what applies to models of a kind."""
        styled = kind not in SPECIMENS
        show_row(self.noise, styled)
        layout = self._rows.layout()
        assert isinstance(layout, QFormLayout)
        layout.setRowVisible(self.truncation, styled)

    def request(
        self,
        computing: Computing,
        kind: str,
        *,
        n: int | None = None,
        seed: int | None = None,
        truncation: float | None = None,
        noise: str | None = None,
    ) -> GenerateRequest:
        """Return what to generate by a model of a kind; arguments that are None are taken from the controls."""
        if truncation is None and kind not in SPECIMENS:
            truncation = self.truncation.value
        return GenerateRequest(
            computing,
            n=self.number.value if n is None else n,
            seed=self.seed.value if seed is None else seed,
            truncation=truncation,
            noise=NOISE[self.noise.value] if noise is None else noise,
        )
