"""The fair augmentation study: classifiers with and without generated pictures, trained alike, many times."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..base import CellSimError, Clock, Event, JobToken, Progress, hash_array, now, run, versions
from ..datasets import Specimens
from ..evaluation.accuracies import LEVEL
from ..evaluation.augmentation_results import Arm, AugmentationStudy, Training, compared
from ..evaluation.recognition import (
    Recognition,
    UncertainCase,
    class_probabilities,
    recognition,
    uncertain_cases,
)
from ..evaluation.sheets import photographs
from ..models import Model, load_model
from .config import FitConfig
from .events import StepLogged, Validated
from .fitting import fit
from .labelled_pictures import LabelledPictures, labelled
from .recipes.classifier import ClassifierConfig, ClassifierRecipe
from .run import read_run, write_run
from .run_folder import write_text
from .study_settings import INITIALISATIONS, SCHEDULE
from .synthetic_sources import check_unseen, synthetic_job, write_pictures


def augmentation_study(
    config: ClassifierConfig, synthetic: str | Path | Sequence[str | Path], **options: Any
) -> AugmentationStudy:
    """Measure whether generated pictures help a classifier; parameters as `augmentation_study_job`."""
    return run(augmentation_study_job(config, synthetic, **options))


def augmentation_study_job(
    config: ClassifierConfig,
    synthetic: str | Path | Sequence[str | Path],
    *,
    initialisations: int = INITIALISATIONS,
    per_class: Sequence[int] = (100,),
    schedule: FitConfig = SCHEDULE,
    seed: int = 0,
    dropout_samples: int = 20,
    folder: str | Path | None = None,
    command: str | None = None,
    token: JobToken | None = None,
) -> Generator[Event, None, AugmentationStudy]:
    """Measure whether generated pictures help a classifier, as a job.

    Parameters
    ----------
    config : ClassifierConfig
        Real pictures and classifier; its own `synthetic`, `per_class` and seed of the data are not used.
    synthetic : path or sequence of path
        One folder with a folder of generated pictures per class; or generators, one per class, as model files.
    initialisations : int
        Trainings of each kind, from other initial weights, at least 2.
    per_class : sequence of int
        How many generated pictures of each class to add; one arm of the study for each.
    schedule : FitConfig
        How long and where to train. Without a budget in minutes, so that all are trained alike.
    seed : int
        Of the first initialisation, the generated pictures and the intervals.
    dropout_samples : int
        Samples of Monte-Carlo dropout for the uncertain cases; 0 for none.
    folder : path, optional
        Where to keep all runs. Those that are finished there are not repeated, and one that was interrupted goes on.
    command : str, optional
        The command line that asks for the same.
    token : JobToken, optional
        To cancel or pause.

    Yields
    ------
    Progress
        One unit per step of training.

    Returns
    -------
    AugmentationStudy

    Raises
    ------
    CellSimError
        If a number cannot be used, a generator or the classifier to start from learnt from held-out pictures, `folder`
        holds trainings of other settings or pictures, and as reading and training do.
    """
    counts = _checked(initialisations, per_class, schedule)
    token = token or JobToken()
    sources = [synthetic] if isinstance(synthetic, (str, Path)) else list(synthetic)
    data = config.data.model_copy(update={"seed": seed})
    specimens = yield from data.read_job(token)
    test = labelled(specimens, "test", data.classes)
    labelled(
        specimens, "validation", data.classes
    )  # refuses what cannot be trained on before anything is drawn
    if config.start and (start := load_model(config.start)).kind == "classifier":
        check_unseen(start, specimens)
    drawn, origin, said = yield from synthetic_job(
        sources, specimens, data, max(counts), seed=seed, device=schedule.device, token=token
    )
    parts: dict[int, LabelledPictures | None] = {0: None}
    parts |= {count: drawn.first(count) for count in counts}
    with ExitStack() as stack:
        home = Path(folder) if folder else Path(stack.enter_context(tempfile.TemporaryDirectory()))
        places = {count: home / f"generated-{count}" for count in parts}
        for count, part in parts.items():
            _check_pictures(places[count], specimens, part, origin)
        shown = origin.get("folder")
        if shown is None:  # so that each run.toml says all that it takes to repeat the run
            shown = str(home / f"pictures-{seed}")
            write_pictures(drawn, Path(shown))
        runs = [place / f"seed-{seed + n}" for place in places.values() for n in range(initialisations)]
        course = _Course(runs, schedule.steps)
        arms, judges = [], []
        for count, part in parts.items():
            trainings = []
            for number in range(initialisations):
                settings = config.model_copy(
                    update={
                        "data": data.model_copy(update={"seed": seed + number}),
                        "synthetic": shown if part else "",
                        "per_class": count,
                    }
                )
                place = places[count] / f"seed-{seed + number}"
                timing = schedule.model_copy(update={"seed": seed + number})
                model, facts = yield from _train(place, settings, timing, specimens, part, course, token)
                guesses = class_probabilities(model, test.images, device=schedule.device, token=token).argmax(
                    1
                )
                trainings.append(
                    Training(
                        seed=seed + number,
                        accuracy=float((guesses == test.labels).mean()),
                        guesses=guesses.tolist(),
                        **facts,
                    )
                )
                if not count:
                    judges.append(model)
            arms.append(Arm.of(count, trainings, test.labels, test.class_names))
    real = [recognition(np.array(one.guesses), test.labels, test.class_names) for one in arms[0].trainings]
    generated = [_judged(judge, drawn, schedule.device, token) for judge in judges]
    unsure = _unsure(judges[0], test, dropout_samples, seed, schedule.device, token)
    return AugmentationStudy(
        command=command,
        time=now(),
        versions=versions(),
        warnings=said + _warnings(specimens, test, drawn, initialisations, len(counts)),
        specimens={
            "folder": str(data.folder),
            "class_names": list(test.class_names),
            "counts": specimens.counts,
            "split": data.split or None,
            "split_seed": specimens.seed,
            "notes": list(specimens.notes),
        },
        synthetic=origin,
        settings={
            "classifier": config.model_dump(mode="json", exclude={"synthetic", "per_class"}),
            "fit": schedule.model_dump(mode="json"),
            "seed": seed,
        },
        test=list(test.names),
        truth=test.labels.tolist(),
        arms=arms,
        tests=compared(arms, test.labels, seed),
        real=real,
        generated=generated,
        uncertain=unsure,
        sheets=_sheets(test, drawn, unsure),
    )


def _checked(initialisations: int, per_class: Sequence[int], schedule: FitConfig) -> list[int]:
    counts = sorted(set(per_class) - {0})
    if not counts or counts[0] < 0:
        raise CellSimError(
            f"The numbers of generated pictures per class are {tuple(per_class)}: give at least one above 0."
        )
    if initialisations < 2:
        raise CellSimError(
            f"{initialisations} initialisation shows no spread: ask for at least 2, better 10 or more."
        )
    if not schedule.steps or schedule.minutes or schedule.images or schedule.epochs:
        raise CellSimError(
            "The budget of a study is a number of steps alone, so that all classifiers are trained alike."
        )
    if not schedule.validate_every:
        raise CellSimError("A study needs validations, which say what weights to keep: set validate_every.")
    return counts


def _check_pictures(
    place: Path, specimens: Specimens, part: LabelledPictures | None, origin: dict[str, Any]
) -> None:
    """Note which pictures the trainings in a folder are of; refuse a folder that holds trainings of others."""
    arrays: list[Any] = [specimens.images, specimens.labels, *specimens.parts.values()]
    marks = []
    if part is not None and "models" in origin:  # what they draw is the same but for rounding
        marks = [str(origin["seed"]), *(model["hash"] for model in origin["models"].values())]
    elif part is not None:
        arrays += [part.images, part.labels]
    text = "\n".join([*(hash_array(one) for one in arrays), *marks])
    note = place / "pictures.txt"
    if note.is_file() and note.read_text(encoding="utf-8") != text:
        raise CellSimError(
            f"The folder {place} holds trainings with other pictures: name another folder, or delete it."
        )
    place.mkdir(parents=True, exist_ok=True)
    write_text(note, text)


class _Course:
    """How far a study is; an early end of a training counts as if all its steps were done."""

    def __init__(self, places: Sequence[Path], steps: int) -> None:
        self._steps, self._all = steps, len(places)
        self._number = sum(_final(place).is_file() for place in places)
        self._clock = Clock(steps * self._all, "step", done=steps * self._number)

    def begin(self) -> None:
        """Begin the next training."""
        self._number += 1

    def progress(self, step: int) -> Progress:
        """Return how far it is when so many steps of this training are done."""
        done = self._steps * (self._number - 1) + step
        now = self._clock.progress(done - self._clock.done)
        return replace(now, message=f"Training {self._number} of {self._all}")


def _final(place: Path) -> Path:
    return place / "final.safetensors"


def _train(
    place: Path,
    settings: ClassifierConfig,
    schedule: FitConfig,
    specimens: Specimens,
    part: LabelledPictures | None,
    course: _Course,
    token: JobToken,
) -> Generator[Event, None, tuple[Model, dict[str, Any]]]:
    """Train one classifier, or take what was trained before, and return it and what is known of its training."""
    final = _final(place)
    if (place / "run.toml").is_file():
        found = read_run(place / "run.toml")
        if found.settings != settings.model_dump(mode="json", exclude_none=True) or found.fit != schedule:
            raise CellSimError(
                f"The folder {place} holds a training with other settings: name another folder, or delete it."
            )
    else:
        write_run(place, "classifier", settings, schedule)
    if not final.is_file():
        course.begin()
        torch.manual_seed(schedule.seed)  # fresh weights are part of what the seed fixes
        for event in fit(ClassifierRecipe(settings, specimens, part), schedule, place, token):
            if isinstance(event, (StepLogged, Validated)):
                yield course.progress(event.step)
        yield course.progress(schedule.steps)
    model = load_model(str(final))
    training: Any = model.card.training
    metrics: Any = model.card.metrics
    best = training["best"] or {"step": training["steps"]}
    facts = {"validation": metrics["accuracy"], "best_step": best["step"], "steps": training["steps"]}
    return model, facts


def _judged(judge: Model, drawn: LabelledPictures, device: str, token: JobToken) -> Recognition:
    guesses = class_probabilities(judge, drawn.images, device=device, token=token).argmax(1)
    return recognition(guesses, drawn.labels, drawn.class_names)


def _unsure(
    judge: Model, test: LabelledPictures, samples: int, seed: int, device: str, token: JobToken
) -> list[UncertainCase]:
    if not samples:
        return []
    options: dict[str, Any] = {"samples": samples, "seed": seed, "device": device, "token": token}
    return uncertain_cases(judge, test.images, test.names, test.labels, **options)


def _warnings(
    specimens: Specimens,
    test: LabelledPictures,
    drawn: LabelledPictures,
    initialisations: int,
    comparisons: int,
) -> list[str]:
    said = []
    if len(test) < 100:
        said.append(
            f"The test part has {len(test)} pictures: one more or less is {100 / len(test):.2g} percentage points."
        )
    smallest = min(1.0, comparisons * 2 / 2**initialisations)
    if smallest >= LEVEL:
        said.append(
            f"{initialisations} initialisations are too few: no p below {smallest:.2g} is possible; ask for more."
        )
    train = {specimens.images[row].tobytes() for row in specimens.rows("train")}
    copies = sum(picture.tobytes() in train for picture in drawn.images)
    if copies:
        said.append(f"{copies} of {len(drawn)} generated pictures are pictures of the training part.")
    return said


def _sheets(
    test: LabelledPictures, drawn: LabelledPictures, unsure: Sequence[UncertainCase]
) -> dict[str, bytes]:
    shown = {"generated": photographs(drawn.first(min(8, *drawn.counts.values())).images, 8)}
    if unsure:
        rows = [test.names.index(case.name) for case in unsure]
        shown["uncertain"] = photographs(test.images[rows], 6)
    return shown
