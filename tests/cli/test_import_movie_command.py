"""Command import-movie."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_cellsim import phantom
from napari_cellsim.training.sequences import find_sequences


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A phantom movie as a user would have it: pictures, cell labels, a trap mask."""
    folder = tmp_path_factory.mktemp("own")
    scene = phantom.simulate(5, 1, size=64, pixel_size=0.3)
    tifffile.imwrite(folder / "trap.tif", scene.images[:, 0], metadata={"axes": "TYX"})
    tifffile.imwrite(folder / "cells.tif", scene.labels.clip(0).astype(np.uint16), metadata={"axes": "TYX"})
    tifffile.imwrite(folder / "pillars.tif", (scene.labels < 0).astype(np.uint8), metadata={"axes": "TYX"})
    for name, part in (("pictures", scene.images[:, 0]), ("masks", scene.labels.clip(0).astype(np.uint16))):
        (folder / name).mkdir()
        for t, frame in enumerate(part):
            tifffile.imwrite(folder / name / f"t{t}{'_mask' * (name == 'masks')}.tif", frame)
    return folder, scene


def test_a_movie_with_labels_and_trap_mask(run, files, tmp_path):
    folder, scene = files
    done = run("import-movie", folder / "trap.tif", "--labels", folder / "cells.tif", "--trap-mask",
               folder / "pillars.tif", "--trap", "tear_drop", "--pixel-size", 0.3, "--interval", 10,
               "--last-frame", 3, "--validation", 0.5, "--out", tmp_path / "own")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(
        "2 labelled frames to train on, 2 to validate on, 0 without labels left out:"
    )
    assert "trap " in done.stdout
    (train,), (later,) = (find_sequences(tmp_path / "own" / part) for part in ("train", "validation"))
    assert train.info | later.info == {
        "source": "trap",
        "pixel_size": 0.3,
        "interval": 10.0,
        "first_frame": 2,
    }
    found = np.concatenate([train.semantic, later.semantic])
    np.testing.assert_array_equal(found == 1, scene.semantic[:4] == 1)
    np.testing.assert_array_equal(found >= 2, scene.semantic[:4] >= 2)
    assert (found == 2).any()


def test_folders_of_pictures_and_masks_are_paired_by_name(run, files, tmp_path):
    folder, _ = files
    done = run(
        "import-movie",
        folder / "pictures",
        "--labels",
        folder / "masks",
        "--out",
        tmp_path,
        "--pixel-size",
        0.3,
    )
    assert done.exit_code == 0, done.output
    assert [s.info["source"] for s in find_sequences(tmp_path / "train")] == ["t0", "t1", "t2", "t3"]
    assert [s.info["source"] for s in find_sequences(tmp_path / "validation")] == ["t4"]


def test_a_movie_alone(run, files, tmp_path):
    folder, scene = files
    done = run("import-movie", folder / "trap.tif", "--out", tmp_path, "--name", "chip 1", "-q")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    (train,) = find_sequences(tmp_path / "train")
    assert train.folder.name == "chip_1@00000-00004"
    np.testing.assert_array_equal(train.images, scene.images[:4, 0])


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--trap-label", 1], "no labels: name them with --labels"),
        (["--labels", "absent.tif"], "There are no labels absent.tif"),
        (["--labels", "cells.tif", "--trap", "round"], "pixel size of trap is unknown"),
        (["--labels", "trap.tif", "--plane", 3], "3"),
        (["--labels", "pictures/t0.tif"], "they must be alike"),
    ],
)
def test_mistakes_get_one_line(run, files, tmp_path, monkeypatch, more, sentence):
    monkeypatch.chdir(files[0])
    done = run("import-movie", "trap.tif", "--out", tmp_path / "new", *more)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()
