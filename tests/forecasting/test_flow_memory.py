"""A roll-out encodes each frame once; what it returns is what two encodings would."""

from __future__ import annotations

import torch

from napari_cellsim import load_model
from napari_cellsim.base import JobToken
from napari_cellsim.forecasting.sources import network_flow


@torch.no_grad()
def test_remembered_features_change_no_flow_and_save_every_second_encoding():
    network = load_model("pwcnet-lite").network
    frames = torch.rand(4, 1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    encoded = []
    network.encoder[0].register_forward_hook(lambda *_: encoded.append(1))
    flow = network_flow(network, 128, JobToken())
    rolled = [flow(frames[i + 1], frames[i].clone()) for i in range(3)]
    assert len(encoded) == 4
    again = flow(frames[1], frames[0])  # the pair before is forgotten, not mixed up
    assert len(encoded) == 6
    for i, found in enumerate(rolled):
        assert torch.equal(found, network(frames[i + 1], frames[i]))
    assert torch.equal(again, rolled[0])
    assert not torch.equal(rolled[0], rolled[1])


@torch.no_grad()
def test_a_picture_changed_in_place_is_encoded_anew():
    network = load_model("pwcnet-lite").network
    first, second = torch.rand(2, 1, 1, 64, 64, generator=torch.Generator().manual_seed(1)).unbind(0)
    flow = network_flow(network, 128, JobToken())
    flow(first, second)
    first.add_(0.1)
    assert torch.equal(flow(second, first), network(second, first))
