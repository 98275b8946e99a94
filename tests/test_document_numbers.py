"""Numbers that stand in running text are those of benchmarks/results, of the model cards and of the networks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from napari_cellsim import models, nets

ROOT = Path(__file__).resolve().parents[1]


@cache
def results(name: str) -> Any:
    path = ROOT / "benchmarks" / "results" / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["results"]


def spaced(number: float) -> str:
    return f"{number:,.0f}".replace(",", " ")


def sdc() -> Iterator[str]:
    warm, cold = results("sdc")["breakdown"]["warm"], results("sdc")["breakdown"]["cold"]
    c, alone, whole, compiled = (
        "C function, 2 threads",
        "C function, 1 thread",
        "+ argument checks = sdc()",
        "compiled, gather loop",
    )
    ms = {
        place: {name: row["median_ms"] for name, row in one.items()}
        for place, one in (("w", warm), ("c", cold))
    }
    yield f"the C function needs {ms['w'][c]:.2f} ms ({ms['w'][alone]:.2f} ms on one thread)"
    yield f"the whole of `sdc` {ms['w'][whole]:.2f} ms, {ms['w'][compiled] / ms['w'][whole]:.1f} times less"
    yield f"that `torch.compile` makes ({ms['w'][compiled]:.2f} ms)"
    yield f"the C function needs {ms['c'][c]:.2f} ms and the way to it"
    yield f"another {ms['c'][whole] - ms['c'][c]:.2f} ms (against {ms['c'][compiled]:.2f} ms compiled)"
    faster = {name: case["faster"]["compiled_median"] for name, case in results("sdc")["cases"].items()}
    yield f"a half-warm compiled form: {faster['batch 1, forward']:.1f} times"
    yield f"({faster['batch 8, forward']:.0f} and {faster['batch 1, forward and backward']:.0f} times)"


def training() -> Iterator[str]:
    runs = results("forecast_training")["runs"]
    stages = ("flow", "kernel_init", "fine_tune", "multi_frame")
    shown = sum(runs[name]["steps"] * runs[name]["settings"]["data"]["batch"] for name in stages)
    card = next(entry.card for entry in models.list_models() if entry.name == "sdcnet-lite")
    parts: list[Any] = [card.training, card.training["fine_tune"]]
    seen = sum(part["steps"] * part["settings"]["data"]["batch"] for part in parts)
    yield f"{shown} crops in all, where the bundled `sdcnet-lite` saw {spaced(seen)} in fine-tuning alone"


def crops() -> Iterator[str]:
    found = results("crops")
    rows = found["traps"].values()
    errors = [row["centre_error_px_median"] for row in rows]
    assert {row["recall"] for row in rows} == {row["precision"] for row in rows} == {1.0}
    yield f"recall and precision are 1.00 and the centres {min(errors):.1f} to {max(errors):.1f} px off (median)"
    crop = found["crops"]
    yield f"a drift of {crop['drift_px']:.0f} px is followed to {crop['drift_error_px_largest']:.2f} px"
    yield (
        f"crops of {crop['traps']} traps, 20 frames and 3 planes take {crop['crop_s']:.0f} s on two cores and "
        f"{crop['peak_memory_mb'] / 1000:.1f} GB"
    )


def phantom() -> Iterator[str]:
    speed = {name: row["frames_per_second_per_core"] for name, row in results("phantom")["cases"].items()}
    yield (
        f"about {speed['256², 0.108 µm, 1 plane']:.0f} pictures of 256² pixels of 0.108 µm per second on one "
        f"processor core, or {speed['128², 0.216 µm, 1 plane']:.0f} of 128² pixels of 0.216 µm"
    )


def unsupervised_flow() -> Iterator[str]:
    chip = results("unsupervised_flow")["simulated chip"]
    cells, whole = chip["epe_cells"], chip["epe"]
    yield f"on {chip['n']} simulated traps of a foreign chip"
    yield (
        f"inside cells went from {cells['before']:.2f} to {cells['after']:.2f} px (difference "
        f"{cells['difference']:.2f}, 95 % interval {cells['interval_95'][0]:.2f} to {cells['interval_95'][1]:.2f})"
    )
    yield (
        f"over the whole picture from {whole['before']:.2f} to {whole['after']:.2f} px ({whole['difference']:+.2f}, "
        f"{whole['interval_95'][0]:+.2f} to {whole['interval_95'][1]:+.2f})"
    )
    movies = [results("unsupervised_flow")[name]["photometric"] for name in REAL_MOVIES]
    yield "the photometric error fell " + " and ".join(
        f"from {one['before']:.{digits}f} to {one['after']:.{digits}f}"
        for one, digits in zip(movies, (3, 4), strict=True)
    )


def weights(name: str, preset: str, **options: Any) -> float:
    """Return the number of weights of a network; on a device where they take no memory."""
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in nets.create(name, preset, **options).parameters())


def cellgan_sizes() -> Iterator[str]:
    rows = ("generator", "mapping", "encoder", "discriminator", "autoencoder")
    for row in rows:
        name = "vae" if row == "autoencoder" else f"cellgan_{row}"
        options = {} if row == "mapping" else {"size": 256}
        thesis, lite = (weights(name, preset, **options) / 1e6 for preset in ("thesis", "lite"))
        unit = " weights" if row == "generator" else ""
        yield f"| {row} | {thesis:.2f} million{unit} | {lite:.2f} million |"


def msggan_sizes() -> Iterator[str]:
    for row in ("generator", "discriminator"):
        small, large, lite = (
            weights(f"msggan_{row}", preset, size=size) / 1e6
            for preset, size in (("thesis", 32), ("thesis", 128), ("lite", 64))
        )
        unit = " weights" if row == "generator" else ""
        yield f"| {row} | {small:.2f} million{unit} | {large:.2f} million | {lite:.2f} million |"


def classifier_sizes() -> Iterator[str]:
    lite, large = (weights("classifier", preset) for preset in ("lite", "large"))
    yield f"(`lite`: {spaced(round(lite, -3))}, `large`: {large / 1e6:.1f} million)"


def simvp_sizes() -> Iterator[str]:
    yield f"| weights | {weights('simvp', 'lite') / 1e6:.2f} million | {weights('simvp', 'paper') / 1e6:.1f} million |"


def pwcnet_sizes() -> Iterator[str]:
    thesis, lite = (weights("pwcnet", preset) for preset in ("thesis", "lite"))
    yield f"exactly the {spaced(thesis)} parameters of the published PWCDCNet"
    yield f"the lite one has {spaced(round(lite, -3))}."


REAL_MOVIES = ("trap_alcatras_dic_part1_T058", "colony_phylocell_phase_T100")
PAGES = {
    "explanation/architecture.md": sdc,
    "explanation/augmentation_study.md": classifier_sizes,
    "explanation/how_cellgan_works.md": cellgan_sizes,
    "explanation/how_msggan_works.md": msggan_sizes,
    "explanation/phantom.md": phantom,
    "explanation/training_stages.md": training,
    "how_to/build_a_dataset.md": crops,
    "how_to/train_on_your_movies.md": unsupervised_flow,
    "reference/models.md": pwcnet_sizes,
    "reference/run_toml.md": simvp_sizes,
}


@pytest.mark.parametrize("page", PAGES)
def test_numbers_in_the_text_are_true(page: str) -> None:
    text = " ".join((ROOT / "docs" / page).read_text(encoding="utf-8").split())
    for sentence in PAGES[page]():
        assert sentence in text


def test_page_of_the_bundled_models_says_what_their_cards_say(
    load_script: Callable[[str], ModuleType], insert: Callable[[str, str, str], str]
) -> None:
    script = load_script("update_models_page")
    document = script.PAGE.read_text(encoding="utf-8")
    for name, text in script.parts():
        assert insert(document, name, text) == document, "python scripts/update_models_page.py"
