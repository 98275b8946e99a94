"""Variational autoencoder: the baseline beside Cell-GAN."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, JsonValue
from torch import Tensor

from ... import nets
from ...models import Model
from ...nets.vae import kl_divergence
from ..pictures import PictureBatch, PictureConfig
from ..recipe import RecipeConfig
from .common import device_of, mean
from .fitting import load_fitting
from .picture_recipe import PictureRecipe
from .previews import sheet

_VALIDATION = 128  # pictures
_CHUNK = 16  # pictures at a time
_PREVIEW = 8  # pictures per row


class VAEConfig(RecipeConfig):
    """Settings of `VAERecipe`.

    Attributes
    ----------
    data : PictureConfig
        Pictures.
    preset, overrides
        Network, see `nets.create`; its size and frames are those of `data`.
    start : str
        Model file to start from, of the same or of another picture size; empty for fresh weights.
    lr : float
        Of Adam (Reich 2020, appendix 9.1).
    kl : float
        Weight of the divergence of the codes from the standard normal distribution; 1 for the evidence lower bound of
        pixels with unit variance.
    model_name : str
        Name of the resulting model.
    """

    data: PictureConfig
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    lr: float = 1e-4
    kl: float = Field(1.0, ge=0)
    model_name: str = "vae-lite"


class VAERecipe(PictureRecipe):
    """Reconstruction and divergence, as negative log-likelihood per pixel (Kingma and Welling, ICLR 2014, eq. 10).

    Parameters
    ----------
    config : VAEConfig
        Settings.
    """

    name: ClassVar[str] = "vae"
    config: VAEConfig

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        shape = {"size": config.data.size, "frames": config.data.frames}
        network: Any = nets.create("vae", config.preset, **{**config.overrides, **shape})
        if config.start:
            load_fitting(config.start, "vae", network)
        self.network: nets.ResidualVAE = network
        self.modules["network"] = network
        self.optimisers["network"] = torch.optim.Adam(network.parameters(), config.lr)

    def losses(self, batch: PictureBatch, progress: float) -> dict[str, Tensor]:
        """Return the loss per pixel, and its parts: mean squared error, and divergence in nats per picture."""
        images = batch.images
        picture, code, log_variance = self.network(images)
        error = (picture - images).square().mean()
        divergence = kl_divergence(code, log_variance).mean()
        loss = error / 2 + self.config.kl * divergence / images[0].numel()
        return {"loss": loss, "mse": error, "kl": divergence}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the losses on held-out pictures, decoded from the mean of their codes."""
        self.network.eval()
        try:
            chunks = self._held_out(_VALIDATION).split(_CHUNK)
            found = [self.losses(PictureBatch(c, 0).to(device_of(self.network)), 1.0) for c in chunks]
        finally:
            self.network.train()
        weights = [len(chunk) / mean(map(len, chunks)) for chunk in chunks]
        return {
            name: mean(w * float(values[name]) for w, values in zip(weights, found, strict=True))
            for name in ("loss", "mse", "kl")
        }

    @torch.no_grad()
    def preview(self) -> np.ndarray:
        """Return a sheet (H, W) uint8: held-out pictures, their reconstructions, and samples of fixed codes."""
        device = device_of(self.network)
        real = self._held_out(_VALIDATION)[:_PREVIEW].to(device)
        source = torch.Generator().manual_seed(0)
        codes = torch.randn(_PREVIEW, self.network.config.latent, generator=source)
        self.network.eval()
        rows = [real, self.network(real)[0], self.network.decode(codes.to(device))[: len(real)]]
        self.network.train()
        return sheet(rows)

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model."""
        values: dict[str, JsonValue] = {**self.validate()}
        about = self.config.data.card(
            self._pictures,
            description="Variational autoencoder of pictures of trapped yeast: the baseline beside Cell-GAN.",
            metrics=values,
            training=self._account(training),
        )
        Model(self.config.model_name, "vae", {"vae": self.network}, about).save(path)
