"""Taking cohorts out of the tables that all cohorts share.

Tables partitioned by cohort lose their files and that is all. The shared ones hold each
allele once, whoever carries it, so two things must be worked out:

- an allele that no remaining cohort carries (table frequencies) and that does not come
  in at the same time is an orphan: its rows go from variants, ids, consequences and
  annotations; ids that the cohort's own files gave go in any case;
- totals are sums over cohorts and are made anew for the partitions touched, by who takes the
  cohorts out, from the files of the others (`frequency_files`).

Only files that hold such rows are written again. Work goes by slices of files, so that
memory does not grow with the store.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.schema import IDS, KEY, KEY_SCHEMA, TABLES, Table
from varhouse.tables.shards import Manifest, Shard, write_frame, write_shard
from varhouse.tables.totals import CohortFile

SLICE_ROWS = 1_000_000
"""Rows in memory at a time: 0.1 - 0.5 GiB for the widest table."""


@dataclass(frozen=True)
class Lost:
    """What a cohort that stays has no more, because some of its people left.

    Attributes
    ----------
    alleles
        Those that nobody of it holds any more: the key columns and `part`.
    ids
        Ids that only files which left gave to an allele: `id`, the key columns and `part`.
    """

    alleles: pl.LazyFrame
    ids: pl.LazyFrame

    def of_part(self, part: str) -> "Lost":
        """Give what is lost in one partition."""
        mine = pl.col("part") == part
        return Lost(self.alleles.filter(mine), self.ids.filter(mine))

    def parts(self) -> set[str]:
        """Name the partitions in which anything is lost."""
        frames = (f.select("part").unique().collect() for f in (self.alleles, self.ids))
        return {part for frame in frames for part in frame["part"]}


@dataclass(frozen=True)
class Retraction:
    """What taking cohorts out of the shared tables comes to.

    Attributes
    ----------
    manifest
        Shards with what is left of files, and the files they stand for.
    parts
        Partitions in which the cohorts were counted (`counted_parts`): their totals change.
    alleles
        Number of alleles that nobody carries any more.
    """

    manifest: Manifest
    parts: list[str]
    alleles: int


def frequency_files(store: Store, part: str, without: Sequence[str] = ()) -> list[CohortFile]:
    """List the files of frequencies of a partition, but for some cohorts."""
    return _cohort_files(store, "frequencies", part, without)


def callable_files(store: Store, part: str, without: Sequence[str] = ()) -> list[CohortFile]:
    """List the files of callable of a partition, but for some cohorts."""
    return _cohort_files(store, "callable", part, without)


SAME_PERSON, ONCE = "same_person", "once"
"""What a release keeps of how people are counted who stand in several cohorts: `ONCE` if
totals count them once (`policy.same_person`)."""

COUNTED_ONCE = {"frequencies": "frequencies_once", "callable": "callable_once"}
"""What stands in the place of tables where people of a cohort count in another one."""


def counts_once(store: Store) -> bool:
    """Tell whether totals of a release count a person once."""
    return bool(store.meta.get(SAME_PERSON) == ONCE)


def counted_files(store: Store, part: str) -> tuple[list[CohortFile], list[CohortFile]]:
    """List the files of a partition that totals are made of.

    Those of frequencies and of callable; of a cohort of which somebody counts elsewhere (the
    table same_people) those without him.
    """
    others: set[str] = set()
    if store.file_frame("same_people").height:
        rows = store.scan("same_people").filter(pl.col("not_in").list.contains(part))
        others = set(rows.select("cohort").unique().collect()["cohort"])
    whole, once = [], []
    for table, without in COUNTED_ONCE.items():
        whole.append(_cohort_files(store, table, part, sorted(others)))
        made = _cohort_files(store, without, part, ())
        once.append([f for f in made if f.cohort in others])
    frequencies, assessed = (a + b for a, b in zip(whole, once, strict=True))
    return frequencies, assessed


def _cohort_files(
    store: Store, table: str, part: str, without: Sequence[str]
) -> list[CohortFile]:
    files = store.file_frame(table, part=part)
    if not files.height:
        return []
    root = table_folder(store.path, TABLES[table])
    columns = files.select("partition.cohort", "path", "num_records").rows()
    return [CohortFile(c, str(root / p), n) for c, p, n in columns if c not in without]


def counted_parts(store: Store, cohorts: Sequence[str]) -> set[str]:
    """List the partitions whose totals some cohorts are part of.

    There they have alleles, or, with gVCF, were assessed (table callable).
    """
    counted = pl.concat([_partitions(store, t) for t in ("frequencies", "callable")])
    return set(counted.filter(pl.col("cohort").is_in(list(cohorts)))["part"])


def _partitions(store: Store, table: str) -> pl.DataFrame:
    """List (cohort, part) of the files of a table."""
    files = store.file_frame(table)
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
    lost: Mapping[str, Lost] | None = None,
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
        Only these partitions; None: all in which the cohorts are counted.
    incoming
        Alleles that come in by the same commit: the key columns and `part`.
    ids_of
        Values of `ids.source` whose rows go as well, from all `parts`: those of a source
        that is joined anew.
    lost
        Cohort to what it loses, of those that stay.

    Returns
    -------
    Retraction
        Rows of variants, ids, consequences and annotations; no totals, and nothing of
        the tables partitioned by cohort.
    """
    carriers, lost = _partitions(store, "frequencies"), lost or {}
    losing = (part for of in lost.values() for part in of.parts())
    touched = sorted({*counted_parts(store, cohorts), *losing})
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
        left = {c: of.of_part(part) for c, of in lost.items()}
        whole = [c for c in others if c not in left]
        held = [store.scan("frequencies", part=part, cohort=whole)] if whole else []
        held += [
            store.scan("frequencies", part=part, cohort=c).join(of.alleles, on=KEY, how="anti")
            for c, of in left.items()
            if c in others
        ]
        held += [new] if new is not None else []
        candidates = _candidates(store, part, list(cohorts), left.values())
        orphans = _find_orphans(candidates, held, folder)
        unnamed = _lost_ids(left)
        alleles += sum(
            pl.scan_parquet(f, glob=False).select(pl.len()).collect().item() for f in orphans
        )
        for table in _shared_tables(store):
            given = (
                [*(f"cohort:{c}" for c in cohorts), *ids_of] if table.name == IDS.name else []
            )
            going = _Going(given, orphans, unnamed if table.name == IDS.name else None)
            for file, kept in _rewrite(store, table, part, going, folder):
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


def _candidates(
    store: Store, part: str, cohorts: list[str], lost: Iterable[Lost]
) -> Iterator[pl.DataFrame]:
    """Give the keys of alleles that may have nobody any more, some at a time."""
    for file in store.paths("frequencies", part=part, cohort=cohorts):
        for piece in _slices(file, KEY):
            yield piece.unique()
    for of in lost:
        keys = of.alleles.select(KEY).unique().collect()
        if keys.height:
            yield keys


def _find_orphans(
    candidates: Iterable[pl.DataFrame], held: Sequence[pl.LazyFrame], folder: Path
) -> list[Path]:
    """Write the keys of candidates that nobody holds as Parquet files, and list them."""
    found: list[Path] = []
    for keys in candidates:
        near = _near(keys)
        for frame in held:
            # Of what others carry no more is kept than is asked for.
            carried = frame.filter(near).select(KEY)
            carried = carried.join(keys.lazy(), on=KEY, how="semi").unique()
            keys = keys.join(carried.collect(engine="streaming"), on=KEY, how="anti")
        if keys.height:
            folder.mkdir(parents=True, exist_ok=True)
            found.append(folder / f"orphans-{len(found):05d}.parquet")
            write_frame(keys, found[-1])
    return found


def _lost_ids(lost: Mapping[str, Lost]) -> pl.DataFrame:
    """Give the rows of `ids` that cohorts lose: id, key, source."""
    frames = [
        of.ids.select("id", *KEY, pl.lit(f"cohort:{c}").alias("source")).collect()
        for c, of in lost.items()
    ]
    return pl.concat([pl.DataFrame(schema=_NAMED), *frames])


_NAMED = {"id": pl.String, **KEY_SCHEMA, "source": pl.String}


@dataclass(frozen=True)
class _Going:
    """Which rows of a table go.

    Those of a source in `given`, of an allele in the files `orphans`, and, in `ids`, the rows
    of `unnamed`.
    """

    given: list[str]
    orphans: list[Path]
    unnamed: pl.DataFrame | None = None

    @property
    def is_nothing(self) -> bool:
        """Whether no row goes."""
        return not (self.given or self.orphans or self._has_names)

    @property
    def _has_names(self) -> bool:
        return self.unnamed is not None and not self.unnamed.is_empty()

    @property
    def columns(self) -> list[str]:
        """Columns by which rows are told."""
        return [*KEY, *(["source"] if self.given or self._has_names else []),
                *(["id"] if self._has_names else [])]  # fmt: skip

    def of(self, piece: pl.DataFrame) -> pl.Series:
        """Tell for each row whether it goes."""
        goes = pl.Series("goes", [False]).new_from_index(0, piece.height)
        if self.orphans:
            keys = pl.scan_parquet(self.orphans, glob=False).filter(_near(piece)).unique()
            goes = goes | _is_among(piece, keys.collect())
        if self.given:
            goes = goes | piece["source"].is_in(self.given)
        if self.unnamed is not None and self._has_names:
            goes = goes | _is_among(piece, self.unnamed)
        return goes


def _is_among(piece: pl.DataFrame, rows: pl.DataFrame) -> pl.Series:
    """Tell for each row of a piece whether it is one of some others, by their columns."""
    marked = piece.select(rows.columns).join(
        rows.unique().with_columns(goes=pl.lit(value=True)),
        on=rows.columns,
        how="left",
        maintain_order="left",
    )
    return marked["goes"].fill_null(value=False)


def _rewrite(
    store: Store,
    table: Table,
    part: str,
    going: _Going,
    folder: Path,
) -> Iterator[tuple[str, list[Shard]]]:
    """Write again the files of a table that hold rows to go; give file and shards."""
    root = table_folder(store.path, table)
    if going.is_nothing:
        return
    number = 0
    for file in store.file_frame(table.name, part=part)["path"].to_list():
        pieces = _slices(root / file, going.columns)
        if not any(going.of(p).any() for p in pieces):
            continue
        shards = []
        for piece in _slices(root / file):
            kept = piece.filter(~going.of(piece))
            # Files written before a source had a field lack its column.
            missing = [c for c in table.file_schema if c not in kept.columns]
            kept = kept.with_columns(
                pl.lit(None, table.file_schema[c]).alias(c) for c in missing
            )
            name = f"{table.name}-{number:05d}"
            shards.append(write_shard(kept, table, folder, name, {"part": part}))
            number += 1
        yield file, [s for s in shards if s is not None]
