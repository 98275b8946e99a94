"""Metrics, baselines and studies: how good a forecast is, and against what.

Metrics and baselines never import torch; `evaluate` does, because it forecasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from . import baselines, metrics
    from .accuracies import (
        AccuracyTest,
        Summary,
        compare_accuracies,
        runs_needed,
        two_way_interval,
        welch_test,
    )
    from .assessment import Answer, Assessment
    from .assessment_results import AssessmentResult
    from .augmentation_results import Arm, AugmentationStudy
    from .bootstrap import bootstrap_interval, ratio_interval
    from .calibrating import calibrate
    from .calibration import coverage, coverage_by_horizon, crps, diversity, energy_score, fit_calibration
    from .class_assessment import ClassAssessment
    from .comparison import Comparison, compare_sequences
    from .curves import ErrorCurve, error_curve
    from .features import domain_features, segment_pictures
    from .figure import draw_figure
    from .forecast_study import assess, evaluate
    from .generative import DistributionReport, compare_distributions, plausible
    from .generator_results import Distances, GeneratorStudy
    from .generator_study import evaluate_generator, evaluate_generator_job
    from .movie_study import MovieStudy, default_start, evaluate_movies, evaluate_movies_job
    from .pairing import PairedTest, compare_models
    from .recognition import Recognition, UncertainCase, class_probabilities, recognise, uncertain_cases
    from .report import Report
    from .study import check_suffix

_HOME = {
    "AccuracyTest": "accuracies",
    "Answer": "assessment",
    "Arm": "augmentation_results",
    "Assessment": "assessment",
    "AssessmentResult": "assessment_results",
    "AugmentationStudy": "augmentation_results",
    "ClassAssessment": "class_assessment",
    "Comparison": "comparison",
    "Distances": "generator_results",
    "DistributionReport": "generative",
    "ErrorCurve": "curves",
    "GeneratorStudy": "generator_results",
    "MovieStudy": "movie_study",
    "PairedTest": "pairing",
    "Recognition": "recognition",
    "Report": "report",
    "Summary": "accuracies",
    "UncertainCase": "recognition",
    "assess": "forecast_study",
    "bootstrap_interval": "bootstrap",
    "calibrate": "calibrating",
    "check_suffix": "study",
    "class_probabilities": "recognition",
    "compare_accuracies": "accuracies",
    "compare_distributions": "generative",
    "compare_models": "pairing",
    "compare_sequences": "comparison",
    "coverage": "calibration",
    "coverage_by_horizon": "calibration",
    "crps": "calibration",
    "default_start": "movie_study",
    "diversity": "calibration",
    "domain_features": "features",
    "draw_figure": "figure",
    "energy_score": "calibration",
    "error_curve": "curves",
    "evaluate": "forecast_study",
    "evaluate_generator": "generator_study",
    "evaluate_generator_job": "generator_study",
    "evaluate_movies": "movie_study",
    "evaluate_movies_job": "movie_study",
    "fit_calibration": "calibration",
    "plausible": "generative",
    "ratio_interval": "bootstrap",
    "recognise": "recognition",
    "runs_needed": "accuracies",
    "segment_pictures": "features",
    "two_way_interval": "accuracies",
    "uncertain_cases": "recognition",
    "welch_test": "accuracies",
}
__all__ = [
    "AccuracyTest",
    "Answer",
    "Arm",
    "Assessment",
    "AssessmentResult",
    "AugmentationStudy",
    "ClassAssessment",
    "Comparison",
    "Distances",
    "DistributionReport",
    "ErrorCurve",
    "GeneratorStudy",
    "MovieStudy",
    "PairedTest",
    "Recognition",
    "Report",
    "Summary",
    "UncertainCase",
    "assess",
    "baselines",
    "bootstrap_interval",
    "calibrate",
    "check_suffix",
    "class_probabilities",
    "compare_accuracies",
    "compare_distributions",
    "compare_models",
    "compare_sequences",
    "coverage",
    "coverage_by_horizon",
    "crps",
    "default_start",
    "diversity",
    "domain_features",
    "draw_figure",
    "energy_score",
    "error_curve",
    "evaluate",
    "evaluate_generator",
    "evaluate_generator_job",
    "evaluate_movies",
    "evaluate_movies_job",
    "fit_calibration",
    "metrics",
    "plausible",
    "ratio_interval",
    "recognise",
    "runs_needed",
    "segment_pictures",
    "two_way_interval",
    "uncertain_cases",
    "welch_test",
]

__getattr__ = lazily(__name__, _HOME, ("baselines", "metrics"))
