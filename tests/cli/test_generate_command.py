"""Commands generate and encode."""

from __future__ import annotations

import numpy as np
import pytest

import napari_cellsim as cs
from napari_cellsim.data import Series, write_series
from napari_cellsim.models import Model, ModelCard


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An untrained Cell-GAN and a movie to guide it."""
    path = tmp_path_factory.mktemp("generate")
    card = ModelCard(pixel_size=0.5, normalisation={"method": "standard", "mean": 900.0, "std": 40.0})
    Model.create("tiny", "cellgan", "lite", card=card, size=32).save(path / "tiny.safetensors")
    noise = np.random.default_rng(0).integers(0, 4000, (3, 40, 48)).astype(np.uint16)
    write_series(path / "movie.ome.tif", [Series("movie", noise, "TYX", pixel_size=0.5)], {})
    return path


def test_generate_writes_what_the_function_returns(run, folder, tmp_path):
    out = tmp_path / "made.ome.tif"
    done = run("generate", "--out", out, "--n", 3, "--seed", 4, "--truncation", 0.5, "--noise", "fixed",
               "--model", folder / "tiny.safetensors")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "3 generated pictures, seed 4" in done.stdout
    expected = cs.generate(folder / "tiny.safetensors", n=3, seed=4, truncation=0.5, noise="fixed")
    np.testing.assert_array_equal(cs.open_result(out).images, expected.images)


def test_encode_says_how_alike_before_and_after(run, folder, tmp_path):
    out = tmp_path / "alike.ome.tif"
    done = run("encode", folder / "movie.ome.tif", "--out", out, "--at", 0, "--at", 2, "--space", "w",
               "--refine-steps", 2, "--region", "4,36,8,40", "--model", folder / "tiny.safetensors")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.stdout.count("before refinement") == 2
    found = cs.open_result(out)
    assert [record["frame"] for record in found.records] == [0, 2]
    assert found.records[0]["region"] == [4, 36, 8, 40]
    assert found.latents.shape == (2, 1, 256)


def test_quiet_prints_nothing_on_stdout(run, folder, tmp_path):
    done = run("encode", folder / "movie.ome.tif", "--out", tmp_path / "a.ome.tif", "--at", 1, "-q",
               "--model", folder / "tiny.safetensors")  # fmt: skip
    assert (done.exit_code, done.stdout) == (0, "")
    assert "note: " in done.stderr  # this encoder answers in W only


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generate", "--n", 0), "number of pictures is 0"),
        (("generate", "--seed", -1), "seed is -1"),
        (("generate", "--truncation", 2), "truncation is 2.0"),
        (("encode", "gone.tif"), "no file"),
        (("encode", "{folder}/movie.ome.tif", "--at", 3), "no frame 3"),
        (("encode", "{folder}/movie.ome.tif", "--pixel-size", 0.01), "trap field"),
        (("encode", "{folder}/movie.ome.tif", "--region", "1,2"), "four whole numbers"),
    ],
)
def test_what_is_wrong_is_one_sentence(run, folder, tmp_path, arguments, sentence):
    given = [str(a).format(folder=folder) for a in arguments]
    done = run(*given, "--out", tmp_path / "a.ome.tif", "--model", folder / "tiny.safetensors")
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.output
    assert list(tmp_path.iterdir()) == []


def test_targets_are_checked_first(run, folder, tmp_path):
    model = ("--model", folder / "tiny.safetensors")
    assert "no folder" in run("generate", "--out", tmp_path / "no" / "a.ome.tif", *model).stderr
    movie = folder / "movie.ome.tif"
    assert "never overwritten" in run("encode", movie, "--out", movie, *model).stderr


def test_generate_specimens_in_colour(run, tmp_path):
    path, out = tmp_path / "forams (planktic).safetensors", tmp_path / "made.ome.tif"
    Model.create("forams (planktic)", "msggan", "lite", size=16, latent=16, widths=(8,) * 9).save(path)
    done = run("generate", "--out", out, "--n", 2, "--model", path)
    assert done.exit_code == 0, done.output
    made = cs.open_result(out)
    assert made.colour
    np.testing.assert_array_equal(made.images, cs.generate(path, n=2).images)
    refused = run("generate", "--out", tmp_path / "b.ome.tif", "--truncation", 0.7, "--model", path)
    assert refused.exit_code == 2
    assert "leave the truncation of 0.7 out" in refused.stderr
