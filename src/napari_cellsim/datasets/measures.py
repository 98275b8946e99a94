"""Automatic measures of every frame, by which sequences are kept or dropped."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy  # its parts are imported on first use, none when a dock opens
from numpy.typing import NDArray

from ..base import CellSimError, Clock, Event, JobToken
from ..data import atomic_path, fit_scale
from .own_files import reading
from .store import CropStore
from .timewindows import Window

if TYPE_CHECKING:
    from ..models import Model

TYPICAL_CELL = 18.0
"""µm², area of a grown yeast cell (radius 2.4 µm, BNID 101796)."""

_OF_INTEREST, _AUXILIARY = 2, 3
_LEAST_TRAPPED = 3.0  # µm²; a smaller patch is no trapped cell
_REACH = 5.5  # µm from the middle of the crop; a cell further away is not in the trap
_BATCH = 8  # frames segmented at once
_DETAIL = 0.15  # µm, scale of the detail by which focus is measured


@dataclass(frozen=True)
class Measures:
    """Measures of one sequence, one number per frame.

    Parameters
    ----------
    cells : tuple of int
        Number of cells.
    area : tuple of float
        Area of all cells, µm².
    trapped : tuple of float
        Area of the cell in the trap, µm²: the largest patch of that class whose middle lies within 5.5 µm of the
        crop's.
    focus : tuple of float
        Fine detail: standard deviation of the Laplacian at 0.15 µm of the frame, whose range in the sequence is 1.
    difference : tuple of float
        Mean absolute difference to the frame before on the same scale; 0 for the first.
    """

    cells: tuple[int, ...]
    area: tuple[float, ...]
    trapped: tuple[float, ...]
    focus: tuple[float, ...]
    difference: tuple[float, ...]


@dataclass(frozen=True)
class MeasureTable:
    """Measures of all sequences of a store.

    Parameters
    ----------
    sequences : dict of str to Measures
        By the id of the sequence.
    model : str
        The segmentation model and its hash.
    channel, plane : int
        Where it was measured.
    """

    sequences: dict[str, Measures]
    model: str
    channel: int
    plane: int

    @cached_property
    def typical(self) -> dict[str, float]:
        """Median of focus and difference over all frames of the store but the first ones."""
        rows = self.sequences.values()
        found = {
            "focus": [v for row in rows for v in row.focus[1:]],
            "difference": [v for row in rows for v in row.difference[1:]],
        }
        return {name: float(np.median(values)) if values else 0.0 for name, values in found.items()}

    def summary(self, window: Window) -> dict[str, float]:
        """Return what rules look at.

        Returns
        -------
        dict
            most_cells, fewest_cells
                Over the frames.
            trapped
                Share of frames with a cell in the trap.
            focus
                Fine detail of the least sharp frame, over the store's median.
            flush
                Largest change of the cells' area from frame to frame beyond the sequence's steady growth, in cells
                of typical size.
            jump
                Largest difference between frames, over the store's median.
        """
        own = self.sequences[window.sequence]
        times = slice(window.start, window.stop)
        area, difference = np.array(own.area[times]), np.array(own.difference[times])
        growth = float(np.median(np.diff(own.area))) if len(own.area) > 1 else 0.0
        changes = np.abs(np.diff(area) - growth) / TYPICAL_CELL
        return {
            "most_cells": float(max(own.cells[times])),
            "fewest_cells": float(min(own.cells[times])),
            "trapped": float(np.mean(np.array(own.trapped[times]) >= _LEAST_TRAPPED)),
            "focus": _ratio(min(own.focus[times]), self.typical["focus"]),
            "flush": float(changes.max()) if changes.size else 0.0,
            "jump": _ratio(difference[1:].max() if len(difference) > 1 else 0.0, self.typical["difference"]),
        }

    def save(self, path: Path) -> None:
        """Write the table as JSON, whole or not at all."""
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def open(cls, path: Path) -> MeasureTable:
        """Read a table.

        Raises
        ------
        CellSimError
            If it is missing or damaged.
        """
        missing = f"There are no measures {path}: measure the store first."
        with reading(path, "The measures", "measure the store again", missing):
            content = json.loads(path.read_text(encoding="utf-8"))
            rows = {
                name: Measures(**{key: tuple(values) for key, values in row.items()})
                for name, row in content.pop("sequences").items()
            }
            return cls(rows, **content)


def _ratio(value: float, typical: float) -> float:
    return float(value) / typical if typical > 0 else 1.0


def measures_path(store: CropStore) -> Path:
    """Return where the measures of a store lie: beside it."""
    return store.path.with_name(store.path.stem + ".measures.json")


def measure_job(
    store: CropStore,
    model: Model | str = "unet-lite",
    *,
    channel: int = 0,
    plane: int | None = None,
    device: str = "auto",
    token: JobToken | None = None,
) -> Generator[Event, None, MeasureTable]:
    """Measure every frame of a store, and keep the table beside it.

    Parameters
    ----------
    store : CropStore
        The crops.
    model : Model or str
        Segmentation network.
    channel : int
        Bright-field channel.
    plane : int or None
        Focal plane; None: the middle one.
    device : str
        Where to compute.
    token : JobToken or None
        Stops or pauses between batches of frames.

    Yields
    ------
    Progress
        One step per sequence.

    Returns
    -------
    MeasureTable
        Also written to ``STORE.measures.json``.

    Raises
    ------
    CellSimError
        If the pixel size is unknown, or channel, plane or model cannot be used.
    """
    from ..models import load_model

    network = load_model(model) if isinstance(model, str) else model
    if network.kind != "unet":
        raise CellSimError(
            f"The model {network.name} is no segmentation network: choose one such as unet-lite."
        )
    if store.pixel_size is None:
        raise CellSimError(
            f"The pixel size of {store.path.name} is unknown, so cells cannot be measured: crop again with pixel_size."
        )
    token = token or JobToken()
    chosen = store.sequences[0].shape[2] // 2 if plane is None else plane
    segment = _Segmenter(network, store.pixel_size, device)
    clock = Clock(len(store), "measuring cells and focus")
    yield clock.progress()
    rows = {}
    for sequence in store.sequences:
        frames = store.timelapse(sequence.id).array(channel=channel, plane=chosen)
        rows[sequence.id] = _measure(frames, segment, store.pixel_size, token)
        yield clock.progress(1)
    table = MeasureTable(rows, f"{network.name} {network.hash[:12]}", channel, chosen)
    table.save(measures_path(store))
    return table


def _measure(frames: NDArray[np.float32], segment: _Segmenter, pixel: float, token: JobToken) -> Measures:
    scaled = fit_scale(frames).forward(frames)
    classes = []
    for first in range(0, len(scaled), _BATCH):
        token.check()
        classes += list(segment(scaled[first : first + _BATCH]))
    cells = [(c == _OF_INTEREST) | (c == _AUXILIARY) for c in classes]
    blur = max(1.0, _DETAIL / pixel)
    before = [scaled[0], *scaled[:-1]]
    return Measures(
        cells=tuple(count_cells(mask, pixel) for mask in cells),
        area=tuple(round(float(mask.sum()) * pixel**2, 3) for mask in cells),
        trapped=tuple(_trapped_area(c == _OF_INTEREST, pixel) for c in classes),
        focus=tuple(float(f"{scipy.ndimage.gaussian_laplace(frame, blur).std():.4g}") for frame in scaled),
        difference=tuple(
            float(f"{np.abs(now - last).mean():.4g}") for now, last in zip(scaled, before, strict=True)
        ),
    )


def _trapped_area(mask: NDArray[np.bool_], pixel_size: float) -> float:
    patches, count = scipy.ndimage.label(mask)
    if count == 0:
        return 0.0
    numbers = np.arange(1, count + 1)
    middles = np.array(scipy.ndimage.center_of_mass(mask, patches, numbers))
    away = np.hypot(*(middles - (np.array(mask.shape) - 1) / 2).T) * pixel_size
    areas = scipy.ndimage.sum_labels(mask, patches, numbers) * pixel_size**2
    return round(float(areas[away <= _REACH].max(initial=0.0)), 3)


def count_cells(mask: NDArray[np.bool_], pixel_size: float) -> int:
    """Count cells in a mask (Y, X) of all cells, telling touching ones apart by their middles."""
    return len(cell_middles(mask, pixel_size))


def cell_middles(mask: NDArray[np.bool_], pixel_size: float) -> NDArray[np.int64]:
    """Return the middles (N, 2) of the cells in a mask (Y, X) of all cells, as row and column.

    A middle is a place at least 0.7 µm away from the outline and further than anything within 1.2 µm.
    """
    from skimage.feature import peak_local_max

    depth = scipy.ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] * pixel_size
    depth = scipy.ndimage.gaussian_filter(depth, 0.25 / pixel_size) * mask
    apart = max(1, round(1.2 / pixel_size))
    middles: NDArray[np.int64] = peak_local_max(
        depth, min_distance=apart, threshold_abs=0.7, exclude_border=False
    )
    return middles


class _Segmenter:
    """Classes (N, Y, X) of frames (N, Y, X) on the frames' own grid."""

    def __init__(self, model: Model, pixel_size: float, device: str) -> None:
        from ..models.hardware import choose_device

        self._device = choose_device(device)
        self._network = model.network.to(self._device).eval()
        trained = model.card.pixel_size
        self._zoom = pixel_size / trained if trained else 1.0

    def __call__(self, frames: NDArray[np.float32]) -> NDArray[Any]:
        import torch
        from torch.nn.functional import interpolate

        height, width = frames.shape[1:]
        size = (max(1, round(height * self._zoom)), max(1, round(width * self._zoom)))
        with torch.inference_mode():
            images = torch.from_numpy(frames)[:, None].to(self._device)
            if size != (height, width):
                images = interpolate(images, size=size, mode="bicubic", align_corners=False, antialias=True)
            scores = self._network(images)
            if size != (height, width):
                scores = interpolate(scores, size=(height, width), mode="bilinear", align_corners=False)
            found: NDArray[Any] = scores.argmax(1).byte().cpu().numpy()
        return found
