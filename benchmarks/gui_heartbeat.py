"""Does napari stay alive while a forecast runs or a model is adapted? Delays of the GUI's event loop, idle and busy.

A timer ticks every 10 ms on the GUI thread; how much later than due each tick comes is what a user feels as stutter.
A busy phase is a whole forecast, from pressing Run to the finished layers, drawing included, or the given seconds of an
adaptation, which is then cancelled. Writes results/gui_heartbeat.json.

    scripts/with_display.sh python benchmarks/gui_heartbeat.py [--steps 5] [--repeats 3] [--adapt 30]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time

os.environ["NAPARI_CONFIG"] = ""

import napari
import numpy as np
from _machine import record
from qtpy.QtCore import QEventLoop, Qt, QTimer

from napari_cellsim.base import JobCancelled

TICK = 0.010


class Heartbeat:
    """Collects delays of a 10 ms timer, in seconds."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(round(TICK * 1000))
        self._timer.timeout.connect(self._tick)

    def __enter__(self) -> Heartbeat:
        self._last = time.perf_counter()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tick()  # what is waiting now counts too
        self._timer.stop()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.delays.append(max(0.0, now - self._last - TICK))
        self._last = now

    def summary(self) -> dict[str, float]:
        milliseconds = 1000 * np.array(self.delays)
        return {
            "ticks": len(milliseconds),
            "median_ms": float(np.median(milliseconds)),
            "p99_ms": float(np.percentile(milliseconds, 99)),
            "worst_ms": float(milliseconds.max()),
        }


def wait(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec_()


def measure(steps: int, repeats: int, adapt: float) -> dict[str, dict[str, float]]:
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.window.resize(1300, 850)
    viewer.open_sample("napari-cellsim", "phantom_movie")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    wait(3)
    with Heartbeat() as idle:
        wait(5)
    rows = {"idle": idle.summary()}
    for repeat in range(repeats + 1):
        with Heartbeat() as busy:
            dock.run(steps=steps, at=9).wait()
            wait(0.5)  # the new layers are drawn now
        # the first run imports torch and loads the model
        rows["first run" if repeat == 0 else f"run {repeat}"] = busy.summary()
        for layer in [one for one in viewer.layers if "predicted" in one.name]:
            viewer.layers.remove(layer)
        wait(0.5)
    job = dock.adapt(at=9, minutes=30)
    wait(3)  # it reads and measures first
    with Heartbeat() as busy:
        wait(adapt)
    pressed = time.perf_counter()
    job.cancel()
    with contextlib.suppress(JobCancelled):
        job.wait()
    rows["adapting"] = busy.summary() | {"cancelled_after_ms": 1000 * (time.perf_counter() - pressed)}
    viewer.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--adapt", type=float, default=30.0, help="seconds of adapting")
    options = parser.parse_args()
    rows = measure(options.steps, options.repeats, options.adapt)
    print(f"{'phase':12s} {'ticks':>6s} {'median ms':>10s} {'p99 ms':>8s} {'worst ms':>9s}")
    for phase, row in rows.items():
        print(
            f"{phase:12s} {row['ticks']:6d} {row['median_ms']:10.1f} {row['p99_ms']:8.1f} {row['worst_ms']:9.1f}"
        )
    print(f"cancelled after {rows['adapting']['cancelled_after_ms']:.0f} ms")
    record("gui_heartbeat", {"size": 256, "steps": options.steps, "phases": rows})


if __name__ == "__main__":
    main()
