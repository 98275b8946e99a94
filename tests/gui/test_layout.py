"""All docks are usable at 300 px, in both themes, and by those who cannot see them."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QProgressBar,
    QScrollBar,
    QTabWidget,
    QWidget,
)
from superqt import QCollapsible

NAMES = ("Run", "Generate", "Start", "Open file")
CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QProgressBar,
)


@pytest.fixture(params=["Forecast", "Generate", "Dataset", "Train", "Evaluate", "Models"])
def dock(request, make_napari_viewer, small_model):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(
        np.zeros((4, 3, 32, 32), np.uint16), name="a movie with a rather long name, as files often have"
    )
    viewer.add_image(np.zeros((32, 32), np.uint16), name="frame 1")
    viewer.add_image(np.zeros((32, 32), np.uint16), name="frame 2")
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", request.param)
    dock.viewer = viewer
    return dock


def controls(dock):
    """Everything a user can operate, but not parts of other controls, such as the line edit of a spin box."""
    for widget in dock.findChildren(QWidget):
        owner = widget.parentWidget()
        above = owner.parentWidget() if owner else None
        inside = isinstance(owner, (QAbstractSpinBox, QComboBox)) or isinstance(above, QComboBox)
        if isinstance(widget, CONTROLS) and not inside and not isinstance(widget, QScrollBar):
            yield widget


def test_every_control_has_an_accessible_name_and_a_tooltip(dock):
    found = list(controls(dock))
    assert len(found) >= 5
    nameless = [w for w in found if not w.accessibleName()]
    silent = [w.accessibleName() for w in found if not w.toolTip()]
    assert [type(w).__name__ for w in nameless] == []
    assert silent == []


def pages(dock, qtbot):
    """Yield once for each tab of the dock, with everything unfolded; once for a dock without tabs."""
    for folded in dock.findChildren(QCollapsible):
        folded.expand(animate=False)
    tabs = dock.findChild(QTabWidget)
    for index in range(tabs.count() if tabs else 1):
        if tabs:
            tabs.setCurrentIndex(index)
        qtbot.wait(200)
        yield index


def test_usable_at_300_pixels(dock, qtbot):
    dock.setFixedWidth(300)
    for _ in pages(dock, qtbot):
        assert dock.minimumSizeHint().width() <= 300
        edge = dock.mapToGlobal(dock.rect().topRight()).x()
        shown = [w for w in controls(dock) if w.isVisible() and not isinstance(w, QAbstractItemView)]
        assert shown
        outside = [w.accessibleName() for w in shown if w.mapToGlobal(w.rect().topRight()).x() > edge]
        assert outside == []
        squeezed = [w.accessibleName() for w in shown if w.width() < 20]
        assert squeezed == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_in_both_themes(dock, theme, qtbot):
    dock.viewer.theme = theme
    qtbot.wait(200)
    button = next(w for w in controls(dock) if w.isVisible() and w.accessibleName() in NAMES)
    picture = button.grab().toImage()
    luminance = np.array(
        [
            [picture.pixelColor(x, y).lightnessF() for x in range(picture.width())]
            for y in range(picture.height())
        ]
    )
    assert luminance.max() - luminance.min() > 0.4, "the words on the button must differ from its colour"
    assert (np.median(luminance) < 0.5) == (theme == "dark")


def test_plot_follows_the_theme(make_napari_viewer, small_model, movie, qtbot):
    from napari.utils.theme import get_theme

    viewer = make_napari_viewer()
    _, dock = viewer.window.add_plugin_dock_widget("napari-cellsim", "Forecast")
    viewer.add_image(movie, name="movie")
    dock.run("movie", steps=2, at=4).wait(60)
    for theme in ("light", "dark"):
        viewer.theme = theme
        plot = dock._view.plot
        assert plot.backgroundBrush().color().name() == get_theme(theme).background.as_hex("long")
        assert plot.getAxis("left").textPen().color().name() == get_theme(theme).text.as_hex("long")
