"""Partially coherent bright field: Abbe's sum over the condenser, multi-slice through the specimen.

Each point of the condenser sends a plane wave; it is delayed by every layer of the specimen, propagated between
layers by the angular spectrum (Goodman, Introduction to Fourier Optics, 3rd ed., §3.10), cut by the objective's
pupil and refocused; the intensities of all points add. A weak-phase model would not do: phases reach 2.4 rad in a
cell and 3.7 rad in a pillar.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .config import PhantomConfig
from .grid import Grid, bin_mean

Floats = NDArray[np.floating[Any]]
Complexes = NDArray[np.complexfloating[Any, Any]]

_GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


class BrightField:
    """The microscope for one grid; its waves and pupils are computed once.

    Parameters
    ----------
    config : PhantomConfig
        Parameters.
    grid : Grid
        Where light is propagated.
    """

    def __init__(self, config: PhantomConfig, grid: Grid) -> None:
        self.config, self.grid = config, grid
        scope, pixel = config.microscope, grid.optics_pixel
        colours = min(scope.wavelengths, scope.source_points)
        spread = (np.arange(colours) + 0.5) / colours * 2 - 1
        self._wavelengths = scope.wavelength + scope.bandwidth * spread
        fy = scipy.fft.fftfreq(grid.rows, pixel)[:, None]
        fx = scipy.fft.fftfreq(grid.columns, pixel)[None, :]
        f2 = fy**2 + fx**2
        medium = config.material.medium
        aperture = min(scope.objective_na, 0.995 * medium)
        self._kz: list[Floats] = []
        self._step: list[Complexes] = []
        self._pupil: list[NDArray[np.bool_]] = []
        gap = config.chip.channel_height / scope.slabs
        for wavelength in self._wavelengths:
            kz2 = (medium / wavelength) ** 2 - f2
            kz = (2 * math.pi * np.sqrt(np.maximum(kz2, 0))).astype(np.float32)
            self._kz.append(kz)
            self._step.append((_turn(kz * np.float32(gap)) * (kz2 > 0)).astype(np.complex64))
            self._pupil.append(f2 < (aperture / wavelength) ** 2)
        # A Vogel spiral fills the condenser's disc evenly; each point sits on the nearest Fourier frequency.
        number = np.arange(scope.source_points)
        radius = scope.condenser_na / scope.wavelength * np.sqrt((number + 0.5) / scope.source_points)
        angle = number * _GOLDEN_ANGLE
        self._waves = [
            (
                _wave(radius_i * math.sin(angle_i) * pixel, grid.rows)[:, None],
                _wave(radius_i * math.cos(angle_i) * pixel, grid.columns)[None, :],
            )
            for radius_i, angle_i in zip(radius.tolist(), angle.tolist(), strict=True)
        ]

    def image(self, phase: Floats, absorption: Floats, focus: list[float]) -> Floats:
        """Return the light on the camera.

        Parameters
        ----------
        phase : ndarray, (K, rows, columns), float32
            Phase delay of each layer in radians, at the mean wavelength.
        absorption : ndarray, (rows, columns), float32
            Absorbance of all layers together.
        focus : list of float
            Focal planes in µm, relative to the middle of the chamber.

        Returns
        -------
        ndarray, (Z, Y, X), float32
            Intensity per camera pixel; 1 on empty background.
        """
        scope = self.config.microscope
        fade = np.exp(absorption * np.float32(-0.5 / scope.slabs))
        middle = self.config.chip.channel_height / 2 * (1 - 1 / scope.slabs)
        total = np.zeros((len(focus), *absorption.shape), np.float32)
        for colour, wavelength in enumerate(self._wavelengths):
            layers = [fade * _turn(layer * np.float32(scope.wavelength / wavelength)) for layer in phase]
            pupils = [_turn(self._kz[colour] * np.float32(z - middle)) * self._pupil[colour] for z in focus]
            for row, column in self._waves[colour :: len(self._wavelengths)]:
                wave = layers[0] * row
                wave *= column
                for layer in layers[1:]:
                    wave = scipy.fft.fft2(wave, overwrite_x=True)
                    wave *= self._step[colour]
                    wave = scipy.fft.ifft2(wave, overwrite_x=True)
                    wave *= layer
                spectrum = scipy.fft.fft2(wave, overwrite_x=True)
                for z, pupil in enumerate(pupils):
                    field = scipy.fft.ifft2(spectrum * pupil, overwrite_x=True)
                    total[z] += field.real**2 + field.imag**2
        total /= scope.source_points
        return self._detect(total, phase)

    def _detect(self, intensity: Floats, phase: Floats) -> Floats:
        """Add halos and integrate over camera pixels."""
        scope, grid = self.config.microscope, self.grid
        seen = bin_mean(intensity[:, *grid.window], grid.per_camera)
        if not (scope.glow or scope.veil):
            return seen
        sigma = scope.glow_width / grid.pixel_size
        if scope.veil:
            # A wide skirt of the point response: lamp glass, immersion, chip.
            wide = np.stack([_wide_blur(plane, sigma) for plane in seen])
            seen = (1 - np.float32(scope.veil)) * seen + np.float32(scope.veil) * wide
        if scope.glow:
            whole = bin_mean(phase.sum(0)[grid.window], grid.per_camera)
            edges = np.hypot(*np.gradient(whole)) / np.float32(grid.pixel_size)
            seen = seen + np.float32(scope.glow) * _wide_blur(edges.astype(np.float32), sigma)
        result: Floats = seen.astype(np.float32)
        return result


def _turn(angle: Floats) -> Complexes:
    """Return exp(i angle) as complex64."""
    result = np.empty(angle.shape, np.complex64)
    np.cos(angle, out=result.real)
    np.sin(angle, out=result.imag)
    return result


def _wave(cycles_per_pixel: float, count: int) -> Complexes:
    whole = round(cycles_per_pixel * count)
    return _turn((2 * math.pi * whole / count * np.arange(count)).astype(np.float32))


def _wide_blur(picture: Floats, sigma: float) -> Floats:
    """Gaussian blur; wide ones on a coarser grid, where nothing is lost."""
    factor = max(1, int(sigma / 3))
    height, width = picture.shape
    if factor == 1 or min(height, width) < 4 * factor:
        result: Floats = gaussian_filter(picture, sigma, mode="nearest", truncate=3.0)
        return result
    rows, columns = -height % factor, -width % factor
    coarse = bin_mean(np.pad(picture, ((0, rows), (0, columns)), mode="edge"), factor)
    coarse = gaussian_filter(coarse, sigma / factor, mode="nearest", truncate=3.0)
    y = (np.arange(height, dtype=np.float32) + 0.5) / factor - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) / factor - 0.5
    return _interpolate(_interpolate(coarse, y, 0), x, 1)


def _interpolate(array: Floats, at: Floats, axis: int) -> Floats:
    last = array.shape[axis] - 1
    low = np.clip(np.floor(at).astype(int), 0, max(last - 1, 0))
    weight = np.clip(at - low, 0, 1)
    weight = weight[:, None] if axis == 0 else weight[None, :]
    first, second = np.take(array, low, axis), np.take(array, np.minimum(low + 1, last), axis)
    result: Floats = first + weight * (second - first)
    return result
