"""The Forecast dock, which answers what will happen next in a movie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Layer
from qtpy.QtCore import QTimer

from ..base import CellSimError, Event
from ..forecasting import FrameReady
from . import forecast_buttons, model_list, opening, results, viewer_state
from .forecast_adapt import AdaptDesk
from .forecast_display import ForecastDisplay
from .forecast_request import ForecastRequest, LayerSnapshot
from .forecast_view import ForecastView
from .forecast_work import ForecastOutcome, MovieFacts, forecast_work
from .graphics import forget_vertex_arrays
from .job_dock import JobDock
from .jobs import Job
from .live import LiveMovie, in_step
from .scout import Question, facts_question, preview_question
from .stacking import single_frames, stack_layers

if TYPE_CHECKING:
    from ..evaluation import ErrorCurve
    from ..training import Adapted

_PREVIEW_DELAY_MS = 500


class ForecastDock(JobDock):
    """Dock that forecasts the next frames of a movie layer.

    Everything the buttons do is also a method: `run`, `cancel`, `open`, `save`, `stack`, `adapt`, `save_adapted`.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose layers are used.
    """

    kept = (FrameReady,)
    relief = "choose a smaller region or fewer steps"

    def __init__(self, napari_viewer) -> None:
        super().__init__(napari_viewer)
        self._view = ForecastView(self._viewer)
        self._form = self._view.form
        self._adapting = AdaptDesk(self, self._view.adapt)
        self._facts: MovieFacts | None = None
        self._display = ForecastDisplay(self._viewer, self._view)
        self._live: LiveMovie | None = None
        self._facts_question = Question("Looking at the movie")
        self._preview_question = Question("Estimating the forecast")
        self._preview_timer = QTimer(self, singleShot=True, interval=_PREVIEW_DELAY_MS)
        self._fill(self._view)
        self._connect()
        self.reset_choices()
        self._layer_changed()

    # ---- public face ----

    @property
    def layer(self) -> Any:
        """The chosen movie layer, or None."""
        return self._form.layer.value

    @layer.setter
    def layer(self, wanted: Any) -> None:
        self._form.layer.value = viewer_state.find_movie(self._viewer, wanted)

    @property
    def at(self) -> int:
        """Index of the last frame that the next forecast may see."""
        return self._form.at.value

    @property
    def steps(self) -> int:
        """Number of frames to forecast."""
        return self._form.steps.value

    @property
    def model(self) -> str | Path | None:
        """Name or file of the chosen model."""
        return self._form.model.value

    @property
    def facts(self) -> MovieFacts | None:
        """What is known of the chosen movie; None while it is being looked at."""
        return self._facts

    @property
    def result(self) -> Any:
        """The last Forecast, several regions pasted into one field; None before the first."""
        return None if self._display.outcome is None else self._display.outcome.forecast

    @property
    def error_curve(self) -> ErrorCurve | None:
        """Error of the last forecast, where the movie goes on."""
        return None if self._display.outcome is None else self._display.outcome.curve

    @property
    def adapted(self) -> Adapted | None:
        """The model that was adapted last, if that helped, with what is known of it."""
        return None if self._adapting.last is None else self._adapting.last.adapted

    def run(self, layer: Any = None, **choices: Any) -> Job:
        """Start a forecast; what is not given is taken from the controls.

        Parameters
        ----------
        layer : str or napari Image layer, optional
            The movie.
        **choices
            steps : int, number of frames to forecast.
            at : int, index of the last frame it may see.
            model : str or Path, name or file of the model.
            flow : "model", "classical", or the name or file of a PWC-Net model.
            segmentation : "model", "none", a Labels layer or its name.
            channel, plane : int.
            regions : list of (y0, y1, x0, x1) in px, a Shapes layer or its name.
            device : such as "cpu" or "cuda:0".
            pixel_size, interval : float, µm and minutes, where the movie does not say.
            mode : "mean", or "sample" for `samples` possible futures, the first of which has the seed `seed`.

        Returns
        -------
        Job
            ``.wait()`` keeps napari alive until the layers are there; ``.result.forecast`` is the Forecast.

        Raises
        ------
        CellSimError
            If something about the input is wrong, or a job is running in this dock.
        """
        source, request = self._asked(layer, choices)
        self._live = LiveMovie(self._viewer, source, request, self._axes_of(source, request), self)
        shown = self._live.shown
        job = self._start(
            lambda token: in_step(forecast_work(request, token), shown),
            f"Forecast of {source.name}",
            self._show_outcome,
        )
        job.happened.connect(self._show_frame)
        return job

    def open(self, *paths: str | Path) -> Job:
        """Open a movie, a folder of single TIFFs, a position folder, a saved forecast or a model.

        Returns
        -------
        Job
            Its `result` says what was found; the layers are there when it has finished.
        """
        chosen = [Path(path) for path in paths]
        name = f"Opening {chosen[0].name}" if chosen else "Opening"
        return self._start(lambda token: opening.open_paths(chosen, token), name, self._show_opened)

    def save(self, path: str | Path) -> Job:
        """Write the last forecast, frames, overlays and provenance, into one OME-TIFF.

        Raises
        ------
        CellSimError
            If there is none, or a job is running.
        """
        forecast = self.result
        if forecast is None:
            raise CellSimError("There is no forecast to save yet; press Run first.")
        return self._start(lambda token: forecast.save(path), f"Saving {Path(path).name}", None)

    def stack(self) -> Layer:
        """Stack the viewer's single-frame image layers into one movie layer and choose it."""
        layer = stack_layers(self._viewer)
        self._form.layer.value = layer
        return layer

    def adapt(self, layer: Any = None, minutes: float | None = None, steps: int = 0, **choices: Any) -> Job:
        """Let a copy of the chosen model learn from the movie up to the last frame, and choose it if that helped.

        Parameters
        ----------
        layer : str or napari Image layer, optional
            The movie.
        minutes : float, optional
            Time to spend.
        steps : int
            Instead of a time: optimiser steps after which the choice is made; the result is then always the same.
        **choices
            at, model, channel, plane, device, pixel_size, interval: as for `run`.

        Returns
        -------
        Job
            Its ``.result.adapted`` is the Adapted.

        Raises
        ------
        CellSimError
            If something about the input is wrong, or a job is running in this dock.
        """
        source, request = self._asked(layer, choices)
        work = self._adapting.work(request, minutes, steps)
        return self._start(work, f"Adapting to {source.name}", self._adapting.show)

    def save_adapted(self, path: str | Path) -> Job:
        """Write the model that was adapted last into a file, which takes its place on the list.

        Raises
        ------
        CellSimError
            If there is none, or a job is running.
        """
        work, show = self._adapting.save_work(Path(path))
        return self._start(work, f"Saving {Path(path).name}", show)

    def choose_model(self, model: str | Path) -> None:
        """Choose a model of the list, by its name if it is a bundled one, else by its file."""
        self._form.model.value = model

    def estimate(self) -> None:
        """Estimate time and memory in the background and show them; moving the mouse into the dock does the same."""
        self._somebody_is_here = True
        self._preview_timer.start()

    def scroll_to_results(self) -> None:
        """Show the lower end of the dock: legend, error curve, kernels."""
        self._view.scroll_to_end()

    def reset_choices(self, _event: Any = None) -> None:
        """Offer the layers and models that exist now; napari calls this when its layer list changes."""
        self._form.reset_choices()
        count = len(single_frames(self._viewer.layers))
        self._view.stack_button.setVisible(count > 1)
        self._view.stack_button.setText(f"Stack {count} single-frame layers")

    # ---- jobs and what becomes of them ----

    def _asked(self, layer: Any, choices: dict[str, Any]) -> tuple[Any, ForecastRequest]:
        """Return the layer that is meant and what the controls, or the choices instead of them, say about it."""
        self._check_idle()
        source = viewer_state.find_movie(self._viewer, self.layer if layer is None else layer)
        if source is not self.layer and source in self._form.layer.choices:
            self._form.layer.value = source
        request = self._form.request(source, **choices)
        self._preview_timer.stop()
        self._preview_question.forget()
        return source, request

    def _job_finished(self) -> None:
        if self.sender().status != "succeeded" and self._live is not None:
            self._live.rename("predicted (incomplete)")
        self._live = None

    def _show_frame(self, event: Event) -> None:
        if self._live is not None and isinstance(event, FrameReady):
            self._live.write(event.step, event.region, event.frame, event.sample)

    def _show_outcome(self, outcome: ForecastOutcome) -> Iterator[None]:
        assert self._live is not None
        live = self._live
        wanted = self._form.wanted_overlays
        chosen = results.select(outcome.layers, outcome.forecast, wanted, live.display, lit=("uncertainty",))
        if live.become(*chosen[0][:2]):
            chosen = chosen[1:]
        yield
        for _ in results.add_layers(self._viewer, chosen, self):
            yield
        for _ in self._view.show_curve(outcome.curve, self._viewer.theme):
            yield
        if outcome.kernels is not None:
            self._view.show_kernels(outcome.kernels)
        self._display.take(outcome)

    def _show_opened(self, opened: opening.Opened) -> Iterator[None]:
        for path in opened.models:
            self._form.model.value = model_list.key_of(model_list.open_file(path))
        forecast, layers = opened.forecast, opened.layers
        if forecast is not None:
            layers = results.select(layers, forecast, results.OVERLAYS, {})
            self._display.take(ForecastOutcome(forecast, [forecast], opened.layers, None, None))
        movie = None
        for added in results.add_layers(self._viewer, layers, self):
            if movie is None and added is not None and forecast is None:
                movie = added
                if movie in self._form.layer.choices:
                    self._form.layer.value = movie
            yield

    # ---- following the viewer and the controls ----

    def _connect(self) -> None:
        form, view = self._form, self._view
        form.layer.changed.connect(self._layer_changed)
        form.third_axis.changed.connect(self._layer_changed)
        form.follow.changed.connect(self._follow_changed)
        for box in (
            form.steps,
            form.model,
            form.pixel_size,
            form.interval,
            form.region,
            form.flow,
            form.device,
            form.answers.answer,
            form.answers.samples,
        ):
            box.changed.connect(self._changed)
        for box in (form.at, form.model):
            box.changed.connect(self._tell_past)
        forecast_buttons.connect(self, view)
        self._facts_question.answered.connect(self._show_facts)
        self._preview_question.answered.connect(view.show_preview)
        self._preview_timer.timeout.connect(self._ask_preview)
        self._links.add(self._viewer.dims.events.point, self._time_moved)
        self._links.add(self._viewer.events.theme, self._theme_changed)
        self._links.add(self._viewer.layers.events.removed, forget_vertex_arrays)
        self._links.add(model_list.changes.changed, self.reset_choices)

    def _layer_changed(self, *_: Any) -> None:
        self._facts = None
        self._view.show_facts(None)
        layer = self.layer
        if layer is None:
            self._facts_question.forget()
            self._tell_past()
            return
        self._form.at.max = max(0, viewer_state.shape_of(layer)[0] - 1)
        self._time_moved()
        self._tell_past()
        self._facts_question.ask(facts_question(LayerSnapshot.of(layer), self._form.axes))

    def _show_facts(self, facts: MovieFacts | None, error: BaseException | None) -> None:
        self._facts = facts
        self._view.show_facts(facts, str(error or ""))
        self._changed()

    def _axes_of(self, source: Any, request: ForecastRequest) -> str:
        if source is self.layer and self._facts is not None:
            return self._facts.axes
        return request.axes or {3: "TYX", 4: "TZYX"}.get(source.ndim, "TCZYX")

    def _follow_changed(self, follow: bool) -> None:
        self._form.follow_changed(follow)
        self._time_moved()

    def _time_moved(self, _event: Any = None) -> None:
        # while frames appear it is we who move the slider
        if self._form.follow.value and self.layer is not None and self._live is None:
            self._form.at.value = viewer_state.current_index(self._viewer, self.layer, 0)

    def _tell_past(self, *_: Any) -> None:
        """Say from which frames would be learned, and whether the model knows more of this movie than it should."""
        self._view.adapt.tell(self.layer, self.at)
        name = "" if self.layer is None else self.layer.name
        self._view.show_leak(self._adapting.warning(name, self.model, self.at))

    def _theme_changed(self, _event: Any = None) -> None:
        if self._view.plot is not None:
            self._view.plot.set_theme(self._viewer.theme)

    def _somebody_came(self) -> None:
        self.estimate()

    def _changed(self, *_: Any) -> None:
        if self._somebody_is_here:
            self._preview_timer.start()

    def _ask_preview(self) -> None:
        if self.job is not None or self.layer is None or self._facts is None:
            return
        try:
            request = self._form.request(self.layer, segmentation="model")
        except CellSimError as error:
            self._view.show_preview(None, str(error))
            return
        self._preview_question.ask(preview_question(request))
