"""Training, validation and test parts that share nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..base import CellSimError
from ..data import atomic_path
from .own_files import reading
from .store import CropStore
from .timewindows import Window

PARTS = ("train", "validation", "test")
_SAME_PLACE = 0.5  # crops that share more than this of their area show the same cells


@dataclass(frozen=True)
class Split:
    """Which windows belong to which part.

    Parameters
    ----------
    parts : dict of str to tuple of Window
        By "train", "validation" and "test".
    group : {"trap", "window"}
        What stays together.
    seed : int
        Seed of the draw.
    """

    parts: dict[str, tuple[Window, ...]]
    group: str
    seed: int

    def save(self, store: CropStore) -> Path:
        """Write the split beside its store as ``STORE.split.json`` after checking it for leaks.

        Raises
        ------
        CellSimError
            As `check_leaks`.
        """
        check_leaks(store, self.parts)
        content: dict[str, Any] = {
            "group": self.group,
            "seed": self.seed,
            "parts": {part: [w.as_json() for w in own] for part, own in self.parts.items()},
        }
        path = split_path(store)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        return path

    @classmethod
    def open(cls, store: CropStore) -> Split:
        """Read the split of a store, and check it for leaks.

        Raises
        ------
        CellSimError
            If there is none, it is damaged, or it leaks.
        """
        path = split_path(store)
        missing = f"The store {store.path.name} has not been split: split it first."
        with reading(path, "The split", "split the store again", missing):
            content = json.loads(path.read_text(encoding="utf-8"))
            parts = {part: tuple(map(Window.from_json, own)) for part, own in content["parts"].items()}
            split = cls(parts, content["group"], content["seed"])
        check_leaks(store, split.parts)
        return split


def split_path(store: CropStore) -> Path:
    """Return where the split of a store lies: beside it."""
    return store.path.with_name(store.path.stem + ".split.json")


def make_split(
    store: CropStore,
    chosen: Iterable[Window],
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    *,
    group: Literal["trap", "window"] = "trap",
    seed: int = 0,
) -> Split:
    """Deal windows out to training, validation and test.

    All focal planes and channels of a window stay together, and so do traps whose crops overlap by more than half.

    Parameters
    ----------
    store : CropStore
        The crops.
    chosen : iterable of Window
        Such as `Curation.kept`.
    fractions : tuple of float
        Shares of training, validation and test.
    group : {"trap", "window"}
        Keep all windows of a trap together, or, where traps are few, deal out each time window of a trap by itself
        (as the thesis does).
    seed : int
        Seed of the draw.

    Raises
    ------
    CellSimError
        If the fractions cannot be used, or there are fewer groups than parts.
    """
    if min(fractions) < 0 or fractions[0] <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise CellSimError(
            f"The shares of training, validation and test are {fractions}: give three that add up to 1, the first "
            "not 0."
        )
    if group not in ("trap", "window"):
        raise CellSimError(f"Windows cannot be grouped by {group!r}: choose 'trap' or 'window'.")
    places = _places(store)
    groups: dict[tuple[Any, ...], list[Window]] = {}
    for window in chosen:
        key = (places[window.sequence], *([] if group == "trap" else [window.start, window.stop]))
        groups.setdefault(key, []).append(window)
    wanted = [part for part, share in zip(PARTS, fractions, strict=True) if share > 0]
    if len(groups) < len(wanted):
        raise CellSimError(
            f"There are {len(groups)} groups of windows for {len(wanted)} parts: keep more traps"
            + (", or group by window." if group == "trap" else ".")
        )
    dealt: dict[str, list[Window]] = {part: [] for part in PARTS}
    keys = sorted(groups)
    total = sum(map(len, groups.values()))
    aims = {part: share * total for part, share in zip(PARTS, fractions, strict=True)}
    for n, i in enumerate(np.random.default_rng([seed, 40]).permutation(len(keys))):
        empty = [part for part in wanted if not dealt[part]]
        left = len(keys) - n
        # the part that lacks most of its share; towards the end those that would stay empty
        choice = empty if left <= len(empty) else wanted
        part = max(choice, key=lambda p: (aims[p] - len(dealt[p])) / aims[p])
        dealt[part] += groups[keys[i]]
    split = Split({p: tuple(sorted(own, key=lambda w: w.id)) for p, own in dealt.items()}, group, seed)
    check_leaks(store, split.parts)
    return split


def check_leaks(store: CropStore, parts: Mapping[str, Iterable[Window]]) -> None:
    """Check that no two parts show the same cells at the same time, whatever the focal plane or channel.

    Parameters
    ----------
    store : CropStore
        The crops.
    parts : mapping of str to windows
        Such as `Split.parts`.

    Raises
    ------
    CellSimError
        If two parts share a trap at some time, or overlapping crops of two traps; the sentence names the first.
    """
    places = _places(store)
    seen: dict[tuple[str, int], tuple[str, Window]] = {}
    for part, own in parts.items():
        for window in own:
            sequence = store.sequence(window.sequence)
            if not 0 <= window.start < window.stop <= sequence.shape[0]:
                raise CellSimError(
                    f"The split names {window.id}, but the sequence has {sequence.shape[0]} frames: split again."
                )
            for t in range(window.start, window.stop):
                other_part, other = seen.setdefault((places[window.sequence], t), (part, window))
                if other_part != part:
                    raise CellSimError(
                        f"The split leaks: {other.id} in {other_part} and {window.id} in {part} show the same cells at "
                        f"time {t}; split again, so that all focal planes of a trap and time stay together."
                    )


def _places(store: CropStore) -> dict[str, str]:
    """Return for each sequence the first of those whose crops overlap it by more than half, itself included."""
    found: dict[str, str] = {}
    by_position: dict[str, list[Any]] = {}
    for sequence in store.sequences:
        by_position.setdefault(sequence.position, []).append(sequence)
    for own in by_position.values():
        origins: NDArray[np.int64] = np.array([s.origins[0] for s in own])
        size = np.array(own[0].shape[3:])
        shared = np.clip(1 - np.abs(origins[:, None] - origins[None]) / size, 0, 1).prod(-1) > _SAME_PLACE
        for i, sequence in enumerate(own):
            # overlaps are followed from neighbour to neighbour
            reached = np.zeros(len(own), bool)
            reached[i] = True
            while (more := shared[reached].any(0)).sum() > reached.sum():
                reached = more
            found[sequence.id] = own[int(np.flatnonzero(reached)[0])].id
    return found
