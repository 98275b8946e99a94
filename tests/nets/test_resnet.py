"""The body of ResNet-18 against an independent pass by the names in torchvision's files."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from napari_cellsim import nets
from napari_cellsim.base import CellSimError

State = dict[str, Tensor]


def published_features(state: State, images: Tensor) -> Tensor:
    """What the published network says before its last layer, read off the names alone, in double precision.

    Every name that ends in "running_var" is a norm; the convolution before it is its counterpart.
    """
    state = {key: value.double() for key, value in state.items()}

    def normed(x: Tensor, conv: str, norm: str, stride: int) -> Tensor:
        weight = state[f"{conv}.weight"]
        x = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        scale = state[f"{norm}.weight"] / (state[f"{norm}.running_var"] + 1e-5).sqrt()
        shift = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
        return x * scale[:, None, None] + shift[:, None, None]

    brightness = (images.double().expand(-1, 3, -1, -1) + 1) / 2
    pixels = [
        (brightness[:, i] - m) / d
        for i, (m, d) in enumerate([(0.485, 0.229), (0.456, 0.224), (0.406, 0.225)])
    ]
    x = normed(torch.stack(pixels, 1), "conv1", "bn1", 2).clamp(min=0)
    x = F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-torch.inf), 3, 2)
    for block in sorted({key.rsplit(".conv1", 1)[0] for key in state if ".conv1." in key}):
        shortcut, stride = x, 1
        if f"{block}.downsample.0.weight" in state:
            stride = 2
            shortcut = normed(x, f"{block}.downsample.0", f"{block}.downsample.1", stride)
        x = normed(x, f"{block}.conv1", f"{block}.bn1", stride).clamp(min=0)
        x = (normed(x, f"{block}.conv2", f"{block}.bn2", 1) + shortcut).clamp(min=0)
    return x.flatten(2).mean(2)


@pytest.fixture(scope="module")
def network(resnet18_state: State):
    network = nets.create("resnet18", "paper")
    own = {key: value for key, value in resnet18_state.items() if not key.startswith("fc.")}
    network.load_state_dict(own)
    return network


@pytest.mark.parametrize(("channels", "size"), [(3, (32, 32)), (1, (32, 32)), (3, (45, 70))])
def test_features_are_those_of_the_published_network(network, resnet18_state, channels, size):
    images = torch.rand(2, channels, *size, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.no_grad():
        found = network(images)
    assert found.shape == (2, 512)
    expected = published_features(resnet18_state, images)
    assert expected.std() > 0.1
    torch.testing.assert_close(found.double(), expected, rtol=1e-3, atol=1e-3)


def test_it_has_the_published_number_of_weights(network, resnet18_state):
    assert sum(p.numel() for p in network.parameters()) == 11_176_512
    stored = sum(value.numel() for key, value in resnet18_state.items() if "running_" not in key)
    assert stored == 11_689_512


def test_a_picture_does_not_see_its_neighbours_in_training_either(network):
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    before = {key: value.clone() for key, value in network.state_dict().items()}
    network.train()
    with torch.no_grad():
        torch.testing.assert_close(network(images)[1:2], network(images[1:2]), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("stages", range(5))
def test_the_first_stages_keep_still(stages):
    network = nets.create("resnet18", "paper")
    network.freeze(stages)
    still = {name.partition(".")[0] for name, value in network.named_parameters() if not value.requires_grad}
    assert still == ({"conv1", "bn1"} if stages else set()) | {f"layer{i}" for i in range(1, stages + 1)}


def test_a_classifier_judges_its_features(network):
    classifier = nets.create("classifier", "resnet18", classes=3, channels=1, hidden=[8]).eval()
    classifier.backbone.load_state_dict(network.state_dict())
    images = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        assert torch.equal(classifier.features(images), network(images))
        assert classifier(images).shape == (2, 3)
        assert classifier(images[..., :9, :17]).shape == (2, 3)


def test_refusals(network):
    with pytest.raises(CellSimError, match="1 or 3"):
        network(torch.zeros(1, 2, 32, 32))
    with pytest.raises(CellSimError, match="no preset 'lite'; choose one of paper"):
        nets.create("resnet18")
    with pytest.raises(CellSimError, match="backbone"):
        nets.create("classifier", backbone="resnet50")
