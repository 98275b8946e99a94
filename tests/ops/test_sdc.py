"""What the spatially-displaced convolution computes (MODELS §1.3), with and without compiled kernels."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from sdc_oracles import BORDERS, Maker, oracle
from torch import Tensor
from torch.nn.functional import pad

from napari_cellsim.base.errors import CellSimError
from napari_cellsim.ops import sdc

pytestmark = pytest.mark.usefixtures("backend")


def one_hot(taps: int, index: int, shape: tuple[int, int, int], dtype: torch.dtype = torch.float64) -> Tensor:
    batch, height, width = shape
    kernel = torch.zeros(batch, taps, height, width, dtype=dtype)
    kernel[:, index] = 1
    return kernel


def still(image: Tensor) -> Tensor:
    return torch.zeros(image.shape[0], 2, *image.shape[2:], dtype=image.dtype)


@pytest.fixture
def image() -> Tensor:
    return torch.rand(2, 3, 9, 11, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("border", BORDERS)
def test_no_flow_and_central_kernels_return_the_image_exactly(image: Tensor, border: str) -> None:
    centre = one_hot(7, 3, (2, 9, 11))
    assert torch.equal(sdc(image, still(image), centre, centre, border), image)


def test_no_flow_is_the_adaptive_separable_convolution(image: Tensor, make_inputs: Maker) -> None:
    _, _, kernel_v, kernel_h = make_inputs((2, 3, 9, 11), taps=5)
    windows = pad(image, (2, 2, 2, 2), mode="replicate").unfold(2, 5, 1).unfold(3, 5, 1)
    expected = torch.einsum("bchwij,bihw,bjhw->bchw", windows, kernel_v, kernel_h)
    torch.testing.assert_close(sdc(image, still(image), kernel_v, kernel_h), expected)


def test_rows_belong_to_kernel_v_and_columns_to_kernel_h(image: Tensor) -> None:
    below, centre = one_hot(5, 3, (2, 9, 11)), one_hot(5, 2, (2, 9, 11))
    assert torch.equal(sdc(image, still(image), below, centre)[:, :, :-1], image[:, :, 1:])
    assert torch.equal(sdc(image, still(image), centre, below)[..., :-1], image[..., 1:])


def test_positive_flow_looks_right_and_down(image: Tensor) -> None:
    centre = one_hot(3, 1, (2, 9, 11))
    right, down = still(image), still(image)
    right[:, 0], down[:, 1] = 1, 1
    assert torch.equal(sdc(image, right, centre, centre)[..., :-1], image[..., 1:])
    assert torch.equal(sdc(image, down, centre, centre)[:, :, :-1], image[:, :, 1:])


def test_kernels_that_sum_to_one_keep_a_constant_image(make_inputs: Maker) -> None:
    _, flow, kernel_v, kernel_h = make_inputs((2, 1, 8, 8), taps=7, reach=9)
    out = sdc(
        torch.full((2, 1, 8, 8), 3.5, dtype=torch.float64), flow, kernel_v.softmax(1), kernel_h.softmax(1)
    )
    torch.testing.assert_close(out, torch.full_like(out, 3.5))


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("taps", [1, 3, 5, 7, 9, 11, 13, 15])
def test_equals_the_tap_by_tap_definition(make_inputs: Maker, taps: int, border: str) -> None:
    tensors = make_inputs((2, 2, 12, 45), taps=taps, reach=8)
    torch.testing.assert_close(sdc(*tensors, border), oracle(border)(*tensors), rtol=1e-10, atol=1e-10)
    single = [tensor.float() for tensor in tensors]
    torch.testing.assert_close(sdc(*single, border), oracle(border)(*tensors).float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (1, 1, 1, 9), (3, 1, 5, 1), (1, 4, 2, 3), (1, 1, 3, 70)])
@pytest.mark.parametrize("border", BORDERS)
def test_small_and_odd_sizes(make_inputs: Maker, shape: tuple[int, int, int, int], border: str) -> None:
    tensors = make_inputs(shape, taps=5)
    torch.testing.assert_close(sdc(*tensors, border), oracle(border)(*tensors))


def test_more_taps_than_any_compiled_kernel_has(make_inputs: Maker) -> None:
    tensors = make_inputs((1, 1, 5, 6), taps=33)
    torch.testing.assert_close(sdc(*tensors), oracle("replicate")(*tensors))


@pytest.mark.parametrize("shape", [(0, 1, 4, 5), (2, 0, 4, 5)])
def test_empty_batch_or_no_channels(make_inputs: Maker, shape: tuple[int, int, int, int]) -> None:
    tensors = make_inputs(shape, requires_grad=True)
    out = sdc(*tensors)
    assert out.shape == shape
    out.sum().backward()
    for tensor in tensors:
        assert torch.equal(tensor.grad, torch.zeros_like(tensor))


def test_memory_layout_does_not_matter(make_inputs: Maker) -> None:
    tensors = make_inputs((2, 3, 8, 10), taps=5)
    expected = sdc(*tensors)
    last = [tensor.contiguous(memory_format=torch.channels_last) for tensor in tensors]
    strided = [torch.stack([tensor, tensor], -1)[..., 0] for tensor in tensors]
    torch.testing.assert_close(sdc(*last), expected)
    torch.testing.assert_close(sdc(*strided), expected)


@pytest.mark.parametrize("border", BORDERS)
def test_huge_flow_reads_the_border(image: Tensor, border: str) -> None:
    flow = still(image)
    flow[:, 0], flow[0, 1], flow[1, 1] = 1e30, float("-inf"), -5e9
    corner = image[:, :, :1, -1:].expand_as(image)
    kernel = torch.full((2, 3, 9, 11), 1 / 3, dtype=torch.float64)
    if border == "official":  # its patch stays around the corner pixel of the image
        corner = oracle(border)(image, flow.clamp(-100, 100), kernel, kernel)
    expected = torch.zeros_like(image) if border == "zeros" else corner
    torch.testing.assert_close(sdc(image, flow, kernel, kernel, border), expected)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("taps", [1, 7])
def test_nan_flow_stays_local(make_inputs: Maker, border: str, taps: int) -> None:
    tensors = make_inputs((2, 2, 9, 40), taps=taps)
    expected = sdc(*tensors, border)
    tensors[1][0, 0, 4, 5] = tensors[1][1, 1, 8, 39] = float("nan")
    for tensor in tensors:
        tensor.requires_grad_()
    out = sdc(*tensors, border)
    lost = torch.zeros(2, 2, 9, 40, dtype=torch.bool)
    lost[0, :, 4, 5] = lost[1, :, 8, 39] = True
    assert torch.equal(out.isnan(), lost)
    torch.testing.assert_close(out[~lost], expected[~lost])
    # A loss that masks such a pixel trains on, undisturbed.
    grads = torch.autograd.grad(torch.where(lost, 0, out).sum(), tensors)
    assert all(grad.isfinite().all() for grad in grads)
    assert not any(grad[0, :, 4, 5].any() for grad in grads[1:])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 99),
    taps=st.sampled_from([1, 3, 7]),
    border=st.sampled_from(BORDERS),
    factor=st.floats(-3, 3),
)
def test_linear_in_image_and_in_each_kernel(
    make_inputs: Maker, seed: int, taps: int, border: str, factor: float
) -> None:
    tensors = make_inputs((1, 2, 5, 6), taps=taps, seed=seed)
    others = make_inputs((1, 2, 5, 6), taps=taps, seed=seed + 100)
    for place in (0, 2, 3):
        mixed, other = list(tensors), list(tensors)
        mixed[place] = tensors[place] + factor * others[place]
        other[place] = others[place]
        expected = sdc(*tensors, border) + factor * sdc(*other, border)
        torch.testing.assert_close(sdc(*mixed, border), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 99), border=st.sampled_from(BORDERS))
def test_transposing_everything_transposes_the_result(make_inputs: Maker, seed: int, border: str) -> None:
    image, flow, kernel_v, kernel_h = make_inputs((1, 1, 6, 8), taps=5, seed=seed)
    turned = (image.mT, flow.flip(1).mT, kernel_h.mT, kernel_v.mT)
    torch.testing.assert_close(sdc(*turned, border).mT, sdc(image, flow, kernel_v, kernel_h, border))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_accumulated_in_float32(make_inputs: Maker, dtype: torch.dtype) -> None:
    image, flow, kernel_v, kernel_h = (tensor.to(dtype) for tensor in make_inputs(taps=7))
    out = sdc(image, flow.float(), kernel_v, kernel_h)
    exact = sdc(image.float(), flow.float(), kernel_v.float(), kernel_h.float())
    assert out.dtype == dtype
    assert torch.equal(out, exact.to(dtype))


def test_autocast_computes_in_float32(make_inputs: Maker) -> None:
    image, flow, kernel_v, kernel_h = make_inputs(taps=7, dtype=torch.float32)
    halves = kernel_v.bfloat16(), kernel_h.bfloat16()  # as a network's last convolution returns them
    with torch.autocast("cpu", torch.bfloat16):
        out = sdc(image, flow, *halves)
    assert out.dtype == torch.float32
    assert torch.equal(out, sdc(image, flow, *(kernel.float() for kernel in halves)))


SHAPES = {"image": (2, 1, 6, 7), "flow": (2, 2, 6, 7), "kernel_v": (2, 3, 6, 7), "kernel_h": (2, 3, 6, 7)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": (1, 6, 7)}, ["image", "(1, 6, 7)", "(B, C, H, W)"]),
        ({"image": (2, 1, 0, 7)}, ["at least one pixel"]),
        ({"flow": (2, 1, 6, 7)}, ["flow", "(2, 1, 6, 7)", "(2, 2, 6, 7)"]),
        ({"flow": (1, 2, 6, 7)}, ["flow", "(2, 2, 6, 7)"]),
        ({"kernel_v": (2, 3, 6, 8)}, ["kernel_v", "(2, K, 6, 7)"]),
        ({"kernel_h": (2, 5, 6, 7)}, ["kernel_h", "(2, 3, 6, 7)"]),
        ({"kernel_v": (2, 4, 6, 7), "kernel_h": (2, 4, 6, 7)}, ["4 taps", "odd"]),
        ({"kernel_v": (2, 0, 6, 7), "kernel_h": (2, 0, 6, 7)}, ["0 taps", "odd"]),
        ({"image": torch.uint8}, ["image", "uint8", "floating-point"]),
        ({"kernel_h": torch.float64}, ["kernel_h", "float64", "float32"]),
        ({"flow": torch.float64}, ["flow", "float64", "float32"]),
        ({"flow": "meta"}, ["device", "meta"]),
        ({"border": "wrap"}, ["wrap", "replicate, official, zeros"]),
    ],
)
def test_bad_arguments_get_a_sentence(change: dict[str, object], words: list[str]) -> None:
    def tensor(name: str) -> Tensor:
        wanted = change.get(name, SHAPES[name])
        if isinstance(wanted, tuple):
            return torch.zeros(wanted)
        return torch.zeros(SHAPES[name]).to(wanted)

    with pytest.raises(CellSimError) as error:
        sdc(*(tensor(name) for name in SHAPES), border=change.get("border", "replicate"))
    message = str(error.value)
    assert message.endswith(".")
    assert "\n" not in message
    assert all(word in message for word in words), message
