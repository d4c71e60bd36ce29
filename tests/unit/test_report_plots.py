"""Drawings of matplotlib as parts of a page: colours, ids, hover texts, sizes."""

import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

from varhouse.report import plots

pytestmark = pytest.mark.skipif(not plots.is_installed(), reason="needs matplotlib")


def draw(name: str = "one", n: int = 3, tips: list[str] | None = None, **labels: str) -> str:
    told: dict = {}
    values = np.arange(n, dtype=float)
    with plots.canvas() as (figure, axes):
        axes.set(**labels)
        plots.draw_points(axes, values, values**2, 2, tips, told)
        plots.draw_threshold(axes, 1.0, "threshold")
        return plots.finish(figure, name, "title <i>", "about", told)


def test_a_drawing_takes_its_colours_and_fonts_from_the_page():
    text = draw(xlabel="x", tips=["a", "b", "c"])
    assert "fe00" not in text
    assert "font-family" not in text
    assert "DejaVu" not in text
    assert not re.search(r"#[0-9a-f]{6}", text)
    assert "var(--c2)" in text
    assert "var(--warn)" in text
    # A rule for every element would hold for the whole page.
    assert "<style" not in text
    assert "metadata" not in text
    root = ElementTree.fromstring(text)
    assert root.get("viewBox") == "0 0 400 290"
    assert root.get("width") is None
    assert [root[0].text, root[1].text] == ["title <i>", "about"]
    assert root.get("aria-labelledby") == f"{root[0].get('id')} {root[1].get('id')}"


def test_the_same_drawing_gives_the_same_text_and_others_other_ids():
    assert draw("a") == draw("a")
    ids = [re.findall(r' id="([^"]+)"', draw(name)) for name in ("a", "b")]
    assert ids[0]
    assert not set(ids[0]) & set(ids[1])
    for text in (draw("a"), draw("a", tips=["1", "2", "3"])):
        known = set(re.findall(r' id="([^"]+)"', text))
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text))
        for pair in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text):
            assert {p for p in pair if p} <= known


def test_settings_of_the_user_change_nothing():
    import matplotlib as mpl  # noqa: PLC0415

    before = draw()
    with mpl.rc_context(
        {
            "font.size": 30,
            "svg.fonttype": "path",
            "xtick.direction": "in",
            "axes.xmargin": 0.4,
            "lines.linewidth": 9,
        }
    ):
        assert draw() == before
        assert mpl.rcParams["font.size"] == 30


def test_each_point_has_its_text_in_order():
    root = ElementTree.fromstring(draw(tips=["first", "<b>&", "样本"]))
    texts = [(float(u.get("x")), u[0].text) for u in root.iter("use") if len(u)]
    assert [t for _, t in sorted(texts)] == ["first", "<b>&", "样本"]
    with pytest.raises(ValueError, match="zip"):
        draw(tips=["only one"])


def test_texts_that_mathematics_or_fonts_would_break():
    text = draw(xlabel="$x_1$ <script>", ylabel="北京 $")
    assert "$x_1$ &lt;script&gt;" in text
    assert "北京 $" in text


def test_very_many_points_are_one_small_path():
    rng = np.random.default_rng(1)
    with plots.canvas() as (figure, axes):
        x, y = rng.normal(size=(2, 200_000))
        plots.draw_points(axes, x, y, 0, None, {})
        text = plots.finish(figure, "many", "many", "", {})
    assert len(text) < 300_000
    assert text.count("<use") < 60
    dots = re.search(r'class="dots" d="([^"]+)"', text)[1].count("M")
    assert dots == len(plots.thinned(x, y)) <= 160 * 160


def test_thinning_keeps_one_of_each_cell():
    x = np.array([0.0, 0.001, 1.0, 0.0])
    y = np.array([0.0, 0.001, 1.0, 1.0])
    assert plots.thinned(x, y, 10).tolist() == [0, 2, 3]
    assert plots.thinned(x[:0], y[:0]).tolist() == []
    assert plots.thinned(np.ones(5), np.ones(5)).tolist() == [0]


def test_names_that_would_touch_are_left_out():
    with plots.canvas() as (figure, axes):
        x, y = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.001, 1.0])
        axes.plot(x, y)
        plots.draw_names(axes, x, y, ["one", "over it", "far"], 5)
        text = plots.finish(figure, "names", "names", "")
    assert "one" in text
    assert "far" in text
    assert "over it" not in text


def test_series_have_marks_and_colours_of_their_own():
    seen = {(plots.colour(i), plots.marker(i)) for i in range(plots.GROUPS)}
    assert len(seen) == plots.GROUPS
    assert plots.colour(-1) == plots.colour("soft")
    text = plots.key({"P & Q": 0, "others": -1})
    assert "P &amp; Q" in text
    assert "var(--soft)" in text


def test_matplotlib_is_not_imported_before_the_first_plot():
    code = "import sys, varhouse.report.page; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
