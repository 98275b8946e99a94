"""Training: losses, optimiser, recipes, run folders."""

from __future__ import annotations

from . import losses, robust
from .adamp import AdamP
from .config import FitConfig
from .events import (
    BatchDivided,
    CheckpointSaved,
    Finished,
    Paused,
    Resumed,
    StepLogged,
    TrainEvent,
    Validated,
)
from .fit import fit
from .pictures import PictureConfig
from .recipe import Recipe, RecipeConfig
from .recipes import (
    RECIPES,
    CellGANConfig,
    CellGANRecipe,
    FlowConfig,
    FlowRecipe,
    GuidanceEncoderConfig,
    GuidanceEncoderRecipe,
    SDCNetConfig,
    SDCNetRecipe,
    SegmentationConfig,
    SegmentationRecipe,
    VAEConfig,
    VAERecipe,
)
from .recipes.common import DataConfig
from .run import RunConfig, read_run, train, write_run
from .run_folder import RunFolder
from .submission import SlurmConfig, submit

__all__ = [
    "RECIPES",
    "AdamP",
    "BatchDivided",
    "CellGANConfig",
    "CellGANRecipe",
    "CheckpointSaved",
    "DataConfig",
    "Finished",
    "FitConfig",
    "FlowConfig",
    "FlowRecipe",
    "GuidanceEncoderConfig",
    "GuidanceEncoderRecipe",
    "Paused",
    "PictureConfig",
    "Recipe",
    "RecipeConfig",
    "Resumed",
    "RunConfig",
    "RunFolder",
    "SDCNetConfig",
    "SDCNetRecipe",
    "SegmentationConfig",
    "SegmentationRecipe",
    "SlurmConfig",
    "StepLogged",
    "TrainEvent",
    "VAEConfig",
    "VAERecipe",
    "Validated",
    "fit",
    "losses",
    "read_run",
    "robust",
    "submit",
    "train",
    "write_run",
]
