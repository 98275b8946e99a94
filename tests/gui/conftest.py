"""Fixtures for tests with real viewers."""

from __future__ import annotations

import os

os.environ.setdefault("NAPARI_CONFIG", "")  # napari's test fixtures reset the settings: never the user's own

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets", reason="the docks need a Qt binding")


@pytest.fixture(autouse=True)
def _no_job_survives(qtbot):
    """Every test ends with no job running, and waits for what it cancelled."""
    from napari_cellsim.gui import jobs

    yield
    for job in jobs.running_jobs():
        job.cancel()
    qtbot.waitUntil(lambda: not jobs.running_jobs(), timeout=30_000)


@pytest.fixture(autouse=True)
def _own_settings(tmp_path, monkeypatch):
    """Plugin settings live in the test's own folder."""
    from napari import settings

    settings._clear_plugin_settings_cache()
    monkeypatch.setattr(settings, "_CFG_PATH", str(tmp_path / "settings.yaml"), raising=False)
    yield
    settings._clear_plugin_settings_cache()


@pytest.fixture
def movie() -> np.ndarray:
    """Bright discs drifting right by one pixel per frame, (T, Y, X) uint16."""
    y, x = np.mgrid[:64, :64]
    frames = [2000 + 9000 * (np.hypot(y - 32, x - 20 - t) < 9) + 900 * np.sin(x / 5.0) for t in range(8)]
    return np.stack(frames).astype(np.uint16)
