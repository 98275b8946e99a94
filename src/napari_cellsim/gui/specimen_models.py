"""Models of specimens that belong together: one per class, named alike but for the class in brackets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..evaluation.picture_sets import classes_of
from ..models import ModelEntry

_IN_BRACKETS = re.compile(r"(?P<family>.+?)\s*\([^()]*\)")


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


def collections(entries: Sequence[ModelEntry]) -> dict[str, dict[str, ModelEntry]]:
    """Return the collections of which several classes have a model of their own: name -> class -> the first such."""
    found: dict[str, dict[str, ModelEntry]] = {}
    for entry in entries:
        classes = classes_of(entry)
        if len(classes) == 1:
            found.setdefault(_family(entry.name), {}).setdefault(classes[0], entry)
    return {name: models for name, models in found.items() if len(models) > 1}


def titled_collections(entries: Sequence[ModelEntry]) -> list[tuple[str, tuple[ModelEntry, ...]]]:
    """Return what to call each of the `collections`, and its models."""
    return [
        (f"models {name}: {', '.join(models)}", tuple(models.values()))
        for name, models in collections(entries).items()
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
