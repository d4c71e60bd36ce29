"""Taking cohorts out of the tables that all cohorts share.

Tables partitioned by cohort lose their files and that is all. The shared ones hold each
allele once, whoever carries it, so two things must be worked out:

- an allele that no remaining cohort carries (table frequencies) and that does not come
  in at the same time is an orphan: its rows go from variants, ids, consequences and
  annotations; ids that the cohort's own files gave go in any case;
- totals are sums over cohorts and are made anew for the partitions touched.

Only files that hold such rows are written again. Work goes by slices of files and by
windows of positions, so that memory does not grow with the store.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import StoreError
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.schema import FREQUENCIES, IDS, KEY, TABLES, TOTALS, Table
from varhouse.tables.shards import Manifest, Shard, ShardWriter, write_frame, write_shard

SLICE_ROWS = 1_000_000
"""Rows in memory at a time: 0.1 - 0.5 GiB for the widest table."""

WINDOW_ROWS = 100_000
"""Rows of frequencies that are summed at a time."""

_BUCKET = 1 << 12
_SUMMED = ("ac", "an", "n_het", "n_hom_alt", "n_hemi", "n_missing", "n_samples")
_GROUP = (*KEY, "stratum_by", "stratum")
_MAX_INT32 = 2**31 - 1


@dataclass(frozen=True)
class Retraction:
    """What taking cohorts out of the shared tables comes to.

    Attributes
    ----------
    manifest
        Shards with what is left of files, and the files they stand for.
    parts
        Partitions in which the cohorts had alleles: their totals change.
    alleles
        Number of alleles that nobody carries any more.
    """

    manifest: Manifest
    parts: list[str]
    alleles: int


def _carriers(store: Store) -> pl.DataFrame:
    """List (cohort, part) of the files of frequencies."""
    files = store.file_frame("frequencies")
    if not files.height:
        return pl.DataFrame(schema={"cohort": pl.String, "part": pl.String})
    columns = pl.col("partition.cohort", "partition.part")
    return files.select(columns.name.map(lambda c: c.removeprefix("partition."))).unique()


def retract(
    store: Store,
    cohorts: Sequence[str],
    work: Path,
    *,
    parts: Iterable[str] | None = None,
    incoming: pl.LazyFrame | None = None,
    ids_of: Sequence[str] = (),
) -> Retraction:
    """Work out what the shared tables lose when cohorts go or are replaced.

    Parameters
    ----------
    store
        The base release.
    cohorts
        Cohorts that go; those that the store does not hold are passed over.
    work
        Folder for the shards.
    parts
        Only these partitions; None: all in which the cohorts have alleles.
    incoming
        Alleles that come in by the same commit: the key columns and `part`.
    ids_of
        Values of `ids.source` whose rows go as well, from all `parts`: those of a source
        that is joined anew.

    Returns
    -------
    Retraction
        Rows of variants, ids, consequences and annotations; no totals, and nothing of
        the tables partitioned by cohort.
    """
    carriers = _carriers(store)
    touched = carriers.filter(pl.col("cohort").is_in(list(cohorts)))["part"].unique().to_list()
    if parts is not None:
        wanted = set(parts)
        touched = sorted(p for p in (wanted if ids_of else touched) if p in wanted)
    shards: list[Shard] = []
    remove: list[tuple[str, str]] = []
    alleles = 0
    for i, part in enumerate(sorted(touched)):
        there = carriers.filter(pl.col("part") == part)["cohort"].to_list()
        others = sorted(set(there) - set(cohorts))
        new = None if incoming is None else incoming.filter(pl.col("part") == part)
        folder = work / f"{i:05d}"
        orphans = _find_orphans(store, part, list(cohorts), others, new, folder)
        alleles += sum(
            pl.scan_parquet(f, glob=False).select(pl.len()).collect().item() for f in orphans
        )
        for table in _shared_tables(store):
            given = (
                [*(f"cohort:{c}" for c in cohorts), *ids_of] if table.name == IDS.name else []
            )
            for file, kept in _rewrite(store, table, part, given, orphans, folder):
                remove.append((table.name, file))
                shards.extend(kept)
    return Retraction(Manifest(shards, [], remove), sorted(touched), alleles)


def _shared_tables(store: Store) -> list[Table]:
    names = [t for t in store.tables if t in TABLES or t.startswith("annotations_")]
    tables = [store.declaration(name) for name in names]
    return [
        t
        for t in tables
        if t.name != "totals" and t.partition == ("part",) and "pos" in t.names
    ]


def _slices(file: Path, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
    scan = pl.scan_parquet(file, glob=False, hive_partitioning=False)
    if columns is not None:
        scan = scan.select(columns)
    offset = 0
    while True:
        piece = scan.slice(offset, SLICE_ROWS).collect()
        if piece.height:
            yield piece
        if piece.height < SLICE_ROWS:
            return
        offset += SLICE_ROWS


def _near(keys: pl.DataFrame) -> pl.Expr:
    """Choose the rows within the span of some alleles: a range that scans can skip by."""
    first, last = keys["contig"].min(), keys["contig"].max()
    test = pl.col("contig").is_between(pl.lit(first), pl.lit(last))
    if first == last:
        test &= pl.col("pos").is_between(pl.lit(keys["pos"].min()), pl.lit(keys["pos"].max()))
    return test


def _find_orphans(
    store: Store,
    part: str,
    cohorts: list[str],
    others: list[str],
    incoming: pl.LazyFrame | None,
    folder: Path,
) -> list[Path]:
    """Write the keys of the orphans of a partition as Parquet files, and list them."""
    found: list[Path] = []
    for file in store.files("frequencies", part=part, cohort=cohorts):
        for piece in _slices(file, KEY):
            keys = piece.unique()
            near = _near(keys)
            held = [store.scan("frequencies", part=part, cohort=others)] if others else []
            held += [incoming] if incoming is not None else []
            for frame in held:
                carried = frame.filter(near).select(KEY).unique().collect(engine="streaming")
                keys = keys.join(carried, on=KEY, how="anti")
            if keys.height:
                folder.mkdir(parents=True, exist_ok=True)
                found.append(folder / f"orphans-{len(found):05d}.parquet")
                write_frame(keys, found[-1])
    return found


def _rewrite(
    store: Store,
    table: Table,
    part: str,
    given: list[str],
    orphans: list[Path],
    folder: Path,
) -> Iterator[tuple[str, list[Shard]]]:
    """Write again the files of a table that hold rows to go; give file and shards."""
    root = table_folder(store.path, table)
    if not orphans and not given:
        return
    number = 0
    for file in store.file_frame(table.name, part=part)["path"].to_list():
        columns = [*KEY, *(["source"] if given else [])]
        pieces = _slices(root / file, columns)
        if not any(_goes(p, orphans, given).any() for p in pieces):
            continue
        shards = []
        for piece in _slices(root / file):
            kept = piece.filter(~_goes(piece, orphans, given))
            # Files written before a source had a field lack its column.
            missing = [c for c in table.file_schema if c not in kept.columns]
            kept = kept.with_columns(
                pl.lit(None, table.file_schema[c]).alias(c) for c in missing
            )
            name = f"{table.name}-{number:05d}"
            shards.append(write_shard(kept, table, folder, name, {"part": part}))
            number += 1
        yield file, [s for s in shards if s is not None]


def _goes(piece: pl.DataFrame, orphans: list[Path], given: list[str]) -> pl.Series:
    """Tell for each row whether it goes: an orphan's, or an id of a source in `given`."""
    goes = pl.Series("goes", [False]).new_from_index(0, piece.height)
    if orphans:
        keys = pl.scan_parquet(orphans, glob=False).filter(_near(piece)).unique().collect()
        marked = piece.select(KEY).join(
            keys.with_columns(goes=pl.lit(value=True)),
            on=KEY,
            how="left",
            maintain_order="left",
        )
        goes = marked["goes"].fill_null(value=False)
    if given:
        goes = goes | piece["source"].is_in(given)
    return goes


def totals_frame(frequencies: pl.LazyFrame) -> pl.DataFrame:
    """Sum frequencies over cohorts that assessed the site of an allele.

    A cohort that holds another allele of the site (contig and pos), but not this one,
    assessed its people there: it adds its `an` with no copy, not nothing.

    Parameters
    ----------
    frequencies
        Rows of the table frequencies, all of every site that is among them: one for each
        allele, cohort and stratum.

    Returns
    -------
    pl.DataFrame
        Rows of the table totals without `part`, sorted by allele and stratum. `af` is
        null where nobody was called; `n_cohorts` counts cohorts with people assessed.

    Raises
    ------
    StoreError
        If a sum passes 2**31 - 1.
    """
    wide = [pl.col(c).cast(pl.Int64).sum() for c in _SUMMED]
    rows = frequencies.select("cohort", *_GROUP, *_SUMMED).collect(engine="streaming")
    frame = (
        pl.concat([rows, _without_copy(rows)])
        .group_by(_GROUP)
        .agg(*wide, n_cohorts=(pl.col("n_samples") > 0).sum().cast(pl.Int32))
        .with_columns(af=pl.when(pl.col("an") > 0).then(pl.col("ac") / pl.col("an")))
        .sort(_GROUP)
    )
    if frame.height and max(frame[c].max() or 0 for c in _SUMMED) > _MAX_INT32:  # type: ignore[operator]
        raise StoreError("a sum over all cohorts passes 2,147,483,647 alleles")
    names = [c for c in TOTALS.names if c != "part"]
    return frame.with_columns(pl.col(_SUMMED).cast(pl.Int32)).select(names)


def _without_copy(rows: pl.DataFrame) -> pl.DataFrame:
    """Make rows of frequencies of the cohorts that hold only other alleles of a site.

    Alleles of one site may differ in `an` inside a cohort, if they stand in records of
    their own: the record in which most were called speaks for the site.
    """
    site = ["contig", "pos"]
    alleles = rows.select(KEY).unique()
    several = alleles.filter(pl.len().over(site) > 1)
    assessed = (
        rows.join(several.select(site).unique(), on=site, how="semi")
        .group_by(*site, "cohort", "stratum_by", "stratum")
        .agg(pl.col("an").max(), pl.col("n_missing").min(), pl.col("n_samples").max())
    )
    lacking = several.join(assessed, on=site).join(rows, on=[*KEY, "cohort"], how="anti")
    none = [c for c in _SUMMED if c not in assessed.columns]
    return lacking.with_columns(pl.lit(0, rows.schema[c]).alias(c) for c in none).select(
        rows.columns
    )


def prepare_totals(
    store: Store,
    parts: Iterable[str],
    work: Path,
    *,
    without: Sequence[str] = (),
    incoming: pl.LazyFrame | None = None,
) -> Manifest:
    """Make the totals of partitions anew.

    Parameters
    ----------
    store
        The base release.
    parts
        Partitions whose frequencies change.
    work
        Folder for the shards.
    without
        Cohorts whose frequencies in the store do not count: they go or are replaced.
    incoming
        Rows of frequencies that come in, `part` among the columns.

    Returns
    -------
    Manifest
        The shards of these partitions, each of which is replaced whole.
    """
    carriers = _carriers(store).filter(~pl.col("cohort").is_in(list(without)))
    names = list(FREQUENCIES.names)
    shards: list[Shard] = []
    replaced: list[tuple[str, dict[str, str]]] = []
    for i, part in enumerate(sorted(set(parts))):
        replaced.append(("totals", {"part": part}))
        there = carriers.filter(pl.col("part") == part)["cohort"].to_list()
        held = []
        if there:
            held.append(
                store.scan("frequencies", part=part, cohort=sorted(there)).select(names)
            )
        if incoming is not None:
            held.append(incoming.filter(pl.col("part") == part).select(names))
        if not held:
            continue
        rows = pl.concat(held)
        writer = ShardWriter(TOTALS, work, f"totals-{i:05d}", {"part": part})
        for window in windows(rows):
            writer.add(totals_frame(rows.filter(window)))
        shards += writer.close()
    return Manifest(shards, replaced)


def windows(rows: pl.LazyFrame) -> Iterator[pl.Expr]:
    """Cut a partition into windows of positions of at most about `WINDOW_ROWS` rows."""
    counts = (
        rows.group_by("contig", bucket=pl.col("pos") // _BUCKET)
        .agg(rows=pl.len())
        .sort("contig", "bucket")
        .collect(engine="streaming")
    )
    # Whole short contigs share a window; a long one is cut between buckets.
    start = 0
    size = 0
    sizes = counts["rows"].to_list()
    for i in range(1, len(sizes) + 1):
        size += sizes[i - 1]
        if i == len(sizes) or size + sizes[i] > WINDOW_ROWS:
            yield _between(counts.row(start), counts.row(i - 1))
            start, size = i, 0


def _between(first: tuple[str, int, int], last: tuple[str, int, int]) -> pl.Expr:
    contig, pos = pl.col("contig"), pl.col("pos")
    low, high = first[1] * _BUCKET, (last[1] + 1) * _BUCKET - 1
    if first[0] == last[0]:
        return (contig == first[0]) & pos.is_between(low, high)
    after = (contig > first[0]) | ((contig == first[0]) & (pos >= low))
    before = (contig < last[0]) | ((contig == last[0]) & (pos <= high))
    return after & before
