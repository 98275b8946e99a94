"""Optical flow by pyramid, warping and cost volume (PWC-Net, Sun et al., CVPR 2018)."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar, Literal, NamedTuple, Self

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from napari_cellsim.base import CellSimError
from napari_cellsim.ops import correlation, warp

# The published network predicts px / 20, so that its outputs are of order one.
_FLOW_UNIT = 20.0
_SLOPE = 0.1
# A warped feature counts only where (nearly) all of its bilinear weight lies inside the picture.
_INSIDE = 0.9999
_EPSILON = 1e-6


class PWCNetConfig(BaseModel):
    """Architecture of a `PWCNet`; the defaults are the published network.

    Parameters
    ----------
    in_channels : {1, 3}
        Channels the first layer sees. A picture with the other number of channels is replicated or averaged.
    channels : tuple of int
        Feature channels of the pyramid levels 1, 2, ...; level ``l`` has ``1 / 2**l`` of the resolution.
    convolutions : int
        3 × 3 convolutions per pyramid level, the first of them with stride 2.
    finest_level : int
        Level at which the last flow is estimated; 2 is a quarter of the resolution.
    max_displacement : int
        Search radius of the cost volume, in px of the level.
    decoder_channels : tuple of int
        Channels of the convolutions that read the cost volume.
    context_channels, context_dilations : tuple of int
        Dilated convolutions that refine the last flow.
    dense : bool
        Whether each decoder convolution sees the outputs of all before it.
    residual : bool
        Whether a level adds to the bilinearly enlarged flow of the coarser level, instead of predicting the
        flow anew from a learnt enlargement. A residual network starts at zero flow.
    normalised : bool
        Whether features are compared after removing their mean over channels and dividing by their deviation,
        at each pixel. The common part of all features then no longer drowns the differences that tell a match:
        without it the lite network learnt nothing in the steps that it now needs to be useful.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    in_channels: Literal[1, 3] = 3
    channels: tuple[int, ...] = (16, 32, 64, 96, 128, 196)
    convolutions: int = Field(3, ge=1)
    finest_level: int = Field(2, ge=1)
    max_displacement: int = Field(4, ge=1)
    decoder_channels: tuple[int, ...] = Field((128, 128, 96, 64, 32), min_length=1)
    context_channels: tuple[int, ...] = (128, 128, 128, 96, 64, 32)
    context_dilations: tuple[int, ...] = (1, 2, 4, 8, 16, 1)
    dense: bool = True
    residual: bool = False
    normalised: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.channels) < self.finest_level:
            raise ValueError("finest_level must be one of the pyramid's levels")
        if len(self.context_channels) != len(self.context_dilations):
            raise ValueError("context_channels and context_dilations must have the same length")
        return self


PRESETS: dict[str, PWCNetConfig] = {
    "thesis": PWCNetConfig(),
    "lite": PWCNetConfig(
        in_channels=1,
        channels=(16, 24, 32, 48),
        convolutions=2,
        decoder_channels=(64, 48, 32),
        context_channels=(48, 48, 48, 32),
        context_dilations=(1, 2, 4, 8),
        dense=False,
        residual=True,
        normalised=True,
    ),
}


class Pyramid(NamedTuple):
    """Features of one picture.

    ``levels[i]`` has shape (B, C, H' / 2**(i+1), W' / 2**(i+1)), where (H', W') is ``size``, the (H, W) of
    the picture, rounded up to the network's multiple.
    """

    levels: tuple[Tensor, ...]
    size: tuple[int, int]


class PWCNet(nn.Module):
    """Optical flow between two pictures.

    ``flow = network(first, second)`` tells where each pixel of `first` lies in `second`:
    ``first(x) ~ second(x + flow(x))``. Pictures have shape (B, 1 or 3, H, W) and values in [0, 1], both
    scaled by one common range, since scaling each by its own would break the constancy of brightness on which
    flow rests. Colour pictures are blue, green, red, as the published weights expect. The flow has shape
    (B, 2, H, W), channel 0 along x, in px.

    Parameters
    ----------
    config : PWCNetConfig
        Architecture. ``PRESETS["thesis"]`` is the published PWCDCNet with its 9 374 340 parameters.

    References
    ----------
    Sun, Yang, Liu, Kautz: PWC-Net: CNNs for optical flow using pyramid, warping, and cost volume. CVPR 2018.
    """

    Config: ClassVar[type[PWCNetConfig]] = PWCNetConfig
    PRESETS: ClassVar[dict[str, PWCNetConfig]] = PRESETS

    def __init__(self, config: PWCNetConfig | None = None) -> None:
        super().__init__()
        self.config = config = PWCNetConfig() if config is None else config
        widths = (config.in_channels, *config.channels)
        self.encoder = nn.ModuleList(
            _pyramid_level(before, after, config.convolutions) for before, after in itertools.pairwise(widths)
        )
        levels = range(len(config.channels), config.finest_level - 1, -1)
        self.decoders = nn.ModuleDict({str(level): _Decoder(config, level) for level in levels})
        finest = self.decoders[str(config.finest_level)]
        assert isinstance(finest, _Decoder)
        self.context = _context(finest.width, config)
        self._initialise()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the flow from `first` to `second`.

        Parameters
        ----------
        first, second : Tensor
            (B, 1 or 3, H, W), values in [0, 1], any H and W.

        Returns
        -------
        Tensor
            (B, 2, H, W), px, channel 0 along x, on the grid of `first`.

        Raises
        ------
        CellSimError
            If the shapes are not as above or differ.
        """
        return self.flow_from_features(self.encode(first), self.encode(second))

    def forward_pyramid(self, first: Tensor, second: Tensor) -> list[Tensor]:
        """Return the flow of every level, coarsest first, for a multi-scale loss.

        Parameters
        ----------
        first, second : Tensor
            As in `forward`.

        Returns
        -------
        list of Tensor
            One (B, 2, h, w) per level, on the level's grid, in px of the full resolution, so that the target
            of each is the true flow averaged over blocks. The last is the refined one.
        """
        return self._flows(self.encode(first), self.encode(second))

    def encode(self, image: Tensor) -> Pyramid:
        """Return the features of one picture (B, 1 or 3, H, W), for `flow_from_features`."""
        if image.ndim != 4 or image.shape[1] not in (1, 3):
            raise CellSimError(
                f"PWC-Net takes pictures of shape (batch, 1 or 3, height, width), not {tuple(image.shape)}."
            )
        height, width = image.shape[-2:]
        if image.shape[1] < self.config.in_channels:
            image = image.expand(-1, self.config.in_channels, -1, -1)
        elif image.shape[1] > self.config.in_channels:
            image = image.mean(1, keepdim=True)
        multiple = 2 ** len(self.config.channels)
        rounded = (-(-height // multiple) * multiple, -(-width // multiple) * multiple)
        if rounded != (height, width):
            image = F.interpolate(image, rounded, mode="bilinear", align_corners=False)
        levels = []
        for level in self.encoder:
            image = level(image)
            levels.append(image)
        return Pyramid(tuple(levels), (height, width))

    def flow_from_features(self, first: Pyramid, second: Pyramid) -> Tensor:
        """Return the flow between two encoded pictures.

        A roll-out keeps the features of the last frame and so encodes each frame once only.

        Parameters
        ----------
        first, second : Pyramid
            What `encode` returned for the two pictures.

        Returns
        -------
        Tensor
            (B, 2, H, W), as in `forward`.
        """
        flow = self._flows(first, second)[-1]
        return F.interpolate(flow, first.size, mode="bilinear", align_corners=False)

    def _flows(self, first: Pyramid, second: Pyramid) -> list[Tensor]:
        if first.size != second.size or first.levels[0].shape != second.levels[0].shape:
            raise CellSimError(
                f"PWC-Net compares two pictures of one size, but got {first.size} and {second.size} "
                f"in batches of {first.levels[0].shape[0]} and {second.levels[0].shape[0]}."
            )
        flows: list[Tensor] = []
        flow: Tensor | None = None
        features: Tensor | None = None
        for name, decoder in self.decoders.items():
            level = int(name)
            assert isinstance(decoder, _Decoder)
            one, two = first.levels[level - 1], second.levels[level - 1]
            if flow is None or features is None:
                inputs, base = [self._costs(one, two)], None
            else:
                base, carried = self._enlarge(str(level + 1), flow, features)
                two = _warp_inside(two, base * (_FLOW_UNIT / 2**level))
                inputs = [self._costs(one, two), one, base, carried]
            features = decoder.read(torch.cat(inputs, 1))
            flow = decoder.predict(features)
            if self.config.residual and base is not None:
                flow = flow + base
            flows.append(flow)
        assert features is not None
        flows[-1] = flows[-1] + self.context(features)

        # from units of the rounded grid to px of the picture as it came
        height, width = first.size
        coarse, scale = first.levels[0].shape[-2:], flows[-1].new_empty(1, 2, 1, 1)
        scale[:, 0] = _FLOW_UNIT * width / (2 * coarse[1])
        scale[:, 1] = _FLOW_UNIT * height / (2 * coarse[0])
        return [flow * scale for flow in flows]

    def _costs(self, first: Tensor, second: Tensor) -> Tensor:
        if self.config.normalised:
            first, second = _normalise(first), _normalise(second)
        return F.leaky_relu(correlation(first, second, self.config.max_displacement), _SLOPE)

    def _enlarge(self, coarser: str, flow: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return flow and two feature channels of level `coarser` at twice the resolution."""
        decoder = self.decoders[coarser]
        assert isinstance(decoder, _Decoder)
        assert decoder.enlarge_features is not None
        if decoder.enlarge_flow is None:
            enlarged = F.interpolate(flow, scale_factor=2.0, mode="bilinear", align_corners=False)
        else:
            enlarged = decoder.enlarge_flow(flow)
        return enlarged, decoder.enlarge_features(features)

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, a=_SLOPE)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if self.config.residual:
            for decoder in self.decoders.values():
                assert isinstance(decoder, _Decoder)
                nn.init.zeros_(decoder.predict.weight)
            last = self.context[-1]
            assert isinstance(last, nn.Conv2d)
            nn.init.zeros_(last.weight)


def create_pwcnet(preset: Literal["thesis", "lite"] | str = "lite", **overrides: Any) -> PWCNet:
    """Return a new `PWCNet` of a preset, with single fields overridden."""
    return PWCNet(PWCNetConfig.model_validate({**PRESETS[preset].model_dump(), **overrides}))


class _Decoder(nn.Module):
    """Reads the cost volume of one level and predicts its flow."""

    def __init__(self, config: PWCNetConfig, level: int) -> None:
        super().__init__()
        width = (2 * config.max_displacement + 1) ** 2
        if level < len(config.channels):
            width += config.channels[level - 1] + 4
        self.dense = config.dense
        self.convolutions = nn.ModuleList()
        for channels in config.decoder_channels:
            self.convolutions.append(_convolution(width, channels))
            width = width + channels if config.dense else channels
        self.width = width
        self.predict = nn.Conv2d(width, 2, 3, padding=1)
        # The published network owns an enlargement of its finest flow and never uses it; we keep it, so that
        # its checkpoints fit tensor by tensor.
        self.enlarge_flow = None if config.residual else nn.ConvTranspose2d(2, 2, 4, stride=2, padding=1)
        finest = level == config.finest_level
        self.enlarge_features = None if finest else nn.ConvTranspose2d(width, 2, 4, stride=2, padding=1)

    def read(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            new = convolution(x)
            x = torch.cat([new, x], 1) if self.dense else new
        return x


def _context(width: int, config: PWCNetConfig) -> nn.Sequential:
    widths = (width, *config.context_channels)
    layers = [
        _convolution(*pair, dilation=dilation)
        for pair, dilation in zip(itertools.pairwise(widths), config.context_dilations, strict=True)
    ]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 2, 3, padding=1))


def _pyramid_level(before: int, after: int, convolutions: int) -> nn.Sequential:
    rest = (_convolution(after, after) for _ in range(convolutions - 1))
    return nn.Sequential(_convolution(before, after, stride=2), *rest)


def _convolution(before: int, after: int, *, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=dilation, dilation=dilation),
        nn.LeakyReLU(_SLOPE),
    )


def _normalise(features: Tensor) -> Tensor:
    centred = features - features.mean(1, keepdim=True)
    return centred * torch.rsqrt(centred.square().mean(1, keepdim=True) + _EPSILON)


def _warp_inside(features: Tensor, flow: Tensor) -> Tensor:
    """Warp, with zeros where the displaced position leaves the picture."""
    warped = warp(features, flow, border="zeros")
    with torch.no_grad():
        ones = features.new_ones(features.shape[0], 1, *features.shape[-2:])
        inside = warp(ones, flow, border="zeros") >= _INSIDE
    return warped * inside
