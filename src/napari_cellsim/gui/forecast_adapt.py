"""The part of the Forecast dock that adapts a model to the movie: its controls, and what they do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from magicgui.widgets import FloatSpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..base import CellSimError
from ..training.adaptation import MOST_FRAMES
from . import model_list
from .forecast_adapt_work import Adaptation, adapt_work
from .widgets import button, form, line, say, side_by_side

if TYPE_CHECKING:
    from .forecast_dock import ForecastDock

_LONGEST = 60.0  # minutes


class AdaptForm:
    """The controls.

    Attributes
    ----------
    box : QWidget
        All of them, for the dock to arrange.
    """

    def __init__(self) -> None:
        self.minutes = FloatSpinBox(
            label="Minutes",
            value=3.0,
            min=0.1,
            max=_LONGEST,
            step=0.5,
            tooltip="How long the model may learn. On a processor three minutes are a good start.",
        )
        self.minutes.native.setSuffix(" min")
        self.minutes.native.setDecimals(1)
        self.what_line = line("What adapting does")
        self.adapt_button = button(
            "Adapt",
            "Let a copy of the chosen model learn from the past of this movie. The last past frames are held out and "
            "decide whether it helped.",
        )
        self.save_button = button(
            "Save adapted model…",
            "Keep the adapted model as a file; without, it is gone when napari is closed.",
        )
        self.save_button.setEnabled(False)
        self.result_line = line("What came of adapting")
        self.box = QWidget()
        column = QVBoxLayout(self.box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for part in (
            self.what_line,
            form(self.minutes),
            side_by_side(self.adapt_button, self.save_button),
            self.result_line,
        ):
            column.addWidget(part)
        self.tell(None, 0)

    def tell(self, movie: Any, at: int) -> None:
        """Say what would be learned from."""
        if movie is None:
            say(self.what_line, "A copy of the model learns from the past of one movie.")
            return
        say(
            self.what_line,
            f"A copy of the model learns from frames {max(0, at + 1 - MOST_FRAMES)} to {at} of this movie only.",
        )

    def rest(self, resting: bool) -> None:
        """Take no new work while there is some."""
        self.adapt_button.setEnabled(not resting)


class AdaptDesk:
    """Adapts for a Forecast dock.

    Parameters
    ----------
    dock : ForecastDock
        Whose jobs, movie and models it uses.
    form : AdaptForm
        The controls.
    """

    def __init__(self, dock: ForecastDock, form: AdaptForm) -> None:
        self._dock = dock
        self._form = form
        self._learned: dict[Path, Adaptation] = {}
        self.last: Adaptation | None = None

    def work(self, request: Any, minutes: float | None, steps: int) -> Any:
        """Return the job that adapts the model of a request, for `JobDock`."""
        minutes = float(self._form.minutes.value) if minutes is None else minutes
        taken = {entry.name for entry in model_list.available()}
        return lambda token: adapt_work(request, minutes, steps, taken, token)

    def show(self, found: Adaptation) -> Iterator[None]:
        """Say what came of it; a model that got better is put on the list and chosen."""
        say(self._form.result_line, found.adapted.message)
        if found.path is None:
            return
        self.last = found
        self._learned[found.path] = found
        model_list.keep_for_session(found.path)
        yield
        self._dock.choose_model(found.path)
        self._form.save_button.setEnabled(True)

    def warning(self, movie: str, model: str | Path | None, at: int) -> str:
        """Return why a forecast would be no forecast, or nothing: the model knows what follows frame `at`."""
        known = self._learned.get(model) if isinstance(model, Path) else None
        if known is None or known.movie != movie or known.at <= at:
            return ""
        return (
            f"This model has learned from frames up to {known.at} of this movie: a forecast from frame {at} is made by "
            "one who has seen what follows."
        )

    def save_work(self, path: Path) -> tuple[Any, Any]:
        """Return the job that writes the model adapted last into a file, and what is to be done then, for `JobDock`.

        Raises
        ------
        CellSimError
            If there is none.
        """
        if self.last is None:
            raise CellSimError("No model has been adapted yet; press Adapt first.")
        found = self.last

        def show(_: Any) -> Iterator[None]:
            if found.path != path:
                model_list.drop_from_session(found.path)
            self.last = replace(found, path=path)
            self._learned[path] = self.last
            self._dock.choose_model(model_list.key_of(model_list.open_file(path)))
            yield

        return lambda token: found.adapted.model.save(path), show
