"""What the spatial frequencies of pictures say: how much detail there is, and whether a grid lies over it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..base import CellSimError

Array = npt.NDArray[np.float64]

DETAIL = (4.0, 16.0)
"""Wavelengths in px that count as detail: cell walls and buds, but not the finest camera noise."""

PERIODS = (2, 4, 8, 16)
"""Grid periods in px that upsampling by factors of two leaves behind."""


def detail_energy(pictures: Any, wavelengths: tuple[float, float] = DETAIL) -> Array:
    """Return the spectral energy of pictures in a band of wavelengths.

    The squared modulus of the discrete Fourier transform, summed over the frequencies in the band, after the mean
    was taken away and the edges were faded by a Hann window.

    Parameters
    ----------
    pictures : array (..., Y, X)
        Both axes at least as long as the longest wavelength.
    wavelengths : (float, float)
        Shortest and longest wavelength in px, of any direction.

    Returns
    -------
    array (...)
        In squared intensity units; only ratios of pictures of one size mean anything.

    Raises
    ------
    CellSimError
        If the pictures are smaller than the longest wavelength, or the band is empty.
    """
    stack = np.asarray(pictures, dtype=np.float64)
    shortest, longest = wavelengths
    if not 2 <= shortest < longest:
        raise CellSimError(f"A band of wavelengths runs from at least 2 px upwards, not over {wavelengths}.")
    if stack.ndim < 2 or min(stack.shape[-2:]) < longest:
        raise CellSimError(
            f"Detail of up to {longest:g} px cannot be measured in pictures of the shape {stack.shape}."
        )
    height, width = stack.shape[-2:]
    window = np.outer(_hann(height), _hann(width))
    faded = (stack - stack.mean(axis=(-2, -1), keepdims=True)) * window
    energy = np.abs(np.fft.fft2(faded)) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    band = (frequency >= 1 / longest) & (frequency <= 1 / shortest)
    return np.asarray((energy * band).sum(axis=(-2, -1)))


class GridArtefact(NamedTuple):
    """How much a regular grid stands out of the spectrum of a set of pictures.

    Attributes
    ----------
    strength : float
        The largest of `by_period`: the spectral power of the grid over that of its surroundings, about 1 without one.
    period : int
        Period of that grid in px.
    by_period : dict
        The strength at each period of `PERIODS`.
    found : bool
        Whether the strength exceeds the threshold.
    """

    strength: float
    period: int
    by_period: dict[int, float]
    found: bool


GRID_THRESHOLD = 10.0
"""Strength above which a grid is reported: of 200 sets of four pictures of noise or texture the strongest reaches 6,
and upsampled pictures lie above 60."""
FEWEST_PICTURES = 4
"""The power of one picture at one frequency is too much a matter of chance."""


def grid_artefact(pictures: Any, threshold: float = GRID_THRESHOLD) -> GridArtefact:
    """Look for a grid that upsampling left in generated pictures.

    What repeats every 2, 4, 8 … px shows as sharp peaks of the mean power spectrum at multiples of 1/period (Odena et
    al., "Deconvolution and checkerboard artifacts", Distill 2016, doi:10.23915/distill.00003; Durall et al., CVPR
    2020). Two spectra are searched: that of the pictures, in which transposed convolutions leave peaks, and that of
    their squared gradient, in which the block edges of nearest-neighbour upsampling do, though block means vary. A
    peak is compared with the median power of the frequencies around it, the geometric mean is taken over the peaks of
    one direction (rows, columns, both), and the largest is the strength.

    Parameters
    ----------
    pictures : array (N, Y, X)
        Generated pictures as they left the generator, never resampled: N at least 4, both axes at least 32 px.
    threshold : float
        Strength above which a grid counts as found.

    Returns
    -------
    GridArtefact

    Raises
    ------
    CellSimError
        If there are too few pictures, or too small ones.

    Notes
    -----
    Power is averaged over pictures, so that what repeats in all of them stands out. Compare with the strength of the
    real pictures: a camera's own row pattern, and pixels that a camera interpolated, look the same.
    """
    stack = np.asarray(pictures, dtype=np.float64)
    if stack.ndim != 3 or len(stack) < FEWEST_PICTURES or min(stack.shape[1:]) < 2 * max(PERIODS):
        raise CellSimError(
            f"A grid is sought in at least {FEWEST_PICTURES} pictures (N, Y, X) of at least {2 * max(PERIODS)} px, not "
            f"in an array of the shape {stack.shape}."
        )
    # Cut to a multiple of the longest period, so that every grid frequency is a bin of its own.
    height, width = (n // max(PERIODS) * max(PERIODS) for n in stack.shape[1:])
    gradient = (
        np.diff(stack, axis=1, append=stack[:, -1:]) ** 2
        + np.diff(stack, axis=2, append=stack[..., -1:]) ** 2
    )
    powers = [_mean_power(part[:, :height, :width]) for part in (stack, gradient)]
    strengths = {period: max(_strength(power, period) for power in powers) for period in PERIODS}
    period = max(strengths, key=lambda p: strengths[p])
    return GridArtefact(strengths[period], period, strengths, strengths[period] > threshold)


def _mean_power(stack: Array) -> Array:
    window = np.outer(_hann(stack.shape[1]), _hann(stack.shape[2]))
    faded = (stack - stack.mean(axis=(1, 2), keepdims=True)) * window
    return np.asarray((np.abs(np.fft.fft2(faded)) ** 2).mean(axis=0))


def _strength(power: Array, period: int) -> float:
    """Return the largest mean ratio of peak and surroundings at the frequencies that only this period has."""
    height, width = power.shape
    # Odd multiples of 1/period: the even ones belong to finer grids, which have their own strength.
    odd = range(1, period // 2 + 1, 2)
    row, column = height // period, width // period
    directions = (
        [(k * row, 0) for k in odd],
        [(0, k * column) for k in odd],
        [(k * row, k * column) for k in odd],
    )
    means = []
    for bins in directions:
        ratios = [power[y, x] / _surroundings(power, y, x) for y, x in bins]
        means.append(float(np.exp(np.log(np.maximum(ratios, 1e-12)).mean())))
    return max(means)


def _surroundings(power: Array, y: int, x: int, reach: int = 5, gap: int = 2) -> float:
    """Return the median power around a bin, without the bins next to it, which the window fills."""
    rows, columns = (np.arange(-reach, reach + 1) + centre for centre in (y, x))
    patch = power[np.ix_(rows % power.shape[0], columns % power.shape[1])]
    outside = np.ones(patch.shape, bool)
    outside[reach - gap + 1 : reach + gap, reach - gap + 1 : reach + gap] = False
    return float(np.median(patch[outside])) + float(np.finfo(np.float64).tiny)


def _hann(n: int) -> Array:
    # The periodic form: its transform is three bins wide and zero at all others.
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(n) + 0.5) / n))
