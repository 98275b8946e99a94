"""Studies from Python: what they hold, what they refuse, and what their pages show."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from made_movies import drifting
from PIL import Image
from scipy.ndimage import gaussian_filter

from napari_cellsim.base import CellSimError, JobCancelled, JobToken, Progress
from napari_cellsim.data import TimeLapse
from napari_cellsim.evaluation import (
    MovieStudy,
    compare_sequences,
    evaluate,
    evaluate_generator,
    evaluate_movies,
    evaluate_movies_job,
)
from napari_cellsim.evaluation.commands import Command
from napari_cellsim.evaluation.feature_files import Features
from napari_cellsim.models import Model

OPTIONS = {"flow": "classical", "segmentation": "none", "device": "cpu"}


@pytest.fixture(scope="module")
def movies() -> list[TimeLapse]:
    return [drifting(seed=seed, size=40) for seed in range(3)]


@pytest.fixture(scope="module")
def second() -> Model:
    return Model.create("second", "sdcnet", "lite", frames=2)


@pytest.fixture(scope="module")
def study(movies, untrained, second) -> MovieStudy:
    command = Command(inputs=("0.tif", "1.tif", "2.tif"), models=("untrained", "second"), at=(3, 4))
    return evaluate_movies(movies, [untrained, second], at=[3, 4], steps=2, command=command, **OPTIONS)


def test_a_study_is_its_single_reports(study, movies, untrained):
    one = evaluate(movies[1], untrained, at=4, steps=2, **OPTIONS)
    same = next(r for r in study.reports if (r.sequence, r.at, r.model) == (one.sequence, 4, one.model))
    assert same.horizons == one.horizons
    assert same.command == "napari-cellsim evaluate 1.tif --model untrained --at 4"
    own = [r for r in study.reports if r.model["name"] == "untrained"]
    assert study.comparisons[0] == compare_sequences(own)
    assert [c.sequences for c in study.comparisons] == [3, 3]


def test_models_share_their_baselines(study):
    first, second = (
        [r for r in study.reports if r.model["name"] == name] for name in ("untrained", "second")
    )
    for one, other in zip(first, second, strict=True):
        assert [h.constant_flow for h in one.horizons] == [h.constant_flow for h in other.horizons]
        assert one.horizons[0].model != other.horizons[0].model


def test_examples_are_best_middle_and_worst(study):
    ratios = [r.horizons[-1].mse_ratio for r in study.reports if r.model["name"] == "untrained"]
    shown = [float(e.caption.rpartition(": ")[2].rstrip(".")) for e in study.examples]
    assert shown[0] == pytest.approx(min(ratios), abs=1e-3)
    assert shown[2] == pytest.approx(max(ratios), abs=1e-3)
    assert study.examples[0].picture.startswith(b"\xff\xd8")  # JPEG


def test_page_and_table_name_everything(study):
    page = study.html()
    for words in (
        "untrained",
        "second",
        "Holm",
        study.command,
        study.reports[0].command,
        "skill",
        "Wilcoxon",
    ):
        assert words in page
    assert page.count("<figure>") == 3
    assert "too few" in page
    assert "untrained - second, mse" in study.table()
    rows = list(csv.DictReader(io.StringIO(study.to_csv())))
    assert {row["forecast"] for row in rows} == {"model", "copy_last", "blurred_copy_last", "constant_flow"}
    assert not any(row["metric"].startswith(("cells", "growth")) for row in rows)


def test_json_brings_back_everything_but_pictures(study, tmp_path):
    again = MovieStudy.open(study.save(tmp_path / "s.json"))
    assert again == study.model_copy(update={"examples": []})
    assert "<figure>" not in again.html()
    with pytest.raises(CellSimError, match=r"s\.txt.*\.html"):
        study.save(tmp_path / "s.txt")
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


def test_a_study_can_be_cancelled(movies, untrained):
    token = JobToken()
    job = evaluate_movies_job(movies, [untrained], steps=1, token=token, **OPTIONS)
    assert next(job) == Progress(0, 3, "Forecast 0 of 3", None)
    next(job)
    token.cancel()
    with pytest.raises(JobCancelled):
        next(job)


def test_mistakes_are_explained(movies, untrained):
    for arguments, words in (
        (([], [untrained]), "nothing to evaluate"),
        ((movies, []), "nothing to evaluate"),
        ((movies, [untrained, untrained]), "one name"),
        (([replace(movies[0], frames=movies[0].frames[:1])], [untrained]), "one frame only"),
    ):
        with pytest.raises(CellSimError, match=words):
            evaluate_movies(*arguments, **OPTIONS)
    with pytest.raises(CellSimError, match="2 label files for 3 movies"):
        evaluate_movies(movies, [untrained], labels=[np.zeros((8, 40, 40), int)] * 2, **OPTIONS)
    with pytest.raises(CellSimError, match="cannot forecast"):
        evaluate_movies(movies, [Model.create("flow", "pwcnet", "lite")], **OPTIONS)


def stills(n, seed, size=64):
    frames = 1000 * gaussian_filter(np.random.default_rng(seed).normal(size=(n, size, size)), [0, 2, 2])
    return TimeLapse(frames=frames[:, None, None].astype(np.float32), pixel_size=0.4, name=f"stills {seed}")


@pytest.fixture(scope="module")
def gan() -> Model:
    return Model.create("gan", "cellgan", "lite", size=32)


def cloud(n, seed, mean=0.0, extractor="mine"):
    return Features(np.random.default_rng(seed).normal(mean, 1, (n, 6)), extractor, "none")


def test_generator_by_own_features():
    found = evaluate_generator([], features=(cloud(400, 0), cloud(300, 1)), name="theirs")
    assert (found.extractor, found.preprocessing) == ("mine", "none")
    assert (found.distances.real, found.distances.fake) == (400, 300)
    assert abs(found.distances.kid_mean) < 3 * found.distances.kid_deviation
    assert any("cannot tell" in line for line in found.warnings)
    assert found.generator == {"name": "theirs"}
    assert found.copies is None
    far = evaluate_generator([], features=(cloud(400, 0), cloud(300, 1, 3.0)))
    assert far.distances.recall < 0.1
    assert not any("cannot tell" in line for line in far.warnings)
    assert "Measured in Python" in far.html()


def test_generated_grid_shows_in_the_page(tmp_path):
    real = stills(24, 0)
    coarse = gaussian_filter(np.random.default_rng(1).normal(size=(12, 32, 32)), [0, 1, 1])
    made = (1000 * coarse.repeat(2, 1).repeat(2, 2)).astype(np.float32)
    found = evaluate_generator([real], pictures=made, name="nearest")
    assert found.grid.found
    assert found.grid.period == 2
    assert found.grid.real < found.grid.generated
    page = found.html()
    assert "Copies of real pictures" in page
    assert page.count("data:image/jpeg") == 3
    assert "grid: found, every 2 px" in found.table()


def test_walks_name_the_network_that_measured_them(gan):
    """Features that were brought describe the pictures, but not the walks, of which nobody brought any."""
    found = evaluate_generator([], gan, n=4, features=(cloud(40, 0), cloud(30, 1)), device="cpu")
    assert found.extractor == "mine"
    assert found.walks.encoder.startswith("unet-lite (")


def test_few_real_pictures_are_shown_once():
    real = stills(5, 0)
    found = evaluate_generator([real], pictures=stills(6, 1).array(), name="theirs")
    with Image.open(io.BytesIO(found.sheets["real"])) as sheet:
        assert sheet.height == 96, "five pictures fill one row"


def test_previews_of_a_run(tmp_path):
    from napari_cellsim.training import RunFolder

    folder = RunFolder(tmp_path / "run")
    for step in (10, 20, 30):
        sheet = np.random.default_rng(step).integers(0, 255, (32, 32)).astype(np.uint8)
        folder.write_preview(step, sheet)
    found = evaluate_generator([], features=(cloud(20, 0), cloud(20, 1)), previews=folder.path)
    assert found.epochs["steps"] == ["20", "30"]
    assert list(found.epochs["change"]) == ["32", "16", "8", "4"]
    assert "From preview to preview" in found.html()
    metrics = {(r["part"], r["metric"]) for r in found.rows()}
    assert ("change at 32 px", "30") in metrics


def test_generator_mistakes_are_explained():
    real = stills(5, 0)
    made = real.array()
    with pytest.raises(CellSimError, match="give real ones"):
        evaluate_generator([real])
    with pytest.raises(CellSimError, match="not both"):
        evaluate_generator([real], Model.create("gan", "cellgan", size=64), pictures=made)
    with pytest.raises(CellSimError, match="one extractor"):
        evaluate_generator([], features=(cloud(20, 0), cloud(20, 1, extractor="other")))
    with pytest.raises(CellSimError, match="without a name"):
        evaluate_generator([real], pictures=made, probabilities=np.full((20, 4), 0.25))
    with pytest.raises(CellSimError, match="64 x 64 px and generated ones of 32 x 32"):
        evaluate_generator([real], pictures=made[:, ::2, ::2])
    with pytest.raises(CellSimError, match="differ in size"):
        evaluate_generator([real, stills(3, 1, size=48)], pictures=made)
