"""Entries of VEP's CSQ and SnpEff's ANN: one typed row for each allele x transcript.

The `Format` in the header gives the names. An entry belongs to the ALT that its allele
stands for: by VEP's ALLELE_NUM; else as VEP writes alleles (an indel's record loses the
first base that all alleles share, nothing is `-`), or trimmed as with `--minimal`; or,
in ANN, the ALT itself. Entries of no ALT are counted, not guessed.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import InputError, UsageError, nearest
from varhouse.infotext import decoded
from varhouse.sources.spec import FieldsError, FieldSpec, own_column
from varhouse.tables.schema import KEY, PolarsType

_FORMAT = re.compile(r"[Ff]ormat: ?([^\"]+)|'([^']*\|[^']*)'")
_INTEGERS = {"DISTANCE", "Distance", "STRAND", "ALLELE_NUM", "HGVS_OFFSET", "PICK_ORDER"}
_FLAGS = {"CANONICAL", "PICK"}
_AF = re.compile(r"^(?:.*_)?AF(?:_.*)?\Z")
_PAIR = re.compile(r"^(\w+)\.pos ?/ ?\1\.length\Z")


@dataclass(frozen=True)
class _Entry:
    """A value of an entry: its place among the values, its column, and the part of it."""

    place: int
    column: str
    dtype: PolarsType
    part: int | None = None


@dataclass(frozen=True)
class EntryFields:
    """The chosen values of the entries of an INFO field.

    `number` is the place of ALLELE_NUM, if there is one; `vep` says whether alleles are
    written as VEP does.
    """

    values: list[_Entry]
    number: int | None
    vep: bool
    size: int

    @property
    def columns(self) -> dict[str, PolarsType]:
        """Column to type."""
        return {v.column: v.dtype for v in self.values}


def entry_fields(
    path: Path, header: list[str], key: str, wanted: list[FieldSpec] | None
) -> EntryFields:
    """Read the format of the entries of an INFO field from a header.

    Raises
    ------
    InputError
        If the header does not declare the field, or not the format of its entries.
    FieldsError
        With all values that are asked for and that the entries do not have.
    """
    line = next((x for x in header if x.startswith(f"##INFO=<ID={key},")), None)
    match = _FORMAT.search(line) if line else None
    if match is None:
        raise InputError(
            f"{path}: its header does not say what the entries of {key} are",
            "name the INFO field that VEP (CSQ) or SnpEff (ANN) wrote: entries: CSQ",
        )
    names = [n.strip() for n in (match[1] or match[2]).strip(" '").split("|")]
    known: dict[str, _Entry] = {}
    for place, name in enumerate(names):
        if name == "Allele" or not name:
            continue
        if pair := _PAIR.match(name):
            for part, what in enumerate(("pos", "length")):
                column = f"{pair[1]}_{what}"
                known[column] = _Entry(place, column, pl.Int64, part)
            continue
        clean = re.sub(r"\W+", "_", name).strip("_")
        dtype: PolarsType = pl.Int64 if clean in _INTEGERS else pl.String
        dtype = pl.Float64 if _AF.match(clean) else dtype
        known[clean] = _Entry(
            place, own_column(clean), pl.Boolean if clean in _FLAGS else dtype
        )
    return EntryFields(
        _chosen(path, key, known, names, wanted),
        names.index("ALLELE_NUM") if "ALLELE_NUM" in names else None,
        "Consequence" in names,
        len(names),
    )


def _chosen(
    path: Path,
    key: str,
    known: dict[str, _Entry],
    names: list[str],
    wanted: list[FieldSpec] | None,
) -> list[_Entry]:
    if wanted is None:
        return list(known.values())
    chosen, faults = [], []
    for f in wanted:
        found = known.get(f.key) or known.get(re.sub(r"\W+", "_", f.key).strip("_"))
        if found is None:
            text = f"{path}: the entries of {key} have no {f.key!r}{nearest(f.key, names)}"
            faults.append(UsageError(text))
            continue
        chosen.append(_Entry(found.place, f.column, f.dtype or found.dtype, found.part))
    if faults:
        raise FieldsError(faults)
    return chosen


def entry_rows(
    frame: pl.DataFrame, fields: EntryFields, counts: dict[str, int]
) -> pl.DataFrame:
    """Make rows of the entries of each allele.

    Parameters
    ----------
    frame
        Alleles as `vcf_alleles` gives them for a source with entries.
    counts
        `entries_of_no_allele` is added to, and `unreadable`.

    Returns
    -------
    pl.DataFrame
        contig, pos, ref, alt, id and the values; alleles without entries have no row.
    """
    alts = pl.col("alts").str.to_uppercase().str.split(",")
    real = alts.list.filter(~pl.element().str.contains(r"^(?:\*|<.*|\.)$"))
    first = pl.col("ref").str.slice(0, 1)
    indel = real.list.eval(pl.element().str.len_bytes()).list.eval(pl.element())
    size = pl.col("ref").str.len_bytes()
    rows = (
        _with_minimal(frame.filter(pl.col("entries").is_not_null()))
        .with_columns(
            real=real,
            cut=real.list.eval(pl.element().str.slice(0, 1)).list.n_unique().eq(1)
            & (real.list.first().str.slice(0, 1) == first)
            & ((indel.list.min() != size) | (indel.list.max() != size)),
            entry=pl.col("entries").str.split(","),
        )
        .explode("entry", empty_as_null=True, keep_nulls=True)
        .with_columns(value=pl.col("entry").str.split("|"))
    )
    belongs = _belongs(fields)
    mine = rows.filter(belongs)
    total = rows.select("record", "entry").unique().height
    lost = total - mine.select("record", "entry").unique().height
    counts["entries_of_no_allele"] = counts.get("entries_of_no_allele", 0) + lost
    values, faults = [], []
    for v in fields.values:
        text: pl.Expr = pl.col("value").list.get(v.place, null_on_oob=True)
        if v.part is not None:
            text = text.str.split("/").list.get(v.part, null_on_oob=True)
        # VEP and SnpEff encode what parts entries in VCF of every version.
        text = decoded(pl.when(text != "").then(text))
        value: pl.Expr = text
        if v.dtype == pl.Boolean:
            value = text.is_in(["YES", "1"]).fill_null(value=False)
        elif v.dtype != pl.String:
            value = text.cast(v.dtype, strict=False)
            faults.append((text.is_not_null() & value.is_null()).sum().alias(v.column))
        values.append(value.alias(v.column))
    if faults:
        counts["unreadable"] += sum(mine.select(faults).row(0))
    return mine.select(*KEY, *values, "id")


def _belongs(fields: EntryFields) -> pl.Expr:
    """Tell whether the entry of a row is of the allele of the row."""
    said = pl.col("value").list.first().str.to_uppercase()
    if fields.number is not None:
        number = pl.col("value").list.get(fields.number, null_on_oob=True)
        return number.cast(pl.Int64, strict=False) == pl.col("index").cast(pl.Int64) + 1
    if not fields.vep:
        return said == pl.col("alt")
    rest = pl.col("alt").str.slice(1)
    short_alt = pl.when(rest == "").then(pl.lit("-")).otherwise(rest)
    own = pl.when("cut").then(short_alt).otherwise(pl.col("alt"))
    # All alleles as VEP writes them, to see that the entry is of no other ALT.
    short = pl.col("real").list.eval(
        pl.when(pl.element().str.len_bytes() > 1)
        .then(pl.element().str.slice(1))
        .otherwise(pl.lit("-"))
    )
    others = pl.when("cut").then(short).otherwise("real")
    minimal = (said == pl.col("minimal")).fill_null(value=False)
    return (said == own) | (minimal & ~others.list.contains(said))


def _with_minimal(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `minimal`: ALT without what it shares with REF, first its start, then its end.

    As VEP's `--minimal` writes it, `-` for nothing. Only records of several ALTs, one of
    them no SNV, need it: few, so each pair of alleles is trimmed by itself.
    """
    several = pl.col("alts").str.contains(",", literal=True)
    longer = pl.col("ref").str.len_bytes() + pl.col("alt").str.len_bytes() > 2
    pairs = frame.filter(several & longer).select("ref", "alt").unique()
    trimmed = [_trim(ref, alt) for ref, alt in pairs.rows()]
    pairs = pairs.with_columns(pl.Series("minimal", trimmed, pl.String))
    return frame.join(pairs, on=["ref", "alt"], how="left", maintain_order="left")


def _trim(ref: str, alt: str) -> str:
    start = _shared(ref, alt)
    ref, alt = ref[start:], alt[start:]
    end = _shared(ref[::-1], alt[::-1])
    return alt[: len(alt) - end] or "-"


def _shared(one: str, other: str) -> int:
    """Count the letters that two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((k for k, (a, b) in pairs if a != b), min(len(one), len(other)))
