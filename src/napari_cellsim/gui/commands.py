"""Menu commands. napari reads the annotations at run time, so they are real ones here and nothing is returned."""

from napari import Viewer
from napari.layers import Layer
from napari.utils.notifications import show_error

from ..base import CellSimError
from .samples import phantom_movie
from .stacking import stack_layers


def new_phantom_movie(viewer: Viewer) -> None:
    """Add a simulated yeast movie to the viewer (File > New Layer)."""
    for layer in phantom_movie():
        viewer.add_layer(Layer.create(*layer))


def stack_single_frames(viewer: Viewer) -> None:
    """Stack the viewer's single-frame layers into one movie (Layers > Data)."""
    try:
        stack_layers(viewer)
    except CellSimError as error:
        show_error(str(error))
