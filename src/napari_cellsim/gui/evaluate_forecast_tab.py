"""The Forecast tab of the Evaluate dock: which movies, which models, how far ahead, and how well they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import ComboBox, LineEdit, SpinBox
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ..base import CellSimError
from . import evaluate_tables as tables
from . import model_list, viewer_state
from .evaluate_request import ForecastStudyRequest
from .evaluate_results import ResultBox
from .evaluate_sources import Sources
from .forecast_answer import AnswerForm
from .forecast_request import LayerSnapshot
from .settings import forecast_settings
from .widgets import button, device_box, form, section

if TYPE_CHECKING:
    from ..evaluation import MovieStudy

_KEY = Qt.ItemDataRole.UserRole
_LIST_HEIGHT = 62
_SAMPLES = 4  # two are the least for CRPS and diversity; each takes as long as a forecast


class ForecastTab(QWidget):
    """Controls of a study of forecasts, and its result.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.sources = Sources(
            lambda: viewer_state.movies(viewer),
            "movies",
            "A time-lapse whose future is known: the models see its first frames, the rest judges them.",
        )
        self.models = QListWidget()
        self.models.setAccessibleName("Models")
        self.models.setToolTip(
            "Tick one model, or several to compare them; the first is tested against the others."
        )
        self.models.setFixedHeight(_LIST_HEIGHT)
        self._make_controls()
        how = form(self.starts, self.steps, *self.answers.rows, self.judge, self.labels)
        self.answers.complete(how)
        self.run_button = button(
            "Run", "Forecast the movies from the frames given, and compare with what happened."
        )
        self.result = ResultBox("Forecasts against what happened, and against the baselines")
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        for part in (
            section("Movies", self.sources),
            section("Models", self.models),
            section("How", how),
            section("Advanced", form(self.channel, self.plane, self.device), collapsed=True),
            self.run_button,
            self.result,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self.models.itemChanged.connect(self._offer_answers)
        self.reset_choices()

    def _make_controls(self) -> None:
        self.starts = LineEdit(
            label="Last frames",
            tooltip="Last frame that the models see, counted from 0; several with commas. Empty: the one that leaves "
            "as many true frames as are forecast.",
        )
        self.starts.native.setPlaceholderText("automatic, or such as 20, 40")
        self.steps = SpinBox(
            label="Frames ahead",
            value=forecast_settings().steps,
            min=1,
            max=100,
            tooltip="How many frames to forecast.",
        )
        self.answers = AnswerForm()
        self.answers.samples.value = _SAMPLES
        self.answers.samples.tooltip = (
            "How many possible futures of each forecast: two give CRPS and diversity, more give them more exactly, and "
            "each takes the time of one."
        )
        self.judge = ComboBox(
            label="Judge",
            choices=lambda _: [
                ("the first model's own", "model"),
                ("none", "none"),
                *((entry.name, model_list.key_of(entry)) for entry in model_list.available("unet")),
            ],
            value="model",
            tooltip="Network that looks for cells in all forecasts, for errors inside cells and their count; or none, "
            "which is faster.",
        )
        self.labels = ComboBox(
            label="True cells",
            choices=lambda _: (
                [("none", None)] + [(layer.name, layer) for layer in viewer_state.labels(self._viewer)]
            ),
            tooltip="Labels layer with the cells of every frame, if you have them; else the judge's own answer for the "
            "true frames counts as the truth.",
        )
        self.channel = SpinBox(label="Channel", max=99, tooltip="Which channel to forecast, counted from 0.")
        self.plane = SpinBox(label="Focal plane", max=99, tooltip="Which focal plane to forecast, from 0.")
        self.device = device_box(forecast_settings().device)

    def reset_choices(self) -> None:
        """Offer the layers and models that exist now."""
        self.sources.reset_choices()
        self.judge.reset_choices()
        self.labels.reset_choices()
        entries = model_list.available("sdcnet")
        keys = [model_list.key_of(entry) for entry in entries]
        if keys == [self.models.item(row).data(_KEY) for row in range(self.models.count())]:
            return
        ticked = self.ticked
        self.models.clear()
        for entry, key in zip(entries, keys, strict=True):
            item = QListWidgetItem(entry.name)
            item.setData(_KEY, key)
            item.setToolTip(str(entry.path))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            wanted = key in ticked or (not ticked and self.models.count() == 0)
            item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
            self.models.addItem(item)
        self._offer_answers()

    def _offer_answers(self, _item: QListWidgetItem | None = None) -> None:
        self.answers.offer(*self.ticked)

    @property
    def ticked(self) -> list[str | Path]:
        """Names or files of the models that are ticked."""
        items = [self.models.item(row) for row in range(self.models.count())]
        return [item.data(_KEY) for item in items if item.checkState() == Qt.CheckState.Checked]

    def tick(self, names: Sequence[str]) -> None:
        """Tick the models of these names, and no others."""
        for row in range(self.models.count()):
            item = self.models.item(row)
            state = Qt.CheckState.Checked if item.text() in names else Qt.CheckState.Unchecked
            item.setCheckState(state)

    def request(
        self,
        movies: Any = None,
        models: Sequence[str | Path] | None = None,
        at: Sequence[int] | None = None,
        steps: int | None = None,
        judge: str | Path | None = None,
        **answer: Any,
    ) -> ForecastStudyRequest:
        """Return what to evaluate; what is None is taken from the controls, mode, samples and seed besides.

        Raises
        ------
        CellSimError
            If something is missing or cannot be read.
        """
        chosen = tuple(self.ticked if models is None else models)
        if not chosen:
            raise CellSimError("No model is chosen: tick at least one in the list of models.")
        for model in chosen:  # all give the same kind of answer
            mode, samples, seed = self.answers.chosen(model, **answer)
        sources = self.sources.read(movies)
        labels = self.labels.value
        if labels is not None and (len(sources) > 1 or not isinstance(sources[0], LayerSnapshot)):
            raise CellSimError(
                f"The layer {labels.name!r} holds the cells of one movie: choose that movie's layer, or no true cells."
            )
        return ForecastStudyRequest(
            movies=sources,
            models=chosen,
            at=self._starts() if at is None else tuple(at),
            steps=self.steps.value if steps is None else steps,
            judge=self.judge.value if judge is None else judge,
            labels=None if labels is None else LayerSnapshot.of(labels),
            channel=self.channel.value,
            plane=self.plane.value,
            pixel_size=self.sources.pixel_size.value or None,
            device=self.device.value,
            threads=forecast_settings().threads,
            mode=mode,
            samples=samples,
            seed=seed,
        )

    def _starts(self) -> tuple[int, ...]:
        words = self.starts.value.replace(",", " ").split()
        if any(not word.isdigit() for word in words):
            raise CellSimError(
                f"“{self.starts.value}” names no frames: type whole numbers from 0 with commas between, or nothing."
            )
        return tuple(dict.fromkeys(map(int, words)))

    def show_study(self, study: MovieStudy) -> Iterator[None]:
        """Show a result, in small steps."""
        notes = [*tables.difference_lines(study), *tables.warnings_of(study)]
        yield from self.result.show_result(
            tables.forecast_summary(study), tables.forecast_tables(study), notes
        )
