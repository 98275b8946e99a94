"""Every single-loss recipe under bfloat16 and in micro-batches."""

from __future__ import annotations

import pytest
import torch
from discs import write_discs

from napari_cellsim.models import Model, ModelCard
from napari_cellsim.training import (
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
            case "guidance_encoder":
                model = str(folder / "gan.safetensors")
                settings = {"data": pictures, "model": model, "overrides": {"widths": [8, 12, 16, 16]}}
                return GuidanceEncoderRecipe(GuidanceEncoderConfig.model_validate(settings))
        return SDCNetRecipe(SDCNetConfig(data=data, stage=name, overrides=SDC, **partners))

    return new


def step(recipe, stepping):
    """Do one step; return its loss and the gradients."""
    recipe.stepping = stepping
    batch = recipe.batch(0, 0.5)
    torch.manual_seed(1)
    loss = recipe.train_step(batch, 0.5)["loss"]
    found = [p.grad.flatten() for p in recipe.modules.parameters() if p.grad is not None]
    return loss, torch.cat(found)


NAMES = ["segmentation", "flow", "vae", "guidance_encoder", "kernel_init", "fine_tune"]


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_gives_about_the_same_gradient(make, name):
    loss, gradient = step(make(name), Stepping())
    rough_loss, rough = step(make(name), Stepping("bfloat16"))
    assert gradient.dtype == rough.dtype == torch.float32
    assert rough_loss == pytest.approx(loss, rel=0.03, abs=1e-5)
    assert not torch.equal(gradient, rough)
    assert torch.cosine_similarity(gradient, rough, dim=0) > 0.95


# The guidance encoder draws other latents for a part than for the whole.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "guidance_encoder"])
def test_micro_batches_give_about_the_same_gradient(make, name):
    loss, gradient = step(make(name), Stepping())
    divided_loss, divided = step(make(name), Stepping(parts=2))
    assert divided_loss == pytest.approx(loss, rel=0.15)
    assert torch.cosine_similarity(gradient, divided, dim=0) > 0.8
