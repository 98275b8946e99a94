"""Write the accuracy table of README.md from benchmarks/results/forecast_accuracy.json.

Run it after ``python benchmarks/forecast_accuracy.py``; every number in the table comes from that file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pages import ROOT, update

from napari_cellsim.evaluation import Comparison

RESULTS = ROOT / "benchmarks" / "results" / "forecast_accuracy.json"
README = ROOT / "README.md"

SHOWN = (1, 3, 5)
NAMES = {
    "model": "**model**",
    "copy_last": "copy last frame",
    "blurred_copy_last": "blurred copy",
    "constant_flow": "constant flow",
}


def table(results: dict[str, Any]) -> str:
    """Return the Markdown text between the markers.

    Parameters
    ----------
    results : dict
        Content of forecast_accuracy.json.
    """
    phantom = comparison_of(results["phantom"])
    intro = (
        f"Model `{results['model']['name']}`, measured on {results['time'][:10]} by `{results['command']}`. "
        f"In brackets: {100 * phantom.level:.0f} % bootstrap intervals over sequences. MSE is multiplied by 1000."
    )
    simulated = (
        f"**Simulated movies**: {phantom.sequences} sequences of seeds that training never saw, "
        f"{phantom.forecasts} forecasts."
    )
    parts = [intro, simulated, "\n".join(phantom_rows(phantom))]
    real = {name: comparison_of(found) for name, found in results["real"].items()}
    if real:
        parts.append(
            "**Real movies**, frames that training never saw. A single movie has no interval and stands for itself."
        )
        parts.append("\n".join(real_rows(real)))
    return "\n\n".join(parts)


def comparison_of(found: dict[str, Any]) -> Comparison:
    """Return a comparison from JSON; the benchmark's own entries beside it are left out."""
    return Comparison.model_validate({key: found[key] for key in Comparison.model_fields if key in found})


def phantom_rows(comparison: Comparison) -> Iterator[str]:
    """Yield one row per step and forecast."""
    yield "| steps ahead | forecast | MSE | MSE of the model ÷ this | SSIM | sharpness |"
    yield "|---|---|---|---|---|---|"
    for summary in comparison.horizons:
        if summary.horizon not in SHOWN:
            continue
        for method, name in NAMES.items():
            scores = summary.scores[method]  # type: ignore[index]
            ratio = summary.mse_ratio.get(method)  # type: ignore[call-overload]
            best = " (best baseline)" if method == summary.best_baseline else ""
            yield (
                f"| {summary.horizon} | {name}{best} | {text(scores['mse'], 1000)} | {text(ratio)} "
                f"| {text(scores['ssim'])} | {text(scores['sharpness'])} |"
            )


def real_rows(movies: dict[str, Comparison]) -> Iterator[str]:
    """Yield one row per movie and step: the model against the best baseline there."""
    columns: tuple[str, ...]
    columns = ("movie", "forecasts", "steps ahead", "best baseline", "MSE, model / best", "ratio")
    columns += ("SSIM, model / best", "sharpness, model")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for name, comparison in movies.items():
        last = comparison.horizons[-1].horizon
        for summary in comparison.horizons:
            if summary.horizon not in (*SHOWN, last):
                continue
            model, best = summary.scores["model"], summary.scores[summary.best_baseline]
            yield (
                f"| {name.replace('.ome.tif', '')} | {summary.forecasts} | {summary.horizon} "
                f"| {NAMES[summary.best_baseline]} | {text(model['mse'], 1000)} / {text(best['mse'], 1000)} "
                f"| {text(summary.mse_ratio[summary.best_baseline])} | {text(model['ssim'])} / {text(best['ssim'])} "
                f"| {text(model['sharpness'])} |"
            )


def text(estimate: Any, factor: float = 1) -> str:
    """Return a value with its interval where there is one."""
    if estimate is None or estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{factor * estimate.value:.2f}"
    return f"{factor * estimate.value:.2f} [{factor * estimate.low:.2f}, {factor * estimate.high:.2f}]"


def main() -> None:
    """Update README.md in place."""
    update(README, accuracy=table(json.loads(RESULTS.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
