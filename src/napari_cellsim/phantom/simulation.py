"""Running the phantom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cellsim.base import CellSimError, JobToken
from napari_cellsim.data.trap_geometry import TRAP_KINDS

from .camera import Camera
from .config import PhantomConfig
from .grid import Grid
from .ground_truth import backward_flow, semantic_classes
from .optics import BrightField
from .raster import Raster
from .scene import Scene, Snapshot
from .sequence import CellRecord, PhantomSequence


def simulate(
    frames: int = 20,
    seed: int = 0,
    *,
    size: int | tuple[int, int] = 256,
    pixel_size: float = 0.108,
    trap: str | None = None,
    planes: Sequence[float] = (0.0,),
    config: PhantomConfig | None = None,
    token: JobToken | None = None,
) -> PhantomSequence:
    """Simulate growing, budding, drifting yeast in one trap, seen in bright field.

    Parameters
    ----------
    frames : int
        Number of frames, at least 1.
    seed : int
        The same seed and settings give the same numbers, on any number of threads.
    size : int or (int, int)
        Height and width of the picture in px.
    pixel_size : float
        Camera pixel in µm.
    trap : str or None
        ``"tear_drop"``, ``"rectangular"``, ``"l_foot"`` or ``"round"``; None takes the configuration's.
    planes : sequence of float
        Focal planes in µm, added to the configuration's nominal focus.
    config : PhantomConfig or None
        All other parameters; None for the standard ones.
    token : JobToken or None
        Stops or pauses the simulation between frames.

    Returns
    -------
    PhantomSequence
        Pictures, labels, classes, flow and lineage.

    Raises
    ------
    CellSimError
        If an argument cannot be used.
    JobCancelled
        If the token was cancelled.
    """
    return simulate_tiles(frames, seed, (1, 1), size, pixel_size, trap, planes, config, token)


def simulate_tiles(
    frames: int,
    seed: int,
    tiles: tuple[int, int],
    tile_size: int | tuple[int, int],
    pixel_size: float,
    trap: str | None,
    planes: Sequence[float],
    config: PhantomConfig | None,
    token: JobToken | None,
    drift: tuple[float, float] = (0.0, 0.0),
) -> PhantomSequence:
    """Simulate a picture of rows x columns trap tiles; see `simulate` and `simulate_field` for the rest."""
    config = config or PhantomConfig()
    if trap is not None:
        if trap not in TRAP_KINDS:
            raise CellSimError(f"There is no trap called {trap!r}: choose one of {', '.join(TRAP_KINDS)}.")
        config = config.changed(chip={"trap": trap})
    tile_shape = tuple(tile_size) if isinstance(tile_size, Sequence) else (tile_size, tile_size)
    _check(frames, seed, tiles, tile_shape, pixel_size, planes)
    if not all(math.isfinite(d) and abs(d) <= min(tile_shape) / 2 for d in drift):
        raise CellSimError(
            f"The drift must be two numbers (y, x) of at most half a tile in px, not {tuple(drift)!r}."
        )
    height, width = tile_shape[0] * tiles[0], tile_shape[1] * tiles[1]
    grid = Grid.of((height, width), pixel_size, config)
    tile = (tile_shape[0] * pixel_size, tile_shape[1] * pixel_size)
    centres = [
        ((column + 0.5 - tiles[1] / 2) * tile[1], (row + 0.5 - tiles[0] / 2) * tile[0])
        for row in range(tiles[0])
        for column in range(tiles[1])
    ]
    life, drawing, light = np.random.SeedSequence(seed).spawn(3)
    scene = Scene(config, centres, tile, life, token)
    raster = Raster(config, grid, scene.geometries, np.random.default_rng(drawing))
    optics = BrightField(config, grid)
    rng = np.random.default_rng(light)
    camera = Camera(config, grid, rng)
    scope = config.microscope
    focus = scope.focus + rng.normal(0, scope.focus_drift)
    images = np.empty((frames, len(planes), height, width), np.uint16)
    labels = np.empty((frames, height, width), np.int32)
    semantic = np.empty((frames, height, width), np.uint8)
    flow = np.empty((frames - 1, 2, height, width), np.float32)
    valid = np.empty((frames - 1, height, width), bool)
    shifts = np.empty((frames, 2))
    before: Snapshot | None = None
    for t in range(frames):
        if token is not None:
            token.check()
        if t:
            scene.advance()
        now = scene.snapshot()
        wandered = t / max(frames - 1, 1) * pixel_size
        now = replace(now, shift=(now.shift[0] + wandered * drift[1], now.shift[1] + wandered * drift[0]))
        shifts[t] = now.shift[1] / pixel_size, now.shift[0] / pixel_size
        drawn = raster.draw(now, t * config.chip.interval)
        here = focus + rng.normal(0, scope.focus_jitter)
        images[t] = camera.expose(
            optics.image(drawn.phase, drawn.absorption, [here + float(z) for z in planes])
        )
        labels[t] = drawn.labels
        semantic[t] = semantic_classes(drawn.labels, now.trapped)
        if before is not None:
            flow[t - 1], valid[t - 1] = backward_flow(before, now, labels[t - 1], labels[t], grid)
        before = now
    return PhantomSequence(
        images=images,
        labels=labels,
        semantic=semantic,
        flow=flow,
        valid=valid,
        lineage=_lineage(labels, scene.mothers()),
        pixel_size=float(pixel_size),
        interval=config.chip.interval,
        config=config,
        seed=int(seed),
        planes=tuple(float(z) for z in planes),
        traps=tuple(scene.geometries),
        shifts=shifts,
    )


def _lineage(labels: NDArray[np.int32], mothers: dict[int, int]) -> tuple[CellRecord, ...]:
    span: dict[int, tuple[int, int]] = {}
    for t, frame in enumerate(labels):
        for identity in np.unique(frame[frame > 0]).tolist():
            span[identity] = (span.get(identity, (t, t))[0], t)
    records = []
    for identity, (first, last) in sorted(span.items()):
        mother = mothers.get(identity)
        seen = mother in span and span[mother][0] <= first
        records.append(CellRecord(identity, mother if seen else None, first, last))
    return tuple(records)


def _check(
    frames: int,
    seed: int,
    tiles: tuple[int, int],
    tile_shape: tuple[int, ...],
    pixel_size: float,
    planes: Sequence[float],
) -> None:
    """Raise a sentence for the first argument that cannot be used."""

    def whole(value: Any, low: int, high: int) -> bool:
        return (
            isinstance(value, int | np.integer) and not isinstance(value, bool) and low <= int(value) <= high
        )

    if not whole(frames, 1, 100_000):
        raise CellSimError(f"The number of frames must be a whole number of at least 1, not {frames!r}.")
    if not whole(seed, 0, 2**63 - 1):
        raise CellSimError(f"The seed must be a whole number of at least 0, not {seed!r}.")
    if not all(whole(n, 1, 64) for n in tiles):
        raise CellSimError(
            f"Rows and columns of traps must lie between 1 and 64, not {tiles[0]!r} x {tiles[1]!r}."
        )
    if len(tile_shape) != 2 or not all(whole(n, 16, 8192) for n in tile_shape):
        raise CellSimError(f"The size of a phantom must lie between 16 and 8192 px, not {tile_shape!r}.")
    if not (isinstance(pixel_size, int | float | np.floating) and 0.02 <= pixel_size <= 1.0):
        raise CellSimError(f"The pixel size of a phantom must lie between 0.02 and 1 µm, not {pixel_size!r}.")
    if len(planes) == 0 or not all(math.isfinite(z) and abs(z) <= 20 for z in planes):
        raise CellSimError(
            f"Focal planes must be offsets between -20 and 20 µm, at least one, not {tuple(planes)!r}."
        )
