"""Names of a package that are imported on first use, so that importing the package costs nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from typing import Any


def lazily(package: str, home: Mapping[str, str], modules: Collection[str] = ()) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package (PEP 562).

    Parameters
    ----------
    package : str
        ``__name__`` of the package.
    home : mapping of str to str
        The module of the package, such as "files", that defines each name.
    modules : collection of str
        Modules of the package that are names themselves.
    """

    def find(name: str) -> Any:
        if name in home:
            value = getattr(importlib.import_module(f".{home[name]}", package), name)
        elif name in modules:
            value = importlib.import_module(f".{name}", package)
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        setattr(sys.modules[package], name, value)
        return value

    return find
