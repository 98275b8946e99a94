"""SDC-Net++ in the thesis' four stages, and in one; its uncertainty, and a sampler of single futures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import JsonValue
from torch import Tensor, nn

from ... import nets
from ...base import CellSimError
from ...models import Model, Partner, load_model
from ..adamp import AdamP
from ..checkpoints import load_modules
from ..feeding import Batch
from ..losses import growth_weight
from ..recipe import Recipe
from ..robust import AdaptiveRobustLoss
from .common import adamp, card, device_of, parameter_groups, warm_start
from .forecast_adversary import (
    Sequences,
    adversarial_term,
    discriminator_losses,
    last_pass,
    make_discriminator,
)
from .forecast_growth import grown
from .forecast_kernels import KERNEL_DECODERS, distance_to_one_hot, one_hot_kernels
from .forecast_losses import energy_score, flow_error, flow_roughness, laplace_likelihood, squared_error
from .forecast_settings import SDCNetConfig
from .forecast_validation import ForecastValidation
from .previews import tiles

_COPIES = 16  # batches from which the error of copying the last frame is taken
_ENCODER = ("encoder", "mixers", "collapsers")


class SDCNetRecipe(Recipe):
    """Trains the predictor on what it will see in use: estimated flow and classes, and its own predictions.

    Parameters
    ----------
    config : SDCNetConfig
        Settings.
    """

    name: ClassVar[str] = "sdcnet"
    metric: ClassVar[str] = "mse_ratio"

    def __init__(self, config: SDCNetConfig) -> None:
        super().__init__()
        self.config = config
        network: Any
        self.mean: nn.Module | None = None  # what a sampler goes beside
        if config.stage == "uncertainty":
            _, network = grown(config.start, scale=True)
        elif config.stage == "sampler":
            self.mean, network = grown(
                config.start, scale=False, noise=config.noise, motion="flow", residual=False
            )
        else:
            network = nets.create("sdcnet", config.preset, **config.overrides)
        if config.stage in ("flow", "kernel_init") and network.config.motion != "sdc":
            raise CellSimError(
                f"The stage {config.stage!r} is for networks of flow and kernels, but this one has the motion "
                f"{network.config.motion!r}; train it in the stage 'default'."
            )
        self.network = network
        self.robust = AdaptiveRobustLoss(config.robust_scale, (config.robust_map,) * 2, config.robust_alpha)
        self.modules.update({"network": self.network, "robust": self.robust})
        if config.judged:
            self.modules["discriminator"] = make_discriminator(config)
        if config.start and config.stage not in ("uncertainty", "sampler"):
            self._begin(config.start)
        self.partners = {
            role: load_model(path)
            for role, path in (("flow", config.flow_model), ("segmentation", config.segmentation_model))
            if path
        }
        for partner in self.partners.values():
            partner.network.requires_grad_(False)
        self._freeze()
        groups = [
            *parameter_groups(self._part(encoder=True), config.encoder_lr, config.weight_decay),
            *parameter_groups(self._part(encoder=False), config.head_lr, config.weight_decay),
        ]
        self.optimisers["network"] = AdamP(groups)
        if config.robustly:
            plain = [{"params": list(self.robust.parameters()), "lr": config.robust_lr, "decay": False}]
            self.optimisers["robust"] = torch.optim.Adam(plain)
        self._predictor_optimisers = tuple(self.optimisers)
        if config.judged:
            self.optimisers["discriminator"] = adamp(
                self.modules["discriminator"].parameters(), config.discriminator_lr, config.weight_decay
            )
        self.history: int = network.config.frames
        self._feeder = config.data.feeder(self.history)
        self._validation: ForecastValidation | None = None
        self._copy_errors: Tensor | None = None

    def _begin(self, start: str) -> None:
        """Take the weights of a model (file or name), or all that an earlier run has."""
        path = Path(start)
        if path.suffix == ".safetensors" or (path.name == start and not path.exists()):
            warm_start(self.network, start, "sdcnet")
        else:
            load_modules(path, self)

    def _part(self, encoder: bool) -> Iterator[nn.Parameter]:
        for name, parameter in self.network.named_parameters():
            if (name.split(".")[0] in _ENCODER) == encoder:
                yield parameter

    def _freeze(self) -> None:
        """Leave trainable only what the stage trains."""
        for name, parameter in self.network.named_parameters():
            part = name.split(".")[0]
            kernels = part in KERNEL_DECODERS
            wanted = {
                "flow": not kernels,
                "kernel_init": kernels,
                "uncertainty": part == "scale_decoder",
            }
            parameter.requires_grad_(wanted.get(self.config.stage, True))

    def batch(self, step: int, progress: float) -> Batch:
        """Return sequences of the history and as many frames as are predicted at this time of the run."""
        return self._feeder(step, self.history + self.config.steps(progress))

    def losses(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the loss of the stage, the adversarial term included."""
        return self._losses(batch)[0]

    def _losses(self, batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
        """Return the losses, and history and prediction (B, T, 1, H, W)."""
        history = batch.images[:, : self.history]
        if self.config.stage == "kernel_init":
            predicted = nets.roll_out(self.network, history, 1, *self._sources())
            loss = distance_to_one_hot(predicted.kernel_v, predicted.kernel_h)
            return {"loss": loss}, history
        steps = batch.images.shape[1] - self.history
        if self.config.stage == "sampler":
            return self._sampling(batch, steps), history
        predicted = self.predict(history, steps)
        sequence = torch.cat([history, predicted.frames.to(history.dtype)], 1)
        residual = (sequence - batch.images)[:, self.history :].flatten(0, 1)
        if not self.config.robustly:
            return self._plain_losses(batch, predicted, residual), sequence
        size = (residual.shape[-2], residual.shape[-1])
        values = {
            "loss": self.robust(residual, self._growth(batch)),
            "mse": residual.detach().square().mean(),
            "steps": torch.tensor(float(steps)),
            "alpha": self.robust.alpha(size).detach().mean(),
            "scale": self.robust.scale(size).detach().mean(),
        }
        if self.config.judged:
            term = adversarial_term(self.modules["discriminator"], sequence)
            values["robust"], values["adversarial"] = values["loss"].detach(), term.detach()
            values["loss"] = values["loss"] + self.config.adversarial * term
        return values, sequence

    def _plain_losses(self, batch: Batch, predicted: nets.RollOut, residual: Tensor) -> dict[str, Tensor]:
        """Return the losses of the stages "default" (with the squared error) and "uncertainty"."""
        c, mse = self.config, residual.detach().square().mean()
        steps = torch.tensor(float(predicted.frames.shape[1]))
        if c.stage == "uncertainty":
            assert predicted.scale is not None
            likelihood = laplace_likelihood(residual.detach(), predicted.scale.flatten(0, 1))
            return {"loss": likelihood, "mse": mse, "steps": steps}
        growth = self._growth(batch)
        weighted = (residual if growth is None else residual * growth).unflatten(0, (len(batch), -1))
        unit = self._still()[: weighted.shape[1]].to(weighted)
        values = {"loss": squared_error(weighted, unit, c.pyramid), "mse": mse, "steps": steps}
        if c.smoothness:
            values["roughness"] = flow_roughness(predicted.flow.flatten(0, 1))
            values["loss"] = values["loss"] + c.smoothness * values["roughness"]
        if c.flow_truth:
            wanted = slice(self.history - 1, None)
            values["flow"] = flow_error(predicted.flow, batch.flow[:, wanted], batch.valid[:, wanted])
            values["loss"] = values["loss"] + c.flow_truth * values["flow"]
        return values

    def _still(self) -> Tensor:
        """Return the mean squared error (S,) of copying the last frame, over a fixed choice of training sequences."""
        if self._copy_errors is None:
            steps = max(count for _, count in self.config.roll_out)
            batches = [self._feeder(number, self.history + steps).images for number in range(_COPIES)]
            images = torch.cat(batches)
            moved = images[:, self.history :] - images[:, self.history - 1 : self.history]
            self._copy_errors = moved.square().mean((0, 2, 3, 4)).clamp(min=1e-8)
        return self._copy_errors

    def _sampling(self, batch: Batch, steps: int) -> dict[str, Tensor]:
        """Return the energy score of two samples of every future."""
        count = len(batch.images)
        frames = self.predict(batch.images[:, : self.history].repeat(2, 1, 1, 1, 1), steps).frames
        first, second = frames[:count].flatten(0, 1), frames[count:].flatten(0, 1)
        truth = batch.images[:, self.history :].flatten(0, 1)
        score = energy_score(first, second, truth, self.config.patches, self.config.variety)
        return {
            "loss": score / self.config.robust_scale,
            "mse": (first - truth).detach().square().mean(),
            "difference": (first - second).detach().square().mean(),
        }

    def _growth(self, batch: Batch) -> Tensor | None:
        """Return W_sv (B·S, 1, H, W) of all predicted frames, or None if it is off."""
        if self.config.growth == 1:
            return None
        cells = self._cells(batch)[:, self.history - 1 :, None]
        last, target = cells[:, :-1].flatten(0, 1), cells[:, 1:].flatten(0, 1)
        return growth_weight(last, target, self.config.growth_radius, self.config.growth)

    @torch.no_grad()
    def _cells(self, batch: Batch) -> Tensor:
        """Return where cells are (B, T, H, W): the truth; where it is unknown, what the segmentation partner sees."""
        cells, unknown = batch.semantic >= 2, batch.semantic < 0
        frames = unknown.any(-1).any(-1)
        if "segmentation" in self.partners and bool(frames.any()):
            seen = self.partners["segmentation"].network(batch.images[frames]).argmax(1) >= 2
            cells[frames] |= seen & unknown[frames]
        return cells

    def predict(self, history: Tensor, steps: int) -> nets.RollOut:
        """Roll out as a forecast does; differentiable with respect to the predictor.

        Parameters
        ----------
        history : Tensor
            (B, T, 1, H, W).
        steps : int
            Frames to predict.
        """
        with one_hot_kernels(self.network, self.config.stage == "flow"):
            return nets.roll_out(
                self.network, history, steps, *self._sources(), truncate=self.config.truncate
            )

    def _sources(self) -> tuple[Any, Any]:
        if self.network.config.sees == "frames":
            return None, None
        flow = self.partners["flow"].network if "flow" in self.partners else None
        if "segmentation" not in self.partners:
            return flow, None
        segmenter = self.partners["segmentation"].network
        return flow, lambda frame: torch.softmax(segmenter(frame), 1)

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the squared error at each horizon as a share of the best baseline's, and the mean of these."""
        return self._held_out()(self._continued)

    @torch.no_grad()
    def preview(self) -> np.ndarray:
        """Return a sheet (H, W) uint8: the last frame seen and those that follow, above the forecast ones."""
        checks = self._held_out()
        history, future = checks.items[0].images[:, : self.history], torch.from_numpy(checks.future[0])
        last, guess = history[0, -1, 0], self._continued(history, len(future))[0, :, 0]
        return tiles([[last, *future], [last, *guess]])

    def _held_out(self) -> ForecastValidation:
        if self._validation is None:
            self._validation = ForecastValidation(self.config.data, self.history)
        return self._validation

    def _continued(self, history: Tensor, steps: int) -> Tensor:
        return self.predict(history.to(device_of(self.network)), steps).frames.cpu()

    def train_step(self, batch: Any, progress: float) -> dict[str, float]:
        """Do one step of the predictor and, in the last stage, one of the discriminator.

        The discriminator learns from the very sequences that it has just judged, so that one roll-out serves both.
        """
        for partner in self.partners.values():
            partner.to(device_of(self.network))
        if not self.config.judged:
            return super().train_step(batch, progress)
        discriminator = self.modules["discriminator"]
        predicted: list[Tensor] = []

        def losses(part: Batch) -> dict[str, Tensor]:
            values, sequence = self._losses(part)
            predicted.append(sequence.detach())
            return values

        discriminator.requires_grad_(False)
        values = self.descend(batch, losses, *self._predictor_optimisers)
        discriminator.requires_grad_(True)
        judged = self.descend(
            Sequences(batch.images, last_pass(predicted, len(batch))),
            lambda part: discriminator_losses(discriminator, part),
            "discriminator",
        )
        judged["discriminator"] = judged.pop("loss")
        return values | judged

    def save(self, path: Path, training: dict[str, Any]) -> None:
        """Write the model, with the names and hashes of its partners."""
        metrics: dict[str, JsonValue] = {**self.validate()}
        partners = {role: Partner(name=m.name, hash=m.hash) for role, m in self.partners.items()}
        about = card(
            self.config.data,
            "Forecasts the next frames of trapped yeast: flow and adaptive kernels (SDC-Net++).",
            training | {"settings": self.config.model_dump(mode="json")},
            metrics=metrics,
            partners=partners,
        )
        networks: dict[str, nn.Module] = {"sdcnet": self.network}
        if self.mean is not None:
            networks = {"sdcnet": self.mean, "sampler": self.network}
        Model(self.config.model_name, "sdcnet", networks, about).save(path)
