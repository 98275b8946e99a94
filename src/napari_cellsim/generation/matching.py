"""Guide pictures of any size, depth and calibration, brought to what a model sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data import TimeLapse, check_frames, open_timelapse
from ..data.regions import Region, clip_region

if TYPE_CHECKING:
    from ..models import Model

# A picture may lack this share of the model's field; its border is mirrored there. Traps end well inside.
_LARGEST_GAP = 0.3
# Enlarging more than this shows no cell any more.
_LARGEST_ZOOM = 4.0
# Enlarging more than this is worth a word; reducing, as small models ask for, loses nothing that they could draw.
_COARSE = 2.0
_TOLERANCE = 0.02


class Target(NamedTuple):
    """What a guide must become.

    Parameters
    ----------
    size : int
        Side, px.
    channels, frames : int
        Of a picture.
    pixel_size : float or None
        µm per px.
    """

    size: int
    channels: int
    frames: int
    pixel_size: float | None


@dataclass(frozen=True, eq=False)
class Guides:
    """Guide pictures as a network sees them, still in their own intensity units.

    Parameters
    ----------
    images : numpy.ndarray
        (N, T, C, S, S) float32.
    intensity : numpy.ndarray
        (N, C, 2) float64, mean and standard deviation of each picture and channel.
    records : tuple of dict
        Where each picture comes from: source, frame (the last of T), region (y0, y1, x0, x1) in px of the source,
        which leaves the picture where its border was mirrored.
    notes : list of str
        What was done to them, in plain sentences.
    pixel_size : float or None
        µm per px of `images`; that of the model where it is known.
    interval : float or None
        Minutes between the T frames.
    name : str
        Name of the source.
    channel_names : tuple of str
        Of the channels used.
    """

    images: NDArray[np.float32]
    intensity: NDArray[np.float64]
    records: tuple[dict[str, Any], ...]
    notes: list[str]
    pixel_size: float | None
    interval: float | None
    name: str
    channel_names: tuple[str, ...]

    @property
    def standardised(self) -> NDArray[np.float32]:
        """The pictures with mean 0 and standard deviation 1 each, (N, T, C, S, S)."""
        return standardised(self.images, self.intensity)


def standardised(images: NDArray[Any], intensity: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return pictures (N, T, C, Y, X) less their means, by their standard deviations (N, C, 2)."""
    scale = intensity[:, None, :, :, None, None]
    return ((images - scale[:, :, :, 0]) / scale[:, :, :, 1]).astype(np.float32)


def target_of(model: Model) -> Target:
    """Return what a model takes as a guide."""
    config = model.network.config
    return Target(int(config.size), int(config.channels), int(config.frames), model.card.pixel_size)


def match_guides(
    images: TimeLapse | str | Path | NDArray[Any] | Any,
    model: Model | Target,
    *,
    at: int | Sequence[int] | None = None,
    channel: int = 0,
    plane: int = 0,
    regions: Sequence[Region] | None = None,
    pixel_size: float | None = None,
) -> Guides:
    """Bring pictures to the size, pixel size and number of frames of a model.

    Where both pixel sizes are known, the model's field of view is cut out around the centre of the picture or of each
    region, and resampled; else the picture or region is taken to show the whole field.

    Parameters
    ----------
    images : TimeLapse or anything that `open_timelapse` reads
        Pictures along time; those of a file on an axis Q ("independent pictures") are taken as such.
    model : Model or Target
        A Cell-GAN or an autoencoder, or what one takes as a guide.
    at : int or sequence of int, optional
        Which frames, from 0; for a model of several frames the last of each sequence. All if not given.
    channel, plane : int
        First channel (a model of C channels uses C of them) and focal plane.
    regions : sequence of (y0, y1, x0, x1), optional
        Rectangles in px, each a guide of its own.
    pixel_size : float, optional
        µm; overrides the source's own.

    Returns
    -------
    Guides
        One per frame and region, regions of a frame together.

    Raises
    ------
    CellSimError
        If frames or channels are missing, a picture is smaller than the trap, empty of contrast, or holds NaN.
    """
    target = model if isinstance(model, Target) else target_of(model)
    notes: list[str] = []
    movie = open_pictures(images, notes)
    if pixel_size is not None:
        movie = movie.with_calibration(pixel_size=pixel_size)
    lasts = _frames(movie, at, target.frames)
    _check_channels(movie, channel, target.channels)
    if regions is not None and not len(regions):
        raise CellSimError("No region is given; draw at least one rectangle or take the whole picture.")
    boxes: Sequence[Region | None] = regions if regions is not None else [None]
    windows = [_window(movie, target, box, notes) for box in boxes]
    pictures, records = [], []
    for last in lasts:
        times = list(range(last + 1 - target.frames, last + 1))
        frames = np.stack(
            [movie.array(times, c, plane) for c in range(channel, channel + target.channels)], axis=1
        )
        check_frames(frames, movie.name)
        for top, left, side in windows:
            pictures.append(_cut(frames, top, left, side, target.size))
            records.append(
                {
                    "source": movie.source or movie.name,
                    "frame": last,
                    "region": [top, top + side, left, left + side],
                    "channel": channel,
                    "plane": plane,
                }
            )
    stack = np.stack(pictures)
    return Guides(
        images=stack,
        intensity=_standards(stack, movie.name),
        records=tuple(records),
        notes=list(dict.fromkeys(notes)),
        pixel_size=target.pixel_size,
        interval=movie.interval if target.frames > 1 else None,
        name=movie.name,
        channel_names=movie.channel_names[channel : channel + target.channels],
    )


def open_pictures(images: Any, notes: list[str]) -> TimeLapse:
    """Open pictures as a movie, also those that a file keeps on an axis Q as independent of each other."""
    if isinstance(images, TimeLapse):
        return images
    if isinstance(images, str | Path) and Path(images).is_file():
        from ..data.tiff import TIFF_SUFFIXES, read_tiff_header

        path = Path(images)
        if path.suffix.lower() in TIFF_SUFFIXES:
            axes = read_tiff_header(path).axes or ""
            if "Q" in axes and "T" not in axes:
                notes.append(f"The pictures of {path.name} are independent of each other (axis Q).")
                return open_timelapse(path, axes=axes.replace("Q", "T"))
    return open_timelapse(images)


def _frames(movie: TimeLapse, at: int | Sequence[int] | None, frames: int) -> list[int]:
    if movie.n_times < frames:
        raise CellSimError(
            f"{movie.name!r} has {movie.n_times} frame(s), but this model needs {frames} consecutive ones as a guide."
        )
    if at is None:
        return list(range(frames - 1, movie.n_times))
    chosen = [int(t) for t in np.atleast_1d(np.asarray(at))]
    if not chosen:
        raise CellSimError("No frame is given; choose at least one.")
    for t in chosen:
        if not frames - 1 <= t < movie.n_times:
            before = f" with {frames - 1} before it" if frames > 1 else ""
            raise CellSimError(
                f"{movie.name!r} has no frame {t}{before}; choose one of {frames - 1} to {movie.n_times - 1}."
            )
    return chosen


def _check_channels(movie: TimeLapse, channel: int, channels: int) -> None:
    if channel < 0 or channel + channels > movie.n_channels:
        wanted = f"channel {channel}" if channels == 1 else f"channels {channel} to {channel + channels - 1}"
        raise CellSimError(
            f"This model takes {channels} channel(s), but {movie.name!r} has no {wanted}: it has {movie.n_channels}, "
            "numbered from 0."
        )


def _window(
    movie: TimeLapse, target: Target, region: Region | None, notes: list[str]
) -> tuple[int, int, int]:
    """Return first row, first column and side of the square to be shown to the model, px of the movie."""
    height, width = movie.height, movie.width
    y0, y1, x0, x1 = clip_region(region, movie) if region is not None else (0, height, 0, width)
    if movie.pixel_size and target.pixel_size:
        zoom = movie.pixel_size / target.pixel_size
        side = round(target.size / zoom)
        if zoom > _COARSE:
            notes.append(
                f"The pixels of {movie.name!r} ({movie.pixel_size:g} µm) are much coarser than the model's "
                f"({target.pixel_size:g} µm), so it lacks fine detail; expect less likeness."
            )
    else:
        whose = f"of {movie.name!r}" if not movie.pixel_size else "that the model was trained with"
        what = "region" if region is not None else "picture"
        notes.append(
            f"The pixel size {whose} is unknown, so the {what} is taken to show one whole trap field."
        )
        # a region is widened to a square, a whole picture cut to one
        side = min(max(y1 - y0, x1 - x0), height, width)
    _check_side(movie, target, side, notes)
    top = _place((y0 + y1) / 2, side, height)
    left = _place((x0 + x1) / 2, side, width)
    if side < max(height, width) and region is None:
        notes.append(f"The central {side}×{side} px of {movie.name!r} ({height}×{width} px) are used.")
    if abs(side / target.size - 1) > _TOLERANCE:
        notes.append(f"Guides are resampled from {side}×{side} to {target.size}×{target.size} px.")
    return top, left, side


def _check_side(movie: TimeLapse, target: Target, side: int, notes: list[str]) -> None:
    smallest = min(movie.height, movie.width)
    missing = side - smallest
    if missing > _LARGEST_GAP * side:
        assert movie.pixel_size is not None  # else the side would fit
        have, need = smallest * movie.pixel_size, side * movie.pixel_size
        raise CellSimError(
            f"{movie.name!r} shows {have:.1f} µm only, but the model's trap field is {need:.1f} µm wide: give a larger "
            "picture, or correct its pixel size."
        )
    if target.size / side > _LARGEST_ZOOM:
        raise CellSimError(
            f"{movie.name!r} is smaller than the trap: its {side}×{side} px would have to be enlarged to "
            f"{target.size}×{target.size} px: give a larger picture or region."
        )
    if missing > 0:
        notes.append(
            f"{movie.name!r} lacks {missing} of the {side} px of the model's field; its border is mirrored there."
        )


def _place(centre: float, side: int, length: int) -> int:
    """Return where a window starts: around a centre, but inside; around the middle of what is too short for it."""
    if side >= length:
        return -((side - length) // 2)
    return int(np.clip(round(centre - side / 2), 0, length - side))


def _cut(frames: NDArray[np.float32], top: int, left: int, side: int, size: int) -> NDArray[np.float32]:
    """Return the window of (T, C, Y, X), mirrored where it leaves the picture, as (T, C, size, size)."""
    height, width = frames.shape[-2:]
    rows, columns = (np.clip((start, start + side), 0, n) for start, n in ((top, height), (left, width)))
    part = frames[..., rows[0] : rows[1], columns[0] : columns[1]]
    margins = [(0, 0), (0, 0), (max(0, -top), max(0, top + side - height))]
    margins.append((max(0, -left), max(0, left + side - width)))
    return resample(np.pad(part, margins, mode="symmetric"), size)


def resample(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Resample (T, C, Y, X) to (T, C, size, size), bicubic with anti-aliasing as the training pictures are."""
    if images.shape[-2:] == (size, size):
        return images
    import torch
    import torch.nn.functional as F

    small: NDArray[np.float32] = F.interpolate(
        torch.from_numpy(np.ascontiguousarray(images)),
        size=(size, size),
        mode="bicubic",
        align_corners=False,
        antialias=True,
    ).numpy()
    return small


def _standards(images: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    """Return mean and standard deviation (N, C, 2) over the frames of each picture."""
    values = images.astype(np.float64)
    mean, deviation = values.mean(axis=(1, 3, 4)), values.std(axis=(1, 3, 4))
    flat = np.argwhere(deviation <= 1e-6 * np.abs(mean).clip(1e-6))
    if len(flat):
        raise CellSimError(
            f"Picture {flat[0][0]} of {name!r} has the same value everywhere, so it shows no trap: choose another."
        )
    return np.stack([mean, deviation], axis=-1)
