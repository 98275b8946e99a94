"""Simulated training sequences, written in several processes."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from time import monotonic

import numpy as np

from ..base import JobToken, Progress
from .sequences import write_sequence

# The others come from the standard configuration, which is what a user gets to see.
_VARIED_SHARE = 0.6


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
    settings = (frames, size, pixel_size, None)
    yield from _generate(Path(folder), seeds, settings, processes, token or JobToken())


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
    plane (`planes`: focus offsets in µm) becomes a sequence folder of its own, with images and semantic classes. The
    other parameters are those of `generate_phantoms`.

    Yields
    ------
    Progress
    """
    settings = (frames, size, pixel_size, planes)
    yield from _generate(Path(folder), seeds, settings, processes, token or JobToken())


# Frames, side, pixel size, and focal planes (None: what `generate_phantoms` makes)
_Settings = tuple[int, int, float, tuple[float, ...] | None]


def _generate(
    root: Path, seeds: Iterable[int], settings: _Settings, processes: int, token: JobToken
) -> Generator[Progress, None, None]:
    missing = [seed for seed in seeds if not (root / _names(seed, settings[-1])[-1]).is_dir()]
    began = monotonic()
    # Spawned, not forked: a fork of a process that has used torch or Qt can hang.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_simulate, root, seed, *settings) for seed in missing]
        try:
            for done, future in enumerate(as_completed(waiting), 1):
                future.result()
                left = (monotonic() - began) / done * (len(missing) - done)
                yield Progress(done, len(missing), "simulating phantom sequences", left)
                token.check()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _names(seed: int, planes: tuple[float, ...] | None) -> list[str]:
    name = phantom_name(seed)
    return [name] if planes is None else [f"{name}-z{number}" for number in range(len(planes))]


def _simulate(
    root: Path, seed: int, frames: int, size: int, pixel_size: float, planes: tuple[float, ...] | None
) -> None:
    from .. import phantom

    config, names = phantom.PhantomConfig(), _names(seed, planes)
    moving = planes is None
    if planes is None:
        generator = np.random.default_rng([seed, 20])
        if generator.random() < _VARIED_SHARE:
            config = phantom.PhantomConfig.varied(seed).changed(chip={"interval": config.chip.interval})
        trap = str(generator.choice(phantom.TRAP_KINDS))
        planes = (float(generator.normal(0, 0.4)),)
    else:
        trap = phantom.TRAP_KINDS[seed % len(phantom.TRAP_KINDS)]
    simulated = phantom.simulate(
        frames, seed, size=size, pixel_size=pixel_size, trap=trap, planes=planes, config=config
    )
    truth: dict[str, np.ndarray] = {"semantic": simulated.semantic}
    if moving:
        truth |= {"flow": simulated.flow.astype(np.float16), "valid": simulated.valid}
    for number, (name, focus) in enumerate(zip(names, planes, strict=True)):
        info = {
            "source": "phantom",
            "seed": seed,
            "trap": trap,
            "focus": focus,
            "pixel_size": pixel_size,
            "interval": simulated.interval,
        }
        write_sequence(root / name, {"images": simulated.images[:, number], **truth}, info)
