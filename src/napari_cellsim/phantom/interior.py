"""What light meets inside a cell: wall, cytoplasm, vacuoles, lipid droplets."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import PhantomConfig
from .scene import DrawnCell

Floats = NDArray[np.floating[Any]]


class CellInterior:
    """Adds cells to the phase of each layer.

    Parameters
    ----------
    config : PhantomConfig
        Parameters.
    texture : ndarray, (N, N)
        Periodic noise of unit variance.
    texture_pixel : float
        Its pixel in µm.
    """

    def __init__(self, config: PhantomConfig, texture: Floats, texture_pixel: float) -> None:
        self.config, self.texture, self.texture_pixel = config, texture, texture_pixel
        slabs, height = config.microscope.slabs, config.chip.channel_height
        edges = np.linspace(-height / 2, height / 2, slabs + 1)
        edges[0], edges[-1] = -1e3, 1e3  # whatever sticks out counts for the outer layers
        self._edges = edges

    def add(
        self,
        cell: DrawnCell,
        u: Floats,
        v: Floats,
        distance: Floats,
        minutes: float,
        phase: Floats,
        absorption: Floats,
    ) -> None:
        """Add one cell, in place.

        Parameters
        ----------
        cell : DrawnCell
            The cell.
        u, v : ndarray, (h, w)
            Position along and across the cell's long axis, in µm.
        distance : ndarray, (h, w)
            Signed distance to its outline, in µm.
        minutes : float
            Time since the first frame.
        phase : ndarray, (K, h, w)
            Phase of each layer, added to.
        absorption : ndarray, (h, w)
            Absorbance, added to.
        """
        material, chip = self.config.material, self.config.chip
        depth = np.maximum(-distance, 0)
        inside = depth > 0
        if not inside.any():
            return
        rng = np.random.default_rng(cell.seed)
        deepest = float(depth.max())
        curve = max(min(cell.short, deepest if deepest > 0.3 else cell.short), 0.2)
        half_height = min(cell.short, chip.channel_height / 2)
        outer = _dome(depth, curve, half_height)
        inner = _dome(np.maximum(depth - np.float32(material.wall_thickness), 0), curve, half_height)
        inner *= np.float32(1 - material.wall_thickness / max(half_height, 0.3))
        room = chip.channel_height / 2 - half_height
        middle = float(np.clip(cell.z, -room - 0.05, room + 0.05))
        cytoplasm = material.cytoplasm + rng.normal(0, material.cytoplasm_spread) - material.medium
        index = np.float32(cytoplasm) + np.float32(material.texture) * self._grain(cell, u, v, minutes, rng)
        vacuoles = self._vacuoles(cell, u, v, minutes, rng, inner)
        droplets = self._droplets(cell, u, v, minutes, rng, inside)
        wave = np.float32(2 * math.pi / self.config.microscope.wavelength)
        wall = np.float32(material.wall - material.medium)
        for k, layer in enumerate(phase):
            low, high = self._edges[k], self._edges[k + 1]
            filled = _cut(inner, middle, low, high)
            optical = index * filled + wall * (_cut(outer, middle, low, high) - filled)
            for height, z in vacuoles:
                optical += np.float32(material.vacuole - material.cytoplasm) * _cut(
                    height, middle + z, low, high
                )
            for spot, radius, z in droplets:
                if low <= middle + z < high:
                    optical += np.float32((material.lipid - material.cytoplasm) * 1.6 * radius) * spot
            layer += wave * optical
        absorption += np.float32(2 * material.absorption) * outer
        for spot, radius, _ in droplets:
            absorption += np.float32(material.lipid_absorption * 2 * radius) * spot

    def _grain(
        self, cell: DrawnCell, u: Floats, v: Floats, minutes: float, rng: np.random.Generator
    ) -> Floats:
        """Texture that is mostly fixed to the cell and partly stirs with time."""
        start = rng.integers(0, len(self.texture), 4)
        scale = np.float32(2.45 / max(cell.short, 0.8) / self.texture_pixel)
        last = len(self.texture) - 1
        result = np.zeros(u.shape, np.float32)
        for weight, row, column in (
            (0.85, start[0], start[1]),
            (0.45, start[2] + 1.0 * minutes, start[3] + 0.6 * minutes),
        ):
            # The bank is fine enough to take the nearest value; its size is a power of two, so & wraps around.
            rows = (v * scale + np.float32(row)).astype(np.int32) & last
            columns = (u * scale + np.float32(column)).astype(np.int32) & last
            result += np.float32(weight) * self.texture[rows, columns]
        return result

    def _vacuoles(
        self, cell: DrawnCell, u: Floats, v: Floats, minutes: float, rng: np.random.Generator, inner: Floats
    ) -> list[tuple[Floats, float]]:
        """Half-heights and levels of the cell's vacuoles: one large, sometimes a second, small one."""
        material = self.config.material
        draws = rng.random(8)
        if cell.short < 0.9 or draws[0] > material.vacuole_probability:
            return []
        low, high = material.vacuole_size
        growth = min(1.0, (cell.short - 0.6) / 1.4)  # buds inherit small vacuoles
        sizes = [(low + (high - low) * draws[1]) * growth]
        if draws[2] < 0.3:
            sizes.append(0.5 * sizes[0])
        result = []
        wobble = 0.10 * math.sin(2 * math.pi * (minutes / 180 + draws[3]))
        angle = 2 * math.pi * draws[4] + wobble
        for number, size in enumerate(sizes):
            radius = size * cell.short
            away = (0.85 - size) * (draws[5] if number == 0 else 0.9)
            angle += number * (1.5 + 2 * draws[6])
            x, y = away * cell.long * math.cos(angle), away * cell.short * math.sin(angle)
            ball = np.sqrt(np.maximum(radius**2 - (u - np.float32(x)) ** 2 - (v - np.float32(y)) ** 2, 0))
            result.append((np.minimum(ball, inner), float(0.3 * radius * (2 * draws[7] - 1))))
        return result

    def _droplets(
        self,
        cell: DrawnCell,
        u: Floats,
        v: Floats,
        minutes: float,
        rng: np.random.Generator,
        inside: NDArray[np.bool_],
    ) -> list[tuple[Floats, float, float]]:
        """Profiles, radii and levels of lipid droplets, which crawl about slowly."""
        material = self.config.material
        low, high = material.lipid_number
        number = int(rng.integers(low, high + 1)) if cell.short > 1.1 else 0
        result = []
        for _ in range(number):
            away, angle, size, level, phase = rng.random(5)
            turn = 2 * math.pi * angle + 0.25 * math.sin(2 * math.pi * (minutes / 90 + phase))
            away = 0.35 + 0.5 * away
            radius = material.lipid_radius[0] + (material.lipid_radius[1] - material.lipid_radius[0]) * size
            x, y = (
                np.float32(away * cell.long * math.cos(turn)),
                np.float32(away * cell.short * math.sin(turn)),
            )
            spot = np.exp(((u - x) ** 2 + (v - y) ** 2) * np.float32(-0.5 / radius**2)) * inside
            result.append((spot, float(radius), float((level - 0.5) * cell.short)))
        return result


def _dome(depth: Floats, curve: float, height: float) -> Floats:
    """Half-height of an ellipsoid over the distance from its outline."""
    rest = 1 - np.minimum(depth * np.float32(1 / curve), 1)
    result: Floats = np.float32(height) * np.sqrt(1 - rest * rest)
    return result


def _cut(half_height: Floats, middle: float, low: float, high: float) -> Floats:
    """Thickness between two levels of a body that extends `half_height` up and down from `middle`."""
    upper = np.minimum(half_height + np.float32(middle), np.float32(high))
    lower = np.maximum(np.float32(middle) - half_height, np.float32(low))
    result: Floats = np.maximum(upper - lower, 0) * (half_height > 0)
    return result
