"""How good is the forecast of real movies: with the bundled model as it is, and adapted to the movie?

The movies and starts of split.json, part "real". The model is adapted once per movie and focal plane, on the frames up
to the first start; blur is tuned on the same frames. Nothing later is seen. Skill is 1 - MSE / MSE of the best
baseline, with a 95 % bootstrap interval over starts, regions and planes of the one movie: it says how steady the skill
is in this movie, and nothing about others. Writes results/forecast_real.json, numbers only; goes on where it was
interrupted.

    python benchmarks/forecast_quality/real.py --work DIR [--real DIR] [--model NAME] [--minutes 3] [--only NAME ...]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from competitors import BASELINES, classical_flow
from summary import estimate

import napari_cellsim as cs
from napari_cellsim.base import CellSimError
from napari_cellsim.data import fit_scale
from napari_cellsim.evaluation.baselines import blurred_copy_last, constant_flow, copy_last, tune_sigma
from napari_cellsim.evaluation.bootstrap import skill_interval

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from _machine import RESULTS, record

HERE = Path(__file__).resolve().parent

SPLIT: dict[str, Any] = json.loads((HERE / "split.json").read_text())
COMMAND = "python benchmarks/forecast_quality/real.py --work DIR"
PROTOCOL = 1  # raised when a number would come out otherwise
USUAL_MINUTES = 3.0

Errors = dict[str, list[list[float]]]  # forecaster -> start, region or plane -> horizon


def main() -> None:
    options = parse()
    torch.set_num_threads(1)
    model = cs.load_model(options.model)
    movies: dict[str, Any] = {}
    for entry in SPLIT["real"]:
        memory = options.work / "real" / f"{entry['name']}.json"
        key = f"{PROTOCOL} {model.hash} {options.minutes:g} {json.dumps(entry, sort_keys=True)}"
        content = json.loads(memory.read_text()) if memory.is_file() else {}
        if content.get("key") != key:
            if options.only and entry["name"] not in options.only:
                continue
            if not (options.real / entry["file"]).is_file():
                print(f"left out: there is no {options.real / entry['file']}")
                continue
            print(f"== {entry['title']}", flush=True)
            content = {"key": key, **judge(entry, options.real / entry["file"], model, options.minutes)}
            memory.parent.mkdir(parents=True, exist_ok=True)
            memory.write_text(json.dumps(content))
        movies[entry["name"]] = summary(entry, content)
        show(movies[entry["name"]])
    results = {
        "command": COMMAND,
        "model": {"name": model.name, "hash": model.hash, "trained_on": model.card.trained_on},
        "minutes": options.minutes,
        "movies": movies,
    }
    if options.minutes == USUAL_MINUTES and movies:
        print(f"written: {record('forecast_real', results)}")
    else:
        print(f"a trial, not recorded in {RESULTS}")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder, outside the repository, for scores")
    parser.add_argument(
        "--real", type=Path, default=HERE.parents[2] / "shared" / "data", help="folder of real movies"
    )
    parser.add_argument("--model", default="sdcnet-default", help="name or file")
    parser.add_argument(
        "--minutes",
        type=float,
        default=USUAL_MINUTES,
        help="of adaptation per movie; others than 3 are trials",
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="forecast these movies only")
    return parser.parse_args()


def judge(entry: dict[str, Any], path: Path, model: cs.Model, minutes: float) -> dict[str, Any]:
    """Return the errors of all forecasters in all parts of a movie, and what came of adapting."""
    movie, first = opened(entry, path), entry["starts"][0]
    planes, adaptations = entry.get("planes", [0]), []
    errors: Errors = {}
    for plane in planes:
        try:
            found = cs.adapt(movie, model, at=first, minutes=minutes / len(planes), plane=plane, device="cpu")
            adapted = found.model
            said = {name: getattr(found, name) for name in ("helped", "before", "after", "message")}
        except CellSimError as refusal:  # too few frames to learn from
            adapted, said = model, {"helped": False, "before": None, "after": None, "message": str(refusal)}
        adaptations.append({"plane": plane, **said})
        print(said["message"], flush=True)
        for name, values in plane_errors(entry, movie, plane, model, adapted).items():
            errors.setdefault(name, []).extend(values)
    return {
        "errors": errors,
        "adaptations": adaptations,
        "pixel_size": movie.pixel_size,
        "interval": movie.interval,
        "size": [movie.height, movie.width],
    }


def opened(entry: dict[str, Any], path: Path) -> cs.TimeLapse:
    """Return the movie of an entry, thinned out as it says."""
    movie, every = cs.open_timelapse(path), entry.get("every", 1)
    return replace(movie, frames=movie.frames[::every], interval=movie.interval and movie.interval * every)


def plane_errors(
    entry: dict[str, Any], movie: cs.TimeLapse, plane: int, model: cs.Model, adapted: cs.Model
) -> Errors:
    """Return the squared errors of all forecasters in one focal plane, in units of the history's scale."""
    steps, length = entry["horizons"], model.network.config.frames
    images = movie.array(plane=plane)
    sigma = blur(images[: entry["starts"][0] + 1], steps)
    errors: Errors = {}
    for at in entry["starts"]:
        history = images[at + 1 - length : at + 1]
        scale = fit_scale(history)
        past, future = scale.forward(history), scale.forward(images[at + 1 : at + 1 + steps])
        predicted = {
            "copy_last": copy_last(past, steps),
            "blurred_copy_last": blurred_copy_last(past, steps, sigma),
            "constant_flow": constant_flow(past, steps),
            "classical_flow": classical_flow(past, steps),
        }
        for name, one in (("as_it_is", model), ("adapted", adapted)):
            found = cs.predict(movie, one, steps=steps, at=at, plane=plane, device="cpu")
            assert isinstance(found, cs.Forecast)
            predicted[name] = scale.forward(found.frames[0, :, 0])
        for name, guess in predicted.items():
            squared = (guess - future) ** 2
            errors.setdefault(name, []).extend(
                [
                    [float(value) for value in part.mean(axis=(1, 2), dtype=np.float64)]
                    for part in parts(squared, entry)
                ]
            )
    return errors


def blur(past: np.ndarray, steps: int) -> tuple[float, ...]:
    """Return the best blur of a copied frame at each step, on frames up to the first start."""
    scale = fit_scale(past)
    spread = max(1, len(past) // 20)  # twenty forecasts say enough
    at = list(range(0, len(past) - 1, spread))
    return tune_sigma([scale.forward(past)] * len(at), steps, at)


def parts(stack: np.ndarray, entry: dict[str, Any]) -> list[np.ndarray]:
    """Return the regions of (T, Y, X) that are judged apart."""
    rows, columns = entry.get("grid", [1, 1])
    return [
        part for band in np.array_split(stack, rows, axis=1) for part in np.array_split(band, columns, axis=2)
    ]


def summary(entry: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of a movie: skill at each horizon, before and after adapting."""
    errors = {name: np.array(values) for name, values in content["errors"].items()}
    baselines = np.array([errors[name] for name in BASELINES])
    rows: dict[str, Any] = {}
    for horizon in range(entry["horizons"]):
        others = baselines[:, :, horizon]
        means = others.mean(1)
        row: dict[str, Any] = {"best": BASELINES[int(means.argmin())]}
        for name in ("as_it_is", "adapted"):
            own = errors[name][:, horizon]
            row[name] = estimate(float(1 - own.mean() / means.min()), skill_interval(own, others))
        row["mse"] = {name: round(float(values[:, horizon].mean()), 8) for name, values in errors.items()}
        rows[str(horizon + 1)] = row
    return {
        **{key: entry[key] for key in ("title", "file", "starts")},
        **{key: entry.get(key, usual) for key, usual in (("every", 1), ("planes", [0]), ("grid", [1, 1]))},
        **{key: content[key] for key in ("adaptations", "pixel_size", "interval", "size")},
        "units": baselines.shape[1],
        "horizons": rows,
    }


def show(movie: dict[str, Any]) -> None:
    print(f"\n{movie['title']}, {movie['units']} forecasts: skill [95 %]")
    for horizon, row in movie["horizons"].items():
        said: Sequence[str] = [
            f"{name} {row[name]['value']:+.3f} [{row[name]['low']:+.3f}, {row[name]['high']:+.3f}]"
            for name in ("as_it_is", "adapted")
        ]
        print(f"{horizon} ahead: {', '.join(said)}, against {row['best']}")


if __name__ == "__main__":
    main()
