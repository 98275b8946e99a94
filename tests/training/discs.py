"""A store of simple pictures: bright discs on a dark ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cellsim.training.sequences import write_sequence


def write_discs(root: Path, *, train: int = 6, validation: int = 2, frames: int = 3, size: int = 32) -> Path:
    """Write sequences of a disc that moves to the right, in camera counts."""
    y, x = np.mgrid[:size, :size]
    for part, count in (("train", train), ("validation", validation)):
        for number in range(count):
            random = np.random.default_rng([number, part == "train"])
            row, column = random.uniform(0.3, 0.7, 2) * size
            radius = random.uniform(0.15, 0.3) * size
            distance = [np.hypot(y - row, x - column - t) - radius for t in range(frames)]
            images = 800 + 400 / (1 + np.exp(np.stack(distance)))
            info = {"source": "discs", "pixel_size": 0.5, "interval": 10.0}
            write_sequence(root / part / f"disc-{number}", {"images": images.astype(np.uint16)}, info)
    return root
