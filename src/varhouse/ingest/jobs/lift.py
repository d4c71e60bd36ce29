"""Cohorts of another assembly: a file is lifted as a whole before it is cut into chunks.

The lifted copy is sorted in the assembly of the store and lies in the work folder, so
that everything behind it works as for any other file: genotypes, AC and likelihoods of
alleles that changed places with REF have followed (`varhouse.liftover.vcf`). Records say
in INFO where they come from; what is not lifted goes to the rejects with its line.

A record of which only some ALTs are lifted keeps its genotypes as they are: each lifted
ALT becomes a record of its own, with a placeholder at the place of the others, so that
counts still come from the original genotype.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from varhouse import __version__
from varhouse.alleles.swap import Swapper
from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import Reference
from varhouse.ingest.setup.verdict import Lift
from varhouse.liftover import Chain, Lifter, match_names, read_chain
from varhouse.liftover.lines import SortedLines, sort_keys
from varhouse.liftover.reasons import Reason
from varhouse.liftover.vcf import COLUMNS, HEADER, VcfLifter
from varhouse.normalise import normalise_alleles
from varhouse.tables.schema import REJECTS
from varhouse.tables.shards import write_frame
from varhouse.vcf.header.header import Header
from varhouse.vcf.stream import open_records
from varhouse.vcf.text.bgzf import BgzfWriter
from varhouse.vcf.text.lines import COLUMNS as NAMES
from varhouse.vcf.text.lines import RecordBatch, text_array

if TYPE_CHECKING:
    from varhouse.ingest.setup.run import Run, RunCohort

LIFT_REASONS = frozenset(r.code for r in Reason)
"""Reasons of rejects that say nothing against the record itself."""


@dataclass(frozen=True)
class SourceAssembly:
    """The assembly of a cohort that is lifted; `reference` is None if REF is not checked."""

    chain: Chain
    chain_name: str
    contigs: Contigs
    reference: Reference | None


def open_source(run: "Run", cohort: "RunCohort") -> SourceAssembly:
    """Open the chain and the source reference of a cohort."""
    assert cohort.chain is not None
    with run.as_recorded(cohort.chain):
        chain = read_chain(Path(cohort.chain))
    contigs = source_contigs(chain, run.open_contigs())
    held = cohort.source_reference
    reference = Reference(Path(held), contigs) if held else None
    return SourceAssembly(chain, Path(cohort.chain).name, contigs, reference)


def source_contigs(chain: Chain, target: Contigs) -> Contigs:
    """List the contigs of a chain's source by the names that the target gives to them.

    Lengths are those of the chain, so that a FASTA that holds a piece is known as one.
    """
    own = match_names(chain.sources, target.names, target)
    taken: set[str] = set()
    named = []
    for i, source in enumerate(chain.sources):
        name = target.names[own[source]] if source in own else source
        name = source if name in taken else name
        if name not in taken:
            taken.add(name)
            named.append((name, source, int(chain.source_sizes[i])))
    contigs = []
    for name, source, length in named:
        known = target.by_name.get(name)
        plain = source.removeprefix("chr")
        wanted = [source, plain, f"chr{plain}", *(known.aliases if known else [])]
        aliases = [a for a in dict.fromkeys(wanted) if a not in taken]
        taken.update(aliases)
        contigs.append(Contig(name, aliases, None, length))
    return Contigs(contigs)


def lift_file(
    path: Path, run: "Run", source: SourceAssembly, output: Path, rejects: Path
) -> Lift:
    """Lift a file that was checked.

    Parameters
    ----------
    path
        The VCF or BCF.
    output
        The lifted, sorted BGZF.
    rejects
        Parquet of what was not lifted, with the columns of the table rejects but cohort,
        file and part, which is that of the source contig.

    Returns
    -------
    Lift
        Without the paths of what it wrote.
    """
    target = run.open_reference()
    lifter = Lifter(
        source.chain,
        target,
        normalise_alleles,
        source=source.reference,
        source_contigs=source.contigs,
    )
    frames = [
        pl.DataFrame(
            schema={
                n: t for n, t in REJECTS.polars_schema.items() if n not in ("cohort", "file")
            }
        )
    ]
    with tempfile.TemporaryDirectory(dir=output.parent) as tmp:
        header, batches = open_records(path, run.limits)
        vcf = VcfLifter(lifter, Swapper(header.numbers), _keep_genotypes)
        ranks = target.contigs.ordinal
        with SortedLines(Path(tmp) / "lines") as lines:
            for batch in batches:
                records, bad = _frame(batch)
                done = vcf.block(records)
                found = [bad, done.rejects.select("line", "alt", "reason", "detail")]
                frames.append(_rejects(batch, found, target.contigs))
                rank = done.lines["contig"].replace_strict(ranks, return_dtype=pl.Int64)
                sizes = done.lines["line"].str.len_bytes().to_numpy()
                at = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
                data = np.frombuffer("".join(done.lines["line"].to_list()).encode(), np.uint8)
                keys = sort_keys(rank.to_numpy(), done.lines["pos"].to_numpy())
                lines.add(keys, at, data)
            sink = BgzfWriter(output)
            sink.write(lifted_header(header, target, source.chain_name))
            for piece in lines.pieces():
                sink.write(piece)
            sink.close()
    all_rejects = pl.concat(frames)
    write_frame(all_rejects, rejects)
    reasons = dict(all_rejects.group_by("reason").len().sort("reason").rows())
    return Lift(
        vcf.counts["lifted"],
        vcf.counts["reverse"],
        vcf.counts["swapped"],
        vcf.counts["ambiguous"],
        vcf.counts["split"],
        vcf.counts["again"],
        reasons=reasons,
        left_out=dict(vcf.swapper.removed),
    )


def _keep_genotypes(info: bytes, rest: bytes, n_alt: int) -> list[tuple[bytes, bytes]]:
    """Take a record apart without touching its fields: INFO says which ALT each is."""
    return [(b"%s;LIFT_OF=%d/%d" % (info, i, n_alt), rest) for i in range(1, n_alt + 1)]


def _frame(batch: RecordBatch) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Give the records that have a place, and (line, alt, reason, detail) of the others."""
    filled = batch.end > batch.start[:, 0]
    good = filled & (batch.pos >= 0)
    rows, bad = np.flatnonzero(good), np.flatnonzero(filled & ~good)
    text = {c: batch.column(n, rows) for c, n in zip(COLUMNS, NAMES[:8], strict=False)}
    start = np.ascontiguousarray(batch.start[rows, 8])
    text["rest"] = text_array(batch.text, start, batch.end[rows])
    text["pos"] = pl.Series(batch.pos[rows], dtype=pl.Int64)
    record = pl.Series(rows + batch.record, dtype=pl.Int64)
    mark = pl.DataFrame({"info": text["info"], "record": record}).select(
        pl.when(pl.col("info") == ".")
        .then(pl.format("LIFT_RECORD={}", "record"))
        .otherwise(pl.format("{};LIFT_RECORD={}", "info", "record"))
    )
    text["info"] = mark.to_series()
    lost = pl.DataFrame({"line": bad + batch.line, "pos": batch.column("pos", bad)}).select(
        "line",
        pl.lit(None, pl.String).alias("alt"),
        pl.lit("pos_invalid").alias("reason"),
        pl.format("POS {}", "pos").alias("detail"),
    )
    return pl.DataFrame({"line": pl.Series(rows + batch.line), **text}), lost


def _rejects(batch: RecordBatch, found: list[pl.DataFrame], target: Contigs) -> pl.DataFrame:
    """Give rows of the table rejects from (line, alt, reason, detail)."""
    rows = pl.concat(found).sort("line", maintain_order=True)
    k = (rows["line"] - batch.line).to_numpy().astype(np.int64)
    names = batch.column("chrom", k)
    parts = {
        n: target.part(c) if (c := target.canonical(n)) else "other"
        for n in names.unique().to_list()
    }
    pos, alts = pl.Series(batch.pos[k], dtype=pl.Int64), batch.column("alt", k)
    index = pl.Series(
        [
            None if alt is None or alt == whole else whole.split(",").index(alt) + 1
            for alt, whole in zip(rows["alt"], alts, strict=True)
        ],
        dtype=pl.Int32,
    )
    return rows.select(
        (pl.col("line") - batch.line + batch.record).alias("record"),
        "line",
        names.alias("contig"),
        pl.when(pos >= 0).then(pos).cast(pl.Int32).alias("pos"),
        index.alias("alt_index"),
        "reason",
        "detail",
        batch.lines(k).alias("text"),
        names.replace_strict(parts, return_dtype=pl.String).alias("part"),
    )


def lifted_header(header: Header, target: Reference, chain: str) -> bytes:
    """Make the header of a lifted file: its own with the contigs of the target."""
    own = ("LIFTED_FROM", "LIFT_REVERSE", "LIFT_SWAP", "LIFT_AMBIGUOUS")
    dropped = ("##contig=", "##reference=", *(f"##INFO=<ID={name}," for name in own))
    lines = [ln for ln in header.text.split("\n") if not ln.startswith(dropped)]
    contigs = []
    for contig in target.contigs.contigs:
        held = target.length(contig.name)
        if held:
            contigs.append(f"##contig=<ID={contig.name},length={contig.length or held}>")
    note = (
        f"##varhouse_liftover=<Version={__version__},Chain={chain},"
        f"Reference={target.fasta_name}>"
    )
    return "\n".join([*lines[:-1], *contigs, HEADER + note, lines[-1], ""]).encode()
