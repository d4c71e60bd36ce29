"""What capture kits give a store: their intervals, and where their people are assessed."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.frequencies.assessed import SITE, STRATUM, People, Sites
from varhouse.frequencies.assumed import assumed_stretches
from varhouse.ingest.setup.run import Run
from varhouse.tables.atsites import at_sites
from varhouse.tables.schema import CALLABLE, FREQUENCIES, KITS
from varhouse.tables.shards import Shard, write_shard
from varhouse.tables.statistics import counts_at_site, site_counts
from varhouse.tables.windows import cut_windows

ROWS_AT_ONCE = 2_000_000
"""Rows of frequencies of which what is counted at their sites is gathered at once."""


def kit_shards(run: Run, cohort: str, directory: Path) -> list[Shard | None]:
    """Write what the kits of a cohort cover: rows of the table `kits`; none without kits."""
    kits = run.kits(cohort)
    if kits is None:
        return []
    contigs = run.open_contigs()
    parts = {c: contigs.part(c) for c in kits.intervals["contig"].unique()}
    rows = kits.intervals.with_columns(
        pl.col("start") + 1,
        part=pl.col("contig").replace_strict(parts, return_dtype=pl.String),
        cohort=pl.lit(cohort),
    )
    # Folders and files are numbered: names of contigs could be the same for two of them.
    return [
        write_shard(
            mine, KITS, directory, f"kits-{k:05d}", {"cohort": cohort, "part": str(part)}
        )
        for k, ((part,), mine) in enumerate(rows.group_by("part", maintain_order=True))
    ]


def callable_of_kits(
    partition: dict[str, str],
    contigs: Iterable[str],
    shards: Sequence[Shard],
    people: People,
    assessed: Sequence[str],
    directory: Path,
    rejected: pl.DataFrame | None = None,
) -> list[Shard]:
    """Write rows of the table `callable` about the people of a cohort with kits.

    Where a record stands, they are what its alleles count at the site; where none does, the
    people whose kit covers the base are assumed called.

    Parameters
    ----------
    partition, contigs
        Cohort and part, and the contigs of the part.
    shards
        Of this partition: tables frequencies (whole, of all files), sites and genotypes.
    assessed
        Files of the table callable about people with runs, who are left out.
    directory
        Folder for the new shards, of this partition alone.
    rejected
        As for `Sites`.
    """
    assert people.kits is not None
    out: list[Shard | None] = []
    held: dict[str, list[npt.NDArray[np.int64]]] = {}
    for sites, rows in _at_records(shards, people, assessed, rejected):
        for (contig,), mine in sites.group_by("contig"):
            held.setdefault(str(contig), []).append(mine["pos"].to_numpy().astype(np.int64))
        found = rows.filter(pl.col("n_samples") > 0).rename({"pos": "start"})
        name = f"kits-{len(out):05d}"
        frame = found.with_columns(end="start")
        out.append(write_shard(frame, CALLABLE, directory, name, partition))
    for contig in contigs:
        known = np.unique(np.concatenate([np.zeros(0, np.int64), *held.get(contig, [])]))
        for found in assumed_stretches(
            contig, people.kits, people.strata, people.haploid, known
        ):
            name = f"kits-{len(out):05d}"
            out.append(write_shard(found, CALLABLE, directory, name, partition))
    return [s for s in out if s is not None]


def _at_records(
    shards: Sequence[Shard],
    people: People,
    assessed: Sequence[str],
    rejected: pl.DataFrame | None,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Give the sites of records, also of rejected ones, and what is counted at them.

    Yields
    ------
    tuple
        Frames of contig, pos, and of these, the stratum and `site_counts`.
    """
    paths = {
        table: [s.path for s in shards if s.table == table]
        for table in ("frequencies", "sites", "genotypes")
    }
    sites = Sites(paths["sites"], paths["genotypes"], people, rejected)
    columns = [*SITE, *STRATUM, *site_counts()]
    schema = {n: t for n, t in FREQUENCIES.polars_schema.items() if n in columns}
    alleles = pl.LazyFrame(schema=schema).select(columns)
    if paths["frequencies"]:
        alleles = pl.scan_parquet(paths["frequencies"], glob=False).select(columns)
    places = [alleles]
    places += [pl.scan_parquet(paths["sites"], glob=False)] if paths["sites"] else []
    places += [rejected.lazy()] if rejected is not None else []
    at_site = {n: e for n, e in counts_at_site(FREQUENCIES.name).items() if n in columns}
    for window in cut_windows(pl.concat(f.select(SITE) for f in places), ROWS_AT_ONCE):
        rows = alleles.filter(window.rows()).collect()
        counted = rows.group_by(*SITE, *STRATUM).agg(**at_site)
        known = rows.select(SITE).unique()
        with_runs = at_sites(assessed, known)
        of_alleles = pl.concat(
            [
                counted.select(*SITE, *STRATUM, pl.col(site_counts()).fill_null(0)),
                with_runs.select(*SITE, *STRATUM, -pl.col(site_counts())),
            ]
        )
        of_alleles = of_alleles.group_by(*SITE, *STRATUM).agg(pl.col(site_counts()).sum())
        rest = sites.places(window).join(known, on=SITE, how="anti")
        found = pl.concat([of_alleles, sites.without_allele(rest, window)])
        yield pl.concat([known, rest]), found
