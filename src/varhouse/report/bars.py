"""The plots of counts by name: consequence classes, rejects, time and memory."""

from math import log10
from typing import Any

import polars as pl

from varhouse.report import svg
from varhouse.report.charts import Figure, Styles
from varhouse.report.measure import Measures

IMPACTS = ("HIGH", "MODERATE", "LOW", "MODIFIER")
NO_TRANSCRIPT = "no transcript near"
REASONS = 14
"""Bars of rejects that are drawn at most."""


def consequences(measures: Measures, styles: Styles) -> Figure | None:
    """Draw how many alleles have each term as their most severe, on a log axis."""
    frame = measures.consequences
    shown = frame.filter(pl.col("cohort").is_in(list(styles)))
    if frame["term"].null_count() == frame.height or shown.is_empty():
        return None
    rows = _by_severity(shown)
    top = max(10.0, 10.0 ** _ceil_log(shown["n"].max()))
    single = len(styles) == 1
    left, right, row, head = 172.0, 332.0 if single else 378.0, 20.0, 22.0
    groups = len({r[0] for r in rows})
    bottom = 24 + groups * head + len(rows) * row
    drawing = svg.Drawing(400, bottom + 40)
    x = svg.linear(0, log10(top), left, right)
    drawing.text(2, 12, "alleles by their most severe consequence", kind="axis")
    for power in range(round(log10(top)) + 1):
        drawing.line(x(power), 24, x(power), bottom, "grid" if power else "base")
    svg.write_x_ticks(
        svg.Plot(drawing, left, 24, right, bottom, x, x),
        [(p, svg.tick_label(10.0**p)) for p in range(round(log10(top)) + 1)],
    )
    drawing.text((left + right) / 2, bottom + 34, "alleles (log scale)", "middle", "axis")
    y, before = 24.0, ""
    for impact, label, counts in rows:
        if impact != before:
            drawing.text(2, y + 16, impact or "NONE", kind="name")
            y, before = y + head, impact
        middle = y + row / 2
        drawing.text(left - 6, middle + 4, svg.shorten(label, 27), "end", title=label)
        drawing.line(left, middle, right, middle, "grid")
        for cohort, n in counts:
            aside = (styles[cohort] - (len(styles) - 1) / 2) * min(3.0, 14 / len(styles))
            what = f"{cohort}, {label}: {n:,}"
            drawing.mark(x(log10(n)), middle + aside, styles[cohort], what)
            if single:
                drawing.text(398, middle + 4, svg.count(n), "end")
        y += row
    high = frame.filter(pl.col("impact") == "HIGH")["n"].sum()
    return Figure(
        "consequences",
        "Consequence classes",
        drawing.render(
            "consequences",
            "Alleles by their most severe consequence",
            "; ".join(
                f"{label}: {', '.join(f'{c} {n:,}' for c, n in counts)}"
                for _, label, counts in rows
            ),
        ),
        f"Look for too many HIGH: true loss of function is rare, so a cohort far to the right "
        f"of the others there carries errors. HIGH here: {high:,}. Every allele "
        "counts once, by its most severe term over all transcripts.",
        frame.sort("cohort", "rank", nulls_last=True).select(
            "cohort",
            impact=pl.col("impact").fill_null(""),
            most_severe=pl.col("term").fill_null(NO_TRANSCRIPT),
            alleles="n",
        ),
    )


def _by_severity(shown: pl.DataFrame) -> list[tuple[str, str, list[tuple[str, int]]]]:
    """Give impact, label and the counts of the cohorts of each term, most severe first."""
    order = pl.col("impact").replace_strict(
        {v: i for i, v in enumerate(IMPACTS)}, default=len(IMPACTS), return_dtype=pl.Int32
    )
    ranked = (
        shown.with_columns(order=order)
        .group_by("order", "rank", "impact", "term")
        .agg("cohort", "n")
        .sort("order", "rank", nulls_last=True)
    )
    columns = ("impact", "term", "cohort", "n")
    out = []
    for impact, term, cohorts, counts in ranked.select(columns).rows():
        label = (term or NO_TRANSCRIPT).removesuffix("_variant").replace("_", " ")
        out.append((impact or "", label, list(zip(cohorts, counts, strict=True))))
    return out


def _ceil_log(value: Any) -> int:
    power = 0
    while 10**power < (value or 1):
        power += 1
    return power


def _bars(name: str, title: str, over: str, rows: list[tuple[str, float, str, int]]) -> str:
    """Draw horizontal bars: label above the bar, value at its end.

    `rows` are label, value, the value as text, and the style.
    """
    top = max((v for _, v, _, _ in rows), default=0) or 1
    room = max((svg.text_width(t, 13) for _, _, t, _ in rows), default=0) + 8
    step = 34.0
    drawing = svg.Drawing(400, 22 + step * len(rows) + 4)
    drawing.text(2, 12, over, kind="axis")
    x = svg.linear(0, top, 2, 398 - room)
    for i, (label, value, text, style) in enumerate(rows):
        y = 22 + i * step
        drawing.text(2, y + 12, svg.shorten(label, 58), title=label)
        drawing.rect(2, y + 17, max(x(value) - 2, 0.8), 11, f"bar s{style % svg.STYLES}")
        drawing.text(max(x(value), 3) + 5, y + 27, text, kind="name")
    told = "; ".join(f"{label}: {text}" for label, _, text, _ in rows)
    return drawing.render(name, title, told)


def rejects(frame: pl.DataFrame, styles: Styles, meanings: dict[str, str]) -> Figure | None:
    """Draw the rejects by reason and cohort.

    Parameters
    ----------
    frame
        `reason, cohort, n`.
    meanings
        Reason to a few words on its fix.
    """
    if frame.is_empty():
        return None
    rows: list[tuple[str, float, str, int]] = [
        (f"{reason}, {cohort}", n, svg.count(n), styles.get(cohort, 0))
        for reason, cohort, n in frame.head(REASONS).rows()
    ]
    more = frame.height - len(rows)
    reasons = frame["reason"].unique(maintain_order=True).to_list()
    told = "; ".join(f"{r}: {meanings[r]}" for r in reasons if r in meanings)
    return Figure(
        "rejects",
        "Records and alleles rejected, by reason",
        _bars("rejects", "Rejects by reason and cohort", "records or alleles", rows),
        "Look for a reason that takes a large part of a cohort: a rule or a file is wrong "
        f"then, not single records.{f' {more} more are in the data.' if more else ''}"
        f"{f' To fix: {told}.' if told else ''}",
        frame,
        legend=False,
    )


def stages(found: list[dict[str, Any]]) -> list[Figure]:
    """Draw time and peak memory of the stages: two figures, or none."""
    rows = [s for s in found if "stage" in s]
    if not rows:
        return []
    frame = pl.DataFrame(
        {
            "stage": [str(s["stage"]) for s in rows],
            "jobs": [s.get("jobs") for s in rows],
            "wall_s": [s.get("wall_s") for s in rows],
            "cpu_s": [s.get("cpu_s") for s in rows],
            "peak_mb": [s.get("peak_mb") for s in rows],
        },
        schema={
            "stage": pl.String,
            "jobs": pl.Int64,
            "wall_s": pl.Float64,
            "cpu_s": pl.Float64,
            "peak_mb": pl.Float64,
        },
    )
    time: list[tuple[str, float, str, int]] = []
    memory: list[tuple[str, float, str, int]] = []
    for stage, jobs, wall, cpu, peak in frame.rows():
        noun = "job" if jobs == 1 else "jobs"
        # Of Snakemake and the command only the time on a processor is their own.
        spent = wall or cpu or 0
        time.append((f"{stage}, {jobs or 0:,} {noun}", spent, f"{spent:,.1f} s", 0))
        text = "not measured" if peak is None else f"{peak:,.0f} MB"
        memory.append((stage, peak or 0, text, 0))
    all_wall, all_cpu = frame["wall_s"].sum(), frame["cpu_s"].sum()
    over, most = "seconds, summed over the jobs of a stage", "MB, the largest job of a stage"
    return [
        Figure(
            "time",
            "Time by stage",
            _bars("time", "Wall time by stage", over, time),
            f"Look for the stage that has grown since the last ingest. Jobs run side by side, "
            f"so the sum, {all_wall:,.1f} s, is more than the hours on the clock; they all "
            f"took {all_cpu:,.1f} s of a processor.",
            frame,
            legend=False,
        ),
        Figure(
            "memory",
            "Memory by stage",
            _bars("memory", "Peak memory by stage", most, memory),
            "Look for a stage that comes near the memory of a machine or of its cluster job. "
            "Memory should not grow with the store.",
            frame.select("stage", "jobs", "peak_mb"),
            legend=False,
        ),
    ]
