"""The Generator tab of the Evaluate dock: which model, which real pictures, and how close it comes to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, FloatSpinBox, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..evaluation.picture_sets import draws_photographs
from . import evaluate_tables as tables
from . import model_list
from .evaluate_request import GeneratorStudyRequest
from .evaluate_results import ResultBox
from .evaluate_sources import Sources, picture_layers
from .generate_form import SPECIMENS, ModelForm
from .settings import generate_settings
from .widgets import button, choose_some, form, section, show_row

if TYPE_CHECKING:
    from ..evaluation import GeneratorStudy

LARGEST_SEED = 2**31 - 1


class GeneratorTab(QWidget):
    """Controls of a study of generated pictures, and its result.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.model_form = ModelForm(SPECIMENS)
        self.n = SpinBox(
            label="Samples",
            value=256,
            min=4,
            max=50_000,
            tooltip="How many pictures to generate. A few hundred are the least for KID, some thousand for Fréchet.",
        )
        self.seed = seed_box("Seed of the pictures: the same seed gives the same pictures.")
        self.truncation = FloatSpinBox(
            label="Truncation",
            value=1.0,
            min=0.0,
            max=1.0,
            step=0.05,
            tooltip="1 is the whole variety, which is to be judged; less gives pictures nearer to the average one.",
        )
        self.channel = SpinBox(
            label="Channel", max=99, tooltip="Channel of the real pictures, counted from 0."
        )
        self.plane = SpinBox(label="Focal plane", max=99, tooltip="Focal plane of the real pictures, from 0.")
        self.sources = Sources(
            lambda: picture_layers(viewer),
            "real pictures",
            "Real pictures, of which every frame counts as one; they are cut and resampled to what the model draws. Of "
            "specimens a folder with one folder of pictures per class.",
        )
        self.classifier = ComboBox(
            label="Classifier",
            choices=lambda _: [
                (entry.name, model_list.key_of(entry)) for entry in model_list.available("classifier")
            ],
            nullable=True,
            tooltip="Network that tells these specimens apart, trained on real pictures alone: it describes the\n"
            "photographs, and says which classes it sees in them.",
        )
        self.run_button = button("Evaluate", "Generate the pictures and compare them with the real ones.")
        self.result = ResultBox("Generated pictures against real ones")
        self._frames = section("Advanced", form(self.channel, self.plane), collapsed=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        for part in (
            section(
                "Generated", self.model_form.box, form(self.n, self.seed, self.truncation, self.classifier)
            ),
            section("Real pictures", self.sources),
            self._frames,
            self.run_button,
            self.result,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self.model_form.model.changed.connect(self._show_what_applies)
        self.reset_choices()

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now."""
        self.model_form.reset_choices()
        self.classifier.reset_choices()
        choose_some(self.classifier)
        self.sources.reset_choices()
        self._show_what_applies()

    def _show_what_applies(self, _model: Any = None) -> None:
        spherical, photographs = self._draws(None)
        show_row(self.truncation, not spherical)
        show_row(self.classifier, photographs)
        show_row(self.sources.pixel_size, not photographs)
        self._frames.setVisible(not photographs)

    def _draws(self, model: str | Path | None) -> tuple[bool, bool]:
        """Return whether a model's latents lie on a sphere, and whether it draws photographs of specimens."""
        entry = self.model_form.entry(model)
        if entry is None:  # a file that is on no list
            spherical = self.model_form.kind(model) in SPECIMENS
            return spherical, spherical
        return entry.kind in SPECIMENS, draws_photographs(entry)

    def request(
        self,
        model: str | Path | None = None,
        real: Any = None,
        n: int | None = None,
        seed: int | None = None,
        classifier: str | Path | None = None,
    ) -> GeneratorStudyRequest:
        """Return what to evaluate; what is None is taken from the controls.

        Raises
        ------
        CellSimError
            If something is missing.
        """
        computing = self.model_form.computing(model)
        spherical, photographs = self._draws(model)
        if classifier is None and photographs:
            classifier = self.classifier.value
        return GeneratorStudyRequest(
            real=self.sources.read(real),
            model=computing.model,
            n=self.n.value if n is None else n,
            seed=self.seed.value if seed is None else seed,
            truncation=1.0 if spherical else self.truncation.value,
            channel=self.channel.value,
            plane=self.plane.value,
            pixel_size=self.sources.pixel_size.value or None,
            classifier=classifier,
            device=computing.device,
            threads=generate_settings().threads,
        )

    def show_study(self, study: GeneratorStudy) -> Iterator[None]:
        """Show a result, in small steps."""
        yield from self.result.show_result(
            tables.generator_summary(study),
            {"Measures": tables.generator_table(study)},
            tables.warnings_of(study),
        )


def seed_box(tooltip: str) -> SpinBox:
    """Return a field for a seed."""
    return SpinBox(label="Seed", value=0, min=0, max=LARGEST_SEED, tooltip=tooltip)
