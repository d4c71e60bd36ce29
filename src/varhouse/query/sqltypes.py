"""What becomes of DuckDB's types: an answer holds those that every format can.

Polars and Arrow know fewer types than DuckDB, and panic over some values: they do not know
unions, intervals, integers of 128 bits nor dates of the year 5,000,000. So a result is cast
where it is made. A value that does not fit ends the query with one line of DuckDB's.
"""

from collections.abc import Callable
from typing import Any

_SAME = frozenset({
    "boolean", "tinyint", "smallint", "integer", "bigint", "utinyint", "usmallint",
    "uinteger", "ubigint", "float", "double", "varchar", "blob",
})  # fmt: skip
_WIDE = frozenset({"hugeint", "uhugeint"})
_TIMES = frozenset({"date", "timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns",
                    "timestamp with time zone"})  # fmt: skip
CELLS = ("table", "tsv", "csv", "xlsx")
"""Formats of cells, which hold a value or a list of values."""

_NESTED = frozenset({"list", "array", "struct", "map", "union", "variant"})


def plain_columns(types: list[Any], names: list[str], form: str) -> list[str] | None:
    """Write the select list that makes a result plain; None if it is.

    Integers are of 64 bits at most, decimals are integers or doubles, arrays lists; unions,
    intervals, bits and whatever else is none of Arrow's become text. A column of blobs stays
    one, which writers of text write as hexadecimal digits; inside other types it is text.

    Parameters
    ----------
    types
        DuckDB's types of the columns.
    names
        Names of the columns; may be equal.
    form
        The format of the answer. In all but Parquet dates and times are as DuckDB writes
        them; in a table, TSV, CSV and a workbook what is nested deeper than a list of values
        is JSON.
    """
    as_text = form != "parquet"
    texts = [
        _column(f"#{i}", dtype, as_text=as_text, as_json=form in CELLS)
        for i, dtype in enumerate(types, start=1)
    ]
    if all(text == f"#{i}" for i, text in enumerate(texts, start=1)):
        return None
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    return [f"{text} AS {name}" for text, name in zip(texts, quoted, strict=True)]


def _column(place: str, dtype: Any, *, as_text: bool, as_json: bool) -> str:
    if dtype.id == "null":
        return place
    plain = _plain(dtype, as_text=as_text)
    value = place if plain == str(dtype) else f"CAST({place} AS {plain})"
    if as_json and _is_deep(dtype):
        return f"CAST(to_json({value}) AS VARCHAR)"
    return value


def _is_deep(dtype: Any) -> bool:
    """Tell whether a type is more than a value or a list of values."""
    if dtype.id in ("list", "array"):
        return dtype.children[0][1].id in _NESTED
    return dtype.id in ("struct", "map")


def _plain(dtype: Any, *, as_text: bool) -> str:
    """Name the type that a type becomes."""
    kind = dtype.id
    if kind == "null":
        return "INTEGER"
    if kind == "varchar":
        return "VARCHAR" if str(dtype) != "JSON" else "JSON"
    if kind in _SAME:
        return str(dtype)
    if kind in _WIDE:
        return "BIGINT"
    if kind == "blob" and not as_text:
        return "BLOB"
    if kind in _TIMES:
        return "VARCHAR" if as_text else str(dtype)
    makers: dict[str, Callable[[Any], str]] = {
        "decimal": _number,
        "list": lambda t: f"{_plain(t.children[0][1], as_text=as_text)}[]",
        "array": lambda t: f"{_plain(t.children[0][1], as_text=as_text)}[]",
        "struct": lambda t: _fields(t, as_text=as_text),
        # Keys of a JSON object, and of an Arrow map of polars, are text.
        "map": lambda t: f"MAP(VARCHAR, {_plain(t.children[1][1], as_text=as_text)})",
    }
    return makers[kind](dtype) if kind in makers else "VARCHAR"


def _number(dtype: Any) -> str:
    return "BIGINT" if dict(dtype.children)["scale"] == 0 else "DOUBLE"


def _fields(dtype: Any, *, as_text: bool) -> str:
    fields = (
        '"' + name.replace('"', '""') + f'" {_plain(child, as_text=as_text)}'
        for name, child in dtype.children
    )
    return f"STRUCT({', '.join(fields)})"
