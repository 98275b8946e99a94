"""How many frames per second does the phantom simulate on one core?

Each line simulates sequences of ten frames, burn-in included, and counts processor time (the simulation runs in one
thread), which waiting for other programs does not lengthen. Writes results/phantom.json.

    python benchmarks/phantom.py [--repeats 3]
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time

from _machine import record

from napari_cellsim import phantom

FRAMES = 10
# name -> size in px, pixel size in µm, focal planes in µm
CASES = {
    "256², 0.108 µm, 1 plane": (256, 0.108, (0.0,)),
    "256², 0.108 µm, 3 planes": (256, 0.108, (-1.0, 0.0, 1.0)),
    "128², 0.216 µm, 1 plane": (128, 0.216, (0.0,)),
    "128², 0.216 µm, 3 planes": (128, 0.216, (-1.0, 0.0, 1.0)),
    "128², 0.108 µm, 1 plane": (128, 0.108, (0.0,)),
}
# part -> (file, function) whose cumulative time it is
PARTS = {
    "life and mechanics": [("scene.py", "advance"), ("scene.py", "__init__")],
    "drawing": [("raster.py", "draw"), ("raster.py", "__init__")],
    "optics": [("optics.py", "image"), ("optics.py", "__init__")],
    "camera": [("camera.py", "expose"), ("camera.py", "__init__")],
    "ground truth": [("ground_truth.py", "backward_flow"), ("ground_truth.py", "semantic_classes")],
}


def simulate(case: str, seed: int) -> None:
    size, pixel_size, planes = CASES[case]
    phantom.simulate(FRAMES, seed, size=size, pixel_size=pixel_size, planes=planes)


def shares(case: str) -> dict[str, float]:
    """Return how the time of one sequence divides among its parts."""
    profile = cProfile.Profile()
    profile.runcall(simulate, case, 1)
    statistics = pstats.Stats(profile).stats
    spent = {
        part: sum(
            entry[3]
            for (file, _, function), entry in statistics.items()
            if any(file.endswith(f"phantom/{name}") and function == called for name, called in functions)
        )
        for part, functions in PARTS.items()
    }
    total = sum(spent.values())
    return {part: seconds / total for part, seconds in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = {}
    print(f"{'case':28s} {'ms/frame':>9s} {'frames/s/core':>14s}")
    for case in CASES:
        times = []
        for _ in range(options.repeats):
            start = time.process_time()
            simulate(case, seed=1)
            times.append(time.process_time() - start)
        best = min(times) / FRAMES
        rows[case] = {
            "ms_per_frame": 1000 * best,
            "frames_per_second_per_core": 1 / best,
            "shares": shares(case),
        }
        print(f"{case:28s} {1000 * best:9.1f} {1 / best:14.1f}")
    for part, share in rows[next(iter(CASES))]["shares"].items():
        print(f"  {part:24s} {share:6.0%}")
    record("phantom", {"frames_per_sequence": FRAMES, "cases": rows})


if __name__ == "__main__":
    main()
