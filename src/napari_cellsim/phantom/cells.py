"""The state of a colony and its life cycle: growth, budding, division, detachment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellsim.data.trap_geometry import TrapGeometry

from .config import PhantomConfig


@dataclass
class Cell:
    """One cell as an ellipse in its trap's tile; lengths in µm, angles in radians, times in minutes.

    `phase` is ``"bud"``, ``"g1"`` (growing alone) or ``"budded"`` (has a bud).
    """

    identity: int
    x: float
    y: float
    radius: float
    aspect: float
    angle: float
    z: float
    seed: int
    mother: int | None
    phase: str
    clock: float
    duration: float
    start_radius: float
    end_radius: float
    spin: float = 0.0
    free: bool = False
    speed: float = 1.0

    @property
    def axes(self) -> tuple[float, float]:
        """Half-axes along and across `angle`, in µm."""
        root = math.sqrt(self.aspect)
        return self.radius * root, self.radius / root


class WallTable:
    """Distance to each pillar and its gradient on a fine grid; looking up is far cheaper than computing.

    Parameters
    ----------
    geometry : TrapGeometry
        The trap.
    half_extent : tuple of float
        Half height and half width of the tile, in µm.
    """

    _step = 0.1  # µm; with the gradient, values between grid points are good to a few nm

    def __init__(self, geometry: TrapGeometry, half_extent: tuple[float, float]) -> None:
        margin = 5.0
        y = np.arange(-half_extent[0] - margin, half_extent[0] + margin, self._step)
        x = np.arange(-half_extent[1] - margin, half_extent[1] + margin, self._step)
        self._origin = np.array([x[0], y[0]])
        self._last = np.array([len(x) - 1, len(y) - 1])
        distance = geometry.distances(x[None, :], y[:, None])
        gy, gx = np.gradient(distance, self._step, axis=(1, 2))
        norm = np.sqrt(gx**2 + gy**2) + 1e-9
        self._table = np.stack([distance, gx / norm, gy / norm], axis=1)

    def at(self, position: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return distance and unit gradient (x, y), (2, 3, N), at positions (N, 2) in µm."""
        index = np.rint((position - self._origin) / self._step).astype(int)
        index = np.minimum(np.maximum(index, 0), self._last)
        found = self._table[:, :, index[:, 1], index[:, 0]]
        rest = position - (self._origin + index * self._step)
        found[:, 0] += found[:, 1] * rest[:, 0] + found[:, 2] * rest[:, 1]
        result: NDArray[np.floating[Any]] = found
        return result


class Colony:
    """The cells of one trap, and everything about them that is not mechanics.

    Parameters
    ----------
    config : PhantomConfig
        Parameters.
    geometry : TrapGeometry
        The trap, in coordinates of the tile (its middle is the origin).
    half_extent : tuple of float
        Half height and half width of the tile, in µm.
    rng : numpy.random.Generator
        Source of randomness.
    """

    def __init__(
        self,
        config: PhantomConfig,
        geometry: TrapGeometry,
        half_extent: tuple[float, float],
        rng: np.random.Generator,
    ) -> None:
        self.config, self.geometry, self.half_extent, self.rng = config, geometry, half_extent, rng
        self.walls = WallTable(geometry, half_extent)
        self.cells: list[Cell] = []
        self.bonds: set[tuple[int, int]] = set()
        self.mothers: dict[int, int] = {}
        self._next = 1
        biology = config.biology
        seat_x, seat_y = geometry.seat
        self.resident: int | None = None
        if rng.random() >= biology.empty_trap:
            radius = rng.uniform(*biology.mother_radius)
            self.resident = self.place(seat_x + rng.uniform(-0.3, 0.3), seat_y - 1.0, radius).identity
            for _ in range(int(rng.integers(biology.first_cells[0], biology.first_cells[1] + 1)) - 1):
                angle = rng.uniform(-math.pi, 0)
                other = self.place(
                    seat_x + 5.0 * math.cos(angle),
                    seat_y - 2.0 + 4.5 * math.sin(angle),
                    rng.uniform(biology.birth_radius, biology.mother_radius[1]),
                )
                self.bonds.add((self.resident, other.identity))

    def find(self, identity: int | None) -> Cell | None:
        """Return the cell with this identity, or None."""
        return next((cell for cell in self.cells if cell.identity == identity), None)

    def place(self, x: float, y: float, radius: float) -> Cell:
        """Add a cell in G1 at a random moment of it."""
        biology, rng = self.config.biology, self.rng
        duration = rng.uniform(*biology.mother_g1)
        cell = Cell(
            identity=self._next,
            x=float(x),
            y=float(y),
            radius=float(radius),
            aspect=rng.uniform(*biology.aspect),
            angle=rng.uniform(0, math.pi),
            z=0.5 * self.config.chip.channel_height - abs(rng.normal(0, 0.3)),
            seed=int(rng.integers(1 << 30)),
            mother=None,
            phase="g1",
            clock=rng.uniform(0, duration),
            duration=duration,
            start_radius=float(radius),
            end_radius=float(max(radius, biology.mature_radius)),
            speed=math.exp(rng.normal(0, 0.3)),
        )
        self._next += 1
        self.cells.append(cell)
        return cell

    def grow(self, minutes: float) -> None:
        """Advance every cell's cycle."""
        biology = self.config.biology
        for cell in list(self.cells):
            cell.clock += minutes
            done = min(cell.clock / cell.duration, 1.0)
            if cell.phase == "bud":
                cell.radius = (
                    biology.bud_radius + (cell.end_radius - biology.bud_radius) * done**biology.bud_exponent
                )
                if done >= 1:
                    self._divide(cell)
            elif cell.phase == "g1":
                cell.radius = cell.start_radius + (cell.end_radius - cell.start_radius) * done
                if done >= 1 and not cell.free and len(self.cells) < self.config.mechanics.max_cells:
                    self._bud(cell)

    def _divide(self, bud: Cell) -> None:
        """Turn a full-grown bud into a daughter in G1; both grow on."""
        biology, rng = self.config.biology, self.rng
        mother = self.find(bud.mother)
        bud.phase, bud.clock = "g1", 0.0
        bud.duration = rng.uniform(*biology.daughter_g1)
        bud.start_radius = bud.radius
        bud.end_radius = max(bud.radius, biology.mature_radius * math.exp(rng.normal(0, 0.05)))
        if mother is not None:
            self.bonds.add((mother.identity, bud.identity))
            mother.phase, mother.clock = "g1", 0.0
            mother.duration = rng.uniform(*biology.mother_g1)
            mother.start_radius = mother.radius
            mother.end_radius = min(mother.radius * 1.02, 1.1 * biology.mother_radius[1])
        bud.mother = None

    def _bud(self, mother: Cell) -> None:
        """Start a bud where there is most room."""
        biology, rng = self.config.biology, self.rng
        best_room, best = -math.inf, 0.0
        for angle in mother.angle + rng.uniform(-0.5, 0.5, 6) + rng.integers(0, 4, 6) * (math.pi / 2):
            x = mother.x + math.cos(angle) * (mother.radius + 1)
            y = mother.y + math.sin(angle) * (mother.radius + 1)
            others = [math.hypot(o.x - x, o.y - y) - o.radius for o in self.cells if o is not mother]
            room = min([*others, float(self.geometry.distance(x, y))])
            if room > best_room:
                best_room, best = room, float(angle)
        bud = self.place(
            mother.x + math.cos(best) * mother.radius,
            mother.y + math.sin(best) * mother.radius,
            biology.bud_radius,
        )
        bud.mother, bud.phase, bud.clock, bud.angle = mother.identity, "bud", 0.0, best
        bud.duration = rng.uniform(*biology.budded_phase)
        bud.end_radius = biology.birth_radius * math.exp(rng.normal(0, 0.05))
        # Cells lie on the floor (z counts along the light, downwards); a bud starts at its mother's middle.
        lowest = max(0.5 * self.config.chip.channel_height - mother.radius, 0.0)
        bud.z = min(mother.z, lowest) + rng.normal(0, 0.5)
        mother.phase = "budded"
        self.mothers[bud.identity] = mother.identity

    def exchange(self, minutes: float) -> None:
        """Let outer cells detach and foreign cells arrive; forget those that left the tile."""
        mechanics, rng = self.config.mechanics, self.rng
        half_y, half_x = self.half_extent
        attached = {cell.mother for cell in self.cells}
        crowding = (len(self.cells) / 5.0) ** 2
        chance = 1 - math.exp(-mechanics.release_rate * crowding * minutes / 60)
        for cell in self.cells:
            loose = cell.identity != self.resident and cell.phase != "bud" and cell.identity not in attached
            if loose and not cell.free and rng.random() < chance:
                cell.free = True
                self.bonds = {bond for bond in self.bonds if cell.identity not in bond}
        arrival = 1 - math.exp(-mechanics.wash_in_rate * minutes / 60)
        if rng.random() < arrival and len(self.cells) < mechanics.max_cells:
            biology = self.config.biology
            newcomer = self.place(
                rng.uniform(-0.9, 0.9) * half_x,
                -half_y - 1.5,
                rng.uniform(biology.birth_radius, biology.mother_radius[1]),
            )
            newcomer.free = True
        self.cells = [c for c in self.cells if abs(c.x) < half_x + 4 and abs(c.y) < half_y + 4]
        present = {cell.identity for cell in self.cells}
        mothers = {cell.mother for cell in self.cells}
        for cell in self.cells:
            if cell.phase == "budded" and cell.identity not in mothers:
                cell.phase = "g1"
            if cell.phase == "bud" and cell.mother not in present:
                cell.free = True
        self.bonds = {bond for bond in self.bonds if bond[0] in present and bond[1] in present}
