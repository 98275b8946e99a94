"""The ground on which forecasters meet: test sequences, tuned baselines, remembered scores."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import limits
import measure
import modes
import phantoms
import summary
from competitors import TITLES, Forecaster, competitors, tune_flow

import napari_cellsim as cs
from napari_cellsim.evaluation.baselines import tune_sigma
from napari_cellsim.training.sequences import find_sequences

TARGETS = {
    "mse_ratio": {"1": 0.65, "5": 0.72, "7": 0.78},
    "sample_sharpness": {"5": 0.85},
    "coverage_points": 3.0,
}


class Ground:
    """Phantoms of one size, and what forecasters scored on them.

    Parameters
    ----------
    root : Path
        Outside the repository; the phantoms lie in it, and what was tuned and measured of the baselines.
    size : {"small", "large"}
        Of the pictures, see phantoms.py.
    """

    def __init__(self, root: Path, size: str) -> None:
        self.root, self.size = root, size
        self.tests, self.validation = (find_sequences(root / size / part) for part in ("test", "validation"))
        self.pixel_size: float = self.tests[0].info["pixel_size"]
        self.interval: float = self.tests[0].info["interval"]
        self.sigma, self.tuned = self._tuned()
        key = f"{measure.fingerprint(self.tests)} {measure.fingerprint(self.validation)}"
        forecasts: dict[str, Callable[[], measure.Scores]] = {
            name: partial(measure.measure, self.tests, forecast)
            for name, forecast in competitors(self.sigma, self.tuned).items()
        }
        forecasts[limits.NAME] = lambda: measure.measure(
            self.tests, limits.true_motion(self.tests, self.validation)
        )
        self.scores = {
            name: measure.remembered(root / "baselines" / size / f"{name}.json", key, make)
            for name, make in forecasts.items()
        }
        self.baselines = summary.baselines_of(self.scores)
        self.rows: dict[str, dict[str, Any]] = {
            name: {"title": title, "kind": "baseline"} for name, title in TITLES.items()
        }
        self.rows[limits.NAME] = {"title": limits.TITLE, "kind": "limit"}

    def _tuned(self) -> tuple[list[float], list[tuple[float, float]]]:
        """Return blur, and share and blur of flow, at each step, tuned on the validation sequences."""
        path = self.root / "baselines" / self.size / "tuned.json"
        key = measure.fingerprint(self.validation)
        content = json.loads(path.read_text()) if path.is_file() else {}
        if content.get("key") != key:
            print("tuning the baselines", flush=True)
            movies = [
                (start.history, start.future) for one in self.validation for start in measure.starts(one)
            ]
            lasts = [[*history[-1:], *future] for history, future in movies]
            content = {
                "key": key,
                "sigma": tune_sigma(lasts, measure.STEPS, [0] * len(lasts)),
                "flow": tune_flow(movies),
            }
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content))
        return list(content["sigma"]), [(share, blur) for share, blur in content["flow"]]

    def add(
        self, name: str, model: cs.Model, forecast: Forecaster, memory: Path, facts: dict[str, Any]
    ) -> None:
        """Measure a model: expected frames; if it can, sampled futures and intervals, too.

        Parameters
        ----------
        name : str
            In tables and files.
        model : Model
        forecast : callable
            Of the expected frames.
        memory : Path
            Folder for the scores.
        facts : dict
            What else the results say of it.
        """
        print(f"measuring {name}", flush=True)
        key = f"{measure.fingerprint(self.tests)} {model.hash}"

        def remembered(what: str, make: Callable[[], measure.Scores], extra: str = "") -> measure.Scores:
            return measure.remembered(memory / f"{name}-{self.size}-{what}.json", f"{key} {extra}", make)

        self.scores[name] = remembered("mean", lambda: measure.measure(self.tests, forecast))
        row = {
            **facts,
            "model": model.hash,
            "weights": sum(p.numel() for n in model.networks.values() for p in n.parameters()),
        }
        calibration = "; ".join(str(one) for one in model.card.calibration)
        asked = modes.Asked(model, self.pixel_size, self.interval)
        if "sampler" in model.networks:
            drawn = remembered("samples", lambda: measure.measure_samples(self.tests, asked.draw))
            row["samples"] = summary.samples(drawn, self.scores["copy_last"])
        if getattr(model.network.config, "scale", False):
            extra = calibration or measure.fingerprint(self.validation)
            fitted = remembered("calibrated", lambda: self._coverage(asked, fitted=True), extra)
            laplace = remembered("laplace", lambda: self._coverage(asked, fitted=False))
            row["coverage"] = {
                "calibration": "card" if calibration else "validation sequences",
                "calibrated": summary.coverage(fitted),
                "laplace": summary.coverage(laplace),
            }
        self.rows[name] = row

    def _coverage(self, asked: modes.Asked, *, fitted: bool) -> measure.Scores:
        found = asked.model.card.calibration or asked.calibrate(self.validation) if fitted else []
        return measure.measure_coverage(self.tests, asked.spans(found))

    def summarise(self, winner: str) -> None:
        """Complete the rows: means, ratios and tests, of what was not summarised yet."""
        strata = measure.strata(self.tests)
        for name, row in self.rows.items():
            own = self.scores[name]
            if "scores" not in row:  # the rest takes seconds, and does not change
                row["scores"] = summary.table(own)
                row["mse_ratio"] = summary.ratios(own, self.baselines)
                row["growth_ratio"] = summary.ratios(own, self.baselines, "growth_mse")
                row["to_tuned_flow"] = summary.versus(own, self.scores["tuned_flow"])
                row["strata"] = summary.by_stratum(own, self.baselines, strata)
            if "versus" not in row and (other := row.get("reference")) in self.scores:
                row["versus"] = summary.versus(own, self.scores[other])
            if "winner_versus" not in row and winner in self.scores and name != winner:
                row["winner_versus"] = summary.versus(self.scores[winner], own)

    def protocol(self) -> dict[str, Any]:
        """Return what was forecast, and how it was judged."""
        folders = {part: self.root / self.size / part for part in ("train", "validation", "test")}
        strata = measure.strata(self.tests)
        return {
            "sequences": {p: len(find_sequences(folder)) for p, folder in folders.items() if folder.is_dir()},
            "strata": {key: sorted({str(one) for one in of}) for key, of in strata.items()},
            **phantoms.SPLIT["phantom"]["grids"][self.size],
            "frames": phantoms.SPLIT["phantom"]["frames"],
            "interval": self.interval,
            "history": measure.HISTORY,
            "starts": measure.STARTS,
            "horizons": measure.HORIZONS,
            "samples": measure.SAMPLES,
            "blur_sigma": self.sigma,
            "tuned_flow": self.tuned,
            "noise": summary.ratios(limits.noise(self.tests), self.baselines),
            "version": measure.PROTOCOL,
        }

    def show(self) -> None:
        """Print ratios of errors, SSIM and sharpness at each horizon."""
        for h in measure.HORIZONS:
            print(f"\n{h} ahead: MSE / best baseline [95 %], SSIM, sharpness, MSE in growth / best baseline")
            for name, row in self.rows.items():
                ratio, growth = row["mse_ratio"][h], row["growth_ratio"].get(h, {"value": float("nan")})
                ssim, sharp = (row["scores"][h][metric]["value"] for metric in ("ssim", "sharpness"))
                shown = (
                    f"{ratio['value']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}] {ssim:7.3f} {sharp:6.2f}"
                )
                print(f"{name:28} {shown} {growth['value']:6.3f}")
            for name, row in self.rows.items():
                if "samples" in row:
                    known = row["samples"][h]
                    drawn = {key: round(known[key]["value"], 3) for key in ("sharpness", "to_copy", "spread")}
                    print(f"samples of {name}: {drawn}")
                if "coverage" in row:
                    worst = row["coverage"]["calibrated"][h]["worst"]
                    print(f"coverage of {name}: off by {worst:.1f} points at most")
