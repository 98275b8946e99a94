"""Train the bundled lite models from nothing: data, U-Net, PWC-Net, SDC-Net++ in its stages, export, evaluation.

Every stage may be interrupted and started again; it continues where it was. A finished stage is skipped.

    python scripts/train_bundled.py data unet pwcnet flow kernel_init fine_tune --data DIR --runs DIR
    python scripts/train_bundled.py evaluate --data DIR --runs DIR

The budget of a stage is a number of steps (then the weights follow from the seed alone), of minutes, or both;
the learning rate follows the used share of it.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import napari_cellsim as cs
from napari_cellsim.training import (
    DataConfig,
    FitConfig,
    FlowConfig,
    RunFolder,
    SDCNetConfig,
    SegmentationConfig,
    StepLogged,
    Validated,
    train,
    write_run,
)
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.sequences import find_sequences, generate_phantoms, import_frames

HERE = Path(__file__).resolve().parent
SPLIT = json.loads((HERE / "training_split.json").read_text())
WEIGHTS = HERE.parent / "src" / "napari_cellsim" / "weights"
STEPS = {"unet": 2000, "pwcnet": 6000, "flow": 2500, "kernel_init": 50, "fine_tune": 6000}
STAGES = ("data", *STEPS, "evaluate")


def main() -> None:
    options = parse()
    for stage in options.stages:
        print(f"== {stage}", flush=True)
        if stage == "data":
            make_data(options)
        elif stage == "evaluate":
            evaluate(options)
        else:
            run_stage(stage, options)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stages", nargs="+", choices=STAGES, help="stages to run, in this order")
    parser.add_argument(
        "--data", type=Path, required=True, help="store of training sequences, outside the repository"
    )
    parser.add_argument("--runs", type=Path, required=True, help="folder for the run folders")
    parser.add_argument(
        "--real", type=Path, default=HERE.parents[1] / "shared" / "data", help="folder of the real movies"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder for the exported models")
    parser.add_argument("--processes", type=int, default=2, help="processes that simulate")
    parser.add_argument("--threads", type=int, default=2, help="threads that train")
    parser.add_argument("--seed", type=int, default=0)
    for stage, steps in STEPS.items():
        name = stage.replace("_", "-")
        parser.add_argument(
            f"--steps-{name}", type=int, default=steps, help=f"0 for no limit, default {steps}"
        )
        parser.add_argument(f"--minutes-{name}", type=float, default=0, help="0 for no limit (default)")
    parser.add_argument("--batch", type=int, default=8, help="crops per batch")
    parser.add_argument("--crop", type=int, default=128, help="side of the crops in px")
    parser.add_argument("--lr", type=float, default=1e-3, help="learning rate of the SDC-Net++ stages")
    parser.add_argument(
        "--real-share", type=float, default=0.1, help="share of crops from real movies (SDC-Net++)"
    )
    return parser.parse_args()


def make_data(options: argparse.Namespace) -> None:
    """Simulate the phantoms of the split and import the real frames that training may see."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread in each simulating process
    for part, (first, last) in SPLIT["phantom"].items():
        settings = {"frames": SPLIT["frames"], "size": SPLIT["size"], "pixel_size": SPLIT["pixel_size"]}
        seeds = range(first, last + 1)
        for event in generate_phantoms(options.data / part, seeds, processes=options.processes, **settings):
            if event.done % 20 == 0 or event.done == event.total:
                print(f"{part}: {event.done}/{event.total}, {event.seconds_left or 0:.0f} s left", flush=True)
    for real in SPLIT["real"]:
        path = options.real / real["file"]
        if not path.is_file():
            print(f"{path} is not here; training without it")
            continue
        frames = cs.open_timelapse(path).array(slice(*real["frames"]))
        import_frames(
            options.data / "real",
            path.name.split(".")[0],
            frames,
            pixel_size=real["pixel_size"],
            interval=real["interval"],
            target_pixel_size=SPLIT["pixel_size"],
            strides=tuple(real["strides"]),
        )


def run_stage(stage: str, options: argparse.Namespace) -> None:
    """Train one stage in its run folder and export its model."""
    folder = RunFolder(options.runs / stage)
    schedule = FitConfig(
        steps=getattr(options, f"steps_{stage}"),
        minutes=getattr(options, f"minutes_{stage}"),
        log_every=50,
        validate_every=0 if stage == "kernel_init" else 500,
        checkpoint_every=100,
        average=0.995,
        threads=options.threads,
        seed=options.seed,
    )
    recipe, settings = recipe_of(stage, options)
    if folder.state().get("status") != "finished":
        write_run(folder.path, recipe, settings, schedule)
        for event in train(folder.path):
            if isinstance(event, StepLogged):
                losses = " ".join(f"{name} {value:.4f}" for name, value in event.losses.items())
                print(
                    f"{event.step} ({event.progress:.1%}, {event.images_per_second:.1f}/s) {losses}",
                    flush=True,
                )
            elif isinstance(event, Validated):
                print(
                    "validation", {name: round(value, 4) for name, value in event.metrics.items()}, flush=True
                )
    if stage in ("unet", "pwcnet", "fine_tune"):
        export(folder.final, options.weights)


def recipe_of(stage: str, options: argparse.Namespace) -> tuple[str, Any]:
    """Return the recipe's name and settings of a stage."""

    def data(**more: Any) -> DataConfig:
        return DataConfig(
            folder=str(options.data),
            **{"batch": options.batch, "crop": options.crop, "seed": options.seed, "validation_sequences": 24}
            | more,
        )

    if stage == "unet":
        return "segmentation", SegmentationConfig(data=data(batch=2 * options.batch))
    if stage == "pwcnet":
        return "flow", FlowConfig(data=data())
    real = options.real_share if (options.data / "real").is_dir() else 0.0
    before = {
        "flow": "",
        "kernel_init": str(options.runs / "flow"),
        "fine_tune": str(options.runs / "kernel_init"),
    }
    # Targets with strong camera noise would only raise the floor of the loss.
    mild = Augmentation(noise=0.2, noise_sigma=(0.001, 0.008))
    return "sdcnet", SDCNetConfig(
        data=data(real_share=real, augmentation=mild),
        stage=stage,  # type: ignore[arg-type]
        start=before[stage],
        flow_model=str(options.weights / "pwcnet-lite.safetensors"),
        segmentation_model=str(options.weights / "unet-lite.safetensors"),
        roll_out={
            "flow": ((0.0, 1), (0.7, 3)),
            "kernel_init": ((0.0, 1),),
            "fine_tune": ((0.0, 1), (0.25, 3), (0.55, 5)),
        }[stage],
        encoder_lr=options.lr,
        head_lr=options.lr,
        robust_alpha=(1.0, 1.999),
    )


def export(final: Path, weights: Path) -> None:
    """Store a finished model as float16 among the bundled ones."""
    model = cs.load_model(final)
    weights.mkdir(parents=True, exist_ok=True)
    target = weights / f"{model.name}.safetensors"
    digest = model.save(target, half=True)
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB, {digest[:12]}")


def evaluate(options: argparse.Namespace) -> None:
    """Forecast the held-out phantom sequences with the exported model and write the table."""
    from napari_cellsim.data import TimeLapse
    from napari_cellsim.evaluation import compare_sequences
    from napari_cellsim.evaluation import evaluate as evaluate_one
    from napari_cellsim.evaluation.baselines import tune_sigma

    at, steps = 3, 5
    model = cs.load_model(options.weights / "sdcnet-lite.safetensors")
    validation = find_sequences(options.data / "validation")
    sigma = tune_sigma([s.images[: at + 1 + steps] for s in validation], steps, [at] * len(validation))
    reports = []
    for sequence in find_sequences(options.data / "test"):
        images = sequence.images[: at + 1 + steps]
        info = sequence.info
        movie = TimeLapse(
            frames=images[:, None, None],
            pixel_size=info["pixel_size"],
            interval=info["interval"],
            channel_names=("brightfield",),
            name=sequence.folder.name,
        )
        cells = sequence.semantic[at + 1 : at + 1 + steps] >= 2
        reports.append(
            evaluate_one(movie, model, at=at, steps=steps, cells=cells, sigma=sigma, sequence=movie.name)
        )
        print(f"{movie.name}: {[round(h.mse_ratio or 0, 3) for h in reports[-1].horizons]}", flush=True)
    table = compare_sequences(reports)
    path = options.runs / "evaluation.json"
    path.write_text(table.model_dump_json(indent=1))
    print(table)
    print(f"written to {path}")


if __name__ == "__main__":
    main()
