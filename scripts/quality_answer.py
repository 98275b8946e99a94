"""What the measurements come to in plain words, and whether the goals are reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from quality_tables import STRATA, Results, cell, frames, listed, percent

WANTED: dict[str, Any] = {
    "mse_ratio": {"1": 0.65, "5": 0.72, "7": 0.78},
    "sample_sharpness": {"5": 0.85},
    "coverage_points": 3.0,
}


def subjects(content: dict[str, Results]) -> Iterator[tuple[str, Results, Results]]:
    """Yield what is judged, the large phantoms first: its description, its row, and all rows of the same study."""
    sizes = content.get("forecast_bundled", {}).get("results", {}).get("sizes", {})
    for size in ("large", "small"):
        if size in sizes:
            one = sizes[size]
            words = f"bundled model `{one['model']['name']}`, {side(one)}"
            yield words, one["forecasters"]["bundled"], one
    results = content.get("forecast_quality", {}).get("results", {})
    if results.get("winner") in results.get("forecasters", {}):
        winner = results["forecasters"][results["winner"]]
        yield f"ours in the comparison, {side(results)}", winner, results


def side(study: Results) -> str:
    """Return the size of a study's pictures."""
    size = study["protocol"]["size"]
    return f"{size} × {size} px"


def answer(content: dict[str, Results]) -> str:
    """Return the plain answer: how far ahead it is worth using, and where not."""
    judged = next(subjects(content), None)
    if judged is None:
        return "*No model is measured yet.*"
    words, row, study = judged
    protocol = study["protocol"]
    ratios = row["mse_ratio"]
    gains = [f"{gain(found)} {frames(h)}" for h, found in ratios.items()]
    opening = (
        "**How much better than doing nothing clever?** The best simple forecast copies the last frame, blurs "
        f"it, or moves it on. On {protocol['sequences']['test']} simulated movies that it never saw, the squared "
        f"error of our forecast ({words}) is {listed(gains)}."
    )
    parts = [opening, f"**How far ahead?** {reach(ratios, protocol)}"]
    tuned = [f"{gain(found['mse'])} at {h}" for h, found in row["to_tuned_flow"].items()]
    parts.append(
        "**Against the best we could do without learning**, measured motion that is weakened and blurred as much as "
        f"validation asks for, its squared error is {listed(tuned)} frames."
    )
    parts.append(f"**Where not?** {' '.join(weak_points(row, study))}")
    parts.append(f"**In real movies?** {real_words(content.get('forecast_real', {}).get('results'))}")
    return "\n\n".join(parts)


def gain(ratio: dict[str, float]) -> str:
    """Return how much less error a ratio means, with its interval, or how much more."""
    less = ratio["value"] <= 1
    ends = sorted((ratio[key] - 1) * (-1 if less else 1) for key in ("low", "high"))
    word = "less" if less else "more"
    return f"{percent(abs(ratio['value'] - 1))} {word} ({percent(ends[0])} to {percent(ends[1])})"


def reach(ratios: dict[str, Any], protocol: Results) -> str:
    """Return up to which horizon the forecast is clearly better than every baseline."""
    good: list[str] = []
    for h, found in ratios.items():
        if found["high"] >= 1:
            break
        good.append(h)
    if not good:
        return "Not even one frame: its error is not clearly below that of the best simple forecast. Do not use it."
    minutes = f" ({int(good[-1]) * protocol['interval']:g} minutes)" if protocol.get("interval") else ""
    if len(good) == len(ratios):
        return f"It is clearly better at all horizons that were measured, up to {good[-1]} frames{minutes}."
    after = list(ratios)[len(good)]
    return f"Up to {good[-1]} frames{minutes}; at {after} frames the gain is no longer clear."


def weak_points(row: Results, study: Results) -> Iterator[str]:
    """Yield sentences on where the forecast is of little use."""
    last = list(row["mse_ratio"])[-1]
    sharp = row["scores"][last]["sharpness"]["value"]
    yield (
        f"The expected frames lose detail: {frames(last)} they are {percent(sharp)} as sharp as the recording, "
        "because what may go either way is averaged."
    )
    growth = row["growth_ratio"].get(last)
    if growth and growth["value"] > row["mse_ratio"][last]["value"]:
        how = gain(growth) if growth["high"] < 1 else "not clearly less"
        yield f"Where cells grow, bud or move in, its error {frames(last)} is {how} than the best simple one's."
    unclear = []
    for key, levels in row["strata"].items():
        title, names = STRATA[key]
        for level, found in levels.items():
            horizons = [h for h, one in found.items() if one["high"] >= 1]
            if horizons:
                level = names.get(level, level.replace("_", "-"))
                unclear.append(f"{title}: {level} (at {listed(horizons)})")
    if unclear:
        yield f"No clear gain over the best simple forecast: {'; '.join(unclear)}."


def real_words(results: Results | None) -> str:
    """Return in which real movies the forecast helps."""
    if not results:
        return "Not measured yet."
    lines = []
    for movie in results["movies"].values():
        rows = movie["horizons"]
        helped = any(one["helped"] for one in movie["adaptations"])
        good = [h for h, one in rows.items() if one["adapted"]["low"] > 0]
        bad = [h for h, one in rows.items() if one["adapted"]["value"] <= 0]
        if len(good) == len(rows):
            said = f"clearly better than the best simple forecast at every step up to {list(rows)[-1]}"
        elif not bad:
            said = f"better on average at every step, clearly so at {listed(good) or 'none'}"
        elif len(bad) == len(rows):
            said = "no better than the best simple forecast at any step"
        else:
            said = f"no better than the best simple forecast at {listed(bad)}, better on average at the other steps"
        lines.append(f"- {movie['title']} ({'adapted' if helped else 'not adapted'}): {said}.")
    advice = (
        "Before you trust it with your own movie, let it be judged there (dock *Evaluate*, or "
        "`napari-cellsim evaluate`)."
    )
    return "\n".join([f"{advice} In the movies that we have:", "", *lines])


def targets(content: dict[str, Results]) -> str:
    """Return the goals beside what was reached."""
    lines = ["| goal | measured on | reached | |", "|---|---|---|---|"]
    for words, row, study in subjects(content):
        for h, wanted in WANTED["mse_ratio"].items():
            found = row["mse_ratio"][h]
            lines.append(
                f"| MSE at most {wanted:.2f} of the best baseline's, {frames(h)} | {words} | {cell(found, 3)} "
                f"| {verdict(found['value'] <= wanted, found['high'] <= wanted, found['low'] <= wanted)} |"
            )
        lines += similarity(words, row, study)
        lines += sampled(words, row, study)
        if "coverage" in row:
            worst = max(found["worst"] for found in row["coverage"]["calibrated"].values())
            wanted = WANTED["coverage_points"]
            goal = f"coverage within {wanted:g} points of nominal, every level and horizon"
            lines.append(f"| {goal} | {words} | {worst:.1f} points at worst | {verdict(worst <= wanted)} |")
    for movie in content.get("forecast_real", {}).get("results", {}).get("movies", {}).values():
        rows = movie["horizons"]
        least = min(rows, key=lambda h: rows[h]["adapted"]["value"])
        found = rows[least]["adapted"]
        goal = f"real movie, after adaptation: skill above 0 at every step up to {list(rows)[-1]}"
        sure = all(one["adapted"]["low"] > 0 for one in rows.values())
        lines.append(
            f"| {goal} | {movie['title']} | least: {cell(found, 2)}, {frames(least)} | "
            f"{verdict(found['value'] > 0, sure)} |"
        )
    if len(lines) == 2:
        return "*Nothing is measured yet.*"
    note = (
        "*met* and *missed* are said of the measured mean; “interval reaches across” means that other test "
        "sequences of the same kind might have turned it."
    )
    return "\n".join([*lines, "", note, *possible(content)])


def possible(content: dict[str, Results]) -> Iterator[str]:
    """Yield what was possible at all: the error left by the true motion, and by the noise of the camera."""
    told: set[str] = set()
    for words, row, study in subjects(content):
        limit = study["forecasters"].get("true_motion")
        if limit is None:
            continue
        ratios, noise = limit["mse_ratio"], study["protocol"]["noise"]
        left = [f"{ratio['value']:.2f} {frames(h)}" for h, ratio in ratios.items()]
        grain = [f"{ratio['value']:.2f} at {h}" for h, ratio in noise.items()]
        said = (
            f"**What is possible at all**, {side(study)}: the last frame, moved by the *true* future motion and "
            f"blurred as much as helps, has an MSE of {listed(left)}, as a share of the best baseline's. No "
            "forecast knows that motion; only drawing what was not there before can go below. The noise of the "
            f"true frame alone is {listed(grain)}."
        )
        if said not in told:  # two models judged on the same sequences have one limit
            told.add(said)
            yield from ("", said)
        copied = study["forecasters"]["blurred_copy_last"]["scores"]
        blurred = [
            f"{own['mse']['value'] / copied[h]['mse']['value']:.2f} at {h}"
            for h, own in row["scores"].items()
        ]
        yield ""
        yield (
            "Against the blurred copy alone, which was the baseline of the prototypes that the goals were derived "
            f"from, the forecast ({words}) has {listed(blurred)}."
        )


def verdict(met: bool, sure: bool = True, possible: bool = False) -> str:
    """Return one word, with a remark where the interval contains the bound."""
    word = "**met**" if met else "**missed**"
    across = (met and not sure) or (not met and possible)
    return f"{word} (interval reaches across)" if across else word


def similarity(words: str, row: Results, study: Results) -> Iterator[str]:
    """Yield rows on SSIM against the best of all others at each horizon of the goals."""
    for h in WANTED["mse_ratio"]:
        rivals = {
            name: one
            for name, one in study["forecasters"].items()
            if one is not row and one["kind"] in ("baseline", "competitor") and "winner_versus" in one
        }
        if not rivals:
            continue
        best = max(rivals.values(), key=lambda one: one["scores"][h]["ssim"]["value"])
        found = best["winner_versus"][h]["ssim"]
        own, other = row["scores"][h]["ssim"]["value"], best["scores"][h]["ssim"]["value"]
        trained = any(one["kind"] == "competitor" for one in rivals.values())
        others = "other method" if trained else "baseline"
        said = f"{own:.3f}; best other is {best['title']}, {other:.3f}; difference {cell(found, 3)}"
        known = verdict(found["value"] > 0, found["low"] > 0, found["high"] > 0)
        yield f"| SSIM above every {others}'s, {frames(h)} | {words} | {said} | {known} |"


def sampled(words: str, row: Results, study: Results) -> Iterator[str]:
    """Yield rows on sampled futures."""
    for h, wanted in WANTED["sample_sharpness"].items():
        if "samples" not in row:
            continue
        sharp, ratio = row["samples"][h]["sharpness"], row["samples"][h]["to_copy"]
        known = verdict(sharp["value"] >= wanted, sharp["low"] >= wanted, sharp["high"] >= wanted)
        yield f"| samples at least {wanted:g} as sharp, {frames(h)} | {words} | {cell(sharp, 2)} | {known} |"
        known = verdict(ratio["value"] < 1, ratio["high"] < 1, ratio["low"] < 1)
        yield f"| samples' MSE below the copied frame's, {frames(h)} | {words} | {cell(ratio, 3)} of it | {known} |"
