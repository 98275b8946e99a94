"""Repository and compiler, where they exist."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    folder = Path(__file__).resolve().parents[2]
    if not (folder / "CMakeLists.txt").is_file():
        pytest.skip("the tests run outside the repository")
    return folder


@pytest.fixture(scope="session")
def compiler() -> str:
    names = (os.environ.get("CXX"), "c++", "g++", "clang++")
    found = next((path for name in names if name and (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no C++ compiler")
    return found
