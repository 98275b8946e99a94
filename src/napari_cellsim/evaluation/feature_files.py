"""Features of pictures with the name of what made them: numbers of two extractors never compare."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken
from .features import domain_features
from .recognition import class_names, classifier_features

if TYPE_CHECKING:
    from ..models import Model

PREPROCESSING = (
    "each picture scaled by its own 0.1 and 99.9 percentiles, resampled bicubically to {size} µm per px"
)


@dataclass(frozen=True, eq=False)
class Features:
    """Features of one set of pictures.

    Attributes
    ----------
    values : array (N, D)
    extractor, preprocessing : str
        What made them, and of what: named wherever a number made from them is.
    """

    values: npt.NDArray[Any]
    extractor: str
    preprocessing: str

    @property
    def identity(self) -> tuple[str, str]:
        """Extractor and preprocessing; features are comparable if these are the same."""
        return self.extractor, self.preprocessing


def of_pictures(
    images: npt.NDArray[Any],
    pixel_size: float | None = None,
    model: str | Model = "unet-lite",
    token: JobToken | None = None,
    device: str = "auto",
) -> Features:
    """Describe pictures by what a network of ours sees in them, with its name.

    Parameters
    ----------
    images, pixel_size, token
        As for `domain_features`; photographs (N, C, Y, X) uint8 for a classifier.
    model : str or Model
        The bundled domain encoder or another segmentation network; or a classifier of specimens, for photographs.
    device : str
        Where a classifier computes.
    """
    from ..models import load_model

    chosen = load_model(model) if isinstance(model, str) else model
    name = f"{chosen.name} ({chosen.hash[:12]})"
    if chosen.kind == "classifier":
        values = classifier_features(chosen, images, device=device, token=token)
        known = ", ".join(class_names(chosen))
        what = "means" if chosen.network.backbone else "means and maxima"
        made_by = f"{name}, classifier of {known}: {what} of its last maps, {values.shape[1]} features"
        kind = {1: "grey", 3: "colour"}[images.shape[1]]
        return Features(
            values, made_by, f"{kind} photographs of {images.shape[2]} px, intensities as they are"
        )
    values = domain_features(images, pixel_size, chosen, token)
    size = chosen.card.pixel_size if pixel_size and chosen.card.pixel_size else "the pictures' own"
    return Features(
        values,
        f"{name}, mean and deviation of the bottleneck, {values.shape[1]} features",
        PREPROCESSING.format(size=size),
    )


def read_array(path: str | Path, what: str) -> npt.NDArray[np.float64]:
    """Read numbers (N, D) that the user brings, from .npy, or .npz with one array.

    Parameters
    ----------
    path : path
    what : str
        What they are, for error messages.

    Raises
    ------
    CellSimError
        If the file holds no such array. Nothing is unpickled.
    """
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found:
                names = found.files
                if len(names) != 1:
                    raise CellSimError(
                        f"{path} holds {len(names)} arrays ({', '.join(names)}): save the {what} alone."
                    )
                found = found[names[0]]
        values = np.asarray(found, dtype=np.float64)
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise CellSimError(f"The {what} {path} cannot be read as .npy or .npz: {error}.") from error
    if values.ndim != 2 or 0 in values.shape or not np.isfinite(values).all():
        raise CellSimError(
            f"The {what} {path} must be finite numbers (N, D), one row per picture, not an array of the shape "
            f"{values.shape}."
        )
    return values
