"""Pictures batch by batch: sized to memory, halved when it is full, with progress and cancelling."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError, Clock, Event, JobToken
from ..models.hardware import free_memory, is_out_of_memory
from .events import PicturesReady
from .generated import COLOURS

if TYPE_CHECKING:
    import torch

    from .renderer import Renderer

Result = TypeVar("Result")


def in_batches(
    work: Callable[[slice], Result], count: int, batch: int, device: torch.device, token: JobToken
) -> Iterator[tuple[slice, Result]]:
    """Yield what `work` returns for one slice of ``range(count)`` after the other; out of memory, slices are halved.

    Raises
    ------
    CellSimError
        If `batch` is less than 1, or the memory does not hold even one picture.
    JobCancelled
        If the token says so.
    """
    if batch < 1:
        raise CellSimError(f"The batch is {batch} pictures; it must be at least 1.")
    first = 0
    while first < count:
        token.check()
        part = slice(first, min(first + batch, count))
        try:
            result = work(part)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            if part.stop - first == 1:
                raise CellSimError(
                    f"The memory of {device} is not enough for one picture of this model; choose another device or a "
                    "smaller model."
                ) from error
        else:
            yield part, result
            first = part.stop
            continue
        # Only now, outside the handler, has the error let go of the tensors that filled the memory.
        batch = max(1, (part.stop - first) // 2)
        free_memory(device)


def draw_job(
    renderer: Renderer,
    latents: NDArray[np.float32],
    seeds: NDArray[np.int64],
    intensity: NDArray[np.float64],
    batch: int | None = None,
) -> Generator[Event, None, NDArray[np.float32]]:
    """Draw pictures (N, T, C, Y, X) in intensity units from latents (N, L, D), yielding them as they come.

    Raises
    ------
    CellSimError, JobCancelled
        As `in_batches` does.
    """
    clock = Clock(len(latents), "Picture")
    images: list[NDArray[np.float32]] = []
    yield clock.progress()
    size = renderer.batch if batch is None else batch

    def draw(part: slice) -> NDArray[np.float32]:
        return in_units(renderer.pictures(latents[part], seeds[part]), intensity[part], renderer.limits)

    for part, ready in in_batches(draw, len(latents), size, renderer.device, renderer.token):
        images.append(ready)
        yield PicturesReady(part.start, ready, colour=renderer.channel_names == COLOURS)
        yield clock.progress(len(ready))
    return np.concatenate(images)


def in_units(
    pictures: NDArray[np.float32],
    intensity: NDArray[np.float64],
    limits: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Bring what the network says (N, T, C, Y, X) to intensity units, given offset and gain (N, C, 2).

    `limits` are the darkest and the brightest intensity that there can be.
    """
    scale = intensity[:, None, :, :, None, None]
    values = scale[:, :, :, 0] + scale[:, :, :, 1] * pictures
    return (values if limits is None else values.clip(*limits)).astype(np.float32)
