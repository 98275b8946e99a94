"""Write what the cards of the bundled forecasting models say into docs/explanation/bundled_models.md.

Run it after a model was trained and exported.

    python scripts/update_models_page.py
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pages import ROOT, update

import napari_cellsim as cs
from napari_cellsim.models import ModelEntry

PAGE = ROOT / "docs" / "explanation" / "bundled_models.md"
DEFAULT = "sdcnet-default"
MODELS = {
    "unet-lite": "classifies pixels: background, trap, cell of interest, other cells",
    "pwcnet-lite": "measures the motion between two frames",
    DEFAULT: "forecasts, our own design: mean with uncertainty, and samples",
    "sdcnet-lite": "forecasts by the thesis' design: flow and adaptive kernels for the next frame",
}
STAGES = {
    "mean": "everything from nothing",
    "polish": "everything again, at half the rate, with the phantoms' true motion as a second teacher",
    "uncertainty": "the decoder for the expected error, everything else frozen; then calibrated on validation phantoms",
    "sampler": "a second network for single futures, which begins with the weights of the first",
}


def bundled() -> dict[str, ModelEntry]:
    """Return the bundled models by name."""
    return {entry.name: entry for entry in cs.list_models() if entry.bundled}


def table() -> str:
    """Return a row for each model that forecasts, or that a forecast needs."""
    entries = [bundled()[name] for name in MODELS]
    size = sum(entry.size for entry in entries) / 1e6
    rows = [
        f"Small networks forecast, {size:.0f} MB in all, stored as 16-bit numbers.",
        "",
        "| model | what it does | weights | trained on |",
        "|---|---|---|---|",
    ]
    rows += [
        f"| `{entry.name}` | {MODELS[entry.name]} | {entry.parameters / 1e6:.2f} million | {entry.card.trained_on} |"
        for entry in entries
    ]
    return "\n".join(rows)


def stages() -> str:
    """Return how `sdcnet-default` was trained, stage by stage, as its card tells."""
    training: dict[str, Any] = bundled()[DEFAULT].card.training
    lines = []
    for name, said in STAGES.items():
        one = training if training["settings"]["stage"] == name else training.get(name)
        if one is None:
            continue
        data = one["settings"]["data"]
        lines.append(
            f"- **{name.capitalize()}**: {said}. {one['steps']} steps of {data['batch']} crops of {data['crop']} px, "
            f"{one['minutes']:.0f} minutes."
        )
    return "\n".join(lines)


def partners() -> str:
    """Return what validation said of the two networks that look at frames for `sdcnet-lite`."""
    cells, flow = (bundled()[name].card for name in ("unet-lite", "pwcnet-lite"))
    overlap = (
        f"- Segmentation: on {sequences(cells)} held-out phantoms the intersection over union is "
        f"{cells.metrics['iou_trap']:.2f} for traps, {cells.metrics['iou_cell']:.2f} for cells and "
        f"{cells.metrics['iou_cell_of_interest']:.2f} for the cell of interest alone."
    )
    motion = (
        f"- Flow: the mean error inside cells of {sequences(flow)} held-out phantoms is "
        f"{flow.metrics['epe_cells']:.1f} px, where no motion at all has "
        f"{flow.metrics['epe_cells_of_zero_flow']:.1f} px."
    )
    return f"{overlap}\n{motion}"


def sequences(card: Any) -> int:
    """Return how many sequences a model was validated on."""
    return int(card.training["settings"]["data"]["validation_sequences"])


def parts() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each part of the page."""
    yield "forecasters", table()
    yield "stages", stages()
    yield "partners", partners()


def main() -> None:
    """Fill the page."""
    update(PAGE, **dict(parts()))


if __name__ == "__main__":
    main()
