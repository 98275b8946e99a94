"""Save a forecast or generated pictures from napari's own Save menu as one OME-TIFF."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ..base import CellSimError
from . import results
from .viewer_state import METADATA_KEY

LayerData = tuple[Any, dict[str, Any], str]


def write_forecast(path: str, layers: list[LayerData]) -> list[str]:
    """Write the forecast that the given layers belong to, with all its parts, or a layer of generated pictures.

    Parameters
    ----------
    path : str
        Ends in ``.cellsim.ome.tif``.
    layers : list of LayerData
        Layers made by the Forecast dock in this session, or one layer of generated pictures.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    CellSimError
        If the layers are no forecast, or belong to several.
    """
    kinds = [meta.get("metadata", {}).get(METADATA_KEY, {}).get("kind") for _, meta, _ in layers]
    if kinds == ["generated"]:
        from ..generation import Generated

        data, meta, _ = layers[0]
        layer = SimpleNamespace(data=data, name=meta["name"], metadata=meta["metadata"])
        return [str(Generated.from_layer(layer).save(path))]
    found = {id(forecast): forecast for forecast in map(results.forecast_of, layers) if forecast is not None}
    if len(found) != 1:
        what = "belong to several forecasts" if found else "are no forecast made in this session"
        raise CellSimError(
            f"The selected layers {what}; select the layers of one forecast or one layer of generated pictures, or use "
            "Save… in the dock that made them."
        )
    return [str(next(iter(found.values())).save(path))]
