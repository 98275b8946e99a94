"""The Generate dock, which makes new pictures of cells and specimens, look-alikes, and what lies between them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..generation import PicturesReady
from . import generate_buttons, model_list
from . import generate_layers as layers
from . import generate_work as work
from .forecast_request import LayerSnapshot
from .generate_display import GenerateDisplay
from .generate_editor import LiveEditor
from .generate_methods import ExploreMethods
from .generate_view import GenerateView
from .graphics import forget_vertex_arrays
from .job_dock import JobDock
from .jobs import Finish, Job, JobFactory
from .links import Links
from .scout import Question
from .widgets import offer_devices

if TYPE_CHECKING:
    from ..generation import Generated


class GenerateDock(JobDock, ExploreMethods):
    """Dock that generates pictures freely, after a guide, and along the latent space.

    Everything the buttons do is also a method: `run`, `encode`, `refine`, `interpolate`, `mix`, `scales`, `edit`,
    `keep`, `forecast`, `open`, `save`, `cancel`.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose layers are used.
    """

    kept = (PicturesReady,)
    relief = "choose fewer pictures or steps at once"

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._view = GenerateView(self._viewer)
        self._display = GenerateDisplay(self._viewer, self._view)
        self._editor = LiveEditor()
        self._pixel_question = Question("Looking at the guide")
        self._device_question = Question("Looking for graphics cards")
        self._fill(self._view)
        self._connect()
        self.reset_choices()
        self._model_changed()
        self._guide_changed()

    # ---- what there is ----

    @property
    def model(self) -> str | Path | None:
        """Name or file of the chosen model."""
        return self._view.model_form.model.value

    @property
    def result(self) -> Generated | None:
        """The pictures that came last; None before the first."""
        return self._display.result

    # ---- generating and being guided ----

    def run(self, *, model: Any = None, device: str | None = None, **choices: Any) -> Job:
        """Generate new pictures; what is not given is taken from the controls.

        Parameters
        ----------
        model : str or Path, optional
            Name or file of the model.
        device : str, optional
            Such as "cpu" or "cuda:0".
        **choices
            n : int, number of pictures.
            seed : int.
            truncation : float, 0 to 1.
            noise : "random", "fixed" or "none".
            Models of specimens know neither truncation nor noise.

        Returns
        -------
        Job
            ``.wait()`` keeps napari alive until the layer is there; its result is the Generated.

        Raises
        ------
        CellSimError
            If there is no model, or a job is running in this dock.
        """
        self._check_idle()
        form = self._view.model_form
        computing = form.computing(model, device)
        request = self._view.sample.request(computing, form.kind(computing.model), **choices)
        entry = form.entry(computing.model)
        pixel_size = entry.card.pixel_size if entry else None
        self._display.live = layers.LivePictures(self._viewer, request.n, pixel_size, self)
        what = "one picture" if request.n == 1 else f"{request.n} pictures"
        return self._start(
            lambda token: work.generate_work(request, token), f"Generating {what}", self._display.generated
        )

    def encode(
        self,
        layer: Any = None,
        *,
        refine_steps: int = 0,
        model: Any = None,
        device: str | None = None,
        **choices: Any,
    ) -> Job:
        """Find the model's picture nearest to a guide; what is not given is taken from the controls.

        Parameters
        ----------
        layer : str or napari Image layer, optional
            The layer with the guide.
        refine_steps : int
            Steps of refinement after the encoder's answer.
        model, device
            As for `run`.
        **choices
            at : int, which frame.
            regions : list of (y0, y1, x0, x1) in px, a Shapes layer or its name; each is a guide.
            pixel_size : float, µm, where the layer does not say.
            space : "w+" or "w".

        Returns
        -------
        Job
            Its result is the Generated.

        Raises
        ------
        CellSimError
            If the guide cannot be one, or a job is running in this dock.
        """
        self._check_idle()
        computing = self._view.model_form.computing(model, device)
        request = self._view.guide.request(computing, layer, refine_steps=refine_steps, **choices)
        name = "Refining the look-alike" if refine_steps else "Encoding the guide"
        self._view.guide.clear_comparison()
        return self._start(lambda token: work.guide_work(request, token), name, self._display.guide_matched)

    def refine(self, steps: int | None = None, pictures: Any = None, *, space: str | None = None) -> Job:
        """Refine look-alikes; if there are none of the chosen guide yet, encode it and refine that.

        Parameters
        ----------
        steps : int, optional
            How many; by default what the dock says.
        pictures : Generated, layer or its name, optional
            Guided pictures; by default the last ones.
        space : "w+" or "w", optional
            Latent space.

        Returns
        -------
        Job
            Its result is the Generated.
        """
        self._check_idle()
        tab = self._view.guide
        steps = tab.steps.value if steps is None else steps
        pictures = self._display.guided if pictures is None else pictures
        if pictures is None:
            return self.encode(refine_steps=steps, space=space)
        if not hasattr(pictures, "latents"):
            pictures = layers.pictures_of(layers.find_generated(self._viewer, pictures))
        computing = self._view.model_form.computing_for(pictures)
        space = tab.chosen_space if space is None else space
        if pictures.guides is not None:
            tab.pair.show_guide(layers.flat(pictures.guides[0]))
        return self._start(
            lambda token: work.refine_work(computing, pictures, steps, space, token),
            "Refining the look-alike",
            self._display.guide_matched,
        )

    # ---- files, and what napari calls ----

    def open(self, *paths: str | Path) -> Job:
        """Open saved generated pictures, or model files.

        Returns
        -------
        Job
            The layers are there when it has finished.
        """
        chosen = [Path(path) for path in paths]
        name = f"Opening {chosen[0].name}" if chosen else "Opening"
        return self._start(lambda token: work.open_paths(chosen, token), name, self._display.opened)

    def save(self, path: str | Path) -> Job:
        """Write the pictures of the current layer, latents and provenance, into one OME-TIFF.

        Returns
        -------
        Job
            Its result is the path.
        """
        pictures = layers.pictures_of(layers.find_generated(self._viewer, self.layer))
        return self._start(lambda token: pictures.save(path), f"Saving {Path(path).name}", None)

    def show_tab(self, name: str) -> None:
        """Bring the tab "Generate", "Guide" or "Explore" to the front."""
        self._view.show_tab(name)

    def reset_choices(self, _event: Any = None) -> None:
        """Offer the layers and models that exist now; napari calls this when its layer list changes."""
        layers.ride_along(self._viewer)
        self._view.reset_choices()
        self._show_kinds()

    # ---- inside ----

    def _somebody_came(self) -> None:
        self._device_question.ask(work.device_names)

    def _start(self, factory: JobFactory, name: str, finish: Finish | None) -> Job:
        job = super()._start(factory, name, finish)
        job.happened.connect(self._display.event)
        return job

    def _job_finished(self) -> None:
        self._display.ended(self.sender().status)

    def _connect(self) -> None:
        view = self._view
        generate_buttons.connect(self, view)
        view.model_form.model.changed.connect(self._model_changed)
        view.explore.layer.changed.connect(self._show_kinds)
        view.guide.layer.changed.connect(self._guide_changed)
        for box in (view.guide.at, view.guide.region, view.guide.pixel_size):
            box.changed.connect(self._other_guide)
        self._pixel_question.answered.connect(self._show_pixel_size)
        self._device_question.answered.connect(self._show_devices)
        self._editor_links = Links(self)
        self._links.add(self._editor.edited, self._display.edited)
        self._links.add(self._editor.failed, view.bar.show_error)
        self._links.add(self._viewer.dims.events.point, view.time_moved)
        self._links.add(self._viewer.layers.events.removed, forget_vertex_arrays)
        self._links.add(model_list.changes.changed, self.reset_choices)

    def _model_changed(self, *_: Any) -> None:
        self._view.explore.show_slots(self._view.model_form.slots())
        self._show_kinds()

    def _show_kinds(self, *_: Any) -> None:
        chosen = self._view.model_form.kind()
        self._view.show_kinds(chosen, layers.maker_kind(self.layer) if self.layer else chosen)

    def _guide_changed(self, *_: Any) -> None:
        self._view.guide.show_pixel_size(None)
        self._other_guide()
        layer = self._view.guide.layer.value
        if layer is not None:
            snapshot = LayerSnapshot.of(layer)
            self._pixel_question.ask(lambda token: work.pixel_size_of(snapshot))

    def _other_guide(self, *_: Any) -> None:
        self._display.guided = None  # what is refined next is the picture chosen now

    def _show_pixel_size(self, pixel_size: float | None, error: BaseException | None) -> None:
        self._view.guide.show_pixel_size(pixel_size)

    def _show_devices(self, devices: list[str] | None, error: BaseException | None) -> None:
        if devices:
            offer_devices(self._view.model_form.device, devices)
