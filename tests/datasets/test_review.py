"""Measures, decisions, splits, and training on them."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim import datasets
from napari_cellsim.base import CellSimError, run
from napari_cellsim.datasets import Measures, MeasureTable, Rule, Window
from napari_cellsim.datasets.measures import count_cells
from napari_cellsim.datasets.splits import split_path
from napari_cellsim.training.sequences import find_sequences


def discs(*middles, radius=10, shape=(80, 120)) -> np.ndarray:
    y, x = np.indices(shape)
    return np.any(
        [np.zeros(shape, bool), *(np.hypot(y - cy, x - cx) <= radius for cy, cx in middles)], axis=0
    )


def test_touching_cells_are_counted_apart():
    assert count_cells(discs(), 0.25) == 0
    assert count_cells(discs((30, 30)), 0.25) == 1
    assert count_cells(discs((30, 30), (30, 49), (48, 40)), 0.25) == 3
    assert count_cells(discs((30, 30), radius=2), 0.25) == 0  # a speck
    assert count_cells(discs((0, 30), (70, 119)), 0.25) == 2  # at the border


@pytest.fixture(scope="module")
def table(store):
    return run(datasets.measure_job(store, plane=0))


def test_measures_agree_with_the_phantom_truth(field, store, table):
    areas, true_areas, trapped, truth = [], [], [], []
    for sequence in store.sequences:
        measured = table.sequences[sequence.id]
        for t, (y, x) in enumerate(sequence.origins):
            classes = field.semantic[t, y : y + 64, x : x + 64]
            true_areas.append((classes >= 2).sum() * 0.25**2)
            truth.append((classes == 2).sum() * 0.25**2 >= 3)
        areas += measured.area
        trapped += [a >= 3 for a in measured.trapped]
    assert np.corrcoef(areas, true_areas)[0, 1] > 0.9
    assert np.mean(np.array(trapped) == truth) > 0.85  # cells at the entrance are a matter of taste


def test_measures_are_kept_beside_the_store(store, table):
    assert MeasureTable.open(store.path.parent / "crops.measures.json") == table


def made_up(**changes) -> dict[str, tuple]:
    rows = {
        "cells": [3] * 6,
        "area": [50.0] * 6,
        "trapped": [18.0] * 6,
        "focus": [0.2] * 6,
        "difference": [0.0] + [0.03] * 5,
    }
    for name, (frame, value) in changes.items():
        rows[name][frame] = value
    return {name: tuple(values) for name, values in rows.items()}


@pytest.fixture
def judged(store, tmp_path, monkeypatch):
    """A curation in windows of two frames, whose sequences each have one fault (in frame 3 of 4)."""
    faults = [
        {}, {"cells": (3, 9)}, {"trapped": (3, 0.0)}, {"focus": (3, 0.05)}, {"area": (3, 100.0)},
        {"difference": (3, 0.2)}, {}, {}, {},
    ]  # fmt: skip
    rows = {s.id: Measures(**made_up(**fault)) for s, fault in zip(store.sequences, faults, strict=True)}
    curation = datasets.Curation(store, 2)
    monkeypatch.setattr(curation, "path", tmp_path / "crops.curation.json")
    return curation, MeasureTable(rows, "made up", 0, 0)


def test_presets_are_the_two_versions_of_the_thesis(judged):
    curation, table = judged
    assert len(curation.windows) == 18
    assert curation.apply("with randomness", table) == {"keep": 15, "drop": 2, "flag": 1}
    assert curation.apply("without randomness", table) == {"keep": 13, "drop": 4, "flag": 1}
    reasons = {w.sequence[-1] + f"@{w.start}": curation.decisions[w.id].reason for w in curation.windows}
    assert {key for key, reason in reasons.items() if reason} == {"1@2", "2@2", "3@2", "4@2", "5@2"}
    assert "flushed" in reasons["4@2"]


def test_a_hand_decides_last_and_is_remembered(judged, store, monkeypatch):
    curation, table = judged
    name = curation.windows[0].id
    curation.decide(name, "drop", "ugly")
    curation.apply("with randomness", table)
    assert curation.verdict(name) == "drop"
    assert name not in {w.id for w in curation.kept()}
    content = json.loads(curation.path.read_text())
    assert content["decisions"][name] == {"verdict": "drop", "by": "hand", "reason": "ugly"}
    again = datasets.Curation(store, 2)
    again.path = curation.path
    again._load()
    assert again.decisions == curation.decisions
    other = datasets.Curation(store, 4)
    other.path = curation.path
    with pytest.raises(CellSimError, match="windows of 2 frames, not 4"):
        other._load()


def test_own_rules(judged):
    curation, table = judged
    assert curation.apply([Rule("most_cells", low=4)], table) == {"keep": 1, "drop": 17, "flag": 0}
    with pytest.raises(CellSimError, match="no measure 'beauty'"):
        curation.apply([Rule("beauty", low=4)], table)
    with pytest.raises(CellSimError, match="no rules called 'strict'"):
        curation.apply("strict", table)


def test_bad_decisions_get_a_sentence(judged):
    curation, _ = judged
    with pytest.raises(CellSimError, match="no window 'x'"):
        curation.decide("x", "keep")
    with pytest.raises(CellSimError, match="'perhaps' is unknown"):
        curation.decide(curation.windows[0].id, "perhaps")
    curation.path.write_text("{")
    with pytest.raises(CellSimError, match="cannot be read"):
        curation._load()


def test_windows_follow_each_other_and_fit(store):
    assert [(w.start, w.stop) for w in datasets.windows(store, 3)] == [(0, 3)] * 9
    assert {(w.start, w.stop) for w in datasets.windows(store)} == {(0, 4)}
    with pytest.raises(CellSimError, match="longest has 4"):
        datasets.windows(store, 5)


@given(
    seed=st.integers(0, 999), group=st.sampled_from(["trap", "window"]), length=st.sampled_from([None, 1, 2])
)
def test_splits_never_leak_and_lose_nothing(store, seed, group, length):
    chosen = datasets.windows(store, length)
    split = datasets.make_split(store, chosen, (0.6, 0.2, 0.2), group=group, seed=seed)
    dealt = [w for own in split.parts.values() for w in own]
    assert sorted(w.id for w in dealt) == sorted(w.id for w in chosen)
    assert all(split.parts.values())
    assert len(split.parts["train"]) > len(split.parts["test"])
    if group == "trap":
        owners = {w.sequence: part for part, own in split.parts.items() for w in own}
        assert all(owners[w.sequence] == part for part, own in split.parts.items() for w in own)


def test_leaking_focal_planes_and_times_fail_with_a_sentence(store):
    first, second = (s.id for s in store.sequences[:2])
    by_plane = {"train": [Window(first, 0, 4, (0,))], "test": [Window(first, 0, 4, (1,))]}
    with pytest.raises(CellSimError, match=r"leaks: .*trap_000@0-4#0 in train and .*#1 in test .* time 0"):
        datasets.check_leaks(store, by_plane)
    by_time = {"train": [Window(first, 0, 3)], "test": [Window(first, 2, 4), Window(second, 0, 4)]}
    with pytest.raises(CellSimError, match="time 2"):
        datasets.check_leaks(store, by_time)
    datasets.check_leaks(store, {"train": [Window(first, 0, 2)], "test": [Window(first, 2, 4)]})
    with pytest.raises(CellSimError, match="has 4 frames"):
        datasets.check_leaks(store, {"train": [Window(first, 0, 9)]})


def test_overlapping_crops_of_two_traps_stay_together(experiment, tmp_path):
    centres = [(60.0, 60.0), (60.0, 70.0), (60.0, 200.0), (200.0, 200.0)]
    place = datasets.Located("pos1", datasets.Traps.from_centres(centres, (20, 20)), datasets.Track.still(4))
    store = run(datasets.crop_job(experiment, tmp_path / "c.zarr", [place], size=40))
    a, b = (w for w in datasets.windows(store) if w.sequence in ("pos1/trap_000", "pos1/trap_001"))
    with pytest.raises(CellSimError, match="show the same cells"):
        datasets.check_leaks(store, {"train": [a], "test": [b]})
    for seed in range(5):
        split = datasets.make_split(store, datasets.windows(store), (0.5, 0.0, 0.5), seed=seed)
        assert any({a, b} <= set(own) for own in split.parts.values())


def test_bad_splits_get_a_sentence(store):
    chosen = datasets.windows(store)
    with pytest.raises(CellSimError, match="add up to 1"):
        datasets.make_split(store, chosen, (0.8, 0.1, 0.2))
    with pytest.raises(CellSimError, match="2 groups of windows for 3 parts"):
        datasets.make_split(store, chosen[:2])
    with pytest.raises(CellSimError, match="'plane'"):
        datasets.make_split(store, chosen, group="plane")


def test_training_reads_a_part_one_sequence_per_focal_plane(store):
    with pytest.raises(CellSimError, match="has not been split"):
        find_sequences(store.path / "train")
    split = datasets.make_split(store, datasets.windows(store, 2), (0.6, 0.2, 0.2), seed=1)
    split.save(store)
    try:
        assert datasets.Split.open(store) == split
        found = find_sequences(store.path / "validation")
        assert len(found) == 2 * len(split.parts["validation"])
        window = split.parts["validation"][0]
        whole = np.asarray(store.array(window.sequence)[window.start : window.stop, 0, 1])
        images = found[1].images
        assert images.shape == (2, 64, 64)
        np.testing.assert_array_equal(images[:], whole)
        np.testing.assert_array_equal(images[0:2:1, 3:9, slice(5, 7)], whole[:, 3:9, 5:7])
        np.testing.assert_array_equal(images[-1], whole[-1])
        assert (found[1].info["pixel_size"], found[1].info["plane"], found[1].known) == (0.25, 1, frozenset())
        with pytest.raises(CellSimError, match="no part 'tset'"):
            find_sequences(store.path / "tset")
    finally:
        split_path(store).unlink()


def test_generators_learn_from_a_part(store):
    from napari_cellsim.training.pictures import PictureConfig

    datasets.make_split(store, datasets.windows(store), (0.6, 0.2, 0.2)).save(store)
    try:
        pictures = PictureConfig(folder=str(store.path), size=32, frames=3).pictures("train")
        assert pictures.all(2).shape == (2, 3, 32, 32)
        assert pictures.pixel_size == pytest.approx(0.5)
    finally:
        split_path(store).unlink()
