"""SDC-Net++: predicts flow and adaptive kernels for the frame after the last one it sees."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from torch import Tensor, nn

from .blocks import Activation, Norm, ResidualBlock, Upsample, pad_to_multiple, per_frame
from .motion import Motion, Renderer, draw_noise

TimeMixing = Literal["late", "stem+bottleneck", "pyramid", "channels"]
# What makes a frame out of the one before: flow and kernels, one of them alone, or neither but a residual.
Making = Literal["sdc", "flow", "kernels", "direct"]
_FIRST_SCALE = 0.03  # expected error of a fresh network, as share of the intensity range


class SDCNetConfig(BaseModel):
    """Shape of an `SDCNet`.

    Attributes
    ----------
    frames : int
        Number T of past frames read.
    classes : int
        Segmentation channels per frame.
    widths, decoder_widths : tuple of int
        Channels of the encoder blocks, and of the decoder blocks from coarse to fine.
    kernel_size : int
        Odd number K of taps of each one-dimensional kernel.
    trunk_stride : int
        1: compute at full resolution (thesis). s > 1: fold s×s pixels into channels, compute on the coarse
        grid, enlarge flow and kernels bilinearly.
    time_mixing : {"late", "stem+bottleneck", "pyramid", "channels"}
        Where frames meet (the thesis' 1×3×3 kernels alone cannot mix them): only in the heads; in a 3×3×3 stem
        and a zero-initialised 3×1×1 convolution after each block, collapsed before the decoders; before the decoders
        alone, at every scale, after an encoder that sees one frame at a time (a feature pyramid per frame, outlook of
        Reich 2020, §7); or as channels of a two-dimensional network.
    flow_scale : float
        Pixels of flow that count as one inside the network.
    sees : {"all", "frames"}
        Whether flow and segmentation of the past are read beside its frames.
    motion : {"sdc", "flow", "kernels", "direct"}
        What makes a frame out of the one before: flow and kernels, flow alone, kernels alone, or neither, which needs
        `residual`.
    residual : bool
        Whether there is a path that adds what is in no earlier frame (new buds).
    normalise : bool
        Shift the taps of every kernel so that they sum to one, which keeps the brightness.
    compose : bool
        Whether a roll-out samples the last real frame once, see `Renderer`.
    block : int
        Number of frames predicted by one pass through the network.
    scale : bool
        Whether the expected absolute error is predicted, by a decoder of its own.
    noise : int
        Number of noise maps read, for networks that draw one of many futures; see `draw_noise`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: int = 3
    classes: int = 4
    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    decoder_widths: tuple[int, ...] = (128, 64, 32, 16)
    kernel_size: int = 7
    trunk_stride: int = 1
    time_mixing: TimeMixing = "late"
    norm: Norm = "instance"
    activation: Activation = "pau"
    flow_scale: float = 20.0 / 3.0
    sees: Literal["all", "frames"] = "all"
    motion: Making = "sdc"
    residual: bool = False
    normalise: bool = False
    compose: bool = False
    block: int = Field(1, ge=1)
    scale: bool = False
    noise: int = Field(0, ge=0)

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value < 1 or value % 2 == 0:
            raise ValueError(f"kernel_size must be odd, not {value}")
        return value

    @model_validator(mode="after")
    def _makes_something(self) -> SDCNetConfig:
        if self.motion == "direct" and not self.residual:
            raise ValueError("motion 'direct' needs residual=true, or every forecast is the last frame")
        return self


PRESETS: dict[str, SDCNetConfig] = {
    "thesis": SDCNetConfig(),
    "lite": SDCNetConfig(
        widths=(24, 48, 72, 96),
        decoder_widths=(48, 32, 16),
        trunk_stride=2,
        time_mixing="channels",
        norm="channel",
        activation="leaky_relu",
    ),
    "default": SDCNetConfig(
        widths=(32, 64, 96, 128),
        decoder_widths=(64, 48, 32),
        trunk_stride=2,
        time_mixing="channels",
        norm="channel",
        activation="leaky_relu",
        sees="frames",
        residual=True,
        normalise=True,
        compose=True,
        block=7,
    ),
}


class Decoder(nn.Module):
    """One decoder: upsample, join the skip, residual block, at every scale; then a linear head."""

    def __init__(self, config: SDCNetConfig, frames: int, head_frames: int, out_channels: int) -> None:
        super().__init__()
        channels = [config.widths[-1], *config.decoder_widths]
        skips = config.widths[-2::-1]
        ups, blocks = [], []
        for level, (inner, outer, skip) in enumerate(
            zip(channels, config.decoder_widths, skips, strict=False)
        ):
            transposed = level < 2 and config.time_mixing != "channels"
            ups.append(Upsample(inner, outer, transposed))
            blocks.append(ResidualBlock(outer + skip, outer, config.norm, config.activation))
        self.ups, self.blocks = nn.ModuleList(ups), nn.ModuleList(blocks)
        self.frames, self.head_frames = frames, head_frames
        self.head = nn.Conv2d(config.decoder_widths[-1] * head_frames, out_channels, 1)

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Map the coarsest features and the skips (fine to coarse) to (B, C_out, H, W)."""
        for up, block, skip in zip(self.ups, self.blocks, reversed(skips), strict=True):
            x = block(torch.cat([up(x), skip], dim=2))
        # A (T, 1, 1) convolution without padding is a 1×1 convolution over time folded into channels.
        out: Tensor = self.head(x.flatten(1, 2))
        return out


class SDCNet(nn.Module):
    """Three-decoder U-Net over time, after Reich 2020, §6.1 (SDC-Net++) and Reda et al., ECCV 2018 (SDC-Net).

    Freshly made, it forecasts the last frame unchanged: the flow head is zero and the kernels are one-hot.

    Parameters
    ----------
    config : SDCNetConfig
        See there; `create_sdcnet` builds it from a preset.
    """

    def __init__(self, config: SDCNetConfig) -> None:
        super().__init__()
        self.config = config
        c = config
        if len(c.decoder_widths) != len(c.widths) - 1:
            raise ValueError("decoder_widths must have one entry fewer than widths")
        per_frame_channels = c.trunk_stride**2 + (2 + c.classes if c.sees == "all" else 0) + c.noise
        folded = c.time_mixing == "channels"
        collapse = c.time_mixing in ("stem+bottleneck", "pyramid")
        channels = [per_frame_channels * (c.frames if folded else 1), *c.widths]
        self.encoder = nn.ModuleList(
            ResidualBlock(
                i,
                o,
                c.norm,
                c.activation,
                first_kernel_time=3 if c.time_mixing == "stem+bottleneck" and level == 0 else 1,
            )
            for level, (i, o) in enumerate(zip(channels, c.widths, strict=False))
        )
        mixed = c.widths if c.time_mixing == "stem+bottleneck" else ()
        self.mixers = nn.ModuleList(nn.Conv3d(w, w, (3, 1, 1), padding=(1, 0, 0)) for w in mixed)
        self.collapsers = nn.ModuleList(nn.Conv3d(w, w, (c.frames, 1, 1)) for w in c.widths if collapse)
        for mixer in self.mixers:
            nn.init.zeros_(mixer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(mixer.bias)  # type: ignore[arg-type]
        trunk_frames = 1 if folded or collapse else c.frames

        def decoder(channels: int) -> Decoder:
            return Decoder(c, trunk_frames, trunk_frames, channels * c.block)

        if c.motion in ("sdc", "flow"):
            self.flow_decoder = decoder(2)
        if c.motion in ("sdc", "kernels"):
            self.kernel_v_decoder = decoder(c.kernel_size)
            self.kernel_h_decoder = decoder(c.kernel_size)
        if c.residual:
            self.residual_decoder = decoder(c.trunk_stride**2)
        if c.scale:
            self.scale_decoder = decoder(1)
        self._start_as_copy_last()

    def _start_as_copy_last(self) -> None:
        for name, part in self.named_children():
            if not isinstance(part, Decoder):
                continue
            head = part.head
            assert head.bias is not None
            nn.init.zeros_(head.bias)
            if name in ("kernel_v_decoder", "kernel_h_decoder"):
                nn.init.normal_(head.weight, std=1e-3)
                with torch.no_grad():
                    head.bias.view(self.config.block, -1)[:, self.config.kernel_size // 2] = 1.0
            else:
                nn.init.zeros_(head.weight)

    @property
    def multiple(self) -> int:
        """Image sizes are padded to a multiple of this, in pixels."""
        return int(self.config.trunk_stride * 2 ** (len(self.config.widths) - 1))

    def _trunk_input(
        self, frames: Tensor, flows: Tensor, segmentations: Tensor, noise: Tensor | None
    ) -> Tensor:
        stride = self.config.trunk_stride
        parts = [frames]
        if self.config.sees == "all":
            parts += [flows / self.config.flow_scale, segmentations]
        if noise is not None:
            parts.append(noise[:, None].expand(-1, frames.shape[1], -1, -1, -1))
        parts = [pad_to_multiple(p, self.multiple) for p in parts]
        if stride > 1:
            batch = frames.shape[:2]
            fine, *coarse = (p.flatten(0, 1) for p in parts)
            parts = [F.pixel_unshuffle(fine, stride), *(F.avg_pool2d(p, stride) for p in coarse)]
            parts = [p.unflatten(0, batch) for p in parts]
        x = torch.cat(parts, dim=2)
        return x.flatten(1, 2)[:, None] if self.config.time_mixing == "channels" else x

    def _encode(self, x: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            x = block(x)
            if self.mixers:
                over_time = x.transpose(1, 2)
                x = (over_time + self.mixers[level](over_time)).transpose(1, 2)
            met = self.collapsers[level](x.transpose(1, 2)).transpose(1, 2) if self.collapsers else x
            features.append(met)
            if level < len(self.encoder) - 1:
                x = per_frame(nn.AvgPool2d(2), x)
        return features

    def forward(
        self, frames: Tensor, flows: Tensor, segmentations: Tensor, noise: Tensor | None = None
    ) -> Motion:
        """Predict the motion from the last frame to the next, or the motions of a whole block of frames.

        Parameters
        ----------
        frames : Tensor
            (B, T, 1, H, W), about [0, 1]; any size.
        flows : Tensor
            (B, T, 2, H, W) px; ``flows[:, i]`` is the backward flow from frame i to frame i - 1, zero for i = 0.
        segmentations : Tensor
            (B, T, 4, H, W) class probabilities; all zero where no segmentation is known.
        noise : Tensor, optional
            (B, noise, H, W) standard normal, see `draw_noise`; needed if the configuration says so.

        Returns
        -------
        Motion
            Flow in px and kernels at the size of the frames; for blocks see `Motion.split`.
        """
        c, (height, width) = self.config, frames.shape[-2:]
        *skips, deepest = self._encode(self._trunk_input(frames, flows, segmentations, noise))
        batch = len(frames)

        def decoded(name: str) -> Tensor:
            maps: Tensor = getattr(self, name)(deepest, skips)
            return maps

        if c.motion in ("sdc", "flow"):
            flow = self._enlarge(decoded("flow_decoder"), height, width) * c.flow_scale
        else:
            flow = frames.new_zeros(batch, 2 * c.block, height, width)
        if c.motion in ("sdc", "kernels"):
            kernels = [
                self._enlarge(self._normalised(decoded(name)), height, width)
                for name in ("kernel_v_decoder", "kernel_h_decoder")
            ]
        else:
            kernels = 2 * [frames.new_ones(batch, c.block, height, width)]  # a single tap
        residual: Tensor | None = None
        scale: Tensor | None = None
        if c.residual:
            residual = decoded("residual_decoder")
            if c.trunk_stride > 1:
                residual = F.pixel_shuffle(residual, c.trunk_stride)
            residual = residual[..., :height, :width].contiguous()
        if c.scale:
            scale = self._enlarge(_FIRST_SCALE * torch.exp(decoded("scale_decoder")), height, width)
        return Motion(flow, kernels[0], kernels[1], residual, scale)

    def _normalised(self, kernels: Tensor) -> Tensor:
        if not self.config.normalise:
            return kernels
        taps = kernels.unflatten(1, (self.config.block, -1))
        shifted: Tensor = taps + (1 - taps.sum(2, keepdim=True)) / taps.shape[2]
        return shifted.flatten(1, 2)

    def _enlarge(self, x: Tensor, height: int, width: int) -> Tensor:
        if self.config.trunk_stride > 1:
            x = F.interpolate(x, scale_factor=self.config.trunk_stride, mode="bilinear", align_corners=False)
        return x[..., :height, :width].contiguous()

    def predict_motion(
        self, frames: Tensor, flows: Tensor, segmentations: Tensor, noise: Tensor | None = None
    ) -> list[Motion]:
        """Return the motion of each frame of a block."""
        motion: Motion = self(frames, flows, segmentations, noise)
        return motion.split(self.config.block)

    def predict_next(self, frames: Tensor, flows: Tensor, segmentations: Tensor) -> tuple[Tensor, Motion]:
        """Return the next frame (B, 1, H, W) and the motion that made it out of the last frame."""
        noise = draw_noise(frames, self.config.noise)
        motion = self.predict_motion(frames, flows, segmentations, noise)[0]
        return Renderer(self.config.compose)(frames[:, -1], motion).frame, motion


def create_sdcnet(preset: str = "lite", **overrides: Any) -> SDCNet:
    """Return a new `SDCNet` of a preset, with single fields overridden."""
    return SDCNet(SDCNetConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))
