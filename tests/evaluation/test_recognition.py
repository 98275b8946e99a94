"""What a classifier says of pictures, on a network whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import class_probabilities, recognise, uncertain_cases
from napari_cellsim.models import Model, ModelCard

NAMES = ("dark", "bright")


@pytest.fixture
def model() -> Model:
    """A classifier that says "bright" of bright pictures: the logits are minus and plus ten times the mean."""
    card = ModelCard(training={"class_names": list(NAMES)})
    made = Model.create(
        "c", "classifier", card=card, classes=2, channels=1, widths=(4,), hidden=(), dropout=0.5
    )
    with torch.no_grad():
        for value in made.network.parameters():
            value.zero_()
        made.network.stages[0] = torch.nn.Identity()
        made.network.head[-1].weight = torch.nn.Parameter(torch.tensor([[-5.0, -5.0], [5.0, 5.0]]))
    return made


def flat(*values: int) -> np.ndarray:
    return np.array([np.full((1, 8, 8), value) for value in values], np.uint8)


def test_probabilities_and_accuracy(model):
    images = flat(0, 255, 200, 130)
    found = class_probabilities(model, images, device="cpu")
    np.testing.assert_allclose(found.sum(1), 1)
    x = np.array([-1, 1, 200 / 127.5 - 1, 130 / 127.5 - 1])
    np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(-20 * x)), rtol=1e-4)
    said = recognise(model, images, np.array([0, 1, 0, 1]), device="cpu")
    assert said.accuracy == 0.75
    assert said.by_class == {"dark": 0.5, "bright": 1.0}
    assert recognise(model, flat(3, 4), np.array([0, 0]), device="cpu").by_class == {"dark": 1.0}


def test_uncertain_cases_and_where_the_doubt_comes_from(model):
    images = flat(0, 255, 128, 255)
    names = ["black", "white", "grey", "white too"]
    cases = uncertain_cases(model, images, names, np.array([0, 1, 0, 1]), samples=400, device="cpu")
    assert cases[0].name == "grey"
    assert (cases[0].truth, cases[0].guess) == ("dark", "bright")
    assert cases[0].entropy > 0.99
    assert (
        cases[0].disagreement < 0.01
    )  # close to the border whatever is left out: nobody contradicts anybody
    # of white the network is sure, but for the quarter of the samples in which both of its numbers are left out
    white = next(case for case in cases if case.name == "white")
    assert white.probability == pytest.approx(7 / 8, abs=0.03)
    assert white.entropy == pytest.approx(0.544, abs=0.08)
    assert white.disagreement == pytest.approx(0.544 - 1 / 4, abs=0.06)
    assert len(uncertain_cases(model, images, names, most=2, samples=2, device="cpu")) == 2


def test_dropout_is_on_for_samples_alone_and_repeatable(model):
    images = flat(160)
    before = torch.get_rng_state()
    samples = class_probabilities(model, images, samples=20, seed=3, device="cpu")
    assert samples.shape == (20, 1, 2)
    assert len(np.unique(samples[:, 0, 1].round(6))) > 1
    np.testing.assert_array_equal(
        samples, class_probabilities(model, images, samples=20, seed=3, device="cpu")
    )
    assert torch.equal(before, torch.get_rng_state())
    plain = class_probabilities(model, images, device="cpu")
    np.testing.assert_array_equal(plain, class_probabilities(model, images, device="cpu"))


def test_another_model_is_refused():
    with pytest.raises(CellSimError, match="is a unet"):
        class_probabilities(Model.create("u", "unet"), flat(1), device="cpu")
