"""What becomes of the Generate dock's results: layers, comparison, summary."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

from ..base import Event
from ..generation import PicturesReady, RefinementReady
from . import generate_layers as layers
from . import model_list
from .generate_editor import Edited
from .generate_form import SPECIMENS
from .generate_request import Computing
from .generate_view import GenerateView
from .generate_work import Found, GuideReady, Scales
from .painting import paint_later
from .results import add_layers
from .widgets import say

if TYPE_CHECKING:
    from ..generation import Generated


@dataclass(frozen=True)
class Base:
    """The one picture that the sliders change, what it is called, and with which model."""

    title: str
    picture: Generated
    computing: Computing


class GenerateDisplay:
    """Shows results in viewer and dock, on the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layers go.
    view : GenerateView
        The dock's widgets.

    Attributes
    ----------
    result, guided : Generated or None
        The pictures that came last, and those of them that had a guide.
    live : LivePictures or None
        The layer of pictures that are being made.
    base : Base or None
        The picture that the sliders change.
    """

    def __init__(self, viewer: Any, view: GenerateView) -> None:
        self._viewer = viewer
        self._view = view
        self.result: Generated | None = None
        self.guided: Generated | None = None
        self.live: layers.LivePictures | None = None
        self.base: Base | None = None
        self._edited: Image | None = None

    # ---- while a job runs ----

    def event(self, event: Event) -> None:
        """Show pictures and refinement steps as they come."""
        if isinstance(event, PicturesReady) and self.live is not None:
            self.live.write(event.first, event.images, event.colour)
        elif isinstance(event, GuideReady):
            self._view.guide.pair.show_guide(layers.flat(event.image))
        elif isinstance(event, RefinementReady):
            self._view.guide.pair.show_result(
                layers.flat(event.image), f"Step {event.step}: {event.psnr:.1f} dB"
            )

    def ended(self, status: str) -> None:
        """Tidy up after a job."""
        if status != "succeeded" and self.live is not None:
            self.live.stop()
        self.live = None

    # ---- when it has succeeded ----

    def generated(self, pictures: Generated) -> Iterator[None]:
        """Turn the growing layer into the result."""
        assert self.live is not None
        yield
        layer = self.live.become(pictures)
        if layer is None:
            layer = yield from self._add(pictures)
        self._took(layer, pictures)
        config = pictures.provenance.get("config", {})
        height, width = pictures.images.shape[-2:]
        keys = ("seed",) if layers.maker_kind(layer) in SPECIMENS else ("seed", "truncation")
        facts = [f"Made: {_count(len(pictures), 'picture')} of {height} × {width} px"]
        facts += [f"{key} {config[key]:g}" for key in keys if key in config]
        notes = "".join(f"<br>⚠ {note}" for note in pictures.notes)
        say(self._view.sample.summary, f"{', '.join(facts)}.{notes}")

    def guide_matched(self, pictures: Generated) -> Iterator[None]:
        """Show look-alikes beside their guides."""
        yield
        refined = "refined " if any(record.get("steps") for record in pictures.records) else ""
        # napari's layer list cuts long names in the middle, so what a layer shows comes before whose it is
        name = f"{refined}look-alike (generated) {pictures.name.removesuffix(' look-alike')}"
        self._took((yield from self._add(pictures, name=name)), pictures)
        self.guided = pictures
        assert pictures.guides is not None
        pair = self._view.guide.pair
        pair.show_guide(layers.flat(pictures.guides[0]))
        pair.show_result(layers.flat(pictures.images[0]))
        self._view.guide.show_comparison(pictures.records, pictures.notes)

    def walked(self, pictures: Generated) -> Iterator[None]:
        """Add a walk, also side by side if the dock says so."""
        rows = self._view.explore.rows.value
        yield from self.added(pictures)
        if rows:
            yield from add_layers(self._viewer, [layers.rows_data(pictures)], self._view)

    def scaled(self, made: Scales) -> Iterator[None]:
        """Add all scales of a picture."""
        yield
        sheet = layers.sheet_data(made.picture, made.sheet, "all scales")
        yield from add_layers(self._viewer, [sheet], self._view)

    def added(self, pictures: Generated) -> Iterator[None]:
        """Add a walk or a grid, a grid also as one picture of all."""
        yield
        layer = yield from self._add(pictures, visible=pictures.grid is None)
        if pictures.grid is not None:
            yield from add_layers(self._viewer, [layers.mosaic_data(pictures)], self._view)
        self._took(layer, pictures)
        say(self._view.explore.notes, "<br>".join(f"• {note}" for note in pictures.notes))

    def opened(self, found: Found) -> Iterator[None]:
        """Add opened pictures, and put opened models on the list."""
        for path in found.models:
            self._view.model_form.model.value = model_list.key_of(model_list.open_file(path))
        for pictures in found.pictures:
            yield from (self.guide_matched if pictures.guides is not None else self.added)(pictures)

    def edited(self, edited: Edited) -> None:
        """Show a changed picture in the layer of changes."""
        # after Keep there may still come what was asked for before
        if self.base is None or edited.wish.picture is not self.base.picture:
            return
        self._view.explore.show_variances(edited.variances)
        data, meta, kind = layers.layer_data(edited.picture, self._viewer)
        if self._edited is None or self._edited not in self._viewer.layers:
            # the grey scale of the picture it came from, so that brightening shows
            limits = layers.layer_data(self.base.picture, self._viewer)[1]["contrast_limits"]
            meta |= {"contrast_limits": limits, "name": f"changed {self.base.title}"}
            paint_later(self._view)
            self._edited = self._viewer.add_layer(Layer.create(data, meta, kind))
            self._view.explore.keep_button.setEnabled(True)
        else:
            self._edited.data = data
            self._edited.metadata = meta["metadata"]
        self.result = edited.picture

    def keep_edited(self) -> None:
        """Leave the layer of changes alone from now on."""
        self._edited = self.base = None
        self._view.explore.say_editing("")

    def _add(self, pictures: Generated, **changes: Any) -> Generator[None, None, Image]:
        """Add a layer of pictures, with other display settings than their own."""
        data, meta, kind = layers.layer_data(pictures, self._viewer)
        for layer in add_layers(self._viewer, [(data, meta | changes, kind)], self._view):
            if layer is not None:
                added = layer
            yield
        return added

    def _took(self, layer: Image, pictures: Generated) -> None:
        self.result = pictures
        self._view.explore.reset_choices()
        self._view.explore.layer.value = layer


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
