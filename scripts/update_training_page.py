"""Write what the training study measured into docs/explanation/training_stages.md.

Run it after ``benchmarks/forecast_training.py``; every number comes from benchmarks/results/forecast_training.json.

    python scripts/update_training_page.py
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pages import ROOT, update

RESULTS = ROOT / "benchmarks" / "results" / "forecast_training.json"
PAGE = ROOT / "docs" / "explanation" / "training_stages.md"
IMAGES, FIGURE = ROOT / "docs" / "images", "forecast_training.svg"
ALT = (
    "Loss curves of the four stages, and what the discriminator says of recorded and of predicted sequences."
)

BASELINES = {
    "copy_last": "copy last frame",
    "blurred_copy_last": "blurred copy",
    "constant_flow": "constant flow",
}
COLUMNS = {"mse": "MSE ↓", "l1": "L1 ↓", "ssim": "SSIM ↑", "psnr": "PSNR ↑", "sharpness": "sharpness → 1"}
QUESTIONS = {
    "fine_tune / flow": "fine-tuning, against flow training",
    "multi_frame / fine_tune": "multi-frame training, against fine-tuning",
    "multi_frame_no_adv / fine_tune": "the same without adversarial term",
    "multi_frame / multi_frame_no_adv": "the adversarial term",
    "multi_frame_wsv / multi_frame": "W_sv, with adversarial term",
    "multi_frame_wsv_no_adv / multi_frame_no_adv": "W_sv, without adversarial term",
}


def page(content: dict[str, Any]) -> str:
    """Return the Markdown text between the markers of the page.

    Parameters
    ----------
    content : dict
        Of forecast_training.json.
    """
    results, machine = content["results"], content["machine"]
    runs = results["runs"]
    minutes = sum(run["seconds"] for run in runs.values()) / 60
    counts = results["sequences"]
    intro = (
        f"Measured on {content['date'][:10]} by `{results['command']}` on one core ({machine['processor']}) of a "
        f"machine with other work to do: {minutes:.0f} minutes of training in all. {counts['train']} phantom "
        f"sequences to learn from, {counts['test']} others to judge by. Steps: "
        + ", ".join(f"{run['title']} {run['steps']}" for run in runs.values() if run["title"].count(",") == 0)
        + ". In brackets: 95 % bootstrap intervals over sequences; the best mean of the runs is bold."
    )
    parts = [intro]
    if (IMAGES / FIGURE).is_file():
        parts.append(f"![{ALT}](../images/{FIGURE})")
    for horizon, found in by_horizon(results["scores"]).items():
        ahead = f"{horizon} frame{'s' * (horizon != '1')} ahead"
        parts.append("\n".join([f"## {ahead}", "", *rows(found, runs)]))
    parts.append("\n".join(["## What each step changed", "", *answers(results["mse_ratios"])]))
    return "\n\n".join(parts)


def by_horizon(scores: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return ``horizon -> method -> metric -> estimate``."""
    horizons = next(iter(scores.values()))
    return {horizon: {name: found[horizon] for name, found in scores.items()} for horizon in horizons}


def rows(found: dict[str, Any], runs: dict[str, Any]) -> Iterator[str]:
    """Yield the table of one horizon."""
    yield f"| | W_sv | {' | '.join(COLUMNS.values())} |"
    yield "|---" * (len(COLUMNS) + 2) + "|"
    best = {metric: best_run(found, metric, runs) for metric in COLUMNS}
    for name in (*BASELINES, *runs):
        title, growth = BASELINES.get(name, ""), ""
        if name in runs:
            settings = runs[name]["settings"]
            title = f"after {runs[name]['title'].split(',')[0]}"
            if settings["stage"] == "multi_frame" and not settings["adversarial"]:
                title += ", not adversarial"
            growth = "yes" if settings["growth"] > 1 else "no"
        cells = [
            cell(found[name][metric], 2 if metric == "psnr" else 3, bold=best[metric] == name)
            for metric in COLUMNS
        ]
        yield f"| {title} | {growth} | {' | '.join(cells)} |"


def best_run(found: dict[str, Any], metric: str, runs: dict[str, Any]) -> str:
    """Return which run has the best mean."""
    value = {name: found[name][metric]["value"] for name in runs}
    if metric == "sharpness":
        return min(value, key=lambda name: abs(value[name] - 1))
    return (max if metric in ("ssim", "psnr") else min)(value, key=lambda name: value[name])


def cell(estimate: dict[str, float], digits: int, *, bold: bool = False) -> str:
    """Return a mean with its interval."""
    mean = f"{estimate['value']:.{digits}f}"
    return f"{f'**{mean}**' if bold else mean} ({estimate['low']:.{digits}f}–{estimate['high']:.{digits}f})"


def answers(ratios: dict[str, Any]) -> Iterator[str]:
    """Yield a table of ratios of mean squared errors, with a word on what they show."""
    horizons = list(next(iter(ratios.values())))
    yield "Ratios of mean squared errors, paired by sequence; below 1 is better. Bold where the interval excludes 1."
    yield ""
    yield f"| | {' | '.join(f'{h} ahead' for h in horizons)} |"
    yield "|---" * (len(horizons) + 1) + "|"
    last = {
        f"{name} / best baseline": f"{name.replace('_', ' ')}, against the best baseline"
        for name in ("multi_frame", "multi_frame_no_adv")
    }
    for key, title in (QUESTIONS | last).items():
        found = ratios[key]
        cells = [cell(found[h], 3, bold=not found[h]["low"] <= 1 <= found[h]["high"]) for h in horizons]
        yield f"| {title} | {' | '.join(cells)} |"


def main() -> None:
    """Fill the page."""
    update(PAGE, training=page(json.loads(RESULTS.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
