"""VCF and BCF sources: records become one typed row for each ALT allele.

INFO fields are typed as the header declares them, or as the configuration says. By
their Number, A and R pick the value of the allele, G the values of the genotypes that
only the reference and the allele are in, 1 and Flag count for every allele, and anything
else stays text. A value of the wrong count or type is null, and counted. Text of VCF 4.3
or later is percent-decoded; text of several values keeps the escapes of `,` and `%`.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from isal import igzip

from varhouse.alleles.key import Declared, add_extents
from varhouse.alleles.unspecified import UNSPECIFIED_ALTS
from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.infotext import decoded, is_encoded
from varhouse.sources.fields import SINGLE, Field
from varhouse.sources.presets import STARS
from varhouse.sources.spec import SourceSpec
from varhouse.sources.text import VcfText, open_vcf_text, read_vcf_text, split_lines
from varhouse.textfile import DAMAGED, whole_lines

if TYPE_CHECKING:
    from varhouse.sources.plain import PlainReader

_BASES = r"^[ACGTNacgtn]+$"
# A symbol or a breakend; what stands for any other allele is none.
_NO_SEQUENCE = r"^<[^<>]+>$|[\[\]]|^\.[A-Za-z]+$|^[A-Za-z]+\.$"
_HEADER_BLOCK = 1 << 16
_LONGEST_HEADER = 128 << 20
_BCF = """import sys, pysam.bcftools
how = "-Ov --no-version -o /dev/stdout".split()
pysam.bcftools.view(*how, sys.argv[1], catch_stdout=False)
"""


def open_vcf(path: Path) -> VcfText:
    """Open a VCF (plain, gzip, BGZF) or a BCF as blocks of VCF text.

    Raises
    ------
    InputError
        If it is neither, or damaged (also while reading).
    """
    return read_vcf_text(path, _bcf_blocks(path)) if _is_bcf(path) else open_vcf_text(path)


def read_header(path: Path) -> list[str]:
    """Read the header of a VCF or a BCF and no more than it.

    Raises
    ------
    InputError
        If there is none.
    """
    if not _is_bcf(path):
        return open_vcf_text(path, _HEADER_BLOCK).header
    # BCF2: magic, version, the header's length, the header with a NUL behind it (VCF 4.5, 6).
    try:
        with igzip.open(path, "rb") as packed:  # type: ignore[no-untyped-call]
            size = int.from_bytes(packed.read(9)[5:], "little")
            text = packed.read(min(size, _LONGEST_HEADER))
    except DAMAGED as error:
        raise InputError(f"{path}: cut off or damaged ({error})", "copy it again") from error
    return str(text.rstrip(b"\0").decode("utf-8", "replace")).split("\n")


def _is_bcf(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return False
    try:
        with igzip.open(path, "rb") as packed:  # type: ignore[no-untyped-call]
            return bool(packed.read(3) == b"BCF")
    except DAMAGED:
        return False


def _bcf_blocks(path: Path) -> Iterator[bytes]:
    """Yield the text of a BCF in whole lines, written by bcftools in its own process."""
    command = [sys.executable, "-c", _BCF, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        last = b"\n"
        for last in whole_lines(path, process.stdout):
            yield last
        said = process.stderr.read().decode("utf-8", "replace").strip().splitlines()
    if process.returncode != 0 or not last.endswith(b"\n"):
        why = said[-1] if said else "cut off"
        raise InputError(f"{path}: cannot be read as BCF ({why})", "copy it again")


def vcf_alleles(
    spec: SourceSpec,
    text: VcfText,
    fields: list[Field],
    contigs: Contigs,
    counts: dict[str, int],
    unknown: set[str],
    plain: "PlainReader | None" = None,
) -> Iterator[pl.DataFrame]:
    """Yield the alleles of a VCF's records, block by block.

    Names of contigs that are not known are added to `unknown`, the first ones. `plain`
    reads what it can; it knows no entries.

    Yields
    ------
    pl.DataFrame
        contig (canonical), pos (1-based), ref, alt as in the file in capitals, extent, the
        fields, id (null for `.`), and what entries need: alts (the ALT column) and
        index (0-based number of the ALT), entries (text of the field `spec.entries`).
    """
    path = Path(spec.path)
    declared = Declared.of_header(text.header)
    escapes = is_encoded(text.header)
    for block in text.blocks:
        if plain is not None and (frame := plain.alleles(block, counts)) is not None:
            yield frame
            continue
        lines = split_lines(block)
        if lines["info"].null_count():
            at = counts["records"] + (lines["info"].is_null().arg_max() or 0) + 1
            raise InputError(
                f"{path}: record {at:,} has fewer than 8 columns", "copy it again"
            )
        if len(unknown) < 10:
            names = lines["chrom"].unique(maintain_order=True).head(1_000)
            unknown.update(n for n in names if contigs.canonical(n) is None)
        yield _alleles(
            path, lines, fields, spec.entries, contigs, counts, declared, escapes=escapes
        )


def map_contigs(names: pl.Series, contigs: Contigs) -> pl.Expr:
    """Make an expression that maps the values of a column to canonical names."""
    seen = names.unique().cast(pl.String).to_list()
    known = {n: c for n in seen if n and (c := contigs.canonical(n)) is not None}
    column = pl.col(names.name).cast(pl.String)
    return column.replace_strict(known, default=None, return_dtype=pl.String)


def _alleles(
    path: Path,
    lines: pl.DataFrame,
    fields: list[Field],
    entries: str | None,
    contigs: Contigs,
    counts: dict[str, int],
    declared: Declared,
    *,
    escapes: bool,
) -> pl.DataFrame:
    placed = lines.with_columns(
        contig=map_contigs(lines["chrom"], contigs),
        number=pl.col("pos").cast(pl.Int32, strict=False),
    )
    if placed["number"].null_count():
        at = placed["number"].is_null().arg_max() or 0
        raise InputError(
            f"{path}: record {counts['records'] + at + 1:,} ({placed['chrom'][at]}): "
            f"POS {placed['pos'][at]!r} is no number",
            "mend the record",
        )
    counts["records"] += lines.height
    counts["unknown_contig"] += placed["contig"].null_count()
    split = (
        placed.with_row_index("record")
        .filter(pl.col("contig").is_not_null())
        .with_columns(
            alts=pl.col("alt"),
            alt=pl.col("alt").str.split(","),
            index=pl.int_ranges(pl.col("alt").str.count_matches(",", literal=True) + 1),
        )
        .explode("alt", "index", empty_as_null=True, keep_nulls=True)
        .with_columns(n_alt=pl.col("alts").str.count_matches(",", literal=True) + 1)
    )
    written = pl.col("alt").str.contains(_BASES)
    told = pl.col("alt").str.contains(_NO_SEQUENCE) & ~pl.col("alt").is_in(UNSPECIFIED_ALTS)
    good = split.filter(
        pl.col("ref").str.contains(_BASES), written | told, pl.col("number") >= 1
    )
    counts["not_an_allele"] += split.height - good.height
    good = _with_keys(good, declared, contigs)
    good = good.with_columns(info=pl.lit(";") + pl.col("info"))
    # Texts first, each once: what is made of them looks at them several times.
    good = good.with_columns(_whole(f).alias(f"\t{f.column}") for f in fields)
    values = {f.column: _value(f, escapes=escapes) for f in fields}
    frame = good.select(
        "contig",
        pl.col("number").alias("pos"),
        pl.col("ref").str.to_uppercase(),
        pl.when(pl.col("alt").str.contains(_BASES))
        .then(pl.col("alt").str.to_uppercase())
        .otherwise("alt")
        .alias("alt"),
        "extent",
        *(value.alias(name) for name, (value, _) in values.items()),
        pl.when(pl.col("id") != ".").then("id").alias("id"),
        *(
            [_info(entries).alias("entries"), pl.col("alts", "index", "record")]
            if entries
            else []
        ),
        *(lost.alias(f"\t{name}") for name, (_, lost) in values.items()),
    )
    marks = [f"\t{name}" for name in values]
    if marks:
        lost = [pl.col(m).sum() for m in marks]
        counts["unreadable"] += int(frame.select(pl.sum_horizontal(lost)).item() or 0)
    return frame.drop(marks)


def _with_keys(alleles: pl.DataFrame, declared: Declared, contigs: Contigs) -> pl.DataFrame:
    """Complete the key of the alleles of a block."""
    named = alleles.with_columns(
        pos=pl.col("number"), alt_index=pl.col("index") + 1, n_original=pl.col("n_alt")
    )
    texts = alleles["info"]
    return add_extents(
        named, lambda rows: texts.gather(pl.Series(rows)), declared, contigs.canonical
    ).drop("pos", "alt_index", "n_original")


def _info(key: str) -> pl.Expr:
    """Text of a field of INFO (with `;` before it); null when missing, empty or `.`."""
    rest = pl.col("info").str.splitn(f";{key}=", 2).struct[1]
    text = rest.str.splitn(";", 2).struct[0]
    return pl.when(~text.is_in(["", "."])).then(text)


def _whole(f: Field) -> pl.Expr:
    """Text of a field for the whole record; of a flag whether it is there."""
    if f.place != "info":
        return pl.when(pl.col(f.place) != ".").then(f.place)
    if f.dtype == pl.Boolean:
        return pl.col("info").str.contains(rf";{re.escape(f.key)}(?:[;=]|$)")
    return _info(f.key)


def _value(f: Field, *, escapes: bool) -> tuple[pl.Expr, pl.Expr]:
    """Typed value of a field for the allele of each row, and whether one was lost."""
    whole = pl.col(f"\t{f.column}")
    if f.place == "info" and f.dtype == pl.Boolean:
        return whole, pl.lit(value=False)
    if f.stars:
        value = whole.replace_strict(STARS, default=None, return_dtype=pl.Int64)
        return value, whole.is_not_null() & value.is_null()
    text, fits = _of_allele(whole, f.number)
    if f.number in ("A", "R"):
        text = pl.when(~text.is_in(["", "."])).then(text)
    if f.dtype == pl.String:
        if escapes and f.place == "info":
            text = decoded(text, whole=f.number in SINGLE)
        return text, ~fits
    value = text.cast(f.dtype, strict=False)
    lost = ~fits | (text.is_not_null() & value.is_null())
    # What is no number is no value: comparisons would take NaN for the greatest.
    return (value.fill_nan(None) if f.dtype == pl.Float64 else value), lost


def _of_allele(whole: pl.Expr, number: str) -> tuple[pl.Expr, pl.Expr]:
    """Pick the values of the allele, and say whether the count was as declared."""
    alts, index = pl.col("n_alt"), pl.col("index")
    if number not in ("A", "R", "G"):
        return whole, pl.lit(value=True)
    values = whole.str.split(",")
    count = values.list.len()
    if number in ("A", "R"):
        shift = int(number == "R")
        fits = whole.is_null() | (count == alts + shift)
        one = values.list.get(index + shift, null_on_oob=True)
        return pl.when(fits).then(one), fits
    # Genotypes j/k in the order of the specification: at k * (k + 1) / 2 + j.
    k = index.cast(pl.Int64) + 1
    het = k * (k + 1) // 2
    zero = pl.lit(0, pl.Int64)
    diploid = values.list.gather(pl.concat_list(zero, het, het + k), null_on_oob=True)
    haploid = values.list.gather(pl.concat_list(zero, k), null_on_oob=True)
    is_diploid = count == (alts + 1) * (alts + 2) // 2
    is_haploid = count == alts + 1
    picked = pl.when(is_diploid).then(diploid).when(is_haploid).then(haploid).list.join(",")
    return picked, whole.is_null() | is_diploid | is_haploid
