"""How long does a five-step forecast take, and how much memory does it need?

Each line runs in its own process, so that peak memory is its own. Times are wall-clock medians; run it on a quiet
machine. Writes results/forecast.json.

    python benchmarks/forecast.py [--repeats 3] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

import numpy as np
from _machine import record

CASES = {
    "lite, 256², 5 steps": ("lite", 256, 5),
    "lite, 512², 5 steps": ("lite", 512, 5),
    "lite, 2048² in tiles, 1 step": ("lite", 2048, 1),
    "thesis, 256², 5 steps": ("thesis", 256, 5),
}


def make_model(preset: str):
    """Return a model of that size with its partners' networks (speed does not depend on weights)."""
    from napari_cellsim.models import Model, load_model

    if preset == "lite":
        model = load_model("sdcnet-lite")
        return model, {}
    # The thesis' generator with the networks it is used with here: PWC-Net and U-Net of the thesis' size.
    flow, masks = (
        Model.create("pwcnet-thesis", "pwcnet", "thesis"),
        Model.create("unet-thesis", "unet", "thesis"),
    )
    return Model.create("sdcnet-thesis", "sdcnet", "thesis"), {"flow": flow, "segmentation": masks}


def measure(preset: str, size: int, steps: int, repeats: int, threads: int) -> dict[str, float]:
    import torch

    from napari_cellsim import open_timelapse, phantom, predict
    from napari_cellsim.ops import sdc

    torch.set_num_threads(threads)
    frames = phantom.simulate(frames=3, seed=1, size=min(size, 256)).images[:, 0]
    repeat = -(-size // frames.shape[-1])
    movie = open_timelapse(np.tile(frames, (1, repeat, repeat)), axes="TYX")
    model, sources = make_model(preset)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    predict(movie, model, steps=1, **sources)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        predict(movie, model, steps=steps, **sources)
        times.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    image = torch.rand(1, 1, size, size)
    flow = torch.randn(1, 2, size, size)
    kernel = torch.rand(1, 7, size, size)
    sdc(image, flow, kernel, kernel)
    start = time.perf_counter()
    for _ in range(steps):
        sdc(image, flow, kernel, kernel)
    share = (time.perf_counter() - start) / statistics.median(times)
    return {
        "seconds_median": statistics.median(times),
        "seconds_min": min(times),
        "peak_mb": peak / 1024,
        "peak_above_start_mb": (peak - before) / 1024,
        "sdc_share": share,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*CASES[options.case], options.repeats, options.threads)))
        return
    rows = {}
    print(
        f"{'case':32s} {'median s':>9s} {'min s':>7s} {'peak MB':>8s} {'above start':>12s} {'SDC share':>10s}"
    )
    for case in CASES:
        command = [sys.executable, __file__, "--case", case, "--repeats", str(options.repeats)]
        command += ["--threads", str(options.threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = rows[case] = json.loads(done.stdout.splitlines()[-1])
        print(
            f"{case:32s} {row['seconds_median']:9.2f} {row['seconds_min']:7.2f} {row['peak_mb']:8.0f} "
            f"{row['peak_above_start_mb']:12.0f} {row['sdc_share']:10.1%}"
        )
    record("forecast", {"threads": options.threads, "cases": rows})


if __name__ == "__main__":
    main()
