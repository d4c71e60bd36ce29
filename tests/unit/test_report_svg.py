"""The drawing module: ticks, numbers, and labels that do not touch."""

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.report import svg

POSITIVE = st.floats(1e-6, 1e9)


@settings(derandomize=True, deadline=None)
@given(st.floats(-1e6, 1e6), POSITIVE)
def test_ticks_are_round_and_inside(low: float, span: float) -> None:
    found = svg.ticks(low, low + span)
    assert found == sorted(set(found))
    slack = 1e-6 * max(1.0, abs(low), span)
    assert all(low - slack <= t <= low + span + slack for t in found)
    assert len(found) <= 7


@settings(derandomize=True, deadline=None)
@given(POSITIVE)
def test_an_axis_holds_its_largest_value_and_is_not_half_empty(value: float) -> None:
    top = svg.round_above(value)
    assert value <= top * 1.001
    assert top <= value * 2.001


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (1234567, "1,234,567"), (1.99999, "2"), (0.75, "0.75"), (23.0, "23"),
        (0.0001234, "0.000123"), (-4.25, "-4.25"), (None, "–"), (float("nan"), "–"),
        (1200, "1,200"),
    ],
)  # fmt: skip
def test_numbers_for_people(value: float | None, text: str) -> None:
    assert svg.number(value) == text


@settings(derandomize=True, deadline=None)
@given(st.text(max_size=40), st.integers(3, 20))
def test_shortened_text_fits_and_keeps_its_ends(text: str, length: int) -> None:
    short = svg.shorten_middle(text, length)
    assert len(short) <= length
    if len(text) > length:
        assert text.startswith(short.split("…")[0])
        assert short[-1] == text[-1]


@settings(derandomize=True, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60).map(sorted))
def test_tick_labels_do_not_touch(values: list[float]) -> None:
    plot = svg.open_plot((0, 100), 10, "y", "x")
    before = len(plot.drawing.parts)
    svg.write_x_ticks(plot, [(v, svg.tick_label(v)) for v in values])
    spans = []
    for part in plot.drawing.parts[before:]:
        if found := re.match(r'<text class="tick" x="([\d.]+)".*?>([^<]+)</text>', part):
            half = svg.text_width(found[2]) / 2
            spans.append((float(found[1]) - half, float(found[1]) + half))
    assert spans
    assert all(b[0] >= a[1] for a, b in pairwise(spans))


def test_a_drawing_is_xml_whatever_the_texts_say() -> None:
    drawing = svg.Drawing(100, 50)
    evil = "\"'<script>&amp;</svg>"
    drawing.text(1, 2, evil, title=evil)
    drawing.mark(3, 4, 9, evil)
    drawing.rect(0, 0, 1, 1, "bar s0", evil)
    root = ElementTree.fromstring(drawing.render("a", evil, evil))
    assert [e.text for e in root if e.tag in ("title", "desc")] == [evil, evil]
    assert root.attrib["role"] == "img"
    assert {e.tag for e in root.iter()} == {"svg", "title", "desc", "text", "path", "rect"}
