"""Charts and pages: numbers where they belong, valid markup, nothing from outside."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cellsim.evaluation import pages
from napari_cellsim.evaluation.commands import Command
from napari_cellsim.evaluation.plots import Point, histogram, line_chart, ticks


class Balance(HTMLParser):
    """Collects tags that are closed in another order than they were opened."""

    VOID = frozenset({"meta", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def svg_of(text):
    return ElementTree.fromstring(re.match(r"<svg.*?</svg>", text, re.DOTALL)[0])


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_are_round_and_cover(low, span):
    found = ticks(low, low + span)
    step = found[1] - found[0]
    slack = 1e-9 * (abs(low) + span) + 1e-8 * step
    assert found[0] <= low + slack
    assert found[-1] >= low + span - slack
    assert 2 <= len(found) <= 9
    mantissa = step / 10 ** np.floor(np.log10(step) + 1e-6)
    assert min(abs(mantissa - m) for m in (1, 2, 5, 10)) < 1e-3


def test_an_axis_of_one_value_has_two_ends():
    for value in (0.0, 50.0, -3.0, 100.0):
        found = ticks(value, value)
        assert found[0] <= value <= found[-1]
        assert len(found) >= 2
    assert "50" in line_chart("t", [("a", [Point(0, 50.0), Point(4, 50.0)])], "x", "y", 50.0)


def test_points_lie_where_their_numbers_say():
    points = [Point(1, 0.0), Point(2, 5.0, 4.0, 6.0), Point(3, None), Point(4, 10.0)]
    drawn = line_chart("T & T", [("a <b>", points)], "x", "y")
    svg = svg_of(drawn)
    space = "{http://www.w3.org/2000/svg}"
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in svg.iter(f"{space}circle")]
    assert len(circles) == 3  # the point without a number is left out
    (x1, y1), (x2, y2), (x4, y4) = circles
    assert y1 - y2 == pytest.approx(y2 - y4, abs=0.2)
    assert x4 - x2 == pytest.approx(2 * (x2 - x1), abs=0.2)
    told = [t.text for t in svg.iter(f"{space}title")]
    assert told[1] == "a <b>, 2: 5 [4, 6]"
    assert "a &lt;b&gt;" in drawn


def test_charts_without_numbers_and_of_one_point():
    assert "no numbers" in line_chart("empty", [("a", [Point(1, None)])], "x", "y")
    svg_of(line_chart("one", [("a", [Point(1, -0.2, -0.4, 0.1)])], "x", "y", reference=0.0))
    svg_of(histogram("h", [("a", np.zeros(5)), ("b", np.ones(3))], "x", mark=0.1))


def test_pages_are_whole_and_escape_everything():
    nasty = "<script>alert(\"x\")</script> & 'y'"
    body = [
        pages.section(nasty, pages.paragraph(nasty), pages.command(nasty), pages.command(None)),
        pages.table([nasty, "value"], [[nasty, 1.23456], [None, 7], ["0.5 [0.4, 0.6]", True]], [True]),
        pages.figure(b"jpeg", nasty, nasty),
        pages.details(nasty, pages.facts({"a": nasty})),
        pages.warnings([nasty]),
        pages.charts(line_chart(nasty, [(nasty, [Point(1, 2.0)])], nasty, nasty)),
    ]
    text = pages.page(nasty, nasty, body)
    balance = Balance()
    balance.feed(text)
    assert balance.wrong == []
    assert balance.open == []
    assert "<script" not in text
    assert "<td>1.235</td>" in text
    assert "<td>0.5<br><small>[0.4, 0.6]</small></td>" in text
    assert not re.search(r'(src|href)="(?!data:)', text)


def test_commands_are_quoted_and_cut():
    whole = Command(
        inputs=("a b.tif", "c.tif"),
        models=("m", "n"),
        at=(3, 5),
        labels=("l.tif", "k.tif"),
        options=("--steps", "2"),
    )
    assert whole.text() == (
        "napari-cellsim evaluate 'a b.tif' c.tif --model m --model n --at 3 --at 5 --labels l.tif --labels k.tif "
        "--steps 2"
    )
    assert whole.only(1, 1, 5, "unet-lite").text() == (
        "napari-cellsim evaluate c.tif --model n --at 5 --labels k.tif --steps 2 --judge unet-lite"
    )
    asked = whole.model_copy(update={"options": ("--judge", "none")})
    assert asked.only(0, 0, 3, "unet-lite").text().endswith("--judge none")
