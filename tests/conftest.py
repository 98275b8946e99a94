"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

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
