"""Judges whether a whole sequence of frames was recorded or predicted (Reich 2020, §6.1.3)."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import spectral_norm

from ..base import CellSimError
from .blocks import Activation, make_activation


class SequenceDiscriminatorConfig(BaseModel):
    """Shape of a `SequenceDiscriminator`.

    Attributes
    ----------
    widths : tuple of int
        Channels of the residual blocks. The thesis does not print them; those of its generator's encoder are taken.
    kernel_time : {1, 3}
        Length of the kernels in time. The thesis refers to the generator's blocks, whose 1×3×3 kernels cannot compare
        frames: only the mean over time would join them. With 3 the blocks see motion.
    trunk_stride : int
        s > 1: fold s×s pixels into channels first and compute on the coarse grid.
    activation : {"pau", "leaky_relu"}
        In all blocks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    widths: tuple[int, ...] = Field((16, 32, 64, 128, 256), min_length=1)
    kernel_time: Literal[1, 3] = 3
    trunk_stride: int = Field(1, ge=1)
    activation: Activation = "pau"


PRESETS: dict[str, SequenceDiscriminatorConfig] = {
    "thesis": SequenceDiscriminatorConfig(),
    "lite": SequenceDiscriminatorConfig(widths=(16, 24, 32, 48, 64), trunk_stride=4, activation="leaky_relu"),
}


class SequenceDiscriminator(nn.Module):
    """Five residual blocks over space and time and one linear unit, all weights spectrally normalised.

    Block: (3×3×3 convolution, activation) twice beside a 1×1×1 convolution; between blocks 1×2×2 average pooling;
    after the last block the mean over time and space. There is no other normalisation. Because of that mean it takes
    sequences of any length, from one frame on, and pictures of any size from `smallest` on.

    Spectral normalisation (Miyato et al., ICLR 2018) divides each weight, seen as a matrix of outputs × inputs, by its
    largest singular value, which one power iteration per training step follows.

    Parameters
    ----------
    config : SequenceDiscriminatorConfig
        Sizes. ``PRESETS["thesis"]`` has 3.58 M parameters, and 1.22 M with ``kernel_time=1``.
    """

    def __init__(self, config: SequenceDiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        channels = (config.trunk_stride**2, *config.widths)
        self.blocks = nn.ModuleList(
            _Block(before, after, config.kernel_time, config.activation)
            for before, after in zip(channels, config.widths, strict=False)
        )
        self.head = spectral_norm(nn.Linear(config.widths[-1], 1))

    @property
    def smallest(self) -> int:
        """Least height and width of a picture, px."""
        return int(self.config.trunk_stride * 2 ** (len(self.config.widths) - 1))

    def forward(self, frames: Tensor) -> Tensor:
        """Judge sequences.

        Parameters
        ----------
        frames : Tensor
            (B, T, 1, H, W), about [0, 1], oldest first; T at least 1.

        Returns
        -------
        Tensor
            (B, 1) logits; positive for "recorded".

        Raises
        ------
        CellSimError
            If the shape is another one or the pictures are too small.
        """
        if frames.ndim != 5 or frames.shape[2] != 1 or min(frames.shape[-2:]) < self.smallest:
            raise CellSimError(
                "The sequence discriminator takes frames (batch, time, 1, height, width) of at least "
                f"{self.smallest} x {self.smallest} px, not {tuple(frames.shape)}."
            )
        # The power iteration must not run in bfloat16, and once per call is enough.
        with parametrize.cached():
            with torch.autocast(frames.device.type, enabled=False):
                for module in self.modules():
                    if parametrize.is_parametrized(module):
                        _ = module.weight
            return self._judge(frames)

    def _judge(self, frames: Tensor) -> Tensor:
        # Centred, because weights of norm one can hardly take a common brightness away.
        frames = 2 * frames - 1
        stride = self.config.trunk_stride
        if stride > 1:
            height, width = (size - size % stride for size in frames.shape[-2:])
            frames = F.pixel_unshuffle(frames[..., :height, :width], stride)
        x = frames.transpose(1, 2)
        for level, block in enumerate(self.blocks):
            x = block(F.avg_pool3d(x, (1, 2, 2)) if level else x)
        verdict: Tensor = self.head(x.mean((2, 3, 4)))
        return verdict


class _Block(nn.Module):
    """(3-D convolution → activation) twice beside a 1×1×1 convolution, without norms (Reich 2020, fig. 6.3)."""

    def __init__(self, before: int, after: int, kernel_time: int, activation: Activation) -> None:
        super().__init__()
        kernel, padding = (kernel_time, 3, 3), (kernel_time // 2, 1, 1)
        self.first = spectral_norm(nn.Conv3d(before, after, kernel, padding=padding))
        self.act1 = make_activation(activation)
        self.second = spectral_norm(nn.Conv3d(after, after, kernel, padding=padding))
        self.act2 = make_activation(activation)
        self.residual = spectral_norm(nn.Conv3d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, T, H, W) to (B, C_out, T, H, W)."""
        out: Tensor = self.act2(self.second(self.act1(self.first(x)))) + self.residual(x)
        return out


def create_sequence_discriminator(preset: str = "lite", **overrides: Any) -> SequenceDiscriminator:
    """Return a new `SequenceDiscriminator` of a preset, with single fields overridden."""
    settings = {**PRESETS[preset].model_dump(), **overrides}
    return SequenceDiscriminator(SequenceDiscriminatorConfig.model_validate(settings))
