"""What a predictor says of the next frames, and how pictures are made of it."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..ops import sdc, warp

# Side in px of the squares whose corners carry independent noise: about a cell at 0.2 µm per pixel.
NOISE_GRID = 16


class Motion(NamedTuple):
    """What the network predicts for one target frame, or for several of them, stacked along axis 1.

    Attributes
    ----------
    flow : Tensor
        (B, 2, H, W) px, backward: where in the frame before each pixel comes from; channel 0 is x.
    kernel_v, kernel_h : Tensor
        (B, K, H, W) adaptive kernels over rows and over columns.
    residual : Tensor or None
        (B, 1, H, W), added to what flow and kernels make: that which is in no earlier frame.
    scale : Tensor or None
        (B, 1, H, W), > 0: expected absolute error that this step adds, in the frames' unit.
    """

    flow: Tensor
    kernel_v: Tensor
    kernel_h: Tensor
    residual: Tensor | None = None
    scale: Tensor | None = None

    @property
    def maps(self) -> list[Tensor]:
        """The maps that there are, in the order of the fields."""
        return [x for x in self if x is not None]

    def split(self, steps: int) -> list[Motion]:
        """Return the motions of single steps, of maps that hold `steps` of them along axis 1."""
        parts = [[None] * steps if x is None else x.chunk(steps, 1) for x in self]
        return [Motion(*values) for values in zip(*parts, strict=True)]


class Picture(NamedTuple):
    """A rendered frame (B, 1, H, W), and its expected absolute error (B, 1, H, W), if that is predicted."""

    frame: Tensor
    scale: Tensor | None


class Renderer:
    """Makes one frame after another of a roll-out.

    Plainly, each frame is resampled from the one before, as in the thesis (Reich 2020, §6.1). Composed, displacements
    are chained, ``D_t(x) = d_t(x) + D_{t-1}(x + d_t(x))``, and the last real frame is sampled once with the kernels of
    step t, so that texture is interpolated once and not t times; residuals are carried along and added. Expected
    errors are carried along too, and grow by each step's own.

    Parameters
    ----------
    compose : bool
        Which of the two.
    """

    def __init__(self, compose: bool) -> None:
        self.compose = compose
        self._real: Tensor | None = None
        self._displacement: Tensor | None = None
        self._residual: Tensor | None = None
        self._scale: Tensor | None = None

    def __call__(self, last: Tensor, motion: Motion) -> Picture:
        """Return the frame that follows `last` (B, 1, H, W), which is the last real one at the first call."""
        flow = motion.flow
        if self._scale is not None and motion.scale is not None:
            motion = motion._replace(scale=motion.scale + warp(self._scale, flow))
        self._scale = motion.scale
        if not self.compose:
            frame = sdc(last, flow, motion.kernel_v, motion.kernel_h)
            return Picture(frame if motion.residual is None else frame + motion.residual, motion.scale)
        if self._real is None:
            self._real = last
        self._displacement = (
            flow if self._displacement is None else flow + warp(self._displacement, flow)
        ).contiguous()
        frame = sdc(self._real, self._displacement, motion.kernel_v, motion.kernel_h)
        if motion.residual is not None:
            carried = 0.0 if self._residual is None else warp(self._residual, flow)
            self._residual = motion.residual + carried
            frame = frame + self._residual
        return Picture(frame, motion.scale)

    def detach(self) -> None:
        """Let no gradient pass from later frames to earlier steps."""
        for name in ("_displacement", "_residual", "_scale"):
            value = getattr(self, name)
            setattr(self, name, None if value is None else value.detach())


def draw_noise(frames: Tensor, channels: int, generator: torch.Generator | None = None) -> Tensor | None:
    """Return smooth Gaussian noise (B, channels, H, W) for frames (B, T, 1, H, W); None for no channels.

    Standard normal at the corners of squares of 16 px, bilinear between. The generator is one of the processor, so
    that a seed means the same on every device.
    """
    if not channels:
        return None
    batch, (height, width) = len(frames), frames.shape[-2:]
    corners = torch.randn(
        batch, channels, height // NOISE_GRID + 2, width // NOISE_GRID + 2, generator=generator
    )
    size = ((height // NOISE_GRID + 1) * NOISE_GRID + 1, (width // NOISE_GRID + 1) * NOISE_GRID + 1)
    smooth = F.interpolate(corners, size=size, mode="bilinear", align_corners=True)
    return smooth[..., :height, :width].to(frames)
