"""Forecast the next frames of a time-lapse with SDC-Net++.

Nothing here imports torch until a forecast is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from ..models.hardware import choose_device, devices
    from .cost import Estimate, estimate
    from .files import open_result
    from .forecast import Forecast
    from .layers import paste
    from .prediction import FrameReady, calibration_warnings, forecast_job, predict
    from .uncertainty import half_width, interval_factor

_HOME = {
    "Estimate": "cost",
    "Forecast": "forecast",
    "FrameReady": "prediction",
    "calibration_warnings": "prediction",
    "choose_device": ".models.hardware",
    "devices": ".models.hardware",
    "estimate": "cost",
    "forecast_job": "prediction",
    "half_width": "uncertainty",
    "interval_factor": "uncertainty",
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
    "half_width",
    "interval_factor",
    "open_result",
    "paste",
    "predict",
]

__getattr__ = lazily(__name__, _HOME)
