"""How much a generator still changes from epoch to epoch: pictures of the same seeds, compared with those before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base import CellSimError, JobToken

if TYPE_CHECKING:
    from ..models import Model


class EpochChange(NamedTuple):
    """Change between pictures of the same seeds.

    Attributes
    ----------
    names : tuple of str
        Of the later of each two, E - 1.
    by_size : dict
        Side of the pictures in px, halved again and again -> array (E - 1,): mean squared difference over the variance
        of the later pictures, 0 for no change and 2 for unrelated pictures.
    """

    names: tuple[str, ...]
    by_size: dict[int, npt.NDArray[np.float64]]


def epoch_change(pictures: Any, names: Sequence[str] | None = None) -> EpochChange:
    """Compare pictures of the same seeds with those of the epoch before, at all scales.

    After Yazıcı et al. 2018 (arXiv:1806.04498) and Østmo 2020, section 4.3.2: it falls while a generator converges,
    and stays high where it only keeps moving. It says nothing about quality.

    Parameters
    ----------
    pictures : array (E, N, Y, X)
        Of E epochs, N the same seeds each. Coarser scales are means of 2 × 2 px, down to 4 px.
    names : sequence of str, optional
        One per epoch.

    Returns
    -------
    EpochChange

    Raises
    ------
    CellSimError
        If there are fewer than two epochs.
    """
    stack = np.asarray(pictures, dtype=np.float64)
    if stack.ndim != 4 or len(stack) < 2 or 0 in stack.shape:
        raise CellSimError(
            f"Change needs pictures (E, N, Y, X) of at least two epochs, not an array of the shape {stack.shape}."
        )
    labels = tuple(str(i) for i in range(len(stack))) if names is None else tuple(names)
    by_size: dict[int, npt.NDArray[np.float64]] = {}
    while min(stack.shape[2:]) >= 4:
        squared = ((stack[1:] - stack[:-1]) ** 2).mean(axis=(1, 2, 3))
        # Of the pixels within pictures: two pictures that differ in brightness only are different.
        variance = stack[1:].var(axis=(2, 3)).mean(axis=1)
        by_size[stack.shape[2]] = squared / np.maximum(variance, 1e-12)
        even = stack[:, :, : stack.shape[2] // 2 * 2, : stack.shape[3] // 2 * 2]
        stack = even.reshape(*stack.shape[:2], even.shape[2] // 2, 2, even.shape[3] // 2, 2).mean(axis=(3, 5))
    if not by_size:
        raise CellSimError(
            f"Pictures of the shape {stack.shape[2:]} are too small to compare: take at least 4 px."
        )
    return EpochChange(labels[1:], by_size)


def change_of_previews(run: str | Path) -> EpochChange:
    """Compare the previews of a training run, which show the same seeds each time.

    Parameters
    ----------
    run : path
        Run folder, or its folder ``previews``. The mosaic is compared as one picture, at its own size only a mean of
        all its tiles.

    Raises
    ------
    CellSimError
        If there are fewer than two previews of one size.
    """
    from skimage.io import imread

    folder = Path(run)
    folder = folder / "previews" if (folder / "previews").is_dir() else folder
    files = sorted(folder.glob("step-*.png"))
    pictures = [np.asarray(imread(file), dtype=np.float64) for file in files]
    if len(pictures) < 2 or len({p.shape for p in pictures}) != 1 or pictures[0].ndim != 2:
        raise CellSimError(
            f"{folder} holds {len(files)} previews step-….png; at least two of one size are needed, as a generator's "
            "training writes them."
        )
    steps = [match[1].lstrip("0") or "0" for file in files if (match := re.search(r"step-(\d+)", file.name))]
    return epoch_change(np.stack(pictures)[:, None], steps)


def change_of_models(
    models: Sequence[Model | str | Path],
    n: int = 32,
    seed: int = 0,
    *,
    device: str = "auto",
    token: JobToken | None = None,
) -> EpochChange:
    """Draw the same seeds with one model after the other and compare.

    Parameters
    ----------
    models : sequence of Model, str or Path
        Checkpoints of one training, in order.
    n, seed : int
        Pictures per model, and their seed; noise is fixed, truncation 1.
    device, token
        As for `generation.generate_job`.

    Raises
    ------
    CellSimError
        If there are fewer than two models, or their pictures differ in size.
    """
    from ..base import run
    from ..generation import generate_job

    drawn, names = [], []
    for model in models:
        made = run(generate_job(model, n, seed, 1.0, "fixed", device=device, token=token))
        names.append(made.name)
        gain = made.intensity[:, None, :1, 1, None, None] if made.intensity is not None else 1.0
        drawn.append((made.images[:, :, :1] / gain)[:, -1, 0])
    if len({d.shape for d in drawn}) > 1:
        raise CellSimError("The models draw pictures of different sizes: take checkpoints of one training.")
    if len(drawn) < 2:
        raise CellSimError("Change needs at least two models: take checkpoints of one training.")
    return epoch_change(np.stack(drawn), names)
