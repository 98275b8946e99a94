"""In-silico time-lapse microscopy inside napari.

The functions below are the stable scripting interface. They are imported on first use, so that
``import napari_cellsim`` costs nothing and never imports torch.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from .base.lazy import lazily

try:
    __version__ = version("napari-cellsim")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

if TYPE_CHECKING:
    from . import data, datasets, evaluation, forecasting, generation, models, nets, ops, phantom, training
    from .data import TimeLapse, TrapGeometry, open_timelapse
    from .evaluation import evaluate
    from .forecasting import Forecast, predict
    from .generation import Generated, encode, generate
    from .models import Model, list_models, load_model
    from .training import Adapted, adapt, train

# name -> module that defines it
_VERBS = {
    "open_timelapse": "data",
    "TimeLapse": "data",
    "TrapGeometry": "data",
    "load_model": "models",
    "list_models": "models",
    "Model": "models",
    "predict": "forecasting",
    "Forecast": "forecasting",
    "generate": "generation",
    "encode": "generation",
    "Generated": "generation",
    "evaluate": "evaluation",
    "adapt": "training",
    "Adapted": "training",
    "train": "training",
}
_ROOMS = (
    "data",
    "datasets",
    "evaluation",
    "forecasting",
    "generation",
    "models",
    "nets",
    "ops",
    "phantom",
    "training",
)

__all__ = [
    "Adapted",
    "Forecast",
    "Generated",
    "Model",
    "TimeLapse",
    "TrapGeometry",
    "__version__",
    "adapt",
    "data",
    "datasets",
    "encode",
    "evaluate",
    "evaluation",
    "forecasting",
    "generate",
    "generation",
    "list_models",
    "load_model",
    "models",
    "nets",
    "open_result",
    "open_timelapse",
    "ops",
    "phantom",
    "predict",
    "train",
    "training",
]


def open_result(path: str | Path) -> Forecast | Generated:
    """Open a saved result of CellSim, whichever kind it is.

    Parameters
    ----------
    path : str or pathlib.Path
        A file written by `Forecast.save` or `Generated.save`.

    Returns
    -------
    Forecast or Generated
        Equal to what was saved, every array bit for bit.

    Raises
    ------
    CellSimError
        If the file is missing, damaged, no result of CellSim, or of a later version.
    """
    from .data.results import result_kind

    if result_kind(path) == "generated":
        from .generation.files import open_result as open_generated

        return open_generated(path)
    from .forecasting.files import open_result as open_forecast

    return open_forecast(path)


__getattr__ = lazily(__name__, _VERBS, _ROOMS)


def __dir__() -> list[str]:
    return sorted(__all__)
