"""The house itself: rooms, light start, file sizes, and documents that agree with each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "napari_cellsim"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    if not {"_build", "api"} & set(path.relative_to(ROOT).parts)
)
MAX_LINES = 400


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_every_module_imports_and_verbs_stay_callable() -> None:
    # A submodule called like a verb would replace it in the package once it was imported.
    run_python("""
import importlib, pkgutil, types
import napari_cellsim as cs
rooms = [getattr(cs, name) for name in cs._ROOMS]
before = {(room, name): getattr(room, name) for room in rooms for name in room.__all__}
for module in pkgutil.walk_packages(cs.__path__, "napari_cellsim."):
    kernels = module.name.rpartition(".")[2].startswith("lib")  # loaded with ctypes, but named like an extension
    if not module.name.endswith("__main__") and not kernels:
        importlib.import_module(module.name)
for (room, name), thing in before.items():
    assert getattr(room, name) is thing, f"{room.__name__}.{name} became {getattr(room, name)!r}"
for name in cs.__all__:
    thing = getattr(cs, name)
    if name in cs._ROOMS:
        assert isinstance(thing, types.ModuleType), f"{name} should be a room"
    elif name != "__version__":
        assert callable(thing), f"{name} is {thing!r}"
""")


def test_import_and_dir_are_light() -> None:
    found = run_python("""
import sys
import napari_cellsim as cs
dir(cs), cs.__version__
import napari_cellsim.base, napari_cellsim.data, napari_cellsim.forecasting, napari_cellsim.evaluation
import napari_cellsim.generation
print([name for name in ("torch", "napari", "qtpy", "matplotlib") if name in sys.modules])
""")
    assert found.strip() == "[]"


def test_every_room_is_in_the_contract() -> None:
    (contract,) = PYPROJECT["tool"]["importlinter"]["contracts"]
    listed = {
        name.strip().removeprefix("napari_cellsim.")
        for layer in contract["layers"]
        for name in layer.split("|")
    }
    rooms = {
        path.stem
        for path in SOURCE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    # _build_info is written by the build
    assert rooms - {"_build_info", "__main__"} == listed


@pytest.mark.parametrize("folder", ["src", "tests", "benchmarks", "scripts"])
def test_files_are_short(folder: str) -> None:
    suffixes = {".py", ".cpp", ".cu", ".h", ".hpp", ".cuh"}
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_versions_agree() -> None:
    version = PYPROJECT["project"]["version"]
    citation = re.search(
        r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(encoding="utf-8"), re.MULTILINE
    )
    change = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert citation is not None
    assert change is not None
    assert {citation.group(1), change.group(1)} == {version}


def test_manifest_is_of_this_distribution() -> None:
    manifest = (SOURCE / "napari.yaml").read_text(encoding="utf-8")
    name = PYPROJECT["project"]["name"]
    assert re.search(r"^name: (.+)$", manifest, re.MULTILINE)[1] == name  # type: ignore[index]
    assert PYPROJECT["project"]["entry-points"]["napari.manifest"] == {name: "napari_cellsim:napari.yaml"}
    assert (ROOT / "napari.yaml").read_text(encoding="utf-8") in (manifest, "src/napari_cellsim/napari.yaml")


def test_constraints_pin_what_the_project_names() -> None:
    pinned = {
        re.split("[=<>]", line)[0].lower()
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    assert {"torch", "napari", "numpy", "npe2", "pytest", "mypy", "ruff"} <= pinned
    requirement = next(line for line in PYPROJECT["project"]["dependencies"] if line.startswith("torch"))
    torch = re.search(
        r"^torch==([\d.]+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert torch is not None
    assert tuple(map(int, torch[1].split("."))) >= tuple(map(int, requirement.split(">=")[1].split(".")))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_commands_in_documents_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:`|^    )make ([a-z]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (document.parent / link).exists()] == []


def test_readme_opens_with_a_picture() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = next(line for line in text.splitlines()[1:] if line.strip())
    assert re.match(r"!\[.{20,}\]\(docs/images/.+\)$", first)


def test_make_bench_leaves_out_what_must_be_told_more() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = re.search(r"^LONG_BENCHMARKS := (.+)$", makefile, re.MULTILINE)
    assert named is not None
    needy = {
        f"benchmarks/{path.name}"
        for path in (ROOT / "benchmarks").glob("*.py")
        if "required=True" in path.read_text(encoding="utf-8")
    }
    assert needy == set(named[1].split())


def test_every_picture_is_shown_somewhere() -> None:
    shown = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    pictures = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert {name for name in pictures if f"images/{name})" not in shown} == set()
