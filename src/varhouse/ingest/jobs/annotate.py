"""Annotation of the new alleles: consequences by transcript, joins with the sources.

Where the gene model or a source says something else of a partition than in the last
release, all alleles of that partition are annotated again, and the old rows are replaced.
"""

import logging
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from varhouse.cache import fill_folder, is_made_of
from varhouse.consequence import consequences
from varhouse.files import read_json
from varhouse.genes import compile_genes, load_genes
from varhouse.genome.reference import Reference
from varhouse.hgvs import Describer
from varhouse.ingest.jobs.sides import GENE_MODEL
from varhouse.ingest.setup.run import Run, source_folder
from varhouse.ingest.setup.settings import SourceConfig
from varhouse.normalise import Status, move_symbolic, normalise_alleles
from varhouse.sources import (
    CompiledSource,
    Normalise,
    Target,
    compile_source,
    source_files,
)
from varhouse.tables.schema import CONSEQUENCES, IDS, KEY
from varhouse.tables.shards import Shard, ShardWriter, write_manifest, write_shard
from varhouse.transcripts.genemodel import GeneModel
from varhouse.vcf.fields.info_spans import InfoSpans

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
    windows = read_json(alleles / "windows.json")
    new = {w["part"] for w in windows if w["rows"]}
    sources = []
    for config in run.sources:
        if any(p in new or config.name in again.get(p, ()) for p in parts):
            sources.append(open_source(run, config))
    describe = Describer(model, reference) if model else None
    shards: list[Shard | None] = []
    replace: list[tuple[str, dict[str, str]]] = []
    orphans = sorted(alleles.glob("retract/*/*/orphans-*.parquet"))
    for i, part in enumerate(parts):
        rows = _Rows(part, f"{i:05d}", directory, model, describe, sources, model)
        for window in windows:
            if window["part"] == part:
                rows.add(pl.read_parquet(alleles / window["file"], glob=False))
        shards += rows.close()
        if names := again.get(part):
            old = [s for s in sources if s.name in names]
            anew = model if GENE_MODEL in names else None
            replace += _replaced(part, anew is not None, old)
            for k, frames in enumerate(_stored(run, part, orphans)):
                name = f"again-{i:05d}-{k:05d}"
                rows = _Rows(part, name, directory, anew, describe, old, model)
                for frame in frames:
                    rows.add(frame)
                shards += rows.close()
    write_manifest(directory / "manifest.json", shards, replace)


def _replaced(
    part: str, genes: bool, sources: list[CompiledSource]
) -> list[tuple[str, dict[str, str]]]:
    names = [f"annotations_{s.name}" for s in sources]
    return [(t, {"part": part}) for t in ([*names, "consequences"] if genes else names)]


def _stored(run: Run, part: str, orphans: list[Path]) -> Iterator[Iterator[pl.DataFrame]]:
    """Yield the alleles that stay in a partition, file by file, some at a time."""
    base = run.base()
    for path in base.paths("variants", part=part):
        frame = pl.read_parquet(
            path, columns=[*KEY, "ref_checked"], hive_partitioning=False, glob=False
        )
        for gone in orphans:
            frame = frame.join(
                pl.read_parquet(gone, glob=False), on=KEY, how="anti", maintain_order="left"
            )
        yield frame.iter_slices(ALLELES_AT_ONCE)


class _Rows:
    """Collects the annotation of a partition's alleles, and writes it shard by shard."""

    def __init__(
        self,
        part: str,
        name: str,
        directory: Path,
        model: GeneModel | None,
        describe: Describer | None,
        sources: list[CompiledSource],
        genes: GeneModel | None,
    ) -> None:
        partition = {"part": part}
        self._name, self._directory, self._partition = name, directory, partition
        self._model, self._describe, self._sources = model, describe, sources
        self._genes = genes if any(s.kind == "gene" for s in sources) else None
        self._writers = {
            t.name: ShardWriter(t, directory, f"{t.name}-{name}", partition)
            for t in (CONSEQUENCES, *(s.table for s in sources))
        }
        self._ids: list[pl.DataFrame] = []

    def add(self, alleles: pl.DataFrame) -> None:
        """Annotate alleles that sort behind those before."""
        checked = alleles.filter("ref_checked").select(KEY)
        rows = None
        if self._model is not None:
            rows = consequences(self._model, checked, describe=self._describe)
            self._writers["consequences"].add(rows)
        elif self._genes is not None:
            # The consequences stay as they are; a source by gene needs their genes.
            rows = consequences(self._genes, checked)
        for source in self._sources:
            joined = source.join(alleles.select(KEY), rows)
            self._writers[source.table.name].add(source.labelled(joined))
            if source.kind == "allele":
                self._ids.append(source.ids(joined))

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


def compile_model(run: Run) -> None:
    """Compile the gene model into the store's cache, if it is not there.

    Raises
    ------
    InputError
        If the annotation or the MANE table is no longer what the run recorded.
    """
    assert run.genes is not None
    path, mane = Path(run.genes), Path(run.mane) if run.mane else None
    fill_folder(
        Path(run.genes_folder),
        "meta.json",
        lambda folder: compile_genes(path, run.open_reference(), folder, mane),
        [path, *([mane] if mane else [])],
        run.inputs,
    )


def open_source(run: Run, config: SourceConfig) -> CompiledSource:
    """Open a source in the store's cache; it is compiled there if it is not yet."""
    folder = source_folder(run, config)
    is_there = (folder / "source.json").exists()
    if not (is_there and is_made_of(folder, source_files(config), run.inputs)):
        reference = run.open_reference()
        partial = run.policy.partial_reference and not run.aliases
        target = Target(run.open_contigs(), run.assembly, reference, partial)
        compile_source(config, target, folder, _normaliser(reference), run.inputs, InfoSpans)
        found = CompiledSource(folder, config)
        left = {k: n for k, n in found.counts.items() if n and k != "records"}
        LOG.info(
            "source %s: %d rows of %d records%s",
            config.name,
            found.rows,
            found.counts["records"],
            f"; left out: {left}" if left else "",
        )
    return CompiledSource(folder, config)


def _normaliser(reference: Reference) -> Normalise:
    """Normalise the alleles of a source as the store's are."""
    faults = [int(s) for s in Status if s.is_fault]

    def normalise(frame: pl.DataFrame) -> pl.DataFrame:
        out = move_symbolic(normalise_alleles(frame, reference), reference)
        good = ~pl.col("status").is_in(faults)
        return out.with_columns(pl.when(good).then("pos").alias("pos")).drop("status")

    return normalise
