"""Where a movie lies in napari's world: the link between array axes and world coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..base import CellSimError


@dataclass(frozen=True)
class Placement:
    """Axis order of a napari layer with its scale, translation and unit per axis.

    World coordinate of index i on an axis = translate + scale × i.

    Parameters
    ----------
    axes : str
        Letters of ``TCZYX`` in the order of the layer's dimensions, such as ``"TZYX"``.
    scale, translate : tuple of float
        One number per axis, in the unit of that axis.
    units : tuple of str
        One pint unit per axis, such as ``("minute", "micrometer", "micrometer")``.
    axis_labels : tuple of str
        One label per axis.
    """

    axes: str
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...]
    axis_labels: tuple[str, ...]

    def __post_init__(self) -> None:
        for field in ("scale", "translate", "units", "axis_labels"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
            if len(getattr(self, field)) != len(self.axes):
                raise CellSimError(
                    f"A placement with the axes {self.axes} needs {len(self.axes)} entries in {field}."
                )

    def shifted(self, offsets: Mapping[str, float]) -> Placement:
        """Return the placement of a part that starts `offsets` (pixels, planes … per axis letter) into this one."""
        moved = (
            start + step * offsets.get(axis, 0)
            for axis, step, start in zip(self.axes, self.scale, self.translate, strict=True)
        )
        return replace(self, translate=tuple(moved))

    def with_time(self, interval: float | None) -> Placement:
        """Return a placement that has a time axis: itself, or itself with one put in front (`interval` in minutes)."""
        if "T" in self.axes:
            return self
        return Placement(
            axes="T" + self.axes,
            scale=(interval or 1.0, *self.scale),
            translate=(0.0, *self.translate),
            units=("minute" if interval else "pixel", *self.units),
            axis_labels=("t", *self.axis_labels),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain lists and text, for JSON; ``Placement(**d)`` undoes it."""
        return {
            "axes": self.axes,
            "scale": list(self.scale),
            "translate": list(self.translate),
            "units": list(self.units),
            "axis_labels": list(self.axis_labels),
        }


def default_placement(
    axes: str,
    pixel_size: float | None,
    interval: float | None,
    z_step: float | None = None,
    origin: tuple[float, float] = (0.0, 0.0),
) -> Placement:
    """Return the placement of a movie that has no layer: calibrated axes in minutes and µm, others in pixels.

    Parameters
    ----------
    axes : str
        Axis letters.
    pixel_size, z_step : float or None
        µm per pixel and per focal plane.
    interval : float or None
        Minutes between frames.
    origin : tuple of float
        (y, x) of the first pixel in the source field, px.
    """
    steps = {"T": interval, "Z": z_step, "Y": pixel_size, "X": pixel_size}
    unit = {"T": "minute", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
    placement = Placement(
        axes=axes,
        scale=tuple(float(steps.get(axis) or 1.0) for axis in axes),
        translate=(0.0,) * len(axes),
        units=tuple(unit[axis] if steps.get(axis) else "pixel" for axis in axes),
        axis_labels=tuple(axes.lower()),
    )
    return placement.shifted({"Y": origin[0], "X": origin[1]})
