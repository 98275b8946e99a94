"""Saving generated pictures and opening them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..data.results import read_result, write_result
from ..data.writing import Series
from .generated import Generated

_KIND = "generated"
_VERSION = 1
# field of Generated -> name of its series; axes of pictures depend on what they are
_SERIES = {
    "images": "pictures (generated)",
    "guides": "guides (measured)",
    "latents": "latents",
    "z": "z",
    "intensity": "intensity offset and gain",
}
# Pictures that are independent of each other stand on axis Q ("other"): OME has no axis for them.
_AXES = {"latents": "QYX", "z": "YX", "intensity": "QYX"}
_PLAIN = ("grid", "pixel_size", "interval", "name", "channel_names", "records", "provenance")


def save_generated(generated: Generated, path: str | Path) -> Path:
    """Write generated pictures as `Generated.save` documents."""
    arrays = {key: getattr(generated, key) for key in _SERIES if getattr(generated, key) is not None}
    series = {key: _series(generated, key, array) for key, array in arrays.items()}
    facts: dict[str, Any] = {key: getattr(generated, key) for key in _PLAIN}
    facts |= {"how": generated.kind, "noise_seeds": generated.noise_seeds.tolist()}
    return write_result(path, _KIND, _VERSION, arrays, series, facts)


def open_result(path: str | Path) -> Generated:
    """Open saved generated pictures, every array bit for bit.

    Parameters
    ----------
    path : str or pathlib.Path
        A file written by `Generated.save`.

    Returns
    -------
    Generated
        Equal to the one saved; tuples inside its provenance come back as lists.

    Raises
    ------
    CellSimError
        If the file is missing, damaged, no result of this kind, or of a later version.
    """
    arrays, block = read_result(path, _KIND, _VERSION)
    plain: dict[str, Any] = {key: block[key] for key in _PLAIN}
    plain |= {key: tuple(plain[key]) for key in ("channel_names", "records")}
    plain["grid"] = None if plain["grid"] is None else tuple(plain["grid"])
    return Generated(
        **arrays, **plain, noise_seeds=np.array(block["noise_seeds"], dtype=np.int64), kind=block["how"]
    )


def _series(generated: Generated, key: str, array: Any) -> Series:
    data = np.ascontiguousarray(array)
    name = f"{generated.name} {_SERIES[key]}"
    if key in _AXES:
        return Series(name=name, data=data, axes=_AXES[key])
    axes = "QTCYX"
    if generated.frames == 1:
        data = data[:, 0]
        axes = "TCYX" if generated.kind == "walk" else "QCYX"
    return Series(
        name=name,
        data=data,
        axes=axes,
        pixel_size=generated.pixel_size,
        interval=generated.interval if generated.frames > 1 else None,
        channel_names=generated.channel_names,
    )
