"""The controls of the Train dock's first tab. They hold choices and know nothing of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magicgui.widgets import ComboBox, FloatSpinBox, LineEdit, SpinBox
from qtpy.QtWidgets import QHBoxLayout, QWidget

from ..base import CellSimError
from ..training.describing import Catalogue
from . import model_list, settings, viewer_state
from .forecast_request import LayerSnapshot
from .train_advanced import TrainAdvanced
from .train_choices import CHOICES, CLASSES, FLOW, SPECIMENS, TrainChoice, choice_of
from .train_request import LAYERS, SIMULATED, STORE, DataRequest, TrainRequest
from .train_specimen_look import SpecimensSeen
from .train_specimens import SpecimenRows
from .widgets import (
    DropZone,
    button,
    calibration_field,
    choose_some,
    form,
    line,
    say,
    section,
    show_row,
    unknown_or,
)

UNITS = {"minutes": 30.0, "epochs": 10.0, "images": 20_000.0, "steps": 1000.0}
"""Units of a budget, and what is offered first in each."""


class TrainForm:
    """Builds the controls, keeps them in step with each other, and reads them.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.

    Attributes
    ----------
    what_box, data_box, run_box : QWidget
        Groups of controls, for the dock to arrange.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._runs: list[tuple[str, Path]] = []
        self._devices = list(dict.fromkeys(["auto", "cpu", settings.train_settings().device]))
        self._models = model_list.available()  # read once, as it takes some milliseconds
        self._extra: list[tuple[ComboBox, str]] = []  # choices that only an earlier run knows
        self._make_what()
        self._make_data()
        self._make_run()
        self.advanced = TrainAdvanced()
        for changing in (self.what, self.source, self.stage, self.preset):
            changing.changed.connect(self.arrange)
        self.start.changed.connect(self._start_changed)
        for telling in (self.specimens.classes, self.start):
            telling.changed.connect(self._tell_specimens)
        self.unit.changed.connect(self._unit_changed)
        self.what.changed.connect(self._choice_changed)
        self._choice_changed()
        self.arrange()

    # ---- building ----

    def _make_what(self) -> None:
        self.what = ComboBox(
            label="Train",
            choices=[(choice.title, choice) for choice in CHOICES],
            tooltip="What is to be learnt.",
        )
        self.stage = ComboBox(
            label="Stage",
            choices=[("", "")],
            tooltip="From nothing, training goes through all stages in turn; each starts from the run before it.",
        )
        self.start = ComboBox(
            label="Start from",
            choices=self._starts,
            tooltip="A trained model learns your chip in a fraction of the time that fresh weights need.",
        )
        self.generator = ComboBox(
            label="Generator",
            choices=self._generators,
            tooltip="The finished Cell-GAN for which look-alikes are to be found.",
        )
        self.sentence = line("What the model is for")
        self.what_box = section(
            "What", form(self.what), self.sentence, form(self.stage, self.start, self.generator)
        )

    def _make_data(self) -> None:
        self.source = ComboBox(
            label="Learn from", choices=[STORE, LAYERS, SIMULATED], tooltip="Where the pictures are."
        )
        self.folder = LineEdit(
            label="Folder",
            tooltip="A dataset of the Dataset dock (.zarr), or a folder with the subfolders train and validation.",
        )
        self.movie = ComboBox(
            label="Movie",
            choices=lambda _: [(layer.name, layer) for layer in viewer_state.movies(self._viewer)],
            nullable=True,
            tooltip="An image layer with time as its first axis. Its last fifth is kept to validate on.",
        )
        self.labels = ComboBox(
            label="Labels",
            choices=lambda _: [(layer.name, layer) for layer in viewer_state.labels(self._viewer)],
            nullable=True,
            tooltip="A Labels layer of the movie's size with one number per cell. Frames without labels are left out.",
        )
        self.trap_label = SpinBox(
            label="Trap label",
            min=0,
            tooltip="Number of the trap in the labels; 0 if the trap is not labelled.",
        )
        self.channel = SpinBox(
            label="Channel", min=0, max=99, tooltip="Which channel to learn from, counted from 0."
        )
        self.plane = SpinBox(
            label="Focal plane", min=0, max=99, tooltip="Which plane to learn from, counted from 0."
        )
        self.pixel_size = calibration_field(
            "Pixel size", "µm", "µm per pixel, where the layer does not say it.", 100.0
        )
        self.interval = calibration_field(
            "Interval", "min", "Minutes between frames, where the layer does not say it.", 1e5
        )
        self.number = SpinBox(
            label="Movies",
            value=40,
            min=2,
            max=5000,
            tooltip="How many movies of 12 frames to simulate; one of five is kept to validate on. About 10 s each.",
        )
        self.size = SpinBox(
            label="Size (px)", value=256, min=32, max=1024, step=32, tooltip="Side of the pictures."
        )
        self.open_button = button("Choose…", "Choose a dataset (.zarr) or a folder of training sequences.")
        self.drop_zone = DropZone(
            "or drop a dataset here", "A dataset (.zarr) or a folder of training sequences."
        )
        self._opening = QWidget()
        row = QHBoxLayout(self._opening)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.open_button)
        row.addWidget(self.drop_zone, 1)
        self.data_line = line("What the data is")
        self.specimens = SpecimenRows()
        self.data_rows = (self.movie, self.labels, self.trap_label, self.channel, self.plane)
        self.data_rows += (self.pixel_size, self.interval, self.number, self.size)
        rows = form(self.source, self.folder, *self.data_rows)
        self.data_box = section(
            "Data", rows, self._opening, form(*self.specimens.rows), self.specimens.table_line, self.data_line
        )

    def _make_run(self) -> None:
        self.preset = ComboBox(
            label="Size",
            choices=lambda widget: self._with_extra(widget, list(self.choice.presets.items())),
            tooltip="How large the network is.",
        )
        self.amount = FloatSpinBox(
            label="Train for",
            value=UNITS["minutes"],
            min=0.0,
            max=1e9,
            tooltip="How long to train; pauses do not count.",
        )
        self.amount.native.setDecimals(1)
        self.unit = ComboBox(
            label="Counted in",
            choices=list(UNITS),
            tooltip="Minutes of training, passes over the data (epochs), pictures shown, or steps of the optimiser.",
        )
        self.device = ComboBox(
            label="Device",
            choices=lambda widget: self._with_extra(widget, [(name, name) for name in self._devices]),
            value=settings.train_settings().device,
            tooltip="Where to train: auto takes a graphics card where there is one.",
        )
        self.name = LineEdit(label="Name", tooltip="Name of the run, and of the model that comes out of it.")
        self.run_box = section("How long", form(self.preset, self.amount, self.unit, self.device, self.name))

    # ---- following each other ----

    @property
    def choice(self) -> TrainChoice:
        """What is to be trained."""
        return self.what.value

    def arrange(self, _value: Any = None) -> None:
        """Show the controls that matter for the present choices."""
        choice, specimens = self.choice, self.choice.needs == SPECIMENS
        source = STORE if specimens else self.source.value
        say(self.sentence, choice.sentence)
        show_row(self.stage, bool(choice.stages))
        show_row(self.generator, choice.generator)
        show_row(self.start, not choice.generator)
        stored, layers, simulated = (source == one for one in (STORE, LAYERS, SIMULATED))
        show_row(self.source, not specimens)
        self.specimens.arrange(specimens, choice.one_class)
        self.drop_zone.setText(f"or drop {'your folder of classes' if specimens else 'a dataset'} here")
        for row in self.data_rows:
            show_row(row, layers)
        for row in (self.labels, self.trap_label):
            show_row(row, layers and choice.needs == CLASSES)
        show_row(self.folder, stored)
        show_row(self.number, simulated)
        show_row(self.size, simulated)
        self._opening.setVisible(stored)
        self.advanced.choose(choice, self.preset.value, self.stage.value or "")

    def _choice_changed(self, _value: Any = None) -> None:
        choice = self.choice
        self.stage.choices = list(choice.stages.items()) or [("", "")]
        self.stage.value = choice.stage
        self.start.reset_choices()
        self.start.value = dict(self._of_kind(choice.kind)).get(choice.start, "")
        self.preset.reset_choices()
        if choice.needs == FLOW and self.source.value == LAYERS:
            self.source.value = SIMULATED
        self.suggest_name()

    def suggest_name(self, *taken_now: Path) -> None:
        """Offer a name that no run and no model has, nor one of `taken_now`."""
        paths = (*(run for _, run in self._runs), *taken_now)
        taken = {path.name for path in paths} | {entry.name for entry in self._models}
        taken |= {name.partition(" (")[0] for name in taken}  # runs of one class each
        base = f"my-{self.choice.kind or self.choice.recipe}"
        self.name.value = next(
            name for number in range(1, 10_000) if (name := f"{base}-{number}") not in taken
        )

    def _start_changed(self, start: str) -> None:
        for kind, preset in self.choice.starts.items():
            if start in dict(self._of_kind(kind)).values():
                self.preset.value = preset

    def _unit_changed(self, unit: str) -> None:
        self.amount.value = UNITS[unit]

    def _starts(self, widget: Any) -> list[tuple[str, str]]:
        choice = self.choice
        models = self._of_kind(choice.kind, *choice.starts)
        earlier = [path for recipe, path in self._runs if recipe == choice.recipe and choice.stages]
        runs = [(f"run {path.name}", str(path)) for path in earlier]
        return self._with_extra(widget, [("fresh weights", ""), *models, *runs])

    def _generators(self, widget: Any) -> list[tuple[str, str]]:
        return self._with_extra(widget, self._of_kind("cellgan") or [("none", "")])

    def _of_kind(self, *kinds: str) -> list[tuple[str, str]]:
        return [(e.name, str(e.path)) for e in self._models if e.kind in kinds and e.problem is None]

    def _with_extra(self, box: Any, choices: list[tuple[str, str]]) -> list[tuple[str, str]]:
        known = {value for _, value in choices}
        more = [value for owner, value in self._extra if owner is box and value not in known]
        return [*choices, *((Path(value).stem, value) for value in dict.fromkeys(more))]

    def show_runs(self, runs: list[tuple[str, Path]]) -> None:
        """Offer runs (recipe, folder) to start from."""
        if runs == self._runs:
            return
        self._runs = runs
        self.start.reset_choices()
        if self.name.value in {path.name for _, path in runs}:
            self.suggest_name()

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now."""
        self._models = model_list.available()
        for box in (self.movie, self.labels, self.start, self.generator):
            box.reset_choices()
        for box in (self.movie, self.labels):
            choose_some(box)

    def show_catalogue(self, catalogue: Catalogue) -> None:
        """Offer the devices of this machine and the advanced settings."""
        self._devices = list(dict.fromkeys([*catalogue.devices, self.device.value]))
        self.device.reset_choices()
        self.advanced.show_catalogue(catalogue)

    # ---- reading and filling ----

    def data(self) -> DataRequest:
        """Return where to learn from."""
        movie, labels = self.movie.value, self.labels.value
        if self.choice.needs == SPECIMENS:
            more = self.advanced.settings().get("data", {})
            return self.specimens.request(self.folder.value.strip(), more, self.choice.one_class)
        return DataRequest(
            self.source.value,
            folder=self.folder.value.strip(),
            movie=None if movie is None else LayerSnapshot.of(movie),
            labels=None if labels is None else LayerSnapshot.of(labels),
            trap_label=self.trap_label.value or None,
            channel=self.channel.value,
            plane=self.plane.value,
            pixel_size=self.pixel_size.value or None,
            interval=self.interval.value or None,
            number=self.number.value,
            size=self.size.value,
        )

    def show_specimens(self, seen: SpecimensSeen | None) -> None:
        """Show what a folder of photographs holds, or nothing; say what will be learnt from it."""
        self.specimens.show(seen)
        self._tell_specimens()

    def _tell_specimens(self, _value: Any = None) -> None:
        if self.specimens.seen is not None:
            fresh = self.choice.one_class and not self.start.value
            say(self.data_line, self.specimens.words(self.choice.one_class, fresh))

    def request(self) -> TrainRequest:
        """Return what is to be trained.

        Raises
        ------
        CellSimError
            If name or budget are missing or not usable.
        """
        name = self.name.value.strip()
        if not name or name.startswith(".") or any(sign in name for sign in '/\\:*?"<>|'):
            raise CellSimError(f"{name!r} cannot name a run; use letters, digits, spaces and . _ + - only.")
        if not self.amount.value:
            raise CellSimError("The training has no budget; write how long to train.")
        if self.choice.generator and not self.generator.value:
            raise CellSimError(
                "There is no generator yet; train a Cell-GAN first, or open one in the Models dock."
            )
        amount = self.amount.value
        budget = {self.unit.value: amount if self.unit.value in ("minutes", "epochs") else round(amount)}
        return TrainRequest(
            self.choice,
            settings.runs_folder() / name,
            self.data(),
            preset=self.preset.value,
            stage=self.stage.value or "",
            start="" if self.choice.generator else self.start.value or "",
            generator=self.generator.value or "",
            budget=budget,
            device=self.device.value,
            settings=self.advanced.settings(),
            fit=self.advanced.fit(),
        )

    def fill(self, recipe: str, chosen: dict[str, Any], fit: dict[str, Any]) -> None:
        """Show the settings of an earlier run.

        Parameters
        ----------
        recipe : str
            Its recipe.
        chosen, fit : dict
            Settings and fit as in its ``run.toml``.
        """
        choice = choice_of(recipe, chosen)
        if choice not in CHOICES:
            raise CellSimError(f"The recipe {recipe!r} of this run cannot be trained in the dock.")
        self.what.value = choice
        if choice.stages:
            self.stage.value = chosen.get("stage")
        for box, value in (
            (self.start, chosen.get("start", "")),
            (self.generator, chosen.get("model", "")),
            (self.preset, chosen.get("preset", "lite")),
            (self.device, fit.get("device", "cpu")),
        ):
            if value not in box.choices:  # a file that was moved here, a device of another machine
                self._extra.append((box, str(value)))
                box.reset_choices()
            box.value = value
        self.source.value = STORE
        self.folder.value = str(chosen.get("data", {}).get("folder", ""))
        if choice.needs == SPECIMENS:
            self.specimens.fill(chosen["data"])
        for unit in UNITS:
            if fit.get(unit):
                self.unit.value = unit
                self.amount.value = float(fit[unit])
        self.suggest_name()
        self.arrange()
        self.advanced.fill(chosen, fit)

    def show_calibration(self, pixel_size: float | None, interval: float | None) -> None:
        """Show what a movie layer says of itself."""
        self.pixel_size.value = unknown_or(pixel_size)
        self.interval.value = unknown_or(interval)
