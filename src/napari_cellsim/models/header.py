"""Reading the head of a model file, without torch and without its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from napari_cellsim.base import CellSimError

from .card import FORMAT_VERSION, ModelCard

SUFFIX = ".safetensors"
# Keys of the safetensors metadata, whose values must be text.
VERSION_KEY = "napari_cellsim_model"
CONTENT_KEY = "model"
# safetensors itself allows no longer head.
_LONGEST = 100_000_000


class NetworkRecord(BaseModel):
    """A network's name for `nets.create` and its configuration."""

    model_config = ConfigDict(extra="forbid")

    network: str
    config: dict[str, JsonValue]


class Content(BaseModel):
    """What stands in the metadata besides the format version."""

    model_config = ConfigDict(extra="forbid")

    name: str
    kind: str
    networks: dict[str, NetworkRecord]
    card: ModelCard
    hash: str
    written: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Header:
    """The head of a model file.

    Parameters
    ----------
    content : Content
        Name, kind, configurations, card and hash.
    shapes : dict
        Shape of every stored tensor, by ``role.key``.
    """

    content: Content
    shapes: dict[str, tuple[int, ...]]


def read_header(path: Path) -> Header:
    """Read the head of a model file.

    Parameters
    ----------
    path : Path
        A ``*.safetensors`` file that `Model.save` wrote.

    Returns
    -------
    Header

    Raises
    ------
    CellSimError
        If the file is missing, truncated, of another kind, or from a newer version.
    """
    raw = _read_json(path)
    metadata = raw.pop("__metadata__", None)
    if not isinstance(metadata, dict) or VERSION_KEY not in metadata:
        raise CellSimError(
            f"{path} is a safetensors file of another program, not a CellSim model; choose a file that CellSim saved."
        )
    version = str(metadata[VERSION_KEY])
    if not version.isdecimal() or int(version) > FORMAT_VERSION:
        raise CellSimError(
            f"{path} has model format {version}, but this napari-cellsim reads up to {FORMAT_VERSION}; "
            "update napari-cellsim to open it."
        )
    try:
        content = Content.model_validate_json(metadata[CONTENT_KEY])
        shapes = {name: tuple(int(n) for n in info["shape"]) for name, info in raw.items()}
        end = max((int(info["data_offsets"][1]) for info in raw.values()), default=0)
    except (KeyError, IndexError, TypeError, ValueError, ValidationError) as error:
        raise CellSimError(f"The description in model file {path} is damaged; get the file again.") from error
    content.card.format_version = int(version)
    _check_length(path, end)
    return Header(content, shapes)


def _read_json(path: Path) -> dict[str, Any]:
    if path.is_dir():
        raise CellSimError(f"{path} is a folder, not a model; choose a *{SUFFIX} file inside it.")
    try:
        with path.open("rb") as file:
            start = file.read(8)
            length = int.from_bytes(start, "little")
            size = path.stat().st_size
            text = file.read(length) if len(start) == 8 and length <= min(size - 8, _LONGEST) else b""
    except FileNotFoundError:
        raise CellSimError(f"There is no model file {path}; check the name or choose another file.") from None
    except OSError as error:
        raise CellSimError(f"Model file {path} cannot be read: {error.strerror or error}.") from error
    try:
        raw = json.loads(text)
    except ValueError:
        raw = None
    if not isinstance(raw, dict):
        raise CellSimError(_what_it_is(path, start + text[:64] if text else _first_bytes(path)))
    return raw


def _check_length(path: Path, end: int) -> None:
    with path.open("rb") as file:
        expected = 8 + int.from_bytes(file.read(8), "little") + end
    actual = path.stat().st_size
    if actual < expected:
        raise CellSimError(
            f"Model file {path} is cut off: {actual} of {expected} bytes are there; copy or download it again."
        )


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _what_it_is(path: Path, start: bytes) -> str:
    if not start:
        return f"{path} is empty; copy or download it again."
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06") or start[:1] == b"\x80":
        return (
            f"{path} is a PyTorch checkpoint or another zip or pickle file, which CellSim never opens as a model; "
            "weights of PWC-Net, Multi-StyleGAN and ResNet-18 come in through `napari-cellsim import-weights`."
        )
    if start[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+") or start[:8] == b"\x89PNG\r\n\x1a\n":
        return f"{path} is a picture, not a model; open it as a movie instead."
    if start[:8] == b"\x89HDF\r\n\x1a\n":
        return f"{path} is an HDF5 file, not a CellSim model; choose a *{SUFFIX} file that CellSim saved."
    if path.suffix == SUFFIX:
        return f"Model file {path} is damaged or cut off in its head; copy or download it again."
    return f"{path} is not a CellSim model; choose a *{SUFFIX} file that CellSim saved."
