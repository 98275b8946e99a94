"""Hand a generated picture to the Forecast dock as the start of a movie."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Layer

from ..models import ModelEntry
from ..models.header import read_header
from . import model_list
from .opening import movie_layers
from .other_dock import open_dock

if TYPE_CHECKING:
    from ..generation import Generated

_USUAL = 3  # frames that a forecast reads where no model says


def hand_over(viewer: Any, pictures: Generated, index: int) -> tuple[Image, str]:
    """Add a movie made of one generated picture and choose it in the Forecast dock, which is opened if need be.

    A sequence of several frames is a true start. A picture of one moment is repeated as often as the forecasting model
    reads frames, so that the forecast begins from a trap in which nothing has moved yet.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the movie goes.
    pictures : Generated
        The pictures.
    index : int
        Which of them.

    Returns
    -------
    Image
        The movie's layer; of several channels the first one's.
    str
        What was done, one or two sentences.
    """
    dock = open_dock(viewer, "Forecast")
    entry = next(
        (one for one in model_list.available("sdcnet") if model_list.key_of(one) == dock.model), None
    )
    movie = pictures.as_timelapse(index)
    frames, interval = _wishes(entry)
    if movie.n_times > 1:
        note = f"The {movie.n_times} generated frames are the start of a movie for the Forecast dock."
    else:
        movie = replace(
            movie,
            frames=np.repeat(np.asarray(movie.frames), frames, axis=0),
            interval=movie.interval or interval,
            name=movie.name.replace("(generated)", f"(generated, repeated {frames} times)"),
        )
        note = (
            f"The model generates single moments, so the picture is repeated {frames} times: the forecast starts from "
            "a trap at rest."
        )
    source = {"pictures": pictures.name, "picture": index, "repeated": pictures.frames == 1}
    source |= {"model": pictures.provenance.get("model", {}), "noise_seed": int(pictures.noise_seeds[index])}
    made = [
        (data, meta | {"metadata": {"generated_from": source}}, kind)
        for data, meta, kind in movie_layers(movie)
    ]
    layer, *_ = (viewer.add_layer(Layer.create(*one)) for one in made)
    # the Forecast dock forecasts from the frame that the slider shows
    axis = viewer.dims.ndim - layer.ndim
    viewer.dims.set_point(axis, float(layer.translate[0] + layer.scale[0] * (movie.n_times - 1)))
    dock.layer = layer
    return layer, note


def _wishes(entry: ModelEntry | None) -> tuple[int, float | None]:
    """Return how many frames a forecasting model reads, and the minutes between them that it was trained with."""
    if entry is None:
        return _USUAL, None
    network = read_header(Path(entry.path)).content.networks["sdcnet"]
    return int(network.config["frames"]), entry.card.interval
