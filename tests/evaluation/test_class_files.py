"""True classes for a blind assessment, from a CSV."""

from __future__ import annotations

import pytest

from napari_cellsim.base import CellSimError
from napari_cellsim.evaluation.class_files import read_classes


def test_both_kinds_in_any_order_and_as_a_spreadsheet_writes_them(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text(
        "\ufeffnote;picture;kind;class\n;1;real; round\n;0;generated;rod\n;0;real;rod\n", encoding="utf-8"
    )
    found = read_classes(path, 2, 1)
    assert found == (("rod", "round"), ("rod",))
    assert found.names == ("rod", "round")


def test_one_kind_alone(tmp_path):
    path = tmp_path / "classes.csv"
    path.write_text('kind,picture,class\nreal,0,"round, budding"\n', encoding="utf-8")
    assert read_classes(path, 1, None) == (("round, budding",), None)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "lacks a column"),
        ("kind,number,class\nreal,0,rod\n", "lacks a column"),
        ("kind,picture,class\nreal,0,rod\n", "picture 1 is missing"),
        ("kind,picture,class\nreal,0,rod\nreal,0,rod\n", "picture 0 twice"),
        ("kind,picture,class\nreal,2,rod\n", "real, 2, rod"),
        ("kind,picture,class\nreal,-1,rod\n", "real, -1, rod"),
        ("kind,picture,class\nreal,0,\n", "and a class"),
        ("kind,picture,class\nreal\n", "and a class"),
        ("kind,picture,class\nfake,0,rod\n", "fake, 0, rod"),
        ("kind,picture,class\ngenerated,0,rod\n", "yet to make"),
    ],
)
def test_what_cannot_be_true_gets_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "classes.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CellSimError, match=sentence):
        read_classes(path, 2, None)


def test_no_such_file(tmp_path):
    with pytest.raises(CellSimError, match="cannot be read"):
        read_classes(tmp_path / "classes.csv", 2, None)
