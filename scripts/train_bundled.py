"""Train the bundled lite models from nothing: data, U-Net, PWC-Net, SDC-Net++ in its stages, Cell-GAN, VAE, export.

Every stage may be interrupted and started again; it continues where it was. A finished stage is skipped.

    python scripts/train_bundled.py data unet pwcnet flow kernel_init fine_tune multi_frame --data DIR --runs DIR
    python benchmarks/forecast_accuracy.py --data DIR
    python scripts/train_bundled.py pictures cellgan cellgan_more encoder vae --data DIR --runs DIR
    python benchmarks/gan_quality.py --data DIR

The budget of a stage is a number of steps (then the weights follow from the seed alone), of minutes, or both;
the learning rate follows the used share of it. After fine_tune there are two ways to go on, and the one that was run
last is exported: multi_frame is the thesis' last stage, partly adversarial; polish (which made the bundled weights)
trains once more on short roll-outs and takes the mean of both weights. The bundled Cell-GAN learnt in nine runs,
each from the model of the one before, while its settings were sought (its card tells of all of them): four with the
preset "lite", whose weights were then carried over into "broad", with new channels that at first led nowhere. The mean
of six checkpoints was taken of the seventh and eighth, and the mean of that and of the ninth is bundled. `cellgan`
shows as many pictures as the first eight in one run, with the settings of the last and a running average as long;
`cellgan_more` trains on and takes the mean of both.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from stages import SPLIT, import_real, parser_of, train_aloud

import napari_cellsim as cs
from napari_cellsim.models import Model
from napari_cellsim.training import (
    CellGANConfig,
    DataConfig,
    FitConfig,
    FlowConfig,
    GuidanceEncoderConfig,
    PictureConfig,
    RunFolder,
    SDCNetConfig,
    SegmentationConfig,
    VAEConfig,
    write_run,
)
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.simulated import generate_phantoms, generate_pictures

STEPS = {
    "unet": 2000,
    "pwcnet": 6000,
    "flow": 2500,
    "kernel_init": 50,
    "fine_tune": 6000,
    "multi_frame": 1500,
    "polish": 1000,
    "cellgan": 41000,
    "cellgan_more": 2500,
    "encoder": 1800,
    "vae": 3000,
}
LAST = ("multi_frame", "polish")  # other crops than in fine-tuning
GANS = ("cellgan", "cellgan_more")
GENERATIVE = (*GANS, "encoder", "vae")
# A generator moves to and fro for thousands of steps; its mean over them is better than any one of them.
AVERAGE = {"cellgan": 0.9998, "cellgan_more": 0.9995, "encoder": 0.998, "vae": 0.998}
STAGES = ("data", "pictures", *STEPS)


def main() -> None:
    options = parse()
    for stage in options.stages:
        print(f"== {stage}", flush=True)
        if stage == "data":
            make_data(options)
        elif stage == "pictures":
            make_pictures(options)
        else:
            run_stage(stage, options)


def parse() -> argparse.Namespace:
    parser = parser_of(__doc__, STAGES)
    parser.add_argument("--processes", type=int, default=2, help="processes that simulate")
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
    parser.add_argument("--picture-size", type=int, default=64, help="side of generated pictures in px")
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
    import_real(options.data / "real", options.real, SPLIT["pixel_size"])


def make_pictures(options: argparse.Namespace) -> None:
    """Simulate the pictures that the generative models learn from and are judged by."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    pictures = SPLIT["pictures"]
    side = max(pictures["size"], options.picture_size)
    settings = {
        "frames": pictures["frames"],
        "size": side,
        "pixel_size": pictures["size"] * pictures["pixel_size"] / side,
    }
    for part, (first, last) in pictures["seeds"].items():
        seeds = range(first, last + 1)
        folder = picture_folder(options) / part
        planes = tuple(pictures["planes"])
        for event in generate_pictures(folder, seeds, planes=planes, processes=options.processes, **settings):
            if event.done % 100 == 0 or event.done == event.total:
                print(
                    f"pictures {part}: {event.done}/{event.total}, {event.seconds_left or 0:.0f} s left",
                    flush=True,
                )


def picture_folder(options: argparse.Namespace) -> Path:
    """Return where the pictures lie: larger ones than the split's have a store of their own."""
    large = options.picture_size > SPLIT["pictures"]["size"]
    return Path(options.data) / (f"pictures-{options.picture_size}" if large else "pictures")


def run_stage(stage: str, options: argparse.Namespace) -> None:
    """Train one stage in its run folder and export its model."""
    folder = RunFolder(options.runs / stage)
    schedule = FitConfig(
        steps=getattr(options, f"steps_{stage}"),
        minutes=getattr(options, f"minutes_{stage}"),
        log_every=50,
        validate_every=0 if stage == "kernel_init" else 500,
        checkpoint_every=100,
        average=AVERAGE.get(stage, 0.995),
        precision="bfloat16" if stage in GANS else "float32",
        threads=options.threads,
        device=options.device,
        seed=options.seed + (stage in LAST),
    )
    recipe, settings = recipe_of(stage, options)
    if folder.state().get("status") != "finished":
        write_run(folder.path, recipe, settings, schedule)
        train_aloud(folder)
    if stage in ("unet", "pwcnet", "fine_tune", "multi_frame", "encoder", "vae"):
        export(cs.load_model(folder.final), options.weights)
    elif stage == "polish":
        export(averaged(options.runs / "fine_tune", folder.path), options.weights)
    elif stage == "cellgan_more":
        averaged(options.runs / "cellgan", folder.path).save(options.runs / "mean.safetensors")


def recipe_of(stage: str, options: argparse.Namespace) -> tuple[str, Any]:
    """Return the recipe's name and settings of a stage."""

    def data(**more: Any) -> DataConfig:
        return DataConfig(
            folder=str(options.data),
            **{"batch": options.batch, "crop": options.crop, "seed": options.seed, "validation_sequences": 24}
            | more,
        )

    if stage in GENERATIVE:
        return generative_recipe(stage, options)
    if stage == "unet":
        return "segmentation", SegmentationConfig(data=data(batch=2 * options.batch))
    if stage == "pwcnet":
        return "flow", FlowConfig(data=data())
    real = options.real_share if (options.data / "real").is_dir() else 0.0
    before = {
        "flow": "",
        "kernel_init": str(options.runs / "flow"),
        "fine_tune": str(options.runs / "kernel_init"),
        "multi_frame": str(options.runs / "fine_tune"),
        "polish": str(options.runs / "fine_tune"),
    }
    # Targets with strong camera noise would only raise the floor of the loss.
    mild = Augmentation(noise=0.2, noise_sigma=(0.001, 0.008))
    lr = options.lr * {"multi_frame": 0.3, "polish": 0.6}.get(stage, 1.0)
    return "sdcnet", SDCNetConfig(
        data=data(real_share=real, augmentation=mild, seed=options.seed + (stage in LAST)),
        stage="fine_tune" if stage == "polish" else stage,
        start=before[stage],
        flow_model=str(options.weights / "pwcnet-lite.safetensors"),
        segmentation_model=str(options.weights / "unet-lite.safetensors"),
        roll_out={
            "flow": ((0.0, 1), (0.7, 3)),
            "kernel_init": ((0.0, 1),),
            "fine_tune": ((0.0, 1), (0.25, 3), (0.55, 5)),
            "multi_frame": ((0.0, 4), (0.67, 7)),
            "polish": ((0.0, 1), (0.75, 2)),
        }[stage],
        encoder_lr=lr,
        head_lr=lr,
        robust_alpha=(1.0, 1.999),
        discriminator_lr=options.lr,
    )


def generative_recipe(stage: str, options: argparse.Namespace) -> tuple[str, Any]:
    """Return the recipe's name and settings of a stage that learns to make pictures."""
    data = PictureConfig(
        folder=str(picture_folder(options)), size=options.picture_size, batch=16, seed=options.seed
    )
    if stage == "vae":
        return "vae", VAEConfig(data=data, lr=1e-3, kl=0.5)
    if stage == "encoder":
        return "guidance_encoder", GuidanceEncoderConfig(
            data=data, model=str(options.runs / "mean.safetensors"), lr=2e-3
        )
    more = stage == "cellgan_more"  # at a constant rate, so that its mean lies somewhere else
    return "cellgan", CellGANConfig(
        data=data,
        preset="broad",
        start=str(RunFolder(options.runs / "cellgan").final) if more else "",
        lr=5e-4 if more else 6e-4,
        mapping_lr=1e-5 if more else 1.2e-5,
        schedule="constant" if more else "cosine",
        betas=(0.0, 0.99),
        # With ten times this weight a sample in three is implausible, with a quarter the generator falls behind.
        r1=16.0,
        mixing=0.5,
        path_length=8.0,
        path_length_every=16,
        repulsion=10.0,
    )


def averaged(first: Path, second: Path) -> Model:
    """Return the second run's model with the mean of both runs' weights.

    Fine-tuning ends on long roll-outs, polishing on short ones; the mean keeps most of what each is good at. Generators
    move to and fro around something better, and so do their running averages. A discriminator stays the second run's.
    """
    before, model = (cs.load_model(RunFolder(run).final) for run in (first, second))
    for role in model.networks.keys() - {"discriminator"}:
        weights, more = (m.networks[role].state_dict() for m in (before, model))
        model.networks[role].load_state_dict({name: (weights[name] + more[name]) / 2 for name in weights})
    model.card.metrics = {}  # they were measured on the weights before averaging
    model.card.training = {
        **model.card.training,
        "weights": f"mean of the weights after {first.name} and after {second.name}",
        first.name: before.card.training,
    }
    return model


def export(model: Model, weights: Path) -> None:
    """Store a model as float16 among the bundled ones."""
    weights.mkdir(parents=True, exist_ok=True)
    target = weights / f"{model.name}.safetensors"
    digest = model.save(target, half=True)
    print(f"{target}: {target.stat().st_size / 1e6:.2f} MB, {digest[:12]}")


if __name__ == "__main__":
    main()
