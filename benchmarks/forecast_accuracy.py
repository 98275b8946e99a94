"""Does the bundled model forecast better than copying, blurring or extrapolating?

Phantom: held-out seeds of scripts/training_split.json, two forecasts of each sequence, past flow and masks estimated by
the model's partners (never true), blur tuned on the validation seeds. Real movies: frames that training never saw,
windows that lie inside them, blur tuned on earlier frames where there are any. Means over sequences with 95 % bootstrap
intervals; a real movie is one sequence and has no interval. Writes results/forecast_accuracy.json.

    python benchmarks/forecast_accuracy.py [--sequences 48] [--data DIR] [--real DIR] [--model NAME]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np

import napari_cellsim as cs
from napari_cellsim.base import now, versions
from napari_cellsim.evaluation import Comparison, compare_sequences
from napari_cellsim.evaluation.baselines import tune_sigma
from napari_cellsim.training.sequences import Sequence, find_sequences
from napari_cellsim.training.simulated import generate_phantoms, phantom_name

HERE = Path(__file__).resolve().parent
SPLIT = json.loads((HERE.parent / "scripts" / "training_split.json").read_text())
RESULT = HERE / "results" / "forecast_accuracy.json"

STEPS, SHOWN = 5, (1, 3, 5)
STARTS = (3, 6)  # last visible frames in a phantom sequence of 12
TARGETS = {1: 0.80, 3: 0.82, 5: 0.88}  # MSE of the model over that of the best baseline, at most
ALCATRAS, COLONY = "trap_alcatras_dic_part1_T058.ome.tif", "colony_phylocell_phase_T100.ome.tif"
BABY = (
    "trap_baby_prime95b_pos005_trap048_T5Z5.ome.tif",
    "trap_baby_evolve_pos007_trap005_empty_T4Z5.ome.tif",
)


def main() -> None:
    options = parse()
    model = cs.load_model(options.model)
    started = perf_counter()
    results: dict[str, object] = {
        "command": "python benchmarks/forecast_accuracy.py",
        "model": {"name": model.name, "hash": model.hash},
        "time": now(),
        "versions": versions(),
        "targets": TARGETS,
        "real": {},
    }
    with tempfile.TemporaryDirectory() as scratch:
        comparison, sigma = phantom(model, options.data or Path(scratch), options.sequences)
    show("phantom, held-out seeds", comparison, SHOWN)
    results["phantom"] = {"starts": STARTS, "sigma": sigma, **comparison.model_dump()}
    for horizon in comparison.horizons:
        if horizon.horizon in TARGETS:
            found = horizon.mse_ratio[horizon.best_baseline].value
            verdict = "reached" if found <= TARGETS[horizon.horizon] else "MISSED"
            print(f"{horizon.horizon} steps: {found:.3f}, target {TARGETS[horizon.horizon]:.2f} {verdict}")
    if options.real.is_dir():
        for name, found in real_movies(model, options.real):
            show(name, found, None)
            results["real"][name] = found.model_dump()
    else:
        print(f"real movies are left out: there is no folder {options.real}")
    results["seconds"] = round(perf_counter() - started)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(results, indent=1) + "\n")
    print(f"written: {options.out}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=int, default=48, help="phantom test sequences")
    parser.add_argument(
        "--data", type=Path, help="store of scripts/train_bundled.py; simulated again if not given"
    )
    parser.add_argument(
        "--real", type=Path, default=HERE.parents[1] / "shared" / "data", help="folder of real movies"
    )
    parser.add_argument("--model", default="sdcnet-default", help="name or file")
    parser.add_argument("--out", type=Path, default=RESULT)
    return parser.parse_args()


def phantom(model: cs.Model, data: Path, count: int) -> tuple[Comparison, tuple[float, ...]]:
    validation = stored(data / "validation", *SPLIT["phantom"]["validation"])
    pairs = [(s.images[: start + 1 + STEPS], start) for s in validation for start in STARTS]
    sigma = tune_sigma([images for images, _ in pairs], STEPS, [start for _, start in pairs])
    first, last = SPLIT["phantom"]["test"]
    reports = []
    for sequence in stored(data / "test", first, min(last, first + count - 1)):
        movie = cs.TimeLapse(
            frames=np.asarray(sequence.images)[:, None, None],
            pixel_size=sequence.info["pixel_size"],
            interval=sequence.info["interval"],
            name=sequence.folder.name,
        )
        for start in STARTS:
            cells = sequence.semantic[start + 1 : start + 1 + STEPS] >= 2
            reports.append(cs.evaluate(movie, model, at=start, steps=STEPS, cells=cells, sigma=sigma))
        print(movie.name, [round(h.mse_ratio, 3) for h in reports[-1].horizons], flush=True)
    return compare_sequences(reports), sigma


def stored(folder: Path, first: int, last: int) -> list[Sequence]:
    """Return the phantom sequences of these seeds, simulating those that are not there."""
    settings = {key: SPLIT[key] for key in ("frames", "size", "pixel_size")}
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread in each simulating process
    for event in generate_phantoms(folder, range(first, last + 1), **settings):
        if event.done % 12 == 0:
            print(f"simulated {event.done} of {event.total}", flush=True)
    return find_sequences(folder, [phantom_name(seed) for seed in range(first, last + 1)])


def real_movies(model: cs.Model, folder: Path):
    """Yield a name and a comparison per real movie."""
    for file, unseen, every in ((ALCATRAS, 18, 1), (COLONY, 20, 1), (COLONY, 20, 3)):
        movie = cs.open_timelapse(folder / file)
        start = movie.n_times - unseen
        sigma = tune_sigma([movie.array(slice(0, start, every))], STEPS)
        test = replace(
            movie,
            frames=movie.frames[start::every],
            interval=movie.interval and movie.interval * every,
        )
        name = f"{file}, last {unseen} frames" + (f", every {every}rd" if every > 1 else "")
        yield name, compare_sequences(list(windows(model, test, sigma, [0])))
    for file in BABY:
        movie = cs.open_timelapse(folder / file)
        # Seen never and too short for tuning apart: each forecast tunes the blur on its own visible frames.
        yield (
            f"{file}, all planes",
            compare_sequences(list(windows(model, movie, None, range(movie.n_planes)))),
        )


def windows(model: cs.Model, movie: cs.TimeLapse, sigma: tuple[float, ...] | None, planes):
    """Evaluate from every frame with as many visible ones as the model reads, and at least one true frame."""
    for plane in planes:
        for at in range(model.network.config.frames - 1, movie.n_times - 1):
            yield cs.evaluate(movie, model, at=at, steps=STEPS, plane=plane, sigma=sigma)


def show(title: str, comparison: Comparison, horizons: tuple[int, ...] | None) -> None:
    print(f"\n== {title}\n{comparison.table(horizons)}\n", flush=True)


if __name__ == "__main__":
    main()
