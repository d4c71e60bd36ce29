"""Whether the tables of counts agree: a part of `verify`."""

from collections.abc import Iterator

import polars as pl

from varhouse.alleles.key import write_key
from varhouse.store.reader import Store
from varhouse.store.retract import callable_files
from varhouse.tables.atsites import at_sites
from varhouse.tables.consistency import describe, impossible, strata_apart
from varhouse.tables.schema import KEY
from varhouse.tables.statistics import (
    STATISTICS,
    counts_at_site,
    counts_of,
    greatest_of,
    made_of,
    site_counts,
)
from varhouse.tables.totals import CohortFile, sum_cohorts, with_greatest
from varhouse.tables.windows import cut_windows

Wrong = Iterator[tuple[str, str]]
"""A table, and what is wrong with it."""


def check_counts(store: Store, at_once: int) -> Wrong:
    """Compare variants, frequencies, callable and totals of the same alleles and bases.

    Parameters
    ----------
    at_once
        Rows of a table in memory at a time.

    Yields
    ------
    tuple
        A table, and what is wrong with it.
    """
    names = ("variants", "frequencies", "totals")
    files = [f for f in map(store.file_frame, names) if f.height]
    for part in sorted({part for f in files for part in f["partition.part"]}):
        assessed = callable_files(store, part)
        frames = {n: store.scan(n, part=part) for n in names}
        place = pl.concat([frames[n].select("contig", "pos") for n in names])
        for window in cut_windows(place, at_once):
            rows = {n: f.filter(window.rows()).collect() for n, f in frames.items()}
            yield from _compare_alleles(rows["variants"], rows["frequencies"])
            yield from _compare_totals(rows["frequencies"], rows["totals"], assessed)
            yield from _compare_bases(store, rows["frequencies"], assessed)
            for name in ("frequencies", "totals"):
                yield from _check_statistics(name, rows[name])


def _check_statistics(name: str, rows: pl.DataFrame) -> Wrong:
    """Find rows with counts that cannot be, or with what does not follow from them."""
    wrong = impossible(name, rows) + strata_apart(rows, exactly=name == "frequencies")
    if wrong:
        yield name, f"counts that cannot be: {describe(wrong)}"
    made = {n: e for n, e in made_of(name).items() if n in rows.columns}
    # The last bit of a logarithm is another one on another machine.
    rounded = {s.name for s in STATISTICS if not s.is_exact}
    differs = pl.lit(value=False)
    for column, value in made.items():
        found = pl.col(column)
        off = (found - value).abs() > 1e-12 * value.abs()
        apart = found.is_null() != value.is_null()
        differs |= (
            (apart | off.fill_null(value=False))
            if column in rounded
            else (found.ne_missing(value))
        )
    if name == "totals":
        again = with_greatest(rows)
        for column in (c for c in greatest_of(name) if c in rows.columns):
            differs |= pl.col(column).ne_missing(again[column])
            made[column] = pl.col(column)
    bad = rows.filter(differs)
    if bad.height:
        names = ", ".join(made)
        what = f"{bad.height} rows with {names} that cannot be, the first: {write_key(bad)}"
        yield name, what


def _compare_alleles(variants: pl.DataFrame, frequencies: pl.DataFrame) -> Wrong:
    """Find alleles that only one of two tables has."""
    counted = frequencies.select(KEY).unique()
    unknown = counted.join(variants, on=KEY, how="anti")
    if unknown.height:
        what = f"{unknown.height} alleles are not in variants, the first: {write_key(unknown)}"
        yield "frequencies", what
    orphans = variants.join(counted, on=KEY, how="anti")
    if orphans.height:
        what = f"{orphans.height} alleles have no frequencies, the first: {write_key(orphans)}"
        yield "variants", what


def _compare_bases(
    store: Store, frequencies: pl.DataFrame, assessed: list[CohortFile]
) -> Wrong:
    """Compare what alleles count of their base with the table callable.

    Of a cohort in which all files have runs they are equal; of any other some allele of the
    base counts at least as many, for people of other files are among them.
    """
    key = ["contig", "pos", "stratum_by", "stratum"]
    counts = site_counts()
    most = {n: e for n, e in counts_at_site("frequencies").items() if n in counts}
    for (cohort,), rows in frequencies.group_by("cohort", maintain_order=True):
        paths = [f.path for f in assessed if f.cohort == cohort]
        if not paths:
            continue
        files = store.scan("files", cohort=str(cohort)).select("has_runs").collect()
        by_runs_alone = bool(files["has_runs"].all())
        own = rows
        if not by_runs_alone:
            own = rows.group_by(key).agg(pl.first("ref", "alt", "extent"), **most)
        both = own.join(at_sites(paths, own), on=key, how="left", suffix="_base")
        said, found = (
            [pl.col(f"{n}{end}").fill_null(0) for n in counts] for end in ("", "_base")
        )
        wrong = pl.any_horizontal(
            a != b if by_runs_alone else a < b for a, b in zip(said, found, strict=True)
        )
        bad = both.filter(wrong)
        if bad.height:
            what = (
                f"cohort {cohort}: {bad.height} rows count of their base something else than"
                f" the table callable, the first: {write_key(bad)}"
            )
            yield "frequencies", what


def _compare_totals(
    frequencies: pl.DataFrame, totals: pl.DataFrame, assessed: list[CohortFile]
) -> Wrong:
    """Compare totals with the sums of the frequencies, and of callable where it has more."""
    names = [*KEY, "stratum_by", "stratum", *counts_of("totals")]
    sums = sum_cohorts(frequencies, assessed)
    wanted, found = (f.select(names) for f in (sums, totals))
    wrong = pl.concat(
        [
            wanted.join(found, on=names, how="anti", nulls_equal=True),
            found.join(wanted, on=names, how="anti", nulls_equal=True),
        ]
    )
    if not wrong.height:
        return
    alleles = wrong.select(*KEY, "stratum_by", "stratum").unique(maintain_order=True)
    what = f"{alleles.height} sums over cohorts are wrong, the first: {write_key(alleles)}"
    yield "totals", what
