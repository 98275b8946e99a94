"""An experiment: all positions of one chip, opened without reading its pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data import TimeLapse, open_timelapse
from ..data.source import Calibration
from ..data.tiff import movie_name, opened_tiff, read_tiff_header
from .layouts import read_names, scan
from .names import PictureName
from .pictures import PictureGrid, arrange


@dataclass(frozen=True)
class Position:
    """One place on the chip over time.

    Parameters
    ----------
    name : str
        Such as ``"pos3"``.
    names : tuple of PictureName
        Its single pictures; empty where it is a movie.
    movie : pathlib.Path or None
        The movie's file where it is one.
    series : int or None
        Which series of that file.
    trap_id : str or None
        Where the pictures are crops of one trap already.
    calibration : Calibration
        What the first file of the experiment states, and the user.
    shape, dtype
        Height and width in px and type of single pictures, as the first file states them; None for a movie.
    """

    name: str
    names: tuple[PictureName, ...] = ()
    movie: Path | None = None
    series: int | None = None
    trap_id: str | None = None
    calibration: Calibration = field(default_factory=Calibration)
    shape: tuple[int, int] | None = None
    dtype: np.dtype[Any] | None = None

    @cached_property
    def _arranged(self) -> tuple[NDArray[Any], tuple[str, ...], list[str]]:
        return arrange(list(self.names))

    @property
    def notes(self) -> list[str]:
        """What was left out, in sentences."""
        return self._arranged[2] if self.names else []

    def grid(self) -> PictureGrid | None:
        """Return the single pictures as a lazy array (T, C, Z, Y, X); None where the position is a movie.

        Raises
        ------
        CellSimError
            If pictures are missing, or two files claim the same place.
        """
        if self.shape is None or self.dtype is None:
            return None
        return PictureGrid(self._arranged[0], self.shape, self.dtype)

    def timelapse(self) -> TimeLapse:
        """Return the position as a movie; single pictures are read when they are needed.

        Raises
        ------
        CellSimError
            As in `grid` and `open_timelapse`.
        """
        known = self.calibration
        grid = self.grid()
        if grid is None:
            movie = open_timelapse(
                self.movie, series=self.series, pixel_size=known.pixel_size, interval=known.interval
            )
            return movie
        import dask.array

        frames = dask.array.from_array(grid, chunks=(1, 1, 1, *grid.shape[3:]), name=False, asarray=False)
        channels = self._arranged[1] or known.channel_names
        return TimeLapse(
            frames=frames,
            pixel_size=known.pixel_size,
            interval=known.interval,
            channel_names=channels if len(channels) == grid.shape[1] else (),
            trap_id=self.trap_id,
            source=str(self.names[0].path.parent),
            z_step=known.z_step,
            name=self.name,
        )

    def source(self, time: int, channel: int, plane: int) -> Path:
        """Return the file that holds a picture."""
        if self.movie is not None:
            return self.movie
        found: Path = self._arranged[0][time, channel, plane]
        return found


@dataclass(frozen=True)
class Experiment:
    """Positions of one chip.

    Parameters
    ----------
    path : pathlib.Path
        Folder or file.
    positions : tuple of Position
        In natural order of their names.
    layout : str
        How the files lie, in words.
    """

    path: Path
    positions: tuple[Position, ...]
    layout: str

    def __len__(self) -> int:
        return len(self.positions)

    def position(self, name: str) -> Position:
        """Return the position of this name.

        Raises
        ------
        CellSimError
            If there is none.
        """
        for position in self.positions:
            if position.name == name:
                return position
        listing = ", ".join(p.name for p in self.positions[:8]) + (" …" if len(self.positions) > 8 else "")
        raise CellSimError(
            f"The experiment {self.path.name} has no position {name!r}: choose one of {listing}."
        )

    def select(self, names: list[str]) -> Experiment:
        """Return the experiment with these positions only."""
        return Experiment(self.path, tuple(self.position(name) for name in names), self.layout)

    def with_calibration(
        self, *, pixel_size: float | None = None, interval: float | None = None
    ) -> Experiment:
        """Return the experiment with a stated pixel size (µm) and interval (minutes); None leaves what is known.

        Raises
        ------
        CellSimError
            If one of them is not positive.
        """
        stated = {"pixel_size": pixel_size, "interval": interval}
        _check_stated(stated)
        positions = tuple(replace(p, calibration=_calibrated(p.calibration, stated)) for p in self.positions)
        return replace(self, positions=positions)


def open_experiment(
    path: str | os.PathLike[str],
    *,
    pattern: str | None = None,
    pixel_size: float | None = None,
    interval: float | None = None,
) -> Experiment:
    """Open an experiment in seconds, however large it is: names are listed and one header is read.

    Parameters
    ----------
    path : path
        A folder or a file. Folders may hold

        - trap pictures, ``position/img_000000017_01-BF0_000_trap_012.tif`` (each trap is a position),
        - ``position/focal-plane/*.tif``, times in the natural order of names (the TYC layout),
        - names with the usual letters before numbers, ``pos1_t003_c0_z2.tif``, in one folder or one per position,
        - pictures in any other names, taken as times in natural order, one folder per position,
        - movies (several pictures per TIFF, or zarr), one per position.

        A file is one movie, or a multi-position OME-TIFF whose series are the positions.
    pattern : str or None
        Regular expression for the path below the folder, with the named groups ``t`` and where needed ``c``, ``z``
        and ``p``; it outranks the above.
    pixel_size : float or None
        µm per pixel; None: as the first file states.
    interval : float or None
        Minutes between frames; None: as the first file states.

    Returns
    -------
    Experiment
        With at least one position.

    Raises
    ------
    CellSimError
        If there is no picture, or the names do not tell what is what.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise CellSimError(f"There is no file or folder {root}: check the name.")
    stated = {"pixel_size": pixel_size, "interval": interval}
    _check_stated(stated)
    if root.is_file():
        return Experiment(root, _file_positions(root, stated), "movie")
    tree = scan(root)
    if not tree.all_files():
        movies = [root] if (root / "zarr.json").exists() else tree.all_movies()
        if not movies:
            raise CellSimError(
                f"The folder {root} holds no TIFF pictures: choose the folder of the experiment."
            )
        return Experiment(root, tuple(_movie(m, root, None, stated) for m in movies), "movies")
    first = tree.all_files()[0]
    header = read_tiff_header(first, series=0)
    shape = tuple(n for n in header.shape if n > 1)
    if len(shape) > 2 and pattern is None:
        positions = tuple(p for file in tree.all_files() for p in _file_positions(file, stated, root))
        return Experiment(root, positions, "movies")
    names, layout = read_names(tree, pattern)
    if names[0].path != first:
        header = read_tiff_header(names[0].path)
        shape = tuple(n for n in header.shape if n > 1)
    if len(shape) != 2:
        raise CellSimError(
            f"{names[0].path} has the shape {header.shape}, but with a pattern each file must be a single picture."
        )
    grouped: dict[str, list[PictureName]] = {}
    for said in names:
        grouped.setdefault(said.position, []).append(said)
    known = _calibrated(header.calibration, stated)
    positions = tuple(
        Position(name, tuple(own), trap_id=own[0].trap_id, calibration=known, shape=shape, dtype=header.dtype)
        for name, own in grouped.items()
    )
    return Experiment(root, positions, layout)


def _check_stated(stated: dict[str, float | None]) -> None:
    for key, value in stated.items():
        if value is not None and not value > 0:
            raise CellSimError(f"The {key} must be a positive number, not {value}.")


def _calibrated(found: Calibration, stated: dict[str, float | None]) -> Calibration:
    return Calibration(
        stated["pixel_size"] or found.pixel_size,
        stated["interval"] or found.interval,
        found.z_step,
        found.channel_names,
    )


def _file_positions(
    file: Path, stated: dict[str, float | None], root: Path | None = None
) -> tuple[Position, ...]:
    """Return one position per series of a multi-position OME-TIFF, else one."""
    with opened_tiff(file) as tif:
        names = [s.name for s in tif.series] if tif.is_ome else []
        alike = len({(s.shape, s.dtype) for s in tif.series}) == 1
    if len(names) < 2 or not alike:
        return (_movie(file, root, None, stated),)
    distinct = len(set(names)) == len(names) and all(names)
    return tuple(
        _movie(file, root, i, stated, name if distinct else f"position {i}") for i, name in enumerate(names)
    )


def _movie(
    movie: Path, root: Path | None, series: int | None, stated: dict[str, float | None], name: str = ""
) -> Position:
    place = [movie_name(movie)] if root and movie != root else []
    if root and movie.parent != root and movie != root:
        place.insert(0, movie.parent.relative_to(root).as_posix())
    full = "/".join([*place, name] if name else place) or movie_name(movie)
    return Position(full, movie=movie, series=series, calibration=_calibrated(Calibration(), stated))
