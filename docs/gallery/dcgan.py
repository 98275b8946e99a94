"""DCGAN, the first GAN that drew convincing pictures, on small pictures of the shell phantom.

Transposed convolutions in the generator, strided ones in the discriminator, batch normalisation, dropout (Radford and
colleagues, 2016; widths scaled down from Østmo 2020, §4.1). No penalty, no average, no second scale: what
MSG-GAN and Cell-GAN of this package added since is what it lacks.
"""

from __future__ import annotations

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from _drawing import BLUE, GREY, ORANGE, bare, main
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_cellsim import phantom
from napari_cellsim.training import adversarial

Pictures = NDArray[np.uint8]

SIZE, LATENT, WIDTH, BATCH = 16, 64, 24, 32
PICTURES = 512
STEPS, SHOWN = 1000, (20, 200, 1000)


def generator(width: int = WIDTH) -> nn.Sequential:
    """Return a network from LATENT numbers to pictures (3, 16, 16) between -1 and 1."""
    start = SIZE // 4
    return nn.Sequential(
        nn.Linear(LATENT, 4 * width * start**2, bias=False),
        nn.Unflatten(1, (4 * width, start, start)),
        nn.BatchNorm2d(4 * width),
        nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(4 * width, 2 * width, 5, stride=2, padding=2, output_padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.3),
        nn.ConvTranspose2d(2 * width, 3, 5, stride=2, padding=2, output_padding=1),
        nn.Tanh(),
    )


def discriminator(width: int = WIDTH) -> nn.Sequential:
    """Return a network from pictures (3, 16, 16) to one logit."""
    return nn.Sequential(
        nn.Conv2d(3, width, 5, stride=2, padding=2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Conv2d(width, 2 * width, 5, stride=2, padding=2),
        nn.LeakyReLU(0.3),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(2 * width * (SIZE // 4) ** 2, 1),
    )


class Course(NamedTuple):
    """A training.

    Attributes
    ----------
    real : ndarray of uint8, (N, 3, 16, 16)
        What it learnt from.
    drawn : dict
        What the same latents gave after the steps in `shown`, uint8 (36, 3, 16, 16).
    verdicts : ndarray, (steps, 2)
        Mean verdict on real and on drawn pictures.
    """

    real: Pictures
    drawn: dict[int, Pictures]
    verdicts: NDArray[np.float64]


def train(
    steps: int = STEPS,
    shown: tuple[int, ...] = SHOWN,
    count: int = PICTURES,
    width: int = WIDTH,
    seed: int = 0,
) -> Course:
    """Photograph `count` shells, and play the game."""
    shells = phantom.simulate_shells(count, seed, size=SIZE).images
    real = torch.from_numpy(shells).float() / 127.5 - 1
    torch.manual_seed(seed)
    draws, judge = generator(width), discriminator(width)
    steppers = [torch.optim.Adam(net.parameters(), lr=1e-3, betas=(0.5, 0.999)) for net in (judge, draws)]
    always_the_same = torch.randn(36, LATENT)
    drawn, verdicts = {}, np.empty((steps, 2))
    for step in range(1, steps + 1):
        batch, fake = real[torch.randint(count, (BATCH,))], draws(torch.randn(BATCH, LATENT))
        on_real, on_fake = judge(batch), judge(fake.detach())
        steppers[0].zero_grad()
        adversarial.non_saturating_discriminator([on_real], [on_fake]).backward()
        steppers[0].step()
        steppers[1].zero_grad()
        adversarial.non_saturating_generator([judge(fake)]).backward()
        steppers[1].step()
        verdicts[step - 1] = [v.detach().sigmoid().mean() for v in (on_real, on_fake)]
        if step in shown:
            drawn[step] = to_bytes(draws, always_the_same)
    return Course(shells, drawn, verdicts)


@torch.no_grad()
def to_bytes(network: nn.Module, latents: Tensor) -> Pictures:
    """Return the pictures (N, 3, H, W) of `latents`, with the statistics of all batches so far."""
    network.eval()
    pictures: Pictures = ((network(latents) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    network.train()
    return pictures


def sheet(pictures: Pictures, columns: int = 6) -> Pictures:
    """Return the first columns² pictures (N, 3, H, W) side by side, (Y, X, 3)."""
    tiles = pictures[: columns**2].reshape(columns, columns, *pictures.shape[1:])
    side = columns * SIZE
    return tiles.transpose(0, 3, 1, 4, 2).reshape(side, side, 3)


def draw() -> Figure:
    course = train()
    figure, axes = plt.subplots(
        1, 5, figsize=(12.2, 2.9), width_ratios=(1, 1, 1, 1, 1.2), layout="constrained"
    )
    sheets = {f"drawn after {step} steps": pictures for step, pictures in course.drawn.items()}
    sheets["photographs"] = course.real
    for axis, (title, pictures) in zip(axes, sheets.items(), strict=False):
        axis.imshow(sheet(pictures), interpolation="nearest")
        bare(axis, title)
    window = 20
    for values, colour, name in zip(
        course.verdicts.T, (BLUE, ORANGE), ("photographs", "drawn pictures"), strict=True
    ):
        smooth = np.convolve(values, np.ones(window) / window, mode="valid")
        axes[4].plot(np.arange(len(smooth)) + window, smooth, color=colour, label=name, linewidth=1)
    axes[4].axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    axes[4].set(xlabel="step", ylim=(0, 1), title="mean verdict of the discriminator")
    axes[4].legend(frameon=False, fontsize=9)
    axes[4].spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
