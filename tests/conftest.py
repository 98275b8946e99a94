"""Fixtures shared by all tests."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

# napari's viewer fixture resets the user's settings file unless told to keep its hands off (GUI.md §2).
os.environ.setdefault("NAPARI_CONFIG", "")

import pytest
from hypothesis import settings

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
