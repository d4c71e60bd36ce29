"""The plots of a batch whose people are lines: insert sizes, and coverage by depth."""

from collections.abc import Sequence
from html import escape

import numpy as np
import polars as pl

from varhouse.calling.curves import Floats, Ints, coverage_curves, insert_curves
from varhouse.calling.people import Person, has_several, is_flagged, name_of
from varhouse.report import svg
from varhouse.report.charts import Figure

LINES = 60
"""Up to so many people each has a line; of more there are a band, and who is far from it."""

FAR = 8
"""People that are drawn over a band: those farthest from the median."""

_KEYED = 6
"""Up to so many people have a colour of their own, and a key."""


def insert_sizes(people: Sequence[Person]) -> Figure | None:
    """Draw the share of pairs by insert size, a line a person."""
    places, found = insert_curves(people)
    if not found:
        return None
    curves = [(people[number], values) for number, values in found]
    look = (
        "Look for a line apart from the others, for two peaks (two libraries in one), and for "
        "fragments shorter than a pair of reads, whose mates overlap."
    )
    data = _curve_data(curves, places, "insert_size", "percent_of_pairs")
    return _lines(
        "inserts", "Insert sizes", curves, places, data, look,
        axes=("pairs, % per base", "insert size, bases"),
    )  # fmt: skip


def coverage(people: Sequence[Person]) -> Figure | None:
    """Draw the share of bases at least as deep, a line a person."""
    places, found = coverage_curves(people)
    if not found:
        return None
    curves = [(people[number], values) for number, values in found]
    data = _curve_data(curves, places, "depth", "percent_of_bases")
    return _lines(
        "coverage", "Coverage", curves, places, data,
        "Share of the autosomes' bases at each depth or deeper. Look for a line that falls "
        "before the others (too few reads), or flatly (uneven coverage: a poor library, or "
        "a capture).",
        axes=("bases at least so deep, %", "depth"), top=100.0,
    )  # fmt: skip


def _curve_data(
    curves: Sequence[tuple[Person, Floats]],
    places: Ints,
    at: str,
    name: str,
) -> pl.DataFrame:
    """Give the drawn curves, a column a person; of many people their quantiles."""
    if len(curves) > LINES:
        rows = np.array([c for _, c in curves])
        low, middle, high = np.quantile(rows, (0.05, 0.5, 0.95), axis=0).round(4)
        return pl.DataFrame(
            {at: places, f"{name}_5": low, f"{name}_median": middle, f"{name}_95": high}
        )
    plural = has_several([p for p, _ in curves])
    own = {name_of(p, with_cohort=plural): curve.round(4) for p, curve in curves}
    return pl.DataFrame({at: places, **own})


def _lines(
    name: str,
    title: str,
    curves: Sequence[tuple[Person, Floats]],
    places: Ints,
    data: pl.DataFrame,
    look_for: str,
    *,
    axes: tuple[str, str],
    top: float = 0.0,
) -> Figure:
    """Draw curves: each by its own where there are few, else a band and the flagged ones."""
    most = top or svg.round_above(float(max(c.max() for _, c in curves)))
    plot = svg.open_plot((0, float(places[-1])), most, *axes)
    end = float(places[-1])
    svg.write_x_ticks(plot, [(v, svg.tick_label(v)) for v in svg.ticks(0, end, 5)])
    plural = has_several([p for p, _ in curves])
    key = ""
    if len(curves) <= _KEYED:
        for i, (_, curve) in enumerate(curves):
            plot.drawing.curve(_points(plot, places, curve), i)
        names = [name_of(p, with_cohort=plural) for p, _ in curves]
        key = "".join(f"<li>{svg.swatch(i)}{escape(n)}</li>" for i, n in enumerate(names))
        key = f'<ul class="key">{key}</ul>' if len(names) > 1 else ""
    elif len(curves) <= LINES:
        for person, curve in sorted(curves, key=lambda c: is_flagged(c[0])):
            kind = "thin odd" if is_flagged(person) else "thin"
            who = name_of(person, with_cohort=plural)
            plot.drawing.add("path", who, **{"class": kind}, d=_path(plot, places, curve))
        if any(is_flagged(p) for p, _ in curves):
            look_for += " Lines in the colour of warnings: people with flags."
    else:
        middle = _band(plot, places, [c for _, c in curves])
        far = sorted(curves, key=lambda c: -float(np.abs(c[1] - middle).sum()))[:FAR]
        for person, curve in far:
            who = name_of(person, with_cohort=plural)
            plot.drawing.add(
                "path", who, **{"class": "thin odd"}, d=_path(plot, places, curve)
            )
        who = ", ".join(name_of(p, with_cohort=plural) for p, _ in far)
        look_for += (
            " Shaded: from 5 % to 95 % of the people, and their median; lines: the "
            f"{len(far)} farthest from it, {who}."
        )
    told = f"{len(curves):,} people. The values are in the data file below the plot."
    return Figure(
        name, title, plot.drawing.render(name, title, told) + key, look_for, data, legend=False
    )


def _points(plot: svg.Plot, places: Ints, curve: Floats) -> list[tuple[float, float]]:
    pairs = zip(places.tolist(), curve.tolist(), strict=True)
    return [(plot.x(x), plot.y(min(y, 1e12))) for x, y in pairs]


def _path(plot: svg.Plot, places: Ints, curve: Floats) -> str:
    return "M" + "L".join(f"{x:.0f},{y:.0f}" for x, y in _points(plot, places, curve))


def _band(plot: svg.Plot, places: Ints, curves: Sequence[Floats]) -> Floats:
    """Draw from 5 % to 95 % of the curves, and their median, which is given back."""
    rows = np.array(curves)
    low, middle, high = np.quantile(rows, (0.05, 0.5, 0.95), axis=0)
    back = _points(plot, places, low)[::-1]
    around = [*_points(plot, places, high), *back]
    outline = "M" + "L".join(f"{x:.1f},{y:.1f}" for x, y in around) + "Z"
    plot.drawing.add("path", "5 % to 95 % of the people", **{"class": "band"}, d=outline)
    plot.drawing.curve(_points(plot, places, middle), 0)
    return np.asarray(middle, np.float64)
