"""What a model says about itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator
from typing_extensions import TypedDict  # pydantic asks for this one before Python 3.12

# Raised whenever an older program could not read a newer file correctly.
FORMAT_VERSION = 1


class Partner(TypedDict):
    """A model that another one was trained with."""

    name: str
    hash: str


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
    format_version: int = FORMAT_VERSION

    @field_validator("input_size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        return (value, value) if isinstance(value, int) else value
