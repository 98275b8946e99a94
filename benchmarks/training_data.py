"""Does the data keep up with the training step? Samples per second made, and samples per second used.

The pictures are smooth noise of realistic size; what they show changes none of these times. Batches come from
memory-mapped arrays and from a zarr store of crops, with the standard augmentation, prepared by 1, 2 and 4 background
threads (`loaders`). Steps are those of the `lite` networks on the device given by --device. Writes
results/training_data.json.

    python benchmarks/training_data.py [--device cpu] [--seconds 5]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from _machine import record
from scipy.ndimage import gaussian_filter

from napari_cellsim import datasets
from napari_cellsim.datasets.finding import Traps
from napari_cellsim.training import (
    DataConfig,
    FlowConfig,
    FlowRecipe,
    PictureConfig,
    Recipe,
    SDCNetConfig,
    SDCNetRecipe,
    SegmentationConfig,
    SegmentationRecipe,
    VAEConfig,
    VAERecipe,
)
from napari_cellsim.training.feeding import Feeder, Prefetcher
from napari_cellsim.training.pictures import PictureFeeder
from napari_cellsim.training.processes import Processes
from napari_cellsim.training.sequences import Sequence, write_sequence
from napari_cellsim.training.stepping import Stepping

SIZE, FRAMES, COUNT = 256, 20, 6


def pictures(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return smooth noise (T, Y, X) in camera counts."""
    noise = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return (2000 + 4000 * gaussian_filter(noise, (0, 2, 2))).clip(0, 65535).astype(np.uint16)


def write_arrays(root: Path) -> Path:
    """Write sequences with truth, as the phantom makes them."""
    for part, count in (("train", COUNT), ("validation", 1)):
        for number in range(count):
            random = np.random.default_rng(number)
            shape = (FRAMES, SIZE, SIZE)
            arrays = {
                "images": pictures(number, shape),
                "semantic": random.integers(0, 4, shape).astype(np.uint8),
                "flow": random.normal(size=(FRAMES - 1, 2, SIZE, SIZE)).astype(np.float16),
                "valid": np.ones((FRAMES - 1, SIZE, SIZE), bool),
            }
            info = {"pixel_size": 0.108, "interval": 10.0, "source": "noise"}
            write_sequence(root / part / f"noise-{number}", arrays, info)
    return root


@dataclass(frozen=True)
class StoredSequence(Sequence):
    """A sequence whose pictures come from a zarr store."""

    pictures: Any = None

    def _open(self, name: str) -> Any:
        return self.pictures


def write_store(root: Path) -> list[Sequence]:
    """Cut crops out of a field of view into a zarr store, and return them as training sequences."""
    folder = root / "field"
    folder.mkdir()
    side = 3 * SIZE
    tifffile.imwrite(folder / "position0.tif", pictures(99, (FRAMES, side, side)), metadata={"axes": "TYX"})
    experiment = datasets.open_experiment(folder, pixel_size=0.108, interval=10.0)
    middles = [(y, x) for y in (SIZE, 2 * SIZE) for x in (SIZE / 2, 1.5 * SIZE, 2.5 * SIZE)]
    traps = Traps.from_centres(middles, (SIZE, SIZE))
    located = datasets.Located(experiment.positions[0].name, traps, datasets.Track.still(FRAMES))
    out = root / "crops.zarr"
    for _ in datasets.crop_job(experiment, out, [located], size=SIZE):
        pass
    store = datasets.CropStore(out)
    found: list[Sequence] = []
    for sequence in store.sequences:
        window = datasets.Window(sequence.id, 0, FRAMES)
        found.append(
            StoredSequence(root / sequence.id, {}, datasets.PartPictures(store, window, channel=0, plane=0))
        )
    return found


def made(make: Callable[[int], Any], loaders: int, seconds: float) -> float:
    """Return samples per second of a source of batches behind its background threads."""
    feed = Prefetcher(make, loaders)
    step, count = 0, 0
    for _ in range(loaders + 1):
        feed(step)
        step += 1
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        count += len(feed(step))
        step += 1
    spent = time.perf_counter() - began
    feed.close()
    return count / spent


def used(recipe: Recipe, device: torch.device, seconds: float) -> float:
    """Return samples per second that the training step takes, with its data at hand."""
    recipe.modules.to(device)
    recipe.stepping = Stepping(processes=Processes(device))
    batch = recipe.batch(0, 1.0).to(device)
    recipe.train_step(batch, 1.0)
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        recipe.train_step(batch, 1.0)  # ends with a number on the processor, so nothing is left running
        count += len(batch)
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    device = torch.device(options.device)
    with tempfile.TemporaryDirectory() as folder:
        root = write_arrays(Path(folder))
        stored = write_store(root)
        data = DataConfig(folder=str(root), batch=8, crop=128)
        small = PictureConfig(folder=str(root), size=64, batch=16)
        recipes: dict[str, Recipe] = {
            "segmentation": SegmentationRecipe(SegmentationConfig(data=data)),
            "flow": FlowRecipe(FlowConfig(data=data)),
            "sdcnet": SDCNetRecipe(SDCNetConfig(data=data, stage="fine_tune")),
            "vae": VAERecipe(VAEConfig(data=small)),
        }
        results: dict[str, Any] = {"device": str(device), "batch": data.batch, "crop": data.crop}
        print(f"{'recipe':14} {'used/s':>8}   made/s with 1, 2, 4 loaders")
        for name, recipe in recipes.items():
            row: dict[str, Any] = {"used": used(recipe, device, options.seconds)}
            frames = recipe.batch(0, 1.0).images.shape[1]
            sources: dict[str, Callable[[int], Any]] = {"arrays": lambda step, r=recipe: r.batch(step, 1.0)}
            feeder = recipe.feeder
            if isinstance(feeder, Feeder):
                zarr = Feeder(
                    [(1.0, stored, (1,))],
                    batch=data.batch,
                    crop=data.crop,
                    augmentation=data.augmentation,
                    history=feeder.history,
                    seed=0,
                )
                sources["zarr"] = lambda step, f=zarr, n=frames: f(step, n)
            assert isinstance(feeder, Feeder | PictureFeeder)
            for source, make in sources.items():
                row[source] = {loaders: made(make, loaders, options.seconds) for loaders in (1, 2, 4)}
                speeds = "  ".join(f"{speed:8.1f}" for speed in row[source].values())
                print(f"{name:14} {row['used']:8.1f}   {speeds}   {source}, {frames} frames", flush=True)
            results[name] = row
    record("training_data", results)


if __name__ == "__main__":
    main()
