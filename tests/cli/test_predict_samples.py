"""`predict --mode sample`: possible futures by seed, saved with an axis of their own and restored whole."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import napari_cellsim as cs
from napari_cellsim.models import Model


@pytest.fixture(scope="module")
def guessing(files):
    """A model with a sampler, which is not trained, so that its noise has been given some weight here."""
    import torch

    from napari_cellsim import nets

    sampler = nets.create("sdcnet", "lite", noise=2, residual=True)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in sampler.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    path = files / "guessing.safetensors"
    Model("guessing", "sdcnet", {"sdcnet": nets.create("sdcnet", "lite"), "sampler": sampler}).save(path)
    return path


def arguments(files, model, out):
    return (
        "predict", files / "movie.ome.tif", "--at", 4, "--steps", 2, "--out", out, "--model", model,
        "--flow", "classical", "--segmentation", "none", "--device", "cpu",
    )  # fmt: skip


def test_samples_are_saved_with_their_axis(run, files, guessing, tmp_path):
    out, one = tmp_path / "samples.ome.tif", tmp_path / "one.ome.tif"
    answer = ("--mode", "sample", "--samples", 2, "--seed", 5)
    result = run(*arguments(files, guessing, out), *answer)
    assert result.exit_code == 0, result.output
    assert "2 possible futures of 2 predicted frames" in result.stdout
    forecast = cs.open_result(out)
    assert forecast.frames.shape == (2, 2, 1, 48, 48)
    config = forecast.provenance["config"]
    assert (config["mode"], config["samples"], config["seed"]) == ("sample", 2, 5)
    assert not np.array_equal(forecast.frames[0], forecast.frames[1])
    with tifffile.TiffFile(out) as file:
        assert (file.series[0].axes, file.series[0].shape) == ("QTYX", (2, 2, 48, 48))
    result = run(*arguments(files, guessing, one), "--mode", "sample", "--seed", 6)
    assert result.exit_code == 0, result.output
    assert np.array_equal(cs.open_result(one).frames[0], forecast.frames[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--mode", "sample"), "sampler"),
        (("--mode", "both"), "'both'"),
        (("--samples", "2"), "mode='sample'"),
    ],
)
def test_what_cannot_be_answered(run, files, tmp_path, options, words):
    out = tmp_path / "p.ome.tif"
    result = run(*arguments(files, files / "untrained.safetensors", out), *options)
    assert result.exit_code == 2
    lines = [line for line in result.stderr.splitlines() if line.startswith("napari-cellsim:")]
    assert len(lines) == 1
    assert words in lines[0]
    assert not out.exists()
