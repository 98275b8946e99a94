"""The smallest GAN: it learns a circle of 300 points from the verdicts of its discriminator alone.

Generator: one random number, 256 hidden units, a point of the plane. Discriminator: a point, 256 hidden units, one
verdict. Every step shows both 32 points (set-up: Østmo 2020, §3.2.3).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from _drawing import BLUE, GREY, ORANGE, main
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cellsim.training import adversarial

Array = NDArray[np.float64]

POINTS, BATCH, HIDDEN = 300, 32, 256
STEPS, SHOWN = 6000, (400, 3000, 6000)
REACH = 1.8  # of the map


class Snapshot(NamedTuple):
    """What both know after a number of steps: samples (N, 2), and the verdict on a square grid (M, M)."""

    step: int
    samples: Array
    verdict: Array


class Course(NamedTuple):
    """A training: the points learnt from (N, 2), snapshots, and mean verdicts on real and drawn points (steps,)."""

    points: Array
    snapshots: list[Snapshot]
    on_real: Array
    on_drawn: Array


def circle(count: int) -> Tensor:
    """Return random points (count, 2) of the unit circle."""
    angle = 2 * math.pi * torch.rand(count)
    return torch.stack([angle.sin(), angle.cos()], 1)


def latents(count: int) -> Tensor:
    """Return random numbers (count, 1) between -1 and 1."""
    return 2 * torch.rand(count, 1) - 1


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Return a network with one hidden layer, its weights drawn as He and colleagues (2015) advise."""
    first, second = nn.Linear(inputs, HIDDEN), nn.Linear(HIDDEN, outputs)
    nn.init.kaiming_uniform_(first.weight, nonlinearity="relu")
    nn.init.zeros_(first.bias)
    nn.init.zeros_(second.bias)
    return nn.Sequential(first, nn.ReLU(), second)


def train(steps: int = STEPS, shown: tuple[int, ...] = SHOWN, seed: int = 3) -> Course:
    """Play the game, and remember what it looks like after the steps in `shown`."""
    torch.manual_seed(seed)
    points, generator, judge = circle(POINTS), mlp(1, 2), mlp(2, 1)
    judge_step = torch.optim.Adam(judge.parameters(), lr=1e-3)
    generator_step = torch.optim.Adam(generator.parameters(), lr=1e-3)
    snapshots, verdicts = [], np.empty((steps, 2))
    for step in range(1, steps + 1):
        real, drawn = points[torch.randint(POINTS, (BATCH,))], generator(latents(BATCH))
        on_real, on_drawn = judge(real), judge(drawn.detach())
        loss = adversarial.non_saturating_discriminator([on_real], [on_drawn])
        judge_step.zero_grad()
        loss.backward()
        judge_step.step()
        loss = adversarial.non_saturating_generator([judge(drawn)])
        generator_step.zero_grad()
        loss.backward()
        generator_step.step()
        verdicts[step - 1] = [v.detach().sigmoid().mean() for v in (on_real, on_drawn)]
        if step in shown:
            snapshots.append(look(step, generator, judge))
    return Course(points.double().numpy(), snapshots, verdicts[:, 0], verdicts[:, 1])


@torch.no_grad()
def look(step: int, generator: nn.Module, judge: nn.Module, side: int = 81) -> Snapshot:
    """Draw points, and ask for the verdict everywhere."""
    axis = torch.linspace(-REACH, REACH, side)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    verdict = judge(torch.stack([x, y], -1).reshape(-1, 2)).sigmoid().reshape(side, side)
    # evenly spaced, so that snapshots cost no random number and a training is the same with and without them
    samples = generator(torch.linspace(-1, 1, 100)[:, None])
    return Snapshot(step, samples.double().numpy(), verdict.double().numpy())


def radius_error(samples: Array) -> float:
    """Return how far the samples (N, 2) are from the circle, root mean square."""
    return float(np.sqrt(((np.hypot(*samples.T) - 1) ** 2).mean()))


def covered(samples: Array, parts: int = 24) -> float:
    """Return the share of `parts` equal arcs of the circle that hold a sample."""
    angle = np.arctan2(*samples.T)
    return len(np.unique(((angle / (2 * np.pi) + 0.5) * parts).astype(int) % parts)) / parts


def draw() -> Figure:
    course = train()
    figure, axes = plt.subplots(1, 4, figsize=(12.2, 3.4), width_ratios=(1, 1, 1, 1.15), layout="constrained")
    for axis, snapshot in zip(axes, course.snapshots, strict=False):
        edges = (-REACH, REACH)
        shade = axis.contourf(
            snapshot.verdict, levels=np.linspace(0, 1, 21), extent=edges * 2, cmap="RdBu", alpha=0.75
        )
        axis.contour(snapshot.verdict, levels=[0.5], extent=edges * 2, colors="black", linewidths=0.8)
        axis.plot(*course.points.T, ".", color="black", markersize=2)
        axis.plot(
            *snapshot.samples.T, "*", color="#ffd400", markersize=6, markeredgecolor=GREY, markeredgewidth=0.4
        )
        axis.set(
            xticks=[], yticks=[], aspect="equal", title=f"after {snapshot.step} steps", xlim=edges, ylim=edges
        )
    figure.colorbar(shade, ax=axes[2], ticks=[0, 0.5, 1], label="D(x)", shrink=0.8)
    window = 100
    for values, colour, name in (
        (course.on_real, BLUE, "real points"),
        (course.on_drawn, ORANGE, "drawn points"),
    ):
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        axes[3].plot(np.arange(len(smooth)) + window, smooth, color=colour, label=name, linewidth=1)
    axes[3].axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    axes[3].set(xlabel="step", ylim=(0, 1), title="mean verdict D(x)")
    axes[3].legend(frameon=False)
    axes[3].spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
