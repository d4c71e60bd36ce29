"""Frequencies of a cohort whose files hold different people, added up by allele.

What the people add whose files lack an allele: of a gVCF what its runs say of the base, which
is what the cohort's rows of the table `callable` count there (decision 0035); of any other
file what its records of the site say (`varhouse.frequencies.assessed`). The carriers of a
gVCF are counted at the base by their runs, too, so that each person counts once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from varhouse.frequencies.assessed import People, Sites
from varhouse.tables.atsites import at_sites
from varhouse.tables.consistency import check_rows
from varhouse.tables.schema import FREQUENCIES, KEY
from varhouse.tables.shards import Shard, write_shard
from varhouse.tables.statistics import (
    adding_alone,
    adj_counts,
    counts_at_site,
    counts_of,
    made_of,
    site_counts,
    unknown_of,
)
from varhouse.tables.windows import cut_windows

MERGE_ROWS = 2_000_000
"""Rows of frequencies that are added up at once."""

_GROUP = (*KEY, "stratum_by", "stratum")


class ByRuns(NamedTuple):
    """What is counted by runs: the numbers of the files that bring some, and what they count.

    `assessed` are files of the table callable of the cohort's partition.
    """

    files: frozenset[int]
    assessed: Sequence[str]


def merge_part(
    cohort: str,
    shards: list[tuple[int, Shard]],
    people: People,
    by_runs: ByRuns,
    directory: Path,
    rejected: pl.DataFrame | None = None,
) -> tuple[list[Shard], int]:
    """Add the frequencies of a partition up over files of different people.

    Parameters
    ----------
    shards
        (file, shard) of the tables frequencies, sites and genotypes.
    people
        The people of the cohort; groups of files with runs have no `members`.
    directory
        Folder for the new shards of frequencies, of this partition alone.
    rejected
        As for `Sites`.

    Returns
    -------
    tuple
        The shards, and the number of distinct alleles.

    Raises
    ------
    StoreError
        If counts contradict each other (`tables.consistency`).
    """
    by_table = {
        table: [(f, s) for f, s in shards if s.table == table]
        for table in ("frequencies", "sites", "genotypes")
    }
    frequencies = [s for _, s in by_table["frequencies"]]
    if not frequencies:
        return [], 0
    groups = pl.DataFrame(
        {
            "path": [s.path for _, s in by_table["frequencies"]],
            "group": [people.group_of[f] for f, _ in by_table["frequencies"]],
            "has_runs": [f in by_runs.files for f, _ in by_table["frequencies"]],
        }
    )
    frame = pl.scan_parquet(
        [s.path for s in frequencies], include_file_paths="path", glob=False
    )
    sites = Sites(
        [s.path for _, s in by_table["sites"]],
        [s.path for _, s in by_table["genotypes"]],
        people,
        rejected,
    )
    out, n = [], 0
    for i, window in enumerate(cut_windows(frame, MERGE_ROWS)):
        rows = frame.filter(window.rows()).collect().join(groups, on="path", how="left")
        held = rows.select(*KEY, "group").unique()
        names = [*_GROUP, *counts_of(FREQUENCIES.name)]
        if people.group_of.keys() <= by_runs.files:
            piece = with_site_counts(rows, by_runs.assessed, cohort)
        else:
            of_records = rows.filter(~pl.col("has_runs"))
            pieces = [
                of_records,
                _copies(rows.filter("has_runs")),
                _at_bases(held, by_runs.assessed),
                sites.others(held, window),
                _adj_of_others(of_records, held),
            ]
            piece = _sum_up([p.select(names) for p in pieces], cohort)
        check_rows("frequencies", piece, f"cohort {cohort}", exactly=True)
        n += int(((piece["stratum_by"] == "all") & (piece["stratum"] == "all")).sum())
        name = f"frequencies-{i:05d}"
        shard = write_shard(piece, FREQUENCIES, directory, name, frequencies[0].partition)
        out += [shard] if shard is not None else []
    return out, n


def with_site_counts(
    alone: pl.DataFrame, assessed: Sequence[str], cohort: str
) -> pl.DataFrame:
    """Make rows of frequencies of people who are all counted by runs.

    Parameters
    ----------
    alone
        Rows of alleles in strata: the key, stratum_by, stratum and the counts to which who
        lacks an allele adds 0 (`tables.statistics.adding_alone`); they are added up.
    assessed
        Files of the table callable, of all these people.

    Returns
    -------
    pl.DataFrame
        Rows of frequencies but for `part`: of each allele the strata with people assessed.
    """
    names = [*_GROUP, *counts_of(FREQUENCIES.name)]
    pieces = [_copies(alone), _at_bases(alone, assessed)]
    rows = _sum_up([p.select(names) for p in pieces], cohort)
    return rows.filter(pl.col("n_samples") > 0)


def _sum_up(pieces: Sequence[pl.DataFrame], cohort: str) -> pl.DataFrame:
    """Add rows up by allele and stratum, and make what follows."""
    return (
        pl.concat(pieces)
        .group_by(_GROUP)
        .agg(pl.col(counts_of(FREQUENCIES.name)).sum())
        .with_columns(**unknown_of(FREQUENCIES.name))
        .with_columns(**made_of(FREQUENCIES.name), cohort=pl.lit(cohort))
    )


def _copies(rows: pl.DataFrame) -> pl.DataFrame:
    """Leave of rows what is about their allele: the base is counted by runs."""
    return rows.with_columns(pl.lit(0, pl.Int32).alias(n) for n in site_counts())


def _at_bases(held: pl.DataFrame, assessed: Sequence[str]) -> pl.DataFrame:
    """Give what the people with runs count at the base of each allele of some rows."""
    alleles = held.select(KEY).unique()
    found = at_sites(assessed, alleles.select("contig", "pos"))
    none = (pl.lit(0, pl.Int32).alias(n) for n in adding_alone(FREQUENCIES.name))
    return alleles.join(found, on=["contig", "pos"]).with_columns(*none)


def _adj_of_others(rows: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """Give the counts of high quality of groups of people that lack an allele.

    Those of the allele of the same site that they do have: who passed there, passed there.
    Of several alleles the one with most called copies of high quality, for all groups of all
    strata, so that these add up. A site at which none of their alleles is kept says
    nothing: they are not counted as people whose quality is known.

    Parameters
    ----------
    rows
        Rows of frequencies of a window, all of each site, with the `group` of people.
    held
        The key and `group` of every allele among them.
    """
    site = ("contig", "pos")
    own = [*KEY, "group"]
    has_fields = rows.filter(pl.col("n_samples_adj").is_not_null())
    best = (
        has_fields.filter(pl.col("stratum_by") == "all")
        .sort(pl.col("an_adj"), -pl.col("n_missing_adj"), *KEY, descending=True)
        .unique([*site, "group"], keep="first", maintain_order=True)
        .select(own)
    )
    zero = [n for n, e in counts_at_site(FREQUENCIES.name).items() if not e.meta.root_names()]
    known = (
        has_fields.join(best, on=own)
        .with_columns(pl.lit(0, pl.Int32).alias(n) for n in zero)
        .select(*site, "group", "stratum_by", "stratum", *adj_counts())
    )
    lacking = (
        held.select(KEY)
        .unique()
        .join(known.select(*site, "group").unique(), on=site)
        .join(held, on=[*KEY, "group"], how="anti")
    )
    none = {n: pl.lit(0, pl.Int32) for n in counts_of(FREQUENCIES.name)}
    return lacking.join(known, on=[*site, "group"]).with_columns(
        **{n: zero for n, zero in none.items() if n not in adj_counts()}
    )
