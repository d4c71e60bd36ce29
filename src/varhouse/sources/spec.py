"""What a configuration says of a source: one entry of `sources`, read and checked.

    sources:
      - {name: clinvar, path: clinvar.vcf.gz, kind: allele, preset: clinvar}
      - {name: regions, path: panel.bed, kind: overlap, fields: {name: text, score: float}}
      - {name: constraint, path: genes.tsv, kind: gene, columns: {gene: symbol},
         fields: {pLI: float}, redistribute: false}

A field is a name of the file, or `new_name: type`, or `new_name: {from: X, type: T}`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.errors import UsageError, VarhouseError, nearest
from varhouse.sources.presets import PRESETS
from varhouse.tables.schema import KEY, SPELT, PolarsType

KINDS = ("allele", "overlap", "gene")
FORMATS = ("vcf", "bed", "tsv", "parquet")
TYPES: dict[str, PolarsType] = {
    "integer": pl.Int64, "int": pl.Int64, "float": pl.Float64, "text": pl.String,
    "string": pl.String, "flag": pl.Boolean, "stars": pl.Int64,
}  # fmt: skip
"""Type names of a configuration; `stars` reads ClinVar's CLNREVSTAT as 0 to 4."""

NAMES: dict[str, PolarsType] = {
    "Int64": pl.Int64, "Float64": pl.Float64, "String": pl.String, "Boolean": pl.Boolean,
}  # fmt: skip
"""Types of fields by their names in a compiled source."""

ROLES: dict[str, tuple[str, ...]] = {
    "allele": (*SPELT, "id"),
    "overlap": ("contig", "start", "end"),
    "gene": ("gene",),
}
"""What columns of a table may be named by `columns`, by kind."""

RESERVED = {*KEY, "id", "part", "source_version", "licence", "redistribute", "af_only",
            "interval_start", "interval_end", "gene_key"}  # fmt: skip
"""Columns of a source's table that are ours: a field of this name is `info_NAME`."""

OWN_NAMES: dict[str, set[str]] = {
    "allele": {"chrom", "key", "rs", "long"},
    "overlap": {"chrom", "start", "end"},
    "gene": {"gene"},
}
"""Columns of a compiled source by kind; a field that is spelt so is `info_NAME` too."""

SUFFIXES = {
    "vcf": "vcf", "bcf": "vcf", "bed": "bed", "tsv": "tsv", "txt": "tsv", "tab": "tsv",
    # Refused by name where it is one of commas; some write tabs into it.
    "csv": "tsv",
    "parquet": "parquet",
}  # fmt: skip


class FieldsError(UsageError):
    """Fields or columns that a source's file does not have, all of them (exit 2)."""

    def __init__(self, faults: list[UsageError]) -> None:
        self.problems = [in_one_line(f) for f in faults]
        first = [f"{problem}\n       " for problem in self.problems[:-1]]
        super().__init__("".join(first) + faults[-1].message, faults[-1].fix)


def in_one_line(fault: VarhouseError) -> str:
    """Say a mistake and its fix in one line."""
    return f"{fault.message}; fix: {fault.fix}" if fault.fix else fault.message


@dataclass
class FieldSpec:
    """A chosen field: its column, its name in the file, its type (None: the file's).

    `number` (1, A, R, G or .) stands in for what a VCF header says; an `optional` field
    is left out where the file has none.
    """

    column: str
    key: str
    type: str | None = None
    optional: bool = False
    number: str | None = None

    @property
    def dtype(self) -> PolarsType | None:
        """The polars type that was asked for, if any."""
        return TYPES[self.type] if self.type else None


@dataclass
class SourceSpec:
    """One source of annotations.

    Attributes
    ----------
    fields
        Chosen fields; None for all that the file has.
    columns
        Role (contig, pos, ref, alt, id; start, end; gene) to the column of a table.
    zero_based
        Intervals of a table begin at 0 and do not hold their end, as in BED.
    entries
        INFO field whose entries (VEP's CSQ, SnpEff's ANN) become rows.
    redistribute
        False: nothing of it leaves through an output that is marked public.
    assembly
        The assembly that the source is said to be of.
    """

    name: str
    path: str
    kind: str
    format: str = "vcf"
    fields: list[FieldSpec] | None = None
    columns: dict[str, str] = field(default_factory=dict)
    zero_based: bool = False
    entries: str | None = None
    version: str | None = None
    date: str | None = None
    licence: str | None = None
    redistribute: bool = True
    assembly: str | None = None
    merged: str | None = None

    def __post_init__(self) -> None:
        # A spec that was written as JSON comes back as plain dictionaries.
        if self.fields is not None:
            self.fields = [FieldSpec(**f) if isinstance(f, dict) else f for f in self.fields]

    @property
    def rows(self) -> list[object]:
        """Everything but the file that decides the rows of its table."""
        return [
            self.name, self.kind, self.format, self.fields, sorted(self.columns.items()),
            self.zero_based, self.entries,
        ]  # fmt: skip

    @property
    def labels(self) -> list[object]:
        """What is said of the source in its table."""
        return [self.version, self.date, self.licence, self.redistribute]


def read_spec(raw: Mapping[str, Any], base: Path) -> tuple[SourceSpec, list[str]]:
    """Read one entry of `sources`; relative paths are taken from `base`.

    Returns
    -------
    tuple
        The spec and every mistake in it, one line each.
    """
    name = str(raw["name"])
    where = f"sources.{name}"
    problems: list[str] = []
    preset: Mapping[str, Any] = {}
    if raw.get("preset"):
        wanted = str(raw["preset"])
        if wanted not in PRESETS:
            problems.append(f"{where}: no preset {wanted!r}{nearest(wanted, PRESETS)}")
        preset = PRESETS.get(wanted, {})
    said = {**preset, **{k: v for k, v in raw.items() if v is not None}}
    kind = str(said.get("kind", "allele"))
    path = base / str(raw["path"])
    if not path.is_file():
        problems.append(f"{where}: no such file: {path}")
    merged = said.get("merged")
    if merged and not (base / merged).is_file():
        problems.append(f"{where}: merged: no such file: {base / merged}")
    form = said.get("format") or format_of(path)
    if form is not None and form not in FORMATS:
        problems.append(f"{where}: no format {form!r}; fix: format: {' | '.join(FORMATS)}")
        form = None
    elif form is None:
        problems.append(
            f"{where}: {path.name}: the ending says no format; "
            f"fix: format: {' | '.join(FORMATS)}"
        )
    form = form or "vcf"
    fields, found = _fields(said.get("fields"), where, kind, "fields" not in raw)
    columns = {str(k): str(v) for k, v in (said.get("columns") or {}).items()}
    problems += found
    problems += _contradictions(where, kind, form, columns, said)
    return (
        SourceSpec(
            name,
            str(path),
            kind,
            form,
            fields,
            columns,
            str(said.get("coordinates", "")).startswith("0") or form == "bed",
            said.get("entries"),
            _text(said.get("version")),
            _text(said.get("date")),
            said.get("licence"),
            bool(said.get("redistribute", True)),
            said.get("assembly"),
            str(base / merged) if merged else None,
        ),
        problems,
    )


def own_column(key: str, kind: str = "allele") -> str:
    """Name the column of a field; one of ours is `info_NAME`."""
    ours = key.lower() in RESERVED or key in OWN_NAMES.get(kind, ())
    return f"info_{key}" if ours else key


def is_pattern(name: str) -> bool:
    """Tell names that polars takes for several columns: `*`, `^...$`."""
    return name == "*" or (name.startswith("^") and name.endswith("$"))


def check_names(path: Path, fields: Iterable[str]) -> None:
    """Check that the columns of a source's fields can stand in one table.

    Raises
    ------
    UsageError
        If one stands twice, or reads like a pattern.
    """
    names = list(fields)
    if twice := same_names(names):
        raise UsageError(
            f"{path}: {twice[0]}",
            "choose its fields and name them: fields: {NAME: {from: FIELD}}",
        )
    if odd := [n for n in names if is_pattern(n)]:
        raise UsageError(
            f"{path}: {odd[0]!r} reads like a pattern: no field can be named so",
            "choose its fields: fields: [NAME, ...]",
        )


def same_names(columns: Iterable[str]) -> list[str]:
    """Find columns that a table cannot tell apart: Delta and SQL do not look at case."""
    seen: dict[str, str] = {}
    out = []
    for column in columns:
        first = seen.setdefault(column.lower(), column)
        if first is not column:
            more = "" if first == column else f" (as {first!r}: case does not count)"
            out.append(f"{column!r} stands twice{more}")
    return out


def format_of(path: Path) -> str | None:
    """Tell the format of a file by its ending (`.gz` and `.bgz` apart)."""
    words = path.name.lower().split(".")[1:]
    while words and words[-1] in ("gz", "bgz"):
        words.pop()
    return SUFFIXES.get(words[-1]) if words else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _contradictions(
    where: str, kind: str, form: str, columns: Mapping[str, str], said: Mapping[str, Any]
) -> list[str]:
    """Find keys of an entry that do not go together."""
    problems = []
    if kind not in KINDS:
        return [f"{where}: no kind {kind!r}; fix: kind: {' | '.join(KINDS)}"]
    if (form == "vcf") != (kind == "allele") and form in ("vcf", "bed"):
        problems.append(f"{where}: a {form.upper()} file is no source of kind {kind}")
    if said.get("entries") and form != "vcf":
        problems.append(f"{where}: entries are those of an INFO field: the file is no VCF")
    if columns and form in ("vcf", "bed"):
        problems.append(f"{where}: columns are for TSV and Parquet, this is {form.upper()}")
    problems += [
        f"{where}: columns: no {role!r} in a source of kind {kind}{nearest(role, ROLES[kind])}"
        for role in columns
        if role not in ROLES[kind]
    ]
    if said.get("coordinates") and (kind != "overlap" or form == "bed"):
        problems.append(f"{where}: coordinates are said of the intervals of TSV and Parquet")
    return problems


def _fields(
    raw: object, where: str, of_kind: str, optional: bool
) -> tuple[list[FieldSpec] | None, list[str]]:
    """Read `fields`: a list of names, or a mapping of columns to types and names."""
    if raw is None or raw == []:
        return None, []
    items = raw.items() if isinstance(raw, Mapping) else [(n, None) for n in raw]  # type: ignore[attr-defined]
    fields: list[FieldSpec] = []
    problems: list[str] = []
    for name, value in items:
        column, said = str(name), {"type": value} if isinstance(value, str) else value or {}
        kind = said.get("type")
        if kind is not None and kind not in TYPES:
            problems.append(
                f"{where}: fields: {column}: no type {kind!r}{nearest(kind, TYPES)}; "
                f"fix: one of {', '.join(TYPES)}"
            )
            kind = None
        key = str(said.get("from", column))
        own = own_column(column, of_kind)
        number = said.get("number")
        fields.append(FieldSpec(own, key, kind, optional, _text(number)))
    problems += [f"{where}: fields: {twice}" for twice in same_names(f.column for f in fields)]
    return fields, problems
