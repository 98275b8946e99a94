"""Differentiable operators on torch tensors.

Every operator is differentiable any number of times and runs on every torch device. Where the compiled
kernels of `napari_cellsim._cuda` are present they do the work; otherwise the same formula runs as plain torch
operations.
"""

from __future__ import annotations

from ._correlation import correlation
from ._pau import leaky_relu_coefficients, pau
from ._sdc import sdc
from ._upfirdn import fir_kernel, upfirdn
from ._warp import warp

__all__ = ["correlation", "fir_kernel", "leaky_relu_coefficients", "pau", "sdc", "upfirdn", "warp"]
