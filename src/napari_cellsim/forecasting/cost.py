"""How long a forecast will take and how much memory it will need, before it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..models import Model
    from .sources import FlowSource, SegmentationSource

# Edge of the picture on which one step is timed, px of the model's grid.
_PROBE = 128


@dataclass(frozen=True)
class Estimate:
    """Expected cost of a forecast.

    Attributes
    ----------
    seconds : float
        Time for all steps and regions.
    memory_bytes : int
        Peak memory beyond the loaded programme.
    """

    seconds: float
    memory_bytes: int


_seconds_per_pixel: dict[tuple[str, str, str, str], float] = {}


def estimate(
    movie: TimeLapse,
    model: Model,
    steps: int = 5,
    regions: Sequence[tuple[int, int, int, int]] | None = None,
    device: str = "auto",
    pixel_size: float | None = None,
    flow: FlowSource = "model",
    segmentation: SegmentationSource = "model",
) -> Estimate:
    """Estimate time and memory of a forecast.

    The first call for a model and device times one step on a small picture (well under a second for lite models);
    later calls cost nothing.

    Parameters
    ----------
    movie, model, steps, regions, device, pixel_size, flow, segmentation
        As for `forecast_job`.

    Returns
    -------
    Estimate
    """
    from ..models.hardware import choose_device
    from .prediction import CONTEXT, TILE

    where = choose_device(device)
    size = pixel_size or movie.pixel_size
    zoom = size / model.card.pixel_size if size and model.card.pixel_size else 1.0
    boxes = regions or [(0, movie.height, 0, movie.width)]
    areas = [
        min(y1 - y0 + 2 * CONTEXT, movie.height) * min(x1 - x0 + 2 * CONTEXT, movie.width) * zoom**2
        for y0, y1, x0, x1 in boxes
    ]
    key = (model.hash, str(where), _name(flow), _name(segmentation))
    if key not in _seconds_per_pixel:
        _seconds_per_pixel[key] = _time_step(model, where, flow, segmentation)
    # The past costs two flows and three segmentations, about two more steps without the predictor.
    seconds = _seconds_per_pixel[key] * sum(areas) * (steps + 1)
    config = model.network.config
    bytes_per_pixel = 4 * _live_values_per_pixel(config)
    field = 4 * max(areas) * (config.frames * (3 + config.classes) + 2 * config.kernel_size + 4)
    kept = 4 * sum(areas) / zoom**2 * steps * 5
    return Estimate(seconds, int(min(max(areas), TILE**2) * bytes_per_pixel + field + kept))


def _live_values_per_pixel(config: Any) -> float:
    """Values per full-resolution pixel that live at once: skips of all scales, and three maps of the finest block."""
    frames = 1 if config.time_mixing == "channels" else config.frames
    skips = sum(w / 4**level for level, w in enumerate(config.widths))
    return float(frames * (skips + 3 * config.widths[0] + config.decoder_widths[-1]) / config.trunk_stride**2)


def _name(source: FlowSource | SegmentationSource) -> str:
    return source if isinstance(source, str) else getattr(source, "hash", "array")


def _time_step(model: Model, device: Any, flow: FlowSource, segmentation: SegmentationSource) -> float:
    import torch

    from ..base import JobToken
    from ..nets.rollout import iterate
    from .sources import flow_function, segmentation_function

    token = JobToken()
    network = model.network.to(device).eval()
    estimate_flow, _ = flow_function(flow, model, device, _PROBE, token)
    segment, _ = segmentation_function(segmentation, model, device, _PROBE, token)
    frames = torch.rand(1, network.config.frames, 1, _PROBE, _PROBE, device=device)
    with torch.inference_mode():
        rolling = iterate(network, frames, estimate_flow, segment)
        next(rolling)
        start = time.perf_counter()
        float(next(rolling).frame.sum())  # reading a number waits for a GPU
    return (time.perf_counter() - start) / _PROBE**2
