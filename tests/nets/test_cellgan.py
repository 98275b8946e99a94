"""Cell-GAN networks: parameter counts, shapes, modulation, what every input reaches."""

from __future__ import annotations

import pytest
import torch

from napari_cellsim import nets
from napari_cellsim.base import CellSimError
from napari_cellsim.nets.cellgan.discriminator import minibatch_deviation
from napari_cellsim.nets.cellgan.layers import ModulatedConv2d, pixel_norm


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("name", "preset", "millions"),
    [
        ("cellgan_generator", "thesis", 24.274),
        ("cellgan_generator", "authorcode", 21.865),
        ("cellgan_mapping", "thesis", 2.101),
        ("cellgan_discriminator", "thesis", 18.739),
        ("cellgan_encoder", "thesis", 17.25),
    ],
)
def test_sizes_of_the_publication(name, preset, millions):
    # MODELS.md §3.3 and §4; the encoder's number is given there with two digits only
    digits = 2 if name == "cellgan_encoder" else 3
    assert round(parameters(nets.create(name, preset)) / 1e6, digits) == millions


def test_lite_is_small():
    names = ("cellgan_generator", "cellgan_mapping", "cellgan_encoder")
    for preset in ("lite", "broad"):
        assert sum(parameters(nets.create(name, preset)) for name in names) <= 7e6
    assert parameters(nets.create("cellgan_generator", "lite", size=64)) <= 0.5e6


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512])
@pytest.mark.parametrize("blocks", ["conv_up", "up_conv"])
def test_every_size(size, blocks):
    generator = nets.create("cellgan_generator", "lite", size=size, blocks=blocks)
    assert generator.slots == 2 * (size.bit_length() - 1) - 2
    noise = [torch.zeros(1, 1, *shape) for shape in generator.noise_shapes]
    with torch.no_grad():
        image = generator(torch.randn(1, generator.slots, 256), noise)
    assert image.shape == (1, 1, size, size)


def test_channels_and_frames():
    generator = nets.create("cellgan_generator", "lite", size=32, channels=2, frames=3)
    judge = nets.create("cellgan_discriminator", "lite", size=32, channels=2, frames=3)
    images = generator(torch.randn(2, 256))
    assert images.shape == (2, 6, 32, 32)
    verdict = judge(images)
    assert verdict.scalar.shape == (2, 1)
    assert verdict.pixel.shape == (2, 1, 16, 16)


def test_thesis_discriminator_judges_every_pixel():
    judge = nets.create("cellgan_discriminator", "thesis", size=32, widths=(4, 6, 8, 10, 12))
    assert judge(torch.randn(2, 1, 32, 32)).pixel.shape == (2, 1, 32, 32)


@pytest.mark.parametrize("up", [False, True])
def test_demodulated_filters_have_unit_norm(up):
    torch.manual_seed(0)
    conv = ModulatedConv2d(5, 7, 2 if up else 3, style=4, up=up)
    if up:
        conv.fir.zero_()[1, 1] = 0.25  # an impulse of gain 4 · 1/4: the transposed convolution alone
    latent = torch.randn(1, 4)
    # an impulse in each input channel reads the filters out of the layer
    impulses = torch.zeros(5, 5, 9, 9)
    impulses[torch.arange(5), torch.arange(5), 4, 4] = 1
    answers = conv(impulses, latent.expand(5, -1))
    norms = answers.square().sum((0, 2, 3))
    torch.testing.assert_close(norms, torch.ones(7), atol=1e-4, rtol=0)


def test_modulation_is_one_filter_per_picture():
    torch.manual_seed(0)
    conv = ModulatedConv2d(3, 4, 3, style=6)
    x, latent = torch.randn(2, 3, 8, 8), torch.randn(2, 6)
    style = conv.affine(latent)
    for i in range(2):
        weight = conv.scale * conv.weight * style[i][None, :, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        expected = torch.nn.functional.conv2d(x[i : i + 1], weight, padding=1)
        torch.testing.assert_close(conv(x, latent)[i : i + 1], expected, atol=1e-5, rtol=1e-5)


def test_a_style_slot_changes_only_what_comes_after_it():
    torch.manual_seed(0)
    generator = nets.create("cellgan_generator", "lite", size=32)
    noise = [torch.zeros(1, 1, *shape) for shape in generator.noise_shapes]
    styles = torch.randn(1, 1, 256).repeat(1, generator.slots, 1)
    reference = generator(styles, noise)
    fine = styles.clone()
    fine[:, -1] += 1  # only the last to-image layer reads this slot
    features = {}
    generator.convs[-1].register_forward_hook(lambda *parts: features.__setitem__("last", parts[2]))
    generator(styles, noise)
    before = features["last"]
    changed = generator(fine, noise)
    torch.testing.assert_close(features["last"], before)
    assert not torch.allclose(changed, reference)


def test_one_style_equals_the_same_style_in_every_slot():
    generator = nets.create("cellgan_generator", "lite", size=32)
    noise = [torch.zeros(2, 1, *shape) for shape in generator.noise_shapes]
    w = torch.randn(2, 256)
    torch.testing.assert_close(
        generator(w, noise), generator(w[:, None].repeat(1, generator.slots, 1), noise)
    )


def test_a_styled_start_begins_as_a_constant_one_and_adds_a_linear_map_of_the_first_style():
    torch.manual_seed(0)
    plain = nets.create("cellgan_generator", "lite", size=32)
    styled = nets.create("cellgan_generator", "lite", size=32, start="styled")
    missing = styled.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing == ["layout.weight", "layout.bias"]
    latents = torch.randn(2, styled.slots, 256)
    noise = [torch.randn(2, 1, *shape) for shape in styled.noise_shapes]
    with torch.no_grad():
        assert torch.equal(styled(latents, noise), plain(latents, noise))
        styled.layout.weight.normal_()
        # what the map adds for one picture is what another constant does
        added = (styled.layout.weight / 16) @ latents[0, 0]  # equalised: √256
        plain.constant += added.view(1, 64, 4, 4)
        one = [level[:1] for level in noise]
        torch.testing.assert_close(styled(latents[:1], one), plain(latents[:1], one), atol=1e-4, rtol=1e-4)
        assert (styled(latents, noise)[1] - plain(latents, noise)[1]).abs().max() > 0.1


def test_fresh_noise_has_no_effect_until_its_strength_is_learned():
    generator = nets.create("cellgan_generator", "lite", size=32)
    w = torch.randn(1, 256)
    torch.testing.assert_close(generator(w), generator(w))
    with torch.no_grad():
        generator.convs[0].noise.strength.fill_(1.0)
    assert not torch.allclose(generator(w), generator(w))


@pytest.mark.parametrize("activation", ["pau", "leaky_relu"])
def test_second_derivatives_reach_every_layer(activation):
    # MODELS.md §2.5: an activation without double backward leaves all layers but the first without penalty
    judge = nets.create("cellgan_discriminator", "lite", size=32, activation=activation)
    images = torch.randn(2, 1, 32, 32, requires_grad=True)
    scalar, pixel = judge(images)
    (slope,) = torch.autograd.grad(scalar.sum() + pixel.sum(), images, create_graph=True)
    slope.square().sum().backward()
    # a bias behind the last activation cannot change a slope
    last = {"head.2.bias", "pixel.bias"}
    reached = {name for name, p in judge.named_parameters() if p.grad is not None and p.grad.any()}
    weights = {name for name, _ in judge.named_parameters() if name.endswith("weight")}
    assert weights <= reached
    assert not last & reached

    generator = nets.create("cellgan_generator", "lite", size=32, activation=activation)
    mapping = nets.create("cellgan_mapping", "lite", activation=activation)
    w = mapping(torch.randn(2, 256))[:, None].expand(-1, generator.slots, -1)
    image = generator(w)
    (slope,) = torch.autograd.grad((image * torch.randn_like(image)).sum(), w, create_graph=True)
    slope.square().sum().backward()
    for network in (generator, mapping):
        missing = [n for n, p in network.named_parameters() if n.endswith("weight") and p.grad is None]
        assert not missing


def test_minibatch_deviation_sees_collapse():
    same = torch.randn(1, 3, 4, 4).expand(5, -1, -1, -1)
    assert float(minibatch_deviation(same)[:, -1].max()) == pytest.approx(1e-4, rel=1e-3)
    varied = torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 3, 4, 4)
    assert float(minibatch_deviation(varied)[0, -1, 0, 0]) == pytest.approx(1)


def test_groups_of_pictures_have_a_deviation_each():
    x = torch.zeros(8, 3, 2, 2)
    x[0], x[2], x[4], x[6] = -1, 1, -1, 1  # every second picture makes a group of four
    found = minibatch_deviation(x, 4)[:, -1, 0, 0]
    assert found.tolist() == pytest.approx([1, 1e-4] * 4, rel=1e-3)
    assert torch.equal(minibatch_deviation(x[:6], 4), minibatch_deviation(x[:6]))  # six are one group


def test_pixel_norm():
    x = torch.randn(4, 16)
    torch.testing.assert_close(pixel_norm(x).square().mean(1), torch.ones(4), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "options", [{"size": 48}, {"size": 16}, {"frames": 2}, {"widths": (1, 2)}, {"channels": 0}]
)
def test_bad_settings_get_a_sentence(options):
    with pytest.raises(CellSimError, match="cannot be made"):
        nets.create("cellgan_generator", "lite", **options)
