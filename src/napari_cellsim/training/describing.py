"""What can be set in each recipe, and where: told by another process, so that the asker needs no torch."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from ..base import JobToken
from .errands import answer, ask_process


@dataclass(frozen=True)
class Catalogue:
    """What there is to choose.

    Parameters
    ----------
    schemas : dict
        JSON schema of each recipe's configuration, by the recipe's name.
    stages : dict
        Settings, data and budget of each stage of the recipe `sdcnet`, by preset and stage.
    devices : list of str
        Devices of this machine.
    """

    schemas: dict[str, dict[str, Any]]
    stages: dict[str, dict[str, dict[str, dict[str, Any]]]]
    devices: list[str]


def read_catalogue(token: JobToken | None = None) -> Catalogue:
    """Return what there is to choose; takes some seconds, in another process.

    Parameters
    ----------
    token : JobToken, optional
        Cancels.
    """
    return Catalogue(**ask_process("training.describing", token=token))


def attribute_sentences(docstring: str) -> dict[str, str]:
    """Return what the section "Attributes" of a numpydoc docstring says of each name.

    Parameters
    ----------
    docstring : str
        Its entries look like ``first, second : int``, followed by indented text.
    """
    _, _, section = docstring.partition("Attributes\n----------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line.startswith("    "):
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
        elif line.strip():
            names = re.findall(r"\w+", line.partition(" : ")[0])
    return found


def main() -> None:
    """Print the catalogue."""
    from ..forecasting import devices
    from .recipes import RECIPES
    from .recipes.forecast_settings import SDCNET_STAGES

    configs: dict[str, Any] = {name: config for name, (config, _) in RECIPES.items()}
    schemas = {name: config.model_json_schema() for name, config in configs.items()}
    stages: Any = SDCNET_STAGES
    answer(asdict(Catalogue(schemas, stages, devices())))


if __name__ == "__main__":
    main()
