"""Models: networks with their card, in one file; bundled ones, one's own, and foreign weights.

Nothing here imports torch before a network is needed.
"""

from __future__ import annotations

from .card import FORMAT_VERSION, Calibration, ModelCard, Partner, Shrinkage
from .importers import import_weights
from .model import Model
from .registry import ModelEntry, list_models, load_model, resolve_partner, store, user_model_folder

__all__ = [
    "FORMAT_VERSION",
    "Calibration",
    "Model",
    "ModelCard",
    "ModelEntry",
    "Partner",
    "Shrinkage",
    "import_weights",
    "list_models",
    "load_model",
    "resolve_partner",
    "store",
    "user_model_folder",
]
