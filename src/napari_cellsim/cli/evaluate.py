"""Command `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..base import CellSimError
from . import _common as common

if TYPE_CHECKING:
    from ..evaluation import GeneratorStudy, MovieStudy
    from ..models import Model

_N, _STEPS = 256, 5
_OPTIONS: dict[str, object] = {
    "steps": _STEPS,
    "judge": None,
    "validation": None,
    "flow": "model",
    "segmentation": "model",
    "channel": 0,
    "plane": 0,
    "pixel_size": None,
    "interval": None,
    "region": None,
    "mode": "mean",
    "samples": 1,
    "n": _N,
    "seed": 0,
    "truncation": 1.0,
    "pictures": None,
    "features": None,
    "probabilities": None,
    "extractor": None,
    "classifier": None,
    "previews": None,
    "device": "auto",
}
"""What belongs to a command that gives a number again, and what need not be said."""


def evaluate(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="One or more movies, as for `predict`; for a generating model, real pictures, every frame one, or for "
            "specimens a folder with one folder of pictures per class.",
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model",
            help="Forecasting model, by name or file; several are tested against the first. Or one generating model.",
        ),
    ] = None,
    out: common.ReportFiles = None,
    at: Annotated[
        list[int] | None,
        typer.Option(
            "--at",
            help="Last visible frame; may be given several times. By default --steps true frames are left.",
        ),
    ] = None,
    steps: common.Steps = _STEPS,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--labels",
            help="TIFF of true cells (T, Y, X), each a positive number; one per INPUT, in their order.",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(
            "--judge",
            help="U-Net that looks for cells in all forecasts: a name or file, model (the first model's own) or none.",
        ),
    ] = None,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            "--validation",
            help="Movie that tunes the blurred baseline, several times; by default each movie's frames up to --at.",
        ),
    ] = None,
    flow: common.Flow = "model",
    segmentation: common.Segmentation = "model",
    channel: common.Channel = 0,
    plane: common.Plane = 0,
    pixel_size: common.PixelSize = None,
    interval: common.Interval = None,
    region: common.RegionText = None,
    mode: common.Mode = "mean",
    samples: Annotated[
        int,
        typer.Option(
            "--samples",
            min=1,
            help="Possible futures of each forecast, with --mode sample; two give the CRPS.",
        ),
    ] = 1,
    n: Annotated[int, typer.Option("--n", "-n", help="Pictures to generate.")] = _N,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            help="Seed of generated pictures, or of the first possible future and of the intervals.",
        ),
    ] = 0,
    truncation: Annotated[
        float, typer.Option("--truncation", help="From 0 (the mean picture) to 1 (full variety).")
    ] = 1.0,
    pictures: Annotated[
        str | None,
        typer.Option(
            "--pictures",
            help="Pictures of another generator, read as INPUT is, instead of --model; of specimens with --classifier.",
        ),
    ] = None,
    features: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            "--features",
            metavar="REAL GENERATED",
            help="Your own features (N, D) of real and of generated pictures, .npy or .npz, with --extractor.",
        ),
    ] = None,
    probabilities: Annotated[
        Path | None,
        typer.Option(
            "--probabilities",
            help="Inception's class probabilities (N, C) of generated pictures, .npy or .npz, with --extractor.",
        ),
    ] = None,
    extractor: Annotated[
        str | None,
        typer.Option("--extractor", help="What made these numbers, of pictures brought to it how, in words."),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            "--classifier",
            help="Classifier of specimens, trained on real pictures alone: it describes photographs and says which "
            "classes it sees in them.",
        ),
    ] = None,
    previews: Annotated[
        Path | None,
        typer.Option("--previews", help="Run folder of the generator: change from preview to preview."),
    ] = None,
    device: common.Device = "auto",
    quiet: common.Quiet = False,
) -> None:
    """Measure how good forecasts, or generated pictures, are.

    Forecasts are compared with the true frames, beside copy-last-frame, blurred copy-last-frame and constant-flow
    extrapolation, with 95 % bootstrap intervals over movies. Generated pictures are compared with real ones. Under
    every number of the HTML report stands the command that gives it again.
    """
    given = dict(locals())
    sources = inputs or []
    targets = common.report_targets(out, *sources)
    if pictures or features or classifier or (model and _is_generator(model[0])):
        result: MovieStudy | GeneratorStudy = _generator(sources, given)
    else:
        result = _movies(sources, given)
    common.deliver(result, targets, quiet=quiet)


def _movies(sources: list[str], given: dict[str, Any]) -> MovieStudy:
    import numpy as np

    from ..data import open_timelapse
    from ..evaluation import evaluate_movies_job
    from ..models import load_model

    if not sources:
        raise CellSimError("There is nothing to evaluate: name at least one movie.")
    names = given["model"] or [common.DEFAULT_MODEL]
    job = evaluate_movies_job(
        [common.open_movie(source, given["pixel_size"], given["interval"]) for source in sources],
        [load_model(name) for name in names],
        at=given["at"] or [],
        steps=given["steps"],
        labels=[np.asarray(open_timelapse(path).frames[:, 0, 0]) for path in given["labels"] or []],
        judge=given["judge"],
        validation=[
            common.open_movie(source, given["pixel_size"], given["interval"])
            for source in given["validation"] or []
        ],
        command=_command(sources, names, given),
        flow=common.flow_source(given["flow"]),
        segmentation=common.segmentation_source(given["segmentation"]),
        channel=given["channel"],
        plane=given["plane"],
        regions=common.parse_region(given["region"]),
        device=given["device"],
        mode=given["mode"],
        samples=given["samples"],
        seed=given["seed"],
    )
    return common.run_job(job, quiet=given["quiet"], unit="forecast")


def _generator(sources: list[str], given: dict[str, Any]) -> GeneratorStudy:
    from ..evaluation import evaluate_generator_job
    from ..evaluation.picture_sets import draws_photographs

    extractor = given["extractor"]
    names = given["model"] or []
    if len(names) > 1:
        raise CellSimError("Generating models are judged one at a time: give --model once.")
    model = _load(names[0]) if names else None
    pictures = given["pictures"]
    real: list[Any] = list(sources)
    if not given["classifier"] and not (model and draws_photographs(model)):
        real = [common.open_movie(source, given["pixel_size"], None) for source in sources]
        if pictures:
            movie = common.open_movie(pictures, given["pixel_size"], None)
            pictures = movie.array(channel=given["channel"], plane=given["plane"])
    chosen: dict[str, Any] = {"encoder": _classifier(given["classifier"])} if given["classifier"] else {}
    job = evaluate_generator_job(
        real,
        model,
        pictures=pictures,
        name=given["pictures"] or (str(given["features"][1]) if given["features"] else None),
        n=given["n"],
        seed=given["seed"],
        truncation=given["truncation"],
        features=_features(given["features"], extractor),
        probabilities=_probabilities(given["probabilities"]),
        probabilities_from=extractor,
        previews=given["previews"],
        channel=given["channel"],
        plane=given["plane"],
        device=given["device"],
        command=_command(sources, names, given),
        **chosen,
    )
    return common.run_job(job, quiet=given["quiet"], unit="part")


def _features(paths: tuple[Path, Path] | None, extractor: str | None) -> Any:
    from ..evaluation.feature_files import Features, read_array

    if paths is None:
        return None
    if not extractor:
        raise CellSimError(
            "Features were given without a name: say with --extractor what made them, of pictures brought to it how; "
            "distances of unknown features mean nothing."
        )
    return tuple(
        Features(read_array(path, "features"), extractor, "as the extractor's name says") for path in paths
    )


def _probabilities(path: Path | None) -> Any:
    from ..evaluation.feature_files import read_array

    return None if path is None else read_array(path, "class probabilities")


def _classifier(name: str) -> Model:
    from ..evaluation.recognition import class_names

    found = _load(name)
    class_names(found)  # refuses what is no classifier
    return found


def _is_generator(name: str) -> bool:
    return _load(name).kind in ("cellgan", "msggan", "vae")


def _load(name: str) -> Model:
    from ..models import load_model

    return load_model(name)


def _command(sources: list[str], models: list[str], given: dict[str, Any]) -> Any:
    """Return the call in words: what was given, and nothing that is by default so."""
    from ..evaluation.commands import Command

    words: list[str] = []
    for name, default in _OPTIONS.items():
        value = given[name]
        if value is None or value == default:
            continue
        option = f"--{name.replace('_', '-')}"
        if name == "features":
            words += [option, *map(str, value)]
        else:
            for one in value if isinstance(value, list) else [value]:
                words += [option, str(one)]
    return Command(
        inputs=tuple(sources),
        models=tuple(models),
        at=tuple(given["at"] or ()),
        labels=tuple(given["labels"] or ()),
        options=tuple(words),
    )
