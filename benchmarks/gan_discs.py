"""Does the training loop of Cell-GAN learn what it is shown? Proven where it converges fast.

Pictures of 32 x 32 px show one bright disc of random centre and radius on a noisy ground, so that the truth is known:
three numbers, each uniform. The lite networks train on them through the same recipe, run folder and export as a real
generator. Then every sample is measured: is there exactly one disc, and are centres and radii spread as they should
be? Truth measured the same way, half against half, stands beside. Writes results/gan_discs.json.

    python benchmarks/gan_discs.py [--steps 1600] [--samples 1000]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _machine import record
from scipy.ndimage import gaussian_filter, label
from scipy.stats import ks_2samp
from skimage.filters import threshold_otsu

import napari_cellsim as cs
from napari_cellsim.evaluation.metrics import precision_recall
from napari_cellsim.training import (
    CellGANConfig,
    FitConfig,
    PictureConfig,
    RunFolder,
    StepLogged,
    train,
    write_run,
)
from napari_cellsim.training.sequences import write_sequence

SIZE, SEED = 32, 2026
CENTRE, RADIUS = (10.0, 22.0), (4.0, 9.0)  # px
TRAINING = 4096  # pictures
NAMES = ("row", "column", "radius")


def discs(count: int, seed: int) -> np.ndarray:
    """Return pictures (N, SIZE, SIZE) uint16 in camera counts."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    rows, columns = random.uniform(*CENTRE, (2, count, 1, 1))
    radius = random.uniform(*RADIUS, (count, 1, 1))
    inside = 1 / (1 + np.exp(2 * (np.hypot(y - rows, x - columns) - radius)))  # an edge about 2 px wide
    return (800 + 400 * inside + random.normal(0, 30, (count, SIZE, SIZE))).astype(np.uint16)


def measure(picture: np.ndarray) -> tuple[float, float, float] | None:
    """Return row, column and radius (px) of the disc, or None if the picture does not show exactly one.

    One disc: a single bright part, and it covers at least 85 % of the union with the disc of its area and centre.
    """
    smooth = gaussian_filter(picture.astype(float), 1.0, mode="nearest")
    mask = smooth > threshold_otsu(smooth)
    if label(mask)[1] != 1:
        return None
    row, column = (part.mean() for part in np.nonzero(mask))
    radius = float(np.sqrt(mask.sum() / np.pi))
    y, x = np.mgrid[:SIZE, :SIZE]
    ideal = np.hypot(y - row, x - column) <= radius
    if (mask & ideal).sum() < 0.85 * (mask | ideal).sum():
        return None
    return float(row), float(column), radius


def judged(pictures: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Return how many pictures show one disc, and how near their centres and radii are to `truth` (N, 3)."""
    found = np.array([one for one in map(measure, pictures) if one is not None]).reshape(-1, 3)
    if len(found) < 50:
        return {"pictures": len(pictures), "one_disc": len(found) / len(pictures)}
    # in units of the widths of the true ranges, so that each number counts alike
    scale = np.array([CENTRE[1] - CENTRE[0]] * 2 + [RADIUS[1] - RADIUS[0]])
    count = min(len(truth), len(found))
    precision, recall = precision_recall(truth[:count] / scale, found[:count] / scale)
    return {
        "pictures": len(pictures),
        "one_disc": len(found) / len(pictures),
        "kolmogorov_smirnov": {
            name: round(float(ks_2samp(found[:, i], truth[:, i]).statistic), 4)
            for i, name in enumerate(NAMES)
        },
        "mean": dict(zip(NAMES, found.mean(0).round(2).tolist(), strict=True)),
        "deviation": dict(zip(NAMES, found.std(0).round(2).tolist(), strict=True)),
        "correlation": np.corrcoef(found.T)[np.triu_indices(3, 1)].round(3).tolist(),
        "precision": round(float(precision), 4),
        "recall": round(float(recall), 4),
    }


def learnt(steps: int, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Train, and return the exported model and facts on the run."""
    store = folder / "discs"
    info = {"source": "discs", "pixel_size": 0.5, "interval": None}
    write_sequence(store / "train" / "discs", {"images": discs(TRAINING, SEED)}, info)
    settings = CellGANConfig(
        data=PictureConfig(folder=str(store), size=SIZE, batch=16, flip=False),
        lr=2e-3,
        mapping_lr=2e-5,
        betas=(0.0, 0.99),
        path_length_every=8,
        model_name="discs",
    )
    schedule = FitConfig(steps=steps, log_every=200, checkpoint_every=0, average=0.995, seed=0)
    run = folder / "run"
    write_run(run, "cellgan", settings, schedule)
    before = resource.getrusage(resource.RUSAGE_SELF)
    for event in train(run):
        if isinstance(event, StepLogged):
            losses = " ".join(f"{name} {value:.3f}" for name, value in event.losses.items())
            print(f"{event.step} ({event.images_per_second:.0f}/s) {losses}", flush=True)
    after = resource.getrusage(resource.RUSAGE_SELF)
    facts = {
        "steps": steps,
        "images_shown": steps * settings.data.batch,
        "training_pictures": TRAINING,
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime),
    }
    return RunFolder(run).final, facts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--sheet", type=Path, help="write a sheet of the first 64 samples here (PNG)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path, facts = learnt(options.steps, Path(folder))
        made = cs.generate(cs.load_model(path), n=options.samples, seed=SEED, truncation=1.0)
    pictures = made.images[:, 0, 0]
    truth = np.array([one for one in map(measure, discs(options.samples, SEED + 1)) if one is not None])
    results = {
        "training": facts,
        "samples": judged(pictures, truth),
        "truth_against_truth": judged(discs(options.samples, SEED + 2), truth),
    }
    for title in ("samples", "truth_against_truth"):
        print(title, results[title])
    print(record("gan_discs", results))
    if options.sheet:
        from PIL import Image

        low, high = np.percentile(pictures, (0.5, 99.5))
        sheet = pictures[:64].reshape(8, 8, SIZE, SIZE).swapaxes(1, 2).reshape(8 * SIZE, 8 * SIZE)
        Image.fromarray((np.clip((sheet - low) / (high - low), 0, 1) * 255).astype(np.uint8)).save(
            options.sheet
        )


if __name__ == "__main__":
    main()
