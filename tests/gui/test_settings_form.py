"""A form made from a schema: every type has a row, and only what was changed comes out."""

from __future__ import annotations

from typing import Literal

import pytest
from pydantic import BaseModel, Field

from napari_cellsim.base import CellSimError
from napari_cellsim.gui.settings_form import SettingsForm
from napari_cellsim.training.config import FitConfig


class Inner(BaseModel):
    """Inside.

    Attributes
    ----------
    folder : str
        Chosen elsewhere.
    batch, crop : int
        Samples per batch, and
        their side.
    """

    folder: str
    batch: int = Field(8, ge=1)
    crop: int = 128


class Outer(BaseModel):
    """Outside.

    Attributes
    ----------
    data : Inner
        Not shown itself.
    lr : float
        Learning rate.
    mode : {"fast", "good"}
        How.
    flip : bool
        Whether.
    weights : tuple
        Several.
    overrides
        Anything.
    last : int, optional
        Perhaps.
    """

    data: Inner
    lr: float = 1e-5
    mode: Literal["fast", "good"] = "good"
    flip: bool = True
    weights: tuple[float, float] = (1.0, 1.5)
    overrides: dict[str, int] = Field(default_factory=dict)
    last: int | None = None
    name: str = "model"


@pytest.fixture
def shown(qtbot):
    made = SettingsForm(
        Outer.model_json_schema(), {"lr": 0.002, "data": {"batch": 4}}, {"data.folder"}, "Recipe"
    )
    qtbot.addWidget(made)
    return made


def test_nothing_changed_is_nothing_said(shown):
    assert shown.changes() == {}
    with pytest.raises(KeyError):
        shown.widget("data.folder")


def test_rows_have_names_sentences_and_the_given_defaults(shown):
    batch = shown.widget("data.batch")
    assert (batch.label, batch.value, batch.min) == ("Batch", 4, 1)
    assert batch.native.toolTip() == "Samples per batch, and their side."
    assert shown.widget("lr").label == "Learning rate"
    assert shown.widget("lr").value == "0.002"


def test_changes_come_out_nested_and_fit_the_model(shown):
    shown.widget("data.crop").value = 64
    shown.widget("lr").value = "1e-3"
    shown.widget("mode").value = "fast"
    shown.widget("flip").value = False
    shown.widget("weights").value = "[2, 3]"
    shown.widget("overrides").value = '{"width": 3}'
    shown.widget("last").value = "7"
    shown.widget("name").value = "mine"
    changes = shown.changes()
    assert changes == {
        "data": {"crop": 64},
        "lr": 1e-3,
        "mode": "fast",
        "flip": False,
        "weights": [2, 3],
        "overrides": {"width": 3},
        "last": 7,
        "name": "mine",
    }
    changes["data"]["folder"] = "x"
    assert Outer.model_validate(changes).last == 7
    shown.show_values({"lr": 0.5, "last": None})
    assert shown.changes() == {"lr": 0.5}, "what is left out goes back to its default"


def test_what_is_no_number_is_said_in_a_sentence(shown):
    shown.widget("lr").value = "quick"
    with pytest.raises(CellSimError, match="'Learning rate' cannot be 'quick'"):
        shown.changes()


def test_every_field_of_a_run_has_a_row(qtbot):
    made = SettingsForm(FitConfig.model_json_schema(), {}, set(), "Run")
    qtbot.addWidget(made)
    for name in FitConfig.model_fields:
        assert made.widget(name).tooltip
    assert made.changes() == {}
