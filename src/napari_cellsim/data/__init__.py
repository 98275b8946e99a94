"""Movies in and out: TimeLapse, TIFF and zarr, normalisation, trap geometry, flow colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..base.lazy import lazily
from .checks import check_frames
from .flow_colours import flow_to_rgb, flow_wheel
from .normalisation import Scale, fit_scale
from .placement import Placement, default_placement
from .reading import open_timelapse
from .timelapse import TimeLapse
from .writing import Series, atomic_path, read_metadata, write_series

if TYPE_CHECKING:
    from .trap_geometry import TrapGeometry

__all__ = [
    "Placement",
    "Scale",
    "Series",
    "TimeLapse",
    "TrapGeometry",
    "atomic_path",
    "check_frames",
    "default_placement",
    "fit_scale",
    "flow_to_rgb",
    "flow_wheel",
    "open_timelapse",
    "read_metadata",
    "write_series",
]

__getattr__ = lazily(__name__, {"TrapGeometry": "trap_geometry"})  # few callers need it
