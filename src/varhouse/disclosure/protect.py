"""What may be shown of rows of counts: the same rows, null where a number is too small.

`protect_tables` takes rows of `frequencies` and `totals`, all of every allele that is among
them and all alleles of every site, so a caller may cut them between sites. For each allele one
*level of detail* is chosen, for all its rows: genotype counts, where each of them may be shown
in every row that shows copies; else copies alone (ac, an, af). Which rows: `tree.py`; what
must not be small: `cells.py`; docs/small-counts.md says it in words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from varhouse.disclosure import cells as of_cells
from varhouse.disclosure.cells import (
    CELL,
    COHORT,
    COHORT_STRATUM,
    ROOT,
    Bools,
    Cells,
    Counts,
    Ints,
)
from varhouse.disclosure.coarsen import Hierarchy, add_levels
from varhouse.disclosure.earlier import Earlier, changes
from varhouse.disclosure.groups import among, sizes_of, small_groups
from varhouse.disclosure.policy import COHORTS, HIDE, SmallCounts
from varhouse.disclosure.policy import GENOTYPES as DETAILED
from varhouse.disclosure.rounding import round_counts
from varhouse.disclosure.tree import all_of, shown_cells
from varhouse.tables.schema import FREQUENCIES, KEY, TOTALS
from varhouse.tables.statistics import statistics_of

MASKED, COPIES, GENOTYPES = 0, 1, 2
"""Levels of detail of a row."""

SITE = ("an", "an_written", "n_missing", "n_samples", "call_rate", "n_not_diploid",
        "n_cohorts")  # fmt: skip
"""About the base and not about the allele: shown wherever the people are not few."""

_OF_COPIES = ("ac", "af", "faf95", "faf99", "is_grpmax")
_GREATEST = ("is_grpmax", "is_grpmax_adj")


@dataclass(frozen=True)
class Protected:
    """What is left of tables of counts.

    Attributes
    ----------
    frequencies, totals
        Their rows; null is masked.
    hidden
        Keys of alleles that are not shown at all.
    account
        How many rows: `rows`, of them `shown` whole, `copies` only, `masked`, `people_masked`
        (the number of people, too), `taken_out`; `alleles` and `alleles_hidden`.
    """

    frequencies: pl.DataFrame
    totals: pl.DataFrame
    hidden: pl.DataFrame
    account: dict[str, int]


@dataclass(frozen=True)
class _Shown:
    """Of each cell: level of detail, whether quality is shown, whether people are."""

    level: Ints
    quality: Bools
    people: Bools


def protect_tables(
    frequencies: pl.DataFrame,
    totals: pl.DataFrame,
    policy: SmallCounts,
    hierarchy: Hierarchy | None = None,
    earlier: Sequence[Earlier] = (),
    sizes: pl.DataFrame | None = None,
    changed: Sequence[pl.DataFrame] | None = None,
) -> Protected:
    """Keep small counts out of rows of frequencies and totals.

    Parameters
    ----------
    frequencies, totals
        Rows of these tables, whole sites: all alleles of a site, all rows of an allele.
    hierarchy
        Coarser levels of a column of the sample sheet.
    earlier
        What was shown before, to the same or a more open role: a difference to it is a count.
    sizes
        cohort, stratum_by, stratum, `people`: of all groups of the cohorts, whether they have
        rows or not, and of the coarser levels. None: as the rows say, which tell nothing of
        cohorts that have no row among them.
    changed
        As of `Earlier`, of all earlier releases, whether they had rows here or not. None:
        those of `earlier`.

    Returns
    -------
    Protected
        The rows in an order of their own, with the columns that they came with.
    """
    rows = lay(frequencies, totals)
    out = protect(rows, hierarchy, policy, earlier, sizes, changed)
    hidden = rows.select(KEY).unique().join(out.select(KEY).unique(), on=list(KEY), how="anti")
    level = out["level"]
    account = {
        "rows": rows.height,
        "shown": int((level == GENOTYPES).sum()),
        "copies": int((level == COPIES).sum()),
        "masked": int((level == MASKED).sum()),
        "people_masked": out["n_samples"].null_count(),
        "taken_out": max(0, rows.height - out.height),
        "alleles": rows.select(KEY).n_unique(),
        "alleles_hidden": hidden.height,
    }
    is_total = pl.col("cohort").is_null()
    return Protected(
        out.filter(~is_total).select(frequencies.columns),
        out.filter(is_total).select(totals.columns),
        hidden,
        account,
    )


def lay(frequencies: pl.DataFrame, totals: pl.DataFrame) -> pl.DataFrame:
    """Lay rows of both tables under one another; `cohort` is null in those of totals."""
    return pl.concat([frequencies, totals], how="diagonal_relaxed")


def protect(
    rows: pl.DataFrame,
    hierarchy: Hierarchy | None,
    policy: SmallCounts,
    earlier: Sequence[Earlier] = (),
    sizes: pl.DataFrame | None = None,
    changed: Sequence[pl.DataFrame] | None = None,
) -> pl.DataFrame:
    """Keep small counts out of rows as `lay` makes them.

    Returns
    -------
    pl.DataFrame
        The columns that came, and `level`: MASKED, COPIES or GENOTYPES. Rows of the coarser
        levels of `hierarchy` are added. Rows of alleles that are not shown at all are not
        there, nor rows of strata of cohorts that would say nothing.
    """
    columns = rows.columns
    if not policy.protects or rows.is_empty():
        plain = round_counts(rows, policy.rounding, policy.k)
        return plain.with_columns(level=pl.lit(GENOTYPES, pl.Int8))
    rows, hierarchy = add_levels(rows, hierarchy or Hierarchy())
    if changed is None:
        changed = [e.changed for e in earlier if e.changed is not None]
    small = small_groups(sizes_of(rows, sizes), hierarchy, policy.k, policy.first, changed)
    rows = _without_hidden(rows, policy)
    cells = of_cells.number_cells(rows, hierarchy.finer, hierarchy.region_of)
    if not cells.size:
        return rows.with_columns(level=pl.lit(MASKED, pl.Int8))
    shown = _decide(cells, policy, earlier, among(cells, small))
    out = cells.rows.with_columns(
        level=pl.Series(shown.level, dtype=pl.Int8),
        quality=pl.Series(shown.quality),
        people=pl.Series(shown.people),
    )
    out = round_counts(_mask(out), policy.rounding, policy.k)
    if policy.rare_alleles == HIDE:
        out = _without_masked_alleles(out)
    says_nothing = (pl.col("kind") == COHORT_STRATUM) & ~pl.col("people")
    return out.filter(~says_nothing | (pl.col("level") > MASKED)).select(*columns, "level")


def _without_hidden(rows: pl.DataFrame, policy: SmallCounts) -> pl.DataFrame:
    """Leave out alleles of too few copies before the work begins: most alleles are rare."""
    if policy.rare_alleles != HIDE:
        return rows
    whole = rows.filter(pl.col("cohort").is_null() & (pl.col("stratum_by") == "all"))
    few = whole.filter(pl.col("ac").is_between(1, policy.k - 1)).select(KEY)
    if few.is_empty():
        return rows
    # A site keeps all its alleles, if it has others: they are decided together.
    alone = few.join(
        rows.select(KEY).unique().filter(pl.len().over("contig", "pos") == 1),
        on=list(KEY), how="semi",
    )  # fmt: skip
    return rows.join(alone, on=list(KEY), how="anti")


def _decide(
    cells: Cells, policy: SmallCounts, earlier: Sequence[Earlier], is_small: Bools
) -> _Shown:
    """Choose what is shown of each cell; `is_small`: of groups that do not say their size."""
    rows, k, first = cells.rows, policy.k, policy.first
    before = changes(cells, earlier, k)

    def shown(*parts: Counts, masked: Bools) -> Bools:
        whole = parts[0]
        for part in parts[1:]:
            whole = whole.beside(part)
        whole = whole.beside(of_cells.held_by_cohorts(cells, whole))
        return shown_cells(cells, whole, first, masked)

    people = _people(cells, policy, is_small)
    no_copies = before.no_copies | ~people
    no_genotypes = no_copies | before.no_genotypes
    by_copies = [of_cells.copies(rows, k), *before.copies]
    by_genotypes = [of_cells.genotypes(rows, k), *before.copies, *before.genotypes]
    copies = shown(*by_copies, masked=no_copies)
    genotypes = shown(*by_genotypes, masked=no_genotypes)
    copies, genotypes = _sites_together(cells, copies, genotypes, k)
    level = _levels(cells, copies, genotypes, policy)
    # Copies of high quality beside all copies would bound genotypes that are not shown.
    quality = np.zeros(cells.size, np.bool_)
    if rows["ac_adj"].null_count() < rows.height:
        with_quality = [of_cells.quality(rows, k), *before.quality]
        better = shown(*by_genotypes, *with_quality, masked=no_genotypes)
        n = int(cells.allele.max()) + 1
        may = (level == MASKED) | (level == GENOTYPES) & better
        quality = all_of(cells.allele, may, n)[cells.allele] & (level == GENOTYPES)
    return _Shown(level, quality, people | (level > MASKED))


def _people(cells: Cells, policy: SmallCounts, is_small: Bools) -> Bools:
    """Tell of which cells it may be shown how many people they have, and of which ploidy.

    `an` beside `n_samples` tells how many have one copy, so a cell whose people may not be
    shown shows no copies either.
    """
    counts = of_cells.people(cells.rows, policy.k)
    found = shown_cells(cells, counts, policy.first, is_small)
    whole = (cells.kind == ROOT) | (cells.kind == COHORT)
    by_cohorts = shown_cells(cells, counts, COHORTS, is_small)
    out: Bools = np.where(whole, by_cohorts, found)
    return out


def _levels(cells: Cells, copies: Bools, genotypes: Bools, policy: SmallCounts) -> Ints:
    """Choose of each allele whether copies or genotypes are shown, in all its rows.

    That one is chosen must not tell of what the other would have shown. So it follows from
    whether everything may be shown, or from the row of the total alone.
    """
    n = int(cells.allele.max()) + 1
    root = cells.kind == ROOT
    whole = all_of(cells.allele, genotypes, n)[cells.allele]

    def of_total(flags: Bools) -> Bools:
        out = np.zeros(n, np.bool_)
        out[cells.allele[root]] = flags[root]
        return out[cells.allele]

    by_copies = np.where(copies, COPIES, MASKED)
    if policy.detail == DETAILED:
        return np.where(genotypes, GENOTYPES, MASKED)
    # A total of too few copies to be shown by them, all of whose genotypes may be shown.
    alone = of_total(genotypes & ~copies)
    # Genotypes of one allele of a site would tell of another that shows copies alone.
    sites = int(cells.site.max()) + 1
    fits = all_of(cells.site, whole | ~of_total(copies | genotypes), sites)[cells.site]
    is_only = all_of(cells.site, cells.allele == _first_of(cells.site, cells.allele), sites)
    fits |= is_only[cells.site]
    level = np.where(of_total(copies), by_copies, MASKED)
    level = np.where(alone & fits & root, GENOTYPES, level)
    return np.where(whole & fits, GENOTYPES, level)


def _first_of(site: Ints, allele: Ints) -> Ints:
    """Give of each cell the first allele of its site."""
    first = np.full(int(site.max()) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, site, allele)
    out: Ints = first[site]
    return out


def _sites_together(
    cells: Cells, copies: Bools, genotypes: Bools, k: int
) -> tuple[Bools, Bools]:
    """Mask all alleles of a site where those that are shown say too much of the others.

    Alleles of a site share its called alleles: what those that are shown leave is not more
    than the others can have. Of each group of people that must be much, or nothing. And who
    carries none of them is known where nobody can carry two.
    """
    calls = of_cells.carriers_and_others(cells.rows)
    rows = cells.rows.select("site", "cohort", "stratum_by", "stratum", "allele").with_columns(
        ac=cells.rows["ac"].cast(pl.Int64),
        an=pl.Series(cells.an),
        called=pl.Series(calls.sum(axis=1)),
        carriers=pl.Series(calls[:, 0]),
        copies=pl.Series(copies),
        genotypes=pl.Series(genotypes),
    )
    shared = rows.filter(pl.col("allele").n_unique().over("site") > 1)
    if shared.is_empty():
        return copies, genotypes
    out = []
    for name, flags in (("copies", copies), ("genotypes", genotypes)):
        groups = shared.group_by("site", "cohort", "stratum_by", "stratum").agg(
            rest=pl.col("an").max() - pl.col("ac").filter(pl.col(name)).sum(),
            people=pl.col("called").max() - pl.col("carriers").filter(pl.col(name)).sum(),
            all_shown=pl.col(name).all(),
            several=pl.col(name).sum() > 1,
            any_shown=pl.col(name).any(),
        )
        much = pl.when("all_shown").then(2 * k - 1).otherwise(4 * k)
        nothing = pl.col("all_shown") & (pl.col("rest") == 0)
        few = pl.col("several") & pl.col("people").is_between(1, k - 1)
        bad = groups.filter(
            pl.col("any_shown") & (pl.col("rest") < much) & ~nothing
            | (few if name == "genotypes" else False)
        )
        bad_sites = bad["site"].unique().cast(pl.Int64).to_numpy()
        out.append(flags & ~np.isin(cells.site, bad_sites))
    return out[0], out[1]


def _mask(rows: pl.DataFrame) -> pl.DataFrame:
    """Put null where a number may not be shown."""
    level, quality, people = pl.col("level"), pl.col("quality"), pl.col("people")
    needs = {}
    for statistic in {s.name: s for t in (FREQUENCIES, TOTALS) for s in statistics_of(t.name)}:
        if statistic in SITE:
            needs[statistic] = people
        elif statistic in _OF_COPIES:
            needs[statistic] = level >= COPIES
        elif statistic.endswith("_adj"):
            needs[statistic] = quality
        else:
            needs[statistic] = level == GENOTYPES
    group = ["allele", "scope", "stratum_by"]
    for name in _GREATEST:
        # Which group has the greatest share compares it with all others.
        needs[name] = needs[name].all().over(group)
    return rows.with_columns(
        pl.when(shown).then(pl.col(name)).alias(name)
        for name, shown in needs.items()
        if name in rows.columns
    )


def _without_masked_alleles(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave out alleles of which the total is masked: that they exist is a count, too."""
    whole = rows.filter((pl.col("kind") == ROOT) & (pl.col("level") == MASKED))
    return rows.join(whole.select("allele").unique(), on="allele", how="anti")


__all__ = ["CELL", "Earlier", "Hierarchy", "Protected", "lay", "protect", "protect_tables"]
