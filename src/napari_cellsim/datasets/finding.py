"""Finding all traps of a field of view by a template."""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy  # its parts are imported on first use, none when a dock opens
from numpy.typing import NDArray

from ..base import CellSimError, Event, JobToken, Progress, run
from ..data import check_frames
from .matching import Searched, best_angle, standardised, summit
from .templates import Floats, TrapTemplate, candidates

_COARSE = 40  # px; the shorter side of the template in the coarse search
_ANGLE_STEP = 2.5  # degrees between templates of the coarse search
_LEARN_FROM = (3, 60)  # fewest and most hits from which a better template is learned
_LEARN_SCORE = 0.6  # hits below this share of the best one teach nothing
_FAINTEST = 0.2  # lower correlations are not looked at more closely
_BEST = 8  # places by which a focus is chosen
_OVERLAP = 0.7  # of the template's height and width: hits that are closer along both are one trap


@dataclass(frozen=True)
class Traps:
    """Traps of one field of view.

    Parameters
    ----------
    centres : ndarray, (N, 2)
        (y, x) in px, 0 is the middle of the first pixel; from the top row to the bottom row.
    scores : ndarray, (N,)
        Correlation with the template, at most 1; NaN for traps placed by hand.
    angles : ndarray, (N,)
        Rotation of the chip in degrees, counter-clockwise.
    size : tuple of int
        Height and width of the template, px.
    """

    centres: NDArray[np.float64]
    scores: NDArray[np.float64]
    angles: NDArray[np.float64]
    size: tuple[int, int]

    def __len__(self) -> int:
        return len(self.centres)

    def above(self, threshold: float) -> Traps:
        """Return those with at least this score, and those placed by hand."""
        kept = ~(self.scores < threshold)
        return replace(self, centres=self.centres[kept], scores=self.scores[kept], angles=self.angles[kept])

    def rectangles(self) -> NDArray[np.float64]:
        """Return the corners of the template on each trap, (N, 4, 2) in px, as a Shapes layer takes them."""
        half = (np.array(self.size) - 1) / 2
        corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * half
        angle = np.deg2rad(self.angles)[:, None]
        y, x = corners[None, :, 0], corners[None, :, 1]
        turned = np.stack(
            [y * np.cos(angle) - x * np.sin(angle), x * np.cos(angle) + y * np.sin(angle)], axis=-1
        )
        result: NDArray[np.float64] = self.centres[:, None] + turned
        return result

    @classmethod
    def from_centres(cls, centres: Any, size: tuple[int, int]) -> Traps:
        """Return traps placed by hand: centres (N, 2) as (y, x) in px, and the size to draw them in.

        Raises
        ------
        CellSimError
            If the centres are no finite pairs.
        """
        points = np.asarray(centres, np.float64).reshape(-1, 2) if np.size(centres) == 0 else centres
        points = np.asarray(points, np.float64)
        if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
            raise CellSimError(f"Centres of traps must be pairs (y, x) in px, not of shape {points.shape}.")
        return cls(points, np.full(len(points), np.nan), np.zeros(len(points)), size)

    @classmethod
    def from_rectangles(cls, rectangles: Any, size: tuple[int, int]) -> Traps:
        """Return traps at the middles of shapes (N, …, 2), such as those of a Shapes layer edited by hand."""
        return cls.from_centres(
            [np.asarray(shape, np.float64)[..., -2:].reshape(-1, 2).mean(0) for shape in rectangles], size
        )


def find_traps(image: Any, template: Any, pixel_size: float | None = None, **options: Any) -> Traps:
    """Find all traps; arguments as for `find_traps_job`."""
    return run(find_traps_job(image, template, pixel_size, **options))


def find_traps_job(
    image: Any,
    template: Any,
    pixel_size: float | None = None,
    *,
    rotation: float = 5.0,
    threshold: float = 0.4,
    token: JobToken | None = None,
) -> Generator[Event, None, Traps]:
    """Find all traps of a field of view by normalised cross-correlation.

    A first search on a coarser grid with the given template finds clear hits. The median of these, weighted by how
    much they agree, is a template without cells and with the true fringes; a second search with it decides. Every
    centre is then refined at full resolution to a fraction of a pixel.

    Parameters
    ----------
    image : array_like, (Y, X)
        The field of view.
    template : TrapTemplate, TrapGeometry or array_like (h, w)
        What a trap looks like; a drawn picture's middle is the centre of the trap.
    pixel_size : float or None
        µm per pixel of the picture; needed with a geometry.
    rotation : float
        Largest rotation of the chip either way, in degrees, 0 to 45.
    threshold : float
        Smallest score. `Traps.above` raises it later without a new search.
    token : JobToken or None
        Stops or pauses the search.

    Yields
    ------
    Progress
        One step per template that was compared.

    Returns
    -------
    Traps
        All that lie whole inside the picture.

    Raises
    ------
    CellSimError
        If the picture or template cannot be used, or rotation or threshold are out of range.
    """
    if not 0 <= rotation <= 45:
        raise CellSimError(f"The rotation of the chip must lie between 0 and 45 degrees, not {rotation}.")
    if not -1 <= threshold <= 1:
        raise CellSimError(f"The threshold is a correlation between -1 and 1, not {threshold}.")
    picture = np.asarray(image)
    if picture.ndim != 2:
        raise CellSimError(
            f"Traps are sought in one picture (Y, X), not in the shape {picture.shape}: choose a time and a plane."
        )
    offered = candidates(template, pixel_size)
    shape = offered[0].shape
    if any(n < m for n, m in zip(picture.shape, shape, strict=True)):
        raise CellSimError(
            f"The template of {shape[0]} x {shape[1]} px is larger than the picture of "
            f"{picture.shape[0]} x {picture.shape[1]} px: draw a smaller one or check the pixel size."
        )
    check_frames(picture[None], "The field of view")
    token = token or JobToken()
    steps = math.ceil(rotation / _ANGLE_STEP)
    angles = np.linspace(-rotation, rotation, 2 * steps + 1)
    tried = len(offered) if len(offered) > 1 else 0
    total = tried + len(angles) + min(len(angles), 3)
    field = _Field(picture, shape)
    fits = []
    for done in range(tried):
        yield Progress(done, total, "looking for the focus")
        fits.append(_Search(field, offered[done], np.zeros(1), token).fit())
    search = _Search(field, offered[int(np.argmax(fits))] if fits else offered[0], angles, token)
    for done in range(len(angles)):
        yield Progress(tried + done, total, "looking for traps")
        search.compare(done)
    hits = search.hits()
    learned = learn_template(field.fine, hits, search.template.weight)
    if learned is not None:
        if len(angles) > 1:
            angles = float(hits.angles[0]) + _ANGLE_STEP * np.array([-0.5, 0.0, 0.5])
        search = _Search(field, learned, angles, token)
        for done in range(len(angles)):
            yield Progress(total - len(angles) + done, total, "looking for traps with what was found")
            search.compare(done)
        hits = search.hits()
    yield Progress(total, total, "looking for traps")
    return hits.above(threshold)


class _Field:
    """The picture at full resolution and on a coarser grid, for templates of one shape."""

    def __init__(self, image: Floats, shape: tuple[int, int]) -> None:
        self.factor = max(1, min(shape) // _COARSE)
        self.fine = standardised(image)
        self.coarse = Searched(_block_mean(self.fine, self.factor))


class _Search:
    """One template at several angles on one picture."""

    def __init__(self, field: _Field, template: TrapTemplate, angles: Floats, token: JobToken) -> None:
        self.field, self.template, self.angles, self.token = field, template, angles, token
        self._coarse = template.reduced(field.factor)
        self._maps: list[Floats] = []

    def compare(self, number: int) -> None:
        self.token.check()
        self._maps.append(self.field.coarse.scores(self._coarse.turned(float(self.angles[number]))))

    def fit(self) -> float:
        """Return how well the best places fit, at the first angle alone."""
        self.compare(0)
        return float(np.median(np.sort(self._peaks()[1])[-_BEST:]))

    def _peaks(self) -> tuple[NDArray[np.intp], Floats]:
        """Return rows and columns of the coarse peaks (N, 2), and their scores; at least one."""
        from skimage.feature import peak_local_max

        highest = np.max(self._maps, 0)
        apart = max(1, min(self._coarse.shape) // 4)
        found = peak_local_max(highest, min_distance=apart, threshold_abs=_FAINTEST, exclude_border=False)
        if not len(found):
            found = np.array([np.unravel_index(int(highest.argmax()), highest.shape)])
        return found, highest[tuple(found.T)]

    def hits(self) -> Traps:
        """Return the peaks over all angles, refined at full resolution."""
        peaks, heights = self._peaks()
        angle = self._chip_angle(peaks[heights >= _LEARN_SCORE * heights.max()])
        turned = self.template.turned(angle)
        centres: list[tuple[float, float]] = []
        scores: list[float] = []
        for peak in peaks:
            self.token.check()
            found = self._refine(peak, turned)
            if found is not None:
                centres.append((found[0], found[1]))
                scores.append(found[2])
        order = _strongest(centres, scores, self.template.shape)
        return Traps(
            np.array([centres[i] for i in order], np.float64).reshape(-1, 2),
            np.array([scores[i] for i in order], np.float64),
            np.full(len(order), angle),
            self.template.shape,
        )

    def _chip_angle(self, peaks: NDArray[np.intp]) -> float:
        """Return the angle on which clear hits agree: traps are turned with the chip, not each by itself."""
        turns = []
        for row, column in peaks:
            near = (slice(max(row - 1, 0), row + 2), slice(max(column - 1, 0), column + 2))
            turns.append(best_angle(self.angles, np.array([m[near].max() for m in self._maps])))
        return float(np.median(turns))

    def _refine(self, peak: NDArray[np.intp], turned: TrapTemplate) -> tuple[float, float, float] | None:
        """Return row, column and score of a coarse peak at full resolution; None where the picture ends."""
        field, shape, margin = self.field, turned.shape, self.field.factor + 2
        window, first = [], []
        for at, small, size, length in zip(peak, self._coarse.shape, shape, field.fine.shape, strict=True):
            middle = (at + (small - 1) / 2 + 0.5) * field.factor - 0.5
            corner = round(middle - (size - 1) / 2)
            low, high = max(corner - margin, 0), min(corner + size + margin, length)
            if high - low < size:
                return None
            window.append(slice(low, high))
            first.append(low)
        y, x, score = summit(Searched(field.fine[tuple(window)]).scores(turned))
        return first[0] + y + (shape[0] - 1) / 2, first[1] + x + (shape[1] - 1) / 2, score


def _strongest(centres: list[tuple[float, float]], scores: list[float], shape: tuple[int, int]) -> list[int]:
    """Return the indices of hits that no stronger hit overlaps, from top to bottom."""
    apart = _OVERLAP * np.array(shape)
    kept: list[int] = []
    for i in sorted(range(len(scores)), key=lambda i: -scores[i]):
        away = np.abs(np.array([centres[k] for k in kept]).reshape(-1, 2) - centres[i])
        if not (away < apart).all(1).any():
            kept.append(i)
    return sorted(kept, key=lambda i: centres[i])


def learn_template(image: Floats, traps: Traps, weight: Floats) -> TrapTemplate | None:
    """Return the median picture of the best hits, weighted by how much they agree; None if they are too few.

    Parameters
    ----------
    image : ndarray, (Y, X)
        The field of view.
    traps : Traps
        Hits, however many are wrong.
    weight : ndarray, (h, w)
        How much each pixel of the new template counts at most.
    """
    few, many = _LEARN_FROM
    order = np.argsort(traps.scores)[::-1][:many]
    best = [i for i in order if traps.scores[i] >= _LEARN_SCORE * traps.scores[order[0]]]
    if len(best) < few:
        return None
    patches = np.stack([_patch(image, traps.centres[i], traps.angles[i], weight.shape) for i in best])
    patches -= np.median(patches, (1, 2), keepdims=True)
    patches /= np.maximum(patches.std((1, 2), keepdims=True), 1e-6)
    median = np.median(patches, 0)
    spread = 1.48 * np.median(np.abs(patches - median), 0)
    agreement = 1 / (spread**2 + np.median(spread) ** 2 + 1e-6)
    return TrapTemplate(median.astype(np.float32), (weight * agreement / agreement.max()).astype(np.float32))


def _patch(image: Floats, centre: Floats, degrees: float, shape: tuple[int, int]) -> Floats:
    """Sample the picture around a centre, turned back by the trap's angle."""
    y, x = (np.arange(n) - (n - 1) / 2 for n in shape)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    rows = centre[0] + c * y[:, None] - s * x[None, :]
    columns = centre[1] + s * y[:, None] + c * x[None, :]
    result: Floats = scipy.ndimage.map_coordinates(image, [rows, columns], order=1, mode="nearest")
    return result


def _block_mean(image: Floats, factor: int) -> Floats:
    if factor == 1:
        return image
    height, width = (n // factor * factor for n in image.shape)
    blocks = image[:height, :width].reshape(height // factor, factor, width // factor, factor)
    result: Floats = blocks.mean((1, 3))
    return result
