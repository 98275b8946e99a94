"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

# napari's viewer fixture resets the user's settings file unless told to keep its hands off (GUI.md §2).
os.environ.setdefault("NAPARI_CONFIG", "")

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from torch import Tensor

# A shared or slow machine must not fail a property test: speed is measured in benchmarks/, not here.
settings.register_profile("cellsim", deadline=None, derandomize=True)
settings.load_profile("cellsim")


def pytest_runtest_setup() -> None:
    """Let networks that a test draws not depend on which tests ran before it."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(2026)


_SHARED = Path(os.environ.get("CELLSIM_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real movies, which stay outside the repository; skips where it is absent."""
    folder = _SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"real movies are not here: {folder} does not exist")
    return folder


@pytest.fixture(scope="session")
def load_script() -> Callable[[str], ModuleType]:
    """Import a file of scripts/ by name."""

    def load(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(Path(__file__).resolve().parents[1] / "scripts"))
            return importlib.import_module(name)

    return load


@pytest.fixture(scope="session")
def insert(load_script: Callable[[str], ModuleType]) -> Callable[[str, str, str], str]:
    """Return a document with one of its written parts replaced."""
    replaced: Callable[[str, str, str], str] = load_script("pages").insert
    return replaced


@pytest.fixture(scope="session")
def resnet18_state() -> dict[str, Tensor]:
    """Random weights of ResNet-18 in the layout of torchvision's files (He et al. 2016, table 1), last layer included.

    The real files may not be passed on, so they are not here.
    """
    import torch

    random = torch.Generator().manual_seed(18)
    state: dict[str, Tensor] = {}

    def convolution(name: str, norm: str, inputs: int, outputs: int, side: int, scale: float) -> None:
        weight = torch.randn(outputs, inputs, side, side, generator=random)
        state[f"{name}.weight"] = weight * (2 / (inputs * side * side)) ** 0.5
        draws = torch.rand(4, outputs, generator=random)
        state[f"{norm}.running_mean"] = 0.2 * draws[0] - 0.1
        state[f"{norm}.running_var"] = 0.8 + 0.4 * draws[1]
        state[f"{norm}.weight"] = scale * (0.8 + 0.4 * draws[2])
        state[f"{norm}.bias"] = 0.2 * draws[3] - 0.1

    convolution("conv1", "bn1", 3, 64, 7, 1.0)
    for stage, (inputs, outputs) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)], start=1):
        for block in ("0", "1"):
            name = f"layer{stage}.{block}"
            entering = inputs if block == "0" else outputs
            convolution(f"{name}.conv1", f"{name}.bn1", entering, outputs, 3, 1.0)
            convolution(f"{name}.conv2", f"{name}.bn2", outputs, outputs, 3, 0.5)
            if entering != outputs:
                convolution(f"{name}.downsample.0", f"{name}.downsample.1", entering, outputs, 1, 1.0)
    state["fc.weight"] = torch.randn(1000, 512, generator=random) / 512**0.5
    state["fc.bias"] = torch.zeros(1000)
    return state


@pytest.fixture(scope="session")
def resnet18_file(resnet18_state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`resnet18_state` as a file with the name of torchvision's."""
    import torch

    path = tmp_path_factory.mktemp("torchvision") / "resnet18-f37072fd.pth"
    torch.save(resnet18_state, path)
    return path
