"""The result of a forecast."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data.placement import Placement, default_placement

_SHAPES = "frames (S, T, C, Y, X), flow (T, 2, Y, X), kernels (T, K, Y, X), kernel_deviation and segmentation (T, Y, X)"


@dataclass(frozen=True, eq=False)
class Forecast:
    """Predicted frames of a movie with the motion and kernels that made them, on the movie's own grid.

    Parameters
    ----------
    frames : numpy.ndarray
        (S, T, C, Y, X) float32 in the movie's intensity units: S samples (1 for a mean forecast), T steps after `at`.
    flow : numpy.ndarray
        (T, 2, Y, X) float32, px, channel 0 = x, backward: ``flow[t]`` points from each pixel of predicted frame t to
        where it was in the frame before. Of several samples this and all other maps are those of the first.
    at : int
        Index of the last frame of the movie that was used; ``frames[:, t]`` forecasts frame ``at + 1 + t``.
    kernels_v, kernels_h : numpy.ndarray or None
        (T, K, Y, X) float32, vertical and horizontal kernels of the spatially-displaced convolution.
    kernel_deviation : numpy.ndarray or None
        (T, Y, X) float32, L1 distance of the kernels' outer product to the centre-one-hot kernel.
    segmentation : numpy.ndarray or None
        (T, Y, X) uint8, the class of each pixel of the predicted frames.
    uncertainty : numpy.ndarray or None
        (T, C, Y, X) float32, half-width of the central 68.27 % interval of each pixel, in intensity units.
    channel, plane : int
        Index of the (first) forecast channel and of the focal plane in the movie.
    n_channels, n_planes : int
        Channels and planes of the movie.
    pixel_size, interval : float or None
        µm per pixel and minutes per frame, if known.
    origin : tuple of float
        (y, x) of the first pixel in the source field, px.
    trap_id : str or None
        The trap it shows, if known.
    name : str
        Name of the movie.
    placement : Placement or None
        Where the movie (cropped as the forecast is) lies in napari's world: ``movie.placement``; None makes one from
        the calibration and the origin.
    provenance : dict
        Model and partner hashes, configuration, seed, hash of the input, versions; kept as JSON.

    Raises
    ------
    CellSimError
        If shapes do not belong together, naming the one that does not.
    """

    frames: NDArray[np.float32]
    flow: NDArray[np.float32]
    at: int
    kernels_v: NDArray[np.float32] | None = None
    kernels_h: NDArray[np.float32] | None = None
    kernel_deviation: NDArray[np.float32] | None = None
    segmentation: NDArray[np.uint8] | None = None
    uncertainty: NDArray[np.float32] | None = None
    channel: int = 0
    plane: int = 0
    n_channels: int = 1
    n_planes: int = 1
    pixel_size: float | None = None
    interval: float | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    trap_id: str | None = None
    name: str = "movie"
    placement: Placement | None = None
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.frames.ndim != 5 or 0 in self.frames.shape:
            raise CellSimError(
                f"A forecast holds {_SHAPES}; the frames given have the shape {self.frames.shape}."
            )
        _, steps, channels, height, width = self.frames.shape
        wanted: dict[str, tuple[int | None, ...]] = {
            "flow": (steps, 2, height, width),
            "kernels_v": (steps, None, height, width),
            "kernels_h": (steps, None, height, width),
            "kernel_deviation": (steps, height, width),
            "segmentation": (steps, height, width),
            "uncertainty": (steps, channels, height, width),
        }
        for key, shape in wanted.items():
            array = getattr(self, key)
            if array is None:
                continue
            if array.ndim != len(shape) or any(
                n not in (None, m) for n, m in zip(shape, array.shape, strict=True)
            ):
                raise CellSimError(
                    f"A forecast holds {_SHAPES}; beside frames of the shape {self.frames.shape} the {key} cannot have "
                    f"the shape {array.shape}."
                )
        if (self.kernels_v is None) != (self.kernels_h is None):
            raise CellSimError("A forecast keeps either both of kernels_v and kernels_h or neither.")
        if self.at < 0:
            raise CellSimError(f"A forecast follows frame at={self.at}, but frames are numbered from 0.")
        if not (self.channel >= 0 and self.channel + channels <= self.n_channels):
            raise CellSimError(
                f"A forecast of {channels} channel(s) from channel {self.channel} does not fit a movie of "
                f"{self.n_channels}."
            )
        if not 0 <= self.plane < self.n_planes:
            raise CellSimError(
                f"A forecast of plane {self.plane} does not fit a movie of {self.n_planes} plane(s)."
            )
        if self.placement is None:
            extra = ("C" if self.n_channels > 1 else "") + ("Z" if self.n_planes > 1 else "")
            made = default_placement(f"T{extra}YX", self.pixel_size, self.interval, None, self.origin)
            object.__setattr__(self, "placement", made)
        elif any(
            n > 1 and axis not in self.placement.axes
            for axis, n in (("C", self.n_channels), ("Z", self.n_planes))
        ):
            raise CellSimError(
                f"A movie of {self.n_channels} channel(s) and {self.n_planes} plane(s) cannot lie on the axes "
                f"{self.placement.axes}: give the placement of that movie."
            )

    @property
    def steps(self) -> int:
        """Number of predicted frames."""
        return int(self.frames.shape[1])

    def to_layers(self) -> list[tuple[Any, dict[str, Any], str]]:
        """Return napari layer data tuples, lowest layer first: frames, flow, arrows and what else was kept.

        Every layer has the movie's axes and placement; its first step lies one frame after `at`. Several samples are
        one layer with an axis "sample" in front. Needs no napari.
        """
        from .layers import layers_of

        return layers_of(self)

    def add_to(self, viewer: Any) -> list[Any]:
        """Add the layers to a napari viewer under names not yet taken, changing no layer that is there.

        Returns
        -------
        list of napari.layers.Layer
            The layers added, in the order of `to_layers`.
        """
        from .layers import add_layers

        return add_layers(self, viewer)

    def save(self, path: str | Path) -> Path:
        """Write everything into one OME-TIFF, all or nothing; `open_result` restores it bit for bit.

        Returns
        -------
        pathlib.Path
            The file written.

        Raises
        ------
        CellSimError
            If the folder is missing or cannot be written to.
        """
        from .files import save_forecast

        return save_forecast(self, path)
