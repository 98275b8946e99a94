"""Differentiable roll-out: feed predictions back and go on.

Each step computes one new flow pair and one new segmentation; everything older is kept.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..base import JobToken
from ..ops import warp
from .motion import Motion, Renderer, draw_noise
from .sdcnet import SDCNetConfig

FlowFunction = Callable[[Tensor, Tensor], Tensor]
SegmentFunction = Callable[[Tensor], Tensor]


class Predictor(Protocol):
    """What a roll-out needs of a network; `SDCNet` has it."""

    @property
    def config(self) -> SDCNetConfig:
        """Number of frames read, of classes and of noise maps, and whether displacements are composed."""

    def predict_motion(
        self, frames: Tensor, flows: Tensor, segmentations: Tensor, noise: Tensor | None
    ) -> list[Motion]:
        """Return the motions of the next frames, at least one."""


class Step(NamedTuple):
    """One step of a roll-out.

    Attributes
    ----------
    frame : Tensor
        (B, 1, H, W) predicted frame.
    motion : Motion
        What carried the frame before into this one.
    segmentation : Tensor
        (B, 4, H, W) class probabilities of the predicted frame; zero if segmentation is off.
    scale : Tensor or None
        (B, 1, H, W) expected absolute error of the frame, all steps so far together, if the network predicts it.
    """

    frame: Tensor
    motion: Motion
    segmentation: Tensor
    scale: Tensor | None = None


class RollOut(NamedTuple):
    """All steps of a roll-out, stacked along axis 1.

    Attributes
    ----------
    frames : Tensor
        (B, S, 1, H, W).
    flow : Tensor
        (B, S, 2, H, W) px, backward.
    kernel_v, kernel_h : Tensor
        (B, S, K, H, W).
    segmentation : Tensor
        (B, S, 4, H, W).
    scale : Tensor or None
        (B, S, 1, H, W).
    """

    frames: Tensor
    flow: Tensor
    kernel_v: Tensor
    kernel_h: Tensor
    segmentation: Tensor
    scale: Tensor | None = None


def take_history(frames: Tensor, length: int) -> Tensor:
    """Return the last `length` frames of (B, T, ...); a shorter past is filled by repeating its first frame."""
    frames = frames[:, -length:]
    missing = length - frames.shape[1]
    if missing:
        frames = torch.cat([frames[:, :1].expand(-1, missing, *frames.shape[2:]), frames], dim=1)
    return frames


def iterate(
    predictor: Predictor,
    frames: Tensor,
    flow: FlowFunction | None,
    segment: SegmentFunction | None,
    *,
    flows: Tensor | None = None,
    segmentations: Tensor | None = None,
    truncate: int = 0,
    generator: torch.Generator | None = None,
    token: JobToken | None = None,
) -> Iterator[Step]:
    """Yield one step after another, without end.

    Parameters
    ----------
    predictor : SDCNet or alike
        The network that predicts motion.
    frames : Tensor
        (B, T0, 1, H, W), about [0, 1]; the past, oldest first, at least one frame. A past shorter than the
        predictor reads is filled with its first frame, which then stands still.
    flow : callable or None
        ``flow(first, second) -> (B, 2, H, W)`` px with ``first(x) ≈ second(x + flow(x))``, run without gradient.
        None: the predicted flow itself stands in for it from the first prediction on.
    segment : callable or None
        ``segment(frame) -> (B, 4, H, W)`` probabilities, run without gradient. None: the last known segmentation
        is carried along by the predicted flow; without any, segmentation stays zero.
    flows : Tensor, optional
        (B, T0, 2, H, W) px: flow of the past frames, where it is known already.
    segmentations : Tensor, optional
        (B, T0, 4, H, W): segmentation of the past frames, where it is known already.
    truncate : int
        Every so many steps what was predicted is fed back as if it had been recorded: no gradient passes from later
        frames to earlier steps (truncated back-propagation through time). 0 for never.
    generator : torch.Generator, optional
        Where a network that reads noise takes it from; torch's own if not given.
    token : JobToken, optional
        Checked before every network.

    Yields
    ------
    Step
    """
    length = predictor.config.frames
    token = token or JobToken()
    given = frames.shape[1]
    past = take_history(frames, length)
    past_flows = _past_flows(past, flow, flows, min(given, length), token)
    seen = segment if predictor.config.sees == "all" else None
    past_masks = _past_segmentations(past, seen, segmentations, predictor.config.classes, token)
    render, coming = Renderer(predictor.config.compose), list[Motion]()
    for done in itertools.count(1):
        token.check()
        if not coming:
            noise = draw_noise(past, predictor.config.noise, generator)
            coming = predictor.predict_motion(past, past_flows, past_masks, noise)
        motion = coming.pop(0)
        frame, scale = render(past[:, -1], motion)
        mask = _next_segmentation(frame, motion, past_masks[:, -1], segment, segmentations is not None)
        yield Step(frame, motion, mask, scale)
        token.check()
        with torch.no_grad():
            new_flow = motion.flow.detach() if flow is None else flow(frame.detach(), past[:, -1].detach())
        past = torch.cat([past[:, 1:], frame[:, None]], dim=1)
        if truncate and done % truncate == 0:
            past = past.detach()
            render.detach()
        past_masks = torch.cat([past_masks[:, 1:], mask[:, None]], dim=1)
        # The oldest frame that is still seen has no predecessor among the frames, hence no flow.
        past_flows = torch.cat([past_flows[:, 1:], new_flow[:, None]], dim=1)
        past_flows = torch.cat([torch.zeros_like(past_flows[:, :1]), past_flows[:, 1:]], dim=1)


def roll_out(
    predictor: Predictor,
    frames: Tensor,
    steps: int,
    flow: FlowFunction | None,
    segment: SegmentFunction | None,
    *,
    flows: Tensor | None = None,
    segmentations: Tensor | None = None,
    truncate: int = 0,
    generator: torch.Generator | None = None,
    token: JobToken | None = None,
) -> RollOut:
    """Predict `steps` frames and stack them; see `iterate` for the arguments."""
    iterator = iterate(
        predictor,
        frames,
        flow,
        segment,
        flows=flows,
        segmentations=segmentations,
        truncate=truncate,
        generator=generator,
        token=token,
    )
    done = [next(iterator) for _ in range(steps)]
    return RollOut(
        torch.stack([s.frame for s in done], 1),
        torch.stack([s.motion.flow for s in done], 1),
        torch.stack([s.motion.kernel_v for s in done], 1),
        torch.stack([s.motion.kernel_h for s in done], 1),
        torch.stack([s.segmentation for s in done], 1),
        None if done[0].scale is None else torch.stack([s.scale for s in done if s.scale is not None], 1),
    )


@torch.no_grad()
def _past_flows(
    past: Tensor, flow: FlowFunction | None, known: Tensor | None, given: int, token: JobToken
) -> Tensor:
    batch, length, _, height, width = past.shape
    flows = past.new_zeros(batch, length, 2, height, width)
    for i in range(length - given + 1, length):
        token.check()
        if known is not None:
            flows[:, i] = known[:, i - length]
        elif flow is not None:
            flows[:, i] = flow(past[:, i], past[:, i - 1])
    return flows


@torch.no_grad()
def _past_segmentations(
    past: Tensor, segment: SegmentFunction | None, known: Tensor | None, classes: int, token: JobToken
) -> Tensor:
    batch, length, _, height, width = past.shape
    if known is not None:
        return take_history(known, length)
    if segment is None:
        return past.new_zeros(batch, length, classes, height, width)
    masks = []
    for i in range(length):
        token.check()
        masks.append(segment(past[:, i]))
    return torch.stack(masks, 1)


@torch.no_grad()
def _next_segmentation(
    frame: Tensor, motion: Motion, last: Tensor, segment: SegmentFunction | None, carried: bool
) -> Tensor:
    if segment is not None:
        return segment(frame.detach())
    return warp(last, motion.flow.detach()) if carried else torch.zeros_like(last)
