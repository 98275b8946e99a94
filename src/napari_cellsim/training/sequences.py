"""Training sequences on disk: one folder per sequence, plain arrays that are memory-mapped.

A sequence folder holds ``images.npy`` (T, Y, X) and ``sequence.json``; where the truth is known also
``semantic.npy`` (T, Y, X), ``flow.npy`` (T-1, 2, Y, X) and ``valid.npy`` (T-1, Y, X). A folder appears
under its name only when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from time import monotonic
from typing import Any, cast

import numpy as np

from ..base import CellSimError, JobToken, Progress

# The others come from the standard configuration, which is what a user gets to see.
_VARIED_SHARE = 0.6


@dataclass(frozen=True)
class Sequence:
    """One stored sequence; its arrays are opened on first use.

    Parameters
    ----------
    folder : Path
        Where it lies.
    info : dict
        Content of ``sequence.json``: pixel_size (µm), interval (minutes), source, and what the writer added.
    """

    folder: Path
    info: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def images(self) -> np.ndarray:
        """(T, Y, X), any unit."""
        return self._open("images")

    @cached_property
    def semantic(self) -> np.ndarray:
        """(T, Y, X) uint8: 0 background, 1 trap, 2 cell of interest, 3 auxiliary cell."""
        return self._open("semantic")

    @cached_property
    def flow(self) -> np.ndarray:
        """(T-1, 2, Y, X) float16 px: backward flow on the grid of the later frame."""
        return self._open("flow")

    @cached_property
    def valid(self) -> np.ndarray:
        """(T-1, Y, X) bool: where the flow is meaningful."""
        return self._open("valid")

    @cached_property
    def labelled(self) -> bool:
        """Whether classes and flow are known."""
        return all((self.folder / f"{name}.npy").is_file() for name in ("semantic", "flow", "valid"))

    def _open(self, name: str) -> np.ndarray:
        try:
            array: np.ndarray = np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise CellSimError(
                f"The training sequence {self.folder} has no readable {name}.npy; delete the folder and make it again."
            ) from error
        return array


def write_sequence(folder: Path, arrays: dict[str, np.ndarray], info: dict[str, Any]) -> None:
    """Write one sequence folder so that it appears whole or not at all; an existing one is kept.

    Parameters
    ----------
    folder : Path
        Name of the new folder.
    arrays : dict
        "images" and, if known, "semantic", "flow", "valid".
    info : dict
        Written to ``sequence.json``.
    """
    if folder.is_dir():
        return
    draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    draft.mkdir(parents=True)
    try:
        for name, array in arrays.items():
            np.save(draft / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)
        (draft / "sequence.json").write_text(json.dumps(info, indent=1))
        os.replace(draft, folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


@dataclass(frozen=True)
class CropsSequence(Sequence):
    """One focal plane of a window of a crop store; pictures are read when they are needed.

    Parameters
    ----------
    pictures : PartPictures
        What slices as an array (T, Y, X) does.
    """

    pictures: Any = None

    @cached_property
    def images(self) -> np.ndarray:
        """(T, Y, X), any unit."""
        return cast("np.ndarray", self.pictures)


def _crop_sequences(store: Path, part: str) -> list[Sequence]:
    from ..datasets import CropStore, part_pictures

    return [
        CropsSequence(store / pictures.name, pictures.info, pictures)
        for pictures in part_pictures(CropStore(store), part)
    ]


def find_sequences(folder: str | Path, names: Iterable[str] | None = None) -> list[Sequence]:
    """Return the stored sequences under `folder`, in order of their names.

    ``STORE.zarr/train`` (or validation, or test) are the sequences of that part of a crop store's split, one per
    focal plane.

    Parameters
    ----------
    folder : path
        Holds sequence folders.
    names : iterable of str, optional
        Only these, in this order.

    Raises
    ------
    CellSimError
        If there is none.
    """
    root = Path(folder)
    if root.parent.suffix == ".zarr" and names is None:
        return _crop_sequences(root.parent, root.name)
    chosen = [root / name for name in names] if names is not None else sorted(root.glob("*/"))
    found = []
    for path in chosen:
        if path.name.startswith("."):
            continue
        description = path / "sequence.json"
        if description.is_file():
            found.append(Sequence(path, json.loads(description.read_text())))
        elif names is not None:
            raise CellSimError(f"There is no training sequence {path}; generate the data first.")
    if not found:
        raise CellSimError(f"There are no training sequences in {root}; generate the data first.")
    return found


def phantom_name(seed: int) -> str:
    """Folder name of the phantom sequence with this seed."""
    return f"phantom-{seed:06d}"


def generate_phantoms(
    folder: str | Path,
    seeds: Iterable[int],
    *,
    frames: int = 12,
    size: int = 256,
    pixel_size: float = 0.108,
    processes: int = 2,
    token: JobToken | None = None,
) -> Generator[Progress, None, None]:
    """Simulate phantom sequences that are not there yet, in several processes.

    Trap, focus, biology, optics and camera follow from the seed, so that a sequence depends on nothing else.

    Parameters
    ----------
    folder : path
        Outside the repository; gets one folder per seed.
    seeds : iterable of int
        One sequence each.
    frames, size, pixel_size
        Length, side in px and µm per pixel.
    processes : int
        Number of worker processes.
    token : JobToken, optional
        Cancels between sequences.

    Yields
    ------
    Progress
    """
    root, token = Path(folder), token or JobToken()
    missing = [seed for seed in seeds if not (root / phantom_name(seed)).is_dir()]
    calls = [(_simulate, (root, seed, frames, size, pixel_size)) for seed in missing]
    yield from _run_all(calls, processes, token)


def _run_all(
    calls: list[tuple[Callable[..., None], tuple[Any, ...]]], processes: int, token: JobToken
) -> Generator[Progress, None, None]:
    began = monotonic()
    # Spawned, not forked: a fork of a process that has used torch or Qt can hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(function, *arguments) for function, arguments in calls]
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                future.result()
                left = (monotonic() - began) / done * (len(calls) - done)
                yield Progress(done, len(calls), "simulating phantom sequences", left)
                token.check()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _simulate(root: Path, seed: int, frames: int, size: int, pixel_size: float) -> None:
    from .. import phantom

    generator = np.random.default_rng([seed, 20])
    config = phantom.PhantomConfig()
    if generator.random() < _VARIED_SHARE:
        config = phantom.PhantomConfig.varied(seed).changed(chip={"interval": config.chip.interval})
    trap = str(generator.choice(phantom.TRAP_KINDS))
    focus = float(generator.normal(0, 0.4))
    simulated = phantom.simulate(
        frames, seed, size=size, pixel_size=pixel_size, trap=trap, planes=(focus,), config=config
    )
    arrays: dict[str, np.ndarray] = {
        "images": simulated.images[:, 0],
        "semantic": simulated.semantic,
        "flow": simulated.flow.astype(np.float16),
        "valid": simulated.valid,
    }
    info = {
        "source": "phantom",
        "seed": seed,
        "trap": trap,
        "focus": focus,
        "pixel_size": pixel_size,
        "interval": simulated.interval,
    }
    write_sequence(root / phantom_name(seed), arrays, info)


def generate_pictures(
    folder: str | Path,
    seeds: Iterable[int],
    *,
    frames: int = 6,
    size: int = 128,
    pixel_size: float = 0.216,
    planes: tuple[float, ...] = (-0.8, 0.0, 0.8),
    processes: int = 2,
    token: JobToken | None = None,
) -> Generator[Progress, None, None]:
    """Simulate phantom pictures for generative models: one chip and one camera, every trap, several focal planes.

    The trap geometries follow each other with the seed; everything else is the standard configuration. Each focal
    plane becomes a sequence folder of its own, with images and semantic classes.

    Parameters
    ----------
    folder : path
        Outside the repository.
    seeds : iterable of int
        One scene each.
    frames, size, pixel_size
        Length, side in px and µm per pixel.
    planes : tuple of float
        Focus offsets, µm.
    processes : int
        Number of worker processes.
    token : JobToken, optional
        Cancels between scenes.

    Yields
    ------
    Progress
    """
    root = Path(folder)
    missing = [seed for seed in seeds if not (root / f"{phantom_name(seed)}-z{len(planes) - 1}").is_dir()]
    calls = [(_simulate_planes, (root, seed, frames, size, pixel_size, planes)) for seed in missing]
    yield from _run_all(calls, processes, token or JobToken())


def _simulate_planes(
    root: Path, seed: int, frames: int, size: int, pixel_size: float, planes: tuple[float, ...]
) -> None:
    from .. import phantom

    trap = phantom.TRAP_KINDS[seed % len(phantom.TRAP_KINDS)]
    simulated = phantom.simulate(frames, seed, size=size, pixel_size=pixel_size, trap=trap, planes=planes)
    for number, focus in enumerate(planes):
        info = {
            "source": "phantom",
            "seed": seed,
            "trap": trap,
            "focus": focus,
            "pixel_size": pixel_size,
            "interval": simulated.interval,
        }
        arrays: dict[str, np.ndarray] = {
            "images": simulated.images[:, number],
            "semantic": simulated.semantic,
        }
        write_sequence(root / f"{phantom_name(seed)}-z{number}", arrays, info)


def import_frames(
    folder: str | Path,
    name: str,
    images: np.ndarray,
    *,
    pixel_size: float,
    interval: float | None,
    target_pixel_size: float = 0.108,
    strides: tuple[int, ...] = (1,),
) -> None:
    """Store frames of a real movie, resampled to the training's pixel size as a forecast would do it.

    Parameters
    ----------
    folder, name
        Store and name of the new sequence; an existing one is kept.
    images : ndarray
        (T, Y, X).
    pixel_size, target_pixel_size : float
        µm, of the movie and of the store.
    interval : float or None
        Minutes between frames.
    strides : tuple of int
        Frame steps that training may choose among, e.g. to come near the training's interval.
    """
    import torch

    from .augmentation import resize_images

    zoom = pixel_size / target_pixel_size
    size = (round(images.shape[1] * zoom), round(images.shape[2] * zoom))
    resized = resize_images(torch.as_tensor(np.asarray(images, np.float32)), size).numpy()
    info = {"source": name, "pixel_size": target_pixel_size, "interval": interval, "strides": list(strides)}
    write_sequence(Path(folder) / name, {"images": resized}, info)
