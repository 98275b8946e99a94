"""What the Generate dock asks of a worker thread, in values: no layer, no viewer, no widget."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .forecast_request import LayerSnapshot, Region


@dataclass(frozen=True)
class Computing:
    """With which model and where.

    Attributes
    ----------
    model : str or Path
        Name or file of the model.
    device : str
        Such as "auto", "cpu" or "cuda:0".
    threads : int
        Processor threads; 0 leaves it to torch.
    """

    model: str | Path
    device: str = "auto"
    threads: int = 0


@dataclass(frozen=True)
class GenerateRequest:
    """New pictures; fields as for `generation.generate`."""

    computing: Computing
    n: int
    seed: int
    truncation: float | None
    noise: str


@dataclass(frozen=True)
class GuideRequest:
    """A look-alike of pictures that there are.

    Attributes
    ----------
    computing : Computing
        Model and device.
    source : LayerSnapshot
        The layer with the guide.
    index : tuple of int
        Where on the axes before (Y, X) the guide lies.
    regions : list of (y0, y1, x0, x1) or None
        Rectangles in px, each a guide; None for the whole picture.
    pixel_size : float or None
        What the user typed, µm; None keeps what the layer or its file says.
    space : str
        "w" or "w+".
    refine_steps : int
        Steps of refinement after the encoder's answer.
    """

    computing: Computing
    source: LayerSnapshot
    index: tuple[int, ...]
    regions: list[Region] | None
    pixel_size: float | None
    space: str
    refine_steps: int = 0


@dataclass(frozen=True)
class WalkRequest:
    """A movie through pictures; `pictures` is a Generated, the rest as for `generation.interpolate`."""

    computing: Computing
    pictures: Any
    steps: int
    space: str | None
    loop: bool


@dataclass(frozen=True)
class MixRequest:
    """A style-mixing grid; `sources` and `destinations` are Generated, `layer` as for `generation.mix`."""

    computing: Computing
    sources: Any
    destinations: Any
    layer: int


@dataclass(frozen=True)
class ScalesRequest:
    """One picture at every scale; `picture` is a Generated."""

    computing: Computing
    picture: Any
