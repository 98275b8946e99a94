"""Two processes, connected by lightning-fabric over gloo, train what one would."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from discs import write_discs
from lines import new_line
from ranks import SETTINGS
from safetensors.torch import load_file

from napari_cellsim.base import CellSimError
from napari_cellsim.models import load_model
from napari_cellsim.training import FitConfig, PictureConfig, RunFolder, VAEConfig, fit, write_run
from napari_cellsim.training.checkpoints import list_checkpoints
from napari_cellsim.training.feeding import collate
from napari_cellsim.training.pictures import PictureFeeder
from napari_cellsim.training.processes import join

needs_fabric = pytest.mark.skipif(
    find_spec("lightning_fabric") is None or sys.platform == "win32",
    reason="lightning-fabric (the extra 'distributed') is not installed, or torchrun does not run here",
)


def torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Start two processes on this machine."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What `ranks.main` has done."""
    root = tmp_path_factory.mktemp("ranks")
    store = write_discs(tmp_path_factory.mktemp("discs"))
    torchrun(Path(__file__).with_name("ranks.py"), root, store)
    return root


def of_rank(root, name, rank):
    return load_file(root / f"{name}-{rank}.safetensors")


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def curve(folder):
    return {e["step"]: e["losses"]["loss"] for e in RunFolder(folder).events() if e["event"] == "StepLogged"}


@needs_fabric
def test_the_loss_curve_is_that_of_one_process(runs, tmp_path):
    list(fit(new_line(dropout=0), SETTINGS, tmp_path))
    alone, together = curve(tmp_path), curve(runs / "exact")
    assert list(together) == [5, 10, 15, 20, 25, 30]
    assert together == pytest.approx(alone, rel=1e-4)
    final, expected = (load_file(folder / "final.safetensors") for folder in (runs / "exact", tmp_path))
    for name in expected:
        torch.testing.assert_close(final[name], expected[name], atol=1e-5, rtol=0)


@needs_fabric
@pytest.mark.parametrize("name", ["exact", "chance", "gan"])
def test_all_processes_hold_the_same_weights(runs, name):
    assert equal(of_rank(runs, name, 0), of_rank(runs, name, 1))


@needs_fabric
def test_each_process_has_chance_of_its_own(runs):
    (*_, last) = list_checkpoints(runs / "chance" / "checkpoints")
    tensors = load_file(last / "tensors.safetensors")
    assert not torch.equal(tensors["random/torch"], tensors["random/torch/1"])


@needs_fabric
def test_a_fault_in_one_process_stops_all_and_the_resumed_run_equals_the_uninterrupted(runs):
    assert equal(of_rank(runs, "poisoned", 1), of_rank(runs, "chance", 1))
    final, expected = (load_file(runs / name / "final.safetensors") for name in ("poisoned", "chance"))
    assert equal(final, expected)
    assert curve(runs / "poisoned") == curve(runs / "chance")
    for rank in range(2):
        told = (runs / f"told-{rank}.txt").read_text()
        assert "poisoned Training stopped at step 12 because the loss is not finite" in told


@needs_fabric
def test_only_the_first_process_speaks_and_writes(runs):
    told = (runs / "told-1.txt").read_text().splitlines()
    assert [line for line in told if "Training stopped" not in line and "cannot be shared" not in line] == []
    steps = [e["step"] for e in RunFolder(runs / "exact").events() if e["event"] == "CheckpointSaved"]
    assert steps == sorted(set(steps))


@needs_fabric
def test_a_batch_that_cannot_be_shared_is_refused(runs):
    assert "A batch of 15 cannot be shared equally by 2 processes" in (runs / "told-0.txt").read_text()


@needs_fabric
def test_the_command_is_the_same_under_torchrun(tmp_path):
    data = PictureConfig(folder=str(write_discs(tmp_path / "store")), size=32, batch=4)
    settings = VAEConfig(data=data, overrides={"widths": [8, 8, 12, 12], "latent": 8})
    write_run(tmp_path / "run", "vae", settings, FitConfig(epochs=2, log_every=3))
    done = torchrun("-m", "napari_cellsim", "train", tmp_path / "run")
    assert done.stdout.count("finished, model") == 1
    assert load_model(tmp_path / "run" / "final.safetensors").card.training["processes"] == 2


def test_shares_of_a_batch_make_up_the_whole(tmp_path):
    data = PictureConfig(folder=str(write_discs(tmp_path)), size=32, batch=6)
    feeder = PictureFeeder(data.pictures("train"), data)
    whole = feeder(3).images
    shares = []
    for rows in (slice(0, 3), slice(3, 6)):
        feeder.share = rows
        shares.append(feeder(3).images)
    assert torch.equal(torch.cat(shares), whole)


def test_shares_of_sequences_make_up_the_whole(store):
    from napari_cellsim.training import DataConfig

    feeder = DataConfig(folder=str(store), batch=4, crop=32).feeder(history=2)
    assert len(feeder) == 4 * 9
    whole = feeder(5, 3)
    shares = []
    for rows in (slice(0, 2), slice(2, 4)):
        feeder.share = rows
        shares.append(feeder(5, 3))
    assert torch.equal(collate(shares).images, whole.images)
    assert torch.equal(shares[1].flow, whole.part(slice(2, 4)).flow)


def test_several_processes_without_lightning_fabric_are_told_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)  # so that importing it fails
    for name, value in {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CellSimError, match=r"pip install .*napari-cellsim\[distributed\]"):
        join("cpu")
