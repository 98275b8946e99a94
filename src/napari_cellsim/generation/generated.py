"""The result of generating: pictures with everything that is needed to make them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data import TimeLapse

Kind = Literal["sample", "guided", "walk", "grid", "edit"]
NO_NOISE = -1
COLOURS = ("red", "green", "blue")
"""Channel names by which colour photographs are known; their intensities are from 0 to `WHITE`."""
WHITE = 255

_SHAPES = "images (N, T, C, Y, X), latents (N, L, D), noise_seeds (N,), intensity (N, C, 2), z (N, D), guides as images"


@dataclass(frozen=True, eq=False)
class Generated:
    """Generated pictures with their latents.

    Parameters
    ----------
    images : numpy.ndarray
        (N, T, C, Y, X) float32 in intensity units: N pictures of T consecutive frames.
    latents : numpy.ndarray
        (N, L, D) float32, truncation applied: one w for all slots of the generator (L = 1), or one per slot (W+).
    noise_seeds : numpy.ndarray
        (N,) int64. Picture i's noise maps come from a CPU generator seeded by ``noise_seeds[i]`` alone, so that
        a picture does not depend on its batch; -1 means no noise.
    intensity : numpy.ndarray or None
        (N, C, 2) float64, offset and gain: ``images = offset + gain * what the network says``. None is 0 and 1.
    z : numpy.ndarray or None
        (N, D) float32, what the latents were mapped from, where they were.
    guides : numpy.ndarray or None
        (N, T, C, Y, X) float32, the guide pictures as the network saw them, in their own intensity units.
    kind : {"sample", "guided", "walk", "grid", "edit"}
        How the pictures came about.
    grid : (int, int) or None
        Rows and columns of a mixing grid, whose pictures stand row by row.
    pixel_size, interval : float or None
        µm per pixel and minutes between the T frames, if known.
    name : str
        What to call it in layers and files.
    channel_names : tuple of str
        One name per channel; empty means ``("channel 0", …)``. Red, green and blue make a colour photograph, whose
        intensities are from 0 to 255.
    records : tuple of dict
        Facts about each picture, JSON values: where its guide comes from, its PSNR and SSIM, …; empty means none.
    provenance : dict
        Model and hash, configuration, seed, notes, versions; kept as JSON.

    Raises
    ------
    CellSimError
        If shapes do not belong together, naming the one that does not.
    """

    images: NDArray[np.float32]
    latents: NDArray[np.float32]
    noise_seeds: NDArray[np.int64]
    intensity: NDArray[np.float64] | None = None
    z: NDArray[np.float32] | None = None
    guides: NDArray[np.float32] | None = None
    kind: Kind = "sample"
    grid: tuple[int, int] | None = None
    pixel_size: float | None = None
    interval: float | None = None
    name: str = "cell"
    channel_names: tuple[str, ...] = ()
    records: tuple[dict[str, Any], ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.images.ndim != 5 or 0 in self.images.shape:
            raise CellSimError(
                f"Generated pictures hold {_SHAPES}; the images given have the shape {self.images.shape}."
            )
        count, _, channels = self.images.shape[:3]
        if self.intensity is None:
            object.__setattr__(self, "intensity", np.tile([0.0, 1.0], (count, channels, 1)))
        wanted: dict[str, tuple[int | None, ...]] = {
            "latents": (count, None, None),
            "noise_seeds": (count,),
            "intensity": (count, channels, 2),
            "z": (count, None),
            "guides": self.images.shape,
        }
        for key, shape in wanted.items():
            array = getattr(self, key)
            if array is not None and not _fits(array.shape, shape):
                raise CellSimError(
                    f"Generated pictures hold {_SHAPES}; beside images of the shape {self.images.shape} the {key} "
                    f"cannot have the shape {array.shape}."
                )
        if self.kind not in get_args(Kind):
            raise CellSimError(
                f"Generated pictures of the kind {self.kind!r} are unknown; choose one of {get_args(Kind)}."
            )
        if self.grid is not None and self.grid[0] * self.grid[1] != count:
            raise CellSimError(f"A grid of {self.grid[0]} × {self.grid[1]} does not hold {count} pictures.")
        if not self.channel_names:
            object.__setattr__(self, "channel_names", tuple(f"channel {i}" for i in range(channels)))
        if len(self.channel_names) != channels:
            raise CellSimError(
                f"The pictures have {channels} channels but {len(self.channel_names)} channel names."
            )
        if self.records and len(self.records) != count:
            raise CellSimError(f"There are {count} pictures but {len(self.records)} records about them.")

    def __len__(self) -> int:
        return int(self.images.shape[0])

    @property
    def frames(self) -> int:
        """Number of consecutive frames of each picture, T."""
        return int(self.images.shape[1])

    @property
    def colour(self) -> bool:
        """Whether the channels are red, green and blue."""
        return self.channel_names == COLOURS

    @property
    def notes(self) -> list[str]:
        """What was found out or assumed while the pictures were made, in plain sentences."""
        return list(self.provenance.get("notes", []))

    def select(self, indices: int | Sequence[int] | NDArray[Any]) -> Self:
        """Return some of the pictures, in the order given; negative indices count from the end.

        Raises
        ------
        CellSimError
            If none is given or one does not exist.
        """
        chosen = np.atleast_1d(np.asarray(indices))
        if chosen.size == 0 or chosen.dtype.kind not in "iu" or chosen.ndim != 1:
            raise CellSimError("No picture is chosen: give the number of at least one, counted from 0.")
        outside = chosen[(chosen < -len(self)) | (chosen >= len(self))]
        if outside.size:
            raise CellSimError(
                f"There is no picture {outside[0]}: {self.name!r} holds {len(self)}, numbered from 0."
            )
        parts: dict[str, Any] = {
            key: None if getattr(self, key) is None else getattr(self, key)[chosen]
            for key in ("images", "latents", "noise_seeds", "intensity", "z", "guides")
        }
        records = tuple(self.records[i] for i in chosen) if self.records else ()
        return replace(self, **parts, records=records, grid=None)

    def as_timelapse(self, index: int | None = None) -> TimeLapse:
        """Return one picture as a movie of its T frames, or all pictures of a walk as a movie.

        Parameters
        ----------
        index : int or None
            Which picture; None takes the pictures themselves as the frames of a movie, for a walk.

        Returns
        -------
        TimeLapse
            Frames (T, C, 1, Y, X), or (N, C, 1, Y, X), whose name says "generated".

        Raises
        ------
        CellSimError
            If there is no such picture, or None is given and pictures have several frames themselves.
        """
        if index is None:
            if self.frames > 1:
                raise CellSimError(
                    f"The pictures of {self.name!r} are sequences of {self.frames} frames themselves: choose one."
                )
            frames, interval, name = self.images[:, 0], None, f"{self.name} (generated)"
        else:
            frames = self.select(index).images[0]
            interval, name = self.interval, f"{self.name} {index % len(self)} (generated)"
        return TimeLapse(
            frames[:, :, None],
            pixel_size=self.pixel_size,
            interval=interval,
            channel_names=self.channel_names,
            name=name,
        )

    def to_layers(self) -> list[tuple[Any, dict[str, Any], str]]:
        """Return one napari image layer as layer data tuple; everything else travels in its metadata.

        Its axes are (N, T, C, Y, X) without T and C where they have length 1. Colour pictures have C last, from 0 to
        1, and are shown in colour. Needs no napari.
        """
        from .layers import layers_of

        return layers_of(self)

    def add_to(self, viewer: Any) -> list[Any]:
        """Add the layer to a napari viewer under a name not yet taken, changing no layer that is there.

        Returns
        -------
        list of napari.layers.Layer
            The layer added.
        """
        return [getattr(viewer, f"add_{kind}")(data, **meta) for data, meta, kind in self.to_layers()]

    @classmethod
    def from_layer(cls, layer: Any) -> Self:
        """Return what a layer of `to_layers` shows, with its present pixels.

        Parameters
        ----------
        layer : napari.layers.Image
            Needs ``data``, ``metadata`` and ``name`` only.

        Raises
        ------
        CellSimError
            If the layer holds no generated pictures, or its shape was changed.
        """
        from .layers import fields_of

        return cls(**fields_of(layer))

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
        from .files import save_generated

        return save_generated(self, path)


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        n >= 1 and m in (None, n) for n, m in zip(shape, wanted, strict=True)
    )
