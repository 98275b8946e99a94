"""Save the layers of a forecast from napari's own Save menu as one OME-TIFF."""

from __future__ import annotations

from typing import Any

from ..base import CellSimError
from . import results

LayerData = tuple[Any, dict[str, Any], str]


def write_forecast(path: str, layers: list[LayerData]) -> list[str]:
    """Write the forecast that the given layers belong to, with all its parts, whichever of them are selected.

    Parameters
    ----------
    path : str
        Ends in ``.cellsim.ome.tif``.
    layers : list of LayerData
        Layers made by the Forecast dock in this session.

    Returns
    -------
    list of str
        The file written.

    Raises
    ------
    CellSimError
        If the layers are no forecast, or belong to several.
    """
    found = {id(forecast): forecast for forecast in map(results.forecast_of, layers) if forecast is not None}
    if len(found) != 1:
        what = "belong to several forecasts" if found else "are no forecast made in this session"
        raise CellSimError(
            f"The selected layers {what}; select the layers of one forecast, or use Save… in the Forecast dock."
        )
    return [str(next(iter(found.values())).save(path))]
