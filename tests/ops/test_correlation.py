from __future__ import annotations

import pytest
import torch
from torch.nn.functional import unfold

from napari_cellsim.base.errors import CellSimError
from napari_cellsim.ops import correlation


def features(shape: tuple[int, ...] = (2, 3, 6, 7), seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("reach", [0, 1, 4])
def test_equals_unfolded_products(reach: int) -> None:
    first, second = features(seed=1), features(seed=2)
    side = 2 * reach + 1
    shifted = unfold(second, side, padding=reach).view(2, 3, side**2, 6, 7)
    expected = (first[:, :, None] * shifted).mean(1)
    torch.testing.assert_close(correlation(first, second, reach), expected)


def test_channel_order_names_the_displacement() -> None:
    first, second = torch.zeros(1, 1, 9, 9), torch.zeros(1, 1, 9, 9)
    first[0, 0, 4, 4] = 1
    second[0, 0, 4 - 1, 4 + 2] = 1  # moved up by 1 and right by 2
    volume = correlation(first, second, 4)
    assert volume.shape == (1, 81, 9, 9)
    assert volume.nonzero().tolist() == [[0, (-1 + 4) * 9 + (2 + 4), 4, 4]]


def test_derivatives() -> None:
    first, second = features((1, 2, 3, 4), 1).requires_grad_(), features((1, 2, 3, 4), 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: correlation(a, b, 1), (first, second))
    assert torch.autograd.gradgradcheck(lambda a, b: correlation(a, b, 1), (first, second))


@pytest.mark.parametrize(
    ("first", "second", "reach", "words"),
    [
        (torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), 4, "first has shape"),
        (torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 5), 4, "second has shape"),
        (torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4).double(), 4, "second is float64"),
        (torch.zeros(1, 2, 3, 4).int(), torch.zeros(1, 2, 3, 4).int(), 4, "first holds int32"),
        (torch.zeros(1, 2, 3, 4), torch.zeros(1, 2, 3, 4), -1, "max_displacement is -1"),
    ],
)
def test_bad_arguments_get_a_sentence(
    first: torch.Tensor, second: torch.Tensor, reach: int, words: str
) -> None:
    with pytest.raises(CellSimError, match=words):
        correlation(first, second, reach)
