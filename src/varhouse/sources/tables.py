"""Tables as sources: BED, TSV (plain or gzip) and Parquet, in frames of bounded size.

A TSV has its column names in the first line that is no comment: one that begins with
`##`, or with `#` and has fewer cells than the line behind it (a `#` before the first name
is taken off). Empty cells, `.` and `NA` are missing, as is a number that is none (NaN).
Names of the columns of the key are found in any of their usual spellings, or as `columns`
says.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from varhouse.errors import InputError, UsageError, nearest
from varhouse.sources.presets import STARS
from varhouse.sources.spec import (
    ROLES,
    FieldsError,
    FieldSpec,
    SourceSpec,
    is_pattern,
    own_column,
)
from varhouse.tables.schema import PolarsType
from varhouse.textfile import LONGEST_ROW, line_blocks

ROWS = 200_000
_NULLS = ["", ".", "NA"]
_SPELLINGS = {
    "contig": ("contig", "chrom", "chr", "chromosome", "seqname"),
    "pos": ("pos", "position", "bp"),
    "ref": ("ref", "reference", "reference_allele", "a0"),
    "alt": ("alt", "alternate", "alternate_allele", "a1"),
    "start": ("start", "chromstart", "begin"),
    "end": ("end", "chromend", "stop"),
    "gene": ("gene", "gene_id", "gene_name", "symbol", "gene_symbol", "ensembl_gene_id"),
    "id": ("id", "rsid", "rs_id"),
}  # fmt: skip
_BED = ("contig", "start", "end", "name", "score", "strand", "thickStart", "thickEnd",
        "itemRgb", "blockCount", "blockSizes", "blockStarts")  # fmt: skip
_BED_TYPES: dict[str, PolarsType] = {"score": pl.Float64}
_OPTIONAL = {"id"}
_NO_FIELDS = (pl.Struct, pl.Array, pl.Object, pl.Binary, pl.Duration)
_EXACT = 2**53
_MOST_COLUMNS = 4096
"""Whole numbers below are told apart by a float."""

_UNPACK = "unpack it, or pack it with gzip"
_MAGIC = (
    (b"\xff\xfe", "UTF-16", "save it as UTF-8"), (b"\xfe\xff", "UTF-16", "save it as UTF-8"),
    (b"BZh", "packed by bzip2", _UNPACK), (b"\xfd7zXZ\0", "packed by xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", _UNPACK),
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "save it as text, set off by tabs"),
    (b"PAR1", "a Parquet file", "format: parquet"),
)  # fmt: skip
_NUMBERS = ("pos", "start", "end")


class SourceTable:
    """A table: its columns, and its rows as frames.

    Attributes
    ----------
    names
        All of its columns.
    fields
        Chosen fields: column to type.
    """

    def __init__(self, spec: SourceSpec) -> None:
        self.spec = spec
        self.path = Path(spec.path)
        self.names = self._names()
        self._faults: list[UsageError] = []
        self.roles = self._find_roles(self.names)
        self._chosen = self._choose(self.names)
        if self._faults:
            raise FieldsError(self._faults)
        self.fields: dict[str, PolarsType] = {
            f.column: self._type(f.key, f.dtype) for f in self._chosen
        }

    def _names(self) -> list[str]:
        """Give the names of all columns, and remember where the rows begin."""
        if self.spec.format == "parquet":
            import pyarrow as pa  # noqa: PLC0415 - a join does without
            import pyarrow.parquet as pq  # noqa: PLC0415

            try:
                schema = pq.read_schema(self.path)
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{self.path}: no Parquet file ({error})") from error
            self._types = dict(pl.DataFrame(pl.from_arrow(schema.empty_table())).schema)
            return list(schema.names)
        _check_text(self.path)
        first = self._first_line()
        if not first:
            # An empty BED is one without intervals.
            if self.spec.format == "bed":
                return list(_BED[:3])
            raise InputError(f"{self.path}: no line with the names of its columns")
        if "\r" in first:
            raise InputError(
                f"{self.path}: its lines end with a carriage return alone",
                "save it with line ends of Unix or Windows",
            )
        cells = first.removeprefix("#").split("\t")
        if len(cells) > _MOST_COLUMNS:
            raise InputError(
                f"{self.path}: {len(cells):,} columns, at most {_MOST_COLUMNS:,}",
                "keep those that are annotations",
            )
        if len(cells) == 1 and (mark := next((m for m in ",;" if m in first), None)):
            raise InputError(
                f"{self.path}: its columns are set off by {mark!r}, not by tabs "
                f"({first[:60]})",
                "set its columns off by tabs",
            )
        if self.spec.format == "bed":
            if len(cells) < 3:
                raise InputError(
                    f"{self.path}: {first[:60]!r} has fewer than 3 columns",
                    "BED is tab-separated: contig, start, end",
                )
            extra = [f"column{k + 1}" for k in range(len(_BED), len(cells))]
            return [*_BED[: len(cells)], *extra]
        self._skip += 1
        # A column without a name, such as the row numbers that pandas writes.
        names = [c.strip() or f"column{k}" for k, c in enumerate(cells, 1)]
        name, times = Counter(names).most_common(1)[0]
        if times > 1:
            raise InputError(
                f"{self.path}: two columns are named {name!r}",
                "give each column a name of its own",
            )
        return names

    def _first_line(self) -> str:
        """Find the first line that counts; `_skip` is the number of those before it."""
        is_bed = self.spec.format == "bed"
        comment = ("#", "track", "browser") if is_bed else "##"
        held: tuple[int, str] | None = None
        for k, line in enumerate(_first_lines(self.path)):
            if line.startswith(comment) or line.isspace() or not line:
                continue
            if held is not None:
                more = line.count("\t") - held[1].count("\t")
                is_text = line.startswith("#") and "\t" not in line
                if more <= 0 and not is_text:
                    break
            held = (k, line)
            if not line.startswith("#"):
                break
        self._skip, first = held or (0, "")
        return first

    def _find_roles(self, names: list[str]) -> dict[str, str]:
        """Find the columns of the key; a part of it without one is a fault."""
        low = {n.lower(): n for n in reversed(names)}
        found = {}
        for role in ROLES[self.spec.kind]:
            asked = self.spec.columns.get(role)
            if asked is not None and asked not in names:
                text = f"{self.path}: no column {asked!r}{nearest(asked, names)}"
                self._faults.append(UsageError(text))
                continue
            hit = asked or next((low[s] for s in _SPELLINGS[role] if s in low), None)
            if hit is None and role not in _OPTIONAL:
                fix = f"name it: columns: {{{role}: NAME}}"
                if len(names) == 1 and self.spec.format == "tsv":
                    fix = "set its columns off by tabs"
                shown = ", ".join(names[:12])[:200]
                text = f"{self.path}: no column for {role} (it has {shown})"
                self._faults.append(UsageError(text, fix))
            if hit is not None:
                found[role] = hit
        return found

    def _choose(self, names: list[str]) -> list[FieldSpec]:
        if self.spec.fields is None:
            keys = set(self.roles.values())
            kind = self.spec.kind
            return [FieldSpec(own_column(n, kind), n) for n in names if n not in keys]
        chosen = []
        for f in self.spec.fields:
            if f.key in names and not is_pattern(f.key):
                chosen.append(f)
            elif not f.optional:
                text = f"{self.path}: no column {f.key!r}{nearest(f.key, names)}"
                self._faults.append(UsageError(text))
        return chosen

    def _type(self, key: str, asked: PolarsType | None) -> PolarsType:
        """Give the type of a field: the one asked for, or the column's own."""
        if self.spec.format == "bed":
            return asked or _BED_TYPES.get(key, pl.String)
        if self.spec.format == "tsv":
            return asked or pl.String
        found = self._types[key]
        if isinstance(found, _NO_FIELDS) or (
            isinstance(found, pl.List) and isinstance(found.inner, (*_NO_FIELDS, pl.List))
        ):
            raise UsageError(
                f"{self.path}: column {key!r} is of type {found}, which no field can be",
                "name the fields you want: fields: [NAME, ...]",
            )
        if asked is not None:
            return asked
        if found.is_integer():
            return pl.Int64
        if found.is_float() or found.is_decimal():
            return pl.Float64
        return pl.Boolean if found == pl.Boolean else pl.String

    def frames(self, counts: dict[str, int]) -> Iterator[pl.DataFrame]:
        """Yield frames with the columns of the key (`chrom` for contig) and the fields.

        pos, start and end are Int64 as in the file; a cell that is no number where one
        is wanted is null, and counted as `unreadable`.
        """
        wanted = [*self.roles.values(), *(f.key for f in self._chosen)]
        for raw in self._blocks(list(dict.fromkeys(wanted))):
            counts["records"] += raw.height
            columns, lost = [], []
            for role, name in self.roles.items():
                value = _key_cell(pl.col(name), raw.schema[name])
                if role in _NUMBERS:
                    value = _integer(value, raw.schema[name])
                    lost.append(pl.col(name).is_not_null() & value.is_null())
                columns.append(value.alias("chrom" if role == "contig" else role))
            for f in self._chosen:
                value = _cast(pl.col(f.key), raw.schema[f.key], self.fields[f.column], f)
                lost.append(pl.col(f.key).is_not_null() & value.is_null())
                if self.fields[f.column] == pl.Float64:
                    value = value.fill_nan(None)
                columns.append(value.alias(f.column))
            sums = [e.sum().alias(str(k)) for k, e in enumerate(lost)]
            try:
                counts["unreadable"] += sum(raw.select(sums).row(0)) if sums else 0
                rows = raw.select(columns)
            except pl.exceptions.PolarsError as error:
                why = str(error).splitlines()[0][:100]
                raise InputError(
                    f"{self.path}: its columns cannot be read as asked for ({why})",
                    "choose other fields, or other types",
                ) from error
            yield rows

    def _blocks(self, wanted: list[str]) -> Iterator[pl.DataFrame]:
        if self.spec.format == "parquet":
            import pyarrow.parquet as pq  # noqa: PLC0415

            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(ROWS, columns=wanted):
                    yield pl.DataFrame(pl.from_arrow(batch))
            return
        names, skip = self.names, self._skip
        for number, block in enumerate(line_blocks(self.path, longest=LONGEST_ROW)):
            data = block
            while skip and data:
                _, _, data = data.partition(b"\n")
                skip -= 1
            if data.strip():
                yield _cells(self.path, data, names, number).select(wanted)


def _cells(path: Path, data: bytes, names: list[str], number: int) -> pl.DataFrame:
    # The first row says how many cells there are at least: it must not be a short one.
    whole = b"\t" * (len(names) - 1) + b"\n" + data
    try:
        return pl.read_csv(
            whole,
            has_header=False,
            separator="\t",
            quote_char=None,
            infer_schema=False,
            null_values=_NULLS,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
            schema=dict.fromkeys(names, pl.String),
        )[1:]
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0][:100]
        raise InputError(f"{path}: block {number}: cannot be read as TSV ({why})") from error


def _first_lines(path: Path) -> Iterator[str]:
    for block in line_blocks(path, 1 << 16, LONGEST_ROW):
        # Lines end as in `_blocks`: str.splitlines knows of more ends and would cost rows.
        lines = block.decode("utf-8-sig", "replace").removesuffix("\n").split("\n")
        yield from (line.removesuffix("\r") for line in lines)


def _check_text(path: Path) -> None:
    """Refuse what is no text, by its first bytes, and say what it is.

    Raises
    ------
    InputError
        If it is packed otherwise than by gzip, UTF-16, or a Parquet file.
    """
    with path.open("rb") as file:
        first = file.read(8)
    for magic, what, fix in _MAGIC:
        if first.startswith(magic):
            raise InputError(f"{path}: {what}, no text", fix)


def _key_cell(cell: pl.Expr, found: PolarsType) -> pl.Expr:
    """Give a column of the key without blanks around it; a list joined by commas."""
    if isinstance(found, pl.List):
        return cell.cast(pl.List(pl.String)).list.join(",")
    return cell.str.strip_chars() if found == pl.String else cell


def _integer(cell: pl.Expr, found: PolarsType) -> pl.Expr:
    """Read whole numbers, `3.0` and `1e3` too; others are null, not cut off."""
    if not (found == pl.String or found.is_float() or found.is_decimal()):
        return cell.cast(pl.Int64, strict=False)
    real = cell.cast(pl.Float64, strict=False)
    is_whole = (real.abs() < _EXACT) & (real == real.floor())
    whole = pl.when(is_whole).then(real).cast(pl.Int64, strict=False)
    if found != pl.String:
        return whole
    return pl.coalesce(cell.cast(pl.Int64, strict=False), whole)


def _cast(cell: pl.Expr, found: PolarsType, wanted: PolarsType, f: FieldSpec) -> pl.Expr:
    """Read cells as a type; what cannot be read is null."""
    if f.type == "stars":
        return cell.cast(pl.String).replace_strict(STARS, default=None, return_dtype=pl.Int64)
    if found == pl.String and wanted != pl.String:
        cell = cell.str.strip_chars()
    if wanted == pl.Boolean and found == pl.String:
        low = cell.str.to_lowercase()
        yes, no = (
            low.is_in(["1", "true", "yes", "y", "t"]),
            low.is_in(["0", "false", "no", "n", "f"]),
        )
        return pl.when(yes).then(pl.lit(value=True)).when(no).then(pl.lit(value=False))
    if isinstance(found, pl.List) and wanted == pl.String:
        return cell.cast(pl.List(pl.String)).list.join(",")
    if wanted == pl.Int64:
        return _integer(cell, found)
    return cell.cast(wanted, strict=False)
