"""The phantom movies of the suite: fixed seeds, with and without randomness, four traps, three focal planes.

A seed stands for one stratum (``seed % 24``) and one life, so that every part holds all strata alike. Without
randomness nothing moves by chance: no diffusion, no rotation, no cell released or washed in; growth, budding and
pushing remain.

    python benchmarks/forecast_quality/phantoms.py DIR
"""

from __future__ import annotations

import json
import sys
from itertools import product
from pathlib import Path
from typing import Any

from napari_cellsim import phantom
from napari_cellsim.training.sequences import write_sequence

SPLIT: dict[str, Any] = json.loads(Path(__file__).with_name("split.json").read_text())
STRATA = tuple(product((True, False), phantom.TRAP_KINDS, SPLIT["phantom"]["planes"]))
STILL = {"mechanics": {"diffusion": 0.0, "rotation": 0.0, "release_rate": 0.0, "wash_in_rate": 0.0}}


def stratum(seed: int) -> dict[str, Any]:
    """Return randomness, trap and focal plane (µm from the nominal one) of a seed."""
    random, trap, focus = STRATA[seed % len(STRATA)]
    return {"random": random, "trap": trap, "focus": focus}


def seeds(part: str) -> range:
    """Return the seeds of "train", "validation" or "test"."""
    first, last = SPLIT["phantom"]["seeds"][part]
    return range(first, last + 1)


def simulate(root: Path, part: str, *, size: str = "small") -> Path:
    """Write the sequences of a part that are not there yet, and return their folder.

    Parameters
    ----------
    root : Path
        Outside the repository.
    part : {"train", "validation", "test"}
        Which seeds.
    size : {"small", "large"}
        128² px of 0.216 µm, or 256² px of 0.108 µm.
    """
    folder, grid = root / size / part, SPLIT["phantom"]["grids"][size]
    for seed in seeds(part):
        where = folder / f"phantom-{seed:06d}"
        if where.is_dir():
            continue
        chosen = stratum(seed)
        config = phantom.PhantomConfig()
        if not chosen["random"]:
            config = config.changed(**STILL)
        made = phantom.simulate(
            SPLIT["phantom"]["frames"],
            seed,
            size=grid["size"],
            pixel_size=grid["pixel_size"],
            trap=chosen["trap"],
            planes=(chosen["focus"],),
            config=config,
        )
        arrays = {
            "images": made.images[:, 0],
            "semantic": made.semantic,
            "flow": made.flow.astype("float16"),
            "valid": made.valid,
        }
        info = {"source": "phantom", "seed": seed, **chosen, "pixel_size": grid["pixel_size"]}
        write_sequence(where, arrays, {**info, "interval": made.interval})
    return folder


if __name__ == "__main__":
    for name in ("validation", "test", "train"):
        print(simulate(Path(sys.argv[1]), name), flush=True)
