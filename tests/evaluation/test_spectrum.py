"""Spectral energy against closed forms, and grids found in upsampled pictures only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation.metrics import spectral_ratio
from napari_cellsim.evaluation.spectrum import GRID_THRESHOLD, detail_energy, grid_artefact


def waves(wavelength, size=128):
    x = np.arange(size)
    return np.sin(2 * np.pi * x / wavelength) * np.ones((size, 1))


@pytest.mark.parametrize(("wavelength", "sigma"), [(8, 1.0), (6, 0.7), (12, 2.0)])
def test_blur_of_a_wave_has_a_closed_form(wavelength, sigma):
    """A Gaussian multiplies a wave by exp(-2 π² σ² / λ²), its energy by the square."""
    picture = waves(wavelength)
    blurred = gaussian_filter(picture, sigma, mode="wrap", truncate=8)
    expected = np.exp(-4 * np.pi**2 * sigma**2 / wavelength**2)
    assert spectral_ratio(blurred, picture) == pytest.approx(expected, rel=0.02)


def test_only_the_band_counts():
    in_band, too_fine, too_coarse = waves(8), waves(2.5), waves(64)
    assert detail_energy(too_fine) < 1e-4 * detail_energy(in_band)
    assert detail_energy(too_coarse) < 1e-4 * detail_energy(in_band)
    assert detail_energy(too_fine, (2, 3)) > 0.9 * detail_energy(in_band)
    for extra in (too_fine, too_coarse):
        assert spectral_ratio(in_band + extra, in_band) == pytest.approx(1, abs=0.01)


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-50, 50))
def test_gain_squares_and_offset_vanishes(seed, gain, offset):
    picture = np.random.default_rng(seed).normal(size=(2, 20, 24))
    assert spectral_ratio(gain * picture + offset, picture) == pytest.approx(gain**2, rel=1e-6)
    assert spectral_ratio(torch.from_numpy(picture), picture) == pytest.approx(1)


def test_parseval():
    """Over all frequencies, the energy is the number of pixels times the windowed picture's sum of squares."""
    picture = np.random.default_rng(0).normal(size=(16, 16))
    axis = np.sin(np.pi * (np.arange(16) + 0.5) / 16) ** 2
    faded = (picture - picture.mean()) * np.outer(axis, axis)
    spectrum = np.abs(np.fft.fft2(faded)) ** 2
    assert spectrum.sum() == pytest.approx(picture.size * (faded**2).sum())
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(16), np.fft.fftfreq(16)))
    inside = (frequency >= 1 / 16) & (frequency <= 1 / 2)
    assert detail_energy(picture, (2, 16)) == pytest.approx(spectrum[inside].sum())


def test_blur_shows_where_laplacian_sees_noise_only():
    """Blurred cells under fresh camera noise: the Laplacian calls them sharp, the band of cell walls does not."""
    generator = np.random.default_rng(0)
    cells = phantom.simulate(1, 5, size=128, pixel_size=0.216).images[0, 0].astype(float)
    blurred = gaussian_filter(cells, 2.0)
    noise = 0.1 * np.ptp(cells) * generator.normal(size=(2, *cells.shape))
    from napari_cellsim.evaluation.metrics import sharpness

    assert sharpness(blurred + noise[0], cells + noise[1]) > 0.9
    assert spectral_ratio(blurred + noise[0], cells + noise[1]) < 0.7


def upsampled(kind, generator):
    coarse = gaussian_filter(generator.normal(size=(8, 32, 32)), [0, 1, 1])
    if kind == "nearest":
        return coarse.repeat(2, 1).repeat(2, 2)
    if kind == "nearest 4":
        return coarse[:, :16, :16].repeat(4, 1).repeat(4, 2)
    return np.stack([zoom(one, 2, order=1) for one in coarse])


@pytest.mark.parametrize("kind", ["nearest", "nearest 4", "bilinear"])
def test_upsampling_leaves_a_grid(kind):
    found = grid_artefact(upsampled(kind, np.random.default_rng(0)))
    assert found.found
    assert found.strength == found.by_period[found.period] > 2 * GRID_THRESHOLD
    if kind == "nearest 4":
        assert found.by_period[4] > GRID_THRESHOLD


@pytest.mark.parametrize("kernel", [3, 4, 5])
def test_transposed_convolutions_leave_checkerboards(kernel):
    with torch.random.fork_rng():
        torch.manual_seed(kernel)
        layers = [torch.nn.ConvTranspose2d(c, d, kernel, 2, 1, kernel % 2) for c, d in ((8, 8), (8, 1))]
        coarse = gaussian_filter(np.random.default_rng(0).normal(size=(8, 8, 16, 16)), [0, 0, 1, 1])
        with torch.inference_mode():
            made = torch.nn.Sequential(*layers)(torch.from_numpy(coarse).float())[:, 0].numpy()
    found = grid_artefact(made)
    assert found.found
    assert found.period == 2


def test_no_grid_in_noise_texture_and_phantoms():
    generator = np.random.default_rng(0)
    strengths = [
        grid_artefact(gaussian_filter(generator.normal(size=(4, 64, 64)), [0, blur, blur])).strength
        for blur in (0, 0, 0, 1, 1.5, 2)
    ]
    assert max(strengths) < GRID_THRESHOLD
    scenes = np.stack([phantom.simulate(1, s, size=128, pixel_size=0.216).images[0, 0] for s in range(4)])
    assert grid_artefact(scenes).strength < 0.5 * GRID_THRESHOLD
    faint = scenes + 0.05 * scenes.std() * (-1) ** np.indices(scenes.shape[1:]).sum(0)  # a faint checkerboard
    assert grid_artefact(faint).found
    assert grid_artefact(faint).period == 2


def test_bad_input_gets_a_sentence():
    with pytest.raises(CellSimError, match=r"\(3, 64, 64\)"):
        grid_artefact(np.zeros((3, 64, 64)))
    with pytest.raises(CellSimError, match="at least 32 px"):
        grid_artefact(np.zeros((8, 16, 64)))
    with pytest.raises(CellSimError, match="up to 16 px"):
        spectral_ratio(np.zeros((12, 40)), np.zeros((12, 40)))
    with pytest.raises(CellSimError, match="band"):
        detail_energy(np.zeros((40, 40)), (8, 4))
    assert np.isnan(spectral_ratio(np.ones((20, 20)), np.ones((20, 20))))
