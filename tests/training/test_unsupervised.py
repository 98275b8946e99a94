"""Flow without truth: its losses, and that a network learns by them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.models import Model, load_model
from napari_cellsim.ops import warp
from napari_cellsim.training import (
    DataConfig,
    FlowConfig,
    FlowRecipe,
    FlowUnsupervisedConfig,
    FlowUnsupervisedRecipe,
)
from napari_cellsim.training.augmentation import Augmentation, gaussian_blur
from napari_cellsim.training.sequences import write_sequence
from napari_cellsim.training.stepping import Stepping
from napari_cellsim.training.unsupervised import (
    believable,
    census,
    census_distance,
    charbonnier,
    inside,
    photometric_error,
    smoothness,
    visible,
)

TINY = {"channels": [8, 12], "decoder_channels": [24, 16], "context_channels": [16], "context_dilations": [1]}


def texture(seed=0, size=40, batch=2):
    noise = torch.rand(batch, size, size, generator=torch.Generator().manual_seed(seed))
    return gaussian_blur(noise, 1.5)[:, None]


def uniform(x, y, batch=2, size=40):
    return torch.tensor([x, y], dtype=torch.float32).view(1, 2, 1, 1).expand(batch, 2, size, size).clone()


@given(st.floats(0.2, 5), st.floats(-3, 3))
def test_census_does_not_see_brightness_and_contrast(gain, offset):
    images = texture().double()
    torch.testing.assert_close(census(gain * images + offset), census(images), rtol=1e-6, atol=1e-6)


def test_census_compares_with_each_neighbour():
    images = torch.zeros(1, 1, 5, 5)
    images[0, 0, 2, 2] = 1
    found = census(images, radius=1, softness=0.01)
    assert found.shape == (1, 8, 5, 5)
    assert (found[0, :, 2, 2] < -0.99).all()  # all neighbours are darker
    assert (found[0, :, 1, 1] > 0.99).sum() == 1  # one is brighter, the lower right one
    assert found[0, 7, 1, 1] > 0.99


def test_census_distance_counts_what_compares_otherwise():
    images = texture()
    found = census(images, softness=0.1)
    assert not census_distance(found, found).any()
    opposite = census_distance(found, census(-images, softness=0.1))
    assert opposite.shape == (2, 1, 40, 40)
    assert opposite.mean() > 0.8
    assert opposite.max() < 1


@pytest.mark.parametrize("order", [1, 2])
def test_smoothness_is_zero_for_flow_that_bends_nowhere(order):
    image = texture()
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    affine = torch.stack([0.3 * x - 0.1 * y + 2, 0.2 * y + 0.05 * x]).expand(2, 2, 40, 40)
    assert smoothness(uniform(3, -2), image, order) == 0
    assert smoothness(affine, image, order).item() == pytest.approx(0, abs=1e-6) or order == 1
    assert smoothness(affine, image, 1, edge=0).item() == pytest.approx(
        (0.3 + 0.05 + 0.1 + 0.2) / 4, rel=0.02
    )
    assert smoothness(x.square().expand(2, 2, 40, 40), image, 2, edge=0).item() == pytest.approx(1, rel=0.01)


def test_flow_may_jump_where_the_picture_does():
    image = torch.zeros(1, 1, 20, 20)
    image[..., 10:] = 1
    there, elsewhere = torch.zeros(1, 2, 20, 20), torch.zeros(1, 2, 20, 20)
    there[..., 10:] = 4
    elsewhere[..., 5:] = 4
    for order in (1, 2):
        assert smoothness(there, image, order) < 0.05 * smoothness(elsewhere, image, order)


def test_what_a_moving_square_hides_is_not_visible():
    """A square moves 4 px to the right over a still ground: it covers 4 columns and uncovers 4."""
    flow, back = torch.zeros(1, 2, 32, 32), torch.zeros(1, 2, 32, 32)
    flow[:, 0, 10:20, 8:18] = 4
    back[:, 0, 10:20, 12:22] = -4
    hidden = ~visible(flow, back)[0, 0]
    expected = torch.zeros(32, 32, dtype=torch.bool)
    expected[10:20, 18:22] = True
    assert torch.equal(hidden, expected)
    uncovered = ~visible(back, flow)[0, 0]
    assert torch.equal(uncovered, expected.roll(-10, 1))


def test_flow_that_hides_most_of_a_picture_is_not_believed():
    seen = torch.ones(3, 1, 10, 10, dtype=torch.bool)
    seen[1, :, :2] = False
    seen[2, :, :4] = False
    found = believable(seen)
    assert torch.equal(found[:2], seen[:2])
    assert found[2].all()


def test_flow_out_of_the_picture_is_not_inside():
    flow = uniform(2.0, 0.0, 1, 8)
    flow[:, 1, 0] = -0.5
    expected = torch.ones(8, 8, dtype=torch.bool)
    expected[:, 6:] = False
    expected[0] = False
    assert torch.equal(inside(flow)[0, 0], expected)


def test_true_flow_has_the_least_photometric_error():
    second = texture(3)
    first = warp(second, uniform(1.5, -1.0))
    everywhere = torch.ones(2, 1, 40, 40, dtype=torch.bool)
    errors = [
        photometric_error(first * 1.3 + 0.2, second, uniform(x, y), everywhere).item()
        for x, y in ((1.5, -1.0), (1.2, -1.0), (1.5, -0.5), (0.0, 0.0), (-1.5, 1.0))
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.1 * errors[3]
    assert photometric_error(first, second, uniform(0, 0), ~everywhere) == 0


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    second = texture(1, 10, 1).double()
    first = warp(second, uniform(0.4, -0.3, 1, 10).double())
    flow = (0.3 + 0.1 * torch.rand(1, 2, 10, 10, dtype=torch.float64)).requires_grad_()
    seen = torch.ones(1, 1, 10, 10, dtype=torch.bool)
    torch.autograd.gradcheck(lambda f: photometric_error(first, second, f, seen, radius=1), flow, atol=1e-5)
    torch.autograd.gradcheck(lambda f: smoothness(f, first, 2), flow)
    x = torch.linspace(-1, 1, 7, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(charbonnier, x)
    assert charbonnier(torch.zeros(1)) == 0


@pytest.fixture(scope="module")
def drifting(tmp_path_factory):
    """Textures that drift, each its own way, with the true flow in the validation part alone."""
    root = tmp_path_factory.mktemp("drifting")
    random = np.random.default_rng(0)
    for part, count in (("train", 12), ("validation", 4)):
        for number in range(count):
            wide = texture(10 * count + number, 120, 1)[0, 0].numpy()
            x, y = random.integers(-2, 3, 2)
            places = [(30 + t * y, 30 + t * x) for t in range(4)]
            images = np.stack([wide[top : top + 64, left : left + 64] for top, left in places])
            arrays = {"images": images}
            if part == "validation":
                # what is here now was x to the right one frame before
                flow = np.broadcast_to(np.array([x, y], np.float16)[:, None, None], (3, 2, 64, 64))
                truth = {"flow": flow, "valid": np.ones((3, 64, 64), bool)}
                arrays |= truth | {"semantic": np.full((4, 64, 64), 2, np.uint8)}
            info = {"source": "texture", "pixel_size": 0.1, "interval": None}
            write_sequence(root / part / f"t{number}", arrays, info)
    return root


def config(root, **more):
    turned = Augmentation.none().model_copy(update={"flip": True, "rotate": True})
    data = DataConfig(folder=str(root), batch=4, crop=48, augmentation=turned)
    return FlowUnsupervisedConfig(data=data, **{"overrides": TINY, "start": ""} | more)


def test_a_fresh_network_learns_flow_from_pictures_alone(drifting, tmp_path):
    torch.manual_seed(0)
    recipe = FlowUnsupervisedRecipe(config(drifting, lr=2e-3, smoothness=0.1, occlusion_after=0.5))
    before = recipe.validate()
    assert before["photometric"] == pytest.approx(before["photometric_of_zero_flow"], rel=0.05)
    for step in range(120):
        values = recipe.train_step(recipe.batch(step, step / 120), step / 120)
        assert set(values) == {"loss", "photometric", "smoothness", "visible"}
    after = recipe.validate()
    assert after["photometric"] < 0.6 * before["photometric"]
    assert after["epe"] < 0.5 * before["epe"]
    assert after["epe_cells"] < 0.5 * after["epe_cells_of_zero_flow"]
    assert after["epe_cells_of_zero_flow"] == before["epe_cells_of_zero_flow"]
    recipe.save(tmp_path / "own.safetensors", {})
    model = load_model(tmp_path / "own.safetensors")
    assert (model.kind, model.card.metrics["epe"]) == ("pwcnet", pytest.approx(after["epe"]))
    assert model.card.trained_on == "12 sequences of texture"
    assert model.card.training["settings"]["lr"] == 2e-3


def test_training_starts_from_a_flow_model_of_that_size_only(drifting, tmp_path):
    torch.manual_seed(0)
    model = Model.create("flow", "pwcnet", **TINY)
    model.save(tmp_path / "start.safetensors")
    started = FlowUnsupervisedRecipe(config(drifting, start=str(tmp_path / "start.safetensors")))
    for name, value in started.network.state_dict().items():
        assert torch.equal(value, model.network.state_dict()[name])
    wrong = Model.create("classes", "unet", widths=[8, 16], trunk_stride=2)
    wrong.save(tmp_path / "wrong.safetensors")
    with pytest.raises(CellSimError, match="of kind 'unet', but 'pwcnet' is needed"):
        FlowUnsupervisedRecipe(config(drifting, start=str(tmp_path / "wrong.safetensors")))


def test_the_supervised_recipe_says_that_flow_is_missing(drifting):
    with pytest.raises(CellSimError, match="without known flow: the recipe flow_unsupervised needs none"):
        FlowRecipe(FlowConfig(data=DataConfig(folder=str(drifting)), overrides=TINY))


def test_without_truth_validation_is_photometric(drifting, tmp_path):
    for part in ("train", "validation"):
        images = np.asarray(texture(1, 48, 3)[:, 0])
        write_sequence(tmp_path / part / "own", {"images": images}, {"source": "own"})
    assert set(FlowUnsupervisedRecipe(config(tmp_path)).validate()) == {
        "photometric",
        "photometric_of_zero_flow",
    }


def test_both_directions_and_bfloat16_and_micro_batches(drifting):
    def gradient(stepping):
        torch.manual_seed(0)
        recipe = FlowUnsupervisedRecipe(config(drifting, occlusion_after=1.0))
        for decoder in recipe.network.decoders.values():
            torch.nn.init.normal_(decoder.predict.weight, std=0.01)
        recipe.stepping = stepping
        values = recipe.train_step(recipe.batch(0, 0.5), 0.5)
        found = [p.grad.flatten() for p in recipe.modules.parameters() if p.grad is not None]
        return values, torch.cat(found)

    values, whole = gradient(Stepping())
    _, divided = gradient(Stepping(parts=2))
    _, rough = gradient(Stepping("bfloat16"))
    assert torch.cosine_similarity(whole, divided, dim=0) > 0.95
    assert torch.cosine_similarity(whole, rough, dim=0) > 0.8
    assert 0 < values["visible"] <= 1
    assert nets.create("pwcnet", **TINY).config.residual
