"""How the Train dock looks: three tabs over a message line. What the buttons do is the dock's business."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from ..training.probe import Probe
from .job_bar import JobBar, format_seconds
from .run_list import RunList
from .train_form import TrainForm
from .train_progress import TrainProgress
from .widgets import button, line, say, scrolling, tab_box

TABS = ("New", "Progress", "Runs")


class TrainView(QWidget):
    """The widgets of the Train dock.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers the controls offer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.form = TrainForm(viewer)
        self.progress = TrainProgress()
        self.runs = RunList()
        self.bar = JobBar("preparation")
        self.start_button = button("Start", "Start the training, in a process of its own: napari stays free.")
        self.probe_button = button(
            "How long will it take?",
            "Do 20 steps in the background, and tell from them how long all of it takes.",
        )
        self.probe_line = line("Expected time")
        pages = (self._new_page(), scrolling(self.progress), self.runs)
        self.tabs = tab_box(
            "Train",
            "New training, its progress, or all runs",
            "Start a new training, watch one, or see all runs",
            dict(zip(TABS, pages, strict=True)),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 2, 2, 2)
        column.addWidget(self.tabs, 1)
        column.addWidget(self.bar)

    def _new_page(self) -> QWidget:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(4, 2, 8, 2)
        form = self.form
        for part in (form.what_box, form.data_box, form.run_box, form.advanced.box, self.probe_line):
            column.addWidget(part)
        column.addStretch(1)
        page = QWidget()
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button, 1)
        buttons.addWidget(self.probe_button, 1)
        outer = QVBoxLayout(page)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolling(content), 1)
        outer.addLayout(buttons)
        return page

    def show_tab(self, name: str) -> None:
        """Show the tab of that name, see `TABS`."""
        self.tabs.setCurrentIndex(TABS.index(name))

    def show_probe(self, found: Probe, *, each: bool) -> None:
        """Say how long the training will take; `each`: there are several of that kind."""
        models = ", for each of the models," if each else ""
        memory = "" if found.memory is None else f", {found.memory / 2**30:.1f} GB of memory"
        say(
            self.probe_line,
            f"<b>About {format_seconds(found.seconds)} for this budget{models} on {found.device}</b> "
            f"({found.seconds_per_step:.2g} s per step, {found.images_per_second:.3g} images/s{memory}).",
        )
