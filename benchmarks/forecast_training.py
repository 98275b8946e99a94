"""What does each of the four stages of SDC-Net++ bring? Trains `lite` from nothing and measures after every stage.

The stages of `sdcnet_run("lite", ...)` follow each other on phantom sequences, on one processor core, without growth
map; the last one is run in four variants: with and without W_sv, with and without adversarial term. After every stage:
MSE, L1, PSNR, SSIM and sharpness of forecasts 1, 5 and 7 frames ahead on held-out sequences, next to three baselines,
as means over sequences with 95 % bootstrap intervals (cf. Reich 2020, tables 6.1 to 6.3). MSE and L1 are of pictures
standardised by the target's mean and deviation, PSNR and SSIM of pictures scaled by the target's range.

Everything can be interrupted: started again, it goes on where it was. Writes results/forecast_training.json, from which
scripts/make_figures.py forecast_training.svg draws the curves.

    python benchmarks/forecast_training.py --runs DIR [--data DIR] [--minutes-scale 1.0]
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from _machine import RESULTS, record

import napari_cellsim as cs
from napari_cellsim import nets
from napari_cellsim.evaluation import bootstrap_interval, metrics, ratio_interval
from napari_cellsim.evaluation.baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma
from napari_cellsim.training import RunFolder, StepLogged, read_run, sdcnet_run, train, write_run
from napari_cellsim.training.feeding import cut
from napari_cellsim.training.recipes.forecast_kernels import one_hot_kernels
from napari_cellsim.training.sequences import Sequence, find_sequences
from napari_cellsim.training.simulated import generate_phantoms

HERE = Path(__file__).resolve().parent
SPLIT = json.loads((HERE.parent / "scripts" / "training_split.json").read_text())

HISTORY, HORIZONS = 3, (1, 5, 7)
FIRST, LENGTH = 2, HISTORY + max(HORIZONS)  # forecasts start from the fifth of twelve frames
BETTER = {"mse": "lower", "l1": "lower", "psnr": "higher", "ssim": "higher", "sharpness": "near 1"}
TRIAL = 0.2  # with a smaller share of the budget nothing is recorded
SIMULATED = {"train": 120, "validation": 24, "test": 40}  # sequences made where the store is empty

Scores = dict[int, dict[str, list[float]]]  # horizon -> metric -> one value per sequence


@dataclass(frozen=True)
class Run:
    """One training run of the study."""

    name: str
    title: str
    stage: Any
    start: str = ""
    settings: dict[str, Any] = field(default_factory=dict)


PLAIN = {"growth": 1.0}
RUNS = (
    Run("flow", "1 flow", "flow", settings=PLAIN),
    Run("kernel_init", "2 kernel initialisation", "kernel_init", "flow", PLAIN),
    Run("fine_tune", "3 fine-tuning", "fine_tune", "kernel_init", PLAIN),
    Run("multi_frame", "4 multi-frame", "multi_frame", "fine_tune", PLAIN),
    Run("multi_frame_wsv", "4 multi-frame, W_sv", "multi_frame", "fine_tune", {"growth": 1.5}),
    Run(
        "multi_frame_no_adv",
        "4 multi-frame, not adversarial",
        "multi_frame",
        "fine_tune",
        PLAIN | {"adversarial": 0.0},
    ),
    Run(
        "multi_frame_wsv_no_adv",
        "4 multi-frame, W_sv, not adversarial",
        "multi_frame",
        "fine_tune",
        {"growth": 1.5, "adversarial": 0.0},
    ),
)
BASELINES = ("copy_last", "blurred_copy_last", "constant_flow")
PAIRS = (  # whose errors are divided by whose, paired by sequence
    ("fine_tune", "flow"),
    ("multi_frame", "fine_tune"),
    ("multi_frame_no_adv", "fine_tune"),
    ("multi_frame", "multi_frame_no_adv"),
    ("multi_frame_wsv", "multi_frame"),
    ("multi_frame_wsv_no_adv", "multi_frame_no_adv"),
)


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    options.runs.mkdir(parents=True, exist_ok=True)
    data = options.data or options.runs / "data"
    simulate(data)
    tests = find_sequences(data / "test")[: options.sequences]
    scores: dict[str, Scores] = {}
    rows: dict[str, Any] = {}
    sigma = blur(data)
    for name, forecast in (
        ("copy_last", copy_last),
        ("blurred_copy_last", lambda past, steps: blurred_copy_last(past, steps, sigma)),
        ("constant_flow", constant_flow),
    ):
        scores[name] = remembered(
            options.runs / f"{name}.json", f"{len(tests)} {sigma}", partial(judge, tests, forecast)
        )
    for run in RUNS:
        rows[run.name] = fit(run, data, options)
        final = RunFolder(options.runs / run.name).final
        model = cs.load_model(final)
        scores[run.name] = remembered(
            final.with_name("evaluation.json"),
            f"{len(tests)} {model.hash}",
            partial(judge, tests, forecaster(model, warp_only=run.stage == "flow")),
        )
        rows[run.name]["model"] = model.hash
    results = {
        "command": "python benchmarks/forecast_training.py",
        "minutes_scale": options.minutes_scale,
        "sequences": {p: len(find_sequences(data / p)) for p in ("train", "validation")}
        | {"test": len(tests)},
        "history": HISTORY,
        "first_frame": FIRST,
        "blur_sigma": sigma,
        "scores": {name: summary(found) for name, found in scores.items()},
        "mse_ratios": ratios(scores),
        "runs": rows,
    }
    for horizon in HORIZONS:
        print(f"\n{table(results['scores'], horizon)}")
    print(f"\n{json.dumps(results['mse_ratios'], indent=1)}")
    if options.minutes_scale < TRIAL:
        target = options.runs / "forecast_training.json"
        target.write_text(json.dumps({"results": results}, indent=1) + "\n")
        print(f"a trial, not recorded in {RESULTS}: {target}")
    else:
        print(f"written: {record('forecast_training', results)}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, required=True, help="folder for the run folders")
    parser.add_argument(
        "--data", type=Path, help="store with train, validation and test; simulated in RUNS/data if not given"
    )
    parser.add_argument("--sequences", type=int, default=40, help="test sequences at most (40)")
    parser.add_argument(
        "--minutes-scale", type=float, default=1.0, help="factor on all step budgets; a trial below 0.2"
    )
    return parser.parse_args()


def simulate(data: Path) -> None:
    """Make the sequences of parts that are empty."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread in each simulating process
    shape = {key: SPLIT[key] for key in ("frames", "size", "pixel_size")}
    for part, count in SIMULATED.items():
        if any((data / part).glob("*/sequence.json")):
            continue
        first = SPLIT["phantom"][part][0]
        for event in generate_phantoms(data / part, range(first, first + count), **shape):
            if event.done % 20 == 0 or event.done == event.total:
                print(f"{part}: simulated {event.done} of {event.total}", flush=True)


def fit(run: Run, data: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train one run, or go on with it; return its settings, losses and time."""
    folder = RunFolder(options.runs / run.name)
    number = list(dict.fromkeys(r.stage for r in RUNS)).index(run.stage)
    settings, schedule = sdcnet_run(
        "lite",
        run.stage,
        data,
        start=options.runs / run.start if run.start else "",
        data={"seed": number, "validation_sequences": 4},
        fit={"seed": number, "threads": 1, "checkpoint_every": 50},
        **run.settings,
    )
    steps = max(2, round(schedule.steps * options.minutes_scale))
    schedule = schedule.model_copy(update={"steps": steps, "log_every": max(1, min(10, steps // 2))})
    if folder.state().get("status") != "finished":
        write_run(folder.path, "sdcnet", settings, schedule)
        print(f"== {run.title}: {steps} steps", flush=True)
        began = process_time()
        for event in train(folder.path):
            if isinstance(event, StepLogged):
                left = event.seconds_left or 0.0
                losses = " ".join(f"{name} {value:.4f}" for name, value in event.losses.items())
                print(f"{event.step:5} {left:5.0f} s left  {losses}", flush=True)
        print(f"{process_time() - began:.0f} s of processor time", flush=True)
    elif read_run(folder.path / "run.toml").fit.steps != steps:
        raise SystemExit(
            f"{folder.path} holds a finished run of another length; give another folder with --runs."
        )
    logged = [event for event in events(folder) if event.get("event") == "StepLogged"]
    names = sorted({name for event in logged for name in event["losses"]})
    return {
        "title": run.title,
        "steps": steps,
        "seconds": logged[-1]["seconds"],
        "settings": settings.model_dump(mode="json"),
        "fit": schedule.model_dump(mode="json"),
        "curves": {"step": [event["step"] for event in logged]}
        | {name: [round(event["losses"].get(name, float("nan")), 6) for event in logged] for name in names},
    }


def events(folder: RunFolder) -> Iterator[dict[str, Any]]:
    """Yield what a run has logged."""
    for line in (folder.path / "events.jsonl").read_text().splitlines():
        yield json.loads(line)


def blur(data: Path) -> tuple[float, ...]:
    """Return the best blur of the last frame at each horizon on the validation sequences, px."""
    movies = [pictures(sequence) for sequence in find_sequences(data / "validation")]
    return tune_sigma(movies, max(HORIZONS), [HISTORY - 1] * len(movies))


def pictures(sequence: Sequence) -> np.ndarray:
    """Return history and future (T, Y, X), scaled by the history as a forecast would do it."""
    whole = slice(None)
    batch = cut(sequence, slice(FIRST, FIRST + LENGTH), whole, whole, HISTORY)
    return batch.images[0, :, 0].numpy()


def forecaster(model: cs.Model, *, warp_only: bool) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return a function that forecasts (T, Y, X) with a model and its partners; `warp_only` before it has kernels."""
    flow = cs.load_model("pwcnet-lite").network
    segmenter = cs.load_model("unet-lite").network

    @torch.inference_mode()
    def forecast(past: np.ndarray, steps: int) -> np.ndarray:
        history = torch.from_numpy(past)[None, :, None]
        segment = lambda frame: torch.softmax(segmenter(frame), 1)  # noqa: E731
        with one_hot_kernels(model.network, warp_only):
            return nets.roll_out(model.network, history, steps, flow, segment).frames[0, :, 0].numpy()

    return forecast


def judge(tests: list[Sequence], forecast: Callable[[np.ndarray, int], np.ndarray]) -> Scores:
    """Return every metric of every test sequence."""
    found: Scores = {horizon: {name: [] for name in BETTER} for horizon in HORIZONS}
    for sequence in tests:
        movie = pictures(sequence)
        predicted = forecast(movie[:HISTORY], max(HORIZONS))
        for horizon in HORIZONS:
            guess, truth = predicted[horizon - 1], movie[HISTORY + horizon - 1]
            low, span, spread = float(truth.min()), float(np.ptp(truth)), float(truth.std())
            guess, truth = (guess - low) / span, (truth - low) / span
            values = {
                "mse": metrics.mse(guess, truth) * (span / spread) ** 2,
                "l1": metrics.l1(guess, truth) * span / spread,
                "psnr": metrics.psnr(guess, truth),
                "ssim": metrics.ssim(guess, truth),
                "sharpness": metrics.sharpness(guess, truth),
            }
            for name, value in values.items():
                found[horizon][name].append(value)
    return found


def remembered(path: Path, key: str, make: Callable[[], Scores]) -> Scores:
    """Return scores from a file written for the same key, else make and write them."""
    if path.is_file():
        content = json.loads(path.read_text())
        if content["key"] == key:
            return {int(horizon): values for horizon, values in content["scores"].items()}
    scores = make()
    path.write_text(json.dumps({"key": key, "scores": scores}))
    return scores


def summary(scores: Scores) -> dict[int, dict[str, dict[str, float]]]:
    """Return mean and interval of each metric at each horizon."""
    return {
        horizon: {name: estimate(values) for name, values in found.items()}
        for horizon, found in scores.items()
    }


def estimate(values: list[float]) -> dict[str, float]:
    low, high = bootstrap_interval(values)
    return {"value": float(np.mean(values)), "low": low, "high": high}


def ratios(scores: dict[str, Scores]) -> dict[str, dict[int, dict[str, float]]]:
    """Return ratios of mean squared errors, paired by sequence: each run to the best baseline, and runs to runs."""
    found: dict[str, dict[int, dict[str, float]]] = {}
    for horizon in HORIZONS:
        errors = {name: np.array(values[horizon]["mse"]) for name, values in scores.items()}
        best = min(BASELINES, key=lambda name: errors[name].mean())
        pairs = [(run.name, best, f"{run.name} / best baseline") for run in RUNS]
        pairs += [(one, other, f"{one} / {other}") for one, other in PAIRS]
        for one, other, title in pairs:
            low, high = ratio_interval(errors[one], errors[other])
            value = float(errors[one].mean() / errors[other].mean())
            found.setdefault(title, {})[horizon] = {"value": value, "low": low, "high": high}
    return found


def table(scores: dict[str, Any], horizon: int) -> str:
    """Return a table in Markdown."""
    titles = {name: name.replace("_", " ") for name in BASELINES} | {run.name: run.title for run in RUNS}
    lines = [
        f"| {horizon} frame{'s' * (horizon > 1)} ahead | " + " | ".join(BETTER) + " |",
        "|---" * (len(BETTER) + 1) + "|",
    ]
    for name, title in titles.items():
        cells = [
            f"{found['value']:.{digits}f} ({found['low']:.{digits}f} to {found['high']:.{digits}f})"
            for metric, found in scores[name][horizon].items()
            for digits in (2 if metric == "psnr" else 3,)
        ]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
