"""Menu commands. napari reads the annotations at run time, so they are real ones here and nothing is returned."""

from napari import Viewer
from napari.utils.notifications import show_error

from ..base import CellSimError
from .results import add_layers
from .samples import phantom_movie
from .stacking import stack_layers


def new_phantom_movie(viewer: Viewer) -> None:
    """Add a simulated yeast movie to the viewer (File > New Layer)."""
    add_layers(viewer, phantom_movie())


def stack_single_frames(viewer: Viewer) -> None:
    """Stack the viewer's single-frame layers into one movie (Layers > Data)."""
    try:
        stack_layers(viewer)
    except CellSimError as error:
        show_error(str(error))
