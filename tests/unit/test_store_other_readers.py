"""What other programs read from a store: every column of every table, filtered.

Each program filters the table as the Delta log gives it; the truth is the same filter, by
the same engine, over the rows of the Parquet files in memory. So it does not matter that
engines order what is no number differently, and no statistics take part in the truth.
"""

import math
import shutil
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from builders import add_tables, labels_of, make_contigs
from deltalake import DeltaTable, QueryBuilder

from varhouse.store.commit import init_store
from varhouse.tables.schema import TABLES, Table, annotation_table
from varhouse.tables.shards import cut_high, cut_low, write_shard

duckdb = pytest.importorskip("duckdb")

LONG = "x" * 80
TEXTS = {
    # Beyond what a bound keeps; the greatest letter just behind the cut; nothing at all.
    "id": ["ga4gh:VA.a", "rs1", "rs2", LONG, "x" * 64 + "\U0010ffff" * 3, ""],
    "contig": ["chr1", "chr1", "chr1", "chr1", "chr2", "chr2"],
    "cohort": ["north", "north", "north", "north", "north", "south"],
}
VALUES: dict[Any, list[Any]] = {
    pl.String: ["ACGT", "", "é%/=", LONG, "A", "it's"],
    pl.Boolean: [True, False, True, True, False, False],
    pl.Int8: [1, -1, 3, 1, -1, 2],
    pl.Int16: [1, 0, 3, 1, 2, 2],
    pl.Int32: [1, 2**31 - 1, 30, 40, 50, 60],
    pl.Int64: [0, 2**53 + 1, -(2**62), 40, 50, 60],
    pl.Binary: [b"\x80", b"", b"\x00\xff", bytes(80), b"A", b"'"],
    pl.Float64: [0.5, 0.125, -0.0, math.inf, 1e-300, 0.25],
}
QUAL = [0.5, 0.5, math.nan, 0.5, 30.0, 20.0]
"""No other fraction of a store can be no number."""
FIELDS: dict[str, Any] = {
    "clnsig": pl.String, "stars": pl.Int32, "n": pl.Int64, "score": pl.Float64,
    "flag": pl.Boolean, "ac": pl.Int32, "id": pl.String, "end": pl.Int32,
    "with.dot": pl.String,
}  # fmt: skip
ALL: list[Table] = [*TABLES.values(), annotation_table("demo", FIELDS)]


def make_table_rows(table: Table) -> pl.DataFrame:
    """Make six rows; a column that can be null is, in some, or (every third) in all."""
    columns: dict[str, list[Any]] = {}
    for i, column in enumerate(table.columns):
        if isinstance(column.dtype, pl.List):
            one = VALUES[
                type(column.dtype.inner)
                if isinstance(column.dtype.inner, pl.DataType)
                else column.dtype.inner
            ]
            cells: list[Any] = [one[:k] for k in range(6)]
        else:
            kind = column.dtype if isinstance(column.dtype, type) else type(column.dtype)
            cells = list(TEXTS.get(column.name, VALUES[kind]))
        if column.name == "qual" and column.dtype == pl.Float64:
            cells = list(QUAL)
        elif column.nullable:
            gone = range(6) if i % 3 == 0 else (0, 3)
            cells = [None if k in gone else c for k, c in enumerate(cells)]
        columns[column.name] = cells
    return pl.DataFrame(columns, schema=table.polars_schema)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readers") / "store"
    contigs = make_contigs()
    init_store(path, "test", contigs)
    frames = {t.name: make_table_rows(t) for t in ALL if t.name != "contigs"}
    add_tables(path, frames, contigs, pieces=2)
    return path


def read_files(handle: DeltaTable, table: Table) -> pa.Table:
    """Read the files that a table lists, whole, and add the partition columns."""
    pieces = []
    for action in pl.DataFrame(handle.get_add_actions(flatten=True)).to_dicts():
        file = Path(handle.table_uri.removeprefix("file://")) / unquote(action["path"])
        piece = pq.read_table(file, partitioning=None)
        for name in table.partition:
            column = pa.array([action[f"partition.{name}"]] * len(piece), pa.string())
            piece = piece.append_column(name, column)
        pieces.append(piece.select(table.names))
    return pa.concat_tables(pieces, promote_options="permissive")


@dataclass(frozen=True)
class Filter:
    """A condition on a column, as each engine writes it."""

    column: str
    op: str
    value: Any = None

    def polars(self) -> pl.Expr:
        c = pl.col(self.column)
        ways: dict[str, Callable[[], pl.Expr]] = {
            "is null": c.is_null,
            "is not null": c.is_not_null,
            "=": lambda: c == self.value,
            "<": lambda: c < self.value,
            ">": lambda: c > self.value,
            "in": lambda: c.is_in([self.value]),
        }
        return ways[self.op]()

    def arrow(self) -> pc.Expression:
        c = pc.field(self.column)
        ways: dict[str, Callable[[], pc.Expression]] = {
            "is null": c.is_null,
            "is not null": c.is_valid,
            "=": lambda: c == self.value,
            "<": lambda: c < self.value,
            ">": lambda: c > self.value,
            "in": lambda: c.isin([self.value]),
        }
        return ways[self.op]()

    def sql(self) -> str:
        name = f'"{self.column}"'
        if self.op.startswith("is"):
            return f"{name} {self.op}"
        value = self.value
        if isinstance(value, str):
            value = "'" + value.replace("'", "''") + "'"
        elif isinstance(value, float):
            value = f"CAST('{value!r}' AS DOUBLE)"
        return (
            f"{name} in ({value}, {value})" if self.op == "in" else f"{name} {self.op} {value}"
        )


def filters_of(table: Table, rows: pa.Table) -> Iterator[Filter]:
    for column in table.columns:
        yield Filter(column.name, "is null")
        yield Filter(column.name, "is not null")
        # Bits are asked for by what they hold, which no bound tells.
        if isinstance(column.dtype, pl.List) or column.dtype == pl.Binary:
            continue
        there = [v for v in rows[column.name].to_pylist() if v is not None and v == v]
        kind = column.dtype if isinstance(column.dtype, type) else type(column.dtype)
        known = there or [VALUES[kind][0]]
        # The least and the greatest are where bounds go wrong.
        yield Filter(column.name, "=", max(known))
        yield Filter(column.name, "in", min(known))
        yield Filter(column.name, "<", max(known))
        yield Filter(column.name, ">", min(known))


def count_sql(run: Callable[[str], list[tuple[int, int]]], filters: list[Filter]) -> list[int]:
    parts = (
        f"SELECT {i} AS i, count(*) AS n FROM t WHERE {f.sql()}" for i, f in enumerate(filters)
    )
    return [n for _, n in sorted(run(" UNION ALL ".join(parts)))]


def count_polars(frame: pl.LazyFrame, filters: list[Filter]) -> list[int]:
    frames = [frame.filter(f.polars()).select(pl.len()) for f in filters]
    return [f.item() for f in pl.collect_all(frames)]


def run_duckdb(rows: Any) -> Callable[[str], list[tuple[int, int]]]:
    connection = duckdb.connect()
    connection.register("t", rows)
    return lambda text: connection.sql(text).fetchall()


def run_datafusion(handle: DeltaTable) -> Callable[[str], list[tuple[int, int]]]:
    builder = QueryBuilder().register("t", handle)
    return lambda text: pl.DataFrame(pa.table(builder.execute(text).read_all())).rows()


def find_wrong(handle: DeltaTable, table: Table) -> list[str]:
    """Say which programs find another number of rows than there are."""
    rows = read_files(handle, table)
    filters = list(filters_of(table, rows))
    arrow = [ds.dataset(rows).count_rows(filter=f.arrow()) for f in filters]
    sql = count_sql(run_duckdb(rows), filters)
    polars = count_polars(pl.DataFrame(rows).lazy(), filters)
    seen = handle.to_pyarrow_dataset()
    last = {f.column: f for f in filters}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # use_pyarrow is called deprecated
        by_pyarrow = pl.scan_delta(handle, use_pyarrow=True)
    answers = {
        "pyarrow dataset": (arrow, [seen.count_rows(filter=f.arrow()) for f in filters]),
        # The same dataset by another way in: one condition a column tells whether it is.
        "to_pyarrow_table": (
            arrow,
            [
                len(handle.to_pyarrow_table(columns=[], filters=f.arrow()))
                if f is last[f.column]
                else right
                for f, right in zip(filters, arrow, strict=True)
            ],
        ),
        "DuckDB": (sql, count_sql(run_duckdb(seen), filters)),
        "QueryBuilder": (sql, count_sql(run_datafusion(handle), filters)),
        "scan_delta": (polars, count_polars(pl.scan_delta(handle), filters)),
        # Polars hands on only what pyarrow can say, and filters again by its own rules.
        "scan_delta by pyarrow": (polars, count_polars(by_pyarrow, filters)),
    }
    return [
        f"{who}: {f.column} {f.op} {f.value!r}: {n} rows, not {right}"
        for who, (truth, found) in answers.items()
        for f, right, n in zip(filters, truth, found, strict=True)
        # pyarrow itself, not the statistics, finds nothing greater than what is no number.
        if n != right and not (who == "scan_delta by pyarrow" and f.column == "qual")
    ]


@pytest.mark.parametrize("table", ALL, ids=lambda t: t.name)
def test_filters_find_all_rows_in_every_program(store: Path, table: Table) -> None:
    handle = DeltaTable(str(store / table.root / table.name))
    assert find_wrong(handle, table) == []


def test_a_checkpoint_keeps_what_readers_need(store: Path, tmp_path: Path) -> None:
    """Delta programs read the log from its checkpoints, which delta-rs writes."""
    copy = tmp_path / "variants"
    shutil.copytree(store / "open" / "variants", copy)
    DeltaTable(str(copy)).create_checkpoint()
    handle = DeltaTable(str(copy))
    assert find_wrong(handle, TABLES["variants"]) == []
    files = pl.DataFrame(handle.get_add_actions(flatten=True))
    assert files["min.pos"].null_count() == 0


def test_bounds_answer_for_the_least_and_greatest(store: Path) -> None:
    """A reader that answers min and max from the log alone must not take a cut text."""
    handle = DeltaTable(str(store / "open" / "ids"))
    rows = read_files(handle, TABLES["ids"])
    run = run_datafusion(handle)
    for name in TABLES["ids"].bounded:
        right = pc.min_max(rows[name])
        assert run(f'SELECT min("{name}"), max("{name}") FROM t') == [
            (right["min"].as_py(), right["max"].as_py())
        ]


@pytest.mark.parametrize("text", [LONG, "x" * 64 + "\U0010ffff" * 3, "\U0010ffff" * 70, "ab"])
def test_a_cut_bound_still_bounds(text: str) -> None:
    low, high = cut_low(text), cut_high(text)
    assert low.encode() <= text.encode() <= high.encode()
    assert low.encode().decode() == low
    assert len(low) <= 64


def test_no_parquet_statistics_of_what_is_no_number(tmp_path: Path) -> None:
    rows = make_table_rows(TABLES["sites"]).filter(pl.col("cohort") == "north")
    partition = {"cohort": "north", "part": "chr1"}
    sites = TABLES["sites"]
    labels = labels_of(rows, sites)
    shard = write_shard(rows.drop("part"), sites, tmp_path, "s", partition, labels)
    assert shard is not None
    group = pq.read_metadata(shard.path).row_group(0)
    told = {
        group.column(i).path_in_schema: group.column(i).is_stats_set
        for i in range(group.num_columns)
    }
    assert not told["qual"]
    assert told["pos"]
    # DataFusion skips by them rows that it takes for greater than all numbers.
    assert pl.read_parquet(shard.path, hive_partitioning=False)["qual"].is_nan().sum() == 1
