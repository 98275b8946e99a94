"""`evaluate`: reports in three formats, whose commands really give the numbers again."""

from __future__ import annotations

import csv
import html
import json
import re
import shlex
from shutil import copy

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from test_predict_command import refused

from napari_cellsim import nets, phantom
from napari_cellsim.data import Series, write_series
from napari_cellsim.evaluation import GeneratorStudy, MovieStudy
from napari_cellsim.evaluation.metrics import frechet_distance
from napari_cellsim.models import Model, ModelCard


@pytest.fixture
def other(files, tmp_path):
    return copy(files / "movie.ome.tif", tmp_path / "other.ome.tif")


def test_one_movie(run, files, options, tmp_path):
    out = tmp_path / "study.json"
    result = run("evaluate", files / "movie.ome.tif", "--steps", 3, "--out", out, *options)
    assert result.exit_code == 0, result.output
    (report,) = MovieStudy.open(out).reports
    assert report.at == 4  # three true frames are left
    assert len(report.horizons) == 3
    assert "sharpness" in result.stdout
    assert f"written: {out}" in result.stdout


def test_several_movies_windows_and_formats(run, files, options, other, tmp_path):
    outs = [tmp_path / f"study.{suffix}" for suffix in ("html", "csv", "json")]
    words = [word for out in outs for word in ("--out", out)]
    result = run(
        "evaluate", files / "movie.ome.tif", other, "--at", 3, "--at", 5, "--steps", 2, *words, *options
    )
    assert result.exit_code == 0, result.output
    study = MovieStudy.open(outs[2])
    (comparison,) = study.comparisons
    assert (comparison.sequences, comparison.forecasts) == (2, 4)
    assert "2 sequences, 4 forecasts" in result.stdout
    rows = list(csv.DictReader(outs[1].open(encoding="utf-8")))
    mse = {
        (r["movie"], r["at"], r["horizon"]): float(r["value"])
        for r in rows
        if (r["forecast"], r["metric"]) == ("model", "mse")
    }
    assert len(mse) == 2 * 2 * 2
    for report in study.reports:
        for horizon in report.horizons:
            assert mse[report.input, str(report.at), str(horizon.horizon)] == horizon.model.mse
    page = outs[0].read_text(encoding="utf-8")
    assert "<svg" in page
    assert "data:image/jpeg" in page
    assert not re.search(r'(src|href)="(?!data:)', page)  # nothing is loaded from elsewhere
    assert "<script" not in page


def test_the_commands_give_the_numbers_again(run, files, options, other, tmp_path):
    """Run what is printed under a table and beside a forecast, as a user would."""
    first = tmp_path / "first.json"
    labels = files / "labels.ome.tif"
    words = ("--steps", 2, "--judge", "none", "--labels", labels, "--labels", labels, "--at", 4)
    assert run("evaluate", files / "movie.ome.tif", other, *words, "--out", first, *options).exit_code == 0
    study = MovieStudy.open(first)
    again = tmp_path / "again.json"
    program, *arguments = shlex.split(study.command)
    assert program == "napari-cellsim"
    assert run(*arguments, "--out", again).exit_code == 0
    assert MovieStudy.open(again).comparisons == study.comparisons
    report = study.reports[1]
    assert report.horizons[0].model.growth is None  # the labels stand still
    assert report.horizons[0].model.cells is not None
    alone = tmp_path / "alone.json"
    assert run(*shlex.split(report.command)[1:], "--out", alone).exit_code == 0
    assert MovieStudy.open(alone).reports[0].horizons == report.horizons


def test_two_models_are_tested(run, files, options, other, tmp_path):
    second = tmp_path / "second model.safetensors"  # a blank in the name must survive the command line
    Model.create("second model", "sdcnet", "lite", frames=2).save(second)
    out = tmp_path / "study.json"
    result = run(
        "evaluate", files / "movie.ome.tif", other, "--model", second, "--out", out, "--steps", 2, *options
    )
    assert result.exit_code == 0, result.output
    study = MovieStudy.open(out)
    assert {(t.first, t.second) for t in study.tests} == {("second model", "untrained")}
    assert study.tests[0].sequences == 2
    assert "too few" in result.stdout
    assert str(second) in shlex.split(study.command)
    refused(
        run("evaluate", files / "movie.ome.tif", "--model", second, "--model", second, *options),
        "one name",
        "rename",
    )


def test_validation_movie_tunes_the_blur(run, files, options, other, tmp_path):
    out = tmp_path / "study.json"
    words = ("--validation", other, "--steps", 2, "--out", out)
    assert run("evaluate", files / "movie.ome.tif", *words, *options).exit_code == 0
    assert MovieStudy.open(out).reports[0].blur_tuned_on == "validation sequences"


def test_mistakes_are_explained(run, files, options, tmp_path):
    movie = files / "movie.ome.tif"
    refused(run("evaluate", movie, "--at", 7, *options), "none follows frame 7")
    refused(run("evaluate", *options), "at least one movie")
    refused(run("evaluate", movie, "--out", tmp_path / "report.pdf", *options), "report.pdf", ".html")
    refused(
        run("evaluate", movie, "--labels", movie, "--labels", movie, *options), "2 label files for 1 movies"
    )
    refused(
        run("evaluate", movie, "--labels", files / "labels.ome.tif", "--judge", "absent", *options),
        "'absent'",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def stills(tmp_path_factory):
    """Textures as real pictures, others as somebody's generated ones, and an untrained generator."""
    folder = tmp_path_factory.mktemp("stills")
    generator = np.random.default_rng(0)
    for name in ("real", "fake"):
        images = 1000 * gaussian_filter(generator.normal(size=(12, 64, 64)), [0, 2, 2]) + 500
        write_series(
            folder / f"{name}.ome.tif", [Series(name, images.astype(np.float32), "TYX", pixel_size=0.4)], {}
        )
        np.save(folder / f"{name}.npy", generator.normal(size=(30, 5)))
    np.savez(folder / "probabilities.npz", p=np.full((20, 4), 0.25))
    Model.create("untrained generator", "cellgan", size=64).save(folder / "generator.safetensors")
    return folder


def test_a_generating_model(run, stills, tmp_path):
    out, page = tmp_path / "study.json", tmp_path / "study.html"
    model = stills / "generator.safetensors"
    result = run(
        "evaluate",
        stills / "real.ome.tif",
        "--model",
        model,
        "--n",
        6,
        "--out",
        out,
        "--out",
        page,
        "--device",
        "cpu",
    )
    assert result.exit_code == 0, result.output
    study = GeneratorStudy.open(out)
    assert (study.distances.real, study.distances.fake, study.movies) == (12, 6, 1)
    assert "unet-lite" in study.extractor
    assert study.walks.steps == 16
    assert any("full rank" in line for line in study.warnings)
    assert any("come from 1 of your files" in line for line in study.warnings)
    text = page.read_text(encoding="utf-8")
    assert html.escape(study.command) in text
    assert "data:image/jpeg" in text
    again = tmp_path / "again.json"
    assert run(*shlex.split(study.command)[1:], "--out", again).exit_code == 0
    assert GeneratorStudy.open(again).distances == study.distances


def test_pictures_of_another_generator(run, stills, tmp_path):
    out = tmp_path / "study.json"
    result = run("evaluate", stills / "real.ome.tif", "--pictures", stills / "fake.ome.tif", "--out", out)
    assert result.exit_code == 0, result.output
    study = GeneratorStudy.open(out)
    assert study.copies.share <= 0.1
    assert study.grid.found is False
    assert study.walks is None
    copied = run("evaluate", stills / "real.ome.tif", "--pictures", stills / "real.ome.tif", "--out", out)
    assert copied.exit_code == 0
    assert GeneratorStudy.open(out).copies.share == 1


def test_own_features_and_probabilities(run, stills, tmp_path):
    out = tmp_path / "study.csv"
    features = ("--features", stills / "real.npy", stills / "fake.npy")
    inception = ("--probabilities", stills / "probabilities.npz")
    named = ("--extractor", "Inception-v3 pool3, 299 px bilinear")
    result = run("evaluate", *features, *inception, *named, "--out", out)
    assert result.exit_code == 0, result.output
    rows = {(r["part"], r["metric"]): r for r in csv.DictReader(out.open(encoding="utf-8"))}
    sets = [np.load(stills / f"{name}.npy") for name in ("real", "fake")]
    row = rows["generated against real", "frechet"]
    assert float(row["value"]) == pytest.approx(frechet_distance(*sets))
    assert row["extractor"] == named[1]
    assert float(rows["Inception score", "mean"]["value"]) == pytest.approx(1)
    refused(run("evaluate", *features), "--extractor")
    refused(
        run("evaluate", *features, "--extractor", "x", "--probabilities", stills / "real.npy"), "sum to 1"
    )
    (tmp_path / "text.npy").write_text("no array")
    refused(
        run("evaluate", "--features", tmp_path / "text.npy", stills / "fake.npy", "--extractor", "x"),
        "text.npy",
    )


def test_photographs_of_specimens(run, tmp_path):
    """A generator of one class beside the real folder of classes; the command gives the same numbers again."""
    real = tmp_path / "shells"
    for name in ("spiral", "grain"):
        (real / name).mkdir(parents=True)
        for number, picture in enumerate(phantom.simulate_shells(11, 0, size=16, classes=name).images):
            Image.fromarray(picture.transpose(1, 2, 0)).save(real / name / f"{number}.png")
    shape = {"size": 16, "latent": 6, "widths": (12,) * 9}
    made = Model.create("grain", "msggan", card=ModelCard(training={"classes": {"grain": 9}}), **shape)
    judge = Model.create(
        "judge",
        "classifier",
        card=ModelCard(training={"class_names": ["grain", "spiral"]}, input_size=16),
        classes=2,
        widths=(8,),
        hidden=(),
    )
    for model in (made, judge):
        model.save(tmp_path / f"{model.name}.safetensors")
    words = ("evaluate", real, "--model", tmp_path / "grain.safetensors", "--n", 6, "--device", "cpu")
    known = ("--classifier", tmp_path / "judge.safetensors")
    out, page, again = (tmp_path / name for name in ("s.json", "s.html", "again.json"))
    result = run(*words, *known, "--out", out, "--out", page)
    assert result.exit_code == 0, result.output
    assert "names the class of" in result.stdout
    study = GeneratorStudy.open(out)
    assert (study.distances.real, study.distances.fake) == (11, 6)
    assert study.recognised.classifier["hash"] == judge.hash
    assert "What a classifier sees" in page.read_text(encoding="utf-8")
    assert run(*shlex.split(study.command)[1:], "--out", again).exit_code == 0
    assert GeneratorStudy.open(again).recognised == study.recognised
    refused(run(*words), "classifier")
    refused(run(*words, "--classifier", tmp_path / "grain.safetensors"), "'grain' is a msggan")
    theirs = run("evaluate", real, "--pictures", real, *known, "--out", out)
    assert theirs.exit_code == 0, theirs.output
    assert GeneratorStudy.open(out).recognised.generated.counts == {"grain": 11, "spiral": 11}


def test_json_is_json(run, files, options, tmp_path):
    """No NaN or infinity, which other programs refuse."""
    out = tmp_path / "study.json"
    assert run("evaluate", files / "movie.ome.tif", "--steps", 1, "--out", out, *options).exit_code == 0

    def refuse(constant):
        raise AssertionError(constant)

    json.loads(out.read_text(), parse_constant=refuse)


def test_possible_futures(run, files, tmp_path):
    """The command below a report of samples gives the same samples again; other seeds give others."""
    sampler = nets.create("sdcnet", "lite", noise=2, residual=True)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():  # untrained networks do not heed their noise
        for weight in sampler.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    model = tmp_path / "guessing.safetensors"
    Model("guessing", "sdcnet", {"sdcnet": nets.create("sdcnet", "lite"), "sampler": sampler}).save(model)
    words = (
        "--model",
        model,
        "--flow",
        "classical",
        "--segmentation",
        "none",
        "--device",
        "cpu",
        "--steps",
        1,
    )
    first, again, other = (tmp_path / f"{name}.json" for name in ("first", "again", "other"))
    asked = ("evaluate", files / "movie.ome.tif", *words, "--mode", "sample", "--samples", 3)
    result = run(*asked, "--seed", 4, "--out", first)
    assert result.exit_code == 0, result.output
    assert "3 samples: CRPS" in result.stdout
    study = MovieStudy.open(first)
    (report,) = study.reports
    config = report.provenance["config"]
    assert (config["mode"], config["samples"], config["seed"]) == ("sample", 3, 4)
    assert report.horizons[0].model.diversity > 0
    assert run(*shlex.split(report.command)[1:], "--out", again).exit_code == 0
    assert MovieStudy.open(again).reports[0].horizons == report.horizons
    assert run(*asked, "--out", other).exit_code == 0
    assert MovieStudy.open(other).reports[0].horizons[0].model != report.horizons[0].model
    refused(run("evaluate", files / "movie.ome.tif", *words, "--samples", 2), "mode='sample'")
