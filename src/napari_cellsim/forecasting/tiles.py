"""Evaluate a network on overlapping tiles, so that memory does not grow with the field of view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from ..base import JobToken
from ..nets.motion import Motion
from ..nets.sdcnet import SDCNet, SDCNetConfig

# Half of the overlap of two tiles. The networks see further, but what lies beyond barely counts.
MARGIN = 48
_ALIGNMENT = 32


def spans(length: int, tile: int, margin: int = MARGIN) -> list[tuple[int, int]]:
    """Cut [0, length) into spans of at most `tile`, neighbours overlapping by at least ``2·margin``.

    Spans start at multiples of 32, where the networks' coarse grids lie in a whole field too; otherwise tiles would
    be sampled differently and their seams would show.
    """
    step = (tile - 2 * margin) // _ALIGNMENT * _ALIGNMENT
    found = []
    start = 0
    while start + tile < length:
        found.append((start, start + tile))
        start += step
    return [*found, (start, length)]


def ramp(span: tuple[int, int], length: int, margin: int, like: Tensor) -> Tensor:
    """Weights of one span: 0 next to its ends, where it lacks surroundings, 1 inside, 1 up to the field's border."""
    start, stop = span
    position = torch.arange(stop - start, device=like.device, dtype=like.dtype) + 0.5
    weight = torch.ones_like(position)
    if start > 0:
        weight = torch.minimum(weight, (position / margin - 0.5).clamp(0, 1))
    if stop < length:
        weight = torch.minimum(weight, (position.flip(0) / margin - 0.5).clamp(0, 1))
    return weight


def evaluate_tiled(
    function: Callable[..., Tensor | Sequence[Tensor]],
    inputs: Sequence[Tensor],
    tile: int,
    token: JobToken,
    margin: int = MARGIN,
) -> list[Tensor]:
    """Apply `function` tile by tile and blend.

    Parameters
    ----------
    function : callable
        Takes tensors (..., H, W) and returns one or several (B, C, H, W).
    inputs : sequence of Tensor
        All of the same H and W.
    tile : int
        Largest tile edge, px.
    token : JobToken
        Checked before every tile.
    margin : int
        Half of the overlap, px; smaller than a quarter of `tile`.

    Returns
    -------
    list of Tensor
        What one call on the whole field would return, up to what the network sees beyond the margin.
    """
    height, width = inputs[0].shape[-2:]
    rows, columns = spans(height, tile, margin), spans(width, tile, margin)
    if len(rows) == len(columns) == 1:
        return _as_list(function(*inputs))
    sums: list[Tensor] = []
    total = inputs[0].new_zeros(height, width)
    for y, x in _product(rows, columns):
        token.check()
        window = (..., slice(*y), slice(*x))
        parts = _as_list(function(*(i[window] for i in inputs)))
        weight = ramp(y, height, margin, total)[:, None] * ramp(x, width, margin, total)
        if not sums:
            sums = [p.new_zeros(*p.shape[:2], height, width) for p in parts]
        for whole, part in zip(sums, parts, strict=True):
            whole[window] += part * weight
        total[window] += weight
    return [whole.div_(total) for whole in sums]  # in place: the maps of a large field take gigabytes


def _product(
    rows: list[tuple[int, int]], columns: list[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], ...]]:
    return ((y, x) for y in rows for x in columns)


def _as_list(value: Tensor | Sequence[Tensor]) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else list(value)


class TiledPredictor:
    """An `SDCNet` whose motion is computed tile by tile, for `nets.rollout.iterate`."""

    def __init__(self, network: SDCNet, tile: int, token: JobToken) -> None:
        self.network, self.tile, self.token = network, tile, token

    @property
    def config(self) -> SDCNetConfig:
        """Configuration of the network."""
        return self.network.config

    def predict_motion(
        self, frames: Tensor, flows: Tensor, segmentations: Tensor, noise: Tensor | None = None
    ) -> list[Motion]:
        """Return the motions of the next frames."""
        c = self.config

        def maps(*inputs: Tensor) -> list[Tensor]:
            motion: Motion = self.network(*inputs)
            return motion.maps

        inputs = [frames, flows, segmentations, *([] if noise is None else [noise])]
        found = iter(evaluate_tiled(maps, inputs, self.tile, self.token))
        motion = Motion(next(found), next(found), next(found))
        if c.residual:
            motion = motion._replace(residual=next(found))
        if c.scale:
            motion = motion._replace(scale=next(found))
        return motion.split(c.block)
