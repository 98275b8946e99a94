"""How the Evaluate dock looks: four tabs, and the progress of what runs below them."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QAbstractButton, QScrollArea, QVBoxLayout, QWidget

from .evaluate_blind_tab import BlindTab
from .evaluate_forecast_tab import ForecastTab
from .evaluate_generator_tab import GeneratorTab
from .evaluate_results import ResultBox
from .evaluate_study_tab import StudyTab
from .job_bar import JobBar
from .jobs import Job
from .widgets import scrolling, tab_box

TABS = ("Forecast", "Generator", "Blind test", "Study")
_LAYOUT_MS = 100  # until Qt has laid out what appeared


class EvaluateView(QWidget):
    """The widgets of the Evaluate dock. What the buttons do is the dock's business.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers the controls offer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.forecast = ForecastTab(viewer)
        self.generator = GeneratorTab(viewer)
        self.blind = BlindTab(viewer)
        self.study = StudyTab()
        self._pages = (self.forecast, self.generator, self.blind, self.study)
        self.bar = JobBar("evaluation")
        pages = map(scrolling, self._pages)
        self.tabs = tab_box(
            "Evaluate",
            "Forecast, generator, blind test or study",
            "Measure forecasts, generated pictures, how well people tell them from real ones, or whether they help a\n"
            "classifier",
            dict(zip(TABS, pages, strict=True)),
        )
        self._scrolled = TABS[0]
        self._layout = QTimer(self, singleShot=True, interval=_LAYOUT_MS)
        self._layout.timeout.connect(self._scroll)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.tabs, 1)
        column.addWidget(self.bar)

    @property
    def results(self) -> dict[str, ResultBox]:
        """The result of each tab."""
        return {name: page.result for name, page in zip(TABS, self._pages, strict=True)}

    @property
    def working_buttons(self) -> list[QAbstractButton]:
        """Buttons that start a job; they rest while one runs."""
        blind = self.blind
        reports = [one for box in self.results.values() for one in (box.open_button, box.save_button)]
        return [
            self.forecast.run_button,
            self.generator.run_button,
            blind.make_button,
            blind.begin_button,
            blind.results_button,
            self.study.run_button,
            *reports,
        ]

    def follow(self, job: Job) -> None:
        """Show a job in the bar."""
        self.bar.follow(job)
        self._rest(True)
        job.finished.connect(self._wake)

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now."""
        for page in self._pages:
            page.reset_choices()

    def show_tab(self, name: str) -> None:
        """Bring a tab of `TABS` to the front."""
        self.tabs.setCurrentIndex(TABS.index(name))

    def scroll_to_result(self, name: str) -> None:
        """Scroll a tab to its result."""
        self._scrolled = name
        self._layout.start()

    def _wake(self) -> None:
        self._rest(False)

    def _rest(self, busy: bool) -> None:
        for one in self.working_buttons:
            one.setEnabled(not busy)

    def _scroll(self) -> None:
        area, box = self.tabs.widget(TABS.index(self._scrolled)), self.results[self._scrolled]
        assert isinstance(area, QScrollArea)
        area.verticalScrollBar().setValue(box.y())
