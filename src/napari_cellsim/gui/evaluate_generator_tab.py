"""The Generator tab of the Evaluate dock: which model, which real pictures, and how close it comes to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import FloatSpinBox, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from . import evaluate_tables as tables
from .evaluate_request import GeneratorStudyRequest
from .evaluate_results import ResultBox
from .evaluate_sources import Sources
from .generate_form import ModelForm
from .generate_guide import guides
from .settings import generate_settings
from .widgets import button, form, section

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
        self.model_form = ModelForm()
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
            lambda: guides(viewer),
            "real pictures",
            "Real pictures, of which every frame counts as one; they are cut and resampled to what the model draws.",
        )
        self.run_button = button("Evaluate", "Generate the pictures and compare them with the real ones.")
        self.result = ResultBox("Generated pictures against real ones")
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        for part in (
            section("Generated", self.model_form.box, form(self.n, self.seed, self.truncation)),
            section("Real pictures", self.sources),
            section("Advanced", form(self.channel, self.plane), collapsed=True),
            self.run_button,
            self.result,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self.reset_choices()

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now."""
        self.model_form.reset_choices()
        self.sources.reset_choices()

    def request(
        self, model: str | Path | None = None, real: Any = None, n: int | None = None, seed: int | None = None
    ) -> GeneratorStudyRequest:
        """Return what to evaluate; what is None is taken from the controls.

        Raises
        ------
        CellSimError
            If something is missing.
        """
        computing = self.model_form.computing(model)
        return GeneratorStudyRequest(
            real=self.sources.read(real),
            model=computing.model,
            n=self.n.value if n is None else n,
            seed=self.seed.value if seed is None else seed,
            truncation=self.truncation.value,
            channel=self.channel.value,
            plane=self.plane.value,
            pixel_size=self.sources.pixel_size.value or None,
            device=computing.device,
            threads=generate_settings().threads,
        )

    def show_study(self, study: GeneratorStudy) -> Iterator[None]:
        """Show a result, in small steps."""
        yield from self.result.show_result(
            tables.generator_summary(study), tables.generator_table(study), tables.warnings_of(study)
        )


def seed_box(tooltip: str) -> SpinBox:
    """Return a field for a seed."""
    return SpinBox(label="Seed", value=0, min=0, max=LARGEST_SEED, tooltip=tooltip)
