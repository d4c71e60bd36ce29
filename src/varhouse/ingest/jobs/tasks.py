"""Read chunks of a file and write their shards.

A chunk's shards are final but for two cases that only the whole cohort shows, and that
`varhouse.ingest.jobs.chunktwice` mends: an allele that left alignment carried into another
chunk's range and that stands there too, and files with different samples.
"""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from varhouse.alleles.key import Declared, key_text
from varhouse.errors import InputError
from varhouse.files import new_file, write_json
from varhouse.filestate import is_recorded
from varhouse.frequencies.count import SAMPLE_COUNTS
from varhouse.frequencies.kits import OUTSIDE, kit_of_people
from varhouse.frequencies.rows import frequency_frame
from varhouse.frequencies.strata import Strata, make_strata
from varhouse.ingest.jobs.chunk import ChunkResult, read_chunk
from varhouse.ingest.jobs.filecontext import Context
from varhouse.ingest.jobs.marks import read_marks
from varhouse.ingest.jobs.recount import Columns, HeldCalls, counted_twice
from varhouse.ingest.jobs.staterows import (
    RUNS_FOLDER,
    ChunkStates,
    known_length,
    lay_runs,
    write_states,
)
from varhouse.ingest.setup.run import Run
from varhouse.ingest.setup.verdict import Verdict
from varhouse.tables.consistency import check_rows
from varhouse.tables.labels import Labels
from varhouse.tables.schema import (
    BLOCKS,
    FIELDS,
    FREQUENCIES,
    GENOTYPES,
    KEY,
    LIFTED,
    REJECTS,
    SITES,
)
from varhouse.tables.shards import Shard, ShardWriter, write_frame, write_manifest, write_shard
from varhouse.vcf.account.problems import Account
from varhouse.vcf.header.header import Header, read_header
from varhouse.vcf.header.keys import key_table

CHUNKS, PEOPLE = "chunks.json", "people.npy"
"""What a part says of all its chunks: a list, and counts per sample column of its file."""

ROWS_AT_ONCE = 2_000_000
"""Rows of frequencies made at once."""


def file_samples(run: Run, cohort: str, names: list[str]) -> pl.DataFrame:
    """Sheet rows of a file's sample columns, in their order; unlisted ones are unknown."""
    sheet = run.samples_of(cohort).drop("cohort", "line")
    frame = pl.DataFrame({"sample": names}, schema={"sample": pl.String})
    out = frame.join(sheet, on="sample", how="left", maintain_order="left")
    return out.with_columns(pl.col("sex").fill_null("unknown"))


def check_unchanged(verdict: Verdict) -> None:
    """Check that a file is still the one that was checked.

    Raises
    ------
    InputError
        If it holds other bytes; it is read again only if it may.
    """
    if not is_recorded(Path(verdict.path), verdict.state, verdict.sha256):
        raise InputError(f"{verdict.path}: the file changed after it was checked", "run again")


def file_context(run: Run, cohort: str, number: int, header: Header, *, gvcf: bool) -> Context:
    """Gather what stays the same for all chunks of a file.

    Parameters
    ----------
    header
        Of the file, or of its lifted copy.
    gvcf
        The file is a gVCF.

    Raises
    ------
    InputError
        If its sample columns are others than when the ingest began: the ordinals of the
        samples in their cohort were given out then.
    """
    lists = run.sample_lists(cohort)
    if lists[number] != header.samples:
        path = run.cohort(cohort).files[number]
        raise InputError(f"{path}: the file changed after the ingest began", "run again")
    ordinal, file = run.ordinals(cohort), run.cohort(cohort).numbers[number]
    name = Path(run.cohort(cohort).files[number]).name
    people = file_samples(run, cohort, header.samples)
    kits = None if run.policy.has_runs(gvcf=gvcf) else run.kits(cohort)
    return Context(
        cohort,
        file,
        run.open_contigs(),
        run.open_reference(),
        run.policy,
        run.open_haploid(),
        make_strata(people, run.strata, kit_of_people(people, kits)),
        np.array([ordinal[s] for s in header.samples], np.int32),
        (people["sex"] == "male").to_numpy().astype(np.bool_),
        run.cohort(cohort).assembly,
        Declared.of_header(header.text.split("\n")),
        gvcf,
        key_table(header, "FORMAT"),
        run.genotype_fields,
        Labels({file: (name, header.samples)}, {ordinal[s]: s for s in header.samples}),
        run.callable,
        kits,
        run.cohort(cohort).per_person,
    )


def read_chunks(
    run: Run,
    cohort: str,
    number: int,
    verdict: Verdict,
    chunks: Iterable[int],
    directory: Path,
) -> None:
    """Read chunks of a file and write their shards and manifests.

    What is written, see `ChunkShards`.

    Parameters
    ----------
    number
        0-based number of the file in the cohort.
    verdict
        Of the file.
    chunks
        Numbers of the chunks.

    Raises
    ------
    InputError
        If the file is no longer the one that was checked.
    """
    header = read_header(verdict.header.split("\n"), Account(""))
    context = file_context(run, cohort, number, header, gvcf=verdict.gvcf)
    marked = read_marks(verdict.marks)
    check_unchanged(verdict)
    shards = ChunkShards(context, directory)
    for k in chunks:
        chunk = verdict.chunks[k]
        result = read_chunk(
            Path(verdict.data),
            chunk.begin,
            chunk.end,
            chunk.record,
            chunk.line,
            context,
            marked,
        )
        if result.n_records != chunk.n_records:
            raise InputError(
                f"{verdict.path}: {chunk.n_records:,} records when it was checked, "
                f"{result.n_records:,} now",
                "the file changed during the ingest: run again",
            )
        # After the last byte was read, before anything counts.
        check_unchanged(verdict)
        shards.write(result, k, chunk.part)
    shards.finish()


class ChunkShards:
    """Writes the shards of a file's chunks into the folder of a part.

    A chunk has a folder with its shards and `alleles.parquet`; `people.npy` holds the
    counts per person of all of them, and `chunks.json`, the last, lists them. Where one job
    reads a whole file with runs, `runs` holds the shards of these; else the states of each
    chunk wait in its folder.
    """

    def __init__(self, context: Context, directory: Path) -> None:
        self.context, self.directory = context, directory
        self.done: list[dict[str, Any]] = []
        self._people = np.zeros((context.ordinal.size, len(SAMPLE_COUNTS)), np.int64)

    def write(self, result: ChunkResult, number: int, part: str) -> None:
        """Write the shards of a chunk of some number in the file."""
        folder = self.directory / f"{self.context.cohort}-{self.context.file}-{number}"
        self.done.append(_write_chunk(result, self.context, part, folder))
        self._people += result.people

    def lay_runs(self) -> None:
        """Lay the runs of a file of which all chunks are here."""
        if not self.context.has_runs:
            return
        chunks = [ChunkStates.of(self.directory, info) for info in self.done]
        context, folder = self.context, self.directory / RUNS_FOLDER
        length_of = partial(known_length, context.contigs, context.reference)
        lay_runs(context.cohort, chunks, context.ordinal, length_of, context.labels, folder)
        for chunk in chunks:
            chunk.path.unlink(missing_ok=True)

    def finish(self) -> None:
        """Write what lists the chunks."""
        with new_file(self.directory / PEOPLE) as own, own.open("xb") as out:
            np.save(out, self._people)
        write_json(self.directory / CHUNKS, self.done, indent=None)


def _write_chunk(
    result: ChunkResult, context: Context, part: str, folder: Path
) -> dict[str, Any]:
    folder.mkdir(parents=True, exist_ok=True)
    drop_duplicates(result, context)
    partition = {"cohort": context.cohort, "part": part}
    alleles, labels = result.alleles, context.labels
    if not alleles.is_empty():
        write_frame(alleles, folder / "alleles.parquet")
    shards: list[Shard | None] = []
    # The cohort adds up who has runs (`merge`) and makes the statistics then, of a single gVCF
    # too: somebody is called with each allele that is kept of it, and so has a run.
    added = context.has_runs and context.ordinal.size > 0
    shards += write_frequencies(result, context.strata, partition, folder, alone=not added)
    if result.calls is not None:
        writer = ShardWriter(GENOTYPES, folder, "genotypes", partition, labels=labels)
        for piece in result.calls.pieces():
            writer.add(piece)
        shards += writer.close()
    for frame, table in (
        (result.sites, SITES),
        (result.blocks, BLOCKS),
        (result.fields, FIELDS),
        (result.lifted, LIFTED),
    ):
        if not frame.is_empty():
            shards.append(write_shard(frame, table, folder, table.name, partition, labels))
    rejects = result.rejects.with_columns(pl.lit(context.file, pl.Int32).alias("file"))
    shards.append(write_shard(rejects, REJECTS, folder, "rejects", partition, labels))
    low = write_states(result.states, folder)
    write_manifest(folder / "manifest.json", shards)
    return {
        "folder": folder.name, "cohort": context.cohort, "file": context.file, "part": part,
        "n_records": result.n_records, "n_alleles": alleles.height,
        "n_split": result.n_split, "n_moved": result.n_moved,
        "n_blocks": result.blocks.height, "blocks_digest": result.blocks_digest,
        "reasons": dict(result.rejects.group_by("reason").len().sort("reason").rows()),
        "n_duplicates": int((result.rejects["reason"] == "duplicate_allele").sum()),
        "n_uncalled": result.n_uncalled, "n_beyond": result.n_beyond,
        "first_beyond": result.first_beyond,
        "span": _span(alleles), "states": low, "outside_kits": _outside(result),
    }  # fmt: skip


def _outside(result: ChunkResult) -> list[int]:
    """Give alleles with carriers outside of their kits, and their copies there."""
    copies = result.counts[OUTSIDE][:, 0] if OUTSIDE in result.counts else np.zeros(0)
    return [int((copies > 0).sum()), int(copies.sum(dtype=np.int64))]


def _span(alleles: pl.DataFrame) -> dict[str, list[int]]:
    """First and last normalised position of each contig."""
    if alleles.is_empty():
        return {}
    spans = alleles.group_by("contig").agg(
        pl.col("pos").min().alias("low"), pl.col("pos").max().alias("high")
    )
    return {c: [low, high] for c, low, high in spans.rows()}


def write_frequencies(
    result: ChunkResult,
    strata: Strata,
    partition: dict[str, str],
    folder: Path,
    *,
    alone: bool = True,
) -> list[Shard | None]:
    """Write the frequencies of a chunk as one or several sorted shards.

    Parameters
    ----------
    alone
        See `frequency_frame`. What is added to others is checked when it is.
    """
    if result.alleles.is_empty():
        return []
    order = result.alleles.select(pl.arg_sort_by(KEY)).to_series().to_numpy()
    step = max(1, ROWS_AT_ONCE // max(1, len(strata.by)))
    shards = []
    for i, first in enumerate(range(0, order.size, step)):
        rows = order[first : first + step]
        counts = {name: values[rows] for name, values in result.counts.items()}
        assessed = counts.get("n_samples")
        frame = frequency_frame(result.alleles[rows], counts, strata, assessed, alone=alone)
        if alone:
            check_rows("frequencies", frame, f"cohort {partition['cohort']}", exactly=True)
        shards.append(
            write_shard(
                frame.with_columns(pl.lit(partition["cohort"]).alias("cohort")),
                FREQUENCIES,
                folder,
                f"frequencies-{i}",
                partition,
            )
        )
    return shards


def drop_duplicates(result: ChunkResult, context: Context) -> None:
    """Keep the first of equal alleles (by order in the file); the others are rejects."""
    if result.alleles.is_empty():
        return
    first = result.alleles.select(pl.struct(KEY).is_first_distinct()).to_series()
    remove_alleles(result, ~first, context)


def remove_alleles(result: ChunkResult, gone: pl.Series, context: Context) -> None:
    """Move alleles (bool per row) to the rejects as duplicates."""
    if not gone.any():
        return
    twice = result.alleles.filter(gone)
    lines = result.lines_of(twice["record"])
    rows = duplicate_rows(twice, result.sites, lines)
    result.rejects = pl.concat([result.rejects, rows.select(result.rejects.columns)])
    again = twice.select("record", "alt_index")
    if result.calls is not None:
        columns = Columns(context.male, context.haploid)
        held = HeldCalls(result.calls.record, result.calls.genotypes)
        result.people -= counted_twice(held, result.sites, again, again.clear(), columns)
    result.sites = blank_alleles(result.sites, again)
    keep = (~gone).to_numpy()
    result.alleles = result.alleles.filter(pl.Series(keep))
    result.counts = {k: v[keep] for k, v in result.counts.items()}


def duplicate_rows(
    twice: pl.DataFrame, sites: pl.DataFrame, lines: pl.DataFrame
) -> pl.DataFrame:
    """Rows of the rejects for alleles that stand before in the cohort.

    `lines` holds (record, text) of their records.
    """
    c = pl.col
    places = sites.select("record", "chrom", c("pos").alias("site_pos"))
    places = places.join(lines, on="record")
    return twice.join(places, on="record", how="left", maintain_order="left").select(
        "record",
        "line",
        c("chrom").alias("contig"),
        c("site_pos").alias("pos"),
        "alt_index",
        pl.lit("duplicate_allele").alias("reason"),
        pl.format("{} stands before", key_text()).alias("detail"),
        "text",
    )


def blank_alleles(sites: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Null the normalised alleles of (record, alt_index) rows in a frame of sites."""
    names = ["allele_pos", "allele_ref", "allele_alt"]
    records = gone.select("record").unique()
    hit = sites.join(records, on="record", how="semi", maintain_order="left")
    marks = gone.with_columns(pl.lit(True).alias("gone"))
    lists = (
        hit.select("record", *names)
        .with_columns(
            pl.int_ranges(1, pl.col("allele_pos").list.len() + 1, dtype=pl.Int32).alias(
                "alt_index"
            )
        )
        .explode(*names, "alt_index", empty_as_null=True)
        .join(marks, on=["record", "alt_index"], how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("gone").is_null()).then(pl.col(n)).alias(n) for n in names
        )
        .group_by("record", maintain_order=True)
        .agg(names)
    )
    fixed = hit.select("record").join(lists, on="record", how="left", maintain_order="left")
    # Few of very many records: the rows stay where they are, but for these lists.
    index = np.arange(sites.height)
    index[sites["record"].is_in(hit["record"].implode()).to_numpy()] = (
        sites.height + np.arange(hit.height)
    )
    both = pl.concat([sites.select(names), fixed.select(names)])
    return sites.with_columns(both[index].get_columns())
