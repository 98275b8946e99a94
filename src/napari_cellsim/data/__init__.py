"""Movies in and out: TimeLapse, TIFF and zarr, normalisation, trap geometry, flow colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name == "TrapGeometry":  # on first use: few callers need it
        from .trap_geometry import TrapGeometry

        return TrapGeometry
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
