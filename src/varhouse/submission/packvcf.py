"""The VCF of a pack: BGZF with an index, aggregate or of single people, and what it holds.

The aggregate one has no samples: a row an allele, AC, AN and AF of the cohort, as the public
columns of the table `frequencies` have them. A count that is masked has no key; an allele that
was not assessed has no row. The individual one is `varhouse export`, with a header that keeps
the declarations and drops what programs wrote about themselves: command lines, paths, dates.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pysam

from varhouse import __version__
from varhouse.bgzf import BgzfStream
from varhouse.errors import InputError
from varhouse.export import export_cohort
from varhouse.query.openinfo import OPEN_LINES, open_info
from varhouse.store.reader import Store
from varhouse.submission.folder import Told
from varhouse.textfile import line_blocks

TABIX_LAST = 1 << 29
"""Bases that a tabix index reaches (2^29); longer contigs need CSI."""

_KEPT = re.compile(
    rb"##(fileformat|INFO|FORMAT|FILTER|ALT|contig|phasing|varhouse_erratum)=",
)
_PATH = re.compile(
    rb",(?!Description)[A-Za-z_][\w.]*=(\"[^\"]*[/\\][^\"]*\"|[^\",>]*[/\\][^\",>]*)(?=[,>])"
)

_AGGREGATE = (
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Called copies of the allele">',
    '##INFO=<ID=AN,Number=1,Type=Integer,Description="Called alleles">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="AC / AN">',
)


def write_aggregate(store: Store, cohort: str, reference: str | None, out: Path) -> Told:
    """Write counts of a cohort as VCF without samples."""
    contigs = store.assembly_contigs.contigs
    # A row an allele, so Number=A is one, as VCF 4.3 has CN, a whole number.
    is_open = store.may_be_open(store.file_frame("frequencies", cohort=cohort))
    lines = ["##fileformat=VCFv4.3", _source()]
    own = "ID=CN,Number=A,Type=Float", "ID=CN,Number=1,Type=Integer"
    opened = [x.replace(*own) for x in OPEN_LINES]
    lines += [f"##reference={reference}"] if reference else []
    for c in contigs:
        length = f",length={c.length}" if c.length else ""
        lines.append(f"##contig=<ID={c.name}{length}>")
    lines += [
        *(opened if is_open else ()),
        *_AGGREGATE,
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    records = 0
    with out.open("xb") as raw:
        stream = BgzfStream(raw)
        stream.write(("\n".join(lines) + "\n").encode())
        for c in contigs:
            for frame in _alleles(store, cohort, c.name):
                stream.write(_lines(frame))
                records += frame.height
        stream.finish()
    return Told(records, 0, _index(out))


def _source() -> str:
    return f"##source=varhouse {__version__}"


def _alleles(store: Store, cohort: str, contig: str) -> Iterator[pl.DataFrame]:
    """Give the alleles of a contig in order, with their counts over the whole cohort."""
    rows = (
        store.scan("frequencies", cohort=cohort, contig=contig)
        .filter((pl.col("stratum_by") == "all") & pl.col("an").is_not_null())
        .filter(pl.col("contig") == contig, pl.col("cohort") == cohort)
        .select("contig", "pos", "ref", "alt", "extent", "ac", "an", "af")
        .collect()
    )
    if rows.height:
        yield rows.sort("pos", "ref", "alt", "extent")


def _lines(frame: pl.DataFrame) -> bytes:
    def key(name: str) -> pl.Expr:
        value = pl.col(name.lower())
        return pl.when(value.is_not_null()).then(
            pl.concat_str(pl.lit(f"{name}="), value.cast(pl.String))
        )

    frame = frame.with_columns(open_info(frame).alias("open"))
    info = pl.concat_str(
        [pl.col("open"), key("AC"), key("AN"), key("AF")], separator=";", ignore_nulls=True
    )
    dot = pl.lit(".")
    lines = frame.select(
        "contig", "pos", dot.alias("id"), "ref", "alt", dot.alias("q"), dot.alias("f"), info
    )
    return lines.write_csv(include_header=False, separator="\t", quote_style="never").encode()


def write_individual(
    store: Store,
    cohort: str,
    reference: str | None,
    out: Path,
    samples: Sequence[str] | None = None,
) -> Told:
    """Write a cohort with its calls; `samples` chooses people, of whom AC and AN are then."""
    whole = out.with_name("whole.vcf.gz")
    records = export_cohort(
        store, cohort, whole, samples=samples, recounts=samples is not None
    )
    with out.open("xb") as raw:
        stream = BgzfStream(raw)
        n = _copy(whole, stream.write, reference)
        stream.finish()
    whole.unlink()
    return Told(records, n, _index(out))


def _copy(path: Path, write: Callable[[bytes], None], reference: str | None) -> int:
    """Copy a VCF with a tidy header; give the number of its samples."""
    blocks = line_blocks(path)
    head, names, rest = _head(blocks)
    write(tidy_header(head, reference) + names + b"\n")
    write(rest)
    for block in blocks:
        write(block)
    return max(0, names.count(b"\t") - 8)


def _head(blocks: Iterator[bytes]) -> tuple[bytes, bytes, bytes]:
    """Read the header of a VCF: meta lines, the line of names, what follows in its block."""
    head = b""
    for block in blocks:
        head += block
        at = head.find(b"\n#CHROM")
        end = head.find(b"\n", at + 1) if at >= 0 else -1
        if end >= 0:
            return head[: at + 1], head[at + 1 : end], head[end + 1 :]
    raise InputError("a VCF without the line of its columns")


def tidy_header(head: bytes, reference: str | None) -> bytes:
    """Keep of the meta lines of a VCF what declares its fields.

    What programs wrote of themselves (`##bcftools_viewCommand=...`, `##reference=file:///...`)
    tells paths and names of people and machines; so do lines of samples and pedigrees, of
    people, too, who are not in the pack.
    """
    lines = [line for line in head.split(b"\n") if _KEPT.match(line)]
    lines = [_PATH.sub(b"", line) for line in lines]
    own = [_source().encode()] + ([f"##reference={reference}".encode()] if reference else [])
    return b"\n".join([lines[0], *own, *lines[1:]]) + b"\n"


def _index(path: Path) -> tuple[str, ...]:
    """Make the index, tabix or where that does not reach CSI; give the contigs."""
    head, _, _ = _head(line_blocks(path))
    lengths = [int(n) for n in re.findall(rb"##contig=.*?length=(\d+)", head)]
    pysam.tabix_index(
        str(path), preset="vcf", force=True, csi=max(lengths, default=0) > TABIX_LAST
    )
    with pysam.TabixFile(str(path), index=str(index_of(path))) as found:
        return tuple(found.contigs)


def index_of(path: Path) -> Path:
    """Name the index that lies beside a VCF."""
    tabix = path.with_name(f"{path.name}.tbi")
    return tabix if tabix.exists() else path.with_name(f"{path.name}.csi")


def read_samples(path: Path) -> list[str]:
    """Read the names of a VCF's sample columns."""
    _, names, _ = _head(line_blocks(path))
    return names.decode().split("\t")[9:]
