from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch
from lines import SETTINGS, Line, new_line
from safetensors.torch import load_file

from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.training import (
    CheckpointSaved,
    Finished,
    FitConfig,
    Paused,
    Resumed,
    RunFolder,
    StepLogged,
    Validated,
    fit,
)
from napari_cellsim.training.checkpoints import list_checkpoints


def weights(folder):
    return load_file(Path(folder) / "final.safetensors")


def equal(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture
def reference(tmp_path):
    folder = tmp_path / "reference"
    events = list(fit(new_line(), SETTINGS, folder))
    return folder, events


def test_a_run_learns_and_tells(reference):
    folder, events = reference
    logged = [e for e in events if isinstance(e, StepLogged)]
    assert [e.step for e in logged] == [10, 20, 30, 40, 50, 60]
    assert logged[-1].losses["loss"] < 0.5 * logged[0].losses["loss"]
    assert [e.step for e in events if isinstance(e, Validated)] == [20, 40, 60]
    assert isinstance(events[-1], Finished)
    assert not events[-1].stopped
    written = RunFolder(folder).events()
    assert [w["event"] for w in written] == [type(e).__name__ for e in events]
    state = RunFolder(folder).state()
    assert (state["status"], state["step"], state["pid"]) == ("finished", 60, os.getpid())
    assert len(list_checkpoints(folder / "checkpoints")) == 2


@pytest.mark.parametrize("stop_after", [8, 23, 59])
def test_abandoned_and_resumed_equals_uninterrupted(reference, tmp_path, stop_after):
    folder = tmp_path / "resumed"
    for event in fit(new_line(), SETTINGS.model_copy(update={"log_every": 1}), folder):
        if isinstance(event, StepLogged) and event.step >= stop_after:
            break  # the generator is dropped here, as by a crash of its user
    torch.manual_seed(999)
    events = list(fit(Line(), SETTINGS, folder))  # other fresh weights: all must come from the checkpoint
    assert isinstance(events[0], Resumed)
    assert events[0].step == stop_after // 7 * 7
    assert equal(weights(folder), weights(reference[0]))
    steps = [e["step"] for e in RunFolder(folder).events() if e["event"] == "CheckpointSaved"]
    assert steps == sorted(set(steps))


def test_killed_and_resumed_equals_uninterrupted(reference, tmp_path):
    folder = tmp_path / "killed"
    script = textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from lines import SETTINGS, new_line
        from napari_cellsim.training import CheckpointSaved, fit
        for event in fit(new_line(), SETTINGS, {str(folder)!r}):
            if isinstance(event, CheckpointSaved) and event.step >= 21:
                print("ready", flush=True)
                time.sleep(60)
    """)
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert child.stdout.readline().strip() == b"ready"
        with pytest.raises(CellSimError, match=f"being trained already by process {child.pid}"):
            next(fit(new_line(), SETTINGS, folder))
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    with (folder / "events.jsonl").open("a") as file:
        file.write('{"event": "StepLog')  # a line cut by the kill
    list(fit(new_line(), SETTINGS, folder))
    assert equal(weights(folder), weights(reference[0]))


def test_control_file_pauses_resumes_and_stops(tmp_path):
    folder, config = RunFolder(tmp_path / "run"), FitConfig(steps=10_000, log_every=5, checkpoint_every=0)
    run = fit(new_line(), config, folder.path)
    while not isinstance(next(run), StepLogged):
        pass
    folder.control("pause")
    assert isinstance(next(run), CheckpointSaved)
    paused = next(run)
    assert isinstance(paused, Paused)
    folder.control("run")
    assert isinstance(next(run), Resumed)
    assert next(run).step > paused.step
    folder.control("stop")
    *_, last = run
    assert isinstance(last, Finished)
    assert last.stopped
    assert last.step < 10_000
    assert folder.final.is_file()
    assert folder.state()["status"] == "stopped"


def test_the_time_of_a_pause_is_not_counted(tmp_path):
    folder, token = RunFolder(tmp_path / "run"), JobToken()
    run = fit(new_line(), FitConfig(minutes=0.02, steps=100_000, log_every=5), folder.path, token)
    next(run)
    token.pause()
    while not isinstance(next(run), Paused):
        pass
    time.sleep(1.5)  # longer than the whole budget
    token.resume()
    assert any(isinstance(event, StepLogged) for event in list(run))
    assert folder.state()["status"] == "finished"


def test_cancelling_keeps_a_checkpoint(tmp_path):
    token = JobToken()
    run = fit(new_line(), FitConfig(steps=1000, log_every=5, checkpoint_every=0), tmp_path / "run", token)
    step = next(run).step
    token.cancel()
    assert isinstance(next(run), CheckpointSaved)
    with pytest.raises(JobCancelled):
        next(run)
    folder = RunFolder(tmp_path / "run")
    assert folder.state()["status"] == "cancelled"
    assert not folder.final.exists()
    assert isinstance(next(fit(new_line(), FitConfig(steps=1000), folder.path)), Resumed)
    assert step == 5


def test_a_nan_stops_the_run_with_the_last_good_state(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(CellSimError, match=r"step 17 because the loss is not finite.*step-00000014"):
        list(fit(new_line(poison_at=17), SETTINGS, folder))
    assert RunFolder(folder).state()["status"] == "failed"
    (last,) = list_checkpoints(folder / "checkpoints")[-1:]
    assert all(t.isfinite().all() for t in load_file(last / "tensors.safetensors").values())
    list(fit(new_line(), SETTINGS, folder))  # with mended data it can go on from there
    assert (folder / "final.safetensors").is_file()


def test_damaged_or_foreign_checkpoints_are_named(tmp_path):
    folder = tmp_path / "run"
    list(fit(new_line(), FitConfig(steps=5), folder))
    (checkpoint,) = list_checkpoints(folder / "checkpoints")
    tensors = checkpoint / "tensors.safetensors"
    tensors.write_bytes(tensors.read_bytes()[:200])
    with pytest.raises(CellSimError, match="step-00000005 cannot be continued"):
        next(fit(new_line(), FitConfig(steps=9), folder))


def test_half_written_checkpoints_are_not_seen(tmp_path):
    folder = tmp_path / "run"
    list(fit(new_line(), FitConfig(steps=5), folder))
    (folder / "checkpoints" / ".step-00000009-abc").mkdir()
    assert [p.name for p in list_checkpoints(folder / "checkpoints")] == ["step-00000005"]


def test_no_budget_is_refused(tmp_path):
    with pytest.raises(CellSimError, match="no budget"):
        next(fit(new_line(), FitConfig(), tmp_path))


def test_state_files_are_whole_json_at_any_time(tmp_path):
    folder = RunFolder(tmp_path)
    folder.write_state("running", 3)
    assert json.loads((tmp_path / "state.json").read_text())["step"] == 3
    with pytest.raises(CellSimError, match="explode"):
        folder.control("explode")
