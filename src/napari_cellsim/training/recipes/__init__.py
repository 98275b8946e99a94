"""Training procedures, by the name they have in ``run.toml``."""

from __future__ import annotations

from .cellgan import CellGANConfig, CellGANRecipe
from .classifier import ClassifierConfig, ClassifierRecipe
from .flow import FlowConfig, FlowRecipe
from .flow_unsupervised import FlowUnsupervisedConfig, FlowUnsupervisedRecipe
from .forecast import SDCNetRecipe
from .forecast_settings import SDCNetConfig
from .guidance_encoder import GuidanceEncoderConfig, GuidanceEncoderRecipe
from .msggan import MSGGANConfig, MSGGANRecipe
from .segmentation import SegmentationConfig, SegmentationRecipe
from .simvp import SimVPRecipe, SimVPSettings
from .vae import VAEConfig, VAERecipe

RECIPES = {
    "segmentation": (SegmentationConfig, SegmentationRecipe),
    "flow": (FlowConfig, FlowRecipe),
    "flow_unsupervised": (FlowUnsupervisedConfig, FlowUnsupervisedRecipe),
    "sdcnet": (SDCNetConfig, SDCNetRecipe),
    "simvp": (SimVPSettings, SimVPRecipe),
    "cellgan": (CellGANConfig, CellGANRecipe),
    "msggan": (MSGGANConfig, MSGGANRecipe),
    "classifier": (ClassifierConfig, ClassifierRecipe),
    "guidance_encoder": (GuidanceEncoderConfig, GuidanceEncoderRecipe),
    "vae": (VAEConfig, VAERecipe),
}

__all__ = [
    "RECIPES",
    "CellGANConfig",
    "CellGANRecipe",
    "ClassifierConfig",
    "ClassifierRecipe",
    "FlowConfig",
    "FlowRecipe",
    "FlowUnsupervisedConfig",
    "FlowUnsupervisedRecipe",
    "GuidanceEncoderConfig",
    "GuidanceEncoderRecipe",
    "MSGGANConfig",
    "MSGGANRecipe",
    "SDCNetConfig",
    "SDCNetRecipe",
    "SegmentationConfig",
    "SegmentationRecipe",
    "SimVPRecipe",
    "SimVPSettings",
    "VAEConfig",
    "VAERecipe",
]
