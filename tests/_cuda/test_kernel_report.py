"""Which kernels are active, and why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from napari_cellsim._cuda import _lib

SUFFIX = ".dll" if sys.platform == "win32" else ".so"
NAMES = ("libcellsim_cpu", "libcellsim_cpu_avx2")
SCRIPT = """
import json, sys
from napari_cellsim import _cuda
before = _cuda.report()
had_torch = "torch" in sys.modules
import torch
after = _cuda.report()
rows = lambda report: {row.device: [row.backend, row.reason] for row in report}
print(json.dumps([had_torch, rows(before), rows(after), str(after[0])]))
"""


def ask(**environment: str) -> tuple[bool, dict[str, list[str]], dict[str, list[str]], str]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return tuple(json.loads(done.stdout))


def test_report_does_not_import_torch() -> None:
    had_torch, before, after, line = ask()
    assert not had_torch
    assert set(before) == {"cpu", "cuda"}
    assert before["cpu"][0] == after["cpu"][0]
    assert after["cpu"][0] in ("c++", "torch")
    assert all(reason for _, reason in [*before.values(), *after.values()])
    assert line == f"cpu: {after['cpu'][0]} ({after['cpu'][1]})"


def test_kernels_can_be_switched_off() -> None:
    _, before, after, _ = ask(CELLSIM_DISABLE_KERNELS="1")
    for report in (before, after):
        assert report["cpu"][0] == "torch"
        assert "CELLSIM_DISABLE_KERNELS" in report["cpu"][1]


def test_an_unreadable_library_is_named(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / f"{name}{SUFFIX}").write_text("not a library")
    _, _, after, _ = ask(CELLSIM_KERNEL_DIR=str(tmp_path))
    backend, reason = after["cpu"]
    assert backend == "torch"
    assert str(tmp_path) in reason
    assert "cannot be loaded" in reason


@pytest.mark.skipif(sys.platform == "win32", reason="compiles for Unix")
def test_a_stale_library_is_not_used(tmp_path: Path, compiler: str) -> None:
    source = tmp_path / "stale.cpp"
    source.write_text('extern "C" int cellsim_abi_version() { return 999; }')
    for name in NAMES:
        library = str(tmp_path / f"{name}.so")
        subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", library], check=True)
    _, _, after, _ = ask(CELLSIM_KERNEL_DIR=str(tmp_path))
    assert after["cpu"][0] == "torch"
    assert "interface 999" in after["cpu"][1]


def test_the_reason_for_missing_cuda_kernels_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "cuda_status.txt").write_text("not compiled: no working nvcc was found at install\n")
    _, before, after, _ = ask(CELLSIM_KERNEL_DIR=str(tmp_path))
    if _lib.find("libcellsim_cuda") is None:
        assert before["cuda"] == ["torch", "not compiled: no working nvcc was found at install"]
        assert "no working nvcc" in after["cuda"][1]
    else:  # a directory that holds only a status file hides no library
        assert before["cuda"][0] == "cuda"


def test_kernels_are_active_where_they_are_required() -> None:
    if os.environ.get("CELLSIM_REQUIRE_KERNELS", "") in ("", "0"):
        pytest.skip("CELLSIM_REQUIRE_KERNELS is not set")
    _, _, after, line = ask()
    assert after["cpu"][0] == "c++", line
