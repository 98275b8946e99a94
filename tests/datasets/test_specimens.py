"""A folder of photographs: every kind of file, squares, backgrounds, splits without leaks, plain refusals."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_cellsim import datasets, phantom
from napari_cellsim.base import CellSimError, JobCancelled, JobToken
from napari_cellsim.datasets.specimen_splits import check_specimen_leaks, deal_specimens

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (20, 24, 3), np.uint8)
GREY = COLOUR[..., 0]
ALPHA = np.concatenate([np.zeros((20, 12), np.uint8), np.full((20, 12), 255, np.uint8)], 1)


def save_png16(path, pixels):
    import imagecodecs

    path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))


def folders(root, counts, size=12, seed=0):
    rng = np.random.default_rng(seed)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for i in range(count):
            Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(
                root / name / f"{i:03d}.png"
            )
    return root


def test_folder_of_classes(tmp_path):
    root = folders(tmp_path / "set", {"b": 40, "a": 10, "c": 25})
    found = datasets.read_specimens(root, 12)
    assert found.class_names == ("a", "b", "c")
    assert found.images.shape == (75, 3, 12, 12)
    assert found.counts["b"] == {"train": 32, "validation": 4, "test": 4}
    assert found.counts["a"] == {"train": 8, "validation": 1, "test": 1}
    assert sum(found.counts["c"].values()) == 25
    assert sorted(np.concatenate(list(found.parts.values()))) == list(range(75))
    assert found.notes == ()
    assert found.table().splitlines()[0].split() == ["class", "train", "validation", "test", "all"]
    assert found.table().splitlines()[2].split() == ["b", "32", "4", "4", "40"]
    assert found.table().splitlines()[-1].split()[-1] == "75"
    for row in (0, 30, 74):
        exact = np.asarray(Image.open(root / found.paths[row])).transpose(2, 0, 1)
        np.testing.assert_array_equal(found.images[row], exact)
        assert found.class_names[found.labels[row]] == found.paths[row].split("/")[0]


def test_split_depends_on_the_seed_and_not_on_other_classes(tmp_path):
    root = folders(tmp_path / "set", {"a": 30, "b": 30})

    def trained(found, name):
        return [found.paths[row] for row in found.rows("train", name)]

    one, same, other = (datasets.read_specimens(root, 12, seed=s) for s in (3, 3, 4))
    assert trained(one, "b") == trained(same, "b")
    assert trained(one, "b") != trained(other, "b")
    shutil.rmtree(root / "a")
    assert trained(datasets.read_specimens(root, 12, seed=3), "b") == trained(one, "b")


def test_split_can_be_kept(tmp_path):
    root = folders(tmp_path / "set", {"a": 30, "b": 12})
    first = datasets.read_specimens(root, 12, seed=5)
    first.save_split(tmp_path / "split.json")
    Image.fromarray(COLOUR).save(root / "a" / "000_new.png")
    again = datasets.read_specimens(root, 12, split=tmp_path / "split.json")
    assert again.paths == first.paths
    assert again.seed == 5
    for part in first.parts:
        np.testing.assert_array_equal(again.parts[part], first.parts[part])
    assert any("not named in the split" in note for note in again.notes)
    content = json.loads((tmp_path / "split.json").read_text())
    content["parts"]["test"].append(content["parts"]["train"][0])
    (tmp_path / "leak.json").write_text(json.dumps(content))
    with pytest.raises(CellSimError, match="leaks"):
        datasets.read_specimens(root, 12, split=tmp_path / "leak.json")
    (root / first.paths[3]).unlink()
    with pytest.raises(CellSimError, match=first.paths[3]):
        datasets.read_specimens(root, 12, split=tmp_path / "split.json")
    for name, text in (("absent.json", None), ("broken.json", "{"), ("other.json", "{}")):
        if text:
            (tmp_path / name).write_text(text)
        with pytest.raises(CellSimError, match=name):
            datasets.read_specimens(root, 12, split=tmp_path / name)


def test_given_split_with_twins_in_two_parts_is_refused(tmp_path):
    root = folders(tmp_path / "set", {"a": 30})
    first = datasets.read_specimens(root, 12)
    first.save_split(tmp_path / "split.json")
    train, test = (first.paths[first.rows(part)[0]] for part in ("train", "test"))
    shutil.copy(root / train, root / test)
    with pytest.raises(CellSimError, match=r"leaks.*same picture"):
        datasets.read_specimens(root, 12, split=tmp_path / "split.json")


def test_identical_pictures_stay_together_whatever_the_file(tmp_path):
    root = folders(tmp_path / "set", {"a": 30}, size=16)
    source = Image.open(root / "a" / "007.png")
    pixels = np.asarray(source)
    shutil.copy(root / "a" / "007.png", root / "a" / "copy.png")
    tifffile.imwrite(root / "a" / "pixels.tif", pixels, photometric="rgb")
    save_png16(root / "a" / "deep.png", pixels.astype(np.uint16) * 257)
    Image.fromarray(np.rot90(pixels)).save(root / "a" / "turned.png")
    Image.fromarray(pixels[::-1]).save(root / "a" / "mirrored.png")
    for seed in range(6):
        found = datasets.read_specimens(root, 16, seed=seed)
        rows = [i for i, path in enumerate(found.paths) if not path[2:5].isdigit() or path == "a/007.png"]
        assert len(rows) == 6
        assert len({found.keys[row] for row in rows}) == 1
        assert len({part for part, own in found.parts.items() if set(rows) & set(own)}) == 1
    assert len(set(found.keys)) == 30
    assert any("5 pictures identical" in note for note in found.notes)


def test_pictures_of_the_same_histogram_are_not_identical(tmp_path):
    root = folders(tmp_path / "set", {"a": 12})
    pixels = np.asarray(Image.open(root / "a" / "003.png"))
    shuffled = np.random.default_rng(1).permutation(pixels.reshape(-1, 3)).reshape(pixels.shape)
    Image.fromarray(shuffled).save(root / "a" / "shuffled.png")
    found = datasets.read_specimens(root, 12)
    assert len(set(found.keys)) == 13


@settings(max_examples=30, deadline=None)
@given(
    twins=st.lists(st.integers(1, 5), min_size=10, max_size=40),
    seed=st.integers(0, 1000),
    test=st.floats(0.0, 0.3),
)
def test_dealing_shares_nothing_and_forgets_nothing(twins, seed, test):
    keys = [f"k{i}" for i, count in enumerate(twins) for _ in range(count)]
    fractions = (0.9 - test, 0.1, test)
    parts = deal_specimens(np.zeros(len(keys), np.int64), keys, ["a"], fractions, seed)
    check_specimen_leaks(parts, keys, keys)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(len(keys)))
    for (_, rows), share in zip(parts.items(), fractions, strict=True):
        assert (len(rows) > 0) == (share > 0)
        assert abs(len(rows) - share * len(keys)) <= max(twins) + 1


def test_leak_is_found():
    keys, paths = ["x", "y", "x"], ["a/1", "a/2", "a/3"]
    with pytest.raises(CellSimError, match=r"a/1 in train and a/3 in test"):
        check_specimen_leaks({"train": np.array([0, 1]), "test": np.array([2])}, keys, paths)


def one_class(tmp_path, pictures):
    root = tmp_path / "own"
    folders(root, {"a": 10})
    for name, pixels in pictures.items():
        (save_png16 if pixels.dtype == np.uint16 else lambda p, x: Image.fromarray(x).save(p))(
            root / "a" / name, pixels
        )
    return root


def picture(found, name):
    return found.images[found.paths.index(f"a/{name}")]


def test_crop_takes_the_centre_and_pad_adds_the_border(tmp_path):
    pixels = np.full((30, 50, 3), (200, 100, 50), np.uint8)
    pixels[5:25, 5:45] = (0, 0, 255)
    root = one_class(tmp_path, {"x.png": pixels})
    cropped = picture(datasets.read_specimens(root, 30), "x.png")
    np.testing.assert_array_equal(cropped, pixels[:, 10:40].transpose(2, 0, 1))
    padded = picture(datasets.read_specimens(root, 50, fit="pad"), "x.png")
    np.testing.assert_array_equal(padded[:, 10:40], pixels.transpose(2, 0, 1))
    assert (padded[:, :10].reshape(3, -1).T == (200, 100, 50)).all()
    for background, value in (
        ("black", (0, 0, 0)),
        ("white", (255, 255, 255)),
        ((0.0, 0.2, 1.0), (0, 51, 255)),
    ):
        padded = picture(datasets.read_specimens(root, 50, fit="pad", background=background), "x.png")
        assert (value == padded[:, 40:].reshape(3, -1).T).all()


def test_transparent_places_show_the_background(tmp_path):
    root = one_class(tmp_path, {"x.png": np.dstack([COLOUR[:, :20], ALPHA[:, 2:22]])})
    found = datasets.read_specimens(root, 20, background=(1.0, 0.0, 0.0))
    shown = picture(found, "x.png")
    assert (shown[:, :, :10].reshape(3, -1).T == (255, 0, 0)).all()
    np.testing.assert_array_equal(shown[:, :, 10:], COLOUR[:, 10:20].transpose(2, 0, 1))
    assert "1 picture partly transparent, laid on the background." in found.notes


@pytest.mark.parametrize(("top", "white"), [(900, 1023), (4000, 4095), (40000, 65535)])
def test_deep_pictures_share_one_white(tmp_path, top, white):
    pixels = np.full((12, 12, 3), top, np.uint16)
    half = np.full((12, 12, 3), top // 2, np.uint16)
    found = datasets.read_specimens(one_class(tmp_path, {"x.png": pixels, "y.png": half}), 12)
    assert abs(int(picture(found, "x.png")[0, 5, 5]) - 255 * top / white) <= 1
    assert abs(int(picture(found, "y.png")[0, 5, 5]) - 255 * (top // 2) / white) <= 1
    assert any(f"{white} is white" in note for note in found.notes)


def test_resizing_averages_and_keeps_the_mean(tmp_path):
    pixels = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    found = picture(datasets.read_specimens(one_class(tmp_path, {"x.png": pixels}), 8), "x.png")
    assert np.abs(found.mean((1, 2)) - pixels.mean((0, 1))).max() < 6
    assert found.std() < pixels.std() / 4


def test_grey_pictures(tmp_path):
    found = datasets.read_specimens(one_class(tmp_path, {"x.png": GREY[:12, :12]}), 12)
    np.testing.assert_array_equal(picture(found, "x.png"), np.repeat(GREY[None, :12, :12], 3, 0))
    assert any("1 picture grey" in note for note in found.notes)
    assert any("11 pictures" in n for n in datasets.read_specimens(found.folder, 16).notes if "enlarged" in n)
    grey = datasets.read_specimens(found.folder, 12, channels=1)
    assert grey.images.shape == (11, 1, 12, 12)
    np.testing.assert_array_equal(picture(grey, "x.png")[0], GREY[:12, :12])
    luma = found.images.astype(float)[:, 0] * 0.299 + found.images[:, 1] * 0.587 + found.images[:, 2] * 0.114
    assert np.abs(grey.images[:, 0] - luma).max() < 0.51


def test_one_class_without_folders_and_files_that_are_no_pictures(tmp_path):
    root = folders(tmp_path, {"forams": 12}) / "forams"
    (root / "notes.txt").write_text("picked in May")
    (root / ".hidden.png").write_text("not looked at")
    (root / "more").mkdir()
    shutil.move(root / "003.png", root / "more" / "003.png")
    with pytest.raises(CellSimError, match="class more has 1 different picture,"):
        datasets.read_specimens(root, 12)
    shutil.move(root / "more" / "003.png", root / "003.png")
    (root / "more").rmdir()
    found = datasets.read_specimens(root, 12)
    assert found.class_names == ("forams",)
    assert any("notes.txt" in note for note in found.notes)
    beside = datasets.read_specimens(root.parent, 12)
    assert beside.class_names == ("forams",)
    Image.fromarray(COLOUR).save(root.parent / "overview.png")
    assert any("beside" in note for note in datasets.read_specimens(root.parent, 12).notes)


@pytest.mark.parametrize(
    ("counts", "arguments", "words"),
    [
        ({"a": 12, "b": 0}, {}, "class b is empty"),
        ({"a": 1, "b": 1, "c": 1}, {}, "class a has 1 different picture, too few"),
        ({"a": 12, "b": 3}, {}, "class b has 3 different pictures"),
        ({}, {}, "no folder"),
        ({"a": 12}, {"size": 2}, "2 px"),
        ({"a": 12}, {"channels": 4}, "not 4"),
        ({"a": 12}, {"fit": "stretch"}, "stretch"),
        ({"a": 12}, {"background": "blue"}, "blue"),
        ({"a": 12}, {"background": (0.0, 2.0, 0.0)}, "no colour"),
        ({"a": 12}, {"fractions": (0.5, 0.1, 0.1)}, "add up to 1"),
        ({"a": 12}, {"fractions": (0.9, 0.1)}, "three"),
    ],
)
def test_refusals(tmp_path, counts, arguments, words):
    root = folders(tmp_path / "set", counts)
    with pytest.raises(CellSimError, match=words) as caught:
        datasets.read_specimens(root, **{"size": 12, **arguments})
    assert "\n" not in str(caught.value)


def test_folder_without_pictures(tmp_path):
    with pytest.raises(CellSimError, match="holds no pictures"):
        datasets.read_specimens(tmp_path)


def test_same_picture_in_two_classes_is_refused(tmp_path):
    root = folders(tmp_path / "set", {"a": 12, "b": 12}, seed=1)
    shutil.copy(root / "a" / "004.png", root / "b" / "twin.png")
    with pytest.raises(
        CellSimError, match=r"a/004.png and b/twin.png are the same picture in the classes a and b"
    ):
        datasets.read_specimens(root, 12)


def test_unreadable_picture_stops_with_its_name(tmp_path):
    root = folders(tmp_path / "set", {"a": 12})
    (root / "a" / "005.png").write_text("broken")
    with pytest.raises(CellSimError, match=r"005\.png cannot be read"):
        datasets.read_specimens(root, 12)


def test_stops_when_told(tmp_path):
    token = JobToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        datasets.read_specimens(folders(tmp_path / "set", {"a": 12}), 12, token=token)


def test_shells_written_and_read_are_the_same(tmp_path):
    shells = phantom.simulate_shells(40, 2, size=32)
    for i, (pixels, label) in enumerate(zip(shells.images, shells.labels, strict=True)):
        home = tmp_path / shells.class_names[label]
        home.mkdir(exist_ok=True)
        Image.fromarray(pixels.transpose(1, 2, 0)).save(home / f"{i:03d}.png")
    found = datasets.read_specimens(tmp_path, 32)
    assert found.class_names == tuple(sorted(shells.class_names))
    for name in shells.class_names:
        np.testing.assert_array_equal(
            found.images[found.rows(class_name=name)],
            shells.images[shells.labels == shells.class_names.index(name)],
        )
    with pytest.raises(CellSimError, match="no part"):
        found.rows("exam")
    with pytest.raises(CellSimError, match="no class"):
        found.rows(class_name="snail")
