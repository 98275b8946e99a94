"""What is to be trained, in values that may cross into another thread: no layer, no viewer, no widget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..training.config import FitConfig
from ..training.describing import Catalogue
from .forecast_request import LayerSnapshot
from .train_choices import TrainChoice

STORE, LAYERS, SIMULATED = "a dataset or folder", "layers of this viewer", "simulated cells"
FIT_DEFAULTS: dict[str, Any] = {
    "device": "auto",
    "log_every": 5,
    "validate_every": 100,
    "checkpoint_every": 100,
    "average": 0.99,
}
"""Where the dock differs from `FitConfig`: curves and previews often, checkpoints every few minutes."""


@dataclass(frozen=True)
class DataRequest:
    """Where the training data comes from.

    Attributes
    ----------
    source : str
        `STORE`, `LAYERS` or `SIMULATED`.
    folder : str
        Crop store or folder of training sequences.
    movie, labels : LayerSnapshot or None
        Layers to learn from.
    trap_label : int or None
        Label of the trap, if it is labelled.
    channel, plane : int
        Which pictures of the movie layer.
    pixel_size, interval : float or None
        What the user typed, in µm and minutes; None keeps what the layer says.
    number, size : int
        Simulated movies to make, and their side in px.
    photographs : dict
        How photographs of specimens are read: settings of the recipe's data.
    classes : tuple of str
        Classes of specimens to learn; empty for all.
    each : bool
        Whether every class gets a model of its own, one after the other.
    """

    source: str
    folder: str = ""
    movie: LayerSnapshot | None = None
    labels: LayerSnapshot | None = None
    trap_label: int | None = None
    channel: int = 0
    plane: int = 0
    pixel_size: float | None = None
    interval: float | None = None
    number: int = 0
    size: int = 256
    photographs: dict[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    each: bool = False


@dataclass(frozen=True)
class TrainRequest:
    """Everything that decides a training.

    Attributes
    ----------
    choice : TrainChoice
        What to train.
    run : Path
        Run folder to be made.
    data : DataRequest
        What to learn from.
    preset : str
        Size of the network.
    stage : str
        Value of the setting `stage`; "" for a recipe without stages.
    start : str
        Model or run folder to start from; "" for fresh weights.
    generator : str
        Finished generator, where one is needed.
    budget : dict
        One of minutes, epochs, images, steps.
    device : str
        Where to train.
    settings, fit : dict
        What was changed in the advanced settings; they win over everything else.
    """

    choice: TrainChoice
    run: Path
    data: DataRequest
    preset: str
    stage: str
    start: str
    generator: str
    budget: dict[str, float]
    device: str
    settings: dict[str, Any] = field(default_factory=dict)
    fit: dict[str, Any] = field(default_factory=dict)

    def run_settings(self, folder: Path, catalogue: Catalogue) -> dict[str, Any]:
        """Return the recipe's settings for data that lies in `folder`."""
        suggested = suggestion(catalogue, self.choice, self.preset, self.stage)
        known = catalogue.schemas.get(self.choice.recipe, {}).get("properties", {})
        data = {"folder": str(folder), **self.data.photographs}
        if self.data.classes:
            data["classes"] = list(self.data.classes)
        own: dict[str, Any] = {"data": data, "preset": self.preset}
        if "model_name" in known:
            own["model_name"] = self.run.name
        if self.stage:
            own["stage"] = self.stage
        if self.start:
            own["start"] = self.start
        if self.choice.generator:
            own["model"] = self.generator
        return merged(suggested, self.choice.settings, own, self.settings)

    def fit_config(self) -> FitConfig:
        """Return budget, device and the rest."""
        return FitConfig.model_validate(
            merged(FIT_DEFAULTS, self.choice.fit, dict(self.budget), {"device": self.device}, self.fit)
        )


def suggestion(catalogue: Catalogue, choice: TrainChoice, preset: str, stage: str) -> dict[str, Any]:
    """Return the settings that a preset suggests for a stage, those of the data included."""
    found = catalogue.stages.get(preset, {}).get(stage, {}) if choice.stages else {}
    settings = {name: value for name, value in found.get("settings", {}).items() if name != "model_name"}
    return merged(settings, {"data": found["data"]} if "data" in found else {})


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings laid over each other, the last one on top."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            below = result.get(name)
            both = isinstance(below, dict) and isinstance(value, Mapping)
            result[name] = merged(below or {}, value) if both else value
    return result
