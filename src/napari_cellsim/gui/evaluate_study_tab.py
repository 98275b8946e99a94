"""The Study tab of the Evaluate dock: do generated pictures help to tell the classes of specimens apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import LineEdit, SpinBox
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..base import CellSimError
from ..training.study_settings import INITIALISATIONS, PER_CLASS, SCHEDULE, picture_counts
from . import evaluate_tables as tables
from . import model_list, specimen_models
from .evaluate_generator_tab import seed_box
from .evaluate_request import AugmentationRequest
from .evaluate_results import ResultBox
from .evaluate_sources import FileSources
from .scout import Question
from .settings import train_settings
from .train_request import DataRequest
from .train_specimen_look import SpecimensSeen, look_job, specimen_folder
from .train_specimens import SpecimenRows
from .widgets import DropZone, button, device_box, form, line, path_button, say, section

if TYPE_CHECKING:
    from ..evaluation import AugmentationStudy

_LOOK_MS = 400
_SUFFIX = ".safetensors"


class StudyTab(QWidget):
    """Controls of a study of generated pictures as training pictures, and its result."""

    def __init__(self) -> None:
        super().__init__()
        self._make_controls()
        self.seen_line = line("What the real pictures are")
        self.plan = line("What will be trained")
        self.run_button = button(
            "Start", "Train all classifiers, with and without generated pictures, and compare them."
        )
        self.result = ResultBox("Classifiers with and without generated pictures")
        folder_button = path_button(
            self.folder,
            "Folder of real pictures",
            "Choose the folder that holds a folder of pictures per class.",
        )
        keep_button = path_button(
            self.keep, "Folder to keep the trainings in", "Choose a folder, an empty one for a new study."
        )
        split_button = path_button(
            self.split, "File of a split", "Choose the file of a split.", "Split (*.json)"
        )
        pictures = self.pictures
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        for part in (
            section(
                "Real pictures",
                form((self.folder, folder_button)),
                self.drop_zone,
                pictures.table_line,
                self.seen_line,
            ),
            section("Generated pictures", self.generated),
            section(
                "Trainings",
                form(
                    self.per_class, self.initialisations, self.steps, pictures.size, (self.keep, keep_button)
                ),
            ),
            section(
                "Advanced",
                form(
                    pictures.channels,
                    pictures.fit,
                    pictures.background,
                    (self.split, split_button),
                    self.seed,
                    self.device,
                ),
                collapsed=True,
            ),
            self.plan,
            self.run_button,
            self.result,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self._question = Question("Looking at the pictures", listed=False)
        self._look_timer = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._connect()
        self._tell_plan()

    def _make_controls(self) -> None:
        self.folder = LineEdit(
            label="Folder",
            tooltip="Holds one folder of real pictures per class. They are split into those to train on, to validate "
            "on and to test with.",
        )
        self.drop_zone = DropZone(
            "Drop your folder of classes here", "A folder with one folder of pictures per class."
        )
        self.pictures = SpecimenRows()
        self.generated = FileSources(
            self._collections,
            "generated pictures",
            "Generators of one class each, which then draw the pictures; or files.",
            "From",
            hint="A folder with one folder of generated pictures per class, or generators' files (*.safetensors), one "
            "per class.",
            pattern=f"Models (*{_SUFFIX})",
            missing="drop a folder with a folder of them per class, or the files of generators, on the field in this "
            "tab.",
        )
        self.per_class = LineEdit(
            label="Per class",
            value=PER_CLASS,
            tooltip="How many generated pictures of each class to add to the real ones; several with commas between, "
            "such as 50, 100, 200, each of which is tried by itself.",
        )
        self.initialisations = SpinBox(
            label="Initialisations",
            value=INITIALISATIONS,
            min=1,
            max=1000,
            tooltip="Trainings of each kind, from other initial weights. At least 2; from fewer than 6 nothing can "
            "become significant.",
        )
        self.steps = SpinBox(
            label="Longest, steps",
            value=SCHEDULE.steps,
            min=1,
            max=1_000_000,
            tooltip="Where a training ends at the latest. It ends before when the validation has not got better for a "
            "while.",
        )
        self.keep = LineEdit(
            label="Keep in",
            tooltip="Folder for the trainings. A study that was cancelled goes on there when it is started again with "
            "the same settings; without a folder it begins anew.",
        )
        self.keep.native.setPlaceholderText("nowhere")
        self.split = LineEdit(
            label="Split",
            tooltip="File of a split to keep to, if the generators were trained with one; or nothing, as in the Train "
            "dock.",
        )
        self.seed = seed_box("Seed of the first initialisation and of the generated pictures.")
        self.device = device_box(train_settings().device)

    def _connect(self) -> None:
        pictures = self.pictures
        for box in (
            self.folder,
            self.split,
            pictures.size,
            pictures.channels,
            pictures.fit,
            pictures.background,
        ):
            box.changed.connect(self._folder_changed)
        for box in (self.per_class, self.initialisations, self.keep):
            box.changed.connect(self._tell_plan)
        self.generated.combo.changed.connect(self._take_shape)
        self.drop_zone.dropped.connect(self._dropped)
        self._look_timer.timeout.connect(self._look)
        self._question.answered.connect(self._show_seen)

    # ---- what there is ----

    def _collections(self) -> list[tuple[str, Any]]:
        found = specimen_models.titled_collections(model_list.available("msggan"))
        return [(text, tuple(model.path for model in models)) for text, models in found]

    def reset_choices(self) -> None:
        """Offer the models that exist now."""
        self.generated.reset_choices()

    def forget(self) -> None:
        """Stop looking at pictures."""
        self._look_timer.stop()
        self._question.forget()

    def _dropped(self, paths: list[Path]) -> None:
        if paths:
            self.folder.value = str(paths[0])

    def _data(self, folder: str | Path | None = None) -> DataRequest:
        split = self.split.value.strip()
        more = {"split": str(Path(split).expanduser().absolute())} if split else {}
        return self.pictures.request(
            str(self.folder.value if folder is None else folder).strip(), more, False
        )

    def _folder_changed(self, _value: Any = None) -> None:
        self._look_timer.start()

    def _look(self) -> None:
        data = self._data()
        self.pictures.show(None)
        say(self.seen_line, "Looking at the pictures…" if data.folder else "")
        if data.folder:
            self._question.ask(lambda token: look_job(data, token))
        else:
            self._question.forget()

    def _show_seen(self, seen: SpecimensSeen | None, error: BaseException | None) -> None:
        self.pictures.show(seen)
        say(self.seen_line, f"⚠ {error}" if seen is None else "<br>".join(seen.notes))

    def _take_shape(self, _value: Any = None) -> None:
        """Take size and colours of the chosen generators: no others can be compared."""
        value = self.generated.combo.value
        paths = value if isinstance(value, tuple) else self.generated.files if value else []
        model = next((path for path in paths if path.suffix == _SUFFIX), None)
        network = {} if model is None else model_list.networks_of(model).get("msggan", {})
        self.pictures.fill({name: network[name] for name in ("size", "channels") if name in network})

    def _tell_plan(self, _value: Any = None) -> None:
        try:
            counts = sorted({*picture_counts(self.per_class.value)} - {0})
        except CellSimError as error:
            say(self.plan, f"⚠ {error}")
            return
        each = self.initialisations.value
        arms = ["real pictures alone", *(f"{count} generated ones of each class besides" for count in counts)]
        kept = "Cancelled, they are lost: name a folder to keep them in."
        if self.keep.value.strip():
            kept = "Cancelled, it goes on from the folder when you press Start again."
        words = ", ".join(f"{each} with {arm}" for arm in arms)
        say(self.plan, f"{each * len(arms)} trainings: {words}. {kept}")

    # ---- what is asked, and the answer ----

    def request(
        self,
        real: str | Path | None = None,
        generated: Any = None,
        per_class: Sequence[int] | None = None,
        initialisations: int | None = None,
        steps: int | None = None,
        folder: str | Path | None = None,
    ) -> AugmentationRequest:
        """Return what to study; what is None is taken from the controls.

        Raises
        ------
        CellSimError
            If something is missing or cannot be read.
        """
        data = self._data(real)
        keep = str(self.keep.value if folder is None else folder).strip()
        return AugmentationRequest(
            real=specimen_folder(data),
            generated=self.generated.paths(generated),
            per_class=picture_counts(self.per_class.value) if per_class is None else tuple(per_class),
            initialisations=self.initialisations.value if initialisations is None else initialisations,
            steps=self.steps.value if steps is None else steps,
            photographs=data.photographs,
            seed=self.seed.value,
            folder=Path(keep).expanduser().absolute() if keep else None,
            device=self.device.value,
        )

    def show_study(self, study: AugmentationStudy) -> Iterator[None]:
        """Show a result, in small steps."""
        notes = [*tables.augmentation_notes(study), *tables.warnings_of(study)]
        yield from self.result.show_result(
            f"<b>{study.verdict}</b>", tables.augmentation_tables(study), notes
        )
