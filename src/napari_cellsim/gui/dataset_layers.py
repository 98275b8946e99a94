"""The layers of the Dataset dock: pictures of a position, the rectangle of the template, the hits, one crop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Image, Layer, Shapes
from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from ..base import CellSimError
from . import viewer_state
from .dataset_hits import BY_HAND, Hits
from .results import LayerData, add_layers

HITS, TEMPLATE = "traps", "one trap"
_NUMBER = "hit"
_PER_TURN = 20  # rectangles drawn per turn of the event loop; each takes napari about 1 ms
_BREATH_MS = 5
_EDITED_MS = 150  # a drag or several deletions are one change
_LINE = 2.5  # px on the screen, at the zoom at which the field was shown


class PositionLayers:
    """Image layers of the position that is shown, one per channel.

    Parameters
    ----------
    viewer : napari.Viewer
        Where they go.
    widget : QWidget
        Any widget of the viewer's window.
    """

    def __init__(self, viewer: Any, widget: QWidget) -> None:
        self._viewer, self._widget = viewer, widget
        self._layers: list[Layer] = []

    @property
    def first(self) -> Image | None:
        """The first of them that still exists."""
        there = [layer for layer in self._layers if layer in self._viewer.layers]
        return there[0] if there else None

    def replace(self, layers: list[LayerData]) -> Iterator[None]:
        """Take away what was shown before and show these, in small steps."""
        remove(self._viewer, self._layers)
        self._layers = []
        yield
        for added in add_layers(self._viewer, layers, self._widget):
            if added is not None:
                self._layers.append(added)
            yield
        if self.first is not None:
            self._viewer.fit_to_view(layers=self._layers, margin=0.02)
            yield

    def clear(self) -> None:
        """Take them away."""
        remove(self._viewer, self._layers)
        self._layers = []

    def calibrate(self, scale: Sequence[float], units: Sequence[Any]) -> None:
        """Give all of them another scale."""
        for layer in self._layers:
            if layer in self._viewer.layers:
                layer.scale, layer.units = scale, units
        if self.first is not None:
            self._viewer.fit_to_view(layers=self._layers, margin=0.02)


def remove(viewer: Any, layers: Sequence[Layer]) -> None:
    """Remove those layers that are still there."""
    for layer in layers:
        if layer in viewer.layers:
            viewer.layers.remove(layer)


def flat_place(image: Layer) -> dict[str, Any]:
    """Return scale, units and so on of a flat layer on top of an image layer."""
    return {key: getattr(image, key)[-2:] for key in ("scale", "translate", "units", "axis_labels")}


def line_width(image: Layer) -> float:
    """Return a line width, in px of the picture, that is well seen with the whole picture in view."""
    return max(1.0, _LINE * max(viewer_state.shape_of(image)[-2:]) / 800)


def warm_up() -> None:
    """Make a Shapes layer and forget it: the first one takes napari 0.2 s, which a worker can spend."""
    Shapes(ndim=2, edge_color="yellow", features={_NUMBER: np.zeros(0, int)})


def draw_template(viewer: Any, image: Image) -> Shapes:
    """Let the user draw a rectangle: make a layer for it (or empty the one there is) and choose its tool."""
    layer = next((one for one in viewer_state.shapes(viewer) if one.name == TEMPLATE), None)
    if layer is None:
        layer = viewer.add_shapes(
            name=TEMPLATE,
            ndim=2,
            edge_color="cyan",
            face_color="transparent",
            edge_width=line_width(image),
            **flat_place(image),
        )
    elif len(layer.data):
        layer.data = []
    viewer.layers.selection.active = layer
    layer.mode = "add_rectangle"
    return layer


def drawn_template(viewer: Any, image: Image) -> viewer_state.Region:
    """Return the rectangle (y0, y1, x0, x1) that was drawn last, px.

    Raises
    ------
    CellSimError
        If there is none.
    """
    layers = [one for one in viewer_state.shapes(viewer) if one.name == TEMPLATE]
    if not layers or not len(layers[0].data):
        raise CellSimError(
            "No rectangle is drawn: press “Draw a rectangle”, then drag one around a trap, best an empty one."
        )
    return viewer_state.drawn_regions(layers[0], image)[-1]


def calibrate_template(viewer: Any, image: Image) -> None:
    """Let the drawn rectangle follow another scale of the image."""
    for layer in viewer_state.shapes(viewer):
        if layer.name == TEMPLATE:
            place = flat_place(image)
            layer.scale, layer.units = place["scale"], place["units"]


class HitLayer(QObject):
    """Shows the hits of one position as rectangles that a hand can move, delete and add.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer goes.

    Attributes
    ----------
    edited : Signal
        Emitted after a hand changed something, or the layer was deleted.
    """

    edited = Signal()

    def __init__(self, viewer: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Shapes | None = None
        self._hits: Hits | None = None
        self._written: set[int] = set()
        self._threshold = 0.0
        self._ours = False
        self._stale = False
        self._drawing = QTimer(self, singleShot=True, interval=_BREATH_MS)
        self._drawing.timeout.connect(self._draw)
        self._reading = QTimer(self, singleShot=True, interval=_EDITED_MS)
        self._reading.timeout.connect(self._read)

    @property
    def layer(self) -> Shapes | None:
        """The layer, until the user deletes it."""
        return self._layer if self._layer is not None and self._layer in self._viewer.layers else None

    @property
    def settled(self) -> bool:
        """Whether all that is to be drawn is drawn, and all that a hand did is read."""
        return not (self._drawing.isActive() or self._reading.isActive())

    def clear(self) -> None:
        """Take the layer away."""
        self.read_now()
        self._drawing.stop()
        layer, self._layer, self._hits = self.layer, None, None
        if layer is not None:
            remove(self._viewer, [layer])

    def show(self, hits: Hits, threshold: float, image: Image, widget: QWidget) -> Iterator[None]:
        """Show other hits in small steps."""
        self.clear()
        yield
        meta = {
            "name": HITS,
            "ndim": 2,
            "edge_color": "yellow",
            "face_color": "transparent",
            "edge_width": line_width(image),
            "feature_defaults": {_NUMBER: BY_HAND},
            "features": {_NUMBER: np.zeros(0, int)},
            **flat_place(image),
        }
        for added in add_layers(self._viewer, [([], meta, "shapes")], widget):
            if added is not None:
                self._layer = added
            yield
        if self.layer is None:
            return
        self._hits, self._threshold, self._written = hits, threshold, set()
        self._layer.events.data.connect(self._changed)
        with self._our_change():
            if hits.added:
                self._add(hits.hand_rectangles(), [BY_HAND] * len(hits.added))
        self._drawing.start()

    def filter(self, threshold: float) -> None:
        """Show the hits above another threshold; only what changes is drawn."""
        self.read_now()
        self._threshold = threshold
        if self.layer is not None and not self._drawing.isActive():
            self._drawing.start()

    def forget_if(self, layer: Layer) -> bool:
        """Return whether the user deleted our layer, and forget its hits."""
        if layer is not self._layer:
            return False
        self._layer, self._hits, self._stale = None, None, False
        return True

    def read_now(self) -> None:
        """Take over what a hand did without waiting."""
        self._reading.stop()
        if self._stale:
            self._read()

    def edit(self, mode: str) -> None:
        """Choose the layer and one of its tools.

        Raises
        ------
        CellSimError
            If there is none.
        """
        if self.layer is None:
            raise CellSimError("There are no traps to edit yet: press Find traps first.")
        self._viewer.layers.selection.active = self.layer
        self.layer.mode = mode

    def calibrate(self, image: Image) -> None:
        """Follow another scale of the image."""
        if self.layer is not None:
            place = flat_place(image)
            self.layer.scale, self.layer.units = place["scale"], place["units"]

    # ---- inside ----

    @contextmanager
    def _our_change(self) -> Iterator[None]:
        before, self._ours = self._ours, True
        try:
            yield
        finally:
            self._ours = before

    def _changed(self, _event: Any = None) -> None:
        if not self._ours:
            self._stale = True
            self._reading.start()

    def _read(self) -> None:
        self._stale = False
        if self.layer is None or self._hits is None:
            return
        numbers = [int(number) for number in self.layer.features[_NUMBER].fillna(BY_HAND)]
        self._hits.read_back(self._written, numbers, self.layer.data)
        self._written -= self._hits.removed
        self.edited.emit()

    def _draw(self) -> None:
        """Bring the layer nearer to what it should show, a little per turn of the event loop."""
        if self.layer is None or self._hits is None:
            return
        wanted = set(self._hits.shown(self._threshold))
        gone = self._written - wanted
        new = sorted(wanted - self._written, key=lambda number: -self._hits.found.scores[number])[:_PER_TURN]
        with self._our_change():
            if gone:
                self._take_away(gone)
            if new:
                self._add(self._hits.rectangles(new), new)
        self._written = (self._written - gone) | set(new)
        if self._written != wanted:
            self._drawing.start()

    def _add(self, rectangles: list[np.ndarray], numbers: list[int]) -> None:
        assert self._layer is not None
        count = len(self._layer.data)
        self._layer.add(rectangles, shape_type="rectangle")
        features = self._layer.features.copy()
        features.loc[features.index[count:], _NUMBER] = numbers
        features[_NUMBER] = features[_NUMBER].astype(int)
        self._layer.features = features
        self._layer.feature_defaults = {_NUMBER: [BY_HAND]}
        self._layer.selected_data = set()

    def _take_away(self, gone: set[int]) -> None:
        assert self._layer is not None
        numbers = self._layer.features[_NUMBER].tolist()
        self._layer.selected_data = {i for i, number in enumerate(numbers) if number in gone}
        self._layer.remove_selected()
