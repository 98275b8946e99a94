"""How good is the bundled model as users get it? On test phantoms, by `cs.predict`, at the pictures' own pixel size.

Expected frames, sampled futures and intervals, each measured for what it is. Writes results/forecast_bundled.json.

    python benchmarks/forecast_quality/bundled.py --work DIR [--model NAME] [--size large]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import phantoms
import torch
from competitors import BASELINES
from ground import TARGETS, Ground
from modes import Asked

import napari_cellsim as cs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _machine import RESULTS, record

COMMAND = "python benchmarks/forecast_quality/bundled.py --work DIR"
NAME = "bundled"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder, outside the repository")
    parser.add_argument("--model", default="sdcnet-default", help="name, or file")
    parser.add_argument(
        "--size", choices=("small", "large"), default="large", help="128² px of 0.216 µm, or 256² of 0.108"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    for part in ("validation", "test"):
        phantoms.simulate(options.work, part, size=options.size)
    ground = Ground(options.work, options.size)
    model = cs.load_model(options.model)
    asked = Asked(model, ground.pixel_size, ground.interval)
    facts = {"title": f"bundled model `{model.name}`", "kind": "ours", "reference": ""}
    ground.add(NAME, model, asked.mean, options.work / "bundled", facts)
    ground.summarise(NAME)
    ground.show()
    path = RESULTS / "forecast_bundled.json"
    # each size is measured by itself, and both are kept
    results = json.loads(path.read_text())["results"]["sizes"] if path.is_file() else {}
    results[options.size] = {
        "model": {"name": model.name, "hash": model.hash},
        "protocol": ground.protocol(),
        "forecasters": ground.rows,
    }
    content = {"command": COMMAND, "targets": TARGETS, "baselines": list(BASELINES), "sizes": results}
    print(f"\nwritten: {record('forecast_bundled', content)}")


if __name__ == "__main__":
    main()
