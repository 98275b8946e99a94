"""SimVP: sizes, shapes, where what is predicted comes from, feeding back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_cellsim import nets
from napari_cellsim.base import CellSimError

TINY = {"hid_s": 8, "hid_t": 16, "n_t": 2, "groups": 4}


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def make(**overrides: object) -> nets.SimVP:
    torch.manual_seed(0)
    network = nets.create("simvp", "lite", **{**TINY, **overrides})
    assert isinstance(network, nets.SimVP)
    return network


def test_parameters_of_the_presets() -> None:
    paper = count(nets.create("simvp", "paper"))
    assert paper == 57_761_409
    # The authors' table for Moving MNIST (OpenSTL, IncepU) says 58.0 M for a decoder with pixel shuffle: its two
    # enlarging convolutions have four times the output channels of a transposed one.
    assert round((paper + 2 * 3 * 64 * (64 * 9 + 1)) / 1e6, 1) == 58.0
    assert count(nets.create("simvp", "lite")) == 1_263_457


def test_the_first_preset_of_every_network_is_the_default_that_old_model_files_rely_on() -> None:
    for _, _, presets in nets._NETWORKS.values():
        first = next(iter(presets.values()))
        assert first == type(first)()


@pytest.mark.parametrize("size", [(32, 48), (37, 51), (1, 1), (6, 9)])
@pytest.mark.parametrize("n_s", [1, 2, 3, 4, 5])
def test_any_picture_size(size: tuple[int, int], n_s: int) -> None:
    network = make(n_s=n_s)
    frames = torch.rand(2, 3, 1, *size)
    assert network(frames).shape == (2, 5, 1, *size)


def test_padding_is_that_of_a_picture_with_repeated_edges() -> None:
    network = make().eval()
    frames = torch.rand(1, 3, 1, 13, 18)
    padded = torch.cat([frames, *[frames[..., -1:, :]] * 3], dim=-2)
    padded = torch.cat([padded, *[padded[..., -1:]] * 2], dim=-1)
    assert network.multiple == 4
    torch.testing.assert_close(network(frames), network(padded)[..., :13, :18])


@pytest.mark.parametrize("horizon", [1, 3, 7])
@pytest.mark.parametrize("frames", [1, 3])
def test_frames_out_need_not_be_as_many_as_in(frames: int, horizon: int) -> None:
    network = make(frames=frames, horizon=horizon)
    assert network(torch.rand(2, frames, 1, 16, 16)).shape == (2, horizon, 1, 16, 16)


@pytest.mark.parametrize("options", [{}, {"skip": "paired", "horizon": 3}, {"n_t": 1}, {"n_s": 1}])
def test_every_parameter_learns_from_every_predicted_frame(options: dict[str, object]) -> None:
    network = make(**options)
    predicted = network(torch.rand(2, 3, 1, 16, 16))
    for t in range(predicted.shape[1]):
        network.zero_grad()
        predicted[:, t].square().sum().backward(retain_graph=True)
        silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
        # Of the translator's last block, each frame has its own channels.
        assert [name for name in silent if not name.startswith("translator.up")] == []
    network.zero_grad()
    predicted.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def seen_by(network: nets.SimVP) -> torch.Tensor:
    """Return the gradient (T', T) of each predicted frame with respect to each seen one, as a norm."""
    frames = torch.rand(1, 3, 1, 16, 16, requires_grad=True)
    predicted = network(frames)
    rows = [torch.autograd.grad(one.sum(), frames, retain_graph=True)[0] for one in predicted[0]]
    return torch.stack([row[0].flatten(1).norm(dim=1) for row in rows])


def test_every_frame_seen_matters_for_every_predicted_one() -> None:
    assert (seen_by(make()) > 0).all()


@pytest.mark.parametrize(("skip", "expected"), [("paired", torch.eye(3)), ("last", torch.eye(3)[[2, 2, 2]])])
def test_the_skip_is_of_the_frame_with_the_same_number_or_of_the_last(
    skip: str, expected: torch.Tensor
) -> None:
    network = make(horizon=3, skip=skip)
    for block in network.translator.up[-1].branches:  # silence the translator: what is left comes by the skip
        nn.init.zeros_(block[1].weight)
        nn.init.zeros_(block[1].bias)
    assert torch.equal((seen_by(network) > 0).float(), expected)


def test_more_frames_than_one_pass_gives_are_predicted_by_feeding_back() -> None:
    network = make(frames=3, horizon=2).eval()
    history = torch.rand(2, 3, 1, 16, 20)
    with torch.inference_mode():
        first = network(history)
        second = network(torch.cat([history[:, 2:], first], dim=1))
        third = network(torch.cat([first[:, 1:], second], dim=1))
        expected = torch.cat([first, second, third], dim=1)
        for steps in (1, 2, 3, 5, 6):
            assert torch.equal(network.predict(history, steps), expected[:, :steps])


def test_a_pass_longer_than_the_history_is_fed_back_by_its_last_frames() -> None:
    network = make(frames=2, horizon=5).eval()
    history = torch.rand(1, 2, 1, 16, 16)
    with torch.inference_mode():
        first = network(history)
        expected = torch.cat([first, network(first[:, 3:])], dim=1)[:, :7]
        assert torch.equal(network.predict(history, 7), expected)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"hid_s": 12, "groups": 8}, "hid_s must be a multiple of 2 and of groups"),
        ({"hid_s": 9, "groups": 3}, "hid_s must be a multiple of 2 and of groups"),
        ({"hid_t": 24}, "hid_t must be a multiple of twice the groups"),
        ({"skip": "paired"}, "needs as many frames predicted as are seen"),
        ({"horizon": 0}, "horizon"),
        ({"colour": 3}, "colour"),
    ],
)
def test_settings_that_cannot_be(overrides: dict[str, object], sentence: str) -> None:
    with pytest.raises(CellSimError, match=sentence):
        nets.create("simvp", "lite", **overrides)


def test_wrong_frames_are_refused_in_a_sentence() -> None:
    network = make()
    for shape in ((1, 2, 1, 16, 16), (1, 3, 2, 16, 16), (3, 1, 16, 16)):
        with pytest.raises(CellSimError, match=r"reads 3 frames of one channel.*not \("):
            network(torch.rand(shape))
    with pytest.raises(CellSimError, match="steps is 0"):
        network.predict(torch.rand(1, 3, 1, 16, 16), 0)
