"""Training: losses, optimiser, recipes, run folders.

Whatever only describes, starts or watches a run never imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily

if TYPE_CHECKING:
    from . import labels, losses, movies, robust, unsupervised
    from .adamp import AdamP
    from .adaptation import Adapted, adapt, adapt_job
    from .augmentation_studies import augmentation_study, augmentation_study_job
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
    from .fitting import fit
    from .labelled_pictures import ClassifierData
    from .picture_changes import PictureChanges
    from .pictures import PictureConfig
    from .recipe import Recipe, RecipeConfig
    from .recipes import (
        RECIPES,
        CellGANConfig,
        CellGANRecipe,
        ClassifierConfig,
        ClassifierRecipe,
        FlowConfig,
        FlowRecipe,
        FlowUnsupervisedConfig,
        FlowUnsupervisedRecipe,
        GuidanceEncoderConfig,
        GuidanceEncoderRecipe,
        MSGGANConfig,
        MSGGANRecipe,
        SDCNetConfig,
        SDCNetRecipe,
        SegmentationConfig,
        SegmentationRecipe,
        SimVPRecipe,
        SimVPSettings,
        VAEConfig,
        VAERecipe,
    )
    from .recipes.common import DataConfig
    from .recipes.forecast_settings import sdcnet_run
    from .run import RunConfig, read_run, train, write_run
    from .run_folder import RunFolder
    from .specimen_pictures import SpecimenConfig
    from .submission import SlurmConfig, submit

_HOME = {
    "AdamP": "adamp",
    "Adapted": "adaptation",
    "BatchDivided": "events",
    "CellGANConfig": "recipes",
    "CellGANRecipe": "recipes",
    "CheckpointSaved": "events",
    "ClassifierConfig": "recipes",
    "ClassifierData": "labelled_pictures",
    "ClassifierRecipe": "recipes",
    "DataConfig": "recipes.common",
    "Finished": "events",
    "FitConfig": "config",
    "FlowConfig": "recipes",
    "FlowRecipe": "recipes",
    "FlowUnsupervisedConfig": "recipes",
    "FlowUnsupervisedRecipe": "recipes",
    "GuidanceEncoderConfig": "recipes",
    "GuidanceEncoderRecipe": "recipes",
    "MSGGANConfig": "recipes",
    "MSGGANRecipe": "recipes",
    "Paused": "events",
    "PictureChanges": "picture_changes",
    "PictureConfig": "pictures",
    "RECIPES": "recipes",
    "Recipe": "recipe",
    "RecipeConfig": "recipe",
    "Resumed": "events",
    "RunConfig": "run",
    "RunFolder": "run_folder",
    "SDCNetConfig": "recipes",
    "SDCNetRecipe": "recipes",
    "SegmentationConfig": "recipes",
    "SegmentationRecipe": "recipes",
    "SimVPRecipe": "recipes",
    "SimVPSettings": "recipes",
    "SlurmConfig": "submission",
    "SpecimenConfig": "specimen_pictures",
    "StepLogged": "events",
    "TrainEvent": "events",
    "VAEConfig": "recipes",
    "VAERecipe": "recipes",
    "Validated": "events",
    "adapt": "adaptation",
    "adapt_job": "adaptation",
    "augmentation_study": "augmentation_studies",
    "augmentation_study_job": "augmentation_studies",
    "fit": "fitting",
    "read_run": "run",
    "sdcnet_run": "recipes.forecast_settings",
    "submit": "submission",
    "train": "run",
    "write_run": "run",
}
__all__ = [
    "RECIPES",
    "AdamP",
    "Adapted",
    "BatchDivided",
    "CellGANConfig",
    "CellGANRecipe",
    "CheckpointSaved",
    "ClassifierConfig",
    "ClassifierData",
    "ClassifierRecipe",
    "DataConfig",
    "Finished",
    "FitConfig",
    "FlowConfig",
    "FlowRecipe",
    "FlowUnsupervisedConfig",
    "FlowUnsupervisedRecipe",
    "GuidanceEncoderConfig",
    "GuidanceEncoderRecipe",
    "MSGGANConfig",
    "MSGGANRecipe",
    "Paused",
    "PictureChanges",
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
    "SimVPRecipe",
    "SimVPSettings",
    "SlurmConfig",
    "SpecimenConfig",
    "StepLogged",
    "TrainEvent",
    "VAEConfig",
    "VAERecipe",
    "Validated",
    "adapt",
    "adapt_job",
    "augmentation_study",
    "augmentation_study_job",
    "fit",
    "labels",
    "losses",
    "movies",
    "read_run",
    "robust",
    "sdcnet_run",
    "submit",
    "train",
    "unsupervised",
    "write_run",
]

__getattr__ = lazily(__name__, _HOME, ("labels", "losses", "movies", "robust", "unsupervised"))
