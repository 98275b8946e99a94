"""The curse of dimensionality: everything is far away, everything is equally far, and the middle is empty.

This is why a hundred pictures do not fill the space of pictures, and why latent vectors live on a sphere.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import torch
from _drawing import BLUE, GREEN, GREY, ORANGE, main
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.special import gammaln

from napari_cellsim.nets.cellgan.layers import pixel_norm

Array = NDArray[np.float64]

POINTS = 100
DIMENSIONS = (1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 128, 200, 320, 512)


def distances(dimensions: int, points: int = POINTS, seed: int = 0, repeats: int = 20) -> tuple[float, float]:
    """Return the mean distance to the nearest and to the farthest of `points` random points in the unit cube."""
    random = np.random.default_rng([seed, dimensions])
    nearest, farthest = [], []
    for _ in range(repeats):
        cloud = random.random((points, dimensions))
        apart = cdist(cloud, cloud)
        farthest.append(apart.max(1).mean())
        np.fill_diagonal(apart, np.inf)
        nearest.append(apart.min(1).mean())
    return float(np.mean(nearest)), float(np.mean(farthest))


def ball_radius(dimensions: Array | int, points: int = POINTS) -> Array:
    """Return the radius of the ball that holds one of `points` in the unit cube: (d·Γ(d/2) / (2·π^(d/2)·N))^(1/d)."""
    d = np.asarray(dimensions, float)
    log_volume = d / 2 * np.log(np.pi) - gammaln(d / 2 + 1)  # of the ball of radius 1
    radius: Array = np.exp(-(log_volume + np.log(points)) / d)
    return radius


def lengths(dimensions: int, count: int = 2000, seed: int = 0) -> Array:
    """Return the lengths (count,) of normal random vectors: √d, give or take √½, in any number of dimensions."""
    normal = np.random.default_rng([seed, dimensions]).normal(size=(count, dimensions))
    return np.asarray(np.linalg.norm(normal, axis=1))


def walk(dimensions: int, steps: int = 21, seed: int = 0, pairs: int = 200) -> tuple[Array, Array]:
    """Return the mean length on straight walks between normal vectors, and after putting them back on the sphere.

    Both (steps,), in units of √d.
    """
    ends = torch.from_numpy(np.random.default_rng([seed, dimensions]).normal(size=(2, pairs, dimensions)))
    share = torch.linspace(0, 1, steps, dtype=ends.dtype)[:, None, None]
    straight = (1 - share) * ends[0] + share * ends[1]
    norms = [v.norm(dim=-1).mean(1).numpy() / np.sqrt(dimensions) for v in (straight, _on_sphere(straight))]
    return norms[0], norms[1]


def _on_sphere(vectors: torch.Tensor) -> torch.Tensor:
    """Scale vectors (..., D) to the length √D, with the function that our generators call first."""
    return pixel_norm(vectors.flatten(0, -2)).reshape(vectors.shape)


def draw() -> Figure:
    figure, (near, ratio, shell, middle) = plt.subplots(1, 4, figsize=(11.4, 3.1), layout="constrained")
    measured = np.array([distances(d) for d in DIMENSIONS])
    near.loglog(DIMENSIONS, measured[:, 0], "o", color=BLUE, markersize=4, label="measured")
    near.loglog(DIMENSIONS, ball_radius(np.array(DIMENSIONS)), color=GREY, label="ball that holds one")
    near.set(xlabel="dimensions", title=f"distance to the nearest\nof {POINTS} points in a unit cube")
    near.legend(frameon=False, fontsize=9)
    ratio.semilogx(DIMENSIONS, measured[:, 0] / measured[:, 1], "o-", color=ORANGE, markersize=4)
    ratio.set(xlabel="dimensions", ylim=(0, 1), title="nearest divided\nby farthest")
    for d, colour in ((2, GREY), (32, GREEN), (128, ORANGE), (512, BLUE)):
        shell.hist(lengths(d), bins=25, density=True, color=colour, alpha=0.75, histtype="stepfilled")
        shell.text(np.sqrt(d), 0.72 if d > 2 else 0.8, f"{d}", ha="center", color=colour)
    shell.set(xlabel="length", yticks=[], ylim=(0, 0.88), title="lengths of normal vectors\nof d numbers: √d")
    for d, colour in ((2, GREY), (512, BLUE)):
        straight, sphere = walk(d)
        share = np.linspace(0, 1, len(straight))
        middle.plot(share, straight, color=colour, label=f"straight, d = {d}")
    middle.plot(share, sphere, "--", color=GREEN, label="put back on the sphere")
    middle.axhline(np.sqrt(0.5), color="#c8ced4", linewidth=1, zorder=0)
    middle.set(ylim=(0, 1.5), xlabel="way from one to another", title="length on the way,\nin units of √d")
    middle.legend(frameon=False, fontsize=9)
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
