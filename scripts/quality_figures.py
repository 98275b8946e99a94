"""Error, similarity and sharpness over the horizon, drawn from benchmarks/results/forecast_quality.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RESULT = Path(__file__).resolve().parents[1] / "benchmarks" / "results" / "forecast_quality.json"
ORANGE, GREY = "#d9661f", "#5c6670"
LINES = {  # name -> colour, style, label
    "copy_last": (GREY, ":", "copy last frame"),
    "blurred_copy_last": (GREY, "--", "blurred copy"),
    "constant_flow": ("#9aa4ad", "-.", "constant flow"),
    "tuned_flow": (GREY, "-", "tuned classical flow"),
    "flow_only": ("#8a5fb0", "-", "flow only"),
    "kernels_only": ("#b08a2e", "-", "kernels only"),
    "direct": ("#c04b78", "-", "direct"),
    "thesis": ("#1f6fb4", "-", "thesis' recipe"),
    "simvp": ("#3a8f4d", "-", "SimVP"),
}


def horizons() -> Figure:
    """Return the three panels: main competitors, 95 % intervals."""
    results = json.loads(RESULT.read_text(encoding="utf-8"))["results"]
    rows, winner = results["forecasters"], results["winner"]
    shown = {name: line for name, line in LINES.items() if name in rows}
    if winner in rows:
        shown[winner] = (ORANGE, "-", "ours")
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.4), facecolor="white", layout="constrained")
    panels = (
        ("mse_ratio", "MSE ÷ best baseline"),
        ("ssim", "SSIM"),
        ("sharpness", "sharpness (1: as the recording)"),
    )
    for ax, (metric, title) in zip(axes, panels, strict=True):
        for place, (name, line) in enumerate(shown.items()):
            draw(ax, rows[name], metric, line, place - len(shown) / 2, strong=name == winner)
        ax.set(title=title, xlabel="frames ahead", xticks=results["protocol"]["horizons"])
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].axhline(1, color=GREY, linewidth=0.8)
    goals = results["targets"]["mse_ratio"]
    axes[0].plot([int(h) for h in goals], list(goals.values()), "k_", markersize=14, label="goal")
    axes[2].axhline(1, color=GREY, linewidth=0.8)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center", frameon=False, fontsize=9)
    return figure


def draw(
    ax: Axes, row: dict[str, Any], metric: str, line: tuple[str, str, str], place: float, *, strong: bool
) -> None:
    """Draw one method with its intervals, moved aside a little so that they do not cover each other."""
    colour, style, label = line
    found = row[metric] if metric == "mse_ratio" else {h: one[metric] for h, one in row["scores"].items()}
    values, low, high = (np.array([one[key] for one in found.values()]) for key in ("value", "low", "high"))
    at = np.array([int(h) for h in found]) + 0.06 * place
    # a ratio to the best of several may lie outside its own interval where another is best in most resamples
    bars = np.maximum([values - low, high - values], 0)
    ax.errorbar(
        at,
        values,
        bars,
        color=colour,
        linestyle=style,
        label=label,
        linewidth=2.4 if strong else 1.2,
        elinewidth=1,
        marker="o",
        markersize=5 if strong else 3,
        zorder=3 if strong else 2,
    )


DRAWN = {"forecast_quality.svg": horizons}
