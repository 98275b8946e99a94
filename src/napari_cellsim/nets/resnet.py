"""The body of ResNet-18, for weights that were trained on ImageNet."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from ..base import CellSimError

FEATURES = 512
"""Length of the description that `ResNet18` gives of a picture."""
_STAGES = {"layer1": 64, "layer2": 128, "layer3": 256, "layer4": FEATURES}
_BLOCKS = 2  # of each stage
# Of ImageNet's training pictures in [0, 1], red, green, blue: torchvision's published weights take pictures that were
# standardised by these numbers (its documentation names them with every set of weights).
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ResNet18Config(BaseModel):
    """A `ResNet18` has nothing to choose: its shape is that of the published weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")


PRESETS: dict[str, ResNet18Config] = {"paper": ResNet18Config()}


class ResNet18(nn.Module):
    """ResNet-18 without its last layer (He et al., CVPR 2016, table 1): a picture in, 512 global means out.

    Its 11 176 512 weights have the names of torchvision's files, from which `models.import_weights` brings them. Fresh
    weights are of no use: see the notes.

    Parameters
    ----------
    config : ResNet18Config
        Without settings.

    Notes
    -----
    Batch normalisation takes the means and variances that came with the weights, in training too: those of a batch of
    few, alike specimens would say more about the chance of the batch than about pictures, and would make a picture's
    description depend on its neighbours. A fresh network has nothing stored, so nothing would normalise it.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, config: ResNet18Config) -> None:
        super().__init__()
        self.config = config
        before = _STAGES["layer1"]
        self.conv1 = nn.Conv2d(3, before, 7, stride=2, padding=3, bias=False)
        self.bn1 = _StoredNorm(before)
        for name, width in _STAGES.items():
            blocks = [
                _Block(width if number else before, width, shrink=number == 0 and width > before)
                for number in range(_BLOCKS)
            ]
            self.add_module(name, nn.Sequential(*blocks))
            before = width
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Describe pictures.

        Parameters
        ----------
        images : Tensor
            (B, 3, H, W) red, green, blue, or (B, 1, H, W) grey, which is replicated; in [-1, 1], of any size.

        Returns
        -------
        Tensor
            (B, 512): means of the last maps.

        Raises
        ------
        CellSimError
            If the pictures have another number of channels.
        """
        if images.ndim != 4 or images.shape[1] not in (1, 3):
            raise CellSimError(
                f"ResNet-18 takes pictures (B, 1 or 3, H, W), not an array of the shape {tuple(images.shape)}."
            )
        x = (images / 2 + 0.5 - self.mean) / self.deviation  # grey becomes three channels here
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, stride=2, padding=1)
        for name in _STAGES:
            x = self.get_submodule(name)(x)
        return x.mean((2, 3))

    def freeze(self, stages: int) -> None:
        """Keep the first stages from being trained, and what stands before them.

        Parameters
        ----------
        stages : int
            0 (all is trained) to 4 (nothing is). The first convolution belongs to the first stage.
        """
        still = [self.conv1, self.bn1, *map(self.get_submodule, list(_STAGES)[:stages])] if stages else []
        for part in still:
            part.requires_grad_(False)


class _StoredNorm(nn.Module):
    """Batch normalisation by stored means and variances alone."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias)


class _Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut, which is itself a 1×1 convolution where the maps shrink."""

    def __init__(self, inputs: int, outputs: int, *, shrink: bool) -> None:
        super().__init__()
        stride = 2 if shrink else 1
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = _StoredNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = _StoredNorm(outputs)
        self.downsample: nn.Module | None = None
        if shrink:
            shortcut = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
            self.downsample = nn.Sequential(shortcut, _StoredNorm(outputs))

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


def create_resnet18(preset: str = "paper", **overrides: object) -> ResNet18:
    """Return a new `ResNet18`."""
    return ResNet18(ResNet18Config.model_validate({**PRESETS[preset].model_dump(), **overrides}))
