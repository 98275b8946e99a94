"""Loss curves of the training study, drawn from benchmarks/results/forecast_training.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "forecast_training.json"
BLUE, ORANGE, GREEN, GREY = "#1f6fb4", "#d9661f", "#3a8f4d", "#5c6670"
STAGES = ("flow", "kernel_init", "fine_tune", "multi_frame")
VARIANTS = {
    "multi_frame": (ORANGE, "-", "adversarial"),
    "multi_frame_no_adv": (BLUE, "-", "not adversarial"),
    "multi_frame_wsv": (ORANGE, "--", "adversarial, W$_{sv}$"),
    "multi_frame_wsv_no_adv": (BLUE, "--", "not adversarial, W$_{sv}$"),
}


def smooth(values: list[float], window: int = 3) -> np.ndarray:
    """Return the running mean, shorter at the ends."""
    padded = np.pad(np.asarray(values, float), window // 2, mode="edge")
    return np.convolve(padded, np.ones(window) / window, mode="valid")


def curve(ax: Axes, run: dict[str, Any], name: str, **style: Any) -> None:
    """Draw one logged value over the steps: faint as it is, strong as running mean."""
    step, values = run["curves"]["step"], run["curves"][name]
    ax.plot(step, values, alpha=0.25, linewidth=0.8, **{**style, "label": None})
    ax.plot(step, smooth(values), linewidth=1.6, **style)


def loss_curves() -> Figure:
    """Return the curves of the four stages and of the discriminator."""
    runs = json.loads(RESULT.read_text())["results"]["runs"]
    figure, grid = plt.subplots(2, 3, figsize=(11, 5.6), facecolor="white", layout="constrained")
    panels = grid.ravel()
    names = ("loss", "loss", "loss", "robust")
    titles = ("1  Flow", "2  Kernel initialisation", "3  Fine-tuning", "4  Multi-frame")
    for ax, stage, name, title in zip(panels, STAGES, names, titles, strict=False):
        ax.set_title(title)
        ax.set_ylabel("squared distance to one-hot" if stage == "kernel_init" else "robust loss per pixel")
        if stage == "multi_frame":
            for variant, (colour, line, label) in VARIANTS.items():
                value = name if name in runs[variant]["curves"] else "loss"
                curve(ax, runs[variant], value, color=colour, linestyle=line, label=label)
            ax.legend(frameon=False, fontsize=8)
        else:
            curve(ax, runs[stage], name, color=BLUE)
    panels[1].set_yscale("log")
    judge = runs["multi_frame"]
    for name, colour, label in (
        ("real_logit", GREEN, "recorded"),
        ("fake_logit", ORANGE, "predicted"),
    ):
        curve(panels[4], judge, name, color=colour, label=label)
    panels[4].set(title="4  What the discriminator says", ylabel="mean logit")
    panels[4].legend(frameon=False, fontsize=8)
    for variant, (colour, line, label) in VARIANTS.items():
        curve(panels[5], runs[variant], "mse", color=colour, linestyle=line, label=label)
    panels[5].set(title="4  Squared error of all frames", ylabel="MSE", yscale="log")
    for ax in panels:
        ax.set_xlabel("step")
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
    return figure


DRAWN = {"forecast_training.svg": loss_curves}
