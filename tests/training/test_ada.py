"""Adaptive discriminator augmentation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_cellsim.training.ada import AdaptiveAugmentation

NOTHING = {"mirror": False, "translation": 0, "zoom": 0, "angle": 0, "brightness": 0, "contrast": 0}


def always(**settings: object) -> AdaptiveAugmentation:
    """With certainty, and only what is asked for."""
    ada = AdaptiveAugmentation(**{**NOTHING, **settings})
    ada.probability.fill_(1.0)
    return ada


def test_at_probability_zero_pictures_stay_as_they_are() -> None:
    images = torch.randn(5, 3, 32, 32)
    assert torch.equal(AdaptiveAugmentation(quarter_turns=True)(images), images)


def test_mirrors_and_quarter_turns_are_exact() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 2, 16, 16)
    seen = always(mirror=True, quarter_turns=True)(image.expand(64, -1, -1, -1))
    whole = {f"{flip}{turn}": 0 for flip in (0, 1) for turn in range(4)}
    for picture in seen:
        for flip in (0, 1):
            for turn in range(4):
                expected = torch.rot90(image[0].flip(-1) if flip else image[0], turn, (1, 2))
                whole[f"{flip}{turn}"] += torch.allclose(picture, expected, atol=1e-5)
    assert min(whole.values()) >= 1
    assert sum(whole.values()) == 64


def test_shifts_are_whole_pixels_with_mirrored_borders() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 1, 16, 16)
    padded = torch.nn.functional.pad(image, (4, 4, 4, 4), mode="reflect")
    windows = [padded[0, :, y : y + 16, x : x + 16] for y in range(9) for x in range(9)]
    seen = always(translation=0.25)(image.expand(40, -1, -1, -1))
    found = {next(i for i, w in enumerate(windows) if torch.allclose(w, p, atol=1e-5)) for p in seen}
    assert len(found) > 20


def test_rotation_and_zoom_keep_a_round_disc_round() -> None:
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.arange(64) - 31.5, torch.arange(64) - 31.5, indexing="ij")
    disc = torch.sigmoid(12 - (x**2 + y**2).sqrt())[None, None]
    turned = always(angle=30)(disc.expand(8, -1, -1, -1))
    torch.testing.assert_close(turned, disc.expand(8, -1, -1, -1), rtol=0, atol=0.05)
    zoomed = always(zoom=0.3)(disc.expand(200, -1, -1, -1)).sum((1, 2, 3))
    scale = 0.5 * torch.log2(zoomed / disc.sum())
    assert scale.std().item() == pytest.approx(0.3, rel=0.2)
    assert abs(scale.mean().item()) < 0.07


def test_brightness_and_contrast_are_one_line_per_picture() -> None:
    torch.manual_seed(0)
    images = torch.randn(300, 3, 8, 8)
    seen = always(brightness=0.4, contrast=0.2)(images)
    centred = images - images.mean((1, 2, 3), keepdim=True)
    slope = (centred * seen).sum((1, 2, 3)) / (centred**2).sum((1, 2, 3))
    offset = (seen - slope[:, None, None, None] * images).flatten(1)
    assert offset.std(1).max() < 1e-5
    assert offset[:, 0].std().item() == pytest.approx(0.4, rel=0.2)
    assert torch.log2(slope).std().item() == pytest.approx(0.2, rel=0.2)


def test_mixed_precision_does_not_blur() -> None:
    torch.manual_seed(0)
    image = torch.randn(1, 1, 200, 200)
    with torch.autocast("cpu", torch.bfloat16):
        seen = always(mirror=True)(image.expand(8, -1, -1, -1))
    assert all(
        torch.allclose(p, image[0], atol=1e-3) or torch.allclose(p, image[0].flip(-1), atol=1e-3)
        for p in seen
    )


def test_the_share_of_changed_pictures_is_the_probability() -> None:
    torch.manual_seed(0)
    ada = always(brightness=1.0)
    ada.probability.fill_(0.3)
    changed = (ada(torch.zeros(2000, 1, 2, 2)) != 0).flatten(1).any(1)
    assert changed.float().mean().item() == pytest.approx(0.3, abs=0.04)


def test_the_probability_follows_the_sign_of_the_answers() -> None:
    ada = AdaptiveAugmentation(images=100, interval=2, limit=0.5)
    sure, unsure = torch.full((10, 1), 3.0), torch.tensor([[1.0]] * 7 + [[-1.0]] * 3)
    ada.adjust(sure)
    assert ada.probability == 0  # only every second batch counts
    ada.adjust(sure)
    assert ada.overfitting == 1
    assert ada.probability.item() == pytest.approx(0.2)
    for _ in range(20):
        ada.adjust(sure)
    assert ada.probability == 0.5
    ada.adjust(unsure)
    ada.adjust(unsure)
    assert ada.overfitting.item() == pytest.approx(0.4)
    assert ada.probability.item() == pytest.approx(0.3)
    for _ in range(20):
        ada.adjust(unsure)
    assert ada.probability == 0


def test_a_checkpoint_carries_everything() -> None:
    one, other = (AdaptiveAugmentation(images=50, interval=3) for _ in range(2))
    for _ in range(4):
        one.adjust(torch.ones(5, 1))
    other.load_state_dict(one.state_dict())
    for ada in (one, other):
        for _ in range(2):
            ada.adjust(torch.ones(5, 1))
    assert one.probability == other.probability > 0.5


def test_gradients_of_gradients_reach_the_pictures() -> None:
    def at(images: Tensor) -> Tensor:
        torch.manual_seed(3)
        ada = always(mirror=True, quarter_turns=True, translation=0.2, zoom=0.2, angle=15, contrast=0.2)
        return torch.tanh(ada(images))

    images = torch.randn(2, 1, 6, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(at, images)
    assert torch.autograd.gradgradcheck(at, images)
