"""Tiling must not show."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_cellsim import nets
from napari_cellsim.base import JobCancelled, JobToken
from napari_cellsim.forecasting.tiles import MARGIN, TiledPredictor, evaluate_tiled, spans
from napari_cellsim.nets.motion import Renderer


@given(st.integers(1, 3000), st.sampled_from([256, 384, 512]))
def test_spans_cover_everything_and_overlap_enough(length: int, tile: int) -> None:
    found = spans(length, tile)
    assert found[0][0] == 0
    assert found[-1][1] == length
    assert all(stop - start <= tile for start, stop in found)
    assert all(b[0] <= a[1] - 2 * MARGIN for a, b in pairwise(found))
    assert all(start % 32 == 0 for start, _ in found)


@settings(max_examples=20)
@given(st.integers(300, 900), st.integers(200, 700), st.integers(0, 2**31))
def test_a_local_function_gives_the_same_with_and_without_tiles(height: int, width: int, seed: int) -> None:
    x = torch.randn(1, 2, height, width, generator=torch.Generator().manual_seed(seed))

    def blur(y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return F.avg_pool2d(y, 9, stride=1, padding=4, count_include_pad=False), y.square()

    tiled = evaluate_tiled(blur, (x,), 256, JobToken())
    for ours, whole in zip(tiled, blur(x), strict=True):
        torch.testing.assert_close(ours, whole, atol=1e-4, rtol=1e-4)


def test_the_lite_predictor_gives_the_same_frame_in_tiles() -> None:
    torch.manual_seed(0)
    net = nets.create("sdcnet", "lite").eval()
    for decoder in (net.flow_decoder, net.kernel_v_decoder, net.kernel_h_decoder):
        torch.nn.init.normal_(decoder.head.weight, std=0.02)
    base = F.interpolate(torch.rand(1, 3, 40, 48), size=(520, 600), mode="bicubic")
    frames, flows, masks = base[:, :, None], torch.zeros(1, 3, 2, 520, 600), torch.zeros(1, 3, 4, 520, 600)
    with torch.inference_mode():
        whole, motion = net.predict_next(frames, flows, masks)
        tiled_motion = TiledPredictor(net, 256, JobToken()).predict_motion(frames, flows, masks)[0]
        tiled = Renderer(net.config.compose)(frames[:, -1], tiled_motion).frame
    assert motion.flow.abs().max() > 0.05
    assert (tiled_motion.flow - motion.flow).abs().max() < 0.02 * motion.flow.abs().max()
    assert (tiled - whole).abs().max() < 0.01


def test_every_map_of_every_frame_of_a_block_comes_out_of_tiles_in_its_place() -> None:
    torch.manual_seed(0)
    net = nets.create(
        "sdcnet", "default", block=2, scale=True, noise=1, widths=(8, 12), decoder_widths=(8,)
    ).eval()
    for name, part in net.named_children():
        if name.endswith("decoder"):
            torch.nn.init.normal_(part.head.weight, std=0.02)
    base = F.interpolate(torch.rand(1, 4, 30, 36), size=(300, 360), mode="bicubic")
    frames, noise = base[:, :3, None], base[:, 3:]
    none = torch.zeros(1, 3, 2, 300, 360), torch.zeros(1, 3, 4, 300, 360)
    with torch.inference_mode():
        whole = net.predict_motion(frames, *none, noise)
        tiled = TiledPredictor(net, 256, JobToken()).predict_motion(frames, *none, noise)
    assert len(tiled) == len(whole) == 2
    for ours, expected in zip(tiled, whole, strict=True):
        assert len(ours.maps) == 5
        for one, other in zip(ours, expected, strict=True):
            assert other.std() > 0
            torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


def test_cancelling_stops_between_tiles() -> None:
    token, calls = JobToken(), []

    def function(x: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        token.cancel()
        return x

    with pytest.raises(JobCancelled):
        evaluate_tiled(function, (torch.zeros(1, 1, 600, 600),), 256, token)
    assert len(calls) == 1
