"""Optics, camera and mechanics against known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_cellsim.data.trap_geometry import TrapGeometry
from napari_cellsim.phantom import PhantomConfig
from napari_cellsim.phantom.camera import Camera
from napari_cellsim.phantom.cells import Colony
from napari_cellsim.phantom.grid import Grid, bin_mean, soft_noise
from napari_cellsim.phantom.mechanics import advance, relax
from napari_cellsim.phantom.optics import BrightField

CLEAN = {"veil": 0.0, "glow": 0.0}


def microscope(**scope):
    config = PhantomConfig().changed(microscope={**CLEAN, **scope})
    grid = Grid.of((96, 96), 0.15, config)
    return BrightField(config, grid), grid, config


def test_empty_chamber_is_one_and_absorption_follows_beer_lambert():
    optics, grid, config = microscope()
    slabs = config.microscope.slabs
    phase = np.full((slabs, grid.rows, grid.columns), 0.7, np.float32)
    nothing = np.zeros((grid.rows, grid.columns), np.float32)
    np.testing.assert_allclose(optics.image(phase, nothing, [0.0, 2.0]), 1, atol=1e-4)
    np.testing.assert_allclose(optics.image(phase, nothing + 0.3, [0.0]), math.exp(-0.3), atol=1e-4)


@pytest.mark.parametrize("z", [-2.0, -0.7, 0.0, 0.7, 2.0])
def test_weak_phase_grating_follows_the_transfer_function(z):
    """Coherent light, one layer: I = 1 - 2 a sin(chi) cos(2 pi f x), chi = (kz(f) - kz(0)) z."""
    optics, grid, config = microscope(
        condenser_na=0.0101, source_points=1, wavelengths=1, bandwidth=0.0, slabs=1
    )
    cycles, amplitude = 12, 0.01
    x = np.arange(grid.columns)
    wave = np.cos(2 * np.pi * cycles * x / grid.columns)
    phase = np.broadcast_to(amplitude * wave, (1, grid.rows, grid.columns)).astype(np.float32)
    picture = optics.image(phase, np.zeros(phase.shape[1:], np.float32), [z])[0]
    k = config.material.medium / config.microscope.wavelength
    f = cycles / (grid.columns * grid.optics_pixel)
    chi = 2 * math.pi * (math.sqrt(k**2 - f**2) - k) * z
    expected = 1 - 2 * amplitude * math.sin(chi) * wave[grid.window[1]]
    np.testing.assert_allclose(picture.mean(0), expected, atol=3e-4)


def test_frequencies_beyond_the_aperture_are_not_seen():
    optics, grid, _ = microscope(
        condenser_na=0.0101, source_points=1, wavelengths=1, objective_na=0.3, slabs=1
    )
    cycles = round(0.6 / 0.55 * grid.columns * grid.optics_pixel)
    wave = 0.05 * np.cos(2 * np.pi * cycles * np.arange(grid.columns) / grid.columns)
    phase = np.broadcast_to(wave, (1, grid.rows, grid.columns)).astype(np.float32)
    picture = optics.image(phase, np.zeros(phase.shape[1:], np.float32), [1.0])[0]
    assert picture.std() < 1e-3


def test_focus_inverts_the_contrast_of_a_cell():
    """A refracting ball is a lens: dark on one side of focus and bright on the other, as every z-stack shows."""
    optics, grid, _ = microscope()
    y, x = np.mgrid[: grid.rows, : grid.columns]
    r2 = ((y - grid.rows / 2) ** 2 + (x - grid.columns / 2) ** 2) * grid.optics_pixel**2
    ball = np.sqrt(np.maximum(2.2**2 - r2, 0)).astype(np.float32)
    phase = np.stack([ball * 2 * 0.03 * 2 * np.pi / 0.55 / 3] * 3).astype(np.float32)
    low, high = optics.image(phase, np.zeros_like(ball), [-2.5, 2.5])
    middle = (slice(42, 54), slice(42, 54))
    assert low[middle].mean() < 0.97 < 1.03 < high[middle].mean()


def test_light_is_neither_made_nor_lost():
    """With an aperture that catches everything, a phase object redistributes light."""
    optics, grid, _ = microscope()
    noise = soft_noise(1, 256, 12.0)[: grid.rows, : grid.columns]
    phase = np.stack([0.3 * noise] * 3)
    picture = optics.image(phase, np.zeros_like(noise), [1.0])[0]
    assert picture.mean() == pytest.approx(1, abs=0.01)


def test_more_source_points_change_little():
    pictures = []
    for points in (32, 96):
        optics, grid, _ = microscope(source_points=points)
        y, x = np.mgrid[: grid.rows, : grid.columns]
        r2 = ((y - grid.rows / 2) ** 2 + (x - grid.columns / 2) ** 2) * grid.optics_pixel**2
        ball = np.sqrt(np.maximum(2.2**2 - r2, 0)).astype(np.float32)
        phase = np.stack([ball * 2 * 0.035 * 2 * np.pi / 0.55 / 3] * 3).astype(np.float32)
        pictures.append(optics.image(phase, np.zeros_like(ball), [-1.5])[0])
    assert np.sqrt(((pictures[0] - pictures[1]) ** 2).mean()) < 0.15 * pictures[1].std()


def test_camera_noise_has_the_stated_mean_and_variance():
    still = {"pattern": 0.0, "shimmer": 0.0, "flicker": 0.0}
    config = PhantomConfig().changed(camera=still, microscope={"gradient": 0.0, "dust": 0.0})
    grid = Grid.of((200, 200), 0.2, config)
    camera = Camera(config, grid, np.random.default_rng(0))
    counts = camera.expose(np.full((2, 200, 200), 0.5, np.float32)).astype(float)
    c = config.camera
    electrons = 0.5 * c.background
    assert counts.mean() == pytest.approx(electrons / c.gain + c.offset, rel=1e-3)
    assert counts.var() == pytest.approx((electrons + c.read_noise**2) / c.gain**2, rel=0.02)


def test_illumination_stays_while_noise_changes():
    config = PhantomConfig().changed(microscope={"gradient": 0.2, "dust": 3.0})
    grid = Grid.of((64, 64), 0.3, config)
    camera = Camera(config, grid, np.random.default_rng(2))
    first, second = (camera.expose(np.ones((1, 64, 64), np.float32)).astype(float)[0] for _ in range(2))
    assert (first != second).mean() > 0.9
    assert np.corrcoef(bin_mean(first, 4).ravel(), bin_mean(second, 4).ravel())[0, 1] > 0.9


def test_bin_mean_averages_blocks():
    array = np.arange(2 * 6 * 9, dtype=np.float32).reshape(2, 6, 9)
    expected = array.reshape(2, 2, 3, 3, 3).mean((2, 4))
    np.testing.assert_allclose(bin_mean(array, 3), expected)
    assert bin_mean(array, 1) is array


@pytest.mark.parametrize("pixel_size", [0.05, 0.108, 0.2, 0.263, 0.9])
def test_grids_nest_and_reach_the_asked_fineness(pixel_size):
    config = PhantomConfig()
    grid = Grid.of((33, 48), pixel_size, config)
    assert grid.optics_pixel <= config.optics_pixel + 1e-9
    assert grid.raster_pixel <= config.raster_pixel + 1e-9
    y, x = grid.raster_axes()
    rows, _columns = grid.window
    inner = y[rows.start * grid.per_optics : rows.stop * grid.per_optics]
    block = grid.per_camera * grid.per_optics
    np.testing.assert_allclose(inner.reshape(-1, block).mean(1), grid.camera_axes()[0], atol=1e-4)
    assert len(x) == grid.columns * grid.per_optics


def quiet_colony(**mechanics):
    config = PhantomConfig().changed(
        biology={"empty_trap": 1.0, "aspect": (1.0, 1.0)},
        mechanics={"diffusion": 0.0, "drag": 0.0, "rotation": 0.0, "wash_in_rate": 0.0, **mechanics},
    )
    far = TrapGeometry.nominal("round", (0.0, 40.0))
    return Colony(config, far, (60.0, 60.0), np.random.default_rng(0))


def test_overlapping_cells_part_symmetrically():
    colony = quiet_colony()
    first, second = colony.place(-1.0, 0.0, 2.0), colony.place(1.0, 0.0, 2.0)
    for _ in range(5):
        relax(colony, 0.0)
    assert second.x - first.x == pytest.approx(4.0, abs=0.1)
    assert first.x + second.x == pytest.approx(0, abs=1e-9)
    assert (first.y, second.y) == pytest.approx((0, 0), abs=1e-9)


def test_cells_are_kept_out_of_pillars():
    config = PhantomConfig().changed(biology={"empty_trap": 1.0})
    trap = TrapGeometry.nominal("rectangular")
    colony = Colony(config, trap, (14.0, 14.0), np.random.default_rng(0))
    cell = colony.place(trap.pillars[1].x + trap.pillars[1].width / 2 - 0.2, 0.0, 2.0)
    for _ in range(10):
        relax(colony, 0.0)
    assert 1.6 < float(trap.distance(cell.x, cell.y)) < 3.5


def test_free_cells_leave_with_the_flow_and_attached_ones_stay():
    colony = quiet_colony(release_rate=0.0)
    free, attached = colony.place(-8.0, 0.0, 2.0), colony.place(8.0, 0.0, 2.0)
    free.free = True
    free.speed = 1.0
    relax(colony, 2.0)
    assert free.y == pytest.approx(2.0, abs=0.1)
    assert attached.y == pytest.approx(0.0, abs=1e-6)


def test_population_doubles_within_the_biological_range():
    """Unlimited colonies double their number in 75 to 150 minutes (budding yeast at 30 °C)."""
    config = PhantomConfig().changed(
        biology={"first_cells": (4, 4)},
        mechanics={"max_cells": 200, "release_rate": 0.0, "wash_in_rate": 0.0, "iterations": 2, "drag": 0.0},
    )
    times = []
    for seed in range(3):
        colony = Colony(config, TrapGeometry.nominal("tear_drop"), (60.0, 60.0), np.random.default_rng(seed))
        start = len(colony.cells)
        minutes = 420.0
        for _ in range(42):
            advance(colony, 10.0)
        times.append(minutes * math.log(2) / math.log(len(colony.cells) / start))
    assert 75 < np.mean(times) < 150


def test_buds_grow_to_birth_size_and_divide():
    colony = quiet_colony(release_rate=0.0)
    colony.place(0.0, 0.0, 2.8)
    sizes: dict[int, list[float]] = {}
    for _ in range(20):
        advance(colony, 10.0)
        for cell in colony.cells:
            sizes.setdefault(cell.identity, []).append(cell.radius)
    bud = sizes[2]
    assert bud[0] < 1.0
    assert np.all(np.diff(bud) > -1e-9)
    assert bud[-1] > 1.7
    assert colony.mothers[2] == 1
