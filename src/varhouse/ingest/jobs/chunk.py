"""One chunk of a cohort's file: from text to alleles, counts, sites and genotypes.

Records flow in batches: fixed columns as text columns, one row per ALT, normalised
together; genotypes as short lists; counts per cell. What is held back goes to the
rejects with its line. A chunk owns the records whose original POS lies in it, so the
result does not depend on where a file is cut; left alignment may carry an allele to
before the chunk, which `varhouse.ingest.jobs.cohort` looks after.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from varhouse.alleles.key import NOTHING, Declared, add_extents
from varhouse.alleles.unspecified import NO_ALT, UNSPECIFIED_ALTS
from varhouse.frequencies.count import (
    GT_ALLELE,
    GT_INVALID,
    check_genotypes,
    count_genotypes,
    count_people,
)
from varhouse.frequencies.haploid import HaploidRegions
from varhouse.frequencies.strata import Strata
from varhouse.genome.contigs import Contigs
from varhouse.genome.reference import Reference
from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.layout import genotype_columns
from varhouse.ingest.jobs.lifted import PLACEHOLDER, lifted_columns
from varhouse.ingest.jobs.recount import kind_of
from varhouse.ingest.setup.settings import Policy
from varhouse.normalise import Status, move_symbolic, normalise_alleles
from varhouse.tables.schema import KEY
from varhouse.tables.statistics import genotype_counts, of_records
from varhouse.vcf.fields.alts import legal_alt
from varhouse.vcf.fields.fixed import legal_chrom
from varhouse.vcf.samples.gt import read_genotypes
from varhouse.vcf.text.bgzf import iter_range
from varhouse.vcf.text.gt_first import gt_places, with_gt_first
from varhouse.vcf.text.lines import RecordBatch, read_batch

READ_BYTES = 28 << 20
"""Text of a batch: few long lines cost as many calls as many short ones. From 32 MiB on
glibc maps every buffer anew, which costs more than the calls."""

_BASES = "^[ACGTNacgtn]+$"
_QUAL = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^[+-]?(?i:inf|infinity|nan)$"


@dataclass
class Context:
    """What stays the same for all chunks of a file.

    `ordinal` is int32[columns]: ordinal in the cohort of each sample column; `male` is
    bool[columns]. `source_assembly` is set when the file was lifted from another one.
    `version` is the x of the file's VCF version 4.x; `declared` says what its header gives
    to each ALT. Of a gVCF (`gvcf`) only records with a real ALT are read.
    """

    cohort: str
    file: int
    contigs: Contigs
    reference: Reference
    policy: Policy
    haploid: HaploidRegions
    strata: Strata
    ordinal: npt.NDArray[np.int32]
    male: npt.NDArray[np.bool_]
    source_assembly: str | None = None
    version: int | None = None
    declared: Declared = NOTHING
    gvcf: bool = False


@dataclass(frozen=True)
class Place:
    """Where a chunk lies: virtual offsets in a BGZF, and its first record's ordinal.

    `held` are lines that were kept while their batch was in hand: (record, text).
    """

    data: Path
    begin: int
    end: int
    record: int
    held: list[pl.DataFrame] = field(default_factory=list)

    def lines(self, records: pl.Series) -> pl.DataFrame:
        """Give the original lines of some records, (record, text): held, or read again."""
        wanted = np.unique(records.to_numpy().astype(np.int64))
        frames = [pl.DataFrame(schema={"record": pl.Int64, "text": pl.String})]
        for held in self.held:
            frames.append(held.filter(pl.col("record").is_in(wanted.tolist())))
            wanted = np.setdiff1d(wanted, frames[-1]["record"].to_numpy())
        return pl.concat([*frames, *(self._read(wanted) if wanted.size else [])])

    def _read(self, wanted: npt.NDArray[np.int64]) -> Iterator[pl.DataFrame]:
        first = 0
        for text in iter_range(self.data, self.begin, self.end):
            batch = read_batch(text, self.record + first, 0)
            first += batch.size
            mine = wanted[(wanted >= batch.record) & (wanted < batch.record + batch.size)]
            lines = batch.lines(mine - batch.record)
            yield pl.DataFrame({"record": mine, "text": lines})

    def hold(self, batch: RecordBatch, alleles: pl.DataFrame) -> None:
        """Keep the lines of equal alleles of a batch: most of them stand near each other."""
        # Equal positions are found much sooner than equal keys.
        near = alleles.filter(pl.col("fault").is_null() & pl.col("pos").is_duplicated())
        twice = near.filter(pl.struct(KEY).is_duplicated())
        if twice.height:
            k = np.unique(twice["k"].to_numpy().astype(np.int64))
            self.held.append(
                pl.DataFrame({"record": k + batch.record, "text": batch.lines(k)})
            )


@dataclass
class ChunkResult:
    """What a chunk holds.

    `alleles` has one row per stored allele (key, record, alt_index, id) in the order of
    the file; `counts` int32[rows, groups] per name of `genotype_counts` stands beside it.
    """

    place: Place
    alleles: pl.DataFrame
    counts: dict[str, npt.NDArray[np.int32]]
    sites: pl.DataFrame
    genotypes: pl.DataFrame
    rejects: pl.DataFrame
    people: npt.NDArray[np.int64]
    lifted: pl.DataFrame = field(default_factory=pl.DataFrame)
    n_records: int = 0
    n_alleles: int = 0
    n_moved: int = 0
    n_split: int = 0


@dataclass
class _Batches:
    alleles: list[pl.DataFrame] = field(default_factory=list)
    counts: list[dict[str, npt.NDArray[np.int32]]] = field(default_factory=list)
    sites: list[pl.DataFrame] = field(default_factory=list)
    genotypes: list[pl.DataFrame] = field(default_factory=list)
    rejects: list[pl.DataFrame] = field(default_factory=list)
    lifted: list[pl.DataFrame] = field(default_factory=list)


REJECT_SCHEMA = {
    "record": pl.Int64, "line": pl.Int64, "contig": pl.String, "pos": pl.Int32,
    "alt_index": pl.Int32, "reason": pl.String, "detail": pl.String, "text": pl.String,
}  # fmt: skip


def read_chunk(
    data: Path, begin: int, end: int, record: int, line: int, context: Context
) -> ChunkResult:
    """Read one chunk of a BGZF file (virtual offsets `begin` to `end`).

    `record` and `line` are those of the chunk's first record.
    """
    batches = _Batches()
    people = np.zeros((context.ordinal.size, 8), np.int64)
    result = ChunkResult(
        Place(data, begin, end, record),
        pl.DataFrame(),
        {},
        pl.DataFrame(),
        pl.DataFrame(),
        pl.DataFrame(),
        people,
    )
    seen = 0
    for text in iter_range(data, begin, end, READ_BYTES):
        batch = read_batch(text, record + seen, line + seen)
        _take(batch, context, batches, result)
        seen += batch.size
    result.n_records = seen
    result.alleles = pl.concat(batches.alleles) if batches.alleles else pl.DataFrame()
    result.sites = pl.concat(batches.sites) if batches.sites else pl.DataFrame()
    result.lifted = pl.concat(batches.lifted) if batches.lifted else pl.DataFrame()
    result.genotypes = pl.concat(batches.genotypes) if batches.genotypes else pl.DataFrame()
    result.rejects = pl.concat([pl.DataFrame(schema=REJECT_SCHEMA), *batches.rejects])
    for name in genotype_counts():
        pieces = [c[name] for c in batches.counts]
        width = len(context.strata.by)
        result.counts[name] = (
            np.concatenate(pieces) if pieces else np.zeros((0, width), np.int32)
        )
    result.n_alleles = result.alleles.height
    return result


def _take(
    batch: RecordBatch, context: Context, batches: _Batches, result: ChunkResult
) -> None:
    records = _records(batch, context)
    if context.gvcf:
        # Blocks and bare reference records say nothing that can be stored yet.
        records = records.filter(~pl.col("alt").str.contains(NO_ALT))
    rejects: list[pl.DataFrame] = []
    records = _hold_back(records, batch, _record_faults(context.policy), rejects)
    alleles = _alleles(records, batch, context, result)
    whole = _whole_record_faults(alleles, context)
    records = records.join(whole, on="k", how="left", maintain_order="left")
    records = _hold_back(records, batch, pl.col("fault"), rejects).drop("fault", "why")
    records, genotypes = _genotypes(records, batch, context, rejects)
    alleles = alleles.join(records.select("k"), on="k", how="semi", maintain_order="left")
    faulty = alleles.filter(pl.col("fault").is_not_null() & _TOLD)
    if faulty.height:
        rejects.append(
            _reject_rows(
                faulty.select("k", "alt_index", "fault", "why"), batch, records
            )
        )  # fmt: skip
    first_row = np.zeros(records.height + 1, np.int64)
    first_row[1:] = np.cumsum(records["n_alt"].to_numpy())
    haploid = context.haploid.contains(records["contig"], records["pos"])
    counts = count_genotypes(genotypes, first_row, haploid, context.strata)
    # Nothing for rejected alleles.
    kind = alleles.select(kind_of("ref", "alt", is_kept=pl.col("fault").is_null()))
    result.people += count_people(
        genotypes, first_row, haploid, context.male, kind.to_series().to_numpy()
    )  # fmt: skip
    kept = alleles["fault"].is_null().to_numpy()
    result.place.hold(batch, alleles)
    rows = np.flatnonzero(kept)
    row_record = np.repeat(np.arange(records.height), np.diff(first_row))[rows]
    sums = context.strata.sums
    batches.counts.append(
        {
            name: sums(getattr(counts, name))[row_record]
            if name in of_records()
            else sums(getattr(counts, name)[rows])
            for name in genotype_counts()
        }
    )
    batches.alleles.append(
        alleles.filter(pl.Series(kept)).select(
            *KEY, "record", "alt_index", "id", "ref_checked", "n_original", "status", "line"
        )
    )
    batches.sites.append(_sites(records, alleles, context, batch))
    if context.ordinal.size:
        columns = genotype_columns(genotypes, context.ordinal)
        batches.genotypes.append(
            records.select(
                "contig", pl.col("pos").cast(pl.Int32), "ref", "alt",
                pl.lit(context.file, pl.Int32).alias("file"), "record",
            ).with_columns(**columns)
        )  # fmt: skip
    if context.source_assembly is not None:
        batches.lifted.append(_lifted(records, context))
    batches.rejects += rejects


def _records(batch: RecordBatch, context: Context) -> pl.DataFrame:
    """Take the fixed columns of a batch; `k` is the row in the batch."""
    frame = pl.DataFrame(
        {
            "k": np.arange(batch.size), "pos": batch.pos, "chrom": batch.column("chrom"),
            "id": batch.column("id"), "ref": batch.column("ref"), "alt": batch.column("alt"),
            "qual": batch.column("qual"), "filter": batch.column("filter"),
        }
    )  # fmt: skip
    names = frame["chrom"].unique().to_list()
    canonical = {n: context.contigs.canonical(n) for n in names}
    illegal = [n for n in names if not legal_chrom(n, context.version)]
    if context.source_assembly is not None:
        frame = lifted_columns(frame, batch.column("info"))
    return frame.with_columns(
        pl.col("chrom")
        .replace_strict(list(canonical), list(canonical.values()), return_dtype=pl.String)
        .alias("contig"),
        pl.col("chrom").is_in(illegal).alias("chrom_illegal"),
        (pl.col("k") + batch.record).alias("record"),
        (pl.col("k") + batch.line).alias("line"),
        pl.when(pl.col("alt") == ".")
        .then(0)
        .otherwise(pl.col("alt").str.count_matches(",", literal=True) + 1)
        .cast(pl.Int64)
        .alias("n_alt"),
    )


def _record_faults(policy: Policy) -> pl.Expr:
    c = pl.col
    reason = (
        pl.when(c("pos") < 0)
        .then(pl.lit("pos_invalid"))
        .when("chrom_illegal")
        .then(pl.lit("chrom_invalid"))
        .when(c("contig").is_null())
        .then(pl.lit("contig_unknown"))
        .when((c("qual") != ".") & ~c("qual").str.contains(_QUAL))
        .then(pl.lit("qual_invalid"))
    )
    if policy.pass_only:
        reason = reason.when(~c("filter").is_in(["PASS", "."])).then(pl.lit("not_pass"))
    return reason


def _hold_back(
    records: pl.DataFrame, batch: RecordBatch, reason: pl.Expr, rejects: list[pl.DataFrame]
) -> pl.DataFrame:
    """Move records that have a reason to the rejects; return the others."""
    marked = records.with_columns(reason.alias("_reason"))
    bad = marked.filter(pl.col("_reason").is_not_null())
    if bad.height:
        why = (
            pl.col("why")
            if "why" in bad.columns
            else pl.format(
                "CHROM {} POS {} QUAL {} FILTER {}", "chrom", "pos", "qual", "filter"
            )
        )
        rows = bad.select(
            "k", pl.lit(None, pl.Int32).alias("alt_index"), pl.col("_reason").alias("fault"),
            why.alias("why"),
        )  # fmt: skip
        rejects.append(_reject_rows(rows, batch, bad))
    return marked.filter(pl.col("_reason").is_null()).drop("_reason")


def _reject_rows(
    rows: pl.DataFrame, batch: RecordBatch, records: pl.DataFrame
) -> pl.DataFrame:
    """Rows of the rejects table from (k, alt_index, fault, why)."""
    place = records.select("k", "chrom", "pos", "record", "line")
    lines = batch.lines(rows["k"].to_numpy().astype(np.int64))
    return (
        rows.with_columns(lines.alias("text"))
        .join(place, on="k", how="left", maintain_order="left")
        .select(
            "record", "line", pl.col("chrom").alias("contig"),
            pl.when(pl.col("pos") >= 0).then("pos").cast(pl.Int32).alias("pos"),
            pl.col("alt_index").cast(pl.Int32), pl.col("fault").alias("reason"),
            pl.col("why").alias("detail"), "text",
        )
    )  # fmt: skip


def _alleles(
    records: pl.DataFrame, batch: RecordBatch, context: Context, result: ChunkResult
) -> pl.DataFrame:
    """One row per ALT, normalised; `fault` is the reason to hold it back, or null."""
    split = (
        records.filter(pl.col("n_alt") > 0)
        .select(
            "k", "record", "line", "contig", "pos", "ref", pl.col("alt").str.split(","), "id",
            pl.col("n_alt").alias("n_original"),
        )
        .with_columns(pl.int_ranges(1, pl.col("n_original") + 1, dtype=pl.Int32)
                      .alias("alt_index"))
        .explode("alt", "alt_index", empty_as_null=True)
        .with_columns(pl.col("pos").alias("pos0"), pl.col("ref").alias("ref0"),
                      pl.col("alt").alias("alt0"))
    )  # fmt: skip
    # Few alleles are no bases, and of those many are the same.
    others = split.filter(~pl.col("alt").str.contains(_BASES))["alt"].unique().to_list()
    illegal = [a for a in others if not legal_alt(a)]
    out = normalise_alleles(split, context.reference)
    out = add_extents(
        out, lambda rows: batch.column("info", out["k"].to_numpy()[rows].astype(np.int64)),
        context.declared, context.contigs.canonical,
    )  # fmt: skip
    out = move_symbolic(out, context.reference)
    names = out["contig"].unique().to_list()
    whole = [n for n in names if context.reference.is_whole(n)]
    unchecked = pl.col("status") == int(Status.REF_UNCHECKED)
    # REF N of such an allele says nothing, at the telomeres (POS 0, N + 1) neither.
    unsaid = pl.col("ref0").str.contains("^[Nn]+$") & ~pl.col("alt0").str.contains(_BASES)
    lengths = {n: context.reference.sequence(n).size for n in whole}
    size = pl.col("contig").replace_strict(lengths, default=0, return_dtype=pl.Int64)
    past_end = unchecked & pl.col("contig").is_in(whole)
    past_end &= ~(unsaid & (pl.col("pos0") <= size + 1))
    codes = {int(s): s.code for s in Status if s.is_fault}
    fault = (
        pl.when((pl.col("alt0") == PLACEHOLDER) & pl.lit(context.source_assembly is not None))
        .then(pl.lit(_UNLIFTED))
        .when(pl.col("alt0").is_in(UNSPECIFIED_ALTS))
        .then(pl.lit(_UNSPECIFIED))
        .when(~pl.col("ref0").str.contains(_BASES))
        .then(pl.lit(Status.REF_INVALID.code))
        .when(pl.col("alt0").is_in(illegal))
        .then(pl.lit(Status.ALT_INVALID.code))
        .when(pl.col("status").is_in(list(codes)))
        .then(pl.col("status").replace_strict(codes, default=None, return_dtype=pl.String))
        .when(past_end)
        .then(pl.lit("beyond_contig"))
    )
    if context.policy.unchecked_ref == "reject":
        fault = fault.when(unchecked).then(pl.lit("ref_unchecked"))
    result.n_moved += int((out["status"] == int(Status.CHANGED)).sum())
    result.n_split += int((split["n_original"] > 1).sum())
    return out.with_columns(
        fault.alias("fault"),
        (~unchecked).alias("ref_checked"),
        pl.format("REF {} ALT {}", "ref0", "alt0").alias("why"),
    )


_UNLIFTED = "unlifted"
_UNSPECIFIED = "unspecified"
_TOLD = ~pl.col("fault").is_in([_UNLIFTED, _UNSPECIFIED]).fill_null(value=False)
"""An allele that was not lifted is among the rejects already; one of no known sequence
(`<*>`, `<NON_REF>`) is none, and no fault of the record."""

_OF_RECORD = ("ref_mismatch", "ref_invalid", "beyond_contig", "ref_unchecked")


def _whole_record_faults(alleles: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Find records of which nothing can be kept: (k, fault, why)."""
    return (
        alleles.group_by("k", maintain_order=True)
        .agg(
            pl.col("fault").filter(_TOLD).first(), pl.col("why").filter(_TOLD).first(),
            (pl.col("fault").is_in(_OF_RECORD).any() | pl.col("fault").is_not_null().all())
            .alias("all"),
        )
        .filter("all")
        .drop("all")
    )  # fmt: skip


def _genotypes(
    records: pl.DataFrame, batch: RecordBatch, context: Context, rejects: list[pl.DataFrame]
) -> tuple[pl.DataFrame, Genotypes]:
    """Read genotypes; records with a GT that is none go to the rejects."""
    n = context.ordinal.size
    rows = records["k"].to_numpy().astype(np.int64)
    if n == 0:
        return records, Genotypes.nobody(rows.size)
    place = gt_places(batch)
    has_gt = place[rows] >= 0
    moved = with_gt_first(batch, place)
    found = read_genotypes(moved, rows[has_gt], n).spread(has_gt)
    state, culprit = check_genotypes(found, records["n_alt"].to_numpy())
    if not state.any():
        return records, found
    texts = [found.texts[c] if c >= 0 else "" for c in culprit.tolist()]
    reasons = {GT_INVALID: "gt_invalid", GT_ALLELE: "gt_allele_unknown"}
    marked = records.with_columns(
        pl.Series("state", [reasons.get(s) for s in state.tolist()], dtype=pl.String),
        pl.format("GT {} ALT {}", pl.Series("t", texts), "alt").alias("why"),
    ).with_columns(
        pl.when((pl.col("state") == reasons[GT_ALLELE]) & (pl.col("n_alt") == 0))
        .then(pl.lit("gt_without_alt"))
        .otherwise("state")
        .alias("state")
    )
    kept = _hold_back(marked, batch, pl.col("state"), rejects).drop("state", "why")
    return kept, found.pick(state == 0)


def _sites(
    records: pl.DataFrame, alleles: pl.DataFrame, context: Context, batch: RecordBatch
) -> pl.DataFrame:
    rows = records["k"].to_numpy().astype(np.int64)
    good = pl.col("fault").is_null()
    lists = alleles.group_by("k", maintain_order=True).agg(
        pl.when(good).then("pos").alias("allele_pos"),
        pl.when(good).then("ref").alias("allele_ref"),
        pl.when(good).then("alt").alias("allele_alt"),
        pl.col("extent").alias("allele_extent"),
    )
    form = batch.column("format", rows) if context.ordinal.size else None
    empty = {
        "allele_pos": pl.List(pl.Int32), "allele_ref": pl.List(pl.String),
        "allele_alt": pl.List(pl.String), "allele_extent": pl.List(pl.String),
    }  # fmt: skip
    lifted = context.source_assembly is not None
    return (
        records.with_columns(
            records["info"] if lifted else batch.column("info", rows).alias("info"),
            (form if form is not None else pl.lit(None, pl.String)).alias("format"),
        )
        .join(lists, on="k", how="left", maintain_order="left")
        .select(
            "contig", pl.col("pos").cast(pl.Int32), "ref", "alt",
            pl.lit(context.file, pl.Int32).alias("file"), "record", "chrom",
            pl.when(pl.col("id") != ".").then("id").alias("id"),
            pl.when(pl.col("qual") != ".").then("qual").cast(pl.Float64).alias("qual"),
            "filter", "info", "format",
            *(pl.col(n).fill_null(pl.lit([], t)).alias(n) for n, t in empty.items()),
        )
    )  # fmt: skip


def _lifted(records: pl.DataFrame, context: Context) -> pl.DataFrame:
    """Say where the records of a lifted file come from: rows of the table lifted."""
    return records.select(
        "contig", pl.col("pos").cast(pl.Int32), pl.lit(context.file, pl.Int32).alias("file"),
        "record", pl.lit(context.source_assembly).alias("source_assembly"), "source_record",
        "source_contig", "source_pos", "source_ref", "source_alt", "reverse", "swapped",
        "ambiguous",
    )  # fmt: skip


def iter_groups(strata: Strata) -> Iterator[tuple[str, str, int]]:
    """Yield (stratum_by, stratum, people) of each group."""
    yield from zip(strata.by, strata.value, strata.n_samples.tolist(), strict=True)
