"""Models of specimens that belong together: one per class, named alike but for the class in brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..models import ModelEntry

_IN_BRACKETS = re.compile(r"(?P<family>.+?)\s*\([^()]*\)")


def classes_of(entry: ModelEntry) -> tuple[str, ...]:
    """Return the classes of specimens that a model was trained on, as its card says; nothing for other models."""
    stated = entry.card.training.get("classes")
    return tuple(map(str, stated)) if isinstance(stated, dict | list) else ()


def relatives(entry: ModelEntry, entries: Sequence[ModelEntry]) -> list[ModelEntry]:
    """Return the models of `entries` that draw classes of the same collection, `entry` among them.

    Their names are alike but for something in brackets at the end: "forams", "forams (planktic)", "forams (benthic)".

    Returns
    -------
    list of ModelEntry
        Nothing if the card of `entry` names no classes.
    """
    if not classes_of(entry):
        return []
    return [
        one
        for one in entries
        if one.kind == entry.kind and classes_of(one) and _family(one.name) == _family(entry.name)
    ]


def title(entry: ModelEntry, among: Sequence[ModelEntry]) -> str:
    """Return what to call the classes of a model, with its name where another one of `among` has the same."""
    text = _title(entry)
    alone = sum(_title(one) == text for one in among) == 1
    return text if alone else f"{text} – {entry.name}"


def _title(entry: ModelEntry) -> str:
    classes = classes_of(entry)
    if len(classes) == 1:
        return classes[0]
    return f"{len(classes)} together: {', '.join(classes)}"


def _family(name: str) -> str:
    match = _IN_BRACKETS.fullmatch(name)
    return match["family"] if match else name
