"""Command crop."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from napari_cellsim import datasets, phantom


@pytest.fixture(scope="module")
def chip(tmp_path_factory):
    """Two positions of four traps each."""
    root = tmp_path_factory.mktemp("chip")
    config = phantom.PhantomConfig().changed(mechanics={"burn_in": (0, 10)})
    field = phantom.simulate_field(2, 2, 2, 1, tile=80, pixel_size=0.3, config=config)
    for position, t in np.ndindex(2, 2):
        folder = root / "exp" / f"pos{position}"
        folder.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / f"t{t}.tif", field.images[t, 0])
    (root / "centre.txt").write_text(" ".join(str(round(v)) for v in field.centres[0]))
    return root


def test_crop_finds_cuts_reviews_and_splits(run, chip, tmp_path):
    out = tmp_path / "crops.zarr"
    done = run("crop", chip / "exp", "--out", out, "--trap", "tear_drop", "--size", 48, "--pixel-size", 0.3,
               "--interval", 10, "--curate", "with randomness", "--split", "0.5,0.25,0.25",
               "--device", "cpu")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "pos0: 4 traps, drift 0." in done.stdout
    assert "8 traps, 0 left out" in done.stdout
    store = datasets.CropStore(out)
    assert (len(store), store.pixel_size, store.interval) == (8, 0.3, 10)
    assert (tmp_path / "crops.measures.json").is_file()
    kept = datasets.Curation(store).kept()
    split = datasets.Split.open(store)
    assert {w.id for own in split.parts.values() for w in own} == {w.id for w in kept}


def test_the_rectangle_around_a_trap_is_enough(run, chip, tmp_path):
    y, x = map(int, (chip / "centre.txt").read_text().split())
    done = run("crop", chip / "exp", "--out", tmp_path / "c.zarr", "--template", f"{y - 18},{y + 19},{x - 25},{x + 26}",
               "--size", 48, "--position", "pos1", "--split", "0.5,0.25,0.25")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "pos1: 4 traps" in done.stdout
    assert "train 2, validation 1, test 1" in done.stdout
    store = datasets.CropStore(tmp_path / "c.zarr")
    assert {s.position for s in store.sequences} == {"pos1"}
    assert len(datasets.Split.open(store).parts["train"]) == 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "give either --trap or --template"),
        (("--trap", "round", "--template", "0,9,0,9"), "give either --trap or --template"),
        (("--trap", "round"), "state pixel_size"),
        (("--trap", "round", "--curate", "best"), "no rules called 'best'"),
        (("--trap", "round", "--split", "0.5"), "not three numbers"),
        (("--template", "0,9"), "not four whole numbers"),
        (("--template", "0,20,150,170"), "does not lie inside"),
        (("--trap", "round", "--position", "pos9"), "no position 'pos9'"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, chip, tmp_path, arguments, sentence):
    done = run("crop", chip / "exp", "--out", tmp_path / "c.zarr", *arguments)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "c.zarr").exists()
