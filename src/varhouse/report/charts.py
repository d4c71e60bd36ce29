"""The plots of alleles: spectrum, Ts/Tv, lengths, missing genotypes, other cohorts.

Each function takes binned rows and gives a `Figure`, or None when there is nothing to
draw. `styles` says which cohorts are drawn, and how: the data that can be downloaded
hold all of them.
"""

from dataclasses import dataclass
from math import asin, pi, sin, sqrt

import polars as pl

from varhouse.report import svg
from varhouse.report.measure import AF_EDGES, AF_LABELS, GRID, INDEL_LIMIT, Measures

Styles = dict[str, int]

_AF_TICKS = [
    (i, text if text in ("0", "0.01", "0.1", "1", "10", "50", "90", "100") else "")
    for i, text in enumerate(AF_LABELS)
]

APART = 0.5
"""A correlation that even one person's alleles exceed, given APART_ALLELES of them."""

APART_ALLELES = 200

GAP_BINS = 10
"""A line along the contigs is broken where more bins than this hold no allele."""

FEW_BINS = 60

FEW_INDELS = 20
"""Cohorts with fewer insertions and deletions have no shape: drawn only when alone."""


@dataclass(frozen=True)
class Figure:
    """A plot with what stands around it.

    Attributes
    ----------
    name
        Unique in the page; also names the data file.
    title
        Heading.
    svg
        One or more SVG elements.
    look_for
        A sentence or two: what to look for.
    data
        What can be downloaded as CSV; None: it is in the file of `saved_in`.
    legend
        Whether the key of the cohorts belongs under it.
    wide
        Whether it takes the whole width of the page.
    saved_in
        Of a plot without data of its own, the id of the link that saves them, and its words.
    """

    name: str
    title: str
    svg: str
    look_for: str
    data: pl.DataFrame | None
    legend: bool = True
    wide: bool = False
    saved_in: tuple[str, str] = ("counts-data", "data: with the counts per sample")


def _of(frame: pl.DataFrame, cohort: str) -> pl.DataFrame:
    return frame.filter(pl.col("cohort") == cohort)


def spectrum(measures: Measures, styles: Styles) -> Figure | None:
    """Draw each cohort's share of alleles in every frequency bin."""
    frame = measures.spectrum.filter(pl.col("bin").is_not_null()).with_columns(
        share=100 * pl.col("n") / pl.col("n").sum().over("cohort")
    )
    shown = frame.filter(pl.col("cohort").is_in(list(styles)))
    if shown.is_empty():
        return None
    last = len(AF_LABELS) - 1
    top = svg.round_above(_largest(shown["share"]))
    plot = svg.open_plot(
        (-0.5, last + 0.5),
        top,
        "share of the cohort's alleles, %",
        "allele frequency, up to …%",
    )
    svg.write_x_ticks(plot, _AF_TICKS)
    for cohort, style in styles.items():
        mine = dict(_of(shown, cohort).select("bin", "share").rows())
        counts = dict(_of(shown, cohort).select("bin", "n").rows())
        places = [(plot.x(b), plot.y(mine.get(b, 0.0)), b) for b in range(last + 1)]
        plot.drawing.curve([(x, y) for x, y, _ in places], style)
        for x, y, b in places:
            if b in mine:
                what = f"{cohort}, {_bin_text(b)}: {counts[b]:,} alleles, {mine[b]:.1f} %"
                plot.drawing.mark(x, y, style, what)
    labels = dict(enumerate(_bin_text(b) for b in range(last + 1)))
    apart = "a cohort whose line runs apart from the others"
    if len(styles) == 1:
        apart = "a smooth fall from rare to common"
    data = measures.spectrum.select(
        "cohort",
        frequency=pl.col("bin").replace_strict(labels, default="an is 0"),
        alleles="n",
        transitions="n_ti",
        transversions="n_tv",
    )
    return Figure(
        "spectrum",
        "Allele-frequency spectrum",
        plot.drawing.render(
            "spectrum",
            "Allele-frequency spectrum of each cohort",
            _describe(styles, measures.spectrum, "alleles"),
        ),
        f"Look for {apart}. Rare alleles are most of "
        "what whole genomes hold; a dip on the left means that somebody has filtered, a peak "
        "at 50 % that paralogues or systematic errors went in. A cohort cannot have "
        "frequencies below one in twice its people.",
        data,
    )


def _bin_text(index: int) -> str:
    if index == 0:
        return "af = 0"
    if index == len(AF_LABELS) - 1:
        return "af = 1"
    low = f"{AF_EDGES[index - 2]:g}" if index > 1 else "0"
    high = f"<= {AF_EDGES[index - 1]:g}" if index <= len(AF_EDGES) else "< 1"
    return f"{low} < af {high}"


def _largest(series: pl.Series) -> float:
    top = series.max()
    return float(top) if isinstance(top, int | float) else 0.0


def _describe(styles: Styles, frame: pl.DataFrame, unit: str) -> str:
    sums = dict(frame.group_by("cohort").agg(pl.col("n").sum()).rows())
    told = "; ".join(f"{c}: {sums.get(c, 0):,} {unit}" for c in styles)
    return f"{told}. The values are in the data file below the plot."


def ts_tv(measures: Measures, styles: Styles) -> Figure | None:
    """Draw Ts/Tv by frequency bin, where a bin has at least five transversions."""
    frame = measures.spectrum.filter(pl.col("bin").is_not_null(), pl.col("n_tv") >= 5)
    frame = frame.with_columns(ratio=pl.col("n_ti") / pl.col("n_tv"))
    shown = frame.filter(pl.col("cohort").is_in(list(styles)))
    if shown.is_empty():
        return None
    last = len(AF_LABELS) - 1
    top = svg.round_above(max(_largest(shown["ratio"]), 2.5))
    plot = svg.open_plot(
        (-0.5, last + 0.5),
        top,
        "transitions for each transversion (Ts/Tv)",
        "allele frequency, up to …%",
    )
    svg.write_x_ticks(plot, _AF_TICKS)
    for cohort, style in styles.items():
        rows = _of(shown, cohort).select("bin", "ratio", "n_ti", "n_tv").sort("bin").rows()
        plot.drawing.curve([(plot.x(b), plot.y(r)) for b, r, _, _ in rows], style)
        for b, ratio, n_ti, n_tv in rows:
            what = f"{cohort}, {_bin_text(b)}: {ratio:.2f} ({n_ti:,} / {n_tv:,})"
            plot.drawing.mark(plot.x(b), plot.y(ratio), style, what)
    sums = measures.spectrum.group_by("cohort", maintain_order=True).agg(
        pl.col("n_ti", "n_tv").sum()
    )
    return Figure(
        "ts-tv",
        "Ts/Tv by frequency",
        plot.drawing.render(
            "ts-tv",
            "Ts/Tv of each cohort by allele frequency",
            "; ".join(
                f"{c}: {a:,} transitions, {b:,} transversions" for c, a, b in sums.rows()
            ),
        ),
        "Look for rare alleles with a lower ratio than common ones: false calls pull Ts/Tv "
        "towards 0.5. Whole genomes lie near 2.0 to 2.1, exomes near 3. Each allele counts "
        "once; bins with fewer than five transversions are not drawn.",
        frame.select(
            "cohort",
            frequency=pl.col("bin").replace_strict(
                {b: _bin_text(b) for b in range(last + 1)}, return_dtype=pl.String
            ),
            transitions="n_ti",
            transversions="n_tv",
            ts_tv=pl.col("ratio").round(4),
        ),
    )


def indels(measures: Measures, styles: Styles) -> Figure | None:
    """Draw the lengths of insertions and deletions: bars for one cohort, else lines."""
    frame = measures.indels.with_columns(
        share=100 * pl.col("n") / pl.col("n").sum().over("cohort")
    )
    if len(styles) > 1:
        frame = frame.filter(pl.col("n").sum().over("cohort") >= FEW_INDELS)
    shown = frame.filter(pl.col("cohort").is_in(list(styles)))
    if shown.is_empty():
        return None
    top = svg.round_above(_largest(shown["share"]))
    plot = svg.open_plot(
        (-INDEL_LIMIT - 0.5, INDEL_LIMIT + 0.5),
        top,
        "share of the cohort's indels, %",
        "length, bases (deletions < 0 < insertions)",
    )
    write = [(v, f"{v:+d}" if v else "0") for v in range(-INDEL_LIMIT, INDEL_LIMIT + 1, 10)]
    ends = {-INDEL_LIMIT: f"≤−{INDEL_LIMIT}", INDEL_LIMIT: f"≥+{INDEL_LIMIT}"}
    svg.write_x_ticks(plot, [(v, ends.get(v, t.replace("-", "−"))) for v, t in write])
    plot.drawing.line(plot.x(0), plot.top, plot.x(0), plot.bottom, "grid")
    for cohort, style in styles.items():
        rows = _of(shown, cohort).select("length", "share", "n").rows()
        if len(styles) == 1:
            wide = plot.x(1) - plot.x(0) - 1
            for length, share, n in rows:
                plot.drawing.rect(
                    plot.x(length) - wide / 2,
                    plot.y(share),
                    wide,
                    plot.bottom - plot.y(share),
                    f"bar s{style}",
                    f"{length:+d} bases: {n:,} alleles, {share:.1f} %",
                )
            continue
        shares = {length: share for length, share, _ in rows}
        for side in (range(-INDEL_LIMIT, 0), range(1, INDEL_LIMIT + 1)):
            if rows:
                plot.drawing.curve(
                    [(plot.x(v), plot.y(shares.get(v, 0.0))) for v in side], style
                )
        for length, share, n in rows:
            what = f"{cohort}, {length:+d} bases: {n:,} alleles, {share:.1f} %"
            plot.drawing.mark(plot.x(length), plot.y(share), style, what)
    return Figure(
        "indels",
        "Lengths of insertions and deletions",
        plot.drawing.render(
            "indels",
            "Lengths of insertions and deletions",
            _describe(styles, measures.indels, "insertions and deletions"),
        ),
        "Look for an even fall on both sides. Small peaks at multiples of three belong to "
        "coding sequence; one side alone, or a peak at a single length, points to the caller "
        "or to a filter."
        + (f" Cohorts with fewer than {FEW_INDELS} are not drawn." if len(styles) > 1 else ""),
        measures.indels.select("cohort", length_bases="length", alleles="n"),
    )


def missing(measures: Measures, styles: Styles) -> Figure | None:
    """Draw the share of genotypes that are not fully called along the contigs."""
    frame = measures.missing.with_columns(
        share=100 * pl.col("n_missing") / pl.col("n_genotypes")
    ).filter(pl.col("n_genotypes") > 0)
    shown = frame.filter(pl.col("cohort").is_in(list(styles)))
    if shown.is_empty():
        return None
    title = "Genotypes not called, along the contigs"
    told = frame.group_by("cohort", maintain_order=True).agg(
        pl.col("n_missing", "n_genotypes").sum()
    )
    about = "; ".join(
        f"{c}: {m:,} of {g:,} genotypes, {100 * m / g:.2f} %" for c, m, g in told.rows()
    )
    shown = shown.with_columns(n="n_missing", of="n_genotypes")
    axis = "not called, % of the genotypes"
    drawings = "".join(
        along(shown, measures, styles, width, axis).render(
            f"missing-{kind}", title, about, kind
        )
        for width, kind in ((400, "narrow"), (900, "wide"))
    )
    width = measures.bin_width
    return Figure(
        "missing",
        title,
        drawings,
        f"Look for stretches where one cohort rises over the others: a capture gap, a failed "
        f"piece or a masked region. Each point is a bin of {width:,} bases with alleles of "
        f"the cohort; not called counts people whose genotype is not complete. Over all: "
        f"{about}.",
        frame.select(
            "cohort",
            "contig",
            start=pl.col("bin").cast(pl.Int64) * width + 1,
            end=(pl.col("bin").cast(pl.Int64) + 1) * width,
            alleles="n",
            genotypes="n_genotypes",
            not_called="n_missing",
        ),
        wide=True,
    )


def along(
    shown: pl.DataFrame,
    measures: Measures,
    styles: Styles,
    width: float,
    axis: str,
    *,
    fixed_top: float | None = None,
) -> svg.Drawing:
    """Draw `share` (per cent: `n` of `of`) by `cohort, contig, bin`, a line a cohort."""
    spans = shown.group_by("contig").agg(
        low=pl.col("bin").min().cast(pl.Int64), high=pl.col("bin").max().cast(pl.Int64) + 1
    )
    found = {c: (low, high) for c, low, high in spans.rows()}
    contigs = [c for c in measures.contigs if c in found]
    total = sum(found[c][1] - found[c][0] for c in contigs)
    gap = total * 4 / width if len(contigs) > 1 else 0.0
    end = total + gap * (len(contigs) - 1)
    top = fixed_top or svg.round_above(max(_largest(shown["share"]), 0.1))
    one = contigs[0] if len(contigs) == 1 else None
    plot = svg.open_plot(
        (0, max(end, 1)),
        top,
        axis,
        f"position on contig {svg.shorten(one, 24)}, Mb" if one else "contig",
        width=width,
        height=230,
    )
    at, labels = 0.0, []
    for contig in contigs:
        low, high = found[contig]
        if one:
            scale = measures.bin_width / 1e6
            marks = svg.ticks(low * scale, high * scale, int(width / 90))
            labels = [(v / scale - low, f"{v:.6g}") for v in marks]
        else:
            labels.append((at + (high - low) / 2, svg.shorten(contig, 10)))
            if at:
                edge = plot.x(at - gap / 2)
                plot.drawing.line(edge, plot.top, edge, plot.bottom, "grid")
        for cohort, style in styles.items():
            rows = _of(shown, cohort).filter(pl.col("contig") == contig).sort("bin")
            few = _of(shown, cohort).height <= FEW_BINS
            _trace(plot, rows, at - low, style, measures.bin_width, few=few)
        at += high - low + gap
    svg.write_x_ticks(plot, labels)
    return plot.drawing


def _trace(
    plot: svg.Plot, rows: pl.DataFrame, shift: float, style: int, width: int, *, few: bool
) -> None:
    """Draw a cohort along a contig; where there are `few` bins each has a mark."""
    columns = ("cohort", "contig", "bin", "share", "n", "of")
    pieces: list[list[tuple[float, float]]] = []
    before = -(10**12)
    for cohort, contig, b, share, n, of in rows.select(columns).rows():
        x, y = plot.x(b + shift + 0.5), plot.y(share)
        if b - before > GAP_BINS:
            pieces.append([])
        before = b
        pieces[-1].append((x, y))
        if few:
            what = f"{cohort}, {contig}:{b * width + 1:,}-{(b + 1) * width:,}: {n:,} of {of:,}"
            plot.drawing.mark(x, y, style, what)
    for piece in pieces:
        plot.drawing.curve(piece, style)
        if len(piece) == 1 and not few:
            plot.drawing.mark(*piece[0], style)


def against_others(measures: Measures, cohort: str, index: int) -> Figure | None:
    """Draw the density of a cohort's frequencies against those of the others together."""
    mine = _of(measures.others, cohort)
    if mine.is_empty():
        return None
    n, r = _of(measures.agreement, cohort).select("n", "r").row(0)
    size, left, top = 300.0, 52.0, 24.0
    drawing = svg.Drawing(400, top + size + 42)
    drawing.rect(left, top, size, size, "box")
    step = size / GRID
    most = max(_largest(mine["n"]), 1.0)
    for x, y, found in mine.select("x", "y", "n").rows():
        shade = 0.25 + 0.75 * (found / most) ** 0.35
        drawing.rect(
            left + x * step,
            top + size - (y + 1) * step,
            step,
            step,
            "cell",
            f"{found:,} alleles: others {_angular_text(x)}, {cohort} {_angular_text(y)}",
            opacity=f"{shade:.2f}",
        )
    drawing.line(left, top + size, left + size, top, "diagonal")
    for value, label in (
        (0, "0"),
        (0.05, "5"),
        (0.25, "25"),
        (0.5, "50"),
        (0.75, "75"),
        (0.95, "95"),
        (1, "100"),
    ):
        at = _angular(value) * size
        drawing.line(left + at, top + size, left + at, top + size + 4, "base")
        drawing.text(left + at, top + size + 16, label, "middle")
        drawing.line(left - 4, top + size - at, left, top + size - at, "base")
        drawing.text(left - 7, top + size - at + 4, label, "end")
    drawing.text(2, 12, f"frequency in {svg.shorten(cohort, 30)}, %", kind="axis")
    drawing.text(
        left + size / 2,
        top + size + 34,
        "frequency in the other cohorts together, %",
        "middle",
        "axis",
    )
    apart = ""
    if r is not None and r < APART and n >= APART_ALLELES:
        apart = " That is no sampling: look at this cohort first."
    plural = "1 allele is assessed in" if n == 1 else f"{n:,} alleles are assessed in"
    told = "not defined" if r is None else f"{r:.3f}"
    grid = [pl.Series("b", range(GRID), dtype=pl.Int32)]
    edges = pl.DataFrame(grid).with_columns(
        low=(pl.col("b") / GRID * pi / 2).sin() ** 2,
        high=((pl.col("b") + 1) / GRID * pi / 2).sin() ** 2,
    )
    data = (
        mine.join(edges, left_on="x", right_on="b")
        .rename({"low": "others_from", "high": "others_to"})
        .join(edges, left_on="y", right_on="b")
        .rename({"low": "cohort_from", "high": "cohort_to"})
        .sort("x", "y")
        .select(
            "cohort",
            pl.col("others_from", "others_to", "cohort_from", "cohort_to").round(5),
            alleles="n",
        )
    )
    name = f"against-others-{index}"
    return Figure(
        name,
        f"{cohort} against the other cohorts",
        drawing.render(
            name,
            f"Frequencies of {cohort} against all other cohorts",
            f"{n:,} alleles assessed in both, correlation {told}",
        ),
        f"Look for a cloud off the diagonal. {plural} both; r = {told}.{apart}",
        data,
        legend=False,
    )


def _angular(value: float) -> float:

    return asin(sqrt(value)) * 2 / pi


def _angular_text(index: int) -> str:
    low, high = (sin(i / GRID * pi / 2) ** 2 for i in (index, index + 1))
    return f"{low:.3g} to {high:.3g}"
