from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.fft

from napari_cellsim import phantom
from napari_cellsim.base import CellSimError, JobCancelled, JobToken, hash_array

SMALL = {"size": 48, "pixel_size": 0.3}


def test_shapes_types_and_ranges(sequence):
    s = sequence
    t, h, w = 12, 110, 121
    assert (s.images.shape, s.images.dtype) == ((t, 1, h, w), np.uint16)
    assert (s.labels.shape, s.labels.dtype) == ((t, h, w), np.int32)
    assert (s.semantic.shape, s.semantic.dtype) == ((t, h, w), np.uint8)
    assert (s.flow.shape, s.flow.dtype) == ((t - 1, 2, h, w), np.float32)
    assert (s.valid.shape, s.valid.dtype) == ((t - 1, h, w), np.bool_)
    assert np.isfinite(s.flow).all()
    assert 0 < s.images.min() < s.images.max() < 65535
    assert s.labels.min() == -1
    assert (s.pixel_size, s.interval, s.seed) == (0.2, 10.0, 5)


def test_classes_agree_with_labels(sequence):
    labels, semantic = sequence.labels, sequence.semantic
    np.testing.assert_array_equal(semantic == 0, labels == 0)
    np.testing.assert_array_equal(semantic == 1, labels == -1)
    np.testing.assert_array_equal(semantic >= 2, labels > 0)
    for frame, classes in zip(labels, semantic, strict=True):
        assert len(np.unique(frame[classes == 2])) <= 1
    assert (semantic == 2).any(), "the trap holds a cell"


def test_pillars_stay_and_cells_keep_off_them(sequence):
    """The pillars of all frames are one shape (the stage moves by far less than a pixel); no cell eats into it."""
    masks = sequence.labels == -1
    assert (masks[0] == masks).mean() > 0.99
    trap = sequence.traps[0]
    drawn = trap.distance_map(sequence.labels.shape[1:], sequence.pixel_size)
    for frame in sequence.labels:
        assert drawn[frame > 0].min() > -0.1
        assert (frame[drawn < -0.15] == -1).all()


def test_the_trapped_cell_lies_in_the_trap(sequence):
    trap = sequence.traps[0]
    y, x = np.nonzero(sequence.semantic[0] == 2)
    centre_x = (x.mean() + 0.5 - 121 / 2) * 0.2
    centre_y = (y.mean() + 0.5 - 110 / 2) * 0.2
    assert trap.cell_of_interest([centre_x], [centre_y]) == 0


def test_cells_are_in_one_piece_and_of_plausible_size(sequence):
    from scipy.ndimage import label

    for frame in sequence.labels[::4]:
        whole = frame[1:-1, 1:-1]
        border = {*frame[0], *frame[-1], *frame[:, 0], *frame[:, -1]}
        for identity in set(np.unique(whole[whole > 0]).tolist()) - border:
            area = (frame == identity).sum() * 0.04
            assert 0.2 < area < 60
            _, pieces = label(frame == identity)
            assert pieces == 1


def test_lineage_is_consistent(busy):
    by_id = {record.id: record for record in busy.lineage}
    assert sorted(by_id) == np.unique(busy.labels[busy.labels > 0]).tolist()
    born = 0
    for record in busy.lineage:
        shown = np.flatnonzero((busy.labels == record.id).any((1, 2)))
        assert (record.first_frame, record.last_frame) == (shown[0], shown[-1])
        if record.mother is None:
            continue
        assert by_id[record.mother].first_frame <= record.first_frame
        if record.first_frame > 0:
            born += 1
            frame = busy.labels[record.first_frame]
            bud, mother = (np.argwhere(frame == i) for i in (record.id, record.mother))
            gap = np.sqrt(((bud[:, None] - mother[None]) ** 2).sum(-1)).min() * busy.pixel_size
            assert gap < 1.5, "a bud appears beside its mother"
    assert born >= 3


def test_cells_grow(busy):
    grown = []
    for record in busy.lineage:
        if record.mother is not None and record.last_frame - record.first_frame >= 8:
            areas = [
                (busy.labels[t] == record.id).sum() for t in (record.first_frame, record.first_frame + 8)
            ]
            grown.append(areas[1] > areas[0])
    assert len(grown) >= 2
    assert np.mean(grown) > 0.8


def test_same_seed_same_numbers_other_seed_other_numbers():
    first, again, other = (phantom.simulate(3, seed, **SMALL) for seed in (4, 4, 5))
    for name in ("images", "labels", "semantic", "flow", "valid"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert first.lineage == again.lineage
    assert (first.images != other.images).mean() > 0.5
    assert (first.labels != other.labels).any()


def test_threads_change_nothing():
    code = (
        "from napari_cellsim import phantom; from napari_cellsim.base import hash_array\n"
        "import scipy.fft, sys\n"
        "with scipy.fft.set_workers(int(sys.argv[1])):\n"
        "    s = phantom.simulate(2, 4, size=48, pixel_size=0.3)\n"
        "print(hash_array(s.images), hash_array(s.flow)); assert 'torch' not in sys.modules"
    )
    answers = set()
    for threads in ("1", "2"):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, threads)}
        done = subprocess.run(
            [sys.executable, "-c", code, threads], env=environment, capture_output=True, text=True, check=True
        )
        answers.add(done.stdout)
    here = phantom.simulate(2, 4, **SMALL)
    answers.add(f"{hash_array(here.images)} {hash_array(here.flow)}\n")
    assert len(answers) == 1


def test_longer_run_begins_like_a_shorter_one():
    """Frame t does not depend on how many frames follow, so a data set can be extended."""
    with scipy.fft.set_workers(1):
        short, long = (phantom.simulate(n, 8, **SMALL) for n in (2, 4))
    np.testing.assert_array_equal(short.images, long.images[:2])
    np.testing.assert_array_equal(short.flow, long.flow[:1])


def test_planes_share_one_life():
    one = phantom.simulate(2, 3, planes=(0.0,), **SMALL)
    three = phantom.simulate(2, 3, planes=(1.5, 0.0, -1.5), **SMALL)
    assert three.images.shape == (2, 3, 48, 48)
    np.testing.assert_array_equal(one.labels, three.labels)
    np.testing.assert_array_equal(one.flow, three.flow)
    assert np.std(three.images[0].astype(float), axis=0).mean() > 100, "planes look different"
    assert three.planes == (1.5, 0.0, -1.5)


@pytest.mark.parametrize("pixel_size", [0.108, 0.182, 0.263])
@pytest.mark.parametrize("size", [64, (51, 77)])
def test_any_pixel_size_and_any_shape(pixel_size, size):
    s = phantom.simulate(2, 1, size=size, pixel_size=pixel_size, trap="round")
    height, width = (size, size) if isinstance(size, int) else size
    assert s.images.shape == (2, 1, height, width)
    trap = s.traps[0].mask((height, width), pixel_size)
    assert (trap & (s.labels[0] == -1)).sum() > 0.9 * trap.sum()


def test_the_same_scene_at_two_pixel_sizes_has_the_same_physical_size():
    fine = phantom.simulate(1, 9, size=160, pixel_size=0.1)
    coarse = phantom.simulate(1, 9, size=80, pixel_size=0.2)
    for identity in np.unique(coarse.labels):
        a, b = (fine.labels == identity).sum() * 0.01, (coarse.labels == identity).sum() * 0.04
        assert a == pytest.approx(b, abs=0.6, rel=0.05)


def test_one_frame_has_no_flow():
    s = phantom.simulate(1, 0, **SMALL)
    assert s.flow.shape == (0, 2, 48, 48)
    assert s.valid.shape == (0, 48, 48)


def test_as_timelapse_carries_calibration():
    s = phantom.simulate(2, 0, planes=(-1, 0, 1), **SMALL)
    movie = s.as_timelapse()
    assert movie.frames.shape == (2, 1, 3, 48, 48)
    assert (movie.pixel_size, movie.interval, movie.z_step) == (0.3, 10.0, 1.0)
    np.testing.assert_array_equal(np.asarray(movie.frames)[:, 0], s.images)


def test_field_has_a_trap_per_tile_and_unique_cells():
    s = phantom.simulate_field(2, 3, 3, 1, tile=(64, 72), pixel_size=0.3)
    assert s.images.shape == (3, 1, 128, 216)
    assert s.centres.shape == (6, 2)
    assert len(s.traps) == 6
    for (y, x), row, column in zip(s.centres, [0, 0, 0, 1, 1, 1], [0, 1, 2] * 2, strict=True):
        assert 64 * row < y < 64 * (row + 1)
        assert 72 * column < x < 72 * (column + 1)
        assert s.labels[0, round(y), round(x)] != -1, "the middle of a pair is the gap"
        left, right = s.labels[0, round(y), : round(x)], s.labels[0, round(y), round(x) :]
        assert (left == -1).any()
        assert (right == -1).any()
    for frame, classes in zip(s.labels, s.semantic, strict=True):
        trapped = np.unique(frame[classes == 2])
        assert 4 <= len(trapped) <= 6, "about one trapped cell per trap, none shared"


def test_field_has_no_seams():
    """Background brightness does not jump where tiles meet."""
    config = phantom.PhantomConfig().changed(
        biology={"empty_trap": 1.0},
        mechanics={"wash_in_rate": 0},
        chip={"debris": 0},
        microscope={"dust": 0},
        camera={"pattern": 0, "shimmer": 0},
    )
    s = phantom.simulate_field(1, 2, 1, 3, tile=80, pixel_size=0.3, config=config)
    picture = s.images[0, 0].astype(float)
    jump = np.abs(picture[:, 80] - picture[:, 79]).mean()
    usual = np.abs(np.diff(picture[:, 70:90], axis=1)).mean()
    assert jump < 1.3 * usual


def test_field_is_deterministic():
    first, again = (phantom.simulate_field(1, 2, 2, 6, tile=40, pixel_size=0.4) for _ in range(2))
    np.testing.assert_array_equal(first.images, again.images)


def test_cancelling_stops_between_frames():
    token = JobToken()
    token.cancel()
    with pytest.raises(JobCancelled):
        phantom.simulate(500, 0, token=token, **SMALL)
    with pytest.raises(JobCancelled):
        phantom.simulate_field(token=token, tile=48, pixel_size=0.3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"frames": 0}, "frames.*0"),
        ({"frames": 2.5}, "frames.*2.5"),
        ({"seed": -1}, "seed.*-1"),
        ({"size": 4}, "between 16 and 8192"),
        ({"size": (64, 64, 64)}, "between 16 and 8192"),
        ({"size": 100.5}, "between 16 and 8192"),
        ({"pixel_size": 0}, "pixel size.*0"),
        ({"pixel_size": float("nan")}, "pixel size"),
        ({"trap": "hexagonal"}, "hexagonal.*tear_drop"),
        ({"planes": ()}, "[Pp]lanes"),
        ({"planes": (float("nan"),)}, "[Pp]lanes"),
    ],
)
def test_bad_arguments_get_a_sentence(arguments, sentence):
    with pytest.raises(CellSimError, match=sentence):
        phantom.simulate(**{"frames": 1, **SMALL, **arguments})


def test_bad_field_gets_a_sentence():
    with pytest.raises(CellSimError, match="Rows and columns"):
        phantom.simulate_field(0, 3)
