"""A physical simulator of budding yeast in a micro-trap: pictures with complete ground truth, without torch."""

from napari_cellsim.data.trap_geometry import TRAP_KINDS, TrapGeometry

from .config import PhantomConfig
from .field import simulate_field
from .sequence import CellRecord, PhantomSequence
from .simulation import simulate

__all__ = [
    "TRAP_KINDS",
    "CellRecord",
    "PhantomConfig",
    "PhantomSequence",
    "TrapGeometry",
    "simulate",
    "simulate_field",
]
