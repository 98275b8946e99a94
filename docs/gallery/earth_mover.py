"""The earth mover's distance: the least work that turns one heap into another, found by linear programming.

A plan says how much is moved from each place to each other one. All its sums are prescribed, its cost is linear: a
linear programme. Its dual variables are the best critic that a Wasserstein GAN could have.
"""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from _drawing import BLUE, GREY, ORANGE, main
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

Array = NDArray[np.float64]

BLOCKS_HERE, BLOCKS_WANTED = (4, 1, 2, 4), (1, 3, 4, 3)


class Transport(NamedTuple):
    """The cheapest plan.

    Attributes
    ----------
    distance : float
        Its work: amount times way, summed up.
    plan : ndarray, (N, N)
        Amount moved from each place (row) to each place (column).
    critic : ndarray, (N,)
        A score of the places that tells the two heaps apart as well as slope 1 allows:
        ``distance = Σ critic · (here - wanted)``.
    """

    distance: float
    plan: Array
    critic: Array


def earth_mover(here: ArrayLike, wanted: ArrayLike, places: ArrayLike | None = None) -> Transport:
    """Return the cheapest way to turn the heap `here` (N,) into `wanted` (N,); both hold equally much."""
    p, q = np.asarray(here, float), np.asarray(wanted, float)
    x = np.arange(len(p), dtype=float) if places is None else np.asarray(places, float)
    ways = np.abs(x[:, None] - x[None])
    size = len(p)
    leave = np.kron(np.eye(size), np.ones(size))  # sums over a row of the plan: what leaves a place
    arrive = np.kron(np.ones(size), np.eye(size))  # sums over a column: what arrives
    answer = linprog(ways.ravel(), A_eq=np.vstack([leave, arrive]), b_eq=np.concatenate([p, q]))
    if not answer.success:
        raise ValueError(f"There is no plan: {answer.message}")
    # How much dearer the plan gets per block more at a place. Only defined up to a constant: zero in the mean.
    score = -answer.eqlin.marginals[size:]
    return Transport(float(answer.fun), answer.x.reshape(size, size), score - score.mean())


def jensen_shannon(p: ArrayLike, q: ArrayLike) -> float:
    """Return the Jensen–Shannon divergence, what the first GAN's loss measures; log 2 where nothing overlaps."""
    heaps = np.stack([p, q]).astype(float)
    middle = heaps.mean(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(heaps > 0, heaps * np.log(heaps / middle), 0.0)
    return float(terms.sum() / 2)


def bump(centre: float, size: int = 40) -> Array:
    """Return a narrow heap (size,) of mass 1."""
    heap: Array = np.clip(2.5 - np.abs(np.arange(size) - centre), 0, None)
    return np.asarray(heap / heap.sum())


def _heap(axis: Axes, amounts: Array, title: str) -> None:
    """Show `amounts` (origins, places) as blocks stacked at each place, coloured by origin."""
    bottom = np.zeros(amounts.shape[1])
    for origin, row in enumerate(amounts):
        for place, count in enumerate(np.rint(row).astype(int)):
            for _ in range(count):
                colour = colormaps["viridis"](0.15 + 0.27 * origin)
                axis.bar(place, 1, 0.86, bottom=bottom[place], color=colour, edgecolor="white", linewidth=2)
                bottom[place] += 1
    axis.set(ylim=(0, 4.4), xticks=range(4), xticklabels=["1", "2", "3", "4"], yticks=[], title=title)
    axis.spines[["top", "left", "right"]].set_visible(False)


def draw() -> Figure:
    figure, axes = plt.subplots(1, 4, figsize=(10.2, 3.1), width_ratios=(1, 1, 1, 1.5), layout="constrained")
    found = earth_mover(BLOCKS_HERE, BLOCKS_WANTED)
    _heap(axes[0], np.diag(BLOCKS_HERE).astype(float), "the blocks")
    axes[1].imshow(found.plan, cmap="Blues", vmax=6)
    for (row, column), amount in np.ndenumerate(found.plan):
        if amount > 0:
            moved = row != column
            axes[1].text(
                column, row, f"{amount:.0f}", ha="center", va="center",
                color=ORANGE if moved else GREY, fontweight="bold" if moved else "normal",
            )  # fmt: skip
    ticks, names = range(4), ["1", "2", "3", "4"]
    axes[1].set(xticks=ticks, yticks=ticks, xticklabels=names, yticklabels=names, xlabel="to", ylabel="from")
    axes[1].set_title(f"cheapest plan: W = {found.distance:g}")
    _heap(axes[2], found.plan, "after the moves")
    gaps = range(21)
    pairs = [(bump(8), bump(8 + gap)) for gap in gaps]
    axes[3].plot(gaps, [earth_mover(*pair).distance for pair in pairs], color=BLUE, label="earth mover")
    divergence = axes[3].twinx()
    divergence.plot(gaps, [jensen_shannon(*pair) for pair in pairs], color=ORANGE)
    divergence.set_ylim(0, 1.15)
    divergence.set_yticks([0, np.log(2)], ["0", "log 2"], color=ORANGE)
    divergence.set_ylabel("Jensen–Shannon", color=ORANGE)
    divergence.spines["top"].set_visible(False)
    axes[3].set(xlabel="distance of two narrow heaps", ylim=(0, 23), title="which one says where to go?")
    axes[3].set_ylabel("earth mover", color=BLUE)
    axes[3].tick_params(axis="y", colors=BLUE)
    axes[3].spines["top"].set_visible(False)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
