"""Look at what is to be learnt from, and write layers or simulated cells as training data; no Qt, no torch."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

from ..base import CellSimError, Event, JobToken, Progress
from .forecast_work import open_movie
from .train_choices import CLASSES, FLOW, PICTURES, SPECIMENS
from .train_request import LAYERS, SIMULATED, STORE, DataRequest
from .train_specimen_look import look_job, specimen_folder

_SHARE = 5  # of so many simulated movies one is for validation
_FRAMES = 12
_VALIDATION_SEEDS = 100_000
_PARTS = {"train": "to train on", "validation": "to validate on"}


def describe_data(data: DataRequest, needs: str) -> str:
    """Return a sentence on the data; photographs of specimens are looked at by `look_job`.

    Parameters
    ----------
    data : DataRequest
        Where the data comes from.
    needs : str
        What the recipe learns from, see `train_choices`.

    Raises
    ------
    CellSimError
        If it cannot be learnt from.
    """
    if data.source == STORE:
        return _describe_folder(data.folder, needs)
    if data.source == SIMULATED:
        train, validation = _numbers(data.number)
        return f"{train} simulated movies to train on and {validation} to validate on, made when you press Start."
    movie = _chosen_pictures(data, needs)[0]
    pixel = "" if data.pixel_size is None else f", {data.pixel_size:g} µm per pixel"
    held = max(1, round(0.2 * len(movie)))
    return (
        f"{len(movie)} frames of {movie.shape[1]} × {movie.shape[2]} px{pixel}; "
        f"the last {held} are kept to validate on."
    )


def provide_data(
    data: DataRequest, needs: str, folder: Path, token: JobToken, *, few: bool = False
) -> Generator[Event, None, Path]:
    """Return the folder to train on, after writing what is to be learnt from into `folder` if it lies nowhere yet.

    Parameters
    ----------
    data, needs
        As for `describe_data`.
    folder : Path
        Where training data may be written.
    token : JobToken
        Cancels.
    few : bool
        Whether two simulated movies are enough.

    Raises
    ------
    CellSimError
        If it cannot be learnt from.
    """
    if needs == SPECIMENS:
        yield from look_job(data, token)
        return specimen_folder(data)
    describe_data(data, needs)
    if data.source == STORE:
        return Path(data.folder).expanduser().resolve()
    if data.source == SIMULATED:
        from ..training.simulated import generate_phantoms
        from ..training.supervision import worker_threads

        train, validation = (1, 1) if few else _numbers(data.number)
        seeds = {
            "train": range(train),
            "validation": range(_VALIDATION_SEEDS, _VALIDATION_SEEDS + validation),
        }
        for part, numbers in seeds.items():
            yield from generate_phantoms(
                folder / part,
                numbers,
                frames=_FRAMES,
                size=data.size,
                processes=worker_threads(),
                token=token,
            )
        return folder
    yield Progress(0, 0, "writing the layers as training data")
    from ..training.labels import write_labelled
    from ..training.movies import write_movie

    assert data.movie is not None
    pictures, labels = _chosen_pictures(data, needs)
    facts = {"name": data.movie.name, "pixel_size": data.pixel_size, "interval": data.interval}
    if needs == CLASSES:
        write_labelled(folder, pictures, labels, trap_label=data.trap_label, **facts)
    else:
        write_movie(folder, pictures, **facts)
    return folder


def _describe_folder(folder: str, needs: str) -> str:
    from ..training.sequences import find_sequences

    if not folder:
        raise CellSimError(
            "Choose what to learn from: a dataset of the Dataset dock (.zarr), or a folder of training sequences."
        )
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise CellSimError(f"There is no folder {root}; choose a dataset or a folder of training sequences.")
    if root.suffix != ".zarr":
        missing = [part for part in _PARTS if not any(root.glob(f"{part}/*/sequence.json"))]
        if missing:
            raise CellSimError(
                f"{root} is no training data: it has no sequences in its subfolder {missing[0]}; choose a dataset of "
                "the Dataset dock (.zarr) or a folder with the subfolders train and validation"
                + (
                    "; photographs in a folder per class are for the choices of specimens."
                    if needs == PICTURES
                    else "."
                )
            )
    words, shapes, pixel_sizes = [], [], set()
    for part, purpose in _PARTS.items():
        sequences = find_sequences(root / part)
        words.append(f"{len(sequences)} sequence{'s' if len(sequences) > 1 else ''} {purpose}")
        shapes.append(sequences[0].images.shape)
        pixel_sizes.add(sequences[0].info.get("pixel_size"))
        truth = {CLASSES: "semantic", FLOW: "flow"}.get(needs)
        if truth is not None and not any(truth in sequence.known for sequence in sequences):
            what = "labels of the cells" if needs == CLASSES else "known motion"
            raise CellSimError(
                f"The sequences in {root / part} come without {what}, which this training needs; take simulated cells"
                + (", or a movie and its Labels layer." if needs == CLASSES else ".")
            )
    frames, height, width = shapes[0]
    pixel_size = pixel_sizes.pop()
    pixel = f", {pixel_size:g} µm per pixel" if pixel_size else ""
    return f"{words[0]} and {words[1]}; {frames} frames of {height} × {width} px{pixel}."


def _chosen_pictures(data: DataRequest, needs: str) -> tuple[Any, Any]:
    """Return the pictures (T, Y, X), lazily, and the labels."""
    if data.source != LAYERS:
        raise CellSimError(f"Training data cannot come from {data.source!r}.")
    if needs == FLOW:
        raise CellSimError(
            "Nobody knows the motion in a layer; choose simulated cells, whose motion is known."
        )
    if data.movie is None:
        raise CellSimError("There is no movie to learn from; open one, or choose a dataset.")
    if needs == CLASSES and data.labels is None:
        raise CellSimError(
            "A segmentation learns from labels; add a Labels layer, draw the cells of some frames, and choose it."
        )
    movie = open_movie(data.movie, None)
    if not (data.channel < movie.n_channels and data.plane < movie.n_planes):
        raise CellSimError(
            f"Layer {data.movie.name!r} has {movie.n_channels} channels and {movie.n_planes} focal planes."
        )
    pictures = movie.frames[:, data.channel, data.plane]
    if len(pictures) < 5:
        raise CellSimError(
            f"Layer {data.movie.name!r} has {len(pictures)} frames, too few to learn from; choose a longer movie or a "
            "dataset."
        )
    if data.labels is None or needs != CLASSES:
        return pictures, None
    labels = data.labels.data
    if tuple(labels.shape) != tuple(pictures.shape):
        raise CellSimError(
            f"The Labels layer {data.labels.name!r} has the shape {tuple(labels.shape)}, but the pictures of "
            f"{data.movie.name!r} have {tuple(pictures.shape)}; label every frame of this movie in one layer."
        )
    return pictures, labels


def _numbers(number: int) -> tuple[int, int]:
    """Return how many of the simulated movies are for training and for validation."""
    validation = max(1, number // _SHARE)
    return max(1, number - validation), validation
