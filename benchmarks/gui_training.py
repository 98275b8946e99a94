"""Does napari stay alive while a model is trained? Delays of the GUI's event loop, idle and while a training runs.

Measured as gui_heartbeat.py does, over a whole training in its own process: from pressing Start over curves, previews
and pauses to the finished model among the models. Also whether the process is gone afterwards, and with it the memory
of the graphics card. Writes results/gui_training.json.

    scripts/with_display.sh python benchmarks/gui_training.py [--steps 300] [--size 128] [--device auto]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["NAPARI_CONFIG"] = ""

import napari
from _machine import record
from gui_heartbeat import Heartbeat, wait

from napari_cellsim.gui import settings
from napari_cellsim.training.simulated import generate_phantoms

PATIENCE = 1800.0  # seconds


def write_data(folder: Path, size: int) -> Path:
    for part, seeds in (("train", range(4)), ("validation", range(100, 102))):
        list(generate_phantoms(folder / part, seeds, frames=8, size=size, processes=2))
    return folder


def card_memory() -> int | None:
    """Return the memory in use on the first graphics card, MiB; None where there is none."""
    command = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    try:
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0])
    except (OSError, subprocess.CalledProcessError, ValueError, IndexError):
        return None


def until(condition: Any, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        wait(0.05)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def measure(home: Path, data: Path, steps: int, device: str) -> dict[str, Any]:
    os.environ["CELLSIM_MODEL_DIR"] = str(home / "models")
    viewer = napari.Viewer(show_welcome_screen=False)
    settings.train_settings().runs_folder = str(home / "runs")
    viewer.window.resize(1300, 850)
    viewer.open_sample("napari-cellsim", "phantom_movie")
    with Heartbeat() as opening:
        _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Train")
        wait(3)
    with Heartbeat() as idle:
        wait(5)
    form = dock.form
    form.what.value = next(choice for choice in form.what.choices if choice.recipe == "segmentation")
    form.folder.value = str(data)
    form.device.value = device
    form.unit.value = "steps"
    form.amount.value = steps
    form.advanced.fill({"data": {"batch": 4, "crop": 64}}, {"validate_every": 25, "log_every": 2})
    before = card_memory()
    with Heartbeat() as starting:
        process = dock.run().wait().process
        until(lambda: dock.follower.status == "running", "the training has not begun")
    with Heartbeat() as training:
        until(lambda: dock.progress.bar.value() > 300, "the training does not go on")
        dock.pause()
        until(lambda: dock.follower.status == "paused", "the training does not pause")
        dock.pause()
        during = card_memory()
        until(lambda: dock.follower.job is None, "the training does not end")
        wait(1)
    phases = {
        "opening": opening.summary(),
        "idle": idle.summary(),
        "starting": starting.summary(),
        "training": training.summary(),
    }
    found = {
        "message": dock.message,
        "points drawn": len(dock.progress.plot.shown(0)[0]),
        "process gone": process.poll() is not None and gone(process.pid),
        "card memory MiB": {"before": before, "during": during, "after": card_memory()},
        "torch in napari": "torch" in sys.modules,
    }
    viewer.close()
    return {"phases": phases, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        found = measure(home, write_data(home / "data", options.size), options.steps, options.device)
    print(f"{'phase':12s} {'ticks':>6s} {'median ms':>10s} {'p99 ms':>8s} {'worst ms':>9s}")
    for phase, row in found["phases"].items():
        print(
            f"{phase:12s} {row['ticks']:6d} {row['median_ms']:10.1f} {row['p99_ms']:8.1f} {row['worst_ms']:9.1f}"
        )
    for name, value in found.items():
        if name != "phases":
            print(f"{name}: {value}")
    record("gui_training", {"size": options.size, "steps": options.steps, "device": options.device, **found})


if __name__ == "__main__":
    main()
