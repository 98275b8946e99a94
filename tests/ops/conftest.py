"""Inputs of the operator tests, and the choice between compiled kernels and torch operations."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from sdc_oracles import Maker
from torch import Tensor

from napari_cellsim._cuda import _lib, _report


@pytest.fixture(params=["native", "torch"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the test once with the compiled processor kernels and once with plain torch operations.

    A third choice, "baseline", takes the kernels for processors without AVX2.
    """

    def forget() -> None:
        _lib.cpu_library.cache_clear()
        _report.status.cache_clear()

    if request.param == "torch":
        monkeypatch.setenv("CELLSIM_DISABLE_KERNELS", "1")
    else:
        monkeypatch.delenv("CELLSIM_DISABLE_KERNELS", raising=False)
    if request.param == "baseline":
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "DEFAULT")
    forget()
    status = _report.status("cpu")
    if request.param != "torch" and status.backend == "torch":
        pytest.skip(f"no compiled kernels: {status.reason}")
    yield request.param
    monkeypatch.undo()
    forget()


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
