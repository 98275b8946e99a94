"""The classifier: shapes, sizes, dropout, refusals."""

from __future__ import annotations

import pytest
import torch

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, load_model


@pytest.mark.parametrize(
    ("preset", "count"),
    # 3×3 convolutions without bias, scale and shift per channel, dense layers with bias
    [
        ("lite", 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 96) + 2 * 208 + 2 * 96 * 64 + 64 + 64 * 4 + 4),
        ("large", None),
    ],
)
def test_any_size_gives_one_score_per_class(preset, count):
    network = nets.create("classifier", preset).eval()
    if count:
        assert sum(p.numel() for p in network.parameters()) == count
    for size in ((8, 8), (16, 16), (17, 30)):
        assert network(torch.zeros(2, 3, *size)).shape == (2, 4)


def test_pictures_are_judged_one_by_one():
    network = nets.create("classifier", classes=3, channels=1).eval()
    images = torch.randn(5, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(images)[2:3], network(images[2:3]), atol=1e-5, rtol=1e-4)


def test_dropout_acts_in_training_alone():
    network = nets.create("classifier", dropout=0.5)
    image = torch.randn(1, 3, 16, 16)
    assert not torch.equal(network(image), network(image))
    network.eval()
    assert torch.equal(network(image), network(image))


def test_saved_and_loaded(tmp_path):
    model = Model.create("c", "classifier", widths=(8, 16), hidden=(8,))
    model.save(tmp_path / "c.safetensors")
    again = load_model(str(tmp_path / "c.safetensors"))
    assert again.kind == "classifier"
    assert again.hash == model.hash


def test_refusals():
    with pytest.raises(CellSimError, match="multiples of 4"):
        nets.create("classifier", widths=(10,))
    with pytest.raises(CellSimError, match="classes"):
        nets.create("classifier", classes=1)
    with pytest.raises(CellSimError, match="3 channels"):
        nets.create("classifier")(torch.zeros(1, 1, 16, 16))
    with pytest.raises(CellSimError, match="at least 8 px"):
        nets.create("classifier")(torch.zeros(1, 3, 4, 4))
