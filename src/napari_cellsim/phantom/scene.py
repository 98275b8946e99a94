"""What is where at one moment: traps and cells in a common frame, ready to be drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cellsim.base import JobToken
from napari_cellsim.data.trap_geometry import TrapGeometry

from .cells import Colony
from .config import PhantomConfig
from .mechanics import advance, settle


@dataclass(frozen=True)
class DrawnCell:
    """A cell's shape in the picture's frame (µm, origin in the middle, before the stage's error)."""

    identity: int
    x: float
    y: float
    long: float
    short: float
    angle: float
    z: float
    seed: int
    mother: int | None


@dataclass(frozen=True)
class Snapshot:
    """All cells of one frame, the stage's error (x, y) in µm, and the identities of trapped cells."""

    cells: tuple[DrawnCell, ...]
    shift: tuple[float, float]
    trapped: frozenset[int]


class Scene:
    """One or several trap tiles that live side by side.

    Parameters
    ----------
    config : PhantomConfig
        Parameters.
    centres : sequence of (x, y)
        Middle of each tile in the picture, in µm.
    tile : (height, width)
        Size of a tile in µm.
    seed : numpy.random.SeedSequence
        Source of randomness; a tile's life depends on its index only, not on how many there are.
    token : JobToken or None
        Stops or pauses while the tiles live through their burn-in.
    """

    def __init__(
        self,
        config: PhantomConfig,
        centres: list[tuple[float, float]],
        tile: tuple[float, float],
        seed: np.random.SeedSequence,
        token: JobToken | None = None,
    ) -> None:
        self.config = config
        self._stage = np.random.default_rng(seed.spawn(1)[0])
        self._centres = centres
        self._colonies: list[Colony] = []
        self.geometries: list[TrapGeometry] = []
        chip = config.chip
        half = (tile[0] / 2, tile[1] / 2)
        for source in seed.spawn(len(centres)):
            if token is not None:
                token.check()
            rng = np.random.default_rng(source)
            centre = (float(rng.uniform(-1.0, 1.0)) * min(1.0, half[1] / 14), chip.placement * half[0])
            geometry = TrapGeometry.random(chip.trap, rng, centre, chip.scale)
            colony = Colony(config, geometry, half, rng)
            settle(colony)
            self._colonies.append(colony)
        for colony, (x, y) in zip(self._colonies, centres, strict=True):
            local = colony.geometry
            self.geometries.append(local.moved((local.centre[0] + x, local.centre[1] + y)))
        # Every tile counts its cells from 1; interleaving keeps identities unique however many are born.
        self._stride = len(centres)

    def _global(self, tile: int, identity: int) -> int:
        return (identity - 1) * self._stride + tile + 1

    def advance(self) -> None:
        """Let one frame interval pass."""
        for colony in self._colonies:
            advance(colony, self.config.chip.interval)

    def mothers(self) -> dict[int, int]:
        """Return the mother of every cell ever born here."""
        return {
            self._global(tile, child): self._global(tile, mother)
            for tile, colony in enumerate(self._colonies)
            for child, mother in colony.mothers.items()
        }

    def snapshot(self) -> Snapshot:
        """Return the present state, with a fresh error of the stage."""
        cells: list[DrawnCell] = []
        trapped = set()
        for tile, (colony, (x, y)) in enumerate(zip(self._colonies, self._centres, strict=True)):
            grown = [cell for cell in colony.cells if cell.phase != "bud" and not cell.free]
            chosen = colony.geometry.cell_of_interest([c.x for c in grown], [c.y for c in grown])
            if chosen is not None:
                trapped.add(self._global(tile, grown[chosen].identity))
            for cell in colony.cells:
                long, short = cell.axes
                cells.append(
                    DrawnCell(
                        self._global(tile, cell.identity),
                        cell.x + x,
                        cell.y + y,
                        long,
                        short,
                        cell.angle,
                        cell.z,
                        cell.seed,
                        None if cell.mother is None else self._global(tile, cell.mother),
                    )
                )
        jitter = self._stage.normal(0, self.config.microscope.stage_jitter, 2)
        return Snapshot(tuple(cells), (float(jitter[0]), float(jitter[1])), frozenset(trapped))
