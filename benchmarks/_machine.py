"""What every benchmark writes beside its numbers: which machine, which software, when, and how busy it was."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from napari_cellsim._cuda import report
from napari_cellsim.base.provenance import now, versions

RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, Any]:
    """Describe this machine and how busy it has been during the last minute."""
    import torch

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": _memory(),
        "system": platform.platform(),
        "threads": torch.get_num_threads(),
        "kernels": [str(row) for row in report()],
        "niceness": os.nice(0) if hasattr(os, "nice") else None,
        "load_last_minute": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def record(name: str, results: dict[str, Any]) -> Path:
    """Write ``results/NAME.json`` with the machine, the versions, the commit and the date; returns its path."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    content = {
        "date": now(),
        "commit": _commit(),
        "machine": machine(),
        "versions": versions(),
        "results": results,
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):  # not on Windows
        return None


def _commit() -> str | None:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=RESULTS.parent, capture_output=True, text=True
    )
    return done.stdout.strip() or None
