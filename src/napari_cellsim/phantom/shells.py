"""Colour photographs of single shells and grains of sand, as a micropalaeontologist picks them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_cellsim.base import CellSimError, JobToken

from .shell_kinds import KINDS
from .shell_light import Scene, photograph

SHELL_CLASSES = tuple(KINDS)
_SMALLEST, _LARGEST = 16, 1024
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as Pillow does


@dataclass(frozen=True)
class ShellPictures:
    """Photographs with their truth.

    Attributes
    ----------
    images : ndarray of uint8, (N, C, H, W)
        sRGB, or grey.
    labels : ndarray of int64, (N,)
        Class of each picture, an index into `class_names`.
    class_names : tuple of str
        The classes.
    masks : ndarray of bool, (N, H, W)
        Where the specimen is.
    seed : int
        The seed they were made from.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    class_names: tuple[str, ...]
    masks: NDArray[np.bool_]
    seed: int

    def __len__(self) -> int:
        return len(self.images)


def simulate_shells(
    n: int,
    seed: int = 0,
    *,
    size: int = 64,
    classes: Sequence[str] = SHELL_CLASSES,
    channels: Literal[1, 3] = 3,
    ground: Literal["dark", "bright", "both"] = "dark",
    token: JobToken | None = None,
) -> ShellPictures:
    """Photograph `n` specimens, of each class in turn.

    A specimen depends on the seed, its class and its number within the class alone: more pictures begin with the
    same ones, fewer classes leave the others as they are, and another size shows the same specimens, finer or coarser.

    Parameters
    ----------
    n : int
        Number of pictures.
    seed : int
        The same seed gives the same pictures.
    size : int
        Height and width, px.
    classes : sequence of str
        Some of ``SHELL_CLASSES``: "spiral", "globular", "agglutinated", "grain".
    channels : {1, 3}
        Grey or colour.
    ground : {"dark", "bright", "both"}
        What the specimens lie on; "both" draws one for each picture.
    token : JobToken or None
        Stops or pauses between pictures.

    Returns
    -------
    ShellPictures

    Raises
    ------
    CellSimError
        If a parameter cannot be used.
    JobCancelled
        If the token was cancelled.
    """
    names = _checked(n, seed, classes, channels, ground)
    _check_size(size)
    images = np.empty((n, channels, size, size), np.uint8)
    masks = np.empty((n, size, size), bool)
    for i in range(n):
        if token is not None:
            token.check()
        picture, masks[i] = photograph_specimen(names[i % len(names)], seed, i // len(names), size, ground)
        images[i] = picture if channels == 3 else np.rint(np.tensordot(_GREY, picture, 1))
    return ShellPictures(images, np.arange(n, dtype=np.int64) % len(names), names, masks, seed)


def photograph_specimen(
    name: str, seed: int, number: int, size: int, ground: Literal["dark", "bright", "both"] = "dark"
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return one photograph (3, H, W) and its mask (H, W): the picture that `simulate_shells` has too.

    Parameters
    ----------
    name : str
        Its class.
    seed, number : int
        Seed, and number within the class.
    size : int
        Height and width, px.
    ground : {"dark", "bright", "both"}
        What it lies on.

    Raises
    ------
    CellSimError
        If the size is below 16 or above 1024 px.
    """
    _check_size(size)
    key = [seed, 61, SHELL_CLASSES.index(name), number]
    body, scenery, camera, coin = (np.random.default_rng([*key, part]) for part in range(4))
    bright = coin.random() < 0.5 if ground == "both" else ground == "bright"
    factor = 4 if size < 48 else 2
    surface, paint = KINDS[name](body, size * factor)
    picture = photograph(surface, paint, Scene.draw(scenery, bright), size, camera)
    mask = surface.mask.reshape(size, factor, size, factor).mean((1, 3)) >= 0.5
    return picture, mask


def _checked(n: int, seed: int, classes: Sequence[str], channels: int, ground: str) -> tuple[str, ...]:
    names = (classes,) if isinstance(classes, str) else tuple(classes)
    unknown = [name for name in names if name not in SHELL_CLASSES]
    if unknown or not names or len(set(names)) < len(names):
        raise CellSimError(
            f"The shell phantom's classes {', '.join(map(str, names)) or '(none)'} cannot be used: give some of "
            f"{', '.join(SHELL_CLASSES)}, each once."
        )
    if n < 1 or seed < 0:
        raise CellSimError(
            f"{n} pictures with the seed {seed} cannot be made: give at least 1, and a seed not below 0."
        )
    if channels not in (1, 3):
        raise CellSimError(f"Shell pictures have 1 channel (grey) or 3 (colour), not {channels}.")
    if ground not in ("dark", "bright", "both"):
        raise CellSimError(f"There is no ground {ground!r} to lay shells on: choose dark, bright or both.")
    return names


def _check_size(size: int) -> None:
    if not _SMALLEST <= size <= _LARGEST:
        raise CellSimError(f"Shells cannot be drawn with {size} px: choose {_SMALLEST} to {_LARGEST}.")
