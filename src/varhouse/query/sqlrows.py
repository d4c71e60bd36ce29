"""A table of a release as a SELECT for DuckDB, over exactly the files that the release pins.

`varhouse sql` makes views of it; `varhouse store files --format sql` hands it to whoever has
a DuckDB of his own.
"""

import re

import polars as pl
from polars.datatypes import DataTypeClass

from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.schema import PolarsType, Table
from varhouse.view import quote_text

_TYPES: dict[PolarsType, str] = {
    pl.String: "VARCHAR", pl.Boolean: "BOOLEAN", pl.Int8: "TINYINT", pl.Int16: "SMALLINT",
    pl.Int32: "INTEGER", pl.Int64: "BIGINT", pl.Float32: "FLOAT", pl.Float64: "DOUBLE",
    pl.Binary: "BLOB",
}  # fmt: skip


def select_columns(store: Store, table: Table) -> str:
    """Write the columns of a table: typed, those that the release gives as it gives them."""
    given = store.constants(table.name)
    values = {n: "NULL" if v is None else quote_text(v) for n, v in given.items()}
    return ", ".join(
        f"CAST({values.get(c.name, quote_name(c.name))} AS {_type(c.dtype)})"
        f" AS {quote_name(c.name)}"
        for c in table.columns
    )


def no_rows(table: Table) -> str:
    """Write a SELECT of the columns of a table that gives no row."""
    nulls = ", ".join(
        f"CAST(NULL AS {_type(c.dtype)}) AS {quote_name(c.name)}" for c in table.columns
    )
    return f"SELECT {nulls} WHERE false"


def select_rows(store: Store, table: Table, listed: pl.DataFrame) -> str:
    """Write a SELECT of all rows of some files of a table.

    A column that an earlier version did not write is null: the SELECT names it with its type,
    as no file may have it.

    Parameters
    ----------
    listed
        The files, of `Store.file_frame`.
    """
    columns = select_columns(store, table)
    if not listed.height:
        return no_rows(table)
    folder = table_folder(store.path, table)
    files = [f"{folder}/{path}" for path in listed["path"]]
    if not table.partition or "=" not in str(store.path):
        rows = f"SELECT * FROM {_read(table, files, hive=bool(table.partition))}"
        return f"SELECT {columns} FROM ({rows} UNION ALL BY NAME {no_rows(table)})"
    # DuckDB would take `x=y` above the store for a partition: name the values instead.
    groups: dict[tuple[str, ...], list[str]] = {}
    parts = listed.select(f"partition.{c}" for c in table.partition).rows()
    for path, value in zip(files, parts, strict=True):
        groups.setdefault(value, []).append(path)
    pieces = [
        "SELECT *, "
        + ", ".join(
            f"{quote_text(v)} AS {quote_name(c)}"
            for c, v in zip(table.partition, value, strict=True)
        )
        + f" FROM {_read(table, mine, hive=False)}"
        for value, mine in groups.items()
    ]
    rows = " UNION ALL BY NAME ".join([*pieces, no_rows(table)])
    return f"SELECT {columns} FROM ({rows})"


def as_pattern(file: str) -> str:
    """Write a path so that DuckDB takes nothing in it for a pattern."""
    return re.sub(r"[*?\[]", r"[\g<0>]", file)


def _read(table: Table, files: list[str], *, hive: bool) -> str:
    listed = ", ".join(quote_text(as_pattern(f)) for f in files)
    types = ", ".join(f"{quote_text(c)}: VARCHAR" for c in table.partition)
    how = (
        f", hive_partitioning = true, hive_types = {{{types}}}"
        if hive
        else (", hive_partitioning = false")
    )
    return f"read_parquet([{listed}], union_by_name = true{how})"


def _type(dtype: DataTypeClass | pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        return f"{_type(dtype.inner)}[]"
    return next(text for known, text in _TYPES.items() if dtype == known)


def quote_name(text: str) -> str:
    """Write a name of SQL, whatever letters it has."""
    return '"' + text.replace('"', '""') + '"'
