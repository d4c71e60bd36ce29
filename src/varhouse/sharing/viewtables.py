"""The tables of a view, made anew of a governed store: what a role may see, and nothing else.

Partition by partition, and inside by windows of positions, so that memory does not grow with
the store: the frequencies of the cohorts that are shown and their sums (by the code of
`tables/totals.py`) are protected together, and what is left of them says which alleles there
are. The tables of alleles follow from that. A partition whose rows are those of the release
before keeps its files.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from varhouse.disclosure.earlier import Earlier
from varhouse.sharing.viewaccount import add_rows
from varhouse.sharing.vieworigin import Origin, Shown
from varhouse.sharing.viewprotect import Protection, Rows
from varhouse.store.reader import Store
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
from varhouse.tables.shards import Shard, ShardWriter, write_frame, write_shard
from varhouse.tables.totals import write_totals
from varhouse.tables.windows import Window, cut_windows

ROWS_AT_ONCE = 150_000
"""Rows of frequencies and totals that are protected at once."""

SLICE_ROWS = 1_000_000
"""Rows of ids that are looked at at once."""

OF_ALL = (CONTIGS, GENES, TRANSCRIPTS)
"""Tables that are of the assembly and the gene model, whoever is shown."""

Scans = tuple[pl.LazyFrame, pl.LazyFrame]
"""`Rows` that are not read yet."""


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
    protection
        The rule of small counts.
    sizes
        How many people the groups of all cohorts have, as `Protection.rows`.
    earlier
        Earlier releases of views, which whoever reads this one may know.
    """

    def __init__(
        self,
        origin: Origin,
        part: str,
        work: Path,
        protection: Protection,
        sizes: pl.DataFrame,
        earlier: Sequence[Shown],
    ) -> None:
        self._origin, self._part, self._work = origin, part, work
        self._protection, self._sizes = protection, sizes
        self._changed = [e.changed for e in earlier]
        self._earlier = _told_apart(earlier, part)
        self._exact: dict[int, Scans] = {}
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
        scans = _scans(self._origin, self._part, self._work / "raw")
        if scans is None:
            return
        for i, shown in enumerate(self._earlier):
            if shown.origin is not None:
                then = _scans(shown.origin, self._part, self._work / f"raw-{i}")
                self._exact |= {i: then} if then else {}
        for window in cut_windows(
            pl.concat([s.select("contig", "pos") for s in scans]), ROWS_AT_ONCE
        ):
            yield window, _collect(scans, window)

    def _add(self, number: int, window: Window, rows: Rows) -> None:
        """Add the rows of a window to all tables."""
        before = [
            Earlier(*self._shown_then(i, e.store, window), e.changed, e.same_role)
            for i, e in enumerate(self._earlier)
        ]
        kept = self._protection.rows(*rows, before, self._sizes, self._changed)
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

    def _shown_then(self, number: int, view: Store, window: Window) -> Rows:
        """Give the rows of an earlier release; rounded counts as they were before."""
        own, totals = (
            view.scan(t.name, part=self._part).filter(window.rows()).collect()
            for t in (FREQUENCIES, TOTALS)
        )
        if exact := self._exact.get(number):
            return self._protection.unrounded((own, totals), _collect(exact, window))
        return own, totals

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
    """Leave out what is as one before: the files of counts of a partition, and who changed.

    Where a release had no rows of a partition, it tells nothing of it; where it hid all of
    them, it tells that this was little.
    """
    seen: list[tuple[list[str], bool, pl.DataFrame]] = []
    out = []
    for shown in earlier:
        store = shown.store
        files = sorted(
            f"{store.path}/{p}"
            for t in (FREQUENCIES.name, TOTALS.name)
            for p in store.file_frame(t, part=part)["path"]
        )
        told, changed = (files, shown.same_role), shown.changed
        known = any((f, r) == told and c.equals(changed) for f, r, c in seen)
        if (files or part in shown.hid) and not known:
            seen.append((*told, changed))
            out.append(shown)
    return out


def _scans(origin: Origin, part: str, work: Path) -> Scans | None:
    """Scan the rows of the cohorts of a partition, and their sums, which are written."""
    files = origin.files(FREQUENCIES.name, part)
    if not files:
        return None
    assessed = origin.files("callable", part)
    sums = [s.path for s in write_totals(part, files, work, "totals", assessed)]
    named = pl.lit(part).alias("part")
    own = pl.concat(
        pl.scan_parquet(f.path, glob=False, hive_partitioning=False)
        .with_columns(pl.lit(f.cohort).alias("cohort"), named)
        .select(FREQUENCIES.names)
        for f in files
    )
    totals = pl.scan_parquet(sums, glob=False, hive_partitioning=False)
    return own, totals.with_columns(named).select(TOTALS.names)


def _collect(scans: Scans, window: Window) -> Rows:
    own, totals = (s.filter(window.rows()).collect() for s in scans)
    return own, totals


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
