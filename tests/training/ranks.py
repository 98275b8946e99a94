"""What each process does in ``test_fit_processes.py``; started by torchrun."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from lines import new_line
from safetensors.torch import save_file

from napari_cellsim.base import CellSimError
from napari_cellsim.training import CellGANConfig, CellGANRecipe, FitConfig, fit
from napari_cellsim.training.pictures import PictureConfig

SETTINGS = FitConfig(steps=30, log_every=5, validate_every=10, checkpoint_every=7, average=0.9, seed=3)


def gan(store: Path) -> CellGANRecipe:
    torch.manual_seed(0)
    settings = {"r1": 1.0, "r1_every": 2, "path_length_every": 2, "cutmix_every": 2, "ada": 0.6}
    data = PictureConfig(folder=str(store), size=32, batch=4)
    return CellGANRecipe(CellGANConfig(data=data, overrides={"latent": 16}, **settings))


def main(root: Path, store: Path) -> None:
    rank = os.environ["RANK"]
    told = []

    def train(recipe, name, config=SETTINGS):
        try:
            told.extend(f"{name} {event.step}" for event in fit(recipe, config, root / name))
        except CellSimError as error:
            told.append(f"{name} {error}")
        weights = {key: value.contiguous() for key, value in recipe.modules.state_dict().items()}
        save_file(weights, root / f"{name}-{rank}.safetensors")

    train(new_line(dropout=0), "exact")
    train(new_line(), "chance")
    train(new_line(poison_at=12), "poisoned")
    train(new_line(), "poisoned")
    train(gan(store), "gan", FitConfig(steps=4, log_every=1))
    odd = new_line()
    odd.batch = lambda step, progress: new_line().batch(step, progress).part(slice(15))
    train(odd, "odd")
    (root / f"told-{rank}.txt").write_text("\n".join(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
