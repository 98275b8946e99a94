"""Draw docs/images/phantom_contact_sheet.png: every trap at three pixel sizes in three focal planes."""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from napari_cellsim import phantom

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "phantom_contact_sheet.png"
PIXEL_SIZES = (0.108, 0.182, 0.263)  # µm
PLANES = (0.0, 1.7, 3.4)  # µm above the nominal focus: dark rim, sharp, bright
FIELD = 22.0  # µm across
SEEDS = {"tear_drop": 11, "rectangular": 4, "l_foot": 6, "round": 2}
NAMES = {
    "tear_drop": "tear-drop",
    "rectangular": "rectangular",
    "l_foot": "L-foot",
    "round": "round (ALCATRAS)",
}
TIGHT = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.0)
GREYS = 56  # enough for the eye; keeps the file small


def grey(picture: np.ndarray) -> np.ndarray:
    """Return the picture stretched to [0, 1] between its 0.5th and 99.5th percentile."""
    low, high = np.percentile(picture, (0.5, 99.5))
    return np.asarray(np.clip((picture - low) / (high - low), 0, 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    columns = len(PIXEL_SIZES) * len(PLANES)
    figure, axes = plt.subplots(
        len(SEEDS),
        columns,
        figsize=(1.25 * columns, 1.22 * len(SEEDS) + 0.35),
        layout=TIGHT,
    )
    for line, (trap, seed) in enumerate(SEEDS.items()):
        row = axes[line]
        for block, pixel_size in enumerate(PIXEL_SIZES):
            size = round(FIELD / pixel_size)
            scene = phantom.simulate(1, seed, size=size, pixel_size=pixel_size, trap=trap, planes=PLANES)
            for number, picture in enumerate(scene.images[0]):
                axis = row[block * len(PLANES) + number]
                axis.imshow(grey(picture), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
                if line == 0:
                    focus = scene.config.microscope.focus + PLANES[number]
                    axis.set_title(f"{pixel_size} µm/px\nfocus {focus:+.1f} µm", fontsize=7)
        row[0].set_ylabel(NAMES[trap], fontsize=7)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=125)
    Image.open(options.out).convert("L").quantize(GREYS).save(options.out, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
