"""The Explore tab of the Generate dock: pictures to go through, to mix, to change and to hand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from magicgui.widgets import CheckBox, ComboBox, SpinBox
from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QListView,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .generate_form import SPECIMENS
from .generate_layers import block_of, current_picture, generated_layers, shown
from .generate_widgets import NumberSlider, add_row, thumbnail
from .widgets import button, choose_some, form, line, say, section, show_row

if TYPE_CHECKING:
    from ..generation import Generated

SLIDERS = 10
SPACES = {"W (smooth)": "w", "Z (spherical)": "z", "W+ (as encoded)": "w+"}
_ICON = 56  # px


@dataclass(frozen=True)
class Chosen:
    """A picture on the list.

    Attributes
    ----------
    title : str
        Layer and number.
    picture : Generated
        The one picture.
    """

    title: str
    picture: Generated


class ExploreTab(QWidget):
    """Controls for what can be done with generated pictures.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.

    Attributes
    ----------
    weights_changed : Signal
        Emitted when a slider was moved.
    """

    weights_changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.chosen: list[Chosen] = []
        self._variances: Sequence[float] = ()
        self._make_list()
        self._make_walk_and_mix()
        self._make_editor()
        self.forecast_button = button(
            "Forecast this",
            "Hand the current picture to the Forecast dock as the start of a movie.\n"
            "A picture of one moment is repeated; a generated sequence is a true start.",
        )
        self.scales_button = button(
            "Show all scales",
            "Show how the model builds the current picture: what it draws at 4 × 4 pixels, at 8 × 8, and so on.",
        )
        self.mix_section = section("Mix their styles", self._mix_rows, self.mix_button, collapsed=True)
        self.slider_section = section("Change the current picture", self._editor, collapsed=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 6, 8, 2)
        for part in (
            self._list_box,
            section("Movie through the pictures", self._walk_rows, self.walk_button, collapsed=False),
            self.mix_section,
            self.slider_section,
            self.scales_button,
            self.forecast_button,
            self.notes,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self._show_list()
        self.reset_choices()

    def _make_list(self) -> None:
        self.layer = ComboBox(
            label="Layer",
            choices=lambda _: [(layer.name, layer) for layer in generated_layers(self._viewer)],
            nullable=True,
            tooltip="The layer of generated pictures to work with. It is never changed.",
        )
        self.current = line("Current picture")
        self.hint = line("What the list is for")
        self.notes = line("What is to be known about the last movie or grid")
        self.add_button = button("Add current", "Put the picture that the slider shows on the list.")
        self.add_all_button = button("Add all", "Put every picture of the layer on the list.")
        self.remove_button = button("Remove", "Take the marked pictures off the list.")
        self.clear_button = button("Clear", "Empty the list.")
        self.list = QListWidget()
        self.list.setAccessibleName("Pictures chosen")
        self.list.setToolTip("Pictures for the movie and the mixing grid, in this order.")
        self.list.setViewMode(QListView.ViewMode.IconMode)
        self.list.setFlow(QListView.Flow.LeftToRight)
        self.list.setWrapping(False)
        self.list.setMovement(QListView.Movement.Static)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setIconSize(QSize(_ICON, _ICON))
        self.list.setFixedHeight(_ICON + 44)
        self._list_box = QWidget()
        grid = QGridLayout(self._list_box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(form(self.layer), 0, 0, 1, 2)
        grid.addWidget(self.current, 1, 0, 1, 2)
        grid.addWidget(self.add_button, 2, 0)
        grid.addWidget(self.add_all_button, 2, 1)
        grid.addWidget(self.hint, 3, 0, 1, 2)
        grid.addWidget(self.list, 4, 0, 1, 2)
        grid.addWidget(self.remove_button, 5, 0)
        grid.addWidget(self.clear_button, 5, 1)
        self.remove_button.clicked.connect(self._remove_marked)
        self.clear_button.clicked.connect(self.clear)
        self.layer.changed.connect(self.time_moved)

    def _make_walk_and_mix(self) -> None:
        self.space = ComboBox(
            label="Space",
            choices=list(SPACES),
            value=next(iter(SPACES)),
            tooltip="Where to walk: W is smoothest; Z goes along the sphere the pictures were drawn from;\n"
            "W+ keeps encoded pictures as they are.",
        )
        self.steps = SpinBox(
            label="Steps",
            value=15,
            min=1,
            max=1000,
            tooltip="How many frames the movie takes from one picture on the list to the next.",
        )
        self.loop = CheckBox(
            text="Return to the start",
            value=False,
            tooltip="Close the walk, for a movie without end.",
        )
        self.rows = CheckBox(
            text="Also side by side",
            value=False,
            tooltip="Show the pictures of the movie as one picture, too: a row from each one on the list to the next.",
        )
        self._walk_rows = form(self.space, self.steps, self.loop, self.rows)
        self.walk_button = button("Make movie", "Walk from each picture on the list to the next.")
        self.crossover = SpinBox(
            label="Crossover layer",
            value=4,
            min=0,
            max=16,
            tooltip="Before this layer of the generator the column's head gives the style (place and shape),\n"
            "from it on the row's head (texture and contrast).",
        )
        self._mix_rows = form(self.crossover)
        self.mix_button = button("Make grid", "Mix every picture on the list with every other one.")

    def _make_editor(self) -> None:
        self.sliders = [
            NumberSlider(
                f"Direction {number}",
                -3.0,
                3.0,
                0.1,
                0.0,
                f"Principal direction {number} of the latent space, in standard deviations; "
                "the first ones change most.",
            )
            for number in range(1, SLIDERS + 1)
        ]
        rows = form()
        for number, slider in enumerate(self.sliders, 1):
            add_row(rows, f"{number}", slider)
            slider.changed.connect(lambda _value: self.weights_changed.emit())
        rows.layout().setVerticalSpacing(2)
        self.take_button = button(
            "Take current",
            "Change the picture that the slider of napari shows now, from the middle of all sliders.",
        )
        self.reset_button = button("Reset", "Set all sliders to 0: the picture as it was.")
        self.keep_button = button(
            "Keep", "Keep the changed picture as a layer of its own and go on changing another."
        )
        self.keep_button.setEnabled(False)
        self.editing = line("Which picture is being changed")
        meaning = line("What the sliders are")
        say(meaning, "Ten directions in which the model's pictures differ most, the strongest first.")
        self._editor = QWidget()
        column = QVBoxLayout(self._editor)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(meaning)
        column.addWidget(self.editing)
        column.addWidget(rows)
        buttons = QGridLayout()
        buttons.addWidget(self.take_button, 0, 0, 1, 2)
        buttons.addWidget(self.reset_button, 1, 0)
        buttons.addWidget(self.keep_button, 1, 1)
        column.addLayout(buttons)
        self.reset_button.clicked.connect(self._reset_clicked)

    # ---- keeping in step ----

    def reset_choices(self) -> None:
        """Offer the layers that exist now; the topmost is taken where none was chosen."""
        self.layer.reset_choices()
        choose_some(self.layer)
        self.time_moved()

    def time_moved(self, _event: Any = None) -> None:
        """Say which picture the slider shows."""
        layer = self.layer.value
        if layer is None:
            say(self.current, "No generated pictures yet: press Generate in the first tab.")
            return
        count = block_of(layer)["shape"][0]
        number = current_picture(self._viewer, layer)
        say(
            self.current,
            f"Current picture: {number} of {count} (counted from 0)." if count > 1 else "One picture.",
        )

    # ---- the list ----

    def add(self, title: str, picture: Generated) -> None:
        """Put a picture on the list."""
        self.chosen.append(Chosen(title, picture))
        item = QListWidgetItem(thumbnail(shown(picture), _ICON), title.rsplit(" ", 1)[-1])
        item.setToolTip(title)
        self.list.addItem(item)
        self._show_list()

    def remove(self, indices: Sequence[int]) -> None:
        """Take pictures off the list."""
        for index in sorted(set(indices), reverse=True):
            del self.chosen[index]
            self.list.takeItem(index)
        self._show_list()

    def clear(self, _checked: bool = False) -> None:
        """Empty the list."""
        self.remove(range(len(self.chosen)))

    def _show_list(self) -> None:
        for part in (self.list, self.remove_button, self.clear_button):
            part.setVisible(bool(self.chosen))
        grid = "" if self.mix_section.isHidden() else " or a mixing grid"
        say(self.hint, "" if self.chosen else f"Choose two or more pictures for a movie{grid}.")

    def _remove_marked(self, _checked: bool = False) -> None:
        self.remove([self.list.row(item) for item in self.list.selectedItems()])

    # ---- the sliders ----

    @property
    def weights(self) -> tuple[float, ...]:
        """Values of the sliders, standard deviations."""
        return tuple(slider.value for slider in self.sliders)

    def set_weights(self, weights: Sequence[float]) -> None:
        """Show values on the sliders; those not given become 0."""
        for slider, weight in zip(self.sliders, [*weights, *[0.0] * SLIDERS], strict=False):
            slider.set(weight)

    def show_variances(self, shares: Sequence[float]) -> None:
        """Say in the tooltips how much of the variance each direction carries, as shares of 1."""
        if shares == self._variances:
            return
        self._variances = shares
        for number, (slider, share) in enumerate(zip(self.sliders, shares, strict=False), 1):
            text = (
                f"Principal direction {number} of the latent space, in standard deviations; it carries "
                f"{100 * share:.0f} % of the variance."
            )
            for part in (slider, slider.slider, slider.number):
                part.setToolTip(text)

    def _reset_clicked(self, _checked: bool = False) -> None:
        self.set_weights(())
        self.weights_changed.emit()

    def say_editing(self, title: str) -> None:
        """Say which picture the sliders change; an empty title says that none is being changed yet."""
        say(self.editing, f"Changing: {title}" if title else "")
        if not title:
            self.keep_button.setEnabled(False)

    def show_kind(self, kind: str) -> None:
        """Show what can be done with pictures that a model of a kind made."""
        styled = kind not in SPECIMENS
        show_row(self.space, styled)
        for part in (self.mix_section, self.slider_section, self.forecast_button):
            part.setVisible(styled)
        self.scales_button.setVisible(not styled)
        self._show_list()

    def show_slots(self, slots: int) -> None:
        """Fit the crossover layer to a model with that many style layers; 1 means that nothing can be mixed."""
        self.crossover.max = slots
        self.crossover.value = slots // 2
        self.crossover.enabled = slots > 1

    @property
    def chosen_space(self) -> str:
        """Where to walk: "w", "z" or "w+"."""
        return SPACES[self.space.value]

    def current_index(self) -> int:
        """Return the number of the picture that the slider shows."""
        return current_picture(self._viewer, self.layer.value)
