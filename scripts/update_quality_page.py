"""Write the page "How good is it?" from what the benchmarks measured; where nothing was measured, it says so.

Run it after the commands that the page itself names; every number comes from benchmarks/results.

    python scripts/update_quality_page.py
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import quality_answer
import quality_tables as tables
import update_generator_page as generator
from pages import ROOT, update
from quality_tables import Results, frames

RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "explanation" / "how_good_is_it.md"
IMAGES = ROOT / "docs" / "images"
FIGURE = "forecast_quality.svg"
ALT = "Error, structural similarity and sharpness over the number of frames ahead, one line per method."
FILES = (
    "forecast_quality",
    "forecast_bundled",
    "forecast_real",
    "forecast_training",
    "forecast_accuracy",
    "gan_quality",
)
NOTHING = "*Not measured yet.*"


def load(folder: Path = RESULTS) -> dict[str, Results]:
    """Return the content of the results files that exist, by name."""
    found = {}
    for name in FILES:
        path = folder / f"{name}.json"
        if path.is_file():
            found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def page(content: dict[str, Results]) -> dict[str, str]:
    """Return the text of each part of the page, by marker.

    Parameters
    ----------
    content : dict
        Of `load`.
    """
    parts: dict[str, Callable[[dict[str, Results]], str]] = {
        "answer": quality_answer.answer,
        "targets": quality_answer.targets,
        "comparison": comparison,
        "ablation": ablation,
        "strata": strata,
        "modes": modes,
        "real": real,
        "stages": stages,
        "generator": generated,
    }
    return {name: make(content) for name, make in parts.items()}


def comparison(content: dict[str, Results]) -> str:
    if "forecast_quality" not in content:
        return NOTHING
    results = content["forecast_quality"]["results"]
    parts = [measured(content["forecast_quality"], "forecast_quality")]
    if (IMAGES / FIGURE).is_file():
        parts.append(f"![{ALT}](../images/{FIGURE})")
    return "\n\n".join([*parts, "\n".join(tables.main_tables(results)).strip()])


def measured(one: Results, name: str) -> str:
    """Return when, where and on what a study was made."""
    results, machine = one["results"], one["machine"]
    protocol = results["protocol"]
    counts = protocol["sequences"]
    tuned = ", ".join(f"{share:g} and {blur:g} px" for share, blur in protocol["tuned_flow"])
    trained_rows = [row for row in results["forecasters"].values() if row.get("cpu_minutes")]
    spent = [row["cpu_minutes"] for row in trained_rows]
    trained = (
        f" Each network was trained from nothing on {counts['train']} sequences, for {min(spent):.0f} to "
        f"{max(spent):.0f} minutes of one core."
        if spent
        else " No network is trained yet."
    )
    return (
        f"Measured on {one['date'][:10]} ({name}.json; {machine['processor']}, a machine with other work to do): "
        f"{counts['test']} test sequences of {protocol['frames']} frames, {protocol['size']} × {protocol['size']} "
        f"px of {protocol['pixel_size']:g} µm; forecasts from frames "
        f"{tables.listed([str(s) for s in protocol['starts']])}, averaged by sequence.{trained} In brackets: 95 % "
        f"bootstrap intervals over sequences; the best mean is bold. Tuned on {counts['validation']} validation "
        f"sequences, for 1 to {len(protocol['tuned_flow'])} frames ahead: blur of the copy "
        f"{', '.join(f'{s:g}' for s in protocol['blur_sigma'])} px; share and blur of the classical flow {tuned}."
    )


def ablation(content: dict[str, Results]) -> str:
    rows = content.get("forecast_quality", {}).get("results", {}).get("forecasters", {})
    if not any("versus" in row for row in rows.values()):
        return NOTHING
    results = content["forecast_quality"]["results"]
    references = {row["reference"] for row in rows.values() if "versus" in row}
    against = tables.listed([f"“{rows[name]['title']}”" for name in sorted(references)])
    intro = (
        f"Each row is trained alike and compared with its reference, {against}, sequence by sequence. A ratio "
        "above 1 means more error than the reference: what was changed made it worse. Bold where the interval "
        "excludes 1. The outcome counts a difference only where p < 0.05 in a paired permutation test, corrected "
        "for the number of horizons (Holm), not for the number of rows: among twenty rows that change nothing, "
        "one may look clear. And each row is one training run with one seed; another seed would move it, too."
    )
    return "\n\n".join([intro, "\n".join(tables.ablation_table(results))])


def strata(content: dict[str, Results]) -> str:
    results = content.get("forecast_quality", {}).get("results", {})
    if results.get("winner") not in results.get("forecasters", {}):
        return NOTHING
    intro = "MSE of ours over that of the best baseline *of the same sequences*; bold where the interval excludes 1."
    return "\n\n".join([intro, "\n".join(tables.strata_table(results))])


def modes(content: dict[str, Results]) -> str:
    """Return tables of the bundled model: expected frames, samples, intervals."""
    if "forecast_bundled" not in content:
        return NOTHING
    parts = []
    for size, one in content["forecast_bundled"]["results"]["sizes"].items():
        protocol, row = one["protocol"], one["forecasters"]["bundled"]
        side, count = protocol["size"], protocol["sequences"]["test"]
        parts.append(
            f"### `{one['model']['name']}` on {side} × {side} px of {protocol['pixel_size']:g} µm ({size} "
            f"phantoms, {count} sequences)"
        )
        parts.append(
            "\n".join(tables.main_tables({**one, "winner": "bundled"})).replace("### ", "#### ").strip()
        )
        if "samples" in row:
            text = f"Sampled futures ({protocol['samples']} of each past), one by one and together:"
            parts += [text, "\n".join(tables.samples_table(row, one["forecasters"]["copy_last"]))]
        if "coverage" in row:
            text = "Share of pixels (%) whose true value lies inside the interval that was stated for them:"
            parts += [text, "\n".join(tables.coverage_table(row))]
        if "samples" not in row and "coverage" not in row:
            parts.append("This model neither draws samples nor says how sure it is.")
    return "\n\n".join(parts)


def real(content: dict[str, Results]) -> str:
    if "forecast_real" not in content:
        return NOTHING
    results = content["forecast_real"]["results"]
    model = results["model"]
    intro = (
        f"Measured on {content['forecast_real']['date'][:10]} with `{model['name']}`, trained on "
        f"{model['trained_on']}; adapted for at most {results['minutes']:g} minutes. Skill is 1 − MSE ÷ MSE of "
        "the best baseline: above 0 is better than any of them; bold where the interval lies above 0."
    )
    return "\n\n".join([intro, "\n".join(tables.real_table(results))])


def stages(content: dict[str, Results]) -> str:
    if "forecast_training" not in content:
        return NOTHING
    found = content["forecast_training"]["results"]["mse_ratios"]["multi_frame_no_adv / best baseline"]
    said = [f"{tables.cell(ratio, 2)} {frames(h)}" for h, ratio in found.items()]
    text = (
        "The published recipe, stage by stage, on phantoms of the standard scene at 256 × 256 px: after its last "
        f"stage (without adversarial term) the MSE over the best baseline's is {tables.listed(said)}. [What the "
        "stages bring](training_stages.md) has the tables."
    )
    if "forecast_accuracy" in content:
        one = content["forecast_accuracy"]
        ratios = {str(h["horizon"]): h["mse_ratio"][h["best_baseline"]] for h in one["phantom"]["horizons"]}
        said = [f"{tables.cell(ratio, 2)} {frames(h)}" for h, ratio in ratios.items() if h in ("1", "3", "5")]
        text += (
            f" On the same scene `{one['model']['name']}` was measured for the table of the README: "
            f"{tables.listed(said)}, against the best of copy, blurred copy and constant flow."
        )
    return text


def generated(content: dict[str, Results]) -> str:
    if "gan_quality" not in content:
        return NOTHING
    results = content["gan_quality"]["results"]
    return "\n\n".join(["\n".join(generator.distribution_rows(results)), generator.verdict(results)])


def main() -> None:
    """Fill the page."""
    update(PAGE, **page(load()))


if __name__ == "__main__":
    main()
