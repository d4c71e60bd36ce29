"""Tables as sources: BED, TSV (plain or gzip) and Parquet, in frames of bounded size.

A TSV has its column names in the first line that is no `##` comment (a `#` before the
first name is taken off). Empty cells, `.` and `NA` are missing. Names of the columns of
the key are found in any of their usual spellings, or as `columns` says.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from varhouse.errors import InputError, UsageError, nearest
from varhouse.schema import PolarsType
from varhouse.sources.presets import STARS
from varhouse.sources.spec import ROLES, FieldSpec, SourceSpec, own_column
from varhouse.sources.text import line_blocks

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
        self.roles = self._find_roles(self.names)
        self._chosen = self._choose(self.names)
        self.fields: dict[str, PolarsType] = {
            f.column: f.dtype or self._type(f.key) for f in self._chosen
        }

    def _names(self) -> list[str]:
        """Give the names of all columns, and remember where the rows begin."""
        if self.spec.format == "parquet":
            try:
                schema = pq.read_schema(self.path)
            except (OSError, pa.ArrowException) as error:
                raise InputError(f"{self.path}: no Parquet file ({error})") from error
            self._types = dict(pl.DataFrame(pl.from_arrow(schema.empty_table())).schema)
            return list(schema.names)
        self._skip, first = 0, ""
        for line in _first_lines(self.path):
            skipped = line.startswith(
                ("#", "track", "browser") if self.spec.format == "bed" else "##"
            )
            if skipped or not line.strip():
                self._skip += 1
                continue
            first = line
            break
        if not first:
            # An empty BED is one without intervals.
            if self.spec.format == "bed":
                return list(_BED[:3])
            raise InputError(f"{self.path}: no line with the names of its columns")
        cells = first.removeprefix("#").split("\t")
        if self.spec.format == "bed":
            if len(cells) < 3:
                raise InputError(f"{self.path}: {first[:60]!r} has fewer than 3 columns",
                                 "BED is tab-separated: contig, start, end")  # fmt: skip
            extra = [f"column{k + 1}" for k in range(len(_BED), len(cells))]
            return [*_BED[: len(cells)], *extra]
        self._skip += 1
        names = [c.strip() for c in cells]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"{self.path}: two columns are named {name!r}",
                                 "give each column a name of its own")  # fmt: skip
        return names

    def _find_roles(self, names: list[str]) -> dict[str, str]:
        """Find the columns of the key.

        Raises
        ------
        UsageError
            If the table has no column for a part of the key.
        """
        low = {n.lower(): n for n in reversed(names)}
        found = {}
        for role in ROLES[self.spec.kind]:
            asked = self.spec.columns.get(role)
            if asked is not None and asked not in names:
                raise UsageError(f"{self.path}: no column {asked!r}{nearest(asked, names)}")
            hit = asked or next((low[s] for s in _SPELLINGS[role] if s in low), None)
            if hit is None and role not in _OPTIONAL:
                raise UsageError(
                    f"{self.path}: no column for {role} (it has {', '.join(names[:12])})",
                    f"name it: columns: {{{role}: NAME}}",
                )
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
            if f.key in names:
                chosen.append(f)
            elif not f.optional:
                raise UsageError(f"{self.path}: no column {f.key!r}{nearest(f.key, names)}")
        return chosen

    def _type(self, key: str) -> PolarsType:
        """Give the type of a column whose type nobody asked for."""
        if self.spec.format == "bed":
            return _BED_TYPES.get(key, pl.String)
        if self.spec.format == "tsv":
            return pl.String
        found = self._types[key]
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
                value = pl.col(name)
                if role in _NUMBERS:
                    value = value.cast(pl.Int64, strict=False)
                    lost.append(pl.col(name).is_not_null() & value.is_null())
                columns.append(value.alias("chrom" if role == "contig" else role))
            for f in self._chosen:
                value = _cast(pl.col(f.key), raw.schema[f.key], self.fields[f.column], f)
                lost.append(pl.col(f.key).is_not_null() & value.is_null())
                columns.append(value.alias(f.column))
            sums = [e.sum().alias(str(k)) for k, e in enumerate(lost)]
            counts["unreadable"] += sum(raw.select(sums).row(0)) if sums else 0
            yield raw.select(columns)

    def _blocks(self, wanted: list[str]) -> Iterator[pl.DataFrame]:
        if self.spec.format == "parquet":
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(ROWS, columns=wanted):
                    yield pl.DataFrame(pl.from_arrow(batch))
            return
        names, skip = self.names, self._skip
        for number, block in enumerate(line_blocks(self.path)):
            data = block
            while skip and data:
                _, _, data = data.partition(b"\n")
                skip -= 1
            if data.strip():
                yield _cells(self.path, data, names, number).select(wanted)


def _cells(path: Path, data: bytes, names: list[str], number: int) -> pl.DataFrame:
    try:
        return pl.read_csv(
            data, has_header=False, separator="\t", quote_char=None, infer_schema=False,
            null_values=_NULLS, truncate_ragged_lines=True, encoding="utf8-lossy",
            schema=dict.fromkeys(names, pl.String),
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        why = str(error).splitlines()[0][:100]
        raise InputError(f"{path}: block {number}: cannot be read as TSV ({why})") from error


def _first_lines(path: Path) -> Iterator[str]:
    for block in line_blocks(path, 1 << 16):
        # Lines end as in `_blocks`: str.splitlines knows of more ends and would cost rows.
        lines = block.decode("utf-8-sig", "replace").removesuffix("\n").split("\n")
        yield from (line.removesuffix("\r") for line in lines)


def _cast(cell: pl.Expr, found: PolarsType, wanted: PolarsType, f: FieldSpec) -> pl.Expr:
    """Read cells as a type; what cannot be read is null."""
    if f.type == "stars":
        return cell.replace_strict(STARS, default=None, return_dtype=pl.Int64)
    if wanted == pl.Boolean and found == pl.String:
        low = cell.str.to_lowercase()
        yes, no = (
            low.is_in(["1", "true", "yes", "y", "t"]),
            low.is_in(["0", "false", "no", "n", "f"]),
        )
        return pl.when(yes).then(pl.lit(value=True)).when(no).then(pl.lit(value=False))
    if isinstance(found, pl.List) and wanted == pl.String:
        return cell.cast(pl.List(pl.String)).list.join(",")
    return cell.cast(wanted, strict=False)
