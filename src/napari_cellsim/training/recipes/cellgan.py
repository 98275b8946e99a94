"""Cell-GAN: style generator against U-Net discriminator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, JsonValue
from torch import Tensor, nn

from ... import nets
from ...evaluation import domain_features, metrics
from ...models import Model, load_model
from .. import adversarial
from ..ada import AdaptiveAugmentation
from ..adamp import AdamP
from ..hessian import hessian_penalty
from ..pictures import PictureBatch
from ..recipe import RecipeConfig
from ..repulsion import Repulsion
from ..specimen_pictures import SpecimenConfig
from .cellgan_data import TrapsOrPhotographs, check_folder
from .common import device_of, parameter_groups
from .fitting import take_fitting
from .picture_recipe import PictureRecipe
from .previews import photograph_sheet, sheet

_SAMPLES = 256  # pictures per validation
_PREVIEW = (4, 8)  # rows and columns of the preview


class CellGANConfig(RecipeConfig):
    """Settings of `CellGANRecipe`; the defaults are the thesis' (Reich 2020, §5.1.5 and §5.2.1).

    Attributes
    ----------
    data : PictureConfig or SpecimenConfig
        A store of traps; or, if it names ``channels`` or another setting of photographs alone, a folder with one folder
        of pictures per class.
    preset, overrides
        Networks, see `nets.create`; a setting goes to each network that has it. Size, frames and channels are those of
        `data`.
    start : str
        Model file to start from, of the same or of a smaller picture size; empty for fresh weights. From a smaller one,
        training begins with its pictures, enlarged.
    lr, mapping_lr : float
        Learning rates of AdamP, for the mapping network apart.
    schedule : {"constant", "cosine"}
        Whether the learning rates fall along half a cosine over the budget, which calms the end of a short training.
    betas : tuple of float
        Of AdamP.
    weight_decay : float
        Of AdamP, on weights.
    loss : {"non_saturating", "wasserstein"}
        The latter with gradient penalty and drift.
    r1, r1_every : float, int
        γ of the R1 penalty, already multiplied by the interval, and the interval in steps; 0 for none.
    path_length, path_length_every : float, int
        Weight of path length regularisation, likewise.
    cutmix, cutmix_every : float, int
        Weight of CutMix consistency, and its interval.
    mixing : float
        Probability that a picture gets two styles.
    top_k : float
        Share of the generated pictures that the generator learns from at the end of training, falling linearly from 1
        between a quarter and three quarters of it; 1 for all.
    ada : float
        Target of adaptive discriminator augmentation; 0 for none.
    hessian : float
        Weight of the Hessian penalty; 0 for none.
    repulsion : float
        Weight of the term against pictures that resemble each other more than real ones do; 0 for none.
    model_name : str
        Name of the resulting model.
    """

    data: TrapsOrPhotographs
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    lr: float = 1e-3
    mapping_lr: float = 1e-5
    schedule: Literal["constant", "cosine"] = "constant"
    betas: tuple[float, float] = (0.1, 0.99)
    weight_decay: float = 1e-4
    loss: Literal["non_saturating", "wasserstein"] = "non_saturating"
    r1: float = Field(160.0, ge=0)
    r1_every: int = Field(16, ge=1)
    path_length: float = Field(8.0, ge=0)
    path_length_every: int = Field(4, ge=1)
    cutmix: float = Field(1.0, ge=0)
    cutmix_every: int = Field(16, ge=1)
    mixing: float = Field(0.9, ge=0, le=1)
    top_k: float = Field(1.0, gt=0, le=1)
    ada: float = Field(0.0, ge=0, lt=1)
    hessian: float = Field(0.0, ge=0)
    repulsion: float = Field(0.0, ge=0)
    model_name: str = "cellgan-lite"


class CellGANRecipe(PictureRecipe):
    """One discriminator step, then one generator step, with lazy penalties.

    Parameters
    ----------
    config : CellGANConfig
        Settings.
    """

    name: ClassVar[str] = "cellgan"
    metric: ClassVar[str] = "domain_frechet_distance"
    averaged: ClassVar[tuple[str, ...]] = ("generator", "mapping")
    config: CellGANConfig

    def __init__(self, config: CellGANConfig) -> None:
        self.photographs = isinstance(config.data, SpecimenConfig)
        check_folder(config.data)
        super().__init__(config)
        self.clip, c = 0.0, config
        settings: dict[str, Any] = {**c.overrides, **c.data.shape}
        networks = Model.create(c.model_name, "cellgan", c.preset, **settings).networks
        self.generator: Any = networks["cellgan"]
        self.mapping: Any = networks["mapping"]
        self.discriminator: Any = networks["discriminator"]
        for (
            network
        ) in networks.values():  # a quarter faster in bfloat16; torch's types do not know the argument
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.path = adversarial.PathLength()
        self.augmentation: Any = nn.Identity()
        if c.ada:
            self.augmentation = AdaptiveAugmentation(target=c.ada)
        self.repulsion: Any = nn.Identity()
        if c.repulsion:
            shape: Any = networks["discriminator"].config
            self.repulsion = Repulsion(shape.planes)
        if c.start:
            start = load_model(c.start)
            for role in ("cellgan", "mapping", "discriminator"):
                take_fitting(start, role, networks[role])
            larger, smaller = networks["cellgan"], start.networks["cellgan"]
            assert isinstance(larger, nets.StyleGenerator)
            assert isinstance(smaller, nets.StyleGenerator)
            larger.start_enlarged(len(smaller.images))
        self.modules.update(
            {
                "generator": self.generator,
                "mapping": self.mapping,
                "discriminator": self.discriminator,
                "path": self.path,
                "augmentation": self.augmentation,
                "repulsion": self.repulsion,
            }
        )
        self.optimisers["discriminator"] = self._optimiser((self.discriminator, c.lr))
        self.optimisers["generator"] = self._optimiser((self.generator, c.lr), (self.mapping, c.mapping_lr))
        self._real: np.ndarray | None = None

    def _optimiser(self, *parts: tuple[nn.Module, float]) -> AdamP:
        c, falling = self.config, {"decay": self.config.schedule == "cosine"}
        groups = [
            group | falling
            for module, lr in parts
            for group in parameter_groups(module.parameters(), lr, c.weight_decay)
        ]
        return AdamP(groups, betas=c.betas)

    def losses(self, batch: PictureBatch, progress: float) -> dict[str, Tensor]:
        """Return the losses of both networks on a batch, without penalties; nothing is updated."""
        images, _ = self.sample(len(batch))
        real, fake = self.discriminator(batch.images), self.discriminator(images)
        return {
            "loss": self._discriminator_loss(real, fake),
            "generator": self._generator_loss(fake, progress),
        }

    def train_step(self, batch: PictureBatch, progress: float) -> dict[str, float]:
        """Train the discriminator, then the generator."""
        adversarial.train_only(self.discriminator, self.generator, self.mapping)
        logits: list[Tensor] = []
        judged = self.descend(batch, lambda part: self._discriminator_losses(part, logits), "discriminator")
        if self.config.ada:
            # a batch that had to be repeated in smaller parts left its first answers too
            self.augmentation.adjust(torch.cat(logits)[-len(batch) :])
        adversarial.train_only(self.generator, self.discriminator)
        self.mapping.requires_grad_(True)
        drawn = self.descend(batch, lambda part: self._generator_losses(part, progress), "generator")
        return {name: value for name, value in (judged | drawn).items() if name != "loss"}

    def _discriminator_losses(self, batch: PictureBatch, logits: list[Tensor]) -> dict[str, Tensor]:
        """Return the discriminator's losses, and append its answers to the real pictures to `logits`."""
        c, step = self.config, batch.step
        with torch.no_grad():
            fake, _ = self.sample(len(batch))
        images = self.augmentation(batch.images)
        fake = self.augmentation(fake)
        verdicts = self._judge(images), self._judge(fake)
        logits.append(verdicts[0].scalar.detach())
        loss = self._discriminator_loss(*verdicts)
        values = {
            "discriminator": loss,
            "real_logit": verdicts[0].scalar.mean(),
            "fake_logit": verdicts[1].scalar.mean(),
        }
        if c.loss == "wasserstein":
            with adversarial.in_float32(images):
                loss = loss + 10 * adversarial.gradient_penalty(self.discriminator, images, fake)
        elif c.r1 and step % c.r1_every == 0:
            with adversarial.in_float32(images):
                values["r1"] = adversarial.r1_penalty(self.discriminator, images)
            loss = loss + c.r1 / 2 * values["r1"]
        if c.cutmix and step % c.cutmix_every == 0:
            generator = np.random.default_rng([c.data.seed, step, 1])
            masks = adversarial.cutmix_masks(len(images), images.shape[2], images.shape[3], generator)
            values["cutmix"] = adversarial.cutmix_consistency(
                self._judge, images, fake, verdicts, masks.to(images.device)
            )
            loss = loss + c.cutmix * values["cutmix"]
        return values | {"loss": loss}

    def _generator_losses(self, batch: PictureBatch, progress: float) -> dict[str, Tensor]:
        c, step, count = self.config, batch.step, len(batch)
        images, _ = self.sample(count)
        loss = self._generator_loss(self._judge(self.augmentation(images)), progress)
        values = {"generator": loss}
        if c.repulsion:
            with adversarial.in_float32(images):
                values["repulsion"] = self.repulsion(images, batch.images)
            loss = loss + c.repulsion * values["repulsion"]
        if c.path_length and step % c.path_length_every == 0:
            with adversarial.in_float32(images):
                # half a batch is enough for an estimate and halves the costliest step
                values["path_length"] = self.path(*self.sample(max(1, count // 2)))
            loss = loss + c.path_length * values["path_length"]
        if c.hessian and step % c.path_length_every == 0:
            with adversarial.in_float32(images):
                w = self.mapping(self._codes(max(1, count // 2)))
                noise = self._noise(len(w))
                values["hessian"] = hessian_penalty(lambda styles: self.generator(styles, noise), w)
            loss = loss + c.hessian * values["hessian"]
        return values | {"loss": loss}

    def _judge(self, images: Tensor) -> nets.Verdict:
        return nets.Verdict(*(logits.float() for logits in self.discriminator(images)))

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Return generated pictures (count, T·C, H, W) and their styles (count, slots, D), some of them mixed."""
        slots = self.generator.slots
        styles = self.mapping(self._codes(count))[:, None].expand(-1, slots, -1)
        if self.config.mixing:
            others = self.mapping(self._codes(count))[:, None].expand(-1, slots, -1)
            # the first slot of the second style; `slots` for pictures of one style
            crossover = torch.where(
                torch.rand(count) < self.config.mixing, torch.randint(1, slots, (count,)), slots
            ).to(styles.device)
            second = torch.arange(slots, device=styles.device)[None] >= crossover[:, None]
            styles = torch.where(second[:, :, None], others, styles)
        images: Tensor = self.generator(styles)
        return images.float(), styles

    def _codes(self, count: int) -> Tensor:
        return torch.randn(count, self.mapping.config.latent, device=device_of(self.mapping))

    def _noise(self, count: int) -> list[Tensor]:
        shapes = self.generator.noise_shapes
        return [torch.randn(count, 1, *shape, device=device_of(self.generator)) for shape in shapes]

    def _discriminator_loss(self, real: nets.Verdict, fake: nets.Verdict) -> Tensor:
        if self.config.loss == "wasserstein":
            return adversarial.wasserstein_discriminator(real, fake)
        return adversarial.non_saturating_discriminator(real, fake)

    def _generator_loss(self, fake: nets.Verdict, progress: float) -> Tensor:
        share = 1 - (1 - self.config.top_k) * min(1.0, max(0.0, 2 * progress - 0.5))
        if share < 1:
            fake = fake._replace(scalar=adversarial.top_k(fake.scalar, share))
        if self.config.loss == "wasserstein":
            return adversarial.wasserstein_generator(fake)
        return adversarial.non_saturating_generator(fake)

    @property
    def judged_by(self) -> str:
        """The metric that says which weights are the best: the features know yeast, not what photographs show."""
        return "patch_distance" if self.photographs else self.metric

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the Fréchet distance and KID between samples and training pictures, in domain features.

        256 samples against 256 training pictures, always the same codes; a monitor of progress, not a result. Of
        photographs what `Likeness` says.
        """
        fake = self.fixed_samples(_SAMPLES)
        if self.photographs:
            return self._likeness(fake)
        if self._real is None:
            self._real = domain_features(
                self._pictures.all(_SAMPLES)[:, :1].numpy(), self._pictures.pixel_size
            )
        features = domain_features(fake[:, :1].cpu().numpy(), self._pictures.pixel_size)
        return {
            "domain_frechet_distance": metrics.frechet_distance(self._real, features),
            "domain_kid": metrics.kid(self._real, features),
            "deviation": float(fake.std()),
        }

    @torch.no_grad()
    def fixed_samples(self, count: int) -> Tensor:
        """Return pictures (count, T·C, H, W) of codes and noise that never change."""
        device = device_of(self.mapping)
        source = torch.Generator().manual_seed(0)
        pictures = []
        for first in range(0, count, 16):
            size = min(16, count - first)
            z = torch.randn(size, self.mapping.config.latent, generator=source)
            noise = [torch.randn(size, 1, *s, generator=source) for s in self.generator.noise_shapes]
            pictures.append(self.generator(self.mapping(z.to(device)), [n.to(device) for n in noise]))
        return torch.cat(pictures)

    def preview(self) -> np.ndarray:
        """Return a sheet of samples (H, W) or (H, W, 3) uint8, always of the same codes."""
        rows, columns = _PREVIEW
        samples = self.fixed_samples(rows * columns).split(columns)
        return photograph_sheet(samples) if self.photographs else sheet(samples)

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model: generator, mapping network and discriminator."""
        values: dict[str, JsonValue] = {**self.validate()}
        shown = "trapped yeast"
        if self.photographs:
            shown = f"single specimens: {', '.join(self._pictures.counts)}"
        about = self.config.data.card(
            self._pictures,
            description=f"Generates pictures of {shown}.",
            metrics=values,
            training=self._account(training),
        )
        networks = {"cellgan": self.generator, "mapping": self.mapping, "discriminator": self.discriminator}
        Model(self.config.model_name, "cellgan", networks, about).save(path)
