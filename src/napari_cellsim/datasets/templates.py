"""What the trap finder looks for: a picture of a trap, drawn by the user, rendered from its geometry, or learned."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts are imported on first use, none when a dock opens
from numpy.typing import NDArray

from ..base import CellSimError
from ..data.trap_geometry import TrapGeometry

Floats = NDArray[np.floating[Any]]

_SMALLEST = 8  # px; less cannot be told from noise
_MARGIN = 1.5  # µm of surroundings that belong to a rendered template
_WALL = 0.3  # µm around a pillar that count fully
_AWAY = 0.1  # weight of what lies further away and is free for cells
_FOCI = (-4.0, -3.0, -2.2, -1.5, -0.8, 0.0, 0.8, 1.5, 2.2, 3.0, 4.0)  # µm


@dataclass(frozen=True)
class TrapTemplate:
    """A picture of one trap whose middle is the trap's centre.

    Parameters
    ----------
    picture : ndarray, (h, w)
        Intensities, any unit.
    weight : ndarray, (h, w)
        How much each pixel counts, not negative.
    """

    picture: Floats
    weight: Floats

    def __post_init__(self) -> None:
        shape = self.picture.shape
        if self.picture.ndim != 2 or min(shape) < _SMALLEST:
            raise CellSimError(
                f"The template of a trap has the shape {shape}, but it must be a picture of at least "
                f"{_SMALLEST} x {_SMALLEST} px: draw a larger rectangle."
            )
        if not np.isfinite(self.picture).all():
            raise CellSimError("The template of a trap holds values that are not numbers: draw it elsewhere.")
        seen = self.picture[self.weight > 0]
        if seen.size == 0 or np.ptp(seen) == 0:
            raise CellSimError("The template of a trap is of one brightness: draw it around a trap.")

    @classmethod
    def from_picture(cls, picture: Any) -> TrapTemplate:
        """Take a picture (h, w) of one trap, best an empty one, with the trap's centre in its middle.

        Raises
        ------
        CellSimError
            If it is no picture, smaller than 8 px, not finite or of one brightness.
        """
        light = np.asarray(picture, np.float32)
        return cls(light, np.ones_like(light))

    @classmethod
    def from_region(cls, image: Any, region: tuple[int, int, int, int]) -> TrapTemplate:
        """Cut the rectangle (y0, y1, x0, x1) in px out of a picture (Y, X).

        Raises
        ------
        CellSimError
            If the rectangle leaves the picture, and as in `from_picture`.
        """
        y0, y1, x0, x1 = (int(v) for v in region)
        height, width = np.shape(image)
        if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
            raise CellSimError(
                f"The rectangle of rows {y0}-{y1} and columns {x0}-{x1} around the trap does not lie inside the "
                f"picture of {height} rows and {width} columns: draw it again."
            )
        return cls.from_picture(np.asarray(image)[y0:y1, x0:x1])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width, px."""
        return int(self.picture.shape[0]), int(self.picture.shape[1])

    def turned(self, degrees: float) -> TrapTemplate:
        """Return the template turned counter-clockwise about its middle, in a frame of the same size."""
        if degrees == 0:
            return self
        turn = {"angle": degrees, "reshape": False, "order": 1}
        picture = scipy.ndimage.rotate(self.picture, mode="nearest", **turn)
        weight = scipy.ndimage.rotate(self.weight, mode="constant", cval=0.0, **turn)
        return TrapTemplate(picture, np.maximum(weight, 0))

    def reduced(self, factor: int) -> TrapTemplate:
        """Return the template on pixels `factor` times as large, its middle kept."""
        if factor == 1:
            return self
        # samples symmetric about the middle, so that the centre stays in the middle
        axes = [
            (np.arange(size := max(1, n // factor)) - (size - 1) / 2) * factor + (n - 1) / 2
            for n in self.shape
        ]
        grid = list(np.meshgrid(*axes, indexing="ij"))
        smooth = [
            scipy.ndimage.uniform_filter(part, factor, mode="nearest") for part in (self.picture, self.weight)
        ]
        if factor % 2 == 0:  # then a block's mean stands half a pixel behind the block's middle
            grid = [at + 0.5 for at in grid]
        picture, weight = (
            scipy.ndimage.map_coordinates(part, grid, order=1, mode="nearest") for part in smooth
        )
        return TrapTemplate(picture.astype(np.float32), np.maximum(weight, 0).astype(np.float32))


def render_series(geometry: TrapGeometry, pixel_size: float) -> list[TrapTemplate]:
    """Render an empty trap in bright field at several foci, because fringes change with focus.

    The middle of each template is the centre of the geometry.

    Parameters
    ----------
    geometry : TrapGeometry
        The pillars.
    pixel_size : float
        µm per pixel of the picture to be searched.

    Raises
    ------
    CellSimError
        If the pixel size is not between 0.02 and 1 µm, or so large that the trap has less than 8 px.
    """
    from ..phantom.config import PhantomConfig
    from ..phantom.grid import Grid
    from ..phantom.optics import BrightField
    from ..phantom.raster import Raster
    from ..phantom.scene import Snapshot

    if not 0.02 <= pixel_size <= 1.0:
        raise CellSimError(
            f"The pixel size must lie between 0.02 and 1 µm for a trap to be rendered, not {pixel_size}."
        )
    trap = geometry.moved((0.0, 0.0))
    half = (max(-trap.top, trap.bottom) + _MARGIN, trap.half_width + _MARGIN)
    shape = (2 * round(half[0] / pixel_size) + 1, 2 * round(half[1] / pixel_size) + 1)
    config = PhantomConfig().changed(chip={"debris": 0.0, "wall_roughness": 0.0})
    grid = Grid.of(shape, pixel_size, config)
    drawn = Raster(config, grid, [trap], np.random.default_rng(0)).draw(
        Snapshot((), (0.0, 0.0), frozenset()), 0.0
    )
    pictures = BrightField(config, grid).image(drawn.phase, drawn.absorption, list(_FOCI))
    distance = trap.distance_map(shape, pixel_size)
    weight = np.where(distance < _WALL, 1.0, _AWAY).astype(np.float32)
    return [TrapTemplate(picture, weight) for picture in pictures]


def candidates(template: Any, pixel_size: float | None) -> list[TrapTemplate]:
    """Return what the user gave as templates to choose from: a `TrapTemplate`, a `TrapGeometry`, or a picture (h, w).

    Raises
    ------
    CellSimError
        If a geometry is given without a pixel size, and as in `TrapTemplate` and `render_series`.
    """
    if isinstance(template, TrapTemplate):
        return [template]
    if isinstance(template, TrapGeometry):
        if pixel_size is None:
            raise CellSimError(
                "A trap's geometry is given in µm, but the pixel size of the picture is unknown: state pixel_size."
            )
        return render_series(template, pixel_size)
    return [TrapTemplate.from_picture(template)]
