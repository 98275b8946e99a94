"""The demo's window: what it shows, and that the forecast continues the movie there."""

from __future__ import annotations

import pytest

from napari_cellsim.cli import demo
from napari_cellsim.cli.doctor import has_display
from napari_cellsim.forecasting import predict
from napari_cellsim.models import Model
from napari_cellsim.phantom import simulate


@pytest.mark.skipif(not has_display(), reason="there is no screen: run under xvfb-run")
def test_movie_and_forecast_share_the_time_axis(monkeypatch, qapp):
    import napari

    monkeypatch.setattr(napari, "run", lambda: None)  # the event loop would wait for the user
    movie = simulate(5, 1, size=64, planes=(-1.0, 0.0)).as_timelapse()
    model = Model.create("untrained", "sdcnet", "lite")
    forecast = predict(
        movie, model, steps=2, at=3, plane=1, flow="classical", segmentation="none", device="cpu"
    )
    demo._open_napari(movie, forecast)
    viewer = napari.current_viewer()
    try:
        shown, *predicted = viewer.layers
        assert shown.data.shape == (5, 2, 64, 64)
        assert "predicted" in predicted[0].name.lower()
        assert predicted[0].ndim == shown.ndim
        start = predicted[0].data_to_world((0,) * 4)
        assert start == pytest.approx(shown.data_to_world((4, 1, 0, 0)))
    finally:
        viewer.close()
