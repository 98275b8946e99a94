"""Every recipe under bfloat16 and in micro-batches."""

from __future__ import annotations

import pytest
import torch
from discs import write_discs

from napari_cellsim.models import Model, ModelCard
from napari_cellsim.training import (
    CellGANConfig,
    CellGANRecipe,
    DataConfig,
    FlowConfig,
    FlowRecipe,
    GuidanceEncoderConfig,
    GuidanceEncoderRecipe,
    PictureConfig,
    SDCNetConfig,
    SDCNetRecipe,
    SegmentationConfig,
    SegmentationRecipe,
    VAEConfig,
    VAERecipe,
)
from napari_cellsim.training.augmentation import Augmentation
from napari_cellsim.training.stepping import Stepping

UNET = {"widths": [8, 16], "trunk_stride": 2}
PWC = {"channels": [8, 12, 16], "decoder_channels": [16], "context_channels": [16], "context_dilations": [1]}
SDC = {"widths": [8, 12], "decoder_widths": [8], "trunk_stride": 4}


@pytest.fixture(scope="module")
def make(store, tmp_path_factory):
    """Return a function that makes a small recipe by name, always with the same weights."""
    folder = tmp_path_factory.mktemp("models")
    data = DataConfig(
        folder=str(store), batch=4, crop=64, augmentation=Augmentation.none(), validation_sequences=2
    )
    pictures = PictureConfig(folder=str(write_discs(tmp_path_factory.mktemp("discs"))), size=32, batch=4)
    torch.manual_seed(0)
    partners = {}
    for role, kind, overrides in (("flow", "pwcnet", PWC), ("segmentation", "unet", UNET)):
        partners[f"{role}_model"] = str(folder / f"{kind}.safetensors")
        Model.create(kind, kind, **overrides).save(partners[f"{role}_model"])
    card = ModelCard(description="test", pixel_size=0.5)
    gan = Model.create("gan", "cellgan", "lite", card=card, latent=8, size=32)
    gan.save(folder / "gan.safetensors")

    def new(name):
        torch.manual_seed(0)
        match name:
            case "segmentation":
                return SegmentationRecipe(SegmentationConfig(data=data, overrides=UNET))
            case "flow":
                return FlowRecipe(FlowConfig(data=data, overrides=PWC))
            case "vae":
                tiny = {"widths": [8, 8, 12, 12], "latent": 8}
                return VAERecipe(VAEConfig(data=pictures, overrides=tiny))
            case "cellgan":
                every = {"r1": 1.0, "r1_every": 1, "path_length_every": 1, "cutmix_every": 1, "hessian": 0.01}
                settings = {"data": pictures, "overrides": {"latent": 8}, "mixing": 0, "ada": 0.6, **every}
                return CellGANRecipe(CellGANConfig.model_validate(settings))
            case "guidance_encoder":
                model = str(folder / "gan.safetensors")
                settings = {"data": pictures, "model": model, "overrides": {"widths": [8, 12, 16, 16]}}
                return GuidanceEncoderRecipe(GuidanceEncoderConfig.model_validate(settings))
        return SDCNetRecipe(SDCNetConfig(data=data, stage=name, overrides=SDC, **partners))

    return new


def step(recipe, stepping):
    """Do one step; return its loss (of two the last) and the gradients."""
    recipe.stepping = stepping
    batch = recipe.batch(0, 0.5)
    torch.manual_seed(1)
    values = recipe.train_step(batch, 0.5)
    loss = values["generator" if "generator" in values else "loss"]
    found = [p.grad.flatten() for p in recipe.modules.parameters() if p.grad is not None]
    return loss, torch.cat(found)


NAMES = ["segmentation", "flow", "vae", "guidance_encoder", "kernel_init", "fine_tune", "cellgan"]
# These draw other latents for a part than for the whole.
DRAWING = {"guidance_encoder", "cellgan"}


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_gives_about_the_same_gradient(make, name):
    loss, gradient = step(make(name), Stepping())
    rough_loss, rough = step(make(name), Stepping("bfloat16"))
    assert gradient.dtype == rough.dtype == torch.float32
    assert rough_loss == pytest.approx(loss, rel=0.03, abs=1e-5)
    assert not torch.equal(gradient, rough)
    assert torch.cosine_similarity(gradient, rough, dim=0) > 0.95


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAWING])
def test_micro_batches_give_about_the_same_gradient(make, name):
    loss, gradient = step(make(name), Stepping())
    divided_loss, divided = step(make(name), Stepping(parts=2))
    assert divided_loss == pytest.approx(loss, rel=0.15)
    assert torch.cosine_similarity(gradient, divided, dim=0) > 0.8


def test_adversarial_micro_batches_learn_from_every_picture(make):
    recipe = make("cellgan")
    recipe.stepping = Stepping(parts=4)
    judged, plain = [], recipe.discriminator.forward
    recipe.discriminator.forward = lambda images: judged.append(images.detach()) or plain(images)
    batch = recipe.batch(0, 0.5)
    values = recipe.train_step(batch, 0.5)
    assert {"discriminator", "generator", "r1", "cutmix", "path_length", "hessian"} <= set(values)
    real = [images for images in judged if any(torch.equal(images, one[None]) for one in batch.images)]
    assert {int((images == batch.images).all((1, 2, 3)).nonzero()) for images in real} == {0, 1, 2, 3}
    assert recipe.augmentation.sums.tolist()[1:] == [4, 4, 1]  # four answers to four pictures of one batch
