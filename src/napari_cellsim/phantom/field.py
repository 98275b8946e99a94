"""A field of view with many traps."""

from __future__ import annotations

from collections.abc import Sequence

from napari_cellsim.base import JobToken

from .config import PhantomConfig
from .sequence import PhantomSequence
from .simulation import simulate_tiles


def simulate_field(
    rows: int = 2,
    columns: int = 3,
    frames: int = 10,
    seed: int = 0,
    *,
    tile: int | tuple[int, int] = 256,
    pixel_size: float = 0.108,
    trap: str | None = None,
    planes: Sequence[float] = (0.0,),
    config: PhantomConfig | None = None,
    drift: tuple[float, float] = (0.0, 0.0),
    token: JobToken | None = None,
) -> PhantomSequence:
    """Simulate a field of view of rows x columns traps.

    Each trap lives in its own tile; light is propagated over the whole field at once, so that there are no seams.
    `PhantomSequence.centres` and `.traps` tell where the traps are.

    Parameters
    ----------
    rows, columns : int
        Number of traps down and across.
    frames : int
        Number of frames.
    seed : int
        Same seed, same numbers.
    tile : int or (int, int)
        Height and width of one trap's tile in px; the field is rows x columns of them.
    pixel_size : float
        Camera pixel in µm.
    trap : str or None
        Shape of all traps; None takes the configuration's.
    planes : sequence of float
        Focal planes in µm, added to the nominal focus.
    config : PhantomConfig or None
        All other parameters.
    drift : tuple of float
        How far the stage wanders evenly from the first to the last frame (y, x), in px; dust and illumination stay.
    token : JobToken or None
        Stops or pauses the simulation.

    Returns
    -------
    PhantomSequence
        With one cell of interest per occupied trap.

    Raises
    ------
    CellSimError
        If an argument cannot be used.
    """
    return simulate_tiles(frames, seed, (rows, columns), tile, pixel_size, trap, planes, config, token, drift)
