"""Draw the explanatory pictures of the documentation into docs/images.

    python scripts/make_figures.py [NAME ...]

Pictures that the bundled generator draws are left out, with a message, where it is not installed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

import generator_figures as cellgan
import matplotlib.pyplot as plt
import numpy as np
import quality_figures as quality
import specimen_figures as specimens
import training_figures as training
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec
from matplotlib.patches import ConnectionPatch, Rectangle
from matplotlib.patheffects import withStroke
from scipy.ndimage import correlate1d, shift

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
BLUE, ORANGE, GREY = "#1f6fb4", "#d9661f", "#5c6670"

SIZE = 24  # pixels of the drawn frame
TAPS = 7  # kernel size
TARGET = (15, 12)  # x, y of the pixel being predicted
FLOW = (-5.6, -2.7)  # u, v: where that pixel comes from


def drawn_cell() -> np.ndarray:
    """Return a (SIZE, SIZE) drawing of a bright cell with a dark rim, values in [0, 1]."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(float)
    radius = np.hypot((x - 9.2) / 6.4, (y - 10.0) / 5.6)
    rim = np.exp(-(((radius - 1.0) / 0.16) ** 2))
    halo = np.exp(-(((radius - 1.32) / 0.14) ** 2))
    spot = np.exp(-(((x - 7.5) ** 2 + (y - 8.5) ** 2) / 5.0))
    return np.asarray(np.clip(0.55 + 0.12 * (radius < 1) - 0.45 * rim + 0.25 * halo - 0.25 * spot, 0, 1))


def bump(centre: float, width: float) -> np.ndarray:
    """Return TAPS kernel weights that sum to one: a bump around tap ``centre``."""
    weights = np.exp(-0.5 * ((np.arange(TAPS) - centre) / width) ** 2)
    return np.asarray(weights / weights.sum())


def pixel_grid(ax: Axes, picture: np.ndarray, title: str) -> None:
    """Show a grey picture with faint pixel borders."""
    ax.imshow(picture, cmap="gray", vmin=0, vmax=1)
    rows, columns = picture.shape
    ax.set_xticks(np.arange(-0.5, columns), minor=True)
    ax.set_yticks(np.arange(-0.5, rows), minor=True)
    ax.grid(which="minor", color="white", alpha=0.18, linewidth=0.4)
    ax.tick_params(which="both", left=False, bottom=False, labelleft=False, labelbottom=False)
    ax.set_title(title, color="black")


def draw_frame(ax: Axes, frame: np.ndarray) -> None:
    """Step 1: the displacement, from the predicted pixel to its origin in the last frame."""
    pixel_grid(ax, frame, "1   Where does this pixel come from?")
    x, y = TARGET
    u, v = FLOW
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))
    ax.add_patch(
        Rectangle((x + u - TAPS / 2, y + v - TAPS / 2), TAPS, TAPS, fill=False, edgecolor=BLUE, linewidth=2)
    )
    arrow = {"arrowstyle": "-|>", "color": ORANGE, "linewidth": 2, "shrinkA": 3, "shrinkB": 0}
    ax.annotate("", (x + u, y + v), (x, y), arrowprops=arrow)
    label: dict[str, Any] = {
        "color": ORANGE,
        "fontweight": "bold",
        "path_effects": [withStroke(linewidth=3, foreground="white")],
    }
    ax.text(x + 1.0, y + 0.6, "(x, y)", va="top", **label)
    ax.text(x + u + 1.9, y + v - 0.6, "(u, v)", **label)
    ax.set_xlabel("last frame  $I_t$")


def draw_kernels(
    figure: Figure, spot: SubplotSpec, vertical: np.ndarray, horizontal: np.ndarray
) -> tuple[Axes, Axes]:
    """Step 2: the patch weights as outer product of a column and a row kernel."""
    grid = spot.subgridspec(2, 2, width_ratios=(1, 3.2), height_ratios=(1, 3.2), wspace=0.06, hspace=0.06)
    weights = figure.add_subplot(grid[1, 1])
    weights.imshow(np.outer(vertical, horizontal), cmap="Blues")
    weights.set_xlabel(r"weights  $K_v(i)\,K_h(j)$")
    row = figure.add_subplot(grid[0, 1], sharex=weights)
    row.bar(np.arange(TAPS), horizontal, color=BLUE, width=0.9)
    row.set_title("2   How are its neighbours mixed?", loc="center", x=0.3)
    row.text(TAPS - 0.6, horizontal.max(), "$K_h$", color=BLUE, ha="right", va="top", fontsize=12)
    column = figure.add_subplot(grid[1, 0], sharey=weights)
    column.barh(np.arange(TAPS), vertical, color=BLUE, height=0.9)
    column.invert_xaxis()
    column.text(vertical.max(), -0.4, "$K_v$", color=BLUE, ha="left", va="top", fontsize=12)
    for ax in (weights, row, column):
        ax.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
        for side in ax.spines.values():
            side.set_color("#c8ced4")
    return column, weights


def draw_prediction(ax: Axes, frame: np.ndarray, vertical: np.ndarray, horizontal: np.ndarray) -> None:
    """Step 3: every pixel done so, here with the same displacement everywhere."""
    moved = shift(frame, (-FLOW[1], -FLOW[0]), order=1, mode="nearest")
    mixed = correlate1d(moved, vertical, axis=0, mode="nearest")
    mixed = correlate1d(mixed, horizontal, axis=1, mode="nearest")
    pixel_grid(ax, mixed, "3   Do so for every pixel")
    x, y = TARGET
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, edgecolor=ORANGE, linewidth=2))
    ax.set_xlabel(r"predicted frame  $\hat I_{t+1}$")


def spatially_displaced_convolution() -> Figure:
    """Return the picture of the operator in three steps."""
    frame = drawn_cell()
    vertical, horizontal = bump(3.0, 0.75), bump(3.4, 1.0)
    figure = plt.figure(figsize=(10.4, 3.9), facecolor="white")
    spots = figure.add_gridspec(1, 3, left=0.015, right=0.985, top=0.88, bottom=0.09, wspace=0.16)
    first, last = figure.add_subplot(spots[0]), figure.add_subplot(spots[2])
    draw_frame(first, frame)
    column, weights = draw_kernels(figure, spots[1], vertical, horizontal)
    draw_prediction(last, frame, vertical, horizontal)
    corner = (TARGET[0] + FLOW[0] + TAPS / 2, TARGET[1] + FLOW[1])
    for (start, start_in), (end, end_in), colour in (
        ((corner, first), ((vertical.max(), 3), column), BLUE),
        (((TAPS - 0.5, 3), weights), ((TARGET[0] - 0.5, TARGET[1]), last), ORANGE),
    ):
        link = ConnectionPatch(start, end, "data", "data", axesA=start_in, axesB=end_in, arrowstyle="-|>")
        link.set(color=colour, linewidth=1.2, linestyle=(0, (4, 3)))
        figure.add_artist(link)
    return figure


STYLE: dict[Any, Any] = {
    "svg.hashsalt": "napari-cellsim",  # the same bytes each time, so that only real changes show in git
    "font.size": 11,
    "axes.titlesize": 11.5,
    "axes.titlepad": 8,
    "axes.labelcolor": GREY,
}


def main() -> None:
    """Write the pictures."""
    drawn = {
        "sdc.svg": spatially_displaced_convolution,
        **cellgan.DRAWN,
        **training.DRAWN,
        **specimens.DRAWN,
        **quality.DRAWN,
    }
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [*drawn, *cellgan.GENERATED]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(every)}")
    names = parser.parse_args().names or every
    if unknown := set(names) - set(every):
        parser.error(f"there is no picture {', '.join(unknown)}")
    IMAGES.mkdir(parents=True, exist_ok=True)
    digest = cellgan.bundled()
    for name in names:
        target = IMAGES / name
        if name in drawn:
            with plt.rc_context(STYLE):
                plain = {"Date": None} if target.suffix == ".svg" else {"Software": None}
                drawn[name]().savefig(target, metadata=plain, dpi=100)
        elif digest is None:
            print(f"{name} is left out: the model {cellgan.MODEL!r} that draws it is not installed")
            continue
        else:
            cellgan.save_stamped(cellgan.GENERATED[name](), target, digest)
        print(f"wrote {target}")


if __name__ == "__main__":
    main()
