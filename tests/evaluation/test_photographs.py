"""Generated photographs of specimens against real ones: colour, classes, copies, refusals."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from coloured import CLASSES, SIZE, classifier, coloured, generator, write_folder
from PIL import Image

from napari_cellsim.base import CellSimError
from napari_cellsim.data import TimeLapse
from napari_cellsim.datasets import read_specimens
from napari_cellsim.evaluation import GeneratorStudy, evaluate_generator
from napari_cellsim.evaluation.blind_sets import alike, shares_of
from napari_cellsim.evaluation.feature_files import Features
from napari_cellsim.evaluation.generator_study import SHOWN
from napari_cellsim.evaluation.memorising import memorisation
from napari_cellsim.evaluation.picture_sets import Look, PictureSet, open_photographs
from napari_cellsim.evaluation.shares import share
from napari_cellsim.models import Model

LOOK = Look(SIZE, 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("colours") / "real")


@pytest.fixture(scope="module")
def marks(folder):
    found = read_specimens(folder, SIZE, fractions=(1, 0, 0))
    return dict(zip(found.paths, found.marks, strict=True))


@pytest.fixture(scope="module")
def judge(marks):
    """It learnt from the first ten pictures of each class, and the eleventh chose its weights."""
    learnt, chose = (
        " ".join(marks[f"{name}/{number:03d}.png"] for name in CLASSES for number in numbers)
        for numbers in (range(10), [10])
    )
    return classifier(fingerprints=learnt, chosen_by=chose)


@pytest.fixture(scope="module")
def study(folder, judge, marks):
    model = generator("red", fingerprints=" ".join(v for k, v in marks.items() if k.startswith("red/00")))
    return evaluate_generator([folder], model, n=12, encoder=judge, device="cpu")


def test_a_generator_of_one_class_is_compared_with_that_class(study, judge):
    assert (study.distances.real, study.distances.fake) == (14, 12)
    assert study.movies == 14
    assert study.extractor == (
        f"colours ({judge.hash[:12]}), classifier of blue, red: means and maxima of its last maps, 16 features"
    )
    assert study.walks.encoder == study.extractor
    assert any("learnt from 10 of these 14 real pictures" in line for line in study.warnings)
    assert not any("your files" in line for line in study.warnings), "photographs are no frames of movies"


def test_the_classifier_is_asked_about_what_it_has_not_seen(study):
    found = study.recognised
    assert found.real.pictures == 3, "ten were learnt from, one chose the weights"
    assert found.real.right["red"].value == found.real.right["all"].value == 1
    assert found.generated.pictures == sum(found.generated.called.values()) == 12
    assert found.generated.right["red"].value == found.generated.called["red"] / 12
    assert found.generated.confusion == {"red": found.generated.called}
    assert found.generated.counts == {"red": 12}


def test_page_table_csv_and_json_hold_the_answers(study, tmp_path):
    page = study.html()
    for words in ("What a classifier sees in them", "Wilson", "neither learnt from", study.extractor):
        assert words in page
    assert "grey range" not in page
    assert study.recognised.judgement in study.table()
    rows = {(r["part"], r["metric"]): r["value"] for r in csv.DictReader(io.StringIO(study.to_csv()))}
    right = study.recognised.real.right["red"]
    assert float(rows["classes seen in real pictures", "share right, red, low"]) == pytest.approx(right.low)
    assert rows["classes seen in generated pictures", "pictures"] == "12"
    again = GeneratorStudy.open(study.save(tmp_path / "s.json"))
    assert again == study.model_copy(update={"sheets": {}})


def test_sheets_keep_colours_and_brightness(folder, judge):
    made = np.concatenate([coloured("red", 3, 50), np.full((1, 3, SIZE, SIZE), 90, np.uint8)])
    found = evaluate_generator([folder], pictures=made, name="theirs", encoder=judge, device="cpu")
    assert sorted(found.sheets) == ["generated", "nearest", "real"]
    with Image.open(io.BytesIO(found.sheets["generated"])) as sheet:
        pixels = np.asarray(sheet).astype(int)
    assert pixels.ndim == 3
    side = pixels.shape[0]
    assert pixels[:, :side, 0].mean() > pixels[:, :side, 2].mean() + 60
    flat = pixels[10:-10, 3 * (side + 4) + 10 : 3 * (side + 4) + side - 10]
    np.testing.assert_allclose(flat, 90, atol=3)
    assert SHOWN == 40
    with Image.open(io.BytesIO(found.sheets["nearest"])) as sheet:
        assert sheet.height == 2 * side + 4, "real ones below generated ones"


def test_generated_folders_have_known_classes(folder, judge, tmp_path):
    made = write_folder(tmp_path / "made", 10, seed=70)
    for number in range(4):  # four of the "blue" ones are red
        picture = coloured("red", 1, 90 + number)[0]
        Image.fromarray(picture.transpose(1, 2, 0)).save(made / "blue" / f"{number:03d}.png")
    found = evaluate_generator([folder], pictures=made, encoder=judge, device="cpu").recognised
    assert {name: one.value for name, one in found.generated.right.items()} == {
        "blue": 0.6,
        "red": 1.0,
        "all": 0.8,
    }
    assert found.generated.confusion["blue"] == {"blue": 6, "red": 4}
    assert found.generated.right["blue"] == share([True] * 6 + [False] * 4)
    assert (found.real.pictures, found.real.right["all"].value) == (6, 1.0)
    assert "80.0 % [58.4, 91.9] of 20 generated pictures, and of 100.0 %" in found.judgement


def test_where_classes_are_not_known_it_says_what_it_sees(folder, judge):
    model = generator("red")
    model.card.training = {"classes": {"red": 14, "blue": 14}}
    found = evaluate_generator([folder], model, n=8, encoder=judge, device="cpu")
    assert found.distances.real == 28
    assert found.recognised.generated.right == {}
    assert sum(found.recognised.generated.called.values()) == 8
    assert "calls" in found.recognised.judgement
    assert "any class" not in found.recognised.judgement
    assert "generated, any class" in found.html()


def test_what_nobody_knows_is_said(folder, judge):
    made = coloured("red", 12, 50)
    layer = SimpleNamespace(rgb=True, data=np.moveaxis(coloured("blue", 12, 3), 1, -1), name="stills")
    found = evaluate_generator([layer], pictures=made, encoder=judge, device="cpu")
    assert any("came without their files" in line for line in found.warnings)
    assert found.recognised.real.called == {"blue": 12, "red": 0}
    silent = classifier()
    found = evaluate_generator([folder], pictures=made, encoder=silent, device="cpu")
    assert any("does not say which it learnt from" in line for line in found.warnings)
    known = " ".join(open_photographs(folder, LOOK).marks)
    found = evaluate_generator([folder], pictures=made, encoder=classifier(fingerprints=known), device="cpu")
    assert found.recognised.real is None
    assert any("learnt from all the real pictures" in line for line in found.warnings)


def test_copies_are_found_in_colour():
    real = coloured("red", 20)
    made = np.concatenate([real[:2, ..., ::-1], coloured("red", 8, 50)])
    found = memorisation(made, real)
    np.testing.assert_allclose(found.nearest[:2], 0, atol=1e-7)
    np.testing.assert_array_equal(found.nearest_index[:2], [0, 1])
    assert found.copies == 0.2
    swapped = memorisation(real[:, [1, 2, 0]], real)
    assert swapped.nearest.min() > 0.5, "the same picture with its channels exchanged is another one"
    repeated = memorisation(np.repeat(made[:, :1], 3, 1), np.repeat(real[:, :1], 3, 1))
    grey = memorisation(made[:, 0], real[:, 0])
    np.testing.assert_allclose(repeated.nearest, grey.nearest, atol=1e-9)


def test_own_features_need_no_classifier(folder):
    clouds = [Features(np.random.default_rng(seed).normal(size=(20, 4)), "mine", "none") for seed in (0, 1)]
    found = evaluate_generator([folder], generator("red"), n=6, features=tuple(clouds), device="cpu")
    assert found.extractor == "mine"
    assert found.recognised is None
    assert found.walks is None, "nothing describes walks"
    assert found.copies is not None
    assert "as they are" in found.html()


def test_identical_pictures_count_once(folder, tmp_path):
    twice = write_folder(tmp_path / "twice")
    with Image.open(twice / "red" / "000.png") as picture:
        picture.rotate(90).save(twice / "red" / "turned.png")
    found = open_photographs(twice, LOOK)
    assert len(found) == 28
    assert "1 of the pictures" in found.notes[0]


def test_a_stack_a_layer_and_an_array_are_the_same_pictures(tmp_path):
    images = coloured("red", 5)
    tifffile.imwrite(tmp_path / "rgb.tif", np.moveaxis(images, 1, -1), photometric="rgb")
    tifffile.imwrite(
        tmp_path / "channels.tif", images, photometric="minisblack", metadata={"axes": "TCYX"}, ome=True
    )
    layer = SimpleNamespace(rgb=True, data=np.moveaxis(images / np.float32(255), 1, -1), name="layer")
    movie = TimeLapse(images[:, :, None], name="movie")
    for source in (tmp_path / "rgb.tif", tmp_path / "channels.tif", layer, images, movie):
        np.testing.assert_array_equal(open_photographs(source, LOOK).images, images)


def test_mistakes_are_explained(folder, judge, tmp_path):
    made = coloured("red", 6)
    red = generator("red")
    trap = Model.create("trap", "cellgan", "lite", size=32)
    grey = SimpleNamespace(rgb=False, data=made[:, 0], name="grey layer")
    deep = TimeLapse(np.full((5, 3, 1, SIZE, SIZE), 4000, np.uint16), name="deep")
    (tmp_path / "none").mkdir()
    for real, model, options, words in (
        ([folder], red, {}, "bundled encoder knows traps of cells, not photographs"),
        ([folder], red, {"encoder": classifier(channels=1)}, "draws colour pictures, but .* grey ones"),
        ([folder], trap, {"encoder": judge}, "draws traps of cells"),
        ([folder], generator("green"), {"encoder": judge}, "the class green .* holds none"),
        ([grey], red, {"encoder": judge}, "grey layer are grey, but colour ones are needed"),
        ([deep], red, {"encoder": judge}, "intensities up to 4000"),
        ([coloured("red", 5, size=24)], red, {"encoder": judge}, "24 x 24 px, but 16 x 16 px are needed"),
        ([folder / "red" / "000.png"], red, {"encoder": judge}, "is a single picture"),
        ([tmp_path / "none"], red, {"encoder": judge}, "holds no pictures"),
        ([folder], red, {"encoder": classifier(synthetic={"red": 9})}, "learnt from generated pictures too"),
        ([folder], None, {"pictures": tmp_path}, "needs a classifier"),
    ):
        with pytest.raises(CellSimError, match=words):
            evaluate_generator(real, model, n=6, device="cpu", **options)
    other = classifier()
    other.card.training = {"class_names": ["round", "square"]}
    with pytest.raises(CellSimError, match="tells apart round, square, but not red"):
        evaluate_generator([folder], red, n=6, encoder=other, device="cpu")
    large = classifier()
    large.card.input_size = 32
    with pytest.raises(CellSimError, match="learnt pictures of 32 x 32 px, but these have 16 x 16 px"):
        evaluate_generator([folder], red, n=6, encoder=large, device="cpu")


def pictures_of(counts, **fields):
    images = np.concatenate([coloured(name, count) for name, count in counts.items()])
    classes = tuple(name for name, count in counts.items() for _ in range(count))
    return PictureSet(images, "some", classes=classes, photographs=True, **fields)


def test_a_blind_test_has_as_many_real_as_generated_ones_of_each_class():
    assert shares_of(7, 3) == [3, 2, 2]
    real, made = alike(
        pictures_of({"red": 20, "blue": 9, "green": 9}), pictures_of({"red": 3, "blue": 30}), 5
    )
    for found in (real, made):
        assert sorted(found.classes) == ["blue"] * 3 + ["red"] * 2
    assert len(np.unique(real.images.reshape(5, -1), axis=0)) == 5
    again, _ = alike(pictures_of({"red": 20, "blue": 9, "green": 9}), pictures_of({"red": 3, "blue": 30}), 5)
    np.testing.assert_array_equal(again.images, real.images)
    unknown = replace(pictures_of({"red": 4}), classes=None)
    assert alike(unknown, made, 5) == (unknown, made)
    with pytest.raises(CellSimError, match="2 real pictures of the class red, fewer than the 3"):
        alike(pictures_of({"red": 2, "blue": 9}), pictures_of({"red": 9, "blue": 9}), 6)


def test_wilson_of_no_picture_says_nothing():
    assert share([]).value is None
    assert share([True] * 9).high == 1
    assert share([True] * 256 + [False] * 7).low == pytest.approx(0.946, abs=5e-4)
