"""The shape of a hydrodynamic cell trap: two pillars given as signed distances in µm.

One definition serves the phantom, the trap finder's template, the cell-of-interest rule and the validity check.

Coordinates are micrometres, x to the right, y downwards along the flow of medium. The origin is the middle of the pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cellsim.base import CellSimError

TrapKind = Literal["tear_drop", "rectangular", "l_foot", "round"]
TRAP_KINDS: tuple[str, ...] = get_args(TrapKind)

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Pillar:
    """One pillar in its own frame; the gap lies on its left side before mirroring.

    Parameters
    ----------
    kind : str
        One of `TRAP_KINDS`.
    x, y : float
        Position of the pillar's middle relative to the trap's centre, in µm.
    width, length : float
        Largest extent across and along the flow, in µm.
    tip : float
        Width of the upstream end of a tear-drop, in µm; unused otherwise.
    foot : float
        How far the foot of an L reaches into the gap, in µm; 0 for other kinds.
    corner : float
        Radius of rounded corners, in µm.
    tilt : float
        Rotation in radians; positive turns the upstream end away from the gap.
    mirrored : bool
        True for the left pillar.
    chamfer : tuple of float
        Depths of three cuts at the downstream end (towards the gap, straight, away from it), in µm.
    """

    kind: TrapKind
    x: float
    y: float
    width: float
    length: float
    tip: float = 0.0
    foot: float = 0.0
    corner: float = 0.4
    tilt: float = 0.0
    mirrored: bool = False
    chamfer: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def distance(self, x: Floats, y: Floats) -> Floats:
        """Return the signed distance (negative inside, µm) at points relative to the trap's centre."""
        across = (-(x - self.x) if self.mirrored else x - self.x).astype(
            np.result_type(x, np.float32), copy=False
        )
        along = y - self.y
        c, s = math.cos(self.tilt), math.sin(self.tilt)
        u, v = c * across + s * along, -s * across + c * along
        if self.kind == "tear_drop":
            return self._tear_drop(u, v)
        if self.kind == "round":
            radius = self.width / 2
            return _segment(u, v, (self.length - self.width) / 2) - radius
        body = _rounded_box(u, v, self.width / 2, self.length / 2, self.corner)
        if self.kind == "rectangular":
            return body
        thick = 0.36 * self.length
        reach = self.foot + self.width / 2
        foot = _rounded_box(
            u + self.width / 2 + self.foot - reach / 2,
            v - (self.length - thick) / 2,
            reach / 2,
            thick / 2,
            self.corner,
        )
        return _smooth_minimum(body, foot, 0.5)

    def _tear_drop(self, u: Floats, v: Floats) -> Floats:
        large, small = self.width / 2, self.tip / 2
        height = self.length - large - small
        top = v - (self.length / 2 - large)  # origin at the middle of the large end
        distance = _uneven_capsule(u, top, large, small, height)
        for angle, depth in zip((-0.8, 0.0, 0.8), self.chamfer, strict=True):
            if depth > 0:
                plane = u * math.sin(angle) + top * math.cos(angle) - (large - depth)
                distance = np.maximum(distance, plane)
        return distance


@dataclass(frozen=True)
class TrapGeometry:
    """A pair of pillars that holds one cell, as a signed distance field in µm.

    Parameters
    ----------
    kind : str
        ``"tear_drop"``, ``"rectangular"``, ``"l_foot"`` or ``"round"`` (ALCATRAS).
    pillars : tuple of Pillar
        Left and right pillar.
    centre : tuple of float
        Position (x, y) of the middle of the pair, in µm.
    """

    kind: TrapKind
    pillars: tuple[Pillar, Pillar]
    centre: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def nominal(cls, kind: str, centre: tuple[float, float] = (0.0, 0.0), scale: float = 1.0) -> TrapGeometry:
        """Return the trap as drawn, without production tolerances.

        Parameters
        ----------
        kind : str
            One of `TRAP_KINDS`.
        centre : tuple of float
            Position (x, y) of the middle of the pair, in µm.
        scale : float
            All lengths are multiplied by it.

        Raises
        ------
        CellSimError
            If the kind is unknown or the scale is not positive.
        """
        return cls._build(kind, centre, scale, None)

    @classmethod
    def random(
        cls,
        kind: str,
        rng: np.random.Generator,
        centre: tuple[float, float] = (0.0, 0.0),
        scale: float = 1.0,
    ) -> TrapGeometry:
        """Return a trap with production tolerances: each pillar has its own size, place and tilt.

        Parameters
        ----------
        kind : str
            One of `TRAP_KINDS`.
        rng : numpy.random.Generator
            Source of randomness.
        centre : tuple of float
            Position (x, y) of the middle of the pair, in µm.
        scale : float
            All lengths are multiplied by it.
        """
        return cls._build(kind, centre, scale, rng)

    @classmethod
    def _build(
        cls, kind: str, centre: tuple[float, float], scale: float, rng: np.random.Generator | None
    ) -> TrapGeometry:
        if kind not in TRAP_KINDS:
            raise CellSimError(f"There is no trap called {kind!r}: choose one of {', '.join(TRAP_KINDS)}.")
        if not scale > 0:
            raise CellSimError(f"The scale of a trap must be positive, not {scale}.")
        ranges = _RANGES[kind]
        pillars = []
        for mirrored in (True, False):
            drawn = {
                name: low + (high - low) * (0.5 if rng is None else float(rng.random()))
                for name, (low, high) in ranges.items()
            }
            lengths = {name: drawn[name] * scale for name in ("width", "length", "corner")}
            cuts = (0.0, 0.0, 0.0)
            if kind == "tear_drop":
                cuts = tuple(scale * (0.2 if rng is None else float(rng.uniform(0.0, 0.4))) for _ in cuts)  # type: ignore[assignment]
            pillars.append(
                Pillar(
                    kind=kind,  # type: ignore[arg-type]
                    x=(-drawn["x"] if mirrored else drawn["x"]) * scale,
                    y=drawn["y"] * scale,
                    tip=drawn.get("tip", 0.0) * scale,
                    foot=drawn.get("foot", 0.0) * scale,
                    tilt=drawn["tilt"],
                    mirrored=mirrored,
                    chamfer=cuts,
                    **lengths,
                )
            )
        return cls(kind, (pillars[0], pillars[1]), (float(centre[0]), float(centre[1])))  # type: ignore[arg-type]

    def moved(self, centre: tuple[float, float]) -> TrapGeometry:
        """Return the same pair at another centre (x, y), in µm."""
        return replace(self, centre=(float(centre[0]), float(centre[1])))

    def distances(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the signed distance to each pillar.

        Parameters
        ----------
        x, y : array_like
            Positions in µm, broadcastable to one shape.

        Returns
        -------
        ndarray, (2, ...)
            Negative inside the left (0) and right (1) pillar, in µm.
        """
        across, along = np.broadcast_arrays(np.asarray(x) - self.centre[0], np.asarray(y) - self.centre[1])
        return np.stack([pillar.distance(across, along) for pillar in self.pillars])

    def distance(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the signed distance to the nearer pillar, in µm; negative inside."""
        result: Floats = self.distances(x, y).min(axis=0)
        return result

    def distance_map(self, shape: tuple[int, int], pixel_size: float) -> Floats:
        """Return `distance` on a picture (Y, X) whose middle is the origin, in µm, float32."""
        y, x = pixel_axes(shape, pixel_size)
        return self.distance(x[None, :], y[:, None]).astype(np.float32)

    def mask(self, shape: tuple[int, int], pixel_size: float) -> NDArray[np.bool_]:
        """Return where a picture (Y, X) centred on the origin shows a pillar."""
        result: NDArray[np.bool_] = self.distance_map(shape, pixel_size) < 0
        return result

    @property
    def gap(self) -> float:
        """Narrowest passage between the pillars along the axis of the trap, in µm."""
        along = np.linspace(self.top, self.bottom, 401)
        widths = self.distances(np.full_like(along, self.centre[0]), along).sum(axis=0)
        return float(widths.min())

    @property
    def top(self) -> float:
        """Position of the upstream end on the y axis, in µm."""
        return self.centre[1] + min(p.y - p.length / 2 for p in self.pillars)

    @property
    def bottom(self) -> float:
        """Position of the downstream end on the y axis, in µm."""
        return self.centre[1] + max(p.y + p.length / 2 for p in self.pillars)

    @property
    def half_width(self) -> float:
        """Largest distance of a pillar's outer wall from the centre, in µm."""
        return max(abs(p.x) + p.width / 2 for p in self.pillars)

    @property
    def seat(self) -> tuple[float, float]:
        """Where the middle of the trapped cell comes to rest (x, y), in µm.

        A cell of 2.4 µm radius pushed downstream stops where the mean distance to both pillars falls below its radius.
        """
        along = np.linspace(self.top - 2.5, self.bottom, 401)
        mean = self.distances(np.full_like(along, self.centre[0]), along).mean(axis=0)
        blocked = np.flatnonzero(mean < 2.2)
        rest = along[blocked[0]] if len(blocked) else along[-1]
        return self.centre[0], float(rest)

    @property
    def reach(self) -> float:
        """How far from `seat` a cell's middle may lie to count as trapped, in µm."""
        return 0.5 * (self.bottom - self.top)

    def cell_of_interest(self, x: ArrayLike, y: ArrayLike) -> int | None:
        """Return the index of the trapped cell among cell centres given in µm, or None.

        It is the cell whose middle lies nearest to `seat`, within `reach`.
        """
        seat = self.seat
        away = np.hypot(np.atleast_1d(np.asarray(x)) - seat[0], np.atleast_1d(np.asarray(y)) - seat[1])
        if away.size == 0 or away.min() > self.reach:
            return None
        return int(away.argmin())


# Measured on published pictures of such chips (Darmstadt TYC, Swain laboratory ALCATRAS);
# lowest and highest value within production tolerances, in µm and radians.
_RANGES: dict[str, dict[str, tuple[float, float]]] = {
    "tear_drop": {
        "x": (4.15, 4.45),
        "y": (-0.1, 0.1),
        "width": (5.2, 5.7),
        "tip": (2.5, 3.0),
        "length": (8.4, 9.0),
        "corner": (0.4, 0.4),
        "tilt": (-0.02, 0.08),
    },
    "rectangular": {
        "x": (3.8, 4.0),
        "y": (-0.1, 0.1),
        "width": (3.5, 3.9),
        "length": (7.0, 7.7),
        "corner": (0.4, 0.7),
        "tilt": (-0.03, 0.03),
    },
    "l_foot": {
        "x": (3.85, 4.05),
        "y": (-0.1, 0.1),
        "width": (3.3, 3.7),
        "length": (7.0, 7.7),
        "foot": (0.85, 1.1),
        "corner": (0.4, 0.7),
        "tilt": (-0.06, 0.06),
    },
    "round": {
        "x": (3.75, 4.05),
        "y": (-0.1, 0.1),
        "width": (3.4, 3.8),
        "length": (4.9, 5.4),
        "corner": (0.4, 0.4),
        "tilt": (0.5, 0.75),
    },
}


def pixel_axes(shape: tuple[int, int], pixel_size: float) -> tuple[Floats, Floats]:
    """Return the positions (y, x) of pixel centres in µm, the middle of the picture being 0."""
    height, width = shape
    return (
        (np.arange(height) + 0.5 - height / 2) * pixel_size,
        (np.arange(width) + 0.5 - width / 2) * pixel_size,
    )


def _uneven_capsule(u: Floats, v: Floats, large: float, small: float, height: float) -> Floats:
    """Signed distance of the hull of two discs: `large` at the origin, `small` at (0, -height)."""
    u, v = np.abs(u), -v
    b = (large - small) / height
    a = math.sqrt(1 - b * b)
    k = a * v - b * u
    side = u * a + v * b - large
    result: Floats = np.where(
        k < 0, np.hypot(u, v) - large, np.where(k > a * height, np.hypot(u, v - height) - small, side)
    )
    return result


def _segment(u: Floats, v: Floats, half: float) -> Floats:
    result: Floats = np.hypot(u, v - np.clip(v, -half, half))
    return result


def _rounded_box(u: Floats, v: Floats, half_u: float, half_v: float, corner: float) -> Floats:
    p, q = np.abs(u) - half_u + corner, np.abs(v) - half_v + corner
    result: Floats = np.hypot(np.maximum(p, 0), np.maximum(q, 0)) + np.minimum(np.maximum(p, q), 0) - corner
    return result


def _smooth_minimum(first: Floats, second: Floats, width: float) -> Floats:
    blend = np.maximum(width - np.abs(first - second), 0) / width
    result: Floats = np.minimum(first, second) - blend * blend * (width / 4)
    return result
