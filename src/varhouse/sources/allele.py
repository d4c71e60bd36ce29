"""Sources of the kind `allele`: VCF files whose INFO says something about each allele.

INFO fields become typed columns as the header declares them: Number=A and R pick the
value of the allele, Number=1 and Flag count for every allele, anything else stays text.
Multiallelic records are split, contig names mapped, and the alleles normalised by the
function that the caller gives; then the join is by equality of contig, pos, ref, alt.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.contigs import Contigs
from varhouse.errors import InputError, UsageError, nearest
from varhouse.reference import Reference
from varhouse.schema import KEY, PolarsType
from varhouse.sources.merged import old_ids, read_merges
from varhouse.sources.text import open_vcf_text, split_lines

Normalise = Callable[[pl.DataFrame], pl.DataFrame]
"""Takes contig, pos, ref, alt and gives the same rows in the same order, normalised; pos
is null where an allele cannot be."""

_INFO = re.compile(r"^##INFO=<ID=([^,]+),Number=([^,]+),Type=([^,>]+)")
_TYPES: dict[str, PolarsType] = {
    "Integer": pl.Int64, "Float": pl.Float64, "Flag": pl.Boolean,
    "String": pl.String, "Character": pl.String,
}  # fmt: skip
_RESERVED = {*KEY, "id", "part", "source_version", "licence"}
_BASES = r"^[ACGTNacgtn]+$"


@dataclass(frozen=True)
class _Field:
    """An INFO field; `column` is its name in the frame."""

    key: str
    column: str
    number: str
    dtype: PolarsType


@dataclass(frozen=True)
class Source:
    """A source's alleles.

    Attributes
    ----------
    name
        Name of the source.
    fields
        Column name to type; fits `schema.annotation_table(name, fields)`.
    frame
        contig, pos, ref, alt, the fields, and id (the record's ID, null for `.`); sorted
        by allele, one row for each allele of each record.
    version
        What the header says of it (`##fileDate`, `##dbSNP_BUILD_ID`), if anything.
    counts
        records, alleles, and what was left out, by reason.
    merged
        id, old: ids of the source, and those that were merged into them.
    """

    name: str
    fields: dict[str, PolarsType]
    frame: pl.DataFrame
    version: str | None
    counts: dict[str, int] = field(default_factory=dict)
    merged: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"id": pl.String, "old": pl.String})
    )


def read_source(
    path: Path,
    name: str,
    fields: list[str] | None,
    contigs: Contigs,
    reference: Reference | None = None,
    normalise: Normalise | None = None,
    merges: Path | None = None,
) -> Source:
    """Read a VCF source to typed rows, one for each allele of each record.

    Parameters
    ----------
    path
        VCF, plain, gzip or BGZF.
    name
        Name of the source.
    fields
        INFO fields to take; None for all that the header declares.
    contigs
        Contigs of the assembly; records on others are left out and counted.
    reference
        When given, alleles whose REF is not the reference's are left out and counted.
    normalise
        Normalises the alleles (rooms do not import each other); None if they are.
    merges
        Table of merged ids, see `read_merges`.

    Raises
    ------
    InputError
        If the file is no VCF, is damaged, or a record has too few columns.
    UsageError
        If a field is asked for that the header does not declare.
    """
    text = open_vcf_text(path)
    chosen = _choose(path, text.header, fields)
    counts = dict.fromkeys(
        ("records", "unknown_contig", "not_an_allele", "ref_mismatch", "not_normalised"), 0
    )
    frames = []
    for block in text.blocks:
        lines = split_lines(block)
        if lines["info"].null_count():
            raise InputError(f"{path}: a record has fewer than 8 columns", "copy it again")
        frames.append(_alleles(path, lines, chosen, contigs, counts))
    schema: dict[str, PolarsType] = {
        "contig": pl.String, "pos": pl.Int32, "ref": pl.String, "alt": pl.String,
        **{f.column: f.dtype for f in chosen}, "id": pl.String,
    }  # fmt: skip
    frame = pl.concat(frames) if frames else pl.DataFrame(schema=schema)
    if reference is not None:
        agrees = _agrees(frame, reference)
        counts["ref_mismatch"] = frame.height - int(agrees.sum())
        frame = frame.filter(agrees)
    if normalise is not None and frame.height:
        key = normalise(frame.select(KEY)).select(KEY)
        frame = frame.with_columns(key.get_columns()).filter(pl.col("pos").is_not_null())
        counts["not_normalised"] = key.height - frame.height
    counts["alleles"] = frame.height
    frame = frame.select(pl.col(n).cast(t) for n, t in schema.items())
    found = Source(
        name,
        {f.column: f.dtype for f in chosen},
        frame.sort(KEY, maintain_order=True),
        header_version(text.header),
        counts,
    )
    if merges is None:
        return found
    merged = old_ids(read_merges(merges), _ids(found.frame)["id"])
    return replace(found, merged=merged)


def _choose(path: Path, header: list[str], wanted: list[str] | None) -> list[_Field]:
    declared: dict[str, _Field] = {}
    for line in header:
        if match := _INFO.match(line):
            key, number, kind = match.groups()
            dtype = _TYPES.get(kind, pl.String)
            if kind != "Flag" and number not in ("1", "A", "R"):
                dtype = pl.String
            column = f"info_{key}" if key in _RESERVED else key
            declared.setdefault(key, _Field(key, column, number, dtype))
    if wanted is None:
        return list(declared.values())
    for key in wanted:
        if key not in declared:
            raise UsageError(
                f"{path}: no INFO field {key!r} in its header{nearest(key, declared)}"
            )
    return [declared[key] for key in dict.fromkeys(wanted)]


def header_version(header: list[str]) -> str | None:
    """Find what a VCF header says of the release: `##dbSNP_BUILD_ID`, else `##fileDate`."""
    for key in ("##dbSNP_BUILD_ID=", "##fileDate="):
        for line in header:
            if line.startswith(key):
                return line.removeprefix(key).strip() or None
    return None


def _alleles(
    path: Path,
    lines: pl.DataFrame,
    fields: list[_Field],
    contigs: Contigs,
    counts: dict[str, int],
) -> pl.DataFrame:
    """Split records into alleles with their typed fields."""
    names = lines["chrom"].unique().to_list()
    known = {n: c for n in names if (c := contigs.canonical(n)) is not None}
    placed = lines.with_columns(
        contig=pl.col("chrom").replace_strict(known, default=None, return_dtype=pl.String),
        number=pl.col("pos").cast(pl.Int32, strict=False),
    )
    if placed["number"].null_count():
        bad = placed.filter(pl.col("number").is_null())["pos"][0]
        raise InputError(f"{path}: POS {bad!r} is no number", "mend the record")
    counts["records"] += lines.height
    counts["unknown_contig"] += placed["contig"].null_count()
    split = (
        placed.filter(pl.col("contig").is_not_null())
        .with_columns(
            alt=pl.col("alt").str.split(","),
            index=pl.int_ranges(pl.col("alt").str.count_matches(",", literal=True) + 1),
        )
        .explode("alt", "index", empty_as_null=True, keep_nulls=True)
    )
    good = split.filter(pl.col("ref").str.contains(_BASES), pl.col("alt").str.contains(_BASES))
    counts["not_an_allele"] += split.height - good.height
    return good.select(
        "contig",
        pl.col("number").alias("pos"),
        pl.col("ref").str.to_uppercase(),
        pl.col("alt").str.to_uppercase(),
        *(_value(f).alias(f.column) for f in fields),
        pl.when(pl.col("id") != ".").then("id").alias("id"),
    )


def _value(f: _Field) -> pl.Expr:
    """Typed value of a field for the allele of each row; null when it is missing."""
    key = re.escape(f.key)
    if f.dtype == pl.Boolean:
        return pl.col("info").str.contains(rf"(?:^|;){key}(?:[;=]|$)")
    text = pl.col("info").str.extract(rf"(?:^|;){key}=([^;]*)")
    if f.number in ("A", "R"):
        shift = 1 if f.number == "R" else 0
        text = text.str.split(",").list.get(pl.col("index") + shift, null_on_oob=True)
    text = pl.when(~text.is_in(["", "."])).then(text)
    return text if f.dtype == pl.String else text.cast(f.dtype, strict=False)


def _agrees(frame: pl.DataFrame, reference: Reference) -> pl.Series:
    """Whether REF is what the reference holds; true where it holds nothing to compare."""
    agrees = np.ones(frame.height, bool)
    rows = frame.with_row_index("row").select("row", "contig", "pos", "ref")
    for (contig,), part in rows.group_by("contig"):
        bases = reference.sequence(str(contig))
        start = part["pos"].to_numpy().astype(np.int64) - 1
        length = part["ref"].str.len_bytes().to_numpy().astype(np.int64)
        held = np.flatnonzero((start >= 0) & (start + length <= len(bases)))
        size = length[held]
        first = np.cumsum(size) - size
        place = np.arange(int(size.sum())) - np.repeat(first - start[held], size)
        joined = "".join(part["ref"].gather(held).to_list()).encode()
        wrong = np.frombuffer(joined, np.uint8) != bases[place]
        bad = np.unique(np.repeat(held, size)[wrong])
        agrees[part["row"].to_numpy()[bad]] = False
    return pl.Series(agrees)


def join_source(alleles: pl.DataFrame, source: Source) -> pl.DataFrame:
    """Give the source's rows of the alleles one has, by equality of the allele key.

    Returns
    -------
    pl.DataFrame
        contig, pos, ref, alt, the source's fields and id; one row for each allele and
        record of the source, sorted by allele. Alleles that the source does not know
        have no row.
    """
    keys = alleles.select(KEY).unique()
    return source.frame.join(keys, on=KEY, how="semi", maintain_order="left")


def source_ids(frame: pl.DataFrame, source: Source) -> pl.DataFrame:
    """List the ids of a source's rows (what `join_source` gives).

    Returns
    -------
    pl.DataFrame
        id, kind (`rs` or `other`), contig, pos, ref, alt, source; distinct. `rs1;rs2` is
        two ids, and the rs number that ClinVar keeps in its field RS is one. Ids that
        were merged into one of them follow, with `merged:NAME` as their source instead
        of `source:NAME`.
    """
    ids = _ids(frame).with_columns(source=pl.lit(f"source:{source.name}"))
    old = ids.join(source.merged, on="id", how="inner", maintain_order="left").with_columns(
        id=pl.col("old"), source=pl.lit(f"merged:{source.name}")
    )
    is_rs = pl.col("id").str.contains(r"^rs\d+$")
    return (
        pl.concat([ids, old.select(ids.columns)])
        .with_columns(kind=pl.when(is_rs).then(pl.lit("rs")).otherwise(pl.lit("other")))
        .select("id", "kind", *KEY, "source")
        .unique(maintain_order=True)
    )


def _ids(frame: pl.DataFrame) -> pl.DataFrame:
    """Give the key and each id of the rows of a source."""
    ids = frame.select(*KEY, pl.col("id").str.split(";"))
    ids = ids.explode("id", empty_as_null=True, keep_nulls=True)
    if "RS" in frame.columns:
        numbers = pl.col("RS").cast(pl.String).str.split("|").alias("id")
        rs = frame.select(*KEY, numbers).explode("id", empty_as_null=True, keep_nulls=True)
        ids = pl.concat([ids, rs.with_columns(id=pl.lit("rs") + pl.col("id"))])
    return ids.filter(pl.col("id").is_not_null(), pl.col("id") != "")
