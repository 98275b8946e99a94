"""What a training shows of itself: always the same pictures, as the network sees them now."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cellsim.training import (
    DataConfig,
    FlowConfig,
    FlowRecipe,
    FlowUnsupervisedConfig,
    FlowUnsupervisedRecipe,
    SDCNetConfig,
    SDCNetRecipe,
    SegmentationConfig,
    SegmentationRecipe,
)


def recipe_of(name, store):
    torch.manual_seed(0)
    data = DataConfig(folder=str(store), batch=2, crop=32)
    if name == "segmentation":
        return SegmentationRecipe(SegmentationConfig(data=data))
    if name == "flow":
        return FlowRecipe(FlowConfig(data=data))
    if name == "flow_unsupervised":
        return FlowUnsupervisedRecipe(FlowUnsupervisedConfig(data=data, start=""))
    return SDCNetRecipe(SDCNetConfig(data=data, stage="flow"))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("segmentation", (3 * 96, 4 * 96)),  # frames, guessed classes, true classes of held-out pictures
        ("flow", (3 * 96, 4 * 96, 3)),  # frames, guessed and true motion
        ("flow_unsupervised", (3 * 96, 4 * 96, 3)),
        ("sdcnet", (2 * 96, 6 * 96)),  # the last frame seen and five that follow, above the forecast ones
    ],
)
def test_preview_shows_the_same_pictures_and_other_guesses(name, shape, store):
    recipe = recipe_of(name, store)
    first = recipe.preview()
    assert first.shape == shape
    assert first.dtype == np.uint8
    assert np.array_equal(recipe.preview(), first)
    with torch.no_grad():
        for parameter in recipe.network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    second = recipe.preview()
    changed = (first != second).reshape(len(first), -1).any(1).reshape(-1, 96).any(1)
    assert changed.tolist() == ([False, True, False] if len(changed) == 3 else [False, True])
