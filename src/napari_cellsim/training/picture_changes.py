"""Random changes of photographs that leave the class of a specimen alone: classical augmentation."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

DRAWS = 10
"""Random numbers that the changes of one picture take."""

# Luma and two axes of colour (ITU-R BT.601 YIQ): hue is an angle in the plane of the last two.
_YIQ = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])


class PictureChanges(BaseModel):
    """What may be changed, and how strongly.

    The defaults of `quarter_turns`, `brightness`, `contrast`, `saturation` and `hue` are those of Østmo 2020, §2.5;
    shift and zoom are ours.

    Attributes
    ----------
    quarter_turns : bool
        Turn by a multiple of 90°.
    turn : float
        Largest further turn, in degrees.
    shift : float
        Largest shift in either direction, as a share of the side.
    zoom : float
        Largest relative change of the size of the specimen.
    brightness, contrast, saturation : float
        Largest relative changes.
    hue : float
        Largest change of hue, as a share of the colour circle.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quarter_turns: bool = True
    turn: float = Field(0.0, ge=0, le=180)
    shift: float = Field(0.05, ge=0, lt=1)
    zoom: float = Field(0.1, ge=0, lt=1)
    brightness: float = Field(0.1, ge=0, lt=1)
    contrast: float = Field(0.1, ge=0, lt=1)
    saturation: float = Field(0.1, ge=0, lt=1)
    hue: float = Field(0.05, ge=0, le=0.5)

    @classmethod
    def none(cls) -> PictureChanges:
        """Return the setting that changes nothing."""
        return cls(quarter_turns=False, shift=0, zoom=0, brightness=0, contrast=0, saturation=0, hue=0)


def change_pictures(
    images: Tensor, settings: PictureChanges, flip: bool, draws: NDArray[np.float64]
) -> Tensor:
    """Change each picture in its own way.

    Parameters
    ----------
    images : Tensor
        (B, C, H, H) in [-1, 1]; C is 1 or 3.
    settings : PictureChanges
        Strengths.
    flip : bool
        Whether half of the pictures are mirrored too.
    draws : array (B, 10)
        Evenly distributed in [0, 1).

    Returns
    -------
    Tensor
        (B, C, H, H) in [-1, 1]. Where a changed picture shows more than the old one, its border goes on.
    """
    moved = _moved(images, settings, flip, draws)
    return 2 * _coloured((moved + 1) / 2, settings, draws).clamp(0, 1) - 1


def _moved(images: Tensor, settings: PictureChanges, flip: bool, draws: NDArray[np.float64]) -> Tensor:
    s, signed = settings, 2 * draws - 1
    angle = np.deg2rad(s.turn * signed[:, 2])
    if s.quarter_turns:
        angle = angle + np.floor(4 * draws[:, 1]) * (math.pi / 2)
    mirror = np.where(flip & (draws[:, 0] < 0.5), -1.0, 1.0)
    size = 1 + s.zoom * signed[:, 3]
    # from places in the new picture to places in the old one, in halves of the side
    matrix = np.empty((len(draws), 2, 3))
    matrix[:, 0, 0], matrix[:, 0, 1] = mirror * np.cos(angle) / size, -mirror * np.sin(angle) / size
    matrix[:, 1, 0], matrix[:, 1, 1] = np.sin(angle) / size, np.cos(angle) / size
    matrix[:, :, 2] = 2 * s.shift * signed[:, 4:6]
    places = torch.from_numpy(matrix.astype(np.float32)).to(images.device)
    grid = functional.affine_grid(places, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _coloured(images: Tensor, settings: PictureChanges, draws: NDArray[np.float64]) -> Tensor:
    s, signed = settings, 2 * draws - 1

    def each(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(images.device)

    if images.shape[1] == 3:
        images = torch.einsum("bij,bjhw->bihw", each(_colour_matrices(s, signed)), images)
    mean = images.mean((1, 2, 3), keepdim=True)
    images = mean + (images - mean) * each(1 + s.contrast * signed[:, 8])[:, None, None, None]
    return images * each(1 + s.brightness * signed[:, 9])[:, None, None, None]


def _colour_matrices(settings: PictureChanges, signed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrices (B, 3, 3) that turn hue and stretch saturation of red, green and blue."""
    angle = 2 * math.pi * settings.hue * signed[:, 6]
    stretch = 1 + settings.saturation * signed[:, 7]
    inner = np.zeros((len(signed), 3, 3))
    inner[:, 0, 0] = 1
    inner[:, 1, 1] = inner[:, 2, 2] = stretch * np.cos(angle)
    inner[:, 2, 1] = stretch * np.sin(angle)
    inner[:, 1, 2] = -inner[:, 2, 1]
    matrices: NDArray[np.float64] = np.linalg.inv(_YIQ) @ inner @ _YIQ
    return matrices
