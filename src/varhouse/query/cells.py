"""Cells of text: what lists, bits and formulas become in a table."""

from collections.abc import Mapping
from typing import Protocol

import polars as pl

from varhouse.tables.schema import PolarsType

_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))

Schema = Mapping[str, PolarsType]


class Sink(Protocol):
    """Takes bytes: a file, stdout or a BGZF stream."""

    def write(self, data: bytes, /) -> object:
        """Add bytes."""


def defuse(text: pl.Expr) -> pl.Expr:
    """Put `'` before text that a spreadsheet would take for a formula.

    Letters that begin one, as OWASP lists them (CSV Injection): = + - @, tab, carriage
    return and line feed, and the wide forms of the first four. What is a number stays.
    """
    formula = text.str.contains("^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
    number = text.str.contains(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    return pl.when(formula & ~number).then(pl.lit("'") + text).otherwise(text)


def as_cells(schema: Schema) -> list[pl.Expr]:
    """Make cells of columns: a list is joined by `;`, bits are hexadecimal digits."""
    return [as_cell(n, t, escape=False, safe=False) for n, t in schema.items()]


def as_cell(name: str, dtype: PolarsType, *, escape: bool, safe: bool) -> pl.Expr:
    """Make a cell: `escape` what breaks a line of TSV, `safe` defuses formulas."""
    cell = pl.col(name)
    if dtype == pl.Binary:
        return _hex(name, dtype)
    if dtype == pl.List(pl.Binary):
        return _hex(name, dtype).list.join(";")
    if isinstance(dtype, pl.List):
        cell = (
            cell.cast(pl.List(pl.String)).list.eval(pl.element().fill_null("")).list.join(";")
        )
    elif dtype != pl.String:
        return cell
    if safe:
        cell = defuse(cell)
    if escape:
        written = cell
        for letter, text in _ESCAPES:
            written = written.str.replace_all(letter, text, literal=True)
        # A backslash alone stays: only what would break the line is written otherwise.
        cell = pl.when(cell.str.contains(r"[\t\n\r]")).then(written).otherwise(cell)
    return cell.alias(name)


def _hex(name: str, dtype: PolarsType) -> pl.Expr:
    """Write bits, or each of a list of them, as hexadecimal digits."""
    cell = pl.col(name)
    if dtype == pl.Binary:
        return cell.bin.encode("hex")
    return cell.list.eval(pl.element().bin.encode("hex"))


def with_hex(frame: pl.DataFrame) -> pl.DataFrame:
    """Write the columns of bits of a frame as hexadecimal digits."""
    bits = {n: t for n, t in frame.schema.items() if t in (pl.Binary, pl.List(pl.Binary))}
    return frame.with_columns(_hex(n, t) for n, t in bits.items())
