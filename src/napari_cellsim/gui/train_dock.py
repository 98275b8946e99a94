"""The Train dock: teach a model one's own chip, in a process of its own, and watch it learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QSizePolicy, QVBoxLayout, QWidget

from ..base import CellSimError
from ..training.probe import Probe
from ..training.run import read_run, run_file
from ..training.runs import RunSummary
from . import model_list, settings
from . import train_work as work
from .forecast_request import LayerSnapshot
from .jobs import Finish, Job, JobFactory, start_job
from .links import Links
from .scout import Question, facts_question
from .train_choices import SPECIMENS
from .train_close import Answer, CloseGuard
from .train_data import describe_data
from .train_follower import TrainFollower
from .train_request import LAYERS, STORE
from .train_specimen_look import SpecimensSeen, look_job
from .train_view import TrainView
from .widgets import say

_SCAN_MS = 3000
_LOOK_MS = 400
_BUSY = "Another training is being prepared in this dock; wait for it or press Cancel."


class TrainDock(QWidget):
    """Dock that trains a model and watches runs.

    Everything the buttons do is also a method: `run`, `probe`, `pause`, `resume`, `stop`, `cancel`, `follow`, `reuse`.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose layers can be learnt from, and which shows previews.

    Attributes
    ----------
    form : TrainForm
        The controls of the first tab.
    progress : TrainProgress
        The second tab.
    follower : TrainFollower
        What follows the shown run.
    """

    def __init__(self, napari_viewer) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._view = TrainView(self._viewer)
        self.form, self.progress, self._list = self._view.form, self._view.progress, self._view.runs
        self.follower = TrainFollower(self._viewer, self._view, self)
        self._somebody_is_here = False
        self._first_scan = True
        self._catalogue_question = Question("Reading the settings", listed=False)
        self._data_question = Question("Looking at the data", listed=False)
        self._layer_question = Question("Looking at the movie", listed=False)
        self._scan_question = Question("Looking at the runs", listed=False)
        self._look_timer = QTimer(self, singleShot=True, interval=_LOOK_MS)
        self._scan_timer = QTimer(self, interval=_SCAN_MS)
        self._guard = CloseGuard(self, self._running_name, self._closing)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._view)
        self._connect()
        self._movie_changed()
        self._scan()

    # ---- public face ----

    @property
    def job(self) -> Job | None:
        """The preparation or probe that is going on in this dock, or None."""
        return self._view.bar.job

    @property
    def message(self) -> str:
        """The line at the lower end of the dock."""
        return self._view.bar.message

    @property
    def runs(self) -> list[RunSummary]:
        """The runs in the runs folder, as seen last."""
        return self._list.runs

    def run(self) -> Job:
        """Start the training that the first tab describes.

        Returns
        -------
        Job
            The preparation; its result holds the run folder and the process. `follower.job` then follows the run.

        Raises
        ------
        CellSimError
            If a choice is not usable, or another preparation is going on.
        """
        request = self.form.request()
        return self._start(
            lambda token: work.start_job(request, token), f"Starting {request.run.name}", self._show_started
        )

    def probe(self) -> Job:
        """Find out how long the training that the first tab describes would take; the result is a `Probe`."""
        request = self.form.request()
        say(self._view.probe_line, "")
        return self._start(
            lambda token: work.probe_job(request, token),
            "Trying out the training",
            lambda found: self._show_probe(found, each=request.data.each),
        )

    def resume(self, run: str | Path) -> Job:
        """Go on with a run that is not being trained, from its newest checkpoint."""
        path = Path(run)
        return self._start(
            lambda token: work.resume_job(path, token), f"Resuming {path.name}", self._show_started
        )

    def follow(self, run: str | Path) -> Job:
        """Show the curves of a run, and follow it if it is running."""
        job = self.follower.follow(Path(run), None)
        self._view.show_tab("Progress")
        return job

    def pause(self) -> None:
        """Let the followed run wait, or go on if it waits."""
        self.follower.toggle_pause()

    def stop(self) -> None:
        """End the followed run and keep its model."""
        self.follower.ask("stop")

    def cancel(self) -> None:
        """End the followed run without a model."""
        self.follower.ask("cancel")

    def reuse(self, run: str | Path) -> None:
        """Fill the first tab with the settings of a run.

        Raises
        ------
        CellSimError
            If its ``run.toml`` is not usable.
        """
        found = read_run(run_file(run))
        self._somebody_is_here = True
        self._ask_catalogue()
        self.form.fill(found.recipe, found.settings, found.fit.model_dump(exclude_defaults=True))
        self._view.show_tab("New")

    def use_dataset(self, path: str | Path) -> None:
        """Choose a dataset (.zarr), or a folder of training sequences, to train on."""
        self.form.source.value = STORE
        self.form.folder.value = str(path)
        self._view.show_tab("New")

    def show_tab(self, name: str) -> None:
        """Show one of the tabs "New", "Progress", "Runs"."""
        self._view.show_tab(name)

    def reset_choices(self, _event: Any = None) -> None:
        """Offer the layers and models that exist now; napari calls this when its layer list changes."""
        self.form.reset_choices()

    # ---- jobs and what becomes of them ----

    def _start(self, factory: JobFactory, name: str, finish: Finish) -> Job:
        if self.job is not None:
            raise CellSimError(_BUSY)
        job = start_job(factory, name, finish=finish)
        self._view.bar.follow(job)
        for one in (self._view.start_button, self._view.probe_button, self._list.resume_button):
            one.setEnabled(False)
        self._links.running_job = job.token
        job.finished.connect(self._job_finished)
        return job

    def _job_finished(self) -> None:
        job = self.sender()
        if job.status == "succeeded" and isinstance(job.result, work.Started):
            self._view.bar.say(f"{job.result.run.name} trains in a process of its own; napari may be closed.")
        for one in (self._view.start_button, self._view.probe_button):
            one.setEnabled(True)
        self._list.select_again()
        self._scan()

    def _show_started(self, started: work.Started) -> Iterator[None]:
        self.follower.follow(started.run, started.process)
        yield
        self._view.show_tab("Progress")
        self.form.suggest_name(started.run)

    def _show_probe(self, found: Probe, *, each: bool) -> Iterator[None]:
        self._view.show_probe(found, each=each)
        yield

    # ---- following controls, viewer and disk ----

    def _connect(self) -> None:
        form, view, runs = self.form, self._view, self._list
        for box in (form.what, form.source, form.folder, form.labels, form.channel, form.plane, form.number):
            box.changed.connect(self._data_changed)
        for box in (form.pixel_size, form.interval, form.specimens.size, form.specimens.channels):
            box.changed.connect(self._data_changed)
        for box in (form.specimens.fit, form.specimens.background):
            box.changed.connect(self._data_changed)
        form.movie.changed.connect(self._movie_changed)
        form.open_button.clicked.connect(self._ask_data)
        form.drop_zone.dropped.connect(self._dropped)
        view.start_button.clicked.connect(lambda: self._guarded(self.run))
        view.probe_button.clicked.connect(lambda: self._guarded(self.probe))
        runs.show_button.clicked.connect(lambda: self._with_selected(self.follow))
        runs.resume_button.clicked.connect(lambda: self._with_selected(self._resume_selected))
        runs.reuse_button.clicked.connect(lambda: self._with_selected(self.reuse))
        runs.folder_button.clicked.connect(self._ask_runs_folder)
        runs.tree.itemDoubleClicked.connect(lambda *_: self._with_selected(self.follow))
        progress = self.progress
        progress.pause_button.clicked.connect(lambda: self._guarded(self.pause))
        progress.stop_button.clicked.connect(lambda: self._guarded(self.stop))
        progress.cancel_button.clicked.connect(lambda: self._guarded(self.cancel))
        self._catalogue_question.answered.connect(self._show_catalogue)
        self._data_question.answered.connect(self._show_data)
        self._layer_question.answered.connect(self._show_layer)
        self._scan_question.answered.connect(self._show_scan)
        self._look_timer.timeout.connect(self._look_at_data)
        self._scan_timer.timeout.connect(self._scan)
        self.follower.ended.connect(self._scan)
        form.advanced.box.toggled.connect(lambda opened: self._ask_catalogue() if opened else None)
        self._links = Links(self)
        self._links.add(self._viewer.events.theme, self._theme_changed)
        self._links.add(model_list.changes.changed, self.reset_choices)

    def showEvent(self, event) -> None:
        """Look at the runs from now on, and ask before the window closes."""
        super().showEvent(event)
        self._guard.watch()
        self._scan_timer.start()

    def hideEvent(self, event) -> None:
        """Nobody looks: stop looking at the runs."""
        self._scan_timer.stop()
        super().hideEvent(event)

    def enterEvent(self, event) -> None:
        """Somebody is about to work here: read what can be set."""
        self._ask_catalogue()
        super().enterEvent(event)

    def _ask_catalogue(self) -> None:
        if not self._somebody_is_here or not self._catalogue_question.pending:
            self._somebody_is_here = True
            self._catalogue_question.ask(work.catalogue)

    def _show_catalogue(self, found: Any, error: BaseException | None) -> None:
        if found is not None:
            self.form.show_catalogue(found)
        elif error is not None:
            self._view.bar.show_error(error)

    def _movie_changed(self, _value: Any = None) -> None:
        layer = self.form.movie.value
        if layer is not None:
            self._layer_question.ask(facts_question(LayerSnapshot.of(layer), None))
        self._data_changed()

    def _show_layer(self, facts: Any, _error: BaseException | None) -> None:
        if facts is not None:
            self.form.show_calibration(facts.pixel_size, facts.interval)

    def _data_changed(self, _value: Any = None) -> None:
        self._look_timer.start()

    def _look_at_data(self) -> None:
        try:
            data, needs = self.form.data(), self.form.choice.needs
        except CellSimError as error:  # something in the advanced settings
            self._show_data(None, error)
            return
        if (data.source == STORE and not data.folder) or (data.source == LAYERS and data.movie is None):
            self.form.show_specimens(None)
            say(self.form.data_line, "")  # nothing is wrong yet
            return
        if needs == SPECIMENS:
            say(self.form.data_line, "Looking at the pictures…")
            self._data_question.ask(lambda token: look_job(data, token))
            return
        self._data_question.ask(lambda token: describe_data(data, needs))

    def _show_data(self, found: str | SpecimensSeen | None, error: BaseException | None) -> None:
        self.form.show_specimens(found if isinstance(found, SpecimensSeen) else None)
        if isinstance(found, str) or error is not None:
            say(self.form.data_line, f"⚠ {error}" if error is not None else found)

    def _scan(self) -> None:
        if not self._scan_question.pending:
            folder = settings.runs_folder()
            self._scan_question.ask(lambda token: (folder, work.scan(folder)))

    def _show_scan(self, found: Any, _error: BaseException | None) -> None:
        if found is None:
            return
        folder, runs = found
        self._list.show_runs(runs, folder)
        self.form.show_runs([(run.recipe, run.path) for run in runs])
        first, self._first_scan = self._first_scan, False
        active = next((run for run in runs if run.active), None)
        if first and active is not None and self.follower.run is None:
            self.follow(active.path)
            self._view.bar.say(f"Found the training {active.path.name}, which is {active.status}.")

    def _theme_changed(self, _event: Any = None) -> None:
        self.follower.set_theme(self._viewer.theme)

    # ---- closing ----

    def _running_name(self) -> str:
        return self.follower.running_name

    def _closing(self, answer: Answer) -> None:
        if answer != "run":
            self.follower.ask(answer)
        self.follower.leave()

    # ---- buttons ----

    def _guarded(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except CellSimError as error:
            self._view.bar.show_error(error)

    def _with_selected(self, action: Callable[[Path], Any]) -> None:
        run = self._list.selected
        if run is not None:
            self._guarded(lambda: action(run.path))

    def _resume_selected(self, path: Path) -> None:
        run = self._list.selected
        if run is not None and run.status == "paused":
            self.follow(path)
            self.follower.ask("run")
        else:
            self.resume(path)

    def _dropped(self, paths: list[Path]) -> None:
        if paths:
            self.form.folder.value = str(paths[0])

    def _ask_data(self, _checked: bool = False) -> None:
        what = "a dataset (.zarr) or a folder of training sequences"
        if self.form.choice.needs == SPECIMENS:
            what = "the folder that holds a folder of pictures per class"
        path = QFileDialog.getExistingDirectory(self, f"Choose {what}")
        if path:
            self.form.folder.value = path

    def _ask_runs_folder(self, _checked: bool = False) -> None:
        path = QFileDialog.getExistingDirectory(
            self, "Choose the folder of the runs", str(settings.runs_folder())
        )
        if path:
            settings.train_settings().runs_folder = path
            self._scan()
