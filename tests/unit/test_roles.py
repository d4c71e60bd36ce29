"""The matrix of tables, columns and roles, asked by every way out; governed stores; grants."""

import ast
import contextlib
import io
import itertools
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from builders import add_tables, key, make_contigs, make_rows, make_small_store
from test_view import HOSTILE
from view_builders import govern, make_people, put_cohorts

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError, StoreError, UsageError, VarhouseError
from varhouse.governance.chain import this_user
from varhouse.governance.ledger import Ledger
from varhouse.governance.readers import closed_cohorts
from varhouse.governed import CONTROLLED, INSIDE, PUBLIC, REGISTERED, ROLES, view_folder
from varhouse.publish import publish_release
from varhouse.query.describe import describe_strata
from varhouse.query.sql import run_sql
from varhouse.sharing.views import Wanted, release_view
from varhouse.store.drop import drop_cohort
from varhouse.store.errata import SEALED, WITHDRAWN, Erratum, add_erratum, sealed
from varhouse.store.gc import collect
from varhouse.store.mirror import LEDGER, is_metadata
from varhouse.store.reader import Store, open_store
from varhouse.store.releases import list_releases
from varhouse.store.retention import parse_policy
from varhouse.tables.roledocument import REASONS, document
from varhouse.tables.schema import TABLES, VARIANTS, Column, annotation_table
from varhouse.view import View

ROOT = Path(__file__).parents[2]
LIMITED = ROLES[:-1]
MARKS = {role: f"Zq{role}7" for role in ROLES}
"""What stands in texts that a role is the least to see."""


def above(role: str) -> list[str]:
    """List the marks that a role may not see."""
    return [MARKS[r] for r in ROLES[ROLES.index(role) + 1 :]]


def found_marks(text: str) -> set[str]:
    return {role for role, mark in MARKS.items() if mark in text}


# --- the declarations ---


def test_the_page_says_what_is_declared() -> None:
    page = (ROOT / "docs" / "roles.md").read_text()
    assert page == document(), "run: python -m varhouse.tables.roledocument > docs/roles.md"
    for table, column in REASONS:
        assert column in TABLES[table].names


@pytest.mark.parametrize("role", ROLES)
def test_a_role_sees_what_those_before_it_see(role: str) -> None:
    view = View(role)
    for table in TABLES.values():
        shown = view.show(table).names if view.shows(table) else ()
        if role == CONTROLLED:
            assert shown == table.names
            continue
        lesser = ROLES[: ROLES.index(role) + 1]
        declared = {n for r in lesser for n in getattr(table, r)}
        assert set(shown) == (declared if table.root == "open" else set()), table.name
        # What nothing names is denied.
        more = replace(table, columns=(*table.columns, Column("new", pl.String, "x")))
        assert not view.shows(more) or "new" not in view.show(more).names


def test_a_former_name_is_understood_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="varhouse.store"):
        assert View("own") == View(CONTROLLED)
    assert "'own' is called 'controlled' now" in caplog.text
    for wrong in ("", "Public", "owner", "controlled "):
        with pytest.raises(UsageError, match="no audience is called"):
            View(wrong)
    assert View(INSIDE).lowered(PUBLIC).audience == PUBLIC
    assert View(PUBLIC).lowered(INSIDE).audience == PUBLIC


def test_cohorts_that_are_hidden_take_sums_with_them() -> None:
    view = View(INSIDE, cohorts_hidden=frozenset({"west"}))
    shown = {n for n, t in TABLES.items() if view.shows(t)}
    assert shown == {
        "contigs", "genes", "transcripts", "frequencies", "callable", "kits", "cohorts",
    }  # fmt: skip
    with pytest.raises(AccessError, match="share release STORE --role inside"):
        view.show(VARIANTS)
    assert not view.shows(annotation_table("clinvar", {"x": pl.String}))
    whole = View(CONTROLLED, cohorts_hidden=frozenset({"west"}))
    assert all(whole.shows(t) for t in TABLES.values())
    assert {n for n, t in TABLES.items() if whole.hides_cohorts(t)} == {
        n for n, t in TABLES.items() if t.root == "controlled" and "cohort" in t.names
    }


# --- the whole matrix, on a store with a mark in every text ---


def marked_row(table: str) -> dict[str, object]:
    """Make a row of a table with the mark of each column's role in it."""
    declared = TABLES[table]
    # Names that lead to rows, which a row of the builders has too.
    place = {"cohort": "north", "contig": "chr1", "part": "chr1", **key("chr1-100-A-T")}
    row: dict[str, object] = {
        c.name: MARKS[declared.role_of(c.name)]
        for c in declared.columns
        if c.dtype == pl.String
    }
    return {**row, **{n: v for n, v in place.items() if n in declared.names}}


def make_marked_store(path: Path) -> Path:
    """Make a store of which each text says the least role that may read it."""
    make_small_store(path)
    rows = {
        name: make_rows(table, [marked_row(name)])
        for name, table in TABLES.items()
        if table.root == "controlled"
    }
    cohort = {**marked_row("cohorts"), "cohort": "west", "attributes": "{}"}
    cohort |= {"fingerprint": MARKS[CONTROLLED], "haploid": MARKS[CONTROLLED]}
    rows["cohorts"] = make_rows(TABLES["cohorts"], [cohort])
    told = {"ingest_id": "x", "account": "{}", "operation": "ingest"}
    rows["accounts"] = make_rows(TABLES["accounts"], [told])
    allele = key("chr1-100-A-T")
    ids = [
        (MARKS[CONTROLLED], "other", "cohort:north"),
        (f"rs{MARKS[INSIDE]}", "rs", "source:panel"),
        (f"rs{MARKS[PUBLIC]}", "rs", "cohort:north"),
    ]
    rows["ids"] = make_rows(
        TABLES["ids"], [{"id": i, "kind": k, "source": s, **allele} for i, k, s in ids]
    )
    rows["annotations_panel"] = pl.DataFrame(
        {
            **{k: [v] for k, v in allele.items()},
            "name": [MARKS[INSIDE]], "redistribute": [False],
            "source_version": [MARKS[INSIDE]], "licence": [MARKS[INSIDE]],
        },
        schema_overrides={"pos": pl.Int32},
    )  # fmt: skip
    number = add_tables(path, rows, make_contigs())
    # What a release says of itself: sources, and how it was made.
    record = path / "_store" / "releases" / f"{number:08d}.json"
    told = json.loads(record.read_text())
    told["meta"]["annotation"] = {
        "versions": {"panel": MARKS[INSIDE], "clinvar": MARKS[PUBLIC]},
        "sources": {"panel": "b", "clinvar": "c"},
    }
    held = {"reason": MARKS[CONTROLLED], "genes": MARKS[CONTROLLED], "n": 1}
    told["meta"]["event"] = {
        **held,
        "files": [MARKS[CONTROLLED]],
        "x": {"y": MARKS[CONTROLLED]},
    }
    told["meta"]["settings"] = MARKS[CONTROLLED]
    record.write_text(json.dumps(told))
    return path


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_marked_store(tmp_path_factory.mktemp("roles") / MARKS[CONTROLLED] / "store")


def every_row(store: Store, name: str) -> object:
    return store.scan(name).collect().to_dicts()


PYTHON: dict[str, Callable[[Store, str], object]] = {
    "scan": every_row,
    "table": lambda s, n: s.table(n).collect().to_dicts(),
    "schema": lambda s, n: s.schema(n).to_dicts(),
    "declaration": lambda s, n: s.declaration(n),
    "list_files": lambda s, n: s.list_files(n).to_dicts(),
    "explain": lambda s, n: s.explain(n),
    "paths": lambda s, n: s.paths(n),
    "constants": lambda s, n: s.constants(n),
    "sql": lambda s, n: [f.to_dicts() for f in run_sql(s, f'FROM "{n}"').batches],
    "describe": lambda s, n: s.describe(n).to_dicts(),
    "cohort": lambda s, n: s.scan(n, cohort="nobody").collect(),
    "read_rows": lambda s, n: s.read_rows(n, s.file_frame(n), 0, 99).to_dicts(),
}
"""Ways of the Python API to ask for a table."""


IN_SQL = ("accounts", "annotations_panel", "cohorts", "ids", "samples")
"""Tables that are asked for in SQL, too: each question makes all views anew."""


def asked(store: Store, way: Callable[[Store, str], object], name: str) -> str:
    try:
        return str(way(store, name))
    except VarhouseError as error:
        return f"{error} {error.fix}".replace(name, "")


def all_names(path: Path) -> list[str]:
    return sorted({*TABLES, *open_store(path).tables})


@pytest.mark.parametrize("role", ROLES)
def test_python_tells_each_role_what_is_declared_for_it(marked: Path, role: str) -> None:
    store = varhouse.open(marked, audience=role)
    seen: set[str] = set()
    for name, (kind, way) in itertools.product(all_names(marked), PYTHON.items()):
        if kind == "sql" and name not in IN_SQL:
            continue
        told = asked(store, way, name)
        assert not [m for m in above(role) if m in told], (name, kind, told)
        seen |= found_marks(told)
        declared = TABLES.get(name)
        if declared is not None and kind in ("scan", "schema", "declaration", "describe"):
            for column in set(declared.names) - set(declared.shown_to(role)):
                # The name of a table's column, unless another that is shown has it as a part.
                assert f"'{column}'" not in told, (name, kind)
    # The marks would be seen: each role finds its own and those below.
    assert seen == set(ROLES[: ROLES.index(role) + 1])
    for told in (repr(store), store._repr_html_(), json.dumps(store.meta, default=str),
                 json.dumps(store.record.meta, default=str), str(store.record)):  # fmt: skip
        assert not [m for m in above(role) if m in told.replace(str(marked), "")]


SQL = [
    *HOSTILE[::4],
    "SELECT permit_number FROM cohorts", "SELECT data_tier FROM cohorts",
    "SELECT * FROM annotations_panel", "SELECT fingerprint FROM cohorts",
    "SELECT fingerprnt FROM cohorts", "SELECT * FROM sample", "SELECT * FROM annotations_pane",
    "SELECT COLUMNS('.*print') FROM cohorts", "SELECT c FROM cohorts AS c",
    "SELECT * FROM information_schema.columns", "SELECT * FROM duckdb_columns()",
    "SELECT table_name FROM information_schema.tables", "SHOW ALL TABLES", "DESCRIBE cohorts",
    "SUMMARIZE cohorts", "SUMMARIZE ids", "PRAGMA show_tables", "PRAGMA storage_info('ids')",
    "EXPLAIN SELECT fingerprint FROM cohorts", "COPY cohorts TO '{out}'",
    "ATTACH '{path}/x.db' AS x", "FROM read_parquet('{path}/controlled/samples/**/*.parquet')",
    "FROM parquet_schema('{path}/open/cohorts/**/*.parquet')", "SELECT count(*) FROM ids",
    "SELECT min(id), max(id) FROM ids", "FROM calls", "FROM lineage", "FROM group_counts([])",
    "SELECT 1/0 FROM cohorts WHERE permit_kind = 'x'", "SELECT id::INTEGER FROM ids",
]  # fmt: skip


@pytest.mark.parametrize("role", LIMITED)
def test_sql_tells_each_role_what_is_declared_for_it(
    marked: Path, tmp_path: Path, role: str
) -> None:
    store = varhouse.open(marked, audience=role)
    out = tmp_path / "out"
    for query in SQL:
        text = query.replace("{path}", str(marked)).replace("{out}", str(out))
        try:
            told = str([f.to_dicts() for f in run_sql(store, text).batches])
        except VarhouseError as error:
            told = f"{error} {error.fix}".replace(text, "").replace(str(marked), "")
        assert not [m for m in above(role) if m in told], query
        if "fingerprint" not in query:
            assert "fingerprint" not in told, query
        assert not out.exists(), query


def commands(store: Path, out: Path) -> Iterator[list[str]]:
    """List commands that read a store; the file of -o is `out`."""
    path = str(store)
    for name in all_names(store):
        yield ["query", path, "--table", name, "--format", "json"]
        yield ["describe", path, name]
        yield ["describe", path, f"{name}.fingerprint"]
        yield ["publish", path, str(out), "--tables", name]
    yield ["publish", path, str(out)]
    yield ["report", path, "-o", f"{out}.html"]
    for more in (["--format", "json"], ["--format", "vcf", "--all"], ["--explain"],
                 ["--explain", "--table", "samples"], ["--id", f"rs{MARKS[INSIDE]}"],
                 ["--id", "rs4242"], ["--columns", "panel.name"], ["--columns", "finger*"],
                 ["--where", "panel.name == 'x'"], ["--table", "cohorts", "--where",
                 "fingerprnt == 'x'"], ["--release", "77"], ["--release", "nope"],
                 ["--table", "cohorts", "--cohort", "wst"]):  # fmt: skip
        yield ["query", path, *more]
    yield ["sql", path, "FROM cohorts"]
    yield ["sql", path, "SELECT fingerprnt FROM cohorts"]
    yield ["describe", path]
    yield ["describe", path, "--cohorts"]
    yield ["store", "diff", path, "1", "2", "--format", "json"]
    yield ["store", "diff", path, "3", "4", "--format", "json"]
    yield ["store", "diff", path, "3", "4", "--field", "panel.name", "--format", "json"]
    yield ["store", "diff", path, "3", "4", "--counts"]
    yield ["store", "diff", path, "3", "4", "--counts", "--json"]
    for step in ("log", "show"):
        yield ["store", step, path]
        yield ["store", step, path, "--json"]
    yield ["frequencies", path, "--people", 'sex == "male"', "--all"]


def run_command(line: list[str], out: Path) -> str:
    """Run a command and give all that it tells: streams, and the files that it writes."""
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    logging.getLogger("varhouse").addHandler(handler)
    try:
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            contextlib.suppress(SystemExit),
        ):
            main(line)
    finally:
        logging.getLogger("varhouse").removeHandler(handler)
    text = said.getvalue()
    for made in sorted(out.parent.glob(f"{out.name}*")):
        for file in [made] if made.is_file() else sorted(made.rglob("*")):
            text += str(file.relative_to(out.parent))
            if file.suffix == ".parquet":
                text += str(pl.read_parquet(file).to_dicts()) + str(file.read_bytes())
            elif file.is_file():
                text += file.read_text(errors="replace")
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    return text


@pytest.mark.parametrize("role", LIMITED)
def test_commands_tell_each_role_what_is_declared_for_it(
    marked: Path, tmp_path: Path, role: str
) -> None:
    out = tmp_path / "out"
    seen: set[str] = set()
    for line in commands(marked, out):
        told = run_command([*line, "--audience", role], out)
        for word in (*line, str(marked), str(marked.parent)):
            told = told.replace(word, "") if len(word) > 3 else told
        assert not [m for m in above(role) if m in told], line
        assert "Traceback" not in told, line
        seen |= found_marks(told)
    assert seen == set(ROLES[: ROLES.index(role) + 1])


def test_two_audiences_are_a_mistake(marked: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = ["query", str(marked), "--public", "--audience", "inside"]
    assert main(line) == 2
    assert "--public is --audience public" in capfd.readouterr().err
    assert main(["query", str(marked), "--public", "--audience", "public"]) == 0


# --- governed stores ---

TIERS = {"open": "T0", "club": "T1", "room": "T2", "kin": "T3"}
"""Cohorts of a governed store."""
SHOWN = {PUBLIC: {"open"}, REGISTERED: {"open", "club"}, INSIDE: {"open", "club", "room"}}
ALLELES = ["chr1-100-A-T", "chr1-200-C-G", "chr2-50-G-A"]


def make_governed(path: Path) -> Path:
    """Make a governed store with a cohort of each tier, of which each has its own allele."""
    own = {c: f"chr1-{n}-A-G" for n, c in enumerate(TIERS, 301)}
    people = {c: make_people(c, 30, [*ALLELES, own[c]], n) for n, c in enumerate(TIERS)}
    put_cohorts(path, people)
    govern(path, TIERS)
    return path


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A governed store with its views; tests that change it copy it."""
    path = make_governed(tmp_path_factory.mktemp("governed") / "store")
    for role in LIMITED:
        release_view(Wanted(path, role))
    return path


@pytest.fixture
def copied(governed: Path, tmp_path: Path) -> Path:
    path = tmp_path / "copy"
    shutil.copytree(governed, path)
    return path


@pytest.mark.parametrize("role", LIMITED)
def test_a_role_of_a_governed_store_hears_of_no_other_cohort(
    governed: Path, tmp_path: Path, role: str
) -> None:
    store = varhouse.open(governed, audience=role)
    assert store.path == view_folder(governed, role)
    assert store.name == "store"
    assert store.cohort_names() == SHOWN[role]
    hidden = TIERS.keys() - SHOWN[role]
    places = {300 + n for n, c in enumerate(TIERS, 1) if c in hidden}
    for name in store.tables:
        rows = store.scan(name).collect()
        assert not hidden & set(rows.to_dict(as_series=False).get("cohort", [])), name
        if "pos" in rows.columns:
            assert not places & set(rows["pos"]), name
    out = tmp_path / "out"
    words = [f"{c!r}" for c in hidden] + [f'"{c}"' for c in hidden]
    words += [f"cohort={c}" for c in hidden] + [f"PERMIT-{c}" for c in hidden]
    lines = [["query", str(governed), "--table", "cohorts", "--cohort", c] for c in hidden]
    seen = ""
    # Who works inside says so at the gate, and takes along what he may see.
    more = ["--audience", role, *(["--to", "inside"] if role == INSIDE else [])]
    for line in [*commands(governed, out), *lines]:
        seen += (told := run_command([*line, *more], out))
        for word in line:
            told = told.replace(f"{word!r}", "")
        assert not [w for w in words if w in told], (line, told)
        assert "Traceback" not in told, line
    assert not [c for c in SHOWN[role] if f'"{c}"' not in seen]


def test_without_its_store_a_role_is_told_the_command(tmp_path: Path) -> None:
    path = make_governed(tmp_path / "store")
    for role in LIMITED:
        with pytest.raises(AccessError) as caught:
            varhouse.open(path, audience=role)
        assert f"varhouse share release store --role {role}" in caught.value.fix
        assert str(tmp_path) not in f"{caught.value}"


@pytest.mark.parametrize("role", LIMITED)
def test_a_view_store_says_what_it_shows(
    governed: Path, role: str, capfd: pytest.CaptureFixture[str]
) -> None:
    number = open_store(governed).release
    for asked in ([str(governed), "--audience", role], [str(view_folder(governed, role))]):
        line = [*asked, *(["--to", "inside"] if role == INSIDE else [])]
        assert main(["store", "show", *line]) == 0
        told = capfd.readouterr().out
        assert f"view      of {role}; shows release {number} of the whole store" in told
        assert main(["store", "show", *line, "--json"]) == 0
        assert json.loads(capfd.readouterr().out)["cohorts"] == sorted(SHOWN[role])
        assert main(["store", "log", *line]) == 0
        told = capfd.readouterr().out
        assert told.count("\n") == len(list_releases(view_folder(governed, role)))


def test_a_page_says_for_whom_it_is(marked: Path, tmp_path: Path) -> None:
    for role in ROLES:
        publish_release(varhouse.open(marked, audience=role), tmp_path / role)
        page = (tmp_path / role / "README.md").read_text()
        assert ("may be given to anybody" in page) == (role == PUBLIC)
        assert ("Not to be passed on: annotations_panel" in page) == (
            role in (INSIDE, CONTROLLED)
        )


def test_a_view_store_shows_no_more_wherever_it_lies(governed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(view_folder(governed, REGISTERED), copy)
    for audience in (CONTROLLED, INSIDE, REGISTERED):
        store = varhouse.open(copy, audience=audience)
        assert store.view.audience == REGISTERED
        assert "permit_number" not in store.declaration("cohorts").names
    with pytest.raises(AccessError, match="made for the role registered"):
        varhouse.open(copy, audience=PUBLIC)
    file = copy / "_store" / "store.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps({k: v for k, v in told.items() if k != "role"}))
    # Its releases say it, too.
    assert varhouse.open(copy).view.audience == REGISTERED
    link = tmp_path / "link"
    link.symlink_to(view_folder(governed, PUBLIC))
    assert varhouse.open(link).view.audience == PUBLIC
    file.write_text(json.dumps({**json.loads(file.read_text()), "role": "everybody"}))
    with pytest.raises(StoreError, match="'everybody', which this varhouse does not know"):
        varhouse.open(copy)


def test_a_view_that_shows_what_it_may_no_more_is_not_read(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger.open(copied)
    ledger.add("cohort", "club", {"tier": "T2"})
    assert varhouse.open(copied, audience=PUBLIC).cohort_names() == {"open"}
    assert varhouse.open(copied, audience=INSIDE).cohort_names() == SHOWN[INSIDE]
    with pytest.raises(AccessError, match="may be shown no more") as caught:
        varhouse.open(copied, audience=REGISTERED)
    assert "share release copy --role registered" in caught.value.fix
    assert "club" not in str(caught.value)
    # Nor by its own folder, as long as it lies in the store.
    with pytest.raises(AccessError, match="may be shown no more"):
        varhouse.open(view_folder(copied, REGISTERED))
    number = open_store(copied).release
    add_erratum(copied, number, Erratum(WITHDRAWN, "a mistake", "2026-01-01T00:00:00Z"))
    with caplog.at_level(logging.WARNING, logger="varhouse.store"):
        varhouse.open(copied, audience=PUBLIC)
    assert "withdrawn: a mistake" in caplog.text
    add_erratum(copied, number, Erratum(SEALED, "purged", "2026-01-02T00:00:00Z"))
    with pytest.raises(StoreError, match=f"release {number} of the governed store"):
        varhouse.open(copied, audience=PUBLIC)


def test_a_view_outlives_the_retention_of_the_release_that_it_shows(copied: Path) -> None:
    shown = varhouse.open(copied, audience=PUBLIC).cohort_names()
    number = open_store(copied).release
    drop_cohort(copied, "club")
    collect(copied, policy=parse_policy("last 1"), grace=0.0)
    assert sealed(copied, number) is not None
    assert varhouse.open(copied, audience=PUBLIC).cohort_names() == shown


# --- single people of tier T3 and of withdrawn cohorts ---


def test_people_of_t3_are_read_by_a_grant_alone(
    copied: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def people() -> set[str]:
        return set(varhouse.open(copied).scan("samples").collect()["cohort"])

    assert people() == TIERS.keys() - {"kin"}
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="varhouse.store"):
        store = varhouse.open(copied)
        store.scan("samples").collect()
        store.scan("samples").collect()
    assert len([r for r in caplog.records if "left out" in r.message]) == 1
    assert "kin" in caplog.text
    for way in (
        lambda: store.scan("samples", cohort="kin").collect(),
        lambda: store.scan("samples", cohort=["open", "kin"]).collect(),
        lambda: store.list_files("samples", cohort="kin"),
        lambda: store.paths("samples", cohort="kin"),
        lambda: store.table("samples", cohort="kin").collect(),
        lambda: store.calls(cohort="kin"),
    ):
        with pytest.raises(AccessError, match="no grant for you"):
            way()
    assert not [p for p in store.paths("samples") if "kin" in str(p)]
    query = "SELECT DISTINCT cohort FROM samples ORDER BY ALL"
    rows = [r[0] for f in run_sql(store, query).batches for r in f.rows()]
    assert rows == ["club", "open", "room"]
    with pytest.raises(VarhouseError):
        list(run_sql(store, f"FROM '{copied}/controlled/samples/cohort=kin/*'").batches)
    # Counts of it are seen by who is controlled.
    assert "kin" in set(store.scan("frequencies").collect()["cohort"])
    assert store.known_rows("samples") == 90
    # What asks all cohorts for counts goes on, without the people of this one.
    assert "kin" in set(store.callability("chr1:90-110")["cohort"])
    strata = describe_strata(store).rows()
    assert strata[0] == ("all", "all", 120, 4)
    with pytest.raises(UsageError, match="there are club, open, room"):
        store.group_frequencies('cohort == "kin"')
    # What makes and checks a store reads all of it.
    assert open_store(copied).scan("samples").collect().height == 120
    ledger = Ledger.open(copied)
    ledger.add("grant", "", {"principal": "somebody-else", "cohort": "kin"})
    assert "kin" not in people()
    mine = {"principal": this_user(), "cohort": "kin", "until": "2020-01-01"}
    ledger.add("grant", "", mine)
    assert "kin" not in people()
    ledger.add("grant", "", {**mine, "until": "2999-12-31"})
    assert "kin" in people()
    ledger.add("withdraw", "room", {"from": "2020-01-01"})
    assert people() == {"open", "club", "kin"}


def test_a_new_name_opens_nothing(copied: Path) -> None:
    ledger = Ledger.open(copied)
    ledger.add("cohort", "clan", {"same_people_as": "kin"})
    ledger.add("cohort", "tribe", {"same_people_as": "clan"})
    ledger.add("cohort", "nation", {"same_people_as": "kin", "tier": "T1"})
    ledger.add("cohort", "alone", {})
    assert closed_cohorts(copied) == {"kin", "clan", "tribe"}
    assert closed_cohorts(copied, user="nobody") == {"kin", "clan", "tribe"}
    for role in LIMITED:
        shut = closed_cohorts(copied, role)
        assert {"kin", "clan", "tribe", "alone"} <= shut
        assert not SHOWN[role] & shut


def test_a_ledger_that_was_changed_opens_nothing(copied: Path) -> None:
    file = copied / "_store" / "governance" / "ledger.jsonl"
    file.write_text(file.read_text().replace('"T3"', '"T0"', 1))
    with pytest.raises(StoreError, match="changed after it was written"):
        varhouse.open(copied)


def test_readers_of_a_store_elsewhere_get_no_private_file() -> None:
    private = "_store/governance/private/people.key"
    assert is_metadata("_store/governance/ledger.jsonl")
    assert private.startswith(LEDGER)
    assert not "_store/governance/ledger.jsonl".startswith(LEDGER)
    assert not is_metadata("_views/public/_store/store.json")


# --- nobody opens a store past the ledger ---

WHOLE = {
    "calling/onego.py": "a run of calls asks what the store is made of",
    "cli/ingest.py": "an ingest",
    "cli/waysout.py": "finds the cohorts of a view that the gate is asked about",
    "cli/ledger": "names of cohorts, for who keeps the ledger",
    "cli/share": "goes through the gate, which judges by the ledger itself",
    "cli/storelog.py": "digests of a release, which no row is needed for",
    "cli/storeverify.py": "checks all there is",
    "ingest": "makes releases",
    "nightly/telling.py": "numbers of tables",
    "query/opened.py": "hands on what it is handed",
    "report/find.py": "opens as it is told; the command hands in varhouse.open",
    "sharing": "makes views and packs, and judges by the ledger itself",
    "status/find.py": "numbers, and what is held back",
    "store": "makes releases",
    "verify": "checks all there is",
    "withdrawal": "makes releases",
    "onefile/annotate_store.py": "asks the ledger",
    "submission": "packs, judged by the ledger itself",
    "attack": "attacks what it is told to",
    "people/update.py": "makes releases",
    "precompile": "a store of its own",
}  # fmt: skip
"""What calls `reader.open_store` (how its name begins), and why not `varhouse.open`."""


def test_what_answers_people_opens_a_store_by_the_ledger() -> None:
    src = ROOT / "src" / "varhouse"
    found = set()
    for file in src.rglob("*.py"):
        text = file.read_text()
        if "open_store" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module == "varhouse.store.reader"
                and "open_store" in {a.name for a in node.names}
            ):
                found.add(str(file.relative_to(src)))
    unknown = {f for f in found if not f.startswith(tuple(WHOLE))}
    assert unknown == set(), "open it by varhouse.open, or say here why not"
