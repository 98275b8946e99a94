"""Finding models by name, and the partners of a model."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from napari_cellsim.base import CellSimError
from napari_cellsim.models import (
    Model,
    ModelCard,
    list_models,
    load_model,
    resolve_partner,
    store,
    user_model_folder,
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "mine"))
    return tmp_path / "mine"


def make(name: str, kind: str = "unet", seed: int = 0, **card) -> Model:
    torch.manual_seed(seed)
    return Model.create(name, kind, "lite", card=ModelCard(**card))


def own() -> dict[str, object]:
    return {entry.name: entry for entry in list_models() if not entry.bundled}


def test_folder_is_the_systems_unless_named(monkeypatch, tmp_path):
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path))
    assert user_model_folder() == tmp_path
    monkeypatch.delenv("CELLSIM_MODEL_DIR")
    assert "napari-cellsim" in user_model_folder().parts
    assert own() is not None  # reading it needs no folder


def test_stored_model_is_listed_and_loaded_by_name(folder):
    assert own() == {}
    model = make("trap chip 3", description="Finds cells.", pixel_size=0.2)
    path = store(model)
    assert path.parent == folder
    entry = own()["trap chip 3"]
    assert (entry.path, entry.kind, entry.bundled, entry.problem) == (path, "unet", False, None)
    assert entry.card == model.card
    assert entry.hash == model.hash
    assert entry.size == path.stat().st_size
    assert entry.parameters == sum(t.numel() for t in model.network.state_dict().values())
    assert load_model("trap chip 3").hash == model.hash
    assert load_model(str(path)).hash == model.hash


def test_storing_twice_is_harmless_but_a_name_has_one_owner(folder):
    store(make("a"))
    store(make("a"))
    with pytest.raises(CellSimError, match="another model called 'a'"):
        store(make("a", seed=1))
    store(make("a", seed=1), name="b")
    assert set(own()) == {"a", "b"}
    assert load_model("b").name == "b"


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "c:d"])
def test_names_that_are_no_file_names(folder, name):
    with pytest.raises(CellSimError, match="cannot name a model"):
        store(make("a"), name=name)
    assert not folder.exists()


def test_unknown_name_lists_the_known(folder):
    store(make("mine"))
    with pytest.raises(CellSimError, match=r"no model called 'yours'; known models: .*mine"):
        load_model("yours")


def test_broken_file_is_listed_with_its_problem(folder):
    store(make("good"))
    (folder / "broken.safetensors").write_bytes(b"nothing")
    entries = own()
    assert entries["good"].problem is None
    assert "broken.safetensors" in entries["broken"].problem
    with pytest.raises(CellSimError, match=r"broken\.safetensors"):
        load_model("broken")


def test_folder_that_cannot_be_made(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CELLSIM_MODEL_DIR", str(tmp_path / "file" / "models"))
    with pytest.raises(CellSimError, match="cannot be made"):
        store(make("a"))


def test_bundled_models_load_and_find_their_partners(folder):
    bundled = [entry for entry in list_models() if entry.bundled]
    assert {entry.kind for entry in bundled} == {"sdcnet", "pwcnet", "unet", "cellgan", "vae"}
    for entry in bundled:
        assert entry.problem is None
        model = load_model(entry.name)
        assert model.hash == entry.hash
        for role, partner in model.card.partners.items():
            assert resolve_partner(model, role).hash == partner["hash"]
        assert model.warnings == []


def test_partner_is_found_by_hash_even_under_another_name(folder):
    flow = make("flow", "pwcnet")
    predictor = make("p", partners={"flow": {"name": "flow", "hash": flow.hash}})
    store(make("flow", "pwcnet", seed=1))
    store(flow, name="renamed")
    assert resolve_partner(predictor, "flow").name == "renamed"
    assert predictor.warnings == []


def test_partner_beside_the_file_of_the_model(folder, tmp_path):
    flow = make("flow", "pwcnet")
    flow.save(tmp_path / "flow.safetensors")
    make("p", partners={"flow": {"name": "flow", "hash": flow.hash}}).save(tmp_path / "p.safetensors")
    assert resolve_partner(load_model(tmp_path / "p.safetensors"), "flow").hash == flow.hash


def test_partner_with_other_weights_is_used_with_a_warning(folder):
    flow = make("flow", "pwcnet")
    predictor = make("p", partners={"flow": {"name": "flow", "hash": "0" * 64}})
    store(flow)
    for _ in range(2):
        with pytest.warns(UserWarning, match=r"trained with flow model 'flow' of hash 000000000000"):
            partner = resolve_partner(predictor, "flow")
    assert partner.hash == flow.hash
    assert len(predictor.warnings) == 1
    assert flow.hash[:12] in predictor.warnings[0]


def test_missing_partner(folder):
    predictor = make("p", partners={"flow": {"name": "flow", "hash": "0" * 64}})
    with pytest.raises(CellSimError, match="needs the flow model 'flow'"):
        resolve_partner(predictor, "flow")
    with pytest.raises(CellSimError, match="names no partner for segmentation"):
        resolve_partner(predictor, "segmentation")


def test_listing_does_not_import_torch(folder):
    store(make("a"))
    code = (
        "import sys, napari_cellsim.models as m\n"
        "names = [e.name for e in m.list_models()]\n"
        "assert 'a' in names and m.Model and m.load_model and m.import_weights\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    environment = os.environ | {"CELLSIM_MODEL_DIR": str(folder)}
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
