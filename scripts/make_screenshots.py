"""Make the screenshots of the documentation, on the phantom only, and write them to docs/images.

    scripts/with_display.sh python scripts/make_screenshots.py [--only NAME] [--out FOLDER]

Needs a screen or Xvfb. Look at the pictures before committing them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["NAPARI_CONFIG"] = ""  # neither read nor change the user's settings
os.environ.setdefault("CELLSIM_MODEL_DIR", tempfile.mkdtemp())  # the bundled models only

import napari
import screens_dataset
import screens_evaluate
import screens_forecast
import screens_training
from napari.settings import get_settings
from qtpy.QtWidgets import QApplication

DOCS = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1380, 860)


def settle(seconds: float = 1.0) -> None:
    """Let napari draw."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.02)


def open_viewer(theme: str = "dark") -> tuple[napari.Viewer, object]:
    """Return a viewer with the phantom movie and the Forecast dock."""
    get_settings().appearance.theme = theme
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.open_sample("napari-cellsim", "phantom_movie")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    viewer.window.resize(*SIZE)
    settle()
    viewer.reset_view(margin=0.02)
    viewer.dims.set_point(0, 90.0)
    viewer.layers.selection.active = viewer.layers["phantom movie"]
    dock.window().resizeDocks([dock.parent()], [330], _horizontal())
    settle()
    return viewer, dock


def _horizontal() -> object:
    from qtpy.QtCore import Qt

    return Qt.Orientation.Horizontal


def shoot(viewer: napari.Viewer, path: Path, pause: float = 1.0) -> None:
    """Write the whole window."""
    for toast in viewer.window._qt_window.findChildren(
        _toast_class()
    ):  # a passing message would hide the picture
        toast.close()
    settle(pause)
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(path)


def _toast_class() -> type:
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    return NapariQtNotification


def forecast_dock(out: Path) -> None:
    """The finished forecast with arrows and the error curve."""
    viewer, dock = open_viewer()
    dock.run(steps=5, at=9).wait()
    settle()
    dock.scroll_to_results()
    viewer.dims.set_point(0, 130.0)
    shoot(viewer, out / "forecast_dock.png")
    viewer.close()


def forecast_light(out: Path) -> None:
    """The dock before a run, in the light theme, with the estimate."""
    viewer, dock = open_viewer("light")
    dock.estimate()
    settle(8)
    shoot(viewer, out / "forecast_dock_light.png")
    viewer.close()


def forecast_running(out: Path) -> None:
    """Half-way through: progress, time left, Cancel."""
    viewer, dock = open_viewer()
    job = dock.run(steps=12, at=7)
    while job.status == "running" and len(viewer.layers) < 3:
        settle(0.1)
    while job.status == "running" and viewer.layers[-1].data.shape[0] < 4:
        settle(0.1)
    shoot(viewer, out / "forecast_running.png", pause=0.1)
    job.cancel()
    settle(3)
    viewer.close()


def forecast_samples(out: Path) -> None:
    """Several possible futures; needs a model with a sampler."""
    viewer, dock = open_viewer()
    screens_forecast.samples(viewer, dock, settle)
    shoot(viewer, out / "forecast_samples.png")
    viewer.close()


def forecast_uncertainty(out: Path) -> None:
    """Where the forecast is sure; needs a model that knows it."""
    viewer, dock = open_viewer()
    screens_forecast.uncertainty(viewer, dock, settle)
    shoot(viewer, out / "forecast_uncertainty.png")
    viewer.close()


def forecast_adapted(out: Path) -> None:
    """The dock after an adaptation of three minutes."""
    viewer, dock = open_viewer()
    screens_forecast.adapted(viewer, dock, settle, minutes=3)
    shoot(viewer, out / "forecast_adapted.png")
    viewer.close()


def overlays(out: Path) -> None:
    """The four overlays side by side."""
    viewer, dock = open_viewer()
    dock.run(steps=3, at=9).wait()
    viewer.window.remove_dock_widget(dock.parent())
    keep = ("forecast", "flow", "motion arrows", "kernel deviation", "segmentation")
    for layer in viewer.layers:
        layer.visible = layer.name.startswith(keep) and "predicted" in layer.name
        layer.blending = "translucent"
    viewer.canvas.grid.enabled = True
    viewer.canvas.grid.shape = (1, -1)
    viewer.dims.set_point(0, 120.0)
    settle()
    viewer.reset_view(margin=0.02)
    shoot(viewer, out / "overlays.png")
    viewer.close()


def models_dock(out: Path) -> None:
    """The Models dock."""
    viewer, dock = open_viewer()
    viewer.window.remove_dock_widget(dock.parent())
    _, models = viewer.window.add_plugin_dock_widget("napari-cellsim", "Models")
    models.window().resizeDocks([models.parent()], [360], _horizontal())
    settle()
    shoot(viewer, out / "models_dock.png")
    viewer.close()


def field(out: Path) -> None:
    """A field of view with its traps as rectangles."""
    get_settings().appearance.theme = "dark"
    viewer = napari.Viewer(show_welcome_screen=False)
    viewer.open_sample("napari-cellsim", "phantom_field")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    viewer.window.resize(*SIZE)
    settle()
    viewer.reset_view(margin=0.02)
    dock.run("phantom field", steps=2, at=5, regions="phantom field traps").wait()
    shoot(viewer, out / "forecast_field.png")
    viewer.close()


def open_generate(theme: str, tab: str) -> tuple[napari.Viewer, object]:
    """Return a viewer with the phantom movie and a tab of the Generate dock."""
    viewer, forecast = open_viewer(theme)
    viewer.window.remove_dock_widget(forecast.parent())
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Generate")
    dock.show_tab(tab)
    dock.window().resizeDocks([dock.parent()], [330], _horizontal())
    settle()
    return viewer, dock


def generate_dock(out: Path, theme: str = "dark", name: str = "generate_dock") -> None:
    """Sixteen pictures in one layer."""
    viewer, dock = open_generate(theme, "Generate")
    viewer.layers.clear()
    dock.run(n=16, seed=3).wait()
    viewer.dims.set_point(0, 5)
    settle()
    viewer.reset_view(margin=0.02)
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def generate_guide(out: Path, theme: str = "dark", name: str = "generate_guide") -> None:
    """A look-alike of a phantom frame, encoded and refined."""
    viewer, dock = open_generate(theme, "Guide")
    dock.encode("phantom movie", at=9).wait()
    dock.refine(60).wait()
    settle()
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def generate_explore(out: Path, theme: str = "dark", name: str = "generate_explore") -> None:
    """A style-mixing grid of three pictures, and the sliders."""
    viewer, dock = open_generate(theme, "Explore")
    viewer.layers.clear()
    dock.run(n=8, seed=3).wait()
    for number in (0, 2, 5):
        viewer.dims.set_point(0, number)
        dock.add_current()
    dock.mix().wait()
    dock.layer = viewer.layers[0]
    settle()
    viewer.reset_view(margin=0.02)
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def generate_sliders(out: Path, theme: str = "dark", name: str = "generate_sliders") -> None:
    """One picture changed by the sliders."""
    viewer, dock = open_generate(theme, "Explore")
    viewer.layers.clear()
    dock.run(n=4, seed=3).wait()
    dock.show_sliders()
    dock.edit([2.0, -1.5, 0.5], picture=2)
    settle(4)
    viewer.reset_view(margin=0.02)
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def dataset_find(out: Path, theme: str = "dark", name: str = "dataset_find") -> None:
    """The traps of a field of view as rectangles."""
    viewer, forecast = open_viewer(theme)
    screens_dataset.dataset_find(viewer, forecast, settle)
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def dataset_review(out: Path, theme: str = "dark", name: str = "dataset_review") -> None:
    """The table of windows, and one of them in the viewer."""
    viewer, forecast = open_viewer(theme)
    screens_dataset.dataset_review(viewer, forecast, settle)
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def train_dock(out: Path, theme: str = "dark", name: str = "train_dock") -> None:
    """A new training, and how long it will take."""
    viewer, forecast = open_viewer(theme)
    dock = screens_training.open_train(viewer, forecast, settle)
    screens_training.train_dock(viewer, dock, settle)
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def train_running(out: Path, theme: str = "dark", name: str = "train_running") -> None:
    """A training half-way through: curves, numbers, preview; then the list of runs."""
    viewer, forecast = open_viewer(theme)
    dock = screens_training.open_train(viewer, forecast, settle)
    screens_training.train_running(viewer, dock, settle)
    shoot(viewer, out / f"{name}.png", pause=0.1)
    dock.show_tab("Runs")
    screens_training.finish(dock, settle)
    shoot(viewer, out / name.replace("running", "runs.png"), pause=3.5)
    viewer.close()


def evaluate_forecast(out: Path, theme: str = "dark", name: str = "evaluate_forecast") -> None:
    """How well the bundled model forecasts five movies."""
    viewer, forecast = open_viewer(theme)
    screens_evaluate.evaluate_forecast(viewer, forecast, settle)
    shoot(viewer, out / f"{name}.png")
    viewer.close()


def evaluate_blind(out: Path, theme: str = "dark", name: str = "evaluate_blind") -> None:
    """The window of a blind test."""
    viewer, forecast = open_viewer(theme)
    window = screens_evaluate.evaluate_blind(viewer, forecast, settle)
    window.grab().save(str(out / f"{name}.png"))
    print(out / f"{name}.png")
    window.close()
    viewer.close()


PICTURES: dict[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        forecast_dock,
        forecast_light,
        forecast_running,
        forecast_samples,
        forecast_uncertainty,
        forecast_adapted,
        overlays,
        models_dock,
        field,
        generate_dock,
        generate_guide,
        generate_explore,
        generate_sliders,
        dataset_find,
        dataset_review,
        train_dock,
        train_running,
        evaluate_forecast,
        evaluate_blind,
    )
}


def main() -> None:
    """Make all pictures, or one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PICTURES)
    parser.add_argument("--out", type=Path, default=DOCS)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, make in PICTURES.items():
        if chosen.only in (None, name):
            make(chosen.out)


if __name__ == "__main__":
    main()
