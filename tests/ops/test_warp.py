from __future__ import annotations

import pytest
import torch
from sdc_oracles import BORDERS, Maker
from torch.nn.functional import grid_sample

from napari_cellsim.base.errors import CellSimError
from napari_cellsim.ops import sdc, warp

pytestmark = pytest.mark.usefixtures("backend")


@pytest.mark.parametrize(("border", "padding"), [("replicate", "border"), ("zeros", "zeros")])
def test_equals_grid_sample(make_inputs: Maker, border: str, padding: str) -> None:
    image, flow, _, _ = make_inputs((2, 16, 7, 9), reach=6, requires_grad=True)
    x = (torch.arange(9) + flow[:, 0]) * 2 / 8 - 1
    y = (torch.arange(7)[:, None] + flow[:, 1]) * 2 / 6 - 1
    expected = grid_sample(image, torch.stack([x, y], -1), padding_mode=padding, align_corners=True)
    out = warp(image, flow, border)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(
        torch.autograd.grad(out.square().sum(), (image, flow)),
        torch.autograd.grad(expected.square().sum(), (image, flow)),
    )


@pytest.mark.parametrize("border", BORDERS)
def test_is_the_convolution_with_a_central_one(make_inputs: Maker, border: str) -> None:
    image, flow, _, _ = make_inputs((1, 2, 6, 6), reach=2)
    centre = torch.zeros(1, 3, 6, 6, dtype=torch.float64)
    centre[:, 1] = 1
    torch.testing.assert_close(warp(image, flow, border), sdc(image, flow, centre, centre, border))


def test_no_flow_returns_the_image() -> None:
    image = torch.rand(1, 2, 5, 6)
    assert torch.equal(warp(image, torch.zeros(1, 2, 5, 6)), image)


def test_a_wrong_shape_gets_a_sentence() -> None:
    with pytest.raises(CellSimError, match=r"flow has shape \(1, 2, 5, 5\) where \(1, 2, 5, 6\) is needed\."):
        warp(torch.rand(1, 1, 5, 6), torch.zeros(1, 2, 5, 5))
    with pytest.raises(CellSimError, match="image has shape"):
        warp(torch.rand(5, 6), torch.zeros(1, 2, 5, 6))
