"""Write what was measured about the generator into the documentation, and draw its random and worst samples.

Run it after ``benchmarks/gan_quality.py``; every number comes from benchmarks/results/gan_quality.json, what is said
about the training from the cards of the bundled models.

    python scripts/update_generator_page.py [--data DIR]

With the store of pictures (``DIR``, as for the benchmark) the figures are drawn too: of the judged samples the first
ones, the worst ones by a fixed rule, and look-alikes of the first guides. Nobody picks.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pages import ROOT, update

import napari_cellsim as cs

RESULTS = ROOT / "benchmarks" / "results" / "gan_quality.json"
DISCS = ROOT / "benchmarks" / "results" / "gan_discs.json"
PAGE = ROOT / "docs" / "explanation" / "generator_quality.md"
ABOUT = (ROOT / "README.md", ROOT / "docs" / "explanation" / "bundled_models.md")
IMAGES = ROOT / "docs" / "images"
GAN, VAE = "cellgan-lite", "vae-lite"
PLAUSIBLE, VARIETY, COPIES = 0.95, 0.6, 0.02  # the goals
FIGURES = {
    "samples_random.png": (
        "Two groups of rows of small grey pictures of traps with cells: phantoms above, generated ones below.",
        "Phantom test pictures (above), and the first generated ones of those judged (below), truncation 1.",
    ),
    "samples_worst.png": (
        "Rows of small grey pictures of traps, some of them malformed.",
        "The worst of those judged: the ones whose nearest phantom is farthest away in feature space.",
    ),
    "samples_guided.png": (
        "A row of guide pictures, and below each its look-alikes.",
        "Look-alikes of phantom test pictures. From above: guide, encoder's answer in W, in W+, refined in W+.",
    ),
}
SHEET = (4, 12)  # rows and columns of each group of samples
GUIDES = 8


def page(content: dict[str, Any]) -> str:
    """Return the Markdown text between the markers of the page.

    Parameters
    ----------
    content : dict
        Of gan_quality.json.
    """
    results = content["results"]
    protocol = results["protocol"]
    side = protocol["picture_size"]
    intro = (
        f"Measured on {content['date'][:10]} with `benchmarks/gan_quality.py`: {protocol['samples']} generated "
        f"pictures of {side} × {side} px ({protocol['pixel_size']:g} µm per px) of each model, "
        f"seed {protocol['seed']}, against {protocol['real']}. Copies were looked for among all "
        f"{protocol['training_pictures']} training pictures. Features: {protocol['features']}."
    )
    parts = [intro, "\n".join(distribution_rows(results)), verdict(results)]
    parts.append("## Look-alikes\n\n" + "\n".join(guided_rows(results["guided"])))
    shown = [
        f"![{alt}](../images/{name})\n\n{caption}"
        for name, (alt, caption) in FIGURES.items()
        if (IMAGES / name).is_file()
    ]
    if shown:
        parts.append("\n\n".join(["## Samples, unpicked", *shown]))
    return "\n\n".join(parts)


def distribution_rows(results: dict[str, Any]) -> Iterator[str]:
    """Yield one row per set of pictures."""
    columns: tuple[str, ...] = (
        "pictures",
        "Fréchet",
        "KID × 1000",
        "precision",
        "recall",
        "recall ÷ phantom's",
    )
    columns += ("diversity ÷ phantom's", "plausible", "near-duplicates", "copies of training")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    for name, row in sets(results):
        low, high = row["plausible_interval"]
        yield (
            f"| {name} | {row['frechet']:.3f} | {1000 * row['kid']:.2f} | {row['precision']:.2f} | {row['recall']:.2f} "
            f"| {row['recall_of_phantom']:.2f} | {row['diversity_of_phantom']:.2f} "
            f"| {percent(row['plausible'])} [{percent(low)}, {percent(high)}] "
            f"| {percent(row['copies_among_each_other'])} | {percent(row['copies_of_training'])} |"
        )


def sets(results: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and measurements of each set of pictures, the phantom's first."""
    yield "phantom, other half", results["phantom"]
    for name, row in results.items():
        if ", truncation " in name:
            model, rest = name.split(", ")
            yield f"`{model}`, {rest}", row


def verdict(results: dict[str, Any]) -> str:
    """Return whether the goals are met, one sentence per set of generated pictures."""
    goal = (
        f"The goal: {percent(PLAUSIBLE)} plausible pictures, which count only where recall and diversity each reach "
        f"{VARIETY:g} of the phantom's own and under {percent(COPIES)} are near-duplicates or copies. "
        f"(The phantom itself: {percent(results['phantom']['plausible'])} plausible.)"
    )
    lines = [goal, ""]
    for name, row in list(sets(results))[1:]:
        missed = [
            text
            for fails, text in (
                (row["plausible"] < PLAUSIBLE, "too few are plausible"),
                (row["recall_of_phantom"] < VARIETY, "recall is too low"),
                (row["diversity_of_phantom"] < VARIETY, "diversity is too low"),
                (row["copies_among_each_other"] >= COPIES, "too many resemble each other"),
                (row["copies_of_training"] >= COPIES, "too many resemble a training picture"),
            )
            if fails
        ]
        lines.append(f"- {name}: {'**missed**: ' + ', '.join(missed) if missed else '**met**'}.")
    return "\n".join(lines)


def guided_rows(guided: dict[str, Any]) -> Iterator[str]:
    """Yield one row per kind of guide and way of answering."""
    yield "| guides | model | answer | PSNR, dB | SSIM | IoU of cells | IoU of pillars |"
    yield "|---" * 7 + "|"
    for title, rows in guided.items():
        source, _, model = title.rpartition(", ")
        for answer, row in rows.items():
            if isinstance(row, dict):
                values = " | ".join(f"{row[key]:.2f}" for key in ("ssim", "iou_cell", "iou_trap"))
                guides = f"{source} ({rows['guides']})"
                yield f"| {guides} | `{model}` | {answer_name(answer)} | {row['psnr']:.1f} | {values} |"


def answer_name(answer: str) -> str:
    """Return "encoder, W+" of "encoder w+", and "refined, 200 steps, W" of "200 steps w"."""
    first, _, space = answer.rpartition(" ")
    return f"{'refined, ' if first.endswith('steps') else ''}{first}, {space.upper()}"


def discs(content: dict[str, Any]) -> str:
    """Return what came of the pictures of discs.

    Parameters
    ----------
    content : dict
        Of gan_discs.json.
    """
    results = content["results"]
    run = results["training"]
    rows = [
        "| pictures | exactly one disc | KS, row | KS, column | KS, radius | precision | recall |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, key in (("generated", "samples"), ("truth, against other truth", "truth_against_truth")):
        row = results[key]
        distances = row.get("kolmogorov_smirnov", {})
        shown = [distances.get(part) for part in ("row", "column", "radius")]
        shown += [row.get("precision"), row.get("recall")]
        values = " | ".join("–" if value is None else f"{value:.2f}" for value in shown)
        rows.append(f"| {name} ({row['pictures']}) | {percent(row['one_disc'])} | {values} |")
    minutes = f"{run['cpu_seconds'] / 60:.0f} minutes of one core, {content['date'][:10]}"
    intro = (
        f"After {thousands(run['images_shown'])} pictures ({minutes}). KS is the largest difference of the cumulative "
        "distributions: 0 the same, 1 disjoint. Precision and recall are those of (row, column, radius)."
    )
    return "\n".join([intro, "", *rows])


def percent(share: float) -> str:
    return f"{100 * share:.1f} %".replace(".0 %", " %")


def about() -> str:
    """Return what the cards of the bundled generative models say, one line per model."""
    entries = {entry.name: entry for entry in cs.list_models() if entry.bundled}
    lines = []
    for name, what in ((GAN, "Cell-GAN"), (VAE, "variational autoencoder, the baseline beside it")):
        if name not in entries:
            continue
        entry = entries[name]
        card, (side, _) = entry.card, entry.card.input_size or (0, 0)
        encoder: Any = card.training.get("encoder")
        extra = f", its encoder for {thousands(shown_in_all(encoder))}" if encoder else ""
        lines.append(
            f"- `{name}` ({what}): {side} × {side} px at {card.pixel_size:g} µm per px, "
            f"{entry.parameters / 1e6:.2f} million weights, trained on the phantom only "
            f"({card.trained_on}), for {thousands(shown_in_all(card.training))} pictures{extra}, on a CPU."
        )
    return "\n".join(lines) or "*No generative model is bundled yet.*"


def shown_in_all(training: Any) -> int:
    """Return how many pictures a network was shown, in all runs that led to it."""
    return int(training.get("images_shown_in_all", training["images_shown"]))


def thousands(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def draw(data: Path) -> None:
    """Draw the figures of the page."""
    from generator_figures import save_stamped, sheet

    from napari_cellsim.evaluation import domain_features
    from napari_cellsim.generation import encode, generate, project
    from napari_cellsim.training import PictureConfig

    sys.path.insert(0, str(ROOT / "benchmarks"))
    from gan_quality import SEED, halves, spread

    protocol = json.loads(RESULTS.read_text(encoding="utf-8"))["results"]["protocol"]
    model = cs.load_model(GAN)
    test = PictureConfig(folder=str(data / "pictures"), size=protocol["picture_size"]).pictures("test")
    real, _ = halves(test, protocol["samples"])
    made = generate(model, protocol["samples"], protocol["seed"], 1.0)
    assert protocol["seed"] == SEED  # so these are the pictures that were judged
    fake = standardised(made.images[:, 0, 0])
    rows, columns = SHEET
    count = rows * columns // 2
    first = np.concatenate([real[spread(len(real), count)], fake[:count]])
    features = [domain_features(one, test.pixel_size) for one in (real, fake)]
    distance = np.sqrt(((features[1][:, None] - features[0][None]) ** 2).sum(2)).min(1)
    worst = fake[np.argsort(-distance)[: rows * columns // 2]]
    guides = [test.sample(i).numpy()[0] for i in spread(len(test), GUIDES)]
    answers = [
        [encode(model, g[None], space=s, pixel_size=test.pixel_size) for g in guides] for s in ("w", "w+")
    ]
    answers.append([project(model, one, steps=200, space="w+") for one in answers[1]])
    look_alikes = [[standardised(one.images[:, 0, 0])[0] for one in row] for row in answers]
    sheets = {
        "samples_random.png": first.reshape(rows, columns, *first.shape[1:]),
        "samples_worst.png": worst.reshape(rows // 2, columns, *worst.shape[1:]),
        "samples_guided.png": np.array([guides, *look_alikes]),
    }
    half = rows // 2
    left = {
        "samples_random.png": ["phantom"] * half + ["generated"] * half,
        "samples_guided.png": ["guide", "W", "W+", "refined"],
    }
    for name, pictures in sheets.items():
        zoom = 2 if name == "samples_guided.png" else 1
        save_stamped(sheet(pictures, left=left.get(name, ()), zoom=zoom), IMAGES / name, model.hash)
        print(f"wrote {IMAGES / name}")


def standardised(pictures: np.ndarray) -> np.ndarray:
    """Return pictures (N, Y, X) with mean 0 and standard deviation 1 each, as those of the store have."""
    mean = pictures.mean((1, 2), keepdims=True)
    return np.asarray((pictures - mean) / pictures.std((1, 2), keepdims=True))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="store with the folder pictures/: draw the figures too")
    options = parser.parse_args()
    for path in ABOUT:
        update(path, generators=about())
    if DISCS.is_file():
        update(PAGE, discs=discs(json.loads(DISCS.read_text(encoding="utf-8"))))
    if not RESULTS.is_file():
        print(f"{RESULTS.relative_to(ROOT)} is not there yet; run benchmarks/gan_quality.py")
        return
    if options.data:
        draw(options.data)
    update(PAGE, quality=page(json.loads(RESULTS.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    main()
