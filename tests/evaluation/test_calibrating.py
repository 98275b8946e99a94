"""From a model that predicts a scale to intervals that hold what they say, on other movies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_movies import drifting

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import calibrate, compare_sequences, evaluate
from napari_cellsim.models import Model, ModelCard, load_model

OPTIONS = {"flow": "classical", "segmentation": "none", "device": "cpu"}


@pytest.fixture(scope="module")
def unsure() -> Model:
    """It starts as copy-last-frame, with a scale that has nothing to do with these movies."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Model.create("unsure", "sdcnet", "lite", scale=True)


def test_calibrated_intervals_hold_on_other_movies(unsure, tmp_path):
    validation = [drifting(seed=seed, size=40) for seed in range(10, 18)]
    table = calibrate(unsure, validation, at=[3, 4], steps=2, **OPTIONS)
    assert [entry.horizon for entry in table] == [1, 2]
    assert unsure.card.calibration == []
    model = replace(unsure, card=ModelCard(calibration=table))
    again = calibrate(model, validation, at=[3, 4], steps=2, **OPTIONS)
    assert again == table  # a calibration that is there does not count
    path = tmp_path / "calibrated.safetensors"
    model.save(path)
    coverage = {}
    for name, judged in (("bare", unsure), ("calibrated", load_model(path))):
        reports = [evaluate(drifting(seed=s, size=40), judged, at=4, steps=2, **OPTIONS) for s in range(8)]
        coverage[name] = [h.interval_scores["coverage"].value for h in compare_sequences(reports).horizons]
    assert coverage["calibrated"] == pytest.approx([0.6827] * 2, abs=0.04)
    assert np.abs(np.array(coverage["bare"]) - 0.6827).min() > 0.1


def test_horizons_without_truth_are_left_out(unsure):
    movie = drifting(seed=1, size=40)
    assert [c.horizon for c in calibrate(unsure, [movie], at=[6], steps=3, **OPTIONS)] == [1]


def test_refuses_what_cannot_be_calibrated(unsure, untrained, movie):
    with pytest.raises(CellSimError, match="predicts no uncertainty"):
        calibrate(untrained, [movie], steps=1, **OPTIONS)
    with pytest.raises(CellSimError, match="at least one movie"):
        calibrate(unsure, [])
    with pytest.raises(CellSimError, match="none follows frame 7"):
        calibrate(unsure, [movie], at=[7], **OPTIONS)
