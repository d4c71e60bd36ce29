"""One chunk of a cohort's file: from text to alleles, counts, sites and genotypes.

Records flow in batches: fixed columns as text columns, one row per ALT, normalised
together; genotypes as short lists; counts per cell. What is held back goes to the
rejects with its line. A chunk owns the records whose original POS lies in it, so the
result does not depend on where a file is cut; left alignment may carry an allele to
before the chunk, which `varhouse.ingest.jobs.chunktwice` looks after.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.callability.codes import ADJ, MOST_ALLELES, Codes, unpack
from varhouse.frequencies.adj import count_adj, count_passing
from varhouse.frequencies.count import count_genotypes, count_people
from varhouse.frequencies.kits import OUTSIDE, count_in_kits
from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.fields import FieldTape
from varhouse.ingest.jobs.blockrows import block_rows
from varhouse.ingest.jobs.callrows import CallRows
from varhouse.ingest.jobs.copies import Places, with_copies
from varhouse.ingest.jobs.fieldrows import FieldRows, blocks_digest
from varhouse.ingest.jobs.filecontext import Context
from varhouse.ingest.jobs.recordrows import (
    allele_rows,
    count_split,
    lifted_rows,
    record_rows,
    site_rows,
    with_ends,
)
from varhouse.ingest.jobs.recount import kind_of
from varhouse.ingest.jobs.reject import SCHEMA, UNCALLED, Rejects
from varhouse.ingest.jobs.staterows import StateRows, fields_to_read, heard
from varhouse.normalise import Status
from varhouse.tables.schema import KEY
from varhouse.tables.statistics import adj_counts, genotype_counts, of_records
from varhouse.vcf.check.judged import Judged, MarkedRecords, slice_batch
from varhouse.vcf.gvcf.recognition import reference_records
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.stream import open_records
from varhouse.vcf.text.bgzf import iter_range
from varhouse.vcf.text.limits import DEFAULTS, Limits
from varhouse.vcf.text.lines import RecordBatch, read_batch

READ_BYTES = 28 << 20
"""Text of a batch: few long lines cost as many calls as many short ones. From 32 MiB on
glibc maps every buffer anew, which costs more than the calls."""


@dataclass(frozen=True)
class Place:
    """Where a chunk lies in a file, and its first record's ordinal.

    `begin` and `end` are virtual offsets of a BGZF; -1 in a file of another kind, which is
    read from its start.
    """

    data: Path
    begin: int
    end: int
    record: int
    limits: Limits = DEFAULTS

    def lines(self, records: pl.Series) -> pl.DataFrame:
        """Read the original lines of some records again: (record, text)."""
        return pl.concat([_NO_LINES, *_lines(self._batches(), records)])

    def _batches(self) -> Iterator[RecordBatch]:
        if self.begin < 0:
            # No range of such a file can be read alone.
            yield from open_records(self.data, self.limits)[1]
            return
        first = self.record
        for text in iter_range(self.data, self.begin, self.end):
            batch = read_batch(text, first, 0)
            first += batch.size
            yield batch


_NO_LINES = pl.DataFrame(schema={"record": pl.Int64, "text": pl.String})


def _lines(batches: Iterable[RecordBatch], records: pl.Series) -> Iterator[pl.DataFrame]:
    """Pick the lines of some records (ordinals in the file) out of batches."""
    wanted = np.unique(records.to_numpy().astype(np.int64))
    for batch in batches:
        mine = wanted[(wanted >= batch.record) & (wanted < batch.record + batch.size)]
        if mine.size:
            yield pl.DataFrame({"record": mine, "text": batch.lines(mine - batch.record)})
        if not wanted.size or batch.record + batch.size > wanted[-1]:
            return


@dataclass
class ChunkResult:
    """What a chunk holds.

    `alleles` has one row per stored allele (key, record, alt_index, id) in the order of
    the file; `counts` int32[rows, groups] per name of `genotype_counts` stands beside it,
    where people have kits also `n_samples` and OUTSIDE.
    `people` is int64[columns, 8] (SAMPLE_COUNTS), `lines` the text of all records; `calls`
    is None where there are no people or no records. `blocks` holds the reference records of
    a gVCF, which are in none of the others but `fields` and `states`; of such a file ALTs that
    nobody is called with are no alleles (`n_uncalled`), and records with genotypes of more
    alleles than a state tells are counted (`n_beyond`; `first_beyond` is the place of one).
    `blocks_digest` is the sum of digests of the fields of blocks (`fieldrows.blocks_digest`).
    """

    people: npt.NDArray[np.int64]
    blocks: pl.DataFrame = field(default_factory=pl.DataFrame)
    blocks_digest: int = 0
    states: pl.DataFrame = field(default_factory=pl.DataFrame)
    alleles: pl.DataFrame = field(default_factory=pl.DataFrame)
    counts: dict[str, npt.NDArray[np.int32]] = field(default_factory=dict)
    sites: pl.DataFrame = field(default_factory=pl.DataFrame)
    calls: CallRows | None = None
    fields: pl.DataFrame = field(default_factory=pl.DataFrame)
    rejects: pl.DataFrame = field(default_factory=pl.DataFrame)
    lines: list[RecordBatch] = field(default_factory=list)
    lifted: pl.DataFrame = field(default_factory=pl.DataFrame)
    n_records: int = 0
    n_alleles: int = 0
    n_moved: int = 0
    n_split: int = 0
    n_uncalled: int = 0
    n_beyond: int = 0
    first_beyond: str = ""

    def lines_of(self, records: pl.Series) -> pl.DataFrame:
        """Give the original lines of some of the records: (record, text)."""
        return pl.concat([_NO_LINES, *_lines(self.lines, records)])


@dataclass
class _Batches:
    alleles: list[pl.DataFrame] = field(default_factory=list)
    counts: list[dict[str, npt.NDArray[np.int32]]] = field(default_factory=list)
    sites: list[pl.DataFrame] = field(default_factory=list)
    calls: list[CallRows] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    lifted: list[pl.DataFrame] = field(default_factory=list)
    blocks: list[pl.DataFrame] = field(default_factory=list)


class _Rows(NamedTuple):
    """What a chunk collects of its records; states of a file with runs only."""

    fields: FieldRows
    states: StateRows | None


class _Calls(NamedTuple):
    """Genotypes of records, their other fields, and of a gVCF their states.

    `elsewhere` are the states of records that are counted twice (see `copies.Places`).
    """

    genotypes: Genotypes
    fields: FieldTape
    codes: Codes | None
    elsewhere: Codes | None

    def twice(self, twice: npt.NDArray[np.bool_]) -> "_Calls":
        """Give those of records that are counted twice, as they are counted then."""
        return _Calls(
            self.genotypes.pick(twice), self.fields.pick(twice), self.elsewhere, None
        )


def read_chunk(
    data: Path,
    begin: int,
    end: int,
    record: int,
    line: int,
    context: Context,
    marked: MarkedRecords,
) -> ChunkResult:
    """Read one chunk of a BGZF file (virtual offsets `begin` to `end`) that was checked.

    `record` and `line` are those of the chunk's first record; `marked` says what the check
    of the file found.
    """
    reader = ChunkReader(context)
    keys = context.keys or key_table(Header(), "FORMAT")
    wanted = fields_to_read(context.fields, with_states=context.has_blocks)
    samples = SampleReader.of_calls(keys, context.ordinal.size, wanted)
    seen = 0
    for text in iter_range(data, begin, end, READ_BYTES):
        batch = read_batch(text, record + seen, line + seen)
        for a, b in samples.pieces(batch):
            piece = slice_batch(batch, a, b)
            marks = marked.of(piece.record, piece.size)
            reader.take(Judged(piece, marks, *samples.read_again(piece)))
        seen += batch.size
    return reader.finish()


class ChunkReader:
    """Makes the rows of a chunk of its records, batch by batch in the order of the file."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._batches = _Batches()
        states = StateRows(context.male, context.rules)
        self._rows = _Rows(
            FieldRows(context.file, context.ordinal.size), states if context.has_runs else None
        )
        self._result = ChunkResult(people=np.zeros((context.ordinal.size, 8), np.int64))

    def take(self, judged: Judged) -> None:
        """Take the next records of the chunk."""
        _take(judged, self._context, self._batches, self._rows, self._result)
        self._result.n_records += judged.batch.size

    def finish(self) -> ChunkResult:
        """Give what the chunk holds."""
        result, batches = self._result, self._batches

        def joined(frames: list[pl.DataFrame]) -> pl.DataFrame:
            return pl.concat(frames) if frames else pl.DataFrame()

        result.alleles, result.sites = joined(batches.alleles), joined(batches.sites)
        result.lifted, result.blocks = joined(batches.lifted), joined(batches.blocks)
        result.calls = CallRows.joined(batches.calls) if batches.calls else None
        result.fields = self._rows.fields.finish()
        if self._rows.states is not None:
            result.states = self._rows.states.finish()
        result.rejects = pl.concat([pl.DataFrame(schema=SCHEMA), *batches.rejects])
        width = len(self._context.strata.by)
        has_adj = any(adj_counts()[0] in c for c in batches.counts)
        names = (*genotype_counts(), *(adj_counts() if has_adj else ()))
        for name in (*names, *(("n_samples", OUTSIDE) if self._context.kits else ())):
            # Nobody of a batch without fields has any: 0 people, which is unknown.
            pieces = [c.get(name, np.zeros_like(c["an"])) for c in batches.counts]
            result.counts[name] = (
                np.concatenate(pieces) if pieces else np.zeros((0, width), np.int32)
            )
        result.n_alleles = result.alleles.height
        return result


def _take(
    judged: Judged,
    context: Context,
    batches: _Batches,
    rows: _Rows,
    result: ChunkResult,
) -> None:
    batch, lifted = judged.batch, context.source_assembly is not None
    rejects = Rejects(batch, judged.marks, context.policy)
    records = record_rows(batch, context)
    if context.gvcf:
        blocks = pl.Series("is_block", reference_records(batch))
        records = records.with_columns(blocks)
        records = with_ends(records, batch) if context.has_blocks else records.filter(~blocks)
    records = rejects.take_records(records, with_blocks=context.has_blocks)
    records = rejects.take_blocks(records)
    alleles = allele_rows(records.filter(~pl.col("is_block")), batch, context)
    result.n_moved += int((alleles["status"] == int(Status.CHANGED)).sum())
    result.n_split += count_split(alleles)
    alleles = rejects.allele_faults(alleles, context.reference, lifted=lifted)
    records = rejects.take_whole(records, alleles)
    records, genotypes = rejects.take_genotypes(records, judged.genotypes, lifted=lifted)
    if records.height < batch.size:
        alleles = alleles.join(records.select("k"), on="k", how="semi", maintain_order="left")
    rejects.take_alleles(records, alleles)
    kept = np.zeros(batch.size, np.bool_)
    kept[records["k"].to_numpy()] = True
    read = judged.fields.pick(kept)
    fields = read.only(context.fields)
    rows.fields.take(records, fields)
    batches.rejects += rejects.rows
    result.lines.append(batch)
    records, alleles = with_copies(records, alleles, context.haploid)
    every, is_block = records, records["is_block"].to_numpy()
    states = None
    if rows.states:
        if not context.has_blocks:
            # The rest of a REF is not assessed, as in any file that is no gVCF.
            every = every.with_columns(end="pos")
        states = rows.states.grade(every, genotypes, read if context.has_blocks else fields)
        beyond = np.flatnonzero(genotypes.has_ploidy_above(MOST_ALLELES))
        if beyond.size:
            result.n_beyond += beyond.size
            place = records[int(beyond[0])].select("line", "chrom", "pos").row(0)
            result.first_beyond = result.first_beyond or "line {:,}, {}:{}".format(*place)
    if is_block.any():
        mine, its_calls = records.filter(is_block), genotypes.pick(is_block)
        batches.blocks.append(
            block_rows(mine, its_calls, batch, context.file, context.ordinal.size)
        )
        its_fields = fields.pick(is_block)
        result.blocks_digest += blocks_digest(mine, its_fields, context.ordinal.size)
        records = records.filter(~is_block)
        genotypes, fields = genotypes.pick(~is_block), fields.pick(~is_block)
    calls = _Calls(genotypes, fields, None, None)
    if states is not None and context.has_blocks:
        calls = _Calls(genotypes, fields, states.graded.codes[~is_block], states.elsewhere)
    alleles = _count(records, alleles, calls, context, batches, result)
    if rows.states and states is not None:
        kept_alleles = alleles.filter(pl.col("fault").is_null())
        if not context.has_blocks:
            every, states = heard(every, states, kept_alleles)
        rows.states.take(every, states, kept_alleles)
    batches.alleles.append(
        alleles.filter(pl.col("fault").is_null()).select(
            *KEY, "record", "alt_index", "id", "ref_checked", "n_original", "status", "line"
        )
    )
    batches.sites.append(site_rows(records, alleles, context, batch))
    if context.ordinal.size:
        batches.calls.append(
            CallRows.of(records, (genotypes, fields), context.file, context.ordinal.size)
        )
    if lifted:
        batches.lifted.append(lifted_rows(records, context))


def _count(
    records: pl.DataFrame,
    alleles: pl.DataFrame,
    calls: _Calls,
    context: Context,
    batches: _Batches,
    result: ChunkResult,
) -> pl.DataFrame:
    """Count the calls of records that are kept, by allele and by person.

    Returns
    -------
    pl.DataFrame
        The alleles; of a gVCF those that nobody is called with have a fault.
    """
    places = Places.of(records, alleles)
    counts = places.joined(
        _counts_of(records, calls, context),
        lambda: _counts_of(
            records.filter("twice").with_columns(~pl.col("haploid")),
            calls.twice(places.twice),
            context,
        ),
    )
    if calls.codes is not None:
        # Of a file without samples nobody could be called.
        nobody = (counts["ac"][places.row].sum(axis=1) == 0) & (context.ordinal.size > 0)
        held = pl.Series(~nobody) | pl.col("fault").is_not_null()
        fault = pl.when(held).then("fault").otherwise(pl.lit(UNCALLED)).alias("fault")
        alleles = alleles.with_columns(fault)
        result.n_uncalled += int((alleles["fault"] == UNCALLED).sum())
    # Nothing for rejected alleles.
    kind = alleles.select(kind_of("ref", "alt", is_kept=pl.col("fault").is_null()))
    result.people += count_people(
        calls.genotypes,
        _first_rows(records),
        records["haploid"].to_numpy(),
        context.male,
        kind.to_series().to_numpy(),
    )
    kept = np.flatnonzero(alleles["fault"].is_null().to_numpy())
    rows = places.row[kept]
    mine = {n: found if n in of_records() else found[rows] for n, found in counts.items()}
    batches.counts.append(_by_group(mine, places.record[kept], alleles[kept], context))
    return alleles


def _first_rows(records: pl.DataFrame) -> npt.NDArray[np.int64]:
    """Give the first allele row of each record, and the number of all: int64[n + 1]."""
    return np.concatenate([[0], np.cumsum(records["n_alt"].to_numpy())]).astype(np.int64)


def _counts_of(
    records: pl.DataFrame, calls: _Calls, context: Context
) -> dict[str, npt.NDArray[np.int32]]:
    """Count the calls of records per cell, by `tables.statistics.of_records`."""
    first_row, haploid = _first_rows(records), records["haploid"].to_numpy()
    counts = vars(count_genotypes(calls.genotypes, first_row, haploid, context.strata))
    on_y = haploid & records["contig"].is_in(sorted(context.haploid.on_y)).to_numpy()
    where = (first_row, haploid, on_y, context.strata)
    if calls.codes is None:
        adj = count_adj(calls.genotypes, calls.fields, *where, context.policy.adj)
    else:
        state = unpack(calls.codes)
        adj = count_passing(calls.genotypes, state.level == ADJ, ~state.is_unknown, *where)
    return counts | (adj or {})


def _by_group(
    counts: dict[str, npt.NDArray[np.int32]],
    record: npt.NDArray[np.int64],
    alleles: pl.DataFrame,
    context: Context,
) -> dict[str, npt.NDArray[np.int32]]:
    """Add counts of cells up to int32[alleles, groups]; `record` is that of each allele."""
    if context.kits is not None:
        assessed = context.kits.assessed(alleles["contig"], alleles["pos"], context.strata)
        return count_in_kits(counts, record, assessed, context.strata)
    sums = context.strata.sums
    return {
        name: sums(found)[record] if name in of_records() else sums(found)
        for name, found in counts.items()
    }
