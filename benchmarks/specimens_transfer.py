"""Few pictures of a class: does a generator that begins with one of other classes do better than a fresh one?

MSG-GAN learns from three classes of simulated shells. Then generators learn from 75 pictures of the fourth class (60 of
them are the training part), some from the weights of the first one, some from fresh weights, with the same pictures and
as many steps; each repetition has other pictures and another seed. All are judged against shells of the fourth class
that nobody has seen, in the features of a classifier of specimens.py, whose folder this needs. Every stage may be
interrupted and started again; a finished one is skipped. Writes results/specimens_transfer.json.

    python benchmarks/specimens_transfer.py --work DIR
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import specimens
from _machine import record

import napari_cellsim as cs
from napari_cellsim.training import MSGGANConfig, SpecimenConfig

TARGET = "spiral"
FEW = 75
REPETITIONS = 3
FRESH = 512  # shells of the class that nobody has seen
SHOWN = (2_000, 8_000)  # pictures shown; each number is a training of its own
BASE = 32_000


def main() -> None:
    options = parse()
    names = specimens.specimens(options.work).class_names
    others = tuple(name for name in names if name != TARGET)
    specimens.teach(options, "others", others, "", BASE)
    base = specimens.run_of(options.work, "others").final
    rows = []
    for repetition in range(REPETITIONS):
        folder = few(options.work, repetition)
        for shown in SHOWN:
            for start in ("", str(base)):
                name = f"few-{repetition}-{shown}-{'transferred' if start else 'fresh'}"
                config = MSGGANConfig(
                    data=SpecimenConfig(folder=str(folder), size=specimens.SIZE, flip=True, seed=repetition),
                    lr=2e-3,
                    start=start,
                    schedule="cosine",
                    model_name=name,
                )
                specimens.follow(options, name, "msggan", config, shown, seed=repetition)
                rows.append({"repetition": repetition, "shown": shown, "transferred": bool(start)})
                rows[-1] |= judge(options.work, name)
                print(rows[-1], flush=True)
    results = {
        "command": "python benchmarks/specimens_transfer.py --work DIR",
        "target": TARGET,
        "others": others,
        "pictures": FEW,
        "size": specimens.SIZE,
        "base_shown": BASE,
        "real": FRESH,
        "rows": rows,
    }
    print(f"written: {record('specimens_transfer', results)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of benchmarks/specimens.py")
    parser.add_argument("--threads", type=int, default=1, help="threads that train")
    parser.add_argument("--device", default="cpu", help="where to train: cpu (default), cuda")
    return parser.parse_args()


def few(work: Path, repetition: int) -> Path:
    """Return a folder with some pictures of the class, others in each repetition."""
    folder = work / f"few-{repetition}"
    if not folder.is_dir():
        pictures = sorted((work / "shells" / TARGET).iterdir())
        chosen = np.random.default_rng(repetition).choice(len(pictures), FEW, replace=False)
        whole = folder.with_suffix(".part")
        shutil.rmtree(whole, ignore_errors=True)
        (whole / TARGET).mkdir(parents=True)
        for row in chosen:
            shutil.copy(pictures[row], whole / TARGET)
        whole.rename(folder)
    return folder


def judge(work: Path, name: str) -> dict[str, Any]:
    """Return how like unseen shells of the class a generator's pictures are."""
    classifier = cs.load_model(work / "study" / "generated-0" / "seed-0" / "final.safetensors")
    unseen = cs.phantom.simulate_shells(FRESH, seed=1, size=specimens.SIZE, classes=(TARGET,)).images
    pictures = specimens.photographs(work, name, FRESH)
    study = cs.evaluation.evaluate_generator([unseen], pictures=pictures, name=name, encoder=classifier)
    told = study.model_dump(mode="json")
    kept = ("kid", "precision", "recall")
    return {key: told["distances"][key] for key in kept} | {
        "reference": {key: told["reference"][key] for key in kept},
        "extractor": told["extractor"],
    }


if __name__ == "__main__":
    main()
