"""A simulated sequence with everything known about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_cellsim.data.trap_geometry import TrapGeometry

from .config import PhantomConfig

if TYPE_CHECKING:
    from napari_cellsim.data import TimeLapse


@dataclass(frozen=True)
class CellRecord:
    """The life of one cell as far as it was in the picture.

    Parameters
    ----------
    id : int
        Its number in the labels.
    mother : int or None
        Number of the mother where it was in the picture, too; None for founders and arrivals.
    first_frame, last_frame : int
        First and last frame (both counted) that shows it.
    """

    id: int
    mother: int | None
    first_frame: int
    last_frame: int


@dataclass(frozen=True)
class PhantomSequence:
    """Pictures and ground truth.

    Parameters
    ----------
    images : ndarray, (T, Z, Y, X), uint16
        Camera counts.
    labels : ndarray, (T, Y, X), int32
        0 background, -1 trap, positive: identity of the cell, the same in all frames.
    semantic : ndarray, (T, Y, X), uint8
        0 background, 1 trap, 2 cell of interest, 3 auxiliary cell.
    flow : ndarray, (T-1, 2, Y, X), float32
        Backward flow in px, channel 0 = x: ``flow[t]`` lives on the grid of frame t+1 and points to where each pixel
        was in frame t, so that warping frame t with it gives frame t+1.
    valid : ndarray, (T-1, Y, X), bool
        Where that place was visible in frame t.
    lineage : tuple of CellRecord
        One record per cell seen, by identity.
    pixel_size : float
        µm.
    interval : float
        Minutes between frames.
    config : PhantomConfig
        All parameters, the trap's kind included.
    seed : int
        Together with config and the sizes it determines every number here.
    planes : tuple of float
        Focal planes in µm, added to the nominal focus.
    traps : tuple of TrapGeometry
        The traps, in µm from the middle of the picture.
    shifts : ndarray, (T, 2)
        How far the stage's error and drift have moved the scene in each frame, y then x, in px.
    """

    images: NDArray[np.uint16]
    labels: NDArray[np.int32]
    semantic: NDArray[np.uint8]
    flow: NDArray[np.float32]
    valid: NDArray[np.bool_]
    lineage: tuple[CellRecord, ...]
    pixel_size: float
    interval: float
    config: PhantomConfig
    seed: int
    planes: tuple[float, ...]
    traps: tuple[TrapGeometry, ...]
    shifts: NDArray[np.float64]

    @property
    def centres(self) -> NDArray[np.floating[Any]]:
        """Centres of the traps, (N, 2), y then x, in px of the picture (0 = middle of the first pixel).

        In frame t they lie at ``centres + shifts[t]``.
        """
        height, width = self.labels.shape[1:]
        return np.array(
            [
                (
                    t.centre[1] / self.pixel_size + height / 2 - 0.5,
                    t.centre[0] / self.pixel_size + width / 2 - 0.5,
                )
                for t in self.traps
            ]
        )

    def as_timelapse(self) -> TimeLapse:
        """Return the pictures as a `TimeLapse` with one channel."""
        from napari_cellsim.data import TimeLapse

        steps = np.diff(self.planes)
        even = len(steps) > 0 and np.allclose(steps, steps[0])
        return TimeLapse(
            frames=self.images[:, None],
            pixel_size=self.pixel_size,
            interval=self.interval,
            channel_names=("bright field",),
            z_step=abs(float(steps[0])) if even else None,
            name=f"phantom {self.config.chip.trap} {self.seed}",
        )
