"""`train`: a real short run in a real process, interrupted and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_cellsim.training import DataConfig, FitConfig, SegmentationConfig, write_run
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

    def until_third_line() -> tuple[int, list[str], str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
            try:
                lines = [process.stdout.readline() for _ in range(3)]
                process.send_signal(signal.SIGINT)
                rest, errors = process.communicate(timeout=120)
            finally:
                process.kill()
        return process.returncode, [*lines, *rest.splitlines()], errors

    code, lines, errors = until_third_line()
    assert code == 130, errors
    assert "Traceback" not in errors
    assert "images/s" in lines[0]
    assert "checkpoint" in lines[-1]
    assert list((run_toml.parent / "checkpoints").iterdir())

    code, lines, errors = until_third_line()
    assert code == 130, errors
    assert "going on from here" in lines[0]


def test_missing_and_unusable_configurations(run, tmp_path):
    absent = run("train", tmp_path)
    assert absent.exit_code == 2
    assert "run.toml" in absent.stderr
    (tmp_path / "run.toml").write_text("recipe = 3 =")
    broken = run("train", tmp_path / "run.toml")
    assert broken.exit_code == 2
    assert "not valid TOML" in broken.stderr
