"""Reading back the small JSON files that lie beside a crop store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..base import CellSimError


@contextmanager
def reading(path: Path, what: str, advice: str, missing: str | None = None) -> Iterator[None]:
    """Say in one sentence what is wrong with a file that is read and understood inside.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    what : str
        What it holds, such as "The split"; may be empty.
    advice : str
        What to do if it is damaged, such as "split the store again".
    missing : str, optional
        The sentence for a file that is not there.

    Raises
    ------
    CellSimError
        If the file is missing or damaged.
    """
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        if missing is not None and isinstance(error, FileNotFoundError):
            raise CellSimError(missing) from None
        name = f"{what} {path}".strip()
        raise CellSimError(f"{name} cannot be read ({error}): {advice}.") from error
