from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError
from napari_cellsim.training.label_rules import LabelRules, to_classes
from napari_cellsim.training.labels import find_pairs, write_labelled, write_pairs
from napari_cellsim.training.movies import write_movie
from napari_cellsim.training.sequences import IGNORE, find_sequences


@pytest.fixture(scope="module")
def scene():
    """A phantom: instance labels with the trap as -1, and the classes that should come out."""
    return phantom.simulate(5, 1, size=96, pixel_size=0.2, trap="round")


def stored(folder, part="train"):
    return {s.info["first_frame"]: s for s in find_sequences(folder / part)}


def square(shape=(4, 20, 24), value=1):
    labels = np.zeros(shape, np.uint16)
    labels[..., 5:9, 6:10] = value
    return labels


def test_labels_of_the_phantom_give_its_classes(scene, tmp_path):
    done = write_labelled(
        tmp_path, scene.images[:, 0], scene.labels, trap="round", pixel_size=0.2, interval=10.0
    )
    assert (done.train, done.validation, done.left_out) == (4, 1, 0)
    (train,), (held_out,) = stored(tmp_path).values(), stored(tmp_path, "validation").values()
    assert train.known == {"semantic"}
    assert train.info == {"source": "labels", "pixel_size": 0.2, "interval": 10.0, "first_frame": 0}
    assert held_out.info["first_frame"] == 4
    np.testing.assert_array_equal(train.images, scene.images[:4, 0])
    found = np.concatenate([train.semantic, held_out.semantic])
    np.testing.assert_array_equal(found == 1, scene.semantic == 1)
    np.testing.assert_array_equal(found >= 2, scene.semantic >= 2)
    # the phantom marks the trapped cell by the same rule, in µm from the true middle
    assert (found == scene.semantic).mean() > 0.995
    assert done.pixels["trap"] == pytest.approx((found == 1).mean())


def test_the_same_classes_from_a_mask_a_trap_label_and_one_number_for_all_cells(scene):
    labels = scene.labels[2].astype(np.int64)
    rules = LabelRules(trap="round")
    expected = to_classes(labels, rules, pixel_size=0.2)
    separate = to_classes(labels.clip(0), rules, trap_mask=labels < 0, pixel_size=0.2)
    numbered = to_classes(
        np.where(labels < 0, 999, labels), LabelRules(trap="round", trap_label=999), pixel_size=0.2
    )
    np.testing.assert_array_equal(separate, expected)
    np.testing.assert_array_equal(numbered, expected)
    apart = np.zeros((60, 60), np.int64)
    apart[28:34, 28:34] = apart[5:9, 5:9] = 7
    found = to_classes(apart, rules, one_mask=True, pixel_size=0.2)
    assert found[30, 30] == 2
    assert found[6, 6] == 3


@given(st.integers(0, 40), st.integers(0, 40))
def test_cell_of_interest_follows_the_trap(y, x):
    labels = np.zeros((80, 90), np.int64)
    labels[y + 8 : y + 20, x : x + 8] = labels[y + 8 : y + 20, x + 30 : x + 38] = -1
    labels[y + 10 : y + 18, x + 15 : x + 23] = 5
    labels[70:78, 80:88] = 6
    found = to_classes(labels, LabelRules(trap="round"), pixel_size=0.3)
    assert (found[labels == 5] == 2).all()
    assert (found[labels == 6] == 3).all()
    everything = to_classes(labels, LabelRules())
    assert (everything[labels > 0] == 2).all()


def test_an_empty_trap_has_no_cell_of_interest():
    labels = np.zeros((100, 100), np.int64)
    labels[:8, :8] = 1
    found = to_classes(labels, LabelRules(trap="round"), pixel_size=0.3)
    assert set(np.unique(found)) == {0, 3}


def test_unlabelled_frames_are_left_out_and_runs_stay_unbroken(tmp_path):
    labels = square((12, 20, 24))
    labels[[2, 5, 6]] = 0
    images = np.random.default_rng(0).integers(0, 255, labels.shape, np.uint8)
    done = write_labelled(tmp_path, images, labels, name="a/b c", validation=0.4)
    assert (done.train, done.validation, done.left_out) == (5, 4, 3)
    assert {first: len(s.images) for first, s in stored(tmp_path).items()} == {0: 2, 3: 2, 7: 1}
    assert {first: len(s.images) for first, s in stored(tmp_path, "validation").items()} == {8: 4}
    for first, sequence in stored(tmp_path).items():
        np.testing.assert_array_equal(sequence.images, images[first : first + len(sequence.images)])
    with pytest.raises(CellSimError, match=r"a movie called 'a_b_c' already"):
        write_labelled(tmp_path, images, labels, name="a/b c")
    kept = write_labelled(tmp_path / "all", images, labels, keep_empty=True, validation=0.0)
    assert (kept.train, kept.validation, kept.left_out) == (12, 0, 0)


def test_ignored_pixels_are_unknown(tmp_path):
    labels = square((3, 20, 24))
    labels[:, :, 20:] = 77
    labels[1] = 77
    done = write_labelled(tmp_path, np.ones(labels.shape), labels, ignore=77, validation=0.5)
    assert (done.train, done.validation, done.left_out) == (1, 1, 1)
    semantic = stored(tmp_path)[0].semantic
    assert (semantic[0, :, 20:] == IGNORE).all()
    assert (semantic[0, :, :20] == 2 * (labels[0, :, :20] == 1)).all()
    assert done.pixels["cell of interest"] == pytest.approx(16 / 400)


def test_classes_are_taken_as_they_are(tmp_path, scene):
    write_labelled(tmp_path, scene.images[:, 0], scene.semantic, classes=True)
    np.testing.assert_array_equal(stored(tmp_path)[0].semantic, scene.semantic[:4])


IMAGES = np.ones((4, 20, 24), np.float32)
NAN = np.where(np.arange(4)[:, None, None] == 3, np.nan, IMAGES)
WRONG = {
    "shape": (IMAGES, square((4, 20, 20)), {}, r"shape \(4, 20, 20\) and its pictures \(4, 20, 24\)"),
    "frames": (IMAGES, square((20, 24)), {}, "must be alike"),
    "axes": (IMAGES[None], square(), {}, "choose one channel and focal plane"),
    "floats": (IMAGES, square().astype(float), {}, "labels are whole numbers"),
    "empty": (IMAGES, square(value=0), {}, "are empty: draw the cells"),
    "no cells": (IMAGES, square(value=3), {"trap_label": 3}, "mark no cell"),
    "negative": (IMAGES, square().astype(int) * -5, {}, "hold the number -5, but only -1"),
    "classes": (IMAGES, square(value=4), {"classes": True}, "hold the number 4, but classes are"),
    "no pixel size": (IMAGES, square(), {"trap": "round"}, "pixel size of labels is unknown"),
    "trap shape": (IMAGES, square(), {"trap": "star", "pixel_size": 0.1}, "no trap called 'star'"),
    "mask": (IMAGES, square(), {"trap_mask": np.ones((2, 20, 24))}, r"trap mask of labels has the shape"),
    "one frame": (IMAGES[:1], square((1, 20, 24)), {}, "only one labelled frame of labels"),
    "share": (IMAGES, square(), {"validation": 2.0}, "between 0 and 1, not 2.0"),
    "nan": (NAN, square(), {}, "values that are not numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_used_gets_one_sentence_and_leaves_nothing(case, tmp_path):
    images, labels, more, sentence = WRONG[case]
    with pytest.raises(CellSimError, match=sentence) as caught:
        write_labelled(tmp_path, images, labels, **more)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.rglob("*.npy"))


def test_pairs_of_files_are_found_by_name(tmp_path):
    one, two = tmp_path / "pictures", tmp_path / "masks"
    for folder, names in (
        (one, ["t1", "t10", "t2", "t1_gfp", "alone"]),
        (two, ["t10_labels", "t2.ome", "t1_gfp-cells"]),
    ):
        folder.mkdir()
        for name in names:
            tifffile.imwrite(folder / f"{name}.tif", np.zeros((4, 4), np.uint8))
    found = [(name, picture.name, labels.name) for name, picture, labels in find_pairs(one, two)]
    assert found == [
        ("t1_gfp", "t1_gfp.tif", "t1_gfp-cells.tif"),
        ("t2", "t2.tif", "t2.ome.tif"),
        ("t10", "t10.tif", "t10_labels.tif"),
    ]
    for path in two.iterdir():
        path.rename(one / f"{path.name.replace('.ome', '_ome')}")
    assert [pair[0] for pair in find_pairs(one, one)] == ["t1_gfp", "t2", "t10"]
    (two / "t100.tif").write_bytes(b"")
    with pytest.raises(CellSimError, match="have no picture of the same name"):
        find_pairs(one, two)


def test_single_pictures_are_divided_as_wholes(tmp_path):
    pairs = [(f"p{i}", np.full((20, 24), i), square((20, 24))) for i in range(5)]
    done = write_pairs(tmp_path, pairs, validation=0.4, pixel_size=0.1)
    assert (done.train, done.validation) == (3, 2)
    assert {s.info["source"] for s in find_sequences(tmp_path / "validation")} == {"p3", "p4"}
    assert sum(done.pixels.values()) == pytest.approx(1)


def test_a_movie_without_labels_is_divided_in_time(tmp_path):
    images = np.arange(10 * 6 * 5).reshape(10, 6, 5)
    assert write_movie(tmp_path, images, name="m", pixel_size=0.2) == (8, 2)
    (train,), (later,) = stored(tmp_path).values(), stored(tmp_path, "validation").values()
    np.testing.assert_array_equal(np.concatenate([train.images, later.images]), images)
    assert later.info["first_frame"] == 8
    assert not train.known
    with pytest.raises(CellSimError, match="only one frame of m"):
        write_movie(tmp_path / "b", images[:1], name="m")
