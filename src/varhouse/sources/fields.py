"""The fields of a VCF source: which its header declares, and which are wanted."""

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from varhouse.errors import UsageError, nearest
from varhouse.sources.spec import FieldsError, FieldSpec, own_column
from varhouse.tables.schema import PolarsType

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_PART = re.compile(r"[<,]\s*(ID|Number|Type)\s*=\s*([^,>\s]+)")
_TYPES: dict[str, PolarsType] = {
    "Integer": pl.Int64, "Float": pl.Float64, "Flag": pl.Boolean,
    "String": pl.String, "Character": pl.String,
}  # fmt: skip
SINGLE = ("1", "A", "R")
"""Numbers of fields that have one value for an allele."""

_COLUMNS = {"FILTER": pl.String, "QUAL": pl.Float64}


@dataclass(frozen=True)
class Field:
    """A field of a VCF; `column` is its name in the frame, `place` where it stands."""

    key: str
    column: str
    number: str
    dtype: PolarsType
    place: str = "info"
    stars: bool = False


def choose_fields(
    path: Path, header: list[str], wanted: list[FieldSpec] | None
) -> list[Field]:
    """Find the wanted fields in a header; all INFO fields for None.

    Raises
    ------
    FieldsError
        With all fields that are asked for and that the header does not declare.
    """
    declared: dict[str, Field] = {}
    for line in header:
        if not line.startswith("##INFO=<"):
            continue
        # Whatever the order of the parts; a description may read like them.
        parts = dict(_PART.findall(_QUOTED.sub("", line)))
        if {"ID", "Number", "Type"} <= parts.keys():
            key, dtype = parts["ID"], _TYPES.get(parts["Type"].capitalize(), pl.String)
            field = Field(key, own_column(key), parts["Number"], dtype)
            declared.setdefault(key, _typed(field))
    if wanted is None:
        return list(declared.values())
    known = {**{k: Field(k, k, "1", t, k.lower()) for k, t in _COLUMNS.items()}, **declared}
    chosen, faults = [], []
    for spec in wanted:
        found = known.get(spec.key)
        if found is None:
            if not spec.optional:
                near = nearest(spec.key, declared)
                text = f"{path}: no INFO field {spec.key!r} in its header{near}"
                faults.append(UsageError(text))
            continue
        dtype, number = spec.dtype or found.dtype, spec.number or found.number
        said = Field(spec.key, spec.column, number, dtype, found.place, spec.type == "stars")
        chosen.append(said if spec.type else _typed(said))
    if faults:
        raise FieldsError(faults)
    if not chosen and wanted:
        keys = ", ".join(s.key for s in wanted)
        raise UsageError(
            f"{path}: has none of the fields of the preset ({keys})",
            "name its fields: fields: [...]",
        )
    return chosen


def _typed(field: Field) -> Field:
    """Make text of a field whose values cannot be one number for an allele."""
    if field.dtype == pl.Boolean or field.number in SINGLE:
        return field
    return Field(field.key, field.column, field.number, pl.String, field.place)


def header_version(header: list[str]) -> str | None:
    """Give what a header says of its version (dbSNP's build, else the file's date)."""
    for key in ("##dbSNP_BUILD_ID=", "##fileDate="):
        for line in header:
            if line.startswith(key):
                return line.removeprefix(key).strip() or None
    return None
