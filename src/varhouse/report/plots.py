"""Plots by matplotlib (the extra `report`) as SVG elements that belong to the page.

A figure is drawn with stand-in colours and then rewritten: colours become the variables of the
page's style sheet, so that it follows light, dark and paper; texts stay texts in the page's
fonts; ids are unique in the page; marks get their hover texts. Nothing of it depends on the
machine, its fonts, the user's settings of matplotlib, or the time.

matplotlib is imported when the first plot is drawn, and never for a page without one.
"""

import importlib.util
import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any
from xml.etree import ElementTree

import numpy as np

INSTALL = "Plots need matplotlib: pip install '.[report]'. The tables need nothing."
"""What a section says where its plots cannot be drawn."""

COLOURS = 8
"""Colours of the page for series."""

MARKERS = ("o", "s", "^", "D")
GLYPHS = "●■▲◆"
"""Marks of a plot, and how its key writes them."""

GROUPS = COLOURS * len(MARKERS)
"""Series that can be told apart."""

RIMMED = 300
"""Points of a series up to which each has a rim."""

_SVG = "{http://www.w3.org/2000/svg}"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NAMED = {
    "ink": "#fe0010", "soft": "#fe0011", "rule": "#fe0012", "paper": "#fe0013",
    "warn": "#fe0014", "tint": "#fe0015",
}  # fmt: skip
_VARIABLES = {colour: f"var(--{name})" for name, colour in _NAMED.items()} | {
    f"#fe00{i:02x}": f"var(--c{i})" for i in range(COLOURS)
}
_STAND_IN = re.compile("#fe00[0-9a-f]{2}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_ATTRIBUTES = ("d", "x", "y", "transform", "width", "height", "x1", "x2", "y1", "y2")
_DROPPED = {
    "font-family", "font", "stroke-linejoin", "stroke-linecap", "stroke-miterlimit",
}  # fmt: skip


def is_installed() -> bool:
    """Tell whether matplotlib is there, without importing it."""
    return importlib.util.find_spec("matplotlib") is not None


def colour(name: str | int) -> str:
    """Give the stand-in of a colour of the page: a series' number, or ink, soft, rule, ..."""
    if isinstance(name, str):
        return _NAMED[name]
    return f"#fe00{name % COLOURS:02x}" if name >= 0 else _NAMED["soft"]


def marker(style: int) -> str:
    """Give the mark of a series; one below 0 is grey, and no series of its own."""
    return MARKERS[_shape(style)]


def _shape(style: int) -> int:
    return (style // COLOURS if style >= 0 else -1 - style) % len(MARKERS)


def key(names: Mapping[str, int]) -> str:
    """Write the key of series as a list: their marks in their colours."""
    items = "".join(
        f'<li><span aria-hidden="true" style="color:{_VARIABLES[colour(i)]}">'
        f"{GLYPHS[_shape(i)]}</span>{escape(name)}</li>"
        for name, i in names.items()
    )
    return f'<ul class="key">{items}</ul>'


@contextmanager
def canvas(width: float = 400, height: float = 290) -> Iterator[tuple[Any, Any]]:
    """Open a figure with one pair of axes, under settings of our own.

    Parameters
    ----------
    width, height
        In units of the SVG; the page scales it to the width there is.

    Yields
    ------
    figure, axes
        Of matplotlib; `finish` must be called before the block ends.
    """
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    soft, ink, rule = colour("soft"), colour("ink"), colour("rule")
    with mpl.rc_context(), warnings.catch_warnings():
        # Letters that the font of the measuring lacks are the browser's to draw.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update({
            "svg.fonttype": "none", "svg.hashsalt": "varhouse", "text.parse_math": False,
            "font.family": ["DejaVu Sans"], "font.size": 10.5, "axes.labelsize": 11,
            "axes.edgecolor": soft, "axes.labelcolor": soft, "text.color": ink,
            "xtick.color": soft, "ytick.color": soft, "axes.spines.top": False,
            "axes.spines.right": False, "axes.grid": True, "grid.color": rule,
            "grid.linewidth": 0.8, "axes.axisbelow": True, "axes.linewidth": 0.8,
            "figure.dpi": 72, "figure.facecolor": "none", "axes.facecolor": "none",
            "axes.unicode_minus": True, "axes.formatter.useoffset": False,
            "axes.formatter.use_mathtext": False, "path.simplify": True,
        })  # fmt: skip
        figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
        yield figure, figure.add_subplot()


def finish(
    figure: Any,
    name: str,
    title: str,
    description: str,
    tips: Mapping[str, Sequence[str]] | None = None,
    kind: str = "",
) -> str:
    """Write a figure as an SVG element of the page.

    Parameters
    ----------
    figure
        From `canvas`, within its block.
    name
        Unique in the page; ids begin with it.
    title, description
        What it shows, for who cannot see it.
    tips
        gid of an artist to a hover text for each of its marks, in their order.
    kind
        Class of the element.

    Raises
    ------
    ValueError
        If an artist has another number of marks than texts.
    """
    out = io.BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    root = ElementTree.fromstring(out.getvalue())
    for parent in list(root.iter()):
        for child in list(parent):
            # Rules for `*` would hold for the whole page; the rest is about the program.
            if child.tag == f"{_SVG}style" or child.tag.endswith("metadata"):
                parent.remove(child)
    for gid, texts in (tips or {}).items():
        _hover(root, gid, texts)
    for group in root.iter(f"{_SVG}g"):
        _join_dots(group)
        _share_style(group)
    _rename(root, name)
    for element in root.iter():
        _restyle(element)
    box = root.get("viewBox", "")
    root.attrib.clear()
    root.attrib.update(
        {"class": f"mpl {kind}".strip(), "viewBox": box, "role": "img",
         "aria-labelledby": f"{name}-t {name}-d"}
    )  # fmt: skip
    for i, (tag, text) in enumerate((("title", title), ("desc", description))):
        said = ElementTree.Element(f"{_SVG}{tag}", {"id": f"{name}-{tag[0]}"})
        said.text = text
        root.insert(i, said)
    return _text(root)


def _hover(root: ElementTree.Element, gid: str, texts: Sequence[str]) -> None:
    """Give each mark of an artist its text: `<use>` of points, else paths."""
    group = next((g for g in root.iter(f"{_SVG}g") if g.get("id") == gid), None)
    if group is None:
        raise ValueError(f"no artist of the figure has the gid {gid!r}")
    shared = {p for d in group.iter(f"{_SVG}defs") for p in d.iter(f"{_SVG}path")}
    marks = [u for u in group.iter(f"{_SVG}use")]
    marks = marks or [p for p in group.iter(f"{_SVG}path") if p not in shared]
    for mark, text in zip(marks, texts, strict=True):
        ElementTree.SubElement(mark, f"{_SVG}title").text = text


def _join_dots(group: ElementTree.Element) -> None:
    """Draw marks without hover texts as one path of dots, a tenth of the bytes.

    Their size is that of the line they are of: `dots` says it by the gid `dots-SIZE-...`.
    """
    gid = group.get("id") or ""
    if not gid.startswith("dots-"):
        return
    uses = list(group.iter(f"{_SVG}use"))
    if not uses:
        return
    style = _style(uses[0].get("style", ""))
    path = "".join(f"M{float(u.get('x', 0)):.1f} {float(u.get('y', 0)):.1f}h0" for u in uses)
    for child in list(group):
        group.remove(child)
    ElementTree.SubElement(
        group,
        f"{_SVG}path",
        {"class": "dots", "d": path,
         "style": f"stroke:{style.get('fill', 'none')};stroke-width:{gid.split('-')[1]}"},
    )  # fmt: skip


def _rename(root: ElementTree.Element, name: str) -> None:
    """Keep the ids that something refers to, as `name-1`, `name-2`, ..."""
    wanted: dict[str, str] = {}
    for element in root.iter():
        told = [element.get(_HREF, "").removeprefix("#")]
        told += _REFERENCE.findall(" ".join(element.attrib.values()))
        for one in told:
            if one:
                wanted.setdefault(one, f"{name}-{len(wanted) + 1}")
    for element in root.iter():
        gid = element.attrib.pop("id", None)
        if gid in wanted:
            element.set("id", wanted[gid])
        elif gid and gid.startswith("class-"):
            element.set("class", gid.split("-")[1])
        if _HREF in element.attrib:
            element.set("href", f"#{wanted[element.attrib.pop(_HREF).removeprefix('#')]}")
        for attribute, value in element.attrib.items():
            if "url(#" in value:
                element.set(
                    attribute, _REFERENCE.sub(lambda m: f"url(#{wanted[m[1]]})", value)
                )


def _style(text: str) -> dict[str, str]:
    pairs = (part.split(":", 1) for part in text.split(";") if ":" in part)
    return {name.strip(): value.strip() for name, value in pairs}


def _share_style(group: ElementTree.Element) -> None:
    """Write the style of marks that are all alike once, at their group."""
    uses = group.findall(f"{_SVG}use")
    styles = {u.get("style") for u in uses}
    if len(uses) > 1 and len(styles) == 1 and not group.get("style") and None not in styles:
        group.set("style", str(styles.pop()))
        for use in uses:
            del use.attrib["style"]


def _restyle(element: ElementTree.Element) -> None:
    """Let colours and fonts be the page's, and write numbers to a tenth."""
    for attribute in _ATTRIBUTES:
        if value := element.get(attribute):
            element.set(attribute, _NUMBER.sub(_tenth, value).replace("\n", "").strip())
    style = _style(element.get("style", ""))
    if not style:
        return
    if font := style.get("font"):
        style["font-size"] = next(w for w in font.split() if w.endswith("px"))
    kept = ";".join(f"{k}:{v}" for k, v in style.items() if k not in _DROPPED)
    element.set("style", _STAND_IN.sub(lambda m: _VARIABLES[m[0]], kept))


def _tenth(found: re.Match[str]) -> str:
    text = f"{float(found[0]):.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _text(root: ElementTree.Element) -> str:
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.tail = None
        if element.text is not None and not element.text.strip():
            element.text = None
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def thinned(x: np.ndarray, y: np.ndarray, cells: int = 160) -> np.ndarray:
    """Choose the points to draw of very many: the first of each cell of a grid.

    Parameters
    ----------
    x, y
        float64[n], finite.
    cells
        Of each axis; a dot is about as wide as a cell, so the picture is the same.

    Returns
    -------
    numpy.ndarray
        Indices, ascending.
    """
    if not len(x):
        return np.zeros(0, np.int64)
    places = [
        np.minimum(((v - v.min()) / (np.ptp(v) or 1) * cells).astype(np.int64), cells - 1)
        for v in (x, y)
    ]
    return np.sort(np.unique(places[0] * cells + places[1], return_index=True)[1])


def draw_points(
    axes: Any,
    x: np.ndarray,
    y: np.ndarray,
    style: int,
    tips: Sequence[str] | None,
    told: dict[str, Sequence[str]],
    *,
    size: float = 4.6,
) -> None:
    """Draw points of a series; without `tips` as dots, thinned where they are very many.

    Parameters
    ----------
    x, y
        float64[n], finite.
    tips
        A text for each point; None: no hover.
    told
        Takes the texts by gid, for `finish`.
    """
    if not len(x):
        return
    number = len(axes.lines)
    if tips is None:
        kept = thinned(x, y)
        gid, x, y = f"dots-{size * 0.7:.1f}-{number}", x[kept], y[kept]
    else:
        gid = f"points-{number}"
        told[gid] = tips
    axes.plot(
        x, y, linestyle="none", marker=marker(style), markersize=size, gid=gid,
        color=colour(style), markeredgecolor=colour("paper"),
        # Rims tell a few points apart; of many they would be all that is seen.
        markeredgewidth=0.5 if len(x) <= RIMMED else 0,
        clip_on=False,
    )  # fmt: skip


def draw_rings(axes: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Draw a ring around points that need a look."""
    if len(x):
        axes.plot(
            x, y, linestyle="none", marker="o", markersize=10, fillstyle="none",
            markeredgecolor=colour("warn"), markeredgewidth=1.4, clip_on=False,
        )  # fmt: skip


def draw_label(axes: Any, x: float, y: float, text: str, **more: Any) -> None:
    """Write a text at a place of the data, readable over points."""
    axes.annotate(
        text, (x, y), textcoords="offset points", fontsize=10.5, gid="class-label",
        **{"xytext": (0, 0), "ha": "center", "va": "center"} | more,
    )  # fmt: skip


def draw_threshold(axes: Any, value: float, text: str, *, across: bool = True) -> None:
    """Draw a threshold: a dashed line over the plot (`across`) or up it, with its value."""
    line = axes.axhline if across else axes.axvline
    line(value, color=colour("warn"), linewidth=1, linestyle=(0, (4, 3)))
    place: tuple[float, float] = (1, value) if across else (value, 1)
    of = ("axes fraction", "data") if across else ("data", "axes fraction")
    axes.annotate(
        text, place, xycoords=of,
        textcoords="offset points", xytext=(-2, 3) if across else (3, -2), fontsize=10,
        ha="right" if across else "left", va="bottom" if across else "top",
        color=colour("warn"), gid="class-label",
    )  # fmt: skip


def draw_names(
    axes: Any, x: np.ndarray, y: np.ndarray, names: Sequence[str], most: int
) -> None:
    """Write the first names of points beside them, inwards; none that would touch another."""
    figure = axes.figure
    figure.canvas.draw()
    inside = axes.get_window_extent()
    taken: list[Any] = []
    for px, py, name in zip(x, y, names, strict=True):
        if len(taken) >= most:
            return
        at = axes.transData.transform((px, py))[0]
        left = at > (inside.x0 + inside.x1) / 2
        text = axes.annotate(
            name, (px, py), textcoords="offset points", xytext=(-8 if left else 8, 0),
            ha="right" if left else "left", va="center", fontsize=10.5, gid="class-label",
            annotation_clip=False,
        )  # fmt: skip
        box = text.get_window_extent().expanded(1.05, 1.1)
        if any(box.overlaps(other) for other in taken):
            text.remove()
        else:
            taken.append(box)


def draw_diagonal(axes: Any, top: float) -> None:
    """Draw where two values are equal."""
    dash = (0, (4, 3))
    axes.plot((0, top), (0, top), color=colour("ink"), linewidth=1, linestyle=dash, alpha=0.6)
