"""Model files: round trips, hashes, and everything that can be wrong with a file."""

from __future__ import annotations

import json
import sys
import zipfile

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.models import FORMAT_VERSION, Model, ModelCard, load_model

VERSION_KEY, CONTENT_KEY = "napari_cellsim_model", "model"


@pytest.fixture(scope="module")
def model() -> Model:
    """A U-Net with random weights and a full card."""
    torch.manual_seed(1)
    card = ModelCard(
        description="Finds cells.",
        trained_on="64 phantom sequences",
        pixel_size=0.108,
        interval=10,
        modality="brightfield",
        normalisation={"method": "percentile", "low": 1, "high": 99.8},
        metrics={"iou": {"cell of interest": 0.91}},
        partners={"flow": {"name": "pwcnet-lite", "hash": "ab" * 32}},
        licence="BSD-3-Clause",
        training={"seed": 3, "steps": [100, 200]},
        input_size=128,
    )
    return Model.create("unet-test", "unet", "lite", card=card)


@pytest.fixture
def saved(model, tmp_path):
    path = tmp_path / "model.safetensors"
    model.save(path)
    return path


def rewrite(path, change) -> None:
    """Apply `change(tensors, metadata)` to a model file."""
    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    tensors = load_file(path)
    change(tensors, metadata)
    save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize(("kind", "preset"), [("sdcnet", "lite"), ("pwcnet", "lite"), ("unet", "lite")])
def test_each_kind_returns_from_its_file(kind, preset, tmp_path):
    model = Model.create(f"my {kind}", kind, preset)
    path = tmp_path / "any name.safetensors"
    digest = model.save(path)
    loaded = load_model(path)
    assert (loaded.name, loaded.kind, loaded.source) == (model.name, kind, path)
    assert loaded.network.config == model.network.config
    assert loaded.hash == digest == model.hash
    assert not loaded.network.training
    for key, tensor in model.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[key], tensor)


def test_card_returns_whole(model, saved):
    loaded = load_model(saved)
    assert loaded.card == model.card
    assert loaded.card.input_size == (128, 128)
    assert loaded.card.format_version == FORMAT_VERSION


def test_overridden_configuration_returns(tmp_path):
    path = tmp_path / "small.safetensors"
    Model.create("small", "pwcnet", "lite", context_channels=(8,), context_dilations=(2,)).save(path)
    assert load_model(path).network.config.context_channels == (8,)


def test_half_precision_rounds_once_and_the_hash_says_so(model, tmp_path):
    whole, half, again = (tmp_path / f"{name}.safetensors" for name in ("whole", "half", "again"))
    model.save(whole)
    digest = model.save(half, half=True)
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    loaded = load_model(half)
    assert all(t.dtype == torch.float32 for t in loaded.network.parameters())
    for key, tensor in model.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[key], tensor.half().float())
    assert loaded.hash == digest != model.hash
    assert loaded.save(again, half=True) == digest
    assert loaded.save(again, half=False) == digest


def test_too_large_for_half_precision_leaves_no_file(tmp_path):
    model = Model.create("huge", "unet")
    with torch.no_grad():
        next(model.network.parameters()).fill_(1e6)
    with pytest.raises(CellSimError, match="too large for float16"):
        model.save(tmp_path / "huge.safetensors", half=True)
    assert list(tmp_path.iterdir()) == []


def test_hash_sees_weights_and_configuration():
    torch.manual_seed(0)
    one = Model.create("a", "pwcnet")
    before = one.hash
    assert before == one.hash
    assert Model("another name", "pwcnet", {"pwcnet": one.network}, ModelCard(description="x")).hash == before
    with torch.no_grad():
        one.network.context[0][0].weight[0, 0, 0, 0] += 1e-6
    assert one.hash != before
    torch.manual_seed(0)
    assert Model.create("a", "pwcnet", context_dilations=(1, 2, 4, 4)).hash != before


def test_no_way_of_changing_weights_escapes_the_hash():
    model = Model.create("a", "unet")
    name, weight = next(iter(model.network.named_parameters()))
    fresh = weight.detach().clone()
    seen = [model.hash]

    def changed() -> bool:
        anew = Model("a", model.kind, model.networks).hash  # remembers nothing
        seen.append(model.hash)
        return seen[-1] == anew != seen[-2]

    optimiser = torch.optim.SGD([weight], lr=0.1)
    weight.grad = torch.ones_like(weight)
    optimiser.step()
    assert changed()
    with torch.no_grad():
        weight.copy_(weight.flip(0))
    assert changed()
    weight.data.view(-1)[-1] += 1e-6
    assert changed()
    weight.detach().numpy().reshape(-1)[0] += 1e-6
    assert changed()
    weight.data = weight.data + 1
    assert changed()
    model.network.load_state_dict({**model.network.state_dict(), name: fresh})
    assert changed()
    assert seen[-1] == seen[0]
    model.network.config = model.network.config.model_copy(update={"in_channels": 2})
    assert changed()


def test_setting_of_a_later_version_changes_no_hash(model, saved):
    class Later(type(model.network.config)):
        new_setting: int = 0

    network = Model.create("a", "unet").network
    network.load_state_dict(model.network.state_dict())
    network.config = Later(**network.config.model_dump())
    assert Model("a", "unet", {"unet": network}).hash == model.hash
    network.config = Later(**network.config.model_dump() | {"new_setting": 1})
    assert Model("a", "unet", {"unet": network}).hash != model.hash

    def forget(tensors, metadata):
        """Make the file as a version before the setting `in_channels`, whose default is 1, would have."""
        content = json.loads(metadata[CONTENT_KEY])
        del content["networks"]["unet"]["config"]["in_channels"]
        metadata[CONTENT_KEY] = json.dumps(content)

    rewrite(saved, forget)
    assert load_model(saved).hash == model.hash


def test_file_without_a_younger_setting_keeps_its_old_meaning(tmp_path):
    path = tmp_path / "a.safetensors"
    digest = Model.create("a", "pwcnet", "lite", normalised=False).save(path)

    def forget(tensors, metadata):
        content = json.loads(metadata[CONTENT_KEY])
        del content["networks"]["pwcnet"]["config"]["normalised"]
        metadata[CONTENT_KEY] = json.dumps(content)

    rewrite(path, forget)
    loaded = load_model(path)
    assert not loaded.network.config.normalised
    assert loaded.hash == digest


@pytest.mark.parametrize("kind", ["sdcnet", "pwcnet", "unet"])
def test_thesis_preset_is_the_default_configuration(kind):
    """Reading files relies on it."""
    config = nets.create(kind, "thesis").config
    assert config == type(config)()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
def test_file_can_be_read_by_whom_the_system_allows(saved):
    plain = saved.with_name("plain")
    plain.touch()
    assert saved.stat().st_mode == plain.stat().st_mode


def test_save_replaces_a_file_and_leaves_nothing_beside_it(model, saved):
    model.save(saved)
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a process's files")
def test_failed_save_keeps_the_old_file(model, saved):
    import resource

    old = saved.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(CellSimError, match="'unet-test' cannot be written"):
            model.save(saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert saved.read_bytes() == old
    assert list(saved.parent.iterdir()) == [saved]


def test_save_wants_the_suffix(model, tmp_path):
    with pytest.raises(CellSimError, match=r"\*\.safetensors"):
        model.save(tmp_path / "model.pt")


def test_unknown_kind_or_missing_network():
    network = Model.create("a", "unet").network
    with pytest.raises(CellSimError, match="unknown kind"):
        Model("a", "oracle", {"oracle": network})
    with pytest.raises(CellSimError, match="no network 'sdcnet'"):
        Model("a", "sdcnet", {"unet": network})


def test_foreign_network_cannot_be_saved(tmp_path):
    model = Model("a", "unet", {"unet": torch.nn.Linear(2, 2)})
    with pytest.raises(CellSimError, match="Linear"):
        model.save(tmp_path / "a.safetensors")


def test_moving_does_not_change_the_hash(model):
    before = model.hash
    assert model.to("cpu") is model
    assert model.hash == before


@pytest.mark.parametrize("kept", [0, 5, 100, -1, -1000])
def test_cut_off_file(saved, kept):
    saved.write_bytes(saved.read_bytes()[:kept])
    with pytest.raises(CellSimError, match=r"cut off|empty"):
        load_model(saved)


def test_flipped_weight_bit(saved):
    data = bytearray(saved.read_bytes())
    data[-3] ^= 1
    saved.write_bytes(data)
    with pytest.raises(CellSimError, match="altered or damaged"):
        load_model(saved)


def test_newer_format(saved):
    rewrite(
        saved,
        lambda tensors, metadata: metadata.update({VERSION_KEY: str(FORMAT_VERSION + 1), CONTENT_KEY: "?"}),
    )
    with pytest.raises(CellSimError, match="update napari-cellsim"):
        load_model(saved)


def test_damaged_description(saved):
    rewrite(saved, lambda tensors, metadata: metadata.update({CONTENT_KEY: '{"name": 3}'}))
    with pytest.raises(CellSimError, match=r"description in model file .* is damaged"):
        load_model(saved)


def test_configuration_that_makes_no_network(saved):
    def change(tensors, metadata):
        content = json.loads(metadata[CONTENT_KEY])
        content["networks"]["unet"]["config"]["widths"] = "wide"
        metadata[CONTENT_KEY] = json.dumps(content)

    rewrite(saved, change)
    with pytest.raises(CellSimError, match="cannot be used"):
        load_model(saved)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t, k: t.pop(k), "lacks the weights"),
        (lambda t, k: t.update({"unet.more": torch.zeros(2)}), "has unknown weights unet.more"),
        (lambda t, k: t.update({k: torch.zeros(1)}), "has weights of another shape"),
    ],
)
def test_weights_that_do_not_fit(saved, change, words):
    rewrite(saved, lambda tensors, metadata: change(tensors, sorted(tensors)[0]))
    with pytest.raises(CellSimError, match=words):
        load_model(saved)


def test_other_files_are_called_by_their_name(tmp_path):
    def path(name: str, content: bytes = b""):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    torch.save({"a": torch.zeros(1)}, tmp_path / "weights.pth")
    torch.save({"a": torch.zeros(1)}, tmp_path / "old.pth.tar", _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(tmp_path / "zip.safetensors", "w") as archive:
        archive.writestr("a", "b")
    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors", metadata={"format": "pt"})
    import tifffile

    tifffile.imwrite(tmp_path / "movie.tif", np.zeros((4, 4), np.uint8))
    cases = {
        tmp_path / "weights.pth": "PyTorch checkpoint",
        tmp_path / "old.pth.tar": "PyTorch checkpoint",
        tmp_path / "zip.safetensors": "PyTorch checkpoint or another zip",
        tmp_path / "foreign.safetensors": "safetensors file of another program",
        tmp_path / "movie.tif": "is a picture",
        path("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(100)): "HDF5",
        path("empty.safetensors"): "is empty",
        path("notes.txt", b"Lorem ipsum dolor sit amet"): "is not a CellSim model",
        path("list.safetensors", (2).to_bytes(8, "little") + b"[]"): "damaged",
        path("huge.safetensors", b"\xff" * 64): "damaged",
        tmp_path: "is a folder",
        tmp_path / "absent.safetensors": "There is no model file",
    }
    for file, words in cases.items():
        with pytest.raises(CellSimError, match=words) as caught:
            load_model(file)
        assert str(file) in str(caught.value)
