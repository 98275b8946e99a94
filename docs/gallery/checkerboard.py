"""Checkerboards of transposed convolution, and what avoids them.

A transposed convolution paints its kernel at every pixel, `stride` pixels apart. If the kernel's size is no multiple of
the stride, some pixels are painted more often than others: a checkerboard before anything is learnt.
"""

from __future__ import annotations

from collections.abc import Callable

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from _drawing import ORANGE, bare, main
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

from napari_cellsim.evaluation.spectrum import detail_energy
from napari_cellsim.ops import fir_kernel, upfirdn

Array = NDArray[np.float64]
Enlarge = Callable[[Tensor, Tensor], Tensor]
"""Doubles features (B, C, H, W) with weights (D, C, k, k) to (B, D, 2H, 2W)."""


def transposed(x: Tensor, weight: Tensor) -> Tensor:
    """Paint the kernel at every other pixel."""
    side = weight.shape[-1]
    flipped = weight.transpose(0, 1)
    return F.conv_transpose2d(x, flipped, stride=2, padding=(side - 1) // 2, output_padding=side % 2)


def repeated(x: Tensor, weight: Tensor) -> Tensor:
    """Repeat pixels, then convolve."""
    return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding="same")


def filtered(x: Tensor, weight: Tensor) -> Tensor:
    """Insert zeros, smooth with the filter 1 3 3 1, then convolve: what our style-based generators do."""
    return F.conv2d(upfirdn(x, fir_kernel().to(x), up=2, pad=(2, 1), gain=4.0), weight, padding="same")


WAYS: dict[str, tuple[Enlarge, int]] = {
    "transposed, kernel 3": (transposed, 3),
    "transposed, kernel 4": (transposed, 4),
    "repeat, convolve": (repeated, 3),
    "smooth, convolve": (filtered, 3),
}


def painted(enlarge: Enlarge, side: int, size: int = 16) -> Array:
    """Return what equal weights make of a picture of ones: how often each pixel is painted, without the border."""
    made = enlarge(torch.ones(1, 1, size, size, dtype=torch.float64), torch.ones(1, 1, side, side).double())
    return made[0, 0, 6:-6, 6:-6].numpy()


def unevenness(enlarge: Enlarge, side: int) -> float:
    """Return the energy of the checkerboard over that of the picture, var / mean²."""
    counts = painted(enlarge, side)
    return float(counts.var() / counts.mean() ** 2)


def untrained(enlarge: Enlarge, side: int, seed: int = 0, count: int = 32) -> Array:
    """Return pictures (count, 64, 64) that two layers with random weights make of smooth features."""
    random = np.random.default_rng(seed)
    features = gaussian_filter(random.normal(size=(count, 8, 16, 16)), [0, 0, 1.5, 1.5])
    x = torch.from_numpy(features)
    for channels in (8, 1):
        weight = torch.from_numpy(random.normal(size=(channels, 8, side, side)))
        x = enlarge(F.leaky_relu(x, 0.2), weight)
    return x[:, 0].numpy()


def fine_share(pictures: Array, finest: float = 5.0) -> float:
    """Return the share of the energy in waves shorter than `finest` px: the features hold none that short."""
    size = float(pictures.shape[-1])
    shares = detail_energy(pictures, (2.0, finest)).sum() / detail_energy(pictures, (2.0, size)).sum()
    return float(shares)


def spectrum(pictures: Array) -> Array:
    """Return the mean power (H, W) of each frequency, zero in the middle."""
    centred = pictures - pictures.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(centred * np.outer(*[np.hanning(n) for n in pictures.shape[1:]]))) ** 2
    mean: Array = np.fft.fftshift(power.mean(0))
    return mean


def draw() -> Figure:
    figure, axes = plt.subplots(3, len(WAYS), figsize=(8.6, 7.0), layout="constrained")
    for (first, second, third), (name, (enlarge, side)) in zip(axes.T, WAYS.items(), strict=True):
        counts = painted(enlarge, side)[:12, :12]
        first.imshow(counts, cmap="gray", vmin=0, vmax=1.4 * counts.max())
        for (row, column), value in np.ndenumerate(counts[:4, :4]):
            first.text(column, row, f"{value:.0f}", ha="center", va="center", color=ORANGE, fontsize=9)
        bare(first, name)
        pictures = untrained(enlarge, side)
        second.imshow(pictures[1], cmap="gray", interpolation="nearest")
        bare(second)
        power = np.log10(spectrum(pictures))
        third.imshow(power, cmap="magma", vmin=power.max() - 6, interpolation="nearest")
        share = fine_share(pictures)
        bare(third, f"finer than 5 px: {share:.1%}", ORANGE if share > 0.01 else "black")
    for axis, label in zip(axes[:, 0], ("times painted", "untrained network", "its spectrum"), strict=True):
        axis.set_ylabel(label, fontsize=10.5)
    return figure


if __name__ == "__main__":
    main(draw, __file__)
