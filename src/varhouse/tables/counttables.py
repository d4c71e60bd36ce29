"""Tables of counts, which tell nothing of single people: by allele, and by base."""

from dataclasses import replace

import polars as pl

from varhouse.governed import CONTROLLED, INSIDE, PUBLIC, REGISTERED
from varhouse.tables.declaration import (
    COHORT,
    CONTIG,
    KEY,
    PART,
    Column,
    Encoding,
    Table,
    key_columns,
    words,
)
from varhouse.tables.statistics import site_counts, statistics_of

_STRATUM = (
    Column("stratum_by", pl.String, "`all`, a sheet column, or columns joined by +"),
    Column("stratum", pl.String, "`all`, or the value(s) joined by +"),
)


def _statistics(table: str) -> tuple[Column, ...]:
    """Columns of the statistics; null only where nothing is known, or divided by."""
    return tuple(
        Column(
            s.name,
            s.dtype,
            s.meaning,
            nullable=s.is_nullable,
            content=s.is_exact,
            maskable=True,
        )
        for s in statistics_of(table)
    )


def _shown(table: str, role: str) -> tuple[str, ...]:
    """Name the statistics of which a role is the least that sees them."""
    return tuple(s.name for s in statistics_of(table) if s.role == role)


FREQUENCIES = Table(
    "frequencies",
    "open",
    "an allele x cohort x stratum",
    (
        *key_columns(),
        COHORT,
        *_STRATUM,
        *_statistics("frequencies"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=(*KEY, "stratum_by", "stratum"),
    public=KEY + words("cohort stratum_by stratum part") + _shown("frequencies", PUBLIC),
    registered=_shown("frequencies", REGISTERED),
    inside=_shown("frequencies", INSIDE),
    controlled=_shown("frequencies", CONTROLLED),
)

TOTALS = Table(
    "totals",
    "open",
    "an allele x stratum over all cohorts that assessed its site",
    (
        *key_columns(),
        *_STRATUM,
        *_statistics("totals"),
        PART,
    ),
    partition=("part",),
    sort=(*KEY, "stratum_by", "stratum"),
    public=KEY + words("stratum_by stratum part") + _shown("totals", PUBLIC),
    registered=_shown("totals", REGISTERED),
    inside=_shown("totals", INSIDE),
    controlled=_shown("totals", CONTROLLED),
)

_AT_A_BASE = tuple(
    Column(s.name, s.dtype, s.meaning) for s in statistics_of("frequencies")
    if s.name in site_counts()
)  # fmt: skip

CALLABLE = Table(
    "callable",
    "open",
    "a stretch of bases x stratum of a cohort with runs: what some of its people add to the"
    " counts at each of its bases; the count at a base is the sum over all rows that hold it,"
    " and where no row does nobody was assessed",
    (
        CONTIG,
        COHORT,
        *_STRATUM,
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        *_AT_A_BASE,
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "stratum_by", "stratum", "start"),
    # It follows from `runs` and the sheet, however stretches are cut.
    content=False,
    public=words("contig cohort stratum_by stratum start end part") + site_counts(),
    # A base is looked up: few rows of a row group then.
    encoding=Encoding(level=3, row_group=8_192, steps=frozenset({"start", "end"})),
)

KITS = Table(
    "kits",
    "open",
    "an interval that a capture kit of a cohort covers: its people are assessed at these bases"
    " and at no others",
    (
        CONTIG,
        COHORT,
        Column(
            "kit",
            pl.String,
            "as in the sample sheet; `callable`: the BED of the cohort, of people without a"
            " kit of their own",
        ),
        Column("start", pl.Int32, "1-based first base"),
        Column("end", pl.Int32, "1-based last base"),
        PART,
    ),
    partition=("cohort", "part"),
    sort=("contig", "kit", "start"),
    public=words("contig cohort kit start end part"),
    encoding=Encoding(level=3, steps=frozenset({"start", "end"})),
)

FREQUENCIES_ONCE = Table(
    "frequencies_once",
    "controlled",
    "an allele x cohort x stratum, without people who count elsewhere: what totals are sums of"
    " in place of frequencies, where cohorts share people (policy.same_person)",
    tuple(replace(c, maskable=False) for c in FREQUENCIES.columns),
    partition=FREQUENCIES.partition,
    sort=FREQUENCIES.sort,
    # It follows from the calls and who is one person.
    content=False,
)

CALLABLE_ONCE = Table(
    "callable_once",
    "controlled",
    "a stretch of bases x stratum of a cohort, without people who count elsewhere: what totals"
    " go by in place of callable, where cohorts share people (policy.same_person)",
    tuple(replace(c, maskable=False) for c in CALLABLE.columns),
    partition=CALLABLE.partition,
    sort=CALLABLE.sort,
    content=False,
    encoding=CALLABLE.encoding,
)
