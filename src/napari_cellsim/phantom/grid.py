"""The three nested grids of a picture: camera pixels, optics pixels, raster pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from .config import PhantomConfig

Floats = NDArray[np.floating[Any]]

_MARGIN = 3.5  # µm around the picture, so that nothing wraps around in the Fourier transform


@dataclass(frozen=True)
class Grid:
    """Sizes of the camera picture and of the padded canvas on which light is propagated.

    Parameters
    ----------
    height, width : int
        Camera pixels.
    pixel_size : float
        Camera pixel in µm.
    per_camera : int
        Optics pixels per camera pixel, along one axis.
    per_optics : int
        Raster pixels per optics pixel, along one axis.
    rows, columns : int
        Optics pixels of the canvas.
    """

    height: int
    width: int
    pixel_size: float
    per_camera: int
    per_optics: int
    rows: int
    columns: int

    @classmethod
    def of(cls, shape: tuple[int, int], pixel_size: float, config: PhantomConfig) -> Grid:
        """Return the coarsest grids allowed by the configuration."""
        per_camera = math.ceil(pixel_size / config.optics_pixel - 1e-9)
        optics = pixel_size / per_camera
        per_optics = math.ceil(optics / config.raster_pixel - 1e-9)
        margin = math.ceil(_MARGIN / optics)
        rows, columns = (scipy.fft.next_fast_len(n * per_camera + 2 * margin) for n in shape)
        return cls(shape[0], shape[1], pixel_size, per_camera, per_optics, rows, columns)

    @property
    def optics_pixel(self) -> float:
        """Optics pixel in µm."""
        return self.pixel_size / self.per_camera

    @property
    def raster_pixel(self) -> float:
        """Raster pixel in µm."""
        return self.optics_pixel / self.per_optics

    @property
    def offset(self) -> tuple[int, int]:
        """First optics pixel (row, column) of the camera picture on the canvas."""
        return (
            (self.rows - self.height * self.per_camera) // 2,
            (self.columns - self.width * self.per_camera) // 2,
        )

    @property
    def window(self) -> tuple[slice, slice]:
        """Part of the canvas, in optics pixels, that the camera sees."""
        top, left = self.offset
        return slice(top, top + self.height * self.per_camera), slice(
            left, left + self.width * self.per_camera
        )

    def raster_axes(self) -> tuple[Floats, Floats]:
        """Positions (y, x) of raster pixels in µm; the middle of the camera picture is 0."""
        axes = []
        for count, first, size in zip(
            (self.rows, self.columns), self.offset, (self.height, self.width), strict=True
        ):
            start = -first * self.optics_pixel - size * self.pixel_size / 2
            axes.append((np.arange(count * self.per_optics) + 0.5) * self.raster_pixel + start)
        return axes[0].astype(np.float32), axes[1].astype(np.float32)

    def camera_axes(self) -> tuple[Floats, Floats]:
        """Positions (y, x) of camera pixels in µm."""
        return (
            (np.arange(self.height) + 0.5 - self.height / 2) * self.pixel_size,
            (np.arange(self.width) + 0.5 - self.width / 2) * self.pixel_size,
        )


def bin_mean(array: Floats, factor: int) -> Floats:
    """Average blocks of factor x factor over the last two axes."""
    if factor == 1:
        return array
    # Adding strided slices is several times faster than a reshaped mean over two short axes.
    total = array[..., ::factor, ::factor].copy()
    for row in range(factor):
        for column in range(factor):
            if row or column:
                total += array[..., row::factor, column::factor]
    result: Floats = total * (1.0 / (factor * factor))
    return result


def soft_noise(seed: int, size: int, sigma: float) -> Floats:
    """Return periodic Gaussian noise (size, size) of unit variance, smoothed over sigma pixels, float32."""
    white = np.random.default_rng(seed).standard_normal((size, size))
    frequency = scipy.fft.fftfreq(size)
    gauss = np.exp(-2 * (math.pi * sigma * frequency) ** 2)
    smooth = scipy.fft.ifft2(scipy.fft.fft2(white) * gauss[:, None] * gauss[None, :]).real
    result: Floats = (smooth / smooth.std()).astype(np.float32)
    return result
