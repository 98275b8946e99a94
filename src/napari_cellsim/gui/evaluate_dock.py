"""The Evaluate dock: it measures forecasts and generated pictures, and what these are good for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog

from ..base import CellSimError
from . import evaluate_blind_work as blind_work
from . import evaluate_work as work
from . import model_list
from .evaluate_blind_window import BlindWindow
from .evaluate_study_work import augmentation_work
from .evaluate_view import TABS, EvaluateView
from .graphics import forget_vertex_arrays
from .job_dock import JobDock
from .jobs import Job

if TYPE_CHECKING:
    from ..evaluation import AssessmentResult, AugmentationStudy, GeneratorStudy, MovieStudy

FORECAST, GENERATOR, BLIND, STUDY = TABS
_REPORTS = "Report to look at (*.html);;Numbers as CSV (*.csv);;Numbers as JSON (*.json)"


class EvaluateDock(JobDock):
    """Dock that measures forecasts and generated pictures, lets people judge these blindly, and trains on them.

    Everything the buttons do is also a method: `evaluate_forecasts`, `evaluate_generator`, `make_test`, `begin`,
    `show_results`, `study_augmentation`, `open_report`, `save_report`, `cancel`.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose layers are used.
    """

    relief = "choose fewer or smaller pictures"

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._view = EvaluateView(self._viewer)
        self._studies: dict[str, Any] = {}
        self._window: BlindWindow | None = None
        self._fill(self._view)
        self._connect()

    # ---- public face ----

    @property
    def study(self) -> MovieStudy | GeneratorStudy | AssessmentResult | AugmentationStudy | None:
        """The result of the tab in front; None before there is one."""
        return self._studies.get(self._tab)

    @property
    def window_of_test(self) -> BlindWindow | None:
        """The window in which pictures are judged, while it is open."""
        return self._window

    def evaluate_forecasts(self, movies: Any = None, **choices: Any) -> Job:
        """Evaluate forecasting models; what is not given is taken from the controls.

        Parameters
        ----------
        movies : layer, path or list of paths, optional
            Movies whose future is known.
        **choices
            models : list of str or Path, the first is tested against the others.
            at : list of int, last visible frames.
            steps : int, frames to predict.
            judge : "model", "none", or the name or file of a segmentation network.
            mode : "mean" or "sample"; samples, seed : int, of the mode "sample".

        Returns
        -------
        Job
            Its result is the `MovieStudy`.

        Raises
        ------
        CellSimError
            If something is missing, or a job is running in this dock.
        """
        request = self._view.forecast.request(movies, **choices)
        return self._study(
            FORECAST,
            lambda token: work.forecast_study_work(request, token),
            "Evaluation of forecasts",
            self._view.forecast.show_study,
        )

    def evaluate_generator(self, model: str | Path | None = None, real: Any = None, **choices: Any) -> Job:
        """Evaluate a generating model; what is not given is taken from the controls.

        Parameters
        ----------
        model : str or Path, optional
            Name or file.
        real : layer, path or list of paths, optional
            Real pictures.
        **choices
            n, seed : int, pictures to generate.
            classifier : name or file of a classifier of specimens, for photographs.

        Returns
        -------
        Job
            Its result is the `GeneratorStudy`.

        Raises
        ------
        CellSimError
            If something is missing, or a job is running in this dock.
        """
        request = self._view.generator.request(model, real, **choices)
        return self._study(
            GENERATOR,
            lambda token: work.generator_study_work(request, token),
            "Evaluation of the generator",
            self._view.generator.show_study,
        )

    def make_test(self, folder: str | Path | None = None, **choices: Any) -> Job:
        """Make a blind test; what is not given is taken from the controls.

        Parameters
        ----------
        folder : path, optional
            Where it is to live.
        **choices
            real : layer, path or list of paths.
            generated : a layer of generated pictures, or the name or file of a model, or a list of these, of one
            class of specimens each.
            each, seed : int.
            classes : tuple of str.
            truth : path of a CSV with the columns kind, picture and class.

        Returns
        -------
        Job
            The folder is there when it has finished.
        """
        request = self._view.blind.request(folder, **choices)

        def finish(standing: blind_work.Standing) -> Iterator[None]:
            self._studies.pop(BLIND, None)
            self._view.blind.folder.value = str(request.folder)
            self._view.blind.show_standing("", 0, len(standing.test))
            yield

        return self._start(
            lambda token: blind_work.blind_work(request, token), "Making the blind test", finish
        )

    def begin(self, assessor: str | None = None, folder: str | Path | None = None) -> Job:
        """Let somebody judge the pictures of a blind test, from where they stopped.

        Returns
        -------
        Job
            `window_of_test` is there when it has finished.
        """
        name, path = self._view.blind.name(assessor), self._view.blind.path(folder)

        def finish(standing: blind_work.Standing) -> Iterator[None]:
            count = len(standing.test)
            self._studies.pop(BLIND, None)
            self._view.blind.show_standing(name, len(standing.done), count)
            yield
            if len(standing.done) < count:
                self._open_window(standing, path)

        return self._start(
            lambda token: blind_work.standing_work(path, name, token), f"Opening {path.name}", finish
        )

    def show_results(self, folder: str | Path | None = None) -> Job:
        """Compare all answers of a blind test with the truth; refused in the middle of somebody's test.

        Returns
        -------
        Job
            Its result is the `AssessmentResult`.
        """
        path, name = self._view.blind.path(folder), self._view.blind.assessor.value
        return self._study(
            BLIND,
            lambda token: blind_work.results_work(path, name, token),
            "Results of the blind test",
            self._view.blind.show_study,
        )

    def study_augmentation(
        self, real: str | Path | None = None, generated: Any = None, **choices: Any
    ) -> Job:
        """Measure whether generated pictures help a classifier; what is not given is taken from the controls.

        Parameters
        ----------
        real : path, optional
            Folder with a folder of real pictures per class.
        generated : path or list of paths, optional
            The same of generated pictures; or model files, one per class.
        **choices
            per_class : sequence of int, generated pictures of each class to add.
            initialisations, steps : int, trainings of each kind, and the longest of them.
            folder : path, where to keep the trainings.

        Returns
        -------
        Job
            Its result is the `AugmentationStudy`.

        Raises
        ------
        CellSimError
            If something is missing, or a job is running in this dock.
        """
        request = self._view.study.request(real, generated, **choices)
        return self._study(
            STUDY, lambda token: augmentation_work(request, token), "Study", self._view.study.show_study
        )

    def open_report(self, tab: str | None = None) -> Job:
        """Show the report of a tab, by default of the one in front, in the browser."""
        study = self._result_of(tab)

        def finish(path: Path) -> Iterator[None]:
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
                raise CellSimError(f"No browser could be opened; the report is {path}.")
            yield

        return self._start(lambda token: work.page_work(study, token), "Report", finish)

    def save_report(self, path: str | Path, tab: str | None = None) -> Job:
        """Write the report of a tab, by default of the one in front, as .html, .csv or .json."""
        study = self._result_of(tab)
        return self._start(lambda _token: study.save(path), f"Saving {Path(path).name}", None)

    def show_tab(self, name: str) -> None:
        """Bring the tab "Forecast", "Generator", "Blind test" or "Study" to the front."""
        self._view.show_tab(name)

    def reset_choices(self, _event: Any = None) -> None:
        """Offer the layers and models that exist now; napari calls this when its layer list changes."""
        self._view.reset_choices()

    # ---- inside ----

    @property
    def _tab(self) -> str:
        return TABS[self._view.tabs.currentIndex()]

    def _result_of(self, tab: str | None) -> Any:
        study = self._studies.get(tab or self._tab)
        if study is None:
            raise CellSimError("There is no result to report yet; run an evaluation first.")
        return study

    def _study(self, tab: str, factory: Any, name: str, show: Callable[[Any], Iterator[None]]) -> Job:
        def finish(study: Any) -> Iterator[None]:
            self._studies[tab] = study
            yield from show(study)
            self._view.scroll_to_result(tab)

        return self._start(factory, name, finish)

    def _open_window(self, standing: blind_work.Standing, path: Path) -> None:
        if self._window is not None:
            self._window.close()
        window = BlindWindow(standing, self)
        self._window = window
        window.finished.connect(lambda _code: self._window_closed(window, path))
        window.show()
        window.activateWindow()

    def _window_closed(self, window: BlindWindow, path: Path) -> None:
        if self._window is window:
            self._window = None
        judging, name = window.judging, window.standing.assessor
        window.deleteLater()
        self._view.blind.show_standing(name, judging.done, judging.count)
        if judging.current is None and self.job is None:
            self.show_results(path)

    def _close_window(self) -> None:
        """Take the window away together with the dock."""
        window, self._window = self._window, None
        if window is not None:
            window.finished.disconnect()
            window.close()
            window.deleteLater()

    def _connect(self) -> None:
        view, blind = self._view, self._view.blind
        for button, action in (
            (view.forecast.run_button, self.evaluate_forecasts),
            (view.generator.run_button, self.evaluate_generator),
            (blind.make_button, self.make_test),
            (blind.begin_button, self.begin),
            (blind.results_button, self.show_results),
            (view.study.run_button, self.study_augmentation),
        ):
            button.clicked.connect(partial(self._guarded, action))
        for tab, box in view.results.items():
            box.open_button.clicked.connect(partial(self._guarded, partial(self.open_report, tab)))
            box.save_button.clicked.connect(partial(self._guarded, partial(self._ask_save, tab)))
        self._links.last += [self._close_window, view.study.forget]
        self._links.add(self._viewer.layers.events.removed, forget_vertex_arrays)
        self._links.add(model_list.changes.changed, self.reset_choices)

    def _guarded(self, action: Callable[[], Any], _checked: bool = False) -> None:
        try:
            action()
        except CellSimError as error:
            self._view.bar.show_error(error)

    def _ask_save(self, tab: str) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the report", "report.html", _REPORTS)
        if path:
            self.save_report(path, tab)
