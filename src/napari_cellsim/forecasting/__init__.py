"""Forecast the next frames of a time-lapse with SDC-Net++.

Nothing here imports torch until a forecast is made.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..models.hardware import choose_device, devices
    from .cost import Estimate, estimate
    from .files import open_result
    from .forecast import Forecast
    from .layers import paste
    from .prediction import FrameReady, calibration_warnings, forecast_job, predict

_HOME = {
    "Estimate": "cost",
    "Forecast": "forecast",
    "FrameReady": "prediction",
    "calibration_warnings": "prediction",
    "choose_device": ".models.hardware",
    "devices": ".models.hardware",
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
    "calibration_warnings",
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
