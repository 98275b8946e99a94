"""What the scripts share that train bundled models stage by stage: options, real frames, a running report."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import napari_cellsim as cs
from napari_cellsim.training import RunFolder, StepLogged, Validated, train
from napari_cellsim.training.sequences import import_frames

HERE = Path(__file__).resolve().parent
SPLIT: dict[str, Any] = json.loads((HERE / "training_split.json").read_text())
WEIGHTS = HERE.parent / "src" / "napari_cellsim" / "weights"
REAL = HERE.parents[1] / "shared" / "data"


def parser_of(description: str | None, stages: Iterable[str]) -> argparse.ArgumentParser:
    """Return a parser of the options that all of them have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="+", choices=list(stages), help="stages to run, in this order")
    parser.add_argument(
        "--data", type=Path, required=True, help="store of training sequences, outside the repository"
    )
    parser.add_argument("--runs", type=Path, required=True, help="folder for the run folders")
    parser.add_argument("--real", type=Path, default=REAL, help="folder of the real movies")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder for the exported models")
    parser.add_argument("--threads", type=int, default=2, help="threads that train")
    parser.add_argument("--device", default="cpu", help="where to train: cpu (default), cuda")
    return parser


def import_real(folder: Path, movies: Path, pixel_size: float) -> None:
    """Bring the real frames that training may see into a folder, at this pixel size in µm."""
    for real in SPLIT["real"]:
        path = movies / real["file"]
        if not path.is_file():
            print(f"{path} is not here; training without it")
            continue
        import_frames(
            folder,
            path.name.split(".")[0],
            cs.open_timelapse(path).array(slice(*real["frames"])),
            pixel_size=real["pixel_size"],
            interval=real["interval"],
            target_pixel_size=pixel_size,
            strides=tuple(real["strides"]),
        )


def train_aloud(folder: RunFolder) -> None:
    """Train a run and print its losses and validations."""
    for event in train(folder.path):
        if isinstance(event, StepLogged):
            losses = " ".join(f"{name} {value:.4f}" for name, value in event.losses.items())
            print(
                f"{event.step} ({event.progress:.1%}, {event.images_per_second:.1f}/s) {losses}", flush=True
            )
        elif isinstance(event, Validated):
            print("validation", {name: round(value, 4) for name, value in event.metrics.items()}, flush=True)
