"""Rows of `totals` from rows of `frequencies`: how cohorts add up, in bounded memory.

A cohort that holds another allele of a site (contig and pos), but not this one, assessed its
people there: it adds what it counted at the site with no copy, not nothing (decision 0006).
So that nothing of the size alleles x cohorts x strata of a site is made, the sum of an allele
is worked out as

    what all cohorts counted at the site
    + what those that hold the allele counted of it
    - what those that hold the allele counted at the site

and every term is a sum over cohorts. Sums of some cohorts, with what they counted at sites
of several alleles, add up with others in the same way: many small cohorts are read once each,
some at a time, and their sums take their place.

A cohort with gVCF assessed its people at bases where it has no allele at all (decision 0035).
What it counted there, by its rows of the table `callable`, is part of the first term.
"""

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import StoreError
from varhouse.tables.atsites import at_sites
from varhouse.tables.consistency import check_rows
from varhouse.tables.schema import KEY, KEY_SCHEMA, TOTALS
from varhouse.tables.shards import ROW_GROUP, Shard, ShardWriter, write_frame
from varhouse.tables.statistics import (
    adding_alone,
    counts_at_site,
    counts_of,
    counts_of_a_cohort,
    greatest_of,
    made_of,
    unknown_of,
)
from varhouse.tables.windows import cut_windows

ROWS_AT_ONCE = 500_000
"""Rows of frequencies, or of sums of them, that are added up and written at once."""

MOST_READ = 4
"""How often rows are decoded when windows are read from all units at once. A window decodes
whole row groups, of many units more than it needs: beyond this, adding small units up first
(0.7 microseconds a row) is cheaper."""

_SITE = ("contig", "pos")
_STRATUM = ("stratum_by", "stratum")
_GROUP = (*KEY, *_STRATUM)
_MAX_INT32 = 2**31 - 1
_UNIT, _OF_SITE, _N = "unit", "of_site", "n"


@dataclass(frozen=True)
class CohortFile:
    """A file of frequencies or callable: its cohort, where it is, how many rows it has."""

    cohort: str
    path: str
    rows: int


@dataclass(frozen=True)
class _Unit:
    """What adds up as one: the files of a cohort, or the file with the sums of several."""

    paths: tuple[str, ...]
    rows: int
    is_sum: bool = False


class _Callable:
    """What cohorts with gVCF counted at bases where they have no allele."""

    def __init__(self, files: Sequence[CohortFile], held: Mapping[str, pl.LazyFrame]) -> None:
        """Take the files of callable, and of cohorts the contig and pos of their rows."""
        self._held = held
        self._paths: dict[str, list[str]] = {}
        for file in files:
            self._paths.setdefault(file.cohort, []).append(file.path)

    def besides(self, cohorts: Collection[str]) -> bool:
        """Tell whether there are such cohorts other than some."""
        return not self._paths.keys() <= set(cohorts)

    def at(self, sites: pl.DataFrame) -> pl.DataFrame | None:
        """Say what cohorts counted at sites of which they have no row; None: nothing.

        Returns
        -------
        pl.DataFrame or None
            site, stratum, counts: a row for each of these cohorts.
        """
        near = pl.col("contig").is_in(sites["contig"].unique().implode()) & pl.col(
            "pos"
        ).is_between(pl.lit(sites["pos"].min()), pl.lit(sites["pos"].max()))
        found = []
        for cohort, paths in self._paths.items():
            lacking = sites
            if cohort in self._held:
                own = self._held[cohort].filter(near).select(_SITE).unique()
                lacking = sites.join(own.collect(engine="streaming"), on=_SITE, how="anti")
            if lacking.height:
                found.append(at_sites(paths, lacking))
        if not any(f.height for f in found):
            return None
        counts = counts_of(TOTALS.name)
        none = (pl.lit(0, pl.Int32).alias(n) for n in adding_alone(TOTALS.name))
        return (
            pl.concat(found)
            .with_columns(*none)
            .select(*_SITE, *_STRATUM, **counts_of_a_cohort())
            .cast(dict.fromkeys(counts, pl.Int64))
        )


def write_totals(
    part: str,
    files: Sequence[CohortFile],
    directory: Path,
    name: str,
    assessed: Sequence[CohortFile] = (),
) -> list[Shard]:
    """Write the totals of a partition.

    Parameters
    ----------
    files
        All files of frequencies of the partition that count.
    directory, name
        Folder and start of the names of the shards.
    assessed
        All files of callable of the partition that count.

    Raises
    ------
    StoreError
        If a sum passes 2**31 - 1.
    """
    if not files:
        return []
    writer = ShardWriter(TOTALS, directory, name, {"part": part})
    cohorts: dict[str, list[CohortFile]] = {}
    for file in files:
        cohorts.setdefault(file.cohort, []).append(file)
    units = [
        _Unit(tuple(f.path for f in found), sum(f.rows for f in found))
        for _, found in sorted(cohorts.items())
    ]
    own = {f.cohort for f in assessed} & cohorts.keys()
    others = _Callable(assessed, {c: _scan_sites([f.path for f in cohorts[c]]) for c in own})
    if len(units) == 1 and not others.besides(cohorts):
        # Nothing to add up: the counts of the one cohort are the totals.
        for rows in _pieces(units):
            writer.add(_finish(rows))
        return writer.close()
    work = directory / f"{name}-sums"
    try:
        while _times_read(units) > MOST_READ:
            fewer = _combine(units, work)
            if len(fewer) == len(units):
                break
            units = fewer
        for rows in _pieces(units):
            sums = _add_up(rows, others.at(rows.select(_SITE).unique().sort(_SITE)))
            _check_sums(rows, sums, part)
            totals = _finish(sums)
            check_rows("totals", totals, f"totals of {part}", exactly=False)
            writer.add(totals)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return writer.close()


def _check_sums(rows: pl.DataFrame, sums: pl.DataFrame, part: str) -> None:
    """Refuse sums that are not those of the rows that they are made of.

    Of counts that who lacks an allele adds 0 to, every number stands in one sum.
    """
    names = adding_alone(TOTALS.name)
    wanted = rows.filter(~pl.col(_OF_SITE)).select(pl.col(names).cast(pl.Int64).sum())
    found = sums.select(pl.col(names).cast(pl.Int64).sum())
    if not wanted.equals(found):
        off = [n for n in names if wanted[n][0] != found[n][0]]
        raise StoreError(
            f"totals of {part}: {', '.join(off)} of all alleles are not the sums of those of"
            " the cohorts",
            "nothing of this ingest was committed; this is a mistake of varhouse: report it",
        )


def sum_cohorts(
    frequencies: pl.DataFrame, assessed: Sequence[CohortFile] = ()
) -> pl.DataFrame:
    """Add rows of frequencies up over cohorts.

    Parameters
    ----------
    frequencies
        Rows of the table frequencies, all of every site that is among them: one for each
        allele, cohort and stratum.
    assessed
        All files of callable that may hold these sites.

    Returns
    -------
    pl.DataFrame
        Rows of the table totals without `part`, in no order. `af` is null where nobody was
        called; `n_cohorts` counts cohorts with people assessed.

    Raises
    ------
    StoreError
        If a sum passes 2**31 - 1.
    """
    return _finish(sum_counts(frequencies, assessed))


def sum_counts(frequencies: pl.DataFrame, assessed: Sequence[CohortFile] = ()) -> pl.DataFrame:
    """Add the counts of rows up over cohorts as `sum_cohorts`, and make nothing of them."""
    if frequencies.is_empty():
        assessed = ()
    held = {
        str(cohort): own.lazy().select(_SITE)
        for (cohort,), own in frequencies.group_by("cohort")
    }
    sites = frequencies.select(_SITE).unique().sort(_SITE)
    others = _Callable(assessed, held).at(sites) if assessed else None
    rows = frequencies.select(
        pl.col("cohort").alias(_UNIT),
        pl.lit(value=False).alias(_OF_SITE),
        *_GROUP,
        **counts_of_a_cohort(),
    )
    return _add_up(rows, others)


def _scan_sites(paths: Sequence[str]) -> pl.LazyFrame:
    """Scan contig and pos of the rows of files."""
    scan = pl.scan_parquet(list(paths), glob=False, hive_partitioning=False)
    return scan.select(_SITE)


def _scan(units: Iterable[_Unit]) -> pl.LazyFrame:
    """Scan units as rows of one form: unit, of_site, key, stratum, counts."""
    frames = []
    counts = counts_of(TOTALS.name)
    for is_sum in (False, True):
        number = {
            path: k for k, u in enumerate(units) if u.is_sum is is_sum for path in u.paths
        }
        if not number:
            continue
        scan = pl.scan_parquet(
            list(number), glob=False, hive_partitioning=False, include_file_paths="path"
        )
        unit = pl.col("path").replace_strict(
            list(number), list(number.values()), return_dtype=pl.UInt32
        )
        of_site = pl.col(_OF_SITE) if is_sum else pl.lit(value=False)
        values = {n: pl.col(n) for n in counts} if is_sum else counts_of_a_cohort()
        frames.append(
            scan.select(unit.alias(_UNIT), of_site.alias(_OF_SITE), *_GROUP, **values)
        )
    # Sums may pass 32 bits, counts of a cohort do not.
    return pl.concat(frames, how="vertical_relaxed")


def _pieces(units: Sequence[_Unit]) -> Iterable[pl.DataFrame]:
    """Read units by windows of positions; all at once if they are small."""
    rows = _scan(units)
    if sum(u.rows for u in units) <= ROWS_AT_ONCE:
        yield rows.collect(engine="streaming")
        return
    for window in cut_windows(rows, ROWS_AT_ONCE):
        yield rows.filter(window.rows()).collect(engine="streaming")


def _times_read(units: Sequence[_Unit]) -> float:
    """Bound how often a row is decoded when units are read by windows."""
    return min(sum(u.rows for u in units), len(units) * ROW_GROUP) / ROWS_AT_ONCE


def _combine(units: Sequence[_Unit], work: Path) -> list[_Unit]:
    """Put the sums of small units in their place, as many at a time as may be read."""
    out: list[_Unit] = []
    batch: list[_Unit] = []
    for unit in [*sorted(units, key=lambda u: u.rows), None]:
        if unit is not None and sum(u.rows for u in batch) + unit.rows <= ROWS_AT_ONCE:
            batch.append(unit)
            continue
        if len(batch) > 1:
            out.append(_write_sums(batch, work))
        else:
            out += batch
        batch = [unit] if unit is not None else []
    return out


def _write_sums(units: Sequence[_Unit], work: Path) -> _Unit:
    work.mkdir(parents=True, exist_ok=True)
    path = work / f"{len(list(work.iterdir())):06d}.parquet"
    rows = _add_up(_scan(units).collect(engine="streaming"), with_sites=True)
    # In order, so that readers find the rows of a window together; numbers sort fast.
    rows = rows.sort("pos") if rows["contig"].n_unique() == 1 else rows.sort(_SITE)
    write_frame(rows, path, compression="lz4", row_group_size=ROW_GROUP)
    return _Unit((str(path),), rows.height, is_sum=True)


def _add_up(
    rows: pl.DataFrame, others: pl.DataFrame | None = None, *, with_sites: bool = False
) -> pl.DataFrame:
    """Add the rows of units up by allele and stratum.

    `others` are what cohorts counted at sites of which they have no row (`_Callable.at`).

    Rows with `of_site` are what a unit counted at a site in a stratum, all its cohorts
    together. A sum of cohorts has them for sites of which it holds several alleles; where
    there are none, they follow from the rows of the alleles.

    Returns
    -------
    pl.DataFrame
        of_site, key, stratum, counts; rows with `of_site` only if asked `with_sites`.
    """
    counts = counts_of(TOTALS.name)
    own = rows.filter(~pl.col(_OF_SITE)) if rows[_OF_SITE].any() else rows
    sums = (
        own.lazy()
        .group_by(_GROUP)
        .agg(pl.col(counts).cast(pl.Int64).sum(), pl.len().alias(_N))
        .collect(engine="streaming")
    )
    alleles = sums.select(KEY).unique()
    several = alleles.filter(pl.len().over(_SITE) > 1)
    if others is not None:
        lacked = alleles.join(others.select(_SITE).unique(), on=_SITE, how="semi")
        several = pl.concat([several, lacked]).unique()
    names = [_OF_SITE, *_GROUP, *counts]
    if several.is_empty():
        return sums.with_columns(pl.lit(value=False).alias(_OF_SITE)).select(names)
    sites = several.select(_SITE).unique()
    own = own.join(sites, on=_SITE, how="semi")
    at_site = _at_sites(own, rows, sites)
    # What those that hold an allele counted at its site goes, for it comes with all others.
    double = (
        own.select(_UNIT, *KEY)
        .unique()
        .join(at_site, on=[_UNIT, *_SITE])
        .group_by(_GROUP)
        .agg(-pl.col(counts).sum(), -pl.len().cast(pl.Int64).alias(_N))
    )
    if others is not None:
        at_site = pl.concat([at_site.drop(_UNIT), others])
    everybody = at_site.group_by(*_SITE, *_STRATUM).agg(
        pl.col(counts).sum(), pl.len().alias(_N)
    )
    order = [*_GROUP, *counts, _N]
    terms = [sums.join(sites, on=_SITE, how="semi"), several.join(everybody, on=_SITE), double]
    mended = (
        pl.concat([t.select(order).cast({_N: pl.Int64}) for t in terms])
        .group_by(_GROUP)
        .agg(pl.col(*counts, _N).sum())
        # Nobody at all was assessed in this stratum.
        .filter(pl.col(_N) > 0)
    )
    rest = sums.join(sites, on=_SITE, how="anti")
    out = [f.select(*_GROUP, *counts) for f in (rest, mended)]
    marked = [f.with_columns(pl.lit(value=False).alias(_OF_SITE)) for f in out]
    if with_sites:
        empty = [pl.lit("", KEY_SCHEMA[n]).alias(n) for n in KEY if n not in _SITE]
        marked.append(everybody.with_columns(*empty, pl.lit(value=True).alias(_OF_SITE)))
    return pl.concat([f.select(names) for f in marked])


def _at_sites(own: pl.DataFrame, rows: pl.DataFrame, sites: pl.DataFrame) -> pl.DataFrame:
    """Say what each unit counted at the sites: unit, site, stratum, counts."""
    counts = counts_of(TOTALS.name)
    names = [_UNIT, *_SITE, *_STRATUM]
    said = rows.filter(pl.col(_OF_SITE)).join(sites, on=_SITE, how="semi")
    rest = own.join(said, on=[_UNIT, *_SITE], how="anti") if said.height else own
    found = rest.group_by(names).agg(**counts_at_site(TOTALS.name))
    return pl.concat([f.select(*names, pl.col(counts).cast(pl.Int64)) for f in (said, found)])


def _finish(rows: pl.DataFrame) -> pl.DataFrame:
    """Make rows of totals of sums."""
    counts = counts_of(TOTALS.name)
    greatest = rows.select(pl.col(counts).max()).row(0) if rows.height else ()
    if max((n for n in greatest if n is not None), default=0) > _MAX_INT32:
        raise StoreError("a sum over all cohorts passes 2,147,483,647 alleles")
    made = (
        rows.with_columns(pl.col(counts).cast(pl.Int32))
        .with_columns(**unknown_of(TOTALS.name))
        .with_columns(**made_of(TOTALS.name))
    )
    return with_greatest(made).select(c for c in TOTALS.names if c != "part")


def with_greatest(rows: pl.DataFrame) -> pl.DataFrame:
    """Mark the groups that have the greatest frequency of their stratum, allele by allele.

    Parameters
    ----------
    rows
        Rows of totals, all groups of each allele.
    """
    is_group = pl.col("stratum_by") != "all"
    marks = greatest_of(TOTALS.name)
    if not rows.select(is_group.any()).item():
        return rows.with_columns(pl.lit(None, pl.Boolean).alias(n) for n in marks)
    own = [*KEY, "stratum_by"]
    for name, (share, copies, alleles) in marks.items():
        first = (
            rows.filter(is_group & (pl.col(copies) > 0))
            .sort(share, alleles, "stratum", descending=[True, True, False])
            .unique(own, keep="first", maintain_order=True)
            .select(*own, "stratum", pl.lit(value=True).alias(name))
        )
        known = is_group & pl.col(copies).is_not_null()
        rows = (
            rows.drop(name, strict=False)
            .join(first, on=[*own, "stratum"], how="left", maintain_order="left")
            .with_columns(pl.when(known).then(pl.col(name).fill_null(value=False)))
        )
    return rows
