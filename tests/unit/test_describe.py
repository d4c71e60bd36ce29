"""`varhouse describe`, `store.describe`, `store.sql`, `store.query` and comments in DuckDB."""

import json
from pathlib import Path

import polars as pl
import pytest
from builders import make_small_store

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError, StoreError, UsageError, VarhouseError
from varhouse.query.describe import describe_cohorts, describe_strata
from varhouse.query.opened import OpenStore
from varhouse.tables import dictionary
from varhouse.tables.schema import TABLES, Table


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_store(tmp_path_factory.mktemp("describe") / "store")


@pytest.fixture(scope="module")
def store(path: Path) -> OpenStore:
    return varhouse.open(path)


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_every_number_has_a_unit_and_every_null_a_meaning(table: Table) -> None:
    """A new column is not described by itself; this says that somebody has to."""
    no_unit = {"fields_digest", "blocks_digest", "states"}
    for row in dictionary.describe_table(table).to_dicts():
        column = next(c for c in table.columns if c.name == row["column"])
        inner = column.dtype.inner if isinstance(column.dtype, pl.List) else column.dtype
        if inner.is_numeric() and column.name not in no_unit:
            assert row["unit"], f"{table.name}.{column.name}: name its unit in UNITS"
        if column.nullable:
            assert column.name in dictionary.NULLS, f"{table.name}.{column.name}: see NULLS"
        else:
            assert row["null_means"] == dictionary.NEVER


def test_a_store_lists_its_tables(store: OpenStore) -> None:
    found = store.describe()
    assert found.columns == ["table", "rows", "root", "row"]
    assert found["table"].to_list() == ["query", *store.tables]
    counted = {n: store.table(n).select(pl.len()).collect().item() for n in store.tables}
    assert dict(found.filter(pl.col("table") != "query").select("table", "rows").rows()) == (
        counted
    )
    assert set(found["root"]) == {"open"}, "the small store has nobody's data"


def test_a_table_and_a_column(store: OpenStore) -> None:
    totals = store.describe("totals")
    assert totals["column"].to_list() == list(TABLES["totals"].names)
    assert store.describe("totals.AF").rows() == [
        ("af", "Float64", "share", "an is 0: nobody was called", "ac / an; null when an is 0")
    ]
    # A person's counts are genotypes, a group's are people.
    assert store.describe("samples.n_het")["unit"].item() == "genotypes"
    assert store.describe("totals.n_het")["unit"].item() == "people"
    source = store.describe("annotations_clinvar")
    assert source.filter(column="clnsig")["null_means"].item() == "the source does not say"


def test_columns_of_a_query_are_those_that_it_takes(store: OpenStore) -> None:
    known = store.describe("query")
    assert {"af_north", "clinvar.clnsig", "genes", "hgvsp"} <= set(known["column"])
    answer = store.query("chr1:100", columns=known["column"].to_list())
    assert dict(answer.schema) == dict(answer.select(known["column"].to_list()).schema)
    types = [str(t) for t in answer.schema.values()]
    assert types == known["type"].to_list()
    means = dict(known.select("column", "null_means").rows())
    assert means["pos"] == "never null"
    assert means["af"] == "nobody was assessed; else an is 0: nobody was called"
    assert means["ac_north"] == "nobody of the cohort was assessed"


@pytest.mark.parametrize(
    ("what", "error", "says"),
    [
        ("total", StoreError, "no table 'total'; nearest: totals"),
        ("totals.aff", UsageError, "no column 'aff' here; nearest: af"),
        ("sample.sex", StoreError, "no table 'sample'; nearest: samples"),
    ],
)
def test_what_there_is_not(
    store: OpenStore, what: str, error: type[VarhouseError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        store.describe(what)
    assert "`varhouse describe STORE" in caught.value.fix


def test_a_public_view_describes_what_it_shows(path: Path) -> None:
    public = varhouse.open(path, audience="public")
    assert "samples" not in public.describe()["table"].to_list()
    assert "ethics_approval" not in public.describe("cohorts")["column"].to_list()
    with pytest.raises(AccessError, match="not public"):
        public.describe("samples.sex")
    with pytest.raises(AccessError, match="not public"):
        public.sql("SELECT * FROM samples")
    assert describe_strata(public)["n_people"].drop_nulls().len() <= 1


def test_strata_and_cohorts(store: OpenStore) -> None:
    strata = describe_strata(store)
    own = store.frequencies().select("stratum_by", "stratum").unique().collect().rows()
    assert sorted(strata.select("stratum_by", "stratum").rows()) == sorted(own)
    assert strata.row(0)[:2] == ("all", "all")
    assert describe_cohorts(store)["cohort"].to_list() == ["east-1", "north", "south"]


def test_sql_gives_what_the_tables_hold(store: OpenStore) -> None:
    found = store.sql("SELECT cohort, sum(ac) AS ac FROM frequencies GROUP BY 1 ORDER BY 1")
    assert found.rows() == [("east-1", 1), ("north", 108), ("south", 5)]
    assert (
        store.sql("SELECT * FROM totals WHERE false").schema == store.totals().collect_schema()
    )
    with pytest.raises(UsageError, match="only reads"):
        store.sql("DROP VIEW totals")


def test_comments_stand_in_the_catalogue(path: Path, store: OpenStore) -> None:
    for one in (store, varhouse.open(path, audience="own")):
        said = one.sql(
            "SELECT table_name, column_name, comment FROM duckdb_columns()"
            " WHERE schema_name = 'main' AND NOT internal AND table_name <> 'calls'"
        )
        assert said["comment"].null_count() == 0
        found = {(t, c): text for t, c, text in said.rows()}
        assert found["totals", "af"] == (
            "ac / an; null when an is 0 [share; null: an is 0: nobody was called]"
        )
        assert {t for t, _ in found} == {*TABLES, "annotations_clinvar", "lineage"}
    tables = store.sql("SELECT comment FROM duckdb_views() WHERE view_name = 'variants'")
    assert tables["comment"].item() == "a row: a distinct allele"


def test_query_is_the_command(
    path: Path, store: OpenStore, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    where = 'impact == "HIGH"'
    assert main(["query", str(path), "--where", where, "--format", "json"]) == 0
    printed = json.loads(capfdbinary.readouterr().out)
    assert store.query(where=where).to_dicts() == printed
    assert store.query(genes="DEMO7", columns=["pos", "alt"]).rows() == [(48210, "T")]
    assert store.query(table="genes", limit=1).height == 1
    assert store.query(["chr2:50", "chr10"], columns="contig").height == 2


def test_the_command(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", str(path), "--format", "table"]) == 0
    text = capfd.readouterr().out
    assert "variants" in text
    assert "people are counted by" in text
    assert main(["describe", str(path), "totals.af", "--format", "table"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "totals: a row is an allele x stratum over all cohorts that assessed its site",
        "",
        "af  Float64, share",
        "    ac / an; null when an is 0 (null: an is 0: nobody was called)",
    ]
    assert main(["describe", str(path), "--strata"]) == 0
    assert capfd.readouterr().out.startswith("stratum_by\tstratum\tn_people\tn_cohorts\nall\t")
    assert main(["describe", str(path), "totals", "--strata"]) == 2
    assert "--strata is of the store, not of totals" in capfd.readouterr().err


def test_completion_knows_every_table(store: OpenStore) -> None:
    """IPython's completer (with jedi and without) goes by `dir` and the key completions."""
    assert set(TABLES) <= set(dir(store))
    assert {"query", "sql", "describe", "strata", "carriers"} <= set(dir(store))
    keys = store._ipython_key_completions_()
    assert keys == store.tables
    assert "annotations_clinvar" in keys
    for name in keys:
        assert store[name].collect_schema() == store.scan(name).collect_schema()
    with pytest.raises(StoreError, match="no table 'total'; nearest: totals"):
        store["total"]


def test_a_notebook_shows_the_tables(path: Path, store: OpenStore) -> None:
    page = store._repr_html_()
    assert page.count("<tr>") == len(store.tables) + 2
    assert "<td>totals</td>" in page
    assert len(page) < 6_000
    public = varhouse.open(path, audience="public")._repr_html_()
    assert str(path.parent) not in public
    assert store.strata().equals(describe_strata(store))


def test_the_text_is_in_the_language_of_the_reader(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {}
    for code in ("en", "zh"):
        monkeypatch.setenv("VARHOUSE_LANGUAGE", code)
        assert main(["describe", str(path), "totals", "--format", "table"]) == 0
        said[code] = capsys.readouterr().out
        # What programs read is the same for every reader.
        assert main(["describe", str(path), "totals", "--format", "tsv"]) == 0
        said[f"{code}.tsv"] = capsys.readouterr().out
    assert said["en.tsv"] == said["zh.tsv"]
    assert "ac / an; null when an is 0 (null: an is 0: nobody was called)" in said["en"]
    assert "ac / an;an 为 0 时为空 (为空: an 为 0:无人检出)" in said["zh"]
    names = [
        [line for line in text.splitlines() if line[:1].isalpha() and ":" not in line]
        for text in (said["en"], said["zh"])
    ]
    assert [n.split()[0] for n in names[0]] == [n.split()[0] for n in names[1]] != []
