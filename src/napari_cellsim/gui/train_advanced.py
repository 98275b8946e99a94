"""The advanced settings of the Train dock: everything that a recipe and its run can be told, folded away."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..training.config import FitConfig
from ..training.describing import Catalogue
from .settings_form import SettingsForm
from .train_choices import SPECIMENS, TrainChoice
from .train_request import FIT_DEFAULTS, merged, suggestion
from .train_specimens import HIDDEN
from .widgets import line, say, section

_RECIPE_HIDDEN = {"data.folder", "preset", "stage", "start", "model", "model_name"}
_FIT_HIDDEN = {"steps", "images", "epochs", "minutes", "device"}


class TrainAdvanced:
    """Builds the forms when they are unfolded for the first time, and anew for another choice.

    Attributes
    ----------
    box : QWidget
        What can be folded.
    """

    def __init__(self) -> None:
        self._page = QWidget()
        self._column = QVBoxLayout(self._page)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._waiting = line("Advanced settings")
        self._column.addWidget(self._waiting)
        self.box = section("Advanced", self._page, collapsed=True)
        self.box.toggled.connect(self._build)
        self._catalogue: Catalogue | None = None
        self._chosen: tuple[TrainChoice, str, str] | None = None
        self._built: tuple[TrainChoice, str, str] | None = None
        self._forms: tuple[SettingsForm, SettingsForm] | None = None
        # what an earlier run said, until there are forms to show it
        self._kept: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
        say(self._waiting, "Reading the settings…")

    @property
    def forms(self) -> tuple[SettingsForm, SettingsForm] | None:
        """The forms of recipe and run; None before they were unfolded."""
        return self._forms

    def choose(self, choice: TrainChoice, preset: str, stage: str) -> None:
        """Offer the settings of another choice."""
        chosen = (choice, preset, stage)
        if chosen != self._chosen:
            self._chosen, self._kept = chosen, ({}, {})
            self._build()

    def show_catalogue(self, catalogue: Catalogue) -> None:
        """Learn what can be set."""
        self._catalogue = catalogue
        self._build()

    def fill(self, settings: dict[str, Any], fit: dict[str, Any]) -> None:
        """Show the settings of an earlier run."""
        hidden = _RECIPE_HIDDEN if self._chosen is None else _hidden(self._chosen[0])
        self._kept = (_without(settings, hidden), _without(fit, _FIT_HIDDEN))
        if self._forms is not None:
            for shown, values in zip(self._forms, self._kept, strict=True):
                shown.show_values(values)

    def settings(self) -> dict[str, Any]:
        """Return what was changed of the recipe's settings."""
        return self._kept[0] if self._forms is None else self._forms[0].changes()

    def fit(self) -> dict[str, Any]:
        """Return what was changed of the run's settings."""
        return self._kept[1] if self._forms is None else self._forms[1].changes()

    def _build(self, _opened: bool = True) -> None:
        if self._built not in (None, self._chosen):
            self._tear_down()
        if (
            self._catalogue is None
            or self._chosen is None
            or not self.box.isExpanded()
            or self._forms is not None
        ):
            return
        choice, preset, stage = self._chosen
        schema = self._catalogue.schemas.get(choice.recipe, {})
        base = merged(suggestion(self._catalogue, choice, preset, stage), choice.settings)
        hidden = _hidden(choice) | {name for name in choice.settings if not name.endswith("_model")}
        recipe = SettingsForm(schema, base, hidden, "Recipe")
        usual = merged(FIT_DEFAULTS, choice.fit)
        run = SettingsForm(FitConfig.model_json_schema(), usual, _FIT_HIDDEN, "Run")
        self._forms, self._built = (recipe, run), self._chosen
        for shown, values in zip(self._forms, self._kept, strict=True):
            if values:
                shown.show_values(values)
            self._column.addWidget(shown)
        say(self._waiting, "")

    def _tear_down(self) -> None:
        for shown in self._forms or ():
            self._column.removeWidget(shown)
            shown.deleteLater()
        self._forms, self._built = None, None


def _hidden(choice: TrainChoice) -> set[str]:
    """Return what is chosen in the first tab's other controls."""
    return _RECIPE_HIDDEN | (HIDDEN if choice.needs == SPECIMENS else set())


def _without(values: dict[str, Any], hidden: set[str], path: str = "") -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for name, value in values.items():
        here = f"{path}{name}"
        if here not in hidden:
            kept[name] = _without(value, hidden, f"{here}.") if isinstance(value, dict) else value
    return kept
