"""The decisions of a review: made at once, undone at will, and written by a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from qtpy.QtCore import QObject, Signal

from ..base import CellSimError
from ..datasets import Decision
from .dataset_review_work import Review
from .scout import Question

_NO_STORE = "No store of crops is open: cut crops, or press Open store."


class ReviewDesk(QObject):
    """Holds the store under review and what was decided on its windows.

    Attributes
    ----------
    changed : Signal
        Emitted with the ids of the windows whose decision changed.
    problem : Signal
        Emitted with the error if decisions could not be written.
    """

    changed = Signal(list)
    problem = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._review: Review | None = None
        self._undo: list[dict[str, Decision | None]] = []
        self._saver = Question("Writing the decisions")
        self._saver.answered.connect(self._saved)

    @property
    def open(self) -> bool:
        """Whether there is a store."""
        return self._review is not None

    @property
    def review(self) -> Review:
        """The store under review.

        Raises
        ------
        CellSimError
            If there is none.
        """
        if self._review is None:
            raise CellSimError(_NO_STORE)
        return self._review

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return bool(self._undo)

    @property
    def saved(self) -> bool:
        """Whether all decisions have been written."""
        return not self._saver.pending

    def show(self, review: Review, *, keep_undo: bool = False) -> None:
        """Take another store, or the same with new measures or windows."""
        self.flush()
        self._review = review
        if not keep_undo:
            self._undo = []

    def verdict(self, name: str) -> str:
        """Return what was decided on a window; "" where nobody did (it counts as kept)."""
        decision = self.decision(name)
        return "" if decision is None else decision.verdict

    def decision(self, name: str) -> Decision | None:
        """Return the decision on a window."""
        return self.review.curation.decisions.get(name)

    def counts(self) -> dict[str, int]:
        """Return how many windows are kept, dropped and flagged."""
        return self.review.curation.counts()

    def decide(self, names: Iterable[str], verdict: Any) -> None:
        """Decide by hand."""
        self.take({name: Decision(verdict) for name in names})

    def take(self, decisions: Mapping[str, Decision | None]) -> None:
        """Replace decisions by others (None for no decision), as one step that can be undone."""
        if decisions:
            known = self.review.curation.decisions
            self._undo.append({name: known.get(name) for name in decisions})
            self._replace(decisions)

    def undo(self) -> list[str]:
        """Take back the last step; returns the windows that it was about."""
        if not self._undo:
            return []
        before = self._undo.pop()
        self._replace(before)
        return list(before)

    def flush(self) -> None:
        """Write what is not written yet, now."""
        if self._saver.pending and self._review is not None:
            self._saver.forget()
            self._review.curation.save()

    # ---- inside ----

    def _replace(self, decisions: Mapping[str, Decision | None]) -> None:
        curation = self.review.curation
        for name, decision in decisions.items():
            if decision is None:
                curation.decisions.pop(name, None)
            else:
                curation.decisions[name] = decision
        self._saver.ask(lambda token: curation.save())
        self.changed.emit(list(decisions))

    def _saved(self, _result: Any, error: BaseException | None) -> None:
        if isinstance(error, OSError):
            error = CellSimError(
                f"The decisions cannot be written ({error.strerror or error}): free some space or mend the "
                "permissions, then decide once more."
            )
        if error is not None:
            self.problem.emit(error)
