"""Removing results and forecasting again must not bring the graphics driver down."""

from __future__ import annotations

import subprocess
import sys

_SCRIPT = """
import os
os.environ["NAPARI_CONFIG"] = ""
import napari, numpy as np
from qtpy.QtCore import QEventLoop, QTimer

def wait(seconds):
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec_()

viewer = napari.Viewer(show_welcome_screen=False)
viewer.add_image(np.random.rand(6, 64, 64), name="movie")
viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
wait(1)
for turn in range(3):
    frames = viewer.add_image(np.random.rand(3, 64, 64), translate=(3, 0, 0))
    arrows = viewer.add_vectors(np.array([[[0, 10, 10], [0, 5, 5.0]]]), translate=(3, 0, 0), vector_style="arrow")
    viewer.dims.set_point(0, 3)
    wait(0.5)
    viewer.layers.selection = {frames, arrows}
    viewer.layers.remove_selected()
print("alive")
viewer.close()
"""


def test_results_can_be_deleted_together_and_made_again():
    """Without `forget_vertex_arrays` this ends in a segmentation fault, hence a process of its own."""
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == "alive"
