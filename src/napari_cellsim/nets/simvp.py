"""SimVP: a simple convolutional video predictor, the baseline that a forecast by motion must beat."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from ..base import CellSimError
from .blocks import pad_to_multiple

_SLOPE = 0.2
_SPATIAL_GROUPS = 2  # of the group norm after spatial convolutions
_KERNELS = (3, 5, 7, 11)


class SimVPConfig(BaseModel):
    """Shape of a `SimVP`.

    Attributes
    ----------
    frames : int
        Number T of past frames read.
    horizon : int
        Number T' of frames predicted in one pass.
    hid_s : int
        Channels of each frame in the spatial encoder and decoder; a multiple of `groups`.
    hid_t : int
        Channels of the translator; half of it a multiple of `groups`.
    n_s : int
        Layers of the spatial encoder, with strides 1, 2, 1, 2, …; the decoder has as many.
    n_t : int
        Inception blocks on either side of the translator.
    groups : int
        Groups of the translator's convolutions and norms.
    skip : {"paired", "last"}
        Whose first-layer features the decoder of a predicted frame also sees: those of the seen frame with the same
        number (Gao et al.; needs T' = T), or those of the last frame seen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int = Field(10, ge=1)
    horizon: int = Field(10, ge=1)
    hid_s: int = Field(64, ge=2)
    hid_t: int = Field(512, ge=2)
    n_s: int = Field(4, ge=1)
    n_t: int = Field(8, ge=1)
    groups: int = Field(8, ge=1)
    skip: Literal["paired", "last"] = "paired"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.hid_s % self.groups or self.hid_s % _SPATIAL_GROUPS:
            raise ValueError(
                f"hid_s must be a multiple of {_SPATIAL_GROUPS} and of groups ({self.groups}), not {self.hid_s}"
            )
        if self.hid_t % (2 * self.groups):
            raise ValueError(
                f"hid_t must be a multiple of twice the groups ({self.groups}), not {self.hid_t}"
            )
        if self.skip == "paired" and self.horizon != self.frames:
            raise ValueError(
                "skip = 'paired' needs as many frames predicted as are seen; choose skip = 'last'"
            )
        return self


PRESETS: dict[str, SimVPConfig] = {
    "paper": SimVPConfig(),
    "lite": SimVPConfig(frames=3, horizon=5, hid_s=16, hid_t=128, n_t=3, skip="last"),
}
"""``paper`` is the authors' size for Moving MNIST: 10 frames in, 10 out, 58.0 million parameters."""


class SpatialLayer(nn.Sequential):
    """3×3 convolution (transposed, to enlarge), group norm and leaky ReLU.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels before and after.
    stride : int
        1, or 2 to halve the size (or double it).
    enlarge : bool
        Whether a stride of 2 doubles the size.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, enlarge: bool = False) -> None:
        conv: nn.Module
        if enlarge and stride > 1:
            conv = nn.ConvTranspose2d(
                in_channels, out_channels, 3, stride, padding=1, output_padding=stride - 1
            )
        else:
            conv = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1)
        super().__init__(conv, nn.GroupNorm(_SPATIAL_GROUPS, out_channels), nn.LeakyReLU(_SLOPE))


class Inception(nn.Module):
    """A 1×1 bottleneck, then the sum of grouped convolutions with kernels of 3, 5, 7 and 11 px.

    Parameters
    ----------
    in_channels, hidden, out_channels : int
        Channels before, in and after the bottleneck's branches.
    groups : int
        Of convolutions and norms.
    """

    def __init__(self, in_channels: int, hidden: int, out_channels: int, groups: int) -> None:
        super().__init__()
        self.bottleneck = nn.Conv2d(in_channels, hidden, 1)
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(hidden, out_channels, size, padding=size // 2, groups=groups),
                nn.GroupNorm(groups, out_channels),
                nn.LeakyReLU(_SLOPE),
            )
            for size in _KERNELS
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C_in, H, W) to (B, C_out, H, W)."""
        x = self.bottleneck(x)
        total: Tensor = self.branches[0](x)
        for branch in self.branches[1:]:
            total = total + branch(x)
        return total


class Translator(nn.Module):
    """Inception blocks in the order of a U-Net, all at one resolution: block i from the end also sees block i.

    Parameters
    ----------
    config : SimVPConfig
        Sizes; time is folded into the channels.
    """

    def __init__(self, config: SimVPConfig) -> None:
        super().__init__()
        c = config
        seen, predicted = c.frames * c.hid_s, c.horizon * c.hid_s

        def block(in_channels: int, out_channels: int) -> Inception:
            return Inception(in_channels, c.hid_t // 2, out_channels, c.groups)

        before = [seen, *[c.hid_t] * (c.n_t - 1)]
        self.down = nn.ModuleList(block(channels, c.hid_t) for channels in before)
        after = [*[c.hid_t] * (c.n_t - 1), predicted]
        doubled = [c.hid_t, *[2 * c.hid_t] * (c.n_t - 1)]
        self.up = nn.ModuleList(block(i, o) for i, o in zip(doubled, after, strict=True))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T·C, h, w) to (B, T'·C, h, w)."""
        skips: list[Tensor] = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        x = self.up[0](skips.pop())
        for block in self.up[1:]:
            x = block(torch.cat([x, skips.pop()], dim=1))
        return x


class SimVP(nn.Module):
    """Spatial encoder, translator over time and channels, spatial decoder (Gao et al., CVPR 2022).

    All frames of one pass come out of the translator's channels at once, also where T' is not T. More frames than
    these are predicted by feeding back, see `predict`. Frames are made anew, not moved: nothing of the last frame
    is copied.

    Parameters
    ----------
    config : SimVPConfig
        See there; `create_simvp` builds it from a preset.
    """

    def __init__(self, config: SimVPConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        strides = [1 + layer % 2 for layer in range(c.n_s)]
        self.encoder = nn.ModuleList(
            SpatialLayer(c.hid_s if layer else 1, c.hid_s, stride) for layer, stride in enumerate(strides)
        )
        self.translator = Translator(c)
        # The last layer also sees the features of the first one.
        inputs = [*[c.hid_s] * (c.n_s - 1), 2 * c.hid_s]
        self.decoder = nn.ModuleList(
            SpatialLayer(channels, c.hid_s, stride, enlarge=True)
            for channels, stride in zip(inputs, strides[::-1], strict=True)
        )
        self.readout = nn.Conv2d(c.hid_s, 1, 1)

    @property
    def multiple(self) -> int:
        """Image sizes are padded to a multiple of this, in pixels."""
        return int(2 ** (self.config.n_s // 2))

    def forward(self, frames: Tensor) -> Tensor:
        """Predict the frames after those seen.

        Parameters
        ----------
        frames : Tensor
            (B, T, 1, H, W), about [0, 1]; any size.

        Returns
        -------
        Tensor
            (B, T', 1, H, W), not clipped.

        Raises
        ------
        CellSimError
            If the number of frames or channels is another one.
        """
        c = self.config
        if frames.ndim != 5 or frames.shape[1:3] != (c.frames, 1):
            raise CellSimError(
                f"This SimVP reads {c.frames} frames of one channel, shape (B, {c.frames}, 1, H, W), not "
                f"{tuple(frames.shape)}."
            )
        batch, (height, width) = len(frames), frames.shape[-2:]
        first = self.encoder[0](pad_to_multiple(frames, self.multiple).flatten(0, 1))
        x = first
        for layer in self.encoder[1:]:
            x = layer(x)
        # Grouped convolutions with large kernels are faster with channels last, the others are not.
        x = x.unflatten(0, (batch, -1)).flatten(1, 2).contiguous(memory_format=torch.channels_last)
        x = self.translator(x).contiguous().unflatten(1, (c.horizon, -1)).flatten(0, 1)
        for layer in self.decoder[:-1]:
            x = layer(x)
        if c.skip == "last":
            first = first.unflatten(0, (batch, -1))[:, -1:].expand(-1, c.horizon, -1, -1, -1).flatten(0, 1)
        x = self.readout(self.decoder[-1](torch.cat([x, first], dim=1)))
        predicted: Tensor = x[..., :height, :width].unflatten(0, (batch, -1))
        return predicted

    def predict(self, history: Tensor, steps: int) -> Tensor:
        """Predict any number of frames: pass after pass, each seeing the last T frames, predicted ones included.

        Parameters
        ----------
        history : Tensor
            (B, T, 1, H, W).
        steps : int
            Frames to predict.

        Returns
        -------
        Tensor
            (B, `steps`, 1, H, W).

        Raises
        ------
        CellSimError
            If `steps` is not positive, and as `forward` does.
        """
        if steps < 1:
            raise CellSimError(f"The number of steps is {steps}; it must be at least 1.")
        blocks: list[Tensor] = []
        for _ in range(0, steps, self.config.horizon):
            blocks.append(self(history))
            history = torch.cat([history, blocks[-1]], dim=1)[:, -self.config.frames :]
        return torch.cat(blocks, dim=1)[:, :steps]


def create_simvp(preset: str = "lite", **overrides: Any) -> SimVP:
    """Return a new `SimVP` of a preset, with single fields overridden."""
    return SimVP(SimVPConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
