"""The compiled operators inside torch's machinery: opcheck, torch.compile, autocast."""

from __future__ import annotations

import pytest
import torch
from sdc_oracles import Maker

from napari_cellsim.ops import leaky_relu_coefficients, pau, sdc

# torch operations need no registration
native = pytest.mark.parametrize("backend", ["native"], indirect=True)


@native
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("requires_grad", [True, False])
def test_opcheck_sdc(make_inputs: Maker, requires_grad: bool) -> None:
    tensors = make_inputs(taps=3, dtype=torch.float32, requires_grad=requires_grad)
    torch.library.opcheck(torch.ops.napari_cellsim.sdc.default, (*tensors, "replicate"))
    plain = [tensor.detach() for tensor in tensors]
    torch.library.opcheck(torch.ops.napari_cellsim.sdc_plain.default, (*plain, "replicate"))
    grad = torch.randn_like(tensors[0])
    flags = (True, False, True, True)
    torch.library.opcheck(torch.ops.napari_cellsim.sdc_backward.default, (grad, *tensors, "official", *flags))


@native
@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_opcheck_pau(layout: torch.memory_format) -> None:
    x = torch.randn(2, 3, 4, 5).contiguous(memory_format=layout).requires_grad_()
    coefficients = [c.requires_grad_() for c in leaky_relu_coefficients(0.1)]
    torch.library.opcheck(torch.ops.napari_cellsim.pau.default, (x, *coefficients, "A"))
    grad = torch.randn_like(x)
    torch.library.opcheck(torch.ops.napari_cellsim.pau_backward.default, (grad, x, *coefficients, "B", True))


@native
@pytest.mark.usefixtures("backend")
def test_the_operator_without_derivatives_is_used_only_where_none_are_wanted(make_inputs: Maker) -> None:
    tensors = make_inputs(taps=3, dtype=torch.float32, requires_grad=True)
    with torch.profiler.profile() as profile, torch.no_grad():
        free = sdc(*tensors)
    assert "napari_cellsim::sdc_plain" in {event.name for event in profile.events()}
    assert not free.requires_grad
    for index in range(4):
        one = [tensor.detach().requires_grad_(i == index) for i, tensor in enumerate(tensors)]
        out = sdc(*one)
        assert out.requires_grad
        assert torch.equal(out.detach(), free)


def step(
    image: torch.Tensor, flow: torch.Tensor, kernel_v: torch.Tensor, kernel_h: torch.Tensor
) -> torch.Tensor:
    numerator, denominator = leaky_relu_coefficients(0.1)
    return sdc(pau(image, numerator, denominator), flow, kernel_v, kernel_h).square()


def compiled_equals_eager(make_inputs: Maker, compiler: str) -> None:
    torch._dynamo.reset()
    tensors = make_inputs(taps=3, dtype=torch.float32, requires_grad=True)
    expected = torch.autograd.grad(step(*tensors).sum(), tensors)
    compiled = torch.compile(step, fullgraph=True, backend=compiler)
    torch.testing.assert_close(compiled(*tensors), step(*tensors), rtol=1e-4, atol=1e-5)
    found = torch.autograd.grad(compiled(*tensors).sum(), tensors)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("backend")
def test_compiles_to_one_graph_with_gradients(make_inputs: Maker) -> None:
    compiled_equals_eager(make_inputs, "aot_eager")


@pytest.mark.slow
@native
@pytest.mark.usefixtures("backend")
def test_inductor(make_inputs: Maker) -> None:
    compiled_equals_eager(make_inputs, "inductor")


@pytest.mark.usefixtures("backend")
def test_autocast_in_a_network() -> None:
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(1, 3, 3, padding=1)
    image = torch.rand(1, 1, 8, 9)
    flow = torch.rand(1, 2, 8, 9)
    numerator, denominator = leaky_relu_coefficients(0.01)
    with torch.autocast("cpu", torch.bfloat16):
        features = pau(convolution(image), numerator, denominator)
        assert features.dtype == torch.bfloat16
        out = sdc(image, flow, features, features)
    assert out.dtype == torch.float32
    out.sum().backward()
    assert convolution.weight.grad.abs().sum() > 0
