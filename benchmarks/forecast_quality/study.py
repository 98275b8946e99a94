"""Measures what is finished, and writes down what came of it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import measure
import modes
import phantoms
import summary
import variants
from competitors import BASELINES, TITLES, competitors, tune_flow

import napari_cellsim as cs
from napari_cellsim.evaluation.baselines import tune_sigma
from napari_cellsim.training.sequences import find_sequences

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _machine import record

COMMAND = "python benchmarks/forecast_quality/run.py --work DIR"
TARGETS = {
    "mse_ratio": {"1": 0.65, "5": 0.72, "7": 0.78},
    "sample_sharpness": {"5": 0.85},
    "coverage_points": 3.0,
}
WINNER = getattr(variants, "WINNER", "default")


class Study:
    """Measures what is finished, and writes it down.

    Parameters
    ----------
    store : Path
        Phantoms: train, validation and test.
    runs : Path
        Where the variants are trained; holds the remembered scores, too.
    options : argparse.Namespace
        Of the command line.
    """

    def __init__(self, store: Path, runs: Path, options: argparse.Namespace) -> None:
        self.store, self.runs, self.options = store, runs, options
        self.tests = find_sequences(store / "test")
        self.validation = find_sequences(store / "validation")
        self.sigma, self.tuned = self._tuned()
        forecasters = competitors(self.sigma, self.tuned)
        key = f"{measure.fingerprint(self.tests)} {measure.fingerprint(self.validation)}"
        self.scores = {
            name: measure.remembered(
                runs.parent / "baselines" / f"{name}.json",
                key,
                partial(measure.measure, self.tests, forecast),
            )
            for name, forecast in forecasters.items()
        }
        self.rows: dict[str, dict[str, Any]] = {name: {"title": title} for name, title in TITLES.items()}

    def _tuned(self) -> tuple[list[float], list[tuple[float, float]]]:
        """Return blur, and share and blur of flow, at each step, tuned on the validation sequences."""
        path = self.runs.parent / "tuned.json"
        key = measure.fingerprint(self.validation)
        content = json.loads(path.read_text()) if path.is_file() else {}
        if content.get("key") != key:
            movies = [
                (start.history, start.future) for one in self.validation for start in measure.starts(one)
            ]
            lasts = [[*history[-1:], *future] for history, future in movies]
            content = {
                "key": key,
                "sigma": tune_sigma(lasts, measure.STEPS, [0] * len(lasts)),
                "flow": tune_flow(movies),
            }
            path.write_text(json.dumps(content))
        return list(content["sigma"]), [(share, blur) for share, blur in content["flow"]]

    def report(self) -> None:
        """Measure every variant that is finished and not measured yet, and write the results."""
        for variant in variants.VARIANTS:
            done = self.runs / "finished" / f"{variant.name}.json"
            if variant.name in self.rows or not done.is_file():
                continue
            path = Path(json.loads(done.read_text())["model"])
            if path.is_file():
                print(f"measuring {variant.name}", flush=True)
                self.rows[variant.name] = self._row(variant, path)
        results = self._results()
        if self.options.minutes_scale == 1:
            self.written = record("forecast_quality", results)
        else:
            self.written = self.runs / "forecast_quality.json"
            self.written.write_text(json.dumps({"results": results}, indent=1) + "\n")

    def _row(self, variant: Any, path: Path) -> dict[str, Any]:
        """Measure one variant: expected frames, sampled futures, intervals."""
        model = cs.load_model(path)
        key = f"{measure.fingerprint(self.tests)} {model.hash}"
        memory = path.parent / "quality"

        def remembered(what: str, make: Callable[[], measure.Scores], extra: str = "") -> measure.Scores:
            return measure.remembered(memory / f"{variant.name}-{what}.json", f"{key} {extra}", make)

        self.scores[variant.name] = remembered(
            "mean", lambda: measure.measure(self.tests, variant.forecaster(path))
        )
        row = {
            "title": variant.title,
            "question": variant.question,
            "reference": variant.reference,
            "model": model.hash,
            "weights": sum(p.numel() for n in model.networks.values() for p in n.parameters()),
            "cpu_minutes": self._minutes(variant.name),
        }
        if "sampler" in model.networks:
            drawn = remembered("samples", lambda: measure.measure_samples(self.tests, modes.sampler(model)))
            row["samples"] = summary.samples(drawn, self.scores["copy_last"])
        if getattr(model.network.config, "scale", False):
            extra = measure.fingerprint(self.validation)
            found = remembered("calibrated", lambda: self._coverage(model, fitted=True), extra)
            plain = remembered("laplace", lambda: self._coverage(model, fitted=False))
            row["coverage"] = {
                "calibrated": summary.coverage(found),
                "laplace": summary.coverage(plain),
                "calibration": "of the model's card"
                if model.card.calibration
                else f"fitted on {len(self.validation)} validation sequences",
            }
        return row

    def _coverage(self, model: cs.Model, *, fitted: bool) -> measure.Scores:
        calibration = model.card.calibration or modes.calibrate(model, self.validation) if fitted else []
        return measure.measure_coverage(self.tests, modes.spans(model, calibration))

    def _minutes(self, name: str) -> float | None:
        path = self.runs / "cpu" / f"{name}.json"
        return round(json.loads(path.read_text())["seconds"] / 60, 2) if path.is_file() else None

    def _results(self) -> dict[str, Any]:
        baselines = summary.baselines_of(self.scores)
        strata = measure.strata(self.tests)
        for name, row in self.rows.items():
            own = self.scores[name]
            if "scores" not in row:  # the rest takes seconds, and does not change
                row["scores"] = summary.table(own)
                row["mse_ratio"] = summary.ratios(own, baselines)
                row["growth_ratio"] = summary.ratios(own, baselines, "growth_mse")
                row["to_tuned_flow"] = summary.versus(own, self.scores["tuned_flow"])
                row["strata"] = summary.by_stratum(own, baselines, strata)
            if "versus" not in row and (other := row.get("reference")) in self.scores:
                row["versus"] = summary.versus(own, self.scores[other])
            if "winner_versus" not in row and WINNER in self.scores and name != WINNER:
                row["winner_versus"] = summary.versus(self.scores[WINNER], own)
        grid = phantoms.SPLIT["phantom"]["grids"]["small"]
        order = [*TITLES, *(variant.name for variant in variants.VARIANTS)]
        counts = {part: len(find_sequences(self.store / part)) for part in ("train", "validation", "test")}
        return {
            "command": COMMAND,
            "minutes_scale": self.options.minutes_scale,
            "targets": TARGETS,
            "protocol": {
                "sequences": counts,
                "strata": {key: sorted({str(one) for one in of}) for key, of in strata.items()},
                **grid,
                "history": measure.HISTORY,
                "starts": measure.STARTS,
                "horizons": measure.HORIZONS,
                "samples": measure.SAMPLES,
                "blur_sigma": self.sigma,
                "tuned_flow": self.tuned,
                "version": measure.PROTOCOL,
            },
            "baselines": list(BASELINES),
            "winner": WINNER,
            "forecasters": {name: self.rows[name] for name in order if name in self.rows},
        }

    def show(self) -> None:
        """Print ratios of errors, SSIM and sharpness at each horizon."""
        results = json.loads(self.written.read_text())["results"]
        for h in map(str, measure.HORIZONS):
            print(f"\n{h} ahead: MSE / best baseline [95 %], SSIM, sharpness, MSE in growth / best baseline")
            for name, row in results["forecasters"].items():
                ratio, growth = row["mse_ratio"][h], row["growth_ratio"].get(h, {"value": float("nan")})
                ssim, sharp = (row["scores"][h][metric]["value"] for metric in ("ssim", "sharpness"))
                shown = (
                    f"{ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}] {ssim:7.3f} {sharp:6.2f}"
                )
                print(f"{name:28} {shown} {growth['value']:6.3f}")
        print(f"\nwritten: {self.written}")
