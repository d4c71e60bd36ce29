"""SQL over a pinned release: DuckDB views, read-only and offline.

Each table is a view over exactly the files that the release pins. Two views more: `calls` has
a row a call (`sqlcalls`), `lineage` a row a thing that calls were made from (`sqllineage`);
and a macro says who is assessed at a base (`sqlcallable`).
DuckDB may read these files and nothing else; it may write nothing, attach nothing, load no
extension.
For a public audience it may open no file at all: it is handed the rows that are shown, and
a query may name these tables only, so that no path and no hidden row is within its reach.
"""

import json
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow.fs import LocalFileSystem

from varhouse.errors import AccessError, UsageError
from varhouse.query import sqlcallable, sqlcalls, sqllineage
from varhouse.query.sqlgroups import GROUP_COUNTS, NEEDED
from varhouse.query.sqlrows import (
    as_pattern,
    no_rows,
    quote_name,
    select_columns,
    select_rows,
)
from varhouse.query.sqltypes import plain_columns
from varhouse.store.layout import table_folder
from varhouse.store.reader import Store
from varhouse.tables.dictionary import comments
from varhouse.tables.schema import TABLES, PolarsType, Table
from varhouse.view import quote_text

LOG = logging.getLogger("varhouse.query")

_BATCH = 100_000
_FUNCTIONS = frozenset({"generate_series", "range", "unnest", sqlcallable.NAME})
"""Table functions that read no files and tell of none but what is shown."""

_TELLING = re.compile(
    r"^(getenv|getvariable|current_setting|pg_get_.*|query.*|which_secret|read_.*|glob"
    r"|file_.*|md5_number_file|parse_path|in_search_path|current_.*schema.*)\Z"
)
"""Functions that tell of the process, its settings or the definitions of views."""

_TOO_WIDE = re.compile("out of range for the destination type|Failed to cast decimal")
_ENGINE = ("duckdb_", "pg_", "pragma_", "sqlite_")
_UNKNOWN = re.compile(r"Table with name (\w+) does not exist")
_CATALOGUE = re.compile("comment|duckdb_|information_schema|pg_", re.IGNORECASE)
"""Queries that may see comments: to set them costs as much as half of a short answer does."""

_EXPLAIN = re.compile(r"^\s*explain\s+(analyze\s+)?(select|with|from|values)\b", re.IGNORECASE)


@dataclass(frozen=True)
class SqlResult:
    """The result of a query: its columns, and its rows batch by batch."""

    schema: dict[str, PolarsType]
    batches: Iterator[pl.DataFrame]


def run_sql(store: Store, query: str, form: str = "parquet") -> SqlResult:
    """Run one SELECT over the tables of a store.

    Parameters
    ----------
    store
        The opened store; its release is what the views show.
    query
        One statement that only reads: SELECT, WITH, FROM, DESCRIBE, SHOW, SUMMARIZE or
        EXPLAIN of these. Columns of one name are told apart as `a`, `a_1`, `a_2`.
    form
        The format that the result goes into, see `sqltypes`.

    Raises
    ------
    UsageError
        If the query is no reading one, or DuckDB refuses it.
    """
    try:
        query.encode()
    except UnicodeEncodeError:
        # So the bytes of a command line that are no UTF-8 come.
        raise UsageError("the query is no UTF-8 text") from None
    import duckdb  # noqa: PLC0415 - a query does without, and is short

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            # A query shall not find the variables of this program by their names.
            "python_enable_replacements": False,
        },
    )
    denied: dict[str, AccessError] = {}
    try:
        denied = _make_views(store, connection, query)
        _check_statement(connection, query)
        if store.view.is_limited:
            _check_only_views(connection, query, store)
        relation = connection.sql(query)
        if relation is None:
            raise UsageError(
                "the query gives no rows", 'write a SELECT: "SELECT * FROM cohorts"'
            )
        names = _own_names(relation.columns)
        plain = plain_columns(relation.types, names, form)
        if plain is not None:
            relation = relation.project(", ".join(plain))
        reader = relation.to_arrow_reader(_BATCH)
        empty = _frame(reader.schema.empty_table(), names)
    except duckdb.Error as error:
        raise _denial(error, denied) or _refused(error, store) from None
    return SqlResult(dict(empty.schema), _batches(connection, reader, names, store))


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
    return pl.DataFrame(pl.from_arrow(table.rename_columns(names)))


def _batches(
    connection: Any, reader: Any, names: list[str], store: Store
) -> Iterator[pl.DataFrame]:
    import duckdb  # noqa: PLC0415 - a query does without

    try:
        while True:
            try:
                batch = reader.read_next_batch()
            except StopIteration:
                return
            yield _frame(batch, names)
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        # Arrow passes on an error that DuckDB meets while it runs as an OSError.
        raise _refused(error, store) from None
    finally:
        connection.close()


def _refused(error: Exception, store: Store) -> UsageError:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    hints = [line for line in lines[1:] if line.startswith(("Did you mean", "Candidate"))]
    text = " ".join([*lines[:1], *hints[:1]])
    if store.view.is_limited:
        text = text.replace(str(store.path), store.name)
    fix = "CAST(... AS VARCHAR) or AS DOUBLE in the query" if _TOO_WIDE.search(text) else ""
    return UsageError(f"SQL: {text}", fix)


def _denial(error: Exception, denied: Mapping[str, AccessError]) -> AccessError | None:
    """Find the table that a query names and that there is no permission for."""
    found = _UNKNOWN.search(str(error))
    return denied.get(found[1].lower()) if found else None


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


def _check_only_views(connection: Any, query: str, store: Store) -> None:
    """Check that a query names what is shown alone, and asks nothing of the engine itself.

    Raises
    ------
    UsageError
        If it does otherwise, or cannot be looked at.
    """
    option = store.view.option
    text = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    try:
        parsed = json.loads(text[0][0])
    except RecursionError:
        raise UsageError(f"{option} does not look into a query nested as deeply") from None
    if parsed["error"]:
        raise UsageError(f"{option} runs SELECT, DESCRIBE, SHOW and SUMMARIZE only")
    nodes = list(_nodes(parsed))
    named = {str(e["key"]).lower() for n in nodes for e in _entries(n.get("cte_map"))}
    # A name counts wherever it stands: it must not be that of a table of the engine.
    own = {name for name in named if not name.startswith(_ENGINE)}
    shown = own | {name.lower() for name in store.tables} | {n.lower() for n in TABLES}
    for node in nodes:
        name = _outside(node, shown)
        if name is not None:
            raise UsageError(
                f"{option} reads the release's tables, not {name}",
                f"name a table, or leave out {option} for your own eyes",
            )
        table = str(node.get("table_name", "")).lower() if _is_table(node) else ""
        if table in TABLES and table not in own and not store.view.shows(TABLES[table]):
            raise store.view.refuse(TABLES[table])


def _nodes(parsed: Any) -> Iterator[dict[str, Any]]:
    left: list[Any] = [parsed]
    while left:
        node = left.pop()
        if isinstance(node, dict):
            yield node
            left += node.values()
        elif isinstance(node, list):
            left += node


def _entries(cte_map: Any) -> list[dict[str, Any]]:
    return cte_map.get("map", []) if isinstance(cte_map, dict) else []


def _is_table(node: dict[str, Any]) -> bool:
    return node.get("type") == "BASE_TABLE"


def _outside(node: dict[str, Any], shown: Collection[str]) -> str | None:
    """Name what a node of a query reads beyond the tables that are shown, if anything."""
    if node.get("type") == "TABLE_FUNCTION":
        function = str(node["function"]["function_name"])
        return function if function.lower() not in _FUNCTIONS else None
    if _is_table(node):
        table = str(node["table_name"])
        parts = [str(node.get(k) or "") for k in ("catalog_name", "schema_name")]
        if any(parts) or table.lower() not in shown:
            return ".".join(p for p in (*parts, table) if p)
    if node.get("class") == "FUNCTION":
        function = str(node["function_name"])
        return function if _TELLING.match(function.lower()) else None
    return None


def _make_views(store: Store, connection: Any, query: str) -> dict[str, AccessError]:
    """Make a view of each table that is shown; give why others are not there."""
    comment = bool(_CATALOGUE.search(query))
    paths: list[str] = []
    denied: dict[str, AccessError] = {}
    for name in sorted({*TABLES, *store.tables}):
        if name in TABLES and not store.view.shows(TABLES[name]):
            continue
        try:
            declared = store.declaration(name)
        except AccessError as error:
            denied[name] = error
            continue
        if store.view.is_limited:
            _make_public_view(store, declared, connection)
            continue
        listed = store.file_frame(name)
        folder = table_folder(store.path, declared)
        files = [f"{folder}/{p}" for p in listed["path"]]
        # A pattern that is looked up, and the file that it finds.
        paths += {*files, *map(as_pattern, files)}
        view = select_rows(store, declared, listed)
        connection.execute(f"CREATE VIEW {quote_name(name)} AS {view}")
        if comment:
            _comment(declared, connection)
    if not store.view.is_limited:
        closed = [denied[name] for name in sqlcalls.TABLES if name in denied]
        if closed:
            denied[sqlcalls.NAME] = closed[0]
        else:
            connection.execute(f"CREATE VIEW {sqlcalls.NAME} AS {sqlcalls.VIEW}")
        if sqllineage.SOURCE in denied:
            denied[sqllineage.NAME] = denied[sqllineage.SOURCE]
        else:
            _make_lineage(store, connection, query)
            if comment:
                _comment(sqllineage.LINEAGE, connection)
    if sqlcallable.TABLE not in denied:
        shown = store.declaration(sqlcallable.TABLE).names
        connection.execute(sqlcallable.callable_at(list(shown)))
    if not store.view.is_limited and not denied.keys() & set(NEEDED):
        connection.execute(GROUP_COUNTS)
    connection.execute(f"SET allowed_paths = [{', '.join(map(quote_text, paths))}]")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return denied


def _make_lineage(store: Store, connection: Any, query: str) -> None:
    """Make the view `lineage`, of rows only if the query may read it."""
    name = sqllineage.NAME
    if not sqllineage.is_asked(query):
        empty = no_rows(sqllineage.LINEAGE)
        connection.execute(f"CREATE VIEW {name} AS {empty}")
        return
    rows = sqllineage.read_rows(store)
    given = rows.to_arrow(compat_level=pl.CompatLevel.oldest())
    connection.from_arrow(given).create_view(name)


def _comment(table: Table, connection: Any) -> None:
    """Say in DuckDB's catalogue what a row and each column is, as `varhouse describe` does."""
    view = quote_name(table.name)
    lines = [f"COMMENT ON VIEW {view} IS {quote_text(f'a row: {table.row}')}"]
    for column, text in comments(table).items():
        lines.append(f"COMMENT ON COLUMN {view}.{quote_name(column)} IS {quote_text(text)}")
    connection.execute("; ".join(lines))


def _make_public_view(store: Store, table: Table, connection: Any) -> None:
    """Make a view of what is shown of a table, of rows that DuckDB is handed.

    Neither the view's text nor the engine's settings tell where the rows come from.
    """
    listed = store.file_frame(table.name)
    if not listed.height:
        connection.execute(f"CREATE VIEW {quote_name(table.name)} AS {no_rows(table)}")
        return
    if store.view.rewrites(table.name):
        shown = store.scan(table.name).collect()
        given = shown.to_arrow(compat_level=pl.CompatLevel.oldest())
    else:
        given = _dataset(store, table, listed)
    rows = connection.from_arrow(given)
    if hidden := store.view.hidden_rows(table.name):
        rows = rows.filter(f"NOT ({hidden})")
    rows.project(select_columns(store, table)).create_view(table.name)


def _dataset(store: Store, table: Table, listed: pl.DataFrame) -> ds.Dataset:
    """Make an Arrow dataset of a table's files: shown columns only, partitions added."""
    empty = pl.DataFrame(schema=table.polars_schema)
    schema = empty.to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    folder = table_folder(store.path, table)
    names = [f"partition.{c}" for c in table.partition]
    form = ds.ParquetFileFormat()
    system = LocalFileSystem()
    fragments = [
        form.make_fragment(
            str(folder / path),
            system,
            partition_expression=_all_equal(dict(zip(table.partition, values, strict=True))),
        )
        for path, *values in listed.select("path", *names).rows()
    ]
    return ds.FileSystemDataset(fragments, schema, form, system)


def _all_equal(values: Mapping[str, str]) -> pc.Expression:
    whole = pc.scalar(value=True)
    for name, value in values.items():
        whole = whole & (pc.field(name) == pc.scalar(value))
    return whole
