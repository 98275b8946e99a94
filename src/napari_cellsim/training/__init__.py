"""Training: losses, optimiser, recipes, run folders."""

from __future__ import annotations

from .adamp import AdamP

__all__ = ["AdamP"]
