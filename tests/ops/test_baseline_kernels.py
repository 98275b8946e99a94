"""The kernels for processors without AVX2, which the other tests meet only on such a processor."""

from __future__ import annotations

import pytest
import torch
from sdc_oracles import BORDERS, Maker

from napari_cellsim._cuda import report
from napari_cellsim.ops import pau, sdc
from napari_cellsim.ops._pau_torch import pau_torch
from napari_cellsim.ops._sdc_torch import sdc_torch

pytestmark = [
    pytest.mark.usefixtures("backend"),
    pytest.mark.parametrize("backend", ["baseline"], indirect=True),
]


def test_is_the_baseline() -> None:
    assert "AVX2" not in report()[0].reason


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("taps", [1, 3, 5, 7, 9, 11, 13, 15])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sdc(make_inputs: Maker, taps: int, border: str, dtype: torch.dtype) -> None:
    tensors = make_inputs((2, 2, 19, 131), taps=taps, reach=9, dtype=dtype, requires_grad=True)
    wide = [tensor.detach().double().requires_grad_() for tensor in tensors]
    found, expected = sdc(*tensors, border), sdc_torch(*wide, border)
    grads = torch.autograd.grad(found.square().sum(), tensors)
    exact = torch.autograd.grad(expected.square().sum(), wide)
    bound = 1e-4 if dtype == torch.float32 else 1e-12
    for value, reference in zip((found, *grads), (expected, *exact), strict=True):
        assert (value - reference).abs().max() <= bound * reference.abs().max()


@pytest.mark.parametrize("form", ["A", "B"])
def test_pau(form: str) -> None:
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(n, generator=generator, requires_grad=True) for n in (5000, 6, 4)]
    found, expected = pau(*tensors, form), pau_torch(*tensors, form)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        torch.autograd.grad(found.sum(), tensors),
        torch.autograd.grad(expected.sum(), tensors),
        rtol=1e-3,
        atol=1e-2,
    )
