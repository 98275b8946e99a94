"""How the Dataset dock looks: four tabs in the order of the work, progress below them."""

from __future__ import annotations

from qtpy.QtWidgets import QAbstractButton, QVBoxLayout, QWidget

from .dataset_crop_tab import CropTab
from .dataset_desk import ReviewDesk
from .dataset_find_tab import FindTab
from .dataset_review_tab import ReviewTab
from .dataset_split_tab import SplitTab
from .job_bar import JobBar
from .jobs import Job
from .widgets import scrolling, tab_box

TABS = ("Find", "Crop", "Review", "Split")


class DatasetView(QWidget):
    """The widgets of the Dataset dock. What the buttons do is the dock's business.

    Parameters
    ----------
    desk : ReviewDesk
        Whose windows the Review tab shows.
    """

    def __init__(self, desk: ReviewDesk) -> None:
        super().__init__()
        self.find = FindTab()
        self.crop = CropTab()
        self.review = ReviewTab(desk)
        self.split = SplitTab()
        self.bar = JobBar("work on the dataset")
        pages = map(scrolling, (self.find, self.crop, self.review, self.split))
        self.tabs = tab_box(
            "Dataset",
            "Find, crop, review or split",
            "From the pictures of an experiment to a dataset, in four steps",
            dict(zip(TABS, pages, strict=True)),
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 4, 4, 4)
        column.addWidget(self.tabs, 1)
        column.addWidget(self.bar)

    @property
    def working_buttons(self) -> list[QAbstractButton]:
        """Buttons that start a job; they rest while one runs."""
        find, crop, review = self.find, self.crop, self.review
        return [
            find.folder_button,
            find.file_button,
            find.find_button,
            crop.crop_button,
            crop.continue_button,
            review.open_button,
            review.measure_button,
            *review.presets.values(),
            self.split.split_button,
        ]

    def follow(self, job: Job) -> None:
        """Show a job in the bar."""
        self.bar.follow(job)
        self._rest(True)
        job.finished.connect(self._wake)

    def show_tab(self, name: str) -> None:
        """Bring a tab of `TABS` to the front."""
        self.tabs.setCurrentIndex(TABS.index(name))

    def _wake(self) -> None:
        self._rest(False)

    def _rest(self, busy: bool) -> None:
        for one in self.working_buttons:
            one.setEnabled(not busy)
        self.find.position.setEnabled(not busy)
        self.review.length.setEnabled(not busy)
