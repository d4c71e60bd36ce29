"""Annotation of the new alleles: consequences by transcript, joins with the sources.

Where the gene model or a source says something else of a partition than in the last
release, all alleles of that partition are annotated again, and the old rows are replaced.
"""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from varhouse.consequence import consequences
from varhouse.contigs import Contigs
from varhouse.genemodel import GeneModel
from varhouse.genes import load_genes
from varhouse.hgvs import Describer
from varhouse.ingest.run import Run
from varhouse.ingest.settings import SourceConfig
from varhouse.ingest.sides import GENE_MODEL
from varhouse.normalise import Status, normalise_alleles
from varhouse.reference import Reference
from varhouse.schema import CONSEQUENCES, IDS, KEY, Table, annotation_table
from varhouse.shards import Shard, ShardWriter, write_manifest, write_shard
from varhouse.sources import Source, join_source, read_source, source_ids

LOG = logging.getLogger("varhouse.ingest")
ALLELES_AT_ONCE = 20_000
"""Alleles annotated at once: bounds the memory, and costs no speed."""


def annotate_alleles(
    run: Run, parts: list[str], alleles: Path, directory: Path, again: dict[str, list[str]]
) -> None:
    """Write the shards of `consequences` and `annotations_*` of some partitions.

    Parameters
    ----------
    alleles
        The folder that `find_alleles` wrote for the same partitions.
    again
        Partition to what is made anew for the alleles that it holds (see `Plan`).
    """
    directory.mkdir(parents=True, exist_ok=True)
    reference = run.open_reference()
    model = load_genes(Path(run.genes_folder)) if run.genes else None
    contigs = run.open_contigs()
    windows = json.loads((alleles / "windows.json").read_text())
    new = {w["part"] for w in windows if w["rows"]}
    sources = []
    for config in run.sources:
        # Only what these partitions need: a source may be larger than the memory.
        need = {p for p in parts if p in new or config.name in again.get(p, ())}
        near = Contigs(c for c in contigs.contigs if contigs.part(c.name) in need)
        if need:
            sources.append((config, open_source(config, reference, near)))
    describe = Describer(model, reference) if model else None
    shards: list[Shard | None] = []
    replace: list[tuple[str, dict[str, str]]] = []
    orphans = sorted(alleles.glob("retract/*/*/orphans-*.parquet"))
    for i, part in enumerate(parts):
        rows = _Rows(part, f"{i:05d}", directory, model, describe, sources)
        for window in windows:
            if window["part"] == part:
                rows.add(pl.read_parquet(alleles / window["file"]))
        shards += rows.close()
        if names := again.get(part):
            old = [(s, t) for s, t in sources if s.name in names]
            anew = model if GENE_MODEL in names else None
            replace += _replaced(part, anew is not None, old)
            for k, frames in enumerate(_stored(run, part, orphans)):
                rows = _Rows(part, f"again-{i:05d}-{k:05d}", directory, anew, describe, old)
                for frame in frames:
                    rows.add(frame)
                shards += rows.close()
    write_manifest(directory / "manifest.json", shards, replace)


def _replaced(
    part: str, genes: bool, sources: list[tuple[SourceConfig, Source]]
) -> list[tuple[str, dict[str, str]]]:
    names = [f"annotations_{s.name}" for s, _ in sources]
    return [(t, {"part": part}) for t in ([*names, "consequences"] if genes else names)]


def _stored(run: Run, part: str, orphans: list[Path]) -> Iterator[Iterator[pl.DataFrame]]:
    """Yield the alleles that stay in a partition, file by file, some at a time."""
    base = run.base()
    for path in base.files("variants", part=part):
        frame = pl.read_parquet(path, columns=[*KEY, "ref_checked"], hive_partitioning=False)
        for gone in orphans:
            frame = frame.join(
                pl.read_parquet(gone), on=KEY, how="anti", maintain_order="left"
            )
        yield frame.iter_slices(ALLELES_AT_ONCE)


class _Rows:
    """Collects the annotation of a partition's alleles, and writes it shard by shard."""

    def __init__(
        self, part: str, name: str, directory: Path, model: GeneModel | None,
        describe: Describer | None, sources: list[tuple[SourceConfig, Source]],
    ) -> None:  # fmt: skip
        partition = {"part": part}
        self._name, self._directory, self._partition = name, directory, partition
        self._model, self._describe, self._sources = model, describe, sources
        self._writers = {
            t.name: ShardWriter(t, directory, f"{t.name}-{name}", partition)
            for t in (CONSEQUENCES, *(annotation_table(c.name, s.fields) for c, s in sources))
        }
        self._ids: list[pl.DataFrame] = []

    def add(self, alleles: pl.DataFrame) -> None:
        """Annotate alleles that sort behind those before."""
        if self._model is not None:
            checked = alleles.filter("ref_checked").select(KEY)
            rows = consequences(self._model, checked, describe=self._describe)
            self._writers["consequences"].add(rows)
        for config, source in self._sources:
            table, rows, ids = join_one(alleles.select(KEY), config, source)
            self._writers[table.name].add(rows)
            self._ids.append(ids)

    def close(self) -> list[Shard | None]:
        """Write what is left and give the shards."""
        out: list[Shard | None] = [s for w in self._writers.values() for s in w.close()]
        if self._ids:
            ids = pl.concat(self._ids)
            for kind in ("rs", "other"):
                some = ids.filter(pl.col("kind") == kind)
                name = f"ids-{kind}-{self._name}"
                out.append(write_shard(some, IDS, self._directory, name, self._partition))
        return out


def open_source(config: SourceConfig, reference: Reference, contigs: Contigs) -> Source:
    """Read a source with its alleles normalised as the store's are."""

    def normalise(frame: pl.DataFrame) -> pl.DataFrame:
        out = normalise_alleles(frame, reference)
        faults = [int(s) for s in Status if s.is_fault]
        good = ~pl.col("status").is_in(faults)
        return out.with_columns(pl.when(good).then("pos").alias("pos")).drop("status")

    return read_source(
        Path(config.path), config.name, config.fields or None, contigs, reference, normalise,
        Path(config.merged) if config.merged else None,
    )  # fmt: skip


def join_one(
    alleles: pl.DataFrame, config: SourceConfig, source: Source
) -> tuple[Table, pl.DataFrame, pl.DataFrame]:
    """Join alleles with a source: (its table, annotation rows, id rows)."""
    table = annotation_table(config.name, source.fields)
    joined = join_source(alleles, source)
    rows = joined.with_columns(
        pl.lit(config.version or source.version, pl.String).alias("source_version"),
        pl.lit(config.licence, pl.String).alias("licence"),
    ).select(c for c in table.names if c != "part")
    return table, rows, source_ids(joined, source)
