"""Training procedures, by the name they have in ``run.toml``."""

from __future__ import annotations

from .cellgan import CellGANConfig, CellGANRecipe
from .flow import FlowConfig, FlowRecipe
from .forecast import SDCNetConfig, SDCNetRecipe
from .segmentation import SegmentationConfig, SegmentationRecipe

RECIPES = {
    "segmentation": (SegmentationConfig, SegmentationRecipe),
    "flow": (FlowConfig, FlowRecipe),
    "sdcnet": (SDCNetConfig, SDCNetRecipe),
    "cellgan": (CellGANConfig, CellGANRecipe),
}

__all__ = [
    "RECIPES",
    "CellGANConfig",
    "CellGANRecipe",
    "FlowConfig",
    "FlowRecipe",
    "SDCNetConfig",
    "SDCNetRecipe",
    "SegmentationConfig",
    "SegmentationRecipe",
]
