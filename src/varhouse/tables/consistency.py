"""What counts of alleles cannot be: looked at while rows are made, and again by verify.

A mistake in a count is worse than no count. So rows that contradict themselves stop an
ingest before anything of it is committed, and the message names the first of them.
"""

from collections.abc import Sequence
from functools import cache

import polars as pl

from varhouse.errors import StoreError
from varhouse.tables.schema import KEY, SPELT
from varhouse.tables.statistics import FREQUENCIES, adding_alone, counts_of

_MOST_NAMED = 3
"""Rules that a message names."""

_STRATUM = ("stratum_by", "stratum")
_CARRIERS = ("n_het", "n_hom_alt", "n_hemi")


def _total(names: Sequence[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(n) for n in names)


@cache
def _rules(counts: tuple[str, ...]) -> dict[str, tuple[pl.Expr, frozenset[str]]]:
    """Give what must hold of counts in every row, where nothing is null.

    Rule to expression and the columns that it asks for.
    """
    rules = {f"{n} >= 0": pl.col(n) >= 0 for n in counts}
    # Each is a part of the other; adj of high quality a part of all.
    parts = [("ac", "an"), ("ac", "an_written")]
    parts += [("ac_adj", "an_adj"), ("n_missing_adj", "n_samples_adj")]
    parts += [(n, n.removesuffix("_adj")) for n in counts if n.endswith("_adj")]
    parts += [
        (n, n.removesuffix("_not_diploid"))
        for n in counts
        if n.endswith("_not_diploid") and n.removesuffix("_not_diploid") in counts
    ]
    # Who passes may be missing in more genotypes; a man's homozygote on X is hemizygous.
    parts.remove(("n_missing_adj", "n_missing"))
    parts.remove(("n_hemi_adj", "n_hemi"))
    rules |= {f"{a} <= {b}": pl.col(a) <= pl.col(b) for a, b in parts}
    sums: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
        (("n_hom_alt_adj", "n_hemi_adj"), ("n_hom_alt", "n_hemi")),
        ((*_CARRIERS, "n_missing"), ("n_samples",)),
        (("n_not_diploid", "n_missing"), ("n_samples",)),
        ((*(f"{n}_adj" for n in _CARRIERS), "n_missing_adj"), ("n_samples_adj",)),
    ]
    for part, whole in sums:
        rules[f"{' + '.join(part)} <= {' + '.join(whole)}"] = _total(part) <= _total(whole)
    return {rule: (e, frozenset(e.meta.root_names())) for rule, e in rules.items()}


def impossible(table: str, rows: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    """Find rows of frequencies or totals whose counts cannot be.

    Parameters
    ----------
    table
        FREQUENCIES or TOTALS.
    rows
        Rows with the key and the counts; those that a table of an earlier version lacks are
        not asked for.

    Returns
    -------
    list
        Of each rule that does not hold: the rule, and the rows that break it.
    """
    columns = set(rows.columns)
    rules = {
        rule: holds
        for rule, (holds, asks) in _rules(counts_of(table)).items()
        if asks <= columns
    }
    if not rows.height:
        return []
    # One pass that nearly always finds nothing.
    sound = rows.select(pl.all_horizontal(h.all() for h in rules.values())).item()
    if sound is not False:
        return []
    broken = ((rule, rows.filter(~holds)) for rule, holds in rules.items())
    return [(rule, found) for rule, found in broken if found.height]


def strata_apart(rows: pl.DataFrame, *, exactly: bool) -> list[tuple[str, pl.DataFrame]]:
    """Find alleles of which the counts of a stratum's groups are not those of all.

    Every person stands in one group of each stratum. So the counts of groups add up to those
    of `all`; in totals to no more, for cohorts may differ in their strata.

    Parameters
    ----------
    rows
        Rows of frequencies or of totals: all groups of each allele and cohort.
    exactly
        Whether they must add up, in each count. If not, only what holds of every cohort is
        asked for: the counts that who lacks an allele adds 0 to.
    """
    whole = pl.col("stratum_by") == "all"
    if not rows.height or bool((rows["stratum_by"] == "all").all()):
        return []
    asked = counts_of(FREQUENCIES) if exactly else adding_alone(FREQUENCIES)
    names = [n for n in asked if n in rows.columns]
    key = [*KEY, *(n for n in ("cohort",) if n in rows.columns)]
    groups = rows.filter(~whole).group_by(*key, "stratum_by").agg(pl.col(names).sum())
    found = groups.join(
        rows.filter(whole).select(*key, *names), on=key, how="left", suffix="_of_all"
    )
    out = []
    for name in names:
        all_of_it = pl.col(f"{name}_of_all").fill_null(0)
        wrong = pl.col(name) != all_of_it if exactly else pl.col(name) > all_of_it
        # Who has no fields of quality is in neither sum.
        bad = found.filter(wrong)
        if bad.height:
            out.append((f"{name} of the groups of a stratum adds up to {name} of all", bad))
    return out


def check_rows(table: str, rows: pl.DataFrame, what: str, *, exactly: bool) -> None:
    """Refuse rows of frequencies or totals that contradict themselves.

    Parameters
    ----------
    rows
        Rows as they are written; all groups of each allele.
    what
        Whose rows they are, for the message.
    exactly
        See `strata_apart`.

    Raises
    ------
    StoreError
        Naming the rules that do not hold, and the first allele of each.
    """
    wrong = impossible(table, rows) or _quick_strata(rows, exactly=exactly)
    if wrong:
        raise StoreError(
            f"{what}: counts that cannot be: {describe(wrong)}",
            "nothing of this ingest was committed; this is a mistake of varhouse: report it"
            " with these alleles",
        )


def describe(wrong: Sequence[tuple[str, pl.DataFrame]]) -> str:
    """Name rules that do not hold, each with the first allele."""
    told = [
        f"{rule} does not hold in {found.height} rows, the first: {_allele(found)}"
        for rule, found in wrong[:_MOST_NAMED]
    ]
    more = len(wrong) - _MOST_NAMED
    return "; ".join([*told, *([f"{more} more rules"] if more > 0 else [])])


def _allele(rows: pl.DataFrame) -> str:
    """Name the allele of the first row."""
    return "-".join(str(v) for v in rows.select(SPELT).row(0))


def _quick_strata(rows: pl.DataFrame, *, exactly: bool) -> list[tuple[str, pl.DataFrame]]:
    """Find what `strata_apart` finds; nearly always by sums over all alleles alone."""
    if not exactly:
        return []
    names = [n for n in counts_of(FREQUENCIES) if n in rows.columns]
    # The position as a weight: mistakes in two alleles do not make up for each other.
    sums = rows.group_by("stratum_by").agg(
        (pl.col(n).cast(pl.Int64) * w).sum().alias(f"{n}{i}")
        for n in names
        for i, w in enumerate((pl.lit(1), pl.col("pos").cast(pl.Int64)))
    )
    if sums.drop("stratum_by").unique().height <= 1:
        return []
    return strata_apart(rows, exactly=True)
