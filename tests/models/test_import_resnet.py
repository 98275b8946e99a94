"""ResNet-18 in torchvision's layout: what arrives, what is said of it, and files that are something else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_cellsim.base import CellSimError
from napari_cellsim.models import import_weights, list_models, load_model, store
from napari_cellsim.models.import_resnet import origin

State = dict[str, Tensor]


@pytest.fixture(scope="module")
def imported(resnet18_file: Path):
    return import_weights(resnet18_file)


def write(folder: Path, state: State, name: str = "weights.pth") -> Path:
    torch.save(state, folder / name)
    return folder / name


def light(state: State) -> State:
    """The same names and shapes in a file of some kilobytes."""
    return {key: torch.zeros(1).expand(value.shape) for key, value in state.items()}


def test_every_weight_arrives_but_the_last_layer(imported, resnet18_state):
    assert (imported.kind, imported.name) == ("backbone", "resnet18-f37072fd")
    own = imported.network.state_dict()
    assert set(resnet18_state) - set(own) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(value, resnet18_state[key]) for key, value in own.items())


def test_it_is_kept_and_found_by_name(imported, tmp_path, monkeypatch):
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path))
    store(imported)
    (entry,) = [entry for entry in list_models() if entry.name == "resnet18-f37072fd"]
    assert (entry.kind, entry.problem) == ("backbone", None)
    kept = load_model("resnet18-f37072fd")
    assert kept.hash == imported.hash
    assert kept.card == imported.card


def test_the_card_claims_no_more_than_is_known(imported):
    card = imported.card
    assert "neither of torchvision's two files" in card.trained_on, (
        "this one has the name of one, but not its bytes"
    )
    for known in ("f37072fd", "5c106cde"):
        assert "ImageNet-1k" in origin(known + "0" * 56)
        assert "not known" not in origin(known + "0" * 56)
    assert "Brought by the user" in card.licence
    assert "red, green, blue in [-1, 1]" in card.normalisation
    assert card.training["imported_from"] == "resnet18-f37072fd.pth"


def test_other_ways_to_write_the_same(imported, resnet18_state, tmp_path):
    counted = {key.replace("running_var", "num_batches_tracked"): torch.tensor(7) for key in resnet18_state}
    counted = {key: value for key, value in counted.items() if key.endswith("num_batches_tracked")}
    assert len(counted) == 20
    parallel = {f"module.{key}": value for key, value in (resnet18_state | counted).items()}
    assert import_weights(write(tmp_path, {"state_dict": parallel, "epoch": 90})).hash == imported.hash
    old = tmp_path / "resnet18-5c106cde.pth"
    parameters = {key: torch.nn.Parameter(value) for key, value in resnet18_state.items()}
    torch.save(parameters, old, _use_new_zipfile_serialization=False)
    model = import_weights(old, kind="resnet18")
    assert model.hash == imported.hash
    assert model.name == "resnet18-5c106cde"


def test_other_files_get_a_sentence(resnet18_state, tmp_path):
    state = light(resnet18_state)

    def refused(change: State, match: str, drop: str = "", kind: str = "auto") -> None:
        new = {key: value for key, value in (state | change).items() if key != drop}
        with pytest.raises(CellSimError, match=match):
            import_weights(write(tmp_path, new), kind)

    refused({}, r"lacks the weights layer3\.1\.bn2\.running_mean", drop="layer3.1.bn2.running_mean")
    refused({}, r"lacks the weights fc\.bias", drop="fc.bias")
    refused({"layer4.2.conv1.weight": torch.zeros(1)}, r"unknown weights layer4\.2\.conv1\.weight")
    refused({"fc.weight": torch.zeros(10, 512)}, r"another shape fc\.weight")
    refused({"conv1.weight": torch.zeros(64, 1, 7, 7)}, r"another shape conv1\.weight")
    refused({"bn1.bias": torch.full((64,), torch.nan)}, r"damaged: bn1\.bias")
    refused({}, "does not fit its network", kind="pwcnet")
    bottleneck = {"layer1.0.conv3.weight": torch.zeros(256, 64, 1, 1)}  # of ResNet-50
    refused(bottleneck, r"read as a ResNet-18, does not fit .* layer1\.0\.conv3\.weight")


def test_what_is_none_of_the_known_networks(resnet18_file, tmp_path):
    with pytest.raises(CellSimError, match="none of the weights that can be imported"):
        import_weights(write(tmp_path, {"features.0.weight": torch.zeros(64, 3, 3, 3)}))
    cut = tmp_path / "cut.pth"
    cut.write_bytes(resnet18_file.read_bytes()[:-100_000])
    with pytest.raises(CellSimError, match=r"cut\.pth cannot be read as PyTorch weights"):
        import_weights(cut)
