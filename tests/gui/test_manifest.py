"""What the plugin contributes to napari, and that showing it costs no torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from npe2 import PluginManager, PluginManifest

import napari_cellsim

MANIFEST = Path(napari_cellsim.__file__).with_name("napari.yaml")


@pytest.fixture(scope="module")
def manifest():
    return PluginManifest.from_file(MANIFEST)


def test_every_command_can_be_imported(manifest):
    manifest.validate_imports()
    assert manifest.name == "napari-cellsim"
    assert manifest.display_name == "CellSim"
    assert "Simulation" in manifest.categories


def test_contributions(manifest):
    found = manifest.contributions
    docks = [widget.display_name for widget in found.widgets]
    assert docks == ["Forecast", "Generate", "Dataset", "Train", "Evaluate", "Models"]
    assert [sample.key for sample in found.sample_data] == ["phantom_movie", "phantom_field"]
    assert {menu: [item.command for item in items] for menu, items in found.menus.items()} == {
        "napari/layers/data": ["napari-cellsim.forecast", "napari-cellsim.stack"],
        "napari/layers/visualize": ["napari-cellsim.models"],
        "napari/file/new_layer": ["napari-cellsim.new_phantom_movie", "napari-cellsim.generate"],
    }
    (writer,) = found.writers
    assert writer.filename_extensions == [".cellsim.ome.tif"]


def test_tiffs_and_folders_are_left_to_napari(manifest):
    (reader,) = manifest.contributions.readers
    assert reader.filename_patterns == ["*.safetensors"]
    assert not reader.accepts_directories


def test_menus_are_ones_that_napari_shows(manifest):
    from napari._app_model.constants._menus import is_menu_contributable

    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)


def test_napari_finds_the_plugin():
    manager = PluginManager.instance()
    manager.discover()
    assert manager.get_manifest("napari-cellsim").display_name == "CellSim"


def test_preferences(make_napari_viewer):
    from napari.settings import get_plugin_settings

    chosen = get_plugin_settings("napari-cellsim")
    assert chosen.forecast.model_dump() == {"device": "auto", "steps": 5, "flow": "model", "threads": 0}
    with pytest.raises(ValueError, match="steps"):
        chosen.forecast.steps = 0
    chosen.forecast.steps = 7
    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    assert dock.steps == 7


def test_menu_commands_open_the_docks(make_napari_viewer):
    from app_model import Application

    viewer = make_napari_viewer()
    app = Application.get_app("napari") or next(iter(Application._instances.values()))
    app.commands.execute_command("napari-cellsim.forecast").result()
    assert "Forecast (CellSim)" in viewer.window.dock_widgets


def test_a_dock_that_is_handed_something_comes_to_the_front(make_napari_viewer):
    from napari_cellsim.gui.other_dock import open_dock

    viewer = make_napari_viewer()
    dock = open_dock(viewer, "Models")
    frame, same = viewer.window.add_plugin_dock_widget("napari-cellsim", "Models")
    assert same is dock
    frame.hide()
    assert open_dock(viewer, "Models") is dock
    assert not frame.isHidden()


_OPEN_DOCKS = """
import sys, time
import numpy as np, napari
from qtpy.QtWidgets import QApplication
viewer = napari.Viewer(show=False)
viewer.add_image(np.random.rand(5, 32, 32), name="movie")
before = set(sys.modules)
for name in ("Forecast", "Generate", "Dataset", "Train", "Evaluate", "Models"):
    viewer.window.add_plugin_dock_widget("napari-cellsim", name)
start = time.monotonic()
while time.monotonic() - start < 2:
    QApplication.processEvents()
    time.sleep(0.02)
_, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
assert dock.facts is not None
heavy = ("torch", "scipy.ndimage", "scipy.fft", "skimage.measure", "pandas", "pyqtgraph")
print(*(name for name in heavy if name in sys.modules and name not in before), "end")
viewer.close()
"""


def test_opening_the_docks_imports_nothing_heavy():
    done = subprocess.run([sys.executable, "-c", _OPEN_DOCKS], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "end"
