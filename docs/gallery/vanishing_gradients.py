"""Why a generator that is always caught learns nothing, and the small change that helps.

The discriminator's verdict is D = sigmoid(a). The minimax generator lowers log(1 - D): its slope by `a` is -D, nothing
where it is caught. The non-saturating generator lowers -log D: its slope is -(1 - D), most where it is caught.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from _drawing import BLUE, GREEN, GREY, ORANGE, main
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cellsim.training import adversarial

Array = NDArray[np.float64]


def minimax_generator(fake: Sequence[Tensor]) -> Tensor:
    """Return ``E log(1 - D(G(z)))`` from logits: the loss that vanishes."""
    return torch.stack([-F.softplus(f).mean() for f in fake]).sum()


LOSSES = {
    "minimax": minimax_generator,
    "non-saturating": adversarial.non_saturating_generator,
    "Wasserstein": adversarial.wasserstein_generator,
}


def slope(loss: str, verdict: float) -> float:
    """Return the measured slope of a loss by the logit where the discriminator says D(G(z)) = `verdict`."""
    logit = torch.tensor([[math.log(verdict / (1 - verdict))]], dtype=torch.float64, requires_grad=True)
    LOSSES[loss]([logit]).backward()
    assert logit.grad is not None
    return float(logit.grad)


class Course(NamedTuple):
    """How the generator's gradient changes while only the discriminator learns; arrays (checks,)."""

    steps: Array
    verdict: Array
    gradient: dict[str, Array]


def gradients(steps: int = 1500, every: int = 30, seed: int = 0, batch: int = 128) -> Course:
    """Train a discriminator and a Wasserstein critic against a generator that stands still, far from the data.

    Returns the length of the generator's gradient under each loss: what the generator would learn by.
    """
    torch.manual_seed(seed)
    generator, judge, critic = _mlp(2, 2), _mlp(2, 1), _mlp(2, 1)
    optimisers = [torch.optim.Adam(net.parameters(), lr=2e-3, betas=(0.5, 0.9)) for net in (judge, critic)]
    at, verdicts, found = [], [], {name: [] for name in LOSSES}  # type: ignore[var-annotated]
    for step in range(steps + 1):
        real, fake = _circle(batch), 0.3 * generator(torch.randn(batch, 2)) + 2.5
        if step % every == 0:
            logits = judge(fake)
            at.append(step)
            verdicts.append(logits.double().sigmoid().mean().item())
            for name, loss in LOSSES.items():
                scores = critic(fake) if name == "Wasserstein" else logits
                found[name].append(_length(loss([scores.double()]), generator))
        fake = fake.detach()
        losses = (
            adversarial.non_saturating_discriminator([judge(real)], [judge(fake)]),
            adversarial.wasserstein_discriminator([critic(real)], [critic(fake)])
            + 10 * adversarial.gradient_penalty(lambda x: [critic(x)], real, fake),
        )
        for optimiser, loss_value in zip(optimisers, losses, strict=True):
            optimiser.zero_grad()
            loss_value.backward()
            optimiser.step()
    return Course(
        np.array(at), np.array(verdicts), {name: np.array(values) for name, values in found.items()}
    )


def _mlp(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, outputs))


def _circle(count: int) -> Tensor:
    angle = 2 * math.pi * torch.rand(count)
    return torch.stack([angle.cos(), angle.sin()], 1)


def _length(loss: Tensor, network: nn.Module) -> float:
    found = torch.autograd.grad(loss, list(network.parameters()), retain_graph=True)
    return float(torch.stack([g.double().square().sum() for g in found]).sum().sqrt())


def draw() -> Figure:
    figure, (height, steep, measured) = plt.subplots(1, 3, figsize=(10.2, 3.4), layout="constrained")
    verdict = np.linspace(0.002, 0.998, 400)
    colours = {"minimax": ORANGE, "non-saturating": BLUE, "Wasserstein": GREEN}
    height.plot(verdict, np.log(1 - verdict), color=ORANGE)
    height.plot(verdict, -np.log(verdict), color=BLUE)
    height.text(0.22, 2.5, "non-saturating: −log D", color=BLUE)
    height.text(0.02, -1.4, "minimax:\nlog(1 − D)", color=ORANGE)
    height.set(xlabel="D(G(z))", ylim=(-5, 5), xlim=(0, 1), title="loss of the generator")
    dots = np.array([0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
    for name, formula in (("minimax", verdict), ("non-saturating", 1 - verdict)):
        steep.plot(verdict, formula, color=colours[name])
        steep.plot(dots, [-slope(name, d) for d in dots], "o", color=colours[name], markersize=4)
    steep.text(0.03, 0.55, "always\ncaught", color=GREY)
    steep.text(0.97, 0.55, "never\ncaught", color=GREY, ha="right")
    steep.set(
        xlabel="D(G(z))",
        xlim=(0, 1),
        ylim=(0, 1.05),
        title="what pulls at the verdict\n(formula, and measured)",
    )
    course = gradients()
    for name, values in course.gradient.items():
        measured.semilogy(course.steps, values, color=colours[name], label=name)
    measured.semilogy(course.steps, course.verdict, ":", color=GREY, label="D(G(z))")
    measured.set(
        xlabel="steps of the discriminator alone", title="gradient that reaches\na generator standing still"
    )
    measured.legend(frameon=False, fontsize=9)
    for axis in figure.axes:
        axis.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
