"""Forecast the next frames of a time-lapse with SDC-Net++.

Nothing here imports torch until a forecast is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cost import Estimate, estimate
    from .devices import choose_device, devices
    from .files import open_result
    from .forecast import Forecast
    from .layers import paste
    from .prediction import FrameReady, forecast_job, predict

_HOME = {
    "Estimate": "cost",
    "Forecast": "forecast",
    "FrameReady": "prediction",
    "choose_device": "devices",
    "devices": "devices",
    "estimate": "cost",
    "forecast_job": "prediction",
    "open_result": "files",
    "paste": "layers",
    "predict": "prediction",
}
__all__ = [
    "Estimate",
    "Forecast",
    "FrameReady",
    "choose_device",
    "devices",
    "estimate",
    "forecast_job",
    "open_result",
    "paste",
    "predict",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value
