"""The pictures of the documentation that explain MSG-GAN; `make_figures.py` draws them."""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
from generator_figures import BLUE, GREY, ORANGE, PALE, arrow, box
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

SIDES = (4, 8, 16, 32, 64)  # px


def msggan() -> Figure:
    """Return the wiring of both networks for pictures of 64 px."""
    figure, axis = plt.subplots(figsize=(10.2, 5.0))
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99)
    axis.set(xlim=(0, 20.6), ylim=(0, 10.1))
    axis.axis("off")
    width, step, left, last = 2.3, 3.3, 3.6, len(SIDES) - 1
    box(axis, 0.3, 7.9, 2.1, "z\nrandom", PALE)
    box(axis, 0.3, 1.1, 2.1, "score", PALE)
    arrow(axis, (2.4, 8.4), (left, 8.4))
    arrow(axis, (left, 1.6), (2.4, 1.6))
    for level, side in enumerate(SIDES):
        x = left + level * step
        middle = x + width / 2
        drawn = "4×4 features,\nconvolve" if level == 0 else "enlarge,\nconvolve twice"
        seen = "vary? convolve,\nsum up" if level == 0 else "convolve twice,\nhalve"
        box(axis, x, 7.9, width, drawn, "white", size=8)
        box(axis, x, 1.1, width, seen, "white", size=8)
        axis.text(middle, 9.3, f"{side}×{side}", ha="center", fontweight="bold", color=BLUE)
        half = 0.24 + 0.13 * level
        square = Rectangle((middle - half, 4.95 - half), 2 * half, 2 * half, fc=PALE, ec=ORANGE, lw=1.5)
        axis.add_patch(square)
        arrow(axis, (middle, 7.9), (middle, 4.95 + half), ORANGE)
        arrow(axis, (middle, 4.95 - half), (middle, 2.1), ORANGE)
        axis.text(middle + 0.15, 6.75, "to colour", fontsize=8, color=GREY)
        axis.text(middle + 0.15, 2.85, "from colour", fontsize=8, color=GREY)
        if level < last:
            arrow(axis, (x + width, 8.4), (x + step, 8.4))
            arrow(axis, (x + step, 1.6), (x + width, 1.6))
    axis.text(0.3, 9.3, "generator", color=GREY)
    axis.text(0.3, 0.4, "discriminator", color=GREY)
    axis.text(0.3, 4.75, "pictures at every\nscale: drawn, or\nreal and reduced", color=GREY, va="center")
    return figure


DRAWN: dict[str, Callable[[], Figure]] = {"msggan.svg": msggan}
