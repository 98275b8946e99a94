"""Kernels of the predictor held at their centre tap, for the first two stages of its training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

KERNEL_DECODERS = ("kernel_v_decoder", "kernel_h_decoder")


def distance_to_one_hot(kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    """Return the mean over pixels of the squared distance of both kernels to the centre tap (Reich 2020, eq. 6.3).

    Parameters
    ----------
    kernel_v, kernel_h : Tensor
        (B, S, K, H, W).
    """
    target = torch.zeros(kernel_v.shape[2], 1, 1, device=kernel_v.device)
    target[len(target) // 2] = 1
    kernels = torch.cat([kernel_v, kernel_h], 1)
    return 2 * ((kernels - target) ** 2).sum(2).mean()


class _OneHot(nn.Module):
    """Stands in for a kernel decoder: the centre tap everywhere."""

    def __init__(self, taps: int, block: int) -> None:
        super().__init__()
        self.taps, self.block = taps, block

    def forward(self, x: Tensor, skips: list[Tensor]) -> Tensor:
        """Return (B, block · K, h, w) at the size of the finest skip."""
        finest = skips[0]
        kernel = finest.new_zeros(len(finest), self.block, self.taps, *finest.shape[-2:])
        kernel[:, :, self.taps // 2] = 1
        return kernel.flatten(1, 2)


@contextmanager
def one_hot_kernels(network: Any, active: bool = True) -> Iterator[None]:
    """Fix the kernels of an `SDCNet` to the centre tap meanwhile, at no cost: it then only warps."""
    if not active:
        yield
        return
    own = {name: getattr(network, name) for name in KERNEL_DECODERS}
    try:
        for name in own:
            setattr(network, name, _OneHot(network.config.kernel_size, network.config.block))
        yield
    finally:
        for name, decoder in own.items():
            setattr(network, name, decoder)
