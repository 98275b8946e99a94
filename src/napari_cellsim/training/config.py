"""Settings of a training run that every recipe shares: budget, checkpoints, precision, device."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["float32", "bfloat16"]


class FitConfig(BaseModel):
    """How long and how to train.

    Attributes
    ----------
    steps, images, epochs, minutes : int, int, float, float
        Budget: optimiser steps, samples shown, passes over as many samples as there are, time without pauses. The run
        ends when the first of them is used up. 0 for no limit; one must be set. A run without a budget in minutes is
        exactly repeatable.
    log_every, validate_every, checkpoint_every : int
        Steps between these; 0 for never (a checkpoint is always written at the end, and after the best validation so
        far).
    keep : int
        Newest checkpoints to keep, beside the one with the best validation.
    export : {"last", "best"}
        Which weights become the finished model: those at the end, or those with the best validation.
    patience : int
        Validations in a row without a better one after which the run ends early; 0 for never.
    average : float
        Decay of the running average of the weights that is validated and exported; 0 for none.
    precision : {"float32", "bfloat16"}
        The latter computes matrix products in bfloat16 (autocast), for graphics cards.
    accumulate : int
        Micro-batches that each batch is worked through in, to save memory; the optimiser sees the same batch. Doubled
        by itself whenever the memory is full.
    device : str
        Where to train: "cpu", "cuda:0", "mps" or "auto".
    threads : int
        CPU threads of torch; 0 leaves them alone.
    loaders : int
        Threads that prepare batches ahead.
    seed : int
        Seed of torch; the data has its own in the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(0, ge=0)
    images: int = Field(0, ge=0)
    epochs: float = Field(0, ge=0)
    minutes: float = Field(0, ge=0)
    log_every: int = Field(20, ge=1)
    validate_every: int = Field(0, ge=0)
    checkpoint_every: int = Field(200, ge=0)
    keep: int = Field(2, ge=1)
    export: Literal["last", "best"] = "last"
    patience: int = Field(0, ge=0)
    average: float = Field(0.0, ge=0, lt=1)
    precision: Precision = "float32"
    accumulate: int = Field(1, ge=1)
    device: str = "cpu"
    threads: int = Field(0, ge=0)
    loaders: int = Field(1, ge=1)
    seed: int = 0
