"""`train`: a real short run in a real process, interrupted and resumed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_cellsim.training import DataConfig, FitConfig, RunFolder, SegmentationConfig, write_run
from napari_cellsim.training.sequences import write_sequence


@pytest.fixture
def run_toml(tmp_path) -> Path:
    """A run on random pictures that would take for ever."""
    generator = np.random.default_rng(0)
    for part in ("train", "validation"):
        arrays = {
            "images": generator.integers(0, 4000, (4, 48, 48)).astype(np.uint16),
            "semantic": generator.integers(0, 4, (4, 48, 48)).astype(np.uint8),
            "flow": np.zeros((3, 2, 48, 48), np.float16),
            "valid": np.ones((3, 48, 48), bool),
        }
        write_sequence(tmp_path / "store" / part / "one", arrays, {"pixel_size": 0.108, "interval": 10.0})
    data = DataConfig(folder=str(tmp_path / "store"), batch=1, crop=32, validation_sequences=1)
    schedule = FitConfig(steps=100_000, log_every=2, validate_every=0, checkpoint_every=0)
    return write_run(tmp_path / "run", "segmentation", SegmentationConfig(data=data), schedule)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one child process")
def test_interrupt_saves_a_checkpoint_and_the_same_command_goes_on(run_toml):
    command = [sys.executable, "-m", "napari_cellsim", "train", str(run_toml)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}

    def until_fourth_line(number: int) -> tuple[int, list[str], str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
            try:
                lines = [process.stdout.readline() for _ in range(4)]
                process.send_signal(number)
                rest, errors = process.communicate(timeout=120)
            finally:
                process.kill()
        return process.returncode, [*lines, *rest.splitlines()], errors

    code, lines, errors = until_fourth_line(signal.SIGINT)
    assert code == 130, errors
    assert "Traceback" not in errors
    assert lines[0].startswith(f"Training segmentation in {run_toml} on cpu for 100000 steps; Ctrl-C")
    assert "images/s" in lines[1]
    assert lines[1].rstrip().endswith("left")
    assert "checkpoint" in lines[-2]
    (checkpoint,) = (run_toml.parent / "checkpoints").iterdir()
    step = int(checkpoint.name.removeprefix("step-"))
    assert lines[-1] == f"Stopped at step {step}; to go on from there: napari-cellsim train {run_toml}"

    code, lines, errors = until_fourth_line(signal.SIGTERM)
    assert code == 130, errors
    assert lines[1].split() == ["step", str(step), "going", "on", "from", "here"]


def test_missing_and_unusable_configurations(run, tmp_path):
    absent = run("train", tmp_path)
    assert absent.exit_code == 2
    assert "run.toml" in absent.stderr
    (tmp_path / "run.toml").write_text("recipe = 3 =")
    broken = run("train", tmp_path / "run.toml")
    assert broken.exit_code == 2
    assert "not valid TOML" in broken.stderr


def short_run(folder: Path, steps: int, **changes) -> Path:
    """A run on random pictures of known length, for the local executor."""
    path = next(folder.rglob("run.toml"))
    text = path.read_text().replace("steps = 100000", f"steps = {steps}")
    for name, value in changes.items():
        text += f'\n[slurm]\n{name} = "{value}"\n'
    path.write_text(text)
    return path


@pytest.mark.skipif(find_spec("submitit") is None, reason="submitit (the extra 'slurm') is not installed")
def test_a_submitted_run_is_the_same_command_and_survives_an_interruption(run_toml, run):
    path = short_run(run_toml.parent, 150, cluster="local")
    folder = RunFolder(path.parent)
    answer = run("train", path, "--submit")
    assert answer.exit_code == 0, answer.stderr
    controller = psutil.Process(int(answer.stdout.split()[1]))
    log = Path(answer.stdout.split()[-1])
    deadline = time.monotonic() + 200

    def wait_for(event: str) -> None:
        while event not in [e["event"] for e in folder.events()]:
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    try:
        wait_for("StepLogged")
        (task,) = controller.children()
        assert task.children()[0].cmdline()[-4:] == ["-m", "napari_cellsim", "train", str(path)]
        task.send_signal(signal.SIGUSR2)  # as a cluster does before it takes the machine away
        wait_for("Finished")
        events = [(e["event"], e["step"]) for e in folder.events()]
        resumed = [step for event, step in events if event == "Resumed"]
        assert len(resumed) == 1
        assert ("CheckpointSaved", resumed[0]) in events  # nothing was lost
        assert 0 < resumed[0] < 150
        assert folder.state()["step"] == 150
        assert "Training segmentation" in log.read_text()
        controller.wait(60)
    finally:
        for process in [*controller.children(recursive=True), controller] if controller.is_running() else []:
            process.kill()


def test_submitting_without_submitit_or_a_cluster_says_so(run_toml, run):
    answer = run("train", run_toml.parent, "--submit")
    assert answer.exit_code == 2
    if find_spec("submitit") is None:
        assert "napari-cellsim[slurm]" in answer.stderr
    elif shutil.which("srun") is None:
        assert "There is no SLURM on this machine" in answer.stderr
