"""Micro-batches, precision, full memory, full disk, numbers that are none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from lines import SETTINGS, new_line
from safetensors.torch import load_file

from napari_cellsim.base import CellSimError
from napari_cellsim.training import BatchDivided, CheckpointSaved, FitConfig, RunFolder, StepLogged, fit
from napari_cellsim.training.checkpoints import list_checkpoints

STEPS = FitConfig(steps=30, log_every=10, checkpoint_every=7, seed=3)


def run(folder, recipe, **changes):
    events = list(fit(recipe, STEPS.model_copy(update=changes), folder))
    return events, load_file(folder / "final.safetensors")


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def close(a, b, tolerance):
    return all(torch.allclose(a[name], b[name], atol=tolerance, rtol=0) for name in a)


@pytest.mark.parametrize(("parts", "sizes"), [(4, {4}), (5, {3, 4}), (99, {1})])
def test_micro_batches_give_the_gradient_of_the_batch(tmp_path, parts, sizes):
    events, whole = run(tmp_path / "whole", new_line(dropout=0))
    recipe = new_line(dropout=0)
    divided_events, divided = run(tmp_path / "divided", recipe, accumulate=parts)
    assert set(recipe.seen) == sizes
    assert close(whole, divided, 1e-5)
    for a, b in zip(events, divided_events, strict=True):
        if isinstance(a, StepLogged):
            assert b.losses["loss"] == pytest.approx(a.losses["loss"], rel=1e-4)


def test_bfloat16_computes_roughly_and_keeps_float32_weights(tmp_path):
    events, exact = run(tmp_path / "exact", new_line(dropout=0))
    rough_events, rough = run(tmp_path / "rough", new_line(dropout=0), precision="bfloat16")
    assert all(value.dtype == torch.float32 for value in rough.values())
    assert not equal(exact, rough)
    assert close(exact, rough, 0.05)
    (*_, last), (*_, rough_last) = (
        [e for e in found if isinstance(e, StepLogged)] for found in (events, rough_events)
    )
    assert rough_last.losses["loss"] == pytest.approx(last.losses["loss"], rel=0.1)


def test_full_memory_divides_the_batch_and_changes_nothing_else(tmp_path):
    _, expected = run(tmp_path / "divided", new_line(), accumulate=4)
    recipe = new_line(memory=5)
    events, found = run(tmp_path / "full", recipe)
    assert recipe.seen[:4] == [16, 8, 4, 4]
    assert [(e.step, e.parts) for e in events if isinstance(e, BatchDivided)] == [(1, 4)]
    # Bit for bit, dropout included: chance starts anew for the repeated batch.
    assert equal(found, expected)


def test_a_resumed_run_does_not_fill_the_memory_again(tmp_path):
    for event in fit(new_line(memory=5), STEPS, tmp_path):
        if isinstance(event, CheckpointSaved):
            break
    recipe = new_line(memory=5)
    run(tmp_path, recipe)
    assert max(recipe.seen) == 4


def test_memory_too_small_for_one_sample_is_said(tmp_path):
    with pytest.raises(
        CellSimError, match="step 0 because the memory of cpu does not hold it; choose smaller"
    ):
        run(tmp_path, new_line(memory=0))
    assert RunFolder(tmp_path).state()["status"] == "failed"


def test_weights_that_are_no_numbers_are_never_written(tmp_path):
    recipe = new_line()
    plain = recipe.train_step

    def train_step(batch, progress):
        values = plain(batch, progress)
        if progress >= 12 / 30:
            with torch.no_grad():
                recipe.modules["network"][0].weight[0, 0] = float("inf")
        return values

    recipe.train_step = train_step
    with pytest.raises(CellSimError, match=r"step 13 .*network\.0\.weight is not finite.*step-00000012"):
        run(tmp_path, recipe, checkpoint_every=1)
    last = list_checkpoints(tmp_path / "checkpoints")[-1]
    assert all(t.isfinite().all() for t in load_file(last / "tensors.safetensors").values())


def run_until_checkpoint_then(folder, then):
    """Train a network of some size; call `then` after the first checkpoint."""
    called = False
    for event in fit(new_line(width=8192), SETTINGS, folder):
        if isinstance(event, CheckpointSaved) and not called:
            called = True
            then()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    list(fit(new_line(width=8192), SETTINGS, folder))
    return load_file(folder / "final.safetensors")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_no_room_for_a_checkpoint(tmp_path, undisturbed):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(CellSimError, match=r"step 14 because there is no room left.*step-00000007"):
            run_until_checkpoint_then(
                tmp_path, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert RunFolder(tmp_path).state()["status"] == "failed"
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000007"]
    list(fit(new_line(width=8192), SETTINGS, tmp_path))
    assert equal(load_file(tmp_path / "final.safetensors"), undisturbed)


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only the administrator can make a small disk")
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True
    )
    if made.returncode:
        pytest.skip(f"no small disk can be made here: {made.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_ends_the_run_and_keeps_the_last_checkpoint(small_disk, undisturbed):
    filler = small_disk / "filler"

    def fill():
        with filler.open("wb", buffering=0) as file:
            while True:
                try:
                    if not file.write(b"x" * 4096):
                        return
                except OSError:
                    return

    run_folder = small_disk / "run"
    with pytest.raises(CellSimError, match=r"no room left to write.*The last good state is .*step-00000007"):
        run_until_checkpoint_then(run_folder, fill)
    filler.unlink()
    list(fit(new_line(width=8192), SETTINGS, run_folder))
    assert equal(load_file(run_folder / "final.safetensors"), undisturbed)
