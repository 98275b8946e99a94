"""Generated pictures as a napari layer, and back."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from .generated import COLOURS, WHITE, Generated

LayerData = tuple[Any, dict[str, Any], str]

_KEY = "napari_cellsim"


def layers_of(generated: Generated) -> list[LayerData]:
    """Return what `Generated.to_layers` documents."""
    _, frames, channels = generated.images.shape[:3]
    size, interval = generated.pixel_size, generated.interval
    axes = [("t" if generated.kind == "walk" else "picture", 1.0, "pixel")]
    if frames > 1:
        axes.append(("t", interval or 1.0, "minute" if interval else "pixel"))
    if channels > 1 and not generated.colour:
        axes.append(("c", 1.0, "pixel"))
    axes += [(side, size or 1.0, "micrometer" if size else "pixel") for side in "yx"]
    labels, scale, units = (tuple(entry) for entry in zip(*axes, strict=True))
    options = {
        "name": f"{generated.name} (generated)",
        "scale": scale,
        "units": units,
        "axis_labels": _distinct(labels),
        **display_of(generated.images, generated.colour),
        "metadata": {_KEY: _block(generated)},
    }
    return [(pixels_of(generated.images, generated.colour), options, "image")]


def pixels_of(images: NDArray[np.float32], colour: bool) -> NDArray[np.float32]:
    """Return pictures (…, T, C, Y, X) as a layer holds them.

    Parameters
    ----------
    images : numpy.ndarray
        In intensity units.
    colour : bool
        Whether the channels are red, green and blue, from 0 to 255.

    Returns
    -------
    numpy.ndarray
        Without T and C where they have length 1; colour (…, T, Y, X, 3) from 0 to 1, as napari wants it.
    """
    if colour:
        images = np.clip(np.moveaxis(images, -3, -1) / np.float32(WHITE), 0, 1)
        return images[..., 0, :, :, :] if images.shape[-4] == 1 else images
    axes = tuple(axis for axis in (-4, -3) if images.shape[axis] == 1)
    return images.squeeze(axes)


def display_of(images: NDArray[np.float32], colour: bool) -> dict[str, Any]:
    """Return the options of a napari image layer that shows pictures in grey or in colour."""
    return {"rgb": True} if colour else {"colormap": "gray", "contrast_limits": _limits(images)}


def fields_of(layer: Any) -> dict[str, Any]:
    """Return the fields of `Generated` that a layer of `layers_of` stands for.

    Raises
    ------
    CellSimError
        As `Generated.from_layer` documents.
    """
    block = (getattr(layer, "metadata", None) or {}).get(_KEY)
    if not isinstance(block, dict) or block.get("kind") != "generated":
        raise CellSimError(
            f"The layer '{getattr(layer, 'name', layer)}' holds no generated pictures: generate some, or open a "
            "saved result."
        )
    values = {key: block[key] for key in _KEPT}
    shape, data = tuple(block["shape"]), np.asarray(layer.data, dtype=np.float32)
    if tuple(block["channel_names"]) == COLOURS and data.shape[-1:] == (len(COLOURS),):
        data = np.moveaxis(data, -1, -3) * np.float32(WHITE)
    if tuple(n for n in data.shape if n > 1) != tuple(n for n in shape if n > 1):
        raise CellSimError(
            f"The layer '{layer.name}' has the shape {data.shape}, but its latents belong to pictures of the shape "
            f"{shape}: use the layer as it was generated."
        )
    return {"images": data.reshape(shape), "kind": block["how"], **values}


# "kind" of the block says what the layer is, as in every layer of the house, so the kind of Generated is its "how".
_KEPT = [one.name for one in fields(Generated) if one.name not in ("images", "kind")]


def _block(generated: Generated) -> dict[str, Any]:
    block = {"kind": "generated", "how": generated.kind, "shape": generated.images.shape}
    return block | {key: getattr(generated, key) for key in _KEPT}


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    # a walk of sequences has two times, and napari wants each label once
    return ("walk", *labels[1:]) if labels[0] in labels[1:] else labels


def _limits(values: Any) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return low, high if high > low else low + 1.0
