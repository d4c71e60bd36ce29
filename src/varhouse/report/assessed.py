"""Who was assessed and called, variant or not: what the blocks of gVCFs and the BEDs say.

Of a cohort without rows in `callable` nothing is known beside the sites of its alleles, and
of one with VCFs of one person each nothing beside their records; they are left out here.
"""

import polars as pl

from varhouse.report import charts
from varhouse.report.charts import Figure, Styles
from varhouse.report.measure import Measures
from varhouse.store.reader import Store

LEVELS = ("assessed", "called", "adj")
"""Kinds of bases that are told apart, summed over people; each is a part of the one before."""

_LEVEL = {
    "assessed": pl.col("n_samples"),
    "called": pl.col("n_samples") - pl.col("n_missing"),
    "adj": (pl.col("n_samples_adj") - pl.col("n_missing_adj")).fill_null(0),
}


def assessed(store: Store, cohorts: list[str], width: int) -> pl.DataFrame:
    """Add up the bases at which people were assessed, called, and called with high quality.

    Parameters
    ----------
    store
        The store at the release to read.
    cohorts
        Names of the cohorts.
    width
        Bases of a bin.

    Returns
    -------
    pl.DataFrame
        `cohort, contig, bin` (0-based) and LEVELS: bases x people of stratum `all`. Bins
        between those of a contig that nobody was assessed in are there, with 0.
    """
    first, last = (pl.col("start") - 1) // width, (pl.col("end") - 1) // width
    everybody = store.scan("callable", cohort=cohorts).filter(
        pl.col("stratum_by") == "all", pl.col("start") > 0
    )
    rows = (
        everybody.filter(pl.col("cohort").is_in(_told_between_records(everybody)))
        .select("cohort", "contig", "start", "end", first=first, last=last, **_LEVEL)
        .with_columns(pl.col("first", "last", *LEVELS).cast(pl.Int64))
    )
    bin_end = (pl.col("first") + 1) * width
    several = pl.col("last") > pl.col("first")
    # A row lies in its first bin, in its last one, and whole in those between, which are
    # opened behind the first and closed at the last: nothing grows with their number.
    pieces: list[tuple[pl.LazyFrame, str, pl.Expr | int, int]] = [
        (rows, "first", pl.min_horizontal("end", bin_end) - pl.col("start") + 1, 0),
        (rows.filter(several), "last", pl.col("end") - pl.col("last") * width, 0),
        (rows.filter(several).with_columns(pl.col("first") + 1), "first", 0, width),
        (rows.filter(several), "last", 0, -width),
    ]
    sums = [
        frame.group_by("cohort", "contig", bin=at).agg(
            *((pl.col(x) * inside).sum().cast(pl.Int64).alias(x) for x in LEVELS),
            *((pl.col(x) * whole).sum().cast(pl.Int64).alias(f"{x}_on") for x in LEVELS),
        )
        for frame, at, inside, whole in pieces
    ]
    found = (
        pl.concat(sums)
        .group_by("cohort", "contig", "bin")
        .agg(pl.all().sum())
        .collect(engine="streaming")
    )
    spans = found.group_by("cohort", "contig").agg(
        bin=pl.int_ranges(pl.col("bin").min(), pl.col("bin").max() + 1)
    )
    return (
        spans.explode("bin", empty_as_null=True)
        .join(found, on=["cohort", "contig", "bin"], how="left")
        .sort("cohort", "contig", "bin")
        .with_columns(pl.col("^assessed.*|called.*|adj.*$").fill_null(0))
        .select(
            "cohort",
            "contig",
            "bin",
            *(
                pl.col(x) + pl.col(f"{x}_on").cum_sum().over("cohort", "contig")
                for x in LEVELS
            ),
        )
    )


def _told_between_records(rows: pl.LazyFrame) -> list[str]:
    """Name the cohorts of which blocks or a BED say what lies between records.

    Most of their bases lie in stretches of several; bases of records lie alone. (Which files
    are gVCFs is not public.)
    """
    bases = pl.col("end") - pl.col("start").cast(pl.Int64) + 1
    beside = bases.filter(bases > 1).sum()
    found = rows.group_by("cohort").agg(is_told=beside * 2 > bases.sum())
    return found.filter("is_told").collect(engine="streaming")["cohort"].to_list()


def summary(
    found: pl.DataFrame, people: dict[str, int], assembly_bases: int
) -> list[tuple[str, int, float, float, float, float]]:
    """Give a row a cohort: name, people, and the mean bases of a person of each level.

    The last value is the share of the assembly that is called, in per cent.
    """
    sums = found.group_by("cohort", maintain_order=True).agg(pl.col(LEVELS).sum())
    out = []
    for cohort, *values in sums.rows():
        n = people[cohort]
        means = [v / n for v in values] if n else [0.0] * len(LEVELS)
        share = 100 * means[1] / assembly_bases if assembly_bases else 0.0
        out.append((cohort, n, *(round(m) for m in means), share))
    return out


def called_along(
    found: pl.DataFrame, measures: Measures, people: dict[str, int], styles: Styles
) -> Figure | None:
    """Draw the share of people who are called along the contigs, variant or not."""
    width = measures.bin_width
    frame = found.filter(pl.col("contig").is_in(measures.contigs)).with_columns(
        of=pl.col("cohort").replace_strict(people, return_dtype=pl.Int64) * width
    )
    frame = frame.filter(pl.col("of") > 0).with_columns(
        n="called", share=100 * pl.col("called") / pl.col("of")
    )
    shown = frame.filter(pl.col("cohort").is_in(list(styles)))
    if shown.is_empty():
        return None
    title = "People called, along the contigs"
    drawings = "".join(
        charts.along(
            shown, measures, styles, size, "called, % of people x bases", fixed_top=100.0
        ).render(f"called-{kind}", title, title, kind)
        for size, kind in ((400, "narrow"), (900, "wide"))
    )
    return Figure(
        "called",
        title,
        drawings,
        f"Look for stretches where a cohort falls: nobody looked there, or without a read. "
        f"Each point is a bin of {width:,} bases, whether it holds variants or not; the last "
        f"one of a contig may reach beyond its end.",
        frame.select(
            "cohort",
            "contig",
            start=pl.col("bin") * width + 1,
            end=(pl.col("bin") + 1) * width,
            **{f"{x}_bases": pl.col(x) for x in LEVELS},
            people_bases="of",
        ),
        wide=True,
    )
