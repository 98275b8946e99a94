"""The Blind test tab of the Evaluate dock: make a test, judge its pictures, and see how people did."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, LineEdit, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..base import CellSimError
from . import evaluate_tables as tables
from . import model_list, specimen_models, viewer_state
from .evaluate_generator_tab import seed_box
from .evaluate_request import BlindRequest
from .evaluate_results import ResultBox
from .evaluate_sources import Sources, picture_layers
from .generate_form import KINDS, SPECIMENS
from .generate_layers import generated_layers, is_generated, pictures_of
from .settings import generate_settings
from .widgets import button, choose_some, form, line, path_button, say, section, side_by_side

if TYPE_CHECKING:
    from ..evaluation import AssessmentResult
    from ..models import ModelEntry


class BlindTab(QWidget):
    """Controls of a blind test, and its result.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._make_controls()
        self.make_button = button(
            "Make the test", "Mix the pictures in random order and write them into the folder."
        )
        self.begin_button = button(
            "Begin",
            "Judge the pictures by keys, in a window of its own; goes on where this assessor stopped.",
        )
        self.results_button = button("Results", "Compare all answers with the truth.")
        self.status = line("How far the blind test is")
        self.result = ResultBox("How often people told real from generated pictures")
        folder_button = path_button(
            self.folder, "Folder of the blind test", "Choose the folder of a test, old or new."
        )
        truth_button = path_button(
            self.truth, "True classes of the pictures", "Choose the CSV with the true classes.", "CSV (*.csv)"
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        for part in (
            section("Folder of the test", form((self.folder, folder_button))),
            section(
                "New test",
                form(self.generated),
                self.sources,
                form(self.each, self.seed, self.classes, (self.truth, truth_button)),
                self.make_button,
            ),
            section("Judge", form(self.assessor), side_by_side(self.begin_button, self.results_button)),
            self.status,
            self.result,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self.reset_choices()

    def _make_controls(self) -> None:
        self.folder = LineEdit(
            label="Folder",
            tooltip="Pictures, key and answers live in this folder; colleagues may use it, or copies of it.",
        )
        self.generated = ComboBox(
            label="Generated",
            choices=self._makers,
            nullable=True,
            tooltip="A layer of the Generate dock, or a model that makes pictures for the test; of specimens all\n"
            "models of one collection, so that the assessor chooses among their classes.",
        )
        self.sources = Sources(
            lambda: picture_layers(self._viewer),
            "real pictures",
            "Real pictures, of which every frame counts as one; cut and resampled as the generated ones are. Of "
            "specimens a folder with one folder of pictures per class.",
            label="Real",
        )
        self.each = SpinBox(
            label="Of each kind",
            value=30,
            min=1,
            max=1000,
            tooltip="Pictures of each kind: there are as many real as generated ones. Fifty resolve 10 points.",
        )
        self.seed = seed_box("Seed of the order: the same seed and pictures give the same test.")
        self.classes = LineEdit(
            label="Classes",
            tooltip="What an assessor is to call the cells, with commas between, such as mother, daughter; or\n"
            "nothing. Of specimens the classes of the models are asked by themselves.",
        )
        self.truth = LineEdit(
            label="True classes",
            tooltip="CSV with the columns kind (real or generated), picture (from 0, in order) and class, if the true "
            "classes are known; or nothing.",
        )
        self.assessor = LineEdit(label="Assessor", tooltip="Name or initials of whoever judges now.")

    def _makers(self, _box: Any) -> list[tuple[str, Any]]:
        layers = [(f"layer {layer.name}", layer) for layer in generated_layers(self._viewer)]
        entries = self._models()
        single = [(f"model {entry.name}", model_list.key_of(entry)) for entry in entries]
        several = [
            (text, tuple(map(model_list.key_of, models)))
            for text, models in specimen_models.titled_collections(entries)
        ]
        return layers + single + several

    def _models(self) -> list[ModelEntry]:
        return [entry for kind in (*KINDS, *SPECIMENS) for entry in model_list.available(kind)]

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now."""
        self.generated.reset_choices()
        choose_some(self.generated)
        self.sources.reset_choices()

    def path(self, folder: str | Path | None = None) -> Path:
        """Return the folder of the test, by default what the control says.

        Raises
        ------
        CellSimError
            If there is none.
        """
        text = str(self.folder.value if folder is None else folder).strip()
        if not text:
            raise CellSimError("Name the folder of the blind test first, at the top of this tab.")
        return Path(text).expanduser().absolute()

    def name(self, assessor: str | None = None) -> str:
        """Return who judges, by default what the control says.

        Raises
        ------
        CellSimError
            If nobody is named.
        """
        name = " ".join((self.assessor.value if assessor is None else assessor).split())
        if not name:
            raise CellSimError(
                "Type a name or initials of the assessor first, so that answers can be told apart."
            )
        return name

    def request(
        self,
        folder: str | Path | None = None,
        real: Any = None,
        generated: Any = None,
        each: int | None = None,
        seed: int | None = None,
        classes: tuple[str, ...] | None = None,
        truth: str | Path | None = None,
    ) -> BlindRequest:
        """Return what test to make; what is None is taken from the controls.

        Raises
        ------
        CellSimError
            If something is missing.
        """
        maker = self.generated.value if generated is None else generated
        maker = viewer_state.meant(self._viewer, maker) if maker in self._viewer.layers else maker
        if maker is None:
            raise CellSimError(
                "There are no generated pictures: choose a generating model, or make some with the Generate dock."
            )
        pictures = None
        if hasattr(maker, "metadata"):
            if not is_generated(maker):
                raise CellSimError(
                    f"Layer {maker.name!r} holds no generated pictures; choose a layer that the Generate dock made."
                )
            pictures = pictures_of(maker)
            stated = pictures.provenance.get("model", {}).get("hash")
            maker = [model_list.key_of(entry) for entry in self._models() if entry.hash == stated][:1]
        table = str(self.truth.value if truth is None else truth).strip()
        named = tuple(dict.fromkeys(one.strip() for one in self.classes.value.split(",") if one.strip()))
        return BlindRequest(
            folder=self.path(folder),
            real=self.sources.read(real),
            generated=pictures,
            models=tuple(maker) if isinstance(maker, (list, tuple)) else (maker,),
            each=self.each.value if each is None else each,
            seed=self.seed.value if seed is None else seed,
            classes=named if classes is None else classes,
            truth=Path(table).expanduser() if table else None,
            pixel_size=self.sources.pixel_size.value or None,
            device=generate_settings().device,
            threads=generate_settings().threads,
        )

    def show_standing(self, assessor: str, done: int, count: int) -> None:
        """Say how far somebody is; results of others would influence the rest, so they go."""
        self.result.hide()
        who = (
            f"{assessor} has judged {done} of {count} pictures."
            if assessor
            else f"{count} pictures are ready."
        )
        say(self.status, who)

    def show_study(self, result: AssessmentResult) -> Iterator[None]:
        """Show a result, in small steps."""
        yield from self.result.show_result(
            tables.blind_summary(result),
            {"Assessors": tables.blind_table(result)},
            tables.warnings_of(result),
        )
