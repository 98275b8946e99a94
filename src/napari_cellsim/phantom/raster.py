"""Drawing: from shapes to labels and to the phase and absorption that light meets in each layer.

A cell's outline is its ellipse cut back where a neighbour or a pillar is nearer: with signed distances d of the
ellipses, ``D_i = max(d_i, (d_i - d_j) / 2, gap - d_pillar)`` gives flat contact faces and never lets two cells, or
a cell and a pillar, overlap. Its height over the outline is that of an ellipsoid.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_cellsim.data.trap_geometry import TrapGeometry

from .config import PhantomConfig
from .grid import Grid, bin_mean, soft_noise
from .interior import CellInterior
from .scene import DrawnCell, Snapshot

Floats = NDArray[np.floating[Any]]

_FAR = np.float32(9.0)  # µm; more than any distance that matters
_FACE = np.float32(0.03)  # µm between two touching cells
_PILLAR_FACE = np.float32(0.04)  # µm between a cell and a pillar
_ROUND = np.float32(0.15)  # µm over which corners between contact faces are rounded
_TEXTURE_PIXEL = 0.054  # µm per pixel of the texture bank
_TEXTURE_SIZE = 1024


@lru_cache(maxsize=1)
def _texture() -> Floats:
    return soft_noise(7, _TEXTURE_SIZE, 7.2)


@dataclass(frozen=True)
class Drawing:
    """One frame, drawn.

    Parameters
    ----------
    labels : ndarray, (Y, X), int32
        Camera pixels: 0 background, -1 pillar, else the cell's identity.
    phase : ndarray, (K, rows, columns), float32
        Phase delay in radians (at the mean wavelength) of each layer, on the optics grid.
    absorption : ndarray, (rows, columns), float32
        Absorbance (natural logarithm) of all layers together.
    """

    labels: NDArray[np.int32]
    phase: Floats
    absorption: Floats


class Raster:
    """Draws snapshots of one scene.

    Parameters
    ----------
    config : PhantomConfig
        Parameters.
    grid : Grid
        Where to draw.
    geometries : list of TrapGeometry
        All traps.
    rng : numpy.random.Generator
        Source of the pillars' irregularity and of debris.
    """

    def __init__(
        self, config: PhantomConfig, grid: Grid, geometries: list[TrapGeometry], rng: np.random.Generator
    ) -> None:
        self.config, self.grid = config, grid
        self._y, self._x = grid.raster_axes()
        self._interior = CellInterior(config, _texture(), _TEXTURE_PIXEL)
        self._draw_pillars(geometries, rng)

    def _draw_pillars(self, geometries: list[TrapGeometry], rng: np.random.Generator) -> None:
        """Keep the distance to pillars and, per layer, to their rough and sloping walls."""
        chip, slabs = self.config.chip, self.config.microscope.slabs
        shape = (len(self._y), len(self._x))
        nearest = np.full(shape, _FAR, np.float32)
        for trap in geometries:
            reach = max(trap.half_width, 0.5 * (trap.bottom - trap.top)) + float(_FAR)
            rows = slice(*np.searchsorted(self._y, (trap.centre[1] - reach, trap.centre[1] + reach)))
            columns = slice(*np.searchsorted(self._x, (trap.centre[0] - reach, trap.centre[0] + reach)))
            part = trap.distance(self._x[None, columns], self._y[rows, None]).astype(np.float32)
            np.minimum(nearest[rows, columns], part, out=nearest[rows, columns])
        self._pillar = nearest
        scale = self.grid.raster_pixel / _TEXTURE_PIXEL
        heights = (np.arange(slabs) + 0.5) / slabs * chip.channel_height
        common = self._sample(scale / 2.5, rng)
        # Narrower towards the ceiling, with steps that differ between layers: a real, etched wall.
        self._walls = [
            nearest
            + np.float32(chip.wall_draft) * np.float32(height - chip.channel_height / 2)
            + np.float32(chip.wall_roughness) * (common + self._sample(scale / 1.5, rng)) * np.float32(0.7)
            for height in heights
        ]
        self._debris = self._scatter_debris(rng)

    def _sample(self, scale: float, rng: np.random.Generator) -> Floats:
        """Cut a random piece of the texture bank, magnified so that one raster pixel is `scale` bank pixels."""
        start = rng.uniform(0, _TEXTURE_SIZE, 2)
        rows = (np.arange(len(self._y)) * scale + start[0]).astype(np.float32)
        columns = (np.arange(len(self._x)) * scale + start[1]).astype(np.float32)
        return _bilinear(_texture(), rows, columns)

    def _scatter_debris(self, rng: np.random.Generator) -> tuple[Floats, Floats] | None:
        """Draw small particles stuck in the chamber: phase and absorption."""
        area = self.grid.height * self.grid.width * self.grid.pixel_size**2
        number = int(rng.poisson(self.config.chip.debris * area / 28.0**2))
        if number == 0:
            return None
        phase = np.zeros((self.config.microscope.slabs, *self._pillar.shape), np.float32)
        absorption = np.zeros_like(self._pillar)
        for _ in range(number):
            x, y = rng.uniform(self._x[0], self._x[-1]), rng.uniform(self._y[0], self._y[-1])
            radius, depth = rng.uniform(0.15, 0.5), rng.uniform(-0.4, 1.0)
            layer = int(rng.integers(len(phase)))
            spot = (
                np.exp(-((self._x - x) ** 2) / (2 * radius**2))[None, :]
                * (np.exp(-((self._y - y) ** 2) / (2 * radius**2))[:, None])
            )
            phase[layer] += np.float32(depth) * spot.astype(np.float32)
            absorption += np.float32(0.6 * rng.random()) * spot.astype(np.float32)
        return phase, absorption

    def draw(self, snapshot: Snapshot, minutes: float) -> Drawing:
        """Draw one frame.

        Parameters
        ----------
        snapshot : Snapshot
            What is where.
        minutes : float
            Time since the first frame; the inside of cells moves with it.
        """
        grid, config = self.grid, self.config
        moved = tuple(s / grid.raster_pixel for s in snapshot.shift[::-1])
        pillar = self._displaced(self._pillar, moved)
        slabs = config.microscope.slabs
        thick = config.chip.channel_height / slabs
        wave = 2 * math.pi / config.microscope.wavelength
        phase = np.zeros((slabs, *pillar.shape), np.float32)
        absorption = np.zeros(pillar.shape, np.float32)
        strength = np.float32(wave * (config.material.pillar - config.material.medium) * thick)
        for layer, wall in zip(phase, self._walls, strict=True):
            inside = 1 / (
                1
                + np.exp(np.clip(self._displaced(wall, moved) / np.float32(config.chip.wall_taper), -30, 30))
            )
            layer += strength * inside
            absorption += np.float32(config.material.pillar_absorption * thick) * inside
        if self._debris is not None:
            particles, shadows = self._debris
            for layer, part in zip(phase, particles, strict=True):
                layer += self._displaced(part, moved)
            absorption += self._displaced(shadows, moved)
        labels = np.zeros((grid.height, grid.width), np.int32)
        outlines = self._outlines(snapshot)
        nearest, second, owner = _two_nearest(pillar.shape, outlines)
        for number, (cell, outline) in enumerate(outlines):
            where = outline.where
            others = np.where(owner[where] == number, second[where], nearest[where])
            facing = _smooth_maximum(outline.distance, (outline.distance - others) / 2 + _FACE)
            distance = _smooth_maximum(facing, _PILLAR_FACE - pillar[where])
            self._label(labels, outline, distance, cell.identity)
            self._interior.add(
                cell, outline.u, outline.v, distance, minutes, phase[:, *where], absorption[where]
            )
        inside = bin_mean(pillar, grid.per_optics)[grid.window]
        labels[(bin_mean(inside, grid.per_camera) < 0) & (labels == 0)] = -1
        return Drawing(labels, bin_mean(phase, grid.per_optics), bin_mean(absorption, grid.per_optics))

    def _displaced(self, field: Floats, moved: tuple[float, ...]) -> Floats:
        if not any(moved):
            return field
        for axis, distance in enumerate(moved):
            field = _shift_along(field, distance, axis)
        return field

    def _outlines(self, snapshot: Snapshot) -> list[tuple[DrawnCell, _Outline]]:
        """Signed distance to each cell's ellipse in a box around it, aligned with camera pixels."""
        block = self.grid.per_camera * self.grid.per_optics
        found = []
        for cell in snapshot.cells:
            x, y = cell.x + snapshot.shift[0], cell.y + snapshot.shift[1]
            rows = self._span(self._y, y, cell.long + 0.5, self.grid.offset[0] * self.grid.per_optics, block)
            columns = self._span(
                self._x, x, cell.long + 0.5, self.grid.offset[1] * self.grid.per_optics, block
            )
            if rows.stop <= rows.start or columns.stop <= columns.start:
                continue
            dx, dy = self._x[None, columns] - np.float32(x), self._y[rows, None] - np.float32(y)
            c, s = np.float32(math.cos(cell.angle)), np.float32(math.sin(cell.angle))
            u, v = c * dx + s * dy, c * dy - s * dx
            found.append((cell, _Outline((rows, columns), u, v, _ellipse(u, v, cell.long, cell.short))))
        return found

    @staticmethod
    def _span(axis: Floats, middle: float, reach: float, origin: int, block: int) -> slice:
        """Return the indices of a box along one axis, its ends on borders of camera pixels within the canvas."""
        step = float(axis[1] - axis[0])
        first = math.floor((middle - reach - float(axis[0])) / step)
        last = math.ceil((middle + reach - float(axis[0])) / step) + 1
        first = origin + (first - origin) // block * block
        last = origin - (origin - last) // block * block
        lowest = origin % block
        highest = lowest + (len(axis) - lowest) // block * block
        return slice(max(first, lowest), min(last, highest))

    def _label(self, labels: NDArray[np.int32], outline: _Outline, distance: Floats, identity: int) -> None:
        """Write a cell into the camera's labels: pixels whose mean distance is negative."""
        block = self.grid.per_camera * self.grid.per_optics
        inside = bin_mean(distance, block) < 0
        spans = []
        for part, first, size in zip(outline.where, self.grid.offset, labels.shape, strict=True):
            start = (part.start - first * self.grid.per_optics) // block
            stop = start + (part.stop - part.start) // block
            low, high = max(start, 0), min(stop, size)
            if high <= low:
                return
            spans.append((slice(low, high), slice(low - start, high - start)))
        (rows, source_rows), (columns, source_columns) = spans
        labels[rows, columns][inside[source_rows, source_columns]] = identity


@dataclass(frozen=True)
class _Outline:
    where: tuple[slice, slice]
    u: Floats
    v: Floats
    distance: Floats


def _ellipse(u: Floats, v: Floats, long: float, short: float) -> Floats:
    """First-order signed distance to an ellipse, exact on its outline."""
    level = np.sqrt((u / np.float32(long)) ** 2 + (v / np.float32(short)) ** 2)
    slope = np.sqrt((u / np.float32(long**2)) ** 2 + (v / np.float32(short**2)) ** 2) + np.float32(1e-6)
    result: Floats = np.maximum(level * (level - 1) / slope, np.float32(-short))
    return result


def _two_nearest(
    shape: tuple[int, ...], outlines: list[tuple[DrawnCell, _Outline]]
) -> tuple[Floats, Floats, NDArray[np.int32]]:
    nearest = np.full(shape, _FAR, np.float32)
    second = nearest.copy()
    owner = np.full(shape, -1, np.int32)
    for number, (_, outline) in enumerate(outlines):
        where, distance = outline.where, outline.distance
        first = nearest[where]
        closer = distance < first
        second[where] = np.where(closer, first, np.minimum(second[where], distance))
        owner[where] = np.where(closer, number, owner[where])
        nearest[where] = np.minimum(first, distance)
    return nearest, second, owner


def _smooth_maximum(first: Floats, second: Floats) -> Floats:
    """Maximum whose crease is rounded; never below the true maximum, so shapes stay apart."""
    blend = np.maximum(_ROUND - np.abs(first - second), 0) / _ROUND
    result: Floats = np.maximum(first, second) + blend * blend * (_ROUND / 4)
    return result


def _shift_along(field: Floats, distance: float, axis: int) -> Floats:
    """Move a picture along one axis by linear interpolation; borders are repeated."""
    whole = math.floor(distance)
    rest = np.float32(distance - whole)
    last = field.shape[axis] - 1
    at = np.clip(np.arange(last + 1) - whole, 0, last)
    near, far = field.take(at, axis), field.take(np.maximum(at - 1, 0), axis)
    result: Floats = near + rest * (far - near)
    return result


def _bilinear(bank: Floats, rows: Floats, columns: Floats) -> Floats:
    grid = np.meshgrid(rows, columns, indexing="ij")
    result: Floats = map_coordinates(bank, grid, order=1, mode="grid-wrap", output=np.float32)
    return result
