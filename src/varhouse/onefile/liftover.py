"""Carry the records of a VCF or BCF, or the alleles of a frame, to another assembly."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from varhouse.errors import UsageError
from varhouse.files import new_file, put
from varhouse.genome.contigs import read_aliases
from varhouse.ingest.jobs.lift import lifted_header
from varhouse.ingest.setup.known_names import open_reference, other_names
from varhouse.liftover import Lifter, read_chain
from varhouse.liftover.alleles import ADDED
from varhouse.liftover.lines import SortedLines, sort_keys
from varhouse.liftover.reasons import Reason
from varhouse.liftover.vcf import COLUMNS, line_text
from varhouse.normalise import normalise_alleles
from varhouse.onefile.bcf_output import write_bcf
from varhouse.onefile.liftover_run import (
    REJECT_COLUMNS,
    Lifted,
    Work,
    chain_contigs,
    open_run,
)
from varhouse.onefile.out import as_path, collected, is_frame, tells_paths
from varhouse.onefile.paths import as_file, keep_inputs, output_ending
from varhouse.tables.schema import SPELT
from varhouse.vcf.text.bgzf import BgzfWriter

if TYPE_CHECKING:
    from varhouse.onefile.out import Alleles, Out

ENDINGS = (".vcf.gz", ".vcf.bgz", ".bcf", ".vcf", ".parquet")


@tells_paths
def liftover(
    alleles: "Alleles",
    out: "Out" = None,
    *,
    chain: str | Path,
    target_reference: str | Path,
    source_reference: str | Path | None = None,
    aliases: str | Path | None = None,
    source_aliases: str | Path | None = None,
    rejects: str | Path | None = None,
    swap: bool = True,
) -> Lifted:
    """Lift records over to another assembly, swaps of REF and ALT followed through.

    Parameters
    ----------
    alleles
        A VCF (plain, gzip, BGZF) or BCF, or a polars frame with the columns contig, pos
        (1-based), ref, alt (one ALT a row) and any others.
    out
        A file to write, by its ending .vcf.gz, .vcf, .bcf or .parquet; a function that is
        called with each frame, in the order of the source, so that memory does not grow
        with the file; or None: the result holds one frame. A frame cannot become VCF.
    chain
        Chain file from source to target, plain or gzip.
    target_reference, source_reference
        FASTA files; without that of the source REF is not checked there.
    aliases, source_aliases
        Tables of contig names (TSV) of the target, and of the source if they differ.
    rejects
        TSV to write, of what was not lifted.
    swap
        Exchange REF and ALT where the target's reference is ALT; otherwise reject those.

    Returns
    -------
    Lifted
        Counts, and the frame if there is no `out`.

    Raises
    ------
    varhouse.errors.UsageError
        For an ending that says no format, or a file that would be overwritten.
    varhouse.errors.InputError
        If a file cannot be read: nothing is written.
    """
    given = Path(alleles) if isinstance(alleles, (str, Path)) else None
    output = Path(out) if isinstance(out, (str, Path)) else None
    listed, fasta = as_path(rejects), Path(target_reference)
    if output is not None:
        output_ending(output, ENDINGS if given is not None else (".parquet",))
    keep_inputs(
        [output, listed],
        [
            given,
            Path(chain),
            as_path(source_reference),
            fasta,
            as_path(aliases),
            as_path(source_aliases),
        ],
    )
    names = source_aliases or aliases
    source_contigs = read_aliases(Path(names)) if names else None
    opened_chain = read_chain(Path(chain))
    with ExitStack() as stack:
        target = stack.enter_context(open_reference(fasta, as_path(aliases)))
        source = None
        if source_reference:
            opened = open_reference(Path(source_reference), as_path(names))
            source = stack.enter_context(opened)
        lifter = Lifter(
            opened_chain,
            target,
            normalise_alleles,
            source=source,
            source_contigs=source_contigs,
            swap=swap,
        )
        if not is_frame(alleles):
            assert given is not None
            return _lift_file(given, out, listed, lifter, Path(chain).name)
        if listed is not None:
            raise UsageError("rejects is for files", "result.rejects has them")
        return _lift_frame(collected(alleles, SPELT), out, lifter)


def _lift_file(
    given: Path, out: "Out", listed: Path | None, lifter: Lifter, chain_name: str
) -> Lifted:
    output = Path(out) if isinstance(out, (str, Path)) else None
    ending = output_ending(output, ENDINGS) if output is not None else ""
    beside = output.parent if output else listed.parent if listed else None
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=beside)))
        work = open_run(as_file(given, folder), lifter)
        work.source, work.chain_name, work.collects = given, chain_name, out is None
        made, listed_made = folder / f"out{ending}", folder / "rejects.tsv"
        if listed is not None:
            work.rejects = stack.enter_context(listed_made.open("w", encoding="utf-8"))
            work.rejects.write("\t".join(REJECT_COLUMNS) + "\n")
        frame = None
        if ending in ("", ".parquet"):
            frame = _write_table(made, work, out)
        else:
            (_write_bcf if ending == ".bcf" else _write_text)(made, work)
        if listed is not None and work.rejects is not None:
            work.rejects.close()
            put(listed_made, listed)
        if output is not None:
            put(made, output)
        return work.result(output, frame)


def _write_text(out: Path, work: Work) -> None:
    ranks = work.lifter.target.contigs.ordinal
    with SortedLines(out.with_name("lines")) as lines:
        for records in work.records():
            done = work.vcf.block(records)
            work.reject_lines(done.rejects)
            rank = done.lines["contig"].replace_strict(ranks, return_dtype=pl.Int64)
            sizes = done.lines["line"].str.len_bytes().to_numpy()
            at = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
            data = np.frombuffer("".join(done.lines["line"].to_list()).encode(), np.uint8)
            lines.add(sort_keys(rank.to_numpy(), done.lines["pos"].to_numpy()), at, data)
        sink = out.open("wb") if out.suffix == ".vcf" else BgzfWriter(out)
        sink.write(lifted_header(work.header, work.lifter.target, work.chain_name))
        for piece in lines.pieces():
            sink.write(piece)
        sink.close()


def _write_bcf(out: Path, work: Work) -> None:
    text = out.with_name("body.vcf")
    _write_text(text, work)
    write_bcf(text, out, work.source)


def _write_table(made: Path, work: Work, out: "Out") -> pl.DataFrame | None:
    """Write alleles, one row for each ALT whatever the others of its record, or give them."""
    frames = _frames(work)
    if callable(out):
        for frame in frames:
            if frame.height:
                out(frame)
        return None
    table = _in_order(pl.concat(list(frames)), work.lifter)
    if out is None:
        return table
    table.write_parquet(made, compression="zstd")
    return None


def _in_order(frame: pl.DataFrame, lifter: Lifter) -> pl.DataFrame:
    key = pl.col("contig").replace_strict(lifter.target.contigs.ordinal, return_dtype=pl.Int64)
    return frame.sort(key, *SPELT[1:], maintain_order=True)


def _frames(work: Work) -> Iterator[pl.DataFrame]:
    """Give lifted alleles; the last frame is empty, so that there are columns at least."""
    texts = {c: pl.Int64 if c == "pos" else pl.String for c in COLUMNS}
    for records in work.records():
        yield _lift_records(records, work)
    empty: dict[str, Any] = {"line": pl.Int64, **texts}
    yield _lift_records(pl.DataFrame(schema=empty), work)


def _lift_records(records: pl.DataFrame, work: Work) -> pl.DataFrame:
    counts = work.vcf.counts
    first = counts["records"]
    counts["records"] += records.height
    alleles = records.select(
        "line",
        "contig",
        pl.col("pos").cast(pl.Int32),
        "ref",
        pl.col("alt").str.split(","),
        id=pl.when(pl.col("id") != ".").then("id"),
        record=pl.int_range(first, first + records.height, dtype=pl.Int64),
        alt_index=pl.int_ranges(
            1, pl.col("alt").str.count_matches(",", literal=True) + 2, dtype=pl.Int32
        ),
    ).explode("alt", "alt_index", empty_as_null=True, keep_nulls=True)
    done = work.lifter.lift(alleles)
    _count(counts, done.lifted)
    for reason, n in done.rejects["reason"].value_counts().iter_rows():
        counts[reason] += n
    lines = records.select("line", text=line_text())
    says = pl.col("reason").replace_strict({r.code: r.says for r in Reason})
    work.reject_lines(
        done.rejects.join(lines, on="line", maintain_order="left").with_columns(detail=says)
    )
    return done.lifted.drop("line")


def _count(counts: dict[str, int], lifted: pl.DataFrame) -> None:
    counts["lifted"] += lifted.height
    for name in ("reverse", "swapped", "ambiguous"):
        counts[name] += int(lifted[name].sum())


def _lift_frame(given: pl.DataFrame, out: "Out", lifter: Lifter) -> Lifted:
    output = Path(out) if isinstance(out, (str, Path)) else None
    if twice := [c for c in given.columns if c in ADDED]:
        raise UsageError(
            f"the frame has columns that liftover adds: {', '.join(twice)}",
            "drop or rename them",
        )
    done = lifter.lift(given)
    counts = dict.fromkeys(("lifted", "reverse", "swapped", "ambiguous", "split"), 0)
    _count(counts, done.lifted)
    frame = _in_order(done.lifted, lifter)
    if output is not None:
        with new_file(output) as made:
            frame.write_parquet(made, compression="zstd")
    elif callable(out):
        out(frame)
    found = dict(done.rejects["reason"].value_counts().iter_rows())
    return Lifted(
        output,
        {"records": given.height, **counts},
        {r.code: found[r.code] for r in Reason if r and r.code in found},
        chain_contigs(lifter),
        unchecked=lifter.unchecked,
        known_names=other_names(lifter.chain.targets, lifter.target),
        frame=frame if out is None else None,
        rejects=done.rejects,
    )
