"""A whole training run, or several one after the other, from one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from ..base import CellSimError, JobToken
from .config import FitConfig
from .events import Finished, TrainEvent
from .run_folder import RunFolder, in_use, write_text
from .submission import SlurmConfig

if TYPE_CHECKING:
    from .recipe import Recipe, RecipeConfig


class RunConfig(BaseModel):
    """Content of ``run.toml``.

    Attributes
    ----------
    recipe : str
        Name of the recipe.
    settings : dict
        Its configuration.
    fit : FitConfig
        Budget, device, checkpoints.
    slurm : SlurmConfig
        What to ask a cluster for, if the run is submitted to one.
    then : str
        Run folder to go on with when this run has ended by itself, relative to this one's; empty for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    settings: dict[str, Any]
    fit: FitConfig
    slurm: SlurmConfig = SlurmConfig()
    then: str = ""

    def make(self) -> Recipe:
        """Return the recipe, ready to train.

        Raises
        ------
        CellSimError
            If recipe or settings are unknown or not allowed.
        """
        from .recipes import RECIPES

        if self.recipe not in RECIPES:
            raise CellSimError(f"There is no recipe {self.recipe!r}; choose one of {', '.join(RECIPES)}.")
        config_class: Any
        recipe_class: Any
        config_class, recipe_class = RECIPES[self.recipe]
        try:
            recipe: Recipe = recipe_class(config_class.model_validate(self.settings))
        except ValidationError as error:
            raise CellSimError(
                f"The settings of recipe {self.recipe!r} are not usable: {_reason(error)}."
            ) from error
        return recipe


def write_run(
    folder: str | Path,
    recipe: str,
    settings: RecipeConfig | Mapping[str, Any],
    fit_config: FitConfig,
    *,
    slurm: SlurmConfig | None = None,
    then: str = "",
) -> Path:
    """Write ``run.toml`` into a run folder and return its path.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    recipe : str
        Name of the recipe.
    settings : RecipeConfig or mapping
        Its configuration; a mapping, which needs no torch, is checked when the run starts.
    fit_config : FitConfig
        Budget, device, checkpoints.
    slurm : SlurmConfig, optional
        What to ask a cluster for.
    then : str
        Run folder to go on with, see `RunConfig`.
    """
    path = Path(folder) / "run.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    content: dict[str, Any] = {
        "recipe": recipe,
        "settings": settings.model_dump(mode="json", exclude_none=True)
        if isinstance(settings, BaseModel)
        else dict(settings),
        "fit": fit_config.model_dump(mode="json"),
    }
    if slurm is not None:
        content["slurm"] = slurm.model_dump(mode="json")
    if then:
        content = {"recipe": recipe, "then": then, **content}
    write_text(path, tomli_w.dumps(content))
    return path


def run_file(path: str | Path) -> Path:
    """Return the ``run.toml`` of a run folder, or the file itself."""
    path = Path(path)
    return path / "run.toml" if path.is_dir() else path


def read_run(path: str | Path) -> RunConfig:
    """Read ``run.toml``.

    Raises
    ------
    CellSimError
        If the file is missing, not TOML, or has other fields.
    """
    try:
        return RunConfig.model_validate(tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        raise CellSimError(f"The training file {path} cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise CellSimError(f"The training file {path} is not valid TOML: {error}.") from error
    except ValidationError as error:
        raise CellSimError(f"The training file {path} is not usable: {_reason(error)}.") from error


def next_run(run: str | Path) -> Path | None:
    """Return the folder of the run that follows on a run by its ``then``; None if there is none, or no ``run.toml``."""
    file = run_file(run)
    try:
        then = read_run(file).then
    except CellSimError:
        return None
    return (file.parent / then).resolve() if then else None


def chain(path: str | Path) -> Iterator[Path]:
    """Yield a run and, each when the one before has been trained, those that follow on it by `RunConfig.then`.

    A run that was asked to stop is the last one.

    Raises
    ------
    CellSimError
        If the runs follow on each other in a circle.
    """
    run, seen = Path(path), set[Path]()
    while True:
        seen.add(run_file(run).parent.resolve())
        yield run
        following = next_run(run)
        if following is None or RunFolder(run_file(run).parent, silent=True).command() == "stop":
            return
        if following in seen:
            raise CellSimError(
                f"The run {run_file(run).parent.name} is to be followed by {following.name}, which has been trained "
                'already: the runs follow on each other in a circle; take one "then" out.'
            )
        run = following / "run.toml"


def train(path: str | Path, token: JobToken | None = None) -> Generator[TrainEvent, None, None]:
    """Train, or go on training, what a TOML file describes, and the runs that follow on it; see `train_one`."""
    for run in chain(path):
        yield from train_one(run, token)


def train_one(path: str | Path, token: JobToken | None = None) -> Generator[TrainEvent, None, None]:
    """Train, or go on training, what a TOML file describes; its folder is the run folder.

    Parameters
    ----------
    path : path
        ``run.toml``, or the folder that holds it.
    token : JobToken, optional
        See `fit`.

    Yields
    ------
    TrainEvent

    Raises
    ------
    CellSimError
        If the file is not usable, and as `fit` does.
    """
    import torch

    from .fitting import fit

    path = run_file(path)
    try:
        run = read_run(path)
        torch.manual_seed(run.fit.seed)  # fresh weights are part of what the seed fixes
        for event in fit(run.make(), run.fit, path.parent, token):
            if isinstance(event, Finished) and run.then:
                _announce(path.parent, (path.parent / run.then).resolve())
            yield event
    except CellSimError as error:
        if path.is_file():
            RunFolder(path.parent).note_failure(str(error))
        raise


def _announce(run: Path, following: Path) -> None:
    """Say in the folder of the next run that it is about to start, while this one's lock is held: nobody misses it."""
    asked_to_stop = RunFolder(run, silent=True).command() == "stop"
    if not asked_to_stop and run_file(following).is_file() and not in_use(following):
        folder = RunFolder(following)
        state = folder.state()
        folder.control("run")
        folder.write_state("starting", state.get("step", 0), state.get("progress", 0.0))


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))  # nothing where two settings do not go together
    return f"{where}: {first['msg']}" if where else first["msg"].removeprefix("Value error, ")
