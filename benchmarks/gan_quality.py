"""How good are generated trap pictures? Distances, plausibility, copies, guided look-alikes; the VAE beside Cell-GAN.

    python benchmarks/gan_quality.py --data DIR [--samples 500] [--guides 32] [--steps 200]

`DIR` is the store of `scripts/train_bundled.py pictures`. Everything is judged in features of our own segmentation
network (`evaluation.domain_features`), on the pictures' own grid; the phantom's half-against-half values stand beside.
Writes results/gan_quality.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _machine import record
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import napari_cellsim as cs
from napari_cellsim.evaluation import compare_distributions, domain_features, plausible, segment_pictures
from napari_cellsim.evaluation.bootstrap import bootstrap_interval
from napari_cellsim.evaluation.generative import mean_pairwise_distance, nearest_distances
from napari_cellsim.generation import encode, generate, project
from napari_cellsim.training import PictureConfig

SEED = 2026
SMALL = 32  # side in px at which copies are looked for


def main() -> None:
    options = parse()
    size = cs.load_model(options.model).card.input_size[0]
    data = PictureConfig(folder=str(options.data / "pictures"), size=size)
    parts = {part: data.pictures(part) for part in ("train", "test")}
    pixel_size = parts["test"].pixel_size
    real, other = halves(parts["test"], options.samples)
    train = parts["train"].all()[:, 0].numpy()
    results: dict[str, Any] = {
        "protocol": {
            "features": "unet-lite bottleneck, mean and deviation per channel (evaluation.domain_features)",
            "samples": options.samples,
            "real": f"{len(real)} and {len(other)} phantom test pictures, each of a scene of its own",
            "training_pictures": len(train),
            "picture_size": size,
            "pixel_size": pixel_size,
            "seed": SEED,
        }
    }
    judge = Judge(real, other, train, pixel_size)
    results["phantom"] = judge(other)
    for name in (options.model, options.vae):
        for truncation in (1.0, 0.7):
            made = generate(name, options.samples, SEED, truncation)
            results[f"{name}, truncation {truncation}"] = judge(made.images[:, 0, 0])
            show(f"{name}, truncation {truncation}", results[f"{name}, truncation {truncation}"])
    show("phantom, half against half", results["phantom"])
    guides = {
        "phantom test pictures": [
            parts["test"].sample(i).numpy()[0] for i in spread(len(parts["test"]), options.guides)
        ]
    }
    darmstadt = sorted(options.real.glob("stills_darmstadt_*")) if options.real.is_dir() else []
    for path in darmstadt:
        if "fov" not in path.name:  # whole fields show many traps
            movie = cs.open_timelapse(path, axes="TYX")
            guides[path.name.split(".")[0]] = [movie.array([t])[0] for t in range(movie.n_times)]
    results["guided"] = {}
    for title, pictures in guides.items():
        for name in (options.model, options.vae):
            results["guided"][f"{title}, {name}"] = guided(name, pictures, pixel_size, size, options.steps)
            print(title, name, results["guided"][f"{title}, {name}"], flush=True)
    print(record("gan_quality", results))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).resolve().parents[2]
    parser.add_argument("--data", type=Path, required=True, help="store with the folder pictures/")
    parser.add_argument("--real", type=Path, default=here / "shared" / "data", help="folder of real pictures")
    parser.add_argument("--model", default="cellgan-lite")
    parser.add_argument("--vae", default="vae-lite")
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--guides", type=int, default=32, help="phantom pictures to make look-alikes of")
    parser.add_argument("--steps", type=int, default=200, help="refinement steps")
    return parser.parse_args()


def spread(total: int, count: int) -> list[int]:
    return [i * total // count for i in range(count)]


def halves(pictures: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two sets of up to `count` test pictures, each of a scene of its own, in every trap and focal plane."""
    generator = np.random.default_rng(SEED)
    scenes: dict[int, list[int]] = {}
    for number, (sequence, _) in enumerate(pictures.index):
        scenes.setdefault(pictures.sequences[sequence].info["seed"], []).append(number)
    # The traps follow each other with the seed, so the halves take turns by whole rounds of the four traps.
    groups: tuple[list[int], list[int]] = ([], [])
    for seed, numbers in sorted(scenes.items()):
        groups[seed // 4 % 2].append(int(generator.choice(numbers)))
    one, two = (np.stack([pictures.sample(i).numpy()[0] for i in group[:count]]) for group in groups)
    return one, two


class Judge:
    """Compares pictures (N, Y, X) with the real ones."""

    def __init__(self, real: np.ndarray, other: np.ndarray, train: np.ndarray, pixel_size: float) -> None:
        self.real, self.pixel_size = real, pixel_size
        self.features = domain_features(real, pixel_size)
        self.other = domain_features(other, pixel_size)
        self.train = reduced(train)
        # One in a hundred pictures of new phantom scenes comes nearer to a training picture than this.
        self.copy = float(np.quantile(nearest_distances(reduced(real), self.train), 0.01))

    def __call__(self, pictures: np.ndarray) -> dict[str, Any]:
        features = domain_features(pictures, self.pixel_size)
        report = compare_distributions(self.features, features).model_dump()
        good = plausible(segment_pictures(pictures, self.pixel_size))
        low, high = bootstrap_interval(good.astype(float), seed=SEED)
        small = reduced(pictures)
        among, learnt = nearest_distances(small), nearest_distances(small, self.train)
        return report | {
            "plausible": float(good.mean()),
            "plausible_interval": [float(low), float(high)],
            "recall_of_phantom": report["recall"] / compare_distributions(self.features, self.other).recall,
            "diversity_of_phantom": mean_pairwise_distance(features) / mean_pairwise_distance(self.other),
            "copy_threshold": self.copy,
            "copies_among_each_other": float((among < self.copy).mean()),
            "copies_of_training": float((learnt < self.copy).mean()),
            "nearest_training_picture": {
                "median": float(np.median(learnt)),
                "smallest": float(learnt.min()),
            },
        }


def reduced(pictures: np.ndarray) -> np.ndarray:
    """Return (N, 32, 32), block means."""
    factor = pictures.shape[-1] // SMALL
    return pictures.reshape(len(pictures), SMALL, factor, SMALL, factor).mean((2, 4))


def guided(name: str, pictures: list[np.ndarray], pixel_size: float, size: int, steps: int) -> dict[str, Any]:
    """Make look-alikes and compare them with their guides."""
    model = cs.load_model(name)
    rows: dict[str, Any] = {"guides": len(pictures)}
    for space in ("w", "w+") if model.kind == "cellgan" else ("w",):
        # pictures without a calibration show one trap: the whole picture is the model's field of view
        results = [
            encode(model, picture[None], space=space, pixel_size=pixel_size * size / min(picture.shape))
            for picture in pictures
        ]
        rows[f"encoder {space}"] = likeness(results, pixel_size)
        if model.kind == "cellgan":
            refined = [project(model, result, steps=steps, space=space) for result in results]
            rows[f"{steps} steps {space}"] = likeness(refined, pixel_size)
    return rows


def likeness(results: list[Any], pixel_size: float) -> dict[str, float]:
    """Return mean PSNR and SSIM (range of the guide), and IoU of cells and of pillars between guide and result."""
    values: dict[str, list[float]] = {"psnr": [], "ssim": [], "iou_cell": [], "iou_trap": []}
    for result in results:
        guide, made = result.guides[0, 0, 0], result.images[0, 0, 0]
        span = float(guide.max() - guide.min())
        values["psnr"].append(peak_signal_noise_ratio(guide, made, data_range=span))
        values["ssim"].append(structural_similarity(guide, made, data_range=span))
        one, two = segment_pictures(np.stack([guide, made]), pixel_size)
        for key, masks in (("iou_cell", (one >= 2, two >= 2)), ("iou_trap", (one == 1, two == 1))):
            union = (masks[0] | masks[1]).sum()
            if union:
                values[key].append(float((masks[0] & masks[1]).sum() / union))
    return {key: round(float(np.mean(found)), 4) for key, found in values.items()}


def show(title: str, row: dict[str, Any]) -> None:
    shown = ("frechet", "kid", "precision", "recall_of_phantom", "diversity_of_phantom", "plausible")
    print(f"{title}: " + ", ".join(f"{key} {row[key]:.3f}" for key in shown), flush=True)


if __name__ == "__main__":
    main()
