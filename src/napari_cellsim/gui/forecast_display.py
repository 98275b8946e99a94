"""The forecast on display: its overlays follow the tick boxes, the legends explain them."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import results
from .forecast_view import ForecastView
from .forecast_work import ForecastOutcome


class ForecastDisplay:
    """What the Forecast dock shows of its last forecast beside the frames.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers are.
    view : ForecastView
        Whose tick boxes decide and whose legends explain.

    Attributes
    ----------
    outcome : ForecastOutcome or None
        The last forecast, made or opened.
    """

    def __init__(self, viewer: Any, view: ForecastView) -> None:
        self._viewer = viewer
        self._view = view
        self.outcome: ForecastOutcome | None = None
        for overlay, box in view.form.overlays.items():
            box.changed.connect(partial(self.show_overlay, overlay))

    def take(self, outcome: ForecastOutcome) -> None:
        """Take over a forecast whose layers are in the viewer."""
        self.outcome = outcome
        self._view.save_button.setEnabled(True)
        self._view.form.uncertainty_shown = outcome.forecast.uncertainty is not None
        self._view.form.answer_changed()
        self._explain()

    def show_overlay(self, overlay: str, ticked: bool) -> None:
        """Show or hide an overlay of the forecast on display."""
        if (found := self.outcome) is not None:
            results.show_overlay(
                self._viewer, found.layers, found.forecast, overlay, self._view, visible=ticked
            )
            self._explain()

    def _explain(self) -> None:
        assert self.outcome is not None
        wanted = self._view.form.wanted_overlays
        shown = results.select(self.outcome.layers, self.outcome.forecast, wanted, {})
        self._view.explain(results.legend_of(shown))
