"""Measures the variants that are finished, and writes down what came of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import limits
import variants
from competitors import BASELINES, TITLES
from ground import TARGETS, Ground

import napari_cellsim as cs

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _machine import record

COMMAND = "python benchmarks/forecast_quality/run.py --work DIR"
WINNER = "default"
COMPETITORS = ("thesis", "simvp", "flow_only", "kernels_only", "direct")
"""Variants that are other methods; the rest are ours, changed in one thing."""


class Study:
    """All variants on the small phantoms.

    Parameters
    ----------
    root, runs : Path
        Where the phantoms are, and the runs with the remembered scores.
    minutes_scale : float
        Factor on the budgets of the runs.
    """

    def __init__(self, root: Path, runs: Path, minutes_scale: float) -> None:
        self.runs, self.minutes_scale = runs, minutes_scale
        self.ground = Ground(root, "small")

    def report(self) -> Path:
        """Measure every variant that is finished and not measured yet, and write the results."""
        for variant in variants.VARIANTS:
            done = self.runs / "finished" / f"{variant.name}.json"
            if variant.name not in self.ground.rows and done.is_file():
                path = Path(json.loads(done.read_text())["model"])
                facts = {
                    "title": variant.title,
                    "kind": "competitor" if variant.name in COMPETITORS else "ours",
                    "question": variant.question,
                    "reference": variant.reference,
                    "cpu_minutes": self._minutes(variant.name),
                }
                forecast = variant.forecaster(path)
                self.ground.add(variant.name, cs.load_model(path), forecast, path.parent / "quality", facts)
        self.ground.summarise(WINNER)
        results = self._results()
        if self.minutes_scale == 1:
            return record("forecast_quality", results)
        path = self.runs / "forecast_quality.json"
        path.write_text(json.dumps({"results": results}, indent=1) + "\n")
        return path

    def _minutes(self, name: str) -> float | None:
        path = self.runs / "cpu" / f"{name}.json"
        return round(json.loads(path.read_text())["seconds"] / 60, 2) if path.is_file() else None

    def _results(self) -> dict[str, Any]:
        order = [*TITLES, limits.NAME, *(variant.name for variant in variants.VARIANTS)]
        rows = self.ground.rows
        return {
            "command": COMMAND,
            "minutes_scale": self.minutes_scale,
            "targets": TARGETS,
            "protocol": self.ground.protocol(),
            "baselines": list(BASELINES),
            "winner": WINNER,
            "forecasters": {name: rows[name] for name in order if name in rows},
        }
