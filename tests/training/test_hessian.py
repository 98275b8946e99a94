"""Hessian penalty."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_cellsim.base import CellSimError
from napari_cellsim.training.hessian import hessian_penalty


def quadratic(matrix: Tensor):
    return lambda z: 0.5 * torch.einsum("bi,kij,bj->bk", z, matrix, z) + z.sum(1, keepdim=True) ** 1


@pytest.fixture
def matrices() -> Tensor:
    torch.manual_seed(0)
    half = torch.randn(3, 5, 5, dtype=torch.float64)
    return half + half.mT


def off_diagonal(matrices: Tensor) -> Tensor:
    """2·Σ_{i≠j} H_ij² of each output."""
    inner = matrices - torch.diag_embed(matrices.diagonal(dim1=1, dim2=2))
    return 2 * inner.square().sum((1, 2))


def test_on_average_it_is_the_closed_form_of_a_quadratic(matrices: Tensor) -> None:
    torch.manual_seed(1)
    latent = torch.randn(4000, 5, dtype=torch.float64)
    estimate = hessian_penalty(quadratic(matrices), latent, draws=4, largest=False)
    torch.testing.assert_close(estimate, off_diagonal(matrices).mean(), rtol=0.05, atol=0)


def test_the_worst_output_counts(matrices: Tensor) -> None:
    torch.manual_seed(1)
    scaled = matrices * torch.tensor([1.0, 1e-3, 1e-3], dtype=torch.float64)[:, None, None]
    latent = torch.randn(4000, 5, dtype=torch.float64)
    estimate = hessian_penalty(quadratic(scaled), latent, draws=4)
    torch.testing.assert_close(estimate, off_diagonal(matrices)[0], rtol=0.05, atol=0)


def test_independent_coordinates_cost_nothing(matrices: Tensor) -> None:
    diagonal = torch.diag_embed(matrices.diagonal(dim1=1, dim2=2))
    latent = torch.randn(8, 5, dtype=torch.float64)
    assert hessian_penalty(quadratic(diagonal), latent) < 1e-18
    assert hessian_penalty(lambda z: torch.sin(z), latent) < 1e-18


def test_several_layers_are_averaged(matrices: Tensor) -> None:
    latent = torch.randn(6, 5, dtype=torch.float64)
    torch.manual_seed(2)
    one = hessian_penalty(quadratic(matrices), latent)
    torch.manual_seed(2)
    both = hessian_penalty(lambda z: (quadratic(matrices)(z), 3 * z), latent)
    torch.testing.assert_close(both, one / 2)


def test_training_on_it_disentangles() -> None:
    torch.manual_seed(0)
    half = torch.randn(2, 4, 4)
    matrix = torch.nn.Parameter(half + half.mT)
    optimiser = torch.optim.Adam([matrix], 0.05)
    latent = torch.randn(16, 4)
    before = off_diagonal(matrix.detach())
    for _ in range(150):
        optimiser.zero_grad()
        hessian_penalty(quadratic(matrix), latent, step=0.5).backward()
        optimiser.step()
    assert (off_diagonal((matrix + matrix.mT).detach() / 2) < 0.02 * before).all()
    assert matrix.detach().diagonal(dim1=1, dim2=2).abs().mean() > 0.5


def test_bad_settings_get_a_sentence() -> None:
    with pytest.raises(CellSimError, match="at least 2 draws"):
        hessian_penalty(torch.sin, torch.zeros(1, 2), draws=1)
