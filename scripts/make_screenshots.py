"""Make the screenshots of the documentation, on the phantom only, and write them to docs/images.

    scripts/with_display.sh python scripts/make_screenshots.py [--only NAME] [--out FOLDER]

Needs a screen or Xvfb. Look at the pictures before committing them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import screens_dataset
import screens_evaluate
import screens_forecast
import screens_specimens
import screens_training
from screens import exchange, idle, settle, shoot, window

DOCS = Path(__file__).resolve().parents[1] / "docs" / "images"


def forecast_dock(out: Path) -> None:
    """The finished forecast with arrows and the error curve."""
    with window() as (viewer, dock):
        dock.run(steps=5, at=9).wait()
        settle()
        dock.scroll_to_results()
        viewer.dims.set_point(0, 130.0)
        shoot(viewer, out / "forecast_dock.png")


def forecast_light(out: Path) -> None:
    """The dock before a run, in the light theme, with the estimate."""
    with window(theme="light") as (viewer, dock):
        dock.estimate()
        settle(2)
        idle()
        shoot(viewer, out / "forecast_dock_light.png")


def forecast_running(out: Path) -> None:
    """Half-way through: progress, time left, Cancel."""
    with window() as (viewer, dock):
        job = dock.run(steps=12, at=7)
        while job.status == "running" and len(viewer.layers) < 3:
            settle(0.1)
        while job.status == "running" and viewer.layers[-1].data.shape[0] < 4:
            settle(0.1)
        shoot(viewer, out / "forecast_running.png", pause=0.1)
        job.cancel()
        settle(3)


def forecast_samples(out: Path) -> None:
    """Several possible futures; needs a model with a sampler."""
    with window() as (viewer, dock):
        screens_forecast.samples(viewer, dock)
        shoot(viewer, out / "forecast_samples.png")


def forecast_uncertainty(out: Path) -> None:
    """Where the forecast is sure; needs a model that knows it."""
    with window() as (viewer, dock):
        screens_forecast.uncertainty(viewer, dock)
        shoot(viewer, out / "forecast_uncertainty.png")


def overlays(out: Path) -> None:
    """The four overlays side by side."""
    with window() as (viewer, dock):
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


def models_dock(out: Path) -> None:
    """The Models dock."""
    with window() as (viewer, dock):
        exchange(viewer, dock, "Models", width=360)
        shoot(viewer, out / "models_dock.png")


def forecast_field(out: Path) -> None:
    """A field of view with its traps as rectangles."""
    with window("phantom_field") as (viewer, dock):
        dock.run("phantom field", steps=2, at=5, regions="phantom field traps").wait()
        shoot(viewer, out / "forecast_field.png")


def generate_dock(out: Path) -> None:
    """Sixteen pictures in one layer."""
    with window() as (viewer, forecast):
        _generate(viewer, forecast, "Generate", n=16)
        viewer.dims.set_point(0, 5)
        settle()
        viewer.reset_view(margin=0.02)
        shoot(viewer, out / "generate_dock.png")


def generate_guide(out: Path) -> None:
    """A look-alike of a phantom frame, encoded and refined."""
    with window() as (viewer, forecast):
        dock = exchange(viewer, forecast, "Generate", tab="Guide")
        dock.encode("phantom movie", at=9).wait()
        dock.refine().wait()
        settle()
        shoot(viewer, out / "generate_guide.png")


def generate_explore(out: Path) -> None:
    """A style-mixing grid of three pictures, and the sliders."""
    with window() as (viewer, forecast):
        dock = _generate(viewer, forecast, "Explore", n=8)
        for number in (0, 2, 5):
            viewer.dims.set_point(0, number)
            dock.add_current()
        dock.mix().wait()
        dock.layer = viewer.layers[0]
        settle()
        viewer.reset_view(margin=0.02)
        shoot(viewer, out / "generate_explore.png")


def generate_sliders(out: Path) -> None:
    """One picture changed by the sliders."""
    with window() as (viewer, forecast):
        dock = _generate(viewer, forecast, "Explore", n=4)
        dock.show_sliders()
        dock.edit([2.0, -1.5, 0.5], picture=2)
        idle()
        settle()
        viewer.reset_view(margin=0.02)
        shoot(viewer, out / "generate_sliders.png")


def _generate(viewer: Any, forecast: Any, tab: str, n: int) -> Any:
    """Show nothing but new pictures, beside a tab of the Generate dock."""
    dock = exchange(viewer, forecast, "Generate", tab=tab)
    viewer.layers.clear()
    dock.run(n=n).wait()
    return dock


def dataset_find(out: Path) -> None:
    """The traps of a field of view as rectangles."""
    with window() as (viewer, forecast):
        screens_dataset.dataset_find(viewer, forecast)
        shoot(viewer, out / "dataset_find.png")


def dataset_review(out: Path) -> None:
    """The table of windows, and one of them in the viewer."""
    with window() as (viewer, forecast):
        screens_dataset.dataset_review(viewer, forecast)
        shoot(viewer, out / "dataset_review.png")


def train_dock(out: Path) -> None:
    """A new training, and how long it will take."""
    with window() as (viewer, forecast):
        screens_training.train_dock(screens_training.open_train(viewer, forecast))
        shoot(viewer, out / "train_dock.png")


def train_running(out: Path) -> None:
    """A training half-way through: curves, numbers, preview; then the list of runs."""
    with window() as (viewer, forecast):
        dock = screens_training.open_train(viewer, forecast)
        screens_training.train_running(viewer, dock)
        shoot(viewer, out / "train_running.png", pause=0.1)
        dock.show_tab("Runs")
        screens_training.finish(dock)
        shoot(viewer, out / "train_runs.png", pause=3.5)


def train_specimens(out: Path) -> None:
    """A folder of simulated shells with its classes and counts; then a generator that learns from it."""
    with window() as (viewer, forecast):
        dock = screens_specimens.open_train(viewer, forecast)
        screens_specimens.choose(viewer, dock)
        shoot(viewer, out / "train_specimens.png")
        screens_specimens.learn(viewer, dock)
        shoot(viewer, out / "train_specimens_running.png", pause=0.1)
        screens_training.finish(dock)


def evaluate_forecast(out: Path) -> None:
    """How well the bundled model forecasts five movies."""
    with window() as (viewer, forecast):
        screens_evaluate.evaluate_forecast(viewer, forecast)
        shoot(viewer, out / "evaluate_forecast.png")


def evaluate_study(out: Path) -> None:
    """Whether generated pictures help a classifier of shells."""
    with window() as (viewer, forecast):
        screens_evaluate.evaluate_study(viewer, forecast)
        shoot(viewer, out / "evaluate_study.png")


def evaluate_blind(out: Path) -> None:
    """The window of a blind test."""
    with window() as (viewer, forecast):
        test = screens_evaluate.evaluate_blind(viewer, forecast)
        test.grab().save(str(out / "evaluate_blind.png"))
        print(out / "evaluate_blind.png")
        test.close()


def blind_specimens(out: Path) -> None:
    """The window of a blind test of photographs of several classes."""
    with window() as (viewer, forecast):
        test = screens_evaluate.blind_specimens(viewer, forecast)
        test.grab().save(str(out / "blind_specimens.png"))
        print(out / "blind_specimens.png")
        test.close()


PICTURES: dict[str, Callable[[Path], None]] = {
    function.__name__: function
    for function in (
        forecast_dock,
        forecast_light,
        forecast_running,
        forecast_samples,
        forecast_uncertainty,
        forecast_field,
        overlays,
        models_dock,
        generate_dock,
        generate_guide,
        generate_explore,
        generate_sliders,
        dataset_find,
        dataset_review,
        train_dock,
        train_running,
        train_specimens,
        evaluate_forecast,
        evaluate_study,
        evaluate_blind,
        blind_specimens,
    )
}


def main() -> None:
    """Make all pictures, or one."""
    parser = argparse.ArgumentParser(description="Make the screenshots of the documentation.")
    parser.add_argument("--only", choices=PICTURES)
    parser.add_argument("--out", type=Path, default=DOCS)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name, make in PICTURES.items():
        if chosen.only in (None, name):
            make(chosen.out)


if __name__ == "__main__":
    main()
