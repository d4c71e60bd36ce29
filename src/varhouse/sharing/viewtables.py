"""The tables of a view, made anew of a governed store: what a role may see, and nothing else.

Partition by partition, and inside by windows of positions, so that memory does not grow with
the store: the frequencies of the cohorts that are shown and their sums (by the code of
`tables/totals.py`) are protected together, and what is left of them says which alleles there
are. The tables of alleles follow from that. A partition whose rows are those of the release
before keeps its files.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from varhouse.disclosure.earlier import Earlier
from varhouse.disclosure.protect import Protected
from varhouse.sharing.viewaccount import add_rows, digest_json
from varhouse.store.catalogue import Catalogue
from varhouse.store.reader import Store
from varhouse.store.retract import callable_files, frequency_files
from varhouse.tables.digest import combine
from varhouse.tables.schema import (
    COHORTS,
    CONSEQUENCES,
    CONTIGS,
    FREQUENCIES,
    GENES,
    IDS,
    KEY,
    KITS,
    TOTALS,
    TRANSCRIPTS,
    VARIANTS,
    Table,
)
from varhouse.tables.shards import Manifest, Shard, ShardWriter, write_frame, write_shard
from varhouse.tables.totals import CohortFile, write_totals
from varhouse.tables.windows import Window, cut_windows

ROWS_AT_ONCE = 150_000
"""Rows of frequencies and totals that are protected at once."""

SLICE_ROWS = 1_000_000
"""Rows of ids that are looked at at once."""

OF_ALL = (CONTIGS, GENES, TRANSCRIPTS)
"""Tables that are of the assembly and the gene model, whoever is shown."""

Rows = tuple[pl.DataFrame, pl.DataFrame]
"""Rows of frequencies and of totals, of the same alleles."""

Protect = Callable[[pl.DataFrame, pl.DataFrame, Sequence[Earlier]], Protected]
"""Gives what may be shown of rows of frequencies and totals, where earlier releases showed
some; alleles of which nothing may be shown have no row."""


@dataclass(frozen=True)
class Shown:
    """An earlier release of a view, and the people who are in it or in the new one alone.

    Attributes
    ----------
    store
        Its store.
    changed
        cohort (null: all together), stratum_by, stratum and `people`, how many they are.
    same_role
        It is of the same role, not of a more open one.
    """

    store: Store
    changed: pl.DataFrame
    same_role: bool = True


@dataclass(frozen=True)
class Origin:
    """What a view shows of a store.

    Attributes
    ----------
    store
        The release that is shown.
    cohorts
        Those that are shown: name to the release that their rows are taken from, which is
        another one where a cohort is held.
    withheld
        Sources that are not passed on.
    shown
        Gives the names of the columns of a table that are shown.
    """

    store: Store
    cohorts: Mapping[str, Store]
    withheld: frozenset[str]
    shown: Callable[[Table], frozenset[str]]

    def files(self, table: str, part: str) -> list[CohortFile]:
        """List the files of frequencies or callable of a partition that are shown."""
        list_files = frequency_files if table == FREQUENCIES.name else callable_files
        by_release = {s.release: s for s in self.cohorts.values()}
        return [
            f
            for number, store in sorted(by_release.items())
            for f in list_files(store, part)
            if f.cohort in self.cohorts and self.cohorts[f.cohort].release == number
        ]

    def sources(self) -> list[str]:
        """Name the tables of annotations that are shown."""
        tables = (t for t in self.store.tables if t.startswith("annotations_"))
        return [t for t in tables if t.removeprefix("annotations_") not in self.withheld]

    def parts(self) -> list[str]:
        """List the partitions of the assembly."""
        contigs = self.store.scan("contigs").select("part", "ordinal").collect()
        return list(dict.fromkeys(contigs.sort("ordinal")["part"]))

    def key_of(self, part: str) -> str:
        """Digest what the rows of a partition are made of: the names of files say all."""
        names = [
            (f.cohort, Path(f.path).name, f.rows)
            for t in ("frequencies", "callable")
            for f in self.files(t, part)
        ]
        tables = ["variants", "ids", "consequences", *self.sources()]
        for table in tables:
            names += [(table, p, 0) for p in self.store.file_frame(table, part=part)["path"]]
        for cohort, store in self.cohorts.items():
            kits = store.file_frame("kits", part=part, cohort=cohort)
            names += [(cohort, p, 0) for p in kits["path"]]
        return digest_json(sorted(names))

    def hide(self, rows: pl.DataFrame, table: Table) -> pl.DataFrame:
        """Empty the columns that are not shown: null, or what stands for nothing."""
        kept = self.shown(table)
        gone = (c for c in table.columns if c.name not in kept and c.name in rows.columns)
        return rows.with_columns(
            pl.lit(None if c.nullable else _nothing(c.dtype), c.dtype).alias(c.name)
            for c in gone
        )


def _nothing(dtype: object) -> object:
    """Give what stands in a column that may not be null and is not shown."""
    if isinstance(dtype, pl.List):
        return []
    return {pl.String: "", pl.Boolean: False}.get(dtype, 0)  # type: ignore[call-overload]


@dataclass
class Made:
    """What was made of a partition.

    Attributes
    ----------
    shards
        Its shards.
    alleles
        Alleles of which a cohort has a row, by cohort.
    rows
        Numbers of rows by table: shown; of them masked, and of coarser strata; hidden.
    """

    shards: list[Shard] = field(default_factory=list)
    alleles: dict[str, int] = field(default_factory=dict)
    rows: dict[str, dict[str, int]] = field(default_factory=dict)


class PartTables:
    """Makes the tables of one partition of a view.

    Parameters
    ----------
    origin
        What is shown.
    part
        The partition.
    work
        Folder for its files.
    protect
        Says what of counts may be shown.
    earlier
        Earlier releases of views, which whoever reads this one may know.
    """

    def __init__(
        self, origin: Origin, part: str, work: Path, protect: Protect, earlier: Sequence[Shown]
    ) -> None:
        self._origin, self._part, self._work = origin, part, work
        self._protect, self._earlier = protect, _told_apart(earlier, part)
        self._writers: dict[tuple[str, str], ShardWriter] = {}
        self._keys: list[Path] = []
        self.made = Made()

    def make(self) -> Made:
        """Make them."""
        for number, (window, rows) in enumerate(self._windows()):
            self._add(number, window, rows)
        for writer in self._writers.values():
            self.made.shards += writer.close()
        self._ids()
        self._kits()
        for shard in self.made.shards:
            add_rows(self.made.rows, {shard.table: {"shown": shard.rows}})
        return self.made

    def _windows(self) -> Iterator[tuple[Window, Rows]]:
        """Give the rows of the cohorts that are shown and their sums, as they are."""
        files = self._origin.files(FREQUENCIES.name, self._part)
        if not files:
            return
        assessed = self._origin.files("callable", self._part)
        raw = self._work / "raw"
        sums = [s.path for s in write_totals(self._part, files, raw, "totals", assessed)]
        part = pl.lit(self._part).alias("part")
        own = pl.concat(
            pl.scan_parquet(f.path, glob=False, hive_partitioning=False)
            .with_columns(pl.lit(f.cohort).alias("cohort"), part)
            .select(FREQUENCIES.names)
            for f in files
        )
        totals = pl.scan_parquet(sums, glob=False, hive_partitioning=False)
        totals = totals.with_columns(part).select(TOTALS.names)
        places = pl.concat([own.select("contig", "pos"), totals.select("contig", "pos")])
        for window in cut_windows(places, ROWS_AT_ONCE):
            found = [f.filter(window.rows()).collect() for f in (own, totals)]
            yield window, (found[0], found[1])

    def _add(self, number: int, window: Window, rows: Rows) -> None:
        """Add the rows of a window to all tables."""
        before = [
            Earlier(
                _window_of(e.store, FREQUENCIES.name, self._part, window),
                _window_of(e.store, TOTALS.name, self._part, window),
                e.changed,
                e.same_role,
            )
            for e in self._earlier
        ]
        kept = self._protect(*rows, before)
        own, totals = kept.frequencies, kept.totals
        self._count(rows, (own, totals))
        for (cohort,), mine in own.group_by("cohort"):
            self._write(FREQUENCIES.masked, mine, str(cohort))
            n = mine.select(KEY).n_unique()
            self.made.alleles[str(cohort)] = self.made.alleles.get(str(cohort), 0) + n
        self._write(TOTALS.masked, totals)
        keys = totals.select(KEY).unique()
        if keys.is_empty():
            return
        self._work.mkdir(parents=True, exist_ok=True)
        self._keys.append(self._work / f"keys-{number:05d}.parquet")
        write_frame(keys.sort(KEY), self._keys[-1])
        known = self._alleles(VARIANTS, window, keys)
        self._alleles(CONSEQUENCES, window, keys)
        for name in self._origin.sources():
            self._alleles(self._origin.store.declaration(name), window, keys)
        self._held_alleles(window, keys.join(known, on=KEY, how="anti"))

    def _count(self, raw: Rows, shown: Rows) -> None:
        for table, a, b in zip((FREQUENCIES, TOTALS), raw, shown, strict=True):
            same = a.select(*_CELLS, *_cohort(table)).join(
                b.select(*_CELLS, *_cohort(table)), on=[*_CELLS, *_cohort(table)], how="semi"
            )
            counts = {
                "masked": b["ac"].null_count(),
                "hidden": a.height - same.height,
                "coarser": b.height - same.height,
            }
            add_rows(self.made.rows, {table.name: counts})
        alleles = [r[1].select(KEY).n_unique() for r in (raw, shown)]
        add_rows(self.made.rows, {VARIANTS.name: {"hidden": alleles[0] - alleles[1]}})

    def _alleles(self, table: Table, window: Window, keys: pl.DataFrame) -> pl.DataFrame:
        """Add the rows of a table of alleles, and give the keys that were found."""
        scan = self._origin.store.scan(table.name, part=self._part).filter(window.rows())
        rows = scan.join(keys.lazy(), on=KEY, how="semi").collect()
        self._write(table, rows)
        return rows.select(KEY)

    def _held_alleles(self, window: Window, lacking: pl.DataFrame) -> None:
        """Add alleles that only a held cohort has, as its own release knew them."""
        for store in {s.release: s for s in self._origin.cohorts.values()}.values():
            if lacking.is_empty():
                return
            for table in (VARIANTS, CONSEQUENCES):
                scan = store.scan(table.name, part=self._part).filter(window.rows())
                rows = scan.join(lacking.lazy(), on=KEY, how="semi").collect()
                self._write_apart(table, rows)
                if table is VARIANTS:
                    found = rows.select(KEY)
            lacking = lacking.join(found, on=KEY, how="anti")

    def _write(self, table: Table, rows: pl.DataFrame, cohort: str = "") -> None:
        if rows.is_empty():
            return
        place = table.name, cohort
        if place not in self._writers:
            values = {"cohort": cohort, "part": self._part}
            self._writers[place] = ShardWriter(
                table,
                self._work,
                f"{table.name}-{len(self._writers):05d}",
                {n: values[n] for n in table.partition},
            )
        given = rows.drop([n for n in table.partition if n in rows.columns])
        self._writers[place].add(self._origin.hide(given, table))

    def _write_apart(self, table: Table, rows: pl.DataFrame) -> None:
        """Write rows as a shard of their own; those of others may lie among them."""
        number = len(self.made.shards)
        name = f"{table.name}-held-{number:05d}"
        hidden = self._origin.hide(rows.drop("part"), table)
        shard = write_shard(hidden, table, self._work, name, {"part": self._part})
        self.made.shards += [shard] if shard else []

    def _ids(self) -> None:
        """Write the ids of the alleles that are shown: files of many rows by themselves."""
        if not self._keys:
            return
        held: list[pl.DataFrame] = []
        for piece in self._id_pieces():
            held.append(piece)
            if sum(p.height for p in held) >= SLICE_ROWS:
                self._write_ids(held)
                held = []
        self._write_ids(held)

    def _id_pieces(self) -> Iterator[pl.DataFrame]:
        """Give the ids that are shown, some rows of a file at a time."""
        keys = pl.scan_parquet(self._keys, glob=False)
        store = self._origin.store
        listed = store.file_frame(IDS.name, part=self._part)
        for i in range(listed.height):
            for first in range(0, listed["num_records"][i], SLICE_ROWS):
                piece = store.read_rows(IDS.name, listed[i], first, SLICE_ROWS)
                kept = piece.filter(self._is_shown_id()).lazy()
                yield kept.join(keys, on=KEY, how="semi").collect(engine="streaming")

    def _write_ids(self, pieces: Sequence[pl.DataFrame]) -> None:
        if pieces:
            number = len(self.made.shards)
            rows = self._origin.hide(pl.concat(pieces).drop("part"), IDS)
            place = {"part": self._part}
            shard = write_shard(rows, IDS, self._work, f"ids-{number:05d}", place)
            self.made.shards += [shard] if shard else []

    def _is_shown_id(self) -> pl.Expr:
        """Tell of rows of ids whether who gave the id is shown, and the id says nothing."""
        source = pl.col("source")
        of_cohort = source.str.starts_with("cohort:")
        mine = source.is_in([f"cohort:{c}" for c in self._origin.cohorts])
        gone = [f"{kind}:{s}" for s in self._origin.withheld for kind in ("source", "merged")]
        # What a file calls an allele may hold anything, unless it is an id that all know.
        odd = of_cohort & (pl.col("kind") == "other")
        shown = (~of_cohort | mine) & ~source.is_in(gone)
        return shown & ~odd

    def _kits(self) -> None:
        for i, (cohort, store) in enumerate(sorted(self._origin.cohorts.items())):
            rows = store.scan(KITS.name, part=self._part, cohort=cohort).collect()
            values = {"cohort": cohort, "part": self._part}
            hidden = self._origin.hide(rows.drop("cohort", "part"), KITS)
            shard = write_shard(hidden, KITS, self._work, f"kits-{i:05d}", values)
            self.made.shards += [shard] if shard else []


_CELLS = (*KEY, "stratum_by", "stratum")


def _cohort(table: Table) -> list[str]:
    return ["cohort"] if "cohort" in table.names else []


def _told_apart(earlier: Sequence[Shown], part: str) -> list[Shown]:
    """Leave out what is as one before: the files of counts of a partition, and who changed."""
    seen: list[tuple[list[str], pl.DataFrame]] = []
    out = []
    for shown in earlier:
        store = shown.store
        files = sorted(
            f"{store.path}/{p}"
            for t in (FREQUENCIES.name, TOTALS.name)
            for p in store.file_frame(t, part=part)["path"]
        )
        if files and not any(f == files and c.equals(shown.changed) for f, c in seen):
            seen.append((files, shown.changed))
            out.append(shown)
    return out


def _window_of(store: Store, table: str, part: str, window: Window) -> pl.DataFrame:
    return store.scan(table, part=part).filter(window.rows()).collect()


def small_tables(
    origin: Origin, alleles: Mapping[str, int], ingest_id: str, work: Path
) -> list[Shard]:
    """Write the tables of the assembly, of the gene model and of the cohorts.

    Parameters
    ----------
    alleles
        Alleles of which each cohort has a row in the view.
    ingest_id
        Under which the view is committed.
    """
    shards = []
    for table in OF_ALL:
        rows = origin.store.scan(table.name).collect()
        shards.append(write_shard(origin.hide(rows, table), table, work, table.name, {}))
    for i, (cohort, store) in enumerate(sorted(origin.cohorts.items())):
        rows = store.scan(COHORTS.name, cohort=cohort).collect()
        told = origin.hide(rows, COHORTS).with_columns(
            n_alleles=pl.lit(alleles.get(cohort, 0), pl.Int64), ingest_id=pl.lit(ingest_id)
        )
        name, place = f"cohorts-{i:05d}", {"cohort": cohort}
        shards.append(write_shard(told.drop("cohort"), COHORTS, work, name, place))
    return [s for s in shards if s is not None]


_Place = tuple[str, tuple[tuple[str, str], ...]]
"""A table and the values of a partition of it."""


def changes_to(
    view: Store | None, shards: Sequence[Shard], untouched: Sequence[str]
) -> Manifest:
    """Say what the shards replace of a view: partitions whose rows are other ones.

    Parameters
    ----------
    view
        The newest release of the view; None: there is none.
    shards
        All of the new release, but for the partitions in `untouched`.
    untouched
        Partitions (`part`) that stay as they are.
    """
    new: dict[_Place, list[Shard]] = {}
    for shard in shards:
        new.setdefault((shard.table, tuple(sorted(shard.partition.items()))), []).append(shard)
    old = {} if view is None else _partitions(view)
    manifest = Manifest()
    ended = {t for t, _ in old} - {t for t, _ in new}
    for place in sorted({*new, *old}):
        table, partition = place[0], dict(place[1])
        if partition.get("part") in untouched and place not in new:
            continue
        mine = new.get(place, [])
        sums = combine(s.digest for s in mine), sum(s.rows for s in mine)
        if place in old and old[place] == sums:
            continue
        if place in old:
            # The annotations of a source that is not shown any more: the table goes.
            is_over = table in ended and table.startswith("annotations_") and not untouched
            manifest.replace.append((table, {} if is_over else partition))
        manifest.shards.extend(mine)
    return manifest


def _partitions(view: Store) -> dict[_Place, tuple[tuple[int, int], int]]:
    """Give the digest sums and rows of each partition of each table of a view."""
    known = Catalogue(view.path)
    found: dict[_Place, tuple[tuple[int, int], int]] = {}
    for table in view.tables:
        if table == "accounts":
            continue
        files = view.file_frame(table)
        columns = [c for c in files.columns if c.startswith("partition.")]
        for row in files.select("path", "num_records", *columns).iter_rows(named=True):
            values = {c.removeprefix("partition."): row[c] for c in columns}
            place = table, tuple(sorted(values.items()))
            sums, rows = found.get(place, ((0, 0), 0))
            more = known.sums(table, row["path"])
            found[place] = combine([sums, more]), rows + row["num_records"]
    return found
