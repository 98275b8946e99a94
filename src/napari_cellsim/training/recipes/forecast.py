"""SDC-Net++: flow, kernel initialisation and fine-tuning, with several steps of roll-out in the loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field, JsonValue
from torch import Tensor, nn

from ... import nets
from ...models import Model, Partner, load_model
from ..adamp import AdamP
from ..checkpoints import load_modules
from ..feeding import Batch
from ..losses import growth_weight
from ..recipe import Recipe, RecipeConfig
from ..robust import AdaptiveRobustLoss
from .common import DataConfig, card, device_of, parameter_groups, warm_start
from .forecast_validation import ForecastValidation

Stage = Literal["flow", "kernel_init", "fine_tune"]

KERNEL_DECODERS = ("kernel_v_decoder", "kernel_h_decoder")
_ENCODER = ("encoder", "mixers", "collapsers")


class SDCNetConfig(RecipeConfig):
    """Settings of `SDCNetRecipe`.

    Attributes
    ----------
    data : DataConfig
        Sequences; truth is used for the growth map alone.
    stage : {"flow", "kernel_init", "fine_tune"}
        What to train (Reich 2020, §6.1.2): encoder and flow decoder with fixed one-hot kernels; the kernel decoders
        towards one-hot kernels; everything.
    preset, overrides
        Network, see `nets.create`.
    start : str
        Run folder of the stage before (the robust loss is carried over too) or model file; empty for fresh weights.
    flow_model, segmentation_model : str
        Models that estimate flow and classes of the frames the network sees, predicted ones included; never
        trained here. Empty: the network's own flow is fed back, and segmentation is off.
    roll_out : tuple of (progress, steps)
        From which share of the budget on how many predicted steps enter the loss.
    encoder_lr, head_lr, robust_lr, weight_decay : float
        AdamP for encoder and decoders; plain Adam without decay for the robust loss.
    robust_map : int
        Rows and columns of the maps of shape and scale; 1 for one pair.
    robust_alpha : tuple of float
        Range of the shape α.
    robust_scale : float
        Initial scale c, near the standard deviation of the residual.
    growth : float
        Factor on the residual where cells grow in (W_sv); 1 turns it off.
    growth_radius : int
        Dilation of the grown area, px.
    model_name : str
        Name of the resulting model.
    """

    data: DataConfig
    stage: Stage
    preset: str = "lite"
    overrides: dict[str, JsonValue] = Field(default_factory=dict)
    start: str = ""
    flow_model: str = ""
    segmentation_model: str = ""
    roll_out: tuple[tuple[float, int], ...] = ((0.0, 1),)
    encoder_lr: float = 1e-3
    head_lr: float = 1e-3
    robust_lr: float = 1e-2
    weight_decay: float = 1e-2
    robust_map: int = Field(1, ge=1)
    robust_alpha: tuple[float, float] = (0.001, 1.999)
    robust_scale: float = Field(0.03, gt=0)
    growth: float = Field(1.5, ge=1)
    growth_radius: int = Field(2, ge=0)
    model_name: str = "sdcnet-lite"

    def steps(self, progress: float) -> int:
        """Return the length of the roll-out at a share of the budget."""
        return max((start, steps) for start, steps in self.roll_out if start <= progress)[1]


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
        network: Any = nets.create("sdcnet", config.preset, **config.overrides)
        self.network = network
        self.robust = AdaptiveRobustLoss(config.robust_scale, (config.robust_map,) * 2, config.robust_alpha)
        self.modules.update({"network": self.network, "robust": self.robust})
        if config.start.endswith(".safetensors"):
            warm_start(self.network, config.start, "sdcnet")
        elif config.start:
            load_modules(Path(config.start), self)
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
        if config.stage != "kernel_init":
            plain = [{"params": list(self.robust.parameters()), "lr": config.robust_lr, "decay": False}]
            self.optimisers["robust"] = torch.optim.Adam(plain)
        self.history: int = network.config.frames
        self._feeder = config.data.feeder(self.history)
        self._validation: ForecastValidation | None = None

    def _part(self, encoder: bool) -> Iterator[nn.Parameter]:
        for name, parameter in self.network.named_parameters():
            if (name.split(".")[0] in _ENCODER) == encoder:
                yield parameter

    def _freeze(self) -> None:
        """Leave trainable only what the stage trains."""
        for name, parameter in self.network.named_parameters():
            kernels = name.split(".")[0] in KERNEL_DECODERS
            wanted = {"flow": not kernels, "kernel_init": kernels, "fine_tune": True}
            parameter.requires_grad_(wanted[self.config.stage])

    def batch(self, step: int, progress: float) -> Batch:
        """Return sequences of the history and as many frames as are predicted at this time of the run."""
        return self._feeder(step, self.history + self.config.steps(progress))

    def losses(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Return the loss of the stage."""
        if self.config.stage == "kernel_init":
            loss = self._distance_to_one_hot(batch)
            return {"loss": loss}
        steps = batch.images.shape[1] - self.history
        predicted = self.predict(batch.images[:, : self.history], steps)
        truth = batch.images[:, self.history :]
        residual = (predicted.frames - truth).flatten(0, 1)
        cells = batch.semantic >= 2
        last, target = cells[:, self.history - 1 : -1], cells[:, self.history :]
        weight = growth_weight(
            last.flatten(0, 1)[:, None],
            target.flatten(0, 1)[:, None],
            self.config.growth_radius,
            self.config.growth,
        )
        size = (residual.shape[-2], residual.shape[-1])
        return {
            "loss": self.robust(residual, weight),
            "mse": residual.detach().square().mean(),
            "steps": torch.tensor(float(steps)),
            "alpha": self.robust.alpha(size).detach().mean(),
            "scale": self.robust.scale(size).detach().mean(),
        }

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
            return nets.roll_out(self.network, history, steps, *self._sources())

    def _sources(self) -> tuple[Any, Any]:
        flow = self.partners["flow"].network if "flow" in self.partners else None
        if "segmentation" not in self.partners:
            return flow, None
        segmenter = self.partners["segmentation"].network
        return flow, lambda frame: torch.softmax(segmenter(frame), 1)

    def _distance_to_one_hot(self, batch: Batch) -> Tensor:
        """Mean over pixels of the squared distance of both kernels to the centre tap (Reich 2020, eq. 6.3)."""
        predicted = nets.roll_out(self.network, batch.images[:, : self.history], 1, *self._sources())
        target = torch.zeros(predicted.kernel_v.shape[2], 1, 1, device=predicted.kernel_v.device)
        target[len(target) // 2] = 1
        kernels = torch.cat([predicted.kernel_v, predicted.kernel_h], 1)
        return 2 * ((kernels - target) ** 2).sum(2).mean()

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """Return the squared error at each horizon as a share of the best baseline's, and the mean of these."""
        if self._validation is None:
            self._validation = ForecastValidation(self.config.data, self.history)
        device = device_of(self.network)
        return self._validation(lambda history, steps: self.predict(history.to(device), steps).frames.cpu())

    def train_step(self, batch: Any, progress: float) -> dict[str, float]:
        """Do one step; partners are moved to the network's device first."""
        for partner in self.partners.values():
            partner.to(device_of(self.network))
        return super().train_step(batch, progress)

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
        Model(self.config.model_name, "sdcnet", {"sdcnet": self.network}, about).save(path)


class _OneHot(nn.Module):
    """Stands in for a kernel decoder: the centre tap everywhere."""

    def __init__(self, taps: int) -> None:
        super().__init__()
        self.taps = taps

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Return (B, K, h, w) at the size of the finest skip."""
        finest = skips[0]
        kernel = finest.new_zeros(len(finest), self.taps, *finest.shape[-2:])
        kernel[:, self.taps // 2] = 1
        return kernel


@contextmanager
def one_hot_kernels(network: Any, active: bool = True) -> Iterator[None]:
    """Fix the kernels of an `SDCNet` to the centre tap meanwhile, at no cost: it then only warps."""
    own = {name: getattr(network, name) for name in KERNEL_DECODERS}
    try:
        if active:
            for name in own:
                setattr(network, name, _OneHot(network.config.kernel_size))
        yield
    finally:
        for name, decoder in own.items():
            setattr(network, name, decoder)
