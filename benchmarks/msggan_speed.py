"""How fast does MSG-GAN learn beside Cell-GAN? Pictures per second of a whole training step at the same size.

Both are the lite networks with their own recipes: batches of real pictures, one step of the discriminator with its
penalties, one of the generator. Cell-GAN's penalties come every few steps, so that whole rounds are timed. Seconds are
CPU time of the one thread used, so that other work on the machine counts little. Writes results/msggan_speed.json.

    python benchmarks/msggan_speed.py [--sizes 32 64] [--batch 16] [--rounds 2]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _machine import record
from skimage.io import imsave

from napari_cellsim.training import (
    CellGANConfig,
    CellGANRecipe,
    MSGGANConfig,
    MSGGANRecipe,
    PictureConfig,
    SpecimenConfig,
)
from napari_cellsim.training.sequences import write_sequence

STEPS = 16  # a round: every lazy penalty of Cell-GAN comes at least once


def write_pictures(root: Path, size: int) -> tuple[Path, Path]:
    """Write the same noise as a folder of photographs and as a store of sequences; only its size matters here."""
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (40, size, size), np.uint8)
    photographs, store = root / "photographs", root / "store"
    (photographs / "noise").mkdir(parents=True)
    for number, picture in enumerate(noise):
        imsave(photographs / "noise" / f"{number}.png", picture, check_contrast=False)
    write_sequence(store / "train" / "noise", {"images": noise.astype(np.uint16)}, {"source": "noise"})
    return photographs, store


def measure(recipe: Any, batch: int, rounds: int) -> float:
    """Return pictures per second and CPU core."""
    for step in range(STEPS):  # warm up
        recipe.train_step(recipe.batch(step, 0.0), 0.0)
    begin = time.process_time()
    for step in range(rounds * STEPS):
        recipe.train_step(recipe.batch(step, 0.0), 0.0)
    return batch * rounds * STEPS / (time.process_time() - begin)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 64])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory() as folder:
            photographs, store = write_pictures(Path(folder), size)
            colour = SpecimenConfig(folder=str(photographs), size=size, batch=options.batch)
            grey = PictureConfig(folder=str(store), size=size, batch=options.batch)
            for name, recipe in (
                ("msggan", MSGGANRecipe(MSGGANConfig(data=colour))),
                ("cellgan", CellGANRecipe(CellGANConfig(data=grey))),
            ):
                speed = measure(recipe, options.batch, options.rounds)
                weights = sum(p.numel() for p in recipe.modules.parameters())
                rows.append(
                    {"recipe": name, "size": size, "images_per_second": round(speed, 1), "weights": weights}
                )
                print(f"{name:8} {size:4} px  {speed:7.1f} pictures/s  {weights / 1e6:.2f} M weights")
    print(record("msggan_speed", {"batch": options.batch, "rows": rows}))


if __name__ == "__main__":
    main()
