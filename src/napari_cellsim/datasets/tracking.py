"""Following the drift of the stage, so that a trap keeps its identity over time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts are imported on first use, none when a dock opens
from numpy.typing import NDArray

from ..base import CellSimError, Clock, Event, JobToken, run
from .finding import Traps, learn_template
from .matching import Searched, standardised, summit
from .templates import Floats, TrapTemplate

_WHOLE = 512  # px; longer side of the pictures whose drift is estimated as a whole
_BACKGROUND = 12.0  # px of these; what is smoother than this is illumination
_WINDOW = 6  # px around the expected place in which a trap is sought
_MOST = 24  # traps that are followed; the median of more is no better
_CLEAR = 0.3  # correlation below which a trap says nothing


@dataclass(frozen=True)
class Track:
    """How far the field of view has moved.

    Parameters
    ----------
    shifts : ndarray, (T, 2)
        (y, x) in px, added to a centre of the reference frame to give that of frame t.
    scores : ndarray, (T,)
        Median correlation of the traps that were followed; NaN where there was none.
    reference : int
        Frame in which the traps were found; its shift is 0.
    """

    shifts: NDArray[np.float64]
    scores: NDArray[np.float64]
    reference: int = 0

    @classmethod
    def still(cls, n_times: int) -> Track:
        """Return the track of a field that does not move."""
        return cls(np.zeros((n_times, 2)), np.full(n_times, np.nan))


def track_traps(
    read: Callable[[int], Any],
    n_times: int,
    traps: Traps,
    *,
    reference: int = 0,
    token: JobToken | None = None,
) -> Track:
    """Follow the drift; see `track_traps_job`."""
    return run(track_traps_job(read, n_times, traps, reference=reference, token=token))


def track_traps_job(
    read: Callable[[int], Any],
    n_times: int,
    traps: Traps,
    *,
    reference: int = 0,
    token: JobToken | None = None,
) -> Generator[Event, None, Track]:
    """Follow the drift of the stage from frame to frame.

    Each frame is registered to its neighbour as a whole (cross-correlation of small, flattened pictures), which finds
    jumps of any size. Then up to 24 traps are sought near their expected places, and the median of their displacements
    since the reference frame is the drift: pillars do not grow, so errors do not add up.

    Parameters
    ----------
    read : callable
        ``read(t)`` returns frame t, (Y, X).
    n_times : int
        Number of frames.
    traps : Traps
        Found in the reference frame; with none, the whole picture is followed alone.
    reference : int
        The frame in which they were found.
    token : JobToken or None
        Stops or pauses between frames.

    Yields
    ------
    Progress
        One step per frame.

    Returns
    -------
    Track

    Raises
    ------
    CellSimError
        If there is no such frame or it cannot be read.
    """
    if not 0 <= reference < n_times:
        raise CellSimError(f"The traps were found in frame {reference}, but there are only {n_times} frames.")
    token = token or JobToken()
    clock = Clock(n_times, "following the drift")
    shifts, scores = np.zeros((n_times, 2)), np.full(n_times, np.nan)
    first = np.asarray(read(reference), np.float32)
    follower = _Follower(first, traps)
    scores[reference] = follower.score
    yield clock.progress(1)
    for times in (range(reference + 1, n_times), range(reference - 1, -1, -1)):
        before = _small(first)
        shift: Floats = np.zeros(2)
        for t in times:
            token.check()
            frame = np.asarray(read(t), np.float32)
            now = _small(frame)
            expected = shift + _step(before[0], now[0], now[1])
            shift, scores[t] = follower.follow(frame, expected)
            shifts[t], before = shift, now
            yield clock.progress(1)
    return Track(shifts, scores, reference)


def _small(frame: Floats) -> tuple[Floats, int]:
    """Return the picture reduced and freed of uneven illumination, and the factor of reduction."""
    factor = max(1, -(-max(frame.shape) // _WHOLE))
    height, width = (n // factor * factor for n in frame.shape)
    blocks = frame[:height, :width].reshape(height // factor, factor, width // factor, factor).mean((1, 3))
    flat = blocks - scipy.ndimage.gaussian_filter(blocks, _BACKGROUND, mode="nearest")
    return flat, factor


def _step(before: Floats, now: Floats, factor: int) -> Floats:
    """Return how far the picture moved between two frames, in px of the full picture."""
    from skimage.registration import phase_cross_correlation

    # Not whitened: that would raise dust and the camera's pattern, which stay where they are, to the level of traps.
    found, _, _ = phase_cross_correlation(before, now, upsample_factor=10, normalization=None)
    result: Floats = -np.asarray(found, np.float64) * factor
    return result


class _Follower:
    """Measures the places of some traps in every frame, relative to the reference frame."""

    def __init__(self, first: Floats, traps: Traps) -> None:
        self._template = self._learn(first, traps)
        spread = np.unique(np.linspace(0, len(traps) - 1, min(_MOST, len(traps))).round().astype(int))
        self._centres = traps.centres[spread]
        self._start: Floats = self._centres
        self._start, found = self._places(first, np.zeros(2))
        self.score = float(np.median(found)) if len(found) else float("nan")

    @staticmethod
    def _learn(first: Floats, traps: Traps) -> TrapTemplate | None:
        if not len(traps):
            return None
        scored = Traps(traps.centres, np.nan_to_num(traps.scores, nan=1.0), np.zeros(len(traps)), traps.size)
        learned = learn_template(standardised(first), scored, np.ones(traps.size))
        if learned is not None:
            return learned
        corner = [round(c - (s - 1) / 2) for c, s in zip(traps.centres[0], traps.size, strict=True)]
        window = tuple(slice(max(c, 0), max(c, 0) + s) for c, s in zip(corner, traps.size, strict=True))
        patch = first[window]
        return TrapTemplate.from_picture(patch) if np.ptp(patch) > 0 else None

    def _places(self, frame: Floats, shift: Floats) -> tuple[Floats, Floats]:
        """Return where the traps are in a frame that has moved by about `shift`, and how well they fit there."""
        places = np.full(self._centres.shape, np.nan)
        scores = np.zeros(len(places))
        if self._template is None:
            return places, scores
        values = standardised(frame)
        size = np.array(self._template.shape)
        for i, centre in enumerate(self._centres):
            low = np.round(centre + shift - (size - 1) / 2).astype(int) - _WINDOW
            high = low + size + 2 * _WINDOW
            if (low < 0).any() or (high > frame.shape).any():
                continue
            y, x, scores[i] = summit(
                Searched(values[low[0] : high[0], low[1] : high[1]]).scores(self._template)
            )
            places[i] = low + (y, x) + (size - 1) / 2
        return places, scores

    def follow(self, frame: Floats, expected: Floats) -> tuple[Floats, float]:
        """Return the shift of a frame, and the median score of the traps that tell."""
        places, scores = self._places(frame, expected)
        clear = (scores > _CLEAR) & np.isfinite(places + self._start).all(1)
        if not clear.any():
            return expected, float("nan")
        moved: Floats = np.median((places - self._start)[clear], 0)
        return moved, float(np.median(scores[clear]))
