"""The Padé activation, with and without compiled kernels. Numbers: MODELS §2.2, §2.3, §2.6."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings
from torch import Tensor
from torch.nn.functional import leaky_relu

from napari_cellsim.base.errors import CellSimError
from napari_cellsim.ops import leaky_relu_coefficients, pau

FORMS = ("A", "B")
pytestmark = pytest.mark.usefixtures("backend")


def coefficients(seed: int = 0, requires_grad: bool = False) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    numerator, denominator = (torch.randn(n, generator=generator, dtype=torch.float64) for n in (6, 4))
    return numerator.requires_grad_(requires_grad), denominator.requires_grad_(requires_grad)


def definition(x: Tensor, numerator: Tensor, denominator: Tensor, form: str) -> Tensor:
    top = sum(a * x**k for k, a in enumerate(numerator))
    terms = torch.stack([b * x**k for k, b in enumerate(denominator, 1)])
    return top / (1 + (terms.abs().sum(0) if form == "A" else terms.sum(0).abs()))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (2, 3, 4, 5), (70001,)])
def test_equals_the_definition(form: str, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3)) * 2
    numerator, denominator = coefficients()
    expected = definition(x, numerator, denominator, form)
    torch.testing.assert_close(pau(x, numerator, denominator, form), expected)
    single = pau(x.float(), numerator.float(), denominator.float(), form)
    torch.testing.assert_close(single, expected.float(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_derivatives(form: str) -> None:
    x = torch.linspace(-2, 2, 10, dtype=torch.float64).requires_grad_()
    arguments = (x, *coefficients(requires_grad=True))
    assert torch.autograd.gradcheck(lambda *t: pau(*t, form), arguments)
    assert torch.autograd.gradgradcheck(lambda *t: pau(*t, form), arguments)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [1, 4097, 100_003])
def test_float32_gradients_of_long_inputs(form: str, count: int) -> None:
    generator = torch.Generator().manual_seed(5)
    exact = [torch.randn(count, generator=generator, dtype=torch.float64), *coefficients()]
    grad = torch.randn(count, generator=generator, dtype=torch.float64)
    results = []
    for dtype in (torch.float64, torch.float32):
        tensors = [tensor.detach().to(dtype).requires_grad_() for tensor in exact]
        function = definition if dtype == torch.float64 else pau
        results.append(torch.autograd.grad(function(*tensors, form), tensors, grad.to(dtype)))
    scale = count**0.5
    for found, expected in zip(results[1], results[0], strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-4 * scale)


@settings(max_examples=20)
@given(x=st.floats(-1e4, 1e4), seed=st.integers(0, 99), form=st.sampled_from(FORMS))
def test_never_has_a_pole(x: float, seed: int, form: str) -> None:
    numerator, denominator = coefficients(seed)
    value = pau(torch.tensor([x], dtype=torch.float64), numerator, denominator, form)
    assert value.isfinite().all()
    assert (
        value.abs() <= sum(abs(float(a)) * abs(x) ** k for k, a in enumerate(numerator)) * (1 + 1e-12) + 1e-12
    )


def test_published_initialisation() -> None:
    numerator, denominator = (c.double() for c in leaky_relu_coefficients(0.01))
    published = [0.0335583603, 0.505000375, 1.65343934, 2.01001052, 0.931901999, 0.152424124]
    torch.testing.assert_close(numerator, torch.tensor(published, dtype=torch.float64), rtol=1e-6, atol=0)
    x = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    error = pau(x, numerator, denominator) - leaky_relu(x, 0.01)
    assert error.abs().max() == pytest.approx(0.0336, abs=5e-5)
    assert x[error.abs().argmax()].abs() < 1e-3
    assert error.square().mean().sqrt() == pytest.approx(0.0055, abs=5e-5)
    far = pau(torch.tensor([-10.0, 10.0]), numerator.float(), denominator.float())
    torch.testing.assert_close(far, torch.tensor([-2.28, 7.83]), rtol=0, atol=1e-2)


@pytest.mark.parametrize(
    ("slope", "source", "numerator", "denominator", "error"),
    [
        (
            0.01,
            "minimax",
            (0.01262481, 0.505, 2.76469282, 4.59100334, 2.56416368, 0.46853282),
            (0, 9.09109573, 0, 0.92778776),
            0.0126,
        ),
        (
            0.2,
            "minimax",
            (0.01020187, 0.6, 2.23409521, 5.45465744, 2.07205146, 0.55667265),
            (0, 9.09109573, 0, 0.92778776),
            0.0102,
        ),
        (
            0.2,
            "official",
            (0.02711787, 0.6, 1.33611260, 2.38812941, 0.75305212, 0.18109807),
            (0, 3.98021568, 0, 0.301830109),
            0.0271,
        ),
    ],
)
def test_known_sets(
    slope: float, source: str, numerator: tuple[float, ...], denominator: tuple[float, ...], error: float
) -> None:
    found = leaky_relu_coefficients(slope, source=source)
    torch.testing.assert_close(found[0], torch.tensor(numerator), rtol=2e-6, atol=0)
    torch.testing.assert_close(found[1], torch.tensor(denominator), rtol=1e-6, atol=4e-6)
    x = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    deviation = pau(x, *(c.double() for c in found)) - leaky_relu(x, slope)
    assert deviation.abs().max() == pytest.approx(error, abs=6e-5)


@settings(max_examples=15)
@given(
    slope=st.floats(0, 1),
    reach=st.floats(0.5, 20),
    source=st.sampled_from(["official", "minimax"]),
    form=st.sampled_from(FORMS),
)
def test_fits_every_slope_on_every_range(slope: float, reach: float, source: str, form: str) -> None:
    x = torch.linspace(-reach, reach, 999, dtype=torch.float64)
    values = pau(x, *(c.double() for c in leaky_relu_coefficients(slope, reach, source)), form)
    bound = {"official": 0.0113, "minimax": 0.00851}[source] * reach * (1 - slope) / 2 / 0.495
    assert (values - leaky_relu(x, slope)).abs().max() <= bound + 1e-5 * reach


def test_trained_example() -> None:
    numerator = torch.tensor([-0.0174, 0.5433, 1.6947, 2.0711, 1.0022, 0.2311], dtype=torch.float64)
    denominator = torch.tensor([-1.7421e-5, 3.9152, 3.0160e-5, 0.21971], dtype=torch.float64)
    x = torch.linspace(-3, 3, 6001, dtype=torch.float64)
    values = pau(x, numerator, denominator)
    deviation = (values - leaky_relu(x, 0.01)).abs()
    assert values[-1] == pytest.approx(3.89, abs=5e-3)
    assert deviation.max() == pytest.approx(0.89, abs=5e-3)
    assert deviation[x.abs() <= 1].max() == pytest.approx(0.076, abs=1e-3)


@pytest.mark.parametrize("form", FORMS)
def test_a_coefficient_of_exactly_zero_can_leave_it(form: str) -> None:
    x = torch.linspace(0.1, 2, 50, dtype=torch.float64)
    numerator = torch.ones(6, dtype=torch.float64)
    denominator = torch.zeros(4, dtype=torch.float64).requires_grad_()
    pau(x, numerator, denominator, form).sum().backward()
    expected = -torch.stack(
        [(definition(x, numerator, torch.zeros(4), form) * x**k).sum() for k in (1, 2, 3, 4)]
    )
    torch.testing.assert_close(denominator.grad, expected)


@pytest.mark.parametrize("form", FORMS)
def test_gradient_penalty_reaches_every_layer(form: str) -> None:
    """An opaque backward pass would train the first layer only, without an error (MODELS §2.5)."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(4, 4, dtype=torch.float64) for _ in range(3)]
    shapes = [tuple(c.double().requires_grad_() for c in leaky_relu_coefficients(0.2)) for _ in layers]
    x = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)

    def penalty(activation) -> list[Tensor]:
        value = x
        for layer, shape in zip(layers, shapes, strict=True):
            value = activation(layer(value), *shape, form)
        (slope,) = torch.autograd.grad(value.sum(), x, create_graph=True)
        parameters = [layer.weight for layer in layers] + [c for shape in shapes for c in shape]
        return list(torch.autograd.grad(slope.square().sum(), parameters))

    found = penalty(pau)
    assert all(grad.abs().sum() > 0 for grad in found)
    torch.testing.assert_close(found, penalty(definition))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_evaluated_in_float32(dtype: torch.dtype) -> None:
    x = torch.tensor([-40.0, -9.5, 0.25, 9.5, 40.0]).to(dtype)  # x⁵ overflows float16 from 9.2 on
    numerator, denominator = leaky_relu_coefficients(0.01)
    out = pau(x, numerator, denominator)
    assert out.dtype == dtype
    assert torch.equal(out, pau(x.float(), numerator, denominator).to(dtype))


def test_layout_is_kept_and_does_not_matter() -> None:
    numerator, denominator = leaky_relu_coefficients(0.1)
    x = torch.randn(2, 5, 6, 7)
    expected = pau(x, numerator, denominator)
    last = pau(x.contiguous(memory_format=torch.channels_last), numerator, denominator)
    assert last.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(last, expected)
    torch.testing.assert_close(pau(x.transpose(1, 3), numerator, denominator), expected.transpose(1, 3))
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    (grad,) = torch.autograd.grad(pau(x, numerator, denominator), x, torch.ones(2, 5, 6, 7))
    y = x.detach().contiguous().requires_grad_()
    torch.testing.assert_close(grad, torch.autograd.grad(pau(y, numerator, denominator).sum(), y)[0])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((torch.zeros(3), torch.zeros(5), torch.zeros(4), "B"), "numerator has shape"),
        ((torch.zeros(3), torch.zeros(6), torch.zeros(5), "B"), "denominator has shape"),
        ((torch.zeros(3).int(), torch.zeros(6), torch.zeros(4), "B"), "x holds int32"),
        ((torch.zeros(3), torch.zeros(6), torch.zeros(4), "C"), "form is 'C'"),
        ((torch.zeros(3, device="meta"), torch.zeros(6), torch.zeros(4), "B"), "one device"),
    ],
)
def test_bad_arguments_get_a_sentence(arguments: tuple[object, ...], words: str) -> None:
    with pytest.raises(CellSimError, match=words):
        pau(*arguments)


@pytest.mark.parametrize(
    ("slope", "reach", "source"), [(1.5, 3, "official"), (0.1, 0, "official"), (0.1, 3, "x")]
)
def test_bad_fits_get_a_sentence(slope: float, reach: float, source: str) -> None:
    with pytest.raises(CellSimError):
        leaky_relu_coefficients(slope, reach, source)
