"""The game V = x y: two players who each follow their own slope circle around the solution and never reach it.

Player x wants V large, player y wants it small; the solution is x = y = 0. A generator and a discriminator near their
equilibrium play a game like this one.
"""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
from _drawing import BLUE, GREEN, GREY, ORANGE, main
from matplotlib.figure import Figure
from numpy.typing import NDArray

Array = NDArray[np.float64]
Move = Callable[[float, float, float], tuple[float, float]]

START = (1.0, 0.0)
LEARNING_RATE, STEPS = 0.1, 150


def simultaneous(x: float, y: float, lr: float) -> tuple[float, float]:
    """Both look at the same moment, then both step: the distance grows by √(1 + lr²)."""
    return x + lr * y, y - lr * x


def alternating(x: float, y: float, lr: float) -> tuple[float, float]:
    """The second player already sees the first one's step: x² + y² + lr·x·y never changes."""
    x = x + lr * y
    return x, y - lr * x


def exact(x: float, y: float, lr: float) -> tuple[float, float]:
    """Infinitely small steps for a time lr: a circle."""
    return x * np.cos(lr) + y * np.sin(lr), y * np.cos(lr) - x * np.sin(lr)


def penalised(x: float, y: float, lr: float, strength: float = 0.3) -> tuple[float, float]:
    """Like simultaneous, but y also pays strength/2·y² for being steep, as a discriminator pays for its gradient."""
    return x + lr * y, y - lr * (x + strength * y)


def looking_ahead(x: float, y: float, lr: float) -> tuple[float, float]:
    """Extragradient: try the step, and go by the slope found there."""
    tried = simultaneous(x, y, lr)
    return x + lr * tried[1], y - lr * tried[0]


def path(move: Move, lr: float = LEARNING_RATE, steps: int = STEPS) -> Array:
    """Return the points (steps + 1, 2) that the players pass."""
    points = [START]
    for _ in range(steps):
        points.append(move(*points[-1], lr))
    return np.array(points)


def running_average(points: Array, decay: float) -> Array:
    """Return the exponential moving average of a path, which starts where the path does."""
    mean = [points[0]]
    for point in points[1:]:
        mean.append(decay * mean[-1] + (1 - decay) * point)
    return np.array(mean)


def draw() -> Figure:
    figure, (plane, time) = plt.subplots(
        1, 2, figsize=(9.6, 4.2), width_ratios=(1, 1.25), layout="constrained"
    )
    grid = np.linspace(-1.9, 1.9, 13)
    x, y = np.meshgrid(grid, grid)
    plane.quiver(x, y, y, -x, color="#c8ced4", width=0.004)
    paths = {
        "simultaneous": (path(simultaneous), ORANGE, "-"),
        "alternating": (path(alternating), GREEN, "-"),
        "exact flow": (path(exact), GREY, ":"),
        "with a penalty": (path(penalised), BLUE, "-"),
        "looking ahead": (path(looking_ahead), "#8a5fb0", "-"),
    }
    alternated = paths["alternating"][0]
    paths["average of alternating"] = (running_average(alternated, 0.98), GREEN, "--")
    for name, (points, colour, line) in paths.items():
        if name != "looking ahead":
            plane.plot(*points.T, line, color=colour, linewidth=1.4)
        time.plot(np.hypot(*points.T), line, color=colour, label=name, linewidth=1.6)
    plane.plot(*START, "o", color="black", markersize=5)
    plane.plot(0, 0, "+", color="black", markersize=10)
    plane.set(
        xlim=(-2, 2), ylim=(-2, 2), aspect="equal", xlabel="x (wants V large)", ylabel="y (wants V small)"
    )
    plane.set_title("V = x y: where the players go")
    time.set(xlabel="step", ylabel="distance from the solution", ylim=(0, 2.2), xlim=(0, STEPS))
    time.set_title(f"learning rate {LEARNING_RATE:g}")
    time.legend(frameon=False, ncols=2, loc="upper left", fontsize=9)
    time.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
