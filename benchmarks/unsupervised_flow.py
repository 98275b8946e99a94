"""Does fine-tuning PWC-Net on movies without known flow help on movies of that kind?

The bundled `pwcnet-lite` is fine-tuned without truth on movies unlike those of its training: a simulated chip with
another pixel size, focus and optics, and real frames (where ../shared/data is there). It is judged before and after on
traps of that chip, or on later frames of that movie, which it has not seen: endpoint error (px) where the truth is
known, and photometric error. Differences are paired, with 95 % bootstrap intervals over traps or pairs of frames (those
of one movie are not independent of each other). Writes results/unsupervised_flow.json.

    OMP_NUM_THREADS=1 python benchmarks/unsupervised_flow.py [--steps 300] [--train 16] [--test 16]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _machine import record

from napari_cellsim import phantom
from napari_cellsim.data import open_timelapse
from napari_cellsim.evaluation import bootstrap_interval
from napari_cellsim.models import load_model
from napari_cellsim.training import DataConfig, FlowUnsupervisedConfig, FlowUnsupervisedRecipe
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.feeding import Batch
from napari_cellsim.training.losses import endpoint_error
from napari_cellsim.training.movies import write_movie
from napari_cellsim.training.sequences import write_sequence
from napari_cellsim.training.unsupervised import believable, inside, photometric_error

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("CELLSIM_SHARED", HERE.parents[1] / "shared")) / "data"
# frames for training and, later than all of these, for the test
REAL = {
    "trap_alcatras_dic_part1_T058": ("trap_alcatras_dic_part1_T058.ome.tif", 0.263, 40, 58),
    "colony_phylocell_phase_T100": ("colony_phylocell_phase_T100.ome.tif", 0.078, 80, 100),
}
FRAMES, SIZE, PIXEL = 10, 128, 0.2
FIRST_SEED = 7_000_000  # of none of the bundled models' data


def write_chip(root: Path, train: int, test: int) -> None:
    """Simulate traps of another chip: L-foot, twice the pixel size, out of focus, optics of their own."""
    for number in range(train + test):
        seed = FIRST_SEED + number
        scene = phantom.simulate(
            FRAMES,
            seed,
            size=SIZE,
            pixel_size=PIXEL,
            trap="l_foot",
            planes=(1.5,),
            config=phantom.PhantomConfig.varied(seed),
        )
        arrays: dict[str, np.ndarray] = {
            "images": scene.images[:, 0],
            "semantic": scene.semantic,
            "flow": scene.flow.astype(np.float16),
            "valid": scene.valid,
        }
        info = {"source": "phantom", "pixel_size": PIXEL, "interval": scene.interval}
        write_sequence(root / ("train" if number < train else "validation") / f"{seed}", arrays, info)


def write_real(root: Path, file: Path, pixel_size: float, train: int, stop: int) -> None:
    """Divide a real movie in time."""
    frames = open_timelapse(file).array(slice(0, stop))
    write_movie(root, frames, name="movie", validation=(stop - train) / stop, pixel_size=pixel_size)


@torch.no_grad()
def errors(network: Any, items: list[list[Batch]]) -> dict[str, list[float]]:
    """Return the errors of backward flow and of zero flow, one number per trap or pair of frames."""
    found: dict[str, list[float]] = {}
    for group in items:
        own: dict[str, list[float]] = {}
        for batch in group:
            earlier, later = batch.images[:, 0], batch.images[:, 1]
            flow = network(later, earlier)
            truth, valid = batch.flow[:, 0], batch.valid[:, 0]
            cells = valid & (batch.semantic[:, 1] >= 2)
            for name, candidate in (("", flow), ("_of_zero_flow", torch.zeros_like(flow))):
                seen = believable(inside(candidate))
                value = photometric_error(later, earlier, candidate, seen)
                own.setdefault(f"photometric{name}", []).append(float(value))
                if cells.any():
                    for where, mask in (("epe", valid), ("epe_cells", cells)):
                        value = endpoint_error(candidate, truth, mask)
                        own.setdefault(f"{where}{name}", []).append(float(value))
        for name, values in own.items():
            found.setdefault(name, []).append(float(np.mean(values)))
    return found


def compare(before: dict[str, list[float]], after: dict[str, list[float]]) -> dict[str, Any]:
    """Return means before and after, of zero flow, and the paired difference with its interval."""
    table: dict[str, Any] = {"n": len(before["photometric"])}
    for name in ("photometric", "epe", "epe_cells"):
        if name in before:
            difference = np.array(after[name]) - np.array(before[name])
            low, high = bootstrap_interval(difference)
            table[name] = {
                "before": float(np.mean(before[name])),
                "after": float(np.mean(after[name])),
                "zero_flow": float(np.mean(before[f"{name}_of_zero_flow"])),
                "difference": float(difference.mean()),
                "interval_95": [float(low), float(high)],
            }
    return table


def study(root: Path, steps: int, by: Callable[[list[Batch]], list[list[Batch]]]) -> dict[str, Any]:
    """Fine-tune on a training folder and judge on its validation part, which the training never looks at."""
    torch.manual_seed(0)
    turned = Augmentation.none().model_copy(update={"flip": True, "rotate": True})
    data = DataConfig(folder=str(root), batch=4, crop=96, augmentation=turned, validation_sequences=10_000)
    recipe = FlowUnsupervisedRecipe(FlowUnsupervisedConfig(data=data))
    items = by(data.validation(history=2, length=2))
    before = errors(recipe.network, items)
    began = time.process_time()
    for step in range(steps):
        recipe.set_learning_rates(step / steps)
        recipe.train_step(recipe.batch(step, step / steps), step / steps)
    seconds = time.process_time() - began
    return {
        "steps": steps,
        "cpu_seconds": seconds,
        "settings": recipe.config.model_dump(mode="json", exclude={"data"}),
        **compare(before, errors(recipe.network, items)),
    }


def show(name: str, table: dict[str, Any]) -> None:
    print(f"{name}: {table['n']} judged, {table['steps']} steps in {table['cpu_seconds']:.0f} s")
    for metric in ("photometric", "epe", "epe_cells"):
        if metric in table:
            row = table[metric]
            low, high = row["interval_95"]
            print(
                f"  {metric:12} before {row['before']:.4f}  after {row['after']:.4f}  zero flow {row['zero_flow']:.4f}"
                f"  difference {row['difference']:+.4f} [{low:+.4f}, {high:+.4f}]"
            )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=300, help="optimiser steps on the simulated chip")
    parser.add_argument("--train", type=int, default=16, help="simulated traps to learn from")
    parser.add_argument("--test", type=int, default=16, help="simulated traps to be judged on")
    options = parser.parse_args()
    results: dict[str, Any] = {"model": "pwcnet-lite", "hash": load_model("pwcnet-lite").hash}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "chip"
        write_chip(root, options.train, options.test)

        def by_trap(items: list[Batch]) -> list[list[Batch]]:
            # `validation` gives the first stretch of every sequence, then the second of every one, and so on
            return [items[number :: options.test] for number in range(options.test)]

        results["simulated chip"] = study(root, options.steps, by_trap)
        show("simulated chip", results["simulated chip"])
        for name, (file, pixel_size, train, stop) in REAL.items():
            if not (SHARED / file).is_file():
                print(f"{name} is not here")
                continue
            root = Path(folder) / name
            write_real(root, SHARED / file, pixel_size, train, stop)
            results[name] = study(root, options.steps // 2, lambda items: [[item] for item in items])
            show(f"{name}, frames from {train} on", results[name])
    record("unsupervised_flow", results)


if __name__ == "__main__":
    main()
