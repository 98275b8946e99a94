"""Draw docs/images/shell_contact_sheet.png: every class of the shell phantom on dark and bright ground."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
from matplotlib.layout_engine import ConstrainedLayoutEngine
from PIL import Image

from napari_cellsim import phantom

TARGET = Path(__file__).resolve().parents[1] / "docs" / "images" / "shell_contact_sheet.png"
SIZE = 96
COLUMNS: dict[Literal["dark", "bright"], int] = {"dark": 7, "bright": 3}
SEEDS = {"dark": 3, "bright": 17}
TIGHT = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.01, wspace=0.0, hspace=0.0)
COLOURS = 256  # keeps the file small


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    classes = phantom.SHELL_CLASSES
    columns = sum(COLUMNS.values())
    figure, axes = plt.subplots(
        len(classes),
        columns,
        figsize=(0.98 * columns, 0.98 * len(classes)),
        layout=TIGHT,
    )
    first = 0
    for ground, count in COLUMNS.items():
        shells = phantom.simulate_shells(
            count * len(classes), SEEDS[ground], size=SIZE, ground=ground, classes=classes
        )
        for picture, label, column in zip(
            shells.images, shells.labels, [i // len(classes) for i in range(len(shells))], strict=True
        ):
            axis = axes[label, first + column]
            axis.imshow(picture.transpose(1, 2, 0), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        first += count
    for row, name in zip(axes, classes, strict=True):
        row[0].set_ylabel(name, fontsize=7)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out, dpi=SIZE + 4)
    sheet = Image.open(options.out).convert("RGB")
    # rare colours, such as the one red stone, would be lost in the mean of others
    sheet.quantize(COLOURS, Image.Quantize.MAXCOVERAGE).save(options.out, optimize=True)
    print(f"{options.out}: {options.out.stat().st_size / 1024:.0f} kB")


if __name__ == "__main__":
    main()
