"""Open files, folders and saved forecasts away from the GUI thread, as napari layer data tuples."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..base import CellSimError, JobToken

LayerData = tuple[Any, dict[str, Any], str]
MODEL_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Opened:
    """What was found at a path.

    Attributes
    ----------
    layers : list of LayerData
        To be added to the viewer, lowest first.
    forecast : Forecast or None
        The saved forecast, if it was one.
    models : list of Path
        Model files, to be put on the list.
    """

    layers: list[LayerData] = field(default_factory=list)
    forecast: Any = None
    models: list[Path] = field(default_factory=list)


def open_paths(paths: list[Path], token: JobToken) -> Opened:
    """Open one movie, saved forecast or model, or several single pictures that make one movie.

    Parameters
    ----------
    paths : list of Path
        One file or folder, or several TIFF files.
    token : JobToken
        To cancel.

    Raises
    ------
    CellSimError
        If it is none of these.
    """
    from ..data import open_timelapse
    from ..data.results import result_kind

    models = [path for path in paths if path.suffix == MODEL_SUFFIX]
    if models:
        return Opened(models=models)
    if not paths:
        raise CellSimError("Nothing was chosen; choose a TIFF file, a folder of TIFFs or a saved forecast.")
    token.check()
    if len(paths) > 1:
        return Opened(layers=movie_layers(open_timelapse(paths)))
    kind = result_kind(paths[0])
    if kind is not None:
        from .. import open_result

        result = open_result(paths[0])
        return Opened(layers=result.to_layers(), forecast=result if kind == "forecast" else None)
    return Opened(layers=movie_layers(open_timelapse(paths[0])))


def movie_layers(movie: Any) -> list[LayerData]:
    """Return one image layer per channel of a TimeLapse, calibrated, axes (T, Y, X) or (T, Z, Y, X)."""
    from ..data import default_placement
    from ..data.axes import from_tczyx

    axes = "TZYX" if movie.n_planes > 1 else "TYX"
    place = default_placement(axes, movie.pixel_size, movie.interval, movie.z_step, movie.origin)
    layers = []
    for channel, name in enumerate(movie.channel_names):
        meta = {
            "name": movie.name if movie.n_channels == 1 else f"{movie.name} {name}",
            "scale": place.scale,
            "translate": place.translate,
            "units": place.units,
            "axis_labels": place.axis_labels,
            "blending": "translucent" if channel == 0 else "additive",
        }
        layers.append((from_tczyx(movie.frames[:, channel : channel + 1], axes), meta, "image"))
    return layers
