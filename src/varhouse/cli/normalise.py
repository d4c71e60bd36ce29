"""`varhouse normalise`: split, trim and left-align the alleles of a VCF or BCF."""

import argparse
import ctypes
import gc
import logging
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from varhouse.genome.contigs import Region
    from varhouse.genome.reference import Reference
    from varhouse.normalise.order import Reorder
    from varhouse.normalise.vcf import Lines, Reject, VcfNormaliser
    from varhouse.vcf.header.header import Header
    from varhouse.vcf.text.lines import RecordBatch

Piece = bytes | memoryview

_FAULTS = (
    "columns", "pos_invalid", "ref_mismatch", "ref_invalid", "alt_invalid", "alt_equals_ref",
)  # fmt: skip

log = logging.getLogger("varhouse.normalise")

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""

_ENDINGS = (".vcf.gz", ".vcf.bgz", ".bcf", ".vcf", ".parquet")

_EXAMPLE = """\
example:  varhouse normalise demo/data/beijing.vcf.gz -o beijing.norm.vcf.gz \\
            --reference demo/data/demo.fa --aliases demo/data/aliases.tsv
"""

_EPILOG = """\
files written:
  OUT        by its ending .vcf.gz, .bcf, .vcf or .parquet; sorted by position
  --rejects  TSV: line contig pos ref alt reason detail text (tabs in text as \\t)

POS, REF, ALT and the values of fields declared with Number A, R or G are those of
`bcftools norm -m- -c x`. Checked are the number of columns, POS, and REF and ALT (letters,
the bases of the FASTA, ALT unlike REF): what is wrong goes to the rejects, the rest goes
on. Other columns and values are not checked but passed on: `varhouse validate` does that.
<DEL> and <DUP> of known length (END, the ALT's own SVLEN) move left and get a REF of one
base, as in bcftools; other symbolic alleles, `*` and breakends stay as they are.
In split records, unlike bcftools, Number=G is split at any ploidy; a sample's list that
fits no ploidy, and an allele number in GT that the record does not have, become missing.
Lists with a wrong number of values are read from the left, or left out where no sample
has the right number. stderr names each field that this befell, with the number of records
and the first place. Records with one ALT keep their values as they are.
--region takes the records of IN whose REF overlaps R, by the index of IN (.csi, .tbi) if
there is one; then `line` is empty in the rejects, and lines elsewhere are not looked at.
Contig names stay as in IN; --aliases only finds them in the FASTA (Parquet: canonical).
Without --aliases well-known names are found too (1 = chr1), and told on stderr.

exit codes: 0 OUT is written, also where records went to the rejects; 1 IN or the FASTA
cannot be read: nothing is written; 2 usage
"""


@dataclass(frozen=True)
class _Work:
    """One run: where the lines come from, and what was seen on the way."""

    source: Path
    normaliser: "VcfNormaliser"
    header: "Header"
    window: "Reorder"
    pieces: Iterator[Piece]


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "normalise",
        help="split, trim, left-align and REF-check a VCF or BCF",
        description=_EXAMPLE,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", type=Path, metavar="IN", help="VCF (plain, gzip, BGZF) or BCF; - or a pipe"
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")
    parser.add_argument("--reference", type=Path, required=True, metavar="FASTA")
    parser.add_argument("--aliases", type=Path, metavar="TSV", help="contig names")
    parser.add_argument("--rejects", type=Path, metavar="FILE", help="what was held back")
    parser.add_argument("--region", metavar="R", help="contig, contig:start-end (1-based)")
    parser.add_argument(
        "--multi-overlaps", choices=("0", "."), default="0",
        help="what another ALT becomes in a split GT (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--unchecked-ref", choices=("reject", "keep"), default="reject",
        help="records outside of what the FASTA holds (default: %(default)s)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Normalise one file."""
    _keep_memory()
    # Imports leave no garbage, and looking for it takes a tenth of their time.
    gc.disable()
    from varhouse.cli.files import as_file, keep_inputs, output_ending, put
    from varhouse.genome.contigs import parse_region
    from varhouse.ingest.setup.known_names import open_reference
    from varhouse.normalise.order import Reorder
    from varhouse.normalise.split import Splitter
    from varhouse.normalise.vcf import VcfNormaliser
    from varhouse.vcf.stream import open_records, region_records

    gc.freeze()
    gc.enable()
    ending = output_ending(args.output, _ENDINGS)
    keep_inputs([args.output, args.rejects], [args.input, args.reference, args.aliases])
    with ExitStack() as stack:
        reference = stack.enter_context(open_reference(args.reference, args.aliases))
        region = parse_region(args.region, reference.contigs) if args.region else None
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=args.output.parent)))
        source = as_file(args.input, folder)
        header, batches = open_records(source)
        by_index = region is not None and _reads_by_index(source, ending)
        if region is not None and by_index:
            batches = region_records(
                source, partial(_is_contig, reference, region), region.start, region.end
            )
        blocks = _lines(batches)
        normaliser = VcfNormaliser(
            reference,
            Splitter(header.numbers, header.types, args.multi_overlaps),
            columns=8 + (1 + len(header.samples) if header.has_format else 0),
            keep_unchecked=args.unchecked_ref == "keep",
            sites=ending == ".parquet",
            wanted=_overlaps(region) if region else None,
            lists_rejects=args.rejects is not None,
        )
        made = folder / f"out{ending}"
        rejects = None
        held = folder / "rejects.tsv"
        if args.rejects:
            rejects = stack.enter_context(held.open("w", encoding="utf-8"))
            rejects.write("line\tcontig\tpos\tref\talt\treason\tdetail\ttext\n")
        window = Reorder()
        pieces = _pieces(normaliser, blocks, rejects, window, numbered=not by_index)
        work = _Work(args.input, normaliser, header, window, pieces)
        write = {".parquet": _write_parquet, ".bcf": _write_bcf}.get(ending, _write_text)
        write(made, _header_text(header, reference.fasta_name), work)
        if rejects is not None:
            rejects.close()
            put(held, args.rejects)
        put(made, args.output)
    _account(normaliser, args)
    return 0


def _keep_memory() -> None:
    """Have glibc keep the memory that is freed."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        # Blocks come one after another, and a page that is new to the process costs more
        # than all that is done with its bytes.
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 28)
        libc.mallopt(_M_TRIM_THRESHOLD, 1 << 28)


def _lines(batches: "Iterator[RecordBatch]") -> "Iterator[Lines]":
    from varhouse.normalise.vcf import Lines

    for b in batches:
        yield Lines(b.text, b.start, b.end, b.tabs, b.pos, b.line, b.record)


def _reads_by_index(path: Path, ending: str) -> bool:
    """Tell whether the region is looked up in the index; if not, say why."""
    from varhouse.vcf.stream import why_no_index

    reason = why_no_index(path)
    if reason is None and ending == ".parquet":
        reason = "the column `record` counts from the first record"
    if reason is not None:
        log.info("the whole file is read for --region: %s", reason)
    return reason is None


def _is_contig(reference: "Reference", region: "Region", name: str) -> bool:
    return reference.contigs.canonical(name) == region.contig


def _overlaps(region: "Region") -> Any:
    """Make the test whether a record's REF overlaps the region."""
    import numpy as np

    def wanted(contig: str | None, first: Any, last: Any) -> Any:
        if contig != region.contig:
            return np.zeros(first.size, np.bool_)
        inside = last >= region.start
        return inside if region.end is None else inside & (first <= region.end)

    return wanted


def _header_text(header: "Header", fasta: str) -> bytes:
    from varhouse import __version__

    lines = header.text.split("\n")
    own = f"##varhouse_normalise=<Version={__version__},Reference={fasta}>"
    return "\n".join([*lines[:-1], own, lines[-1], ""]).encode()


def _pieces(
    normaliser: "VcfNormaliser",
    blocks: "Iterator[Lines]",
    rejects: IO[str] | None,
    window: "Reorder",
    *,
    numbered: bool,
) -> "Iterator[Piece]":
    """Give the normalised lines, in order but for what is `late` in the window.

    `numbered`: whether the numbers of lines are known.
    """
    for lines in blocks:
        done = normaliser.block(lines)
        if rejects is not None:
            rejects.writelines(_reject_line(r, numbered=numbered) for r in done.rejects)
        pieces = window.push(done.keys, done.buffers, done.source, done.span, done.bound)
        yield from (piece.data for piece in pieces if piece.size)
    yield from (piece.data for piece in window.flush() if piece.size)


def _reject_line(reject: "Reject", *, numbered: bool) -> str:
    text = reject.text.replace("\\", "\\\\").replace("\t", "\\t")
    pos = "" if reject.pos < 0 else str(reject.pos)
    cells = (reject.contig, pos, reject.ref, reject.alt, reject.reason, reject.detail, text)
    return "\t".join([str(reject.line) if numbered else "", *cells]) + "\n"


def _sorted(body: bytes, ranks: dict[str, int]) -> bytes:
    """Sort data lines by contig (as they first came) and position."""
    import numpy as np

    from varhouse.normalise.order import sort_keys
    from varhouse.normalise.text import gather
    from varhouse.vcf.text.lines import read_batch

    batch = read_batch(body, 0, 0)
    rank = batch.column("chrom").replace_strict(ranks).cast(int).to_numpy()
    order = np.argsort(sort_keys(rank, batch.pos), kind="stable")
    at = np.append(batch.start[:, 0], batch.text.size)
    return gather(batch.text, at, order)[1].tobytes()


def _write_text(out: Path, header: bytes, work: "_Work") -> None:
    from varhouse.vcf.text.bgzf import BgzfWriter

    def write(pieces: Iterable[Piece]) -> None:
        sink = out.open("wb") if out.suffix == ".vcf" else BgzfWriter(out)
        sink.write(header)
        for piece in pieces:
            sink.write(piece)
        sink.close()

    write(work.pieces)
    if work.window.late:
        write([_sorted(_read_body(out, header), work.normaliser.contigs)])


def _read_body(path: Path, header: bytes) -> bytes:
    from varhouse.vcf.blocks import iter_text
    from varhouse.vcf.text.bgzf import file_kind

    text = b"".join(b.data for b in iter_text(path, file_kind(path)))
    return text[len(header) :]


def _write_bcf(out: Path, header: bytes, work: "_Work") -> None:
    """Write BCF by htslib, which wants every contig in the header."""
    from varhouse.cli.bcf_output import write_bcf

    text = out.with_name("body.vcf")
    _write_text(text, header, work)
    known = work.header.contigs
    extra = "".join(f"##contig=<ID={c}>\n" for c in work.normaliser.contigs if c not in known)
    write_bcf(text, out, work.source, extra.encode())


_PARQUET_COLUMNS = (
    "contig", "pos", "id", "ref", "alt", "qual", "filter", "info", "record", "alt_index",
)  # fmt: skip


def _write_parquet(out: Path, header: bytes, work: "_Work") -> None:
    """Write the first eight columns, the record's ordinal and the number of the ALT.

    The unspecified allele has no row: a table of alleles would make one of it.
    """
    import polars as pl
    import pyarrow.parquet as pq

    from varhouse.alleles.key import Declared, add_extents
    from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
    from varhouse.tables.schema import KEY

    reference = work.normaliser.reference
    types: dict[str, type[pl.DataType]] = dict.fromkeys(_PARQUET_COLUMNS, pl.String)
    types |= {"pos": pl.Int32, "record": pl.Int64, "alt_index": pl.Int32}
    order = [*KEY, "id", "qual", "filter", "info", "record", "alt_index"]
    numbers = work.normaliser.splitter.numbers
    declared = Declared(*(numbers.get(("INFO", k)) == "A" for k in ("SVLEN", "CN")))

    def table(piece: Piece) -> pl.DataFrame:
        frame = pl.read_csv(
            bytes(piece), separator="\t", has_header=False, schema=types, quote_char=None,
            encoding="utf8-lossy",
        ).with_columns(pl.col("contig").fill_null(""))  # fmt: skip
        height = frame.height
        frame = frame.filter(~pl.col("alt").is_in(UNSPECIFIED_ALTS))
        work.normaliser.counts["unspecified"] += height - frame.height
        number = pl.col("qual").cast(pl.Float64, strict=False)
        bad = frame.select((number.is_null() & (pl.col("qual") != ".")).sum()).item()
        work.normaliser.counts["qual_invalid"] += bad
        names = {c: reference.contigs.canonical(c) or c for c in frame["contig"].unique()}
        dot = pl.lit(".")
        # Each ALT has a record of its own by now.
        own = frame.with_columns(
            pl.col("contig").replace(names), alt_index=pl.lit(1), n_original=pl.lit(1)
        )
        keys = add_extents(
            own, lambda rows: frame["info"].gather(rows), declared, reference.contigs.canonical
        )
        return (
            frame.with_columns(keys.select(KEY))
            .select(
                *KEY,
                pl.when(pl.col("id") != dot).then("id").alias("id"),
                number,
                "filter",
                "info",
                "record",
                "alt_index",
            )
            .select(order)
        )

    empty = table(b"").to_arrow(compat_level=pl.CompatLevel.oldest())
    with pq.ParquetWriter(out, empty.schema, compression="zstd") as writer:
        for piece in work.pieces:
            frame = table(piece)
            writer.write_table(frame.to_arrow(compat_level=pl.CompatLevel.oldest()))
    if work.window.late:
        names = list(work.normaliser.contigs)
        ranks = {reference.contigs.canonical(c) or c: i for i, c in enumerate(names)}
        frame = pl.read_parquet(out, memory_map=False, glob=False)
        key = pl.col("contig").replace_strict(ranks, return_dtype=pl.Int32)
        frame.sort(key, "pos", maintain_order=True).write_parquet(out, compression="zstd")


def _account(normaliser: "VcfNormaliser", args: argparse.Namespace) -> None:
    """Say on stderr what was done and what was held back."""
    from varhouse.ingest.setup.known_names import tell_other_names

    tell_other_names(normaliser.contigs, normaliser.reference, log)
    counts = normaliser.counts
    faults = {
        code: n
        for code, n in sorted(counts.items())
        if code in _FAULTS or (code == "ref_unchecked" and args.unchecked_ref == "reject")
    }
    log.info(
        "%s: %s records, %s split, %s alleles changed, %s kept as they are",
        args.input.name, f"{counts['records']:,}", f"{counts['multiallelic']:,}",
        f"{counts['changed']:,}", f"{counts['kept']:,}",
    )  # fmt: skip
    if faults:
        what = ", ".join(f"{code} {n:,}" for code, n in faults.items())
        where = f"see {args.rejects}" if args.rejects else "--rejects FILE lists them"
        log.warning("%s held back: %s; %s", f"{sum(faults.values()):,}", what, where)
    if counts["ref_mismatch"] > counts["records"] / 2:
        log.warning(
            "most REF are not those of %s: is it another assembly? varhouse validate tells",
            args.reference.name,
        )
    if counts["ref_cut"]:
        log.warning(
            "%s records without ALT: REF cut to its first base, as in bcftools",
            f"{counts['ref_cut']:,}",
        )
    if counts["unspecified"]:
        log.warning(
            "%s times the allele <*>, <X> or <NON_REF> has no row",
            f"{counts['unspecified']:,}",
        )
    if counts["qual_invalid"]:
        log.warning("%s QUAL are no numbers: missing", f"{counts['qual_invalid']:,}")
    for (name, loss), lost in sorted(normaliser.splitter.losses.items()):
        log.warning(
            "%s of %s split records, first at %s: %s",
            name, f"{lost.records:,}", lost.first, loss.says,
        )  # fmt: skip
