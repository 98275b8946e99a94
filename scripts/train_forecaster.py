"""Train the bundled forecasting model `sdcnet-default`: data, mean forecast, uncertainty, sampler, calibration, export.

Every stage may be interrupted and started again; it continues where it was. A finished stage is skipped. The mean
forecast is that of the quality suite (variant of the same name), trained longer and on more kinds of pictures; `polish`
goes on with it at half the rate and teaches it the true flow too, without which arrows in empty places mean nothing.

    python scripts/train_forecaster.py data mean polish uncertainty sampler export --data DIR --runs DIR
    python benchmarks/forecast_quality/run.py --work DIR
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from stages import HERE, import_real, parser_of, train_aloud

import napari_cellsim as cs
from napari_cellsim.models import Model
from napari_cellsim.training import RunFolder, sdcnet_run, write_run
from napari_cellsim.training.sequences import find_sequences
from napari_cellsim.training.simulated import generate_phantoms

sys.path.insert(0, str(HERE.parent / "benchmarks" / "forecast_quality"))
import modes
import phantoms

STAGES = ("data", "mean", "polish", "uncertainty", "sampler", "export")
STEPS = {"mean": 4500, "polish": 2500, "uncertainty": 250, "sampler": 1200}
RECIPE_STAGE = {"mean": "default", "polish": "default", "uncertainty": "uncertainty", "sampler": "sampler"}
SEEDS = {"mean": 1, "uncertainty": 2, "sampler": 3, "polish": 4}
BEGINS = {"mean": "", "polish": "mean", "uncertainty": "polish", "sampler": "polish"}
SETTINGS = {
    "polish": {"encoder_lr": 5e-4, "head_lr": 5e-4, "flow_truth": 0.1},
    "uncertainty": {"head_lr": 3e-3},
}
VARIED = range(3000000, 3000300)  # seeds of phantoms that vary in everything
NAME = "sdcnet-default"


def main() -> None:
    options = parse()
    for stage in options.stages:
        print(f"== {stage}", flush=True)
        if stage == "data":
            make_data(options)
        elif stage == "export":
            export(options)
        else:
            run_stage(stage, options)


def parse() -> argparse.Namespace:
    parser = parser_of(__doc__, STAGES)
    for stage, steps in STEPS.items():
        parser.add_argument(f"--steps-{stage}", type=int, default=steps, help=f"default {steps}")
    return parser.parse_args()


def make_data(options: argparse.Namespace) -> None:
    """Simulate the suite's phantoms, those that vary in everything, and import the real frames that may be seen."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for part in ("validation", "test", "train"):
        phantoms.simulate(options.data, part)
    store = options.data / "small"
    grid = phantoms.SPLIT["phantom"]["grids"]["small"]
    for _ in generate_phantoms(options.data / "varied", VARIED, **grid):
        pass
    together = options.data / "bundle"
    (together / "train").mkdir(parents=True, exist_ok=True)
    for folder in (*(store / "train").iterdir(), *(options.data / "varied").iterdir()):
        link(together / "train" / folder.name, folder)
    link(together / "validation", store / "validation")
    import_real(together / "real", options.real, grid["pixel_size"])


def link(path: Path, target: Path) -> None:
    """Make a symbolic link that may be there already."""
    if not path.is_symlink():
        path.symlink_to(target.resolve())


def run_stage(stage: str, options: argparse.Namespace) -> None:
    """Train one stage in its run folder."""
    folder = RunFolder(options.runs / stage)
    start = str(RunFolder(options.runs / BEGINS[stage]).final) if BEGINS[stage] else ""
    real = 0.12 if (options.data / "bundle" / "real").is_dir() else 0.0
    config, schedule = sdcnet_run(
        "default",
        RECIPE_STAGE[stage],  # type: ignore[arg-type]
        options.data / "bundle",
        start=start,
        data={"seed": SEEDS[stage], "validation_sequences": 24, "real_share": real},
        fit={
            "steps": getattr(options, f"steps_{stage}"),
            "threads": options.threads,
            "device": options.device,
            "seed": SEEDS[stage],
            "log_every": 50,
            "validate_every": 1000,
            "checkpoint_every": 250,
        },
        model_name=NAME,
        **SETTINGS.get(stage, {}),
    )
    if folder.state().get("status") == "finished":
        return
    write_run(folder.path, "sdcnet", config, schedule)
    train_aloud(folder)


def export(options: argparse.Namespace) -> None:
    """Join mean, uncertainty and sampler in one model, calibrate it on the validation phantoms, and store it."""
    model = cs.load_model(RunFolder(options.runs / "uncertainty").final)
    networks = dict(model.networks)
    drawn = RunFolder(options.runs / "sampler").final
    card = model.card
    if drawn.is_file():
        sampler = cs.load_model(drawn)
        networks["sampler"] = sampler.networks["sampler"]
        card.training = {**card.training, "sampler": sampler.card.training}
    for stage in ("mean", "polish"):
        trained = cs.load_model(RunFolder(options.runs / stage).final)
        card.training = {**card.training, stage: trained.card.training}
    card.metrics = trained.card.metrics
    whole = Model(NAME, "sdcnet", networks, card)
    held_out = find_sequences(options.data / "small" / "validation")
    info = held_out[0].info
    card.calibration = modes.Asked(whole, info["pixel_size"], info["interval"]).calibrate(held_out)
    options.weights.mkdir(parents=True, exist_ok=True)
    target = options.weights / f"{NAME}.safetensors"
    digest = whole.save(target, half=True)
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB, {digest[:12]}")


if __name__ == "__main__":
    main()
