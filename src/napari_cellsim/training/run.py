"""A whole training run from one TOML file."""

from __future__ import annotations

import tomllib
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from ..base import CellSimError, JobToken
from .config import FitConfig
from .events import TrainEvent
from .run_folder import RunFolder, write_text
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
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    settings: dict[str, Any]
    fit: FitConfig
    slurm: SlurmConfig = SlurmConfig()

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
    folder: str | Path, recipe: str, settings: RecipeConfig | Mapping[str, Any], fit_config: FitConfig
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
    """
    path = Path(folder) / "run.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "recipe": recipe,
        "settings": settings.model_dump(mode="json", exclude_none=True)
        if isinstance(settings, BaseModel)
        else dict(settings),
        "fit": fit_config.model_dump(mode="json"),
    }
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


def train(path: str | Path, token: JobToken | None = None) -> Generator[TrainEvent, None, None]:
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
        yield from fit(run.make(), run.fit, path.parent, token)
    except CellSimError as error:
        if path.is_file():
            RunFolder(path.parent).note_failure(str(error))
        raise


def _reason(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
