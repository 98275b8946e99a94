"""Native kernels behind a plain C interface, compiled on install; found, loaded and launched here.

Importing this package imports neither torch nor the libraries.
"""

from __future__ import annotations

from ._report import KernelStatus, report

__all__ = ["KernelStatus", "report"]
