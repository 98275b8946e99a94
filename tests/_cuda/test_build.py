"""The wheel: with a compiler, without nvcc, and without any compiler. Install never fails, and says what it did."""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

NVCC = shutil.which("nvcc")
CUDA_SYMBOLS = ("sdc_forward", "sdc_backward", "pau_forward", "pau_backward")
# In the fresh environment: is this the installed package, which kernels run, and do they compute the same?
SCRIPT = """
import json, torch, napari_cellsim
from napari_cellsim import _cuda, ops
from napari_cellsim.ops._sdc_torch import sdc_torch
torch.manual_seed(0)
image, flow = torch.rand(2, 1, 20, 40), torch.randn(2, 2, 20, 40)
kernels = torch.randn(2, 2, 7, 20, 40)
error = (ops.sdc(image, flow, *kernels) - sdc_torch(image, flow, *kernels, "replicate")).abs().max().item()
status = {row.device: [row.backend, row.reason] for row in _cuda.report()}
print(json.dumps([napari_cellsim.__file__, error, status]))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the simulated environments are Unix ones"),
    pytest.mark.skipif(
        shutil.which("cmake") is None, reason="there is no cmake, and fetching one takes long"
    ),
]


def path_without_nvcc(folder: Path) -> str:
    """PATH in which every other program stays where it is."""
    entries = []
    for index, entry in enumerate(os.environ["PATH"].split(os.pathsep)):
        if not (Path(entry) / "nvcc").exists():
            entries.append(entry)
            continue
        links = folder / f"path{index}"
        links.mkdir()
        for program in Path(entry).iterdir():
            if program.name != "nvcc":
                (links / program.name).symlink_to(program)
        entries.append(str(links))
    return os.pathsep.join(entries)


def build(
    repository: Path, folder: Path, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Build a wheel of the repository into ``folder/wheel``."""
    hidden = ("CXX", "CC", "CUDACXX", "CUDA_PATH", "CELLSIM_REQUIRE_KERNELS", "CELLSIM_KERNEL_DIR")
    clean = {name: value for name, value in os.environ.items() if name not in hidden}
    command = [sys.executable, "-m", "pip", "wheel", "-v", "--no-deps", "--disable-pip-version-check"]
    if importlib.util.find_spec("scikit_build_core"):
        command.append("--no-build-isolation")
    command += [*options, "-w", str(folder / "wheel"), str(repository)]
    return subprocess.run(command, capture_output=True, text=True, env={**clean, **environment})


def install(folder: Path) -> Path:
    """Install the wheel in a fresh environment that borrows torch and the like from this one; returns its Python."""
    (wheel,) = (folder / "wheel").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with zipfile.ZipFile(wheel) as archive:  # what pip does with a wheel without scripts and data
        archive.extractall(site)
    return python


def check(python: Path) -> dict[str, list[str]]:
    environment = {n: v for n, v in os.environ.items() if n not in ("CELLSIM_KERNEL_DIR", "PYTHONPATH")}
    environment["CELLSIM_DISABLE_KERNELS"] = ""
    done = subprocess.run(
        [str(python), "-c", SCRIPT], capture_output=True, text=True, env=environment, cwd=python.parent
    )
    assert done.returncode == 0, done.stderr
    where, error, status = json.loads(done.stdout)
    assert Path(where).is_relative_to(python.parents[1])
    assert error < 1e-5
    return status


def names(folder: Path) -> tuple[str, set[str]]:
    (wheel,) = (folder / "wheel").glob("*.whl")
    return wheel.name, {Path(name).name for name in zipfile.ZipFile(wheel).namelist()}


@pytest.fixture(scope="module")
def complete(repository: Path, compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build with everything this machine has; one GPU architecture is enough to see that nvcc works."""
    folder = tmp_path_factory.mktemp("complete")
    done = build(repository, folder, CELLSIM_CUDA_ARCHITECTURES="90", CELLSIM_REQUIRE_KERNELS="1")
    assert done.returncode == 0, done.stdout[-3000:]
    return folder


def test_with_a_compiler(complete: Path) -> None:
    name, files = names(complete)
    assert "-py3-none-" in name
    assert not name.endswith("any.whl")
    assert {"libcellsim_cpu.so", "_build_info.py", "cuda_status.txt"} <= files
    assert not any(file.endswith((".cpp", ".cu", ".h")) for file in files)
    status = check(install(complete))
    assert status["cpu"][0] == "c++"
    if sys.platform == "linux":
        assert "OpenMP" in status["cpu"][1]


@pytest.mark.skipif(NVCC is None, reason="there is no nvcc")
def test_with_nvcc_the_cuda_library_loads_without_a_gpu(complete: Path, tmp_path: Path) -> None:
    _, files = names(complete)
    assert "libcellsim_cuda.so" in files
    (wheel,) = (complete / "wheel").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        library = Path(archive.extract("napari_cellsim/_cuda/libcellsim_cuda.so", tmp_path))
        status = archive.read("napari_cellsim/_cuda/cuda_status.txt").decode()
    assert status.startswith("compiled by nvcc")
    handle = ctypes.CDLL(str(library))
    assert all(hasattr(handle, f"cellsim_{name}_cuda") for name in CUDA_SYMBOLS)
    assert handle.cellsim_abi_version() == 1
    assert (
        handle.cellsim_cuda_usable(0) == 0 or handle.cellsim_cuda_usable(0) > 0
    )  # answers, whatever it finds
    dump = shutil.which("cuobjdump") or shutil.which(
        "cuobjdump", path=str(Path(os.path.realpath(NVCC)).parent)
    )
    if dump:
        listed = [
            subprocess.run([dump, option, str(library)], capture_output=True, text=True).stdout
            for option in ("--list-elf", "--list-ptx")
        ]
        assert "sm_90" in listed[0]  # machine code
        assert "sm_90" in listed[1]  # and PTX for GPUs to come


def test_without_nvcc(repository: Path, compiler: str, tmp_path: Path) -> None:
    debug = "-Ccmake.build-type=Debug"  # compiles fast
    done = build(repository, tmp_path, debug, PATH=path_without_nvcc(tmp_path), CXX=compiler)
    assert done.returncode == 0, done.stdout[-3000:]
    _, files = names(tmp_path)
    assert "libcellsim_cpu.so" in files
    assert "libcellsim_cuda.so" not in files
    status = check(install(tmp_path))
    assert status["cpu"][0] == "c++"
    assert status["cuda"][0] == "torch"
    assert "no working nvcc" in status["cuda"][1]


def test_without_any_compiler(repository: Path, tmp_path: Path) -> None:
    nothing = {"CC": "/bin/false", "CXX": "/bin/false", "PATH": path_without_nvcc(tmp_path)}
    done = build(repository, tmp_path, **nothing)
    assert done.returncode == 0, done.stdout[-3000:]
    status = check(install(tmp_path))
    assert status["cpu"] == ["torch", "not compiled: no C++ compiler was found at install"]
    # … but not where kernels are required, as in CI
    strict = build(repository, tmp_path / "strict", **nothing, CELLSIM_REQUIRE_KERNELS="1")
    assert strict.returncode != 0
    assert "CELLSIM_REQUIRE_KERNELS" in strict.stdout + strict.stderr


def test_switched_off(repository: Path, tmp_path: Path) -> None:
    done = build(repository, tmp_path, CELLSIM_NO_BUILD="1")
    assert done.returncode == 0, done.stdout[-3000:]
    name, files = names(tmp_path)
    assert name.endswith("-py3-none-any.whl")
    assert not any(file.endswith(".so") for file in files)
