"""Mode collapse: a generator that draws only some of what there is, and what helps.

The data are eight round heaps on a circle, the generator makes a point of two random numbers (Reich 2020, §9.3).
All trainings are alike but for the one thing that their name says. Chance decides much, so each is done six times.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from _drawing import BLUE, ORANGE, PALE, bare, main
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cellsim.training import adversarial

Array = NDArray[np.float64]

MODES, DEVIATION = 8, 0.05
STEPS, BATCH, HIDDEN = 2500, 64, 64
TRAININGS, SAMPLES = 6, 1000


@dataclass(frozen=True)
class Remedy:
    """What a training does differently from the plain one.

    Attributes
    ----------
    latent : int
        Random numbers that the generator starts from.
    top : float
        Share of each batch that the generator learns from, those that the discriminator likes best.
    packed : int
        Points that the discriminator sees at once, so that it notices when all are alike.
    wasserstein : bool
        The critic's loss instead of the non-saturating one.
    penalty : {"", "gradient", "r1"}
        On the slope of the discriminator: if it is not 1 between data and drawn points, or not 0 at the data.
    clip : float
        Largest weight of the discriminator; 0 leaves them alone.
    """

    latent: int = 2
    top: float = 1.0
    packed: int = 1
    wasserstein: bool = False
    penalty: str = ""
    clip: float = 0.0


REMEDIES = {
    "plain": Remedy(),
    "learn from the best half": Remedy(top=0.5),
    "four points at once": Remedy(packed=4),
    "eight random numbers": Remedy(latent=8),
    "Wasserstein, clipped": Remedy(wasserstein=True, clip=0.1),
    "Wasserstein, penalty": Remedy(wasserstein=True, penalty="gradient"),
    "R1 penalty": Remedy(penalty="r1"),
}


class Networks(nn.Module):
    """As many networks of three layers as there are trainings, side by side: (T, N, inputs) to (T, N, outputs)."""

    def __init__(self, inputs: int, outputs: int, count: int) -> None:
        super().__init__()
        widths = (inputs, HIDDEN, HIDDEN, outputs)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for before, after in itertools.pairwise(widths):
            for values, shape in ((self.weights, (count, before, after)), (self.biases, (count, 1, after))):
                values.append(nn.Parameter((2 * torch.rand(shape) - 1) / math.sqrt(before)))

    def forward(self, x: Tensor) -> Tensor:
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, F.leaky_relu(x, 0.2) if layer else x, weight)
        return x


def centres() -> Tensor:
    """Return the middles (8, 2) of the heaps."""
    angle = torch.arange(MODES) * (2 * math.pi / MODES)
    return torch.stack([angle.cos(), angle.sin()], 1)


def ring(count: int) -> Tensor:
    """Return random points (count, 2) of the eight heaps."""
    return centres()[torch.randint(MODES, (count,))] + DEVIATION * torch.randn(count, 2)


def train(remedy: Remedy, seed: int = 0, steps: int = STEPS, trainings: int = TRAININGS) -> Array:
    """Play the game several times, and return what each generator draws in the end (trainings, SAMPLES, 2)."""
    torch.manual_seed(seed)
    generators = Networks(remedy.latent, 2, trainings)
    judges = Networks(2 * remedy.packed, 1, trainings)
    optimisers = [
        torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.0, 0.99), fused=True)
        for net in (judges, generators)
    ]

    def verdicts(
        points: Tensor,
    ) -> list[Tensor]:  # points (T · B, 2): the losses need not know of several trainings
        return [judges(points.reshape(trainings, -1, 2 * remedy.packed)).flatten(0, 1)]

    def drawn(count: int) -> Tensor:
        made: Tensor = generators(torch.rand(trainings, count, remedy.latent))
        return made.flatten(0, 1)

    def step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    for _ in range(steps):
        real, fake = ring(trainings * BATCH), drawn(BATCH).detach()
        if remedy.wasserstein:
            loss = adversarial.wasserstein_discriminator(verdicts(real), verdicts(fake))
        else:
            loss = adversarial.non_saturating_discriminator(verdicts(real), verdicts(fake))
        if remedy.penalty == "gradient":
            loss = loss + 0.1 * adversarial.gradient_penalty(verdicts, real, fake)
        elif remedy.penalty == "r1":
            loss = loss + 0.05 * adversarial.r1_penalty(verdicts, real)
        step(optimisers[0], loss)
        if remedy.clip:
            with torch.no_grad():
                for weight in judges.parameters():
                    weight.clamp_(-remedy.clip, remedy.clip)
        (logits,) = verdicts(drawn(BATCH))
        if remedy.top < 1:
            each = logits.reshape(trainings, -1, 1)
            logits = torch.cat([adversarial.top_k(one, remedy.top) for one in each])
        kind = (
            adversarial.wasserstein_generator if remedy.wasserstein else adversarial.non_saturating_generator
        )
        step(optimisers[1], kind([logits]))
    with torch.no_grad():
        samples: Array = drawn(SAMPLES).reshape(trainings, SAMPLES, 2).double().numpy()
    return samples


def judged(samples: Array) -> tuple[int, float]:
    """Return how many heaps the samples (N, 2) reach, and the share of samples that lie on a heap.

    On a heap: within four deviations of its middle. Reached: by a quarter of its fair share of the samples.
    """
    distance = np.linalg.norm(samples[:, None] - centres().double().numpy(), axis=2)
    on_heap = distance.min(1) < 4 * DEVIATION
    shares = np.bincount(distance.argmin(1)[on_heap], minlength=MODES) / len(samples)
    return int((shares > 0.25 / MODES).sum()), float(on_heap.mean())


def draw() -> Figure:
    figure, axes = plt.subplots(2, 4, figsize=(10.0, 5.6), layout="constrained")
    torch.manual_seed(1)
    panels = {"the data": ring(SAMPLES).double().numpy()[None]}
    panels |= {name: train(remedy) for name, remedy in REMEDIES.items()}
    for axis, (name, samples) in zip(axes.flat, panels.items(), strict=True):
        for centre in centres().numpy():
            axis.add_patch(Circle(tuple(centre), 4 * DEVIATION, color=PALE))
        axis.plot(*samples[0].T, ".", color=BLUE, markersize=1.5, alpha=0.5)
        axis.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
        reached = [judged(one)[0] for one in samples]
        heaps = "8 heaps" if len(reached) == 1 else f"heaps: {', '.join(map(str, reached))}"
        bare(axis, f"{name}\n{heaps}", "black" if np.mean(reached) > 7 else ORANGE)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
