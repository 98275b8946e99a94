"""From light to counts: uneven illumination, dust, shot and read noise, correlated noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import PhantomConfig
from .grid import Grid, soft_noise

Floats = NDArray[np.floating[Any]]


class Camera:
    """The illumination and the camera of one sequence.

    Parameters
    ----------
    config : PhantomConfig
        Parameters.
    grid : Grid
        The picture.
    rng : numpy.random.Generator
        Source of randomness; used again for every frame.
    """

    def __init__(self, config: PhantomConfig, grid: Grid, rng: np.random.Generator) -> None:
        self.config, self.grid, self.rng = config, grid, rng
        self._banks = tuple(soft_noise(int(rng.integers(1 << 30)), 256, sigma) for sigma in (1.0, 6.0))
        self._flat = self._illumination()

    def _illumination(self) -> Floats:
        """Brightness of the empty picture, (Y, X), 1 on average: gradient, dust, fixed pattern."""
        grid, scope, rng = self.grid, self.config.microscope, self.rng
        y, x = grid.camera_axes()
        half = max(abs(y[0]), abs(x[0]), 1e-6)
        slope_x, slope_y, bowl = rng.normal(0, scope.gradient, 3)
        flat = 1 + slope_x * x[None, :] / half + slope_y * y[:, None] / half
        flat = flat + bowl * ((x[None, :] / half) ** 2 + (y[:, None] / half) ** 2 - 2 / 3)
        area = grid.height * grid.width * grid.pixel_size**2
        for _ in range(int(rng.poisson(scope.dust * area / 28.0**2))):
            self._add_dust(flat, y, x)
        flat += self.config.camera.pattern * self._correlated()
        result: Floats = np.maximum(flat, 0.05).astype(np.float32)
        return result

    def _add_dust(self, flat: Floats, y: Floats, x: Floats) -> None:
        """Multiply by the shadow of one speck far out of focus: a soft disc, sometimes with a bright rim."""
        rng = self.rng
        middle_y, middle_x = rng.uniform(y[0], y[-1]), rng.uniform(x[0], x[-1])
        radius, soft = math.exp(rng.uniform(math.log(0.4), math.log(4.0))), rng.uniform(0.2, 0.5)
        depth = rng.uniform(0.01, 0.10)
        away = np.hypot(y[:, None] - middle_y, x[None, :] - middle_x)
        disc = 1 / (1 + np.exp(np.clip((away - radius) / (soft * radius), -30, 30)))
        rim = np.exp(-0.5 * ((away - 1.35 * radius) / (0.35 * radius)) ** 2)
        flat *= 1 - depth * disc + 0.3 * depth * rng.random() * rim

    def _correlated(self) -> Floats:
        """Random piece of correlated noise of unit variance, (Y, X): fine grain and broad clouds."""
        total = np.zeros((self.grid.height, self.grid.width), np.float32)
        for bank in self._banks:
            start = self.rng.integers(0, 256, 2)
            rows = (np.arange(self.grid.height) + start[0]) % 256
            columns = (np.arange(self.grid.width) + start[1]) % 256
            total += bank[rows[:, None], columns[None, :]]
        return total * np.float32(math.sqrt(0.5))

    def expose(self, light: Floats) -> NDArray[np.uint16]:
        """Return counts (Z, Y, X) for the light (Z, Y, X) of one frame."""
        camera, rng = self.config.camera, self.rng
        flicker = 1 + rng.normal(0, camera.flicker)
        counts = np.empty(light.shape, np.uint16)
        for plane, out in zip(light, counts, strict=True):
            expected = plane * self._flat * np.float32(flicker)
            if camera.shimmer:
                expected = expected * (1 + np.float32(camera.shimmer) * self._correlated())
            expected = np.maximum(expected * np.float32(camera.background), 0)
            # Above a few dozen electrons the Poisson law is a Gaussian to far below the read noise.
            noise = rng.standard_normal(plane.shape, dtype=np.float32)
            electrons = expected + noise * np.sqrt(expected + np.float32(camera.read_noise**2))
            out[...] = np.clip(
                np.rint(electrons / np.float32(camera.gain) + np.float32(camera.offset)), 0, 65535
            )
        return counts
