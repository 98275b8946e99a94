"""Project a picture into the latent space by optimisation (Image2StyleGAN)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ..base import CellSimError
from ..models.hardware import is_out_of_memory
from .renderer import Renderer
from .starts import reduced

# Image2StyleGAN in the settings of the common StyleGAN2 projectors (MODELS.md §4.4).
RATE, RAMP_UP, RAMP_DOWN = 0.1, 0.05, 0.25
NOISE, NOISE_UNTIL = 0.05, 0.75
# Until which share of the steps pictures are compared reduced to which side in px.
COARSE = ((0.1, 8), (0.2, 16))
# Every so many steps the latent without noise is looked at, which costs one more picture.
LOOK = 10
_SCOUTING = 0.3  # share of its way after which a start goes on alone, or not at all
_SCALES = 4


@dataclass(frozen=True)
class Look:
    """The best latent so far.

    Parameters
    ----------
    step : int
        Steps done.
    latent : numpy.ndarray
        (L, D) float32.
    picture : numpy.ndarray or None
        (T, C, Y, X) float32 in network units; None if nothing has changed since the last look.
    loss : float
        Of that picture.
    start : int
        Number of the start that it comes from.
    """

    step: int
    latent: NDArray[np.float32]
    picture: NDArray[np.float32] | None
    loss: float
    start: int = 0


class GuideLoss:
    """Distance of pictures to a guide: squared error, gradients on four scales, and the discriminator's features.

    Parameters
    ----------
    guide : Tensor
        (1, T·C, H, W) standardised.
    discriminator : torch.nn.Module or None
        Whose encoder maps are compared, channels normalised to length 1 at each pixel (as Zhang et al., CVPR 2018,
        compare those of VGG); None leaves that term out.
    """

    def __init__(self, guide: Tensor, discriminator: Any = None) -> None:
        self._guide, self._discriminator = guide, discriminator
        with torch.no_grad():
            self._gradients = _gradients(guide)
            self._features = self._features_of(guide)

    def _features_of(self, pictures: Tensor) -> list[Tensor]:
        if self._discriminator is None:
            return []
        return [F.normalize(maps, dim=1) for maps in self._discriminator.features(pictures)]

    def layout(self, picture: Tensor, side: int) -> Tensor:
        """Return the squared error (scalar) of a picture (1, T·C, H, W) reduced to `side`² px by block means, times 4.

        The factor keeps its gradients about as large as those of the whole loss.
        """
        return 4 * F.mse_loss(reduced(picture, side), reduced(self._guide, side))

    def __call__(self, picture: Tensor) -> Tensor:
        """Return the loss (scalar) of one picture (1, T·C, H, W); differentiable."""
        loss = F.mse_loss(picture, self._guide)
        pairs = zip(_gradients(picture), self._gradients, strict=True)
        loss = loss + torch.stack([F.l1_loss(one, other) for one, other in pairs]).mean()
        for one, other in zip(self._features_of(picture), self._features, strict=True):
            loss = loss + (one - other).square().sum(1).mean() / len(self._features)
        return loss


def _gradients(pictures: Tensor) -> list[Tensor]:
    """Return differences between neighbours along both axes, on scales 1, 2, 4 and 8."""
    found = []
    for level in range(_SCALES):
        x = pictures if level == 0 else F.avg_pool2d(pictures, 2**level)
        found += [x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]]
    return found


def rate(progress: float) -> float:
    """Return the learning rate: 5 % linear ramp-up, cosine ramp-down over the last quarter.

    Parameters
    ----------
    progress : float
        Share of the steps done, from 0 to 1.
    """
    down = min(1.0, (1.0 - progress) / RAMP_DOWN)
    return RATE * (0.5 - 0.5 * math.cos(math.pi * down)) * min(1.0, progress / RAMP_UP)


def layout_side(progress: float) -> int | None:
    """Return the side in px to which pictures are reduced at first, None later.

    Gradients of fine detail cannot pull a cell across a gap, those of a blur can.

    Parameters
    ----------
    progress : float
        Share of the steps done, from 0 to 1.
    """
    return next((side for until, side in COARSE if progress < until), None)


def scouting(steps: int) -> int:
    """Return how many of its steps each of several starts is followed before one is chosen."""
    return int(_SCOUTING * steps)


def project_steps(
    renderer: Renderer,
    guide: NDArray[np.float32],
    starts: NDArray[np.float32],
    noise_seed: int,
    steps: int,
    seed: int,
) -> Iterator[Look]:
    """Improve the latent of one guide, yielding the best after each step.

    All starts are followed for `scouting` steps, then the one that has come nearest to the end: what the descent makes
    of a start cannot be told beforehand, but after a third of the way it can.

    Parameters
    ----------
    renderer : Renderer
        The model.
    guide : numpy.ndarray
        (T, C, Y, X) float32 standardised.
    starts : numpy.ndarray
        (N, L, D) float32, where to start; L = 1 stays in W, L = slots moves in W+.
    noise_seed : int
        Of the picture's noise maps, which stay as they are.
    steps : int
        Steps of Adam from the best start; each other one adds `scouting` steps.
    seed : int
        Seed of the noise on the latent.
    """
    loss_of = _loss(renderer, guide)
    runs = [_descend(renderer, loss_of, start, noise_seed, steps, seed) for start in starts]
    best, done = next(runs[0]), 0
    yield best
    reached = [best.loss, *(next(run).loss for run in runs[1:])]

    def follow(number: int, count: int | None) -> Iterator[Look]:
        nonlocal best, done
        for look in islice(runs[number], count):
            reached[number], done = look.loss, done + 1
            better = look.loss < best.loss
            if better:
                best = replace(look, start=number)
            yield replace(best, step=done, picture=best.picture if better else None)

    if len(runs) > 1:
        for number in range(len(runs)):
            yield from follow(number, scouting(steps))
    yield from follow(int(np.argmin(reached)), None)


def _loss(renderer: Renderer, guide: NDArray[np.float32]) -> GuideLoss:
    target = torch.from_numpy(np.ascontiguousarray(guide)).to(renderer.device).flatten(0, 1)[None]
    networks = renderer.model.networks
    return GuideLoss(target, renderer.ready("discriminator") if "discriminator" in networks else None)


def _descend(
    renderer: Renderer,
    loss_of: GuideLoss,
    start: NDArray[np.float32],
    noise_seed: int,
    steps: int,
    seed: int,
) -> Iterator[Look]:
    """Yield the best so far, with its picture, at the start (L, D) and after each step.

    The first fifth of the steps looks at the layout alone, coarse to fine (`layout_side`), the others at `GuideLoss`.
    Latents are optimised in units of their spread, ``w̄ + σ u``, so that the rate fits any mapping network; Gaussian
    noise of 0.05 max(0, 1 - t/0.75)² such units is added to them (t from 0 to 1).
    """
    device = renderer.device
    mean, deviation = renderer.mean()
    centre = torch.from_numpy(mean).to(device)
    noise = renderer.noise(np.array([noise_seed], dtype=np.int64))
    u = ((torch.from_numpy(start).to(device) - centre) / deviation).requires_grad_()
    optimiser = torch.optim.Adam([u], lr=RATE, betas=(0.9, 0.999))
    generator = torch.Generator().manual_seed(seed)

    def latent_of(point: Tensor) -> Tensor:
        return (centre + deviation * point)[None]

    best = _look(0, renderer, start, renderer.draw(torch.from_numpy(start).to(device)[None], noise), loss_of)
    yield best
    for step in range(steps):
        renderer.token.check()
        progress = step / steps
        strength = NOISE * max(0.0, 1.0 - progress / NOISE_UNTIL) ** 2
        jitter = strength * torch.randn(u.shape, generator=generator).to(device)
        optimiser.param_groups[0]["lr"] = rate((step + 1) / steps if steps > 1 else 0.5)
        try:
            drawn = renderer.draw(latent_of(u + jitter), noise)
            side = layout_side(progress)
            loss = loss_of(drawn) if side is None else loss_of.layout(drawn, side)
            # Asking for this gradient alone leaves those of the user's networks untouched.
            (u.grad,) = torch.autograd.grad(loss, [u])
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            raise CellSimError(
                f"The memory of {device} is not enough to refine a picture of this model; choose another device or a "
                "smaller model."
            ) from error
        optimiser.step()
        if (step + 1) % LOOK == 0 or step + 1 == steps:
            with torch.no_grad():
                latent = latent_of(u)
                found = _look(
                    step + 1, renderer, latent[0].cpu().numpy(), renderer.draw(latent, noise), loss_of
                )
            if found.loss < best.loss:
                best = found
        yield best


def _look(
    step: int, renderer: Renderer, latent: NDArray[np.float32], drawn: Tensor, loss_of: GuideLoss
) -> Look:
    with torch.no_grad():
        loss = float(loss_of(drawn))
        picture = drawn.detach().float().cpu().numpy()
    shape = (renderer.frames, renderer.channels, renderer.size, renderer.size)
    return Look(step, latent, picture.reshape(shape), loss)
