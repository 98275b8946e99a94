"""The Guide tab of the Generate dock: which picture to look like, how closely, and the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from magicgui.widgets import CheckBox, ComboBox, SpinBox
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..base import CellSimError
from . import viewer_state
from .forecast_request import LayerSnapshot
from .generate_layers import OURS, block_of
from .generate_request import Computing, GuideRequest
from .generate_widgets import PicturePair
from .widgets import (
    button,
    calibration_field,
    choose_some,
    form,
    line,
    say,
    section,
    show_row,
    side_by_side,
    unknown_or,
)

SPACES = {"W+ (per layer)": "w+", "W (one for all)": "w"}

# number in the records -> its unit and how many digits to show
NUMBERS = {"psnr": (" dB", 1), "ssim": ("", 3)}


class GuideTab(QWidget):
    """Controls of guided generation, and what came of it.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._make_controls()
        self.encode_button = button(
            "Encode", "Find the model's nearest picture to the guide in one go (about a second)."
        )
        self.refine_button = button(
            "Refine", "Improve the look-alike step by step; encodes the guide first if that was not done yet."
        )
        self.pair = PicturePair()
        self.numbers = line("How close the result is to the guide")
        self.notes = line("What was done to the guide before the model saw it")
        self._arrange()
        self.reset_choices()

    def _make_controls(self) -> None:
        self.layer = ComboBox(
            label="Layer",
            choices=lambda _: [(layer.name, layer) for layer in guides(self._viewer)],
            nullable=True,
            tooltip="The image layer whose picture the generated one shall resemble. It is never changed.",
        )
        self.follow = CheckBox(
            text="Take the current time step",
            value=True,
            tooltip="Take the frame that the sliders show. Untick to type a frame number.",
        )
        self.at = SpinBox(label="Frame", min=0, max=0, tooltip="Which frame is the guide, counted from 0.")
        self.region = ComboBox(
            label="Region",
            choices=lambda _: viewer_state.region_choices(self._viewer),
            value=viewer_state.WHOLE,
            tooltip="Which part is the guide: everything, what the canvas shows now, or each rectangle of a Shapes\n"
            "layer. One trap in the middle is best.",
        )
        self.pixel_size = calibration_field(
            "Pixel size",
            "µm",
            "Size of one pixel in µm, read from the file if it says so. Type it if unknown: the guide is resampled "
            "to the model's.",
            100.0,
        )
        self.space = ComboBox(
            label="Latent space",
            choices=list(SPACES),
            value=next(iter(SPACES)),
            tooltip="W+ lets every layer of the generator have its own style and comes closer to the guide;\n"
            "W stays nearer to what the model generates freely.",
        )
        self.steps = SpinBox(
            label="Refining steps",
            value=200,
            min=1,
            max=5000,
            tooltip="How many steps of refinement; more come closer to the guide and take longer. "
            "From 100 on, other starts beside the encoder's answer are tried too.",
        )

    def _arrange(self) -> None:
        self._guide_rows = form(self.layer, self.follow, self.at, self.region, self.pixel_size)
        buttons = side_by_side(self.encode_button, self.refine_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 8, 2)
        for part in (
            section("Guide", self._guide_rows),
            section("Look-alike", form(self.space, self.steps), buttons),
            self.pair,
            self.numbers,
            self.notes,
        ):
            column.addWidget(part)
        column.addStretch(1)
        self.follow.changed.connect(self.time_moved)
        self.layer.changed.connect(self._layer_changed)

    # ---- keeping in step ----

    def reset_choices(self) -> None:
        """Offer the layers that exist now; the topmost is taken where none was chosen."""
        for box in (self.layer, self.region):
            box.reset_choices()
        choose_some(self.layer)
        self._layer_changed()

    def time_moved(self, _event: Any = None) -> None:
        """Follow the time slider."""
        layer = self.layer.value
        self.at.enabled = not self.follow.value
        if self.follow.value and layer is not None and layer.ndim > 2:
            self.at.max = max(0, viewer_state.shape_of(layer)[0] - 1)
            self.at.value = viewer_state.current_index(self._viewer, layer, 0)

    def show_pixel_size(self, pixel_size: float | None) -> None:
        """Show what the layer or its file says, in µm."""
        self.pixel_size.value = unknown_or(pixel_size)

    def _layer_changed(self, *_: Any) -> None:
        layer = self.layer.value
        stack = layer is not None and layer.ndim > 2
        show_row(self.follow, stack)
        show_row(self.at, stack)
        if stack:
            self.at.max = max(0, viewer_state.shape_of(layer)[0] - 1)
        self.time_moved()

    # ---- results ----

    def show_comparison(self, records: Sequence[dict[str, Any]], notes: Sequence[str]) -> None:
        """Write the numbers before and after refinement, and what was done to the guide.

        Parameters
        ----------
        records : sequence of dict
            Of `Generated.records`, one per guide.
        notes : sequence of str
            Sentences.
        """
        parts = [text for name in NUMBERS if (text := _change(records, name))]
        several = f"Mean of {len(records)} guides: " if len(records) > 1 else ""
        ending = " (encoded → refined)" if any(record.get("steps") for record in records) else " (encoded)"
        say(self.numbers, several + ", ".join(parts) + ending)
        notes = notes or [
            "The guide has the model's size and pixel size, so nothing was cropped or resampled."
        ]
        say(self.notes, "<br>".join(f"• {note}" for note in notes))

    def clear_comparison(self) -> None:
        """Forget the last comparison."""
        self.pair.hide()
        say(self.numbers, "")
        say(self.notes, "")

    # ---- reading ----

    @property
    def chosen_space(self) -> str:
        """Latent space: "w+" or "w"."""
        return SPACES[self.space.value]

    def request(
        self,
        computing: Computing,
        layer: Any = None,
        *,
        at: int | None = None,
        regions: Any = None,
        pixel_size: float | None = None,
        space: str | None = None,
        refine_steps: int = 0,
    ) -> GuideRequest:
        """Return what to look like; arguments that are None are taken from the controls.

        Raises
        ------
        CellSimError
            If the layer, the frame or the region cannot be used.
        """
        source = find_guide(self._viewer, self.layer.value if layer is None else layer)
        chosen = source is self.layer.value
        if pixel_size is None and chosen:
            pixel_size = self.pixel_size.value
        return GuideRequest(
            computing,
            LayerSnapshot.of(source),
            index=self._index(source, at, chosen),
            regions=viewer_state.chosen_regions(
                self._viewer, source, self.region.value if regions is None else regions
            ),
            pixel_size=pixel_size or None,
            space=self.chosen_space if space is None else space,
            refine_steps=refine_steps,
        )

    def _index(self, source: Any, at: int | None, chosen: bool) -> tuple[int, ...]:
        index = [viewer_state.current_index(self._viewer, source, axis) for axis in range(source.ndim - 2)]
        if not index:
            return ()
        if at is not None:
            index[0] = at
        elif chosen and not self.follow.value:
            index[0] = self.at.value
        frames = viewer_state.shape_of(source)[0]
        if not 0 <= index[0] < frames:
            raise CellSimError(
                f"Layer {source.name!r} has no frame {index[0]}: it has {frames}, numbered from 0."
            )
        return tuple(index)


def _change(records: Sequence[dict[str, Any]], name: str) -> str:
    """Return "PSNR 18.2 → 24.5 dB" from the means of a number over all guides; "" where it was not measured."""
    unit, digits = NUMBERS[name]
    before = [record[f"{name}_before"] for record in records if record.get(f"{name}_before") is not None]
    after = [record[name] for record in records if record.get("steps") and record.get(name) is not None]
    if not before:
        return ""
    text = f"{name.upper()} {np.mean(before):.{digits}f}"
    return (f"{text} → <b>{np.mean(after):.{digits}f}</b>" if after else text) + unit


def guides(viewer: Any) -> list[Any]:
    """Return the grey image layers that this dock did not make, topmost first."""
    from napari.layers import Image

    return [
        layer
        for layer in reversed(viewer.layers)
        if isinstance(layer, Image) and not layer.rgb and block_of(layer).get("kind") not in OURS
    ]


def find_guide(viewer: Any, wanted: Any) -> Any:
    """Return the layer meant by a name or the layer itself.

    Raises
    ------
    CellSimError
        If there is none, or it is no grey image layer; the sentence says what to do.
    """
    from napari.layers import Image

    wanted = viewer_state.meant(viewer, wanted)
    if wanted is None:
        raise CellSimError(
            "There is no picture to be guided by yet; drop a TIFF on napari, or take File > Open Sample > CellSim."
        )
    if not isinstance(wanted, Image):
        kind = type(wanted).__name__
        raise CellSimError(f"Layer {wanted.name!r} is a {kind} layer, not a picture; choose an Image layer.")
    if wanted.rgb:
        raise CellSimError(
            f"Layer {wanted.name!r} is a colour (RGB) picture, but the model knows grey values only; convert it to "
            "greyscale or split its channels first."
        )
    return wanted
