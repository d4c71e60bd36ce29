"""Distinct alleles: which are new to the store, what they are called, who may go.

One job looks after some partitions. It works through each in windows of bounded size,
so that memory does not grow with a contig.
"""

from pathlib import Path
from typing import Any

import polars as pl

from varhouse.files import read_json, write_json
from varhouse.identify import identify
from varhouse.ingest.jobs.growth import LOST, LOST_IDS
from varhouse.ingest.jobs.sides import GENE_MODEL
from varhouse.ingest.setup.run import Run
from varhouse.store.reader import Store
from varhouse.store.retract import Lost, retract
from varhouse.tables.schema import IDS, KEY, KEY_SCHEMA, VARIANTS
from varhouse.tables.shards import (
    Manifest,
    Shard,
    ShardWriter,
    write_frame,
    write_manifest,
    write_shard,
)
from varhouse.tables.windows import Window, cut_windows

INCOMING_ROWS = 500_000
"""Alleles that come in, those of each file and cohort, read at once."""

NAMED_AT_ONCE = 20_000
"""Distinct new alleles that are named at once."""

SHARD_ALLELES = 250_000
SHARD_IDS = 500_000
_RS = r"^rs\d+$"


def incoming_entries(cohort_folders: list[Path]) -> list[dict[str, Any]]:
    """List the pieces of alleles that the cohorts of this ingest bring."""
    return [
        {**e, "path": str(folder / e["path"])}
        for folder in cohort_folders
        for e in read_json(folder / "alleles.json")
    ]


def find_alleles(
    run: Run,
    parts: list[str],
    cohort_folders: list[Path],
    directory: Path,
    again: dict[str, list[str]],
) -> None:
    """Write the shards of `variants` and `ids` for the new alleles of some partitions.

    Also writes `new.parquet` per window, which the annotation reads, and `windows.json`.
    `again` names what is annotated anew in a partition (see `Plan`).
    """
    directory.mkdir(parents=True, exist_ok=True)
    reference = run.open_reference()
    entries = incoming_entries(cohort_folders)
    base = run.base()
    growing = [f"cohort:{c.name}" for c in run.cohorts if c.grows]
    shards: list[Shard | None] = []
    windows: list[dict[str, Any]] = []
    for i, part in enumerate(parts):
        mine = [e for e in entries if e["part"] == part]
        names = _Names(part, directory, f"{i:05d}")
        for window in _windows(mine):
            pieces = [e for e in mine if window.touches(e["span"])]
            come = _incoming(pieces, window)
            names.add_given(come, _known_ids(base, part, growing, window))
            for new in _new(base, part, come, window).iter_slices(NAMED_AT_ONCE):
                file = f"new-{len(windows):05d}.parquet"
                write_frame(new, directory / file)
                windows.append({"part": part, "file": file, "rows": new.height})
                names.add(identify(new, reference))
        shards += names.close()
    comes_in = [f for f in cohort_folders if not read_json(f / "summary.json")["hold"]]
    replaced = sorted(f.name for f in comes_in if run.cohort(f.name).replaces)
    lost = {f.name: _lost(f, entries) for f in comes_in if run.cohort(f.name).gone}
    remove: list[tuple[str, str]] = []
    alike: dict[tuple[str, ...], list[str]] = {}
    for part in parts:
        alike.setdefault(tuple(again.get(part, ())), []).append(part)
    for i, (anew, some) in enumerate(sorted(alike.items())):
        work = directory / "retract" / f"{i:05d}"
        gone = _retract(run, some, entries, (replaced, lost), work, anew)
        shards += gone.shards
        remove += gone.remove
    write_json(directory / "windows.json", windows)
    write_manifest(directory / "manifest.json", shards, (), remove)


def _retract(
    run: Run,
    parts: list[str],
    entries: list[dict[str, Any]],
    leaving: tuple[list[str], dict[str, Lost]],
    directory: Path,
    again: tuple[str, ...],
) -> Manifest:
    """Take out what only the old state of a replaced cohort or a source brought.

    `leaving` are the cohorts that are replaced, and what others lose with people who leave.
    Tables that are made anew for these partitions are left out: their old rows go anyway.
    """
    # The ids of a source that is joined anew come again with the annotation.
    ids_of = [
        f"{kind}:{n}"
        for n in (*again, *run.gone_sources)
        if n != GENE_MODEL
        for kind in ("source", "merged")
    ]
    replaced, lost = leaving
    if not replaced and not lost and not ids_of:
        return Manifest()
    frames = [
        pl.scan_parquet(e["path"], glob=False).select(*KEY, pl.lit(e["part"]).alias("part"))
        for e in entries
    ]
    incoming = pl.concat(frames) if frames else None
    found = retract(
        run.base(),
        replaced,
        directory,
        parts=parts,
        incoming=incoming,
        ids_of=ids_of,
        lost=lost,
    ).manifest
    anew = {"consequences" if n == GENE_MODEL else f"annotations_{n}" for n in again}
    anew |= {f"annotations_{n}" for n in run.gone_sources}
    anew |= {"consequences"} if run.genes_gone else set()
    return Manifest(
        [s for s in found.shards if s.table not in anew],
        [],
        [r for r in found.remove if r[0] not in anew],
    )


def _lost(folder: Path, entries: list[dict[str, Any]]) -> Lost:
    """Read what a cohort that grows loses; ids that its new files give again stay."""
    ids = pl.read_parquet(folder / LOST_IDS, glob=False)
    if ids.height:
        paths = [e["path"] for e in entries if e["cohort"] == folder.name]
        cohort = pl.lit(folder.name).alias("cohort")
        for path in paths:
            come = pl.scan_parquet(path, glob=False).select(*KEY, "id", cohort)
            come = come.join(ids.lazy(), on=KEY, how="semi")
            ids = ids.join(given_ids(come.collect()), on=["id", *KEY], how="anti")
    return Lost(pl.scan_parquet(folder / LOST, glob=False), ids.lazy())


def _windows(pieces: list[dict[str, Any]]) -> list[Window]:
    if not pieces:
        return []
    return cut_windows(pl.scan_parquet([e["path"] for e in pieces], glob=False), INCOMING_ROWS)


def _known_ids(
    base: Store, part: str, growing: list[str], window: Window
) -> pl.LazyFrame | None:
    """Give the ids that files of cohorts which grow gave before; None: no cohort grows."""
    if not growing:
        return None
    mine = pl.col("source").is_in(growing)
    return base.scan("ids", part=part).filter(mine & window.rows())


def _new(base: Store, part: str, come: pl.DataFrame, window: Window) -> pl.DataFrame:
    """Give the distinct alleles of a window that the store lacks, sorted."""
    # Sorted, equal alleles are neighbours; they come sorted, so that this costs little.
    alleles = come.select(*KEY, "ref_checked").sort(KEY, maintain_order=True)
    same = [pl.col(c) == pl.col(c).shift(1) for c in KEY]
    alleles = alleles.filter(~pl.all_horizontal(same).fill_null(value=False))
    # Of what the store has in the window, which may be much more, only the same is kept.
    known = base.scan("variants", part=part).filter(window.rows()).select(KEY)
    known = known.join(alleles.lazy(), on=KEY, how="semi")
    known_here = known.collect(engine="streaming")
    if known_here.is_empty():
        return alleles
    return alleles.join(known_here, on=KEY, how="anti", maintain_order="left")


def _incoming(pieces: list[dict[str, Any]], window: Window) -> pl.DataFrame:
    frames = [
        pl.scan_parquet(e["path"], glob=False)
        .filter(window.rows())
        .select(*KEY, "id", "ref_checked", pl.lit(e["cohort"]).alias("cohort"))
        for e in pieces
    ]
    if not frames:
        return pl.DataFrame(
            schema={
                **KEY_SCHEMA,
                "id": pl.String,
                "ref_checked": pl.Boolean,
                "cohort": pl.String,
            }
        )
    return pl.concat(frames).collect()


class _Names:
    """Collects variants and their ids of a partition, and writes them shard by shard."""

    def __init__(self, part: str, directory: Path, stem: str) -> None:
        self._partition = {"part": part}
        self._directory = directory
        self._stem = stem
        self._variants = ShardWriter(
            VARIANTS, directory, f"variants-{self._stem}", self._partition, SHARD_ALLELES
        )
        self._ids: dict[str, list[pl.DataFrame]] = {}
        self._held = 0
        self._shards: list[Shard | None] = []

    def add(self, named: pl.DataFrame) -> None:
        """Add new alleles with their names; they sort behind those before."""
        self._variants.add(named.select(c for c in VARIANTS.names if c != "part"))
        self._add_ids(computed_ids(named))

    def add_given(self, come: pl.DataFrame, known: pl.LazyFrame | None) -> None:
        """Add the ids that the files give to alleles that come in, but for those known."""
        given = given_ids(come)
        if known is not None and given.height:
            known = known.select(given.columns).join(given.lazy(), on=given.columns)
            given = given.join(known.collect(), on=given.columns, how="anti")
        self._add_ids(given)

    def _add_ids(self, rows: pl.DataFrame) -> None:
        for (kind,), some in rows.group_by("kind"):
            self._ids.setdefault(str(kind), []).append(some)
        self._held += rows.height
        if self._held >= SHARD_IDS:
            self._write_ids()

    def _write_ids(self) -> None:
        # A file of one kind: its first and last id say whether an id can be in it.
        for kind in sorted(self._ids):
            name = f"ids-{kind}-{self._stem}-{len(self._shards):05d}"
            rows = pl.concat(self._ids.pop(kind))
            shard = write_shard(rows, IDS, self._directory, name, self._partition)
            self._shards.append(shard)
        self._held = 0

    def close(self) -> list[Shard | None]:
        """Write what is left and give the shards."""
        self._write_ids()
        return [*self._variants.close(), *self._shards]


def computed_ids(named: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of `ids` for the names that were worked out: SPDI and VRS."""
    return pl.concat(
        named.filter(pl.col(column).is_not_null()).select(
            pl.col(column).alias("id"),
            pl.lit(kind).alias("kind"),
            *KEY,
            pl.lit("computed").alias("source"),
        )
        for kind, column in (("spdi", "spdi"), ("vrs", "vrs_id"))
    )


def given_ids(come: pl.DataFrame) -> pl.DataFrame:
    """Give the rows of `ids` for what the files' ID columns hold; `a;b` is two ids."""
    is_rs = pl.col("id").str.contains(_RS)
    return (
        come.filter((pl.col("id") != ".") & pl.col("id").is_not_null())
        .with_columns(pl.col("id").str.split(";"))
        .explode("id", empty_as_null=True)
        .filter(pl.col("id").is_not_null() & (pl.col("id") != ""))
        .select(
            "id",
            pl.when(is_rs).then(pl.lit("rs")).otherwise(pl.lit("other")).alias("kind"),
            *KEY,
            pl.format("cohort:{}", "cohort").alias("source"),
        )
        .unique()
    )
