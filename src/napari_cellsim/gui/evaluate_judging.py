"""How one person judges picture after picture by keys; knows no Qt."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from typing import NamedTuple

REAL, GENERATED = "r", "g"
CONFIDENCES = "12345"


class Judgement(NamedTuple):
    """A complete answer: which picture, taken for generated or not, how surely, and its class if any is asked for."""

    picture: int
    generated: bool
    confidence: int
    cell_class: str | None


def class_keys(classes: Sequence[str]) -> dict[str, str]:
    """Return a letter for each class: its first one that is free, so that R, G and the digits keep their meaning."""
    keys: dict[str, str] = {}
    for name in classes:
        candidates = [c for c in name.lower() if c in string.ascii_lowercase] + list(string.ascii_lowercase)
        free = [c for c in candidates if c not in keys and c not in (REAL, GENERATED)]
        if free:
            keys[free[0]] = name
    return keys


class Judging:
    """Where somebody is in a blind test.

    Parameters
    ----------
    count : int
        Pictures in the test.
    classes : sequence of str
        What to choose among; may be empty.
    done : iterable of int
        Pictures judged already.

    Attributes
    ----------
    keys : dict of str to str
        Letter of each class.
    generated, confidence, cell_class : bool, int, str or None
        What was said of the current picture so far.
    """

    def __init__(self, count: int, classes: Sequence[str] = (), done: Iterable[int] = ()) -> None:
        self.count = count
        self.keys = class_keys(classes)
        self._done = set(done)
        self._forget()

    @property
    def done(self) -> int:
        """How many pictures are judged."""
        return len(self._done)

    @property
    def current(self) -> int | None:
        """The picture to be judged: the first that is not; None at the end."""
        return next((number for number in range(self.count) if number not in self._done), None)

    @property
    def answer(self) -> Judgement | None:
        """What was said of the current picture, once that is complete."""
        if self.current is None or self.generated is None or self.confidence is None:
            return None
        if self.keys and self.cell_class is None:
            return None
        return Judgement(self.current, self.generated, self.confidence, self.cell_class)

    def press(self, key: str) -> bool:
        """Take one key; returns whether it means anything."""
        letter = key.lower()
        if letter in (REAL, GENERATED):
            self.generated = letter == GENERATED
        elif letter and letter in CONFIDENCES:
            self.confidence = int(letter)
        elif letter in self.keys:
            self.cell_class = self.keys[letter]
        else:
            return False
        return True

    def accept(self) -> None:
        """Go on to the next picture, now that the answer is kept."""
        if self.current is not None:
            self._done.add(self.current)
        self._forget()

    def take_back(self) -> None:
        """Forget the keys pressed for this picture; if there are none, judge the one before it again."""
        if (self.generated, self.confidence, self.cell_class) != (None, None, None):
            self._forget()
            return
        before = self.count if self.current is None else self.current
        earlier = [number for number in self._done if number < before]
        if earlier:
            self._done.discard(max(earlier))

    def _forget(self) -> None:
        self.generated: bool | None = None
        self.confidence: int | None = None
        self.cell_class: str | None = None
