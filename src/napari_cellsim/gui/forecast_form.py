"""The controls of the Forecast dock. They hold choices and know nothing of jobs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magicgui.widgets import CheckBox, ComboBox, SpinBox
from qtpy.QtWidgets import QGridLayout, QWidget

from ..base import CellSimError
from . import model_list, viewer_state
from .forecast_answer import AnswerForm, has_uncertainty, sees_frames_alone
from .forecast_request import ForecastRequest, LayerSnapshot
from .forecast_work import MovieFacts
from .settings import forecast_settings
from .widgets import calibration_field, choose_some, device_box, form, section, show_row, unknown_or

THIRD_AXIS = {"as the file says": None, "focal planes (Z)": "TZYX", "channels (C)": "TCYX"}
OVERLAYS = {
    "flow": (
        "Flow colours",
        True,
        "Motion from the frame before, as a colour wheel: hue is direction, strength is µm per frame",
    ),
    "arrows": ("Flow arrows", True, "Motion from the frame before, as at most 32 × 32 arrows"),
    "kernels": ("Kernels", True, "How strongly the model reshapes each pixel instead of only moving it"),
    "segmentation": ("Cells", True, "Classes of the predicted frames: trap, cell of interest, other cells"),
    "uncertainty": (
        "Uncertainty",
        False,
        "How far each pixel may be off, in intensity units: two thirds are expected within it. Bright = do not trust",
    ),
}
_FLOW = "How the motion between the past frames is measured: by the model's own PWC-Net, another one, or classically."
_NO_FLOW = "The chosen model looks at the frames alone, so it needs no optical flow."
_UNSURE = "Only for a best estimate of a model that says how sure it is; this model or answer does not."


class ForecastForm:
    """Builds the controls, keeps their choices in step with the viewer, and reads them.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.

    Attributes
    ----------
    movie_box, forecast_box, overlay_box, advanced_box : QWidget
        Groups of controls, for the dock to arrange.
    uncertainty_shown : bool
        Whether the forecast on display has an uncertainty.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self.uncertainty_shown = False
        chosen = forecast_settings()
        self._make_movie_section()
        self._make_forecast_section(chosen.steps)
        self._make_overlay_section()
        self._make_advanced_section(chosen.device, chosen.flow)
        self.show_facts(None)
        self.follow_changed(True)
        self.model.changed.connect(self.model_changed)
        self.answers.answer.changed.connect(self.answer_changed)
        self.model_changed()

    # ---- building ----

    def _make_movie_section(self) -> None:
        self.layer = ComboBox(
            label="Movie",
            choices=lambda _: [(layer.name, layer) for layer in viewer_state.movies(self._viewer)],
            nullable=True,
            tooltip="The time-lapse to forecast: an image layer with time as its first axis. It is never changed.",
        )
        self.third_axis = ComboBox(
            label="Second axis",
            choices=list(THIRD_AXIS),
            value="as the file says",
            tooltip="What the axis after time means, if the file does not say or says it wrongly.",
        )
        self.channel = SpinBox(
            label="Channel", min=0, max=0, tooltip="Which channel to forecast, counted from 0."
        )
        self.plane = SpinBox(
            label="Focal plane", min=0, max=0, tooltip="Which focal plane to forecast, counted from 0."
        )
        self.pixel_size = calibration_field(
            "Pixel size",
            "µm",
            "Size of one pixel in µm, read from the file if it says so. Type it if unknown: frames are resampled.",
            100.0,
        )
        self.interval = calibration_field(
            "Interval",
            "min",
            "Minutes between two frames, read from the file if it says so, and compared with the model's.",
            100_000.0,
        )
        self.movie_box = form(
            self.layer, self.third_axis, self.channel, self.plane, self.pixel_size, self.interval
        )

    def _make_forecast_section(self, steps: int) -> None:
        self.follow = CheckBox(
            text="Start at the current time step",
            value=True,
            tooltip="Forecast from the frame that the time slider shows. Untick to type a frame number.",
        )
        self.at = SpinBox(
            label="Last frame",
            min=0,
            max=0,
            tooltip="Last frame the forecast may see, counted from 0. Frames after it are never looked at.",
        )
        self.steps = SpinBox(
            label="Steps (frames)", value=steps, min=1, max=100, tooltip="How many frames to forecast."
        )
        self.model = ComboBox(
            label="Model",
            choices=lambda _: [
                (entry.name, model_list.key_of(entry)) for entry in model_list.available("sdcnet")
            ],
            nullable=True,
            tooltip="Which network forecasts. The Models dock says what each is for and opens your own.",
        )
        choose_some(self.model)
        self.answers = AnswerForm()
        self.forecast_box = form(self.follow, self.at, self.steps, self.model, *self.answers.rows)
        self.answers.complete(self.forecast_box)

    def _make_overlay_section(self) -> None:
        grid = QWidget()
        layout = QGridLayout(grid)
        layout.setContentsMargins(0, 0, 0, 0)
        self.overlays: dict[str, CheckBox] = {}
        for number, (key, (text, ticked, tooltip)) in enumerate(OVERLAYS.items()):
            box = CheckBox(text=text, value=ticked, tooltip=tooltip)
            box.native.setAccessibleName(f"Show {text}")
            box.native.setToolTip(tooltip)
            layout.addWidget(box.native, number // 2, number % 2)
            self.overlays[key] = box
        self.overlay_box = grid

    def _make_advanced_section(self, device: str, flow: str) -> None:
        self.region = ComboBox(
            label="Region",
            choices=lambda _: viewer_state.region_choices(self._viewer),
            value=viewer_state.WHOLE,
            tooltip="What to forecast: everything, what the canvas shows now, or each rectangle of a Shapes layer.",
        )
        self.segmentation = ComboBox(
            label="Cells from",
            choices=lambda _: [
                ("the model", "model"),
                ("nothing", "none"),
                *((f"layer {layer.name}", layer) for layer in viewer_state.labels(self._viewer)),
            ],
            value="model",
            tooltip="Where the cells of past frames come from: the model's network, your Labels layer, or nothing.",
        )
        self.flow = ComboBox(
            label="Optical flow",
            choices=lambda _: [
                ("the model's own", "model"),
                ("classical (Lucas-Kanade)", "classical"),
                *((entry.name, str(model_list.key_of(entry))) for entry in model_list.available("pwcnet")),
            ],
            value=flow,
            tooltip=_FLOW,
        )
        self.device = device_box(device)
        self.advanced_box = section(
            "Advanced", form(self.region, self.segmentation, self.flow, self.device), collapsed=True
        )

    # ---- keeping in step ----

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now; the newest movie is taken where none was chosen."""
        for box in (self.layer, self.region, self.segmentation, self.flow, self.model):
            box.reset_choices()
        choose_some(self.layer)
        choose_some(self.model)

    def show_facts(self, facts: MovieFacts | None) -> None:
        """Fit ranges and visible rows to a movie."""
        layer = self.layer.value
        show_row(self.third_axis, layer is not None and layer.ndim == 4)
        for box, letter, count in (
            (self.channel, "C", facts.n_channels if facts else 1),
            (self.plane, "Z", facts.n_planes if facts else 1),
        ):
            box.max = max(0, count - 1)
            show_row(box, count > 1)
            if facts is not None and count > 1 and layer is not None:
                box.value = viewer_state.current_index(self._viewer, layer, facts.axes.index(letter))
        if facts is not None:
            self.pixel_size.value = unknown_or(facts.pixel_size)
            self.interval.value = unknown_or(facts.interval)

    def follow_changed(self, follow: bool) -> None:
        """Let the frame number be typed, or follow the slider."""
        self.at.native.setReadOnly(follow)
        self.at.enabled = not follow

    def model_changed(self, *_: Any) -> None:
        """Offer what the chosen model can do."""
        self.answers.offer(self.model.value)
        self.answer_changed()
        self.flow.enabled = not sees_frames_alone(self.model.value)
        self.flow.native.setToolTip(_FLOW if self.flow.enabled else _NO_FLOW)

    def answer_changed(self, *_: Any) -> None:
        """Let the uncertainty be ticked if the last forecast has one, or the next one will."""
        box = self.overlays["uncertainty"]
        box.enabled = self.uncertainty_shown or (
            self.answers.answer.value == "mean" and has_uncertainty(self.model.value)
        )
        box.native.setToolTip(OVERLAYS["uncertainty"][2] if box.enabled else _UNSURE)

    # ---- reading ----

    @property
    def axes(self) -> str | None:
        """Axis letters that the user states; None leaves them to the file."""
        layer = self.layer.value
        return THIRD_AXIS[self.third_axis.value] if layer is not None and layer.ndim == 4 else None

    @property
    def wanted_overlays(self) -> set[str]:
        """Keys of `OVERLAYS` that are ticked."""
        return {key for key, box in self.overlays.items() if box.value}

    def request(
        self,
        source: Any,
        *,
        steps: int | None = None,
        at: int | None = None,
        model: str | Path | None = None,
        flow: str | None = None,
        segmentation: Any = None,
        channel: int | None = None,
        plane: int | None = None,
        regions: Any = None,
        device: str | None = None,
        pixel_size: float | None = None,
        interval: float | None = None,
        **answer: Any,
    ) -> ForecastRequest:
        """Return what to forecast of layer `source`; arguments that are None are taken from the controls.

        The `answer` may be given as for `AnswerForm.chosen`. Controls that belong to the chosen movie (channel,
        calibration, last frame) do not apply to another one.

        Raises
        ------
        CellSimError
            If there is no model, it cannot give the answer, or the regions or the segmentation cannot be used.
        """
        chosen = source is self.layer.value

        def given(value: Any, control: Any, otherwise: Any = None) -> Any:
            if value is not None:
                return value
            return control.value if chosen else otherwise

        model = self.model.value if model is None else model
        if model is None:
            raise CellSimError("No forecasting model is installed; open a model file in the Models dock.")
        mode, samples, first_seed = self.answers.chosen(model, **answer)
        return ForecastRequest(
            movie=LayerSnapshot.of(source),
            axes=self.axes if chosen else None,
            model=model,
            steps=self.steps.value if steps is None else steps,
            at=given(at, self.at, viewer_state.current_index(self._viewer, source, 0)),
            channel=given(channel, self.channel, 0),
            plane=given(plane, self.plane, 0),
            flow=self.flow.value if flow is None else flow,
            segmentation=self._segmentation(segmentation),
            regions=self._regions(source, regions),
            device=self.device.value if device is None else device,
            pixel_size=given(pixel_size, self.pixel_size) or None,
            interval=given(interval, self.interval) or None,
            threads=forecast_settings().threads,
            mode=mode,
            samples=samples,
            seed=first_seed,
        )

    def _segmentation(self, wanted: Any) -> Any:
        wanted = self.segmentation.value if wanted is None else wanted
        if isinstance(wanted, str) and wanted not in ("model", "none"):
            wanted = viewer_state.find_layer(self._viewer, wanted)
        if not hasattr(wanted, "data"):
            return wanted
        if wanted not in viewer_state.labels(self._viewer):
            raise CellSimError(
                f"Layer {wanted.name!r} is not a Labels layer; choose one, or segmentation='model'."
            )
        return wanted.data

    def _regions(self, source: Any, wanted: Any) -> list[viewer_state.Region] | None:
        wanted = self.region.value if wanted is None else wanted
        return viewer_state.chosen_regions(self._viewer, source, wanted)
