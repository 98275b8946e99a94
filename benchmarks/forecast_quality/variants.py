"""What is compared: training variants, all on the same phantoms, each with about the same processor time.

A budget in steps is repeatable and a budget in minutes is not, so every variant has its steps per minute, measured once
on one core of the machine named in the results; the time it really took is written beside.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

import napari_cellsim as cs
from napari_cellsim import nets
from napari_cellsim.training import FitConfig, RunFolder, StepLogged, sdcnet_run, train, write_run
from napari_cellsim.training.recipes.common import DataConfig
from napari_cellsim.training.recipes.simvp import SimVPSettings

MINUTES = 5.0  # of one processor core, for each variant
PARTNERS = {"flow_model": "pwcnet-lite", "segmentation_model": "unet-lite"}
ALONE = {"flow_model": "", "segmentation_model": ""}
DATA = {"seed": 1, "validation_sequences": 24}


@dataclass(frozen=True)
class Variant:
    """One way to forecast.

    Attributes
    ----------
    name, title : str
        For files and for tables.
    question : str
        What it tests, one sentence.
    reference : str
        Variant from which it differs in one thing, or "".
    per_minute : float
        Steps of the recipe's main stage per minute of processor time.
    settings : dict
        Changes of the settings of the stage "default".
    """

    name: str
    title: str
    question: str
    reference: str = "default"
    per_minute: float = 115.0
    settings: dict[str, Any] = field(default_factory=dict)

    def train(self, work: Path, data: Path, minutes_scale: float) -> Path:
        """Train, or go on with it, and return the model file."""
        steps = max(2, round(self.per_minute * MINUTES * minutes_scale))
        return fit(work / self.name, "sdcnet", *self._run(data, steps))

    def _run(self, data: Path, steps: int) -> tuple[Any, FitConfig]:
        settings = ALONE | self.settings
        return sdcnet_run("default", "default", data, data=DATA, fit=schedule(steps), **settings)

    def forecaster(self, path: Path) -> Callable[[np.ndarray, int], np.ndarray]:
        """Return a function that forecasts (T, Y, X) as far as wanted."""
        return roll_outs(cs.load_model(path), bool(self.settings.get("flow_model")))


# Share of the budget, like that of the thesis' epochs, and steps per minute of each of its stages.
STAGES: dict[Any, tuple[float, float]] = {
    "flow": (0.2, 220.0),
    "kernel_init": (0.02, 180.0),
    "fine_tune": (0.53, 90.0),
    "multi_frame": (0.25, 40.0),
}


class Thesis(Variant):
    """The four stages of Reich (2020)."""

    def train(self, work: Path, data: Path, minutes_scale: float) -> Path:
        """Train the stages one after the other."""
        start = ""
        for stage, (share, rate) in STAGES.items():
            folder = work / f"{self.name}-{stage}"
            steps = max(2, round(rate * share * MINUTES * minutes_scale))
            settings, fitting = sdcnet_run(
                "lite", stage, data, start=start, data=DATA, fit=schedule(steps), **PARTNERS
            )
            final = fit(folder, "sdcnet", settings, fitting)
            start = str(folder)
        return final

    def forecaster(self, path: Path) -> Callable[[np.ndarray, int], np.ndarray]:
        """Return a function that forecasts with the partners."""
        return roll_outs(cs.load_model(path), True)


class Direct(Variant):
    """SimVP (Gao et al., CVPR 2022)."""

    def train(self, work: Path, data: Path, minutes_scale: float) -> Path:
        """Train it."""
        steps = max(2, round(self.per_minute * MINUTES * minutes_scale))
        settings = SimVPSettings(
            data=DataConfig(folder=str(data), batch=4, crop=128, **DATA), overrides={"horizon": 7}
        )
        return fit(work / self.name, "simvp", settings, FitConfig(**schedule(steps)))

    def forecaster(self, path: Path) -> Callable[[np.ndarray, int], np.ndarray]:
        """Return a function that forecasts as far as wanted."""
        network: Any = cs.load_model(path).network

        @torch.inference_mode()
        def forecast(past: np.ndarray, steps: int) -> np.ndarray:
            return network.predict(torch.from_numpy(past)[None, :, None], steps)[0, :, 0].numpy()

        return forecast


def schedule(steps: int) -> dict[str, Any]:
    """Return the fitting that all variants share."""
    return {
        "steps": steps,
        "minutes": 0.0,
        "average": 0.99,
        "seed": 1,
        "threads": 1,
        "log_every": max(1, min(25, steps // 2)),
        "validate_every": steps,
        "checkpoint_every": max(25, steps // 4),
    }


def fit(folder: Path, recipe: str, settings: Any, fitting: FitConfig) -> Path:
    """Train a run folder to its end, and return its model."""
    run = RunFolder(folder)
    if run.state().get("status") != "finished":
        write_run(run.path, recipe, settings, fitting)
        for event in train(run.path):
            if isinstance(event, StepLogged) and event.step % 100 == 0:
                print(f"{folder.name} {event.step}/{fitting.steps} {event.losses['loss']:.4f}", flush=True)
    return run.final


def roll_outs(model: cs.Model, partners: bool) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return a function that rolls a model out, with or without flow and classes as inputs."""
    flow = cs.load_model("pwcnet-lite").network if partners else None
    segmenter = cs.load_model("unet-lite").network if partners else None

    @torch.inference_mode()
    def forecast(past: np.ndarray, steps: int) -> np.ndarray:
        segment = None if segmenter is None else lambda frame: torch.softmax(segmenter(frame), 1)
        history = torch.from_numpy(past)[None, :, None]
        return nets.roll_out(model.network, history, steps, flow, segment).frames[0, :, 0].numpy()

    return forecast


def _shape(**overrides: Any) -> dict[str, Any]:
    return {"overrides": overrides}


VARIANTS: tuple[Variant, ...] = (
    Variant(
        "default",
        "ours: seven frames in one pass, displacements composed, residual, normalised kernels, squared error",
        "Is it better than all others?",
        "",
    ),
    Thesis(
        "thesis",
        "SDC-Net++ by the thesis' recipe (lite width)",
        "How good is the published recipe with the same data and time?",
    ),
    Direct("simvp", "SimVP (lite)", "How good is a strong direct video predictor?", per_minute=54),
    Variant(
        "flow_only",
        "flow only",
        "What is motion alone worth?",
        per_minute=240,
        settings=_shape(motion="flow", residual=False),
    ),
    Variant(
        "kernels_only",
        "kernels only",
        "What are adaptive kernels alone worth?",
        per_minute=150,
        settings=_shape(motion="kernels", residual=False),
    ),
    Variant(
        "direct",
        "residual only (direct prediction by our network)",
        "Is motion needed at all?",
        per_minute=280,
        settings=_shape(motion="direct"),
    ),
    Variant(
        "no_residual",
        "ours without residual",
        "Does synthesis of what no warping can make help?",
        per_minute=140,
        settings=_shape(residual=False),
    ),
    Variant(
        "resampled",
        "ours, each frame resampled from the one before",
        "Does it help to sample the last real frame once?",
        settings=_shape(compose=False),
    ),
    Variant(
        "one_by_one",
        "ours, one frame per pass, scheduled unrolling",
        "Does it help to predict seven frames in one pass?",
        per_minute=55,
        settings=_shape(block=1) | {"roll_out": ((0.0, 1), (0.2, 3), (0.5, 5), (0.75, 7))},
    ),
    Variant(
        "free_kernels",
        "ours, kernels not normalised",
        "Does it help that kernels sum to one?",
        settings=_shape(normalise=False),
    ),
    Variant(
        "feature_pyramid",
        "ours, a feature pyramid for each past frame",
        "Should past frames be seen one by one, and meet only at the decoders?",
        per_minute=92,
        settings=_shape(time_mixing="pyramid"),
    ),
    Variant("robust", "ours, robust loss", "Which loss?", settings={"loss": "robust"}),
    Variant(
        "pyramid", "ours, loss at three scales", "Does a multi-scale loss help?", settings={"pyramid": 2}
    ),
    Variant(
        "smooth",
        "ours, smooth motion field",
        "Does a smoother motion field help?",
        settings={"smoothness": 0.05},
    ),
    Variant(
        "flow_truth",
        "ours, taught the true motion too",
        "Does the phantom's true motion help?",
        settings={"flow_truth": 0.1},
    ),
    Variant(
        "inputs",
        "ours, with flow and classes of the past as inputs",
        "Are optical flow and segmentation needed as inputs?",
        per_minute=75,
        settings=PARTNERS | _shape(sees="all"),
    ),
)
