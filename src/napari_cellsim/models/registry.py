"""Finding models: the bundled ones, those in the user's folder, and partners of a model."""

from __future__ import annotations

import math
import os
import re
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from napari_cellsim.base import CellSimError

from .card import ModelCard
from .header import SUFFIX, read_header
from .model import Model, read_model

_BUNDLED = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True)
class ModelEntry:
    """A model file, known from its head alone.

    Parameters
    ----------
    name : str
        Name for `load_model`.
    path : Path
        The file.
    bundled : bool
        Whether it came with napari-cellsim.
    size : int
        Bytes of the file.
    kind : str
        "sdcnet", "pwcnet" or "unet"; "" if the file cannot be read.
    hash : str
        `Model.hash`; "" if the file cannot be read.
    parameters : int
        Number of weights.
    card : ModelCard
        What the model says about itself.
    problem : str or None
        Why the file cannot be used, one sentence.
    """

    name: str
    path: Path
    bundled: bool
    size: int
    kind: str = ""
    hash: str = ""
    parameters: int = 0
    card: ModelCard = field(default_factory=ModelCard)
    problem: str | None = None


def user_model_folder() -> Path:
    """Return the folder of the user's models, which need not exist.

    The environment variable ``CELLSIM_MODEL_DIR`` names another one.
    """
    chosen = os.environ.get("CELLSIM_MODEL_DIR")
    return (
        Path(chosen) if chosen else platformdirs.user_data_path("napari-cellsim", appauthor=False) / "models"
    )


def list_models() -> list[ModelEntry]:
    """Return the bundled models and those in the user's folder, each by name; does not import torch.

    A file that cannot be used is listed with its `problem`.
    """
    return _entries(_BUNDLED, bundled=True) + _entries(user_model_folder(), bundled=False)


def load_model(name_or_path: str | Path) -> Model:
    """Load a model.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a bundled model or of one in the user's folder, or the path of a ``*.safetensors`` file.

    Returns
    -------
    Model
        On the CPU, float32, in evaluation mode.

    Raises
    ------
    CellSimError
        If there is no such model or its file cannot be used.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or Path(text).suffix == SUFFIX or Path(text).name != text:
        return read_model(Path(name_or_path).expanduser())
    entries = list_models()
    for entry in entries:
        if entry.name == text:
            return read_model(entry.path)
    if Path(text).exists():
        return read_model(Path(text))
    known = ", ".join(entry.name for entry in entries if entry.problem is None) or "none"
    raise CellSimError(f"There is no model called {text!r}; known models: {known}. A file needs its path.")


def store(model: Model, name: str | None = None) -> Path:
    """Keep a model in the user's folder, where `load_model` finds it by name.

    Parameters
    ----------
    model : Model
        The model, e.g. an imported one.
    name : str or None
        New name for it; None keeps its own.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    CellSimError
        If the name cannot be a file's or belongs to another model.
    """
    name = name or model.name
    if not re.fullmatch(r"\w[\w.+ -]*", name):
        raise CellSimError(f"{name!r} cannot name a model; use letters, digits, spaces and . _ + - only.")
    for entry in list_models():
        if entry.name == name and (entry.bundled or entry.hash != model.hash):
            raise CellSimError(
                f"There is another model called {name!r} at {entry.path}; choose another name."
            )
    path = user_model_folder() / f"{name}{SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CellSimError(
            f"The folder {path.parent} for models cannot be made: {error.strerror}."
        ) from error
    Model(name, model.kind, model.networks, model.card).save(path)
    return path


def resolve_partner(model: Model, role: str) -> Model:
    """Load the model that another one was trained with.

    It is looked for by hash, then by name, among the bundled models, the user's, and those in the folder of
    the model's own file. A partner of the right name but with other weights is used with a warning, which is
    also added to ``model.warnings``.

    Parameters
    ----------
    model : Model
        The model that needs a partner.
    role : str
        "flow" or "segmentation".

    Returns
    -------
    Model
        The partner.

    Raises
    ------
    CellSimError
        If the model names no such partner, or it cannot be found.

    Warns
    -----
    UserWarning
        If the partner found has another hash than the one trained with.
    """
    partner = model.card.partners.get(role)
    if partner is None:
        raise CellSimError(
            f"Model {model.name!r} names no partner for {role}; choose a {role} model yourself."
        )
    entries = list_models()
    if model.source is not None:
        entries += _entries(model.source.parent, bundled=False)
    usable = [entry for entry in entries if entry.problem is None]
    for entry in usable:
        if entry.hash == partner["hash"]:
            return read_model(entry.path)
    for entry in usable:
        if entry.name == partner["name"]:
            message = (
                f"Model {model.name!r} was trained with {role} model {entry.name!r} of hash {partner['hash'][:12]}, "
                f"but {entry.path} has hash {entry.hash[:12]}; the forecast may be worse than the card says."
            )
            if message not in model.warnings:
                model.warnings.append(message)
            warnings.warn(message, UserWarning, stacklevel=2)
            return read_model(entry.path)
    raise CellSimError(
        f"Model {model.name!r} needs the {role} model {partner['name']!r}, which is not installed; "
        f"put its file into {user_model_folder()} or choose another {role} source."
    )


def read_entry(path: Path, *, bundled: bool = False) -> ModelEntry:
    """Describe one model file from its head; a file that cannot be used, or is not there, gets a `problem`.

    Parameters
    ----------
    path : Path
        The file.
    bundled : bool
        Whether it came with napari-cellsim.

    Returns
    -------
    ModelEntry
    """
    size = path.stat().st_size if path.is_file() else 0
    try:
        header = read_header(path)
    except CellSimError as error:
        return ModelEntry(path.stem, path, bundled, size, problem=str(error))
    content = header.content
    parameters = sum(math.prod(shape) for shape in header.shapes.values())
    return ModelEntry(content.name, path, bundled, size, content.kind, content.hash, parameters, content.card)


def _entries(folder: Path, *, bundled: bool) -> list[ModelEntry]:
    # A hidden file is one that is being written.
    paths = [path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(".")]
    return sorted((read_entry(path, bundled=bundled) for path in paths), key=lambda entry: entry.name)
