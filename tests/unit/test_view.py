"""One gate: what a public view shows, and that nothing else gets out of a store."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from builders import add_tables, key, make_contigs, make_rows, make_small_store

import varhouse
from varhouse.account import public_account
from varhouse.cli import main
from varhouse.errors import AccessError, UsageError, VarhouseError
from varhouse.export import export_cohort
from varhouse.governed import CONTROLLED, PUBLIC
from varhouse.query.sql import run_sql
from varhouse.store.reader import Store
from varhouse.tables.schema import (
    PEOPLE_TABLES,
    TABLES,
    VARIANTS,
    Column,
    Table,
    annotation_table,
)
from varhouse.view import AUDIENCES, View

SECRET = "Zq7secret"
"""Stands in every column that is not public, and in the store's path."""


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda t: t.name)
def test_every_column_is_declared_public_or_not(table: Table) -> None:
    """A new column is not shown; this says that somebody has to decide."""
    said = [*table.public, *table.registered, *table.inside, *table.controlled]
    assert len(said) == len(set(said))
    if table.root == "controlled":
        assert said == [], "nothing of controlled/ is public"
    else:
        assert set(said) == set(table.names), "name new columns in `public` or `own`"
        assert {*table.partition, *table.sort} <= set(table.public)


def test_what_nothing_allows_is_denied() -> None:
    more = Column("note", pl.String, "a new column that nobody has thought about")
    table = replace(VARIANTS, columns=(*VARIANTS.columns, more))
    assert "note" not in View(PUBLIC).show(table).names
    assert "note" in View(CONTROLLED).show(table).names
    new = Table("new", "open", "a row", (more,))
    assert not View(PUBLIC).shows(new)
    # Not even a wrong declaration opens what is controlled.
    assert not View(PUBLIC).shows(replace(TABLES["samples"], public=("sample",)))
    assert View(PUBLIC).shows(annotation_table("freq", {"af": pl.Float64}))
    withheld = View(PUBLIC, ("freq",))
    assert not withheld.shows(annotation_table("freq", {"af": pl.Float64}))
    assert withheld.shows(annotation_table("freq_panel", {"name": pl.String}))
    with pytest.raises(UsageError, match="no audience is called 'publik'"):
        View("publik")


def make_secret_store(path: Path) -> Path:
    """Make a store with the secret in every text that is not public."""
    make_small_store(path)
    rows = {}
    personal = (
        "sites",
        "genotypes",
        "fields",
        "runs",
        "carried",
        "samples",
        "files",
        "rejects",
        "lifted",
        *(t.name for t in PEOPLE_TABLES),
    )
    for name in (*personal, "ingests"):
        texts = {n: SECRET for n, t in TABLES[name].polars_schema.items() if t == pl.String}
        place = {"cohort": "north", "contig": "chr1", "pos": 1}
        own = {n: v for n, v in place.items() if n in TABLES[name].names}
        rows[name] = make_rows(TABLES[name], [{**texts, **own}])
    hidden = {n: SECRET for n in TABLES["cohorts"].names if n not in TABLES["cohorts"].public}
    rows["cohorts"] = make_rows(TABLES["cohorts"], [{"cohort": "west", **hidden}])
    told = {"ingest_id": "x", "account": "{}", "operation": "ingest"}
    rows["accounts"] = make_rows(TABLES["accounts"], [told])
    rows["ids"] = make_rows(
        TABLES["ids"],
        [
            {
                "id": f"{SECRET}_1",
                "kind": "other",
                "source": "cohort:north",
                **key("chr1-100-A-T"),
            },
            {"id": "rs4242", "kind": "rs", "source": "source:freq", **key("chr1-100-A-T")},
        ],
    )
    freq = pl.DataFrame(
        {
            **{k: [v] for k, v in key("chr1-100-A-T").items()},
            "name": [SECRET],
            "redistribute": [False],
            "source_version": [SECRET],
            "licence": [SECRET],
        },
        schema_overrides={"pos": pl.Int32},
    )
    rows["annotations_freq"] = freq
    add_tables(path, rows, make_contigs())
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_secret_store(tmp_path_factory.mktemp("gate") / SECRET / "store")


@pytest.fixture(scope="module")
def public(path: Path) -> Store:
    return varhouse.open(path, audience=PUBLIC)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_a_number_of_rows_is_of_those_shown_or_none(path: Path, audience: str) -> None:
    """Of `ids` some rows are hidden: their number would tell how many."""
    store = varhouse.open(path, audience=audience)
    said = dict(store.describe().select("table", "rows").rows())
    counted = {n: store.scan(n).select(pl.len()).collect().item() for n in store.tables}
    if audience != CONTROLLED:
        assert (
            counted["ids"] < varhouse.open(path).scan("ids").select(pl.len()).collect().item()
        )
        counted["ids"] = None
    assert {n: said[n] for n in counted} == counted
    is_blank = "<td>ids</td><td style='text-align:right'></td>" in store._repr_html_()
    assert is_blank == (audience != CONTROLLED)


def test_python_gives_no_more_than_is_public(path: Path, public: Store) -> None:
    assert AUDIENCES == ("public", "registered", "inside", "controlled")
    own = varhouse.open(path)
    assert "samples" in own.tables
    shown = {t for t in own.tables if t not in TABLES or TABLES[t].root == "open"}
    assert set(public.tables) == shown - {"annotations_freq"}
    for name in {*own.tables, *TABLES} - set(public.tables):
        if name in TABLES and TABLES[name].root == "open":
            continue
        for way in (public.scan, public.declaration, public.schema, public.file_frame):
            with pytest.raises(AccessError):
                way(name)
    for name in public.tables:
        frame = public.scan(name).collect()
        assert tuple(frame.columns) == public.declaration(name).names
        assert SECRET not in str(frame.rows()), name
        with pytest.raises(AccessError, match="more than is public"):
            public.paths(name)
    assert "permit_number" not in public.declaration("cohorts").names
    assert "permit_number" in own.declaration("cohorts").names
    assert public.scan("ids").filter(pl.col("id") == "rs4242").collect().is_empty()
    assert own.scan("ids").filter(pl.col("id") == "rs4242").collect().height == 1
    assert public.digest() == own.digest()
    for told in (repr(public), json.dumps(public.meta), json.dumps(public.record.meta)):
        assert SECRET not in told
    with pytest.raises(VarhouseError):
        export_cohort(public, "north", path.parent / "x.vcf")
    assert not (path.parent / "x.vcf").exists()
    # What a public view is made into is not less public.
    assert public.public().tables == public.tables


FORMATS = ("tsv", "csv", "json", "parquet", "table")
QUESTIONS = [
    [],
    ["--id", "rs4242"],
    ["--id", f"{SECRET}_1"],
    ["--columns", "freq.name"],
    ["--where", f"freq.name == '{SECRET}'"],
    ["--where", "permit_number is null"],
    ["--table", "cohorts"],
    ["--table", "cohorts", "--columns", "permit_number"],
    ["--table", "cohorts", "--where", "permit_number like 'Z%'"],
    ["--table", "cohorts", "--where", "permit_numbr is null"],
    ["--table", "cohorts", "--columns", "permit*"],
    ["--table", "ids"],
    ["--table", "accounts"],
    ["--table", "annotations_freq"],
    ["--table", "annotations_fre"],
    *(["--table", t.name] for t in TABLES.values() if t.root == "controlled"),
    ["--table", "sample"],
    ["--table", "../controlled/samples"],
    ["--gene", "DEMO1"],
    ["--gene", "NONE"],
    ["--region", "chr1:1-200"],
    ["--region", "chr77"],
]


@pytest.mark.parametrize("asked", QUESTIONS, ids=" ".join)
def test_a_public_query_tells_nothing_else(
    path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    spoken = "".join(asked)
    for form in FORMATS:
        out = tmp_path / f"out.{form}"
        code = main(["query", str(path), "--public", "--format", form, "-o", str(out), *asked])
        said = capfd.readouterr()
        text = said.out + said.err.replace(str(out), "").replace(spoken, "")
        if out.exists():
            assert code == 0
            if form == "parquet":
                meta = pq.read_metadata(out)
                text += str(pq.read_table(out).to_pylist()) + str(meta.metadata)
            else:
                text += out.read_text()
        for word in asked:
            text = text.replace(word, "")
        assert SECRET not in text, form
        assert "rs4242" not in text
        assert "permit_number" not in text.replace("no column 'permit_number'", "")
        assert "Traceback" not in text


HOSTILE = [
    "SELECT * FROM samples",
    "SELECT * FROM Samples",
    'SELECT * FROM main."samples"',
    "SELECT * FROM memory.main.ids",
    "SELECT permit_number FROM cohorts",
    "SELECT c.permit_number FROM cohorts AS c",
    "SELECT * FROM cohorts WHERE permit_number LIKE 'Z%'",
    "SELECT COLUMNS('permit.*') FROM cohorts",
    "SELECT cohort FROM cohorts UNION SELECT permit_number FROM cohorts",
    "SELECT CAST(attributes AS INTEGER) FROM cohorts",
    "SELECT sql FROM duckdb_views()",
    "SELECT sql FROM duckdb_views",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM information_schema.views",
    "SELECT * FROM pg_catalog.pg_views",
    "SELECT current_setting('allowed_paths')",
    "SELECT getenv('HOME')",
    "SELECT pg_get_viewdef(1)",
    "SELECT * FROM duckdb_settings()",
    "WITH duckdb_settings AS (SELECT 1) SELECT * FROM duckdb_settings",
    "SELECT * FROM duckdb_settings, (WITH duckdb_settings AS (SELECT 1) SELECT 1)",
    "PRAGMA database_list",
    "PRAGMA table_info('cohorts')",
    "EXPLAIN SELECT * FROM ids",
    "EXPLAIN ANALYZE SELECT * FROM ids",
    "SELECT * FROM glob('{path}/*')",
    "SELECT * FROM read_text('{path}/_store/store.json')",
    "SELECT * FROM '{path}/open/cohorts/**/*.parquet'",
    "SELECT * FROM read_parquet('{path}/open/cohorts/**/*.parquet')",
    "SELECT * FROM parquet_metadata('{path}/open/cohorts/cohort=west/x.parquet')",
    "FROM query_table('samples')",
    "FROM query('FROM samples')",
    "COPY (FROM ids) TO '{out}'",
    "ATTACH '{out}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "RESET enable_external_access",
    "CREATE TABLE x AS FROM ids",
    "SELECT filename FROM ids",
    "SELECT * FROM store",
    "SELECT * FROM ids WHERE id = (SELECT error('x'))",
    "DESCRIBE samples",
    "SUMMARIZE samples",
    "SHOW samples",
    "DESCRIBE '{path}/open/cohorts'",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_public_sql_reaches_nothing_else(public: Store, tmp_path: Path, query: str) -> None:
    out = tmp_path / "out"
    asked = query.replace("{path}", str(public.path)).replace("{out}", str(out))
    with pytest.raises(VarhouseError) as caught:
        list(run_sql(public, asked).batches)
    told = (
        str(caught.value).replace(asked, "").replace(str(public.path), "", asked.count(SECRET))
    )
    assert SECRET not in told
    assert not out.exists()


@pytest.mark.parametrize(
    "query",
    [
        "SHOW TABLES", "SHOW ALL TABLES", "DESCRIBE cohorts", "SUMMARIZE cohorts",
        "SELECT cohorts FROM cohorts", "FROM ids", "WITH a AS (FROM ids) FROM a",
        "SELECT count(*) FROM ids, range(2)", "SELECT * FROM annotations_clinvar",
        "SELECT pos, af FROM totals WHERE pos = 100 AND part = 'chr1'",
    ],
)  # fmt: skip
def test_public_sql_answers(public: Store, query: str) -> None:
    rows = [r for frame in run_sql(public, query).batches for r in frame.rows()]
    assert rows
    told = str(rows)
    assert SECRET not in told
    assert "rs4242" not in told
    assert "permit" not in told
    assert "samples'" not in told.replace("n_samples'", "")


def test_public_sql_gives_the_rows_that_polars_gives(public: Store) -> None:
    for name in public.tables:
        found = pl.concat(
            [
                pl.DataFrame(schema=public.declaration(name).polars_schema),
                *run_sql(public, f'SELECT * FROM "{name}"').batches,
            ]
        )
        scanned = public.scan(name).collect()
        by = [n for n, t in scanned.schema.items() if not t.is_nested()]
        assert found.sort(by).equals(scanned.sort(by)), name


def test_an_account_tells_only_what_is_known_to_be_harmless() -> None:
    account = {
        "cohorts": [
            {
                "cohort": "north",
                "n_samples": 3,
                "hold": [SECRET],
                "new": SECRET,
                "reasons": {SECRET + " x": 1, "a_b": 2},
                "notes": [f"2 x VH-H-006: {SECRET}"],
            }
        ],
        "held_back": [
            {
                "cohort": "bad",
                "reasons": [f"{SECRET}:7 error VH-B-001 x", SECRET],
                "notes": [SECRET],
                "path": SECRET,
            }
        ],
        "warnings": [SECRET],
        "genes": SECRET,
        "reference": SECRET,
        "new": {"x": SECRET},
        "shared_samples": [{"cohorts": ["a", "b"], "n": 1, "first": [SECRET]}],
        "sources": [{"name": "freq", "version": SECRET}, {"name": "open", "version": "1"}],
        "renewed": {"annotations_freq": ["chr1"]},
        "stages": [{"stage": "read", "log": SECRET}],
    }
    config = {
        "policy": {"pass_only": True, "note": f"/{SECRET}"},
        "strata": ["sex"],
        "reference": SECRET,
    }
    told = public_account(account, config, ["freq"])
    assert SECRET not in json.dumps(told)
    assert "freq" not in json.dumps(told)
    assert told["cohorts"][0]["reasons"] == {"a_b": 2}
    assert told["cohorts"][0]["notes"] == ["2 × VH-H-006"]
    assert told["held_back"][0]["reasons"] == ["VH-B-001", "the reason is in the full report"]
    assert told["policy"] == {"pass_only": True}
    assert told["sources"] == [{"name": "open", "version": "1"}]


def test_an_account_does_not_name_a_source_that_was_withheld_since(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The account of an ingest was written while the source was public."""
    store = make_small_store(tmp_path / "store")
    told = {
        "sources": [{"name": "freq", "version": "7"}, {"name": "clinvar", "version": "1"}],
        "renewed": {"annotations_freq": ["chr1"], "consequences": ["chr1"]},
        "gone": ["annotations_freq"], "new_alleles": 3, "strata": ["é"],
    }  # fmt: skip
    row = {"ingest_id": "x", "release": 3, "operation": "ingest", "account": json.dumps(told),
           "started": "2026-01-01T00:00:00Z", "finished": "2026-01-01T00:00:01Z"}  # fmt: skip
    add_tables(store, {"accounts": make_rows(TABLES["accounts"], [row])}, make_contigs())
    query = "SELECT account FROM accounts"

    def accounts() -> list[dict]:
        public = varhouse.open(store, audience=PUBLIC)
        scanned = public.scan("accounts").collect()["account"].to_list()
        asked = [r[0] for frame in run_sql(public, query).batches for r in frame.rows()]
        assert asked == scanned
        return [json.loads(text) for text in scanned]

    assert accounts() == [told]
    freq = pl.DataFrame(
        {
            **{k: [v] for k, v in key("chr1-100-A-T").items()},
            "redistribute": [False],
            "source_version": ["8"],
            "licence": [""],
        },
        schema_overrides={"pos": pl.Int32},
    )
    add_tables(store, {"annotations_freq": freq}, make_contigs())
    assert accounts() == [
        {
            **told,
            "sources": told["sources"][1:],
            "renewed": {"consequences": ["chr1"]},
            "gone": [],
        }
    ]
    # Nor in a release that was made before, nor on the page.
    before = varhouse.open(store, 3, audience=PUBLIC)
    assert "freq" not in str(before.scan("accounts").collect().rows())
    page = tmp_path / "x.html"
    assert main(["report", str(store), "--open", "-o", str(page)]) == 0
    capfd.readouterr()
    assert "clinvar 1" in page.read_text()
    assert "freq 7" not in page.read_text()


# --- a reader without permission on controlled/ ---


@pytest.fixture
def shared() -> Iterator[Path]:
    """A store whose `controlled` only its owner may enter; skipped unless root."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv, to run a command as somebody else")
    if run_as_nobody("import varhouse, polars").returncode != 0:
        pytest.skip("needs an environment and a clone that others may read")
    # Not below pytest's own folder, which is closed to others again by every run of it.
    with tempfile.TemporaryDirectory(prefix="varhouse-gate-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        store = make_secret_store(folder / "store")
        (store / "controlled").chmod(0o700)
        yield store


def close_files(store: Path) -> None:
    """Let everybody into the folders, but read no file of data."""
    for file in (store / "controlled").rglob("*"):
        file.chmod(0o600 if file.suffix == ".parquet" else 0o755)
    (store / "controlled").chmod(0o755)


def run_as_nobody(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    runner = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    return subprocess.run(
        [*runner, sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": "/nonexistent", "NUMBA_CACHE_DIR": "/tmp/numba-nobody"},
        check=False,
        cwd="/",
    )


COMMAND = "import sys; from varhouse.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.parametrize("closed", ["folder", "files"])
def test_a_reader_of_the_open_tables_alone(shared: Path, closed: str) -> None:
    if closed == "files":
        close_files(shared)
    out = shared.parent / "out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    store = str(shared)
    page = str(out / "page.html")
    works = [
        ["query", store, "--region", "chr1:1-200"], ["query", store, "--id", "rs33"],
        ["query", store, "--table", "cohorts"], ["query", store, "--public"],
        ["sql", store, "SELECT count(*) FROM frequencies"], ["sql", store, "SHOW TABLES"],
        ["sql", store, "FROM ids", "--public"], ["store", "log", store],
        ["store", "show", store], ["store", "digest", store, "--per-table"],
        ["report", store, "--open", "-o", page], ["store", "diff", store, "2", "3"],
        ["status", store], ["status", store, "--json"],
        ["store", "files", store, "--table", "frequencies"],
    ]  # fmt: skip
    fails = [
        ["query", store, "--table", "samples"],
        ["sql", store, "SELECT * FROM samples"],
        ["report", store, "-o", page],
        ["store", "digest", store, "--recompute"],
        ["export", store, "--cohort", "north", "-o", str(out / "x.vcf")],
        ["store", "verify", store],
        ["store", "files", store, "--table", "samples"],
    ]
    script = (
        "import sys, json, io, contextlib\n"
        "from varhouse.cli import main\n"
        "for line in json.loads(sys.argv[1]):\n"
        "    err, out = io.StringIO(), io.StringIO()\n"
        "    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):\n"
        "        code = main(line)\n"
        "    print(json.dumps([code, err.getvalue()]))\n"
    )
    done = run_as_nobody(script, json.dumps(works + fails))
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    for asked, (code, err) in zip(works, answers, strict=False):
        assert code == 0, (asked, err)
    for asked, (code, err) in zip(fails, answers[len(works) :], strict=True):
        assert code == 1, (asked, err)
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, (asked, err)
        assert "no permission" in errors[0], (asked, err)
        assert "controlled" in errors[0]
    done = run_as_nobody(
        "import sys, varhouse\n"
        "store = varhouse.open(sys.argv[1])\n"
        "assert store.scan('frequencies').collect().height\n"
        "assert varhouse.open(sys.argv[1], audience='public').scan('ids').collect().height\n"
        "try:\n    store.scan('samples')\n"
        "except varhouse.errors.VarhouseError as error:\n    print(error)\n",
        store,
    )
    assert "no permission to read" in done.stdout, done.stderr
