"""The Crop tab of the Dataset dock: how large, and where to."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from ..datasets import CropStore
from ..datasets.orders import interrupted
from .dataset_field import Count
from .dataset_work import PositionFacts
from .generate_widgets import add_row
from .widgets import button, form, line, say, section, whole_number

SUFFIX = ".zarr"


class CropTab(QWidget):
    """Form of the Crop tab. What the buttons do is the dock's business.

    Attributes
    ----------
    changed : Signal
        Emitted when size or destination changed.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._planned: tuple[Count | None, PositionFacts | None] = (None, None)
        self.summary_line = line("What will be cropped")
        self.size = whole_number("Size", 8, 4096, 256, "Height and width of the crops, in pixels", step=16)
        self.size.setSuffix(" px")
        self.path = QLineEdit()
        self.path.setPlaceholderText("crops.zarr")
        self.path.setAccessibleName("Store")
        self.path.setToolTip("The store to write, a folder whose name ends in .zarr")
        self.path.setMinimumWidth(60)
        self.path.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.choose_button = button("Choose…", "Choose folder and name of the store.")
        self.state_line = line("What lies there already")
        self.crop_button = button(
            "Crop", "Cut all traps out of all times, channels and focal planes, along the drift of the stage."
        )
        self.continue_button = button(
            "Continue", "Finish the interrupted store, with the traps with which it was begun."
        )
        self.done_line = line("What came of it")
        where = form()
        add_row(where, "Size", self.size)
        add_row(where, "Store", self.path)
        buttons = QHBoxLayout()
        buttons.addWidget(self.crop_button, 2)
        buttons.addWidget(self.continue_button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        column.addWidget(section("Crops", self.summary_line, where, self.choose_button, self.state_line))
        column.addLayout(buttons)
        column.addWidget(self.done_line)
        column.addStretch(1)
        self.choose_button.clicked.connect(self._choose)
        self.path.textChanged.connect(self._changed)
        self.size.valueChanged.connect(self._changed)
        self._changed()

    @property
    def out(self) -> Path | None:
        """The store to write; None while nothing is typed."""
        text = self.path.text().strip()
        if not text:
            return None
        path = Path(text).expanduser()
        return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)

    def suggest(self, experiment: Path) -> None:
        """Suggest a store beside an experiment, unless somebody has typed one."""
        if not self.path.isModified():
            name = experiment.name if experiment.is_dir() else experiment.name.split(".")[0]
            self.path.setText(str(experiment.absolute().parent / f"{name}-crops{SUFFIX}"))

    def show_summary(self, count: Count | None, facts: PositionFacts | None) -> None:
        """Say how many traps will be cropped, and how much that is."""
        self._planned = count, facts
        if facts is None or count is None or not count.everywhere:
            say(self.summary_line, "No traps yet: find them in the Find tab.")
            return
        where = "" if count.positions == 1 else f" in {count.positions} positions"
        traps = "1 trap" if count.everywhere == 1 else f"{count.everywhere} traps"
        pictures = count.everywhere * facts.n_times * len(facts.channels) * facts.n_planes
        megabytes = pictures * self.size.value() ** 2 * facts.itemsize / 1e6
        amount = f"{megabytes:.0f} MB" if megabytes < 1000 else f"{megabytes / 1000:.1f} GB"
        say(
            self.summary_line,
            f"<b>{traps}</b>{where} at all times, in all channels and focal planes: {pictures:,} pictures, about "
            f"{amount} before compression.",
        )

    def show_done(self, store: CropStore) -> None:
        """Say what was cut."""
        height, width = store.sequences[0].shape[3:]
        left = len(store.left_out)
        text = f"{len(store)} sequences of {height} × {width} px are in <b>{store.path.name}</b>."
        if left:
            traps = "1 trap was" if left == 1 else f"{left} traps were"
            text += f" {traps} left out, because the crop leaves the picture at some time."
        say(self.done_line, f"{text} Look through them in the Review tab.")
        self.done_line.setToolTip(str(store.path))

    def look(self) -> None:
        """Look again at what lies at the destination."""
        out = self.out
        unfinished = out is not None and interrupted(out)
        self.continue_button.setVisible(unfinished)
        if out is None:
            say(self.state_line, "")
        elif unfinished:
            say(
                self.state_line,
                f"{out.name} was interrupted. It goes on where it stopped: press Continue, or Crop with the same "
                "traps.",
            )
        elif (out / "zarr.json").is_file():
            say(self.state_line, f"{out.name} is there already: it is opened if it holds the same crops.")
        else:
            say(self.state_line, "")

    def _changed(self, *_: object) -> None:
        self.look()
        self.show_summary(*self._planned)
        self.changed.emit()

    def _choose(self, _checked: bool = False) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Store of crops", self.path.text(), "Stores of crops (*.zarr)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if path:
            self.path.setText(path)
            self.path.setModified(True)
