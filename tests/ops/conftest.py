"""Inputs and independent oracles of the operator tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor
from torch.nn.functional import grid_sample, pad

from napari_cellsim._cuda import _lib, _report

BORDERS = ("replicate", "official", "zeros")


@pytest.fixture(params=["native", "torch"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test once with the compiled processor kernels and once with plain torch operations."""

    def forget() -> None:
        _lib.cpu_library.cache_clear()
        _report.status.cache_clear()

    if request.param == "torch":
        monkeypatch.setenv("CELLSIM_DISABLE_KERNELS", "1")
    else:
        monkeypatch.delenv("CELLSIM_DISABLE_KERNELS", raising=False)
    forget()
    status = _report.status("cpu")
    if request.param == "native" and status.backend == "torch":
        pytest.skip(f"no compiled kernels: {status.reason}")
    yield request.param
    monkeypatch.undo()
    forget()


Maker = Callable[..., list[Tensor]]


@pytest.fixture
def make_inputs() -> Maker:
    """Make image, flow, kernel_v, kernel_h whose displacements keep clear of whole pixels (kinks)."""

    def make(
        shape: tuple[int, int, int, int] = (2, 2, 6, 7),
        taps: int = 3,
        dtype: torch.dtype = torch.float64,
        reach: int = 3,
        requires_grad: bool = False,
        seed: int = 0,
    ) -> list[Tensor]:
        generator = torch.Generator().manual_seed(seed)
        batch, _, height, width = shape

        def normal(*size: int) -> Tensor:
            return torch.randn(*size, generator=generator, dtype=torch.float64)

        whole = torch.randint(-reach, reach + 1, (batch, 2, height, width), generator=generator)
        fraction = 0.2 + 0.6 * torch.rand(whole.shape, generator=generator, dtype=torch.float64)
        kernel = (batch, taps, height, width)
        tensors = [normal(*shape), whole + fraction, normal(*kernel), normal(*kernel)]
        return [tensor.to(dtype).requires_grad_(requires_grad) for tensor in tensors]

    return make


def by_grid_sample(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor, padding: str) -> Tensor:
    """Sum K² interpolated samples: the definition, one tap at a time."""
    height, width = image.shape[2:]
    taps = kernel_v.shape[1]
    y, x = (torch.arange(size, dtype=image.dtype) for size in (height, width))
    out = torch.zeros_like(image)
    for i in range(taps):
        for j in range(taps):
            at_x = x + flow[:, 0] + j - taps // 2
            at_y = y[:, None] + flow[:, 1] + i - taps // 2
            grid = torch.stack([(2 * at_x + 1) / width - 1, (2 * at_y + 1) / height - 1], -1)
            sample = grid_sample(image, grid, padding_mode=padding, align_corners=False)
            out = out + (kernel_v[:, i] * kernel_h[:, j])[:, None] * sample
    return out


def by_corners(image: Tensor, flow: Tensor, kernel_v: Tensor, kernel_h: Tensor) -> Tensor:
    """Evaluate NVIDIA's definition: four corners, clamped once for the patch centre, of a replicate-padded image."""
    batch, _, height, width = image.shape
    taps = kernel_v.shape[1]
    padded = pad(image, (taps // 2,) * 4, mode="replicate")
    x = torch.arange(width, dtype=image.dtype) + flow[:, 0]
    y = torch.arange(height, dtype=image.dtype)[:, None] + flow[:, 1]
    a, b = x - x.floor(), y - y.floor()
    left, right = (x.floor().long().add(d).clamp(0, width - 1) for d in (0, 1))
    top, bottom = (y.floor().long().add(d).clamp(0, height - 1) for d in (0, 1))
    n = torch.arange(batch)[:, None, None]
    corners = [((1 - a) * (1 - b), top, left), (a * (1 - b), top, right)]
    corners += [((1 - a) * b, bottom, left), (a * b, bottom, right)]
    out = torch.zeros_like(image)
    for i in range(taps):
        for j in range(taps):
            sample = sum(w[..., None] * padded[n, :, yy + i, xx + j] for w, yy, xx in corners)
            out = out + ((kernel_v[:, i] * kernel_h[:, j])[..., None] * sample).movedim(-1, 1)
    return out


def oracle(border: str) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Give the independent implementation for a border rule."""
    if border == "official":
        return by_corners
    padding = {"replicate": "border", "zeros": "zeros"}[border]
    return lambda *tensors: by_grid_sample(*tensors, padding)
