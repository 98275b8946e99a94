"""MSG-GAN: a generator that draws every scale against a critic that sees every scale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from pydantic import Field, JsonValue, model_validator
from torch import Tensor

from ...models import Model
from ...nets.msggan.layers import Reduction, pyramid
from .. import adversarial
from ..duality import duality_gap
from ..pictures import PictureBatch
from ..recipe import RecipeConfig
from ..specimen_pictures import SpecimenConfig
from .common import device_of
from .fitting import load_fitting
from .msggan_watch import ScaleChange
from .picture_recipe import PictureRecipe
from .previews import scale_sheet

_SAMPLES = 128  # pictures per validation
_CHUNK = 16  # pictures at a time
_WATCHED = 32  # pictures whose change is followed
_SHOWN = 8  # columns of the preview
_HELD_OUT = 256  # pictures that the duality gap is measured on


@dataclass(frozen=True)
class CodedBatch(PictureBatch):
    """Pictures, and the latent vectors of as many generated ones: the same for both networks.

    Attributes
    ----------
    images : Tensor
        (B, C, size, size) in [-1, 1].
    step : int
        Step of the training.
    codes : Tensor
        (B, D), drawn from N(0, 1).
    """

    codes: Tensor

    def to(self, device: torch.device | str) -> CodedBatch:
        """Return the batch on another device."""
        return replace(self, images=self.images.to(device), codes=self.codes.to(device))

    def part(self, rows: slice) -> CodedBatch:
        """Return some of the samples."""
        return replace(self, images=self.images[rows], codes=self.codes[rows])


class MSGGANConfig(RecipeConfig):
    """Settings of `MSGGANRecipe`; the defaults are the thesis' (Østmo 2020, §4.2 and its published code).

    Attributes
    ----------
    data : SpecimenConfig
        Pictures.
    preset, overrides
        Networks, see `nets.create`; a setting goes to each network that has it. Size and channels are those of `data`.
    start : str
        Model file to start from, of the same or another picture size: the way to learn from fewer than 100 pictures.
        Empty for fresh weights.
    lr : float
        Learning rate of Adam, for both networks.
    schedule : {"constant", "cosine"}
        Whether the learning rates fall along half a cosine over the budget.
    betas : tuple of float
        Of Adam.
    penalty : float
        Weight of the gradient penalty over all scales.
    drift : float
        Weight of the squared scores of real pictures.
    reduction : {"mean", "bilinear"}
        How real pictures are reduced to the coarser scales; the thesis' code did the latter, see `pyramid`.
    duality_steps : int
        Training steps of each copy for the duality gap, at every validation; 0 for none. It costs about as much as so
        many steps of training.
    judge : {"patch_distance", "duality_gap"}
        What says which weights are the best, and so when a run with `patience` ends.
    model_name : str
        Name of the resulting model.
    """

    data: SpecimenConfig
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    lr: float = 3e-3
    schedule: Literal["constant", "cosine"] = "constant"
    betas: tuple[float, float] = (0.0, 0.99)
    penalty: float = Field(10.0, ge=0)
    drift: float = Field(1e-3, ge=0)
    reduction: Reduction = "mean"
    duality_steps: int = Field(0, ge=0)
    judge: Literal["patch_distance", "duality_gap"] = "patch_distance"
    model_name: str = "msggan-lite"

    @model_validator(mode="after")
    def _gap_is_known(self) -> Self:
        if self.judge == "duality_gap" and not self.duality_steps:
            raise ValueError("the duality gap can only judge if duality_steps is above 0")
        return self


class MSGGANRecipe(PictureRecipe):
    """One critic step, then one generator step with the same latent vectors.

    Parameters
    ----------
    config : MSGGANConfig
        Settings.
    """

    name: ClassVar[str] = "msggan"
    metric: ClassVar[str] = "patch_distance"
    averaged: ClassVar[tuple[str, ...]] = ("generator",)
    config: MSGGANConfig

    def __init__(self, config: MSGGANConfig) -> None:
        super().__init__(config)
        self.clip, c = 0.0, config
        settings: dict[str, Any] = {**c.overrides, **c.data.shape}
        networks = Model.create(c.model_name, "msggan", c.preset, **settings).networks
        self.generator: Any = networks["msggan"]
        self.discriminator: Any = networks["discriminator"]
        if c.start:
            for role, network in networks.items():
                load_fitting(c.start, role, network)
        watched = torch.empty(_WATCHED, c.data.channels, c.data.size, c.data.size)
        self.change = ScaleChange(pyramid(watched))
        self.modules.update(
            {"generator": self.generator, "discriminator": self.discriminator, "change": self.change}
        )
        for name, network in (("discriminator", self.discriminator), ("generator", self.generator)):
            group = {"params": list(network.parameters()), "decay": c.schedule == "cosine"}
            self.optimisers[name] = torch.optim.Adam([group], c.lr, c.betas, eps=1e-8)

    @property
    def judged_by(self) -> str:
        """The metric that says which weights are the best."""
        return self.config.judge

    def batch(self, step: int, progress: float) -> CodedBatch:
        """Return pictures and codes."""
        pictures = super().batch(step, progress)
        data = self.config.data
        # The second stream of this seed and step; the first one chooses the pictures.
        random = np.random.default_rng([data.seed, step, 1])
        # Drawn for all samples, so that a share holds what the whole batch has at its place.
        codes = random.standard_normal((data.batch, self.generator.config.latent), dtype=np.float32)
        return CodedBatch(pictures.images, step, torch.from_numpy(codes[self._feeder.share]))

    def losses(self, batch: CodedBatch, progress: float) -> dict[str, Tensor]:
        """Return the losses of both networks on a batch; nothing is updated."""
        judged = self._critic_losses(self.discriminator, self.generator, batch)
        return judged | {"generator": self._generator_loss(self.discriminator, self.generator, batch)}

    def train_step(self, batch: CodedBatch, progress: float) -> dict[str, float]:
        """Train the critic, then the generator."""
        critic, generator = self.discriminator, self.generator
        adversarial.train_only(critic, generator)
        judged = self.descend(
            batch, lambda part: self._critic_losses(critic, generator, part), "discriminator"
        )
        adversarial.train_only(generator, critic)
        drawn = self.descend(
            batch, lambda part: {"loss": self._generator_loss(critic, generator, part)}, "generator"
        )
        return {"discriminator": judged.pop("loss"), **judged, "generator": drawn["loss"]}

    def _critic_losses(self, critic: Any, generator: Any, batch: CodedBatch) -> dict[str, Tensor]:
        c = self.config
        with torch.no_grad():
            fake = [picture.float() for picture in generator(batch.codes)]
        real = pyramid(batch.images, c.reduction)
        scores = critic(real).float(), critic(fake).float()
        loss = adversarial.wasserstein_discriminator([scores[0]], [scores[1]], c.drift)
        with adversarial.in_float32(batch.images):
            penalty = adversarial.multi_scale_gradient_penalty(critic, real, fake)
        distance = (scores[0].mean() - scores[1].mean()).detach()
        return {"loss": loss + c.penalty * penalty, "penalty": penalty, "distance": distance}

    def _generator_loss(self, critic: Any, generator: Any, batch: CodedBatch) -> Tensor:
        return adversarial.wasserstein_generator([critic(generator(batch.codes)).float()])

    def validate(self) -> dict[str, float]:
        """Return how like the real pictures generated ones are, and how much they have changed since the last time.

        128 pictures, always of the same latent vectors, see `Likeness` and `ScaleChange`; and the duality gap, if it is
        asked for. Monitors of progress, not results.
        """
        pictures = self.fixed_samples(_SAMPLES)
        metrics = self._likeness(pictures[-1])
        metrics |= self.change([picture[:_WATCHED] for picture in pictures])
        if self.config.duality_steps:
            metrics["duality_gap"] = self._duality_gap()
        return metrics

    def _duality_gap(self) -> float:
        c, device = self.config, device_of(self.generator)
        held_out = pyramid(self._held_out(_HELD_OUT).to(device), c.reduction)
        codes = self._fixed_codes(len(held_out[0]))

        def value(critic: Any, generator: Any) -> float:
            return float(critic(held_out).mean() - critic(generator(codes)).mean())

        def batch(step: int) -> CodedBatch:
            return self.batch(step, 1.0).to(device)

        losses = (
            lambda critic, generator, step: self._critic_losses(critic, generator, batch(step))["loss"],
            lambda critic, generator, step: self._generator_loss(critic, generator, batch(step)),
        )
        networks = self.discriminator, self.generator
        return duality_gap(*networks, losses, value, c.duality_steps, c.lr, c.betas)

    def _fixed_codes(self, count: int) -> Tensor:
        source = torch.Generator().manual_seed(0)
        codes = torch.randn(count, self.generator.config.latent, generator=source)
        return codes.to(device_of(self.generator))

    @torch.no_grad()
    def fixed_samples(self, count: int) -> list[Tensor]:
        """Return pictures (count, C, h, w) of each scale, coarse to fine, of latent vectors that never change."""
        chunks = [self.generator(codes) for codes in self._fixed_codes(count).split(_CHUNK)]
        return [torch.cat(scale).float() for scale in zip(*chunks, strict=True)]

    def preview(self) -> np.ndarray:
        """Return the same pictures at every scale, one scale per row, always of the same latent vectors, uint8."""
        return scale_sheet(self.fixed_samples(_SHOWN))

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model: generator and discriminator."""
        values: dict[str, JsonValue] = {**self._likeness(self.fixed_samples(_SAMPLES)[-1])}
        classes = ", ".join(self._pictures.counts)
        about = self.config.data.card(
            self._pictures,
            description=f"Generates pictures of single specimens: {classes}.",
            metrics=values,
            training=self._account(training),
        )
        networks = {"msggan": self.generator, "discriminator": self.discriminator}
        Model(self.config.model_name, "msggan", networks, about).save(path)
