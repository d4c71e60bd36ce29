"""The plots of a batch that show people one by one: reads, X and Y, contamination, ratios.

With few people each is drawn; with many (`BARS`, `DOTS`, `INTERVALS`) the flagged ones, or
what all are together, so that the page does not grow with them.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.calling.people import Person, has_several, is_flagged, name_of, value_of
from varhouse.reads.figures import LIMITS
from varhouse.report import svg
from varhouse.report.charts import Figure
from varhouse.report.strips import draw_strip

BARS = 40
"""Up to so many people each has a bar with the name; of more there are columns by size."""

COLUMNS = 120
DOTS = 2_000
"""People that are drawn as dots, and that stand in the data of a plot, at most."""

INTERVALS = 20
SEXES = ("female", "male", "unknown")
"""In the order of their styles."""


def parts_of(person: Person) -> tuple[float, float, float] | None:
    """Give the reads of a person: mapped once, duplicates, not mapped."""
    reads = value_of(person, "reads")
    if not reads:
        return None
    mapped = reads * (value_of(person, "mapped") or 0.0)
    again = mapped * (value_of(person, "duplicates") or 0.0)
    return mapped - again, again, reads - mapped


def reads_figure(people: Sequence[Person]) -> Figure | None:
    """Draw the reads of each person: mapped, duplicates, not mapped."""
    found = [(p, parts) for p in people if (parts := parts_of(p)) is not None]
    if not found:
        return None
    labels = ("mapped", "duplicates", "not mapped")
    plural = has_several(people)
    drawing = (
        _read_bars(found, labels, plural) if len(found) <= BARS else _columns(found, labels)
    )
    many = ""
    if len(found) > BARS:
        many = " People stand by their number of reads, the fewest on the left."
    data = pl.DataFrame(
        [
            (p["cohort"], p["sample"], *map(round, parts), value_of(p, "reads_trimmed"))
            for p, parts in found[:DOTS]
        ],
        ["cohort", "sample", "mapped_once", "duplicates", "not_mapped", "trimmed"],
        orient="row",
    )
    return Figure(
        "reads",
        "Reads",
        drawing + _key(labels),
        "Look for people with few reads, and for many duplicates or reads that do not map."
        + many,
        data,
        legend=False,
        wide=True,
    )


def _read_bars(
    found: Sequence[tuple[Person, tuple[float, float, float]]],
    labels: Sequence[str],
    plural: bool,
) -> str:
    """Draw a bar a person, in a narrow and a wide form."""
    top = svg.round_above(max(sum(parts) for _, parts in found))
    out = ""
    for kind, width in (("narrow", 400.0), ("wide", 900.0)):
        left = 132.0
        bottom = 8 + 18.0 * len(found)
        drawing = svg.Drawing(width, bottom + 40)
        x = svg.linear(0, top, left, width - 16)
        plot = svg.Plot(drawing, left, 8, width - 16, bottom, x, x)
        marks = svg.ticks(0, top, 4)
        for v in marks:
            drawing.line(x(v), 8, x(v), bottom, "grid" if v else "base")
        for i, (person, parts) in enumerate(found):
            y = 8 + 18.0 * i
            name = name_of(person, with_cohort=plural)
            drawing.text(left - 6, y + 13, svg.shorten_middle(name, 20), "end", title=name)
            for k, (begin, n) in enumerate(_stacked(parts)):
                what = f"{name}: {n:,.0f} {labels[k]}"
                wide = x(begin + n) - x(begin)
                drawing.rect(x(begin), y + 3, max(wide, 0.0), 12, f"bar s{k}", what)
        svg.write_x_ticks(plot, [(v, svg.tick_label(v)) for v in marks])
        drawing.text((left + width) / 2, bottom + 34, "reads, both mates", "middle", "axis")
        told = "; ".join(f"{p['sample']}: {sum(parts):,.0f}" for p, parts in found)
        out += drawing.render(f"reads-{kind}", "Reads of each person", told, kind)
    return out


def _stacked(parts: Sequence[float]) -> list[tuple[float, float]]:
    """Give where each part begins, and what it is."""
    return list(zip([0.0, *accumulate(parts)], parts, strict=False))


def _columns(
    found: Sequence[tuple[Person, tuple[float, float, float]]], labels: Sequence[str]
) -> str:
    """Draw people by size in columns of several, each the mean of its people."""
    rows = np.array(sorted((parts for _, parts in found), key=sum))
    told = f"{len(rows):,} people, {rows.sum():,.0f} reads"
    return "".join(
        _column_plot(np.array_split(rows, min(n, len(rows))), labels, width).render(
            f"reads-{kind}", "Reads of people, by their number", told, kind
        )
        for kind, width, n in (("narrow", 400.0, COLUMNS // 2), ("wide", 900.0, COLUMNS))
    )


def _column_plot(
    pieces: Sequence[npt.NDArray[np.float64]], labels: Sequence[str], width: float
) -> svg.Drawing:
    top = svg.round_above(max(float(p.sum(axis=1).max()) for p in pieces))
    plot = svg.open_plot(
        (0, len(pieces)), top, "reads, both mates", "people, by their number of reads",
        width=width, height=260,
    )  # fmt: skip
    first = 0
    for i, piece in enumerate(pieces):
        wide = plot.x(i + 1) - plot.x(i)
        who = (
            f"{first + 1:,} to {first + len(piece):,}" if len(piece) > 1 else f"{first + 1:,}"
        )
        first += len(piece)
        for k, (begin, n) in enumerate(_stacked(piece.mean(axis=0).tolist())):
            tall = plot.y(begin) - plot.y(begin + n)
            what = f"people {who}: {n:,.0f} {labels[k]}"
            plot.drawing.rect(
                plot.x(i), plot.y(begin + n), wide - 0.4, max(tall, 0.0), f"bar s{k}", what
            )
    return plot.drawing


def _key(labels: Sequence[str]) -> str:
    """Write a key of the colours of bars."""
    items = ""
    for k, label in enumerate(labels):
        drawing = svg.Drawing(30, 12)
        drawing.rect(4, 1, 22, 10, f"bar s{k}")
        inner = "".join(drawing.parts)
        items += (
            f'<li><svg class="swatch" viewBox="0 0 30 12" aria-hidden="true">{inner}</svg>'
        )
        items += f"{label}</li>"
    return f'<ul class="key">{items}</ul>'


def sexes(people: Sequence[Person]) -> Figure | None:
    """Draw coverage of X against that of Y, with the sex of the sheet."""
    found = [
        p
        for p in people
        if value_of(p, "x_ratio") is not None and value_of(p, "y_ratio") is not None
    ]
    if not found:
        return None
    shown = sorted(found, key=is_flagged, reverse=True)[:DOTS]
    across = max(1.25, *(1.1 * value_of(p, "x_ratio") for p in shown))
    top = max(0.75, svg.round_above(max(value_of(p, "y_ratio") for p in shown)))
    plot = svg.open_plot((0, across), top, "Y over autosomes", "X over autosomes", height=300)
    svg.write_x_ticks(plot, [(v, f"{v:g}") for v in svg.ticks(0, across, 5)])
    for x, y, label in ((1.0, 0.0, "XX"), (0.5, 0.5, "XY")):
        plot.drawing.add("circle", f"where {label} is expected", **{"class": "expected"},
                         cx=plot.x(x), cy=plot.y(y), r=16.0)  # fmt: skip
        plot.drawing.text(plot.x(x) + 19, plot.y(y) - 8, label, kind="label")
    plural = has_several(people)
    for person in reversed(shown):
        at = plot.x(value_of(person, "x_ratio")), plot.y(value_of(person, "y_ratio"))
        sheet, reads = value_of(person, "sex"), value_of(person, "sex_by_reads")
        what = (
            f"{name_of(person, with_cohort=plural)}: X {value_of(person, 'x_ratio'):.2f}, "
            f"Y {value_of(person, 'y_ratio'):.2f}; {sheet} by the sheet, "
            f"{reads or 'not known'} by the reads"
        )
        plot.drawing.mark(*at, _style_of(sheet), what)
        if sheet in SEXES[:2] and reads not in (None, sheet):
            plot.drawing.add("circle", what, **{"class": "ring"}, cx=at[0], cy=at[1], r=6.0)
    given = sorted({_style_of(value_of(p, "sex")) for p in shown})
    key = "".join(f"<li>{_dot(i)}{SEXES[i]} by the sheet</li>" for i in given)
    key = f'<ul class="key">{key}</ul>'
    told = f"{len(found):,} people"
    data = pl.DataFrame(
        [(p["cohort"], p["sample"], *(value_of(p, n) for n in _SEX_COLUMNS)) for p in shown],
        ["cohort", "sample", *_SEX_COLUMNS],
        orient="row",
    )
    return Figure(
        "sexes", "X and Y",
        plot.drawing.render("sexes", "Coverage of X and Y", told) + key,
        "Look for people away from both circles (other numbers of sex chromosomes, "
        "contamination), and for rings: the sheet and the reads disagree, so two people may "
        "be swapped.",
        data, legend=False,
    )  # fmt: skip


_SEX_COLUMNS = ("x_ratio", "y_ratio", "mt_ratio", "sex", "sex_by_reads", "karyotype")


def _style_of(sex: Any) -> int:
    return SEXES.index(sex) if sex in SEXES else 2


def _dot(style: int) -> str:
    drawing = svg.Drawing(30, 12)
    drawing.mark(15, 6, style)
    inner = "".join(drawing.parts)
    return f'<svg class="swatch" viewBox="0 0 30 12" aria-hidden="true">{inner}</svg>'


def contamination(people: Sequence[Person]) -> Figure | None:
    """Draw the estimates of contamination with their intervals, the highest first."""
    found = [p for p in people if value_of(p, "contamination") is not None]
    if not found:
        return None
    found.sort(key=lambda p: (-value_of(p, "contamination"), p["cohort"], p["sample"]))
    shown = found[:INTERVALS]
    limit = next(x.most for x in LIMITS if x.figure == "contamination")
    highs = [value_of(p, "contamination_high") or value_of(p, "contamination") for p in shown]
    top = svg.round_above(max(100 * max(highs), 100 * (limit or 0) * 1.5))
    left, bottom = 132.0, 8 + 18.0 * len(shown)
    drawing = svg.Drawing(400, bottom + 40)
    x = svg.linear(0, top, left, 388)
    plot = svg.Plot(drawing, left, 8, 388, bottom, x, x)
    for v in (marks := svg.ticks(0, top, 4)):
        drawing.line(x(v), 8, x(v), bottom, "grid" if v else "base")
    if limit is not None:
        drawing.line(x(100 * limit), 8, x(100 * limit), bottom, "limit")
    plural = has_several(people)
    for i, person in enumerate(shown):
        y, name = 17 + 18.0 * i, name_of(person, with_cohort=plural)
        value = 100 * value_of(person, "contamination")
        low, high = (
            100
            * (value / 100 if (v := value_of(person, f"contamination_{end}")) is None else v)
            for end in ("low", "high")
        )
        what = f"{name}: {value:.2f} %, {low:.2f} to {high:.2f} %"
        drawing.text(left - 6, y + 4, svg.shorten_middle(name, 20), "end", title=name)
        drawing.line(x(low), y, x(high), y, "whisker")
        drawing.mark(x(value), y, 1 if limit is not None and value > 100 * limit else 0, what)
    svg.write_x_ticks(plot, [(v, svg.tick_label(v)) for v in marks])
    drawing.text((left + 388) / 2, bottom + 34, "reads of somebody else, %", "middle", "axis")
    names = ("contamination", "contamination_low", "contamination_high", "contamination_sites")
    data = pl.DataFrame(
        [(p["cohort"], p["sample"], *(value_of(p, n) for n in names)) for p in found[:DOTS]],
        ["cohort", "sample", *names],
        orient="row",
    )
    more = f" The {INTERVALS} highest of {len(found):,}." if len(found) > INTERVALS else ""
    told = f"{len(found):,} people, at most {100 * value_of(found[0], 'contamination'):.2f} %"
    return Figure(
        "contamination", "Contamination",
        drawing.render("contamination", "Contamination with its interval", told),
        "Look for intervals beyond the dashed line: reads of somebody else are among this "
        f"person's, and heterozygotes that are none are called.{more}",
        data, legend=False,
    )  # fmt: skip


def strip(people: Sequence[Person], name: str, title: str, look_for: str) -> Figure | None:
    """Draw a figure of each person in a strip a cohort; who is out of its limit has a ring."""
    cohorts = sorted({p["cohort"] for p in people})
    codes = {x.code for x in LIMITS if x.figure == name}
    rows = [
        (p["cohort"], p["sample"], i, value_of(p, name),
         any(f["code"] in codes for f in p.get("flags") or ()))
        for i, p in enumerate(people)
    ]  # fmt: skip
    schema = {"cohort": pl.String, "sample": pl.String, "ordinal": pl.Int64,
              "value": pl.Float64, "out": pl.Boolean}  # fmt: skip
    frame = pl.DataFrame(rows, schema, orient="row")
    styles = {c: i for i, c in enumerate(cohorts[: svg.STYLES])}
    if len(cohorts) > svg.STYLES:
        look_for += f" The first {svg.STYLES} of {len(cohorts):,} cohorts."
    plot = draw_strip(frame, name.replace("_", "-"), title, title, styles, look_for)
    data = frame.head(DOTS).select("cohort", "sample", **{name: "value"})
    return plot and replace(plot, data=data)
