"""Where a result comes from: versions, hashes, time."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_PACKAGES = ("napari-cellsim", "torch", "numpy", "scipy", "scikit-image", "tifffile", "napari")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that determine a result."""
    found = {name: _version(name) for name in _PACKAGES}
    return {"python": platform.python_version()} | {name: text for name, text in found.items() if text}


@cache  # reading a package's metadata takes a millisecond, too long for every picture that a slider changes
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def now() -> str:
    """Return the present time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def hash_array(array: np.ndarray) -> str:
    """Return the SHA-256 of an array's dtype, shape and values, as hexadecimal text."""
    import numpy as np

    contiguous = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{contiguous.dtype.str}{contiguous.shape}".encode())
    digest.update(contiguous.data if contiguous.size else b"")
    return digest.hexdigest()


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, as hexadecimal text."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
