"""Random changes of training sequences: geometry together with its flow, then optics and camera."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional


class Augmentation(BaseModel):
    """What may be changed, and how strongly; all probabilities per sequence.

    Attributes
    ----------
    flip : bool
        Mirror about the vertical axis (probability 1/2).
    rotate : bool
        Rotate by a multiple of 90°.
    zoom : tuple of float
        Range of the factor between source crop and network crop.
    gain, offset, curve, flicker : float
        Half-widths of the ranges of contrast, brightness, curvature of the intensity scale (``x + c·x·(1 − x)``) and
        contrast change from frame to frame.
    invert : float
        Probability of contrast inversion (phase contrast against brightfield).
    blur, resample, noise : float
        Probabilities of defocus, of a coarser camera (reduced, then enlarged) and of camera noise.
    blur_sigma, resample_factor, noise_sigma : tuple of float
        Ranges of their strengths: px, factor, fraction of the intensity range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    flip: bool = True
    rotate: bool = True
    zoom: tuple[float, float] = (0.85, 1.2)
    gain: float = Field(0.15, ge=0, lt=1)
    offset: float = Field(0.05, ge=0)
    curve: float = Field(0.3, ge=0, lt=1)
    flicker: float = Field(0.01, ge=0, lt=1)
    invert: float = Field(0.1, ge=0, le=1)
    blur: float = Field(0.25, ge=0, le=1)
    blur_sigma: tuple[float, float] = (0.3, 1.2)
    resample: float = Field(0.4, ge=0, le=1)
    resample_factor: tuple[float, float] = (1.0, 2.5)
    noise: float = Field(0.3, ge=0, le=1)
    noise_sigma: tuple[float, float] = (0.002, 0.015)

    @classmethod
    def none(cls) -> Augmentation:
        """Return the setting that changes nothing."""
        return cls(
            flip=False,
            rotate=False,
            zoom=(1, 1),
            gain=0,
            offset=0,
            curve=0,
            flicker=0,
            invert=0,
            blur=0,
            resample=0,
            noise=0,
        )


def flip_flow(flow: Tensor) -> Tensor:
    """Mirror a flow (..., 2, H, W) about the vertical axis, field and vectors."""
    return torch.stack([-flow[..., 0, :, :], flow[..., 1, :, :]], dim=-3).flip(-1)


def rotate_flow(flow: Tensor, quarter_turns: int) -> Tensor:
    """Rotate a flow (..., 2, H, W) by 90° anti-clockwise as often as asked, field and vectors."""
    for _ in range(quarter_turns % 4):
        # Turning anti-clockwise on the screen, right becomes up (−y) and down becomes right.
        turned = torch.stack([flow[..., 1, :, :], -flow[..., 0, :, :]], dim=-3)
        flow = torch.rot90(turned, 1, (-2, -1))
    return flow


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Blur (T, H, W) by a Gaussian of `sigma` px, mirrored at the border."""
    radius = max(1, round(3 * sigma))
    x = torch.arange(-radius, radius + 1, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    padded = functional.pad(images[:, None], (radius,) * 4, mode="reflect")
    rows = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1))[:, 0]


def resize_images(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (T, H, W) bicubically with anti-aliasing, as a forecast resamples its movie."""
    if tuple(images.shape[-2:]) == size:
        return images
    return functional.interpolate(
        images[:, None], size=size, mode="bicubic", align_corners=False, antialias=True
    )[:, 0]


def change_appearance(images: Tensor, settings: Augmentation, generator: np.random.Generator) -> Tensor:
    """Apply optics, camera and intensity changes, the same to all frames of a sequence.

    Parameters
    ----------
    images : Tensor
        (T, H, W), about [0, 1].
    settings : Augmentation
        Strengths.
    generator : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    Tensor
        (T, H, W).
    """
    noise = torch.Generator().manual_seed(int(generator.integers(2**62)))
    if generator.random() < settings.blur:
        images = gaussian_blur(images, generator.uniform(*settings.blur_sigma))
    size = (images.shape[-2], images.shape[-1])
    if generator.random() < settings.resample:
        factor = generator.uniform(*settings.resample_factor)
        images = resize_images(images, (max(8, round(size[0] / factor)), max(8, round(size[1] / factor))))
    if generator.random() < settings.noise:
        # Noise of the coarse camera: it is enlarged together with the picture.
        sigma = generator.uniform(*settings.noise_sigma)
        images = images + sigma * torch.randn(images.shape, generator=noise)
    images = resize_images(images, size)
    if generator.random() < settings.invert:
        images = 1 - images
    if settings.curve:
        images = images + generator.uniform(-settings.curve, settings.curve) * images * (1 - images)
    gain = 1 + generator.uniform(-settings.gain, settings.gain)
    flicker = 1 + generator.uniform(-settings.flicker, settings.flicker, size=(len(images), 1, 1))
    offset = generator.uniform(-settings.offset, settings.offset)
    return (images - 0.5) * torch.as_tensor(gain * flicker, dtype=images.dtype) + 0.5 + offset
