"""SQL over a release: the views, and that nothing else can be reached."""

from pathlib import Path

import polars as pl
import pytest
from builders import add_tables, counts, make_contigs, make_rows, make_small_store

import varhouse
from varhouse.errors import UsageError
from varhouse.query.sql import run_sql
from varhouse.store.reader import Store
from varhouse.tables.schema import TABLES


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return varhouse.open(make_small_store(tmp_path_factory.mktemp("sql") / "store"))


def rows(store: Store, query: str) -> list[tuple[object, ...]]:
    result = run_sql(store, query)
    return [r for frame in result.batches for r in frame.rows()]


def test_the_tables_are_views(store: Store) -> None:
    names = {r[0] for r in rows(store, "SHOW TABLES")}
    assert names == {*TABLES, "annotations_clinvar", "calls", "lineage"}
    text = "SELECT cohort, sum(ac) AS ac FROM frequencies GROUP BY cohort ORDER BY cohort"
    assert rows(store, text) == [("east-1", 1), ("north", 108), ("south", 5)]
    assert dict(run_sql(store, text).schema) == {"cohort": pl.String, "ac": pl.Int64}
    joined = """
        SELECT DISTINCT pos, impact, af
        FROM totals JOIN consequences USING (contig, pos, ref, alt)
        WHERE stratum_by = 'all' AND impact = 'HIGH' AND af < 0.01 ORDER BY pos
    """
    assert [r[0] for r in rows(store, joined)] == [100, 48210]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_views_have_the_declared_columns(store: Store, name: str) -> None:
    result = run_sql(store, f"SELECT * FROM {name}")
    assert dict(result.schema) == {n: t for n, t in TABLES[name].polars_schema.items()}
    scanned = store.scan(name).collect()
    found = pl.concat([pl.DataFrame(schema=dict(result.schema)), *result.batches])
    by = [n for n, t in scanned.schema.items() if not t.is_nested()]
    assert found.sort(by).equals(scanned.sort(by))


def test_a_release_is_pinned(tmp_path: Path) -> None:
    path = make_small_store(tmp_path / "store")
    more = make_rows(TABLES["frequencies"], [counts("chr2-9-A-T", 1, 2, cohort="west")])
    add_tables(path, {"frequencies": more}, make_contigs())
    text = "SELECT count(*) FROM frequencies"
    assert rows(varhouse.open(path), text) == [(12,)]
    assert rows(varhouse.open(path, release=3), text) == [(11,)]


def test_a_folder_that_looks_like_a_partition(tmp_path: Path) -> None:
    (tmp_path / "part=x").mkdir()
    store = varhouse.open(make_small_store(tmp_path / "part=x" / "it's"))
    text = "SELECT cohort, part, count(*) FROM frequencies GROUP BY ALL ORDER BY ALL"
    assert rows(store, text) == [
        ("east-1", "chr1", 1),
        ("north", "chr1", 7),
        ("south", "chr1", 1),
        ("south", "chr2", 2),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "COPY cohorts TO '{out}'",
        "EXPLAIN ANALYZE COPY cohorts TO '{out}'",
        "ATTACH '{out}'",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW cohorts",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SELECT * FROM read_csv('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM read_parquet('{store}/open/*/*/*.parquet')",
        "SELECT 1; SELECT 2",
        "",
        "SELEC",
        "SELECT * FROM frequences",
        "SELECT CAST(cohort AS INTEGER) FROM cohorts",
    ],
)
def test_what_is_refused(store: Store, tmp_path: Path, query: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    out = tmp_path / "out.csv"
    with pytest.raises(UsageError) as caught:
        rows(store, query.format(out=out, secret=secret, store=store.path))
    assert "\n" not in caught.value.message
    assert not out.exists()


def test_columns_of_one_name_are_told_apart(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    result = run_sql(store, "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a")
    assert next(result.batches).to_dicts() == [{"a": 1, "a_2": 2, "a_1": 3, "a_3": 4}]
    assert "a -> a_2, a -> a_3" in caplog.text
    # As of the example of `varhouse sql --help`, but for a column left out of USING.
    by = "USING ({}contig, pos, ref, alt, extent)"
    join = f"SELECT * FROM totals JOIN consequences {by} LIMIT 0"
    assert (
        run_sql(store, join.format("part, ")).schema.keys()
        == dict.fromkeys([*TABLES["totals"].names, *TABLES["consequences"].names]).keys()
    )
    assert "part_1" in run_sql(store, join.format("")).schema


@pytest.mark.parametrize("query", ["SELECT '\udcff'", "SELECT ?", "SELECT $x", "SELECT \x00'"])
def test_what_is_no_query_is_one_line(store: Store, query: str) -> None:
    with pytest.raises(UsageError) as caught:
        run_sql(store, query)
    assert "\n" not in caught.value.message


def test_a_deep_query_is_one_line(store: Store) -> None:
    deep = "SELECT " + "abs(" * 900 + "1" + ")" * 900
    assert rows(store, deep) == [(1,)]
    with pytest.raises(UsageError, match="nested as deeply"):
        rows(store.public(), deep)


def test_a_wrong_table_names_the_right_one(store: Store) -> None:
    with pytest.raises(UsageError, match='Did you mean "frequencies"'):
        run_sql(store, "SELECT * FROM frequences")
