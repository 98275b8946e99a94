"""What is to be evaluated, in values that may cross into another thread: no layer, no viewer, no widget."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from .forecast_request import LayerSnapshot

Source = LayerSnapshot | Path


@dataclass(frozen=True)
class ForecastStudyRequest:
    """Everything that decides how well models forecast.

    Attributes
    ----------
    movies : tuple of LayerSnapshot or Path
        Each counts as one sequence; a store of crops counts as as many as it holds.
    models : tuple of str or Path
        Names or files; the first is tested against the others.
    at : tuple of int
        Last visible frames; empty for the one that leaves `steps` true frames.
    steps : int
        Frames to predict.
    judge : str or Path
        "model", "none", or the name or file of a segmentation network.
    labels : LayerSnapshot or None
        True cells of the one movie.
    channel, plane : int
        Which of the movies is forecast.
    pixel_size : float or None
        µm, where the user typed it.
    device : str
        As for `forecasting.devices`.
    threads : int
        Processor threads; 0 leaves it to torch.
    mode, samples, seed
        As for a forecast.
    """

    movies: tuple[Source, ...]
    models: tuple[str | Path, ...]
    at: tuple[int, ...] = ()
    steps: int = 5
    judge: str | Path = "model"
    labels: LayerSnapshot | None = None
    channel: int = 0
    plane: int = 0
    pixel_size: float | None = None
    device: str = "auto"
    threads: int = 0
    mode: Literal["mean", "sample"] = "mean"
    samples: int = 1
    seed: int = 0


@dataclass(frozen=True)
class GeneratorStudyRequest:
    """Everything that decides how good generated pictures are.

    Attributes
    ----------
    real : tuple of LayerSnapshot or Path
        Real pictures, every frame one.
    model : str or Path
        Name or file of a generating model.
    n, seed : int
        Pictures to generate, and their seed.
    truncation : float
        From 0 to 1.
    channel, plane : int
        Of the real pictures.
    pixel_size : float or None
        µm of the real pictures, where the user typed it.
    classifier : str, Path or None
        Name or file of a classifier of specimens, for photographs.
    device, threads
        As for forecasts.
    """

    real: tuple[Source, ...]
    model: str | Path
    n: int = 256
    seed: int = 0
    truncation: float = 1.0
    channel: int = 0
    plane: int = 0
    pixel_size: float | None = None
    classifier: str | Path | None = None
    device: str = "auto"
    threads: int = 0


@dataclass(frozen=True)
class BlindRequest:
    """Everything that decides a blind test.

    Attributes
    ----------
    folder : Path
        Where it is to live.
    real : tuple of LayerSnapshot or Path
        Real pictures, every frame one.
    generated : Any
        A `Generated`; None if the models are to draw pictures.
    models : tuple of str or Path
        Names or files of the generating models, several of one class of specimens each; of a `Generated` what made it,
        if that is known.
    each : int
        Pictures of each kind.
    seed : int
        Of drawing and order, and of the pictures of a model.
    classes : tuple of str
        What an assessor chooses among; may be empty.
    truth : Path or None
        Table of true classes, see `evaluation.class_files`.
    pixel_size : float or None
        µm of the real pictures, where the user typed it.
    device, threads
        As for forecasts.
    """

    folder: Path
    real: tuple[Source, ...]
    generated: Any
    models: tuple[str | Path, ...] = ()
    each: int = 30
    seed: int = 0
    classes: tuple[str, ...] = field(default=())
    truth: Path | None = None
    pixel_size: float | None = None
    device: str = "auto"
    threads: int = 0


@dataclass(frozen=True)
class AugmentationRequest:
    """Everything that decides whether generated pictures help a classifier.

    Attributes
    ----------
    real : Path
        Folder with a folder of real pictures per class.
    generated : tuple of Path
        One folder with a folder of generated pictures per class, or generators, one per class.
    per_class : tuple of int
        How many generated pictures of each class to add, each on its own.
    initialisations : int
        Trainings of each kind.
    steps : int
        Longest training.
    photographs : dict
        How the pictures are read: size, channels, fit, background, and split if one is to be kept to.
    seed : int
        Of the first initialisation and of generated pictures.
    folder : Path or None
        Where to keep the trainings.
    device : str
        As for forecasts.
    """

    real: Path
    generated: tuple[Path, ...]
    per_class: tuple[int, ...]
    initialisations: int
    steps: int
    photographs: dict[str, Any]
    seed: int = 0
    folder: Path | None = None
    device: str = "auto"
