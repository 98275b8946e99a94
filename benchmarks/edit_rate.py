"""How often does the picture change while somebody drags a slider of the Generate dock?

A slider of the Explore tab is moved every 20 ms; counted are the pictures that reach the layer, and how late a 10 ms
timer of the GUI thread ticks meanwhile. Writes results/edit_rate.json.

    scripts/with_display.sh python benchmarks/edit_rate.py [--model cellgan-lite] [--seconds 10]
"""

from __future__ import annotations

import argparse
import math
import time

import napari
import numpy as np
from _machine import record
from gui_heartbeat import Heartbeat, wait
from qtpy.QtCore import QTimer

MOVE_MS = 20


def measure(model: str | None, seconds: float) -> dict[str, float | str]:
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(1300, 850)
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    made = dock.run(n=4, seed=0, **({} if model is None else {"model": model})).wait()
    dock.show_sliders()
    wait(2)
    arrivals: list[float] = []
    latencies: list[float] = []
    asked: dict[float, float] = {}

    def shown(edited: object) -> None:
        now = time.perf_counter()
        arrivals.append(now)
        latencies.append(now - asked[edited.wish.weights[0]])

    def move() -> None:
        weight = 3 * math.sin(time.perf_counter())
        asked[weight] = time.perf_counter()
        dock.edit([weight])

    dock.edit([0.0], picture=0)
    wait(5)  # the directions are found and the layer is there
    dock.editor.edited.connect(shown)
    timer = QTimer()
    timer.setInterval(MOVE_MS)
    timer.timeout.connect(move)
    timer.start()
    with Heartbeat() as heart:
        wait(seconds)
    timer.stop()
    wait(1)
    viewer.close()
    return {
        "model": made.provenance["model"]["name"],
        "size": made.images.shape[-1],
        "updates_per_s": (len(arrivals) - 1) / (arrivals[-1] - arrivals[0]),
        "latency_median_ms": 1000 * float(np.median(latencies)),
        "latency_p95_ms": 1000 * float(np.percentile(latencies, 95)),
        **{f"gui_{key}": value for key, value in heart.summary().items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="name or file; by default the one that the dock chooses")
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    row = measure(options.model, options.seconds)
    for key, value in row.items():
        print(f"{key:20s} {value:.1f}" if isinstance(value, float) else f"{key:20s} {value}")
    record("edit_rate", row)


if __name__ == "__main__":
    main()
