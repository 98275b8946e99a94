"""Simulated specimens with complete ground truth, without torch: yeast that grows in a micro-trap, and shells."""

from napari_cellsim.data.trap_geometry import TRAP_KINDS, TrapGeometry

from .config import PhantomConfig
from .field import simulate_field
from .sequence import CellRecord, PhantomSequence
from .shells import SHELL_CLASSES, ShellPictures, simulate_shells
from .simulation import simulate

__all__ = [
    "SHELL_CLASSES",
    "TRAP_KINDS",
    "CellRecord",
    "PhantomConfig",
    "PhantomSequence",
    "ShellPictures",
    "TrapGeometry",
    "simulate",
    "simulate_field",
    "simulate_shells",
]
