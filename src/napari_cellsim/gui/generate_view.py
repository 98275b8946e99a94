"""How the Generate dock looks: three tabs below the choice of a model, buttons and progress below them."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from .generate_explore import ExploreTab
from .generate_form import SPECIMENS, ModelForm, SampleTab
from .generate_guide import GuideTab
from .job_bar import JobBar
from .jobs import Job
from .widgets import button, scrolling, tab_box

_LAYOUT_MS = 100  # until Qt has laid out what was unfolded
TABS = ("Generate", "Guide", "Explore")


class GenerateView(QWidget):
    """The widgets of the Generate dock. What the buttons do is the dock's business.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers the controls offer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.model_form = ModelForm(SPECIMENS)
        self.sample = SampleTab()
        self.guide = GuideTab(viewer)
        self.explore = ExploreTab(viewer)
        self.bar = JobBar("generation", stays=True)
        pages = map(scrolling, (self.sample, self.guide, self.explore))
        self.tabs = tab_box(
            "Generate",
            "Generate, guide or explore",
            "Generate new pictures, be guided by a picture, or explore generated ones",
            dict(zip(TABS, pages, strict=True)),
        )
        self.open_button = button("Open…", "Open saved generated pictures, or a model file.")
        self.save_button = button(
            "Save…",
            "Save the pictures of the layer chosen in the Explore tab, with their latents and provenance, as one "
            "OME-TIFF.",
        )
        self.save_button.setEnabled(False)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_button)
        buttons.addWidget(self.save_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.model_form.box)
        column.addWidget(self.tabs, 1)
        column.addLayout(buttons)
        column.addWidget(self.bar)

    def follow(self, job: Job) -> None:
        """Show a job in the bar; buttons that start one rest while it runs."""
        self.bar.follow(job)
        self._rest(True)
        job.finished.connect(self._wake)

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now."""
        self.model_form.reset_choices()
        self.guide.reset_choices()
        self.explore.reset_choices()
        self._wake()

    def time_moved(self, _event: Any = None) -> None:
        """Follow the sliders of napari."""
        self.guide.time_moved()
        self.explore.time_moved()

    def show_kinds(self, chosen: str, explored: str) -> None:
        """Show the controls that apply.

        Parameters
        ----------
        chosen, explored : str
            Kind of the chosen model, and of the one that made the pictures of the Explore tab; "" if there is none.
        """
        self.sample.show_kind(chosen)
        self.tabs.setTabVisible(TABS.index("Guide"), chosen not in SPECIMENS)
        self.explore.show_kind(explored)

    def show_tab(self, name: str) -> None:
        """Bring a tab of `TABS` to the front."""
        self.tabs.setCurrentIndex(TABS.index(name))

    def show_sliders(self) -> None:
        """Unfold the sliders of the Explore tab and scroll to them."""
        self.show_tab("Explore")
        self.explore.slider_section.expand(animate=False)
        area = self.tabs.currentWidget()
        assert isinstance(area, QScrollArea)
        bar = area.verticalScrollBar()
        QTimer.singleShot(_LAYOUT_MS, lambda: bar.setValue(self.explore.slider_section.y()))

    def _wake(self) -> None:
        self._rest(self.bar.job is not None)

    def _rest(self, busy: bool) -> None:
        guide, explore = self.guide, self.explore
        for one in (self.sample.run_button, guide.encode_button, guide.refine_button, self.open_button):
            one.setEnabled(not busy)
        there = explore.layer.value is not None
        for one in (explore.walk_button, explore.mix_button, explore.scales_button):
            one.setEnabled(not busy and there)
        self.save_button.setEnabled(not busy and there)
        for one in (explore.add_button, explore.add_all_button, explore.take_button, explore.forecast_button):
            one.setEnabled(there)
