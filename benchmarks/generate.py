"""How long do generated pictures take, look-alikes, edits and training, and how much memory do they need?

Times are wall-clock on two CPU threads. The cases take turns, so that a disturbance hits all of them alike; median and
fastest are reported. A call of `generate` counts whole: checking the weights, mapping, truncation, noise, drawing. Peak
memory is measured in a process of its own for each case. Run it on a quiet machine. Writes results/generate.json.

    python benchmarks/generate.py [--repeats 5] [--threads 2]
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _machine import record

import napari_cellsim as cs

CASES = {
    "lite, 64²": ("lite", 64),
    "lite, 128²": ("lite", 128),
    "lite, 256²": ("lite", 256),
    "thesis, 256²": ("thesis", 256),
}
BATCHES = (1, 8)
STEPS = 200  # of a projection
GOALS = {"lite": 0.35, "thesis": 2.5}  # seconds per picture at 256²
EDITS = 5.0  # per second


def make_model(preset: str, size: int) -> Any:
    """Return an untrained model of that size: speed does not depend on the weights."""
    return cs.Model.create(f"{preset} {size}", "cellgan", preset, size=size)


def own_model() -> tuple[Any, str]:
    """Return the bundled model, or an untrained one of its size, and which it is."""
    if any(entry.name == "cellgan-lite" for entry in cs.list_models()):
        return cs.load_model("cellgan-lite"), "cellgan-lite"
    return make_model("lite", 64), "untrained lite, 64²"


def summary(times: list[float], per: int = 1) -> dict[str, float]:
    return {
        "seconds_median": round(statistics.median(times) / per, 5),
        "seconds_min": round(min(times) / per, 5),
    }


def take_turns(actions: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Run all actions in turn, once to warm up and then `repeats` times; return wall-clock seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for turn in range(repeats + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def generating(models: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Time `generate` in batches of 1 and 8, and say how much of it `upfirdn` takes."""
    from napari_cellsim.generation import generate

    cases = list(itertools.product(models, BATCHES))
    actions = {
        f"{name}, batch {n}": lambda name=name, n=n: generate(
            models[name], n=n, seed=0, batch=n, device="cpu"
        )
        for name, n in cases
    }
    times = take_turns(actions, repeats)
    rows = {}
    for (_, n), (title, found) in zip(cases, times.items(), strict=True):
        rows[title] = summary(found, n) | {"upfirdn_share": upfirdn_share(actions[title])}
    return rows


def upfirdn_share(action: Callable[[], Any]) -> float:
    """Return the share of the time of `action` that is spent in `ops.upfirdn`."""
    from napari_cellsim.nets.cellgan import layers

    original, inside = layers.upfirdn, 0.0

    def timed(*args: Any, **options: Any) -> Any:
        nonlocal inside
        start = time.perf_counter()
        result = original(*args, **options)
        inside += time.perf_counter() - start
        return result

    layers.upfirdn = timed  # type: ignore[assignment]
    try:
        start = time.perf_counter()
        action()
        whole = time.perf_counter() - start
    finally:
        layers.upfirdn = original
    return round(inside / whole, 3)


def answering(models: dict[str, Any], repeats: int) -> dict[str, Any]:
    """Time one encoding (whole call) and one edit (what a slider's movement costs)."""
    from napari_cellsim.generation import Editor, encode, generate

    actions: dict[str, Callable[[], Any]] = {}
    for name, model in models.items():
        pictures = generate(model, n=1, seed=1, device="cpu")
        guide = pictures.images[:, 0, 0]
        actions[f"encode, {name}"] = lambda model=model, guide=guide: encode(model, guide, device="cpu")
        editor = Editor(model, pictures, device="cpu")
        turn = itertools.count()
        actions[f"edit, {name}"] = lambda editor=editor, turn=turn: editor.image(
            np.full(10, 0.01 * next(turn))
        )
    rows: dict[str, Any] = {}
    for name, found in take_turns(actions, 2 * repeats).items():
        rows[name] = summary(found)
        if name.startswith("edit"):
            rows[name]["edits_per_second"] = round(1 / statistics.median(found), 1)
    return rows


def projecting(model: Any, repeats: int) -> dict[str, Any]:
    """Time the refinement of one look-alike."""
    from napari_cellsim.generation import encode, generate, project

    guide = generate(model, n=1, seed=2, device="cpu").images[:, 0, 0]
    options = {} if "encoder" in model.networks else {"refine_steps": 1}
    start = encode(model, guide, device="cpu", **options)
    times = take_turns({"project": lambda: project(model, start, steps=STEPS, device="cpu")}, repeats)[
        "project"
    ]
    return summary(times) | {
        "steps": STEPS,
        "size": model.network.config.size,
        "discriminator_features": "discriminator" in model.networks,
    }


def training(device: str, repeats: int) -> dict[str, Any]:
    """Count pictures per second of the Cell-GAN recipe, lite at 64², over whole cycles of its lazy penalties."""
    import torch

    from napari_cellsim.training import CellGANConfig, CellGANRecipe, PictureConfig
    from napari_cellsim.training.sequences import write_sequence

    noise = np.random.default_rng(0).integers(0, 2000, (64, 64, 64), dtype=np.uint16)
    with tempfile.TemporaryDirectory() as folder:
        write_sequence(
            Path(folder) / "train" / "noise",
            {"images": noise},
            {"source": "noise", "pixel_size": 0.4, "interval": None},
        )
        recipe = CellGANRecipe(CellGANConfig(data=PictureConfig(folder=folder, size=64, batch=16)))
        recipe.modules.to(device)
        cycle, steps = 16, itertools.count()

        def work() -> None:
            for _ in range(cycle):
                recipe.train_step(recipe.batch(next(steps), 0.0).to(device), 0.0)
            if device != "cpu":
                torch.cuda.synchronize()

        times = take_turns({"cycle": work}, repeats)["cycle"]
    pictures = cycle * recipe.config.data.batch
    return {
        "batch": recipe.config.data.batch,
        "images_per_second_median": round(pictures / statistics.median(times), 1),
        "images_per_second_max": round(pictures / min(times), 1),
    }


def memory(case: str, batch: int, threads: int) -> dict[str, float]:
    """Return the peak memory of one call of `generate` in a fresh process."""
    command = [sys.executable, __file__, "--case", case, "--batch", str(batch), "--threads", str(threads)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def one_case(case: str, batch: int) -> dict[str, float]:
    from napari_cellsim.generation import generate

    model = make_model(*CASES[case])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    generate(model, n=batch, seed=0, batch=batch, device="cpu")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"peak_mb": round(peak / 1024), "peak_above_model_mb": round((peak - before) / 1024)}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, default=1, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parse()
    if options.case:
        import torch

        torch.set_num_threads(options.threads)
        print(json.dumps(one_case(options.case, options.batch)))
        return
    # First of all, since a process begins with the peak of the one that starts it.
    peaks = {
        f"{case}, batch {batch}": memory(case, batch, options.threads)
        for case, batch in itertools.product(CASES, BATCHES)
    }
    import torch

    torch.set_num_threads(options.threads)
    models = {name: make_model(*case) for name, case in CASES.items()}
    own, which = own_model()
    rows = generating(models, options.repeats)
    for title, row in rows.items():
        row |= peaks[title]
        print(
            f"generate, {title:24s} {row['seconds_median']:8.3f} s/picture, fastest {row['seconds_min']:.3f}, "
            f"upfirdn {row['upfirdn_share']:.0%}, peak {row['peak_mb']:.0f} MB",
            flush=True,
        )
    answers = answering({**models, which: own}, options.repeats)
    for title, row in answers.items():
        print(f"{title:34s} {row['seconds_median']:8.4f} s", flush=True)
    refined = projecting(own, max(1, options.repeats // 2))
    print(f"project, {which}, {STEPS} steps {refined['seconds_median']:.1f} s", flush=True)
    devices = ["cpu", *(["cuda:0"] if torch.cuda.is_available() else [])]
    trained = {device: training(device, options.repeats) for device in devices}
    print("training, lite, 64²", trained)
    goals = {
        f"{preset} at most {limit} s per picture": max(
            row["seconds_median"] for title, row in rows.items() if title.startswith(f"{preset}, 256²")
        )
        <= limit
        for preset, limit in GOALS.items()
    }
    goals[f"{which}: at least {EDITS:g} edits per second"] = (
        answers[f"edit, {which}"]["edits_per_second"] >= EDITS
    )
    print(goals)
    results = {
        "threads": options.threads,
        "repeats": options.repeats,
        "own_model": which,
        "generate": rows,
        "answers": answers,
        "project": refined,
        "training": trained,
        "goals_met": goals,
    }
    print(record("generate", results))


if __name__ == "__main__":
    main()
