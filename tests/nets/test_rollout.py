"""Roll-out: what is fed back, what is computed once, special pasts."""

from __future__ import annotations

import pytest
import torch

from napari_cellsim import nets
from napari_cellsim.base import JobCancelled, JobToken
from napari_cellsim.nets.motion import Motion


class Shift(torch.nn.Module):
    """A predictor that always moves the picture by whole pixels, with the interface of SDCNet."""

    def __init__(self, u: float, v: float) -> None:
        super().__init__()
        self.config = nets.sdcnet.PRESETS["lite"]
        self.shift = torch.tensor([u, v], dtype=torch.float32)
        self.seen: list[tuple[torch.Tensor, ...]] = []

    def predict_motion(self, frames, flows, segmentations, noise):
        self.seen.append((frames, flows, segmentations))
        batch, _, _, height, width = frames.shape
        flow = self.shift[:, None, None].expand(batch, 2, height, width).contiguous()
        kernel = torch.zeros(batch, 7, height, width)
        kernel[:, 3] = 1
        return [Motion(flow, kernel, kernel)]


class Counter:
    """A flow function that says how often it was asked and about what."""

    def __init__(self) -> None:
        self.pairs: list[tuple[torch.Tensor, torch.Tensor]] = []

    def __call__(self, first, second):
        self.pairs.append((first, second))
        return torch.full((first.shape[0], 2, *first.shape[-2:]), float(len(self.pairs)))


def test_constant_motion_moves_a_point_one_pixel_per_step() -> None:
    frames = torch.zeros(1, 3, 1, 16, 16)
    frames[..., 8, 4] = 1
    rolled = nets.roll_out(Shift(-1.0, 0.0), frames, 4, None, None)
    for step in range(4):
        assert torch.nonzero(rolled.frames[0, step, 0]).tolist() == [[8, 5 + step]]


def test_each_step_computes_one_new_flow_and_one_new_segmentation() -> None:
    flow, masks = Counter(), []

    def segment(frame):
        masks.append(frame)
        return torch.zeros(frame.shape[0], 4, *frame.shape[-2:])

    frames = torch.rand(1, 3, 1, 16, 16)
    iterator = nets.iterate(Shift(0, 0), frames, flow, segment)
    next(iterator)
    assert (len(flow.pairs), len(masks)) == (2, 4)  # the past, and the segmentation of the first prediction
    next(iterator)
    assert (len(flow.pairs), len(masks)) == (3, 5)
    first, second = flow.pairs[0]
    assert torch.equal(first, frames[:, 1])  # backward flow lives on the later frame
    assert torch.equal(second, frames[:, 0])


def test_the_oldest_frame_has_no_flow_and_flows_move_with_their_frames() -> None:
    predictor, flow = Shift(0, 0), Counter()
    iterator = nets.iterate(predictor, torch.rand(1, 3, 1, 16, 16), flow, None)
    next(iterator), next(iterator)
    levels = [[float(f.mean()) for f in flows[0]] for _, flows, _ in predictor.seen]
    assert levels == [[0, 1, 2], [0, 2, 3]]


def test_given_flow_and_labels_are_used_for_the_past() -> None:
    predictor = Shift(-1, 0)
    flows = torch.full((1, 3, 2, 16, 16), 5.0)
    masks = torch.zeros(1, 3, 4, 16, 16)
    masks[:, :, 2, 8, 4] = 1
    rolled = nets.roll_out(
        predictor, torch.rand(1, 3, 1, 16, 16), 2, None, None, flows=flows, segmentations=masks
    )
    assert [float(f.mean()) for f in predictor.seen[0][1][0]] == [0, 5, 5]
    # without a segmentation network the given one is carried along by the predicted flow
    assert torch.nonzero(rolled.segmentation[0, 1, 2]).tolist() == [[8, 6]]
    assert [float(f[0].mean()) for f in predictor.seen[1][1][0]] == [0, 5, -1]


@pytest.mark.parametrize("given", [1, 2])
def test_a_short_past_is_filled_with_its_first_frame_standing_still(given: int) -> None:
    predictor, flow = Shift(0, 0), Counter()
    frames = torch.rand(1, given, 1, 16, 16)
    next(nets.iterate(predictor, frames, flow, None))
    past, flows, _ = predictor.seen[0]
    assert past.shape[1] == 3
    for i in range(3 - given + 1):
        assert torch.equal(past[:, i], frames[:, 0])
        assert not flows[:, i].any()
    assert len(flow.pairs) == given - 1


def test_gradients_flow_through_every_step_but_not_through_flow_and_segmentation() -> None:
    torch.manual_seed(0)
    net = nets.create("sdcnet", "lite", widths=(8, 8), decoder_widths=(8,))
    flow_net = nets.create("pwcnet", "lite")
    frames = torch.rand(1, 3, 1, 32, 32)
    rolled = nets.roll_out(net, frames, 3, flow_net, None)
    loss = rolled.frames[:, 2].square().sum()
    grad = torch.autograd.grad(loss, net.kernel_v_decoder.head.bias, retain_graph=True)[0]
    assert grad.abs().sum() > 0
    assert not rolled.segmentation.requires_grad
    rolled.frames.sum().backward()
    assert all(p.grad is None for p in flow_net.parameters())


def test_cancelling_stops_before_the_next_network() -> None:
    token = JobToken()
    iterator = nets.iterate(Shift(0, 0), torch.rand(1, 3, 1, 16, 16), None, None, token=token)
    next(iterator)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(iterator)


@pytest.mark.parametrize(("truncate", "reached"), [(0, 5), (1, 1), (2, 2), (5, 5), (9, 5)])
def test_truncation_cuts_the_gradient_every_so_many_steps(truncate: int, reached: int) -> None:
    frames = torch.rand(1, 3, 1, 8, 8, requires_grad=True)
    rolled = nets.roll_out(Shift(0.0, 0.0), frames, 5, None, None, truncate=truncate)
    whole = nets.roll_out(Shift(0.0, 0.0), frames, 5, None, None)
    assert torch.equal(rolled.frames, whole.frames)
    gradients = [
        torch.autograd.grad(step.sum(), frames, retain_graph=True, allow_unused=True)[0]
        for step in rolled.frames.unbind(1)
        if step.requires_grad
    ]
    assert sum(gradient is not None and bool(gradient.any()) for gradient in gradients) == reached
