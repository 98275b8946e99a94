"""What is to be forecast, in values that may cross into another thread: no layer, no viewer, no widget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Region = tuple[int, int, int, int]


@dataclass(frozen=True)
class _LayerSource:
    path: str | None


@dataclass(frozen=True)
class LayerSnapshot:
    """What `open_timelapse` reads of a napari layer, without the layer: it may cross into another thread.

    Attributes
    ----------
    data : array
        The layer's data, not copied.
    name : str
        The layer's name.
    source : object
        Its ``path`` is the file the layer came from, or None.
    scale, translate, units, axis_labels : sequence
        Where the layer lies in the world, one entry per axis.
    metadata : dict
        The layer's metadata.
    rgb : bool
        Whether the last axis is colour.
    """

    data: Any
    name: str
    source: _LayerSource
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[Any, ...]
    axis_labels: tuple[str, ...]
    metadata: dict[str, Any]
    rgb: bool

    @classmethod
    def of(cls, layer: Any) -> LayerSnapshot:
        """Take a snapshot of an image layer."""
        data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
        return cls(
            data=data,
            name=layer.name,
            source=_LayerSource(None if layer.source.path is None else str(layer.source.path)),
            scale=tuple(float(s) for s in layer.scale),
            translate=tuple(float(t) for t in layer.translate),
            units=tuple(layer.units),
            axis_labels=tuple(layer.axis_labels),
            metadata=dict(layer.metadata),
            rgb=bool(getattr(layer, "rgb", False)),
        )

    @property
    def ndim(self) -> int:
        """Number of axes of the data."""
        return len(self.data.shape)


@dataclass(frozen=True)
class ForecastRequest:
    """Everything that decides a forecast.

    Attributes
    ----------
    movie : LayerSnapshot
        The input.
    axes : str or None
        Axis letters of the input, such as ``"TZYX"``; None lets `open_timelapse` decide.
    model : str or Path
        Name or file of the model.
    steps, at, channel, plane : int
        As for `forecasting.forecast_job`.
    flow : str
        "model", "classical", or the name or file of a PWC-Net model.
    segmentation : str or array
        "model", "none", or the data of a Labels layer.
    regions : list of (y0, y1, x0, x1) or None
        Rectangles in px, or None for the whole image.
    device : str
        As for `forecasting.devices`.
    pixel_size, interval : float or None
        What the user typed, in µm and minutes; None keeps what the movie says.
    threads : int
        Processor threads; 0 leaves it to torch.
    mode : {"mean", "sample"}
        The average of all futures, or single ones.
    samples, seed : int
        Of mode "sample": how many, and the seed of the first.
    """

    movie: LayerSnapshot
    axes: str | None
    model: str | Path
    steps: int
    at: int
    channel: int = 0
    plane: int = 0
    flow: str = "model"
    segmentation: Any = "model"
    regions: list[Region] | None = None
    device: str = "auto"
    pixel_size: float | None = None
    interval: float | None = None
    threads: int = 0
    mode: Literal["mean", "sample"] = "mean"
    samples: int = 1
    seed: int = 0
