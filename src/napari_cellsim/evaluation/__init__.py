"""Metrics, baselines and studies: how good a forecast is, and against what.

Metrics and baselines never import torch; `evaluate` does, because it forecasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from . import baselines, metrics
    from .bootstrap import bootstrap_interval, ratio_interval
    from .comparison import Comparison, compare_sequences
    from .curves import ErrorCurve, error_curve
    from .features import domain_features, segment_pictures
    from .figure import draw_figure
    from .forecast_study import assess, evaluate
    from .generative import DistributionReport, compare_distributions, plausible
    from .pairing import PairedTest, compare_models
    from .report import Report

_HOME = {
    "Comparison": "comparison",
    "DistributionReport": "generative",
    "ErrorCurve": "curves",
    "PairedTest": "pairing",
    "Report": "report",
    "assess": "forecast_study",
    "bootstrap_interval": "bootstrap",
    "compare_distributions": "generative",
    "compare_models": "pairing",
    "compare_sequences": "comparison",
    "domain_features": "features",
    "draw_figure": "figure",
    "error_curve": "curves",
    "evaluate": "forecast_study",
    "plausible": "generative",
    "ratio_interval": "bootstrap",
    "segment_pictures": "features",
}
__all__ = [
    "Comparison",
    "DistributionReport",
    "ErrorCurve",
    "PairedTest",
    "Report",
    "assess",
    "baselines",
    "bootstrap_interval",
    "compare_distributions",
    "compare_models",
    "compare_sequences",
    "domain_features",
    "draw_figure",
    "error_curve",
    "evaluate",
    "metrics",
    "plausible",
    "ratio_interval",
    "segment_pictures",
]

__getattr__ = lazily(__name__, _HOME, ("baselines", "metrics"))
