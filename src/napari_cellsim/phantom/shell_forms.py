"""The shapes of shells and grains, and their surfaces as seen from above.

Coils follow D. M. Raup, "Geometric analysis of shell coiling: general problems", Journal of Paleontology 40 (1966),
1178-1190: the generating curve, here a chamber, grows by the factor W per whorl, keeps the relative distance D from
the axis and moves along the axis by T times what it moves away from it. Lengths are in units of half a picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import HalfspaceIntersection

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Surface:
    """What the camera sees of a specimen on a square grid, rows downwards, z towards the camera.

    Attributes
    ----------
    mask : ndarray of bool, (S, S)
        Where the specimen is.
    height : ndarray of float32, (S, S)
        z of the surface; `ground` where there is none.
    normal : ndarray of float32, (3, S, S)
        Unit normals x, y, z.
    thickness : ndarray of float32, (S, S)
        Length of the line of sight within the chamber that is seen.
    age : ndarray of float32, (S, S)
        0 at the first chamber, 1 at the last.
    ground : float
        z of the ground it lies on.
    """

    mask: NDArray[np.bool_]
    height: Floats
    normal: Floats
    thickness: Floats
    age: Floats
    ground: float


@dataclass(frozen=True)
class Chambers:
    """Ellipsoids that overlap, in the order of growth.

    Attributes
    ----------
    centres : ndarray, (N, 3)
    frames : ndarray, (N, 3, 3)
        Directions of the half-axes, in columns.
    radii : ndarray, (N, 3)
        Half-axes.
    """

    centres: NDArray[np.float64]
    frames: NDArray[np.float64]
    radii: NDArray[np.float64]

    @property
    def _extent(self) -> NDArray[np.float64]:
        extent: NDArray[np.float64] = np.sqrt(((self.frames * self.radii[:, None]) ** 2).sum(-1))
        return extent

    def placed(self, rotation: NDArray[np.float64], radius: float, centre: NDArray[np.float64]) -> Chambers:
        """Return the shell turned, scaled so that its longer side in the picture is 2 `radius`, and centred."""
        turned = replace(self, centres=self.centres @ rotation.T, frames=rotation @ self.frames)
        low, high = (turned.centres + s * turned._extent for s in (-1, 1))
        low, high = low.min(0), high.max(0)
        scale = radius / ((high - low)[:2].max() / 2)
        middle = (turned.centres - (low + high) / 2) * scale
        return Chambers(middle + np.append(centre, 0.0), turned.frames, turned.radii * scale)

    def surface(self, size: int) -> Surface:
        """Return the surface on a grid of `size` x `size` px."""
        height = np.full((size, size), -np.inf, np.float32)
        normal = np.zeros((3, size, size), np.float32)
        thickness, age = np.zeros((2, size, size), np.float32)
        places = _places(size)
        extents = self._extent
        last = max(len(self.centres) - 1, 1)
        for n, (centre, frame, radii, extent) in enumerate(
            zip(self.centres, self.frames, self.radii, extents, strict=True)
        ):
            first = np.searchsorted(places, centre[:2] - extent[:2])
            stop = np.searchsorted(places, centre[:2] + extent[:2])
            box = np.s_[first[1] : stop[1], first[0] : stop[0]]
            u = places[None, first[0] : stop[0]] - np.float32(centre[0])
            v = places[first[1] : stop[1], None] - np.float32(centre[1])
            # the ellipsoid is q w² + 2 b w + c = 0 along the line of sight w
            m = ((frame / radii**2) @ frame.T).astype(np.float32)
            b = m[0, 2] * u + m[1, 2] * v
            root = b * b - m[2, 2] * (m[0, 0] * u * u + 2 * m[0, 1] * u * v + m[1, 1] * v * v - 1)
            root = np.sqrt(np.maximum(root, 0)) / m[2, 2]
            w = root - b / m[2, 2]
            z = np.where(root > 0, w + np.float32(centre[2]), -np.inf)
            seen = z > height[box]
            height[box][seen] = z[seen]
            thickness[box][seen] = 2 * root[seen]
            age[box][seen] = n / last
            for i in range(3):
                normal[i][box][seen] = (m[i, 0] * u + m[i, 1] * v + m[i, 2] * w)[seen]
        return _finished(height, normal, thickness, age, float((self.centres - extents)[:, 2].min()))


def raup_coil(
    angles: NDArray[np.float64], *, w: float, d: float, t: float, width: float, flat: float, lean: float = 0.0
) -> Chambers:
    """Return chambers along a logarithmic spiral about the z axis.

    Parameters
    ----------
    angles : ndarray, (N,)
        Where the chambers lie along the spiral, radians.
    w : float
        Raup's W: growth per whorl.
    d : float
        Raup's D: distance of the chamber's inner over that of its outer side from the axis, -1 to 1.
    t : float
        Raup's T: way along the axis over way from the axis.
    width : float
        Length of a chamber along the spiral over the distance to its neighbours.
    flat : float
        Height of a chamber over its radial size.
    lean : float
        Angle by which chambers lean backwards, radians.
    """
    distance = w ** (angles / (2 * np.pi))
    radial = distance * (1 - d) / (1 + d)
    step = float(np.mean(np.diff(angles)))
    apart = 2 * distance * np.sin(step / 2)
    # a coil of few chambers keeps its globes, but neighbours touch
    along = np.maximum(np.minimum(apart * width, radial), 0.6 * apart)
    cosine, sine, zero = np.cos(angles), np.sin(angles), np.zeros_like(angles)
    centres = np.stack([distance * cosine, distance * sine, t * distance], 1)
    outward = np.stack([np.cos(angles - lean), np.sin(angles - lean), zero], 1)
    forward = np.stack([-outward[:, 1], outward[:, 0], zero], 1)
    up = np.broadcast_to([0.0, 0.0, 1.0], outward.shape)
    return Chambers(
        centres, np.stack([outward, forward, up], -1), np.stack([radial, along, radial * flat], -1)
    )


def chain(centres: NDArray[np.float64], radii: NDArray[np.float64], shape: NDArray[np.float64]) -> Chambers:
    """Return a chain of chambers that follow each other along `centres` (N, 3).

    Parameters
    ----------
    centres : ndarray, (N, 3)
        In the plane of the picture.
    radii : ndarray, (N,)
        Their size.
    shape : ndarray, (3,)
        Half-axes along the chain, across it and in height, in units of `radii`.
    """
    along = np.gradient(centres, axis=0) if len(centres) > 1 else np.array([[1.0, 0.0, 0.0]])
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.broadcast_to([0.0, 0.0, 1.0], along.shape)
    return Chambers(centres, np.stack([along, np.cross(up, along), up], -1), radii[:, None] * shape)


@dataclass(frozen=True)
class Polyhedron:
    """A stone bounded by planes, with rounded edges.

    Attributes
    ----------
    normals : ndarray, (N, 3)
        Unit normals of the planes, outwards; none lies in the plane of the picture.
    distances : ndarray, (N,)
        Their distances from the origin.
    sharpness : float
        Inverse radius of the edges in units of the picture.
    """

    normals: NDArray[np.float64]
    distances: NDArray[np.float64]
    sharpness: float

    def surface(self, size: int, radius: float, centre: NDArray[np.float64]) -> Surface:
        """Return the surface on a grid; the longer side of the stone is 2 `radius`."""
        places = _places(size)
        u, v = places[None, :] - np.float32(centre[0]), places[:, None] - np.float32(centre[1])
        corners = HalfspaceIntersection(np.c_[self.normals, -self.distances], np.zeros(3)).intersections
        low, high = corners.min(0), corners.max(0)
        scale = radius / ((high - low)[:2].max() / 2)
        distances = (self.distances - self.normals @ ((low + high) / 2)) * scale
        front = self.normals[:, 2] > 0
        back = self.normals[:, 2] < 0
        top, normal = self._soft(front, distances, u, v)
        bottom, _ = self._soft(back, distances, u, v)
        height = np.where(top > bottom, top, -np.inf).astype(np.float32)
        thickness = np.maximum(top - bottom, 0)
        ground = float(bottom[np.isfinite(height)].min())
        return _finished(height, normal, thickness, np.ones_like(height), ground)

    def _soft(
        self, chosen: NDArray[np.bool_], distances: NDArray[np.float64], u: Floats, v: Floats
    ) -> tuple[Floats, Floats]:
        """Return the lowest of the front planes, or the highest of the back planes, rounded where they meet."""
        normals = self.normals[chosen].astype(np.float32)
        sign = np.float32(np.sign(normals[0, 2]))
        z = (distances[chosen, None, None].astype(np.float32) - normals[:, 0, None, None] * u) - (
            normals[:, 1, None, None] * v
        )
        z = sign * z / normals[:, 2, None, None]
        lowest = z.min(0)
        weights = np.exp(-np.float32(self.sharpness) * (z - lowest))
        total = weights.sum(0)
        rounded = lowest - np.log(total) / np.float32(self.sharpness)
        normal: Floats = np.einsum("nyx,nc->cyx", weights / total, normals)
        return sign * rounded, normal


def relief(surface: Surface, slope: Callable[[Floats], Floats]) -> Surface:
    """Return the surface with its normals turned by what `slope` adds to them at the points (3, P) seen."""
    normal = surface.normal.copy()
    normal[:, surface.mask] += slope(points(surface))
    return replace(surface, normal=_unit(normal))


def points(surface: Surface) -> Floats:
    """Return the points (3, P) of the surface that are seen, in the order of ``surface.mask``."""
    places = _places(len(surface.mask))
    rows, columns = np.nonzero(surface.mask)
    return np.stack([places[columns], places[rows], surface.height[surface.mask]])


def _places(size: int) -> Floats:
    """Return the centres of the pixels along one side, from -1 to 1."""
    places: Floats = ((np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1).astype(np.float32)
    return places


def _unit(normal: Floats) -> Floats:
    unit: Floats = normal / np.maximum(np.sqrt((normal**2).sum(0)), 1e-9)
    return unit


def _finished(height: Floats, normal: Floats, thickness: Floats, age: Floats, ground: float) -> Surface:
    mask = np.isfinite(height)
    height[~mask] = ground
    return Surface(mask, height, _unit(normal * mask), thickness * mask, age * mask, ground)
