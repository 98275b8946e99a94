"""The single pictures of one position as a lazy array."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..base import CellSimError
from .names import PictureName, order


class PictureGrid:
    """Files of one picture each that slice like an array (T, C, Z, Y, X); a picture is read when it is needed.

    Parameters
    ----------
    files : ndarray of pathlib.Path, (T, C, Z)
        One file per picture; a file may stand in several places.
    shape : tuple of int
        Height and width of every picture, px.
    dtype : numpy.dtype
        Type of every picture.
    """

    def __init__(self, files: NDArray[Any], shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        self.files = files
        self.shape = (*files.shape, *shape)
        self.dtype = dtype
        self.ndim = 5

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = (*key, *[slice(None)] * (5 - len(key))) if isinstance(key, tuple) else (key, *[slice(None)] * 4)
        chosen = self.files[key[:3]]
        window = key[3:]
        if isinstance(chosen, Path):
            one: NDArray[Any] = self._read(chosen)[window]
            return one
        pictures = [self._read(file)[window] for file in chosen.ravel()]
        stacked: NDArray[Any] = np.stack(pictures).reshape((*chosen.shape, *pictures[0].shape))
        return stacked

    def _read(self, file: Path) -> NDArray[Any]:
        try:
            picture = np.squeeze(tifffile.imread(file))
            if picture.size == 0:
                raise ValueError("it is cut off")
        except Exception as error:  # a damaged file makes tifffile and its decoders raise almost anything
            raise CellSimError(
                f"The picture {file} cannot be read ({error}): copy it again, or leave its position out."
            ) from error
        if picture.shape != self.shape[3:]:
            raise CellSimError(
                f"The picture {file} has the shape {picture.shape}, but the experiment's pictures are "
                f"{self.shape[3]} x {self.shape[4]}: leave its position out."
            )
        typed: NDArray[Any] = picture.astype(self.dtype, copy=False)
        return typed


class ChannelPictures:
    """One channel of a `PictureGrid`, for viewers: slices like an array (T, Y, X), or (T, Z, Y, X) of several planes.

    dask would do, but of 20,000 pictures it takes a quarter of a second to find one.

    Parameters
    ----------
    grid : PictureGrid
        All pictures of a position.
    channel : int
        Which of them.
    """

    def __init__(self, grid: PictureGrid, channel: int) -> None:
        self._grid, self._channel = grid, channel
        times, _, planes, *size = grid.shape
        self.shape = (times, planes, *size) if planes > 1 else (times, *size)
        self.dtype = grid.dtype
        self.ndim = len(self.shape)
        self.size = math.prod(self.shape)
        self.chunks = (*(1,) * (self.ndim - 2), *size)

    def __getitem__(self, key: Any) -> NDArray[Any]:
        key = list(key) if isinstance(key, tuple) else [key]
        if Ellipsis in key:
            at = key.index(Ellipsis)
            key[at : at + 1] = [slice(None)] * (self.ndim - len(key) + 1)
        key += [slice(None)] * (self.ndim - len(key))
        if self.ndim == 3:
            key.insert(1, 0)
        key.insert(1, self._channel)
        return self._grid[tuple(key)]


def arrange(names: list[PictureName]) -> tuple[NDArray[Any], tuple[str, ...], list[str]]:
    """Order the files of one position by time, channel and plane.

    A channel taken in one plane only is repeated in every plane. Times at the end that were not finished are cut off.

    Returns
    -------
    files : ndarray of pathlib.Path, (T, C, Z)
    channels : tuple of str
        Names of the channels, empty if the names do not tell.
    notes : list of str
        What was left out.

    Raises
    ------
    CellSimError
        If two files claim one place, or a picture is missing that is not of the last time.
    """
    position = names[0].position
    places: dict[tuple[str, str, str], Path] = {}
    for name in names:
        place = (name.time, name.channel, name.plane)
        if place in places:
            raise CellSimError(
                f"{places[place].name} and {name.path.name} are the same time, channel and plane of the position "
                f"{position}: say by a pattern what tells them apart."
            )
        places[place] = name.path
    times = order(name.time for name in names)
    channels = order(name.channel for name in names)
    planes = {c: order(n.plane for n in names if n.channel == c) for c in channels}
    depth = max(len(own) for own in planes.values())
    series = next(own for own in planes.values() if len(own) == depth)
    files = np.empty((len(times), len(channels), depth), object)
    missing = []
    for t, c, z in np.ndindex(files.shape):
        own = planes[channels[c]]
        plane = own[0] if len(own) == 1 else series[z]
        files[t, c, z] = places.get((times[t], channels[c], plane))
        if files[t, c, z] is None:
            missing.append((t, f"time {times[t]}, channel {channels[c] or '-'}, plane {plane or '-'}"))
    notes = []
    if missing and missing[0][0] == len(times) - 1 and len(times) > 1:
        notes.append(f"The last time {times[-1]} of {position} is incomplete and left out.")
        return files[:-1], _names(channels), notes
    if missing:
        raise CellSimError(
            f"The position {position} lacks {len(missing)} of {math.prod(files.shape)} pictures, the first at "
            f"{missing[0][1]}: choose the complete ones by a pattern."
        )
    return files, _names(channels), notes


def _names(channels: list[str]) -> tuple[str, ...]:
    return tuple(channels) if all(channels) else ()
