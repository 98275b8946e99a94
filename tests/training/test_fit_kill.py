"""A run that is killed again and again ends like one that was not."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time

import pytest
import torch
from lines import new_line
from safetensors.torch import load_file

from napari_cellsim.training import FitConfig, RunFolder, fit

# Large tensors and a checkpoint after nearly every step: most of the time is spent writing.
WIDTH = 100_000
CONFIG = FitConfig(steps=80, log_every=7, validate_every=5, checkpoint_every=2, average=0.9, seed=3, keep=1)


def train(folder):
    torch.set_num_threads(1)
    for _ in fit(new_line(width=WIDTH), CONFIG, folder):
        pass


def told(folder):
    """Return what the run has logged, without times."""
    events = []
    for event in RunFolder(folder).events():
        if event["event"] in ("StepLogged", "Validated"):
            kept = ("event", "step", "losses", "learning_rate", "progress", "metrics", "best")
            events.append({name: event[name] for name in kept if name in event})
    return events


def _checkpoint_after(child, folder, drafts):
    """Wait until the run has gone on by one checkpoint, or writes one."""
    known = {path.name for path in folder.glob("checkpoints/*")}
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and child.is_alive():
        found = {path.name for path in folder.glob("checkpoints/*")}
        if any(name.startswith(".step") if drafts else name.startswith("step") for name in found - known):
            return True
        time.sleep(0.0005)
    return False


@pytest.mark.skipif(sys.platform == "win32", reason="needs a fork server, which Windows lacks")
def test_killed_at_random_moments_equals_uninterrupted(tmp_path):
    reference, folder = tmp_path / "reference", tmp_path / "killed"
    train(reference)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lines", "napari_cellsim.training"])
    chance = random.Random(0)
    in_writing = 0
    for number in range(8):
        child = context.Process(target=train, args=(folder,))
        child.start()
        # Every other time as soon as a new checkpoint is being written, else anywhere after it.
        begun = _checkpoint_after(child, folder, drafts=bool(number % 2))
        time.sleep(chance.uniform(0, 0.003 if number % 2 else 0.1))
        child.kill()
        child.join()
        in_writing += bool(list(folder.glob("checkpoints/.step-*")))
        assert begun
    assert in_writing  # some of the kills hit a checkpoint half-written or half-deleted
    train(folder)
    final, expected = (load_file(f / "final.safetensors") for f in (folder, reference))
    assert all(torch.equal(final[name], expected[name]) for name in expected)
    assert told(folder) == told(reference)
    assert not list(folder.glob("checkpoints/.step-*"))
