"""Keep the graphics driver from reading deleted memory after layers were removed."""

from __future__ import annotations

from typing import Any

_ATTRIBUTES = 8  # more than any of napari's shaders uses; every OpenGL has at least 16


def forget_vertex_arrays(_event: Any = None) -> None:
    """Disable all vertex attribute arrays of the canvas that was drawn last; what is drawn next enables its own.

    vispy 0.17 leaves an array enabled when it deletes its buffer. Remove an arrows and an image layer together, add an
    image, and the driver follows a dangling pointer: a segmentation fault with Mesa's software renderer, an "access
    violation" on Windows (napari/napari#6472). To be called whenever a layer was removed.
    """
    from vispy import gloo

    canvas = gloo.get_current_canvas()
    if canvas is None:  # nothing was drawn yet
        return
    canvas.set_current()
    for attribute in range(_ATTRIBUTES):
        gloo.gl.glDisableVertexAttribArray(attribute)
