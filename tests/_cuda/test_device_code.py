"""The device code of the CUDA kernels, compiled as host C++ and held against the float64 torch form."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from napari_cellsim.ops._pau_torch import pau_torch
from napari_cellsim.ops._sdc_torch import sdc_torch

DTYPES = {torch.float32: 0, torch.float16: 2, torch.bfloat16: 3}
EPSILON = {torch.float32: 2e-5, torch.float16: 2e-3, torch.bfloat16: 2e-2}
BORDERS = ("replicate", "official", "zeros")


@pytest.fixture(scope="module")
def device(repository: Path, compiler: str, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    here = Path(__file__).parent
    library = tmp_path_factory.mktemp("device") / "device_on_host.so"
    command = [compiler, "-std=c++17", "-O1", "-fPIC", "-shared", "-Wno-unknown-pragmas"]
    command += [f"-I{here / 'host'}", f"-I{repository / 'src/napari_cellsim/_cuda/csrc'}"]
    done = subprocess.run(
        [*command, str(here / "device_on_host.cpp"), "-o", str(library)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def pointer(tensor: Tensor | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if tensor is None else tensor.data_ptr())


def inputs(shape: tuple[int, int, int, int], taps: int, dtype: torch.dtype) -> list[Tensor]:
    """Image, flow (float32), kernel_v, kernel_h and a gradient; flow keeps clear of kinks, with a NaN and huge ones."""
    generator = torch.Generator().manual_seed(taps)
    batch, _, height, width = shape
    image, grad = (torch.randn(shape, generator=generator) for _ in range(2))
    kernels = [torch.randn(batch, taps, height, width, generator=generator) for _ in range(2)]
    flow = torch.randint(-9, 10, (batch, 2, height, width), generator=generator) + 0.2
    flow = flow + 0.6 * torch.rand(flow.shape, generator=generator)
    flow[0, 0, 1, 1], flow[0, 1, 0, 2], flow[0, 0, 2, 3] = float("nan"), 1e30, float("-inf")
    return [image.to(dtype), flow, *(kernel.to(dtype) for kernel in kernels), grad.to(dtype)]


@pytest.fixture
def call(device: ctypes.CDLL) -> Callable[..., None]:
    def run(tensors: list[Tensor], border: str, outputs: list[Tensor | None], backward: bool) -> None:
        """Outputs: out, grad_image, grad_flow, grad_kernel_v, grad_kernel_h, scale."""
        image, flow, kernel_v, kernel_h, grad = tensors
        numbers = [ctypes.c_int64(size) for size in (*image.shape, kernel_v.shape[1])]
        pointers = [pointer(t) for t in (grad, image, flow, kernel_v, kernel_h, *outputs)]
        arguments = (*pointers, *numbers, BORDERS.index(border))
        assert device.device_sdc(DTYPES[image.dtype], int(backward), *arguments) == 0

    return run


def exact(tensors: list[Tensor], border: str) -> tuple[Tensor, tuple[Tensor, ...]]:
    *wide, grad = (tensor.double() for tensor in tensors)
    wide = [tensor.requires_grad_() for tensor in wide]
    out = sdc_torch(*wide, border)
    return out.detach(), torch.autograd.grad(out, wide, grad)


def assert_close(found: Tensor, expected: Tensor, dtype: torch.dtype) -> None:
    size = expected.nan_to_num().abs().max().item()
    torch.testing.assert_close(
        found.double(), expected, rtol=EPSILON[dtype], atol=EPSILON[dtype] * size, equal_nan=True
    )


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize(
    ("taps", "dtype"),
    [
        *[(taps, torch.float32) for taps in (1, 3, 5, 7, 9, 11)],
        (7, torch.float16),
        (7, torch.bfloat16),
    ],
)
def test_sdc(call: Callable[..., None], taps: int, dtype: torch.dtype, border: str) -> None:
    tensors = inputs((2, 2, 13, 19), taps, dtype)
    image, flow, kernel_v, kernel_h, _ = tensors
    expected, grads = exact(tensors, border)
    out = torch.empty_like(image)
    call(tensors, border, [out, *[None] * 5], backward=False)
    assert_close(out, expected, dtype)
    found = [torch.zeros(image.shape), *(torch.empty_like(t) for t in (flow, kernel_v, kernel_h))]
    call(tensors, border, [None, *found, None], backward=True)
    for gradient, reference in zip(found, grads, strict=True):
        assert_close(gradient, reference, dtype)


def test_sdc_skips_gradients_nobody_wants(call: Callable[..., None]) -> None:
    tensors = inputs((1, 1, 9, 9), 7, torch.float32)
    _, grads = exact(tensors, "replicate")
    only = torch.empty_like(tensors[3])
    call(tensors, "replicate", [None, None, None, None, only, None], backward=True)
    assert_close(only, grads[3], torch.float32)


def test_fixed_point_image_gradient(call: Callable[..., None]) -> None:
    tensors = inputs((1, 2, 13, 19), 5, torch.float32)
    _, grads = exact(tensors, "replicate")
    largest = torch.stack([tensors[i].abs().max() for i in (2, 3, 4)]).prod()
    scale = 2.0**40 / largest
    fixed = torch.zeros(tensors[0].shape, dtype=torch.int64)
    call(tensors, "replicate", [None, fixed, None, None, None, scale], backward=True)
    assert_close(fixed.double() / scale.double(), grads[0], torch.float32)


@pytest.mark.parametrize("form", ["A", "B"])
@pytest.mark.parametrize("dtype", list(DTYPES))
def test_pau(device: ctypes.CDLL, dtype: torch.dtype, form: str) -> None:
    generator = torch.Generator().manual_seed(0)
    x, grad = (torch.randn(1001, generator=generator).to(dtype) for _ in range(2))
    numerator, denominator = torch.randn(6, generator=generator), torch.randn(4, generator=generator)
    wide = [tensor.double().requires_grad_() for tensor in (x, numerator, denominator)]
    expected = pau_torch(*wide, form)
    grads = torch.autograd.grad(expected, wide, grad.double())
    out, grad_x, sums = torch.empty_like(x), torch.empty_like(x), torch.zeros(10)
    head, tail = (DTYPES[dtype], "AB".index(form)), ctypes.c_int64(x.numel())
    middle = [pointer(t) for t in (x, numerator, denominator, out, grad_x, sums)]
    device.device_pau(*head, None, *middle, tail)
    assert_close(out, expected.detach(), dtype)
    device.device_pau(*head, pointer(grad), *middle, tail)
    assert_close(grad_x, grads[0], dtype)
    assert_close(sums[:6], grads[1], torch.float32)
    assert_close(sums[6:], grads[2], torch.float32)
