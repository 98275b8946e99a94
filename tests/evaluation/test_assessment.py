"""Blind assessments: nothing gives the truth away, no answer is lost, and the table is right."""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation import Assessment, AssessmentResult
from napari_cellsim.evaluation.assessment import ANSWERS, KEY, PICTURES


def pictures(n, seed, offset=0.0):
    return np.random.default_rng(seed).normal(offset, 100, (n, 16, 16)).astype(np.float32)


@pytest.fixture
def folder(tmp_path):
    Assessment.create(tmp_path / "blind", pictures(12, 0, 4000), pictures(10, 1), each=8, seed=5)
    return tmp_path / "blind"


def truth(assessment):
    return np.array(assessment.key()["generated"])


def test_pictures_are_drawn_mixed_and_alike(folder):
    blind = Assessment(folder)
    made = truth(blind)
    assert len(blind) == 16
    assert made.sum() == 8
    assert 0 < made[:8].sum() < 8  # mixed
    assert blind.pictures.dtype == np.uint8
    means = blind.pictures.mean(axis=(1, 2))
    assert stats.ttest_ind(means[made], means[~made]).pvalue > 0.01  # the offset of 4000 is gone
    key = blind.key()
    source = {False: pictures(12, 0, 4000), True: pictures(10, 1)}
    for shown, kind, index in zip(blind.pictures, key["generated"], key["index"], strict=True):
        assert np.corrcoef(shown.ravel(), source[kind][index].ravel())[0, 1] > 0.99
    for kind in (False, True):
        chosen = [i for k, i in zip(key["generated"], key["index"], strict=True) if k == kind]
        assert len(set(chosen)) == 8


def test_the_seed_makes_the_order(tmp_path):
    made = [
        Assessment.create(tmp_path / str(number), pictures(9, 0), pictures(9, 1), seed=seed)
        for number, seed in enumerate((1, 1, 2))
    ]
    assert (made[0].pictures == made[1].pictures).all()
    assert (made[0].pictures != made[2].pictures).any()


def test_only_the_key_knows(folder):
    """What an assessor may look into must not depend on which pictures are generated."""
    blind = Assessment(folder)
    for number in range(4):
        blind.answer("anna", number, False, 3)
    (folder / KEY).rename(folder.parent / "kept_back.json")
    assert Assessment(folder).pending("anna") == list(range(4, 16))
    with pytest.raises(CellSimError, match=r"key\.json"):
        Assessment(folder).results()
    rows = list(csv.DictReader((folder / ANSWERS).open(encoding="utf-8")))
    assert {row["said generated"] for row in rows} == {"0"}


def test_resume_after_a_crash(folder):
    first = Assessment(folder)
    first.answer("anna", 3, True, 5)
    first.answer("bert", 3, False, 1)
    path = folder / ANSWERS
    path.write_bytes(path.read_bytes() + b"2026-11-22T05:00:00+00:00,anna,4,")  # cut short
    again = Assessment(folder)
    assert again.pending("anna") == [n for n in range(16) if n != 3]
    again.answer("anna", 4, True, 2)
    again.answer("anna", 3, False, 4)  # changed her mind
    found = {(a.assessor, a.picture): (a.generated, a.confidence) for a in Assessment(folder).answers()}
    assert found == {("anna", 3): (False, 4), ("anna", 4): (True, 2), ("bert", 3): (False, 1)}


def test_answers_are_on_disk_at_once(folder):
    """Another process that is killed right after its answer has not lost it."""
    code = (
        "import os, sys; from napari_cellsim.evaluation import Assessment\n"
        "Assessment(sys.argv[1]).answer('carl', 0, True, 3); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert done.returncode == 9
    assert Assessment(folder).pending(" carl ") == list(range(1, 16))


def answer_all(blind, name, right, confidence):
    for number, (kind, correct) in enumerate(zip(truth(blind), right, strict=True)):
        blind.answer(name, number, bool(kind == correct), int(confidence[number]))


def test_table_of_one_assessor(folder):
    blind = Assessment(folder)
    made = truth(blind)
    right = np.arange(16) % 4 != 0
    confidence = np.where(right, 4, 2)
    answer_all(blind, "anna", right, confidence)
    (one,) = blind.results().assessors
    assert one.kind.all.value == right.mean() == 0.75
    assert one.kind.real.value == pytest.approx(right[~made].mean())
    assert one.kind.generated.value == pytest.approx(right[made].mean())
    wilson = stats.binomtest(12, 16).proportion_ci(0.95, method="wilson")
    assert (one.kind.all.low, one.kind.all.high) == pytest.approx((wilson.low, wilson.high))
    assert one.chance == pytest.approx(stats.binomtest(12, 16, 0.5).pvalue)
    assert one.confidence_real == pytest.approx(confidence[~made].mean())
    assert one.confusion["generated"] == {
        "generated": int(right[made].sum()),
        "real": int((~right[made]).sum()),
    }
    assert sum(sum(row.values()) for row in one.confusion.values()) == 16
    assert one.by_confidence[4] == (12, 1.0)
    assert one.by_confidence[2] == (4, 0.0)
    assert one.by_confidence[1] == (0, None)
    assert one.cell_class is None


def test_several_assessors_share_their_pictures(folder):
    """Two who always agree know no more than one: the interval must not shrink as if they did."""
    blind = Assessment(folder)
    right = np.arange(16) % 3 != 0
    for name in ("anna", "bert"):
        answer_all(blind, name, right, np.full(16, 3))
    *_, together = blind.results().assessors
    assert together.assessor == "all assessors"
    assert together.answers == 32
    assert together.kind.all.value == pytest.approx(right.mean())
    alone = together.kind.all.high - together.kind.all.low
    assert alone > 1.2 * np.diff(stats.binomtest(20, 32).proportion_ci(0.95, "wilson"))[0]
    assert together.chance is None


def test_classes_as_in_the_thesis(tmp_path):
    classes = ("benthic", "planktic")
    own = [classes[i % 2] for i in range(6)]
    blind = Assessment.create(
        tmp_path / "b",
        pictures(6, 0),
        pictures(6, 1),
        classes=classes,
        real_classes=own,
        generated_classes=own,
        sources={"model": "foram-gan"},
    )
    key = blind.key()
    assert key["sources"] == {"model": "foram-gan"}
    for number, true in enumerate(key["class"]):
        wrong = key["generated"][number] and true == "planktic"
        blind.answer("anna", number, bool(key["generated"][number]), 5, "benthic" if wrong else true)
    (one,) = Assessment(blind.folder).results().assessors
    assert one.kind.all.value == 1
    assert (one.cell_class.real.value, one.cell_class.generated.value) == (1, 0.5)
    assert one.class_confusion == {
        "benthic": {"benthic": 6, "planktic": 0},
        "planktic": {"benthic": 3, "planktic": 3},
    }
    with pytest.raises(CellSimError, match="benthic, planktic"):
        blind.answer("anna", 0, True, 3, "sediment")


def test_results_are_saved_in_three_formats(folder):
    blind = Assessment(folder)
    answer_all(blind, "<b>anna</b>", np.ones(16, bool), np.full(16, 5))
    blind.answer("bert", 0, True, 1)
    result = blind.results()
    assert any("bert has judged 1 of 16" in line for line in result.warnings)
    for suffix in ("html", "csv", "json"):
        result.save(folder / f"result.{suffix}")
    assert AssessmentResult.open(folder / "result.json") == result
    page = (folder / "result.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;anna&lt;/b&gt;" in page
    assert "<b>anna" not in page
    rows = {(r["assessor"], r["metric"]): r["value"] for r in csv.DictReader((folder / "result.csv").open())}
    assert rows["<b>anna</b>", "real or generated, all"] == "1.0"
    printed = subprocess.run(
        [sys.executable, *shlex.split(result.command)[1:]], capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == result.table()


def test_mistakes_are_explained(folder, tmp_path):
    blind = Assessment(folder)
    with pytest.raises(CellSimError, match="Nobody has answered"):
        blind.results()
    for arguments, words in (
        (("anna", 16, True, 3), "no picture 16"),
        (("anna", 0, True, 6), "from 1 to 5"),
        (("  ", 0, True, 3), "name or initials"),
        (("anna", 0, True, 3, "round"), "no class"),
    ):
        with pytest.raises(CellSimError, match=words):
            blind.answer(*arguments)
    assert not (folder / ANSWERS).exists()
    with pytest.raises(CellSimError, match="already"):
        Assessment.create(folder, pictures(3, 0), pictures(3, 1))
    with pytest.raises(CellSimError, match="one size"):
        Assessment.create(tmp_path / "x", pictures(3, 0), pictures(3, 1)[:, :8])
    with pytest.raises(CellSimError, match="cannot be drawn"):
        Assessment.create(tmp_path / "x", pictures(3, 0), pictures(3, 1), each=4)
    with pytest.raises(CellSimError, match="true classes"):
        Assessment.create(tmp_path / "x", pictures(3, 0), pictures(3, 1), real_classes=["a"] * 3)
    with pytest.raises(CellSimError, match="no blind assessment"):
        Assessment(tmp_path)
    key = json.loads((folder / KEY).read_text())
    (folder / KEY).write_text(json.dumps(key | {"pictures": "0"}))
    blind.answer("anna", 0, True, 3)
    with pytest.raises(CellSimError, match="other pictures"):
        blind.results()
    assert not (tmp_path / "x").exists()
    (folder / PICTURES).write_bytes(b"[]\nno array")
    with pytest.raises(CellSimError, match="no blind assessment"):
        Assessment(folder)


def test_colour_pictures_are_shown_as_they_are(tmp_path):
    generator = np.random.default_rng(0)
    real, made = (generator.integers(40, 90, (n, 8, 9, 3)).astype(np.uint8) for n in (4, 5))
    test = Assessment.create(
        tmp_path / "t", real, made, each=3, classes=("a", "b"), real_classes=list("abab")
    )
    key = test.key()
    for shown, generated, index in zip(test.pictures, key["generated"], key["index"], strict=True):
        np.testing.assert_array_equal(shown, (made if generated else real)[index])
    assert Assessment(tmp_path / "t").pictures.shape == (6, 8, 9, 3)
    for other, words in ((made[..., 0], "one size"), (made[..., :2], "one size"), (made / 255, "as bytes")):
        with pytest.raises(CellSimError, match=words):
            Assessment.create(tmp_path / "u", real, other)
    with pytest.raises(CellSimError, match="one size"):
        Assessment.create(tmp_path / "u", real[..., :2], made[..., :2])
