"""What is to be cropped, kept beside the store, so that an interrupted one can be continued after a restart."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data import atomic_path
from .finding import Traps
from .locating import Located
from .own_files import reading
from .store import unfinished
from .tracking import Track


@dataclass(frozen=True)
class CropOrder:
    """Everything that `crop_job` needs but the pictures.

    Parameters
    ----------
    experiment : pathlib.Path
        Folder or file of the experiment.
    pattern : str or None
        For the names of its files.
    pixel_size, interval : float or None
        What the user stated, in µm and minutes.
    size : tuple of int
        Height and width of the crops, px.
    located : tuple of Located
        Traps and drift of each position.
    """

    experiment: Path
    pattern: str | None
    pixel_size: float | None
    interval: float | None
    size: tuple[int, int]
    located: tuple[Located, ...]

    def save(self, out: Path) -> None:
        """Write it beside the store `out` as ``STORE.traps.json``.

        Raises
        ------
        CellSimError
            If it cannot be written.
        """
        content = {
            "experiment": str(self.experiment),
            "pattern": self.pattern,
            "pixel_size": self.pixel_size,
            "interval": self.interval,
            "size": self.size,
            "located": [_as_json(place) for place in self.located],
        }
        path = order_path(out)
        try:
            with atomic_path(path) as temporary:
                temporary.write_text(json.dumps(content), encoding="utf-8")
        except OSError as error:
            raise CellSimError(
                f"{path.name} cannot be written ({error.strerror or error}): free some space or choose another folder."
            ) from error

    @classmethod
    def open(cls, out: Path) -> CropOrder:
        """Read the order of a store.

        Raises
        ------
        CellSimError
            If it is missing or damaged.
        """
        path = order_path(out)
        advice = "find the traps again and choose another name"
        missing = (
            f"What was to be cropped into {out.name} is not known, because {path.name} is missing: {advice}."
        )
        with reading(path, "", advice, missing):
            content = json.loads(path.read_text(encoding="utf-8"))
            height, width = content["size"]
            return cls(
                Path(content["experiment"]),
                content["pattern"],
                content["pixel_size"],
                content["interval"],
                (int(height), int(width)),
                tuple(_from_json(values) for values in content["located"]),
            )


def order_path(out: Path) -> Path:
    """Return where the order of a store lies: beside it."""
    return out.with_name(out.stem + ".traps.json")


def interrupted(out: Path) -> bool:
    """Return whether a store was begun and not finished, and its order is known."""
    return not out.exists() and unfinished(out).is_dir() and order_path(out).is_file()


def _as_json(place: Located) -> dict[str, Any]:
    traps, track = place.traps, place.track
    return {
        "position": place.position,
        "size": traps.size,
        "centres": traps.centres.tolist(),
        "scores": _without_nan(traps.scores),
        "angles": traps.angles.tolist(),
        "reference": track.reference,
        "shifts": track.shifts.tolist(),
        "fits": _without_nan(track.scores),
    }


def _from_json(values: dict[str, Any]) -> Located:
    height, width = values["size"]
    traps = Traps(
        np.array(values["centres"], np.float64).reshape(-1, 2),
        np.array(values["scores"], np.float64),
        np.array(values["angles"], np.float64),
        (int(height), int(width)),
    )
    shifts = np.array(values["shifts"], np.float64).reshape(-1, 2)
    return Located(
        values["position"], traps, Track(shifts, np.array(values["fits"], np.float64), values["reference"])
    )


def _without_nan(scores: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isnan(score) else score for score in scores.tolist()]
