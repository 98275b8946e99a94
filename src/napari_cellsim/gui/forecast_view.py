"""How the Forecast dock looks: the arrangement of its controls, lines and buttons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from .forecast_adapt import AdaptForm
from .forecast_form import ForecastForm
from .forecast_work import Kernels, MovieFacts, Preview
from .job_bar import JobBar, format_seconds
from .jobs import Job
from .legend import MotionLegend, UncertaintyLegend
from .widgets import DropZone, button, line, offer_devices, say, scrolling, section, side_by_side

if TYPE_CHECKING:
    from ..evaluation import ErrorCurve


class ForecastView(QWidget):
    """The widgets of the Forecast dock and what they can display. What the buttons do is the dock's business.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers the controls offer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.form = ForecastForm(viewer)
        self.bar = JobBar("forecast", stays=True)
        self.plot: Any = None
        self.legend = MotionLegend()
        self.uncertainty_legend = UncertaintyLegend()
        self.facts_line = line("What the movie is")
        self.warning_line = line("How the movie differs from the model's training")
        self.leak_line = line("Whether the model has seen the future of the movie")
        self.estimate_line = line("Expected time and memory")
        self.kernel_line = line("Which compiled kernels are used")
        self.drop_zone = DropZone(
            "Drop a TIFF, folder or forecast here",
            "Files and folders dropped here are opened with their pixel size and frame interval.",
        )
        self.open_button = button("Open file…", "Open a TIFF movie, a saved forecast or a model file.")
        self.folder_button = button(
            "Open folder…",
            "Open a folder of single TIFFs, in natural order, or a position folder of trap pictures.",
        )
        self.stack_button = button(
            "Stack single-frame layers",
            "Make one movie of the single pictures in the layer list, in the natural order of their names. They stay.",
        )
        self.adapt = AdaptForm()
        self.adapt_box = section("Adapt to this movie", self.adapt.box, collapsed=True)
        self.run_button = button("Run", "Forecast the chosen movie.")
        self.save_button = button(
            "Save…", "Save the last forecast with all its overlays and its provenance as one OME-TIFF."
        )
        self.save_button.setEnabled(False)
        self._arrange()

    def _arrange(self) -> None:
        form = self.form
        opening = side_by_side(self.open_button, self.folder_button)
        content = QWidget()
        self._column = QVBoxLayout(content)
        self._column.setContentsMargins(4, 2, 8, 2)
        for part in (
            section("Movie", form.movie_box, self.facts_line, opening, self.stack_button, self.drop_zone),
            section("Forecast", form.forecast_box, self.leak_line, self.warning_line),
            section("Show beside the frames", form.overlay_box, self.legend, self.uncertainty_legend),
            self.adapt_box,
            form.advanced_box,
            self.estimate_line,
            self.kernel_line,
        ):
            self._column.addWidget(part)
        self._column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(4, 0, 8, 0)  # as the controls above
        buttons.addWidget(self.run_button, 2)
        buttons.addWidget(self.save_button, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2, 2, 2, 2)
        self._scroll = scrolling(content)
        outer.addWidget(self._scroll, 1)
        outer.addLayout(buttons)
        outer.addWidget(self.bar)

    def follow(self, job: Job) -> None:
        """Show a job in the bar; the buttons that start one rest while it runs."""
        self.bar.follow(job)
        self.run_button.setEnabled(False)
        self.adapt.rest(True)
        job.finished.connect(self._wake)

    def _wake(self) -> None:
        self.run_button.setEnabled(True)
        self.adapt.rest(False)

    def scroll_to_end(self) -> None:
        """Scroll the controls to their lower end."""
        bar = self._scroll.verticalScrollBar()
        bar.setValue(bar.maximum())

    def show_facts(self, facts: MovieFacts | None, problem: str = "") -> None:
        """Say what the movie is, or what is wrong with it."""
        self.form.show_facts(facts)
        if facts is None:
            say(self.facts_line, f"⚠ {problem}" if problem else "")
            return
        channels = f", {facts.n_channels} channels" if facts.n_channels > 1 else ""
        planes = f", {facts.n_planes} focal planes" if facts.n_planes > 1 else ""
        text = f"{facts.n_times} frames of {facts.height} × {facts.width} px{channels}{planes}."
        calibration = {"pixel size": facts.pixel_size, "frame interval": facts.interval}
        unknown = " and ".join(name for name, value in calibration.items() if value is None)
        if unknown:
            text += f"<br>⚠ Its {unknown} is not known: please type it above."
        say(self.facts_line, text)

    def show_preview(self, found: Preview | None, problem: str = "") -> None:
        """Say what a forecast will cost and how the movie differs from the model's training."""
        if found is None:
            say(self.estimate_line, f"⚠ {problem}" if problem else "")
            return
        memory = found.memory_bytes / 2**20
        amount = f"{memory:.0f} MB" if memory < 1000 else f"{memory / 1024:.1f} GB"
        say(self.estimate_line, f"Expected: {format_seconds(found.seconds)}, {amount} of memory.")
        say(self.warning_line, "<br>".join(f"⚠ {warning}" for warning in found.warnings))
        self.show_kernels(found.kernels)
        offer_devices(self.form.device, found.devices)

    def show_leak(self, problem: str) -> None:
        """Say that the model knows what it is to forecast, if it does."""
        say(self.leak_line, f"⚠ {problem}" if problem else "")

    def explain(self, facts: dict[str, Any] | None) -> None:
        """Explain the overlays on display; see `results.legend_of`."""
        self.legend.explain(facts)
        self.uncertainty_legend.explain(facts)

    def show_kernels(self, kernels: Kernels) -> None:
        """Say which compiled kernels are active; the tooltip says why."""
        say(self.kernel_line, f"<small>{kernels.line}</small>")
        self.kernel_line.setToolTip(kernels.why)

    def show_curve(self, curve: ErrorCurve | None, theme: str) -> Iterator[None]:
        """Draw the error against copying the last frame, in small steps; None hides the plot."""
        if curve is None:
            if self.plot is not None:
                self.plot.hide()
            return
        if self.plot is None:
            from .error_plot import ErrorPlot  # pyqtgraph takes 0.2 s to import, so only once it is wanted

            yield
            self.plot = ErrorPlot()
            yield
            self._column.insertWidget(self._column.count() - 1, self.plot)
        self.plot.set_theme(theme)
        self.plot.show_curve(curve)
        self.plot.show()
