"""Derivatives of the spatially-displaced convolution, with and without compiled kernels."""

from __future__ import annotations

import pytest
import torch
from sdc_oracles import BORDERS, Maker, oracle

from napari_cellsim.ops import sdc
from napari_cellsim.ops._sdc_torch import sdc_torch

pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("taps", [1, 3])
def test_gradcheck(make_inputs: Maker, border: str, taps: int) -> None:
    tensors = make_inputs((2, 2, 4, 5), taps=taps, requires_grad=True)
    assert torch.autograd.gradcheck(lambda *t: sdc(*t, border), tensors)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("taps", [1, 3])
def test_second_derivatives(make_inputs: Maker, border: str, taps: int) -> None:
    tensors = make_inputs((1, 2, 3, 4), taps=taps, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda *t: sdc(*t, border), tensors)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("taps", [1, 3, 5, 7, 9, 11, 13, 15])
def test_gradients_equal_those_of_the_definition(make_inputs: Maker, border: str, taps: int) -> None:
    tensors = make_inputs((3, 2, 11, 41), taps=taps, reach=6, requires_grad=True)
    weights = torch.randn(3, 2, 11, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    expected = torch.autograd.grad((oracle(border)(*tensors) * weights).sum(), tensors)
    found = torch.autograd.grad((sdc(*tensors, border) * weights).sum(), tensors)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    single = [tensor.detach().float().requires_grad_() for tensor in tensors]
    found = torch.autograd.grad((sdc(*single, border) * weights.float()).sum(), single)
    torch.testing.assert_close([g.double() for g in found], list(expected), rtol=2e-3, atol=2e-3)


def test_official_flow_gradient_is_zero_where_the_centre_was_clamped(make_inputs: Maker) -> None:
    image, flow, kernel_v, kernel_h = make_inputs((1, 1, 6, 6), taps=5)
    flow = flow.zero_()
    flow[:, 0, :, 0] = -3
    flow.requires_grad_()
    sdc(image, flow, kernel_v, kernel_h, "official").sum().backward()
    assert not flow.grad[0, 0, :, 0].any()  # moved out on the left
    assert not flow.grad[0, 0, :, -1].any()  # on the last column both corners are the same pixel
    assert not flow.grad[0, 1, -1].any()
    assert flow.grad[0, :, 1:-1, 1:-1].all()


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (3,), (1, 2, 3), (0, 2)])
@pytest.mark.parametrize("taps", [1, 7])
def test_any_subset_of_gradients(make_inputs: Maker, wanted: tuple[int, ...], taps: int) -> None:
    tensors = make_inputs(taps=taps, requires_grad=True)
    everything = torch.autograd.grad(sdc(*tensors).square().sum(), tensors)
    some = [tensor.detach().requires_grad_(place in wanted) for place, tensor in enumerate(tensors)]
    found = torch.autograd.grad(sdc(*some).square().sum(), [some[place] for place in wanted])
    torch.testing.assert_close(list(found), [everything[place] for place in wanted])


def test_thread_count_changes_only_rounding(make_inputs: Maker) -> None:
    # 3 images of 64 x 64 on 2 threads take the path that shares every image among all threads.
    tensors = make_inputs((3, 1, 64, 64), taps=7, reach=12, requires_grad=True)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(torch.autograd.grad(sdc(*tensors).square().sum(), tensors))
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(results[1], results[0])
    torch.testing.assert_close(results[2], results[0])


def test_gradient_penalty_and_third_derivative(make_inputs: Maker) -> None:
    tensors = make_inputs((1, 1, 4, 4), requires_grad=True)

    def derivatives(function) -> tuple[torch.Tensor, ...]:
        first = torch.autograd.grad(function(*tensors, "replicate").pow(3).sum(), tensors, create_graph=True)
        penalty = sum(grad.square().sum() for grad in first)
        second = torch.autograd.grad(penalty, tensors, create_graph=True)
        return torch.autograd.grad(sum(grad.sin().sum() for grad in second), tensors)

    torch.testing.assert_close(derivatives(sdc), derivatives(sdc_torch), rtol=1e-8, atol=1e-8)


def test_a_roll_out_carries_gradients_through_the_image(make_inputs: Maker) -> None:
    image, flow, kernel_v, kernel_h = make_inputs((1, 1, 5, 5), requires_grad=True)

    def roll_out(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        for _ in range(3):
            image = sdc(image, flow, kernel_v.softmax(1), kernel_h.softmax(1))
        return image

    assert torch.autograd.gradcheck(roll_out, (image, flow))
