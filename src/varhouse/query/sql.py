"""SQL over a pinned release: DuckDB views, read-only and offline.

Each table is a view over exactly the files that the release pins. DuckDB may read
these files and nothing else; it may write nothing, attach nothing, load no extension.
"""

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl
from polars.datatypes import DataTypeClass

from varhouse.errors import UsageError
from varhouse.schema import TABLES, PolarsType, Table
from varhouse.store.reader import Store

LOG = logging.getLogger("varhouse.query")

_BATCH = 100_000
_TYPES: dict[PolarsType, str] = {
    pl.String: "VARCHAR", pl.Boolean: "BOOLEAN", pl.Int8: "TINYINT", pl.Int16: "SMALLINT",
    pl.Int32: "INTEGER", pl.Int64: "BIGINT", pl.Float32: "FLOAT", pl.Float64: "DOUBLE",
}  # fmt: skip
_FUNCTIONS = frozenset({"generate_series", "range", "unnest"})
"""Table functions that read no files and tell of none."""

_EXPLAIN = re.compile(r"^\s*explain\s+(analyze\s+)?(select|with|from|values)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SqlResult:
    """The result of a query: its columns, and its rows batch by batch."""

    schema: dict[str, PolarsType]
    batches: Iterator[pl.DataFrame]


def run_sql(store: Store, query: str) -> SqlResult:
    """Run one SELECT over the tables of a store.

    Parameters
    ----------
    store
        The opened store; its release is what the views show.
    query
        One statement that only reads: SELECT, WITH, FROM, DESCRIBE, SHOW, SUMMARIZE or
        EXPLAIN of these. Columns of one name are told apart as `a`, `a_1`, `a_2`.

    Raises
    ------
    UsageError
        If DuckDB is not installed, the query is no reading one, or DuckDB refuses it.
    """
    try:
        import duckdb  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise UsageError(
            "varhouse sql needs DuckDB, which is not installed", "pip install 'varhouse[sql]'"
        ) from None
    connection = duckdb.connect(
        ":memory:",
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False},
    )
    try:
        _make_views(store, connection)
        _check_statement(connection, query)
        if store.withheld:
            _check_only_views(connection, query)
        relation = connection.sql(query)
        if relation is None:
            raise UsageError(
                "the query gives no rows", 'write a SELECT: "SELECT * FROM cohorts"'
            )
        reader = relation.to_arrow_reader(_BATCH)
        names = _own_names(reader.schema.names)
        empty = _frame(reader.schema.empty_table(), names)
    except duckdb.Error as error:
        raise _refused(error) from None
    return SqlResult(dict(empty.schema), _batches(connection, reader, names, duckdb.Error))


def _own_names(given: list[str]) -> list[str]:
    """Give each column a name of its own, as a join of two tables need not."""
    names: list[str] = []
    told: list[str] = []
    for name in given:
        own, n = name, 0
        while own in names or (n and own in given):
            n += 1
            own = f"{name}_{n}"
        if n:
            told.append(f"{name} -> {own}")
        names.append(own)
    if told:
        LOG.warning(
            "columns of one name: %s (name them with AS, or join tables by USING)",
            ", ".join(told),
        )
    return names


def _frame(table: Any, names: list[str]) -> pl.DataFrame:
    return _plain(pl.DataFrame(pl.from_arrow(table.rename_columns(names))))


def _batches(
    connection: Any, reader: Any, names: list[str], failure: type[Exception]
) -> Iterator[pl.DataFrame]:
    try:
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            yield _frame(batch, names)
    except (failure, OSError) as error:
        # Arrow passes on an error that DuckDB meets while it runs as an OSError.
        raise _refused(error) from None
    finally:
        connection.close()


def _refused(error: Exception) -> UsageError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    hints = [line for line in lines[1:] if line.startswith(("Did you mean", "Candidate"))]
    return UsageError("SQL: " + " ".join([*lines[:1], *hints[:1]]))


def _check_statement(connection: Any, query: str) -> None:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise UsageError(f"one statement at a time, not {len(statements)}")
    kind = statements[0].type.name
    if kind != "SELECT" and not (kind == "EXPLAIN" and _EXPLAIN.match(query)):
        raise UsageError(
            f"varhouse sql only reads: {kind} is not allowed",
            "use SELECT, WITH, DESCRIBE, SHOW TABLES or SUMMARIZE",
        )


def _check_only_views(connection: Any, query: str) -> None:
    """Check that a query names views alone: files behind them hold what they leave out."""
    text = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    parsed = json.loads(text[0][0])
    if parsed["error"]:
        raise UsageError("--public runs SELECT, DESCRIBE, SHOW and SUMMARIZE only")
    left: list[Any] = [parsed]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            left += node.values()
            name = None
            if node.get("type") == "TABLE_FUNCTION":
                function = str(node["function"]["function_name"])
                name = function if function.lower() not in _FUNCTIONS else None
            elif node.get("type") == "BASE_TABLE":
                table = str(node["table_name"])
                # DuckDB takes a name with an ending for a file.
                name = table if re.search(r"[./\\]", table) else None
            if name is not None:
                raise UsageError(
                    f"--public reads the release's tables, not {name}",
                    "name a table, or leave out --public for your own eyes",
                )
        elif isinstance(node, list):
            left += node


def _make_views(store: Store, connection: Any) -> None:
    paths: list[str] = []
    for name in sorted({*TABLES, *store.tables}):
        declared = store.declaration(name)
        files = [str(p) for p in store.files(name)]
        paths += files
        view = _view(store, declared, files)
        if name == "ids" and store.withheld:
            hidden = ", ".join(
                _text(f"{kind}:{source}")
                for source in store.withheld
                for kind in ("source", "merged")
            )
            view = f"SELECT * FROM ({view}) WHERE source NOT IN ({hidden})"
        connection.execute(f"CREATE VIEW {_name(name)} AS {view}")
    connection.execute(f"SET allowed_paths = [{', '.join(map(_text, paths))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _view(store: Store, table: Table, files: list[str]) -> str:
    given = store.constants(table.name)
    values = {n: "NULL" if v is None else _text(v) for n, v in given.items()}
    columns = ", ".join(
        f"CAST({values.get(c.name, _name(c.name))} AS {_type(c.dtype)}) AS {_name(c.name)}"
        for c in table.columns
    )
    if not files:
        nulls = ", ".join(
            f"CAST(NULL AS {_type(c.dtype)}) AS {_name(c.name)}" for c in table.columns
        )
        return f"SELECT {nulls} WHERE false"
    if not table.partition or "=" not in str(store.path):
        return f"SELECT {columns} FROM {_read(table, files, hive=bool(table.partition))}"
    # DuckDB would take `x=y` above the store for a partition: name the values instead.
    groups: dict[tuple[str, ...], list[str]] = {}
    listed = store.file_frame(table.name)
    parts = listed.select(f"partition.{c}" for c in table.partition).rows()
    for path, value in zip(files, parts, strict=True):
        groups.setdefault(value, []).append(path)
    return " UNION ALL BY NAME ".join(
        f"SELECT {columns} FROM (SELECT *, "
        + ", ".join(
            f"{_text(v)} AS {_name(c)}" for c, v in zip(table.partition, value, strict=True)
        )
        + f" FROM {_read(table, mine, hive=False)})"
        for value, mine in groups.items()
    )


def _read(table: Table, files: list[str], *, hive: bool) -> str:
    listed = ", ".join(map(_text, files))
    types = ", ".join(f"{_text(c)}: VARCHAR" for c in table.partition)
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


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Give sums of integers, which DuckDB makes decimals of 38 digits, as Int64."""
    return frame.with_columns(
        pl.col(n).cast(pl.Int64 if t.scale == 0 else pl.Float64)
        for n, t in frame.schema.items()
        if isinstance(t, pl.Decimal)
    )
