"""The tables of the page "How good is it?", from results files to Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Results = dict[str, Any]

SHOWN = ("1", "5", "7")
COLUMNS = {
    "mse_ratio": "MSE ÷ best baseline ↓",
    "mse": "MSE × 1000 ↓",
    "psnr": "PSNR, dB ↑",
    "ssim": "SSIM ↑",
    "cells_ssim": "SSIM in cells ↑",
    "growth_ratio": "MSE in growth ÷ best ↓",
    "sharpness": "sharpness → 1",
    "spectral": "detail → 1",
}
DIGITS = {"mse": 2, "psnr": 2, "sharpness": 2, "spectral": 2}
STRATA = {
    "random": ("movement by chance", {"True": "with", "False": "without (growth and pushing only)"}),
    "trap": ("trap", {}),
    "focus": ("focal plane, µm", {}),
}
METHODS = {
    "copy_last": "copy of the last frame",
    "blurred_copy_last": "blurred copy",
    "constant_flow": "constant flow",
    "classical_flow": "classical flow",
}


def cell(found: dict[str, float] | None, digits: int = 3, *, bold: bool = False, factor: float = 1.0) -> str:
    """Return a value with its interval."""
    if found is None:
        return "–"
    value, low, high = (f"{factor * found[key]:.{digits}f}" for key in ("value", "low", "high"))
    return f"{f'**{value}**' if bold else value} ({low} to {high})".replace("-", "−")


def percent(share: float) -> str:
    return f"{round(100 * share)} %".replace("-", "−")


def frames(horizon: str) -> str:
    return f"{horizon} frame{'s' * (horizon != '1')} ahead"


def listed(parts: list[str]) -> str:
    """Return "a, b and c"."""
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)


def title_of(name: str, row: Results) -> str:
    return f"**{row['title']}**" if row["kind"] == "ours" else row["title"]


def main_tables(results: Results) -> Iterator[str]:
    """Yield one table per horizon: baselines, other methods, ours."""
    rows = {
        name: row
        for name, row in results["forecasters"].items()
        if row["kind"] != "ours" or name == results["winner"]
    }
    for h in map(str, results["protocol"]["horizons"]):
        yield f"### {frames(h).capitalize()}\n"
        yield f"| | {' | '.join(COLUMNS.values())} |"
        yield "|---" * (len(COLUMNS) + 1) + "|"
        best = best_rows(rows, h)
        for name, row in rows.items():
            cells = [
                cell(
                    measured(row, h, metric),
                    DIGITS.get(metric, 3),
                    bold=best.get(metric) == name,
                    factor=factor,
                )
                for metric in COLUMNS
                for factor in (1000 if metric == "mse" else 1,)
            ]
            yield f"| {title_of(name, row)} | {' | '.join(cells)} |"
        yield ""


def measured(row: Results, horizon: str, metric: str) -> dict[str, float] | None:
    if metric.endswith("_ratio"):
        found: dict[str, float] | None = row[metric].get(horizon)
        return found
    found = row["scores"][horizon].get(metric)
    return found


def best_rows(rows: Results, horizon: str) -> dict[str, str]:
    """Return which row has the best mean of each metric that has a best."""
    best = {}
    for metric, title in COLUMNS.items():
        values = {
            name: found["value"]
            for name, row in rows.items()
            if row["kind"] != "limit" and (found := measured(row, horizon, metric)) is not None
        }
        if values and not title.endswith("1"):
            best[metric] = (max if title.endswith("↑") else min)(values, key=lambda n: values[n])
    return best


def ablation_table(results: Results) -> Iterator[str]:
    """Yield what each variant changed, against the one that it differs from in one thing."""
    shown = [h for h in SHOWN if int(h) in results["protocol"]["horizons"]]
    heads = [f"MSE ratio, {frames(h)}" for h in shown]
    heads += ["SSIM difference, 5", "MSE ratio in growth, 5", "sharpness difference, 5", "CPU min", "outcome"]
    yield f"| variant | question | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 2) + "|"
    for row in results["forecasters"].values():
        if "versus" not in row:
            continue
        versus = row["versus"]
        cells = [cell(versus[h]["mse"], bold=clear(versus[h]["mse"])) for h in shown]
        cells += [cell(versus["5"]["ssim"]), cell(versus["5"].get("growth_mse"))]
        cells += [cell(versus["5"]["sharpness"], 2), f"{row['cpu_minutes'] or 0:.1f}"]
        yield f"| {row['title']} | {row['question']} | {' | '.join(cells)} | {outcome(versus, shown)} |"


def clear(ratio: dict[str, float]) -> bool:
    return not ratio["low"] <= 1 <= ratio["high"]


def outcome(versus: Results, horizons: list[str]) -> str:
    """Return where the error of a variant is clearly more or less than its reference's: p below 0.05 after Holm."""
    parts = []
    for word, sign in (("less error", -1), ("more error", 1)):
        where = [
            h for h in horizons if sign * (versus[h]["mse"]["value"] - 1) > 0 and versus[h]["holm"] < 0.05
        ]
        if where:
            parts.append(f"{word} at {listed(where)}")
    return "; ".join(parts) or "no clear difference"


def strata_table(results: Results) -> Iterator[str]:
    """Yield the winner's ratios of errors in each stratum."""
    row = results["forecasters"][results["winner"]]
    horizons = [str(h) for h in results["protocol"]["horizons"]]
    yield f"| phantoms | sequences | {' | '.join(f'{h} ahead' for h in horizons)} |"
    yield "|---" * (len(horizons) + 2) + "|"
    for key, (title, names) in STRATA.items():
        for level, found in row["strata"][key].items():
            cells = [cell(found[h], bold=clear(found[h])) for h in horizons]
            name = names.get(level, level.replace("_", "-").replace("-0.8", "−0.8"))
            yield f"| {title}: {name} | {found[horizons[0]]['sequences']} | {' | '.join(cells)} |"


def samples_table(row: Results, copied: Results) -> Iterator[str]:
    """Yield what sampled futures are worth, beside the mean forecast and the copied last frame."""
    heads = (
        "MSE ÷ copy's",
        "of the samples' mean",
        "sharpness",
        "mean forecast's",
        "detail",
        "SSIM",
        "copy's SSIM",
    )
    yield f"| ahead | {' | '.join(heads)} | difference of two samples ÷ error of one | spread ÷ error |"
    yield "|---" * (len(heads) + 3) + "|"
    for h, found in row["samples"].items():
        wide = found["diversity"]["value"] / found["mse"]["value"] ** 0.5
        cells = [cell(found[key]) for key in ("to_copy", "mean_to_copy")]
        cells += [
            cell(found["sharpness"], 2),
            cell(row["scores"][h]["sharpness"], 2),
            cell(found["spectral"], 2),
        ]
        cells += [
            cell(found["ssim"]),
            cell(copied["scores"][h]["ssim"]),
            f"{wide:.2f}",
            cell(found["spread"], 2),
        ]
        yield f"| {h} | {' | '.join(cells)} |"


def coverage_table(row: Results) -> Iterator[str]:
    """Yield how often the truth lies inside the stated interval."""
    found = row["coverage"]["calibrated"]
    levels = sorted(
        {key for one in found.values() for key in one if key.replace(".", "").isdigit()}, key=float
    )
    heads = [f"nominal {percent(float(level))}" for level in levels]
    heads += ["worst, points", "in cells, nominal 68 %", "uncalibrated, nominal 68 %"]
    yield f"| ahead | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for h, one in found.items():
        cells = [cell(one[level], 1, factor=100) for level in levels]
        cells += [f"{one['worst']:.1f}", cell(one["cells 0.68"], 1, factor=100)]
        cells.append(cell(row["coverage"]["laplace"][h]["0.68"], 1, factor=100))
        yield f"| {h} | {' | '.join(cells)} |"


def real_table(results: Results) -> Iterator[str]:
    """Yield the skill in each real movie, before and after adapting."""
    yield "| movie | forecasts | model | 1 ahead | 2 | 3 | 4 | 5 | best baseline |"
    yield "|---" * 9 + "|"
    for movie in results["movies"].values():
        rows = movie["horizons"]
        rivals = list(dict.fromkeys(METHODS[row["best"]] for row in rows.values()))
        for name, words in (("as_it_is", "as it is"), ("adapted", "adapted")):
            if name == "adapted" and not any(one["helped"] for one in movie["adaptations"]):
                yield f"| {movie['title']} | {movie['units']} | not adapted: {refusal(movie)} | | | | | | |"
                continue
            cells = [
                cell(rows[h][name], 2, bold=rows[h][name]["low"] > 0) if h in rows else ""
                for h in map(str, range(1, 6))
            ]
            yield f"| {movie['title']} | {movie['units']} | {words} | {' | '.join(cells)} | {listed(rivals)} |"


def refusal(movie: Results) -> str:
    """Return why a model was not adapted."""
    tried = any(one["before"] is not None for one in movie["adaptations"])
    return "it did not help" if tried else "too few frames"
