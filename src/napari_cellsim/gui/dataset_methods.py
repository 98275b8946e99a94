"""What the Dataset dock does with a store of crops: review, rules, split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..base import CellSimError
from ..datasets import Decision
from . import dataset_review_work as work
from .dataset_desk import ReviewDesk
from .dataset_view import DatasetView
from .dataset_window import WindowLayers
from .jobs import Finish, Job, JobFactory
from .other_dock import open_dock

_VERDICTS = ("keep", "drop", "flag")


class ReviewMethods:
    """Methods of the Dataset dock that need a store."""

    _viewer: Any
    _view: DatasetView
    _desk: ReviewDesk
    _window: WindowLayers

    def _start(self, factory: JobFactory, name: str, finish: Finish | None) -> Job:
        raise NotImplementedError

    # ---- a store ----

    @property
    def store(self) -> Any:
        """The open store of crops, or None."""
        return self._desk.review.store if self._desk.open else None

    def open_store(self, path: str | Path) -> Job:
        """Open a store of crops for review.

        Returns
        -------
        Job
            Its result is the review.
        """
        chosen = Path(path)
        return self._start(
            lambda token: work.load_work(chosen, token), f"Opening {chosen.name}", self._show_review
        )

    def measure(self, model: Any = None) -> Job:
        """Count cells and measure focus and sudden changes in every frame of the store.

        Parameters
        ----------
        model : str or Path, optional
            Segmentation model; by default the chosen one.

        Returns
        -------
        Job
            Its result is the review with the measures.
        """
        review, how = self._desk.review, self._view.review.measuring
        if model is not None:
            how = replace(how, model=model)
        if how.model is None:
            raise CellSimError("There is no segmentation model: open one in the Models dock.")
        return self._start(
            lambda token: work.measure_work(review, how, token),
            f"Measuring {review.store.path.name}",
            self._show_measured,
        )

    def apply_preset(self, name: str) -> Job:
        """Decide by the rules "with randomness" or "without randomness" on what no hand has decided.

        Returns
        -------
        Job
            Its result are the decisions.
        """
        review = self._desk.review
        return self._start(
            lambda token: work.judge_work(review, name), f"“{name.capitalize()}”", self._take_judgement
        )

    def decide(self, verdict: str, names: list[str] | None = None) -> None:
        """Keep, drop or flag windows by hand, by default the selected ones; then go to the next row.

        Raises
        ------
        CellSimError
            If the verdict is unknown or no window is selected.
        """
        if verdict not in _VERDICTS:
            raise CellSimError(f"The decision {verdict!r} is unknown: choose one of {', '.join(_VERDICTS)}.")
        view = self._view.review.view
        chosen = self._view.review.chosen if names is None else names
        if not chosen:
            raise CellSimError("No window is chosen: choose rows of the table first.")
        self._desk.decide(chosen, verdict)
        if names is None and len(chosen) == 1:
            view.go(min(view.currentIndex().row() + 1, view.model().rowCount() - 1))

    def undo(self) -> None:
        """Take back the last decision and go to its row."""
        names = self._desk.undo()
        if len(names) == 1:
            self._view.review.view.go(self._view.review.table.row(names[0]))

    def forget_decisions(self) -> None:
        """Forget all decisions; can be undone."""
        decisions: dict[str, Decision | None] = dict.fromkeys(self._desk.review.curation.decisions)
        self._desk.take(decisions)

    def set_window_length(self, length: int | None) -> Job:
        """Cut the sequences into windows of so many frames; None makes each sequence one window.

        Raises
        ------
        CellSimError
            If decisions by hand would be lost.
        """
        review = self._desk.review
        by_hand = len(review.curation.by_hand())
        if by_hand and length != review.curation.length:
            self._view.review.reload()
            raise CellSimError(
                f"{by_hand} windows have been decided by hand, which other windows would lose: press “Forget all” "
                "first if that is meant."
            )
        return self._start(
            lambda token: work.windows_work(review, length, token),
            "Cutting into windows",
            self._show_review,
        )

    def show_window(self, name: str | None = None) -> None:
        """Show a window in the viewer, by default the current row of the table."""
        table, view = self._view.review.table, self._view.review.view
        row = view.currentIndex().row() if name is None else table.row(name)
        if row < 0:
            raise CellSimError("No window is chosen: choose a row of the table first.")
        self._window.show(self._desk.review.store, table.window(row))

    # ---- parts ----

    def split(
        self,
        fractions: tuple[float, float, float] | None = None,
        *,
        group: str | None = None,
        seed: int | None = None,
    ) -> Job:
        """Deal out the kept windows to training, validation and test, check for leaks, and write the split.

        Parameters
        ----------
        fractions : tuple of float, optional
            Shares that add up to 1; by default what the dock says.
        group : "trap" or "window", optional
            What stays together.
        seed : int, optional
            Seed of the draw.

        Returns
        -------
        Job
            Its result says what each part holds.
        """
        review, tab = self._desk.review, self._view.split
        shares = tab.fractions if fractions is None else fractions
        grouping = tab.grouping if group is None else group
        number = tab.seed.value if seed is None else seed
        return self._start(
            lambda token: work.split_work(review, shares, grouping, number, token),
            f"Splitting {review.store.path.name}",
            self._show_split,
        )

    def train(self) -> None:
        """Choose the store in the Train dock, which is opened if need be."""
        open_dock(self._viewer, "Train").use_dataset(self._desk.review.store.path)

    # ---- what becomes of the jobs ----

    def _show_review(self, review: work.Review) -> Iterator[None]:
        self._desk.show(review)
        yield
        self._view.review.reload()
        yield
        self._view.split.show_kept(self._desk.counts())
        self._view.split.show_split(review.split, review.store.path.name)
        yield

    def _show_measured(self, review: work.Review) -> Iterator[None]:
        self._desk.show(review, keep_undo=True)
        yield
        self._view.review.reload()

    def _take_judgement(self, decisions: dict[str, Decision]) -> Iterator[None]:
        by_hand = set(self._desk.review.curation.by_hand())
        self._desk.take({name: one for name, one in decisions.items() if name not in by_hand})
        yield

    def _show_split(self, facts: work.SplitFacts) -> Iterator[None]:
        self._view.split.show_split(facts, self._desk.review.store.path.name)
        yield

    def _decisions_changed(self, _names: Any = None) -> None:
        split = self._view.split
        split.show_kept(self._desk.counts())
        split.mark_outdated()
