"""What can be set in each recipe, told by a process of its own: whoever asks needs no torch."""

from __future__ import annotations

import re
from typing import Any

from ..base import JobToken
from .errands import answer, ask_process


def describe_recipes(token: JobToken | None = None) -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each recipe's configuration, by the recipe's name.

    Takes some seconds, in another process.

    Parameters
    ----------
    token : JobToken, optional
        Cancels.
    """
    found: dict[str, dict[str, Any]] = ask_process("training.describing", token=token)
    return found


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
    """Print the schemas of all recipes."""
    from .recipes import RECIPES

    configs: dict[str, Any] = {name: config for name, (config, _) in RECIPES.items()}
    answer({name: config.model_json_schema() for name, config in configs.items()})


if __name__ == "__main__":
    main()
