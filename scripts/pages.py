"""Parts of documents that scripts write: the text between ``<!-- NAME:begin -->`` and ``<!-- NAME:end -->``."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def insert(document: str, name: str, content: str) -> str:
    """Return a document with the text of one part replaced."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    before, rest = document.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{content}\n{end}{after}"


def update(path: Path, **parts: str) -> None:
    """Write parts of a document in place."""
    document = path.read_text(encoding="utf-8")
    for name, content in parts.items():
        document = insert(document, name, content)
    path.write_text(document, encoding="utf-8")
    print(f"{path.relative_to(ROOT)} is up to date")
