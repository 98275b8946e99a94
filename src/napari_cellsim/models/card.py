"""What a model says about itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, field_validator, model_validator
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

# Raised whenever an older program could not read a newer file correctly. 2: cards may hold a calibration.
FORMAT_VERSION = 2


class Partner(TypedDict):
    """A model that another one was trained with."""

    name: str
    hash: str


class Calibration(BaseModel):
    """How large the errors of a model really were at one horizon, in units of the scale that it predicted.

    Parameters
    ----------
    horizon : int
        Steps ahead, from 1.
    levels : list of float
        Probabilities between 0 and 1, rising.
    factors : list of float
        One for each level: on validation sequences ``|error| / scale`` stayed below ``factors[i]`` with probability
        ``levels[i]``.

    Raises
    ------
    ValidationError
        If there is not one factor for each level, or one of them falls.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizon: int = Field(ge=1)
    levels: list[FiniteFloat] = Field(min_length=1)
    factors: list[FiniteFloat] = Field(min_length=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if len(self.levels) != len(self.factors):
            raise ValueError(f"there are {len(self.levels)} levels and {len(self.factors)} factors")
        if not all(a < b for a, b in pairwise([0.0, *self.levels, 1.0])):
            raise ValueError(f"the levels {self.levels} do not rise between 0 and 1")
        if not all(a <= b for a, b in pairwise([0.0, *self.factors])):
            raise ValueError(f"the factors {self.factors} are negative or fall")
        return self


class Shrinkage(BaseModel):
    """How far mean forecasts of one horizon are trusted, fitted to the past of one movie.

    Parameters
    ----------
    horizon : int
        Steps ahead, from 1.
    weight : float
        Share of the network's frame, 0 to 1; the rest is the last frame seen, blurred.
    blur : float
        Standard deviation in px of the model's grid.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    horizon: int = Field(ge=1)
    weight: float = Field(ge=0, le=1)
    blur: float = Field(ge=0)


class ModelCard(BaseModel):
    """Facts about a model for its users and for the programs that prepare its input.

    Parameters
    ----------
    description : str
        What the model is for, one or two sentences.
    trained_on : str
        Training data.
    pixel_size : float or None
        µm per px of the training data.
    interval : float or None
        Minutes between frames of the training data.
    modality : str
        Kind of microscopy, e.g. "brightfield".
    normalisation : str or dict
        How intensities were brought to about [0, 1].
    metrics : dict
        Measured accuracy, JSON values under free names.
    partners : dict
        Models this one was trained with, by role: ``{"flow": {"name": ..., "hash": ...}}``.
    licence : str
        Terms of the weights.
    training : dict
        Provenance of the training: recipe, seed, steps, versions, ... as JSON values.
    input_size : (int, int) or None
        Height and width in px of the training pictures; one number stands for a square.
    calibration : list of Calibration
        Of the uncertainty that the model predicts, for the horizons 1, 2, ...; empty if it was never calibrated.
    shrinkage : list of Shrinkage
        Of mean forecasts, for the horizons 1, 2, ...; empty but for models that were adapted to a movie.
    format_version : int
        Version of the file the card came from.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    description: str = ""
    trained_on: str = ""
    pixel_size: float | None = Field(None, gt=0)
    interval: float | None = Field(None, gt=0)
    modality: str = ""
    normalisation: str | dict[str, JsonValue] = ""
    metrics: dict[str, JsonValue] = {}
    partners: dict[str, Partner] = {}
    licence: str = ""
    training: dict[str, JsonValue] = {}
    input_size: tuple[int, int] | None = None
    calibration: list[Calibration] = []
    shrinkage: list[Shrinkage] = []
    format_version: int = FORMAT_VERSION

    @field_validator("input_size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value

    @field_validator("calibration", "shrinkage")
    @classmethod
    def _every_horizon(cls, value: list[Any]) -> list[Any]:
        horizons = [entry.horizon for entry in value]
        if horizons != list(range(1, len(value) + 1)):
            raise ValueError(f"the horizons must be 1, 2, ... in this order, not {horizons}")
        return value

    def zoom(self, pixel_size: float | None) -> float:
        """Return how many px of the training data a pixel of `pixel_size` µm spans; 1 where either is unknown."""
        return pixel_size / self.pixel_size if pixel_size and self.pixel_size else 1.0
