"""How an augmentation study is asked for: defaults, and what words stand for; imports neither torch nor numpy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base import CellSimError
from .config import FitConfig

if TYPE_CHECKING:
    from .recipes.classifier import ClassifierConfig

SCHEDULE = FitConfig(steps=2400, validate_every=20, patience=10, export="best", checkpoint_every=0)
"""How long each classifier is trained, if nothing else is said."""
INITIALISATIONS, PER_CLASS, BATCH = 10, "100", 32


def picture_counts(text: str) -> tuple[int, ...]:
    """Return the numbers of generated pictures per class that are written with commas between.

    Raises
    ------
    CellSimError
        If they are no numbers.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise CellSimError(
            f"{text!r} are not numbers of generated pictures with commas between, such as 50,100,200."
        ) from None


def study_settings(
    folder: str | Path,
    file: Path | None = None,
    *,
    data: Mapping[str, Any] | None = None,
    fit: Mapping[str, Any] | None = None,
) -> tuple[ClassifierConfig, FitConfig]:
    """Return what classifiers a study trains, and how long.

    Parameters
    ----------
    folder : path
        Real pictures.
    file : Path, optional
        A ``run.toml`` of the recipe classifier, which says everything else.
    data, fit : mapping, optional
        Settings of the pictures and of the training that win over it; None says nothing.

    Raises
    ------
    CellSimError
        If the file is for another recipe, or a setting cannot be used.
    """
    from pydantic import ValidationError

    from .recipes.classifier import ClassifierConfig
    from .run import read_run

    given: dict[str, Any] = {}
    schedule = SCHEDULE
    if file is not None:
        run = read_run(file)
        if run.recipe != "classifier":
            raise CellSimError(
                f"{file} is for the recipe {run.recipe!r}: give one for the recipe 'classifier'."
            )
        given, schedule = dict(run.settings), run.fit
    pictures = {"batch": BATCH, **given.get("data", {}), "folder": str(folder), **_said(data)}
    try:
        config = ClassifierConfig.model_validate({**given, "data": pictures})
    except ValidationError as error:
        first = error.errors()[0]
        raise CellSimError(
            f"The classifier cannot be trained so: {'.'.join(map(str, first['loc']))}: {first['msg']}."
        ) from error
    return config, schedule.model_copy(update=_said(fit))


def _said(values: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (values or {}).items() if value is not None}


def study_command(specimens: str | Path, synthetic: Sequence[str | Path], **options: Any) -> str:
    """Return the command line that gives the same numbers again.

    Parameters
    ----------
    specimens : path
        Real pictures.
    synthetic : sequence of path
        Generated ones.
    **options
        Options of the command ``study``; None, and what it takes by itself, are left out.
    """
    words = ["napari-cellsim", "study", str(specimens)]
    for path in synthetic:
        words += ["--synthetic", str(path)]
    usual = {"initialisations": INITIALISATIONS, "per_class": PER_CLASS, "seed": 0}
    for name, value in _said(options).items():
        if value != usual.get(name):
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
