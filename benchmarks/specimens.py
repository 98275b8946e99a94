"""Generators of photographs of specimens, on simulated shells: do their pictures show the classes, and do they help?

MSG-GAN learns from all classes together; from it goes one generator per class, which learns from that class alone.
Cell-GAN learns from all classes, with as many pictures. All of them see the training part of one split. Then
classifiers with and without generated pictures are compared (`napari-cellsim study`), and the generators are judged in
the features of the first classifier of real pictures alone, against shells that nobody has seen. Every stage may be
interrupted and started again; a finished one is skipped. Writes results/specimens.json.

    python benchmarks/specimens.py --work DIR
"""

from __future__ import annotations

import argparse
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from _machine import record

import napari_cellsim as cs
from napari_cellsim.training import (
    CellGANConfig,
    FitConfig,
    MSGGANConfig,
    RunFolder,
    SpecimenConfig,
    StepLogged,
    Validated,
    train,
    write_run,
)

SIZE = 32
PER_CLASS = 400
FRESH = 128  # shells of each class that nobody has seen
INITIALISATIONS = 10
ADDED = (100, 400)  # generated pictures per class


def main() -> None:
    options = parse()
    make_shells(options.work)
    names = specimens(options.work).class_names
    teach(options, "shells", (), "", options.pictures)
    base = str(run_of(options.work, "shells").final)
    for name in names:
        teach(options, name, (name,), base, options.pictures_per_class)
    teach_cellgan(options)
    study = ask(options.work, names)
    generators = judge(options.work, names)
    results = {
        "command": "python benchmarks/specimens.py --work DIR",
        "size": SIZE,
        "split": specimens(options.work).counts,
        "pictures": {"all classes": options.pictures, "each class": options.pictures_per_class},
        "minutes": {name: minutes(options.work, name) for name in ("shells", "cellgan", *names)},
        "study": study,
        "generators": generators,
    }
    print(f"written: {record('specimens', results)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for everything")
    parser.add_argument("--pictures", type=int, default=64_000, help="shown to generators of all classes")
    parser.add_argument("--pictures-per-class", type=int, default=16_000, help="shown to those of one class")
    parser.add_argument("--threads", type=int, default=2, help="threads that train")
    parser.add_argument("--device", default="cpu", help="where to train: cpu (default), cuda")
    return parser.parse_args()


def run_of(work: Path, name: str) -> RunFolder:
    """Return the run folder of one generator."""
    return RunFolder(work / "runs" / name)


def make_shells(work: Path) -> None:
    """Photograph the shells and split them."""
    if not (work / "shells.split.json").is_file():
        command = ["napari-cellsim", "phantom", "--specimen", "shells", "--per-class", str(PER_CLASS)]
        subprocess.run([*command, "--size", str(SIZE), "--out", str(work / "shells")], check=True)
        cs.datasets.read_specimens(work / "shells", size=SIZE).save_split(work / "shells.split.json")


def specimens(work: Path) -> cs.datasets.Specimens:
    """Return the shells, split as at first."""
    return cs.datasets.read_specimens(work / "shells", size=SIZE, split=work / "shells.split.json")


def data(work: Path, classes: tuple[str, ...] = ()) -> SpecimenConfig:
    """Return what a generator learns from."""
    folder, split = str(work / "shells"), str(work / "shells.split.json")
    return SpecimenConfig(folder=folder, split=split, classes=classes, size=SIZE, flip=True)


def teach(
    options: argparse.Namespace, name: str, classes: tuple[str, ...], start: str, pictures: int
) -> None:
    """Train one MSG-GAN."""
    model_name = f"shells ({name})" if classes else name
    config = MSGGANConfig(
        data=data(options.work, classes), lr=2e-3, start=start, schedule="cosine", model_name=model_name
    )
    follow(options, name, "msggan", config, pictures)


def teach_cellgan(options: argparse.Namespace) -> None:
    """Train Cell-GAN on all classes."""
    config = CellGANConfig(data=data(options.work), schedule="cosine", model_name="shells-cellgan")
    follow(options, "cellgan", "cellgan", config, options.pictures)


def follow(
    options: argparse.Namespace, name: str, recipe: str, config: Any, pictures: int, seed: int = 0
) -> None:
    """Train a run to its end and print how it goes."""
    folder = run_of(options.work, name)
    if folder.state().get("status") == "finished":
        return
    schedule = FitConfig(
        images=pictures,
        average=0.999,
        log_every=50,
        validate_every=max(1, pictures // config.data.batch // 10),
        checkpoint_every=500,
        device=options.device,
        threads=options.threads,
        seed=seed,
    )
    write_run(folder.path, recipe, config, schedule)
    for event in train(folder.path):
        if isinstance(event, StepLogged):
            losses = " ".join(f"{key} {value:.4f}" for key, value in event.losses.items())
            print(f"{name} {event.step} ({event.progress:.1%}) {losses}", flush=True)
        elif isinstance(event, Validated):
            print(name, {key: round(value, 4) for key, value in event.metrics.items()}, flush=True)


def minutes(work: Path, name: str) -> float:
    """Return how long a generator was trained, as its model card tells."""
    told: Any = cs.load_model(run_of(work, name).final).card.training
    return round(float(told["minutes"]), 1)


def ask(work: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Ask whether generated pictures help a classifier; return the numbers of the report."""
    report = work / "study.json"
    if not report.is_file():
        command = ["napari-cellsim", "study", str(work / "shells"), "--size", str(SIZE)]
        for name in names:
            command += ["--synthetic", str(run_of(work, name).final)]
        command += ["--split", str(work / "shells.split.json"), "--runs", str(work / "study")]
        command += [
            "--initialisations",
            str(INITIALISATIONS),
            "--per-class",
            ",".join(map(str, ADDED)),
        ]
        command += ["--out", str(work / "study.html"), "--out", str(report)]
        subprocess.run(command, check=True)
    told: dict[str, Any] = json.loads(report.read_text())
    for arm in told["arms"]:
        arm["trainings"] = [{k: v for k, v in one.items() if k != "guesses"} for one in arm["trainings"]]
    kept = ("settings", "synthetic", "arms", "tests", "real", "generated", "warnings")
    return {"test_pictures": len(told["test"]), **{key: told[key] for key in kept}}


def judge(work: Path, names: tuple[str, ...]) -> dict[str, Any]:
    """Return how like unseen shells the pictures of each generator are, in a classifier's features."""
    classifier = cs.load_model(work / "study" / "generated-0" / "seed-0" / "final.safetensors")
    fresh = cs.phantom.simulate_shells(FRESH * len(names), seed=1, size=SIZE).images
    drawn = {
        "MSG-GAN, all classes": photographs(work, "shells", FRESH * len(names)),
        "MSG-GAN, one per class": np.concatenate([photographs(work, name, FRESH) for name in names]),
        "Cell-GAN, all classes": photographs(work, "cellgan", FRESH * len(names)),
    }
    found = {}
    for name, pictures in drawn.items():
        study = cs.evaluation.evaluate_generator([fresh], pictures=pictures, name=name, encoder=classifier)
        print(name, study.distances, flush=True)
        found[name] = study.model_dump(mode="json", exclude={"versions", "time", "command"})
    return found


def photographs(work: Path, name: str, count: int) -> np.ndarray:
    """Return pictures (N, 3, H, W) of a generator as photographs, uint8."""
    made = cs.generate(cs.load_model(run_of(work, name).final), count, 0, device="cpu")
    return np.clip(np.round(made.images[:, 0]), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
