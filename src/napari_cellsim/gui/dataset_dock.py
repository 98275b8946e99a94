"""The Dataset dock: from the pictures of an experiment to crops that can be trained on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from ..base import CellSimError
from ..data import default_placement
from ..datasets import Traps
from . import dataset_buttons, viewer_state
from . import dataset_layers as layers
from . import dataset_review_work as review_work
from . import dataset_work as work
from .dataset_desk import ReviewDesk
from .dataset_field import Field
from .dataset_methods import ReviewMethods
from .dataset_view import DatasetView
from .dataset_window import WindowLayers
from .graphics import forget_vertex_arrays
from .jobs import Finish, Job, JobFactory, start_job
from .links import Links
from .widgets import local_paths

_BUSY = "A job is still running in this dock; wait for it or press Cancel."
_NO_EXPERIMENT = "No experiment is open: drop its folder on the dock, or press Open folder."
_SLIDING_MS = 30


class DatasetDock(QWidget, ReviewMethods):
    """Dock that finds traps, cuts their crops, reviews them and splits them into parts.

    Everything the buttons do is also a method: `open`, `show_position`, `draw_template`, `find`, `crop`,
    `continue_crop`, `open_store`, `measure`, `apply_preset`, `decide`, `undo`, `show_window`, `split`, `cancel`.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose layers are used.
    """

    def __init__(self, napari_viewer) -> None:
        super().__init__()
        # napari hands a proxy, which wraps layers anew at every access, so that no two of them are the same
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._desk = ReviewDesk(self)
        self._view = DatasetView(self._desk)
        self._field: Field | None = None
        self._pictures = layers.PositionLayers(self._viewer, self)
        self._hit_layer = layers.HitLayer(self._viewer, self)
        self._window = WindowLayers(self._viewer, self)
        self._sliding = QTimer(self, singleShot=True, interval=_SLIDING_MS)
        # napari would fill a dock that does not expand with empty space
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self.setAcceptDrops(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._view)
        self._connect()
        self._show_counts()
        self._view.split.show_kept(None)

    # ---- what there is ----

    @property
    def job(self) -> Job | None:
        """The running job, or None."""
        return self._view.bar.job

    @property
    def message(self) -> str:
        """The line under the progress bar."""
        return self._view.bar.message

    @property
    def field(self) -> Field:
        """The open experiment.

        Raises
        ------
        CellSimError
            If there is none.
        """
        if self._field is None:
            raise CellSimError(_NO_EXPERIMENT)
        return self._field

    @property
    def threshold(self) -> float:
        """Smallest score of a trap that is shown and cropped."""
        return self._view.find.threshold.value

    @threshold.setter
    def threshold(self, value: float) -> None:
        self._view.find.threshold.value = value

    @property
    def traps(self) -> Traps | None:
        """The traps of the position that is shown, as they would be cropped; None where nobody looked for any."""
        self._hit_layer.read_now()
        here = None if self._field is None else self._field.here
        return None if here is None else here.traps(self.threshold)

    # ---- the experiment and its traps ----

    def open(self, path: str | Path, *, pattern: str | None = None) -> Job:
        """Open the folder or file of an experiment, or a store of crops.

        Parameters
        ----------
        path : path
            Folder, multi-position OME-TIFF, movie, or store.
        pattern : str, optional
            Regular expression for unusual file names; by default what the dock says.

        Returns
        -------
        Job
            The first position's layers are there when it has finished.
        """
        chosen = Path(path).expanduser()
        if review_work.is_store(chosen):
            self.show_tab("Review")
            return self.open_store(chosen)
        wanted = pattern or self._view.find.pattern.value.strip() or None

        def finish(shown: work.Shown) -> Iterator[None]:
            self._hit_layer.clear()
            self._field = Field(shown.experiment, shown.facts, wanted)
            self._view.find.show_positions([p.name for p in shown.experiment.positions], shown.facts.name)
            self._view.crop.suggest(shown.experiment.path)
            yield from self._show_position(shown)

        return self._start(
            lambda token: work.open_work(chosen, wanted, None, None, token), f"Opening {chosen.name}", finish
        )

    def show_position(self, name: str) -> Job:
        """Show another position of the experiment.

        Returns
        -------
        Job
            Its layers are there when it has finished.
        """
        self._hit_layer.read_now()
        experiment = self.field.experiment
        return self._start(
            lambda token: work.show_work(experiment, name, token), f"Opening {name}", self._show_position
        )

    def draw_template(self) -> None:
        """Let the user draw a rectangle around one trap."""
        layers.draw_template(self._viewer, self._image())

    def find(self, template: Any = None, *, everywhere: bool | None = None) -> Job:
        """Find the traps, in the frame and focal plane that the viewer shows.

        Parameters
        ----------
        template : TrapGeometry or (y0, y1, x0, x1), optional
            A shape or a rectangle in px; by default what the dock says.
        everywhere : bool, optional
            Look in all positions, not only in the one that is shown.

        Returns
        -------
        Job
            Its result are the hits of each position, by a low threshold.
        """
        field, tab, image = self.field, self._view.find, self._image()
        looks = template if template is not None else tab.shape or layers.drawn_template(self._viewer, image)
        if not isinstance(looks, tuple) and not (field.facts.pixel_size or tab.stated["pixel_size"]):
            raise CellSimError(
                "A known shape is sought by its size in µm: type the pixel size first, or draw one."
            )
        self._hit_layer.read_now()
        reference, plane = self._looked_at(image)
        looking = work.Looking(
            looks, field.facts.name, tab.channel.value, plane, reference, tab.rotation.value
        )
        all_of_them = (
            bool(tab.everywhere.value and tab.everywhere.enabled) if everywhere is None else everywhere
        )
        names = [p.name for p in field.experiment.positions] if all_of_them else [field.facts.name]
        experiment = field.experiment

        def job(token):
            layers.warm_up()
            return (yield from work.find_work(experiment, names, looking, token))

        def finish(found: dict[str, Traps]) -> Iterator[None]:
            field.found(found, reference)
            field.looked_at = looking.channel, looking.plane
            yield
            yield from self._show_hits()

        return self._start(job, "Finding traps", finish)

    def add_by_hand(self) -> None:
        """Let the user draw more traps."""
        self._hit_layer.edit("add_rectangle")

    def edit_by_hand(self) -> None:
        """Let the user move and delete traps."""
        self._hit_layer.edit("select")

    # ---- crops ----

    def crop(self, out: str | Path | None = None, size: int | None = None) -> Job:
        """Cut the traps out of all times, channels and planes into a store, and open it for review.

        An interrupted store of the same crops is continued.

        Parameters
        ----------
        out : path, optional
            The store; by default what the dock says.
        size : int, optional
            Height and width of the crops, px.

        Returns
        -------
        Job
            Its result is the review.
        """
        tab = self._view.crop
        target = tab.out if out is None else Path(out)
        if target is None:
            raise CellSimError("Type a name for the store of crops first, such as crops.zarr.")
        self._hit_layer.read_now()
        side = tab.size.value() if size is None else size
        wanted = self.field.cropping(self.threshold, (side, side), target.absolute())
        count = sum(len(traps) for traps, _ in wanted.traps.values())
        return self._crop(lambda token: work.crop_work(wanted, token), target, f"Cutting {count} traps")

    def continue_crop(self, out: str | Path | None = None) -> Job:
        """Finish an interrupted store with the traps with which it was begun.

        Returns
        -------
        Job
            Its result is the review.
        """
        target = self._view.crop.out if out is None else Path(out)
        if target is None:
            raise CellSimError("Choose the interrupted store first.")
        return self._crop(
            lambda token: work.continue_work(target.absolute(), token), target, f"Finishing {target.name}"
        )

    def cancel(self) -> None:
        """Stop what is running; an interrupted store can be continued."""
        self._view.bar.cancel()

    def show_tab(self, name: str) -> None:
        """Bring the tab "Find", "Crop", "Review" or "Split" to the front."""
        self._view.show_tab(name)

    def reset_choices(self, _event: Any = None) -> None:
        """Offer the models that exist now; napari calls this when its layer list changes."""
        self._view.review.reset_choices()

    def dragEnterEvent(self, event) -> None:
        """Accept folders and files."""
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event) -> None:
        """Open what was dropped."""
        event.acceptProposedAction()
        dataset_buttons.open_dropped(self, local_paths(event.mimeData()))

    # ---- inside ----

    def _start(self, factory: JobFactory, name: str, finish: Finish | None) -> Job:
        if self.job is not None:
            raise CellSimError(_BUSY)
        job = start_job(factory, name, finish=finish)
        self._view.follow(job)
        self._links.running_job = job.token
        job.finished.connect(self._view.crop.look)
        return job

    def _crop(self, factory: JobFactory, target: Path, name: str) -> Job:
        def job(token):
            store = yield from factory(token)
            return (yield from review_work.load_work(store.path, token))

        def finish(review: review_work.Review) -> Iterator[None]:
            self._view.crop.show_done(review.store)
            yield from self._show_review(review)

        return self._start(job, name, finish)

    def _image(self) -> Any:
        image = self._pictures.first
        if self.field and image is None:
            raise CellSimError(
                "The pictures of the position were taken out of the viewer: choose the position again."
            )
        return image

    def _looked_at(self, image: Any) -> tuple[int, int]:
        """Return the frame and the focal plane that the sliders show."""
        plane = viewer_state.current_index(self._viewer, image, 1) if image.ndim > 3 else 0
        return viewer_state.current_index(self._viewer, image, 0), plane

    def _show_position(self, shown: work.Shown) -> Iterator[None]:
        self._hit_layer.clear()
        self.field.facts = shown.facts
        find = self._view.find
        find.show_facts(shown.facts, len(self.field.experiment.positions), self.field.experiment.layout)
        with_name = find.position.blockSignals(True)
        find.position.setCurrentText(shown.facts.name)
        find.position.blockSignals(with_name)
        yield
        yield from self._pictures.replace(shown.layers)
        yield from self._show_hits()

    def _show_hits(self) -> Iterator[None]:
        hits, image = self.field.here, self._pictures.first
        if hits is None or image is None:
            self._hit_layer.clear()
        else:
            yield from self._hit_layer.show(hits, self.threshold, image, self)
        yield
        self._show_counts()

    def _show_counts(self) -> None:
        count = None if self._field is None else self._field.count(self.threshold)
        self._view.find.show_count(count)
        self._view.crop.show_summary(count, None if self._field is None else self._field.facts)

    def _connect(self) -> None:
        dataset_buttons.connect(self, self._view)
        find = self._view.find
        find.threshold.changed.connect(lambda _value: self._sliding.start())
        self._sliding.timeout.connect(self._threshold_moved)
        find.pixel_size.changed.connect(self._calibrated)
        find.interval.changed.connect(self._calibrated)
        self._hit_layer.edited.connect(self._show_counts)
        self._desk.changed.connect(self._decisions_changed)
        self._desk.problem.connect(self._view.bar.show_error)
        self._window.problem.connect(self._view.bar.show_error)
        self._links = Links(self)
        self._links.last = [self._desk.flush, self._view.review.thumbnails.stop, self._window.stop]
        self._links.add(self._viewer.layers.events.removed, forget_vertex_arrays)
        self._links.add(self._viewer.layers.events.removed, self._layer_removed)

    def _threshold_moved(self) -> None:
        self._hit_layer.filter(self.threshold)
        self._show_counts()

    def _layer_removed(self, event: Any) -> None:
        if self._hit_layer.forget_if(event.value) and self._field is not None:
            self._field.hits.pop(self._field.facts.name, None)
            self._show_counts()

    def _calibrated(self, _value: Any = None) -> None:
        if self._field is None:
            return
        find, known = self._view.find, self._view.find.stated
        self._field.calibrate(**known)
        facts = self._field.facts
        find.show_known(facts, len(self._field.experiment.positions), self._field.experiment.layout)
        image = self._pictures.first
        if image is None:
            return
        place = default_placement(
            "TYX", known["pixel_size"] or facts.pixel_size, known["interval"] or facts.interval
        )
        middle = slice(1, -2)
        self._pictures.calibrate(
            (place.scale[0], *image.scale[middle], *place.scale[1:]),
            (place.units[0], *image.units[middle], *place.units[1:]),
        )
        self._hit_layer.calibrate(image)
        layers.calibrate_template(self._viewer, image)
