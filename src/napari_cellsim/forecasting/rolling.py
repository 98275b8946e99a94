"""The torch part of a forecast: one region, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..base import JobToken
from ..nets.rollout import Step, iterate
from .grids import Grids
from .shrinkage import shrunk
from .sources import (
    check_flow_source,
    check_segmentation_source,
    flow_function,
    past_maps,
    segmentation_function,
)
from .tiles import TiledPredictor

if TYPE_CHECKING:
    from .prediction import _Request


@dataclass(frozen=True)
class Rolled:
    """One step on the model's grid, and how to bring it back."""

    step: Step
    grids: Grids
    flow_source: dict[str, Any]
    segmentation_source: dict[str, Any]
    has_segmentation: bool


@dataclass(frozen=True)
class Collected:
    """One step on the movie's grid, as NumPy arrays cut to the region.

    Attributes
    ----------
    frame : ndarray
        (Y, X) float32 in the movie's units.
    flow : ndarray
        (2, Y, X) float32 px.
    kernel_v, kernel_h : ndarray or None
        (K, Y, X) float32, taps in px of the model's grid.
    kernel_deviation : ndarray
        (Y, X) float32.
    segmentation : ndarray or None
        (Y, X) uint8 classes.
    scale : ndarray or None
        (Y, X) float32, expected absolute error in the movie's units.
    """

    frame: np.ndarray
    flow: np.ndarray
    kernel_v: np.ndarray | None
    kernel_h: np.ndarray | None
    kernel_deviation: np.ndarray
    segmentation: np.ndarray | None
    scale: np.ndarray | None
    flow_source: dict[str, Any]
    segmentation_source: dict[str, Any]


@torch.inference_mode()
def steps_of(
    request: _Request,
    frames: np.ndarray,
    window: tuple[slice, slice],
    device: torch.device,
    tile: int,
    seed: int,
    token: JobToken,
) -> Iterator[Rolled]:
    """Yield steps of the future that `seed` draws, without end, for the window of the past `frames` (T0, Y, X)."""
    shape = (frames.shape[-2], frames.shape[-1])
    known_flow = check_flow_source(request.flow, request.history, shape)
    known_classes = check_segmentation_source(request.segmentation, request.history, shape)
    cut = np.ascontiguousarray(frames[(..., *window)])
    grids = Grids.match(cut.shape[-2], cut.shape[-1], request.zoom)
    network = request.network.to(device).eval()
    flow, flow_source = flow_function(request.flow, request.model, device, tile, token)
    segment, segmentation_source = segmentation_function(
        request.segmentation, request.model, device, tile, token
    )
    past = torch.from_numpy(request.scale.forward(cut)).to(device)[:, None]
    crop = None if known_flow is None else known_flow[(..., *window)]
    classes = None if known_classes is None else known_classes[(..., *window)]
    seen = grids.images_to_model(past)[None]
    rolling = iterate(
        TiledPredictor(network, tile, token),
        seen,
        flow,
        segment,
        flows=past_maps(crop, grids, device, is_flow=True),
        segmentations=past_maps(classes, grids, device, is_flow=False),
        generator=torch.Generator().manual_seed(seed),
        token=token,
    )
    has_segmentation = segment is not None or classes is not None
    # a sample is one future and no average
    table = request.model.card.shrinkage if request.mode == "mean" else []
    for step in shrunk(rolling, seen[:, -1], table):
        yield Rolled(step, grids, flow_source, segmentation_source, has_segmentation)


@torch.inference_mode()
def collect(rolled: Rolled, request: _Request, inner: tuple[slice, slice]) -> Collected:
    """Bring a step to the movie's grid and units and cut it to the region."""
    step, grids = rolled.step, rolled.grids
    motion = step.motion

    def cut(x: Tensor) -> np.ndarray:
        return np.ascontiguousarray(x[0].float().cpu().numpy()[(..., *inner)])

    kernels: list[np.ndarray | None] = [None, None]
    if request.keep_kernels:
        kernels = [cut(grids.maps_to_movie(k)) for k in (motion.kernel_v, motion.kernel_h)]
    segmentation = None
    if rolled.has_segmentation:
        segmentation = cut(grids.maps_to_movie(step.segmentation)).argmax(0).astype(np.uint8)
    scale = None
    if step.scale is not None:
        scale = cut(grids.maps_to_movie(step.scale))[0] * np.float32(request.scale.gain)
    return Collected(
        frame=request.scale.inverse(cut(grids.images_to_movie(step.frame))[0]),
        flow=cut(grids.flow_to_movie(motion.flow)),
        kernel_v=kernels[0],
        kernel_h=kernels[1],
        kernel_deviation=cut(grids.maps_to_movie(kernel_deviation(motion.kernel_v, motion.kernel_h)))[0],
        segmentation=segmentation,
        scale=scale,
        flow_source=rolled.flow_source,
        segmentation_source=rolled.segmentation_source,
    )


def kernel_deviation(kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    """L1 distance of the outer product of both kernels to the centre one-hot kernel.

    Parameters
    ----------
    kernel_v, kernel_h : Tensor
        (B, K, H, W).

    Returns
    -------
    Tensor
        (B, 1, H, W), 0 where the kernels copy (Reich 2020, §6.2.3). Because the outer product is separable this
        is ``Σ|v| Σ|h| - |v_c h_c| + |v_c h_c - 1|`` with the centre taps v_c, h_c.
    """
    centre = kernel_v.shape[1] // 2
    middle = kernel_v[:, centre] * kernel_h[:, centre]
    total = kernel_v.abs().sum(1) * kernel_h.abs().sum(1)
    return (total - middle.abs() + (middle - 1).abs())[:, None]
