"""Sheets of pictures as JPEG, for reports."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

COLUMNS = 10
_TILE, _GAP = 96, 4


def mosaic(pictures: npt.NDArray[Any], columns: int = COLUMNS) -> bytes:
    """Return pictures (N, Y, X) in rows, each from its own 0.5 to its 99.5 percentile, as the bytes of a JPEG."""
    tiles = [_tile(picture) for picture in pictures]
    height, width = tiles[0].shape
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP), 255, np.uint8)
    for number, tile in enumerate(tiles):
        y, x = (number // columns) * (height + _GAP), (number % columns) * (width + _GAP)
        sheet[y : y + height, x : x + width] = tile
    return _jpeg(sheet)


def photographs(pictures: npt.NDArray[np.uint8], columns: int = COLUMNS) -> bytes:
    """Return photographs (N, C, Y, X), grey or in colour, in rows and with their own intensities, as a JPEG."""
    count, _, height, width = pictures.shape
    scale = max(1, round(_TILE / max(height, width)))
    large = pictures.repeat(scale, 2).repeat(scale, 3)
    large = np.repeat(large, 3, 1) if large.shape[1] == 1 else large
    step_y, step_x = scale * height + _GAP, scale * width + _GAP
    sheet = np.full((-(-count // columns) * step_y - _GAP, columns * step_x - _GAP, 3), 255, np.uint8)
    for number, picture in enumerate(large):
        y, x = (number // columns) * step_y, (number % columns) * step_x
        sheet[y : y + scale * height, x : x + scale * width] = picture.transpose(1, 2, 0)
    return _jpeg(sheet)


def _tile(picture: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    low, high = np.percentile(picture, [0.5, 99.5])
    grey = (255 * np.clip((picture - low) / max(float(high - low), 1e-12), 0, 1)).astype(np.uint8)
    scale = _TILE / max(grey.shape)
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC))


def _jpeg(sheet: npt.NDArray[np.uint8]) -> bytes:
    buffer = BytesIO()
    Image.fromarray(sheet).save(buffer, format="JPEG", quality=88)
    return buffer.getvalue()
