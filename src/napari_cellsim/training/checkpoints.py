"""Checkpoints without pickle: tensors as safetensors, everything else as JSON, visible only when whole."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..base import CellSimError
from .recipe import Recipe
from .run_folder import write_text
from .stepping import restore_random_state

_PREFIX = "step-"
_RANDOM = ("random/torch", "random/cuda")  # those of further processes have their number behind


def save_checkpoint(
    folder: Path,
    step: int,
    recipe: Recipe,
    average: dict[str, Tensor],
    state: dict[str, Any],
    keep: int,
    random: Sequence[Sequence[Tensor]],
) -> Path:
    """Write ``folder/step-N`` and delete all but the newest `keep` and the best one.

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
        JSON values to get back on loading; "best_step" is the step of the best checkpoint or None.
    keep : int
        Number of newest checkpoints to keep.
    random : sequence
        For each kind of random generator its state in each process, see `stepping.random_state`.

    Returns
    -------
    Path
        The new checkpoint, a folder.

    Raises
    ------
    FloatingPointError
        If a weight or a state of an optimiser is not finite; nothing is written then.
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
    _check_finite(tensors, recipe)
    for kind, states in zip(_RANDOM, random, strict=False):
        tensors |= {kind + (f"/{rank}" if rank else ""): value for rank, value in enumerate(states)}

    target = checkpoint_path(folder, step)
    text = json.dumps({"step": step, "optimisers": optimisers, **state})
    if target in list_checkpoints(folder):
        # The same step has the same tensors; only the time spent may be another.
        write_text(target / "state.json", text)
    else:
        _write(target, tensors, text)
    best = state.get("best_step")
    for old in list_checkpoints(folder)[:-keep]:
        if best is None or old != checkpoint_path(folder, best):
            _remove(old)
    return target


def _check_finite(tensors: dict[str, Tensor], recipe: Recipe) -> None:
    # A buffer may hold infinities on purpose, a parameter never.
    buffers = {f"modules/{name}" for name, _ in recipe.modules.named_buffers()}
    for name, value in tensors.items():
        if name not in buffers and value.is_floating_point() and not value.isfinite().all():
            raise FloatingPointError(f"{name} is not finite")


def _write(target: Path, tensors: dict[str, Tensor], text: str) -> None:
    draft = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}")
    draft.mkdir(parents=True)
    try:
        save_file(
            {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()},
            draft / "tensors.safetensors",
        )
        (draft / "state.json").write_text(text)
        shutil.rmtree(target, ignore_errors=True)  # remains without state.json, which are no checkpoint
        os.replace(draft, target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _remove(path: Path) -> None:
    """Delete a checkpoint so that it is never seen in part."""
    doomed = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    os.replace(path, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def clean(folder: Path) -> None:
    """Delete what a killed process left half-written or half-deleted; call it only while holding the run's lock."""
    for path in folder.glob(f".{_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)


def checkpoint_path(folder: Path, step: int) -> Path:
    """Return where the checkpoint of a step lies."""
    return folder / f"{_PREFIX}{step:08d}"


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the complete checkpoints, oldest first."""
    return sorted(path for path in folder.glob(f"{_PREFIX}*") if (path / "state.json").is_file())


def best_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint with the best validation, or None if there is none."""
    found = list_checkpoints(folder)
    if not found:
        return None
    step = json.loads((found[-1] / "state.json").read_text()).get("best_step")
    return next((path for path in found if step is not None and path == checkpoint_path(folder, step)), None)


def load_checkpoint(
    path: Path, recipe: Recipe, device: torch.device, rank: int = 0
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Restore modules, optimisers and random state of a recipe.

    Parameters
    ----------
    path : Path
        The checkpoint.
    recipe : Recipe
        Its modules and optimisers are overwritten.
    device : torch.device
        Where it trains.
    rank : int
        Number of this process. The random state stays as it is if the checkpoint has none for it.

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
    names = [kind + (f"/{rank}" if rank else "") for kind in _RANDOM]
    if names[0] in tensors:
        restore_random_state([tensors[name] for name in names if name in tensors], device)
    return state, _under(tensors, "average/")


def load_modules(folder: Path, recipe: Recipe, *, best: bool = False) -> None:
    """Start a recipe from the weights of an earlier run, taking the running average where there is one.

    Modules that the earlier run did not have keep their fresh weights.

    Parameters
    ----------
    folder : Path
        The earlier run folder.
    recipe : Recipe
        Gets the weights.
    best : bool
        Take the checkpoint with the best validation instead of the last one, if there is one.

    Raises
    ------
    CellSimError
        If there is no checkpoint or it belongs to another network.
    """
    found = list_checkpoints(folder / "checkpoints")
    if not found:
        raise CellSimError(f"The run {folder} has no checkpoint to start from; train it first.")
    chosen = (best_checkpoint(folder / "checkpoints") if best else None) or found[-1]
    tensors = load_file(chosen / "tensors.safetensors")
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
