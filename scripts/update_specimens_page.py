"""Write what was measured with photographs of specimens into the pages on the study and on MSG-GAN.

Run it after ``benchmarks/specimens.py``, ``benchmarks/specimens_transfer.py`` or ``benchmarks/msggan_speed.py``; every
number comes from their results.

    python scripts/update_specimens_page.py [--work DIR]

`DIR` is the folder of ``benchmarks/specimens.py``; with it the sheet of generated shells is drawn anew.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from pages import ROOT, update
from skimage.io import imsave

import napari_cellsim as cs

RESULTS = ROOT / "benchmarks" / "results" / "specimens.json"
SPEED = ROOT / "benchmarks" / "results" / "msggan_speed.json"
TRANSFER = ROOT / "benchmarks" / "results" / "specimens_transfer.json"
PAGE = ROOT / "docs" / "explanation" / "augmentation_study.md"
MSGGAN = PAGE.with_name("how_msggan_works.md")
SHEET = ROOT / "docs" / "images" / "shells_generated.png"
COLUMNS, ZOOM = 12, 2
ALT = (
    "Rows of generated photographs of each class, the first that were drawn: agglutinated ones grainy, brown and bent; "
    "white globes; grey and white stones; spiral ones cream-coloured with a notched outline."
)


def percent(share: float) -> str:
    """Return a share as text."""
    return f"{100 * share:.1f} %"


def page(content: dict[str, Any]) -> str:
    """Return the Markdown text between the markers of the page.

    Parameters
    ----------
    content : dict
        Of specimens.json.
    """
    results, machine = content["results"], content["machine"]
    study, shown, counts = results["study"], results["pictures"], results["split"]
    each = sorted({parts["train"] for parts in counts.values()})
    total = sum(results["minutes"].values())
    intro = (
        f"Measured on {content['date'][:10]} by `{results['command']}` on one core ({machine['processor']}) of a "
        f"machine with other work to do. {' or '.join(map(str, each))} training pictures of each class, "
        f"{results['size']} × {results['size']} px. One MSG-GAN of all classes was shown {shown['all classes']} "
        f"pictures; from it went one per class, shown {shown['each class']} more of that class alone. Cell-GAN was "
        f"shown {shown['all classes']} of all. "
        f"{total:.0f} minutes of training in all."
    )
    sheet = f"![{ALT}](../images/{SHEET.name})"
    unpicked = (
        f"The first {COLUMNS} pictures of each class, by the models of {', '.join(counts)}, seed 0, unpicked."
    )
    tables = [arms(study), conclusions(study), seen(study), distances(results["generators"])]
    return "\n\n".join([intro, sheet, unpicked, *tables])


def draw(work: Path) -> None:
    """Draw the sheet: a row of pictures of each class, one model per class."""
    rows = []
    for name in cs.datasets.read_specimens(work / "shells", size=32).class_names:
        model = cs.load_model(work / "runs" / name / "final.safetensors")
        images = cs.generate(model, COLUMNS, 0, device="cpu").images[:, 0]
        rows.append(np.concatenate(list(images.transpose(0, 2, 3, 1)), axis=1))
    sheet = np.clip(np.round(np.concatenate(rows)), 0, 255).astype(np.uint8)
    imsave(SHEET, sheet.repeat(ZOOM, 0).repeat(ZOOM, 1))


def arms(study: dict[str, Any]) -> str:
    """Return the table of classifiers with and without generated pictures."""
    lines = [
        "| generated per class | mean accuracy (95 % interval over trainings) | deviation | best | p (Holm) |",
        "|---|---|---|---|---|",
    ]
    corrected = {test["per_class"]: test["holm"] for test in study["tests"]}
    for arm in study["arms"]:
        mean, p = arm["mean"], corrected.get(arm["per_class"])
        lines.append(
            f"| {arm['per_class'] or 'none'} | {percent(mean['value'])} ({percent(mean['low'])} to "
            f"{percent(mean['high'])}) | {100 * arm['deviation']:.1f} | {percent(arm['best'])} | "
            f"{'–' if p is None else f'{p:.2g}'} |"
        )
    runs = len(study["arms"][0]["trainings"])
    return "\n".join([*lines, "", f"{runs} trainings of each kind, {study['test_pictures']} test pictures."])


def conclusions(study: dict[str, Any]) -> str:
    """Return the sentences of the report."""
    return "\n".join(f"- {test['conclusion']}" for test in study["tests"])


def seen(study: dict[str, Any]) -> str:
    """Return what classifiers of real pictures make of generated ones."""
    names = list(study["real"][0]["by_class"])
    lines = [
        "What the classifiers of real pictures alone name correctly, on average:",
        "",
        "| pictures | all | " + " | ".join(names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for title, part in (
        ("real, of the test part", "real"),
        ("generated, one MSG-GAN per class", "generated"),
    ):
        answers = study[part]
        cells = [mean(one["accuracy"] for one in answers)]
        cells += [mean(one["by_class"][name] for one in answers) for name in names]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def mean(shares: Any) -> str:
    """Return the mean of shares as text."""
    values = list(shares)
    return percent(sum(values) / len(values))


def distances(generators: dict[str, Any]) -> str:
    """Return how far the pictures of each generator are from unseen shells."""
    first = next(iter(generators.values()))
    sizes = first["distances"]
    about = (
        f"Distances to {sizes['real']} shells that nobody has seen, {sizes['fake']} generated pictures each, in "
        f"features of the first of these classifiers ({first['extractor']}):"
    )
    lines = [
        about,
        "",
        "| pictures | KID × 1000 ↓ | precision ↑ | recall ↑ |",
        "|---|---|---|---|",
    ]
    reference = first["reference"]
    for name, one in [("real, half against half", None), *generators.items()]:
        found = reference if one is None else one["distances"]
        lines.append(
            f"| {name} | {1000 * found['kid']:.1f} | {found['precision']:.2f} | {found['recall']:.2f} |"
        )
    return "\n".join(lines)


def transfer(content: dict[str, Any]) -> str:
    """Return what starting from a generator of other classes gains with few pictures, of specimens_transfer.json."""
    results = content["results"]
    rows, about = results["rows"], results["rows"][0]
    repetitions = 1 + max(row["repetition"] for row in rows)
    intro = (
        f"Measured on {content['date'][:10]} by `{results['command']}`: {results['pictures']} pictures of "
        f"{results['target']} shells, the training part of which is learnt from, {results['size']} × {results['size']} "
        f"px. *Other classes* means an MSG-GAN that had been shown {results['base_shown']} pictures of "
        f"{', '.join(results['others'])} ones. Judged against {results['real']} shells of the class that nobody has "
        f"seen, {results['real']} generated pictures each, in features of a classifier ({about['extractor']}). Means "
        f"and ranges of {repetitions} repetitions, each with other pictures and another seed:"
    )
    lines = [
        intro,
        "",
        "| pictures shown | begins with | KID ↓ | precision ↑ | recall ↑ |",
        "|---|---|---|---|---|",
    ]
    for shown in sorted({row["shown"] for row in rows}):
        for transferred in (False, True):
            those = [row for row in rows if row["shown"] == shown and row["transferred"] == transferred]
            cells = [span([row["kid"] for row in those], 1)]
            cells += [span([row[key] for row in those], 2) for key in ("precision", "recall")]
            lines.append(
                f"| {shown} | {'other classes' if transferred else 'fresh weights'} | "
                + " | ".join(cells)
                + " |"
            )
    reference = about["reference"]
    lines.append(
        f"| – | real, half against half | {round(reference['kid'], 1) + 0.0:.1f} | {reference['precision']:.2f} | "
        f"{reference['recall']:.2f} |"
    )
    return "\n".join(lines)


def span(values: list[float], digits: int) -> str:
    """Return mean and range as text."""
    mean = sum(values) / len(values)
    return f"{mean:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def speed(content: dict[str, Any]) -> str:
    """Return the table of training speeds, of msggan_speed.json."""
    names = {"msggan": "MSG-GAN", "cellgan": "Cell-GAN"}
    about = (
        f"Measured on {content['date'][:10]} by `python benchmarks/msggan_speed.py`: whole training steps of the "
        f"`lite` networks, {content['results']['batch']} pictures each, on one core "
        f"({content['machine']['processor']})."
    )
    lines = [
        about,
        "",
        "| network | pictures of | pictures per second | weights |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {names[one['recipe']]} | {one['size']} × {one['size']} px | {one['images_per_second']:.0f} | "
        f"{one['weights'] / 1e6:.2f} million |"
        for one in content["results"]["rows"]
    ]
    return "\n".join(lines)


def main() -> None:
    """Fill the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, help="folder of benchmarks/specimens.py")
    work = parser.parse_args().work
    if work is not None:
        draw(work)
    update(PAGE, shells=page(json.loads(RESULTS.read_text(encoding="utf-8"))))
    update(
        MSGGAN,
        speed=speed(json.loads(SPEED.read_text(encoding="utf-8"))),
        transfer=transfer(json.loads(TRANSFER.read_text(encoding="utf-8"))),
    )


if __name__ == "__main__":
    main()
