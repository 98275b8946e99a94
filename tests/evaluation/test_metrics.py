"""Metrics against scikit-image, closed forms and properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from skimage.metrics import mean_squared_error, peak_signal_noise_ratio, structural_similarity

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import metrics

PICTURE_METRICS = [
    metrics.mse,
    metrics.l1,
    metrics.psnr,
    metrics.ssim,
    metrics.psnr_thesis,
    metrics.ssim_thesis,
    metrics.sharpness,
]


def pair(shape=(24, 31), seed=0, noise=0.1):
    generator = np.random.default_rng(seed)
    target = gaussian_filter(generator.random(shape), [0] * (len(shape) - 2) + [1.5, 1.5])
    return target + noise * generator.standard_normal(shape), target


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_equal_scikit_image(data_range):
    prediction, target = (data_range * p for p in pair())
    assert metrics.mse(prediction, target, data_range) == pytest.approx(
        mean_squared_error(prediction, target) / data_range**2, rel=1e-12
    )
    assert metrics.psnr(prediction, target, data_range) == pytest.approx(
        peak_signal_noise_ratio(target, prediction, data_range=data_range), abs=1e-9
    )
    expected = structural_similarity(
        prediction,
        target,
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert metrics.ssim(prediction, target, data_range) == pytest.approx(expected, abs=1e-6)


def test_ssim_equals_its_definition_written_out():
    prediction, target = pair((13, 13), seed=3)
    axis = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(axis, axis) / axis.sum() ** 2
    values = []
    for y in range(5, 8):
        for x in range(5, 8):
            p, t = (a[y - 5 : y + 6, x - 5 : x + 6] for a in (prediction, target))
            mean_p, mean_t = (window * p).sum(), (window * t).sum()
            var_p, var_t = (window * p * p).sum() - mean_p**2, (window * t * t).sum() - mean_t**2
            cov = (window * p * t).sum() - mean_p * mean_t
            luminance = (2 * mean_p * mean_t + 1e-4) / (mean_p**2 + mean_t**2 + 1e-4)
            values.append(luminance * (2 * cov + 9e-4) / (var_p + var_t + 9e-4))
    assert metrics.ssim(prediction, target) == pytest.approx(np.mean(values), abs=1e-6)


def test_equals_torchmetrics():
    image = pytest.importorskip("torchmetrics.functional.image")
    prediction, target = (torch.from_numpy(p)[:, None] for p in pair((3, 32, 40)))
    # torchmetrics also averages windows that reach over the edge; inside, both are defined alike
    _, full = image.structural_similarity_index_measure(
        prediction, target, data_range=1.0, sigma=1.5, return_full_image=True
    )
    assert metrics.ssim(prediction, target) == pytest.approx(full[..., 5:-5, 5:-5].mean().item(), abs=1e-6)
    assert metrics.psnr(prediction, target) == pytest.approx(
        image.peak_signal_noise_ratio(prediction, target, data_range=1.0).item(), abs=1e-6
    )


@pytest.mark.parametrize("metric", PICTURE_METRICS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_and_numpy_agree_on_stacks(metric, dtype):
    prediction, target = (torch.from_numpy(p).to(dtype) for p in pair((2, 1, 16, 20)))
    value = metric(prediction.requires_grad_(), target)
    assert isinstance(value, float)
    assert value == pytest.approx(metric(prediction.detach().numpy(), target.numpy()), rel=1e-12)


def test_bfloat16_is_accepted():
    prediction, target = (torch.from_numpy(p).bfloat16() for p in pair())
    assert metrics.mse(prediction, target) == pytest.approx(metrics.mse(prediction.double(), target.double()))


def test_perfect_prediction():
    target = pair()[1]
    assert metrics.mse(target, target) == metrics.l1(target, target) == 0
    assert metrics.psnr(target, target) == np.inf
    assert metrics.ssim(target, target) == pytest.approx(1, abs=1e-12)
    assert metrics.sharpness(target, target) == 1


def test_a_stack_scores_like_the_mean_of_its_pictures():
    prediction, target = pair((4, 20, 20))
    for metric in (metrics.mse, metrics.l1, metrics.ssim):
        each = [metric(p, t) for p, t in zip(prediction, target, strict=True)]
        assert metric(prediction, target) == pytest.approx(np.mean(each), rel=1e-12)


def test_sharpness_sees_blur_and_does_not_look_across_pictures():
    target = np.random.default_rng(0).random((2, 40, 40))
    blurred = gaussian_filter(target, [0, 1, 1])
    assert metrics.sharpness(blurred, target) < 0.3
    assert metrics.sharpness(3 * target + 7, target) == pytest.approx(3)
    steps = np.zeros((2, 12, 12))
    steps[1] = 5.0  # two flat pictures have no structure, whatever their difference
    assert np.isnan(metrics.sharpness(steps, steps))


def test_masks_choose_the_pixels():
    prediction, target = pair((30, 30))
    mask = np.zeros((30, 30), bool)
    mask[8:20, 6:22] = True
    assert metrics.mse(prediction, target, mask=mask) == pytest.approx(
        ((prediction - target)[mask] ** 2).mean()
    )
    assert metrics.l1(prediction, target, mask=mask) == pytest.approx(
        np.abs((prediction - target)[mask]).mean()
    )
    far = prediction.copy()
    far[~mask] = 1e3
    assert metrics.mse(far, target, mask=mask) == metrics.mse(prediction, target, mask=mask)
    everything = np.ones_like(mask)
    for metric in (metrics.mse, metrics.l1, metrics.psnr, metrics.ssim, metrics.sharpness):
        assert metric(prediction, target, mask=everything) == pytest.approx(metric(prediction, target))
    for metric in (metrics.mse, metrics.ssim, metrics.sharpness):
        assert np.isnan(metric(prediction, target, mask=np.zeros_like(mask)))


def test_thesis_definitions_and_their_flaws():
    prediction, target = pair()
    error = ((prediction - target) ** 2).mean()
    assert metrics.psnr_thesis(prediction, target) == pytest.approx(
        10 * np.log10(prediction.max() ** 2 / (error + 1e-8))
    )
    brighter = prediction.copy()
    brighter[0, 0] = 5  # one wrong bright pixel is rewarded
    assert metrics.psnr(brighter, target) < metrics.psnr(prediction, target)
    assert metrics.psnr_thesis(brighter, target) > metrics.psnr_thesis(prediction, target)
    n = target.size
    assert metrics.ssim_thesis(target, target) == pytest.approx((n - 1) / n)  # 1/N beside 1/(N-1)
    for metric in (metrics.psnr_thesis, metrics.ssim_thesis):
        assert metric(prediction, target, data_range=255) == metric(prediction, target)


def test_thesis_ssim_of_standardised_pictures():
    """MODELS.md §12.3: with equal large means, SSIM = 1 - MSE/(1+s²) up to 1/N."""
    generator = np.random.default_rng(1)
    target = generator.standard_normal((200, 200))
    prediction = 0.8 * target + 0.1 * generator.standard_normal(target.shape)
    target, prediction = target - target.mean(), prediction - prediction.mean()
    expected = 1 - ((prediction - target) ** 2).mean() / (prediction.var() + target.var())
    assert metrics.ssim_thesis(prediction + 100, target + 100) == pytest.approx(expected, abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.01, 100),
    st.floats(-50, 50),
)
def test_scale_and_shift(seed, scale, shift):
    prediction, target = pair((12, 14), seed=seed)
    moved = (scale * prediction + shift, scale * target + shift)
    assert metrics.mse(*moved, data_range=scale) == pytest.approx(metrics.mse(prediction, target), rel=1e-6)
    assert metrics.l1(*moved, data_range=scale) == pytest.approx(metrics.l1(prediction, target), rel=1e-6)
    assert metrics.sharpness(*moved) == pytest.approx(metrics.sharpness(prediction, target), rel=1e-6)
    assert metrics.l1(prediction, target) ** 2 <= metrics.mse(prediction, target) + 1e-15
    assert -1 <= metrics.ssim(prediction, target) <= 1
    assert metrics.ssim(prediction, target) == pytest.approx(metrics.ssim(target, prediction))


@pytest.mark.parametrize("metric", PICTURE_METRICS)
def test_bad_input_gets_a_sentence(metric):
    with pytest.raises(CellSimError, match=r"\(4, 4\).*\(4, 5\)"):
        metric(np.zeros((4, 4)), np.zeros((4, 5)))
    with pytest.raises(CellSimError, match=r"\(\.\.\., Y, X\)"):
        metric(np.zeros(4), np.zeros(4))
    with pytest.raises(CellSimError, match="data range"):
        metric(np.zeros((16, 16)), np.zeros((16, 16)), data_range=0)


def test_too_small_for_ssim():
    with pytest.raises(CellSimError, match="10 x 30"):
        metrics.ssim(np.zeros((10, 30)), np.zeros((10, 30)))


def test_nan_is_reported_not_hidden():
    prediction, target = pair()
    prediction[3, 3] = np.nan
    assert np.isnan(metrics.mse(prediction, target))
    assert np.isnan(metrics.psnr(prediction, target))
