"""Calibrations in model cards: what they must be, and files with and without one."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError
from test_model_files import CONTENT_KEY, VERSION_KEY, rewrite

from napari_cellsim.models import Calibration, Model, ModelCard, load_model

TABLE = [
    Calibration(horizon=1, levels=[0.5, 0.9], factors=[0.7, 2.5]),
    Calibration(horizon=2, levels=[0.5, 0.9], factors=[0.9, 3.5]),
]


def test_a_calibration_returns_from_its_file(tmp_path):
    model = Model.create("calibrated", "unet", "lite", card=ModelCard(calibration=TABLE))
    model.save(tmp_path / "model.safetensors")
    assert load_model(tmp_path / "model.safetensors").card.calibration == TABLE


def test_files_from_before_calibrations_open(tmp_path):
    path = tmp_path / "model.safetensors"
    Model.create("old", "unet", "lite").save(path)

    def age(tensors, metadata):
        content = json.loads(metadata[CONTENT_KEY])
        del content["card"]["calibration"]
        metadata.update({CONTENT_KEY: json.dumps(content), VERSION_KEY: "1"})

    rewrite(path, age)
    card = load_model(path).card
    assert card.calibration == []
    assert card.format_version == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"horizon": 0},
        {"levels": [0.5]},
        {"levels": [0.9, 0.5]},
        {"levels": [0.5, 1.0]},
        {"levels": [0.0, 0.5]},
        {"levels": [], "factors": []},
        {"factors": [2.0, 1.0]},
        {"factors": [-1.0, 1.0]},
        {"factors": [1.0, float("inf")]},
        {"unit": "µm"},
    ],
)
def test_refuses_what_is_no_calibration(fields):
    with pytest.raises(ValidationError):
        Calibration(**({"horizon": 1, "levels": [0.5, 0.9], "factors": [0.7, 2.5]} | fields))


@pytest.mark.parametrize("horizons", [[2], [1, 3], [2, 1], [1, 1]])
def test_refuses_cards_that_leave_out_horizons(horizons):
    with pytest.raises(ValidationError, match="in this order"):
        ModelCard(calibration=[Calibration(horizon=h, levels=[0.5], factors=[1.0]) for h in horizons])
