"""Where the generated pictures of a study come from: folders, or generators that saw the training part alone."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..base import CellSimError, Event, JobToken
from ..datasets import Specimens
from ..generation import generate_job
from ..models import Model, load_model
from .labelled_pictures import LabelledPictures, check_no_held_out, read_synthetic
from .specimen_pictures import SpecimenConfig, fingerprints

UNKNOWN = (
    "A folder does not say what its generator learnt from. None of its pictures is a held-out one, but if the "
    "generator saw the validation or test part, these numbers are too good."
)


def models_in(sources: Sequence[str | Path]) -> list[Path]:
    """Return the model files among some paths: the paths themselves, or those in a folder of model files alone."""
    found = []
    for source in map(Path, sources):
        if source.is_file():
            found.append(source)
        elif source.is_dir():
            found += sorted(source.glob("*.safetensors"))
    return found


def synthetic_job(
    sources: Sequence[str | Path],
    specimens: Specimens,
    data: SpecimenConfig,
    count: int,
    *,
    seed: int = 0,
    device: str = "auto",
    token: JobToken | None = None,
) -> Generator[Event, None, tuple[LabelledPictures, dict[str, Any], list[str]]]:
    """Read or draw the generated pictures of a study.

    Parameters
    ----------
    sources : sequence of path
        One folder with a folder of pictures per class, or model files (or a folder of them), one per class.
    specimens : Specimens
        The real pictures, split.
    data : SpecimenConfig
        How they were read.
    count : int
        Pictures to draw of each class from models.
    seed : int
        Of these.
    device : str
        Where to draw them.
    token : JobToken, optional
        To cancel or pause.

    Returns
    -------
    tuple
        The pictures, where they are from, and what the reader of the study must know of them.

    Raises
    ------
    CellSimError
        If there are none, a class has none or two sources, or a generator learnt from pictures held out or does not say
        what it learnt from.
    """
    models = models_in(sources)
    if not models:
        if len(sources) != 1:
            raise CellSimError(
                "The generated pictures come from one folder with a folder per class, or from model files, one per "
                "class: give either."
            )
        pictures = read_synthetic(sources[0], specimens, data)
        return pictures, {"folder": str(sources[0]), "counts": pictures.counts}, [UNKNOWN]
    loaded = [load_model(str(path)) for path in models]
    names = tuple(data.classes) or specimens.class_names
    by_class = _by_class(loaded, names)
    for model in loaded:
        check_generator(model, specimens, data)
    parts = []
    for label, name in enumerate(names):
        made = yield from generate_job(
            by_class[name], count, seed + label, device=device, token=token or JobToken()
        )
        parts.append(np.rint(np.clip(made.images[:, -1], 0, 255)).astype(np.uint8))
    labels = np.repeat(np.arange(len(names), dtype=np.int64), count)
    titles = tuple(f"{name} {number}" for name in names for number in range(count))
    pictures = LabelledPictures(np.concatenate(parts), labels, names, titles)
    check_no_held_out(pictures, specimens)
    known = {name: {"name": model.name, "hash": model.hash} for name, model in by_class.items()}
    return pictures, {"models": known, "seed": seed, "counts": pictures.counts}, []


def _by_class(models: Sequence[Model], names: Sequence[str]) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for model in models:
        classes = _facts(model).get("classes", {})
        if model.kind != "msggan" or len(classes) != 1:
            raise CellSimError(
                f"Model {model.name!r} does not generate one class of specimens: train an MSG-GAN of one class each."
            )
        (name,) = classes
        if name in found:
            raise CellSimError(
                f"The models {found[name].name!r} and {model.name!r} both generate {name}: give one of them."
            )
        found[name] = model
    for name in names:
        if name not in found:
            raise CellSimError(f"No model generates the class {name}: give one for each class.")
    return {name: found[name] for name in names}


def check_generator(model: Model, specimens: Specimens, data: SpecimenConfig) -> None:
    """Check that a generator fits the pictures and learnt from none that is held out.

    Raises
    ------
    CellSimError
        If it did, does not say what it learnt from, or draws pictures of another size or number of channels.
    """
    shape = model.network.config
    if (shape.size, shape.channels) != (data.size, data.channels):
        raise CellSimError(
            f"Model {model.name!r} draws {shape.size} px and {shape.channels} channels, but the study has "
            f"{data.size} px and {data.channels}: choose the generator's."
        )
    check_unseen(model, specimens)


def check_unseen(model: Model, specimens: Specimens) -> None:
    """Check that a model of photographs learnt from none that is held out.

    Raises
    ------
    CellSimError
        If it did, or does not say what it learnt from.
    """
    learnt = set(str(_facts(model).get("fingerprints", "")).split())
    if not learnt:
        raise CellSimError(
            f"Model {model.name!r} does not say which pictures it learnt from, so they may be those held out: "
            "train it again, or draw pictures into a folder if you know."
        )
    for part in ("validation", "test"):
        both = learnt & set(fingerprints(specimens, specimens.rows(part)).split())
        if both:
            raise CellSimError(
                f"Model {model.name!r} learnt from {len(both)} pictures of the {part} part, so nothing measured with "
                "it would be true: train it with the split of this study."
            )


def _facts(model: Model) -> dict[str, Any]:
    facts: dict[str, Any] = dict(model.card.training)
    return facts


def write_pictures(pictures: LabelledPictures, folder: Path) -> None:
    """Write pictures as PNG, one folder per class, numbered from 0."""
    for label, name in enumerate(pictures.class_names):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number, picture in enumerate(pictures.images[pictures.labels == label]):
            shown = picture.transpose(1, 2, 0)
            Image.fromarray(shown[..., 0] if shown.shape[-1] == 1 else shown).save(
                folder / name / f"{name}_{number:05d}.png"
            )
