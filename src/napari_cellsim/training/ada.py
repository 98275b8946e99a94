"""Adaptive discriminator augmentation (Karras et al., NeurIPS 2020), for pictures of traps."""

from __future__ import annotations

import math
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from ..ops import warp


class AdaConfig(BaseModel):
    """What the discriminator's pictures undergo, and how their share is found.

    Every change is drawn for a picture with the adaptive probability and left out otherwise, so that the generator
    cannot take changed pictures for the real ones.

    Attributes
    ----------
    target : float
        Wanted mean sign of the discriminator's answers to real pictures.
    images : int
        Number of pictures in which the probability can rise from 0 to 1.
    interval : int
        Batches between corrections of the probability.
    limit : float
        Largest probability; nearer to 1 the changes begin to leak into what is generated.
    mirror, quarter_turns : bool
        Mirror about the vertical axis; turn by multiples of 90°, which puts a trap's mouth elsewhere.
    translation : float
        Largest shift along each axis, as share of the side; whole pixels.
    zoom : float
        Standard deviation of log2 of the magnification.
    angle : float
        Largest rotation, degrees.
    brightness, contrast : float
        Standard deviations of the offset, in units of the pictures' deviation, and of log2 of the factor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    target: float = Field(0.6, gt=-1, lt=1)
    images: int = Field(200_000, ge=1)
    interval: int = Field(4, ge=1)
    limit: float = Field(0.8, gt=0, le=1)
    mirror: bool = True
    quarter_turns: bool = False
    translation: float = Field(0.125, ge=0, le=0.5)
    zoom: float = Field(0.15, ge=0)
    angle: float = Field(10.0, ge=0, le=180)
    brightness: float = Field(0.3, ge=0)
    contrast: float = Field(0.3, ge=0)


class AdaptiveAugmentation(nn.Module):
    """Random changes of real and generated pictures, more of them the more the discriminator overfits.

    Apply it to all that the discriminator sees, in its own step and in the generator's. It is twice
    differentiable in the pictures, as R1 asks. Its state lies in buffers, so that a checkpoint holds it.

    Parameters
    ----------
    **settings
        Fields of `AdaConfig`.

    Attributes
    ----------
    probability : Tensor
        Scalar: the present probability of each change.
    overfitting : Tensor
        Scalar in [-1, 1]: the heuristic ``r_t = E[sign D(real)]`` at the last correction.
    """

    probability: Tensor
    overfitting: Tensor
    sums: Tensor

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.config = AdaConfig(**settings)
        self.register_buffer("probability", torch.zeros(()))
        self.register_buffer("overfitting", torch.zeros(()))
        # signs, answers, pictures and batches since the last correction
        self.register_buffer("sums", torch.zeros(4))

    @torch.no_grad()
    def adjust(self, real_logits: Tensor) -> None:
        """Take note of the discriminator's answers (B, ...) to real pictures, and correct the probability when due.

        All on the device: nothing waits for the result.
        """
        signs, count, seen, batches = self.sums.unbind()
        signs += real_logits.float().sign().sum()
        count += real_logits.numel()
        seen += len(real_logits)
        batches += 1
        due = batches >= self.config.interval
        overfitting = signs / count
        change = (overfitting - self.config.target).sign() * seen / self.config.images
        moved = (self.probability + change).clamp(0, self.config.limit)
        self.probability.copy_(torch.where(due, moved, self.probability))
        self.overfitting.copy_(torch.where(due, overfitting, self.overfitting))
        self.sums *= ~due

    def forward(self, images: Tensor) -> Tensor:
        """Change pictures (B, T·C, H, W), all frames and channels of one alike; standardised intensities."""
        c = self.config
        images = images.to(torch.promote_types(images.dtype, torch.float32))
        with torch.autocast(images.device.type, enabled=False):  # positions need all their digits
            flow = self._flow(images).to(images.dtype)
        moved = warp(images, flow)
        shape = (len(images), 1, 1, 1)
        normal = torch.randn(2, *shape, device=images.device)
        factor = self._pick(torch.exp2(c.contrast * normal[0]), torch.ones(shape, device=images.device))
        offset = self._pick(c.brightness * normal[1], torch.zeros(shape, device=images.device))
        return moved * factor + offset

    def _pick(self, changed: Tensor, same: Tensor) -> Tensor:
        """Choose for each picture, along the first axis, the changed value with the present probability."""
        shape = (len(changed), *[1] * (changed.ndim - 1))
        return torch.where(torch.rand(shape, device=changed.device) < self.probability, changed, same)

    def _flow(self, images: Tensor) -> Tensor:
        """Draw where each pixel (B, 2, H, W) comes from, relative to its own place, px."""
        c, count, device = self.config, len(images), images.device
        height, width = images.shape[-2:]
        one = torch.ones(count, device=device)

        def uniform() -> Tensor:
            return torch.rand(count, device=device) * 2 - 1

        # Source = turn · quarter · mirror · (target - centre) + centre + shift.
        angle = self._pick(math.radians(c.angle) * uniform(), 0 * one)
        shrink = self._pick(torch.exp2(-c.zoom * torch.randn(count, device=device)), one)
        matrix = shrink[:, None, None] * _rotation(angle.cos(), angle.sin())
        if c.quarter_turns:
            turns = self._pick(
                torch.randint(0, 4, (count,), device=device), torch.zeros_like(one, dtype=torch.long)
            )
            # whole numbers, where cos and sin of π/2 are not
            cosine = torch.tensor([1.0, 0, -1, 0], device=device)[turns]
            sine = torch.tensor([0.0, 1, 0, -1], device=device)[turns]
            matrix = matrix @ _rotation(cosine, sine)
        if c.mirror:
            side = self._pick(torch.randint(0, 2, (count,), device=device) * 2.0 - 1, one)
            matrix = matrix * torch.stack([side, one], 1)[:, None]
        reach = torch.tensor([c.translation * width, c.translation * height], device=device)
        drawn = torch.stack([uniform(), uniform()], 1) * reach
        shift = self._pick(drawn.round(), torch.zeros_like(drawn))
        x = torch.arange(width, device=device) - (width - 1) / 2
        y = torch.arange(height, device=device) - (height - 1) / 2
        place = torch.stack(torch.meshgrid(x, y, indexing="xy"))
        source = torch.einsum("bij,jhw->bihw", matrix, place) + shift[:, :, None, None]
        source = torch.stack([_fold(source[:, 0], width), _fold(source[:, 1], height)], 1)
        return source - place


def _rotation(cosine: Tensor, sine: Tensor) -> Tensor:
    """Return rotation matrices (B, 2, 2)."""
    return torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1)


def _fold(position: Tensor, size: int) -> Tensor:
    """Mirror positions, relative to the centre, at the outermost pixels until they lie inside."""
    reach = (size - 1) / 2
    return reach - (torch.remainder(position + reach, 4 * reach) - 2 * reach).abs()
