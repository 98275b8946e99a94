"""Keeping, dropping and flagging windows, by rules and by hand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ..base import CellSimError
from ..data import atomic_path
from .measures import MeasureTable, measures_path
from .own_files import reading
from .store import CropStore
from .timewindows import Window, windows

Verdict = Literal["keep", "drop", "flag"]
_VERDICTS: tuple[str, ...] = get_args(Verdict)
BY_HAND = "hand"


@dataclass(frozen=True)
class Rule:
    """One condition on a measure of `MeasureTable.summary`.

    Parameters
    ----------
    measure : str
        Its name.
    low, high : float or None
        Smallest and largest value that is fine.
    otherwise : {"drop", "flag"}
        What happens to a window outside them.
    reason : str
        Why, for people.
    """

    measure: str
    low: float | None = None
    high: float | None = None
    otherwise: Verdict = "drop"
    reason: str = ""

    def broken(self, summary: dict[str, float]) -> bool:
        """Return whether a window lies outside.

        Raises
        ------
        CellSimError
            If there is no such measure.
        """
        if self.measure not in summary:
            raise CellSimError(f"There is no measure {self.measure!r}: choose one of {', '.join(summary)}.")
        value = summary[self.measure]
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)


_WITH_RANDOMNESS = (
    Rule("most_cells", high=8, reason="more than 8 cells"),
    Rule("trapped", low=0.5, reason="the trap is empty most of the time"),
    Rule("trapped", low=1.0, otherwise="flag", reason="the trap is empty in some frames"),
    Rule("focus", low=0.5, reason="a frame is out of focus"),
)
PRESETS: dict[str, tuple[Rule, ...]] = {
    "with randomness": _WITH_RANDOMNESS,
    "without randomness": (
        *_WITH_RANDOMNESS,
        Rule("flush", high=0.6, reason="cells are flushed in or out"),
        Rule("jump", high=3.0, reason="the picture changes suddenly"),
    ),
}
"""The two versions of the thesis' data set (Reich 2020, §4.1-4.3): at most 8 cells and a mother cell in the trap; and
without cells that the medium flushes in or out, which nobody can foresee."""


@dataclass(frozen=True)
class Decision:
    """What happens to a window.

    Parameters
    ----------
    verdict : {"keep", "drop", "flag"}
        Flagged windows are left out until somebody has looked at them.
    by : str
        ``"hand"``, or the name of the rules.
    reason : str
        Why.
    """

    verdict: Verdict
    by: str = BY_HAND
    reason: str = ""


class Curation:
    """Decisions on the windows of a store, kept beside it in ``STORE.curation.json`` after every change.

    Parameters
    ----------
    store : CropStore
        The crops.
    length : int or None
        Frames per window, as in `windows`.
    anew : bool
        Pay no regard to earlier decisions; they are lost with the next change.

    Raises
    ------
    CellSimError
        If the file is damaged, or was made with windows of another length.
    """

    def __init__(self, store: CropStore, length: int | None = None, *, anew: bool = False) -> None:
        self.store, self.length = store, length
        self.windows = windows(store, length)
        self.path = curation_path(store)
        self.decisions: dict[str, Decision] = {}
        self._known = {window.id: window for window in self.windows}
        if self.path.exists() and not anew:
            self._load()

    @classmethod
    def resumed(cls, store: CropStore) -> Curation:
        """Go on with earlier decisions, in windows of their length; without any, each sequence is one window.

        Raises
        ------
        CellSimError
            If the file is damaged.
        """
        path = curation_path(store)
        if not path.exists():
            return cls(store)
        try:
            length = json.loads(path.read_text(encoding="utf-8"))["length"]
        except (OSError, ValueError, KeyError, TypeError):
            length = None  # `_load` says what is wrong
        return cls(store, length)

    def _load(self) -> None:
        with reading(self.path, "The decisions", "delete the file and review again"):
            content = json.loads(self.path.read_text(encoding="utf-8"))
            length, decisions = content["length"], content["decisions"]
            found = {name: Decision(**values) for name, values in decisions.items()}
        if length != self.length:
            raise CellSimError(
                f"The decisions {self.path.name} are about windows of {length or 'all'} frames, not "
                f"{self.length or 'all'}: use that length, or delete the file and review again."
            )
        self.decisions = {name: decision for name, decision in found.items() if name in self._known}

    def save(self) -> None:
        """Write the decisions, whole or not at all."""
        content: dict[str, Any] = {
            "length": self.length,
            "decisions": {
                name: {"verdict": d.verdict, "by": d.by, "reason": d.reason}
                for name, d in dict(
                    self.decisions
                ).items()  # a copy, because it may be saved in another thread
            },
        }
        with atomic_path(self.path) as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")

    def decide(self, name: str, verdict: Verdict, reason: str = "") -> None:
        """Decide on a window by hand; rules do not change it any more.

        Raises
        ------
        CellSimError
            If there is no such window or verdict.
        """
        if name not in self._known:
            raise CellSimError(f"There is no window {name!r} in {self.store.path.name}.")
        if verdict not in _VERDICTS:
            raise CellSimError(f"The decision {verdict!r} is unknown: choose one of {', '.join(_VERDICTS)}.")
        self.decisions[name] = Decision(verdict, BY_HAND, reason)
        self.save()

    def by_hand(self) -> list[str]:
        """Return the windows that somebody has decided on."""
        return [name for name, decision in self.decisions.items() if decision.by == BY_HAND]

    def apply(self, rules: str | Sequence[Rule], table: MeasureTable | None = None) -> dict[str, int]:
        """Decide on all windows that nobody has decided on by hand.

        Parameters
        ----------
        rules : str or sequence of Rule
            A name of `PRESETS`, or rules; the first that says drop wins over those that say flag.
        table : MeasureTable or None
            The measures; None reads those beside the store.

        Returns
        -------
        dict
            Number of windows kept, dropped and flagged, those decided by hand included.

        Raises
        ------
        CellSimError
            If the preset is unknown or the store has not been measured.
        """
        self.decisions |= self.judged(rules, table)
        self.save()
        return self.counts()

    def judged(self, rules: str | Sequence[Rule], table: MeasureTable | None = None) -> dict[str, Decision]:
        """Return what `apply` would decide, and change nothing."""
        if isinstance(rules, str) and rules not in PRESETS:
            raise CellSimError(f"There are no rules called {rules!r}: choose one of {', '.join(PRESETS)}.")
        name = rules if isinstance(rules, str) else "rules"
        chosen = PRESETS[rules] if isinstance(rules, str) else rules
        table = MeasureTable.open(measures_path(self.store)) if table is None else table
        found: dict[str, Decision] = {}
        for window in self.windows:
            before = self.decisions.get(window.id)
            if before is not None and before.by == BY_HAND:
                continue
            if window.sequence not in table.sequences:
                raise CellSimError(f"{window.sequence} has not been measured: measure the store again.")
            found[window.id] = _judge(table.summary(window), chosen, name)
        return found

    def counts(self) -> dict[str, int]:
        """Return how many windows are kept, dropped and flagged; undecided ones count as kept."""
        verdicts = [self.verdict(window.id) for window in self.windows]
        return {verdict: verdicts.count(verdict) for verdict in ("keep", "drop", "flag")}

    def verdict(self, name: str) -> Verdict:
        """Return what happens to a window; one that nobody has decided on is kept."""
        decision = self.decisions.get(name)
        return "keep" if decision is None else decision.verdict

    def kept(self) -> tuple[Window, ...]:
        """Return the windows that are neither dropped nor flagged."""
        return tuple(window for window in self.windows if self.verdict(window.id) == "keep")


def curation_path(store: CropStore) -> Path:
    """Return where the decisions on a store lie: beside it."""
    return store.path.with_name(store.path.stem + ".curation.json")


def _judge(summary: dict[str, float], rules: Sequence[Rule], name: str) -> Decision:
    broken = [rule for rule in rules if rule.broken(summary)]
    for verdict in ("drop", "flag"):
        for rule in broken:
            if rule.otherwise == verdict:
                return Decision(rule.otherwise, name, rule.reason or rule.measure)
    return Decision("keep", name)
