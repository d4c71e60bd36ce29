"""Drawings as SVG text: marks, axes and numbers for people; no plotting library.

Coordinates are SVG user units, y downwards. Colours come from the page's style sheet by
class (`s0` to `s7` for cohorts), so that dark screens and paper have their own. Every
text is escaped here and nowhere else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from math import ceil, floor, isfinite, log10

STYLES = 8
"""Distinct combinations of colour, mark and dash."""

_DASHES = ("", "6 3", "2 2", "8 3 2 3", "", "6 3", "2 2", "8 3 2 3")
_MARKS = (
    "M-3.2,0a3.2,3.2 0 1,0 6.4,0a3.2,3.2 0 1,0 -6.4,0Z",
    "M-2.9,-2.9H2.9V2.9H-2.9Z",
    "M0,-3.8L3.6,2.8H-3.6Z",
    "M0,-4L4,0L0,4L-4,0Z",
    "M0,3.8L3.6,-2.8H-3.6Z",
    "M-1.2,-3.6H1.2V-1.2H3.6V1.2H1.2V3.6H-1.2V1.2H-3.6V-1.2H-1.2Z",
    "M-3.6,-1.6H3.6V1.6H-3.6Z",
    "M-1.6,-3.8H1.6V3.8H-1.6Z",
)

Scale = Callable[[float], float]


def count(n: float) -> str:
    """Write a whole number with thousands separators."""
    return f"{n:,.0f}"


def number(value: float | None, digits: int = 3) -> str:
    """Write a number to some significant digits, with thousands separators."""
    if value is None or not isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = max(0, digits - 1 - floor(log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def tick_label(value: float) -> str:
    """Write a number on an axis: `2 M` for millions, else as short as it goes."""
    if value >= 1e6:
        return f"{value / 1e6:,.4g} M"
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.6g}"


def text_width(text: str, size: float = 11) -> float:
    """Bound the width of a text in a common sans serif."""
    wide = sum(1 if ord(ch) < 0x2E80 else 1.8 for ch in text)
    return wide * size * 0.58


def shorten(text: str, length: int) -> str:
    """Cut a text that is longer than `length`, with an ellipsis."""
    return text if len(text) <= length else text[: length - 1] + "…"


def shorten_middle(text: str, length: int) -> str:
    """Cut the middle out of a text: names of samples differ at their ends."""
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return f"{text[:head]}…{text[head + 1 - length :]}"


def linear(low: float, high: float, start: float, end: float) -> Scale:
    """Give the scale that takes low..high to start..end."""
    span = (high - low) or 1.0
    return lambda v: start + (v - low) / span * (end - start)


def ticks(low: float, high: float, n: int = 5) -> list[float]:
    """Choose about n round numbers that lie in low..high."""
    if high <= low:
        return [low]
    raw = (high - low) / max(n, 1)
    power = 10.0 ** floor(log10(raw))
    step = next(f * power for f in (1, 2, 2.5, 5, 10) if f * power >= raw * 0.999)
    first = ceil(low / step - 1e-9)
    last = floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def round_above(value: float) -> float:
    """Give the end of an axis that holds a value: the next round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return float(
        next(f * power for f in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if f * power >= value * 0.9999)
    )


@dataclass
class Drawing:
    """An SVG being made: `width` x `height` user units."""

    width: float
    height: float
    parts: list[str] = field(default_factory=list)

    def add(self, tag: str, title: str = "", /, **attributes: str | float) -> None:
        """Add a shape; `title` is shown when the pointer rests on it."""
        inner = f"<title>{escape(title)}</title>" if title else ""
        self.parts.append(f"<{tag}{_attributes(attributes)}>{inner}</{tag}>")

    def text(
        self,
        x: float,
        y: float,
        text: str,
        anchor: str = "start",
        kind: str = "tick",
        title: str = "",
    ) -> None:
        """Write a text; `kind` is its class: tick, axis or name."""
        tip = f"<title>{escape(title)}</title>" if title else ""
        given: dict[str, str | float] = {
            "class": kind, "x": x, "y": y, "text-anchor": anchor,
        }  # fmt: skip
        self.parts.append(f"<text{_attributes(given)}>{escape(text)}{tip}</text>")

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> None:
        """Draw a straight line of class `kind`."""
        self.add("line", **{"class": kind}, x1=x1, y1=y1, x2=x2, y2=y2)

    def rect(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        kind: str,
        title: str = "",
        **more: str | float,
    ) -> None:
        """Draw a rectangle of class `kind`."""
        given: dict[str, str | float] = {
            "class": kind, "x": x, "y": y, "width": width, "height": height,
        }  # fmt: skip
        self.add("rect", title, **given, **more)

    def curve(self, points: Sequence[tuple[float, float]], style: int) -> None:
        """Join points by a line in a cohort's colour and dash."""
        if len(points) < 2:
            return
        path = "M" + "L".join(f"{_number(x)},{_number(y)}" for x, y in points)
        given: dict[str, str | float] = {"class": f"line s{style % STYLES}", "d": path}
        if dash := _DASHES[style % STYLES]:
            given["stroke-dasharray"] = dash
        self.add("path", "", **given)

    def mark(self, x: float, y: float, style: int, title: str = "") -> None:
        """Put a cohort's mark at a place."""
        style %= STYLES
        self.add(
            "path",
            title,
            **{"class": f"mark s{style}"},
            d=_MARKS[style],
            transform=f"translate({_number(x)},{_number(y)})",
        )

    def render(self, name: str, title: str, description: str, kind: str = "") -> str:
        """Give the SVG element; `name` is unique in the page."""
        return (
            f'<svg class="{kind}" viewBox="0 0 {_number(self.width)} {_number(self.height)}" '
            f'role="img" aria-labelledby="{escape(name)}-t {escape(name)}-d">'
            f'<title id="{escape(name)}-t">{escape(title)}</title>'
            f'<desc id="{escape(name)}-d">{escape(description)}</desc>'
            f"{''.join(self.parts)}</svg>"
        )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _attributes(given: dict[str, str | float]) -> str:
    return "".join(
        f' {k}="{escape(v) if isinstance(v, str) else _number(v)}"' for k, v in given.items()
    )


def swatch(style: int) -> str:
    """Draw the key of a cohort: its dash and mark."""
    drawing = Drawing(30, 12)
    drawing.curve([(1, 6), (29, 6)], style)
    drawing.mark(15, 6, style)
    inner = "".join(drawing.parts)
    return f'<svg class="swatch" viewBox="0 0 30 12" aria-hidden="true">{inner}</svg>'


@dataclass(frozen=True)
class Plot:
    """A drawing with a box to plot in and its two scales.

    Attributes
    ----------
    left, top, right, bottom
        Edges of the box.
    x, y
        From values to places.
    """

    drawing: Drawing
    left: float
    top: float
    right: float
    bottom: float
    x: Scale
    y: Scale


def open_plot(
    x: tuple[float, float],
    y_top: float,
    y_title: str,
    x_title: str,
    *,
    width: float = 400,
    height: float = 250,
    n_ticks: int = 4,
) -> Plot:
    """Start a plot whose y axis runs from 0 to `y_top`; the x ticks are the caller's.

    The y title stands over the axis, unturned, where a phone shows it as well.
    """
    marks = ticks(0, y_top, n_ticks)
    left = 10 + max(text_width(tick_label(v)) for v in marks)
    top, right, bottom = 28.0, width - 20, height - 40
    drawing = Drawing(width, height)
    plot = Plot(
        drawing,
        left,
        top,
        right,
        bottom,
        linear(*x, left, right),
        linear(0, y_top, bottom, top),
    )
    for v in marks:
        drawing.line(left, plot.y(v), right, plot.y(v), "grid" if v else "base")
        drawing.text(left - 5, plot.y(v) + 4, tick_label(v), "end")
    drawing.text(2, 12, y_title, kind="axis")
    drawing.text((left + right) / 2, height - 6, x_title, "middle", "axis")
    return plot


def write_x_ticks(plot: Plot, marks: Sequence[tuple[float, str]]) -> None:
    """Write tick labels under a plot; one that would touch the label before is left out."""
    free = -1e9
    for value, label in marks:
        at, half = plot.x(value), text_width(label) / 2
        plot.drawing.line(at, plot.bottom, at, plot.bottom + (4 if label else 2), "base")
        if not label or at - half < free:
            continue
        plot.drawing.text(at, plot.bottom + 16, label, "middle")
        free = at + half + 4
