"""Guidance encoder: from a picture to the latent vector with which a finished generator draws it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, JsonValue
from torch import Tensor, nn

from ... import nets
from ...base import CellSimError
from ...models import Model, load_model
from ..pictures import PictureBatch, PictureConfig
from ..recipe import RecipeConfig
from .common import adamp, device_of, mean
from .fitting import load_fitting
from .picture_recipe import PictureRecipe
from .previews import sheet

_MEAN_CODES = 10_000  # MODELS.md §4.3
_VALIDATION = 64  # pictures, and as many codes
_CHUNK = 16  # pictures at a time
_PREVIEW = 8  # pictures per row


class GuidanceEncoderConfig(RecipeConfig):
    """Settings of `GuidanceEncoderRecipe`.

    Attributes
    ----------
    data : PictureConfig
        Real pictures, of the generator's size and number of frames.
    model : str
        Model with the finished generator and mapping network, which stay as they are.
    preset, overrides
        Encoder, see `nets.create`; size, channels, frames and latent are the generator's.
    plus : bool
        Whether to train a head for W+ too.
    start : str
        Model file whose encoder to start from, of the same or of another picture size; empty for fresh weights.
    lr, weight_decay : float
        Of AdamP (Reich 2020, §5.2.1).
    latent_weight : float
        Weight of the latent regression (eq. 5.9) beside the picture loss (eq. 5.8).
    """

    data: PictureConfig
    model: str
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    plus: bool = True
    start: str = ""
    lr: float = 1e-3
    weight_decay: float = 1e-4
    latent_weight: float = Field(1.0, ge=0)


class GuidanceEncoderRecipe(PictureRecipe):
    """Mean ``|G(E(x)) - x|`` over real and mean ``|E(G(w)) - w|`` over generated pictures (Reich 2020, §5.1.5).

    With a head for W+, half of the real pictures are drawn from there, and both heads answer for generated ones.

    Parameters
    ----------
    config : GuidanceEncoderConfig
        Settings.

    Raises
    ------
    CellSimError
        If the model has no generator, or one for other pictures.
    """

    name: ClassVar[str] = "guidance_encoder"
    averaged: ClassVar[tuple[str, ...]] = ("encoder",)
    config: GuidanceEncoderConfig

    def __init__(self, config: GuidanceEncoderConfig) -> None:
        super().__init__(config)
        self.model = _finished(config.model, config.data)
        self.generator: nn.Module = self.model.networks["cellgan"]
        self.mapping: nn.Module = self.model.networks["mapping"]
        drawn: Any = self.generator.config
        self.latent: int = drawn.latent
        shape = {name: getattr(drawn, name) for name in ("size", "channels", "frames", "latent")}
        settings = {**config.overrides, **shape, "plus": config.plus}
        encoder: Any = nets.create("cellgan_encoder", config.preset, **settings)
        self.encoder: nets.GuidanceEncoder = encoder
        if config.start:
            load_fitting(config.start, "encoder", encoder)
        else:
            with torch.no_grad():
                encoder.start_at(self.mapping(_codes(_MEAN_CODES, self.latent)).mean(0))
        self.modules["encoder"] = encoder
        self.optimisers["encoder"] = adamp(encoder.parameters(), config.lr, config.weight_decay)

    def losses(self, batch: PictureBatch, progress: float) -> dict[str, Tensor]:
        """Return the loss and its parts."""
        real = batch.images
        self._follow(real.device)
        with torch.no_grad():
            w = self.mapping(torch.randn(len(real), self.latent, device=real.device))[:, None]
            fake = self.generator(w)
        latent, offset = self.encoder.encode(torch.cat([real, fake]))
        (mine, answer) = latent.chunk(2)
        regression = (answer - w).abs().mean()
        if offset is not None:
            extra, more = offset.chunk(2)
            regression = (regression + (answer + more - w).abs().mean()) / 2
            # Every other picture, and the other ones in the next batch.
            turn = (torch.arange(len(real), device=real.device) + batch.step) % 2
            mine = mine + extra * turn[:, None, None]
        image = (self.generator(mine) - real).abs().mean()
        return {"loss": image + self.config.latent_weight * regression, "image": image, "latent": regression}

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return mean absolute errors: of held-out pictures drawn from W and W+, and of the latents of generated ones.

        Without noise, so that nothing is left to chance. "guess" is the picture error of the mean latent, which
        ignores the guide.
        """
        self._follow(device_of(self.encoder))
        spaces = {"image_w": False, "image_w_plus": True} if self.config.plus else {"image_w": False}
        found: dict[str, list[Tensor]] = {name: [] for name in (*spaces, "latent", "guess")}
        codes = _codes(_VALIDATION, self.latent).split(_CHUNK)
        centre = self._latents(_codes(_MEAN_CODES, self.latent)).mean(0, keepdim=True)
        for real in self._held_out(_VALIDATION).split(_CHUNK):
            real = real.to(device_of(self.encoder))
            for name, plus in spaces.items():
                found[name].append(self._error(self.encoder(real, plus=plus), real))
            found["guess"].append(self._error(centre.expand(len(real), -1, -1), real))
        for z in codes:
            w = self._latents(z)
            answer = self.encoder(self._draw(w), plus=self.config.plus)
            found["latent"].append((answer - w).abs().flatten(1).mean(1))
        values = {name: float(torch.cat(parts).mean()) for name, parts in found.items()}
        image = mean(values[name] for name in spaces)
        return {"loss": image + self.config.latent_weight * values["latent"], **values}

    @torch.no_grad()
    def preview(self) -> np.ndarray:
        """Return a sheet (H, W) uint8: held-out pictures, and those drawn from their W and W+."""
        self._follow(device_of(self.encoder))
        real = self._held_out(_VALIDATION)[:_PREVIEW].to(device_of(self.encoder))
        drawn = [
            self._draw(self.encoder(real, plus=plus))
            for plus in ((False, True) if self.config.plus else (False,))
        ]
        return sheet([real, *drawn])

    def _latents(self, codes: Tensor) -> Tensor:
        w: Tensor = self.mapping(codes.to(device_of(self.encoder)))[:, None]
        return w

    def _draw(self, latents: Tensor) -> Tensor:
        shapes: Any = self.generator.noise_shapes
        image: Tensor = self.generator(
            latents, [latents.new_zeros(len(latents), 1, *shape) for shape in shapes]
        )
        return image

    def _error(self, latents: Tensor, real: Tensor) -> Tensor:
        return (self._draw(latents) - real).abs().flatten(1).mean(1)

    def _follow(self, device: torch.device) -> None:
        """Bring the frozen networks, which `fit` knows nothing of, to the encoder's device."""
        if device_of(self.generator) != device:
            self.model.to(device)

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the given model with the encoder added."""
        values = self.validate()
        card = self.model.card
        about = card.model_copy(
            update={
                "metrics": {**card.metrics, "encoder": {**values}},
                "training": {
                    **card.training,
                    "encoder": self._account(training) | {"generator_hash": self.model.hash},
                },
            }
        )
        networks = {**self.model.networks, "encoder": self.encoder}
        Model(self.model.name, "cellgan", networks, about).save(path)

    def _earlier(self, training: dict[str, Any]) -> dict[str, Any]:
        # the rest of the card is about the generator's training
        encoder: dict[str, Any] = training.get("encoder", {})
        return encoder


def _codes(count: int, latent: int) -> Tensor:
    """Return always the same codes."""
    return torch.randn(count, latent, generator=torch.Generator().manual_seed(0))


def _finished(path: str, data: PictureConfig) -> Model:
    model = load_model(path)
    if model.kind != "cellgan":
        raise CellSimError(
            f"{path} is a model of kind {model.kind!r}, but a Cell-GAN is needed for its encoder."
        )
    config: Any = model.networks["cellgan"].config
    asked = (data.size, data.frames, 1)
    if (config.size, config.frames, config.channels) != asked:
        raise CellSimError(
            f"The generator of {path} draws {config.frames} frame(s) of {config.size} px in {config.channels} "
            f"channel(s), but the pictures for its encoder have {asked[1]} of {asked[0]} px in one; make them equal."
        )
    for network in model.networks.values():
        network.requires_grad_(False)
    return model
