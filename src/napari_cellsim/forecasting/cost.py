"""How long a forecast will take and how much memory it will need, before it runs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data import TimeLapse
    from ..models import Model
    from ..nets.rollout import Step
    from .sources import FlowSource, SegmentationSource

# Edge of the picture on which steps are timed, px of the model's grid.
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


@dataclass(frozen=True)
class _Pace:
    """Seconds per pixel of a step for which the network looks at the past, and of one that it has foreseen then."""

    seeing: float
    foreseen: float


_paces: dict[tuple[str, str, str, str], _Pace] = {}


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

    The first call for a model and device times a few steps on a small picture (well under a second for lite models);
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
    from .sources import frames_only

    where = choose_device(device)
    zoom = model.card.zoom(pixel_size or movie.pixel_size)
    boxes = regions or [(0, movie.height, 0, movie.width)]
    areas = [
        min(y1 - y0 + 2 * CONTEXT, movie.height) * min(x1 - x0 + 2 * CONTEXT, movie.width) * zoom**2
        for y0, y1, x0, x1 in boxes
    ]
    key = (model.hash, str(where), _name(flow), _name(segmentation))
    if key not in _paces:
        _paces[key] = _time_steps(model, where, flow, segmentation)
    pace, config = _paces[key], model.network.config
    looks = math.ceil(steps / config.block)
    # The past costs two flows and three segmentations, about two more steps without the predictor.
    past = 0 if frames_only(model) else 1
    seconds = sum(areas) * (pace.seeing * (looks + past) + pace.foreseen * (steps - looks))
    motion = config.block * (2 + 2 * config.kernel_size + config.residual + config.scale)
    tile = 4 * min(max(areas), TILE**2) * (_live_values_per_pixel(config) + motion)
    field = 4 * max(areas) * (config.frames * (3 + config.classes) + motion + 4)
    kept = 4 * sum(areas) / zoom**2 * steps * 5
    return Estimate(seconds, int(tile + field + kept))


def _live_values_per_pixel(config: Any) -> float:
    """Values per full-resolution pixel that live at once: skips of all scales, and three maps of the finest block."""
    frames = 1 if config.time_mixing == "channels" else config.frames
    skips = sum(w / 4**level for level, w in enumerate(config.widths))
    return float(frames * (skips + 3 * config.widths[0] + config.decoder_widths[-1]) / config.trunk_stride**2)


def _name(source: FlowSource | SegmentationSource) -> str:
    return source if isinstance(source, str) else getattr(source, "hash", "array")


def _time_steps(model: Model, device: Any, flow: FlowSource, segmentation: SegmentationSource) -> _Pace:
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
        # the rest of the first block, and the first step of the next one
        *foreseen, seeing = (_seconds(rolling) / _PROBE**2 for _ in range(network.config.block))
    return _Pace(seeing, sum(foreseen) / max(1, len(foreseen)))


def _seconds(rolling: Iterator[Step]) -> float:
    start = time.perf_counter()
    float(next(rolling).frame.sum())  # reading a number waits for a GPU
    return time.perf_counter() - start
