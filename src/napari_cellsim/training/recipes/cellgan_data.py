"""What Cell-GAN can learn from: a store of traps, or a folder of photographs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from ...base import CellSimError
from ...datasets import class_names
from ..pictures import PictureConfig
from ..specimen_pictures import SpecimenConfig

_TRAPS, _PHOTOGRAPHS = "traps", "photographs"
_OF_PHOTOGRAPHS = set(SpecimenConfig.model_fields) - set(PictureConfig.model_fields)


def _kind(data: Any) -> str:
    """Return what the settings describe: those of photographs have some that those of traps lack."""
    names = set(data) if isinstance(data, Mapping) else set(type(data).model_fields)
    return _PHOTOGRAPHS if names & _OF_PHOTOGRAPHS else _TRAPS


TrapsOrPhotographs = Annotated[
    Annotated[PictureConfig, Tag(_TRAPS)] | Annotated[SpecimenConfig, Tag(_PHOTOGRAPHS)], Discriminator(_kind)
]
"""Settings of the data; naming ``channels`` makes them those of photographs."""


def check_folder(data: PictureConfig | SpecimenConfig) -> None:
    """Check that the settings of a store of traps do not name a folder of photographs.

    Raises
    ------
    CellSimError
        If they do; the sentence says which setting is missing.
    """
    if isinstance(data, SpecimenConfig) or (Path(data.folder) / "train").exists():
        return
    try:
        names = class_names(data.folder)
    except CellSimError:  # no photographs either
        return
    raise CellSimError(
        f"The folder {data.folder} holds photographs ({', '.join(names)}), not a store of traps: to learn from them, "
        "set channels = 3 in the settings of the data, or 1 for grey."
    )
