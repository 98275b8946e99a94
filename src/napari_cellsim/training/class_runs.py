"""One model per class: a run for each class of a folder of photographs, one after the other; torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base import CellSimError
from ..datasets import class_names
from .config import FitConfig
from .run import read_run, run_file, write_run
from .submission import SlurmConfig

_RECIPES = ("msggan", "cellgan")


def split_by_class(run: str | Path) -> list[Path]:
    """Write a run for each class that a run would learn together, and return their folders.

    They stand beside the run, which is not trained itself, and are named after it with the class in brackets. Each is
    followed by the next. Written anew each time, so that they keep to changes of the run; what they have learnt stays.

    Parameters
    ----------
    run : path
        Run folder or its ``run.toml``, of a generator of photographs.

    Raises
    ------
    CellSimError
        If the recipe learns no classes, or the folder of the photographs cannot be used.
    """
    file = run_file(run).resolve()
    config = read_run(file)
    data = config.settings.get("data")
    if config.recipe not in _RECIPES or not isinstance(data, dict) or not data.get("folder"):
        raise CellSimError(
            f"The run {file.parent.name} trains {config.recipe!r}, which cannot have one model per class: that is for "
            "generators of photographs in one folder per class (msggan, cellgan)."
        )
    classes = data.get("classes") or class_names(data["folder"])
    return write_class_runs(
        file.parent, config.recipe, config.settings, config.fit, classes, slurm=config.slurm
    )


def write_class_runs(
    run: Path,
    recipe: str,
    settings: Mapping[str, Any],
    fit: FitConfig,
    classes: Sequence[str],
    *,
    slurm: SlurmConfig | None = None,
) -> list[Path]:
    """Write a run for each class and return their folders, see `class_folder`.

    Parameters
    ----------
    run : Path
        What they are named after; their models too, unless `settings` name one.
    recipe, settings, fit, slurm
        As for `write_run`; ``data.classes`` and ``model_name`` are set for each.
    classes : sequence of str
        Names of the classes.
    """
    folders = [class_folder(run, name) for name in classes]
    base = str(settings.get("model_name") or run.name)
    following = [f"../{folder.name}" for folder in folders[1:]]
    for name, folder, then in zip(classes, folders, [*following, ""], strict=True):
        data = {**settings.get("data", {}), "classes": [name]}
        own = {**settings, "data": data, "model_name": f"{base} ({name})"}
        write_run(folder, recipe, own, fit, slurm=slurm, then=then)
    return folders


def class_folder(run: Path, name: str) -> Path:
    """Return the folder of the run of one class: beside `run`, with the class in brackets."""
    return run.with_name(f"{run.name} ({name})")
