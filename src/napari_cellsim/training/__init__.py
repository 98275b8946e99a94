"""Training: losses, optimiser, recipes, run folders."""

from __future__ import annotations

from . import losses, robust
from .adamp import AdamP
from .events import CheckpointSaved, Finished, Paused, Resumed, StepLogged, TrainEvent, Validated
from .fit import FitConfig, fit
from .recipe import Recipe, RecipeConfig
from .recipes import (
    RECIPES,
    FlowConfig,
    FlowRecipe,
    SDCNetConfig,
    SDCNetRecipe,
    SegmentationConfig,
    SegmentationRecipe,
)
from .recipes.common import DataConfig
from .run import RunConfig, read_run, train, write_run
from .run_folder import RunFolder

__all__ = [
    "RECIPES",
    "AdamP",
    "CheckpointSaved",
    "DataConfig",
    "Finished",
    "FitConfig",
    "FlowConfig",
    "FlowRecipe",
    "Paused",
    "Recipe",
    "RecipeConfig",
    "Resumed",
    "RunConfig",
    "RunFolder",
    "SDCNetConfig",
    "SDCNetRecipe",
    "SegmentationConfig",
    "SegmentationRecipe",
    "StepLogged",
    "TrainEvent",
    "Validated",
    "fit",
    "losses",
    "read_run",
    "robust",
    "train",
    "write_run",
]
