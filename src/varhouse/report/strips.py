"""The plots of people: one strip a cohort (individual level: not in an open report)."""

import numpy as np
import polars as pl

from varhouse.report import svg
from varhouse.report.charts import Figure, Styles
from varhouse.report.people import LIMIT, MEASURES
from varhouse.tables.spread import LEAST

DOTS = 150
"""Up to so many people each has a dot; more are drawn as a histogram."""

_LABELLED = 3
_STEP = 64.0
_LOOK = {
    "ts_tv": "Look for single people far from their cohort: contamination and poor libraries "
    "pull Ts/Tv down.",
    "het_hom": "Look for single people far from their cohort: contamination raises "
    "het/hom-alt, related parents or lost alleles lower it; a whole cohort apart is another "
    "population or another caller.",
    "n_missing": "Look for people with many genotypes not called: thin sequencing, or a "
    "sample that is not of this batch.",
}


def ratio_strip(people: pl.DataFrame, name: str, styles: Styles) -> Figure | None:
    """Draw a ratio of `people.MEASURES` per sample, outliers named."""
    label = MEASURES[name][2]
    far = pl.col(f"{name}_far").abs() > LIMIT
    frame = people.with_columns(value=pl.col(name), out=far.fill_null(value=False))
    undefined = frame["value"].null_count()
    n_out = int(frame["out"].sum())
    who = f"{n_out:,} of {frame.height:,} people lie" if n_out else "Nobody lies"
    note = f" {who} more than {LIMIT:g} spreads from the cohort's median"
    note += " (marked by a ring)." if n_out else "."
    if frame.select((pl.len().over("cohort") < LEAST).any()).item():
        note += f" Cohorts under {LEAST} people are not judged."
    if undefined:
        note += f" {undefined:,} people without a denominator have no ratio."
    return draw_strip(
        frame, name.replace("_", "-"), f"{label} per sample", label, styles, _LOOK[name] + note
    )


def missing_strip(people: pl.DataFrame, styles: Styles) -> Figure | None:
    """Draw the genotypes not called per sample."""
    frame = people.with_columns(
        value=pl.col("n_missing").cast(pl.Float64), out=pl.lit(value=False)
    )
    title = "Genotypes not called per sample"
    return draw_strip(
        frame, "n-missing", title, "genotypes not called", styles, _LOOK["n_missing"]
    )


def draw_strip(
    frame: pl.DataFrame, name: str, title: str, axis: str, styles: Styles, look_for: str
) -> Figure | None:
    """Draw a value of each person, a strip a cohort: dots, or a histogram of many.

    Parameters
    ----------
    frame
        cohort, sample, ordinal (spreads the dots), value, and out: has a ring, and the name.
    axis
        What the value is.
    """
    shown = frame.filter(pl.col("cohort").is_in(list(styles)), pl.col("value").is_not_null())
    if shown.is_empty():
        return None
    low, high, n_beyond = _range(shown)
    if n_beyond:
        look_for += f" {n_beyond:,} beyond the axis are drawn at its end."
    bottom = 6 + _STEP * len(styles)
    drawing = svg.Drawing(400, bottom + 40)
    x = svg.linear(low, high, 12, 388)
    plot = svg.Plot(drawing, 12, 6, 388, bottom, x, x)
    for v in (marks := svg.ticks(low, high, 5)):
        drawing.line(x(v), 6, x(v), bottom, "grid")
    drawing.line(12, bottom, 388, bottom, "base")
    shown = shown.with_columns(at=pl.col("value").clip(low, high))
    told = []
    for i, (cohort, style) in enumerate(styles.items()):
        mine = shown.filter(pl.col("cohort") == cohort)
        y = 6 + i * _STEP
        middle = mine["value"].median()
        usual = "no value" if mine.is_empty() else f"median {svg.number(_float(middle))}"
        text = f"{svg.shorten(cohort, 24)}: {mine.height:,} people, {usual}"
        told.append(text)
        drawing.text(2, y + 13, text, kind="name", title=cohort)
        if not mine.is_empty():
            _row(plot, mine, y + 20, style, axis)
            at = x(_float(mine["at"].median()))
            drawing.line(at, y + 20, at, y + _STEP - 4, "median")
    svg.write_x_ticks(plot, [(v, svg.tick_label(v)) for v in marks])
    drawing.text(200, bottom + 34, axis, "middle", "axis")
    return Figure(
        f"people-{name}",
        title,
        drawing.render(f"people-{name}", title, "; ".join(told)),
        look_for,
        None,
        legend=False,
    )


def _range(shown: pl.DataFrame) -> tuple[float, float, int]:
    """Choose the ends of the axis, and count who lies beyond: a long tail is cut."""
    values = shown["value"]
    low, high = _float(values.min()), 0.0
    for _, mine in shown.group_by("cohort"):
        most = _float(mine["value"].max())
        usual = _float(mine["value"].quantile(0.995, "nearest"))
        reach = usual + 0.25 * (usual - low)
        cut = mine.height > DOTS and usual > low and most > low + 2 * (usual - low)
        high = max(high, reach if cut else most)
    if high - low < 1e-9:
        return (low - 0.5 if low else 0.0), high + 0.5, 0
    return low, high, int((values > high).sum())


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _row(plot: svg.Plot, mine: pl.DataFrame, top: float, style: int, axis: str) -> None:
    """Draw one cohort between `top` and the end of its strip."""
    height = _STEP - 26
    values = mine["at"].to_numpy()
    if mine.height <= DOTS:
        # The golden ratio spreads neighbours; the same page comes out every time.
        rise = (mine["ordinal"].to_numpy() * 0.618034) % 1
        real = mine["value"].to_list()
        for sample, value, at, r in zip(mine["sample"], real, values, rise, strict=True):
            where = plot.x(at), top + 4 + r * (height - 8)
            what = f"{sample}: {axis} {svg.number(value)}"
            plot.drawing.mark(*where, style, what)
    else:
        bins = np.linspace(values.min(), max(values.max(), values.min() + 1e-9), 61)
        counts, edges = np.histogram(values, bins)
        for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True):
            if n:
                tall = max(height * n / counts.max(), 1.0)
                width = max(plot.x(b) - plot.x(a) - 0.4, 0.8)
                what = f"{svg.number(a)} to {svg.number(b)}: {n:,} people"
                plot.drawing.rect(
                    plot.x(a), top + height - tall, width, tall, f"bar s{style}", what
                )
    _name_outliers(plot, mine, top, axis)


def _name_outliers(plot: svg.Plot, mine: pl.DataFrame, top: float, axis: str) -> None:
    height = _STEP - 26
    out = mine.filter("out").sort("value")
    rise = (out["ordinal"].to_numpy() * 0.618034) % 1
    centre = (plot.left + plot.right) / 2
    taken: list[tuple[float, float, float]] = []
    columns = (out["sample"], out["value"], out["at"], rise)
    for sample, value, place, r in zip(*columns, strict=True):
        at = plot.x(place)
        y = top + 4 + r * (height - 8) if mine.height <= DOTS else top + height - 5
        what = f"{sample}: {axis} {svg.number(value)}"
        plot.drawing.add("circle", what, **{"class": "ring"}, cx=at, cy=y, r=5.5)
        label = svg.shorten_middle(sample, 14)
        wide = svg.text_width(label, 10)
        start = at - 8 - wide if at > centre else at + 8
        clash = any(
            abs(y - ty) < 12 and start < tb + 4 and ta - 4 < start + wide
            for ty, ta, tb in taken
        )
        if len(taken) < _LABELLED and not clash:
            taken.append((y, start, start + wide))
            plot.drawing.text(start, y + 4, label, kind="label", title=sample)
