"""Settings of the recipe `sdcnet`, and those of its stages in each preset."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, JsonValue

from ..augmentation import Augmentation
from ..config import FitConfig
from ..recipe import RecipeConfig
from .common import DataConfig

Stage = Literal["flow", "kernel_init", "fine_tune", "multi_frame", "default", "uncertainty", "sampler"]


class SDCNetConfig(RecipeConfig):
    """Settings of `SDCNetRecipe`.

    Attributes
    ----------
    data : DataConfig
        Sequences; truth is used for the growth map alone, and where it is unknown the segmentation partner's classes.
    stage : {"flow", "kernel_init", "fine_tune", "multi_frame", "default", "uncertainty", "sampler"}
        What to train. The thesis' four stages (Reich 2020, §6.1.2): encoder and flow decoder with fixed one-hot
        kernels; the kernel decoders towards one-hot kernels; everything; everything against a sequence discriminator.
        "default" trains everything at once. "uncertainty" adds a decoder for the expected error to a trained model
        and trains nothing else; "sampler" adds a second network that draws one possible future at a time.
    preset, overrides
        Network, see `nets.create`; not used by the last two stages, which take that of `start`.
    start : str
        Run folder of the stage before, or of an earlier run of the same stage (robust loss and discriminator are
        carried over too), or a model's file or name; empty for fresh weights. The last two stages need a model.
    flow_model, segmentation_model : str
        Models that estimate flow and classes of the frames the network sees, predicted ones included; never
        trained here. Empty: the network's own flow is fed back, and segmentation is off.
    roll_out : tuple of (progress, steps)
        From which share of the budget on how many predicted steps enter the loss.
    truncate : int
        Every so many steps of the roll-out the gradient is cut; 0 for never.
    loss : {"robust", "squared"}
        Of the pictures: the general adaptive robust loss, or the squared error, whose best answer is the mean of all
        futures.
    pyramid : int
        With the squared error: number of coarser levels of the picture that enter the loss too.
    smoothness : float
        Weight of the total variation of the flow, per px.
    flow_truth : float
        Weight of the end-point error of the predicted flow, per px, where the true one is known (phantoms).
    encoder_lr, head_lr, robust_lr, weight_decay : float
        AdamP for encoder and decoders; plain Adam without decay for the robust loss.
    robust_map : int
        Rows and columns of the maps of shape and scale; 1 for one pair, the side of the crops for one pair per pixel.
    robust_alpha : tuple of float
        Range of the shape α.
    robust_scale : float
        Initial scale c, near the standard deviation of the residual.
    growth : float
        Factor on the residual where cells grow in (W_sv); 1 turns it off.
    growth_radius : int
        Dilation of the grown area, px.
    adversarial : float
        Weight λ_adv of the adversarial term of the stage "multi_frame"; 0 leaves the discriminator out.
    discriminator_preset, discriminator_overrides
        Sequence discriminator, see `nets.create`.
    discriminator_lr : float
        Its AdamP; the weight decay is that of the network.
    noise : int
        Noise maps that the sampler reads.
    patches : tuple of int
        Sides in px of the patches on which the sampler's energy score is computed.
    variety : float
        How different the sampler's futures become: 1 as different as the truth's (the proper energy score), whose
        squared error is twice the mean forecast's; with less, each is a likelier guess.
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
    truncate: int = Field(0, ge=0)
    loss: Literal["robust", "squared"] = "robust"
    pyramid: int = Field(0, ge=0, le=6)
    smoothness: float = Field(0.0, ge=0)
    flow_truth: float = Field(0.0, ge=0)
    encoder_lr: float = 1e-3
    head_lr: float = 1e-3
    robust_lr: float = 1e-2
    weight_decay: float = 1e-2
    robust_map: int = Field(1, ge=1)
    robust_alpha: tuple[float, float] = (0.001, 1.999)
    robust_scale: float = Field(0.03, gt=0)
    growth: float = Field(1.5, ge=1)
    growth_radius: int = Field(2, ge=0)
    adversarial: float = Field(0.01, ge=0)
    discriminator_preset: str = "lite"
    discriminator_overrides: dict[str, JsonValue] = Field(default_factory=dict)
    discriminator_lr: float = 1e-4
    noise: int = Field(4, ge=1)
    patches: tuple[int, ...] = (1, 4, 16)
    variety: float = Field(0.6, gt=0, le=1)
    model_name: str = "sdcnet-lite"

    @property
    def judged(self) -> bool:
        """Whether a discriminator takes part."""
        return self.stage == "multi_frame" and self.adversarial > 0

    @property
    def robustly(self) -> bool:
        """Whether the robust loss is in use."""
        return self.loss == "robust" and self.stage not in ("kernel_init", "uncertainty", "sampler")

    def steps(self, progress: float) -> int:
        """Return the length of the roll-out at a share of the budget."""
        return max((start, steps) for start, steps in self.roll_out if start <= progress)[1]


_DEFAULT: dict[str, Any] = {
    "preset": "default",
    "loss": "squared",
    "growth": 1.0,
    "roll_out": ((0.0, 7),),
    "encoder_lr": 1e-3,
    "head_lr": 1e-3,
    "model_name": "sdcnet-default",
}
_PARTNERS = {"flow_model": "pwcnet-lite", "segmentation_model": "unet-lite"}
_THESIS: dict[str, Any] = {
    **_PARTNERS,
    "preset": "thesis",
    "discriminator_preset": "thesis",
    "encoder_lr": 1e-4,
    "head_lr": 3e-4,
    "discriminator_lr": 1e-4,
    "robust_map": 256,
    "model_name": "sdcnet-thesis",
}
_LITE: dict[str, Any] = {
    **_PARTNERS,
    "preset": "lite",
    "discriminator_preset": "lite",
    "encoder_lr": 1e-3,
    "head_lr": 1e-3,
    "discriminator_lr": 1e-3,
    "robust_alpha": (1.0, 1.999),
    "model_name": "sdcnet-lite",
}

# The thesis mirrors pictures and nothing else (§4.5).
_MIRRORED = Augmentation.none().model_copy(update={"flip": True})
_THESIS_DATA: dict[str, Any] = {"batch": 64, "crop": 256, "augmentation": _MIRRORED}
# Targets with strong camera noise would only raise the floor of the loss.
_LITE_DATA: dict[str, Any] = {
    "batch": 4,
    "crop": 128,
    "augmentation": Augmentation(noise=0.2, noise_sigma=(0.001, 0.008)),
}

SDCNET_STAGES: dict[str, dict[Stage, dict[str, dict[str, Any]]]] = {
    "default": {
        "default": {"settings": _DEFAULT, "data": _LITE_DATA, "fit": {"steps": 6000, "average": 0.995}},
        "uncertainty": {"settings": _DEFAULT, "data": _LITE_DATA, "fit": {"steps": 400, "average": 0.98}},
        "sampler": {"settings": _DEFAULT, "data": _LITE_DATA, "fit": {"steps": 1500, "average": 0.99}},
    },
    "thesis": {
        "flow": {"settings": _THESIS, "data": _THESIS_DATA, "fit": {"epochs": 5}},
        "kernel_init": {"settings": _THESIS, "data": _THESIS_DATA, "fit": {"epochs": 1}},
        "fine_tune": {"settings": _THESIS, "data": _THESIS_DATA, "fit": {"epochs": 20}},
        "multi_frame": {
            "settings": _THESIS | {"roll_out": ((0.0, 4), (0.67, 7))},
            "data": _THESIS_DATA | {"batch": 1},
            "fit": {"epochs": 5},
        },
    },
    "lite": {
        "flow": {"settings": _LITE, "data": _LITE_DATA, "fit": {"steps": 800, "average": 0.99}},
        "kernel_init": {"settings": _LITE, "data": _LITE_DATA, "fit": {"steps": 40}},
        "fine_tune": {
            "settings": _LITE | {"roll_out": ((0.0, 1), (0.5, 3))},
            "data": _LITE_DATA,
            "fit": {"steps": 600, "average": 0.99},
        },
        "multi_frame": {
            "settings": _LITE | {"encoder_lr": 3e-4, "head_lr": 3e-4, "roll_out": ((0.0, 4), (0.67, 7))},
            "data": _LITE_DATA,
            "fit": {"steps": 240, "average": 0.99},
        },
    },
}
"""Settings, data and budget of each stage in each preset.

``default`` is ours: the mean of all futures in one stage, then its uncertainty, then a sampler.
``thesis`` is Reich 2020, §6.2.1: 5, 1, 20 and 5 epochs, batches of 64 and of 1, AdamP with 3e-4 for the heads, one
pair of shape and scale per pixel of 256² pictures, λ_adv = 0.01 (the default). It prints 3e-4 as the "slightly lower"
rate of encoder and discriminator; 1e-4 is what the author's sibling project uses for its discriminator. Its last stage
predicts as many frames as a sequence holds, 4 on average; here 4, and 7 in the last third of the budget.
``lite`` is scaled to about 17 minutes of one processor core.
"""


def sdcnet_run(
    preset: str,
    stage: Stage,
    folder: str | Path,
    *,
    start: str | Path = "",
    data: dict[str, Any] | None = None,
    fit: dict[str, Any] | None = None,
    **settings: Any,
) -> tuple[SDCNetConfig, FitConfig]:
    """Return what `write_run` needs for one stage of a preset of the recipe `sdcnet`.

    Parameters
    ----------
    preset : {"default", "thesis", "lite"}
        See `SDCNET_STAGES`.
    stage : str
        One of the preset's stages.
    folder : path
        Training sequences.
    start : path
        Run folder of the stage before, or a model, see `SDCNetConfig`.
    data, fit : dict, optional
        Changes of `DataConfig` and of `FitConfig`.
    **settings
        Changes of `SDCNetConfig`, such as other partners.

    Raises
    ------
    KeyError
        If there is no such preset or stage.
    """
    chosen = SDCNET_STAGES[preset][stage]
    config = SDCNetConfig(
        **{
            **chosen["settings"],
            "stage": stage,
            "data": DataConfig(folder=str(folder), **{**chosen["data"], **(data or {})}),
            "start": str(start),
            **settings,
        }
    )
    return config, FitConfig(**{**chosen["fit"], **(fit or {})})
