"""Checkpoints without pickle: tensors as safetensors, everything else as JSON, visible only when whole."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..base import CellSimError
from .recipe import Recipe

_PREFIX = "step-"


def save_checkpoint(
    folder: Path, step: int, recipe: Recipe, average: dict[str, Tensor], state: dict[str, Any], keep: int
) -> Path:
    """Write ``folder/step-N`` and delete all but the newest `keep`.

    Parameters
    ----------
    folder : Path
        The run's checkpoint folder.
    step : int
        Optimiser steps done.
    recipe : Recipe
        Its modules and optimisers are written.
    average : dict
        Running average of the weights; empty if there is none.
    state : dict
        JSON values to get back on loading.
    keep : int
        Number of checkpoints to keep.

    Returns
    -------
    Path
        The new checkpoint, a folder.
    """
    tensors = {f"modules/{name}": value for name, value in recipe.modules.state_dict().items()}
    tensors |= {f"average/{name}": value for name, value in average.items()}
    optimisers: dict[str, Any] = {}
    for name, optimiser in recipe.optimisers.items():
        content = optimiser.state_dict()
        scalars: dict[str, dict[str, Any]] = {}
        for index, values in content["state"].items():
            for key, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimisers/{name}/{index}/{key}"] = value
                else:
                    scalars.setdefault(str(index), {})[key] = value
        optimisers[name] = {"param_groups": content["param_groups"], "scalars": scalars}
    tensors["random/torch"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random/cuda"] = torch.cuda.get_rng_state()

    target = folder / f"{_PREFIX}{step:08d}"
    draft = folder / f".{target.name}-{uuid.uuid4().hex[:8]}"
    draft.mkdir(parents=True)
    try:
        save_file(
            {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()},
            draft / "tensors.safetensors",
        )
        (draft / "state.json").write_text(json.dumps({"step": step, "optimisers": optimisers, **state}))
        if target.is_dir():
            shutil.rmtree(target)
        os.replace(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return target


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if (path / "state.json").is_file())


def load_checkpoint(path: Path, recipe: Recipe) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Restore modules, optimisers and random state of a recipe.

    Returns
    -------
    tuple
        The JSON values given to `save_checkpoint` (with "step"), and the running average of the weights.

    Raises
    ------
    CellSimError
        If the checkpoint cannot be read or belongs to another network.
    """
    try:
        state: dict[str, Any] = json.loads((path / "state.json").read_text())
        tensors = load_file(path / "tensors.safetensors")
        recipe.modules.load_state_dict(_under(tensors, "modules/"))
        for name, optimiser in recipe.optimisers.items():
            saved = state["optimisers"][name]
            values: dict[int, dict[str, Any]] = {int(i): dict(v) for i, v in saved["scalars"].items()}
            for key, tensor in _under(tensors, f"optimisers/{name}/").items():
                index, field = key.split("/")
                values.setdefault(int(index), {})[field] = tensor
            optimiser.load_state_dict({"state": values, "param_groups": saved["param_groups"]})
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError) as error:
        raise CellSimError(
            f"The checkpoint {path} cannot be continued with these settings ({str(error).splitlines()[0]}); "
            "delete it or start in another folder."
        ) from error
    torch.set_rng_state(tensors["random/torch"])
    if torch.cuda.is_available() and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"])
    return state, _under(tensors, "average/")


def load_modules(folder: Path, recipe: Recipe) -> None:
    """Start a recipe from the weights at the end of an earlier run, taking the running average where there is one.

    Modules that the earlier run did not have keep their fresh weights.

    Parameters
    ----------
    folder : Path
        The earlier run folder.

    Raises
    ------
    CellSimError
        If there is no checkpoint or it belongs to another network.
    """
    found = list_checkpoints(folder / "checkpoints")
    if not found:
        raise CellSimError(f"The run {folder} has no checkpoint to start from; train it first.")
    tensors = load_file(found[-1] / "tensors.safetensors")
    weights = _under(tensors, "modules/") | _under(tensors, "average/")
    own = recipe.modules.state_dict()
    wrong = [name for name, value in weights.items() if name in own and own[name].shape != value.shape]
    if wrong:
        raise CellSimError(f"The run {folder} trained a network of another size ({wrong[0]} differs).")
    recipe.modules.load_state_dict(
        {name: value for name, value in weights.items() if name in own}, strict=False
    )


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
