"""Ways around the gate: each tries to get a secret out of a governed store, and gets none.

A secret is a hidden cohort's name, a person's, an allele that only hidden people or one person
carry, a paper, a count of 1 to k - 1. `attempts` give all that they got to read; `counts` give
numbers that they worked out. Each runs as public, registered and inside.
"""

import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from bytesearch import search
from redteam import (
    OWN,
    ROLES,
    SEES,
    Attacker,
    Attempt,
    K,
    Terminal,
    files_below,
    make_redteam_store,
    secrets_of,
)

import varhouse
from varhouse.attack.counts import rows_of
from varhouse.attack.smallcells import find_small
from varhouse.cli import main
from varhouse.governed import private_folder, view_folder
from varhouse.store.reader import open_store

attempts: dict[str, Attempt] = {}
counts: dict[str, Callable[[Attacker], list[float]]] = {}


def attempt(function: Attempt) -> Attempt:
    attempts[function.__name__] = function
    return function


def counting(function: Callable[[Attacker], list[float]]) -> Callable[[Attacker], list[float]]:
    counts[function.__name__] = function
    return function


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_redteam_store(tmp_path_factory.mktemp("redteam") / "warehouse")


@pytest.fixture
def attacker(
    store: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Attacker:
    return Attacker(store, request.param, tmp_path, capfd)


# --- rows, conditions, names ---


@attempt
def all_rows(a: Attacker) -> str:
    return "".join(a.ask("query", "--region", c, "--format", "json") for c in ("chr1", "chr2"))


@attempt
def each_table(a: Attacker) -> str:
    from varhouse.tables.schema import TABLES  # noqa: PLC0415

    return "".join(a.ask("query", "--table", t, "--format", "tsv") for t in TABLES)


@attempt
def rows_at_a_hidden_place(a: Attacker) -> str:
    low = min(OWN.values()) - 100
    return a.ask("query", "--region", f"chr2:{low}-{low + 9000}", "--format", "tsv")


@attempt
def conditions_on_what_is_hidden(a: Attacker) -> str:
    asked = [
        "ac < 3",
        "n_het = 1",
        "permit_number like 'P%'",
        "af_omega > 0",
        "fingerprint > ''",
    ]
    return "".join(a.ask("query", "--region", "chr2", "--where", w) for w in asked)


@attempt
def slips_in_names(a: Attacker) -> str:
    """An error that says what is meant must know only what the role sees."""
    said = [a.ask("query", "--by", "cohort", "--cohort", c, "--region", "chr1")
            for c in ("omegaz", "gammax", "earlyx", "betax")]  # fmt: skip
    said.append(a.ask("query", "--table", "frequencies", "--where", "cohort = 'omegaz'"))
    said.append(a.ask("query", "--region", "chr1", "--columns", "af_omegaz"))
    said.append(a.ask("query", "--table", "sampels"))
    said.append(a.ask("query", "--id", "rs1"))
    return "".join(said)


@attempt
def columns_of_hidden_cohorts(a: Attacker) -> str:
    return a.ask("describe") + a.ask("describe", "query") + a.ask("describe", "cohorts")


@attempt
def described_as_json(a: Attacker) -> str:
    return a.ask("describe", "--format", "json")


@attempt
def groups_by_everything(a: Attacker) -> str:
    by = [["--by", b] for b in ("cohort", "province", "cohort,province", "sex")]
    return "".join(a.ask("query", "--region", "chr2", *b, "--format", "tsv") for b in by)


@attempt
def carriers_and_calls(a: Attacker) -> str:
    said = a.ask("query", "--region", "chr2", "--carriers")
    said += a.run("genotypes", a.view, "--region", "chr2", "--to", "inside", "--purpose", "x")
    return said + a.ask("query", "--region", "chr2", "--people", "sex = 'unknown'")


@attempt
def what_explain_reads(a: Attacker) -> str:
    return "".join(
        a.ask("query", "--region", "chr2", "--explain", "--format", f)
        for f in ("table", "json")
    )


@attempt
def what_verbose_says(a: Attacker) -> str:
    return a.run("-v", "query", a.store, "--region", "chr2", "--audience", a.role,
                 "--to", "inside", "--purpose", "x")  # fmt: skip


@attempt
def what_the_log_says_as_json(a: Attacker) -> str:
    os.environ["VARHOUSE_LOG"] = "json"
    try:
        return slips_in_names(a) + what_verbose_says(a)
    finally:
        del os.environ["VARHOUSE_LOG"]


@attempt
def answers_in_every_language(a: Attacker) -> str:
    os.environ["VARHOUSE_LANGUAGE"] = "zh"
    try:
        return slips_in_names(a) + a.ask("query", "--table", "samples")
    finally:
        del os.environ["VARHOUSE_LANGUAGE"]


@attempt
def a_vcf_and_its_header(a: Attacker) -> bytes:
    file = a.folder / "out.vcf"
    said = a.ask("query", "--region", "chr2", "-o", file)
    return said.encode() + a.written()


@attempt
def a_workbook_and_its_properties(a: Attacker) -> bytes:
    file = a.folder / "out.xlsx"
    said = a.ask("query", "--region", "chr2", "-o", file)
    if not file.exists():
        return said.encode()
    with zipfile.ZipFile(file) as book:
        return said.encode() + b"".join(book.read(n) for n in book.namelist())


@attempt
def parquet_and_its_statistics(a: Attacker) -> bytes:
    file = a.folder / "out.parquet"
    said = a.ask("query", "--region", "chr2", "-o", file)
    if not file.exists():
        return said.encode()
    meta = pq.ParquetFile(file).metadata
    return said.encode() + file.read_bytes() + json.dumps(meta.to_dict(), default=str).encode()


# --- SQL ---


@attempt
def sql_of_each_table(a: Attacker) -> str:
    names = ("samples", "genotypes", "sites", "files", "cohorts", "rejects", "ingests",
             "accounts", "frequencies", "totals", "variants", "ids", "calls",
             "lineage")  # fmt: skip
    return "".join(a.sql(f"SELECT * FROM {n}") for n in names)


@attempt
def sql_that_reads_files(a: Attacker) -> str:
    root = a.store
    queries = [
        f"SELECT * FROM read_parquet('{root}/**/*.parquet', union_by_name=true)",
        f"SELECT * FROM '{root}/open/cohorts/*.parquet'",
        f"SELECT * FROM glob('{root}/**')",
        f"SELECT content FROM read_text('{root}/_store/governance/ledger.jsonl')",
        f"SELECT * FROM read_json('{root}/_store/releases/*.json')",
        f"SELECT * FROM read_csv('{root}/_store/store.json', sep='|')",
        f"SELECT * FROM read_blob('{root}/_store/governance/private/key')",
        "SELECT * FROM query('SELECT * FROM samples')",
        "SELECT * FROM query_table('samples')",
    ]
    return "".join(a.sql(q) for q in queries)


@attempt
def sql_that_writes_files(a: Attacker) -> bytes:
    out = a.folder / "x"
    queries = [
        f"COPY (SELECT * FROM frequencies) TO '{out}.csv'",
        f"COPY samples TO '{out}.parquet'",
        f"EXPORT DATABASE '{out}.d'",
        f"ATTACH '{out}.db' AS o; CREATE TABLE o.t AS SELECT * FROM samples",
        f"INSTALL httpfs; LOAD httpfs; COPY cohorts TO '{out}.2.csv'",
        f"SET temp_directory='{out}.t'",
    ]
    said = "".join(a.sql(q) for q in queries)
    assert not list(a.folder.iterdir()), "a file was written past the gate"
    return said.encode()


@attempt
def sql_of_the_catalogue(a: Attacker) -> str:
    queries = [
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM information_schema.columns",
        "SELECT * FROM duckdb_tables()", "SELECT * FROM duckdb_views()",
        "SELECT * FROM duckdb_columns()", "SELECT * FROM duckdb_settings()",
        "SELECT * FROM duckdb_functions()", "SELECT * FROM duckdb_databases()",
        "SELECT * FROM duckdb_secrets()", "SELECT * FROM duckdb_logs",
        "SELECT * FROM sqlite_master", "SELECT * FROM pg_catalog.pg_tables",
        "PRAGMA database_list", "PRAGMA show_tables_expanded", "SHOW ALL TABLES",
        "DESCRIBE cohorts", "SUMMARIZE cohorts", "SELECT getenv('HOME')",
        "SELECT current_setting('allowed_directories')",
    ]  # fmt: skip
    return "".join(a.sql(q) for q in queries)


@attempt
def sql_that_is_explained(a: Attacker) -> str:
    queries = ["EXPLAIN SELECT * FROM frequencies",
               "EXPLAIN ANALYZE SELECT * FROM frequencies",
               "EXPLAIN ANALYZE SELECT * FROM samples"]  # fmt: skip
    return "".join(a.sql(q) for q in queries)


@attempt
def sql_errors(a: Attacker) -> str:
    """Casts and divisions that fail tell a value, and slips tell names."""
    queries = [
        "SELECT cohort::INT FROM frequencies", "SELECT error(cohort) FROM cohorts",
        "SELECT cast(alt AS INT) FROM variants", "SELECT * FROM frequences",
        "SELECT permit_numbr FROM cohorts", "SELECT * FROM sample",
        "SELECT af_omeg FROM totals",
        "SELECT cohort, error(id) FROM ids",
    ]  # fmt: skip
    return "".join(a.sql(q) for q in queries)


@attempt
def sql_of_subqueries(a: Attacker) -> str:
    queries = [
        "WITH x AS (SELECT * FROM cohorts) SELECT * FROM x",
        "SELECT (SELECT string_agg(cohort, ',') FROM cohorts)",
        "SELECT list(id) FROM ids", "SELECT * FROM cohorts UNION ALL SELECT * FROM cohorts",
        "SELECT cohort FROM frequencies EXCEPT SELECT cohort FROM cohorts",
        "SELECT DISTINCT source FROM ids", "SELECT account FROM accounts",
        "SELECT pos FROM totals WHERE pos NOT IN (SELECT pos FROM frequencies)",
        "SELECT pos FROM ids WHERE pos NOT IN (SELECT pos FROM variants)",
    ]  # fmt: skip
    return "".join(a.sql(q) for q in queries)


# --- releases, ways out of whole tables ---


@attempt
def other_releases(a: Attacker) -> str:
    said = ""
    for release in ("1", "2", "3", "99", "latest"):
        said += a.ask("query", "--region", "chr2", "--release", release, "--format", "tsv")
        said += a.run("sql", a.view, "SELECT * FROM cohorts", "--release", release,
                      "--to", "inside", "--purpose", "x")  # fmt: skip
    return said


@attempt
def the_log_of_the_view(a: Attacker) -> str:
    passed = ["--to", "inside", "--purpose", "x"] if a.role == "inside" else []
    said = "".join(a.run("store", c, a.view, "--json", *passed) for c in ("log", "show"))
    said += a.run("store", "digest", a.view, "--per-table")
    return said + a.run("store", "files", a.view, "cohorts")


@attempt
def differences_of_releases(a: Attacker) -> str:
    return a.run("store", "diff", a.view, "1", "1", "--counts", "--audience", a.role,
                 "--to", "inside", "--purpose", "x")  # fmt: skip


@attempt
def a_published_folder(a: Attacker) -> bytes:
    said = a.ask("publish", a.folder / "published")
    return said.encode() + files_below(a.folder)


@attempt
def a_report(a: Attacker) -> bytes:
    said = a.ask("report", "-o", a.folder / "report.html")
    return said.encode() + a.written()


@attempt
def a_vcf_that_is_annotated(a: Attacker) -> bytes:
    lines = ["##fileformat=VCFv4.3", "##contig=<ID=chr2>",
             "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]  # fmt: skip
    for pos in OWN.values():
        lines += [f"chr2\t{pos}\t.\tG\tA\t.\t.\t.", f"chr2\t{pos + 7}\t.\tG\tC\t.\t.\t."]
    mine = a.folder / "mine.vcf"
    mine.write_text("\n".join(lines) + "\n")
    said = a.run("annotate", mine, "--store", a.store, "--audience", a.role, "-o",
                 a.folder / "out.vcf", "--to", "inside", "--purpose", "x")  # fmt: skip
    out = a.folder / "out.vcf"
    told = out.read_text() if out.exists() else ""
    # He brought the places himself; that they are there is in INFO alone.
    known = [x.split("\t")[7] for x in told.splitlines() if x and x[0] != "#"]
    hidden = [i for i, c in enumerate(OWN) if c not in SEES[a.role]]
    bare = [known[2 * i] for i in hidden] + known[1::2] if known else []
    assert all("AC=" not in x and "AF" not in x for x in bare), bare
    head = "".join(x for x in told.splitlines() if x.startswith("##"))
    return (said + head).replace(str(mine), "")


# --- files ---


@attempt
def every_file_of_the_view(a: Attacker) -> str:
    """Also values of Parquet, and what is compressed in pages that nothing points at."""
    found = search(a.view, [s.decode() for s in secrets_of(a.role)])
    return "\n".join(t.needle for t in found)


@attempt
def pages_and_names_beside_the_view(a: Attacker) -> bytes:
    return "\n".join(str(p.relative_to(a.view)) for p in a.view.rglob("*")).encode()


@attempt
def what_crashes_leave(a: Attacker) -> bytes:
    left = [a.view / "_staging", a.view / "_cache"]
    return b"".join(files_below(f) for f in left if f.exists())


@attempt
def links_out_of_the_view(a: Attacker) -> bytes:
    targets = [str(p.readlink()) for p in a.view.rglob("*") if p.is_symlink()]
    return "\n".join(targets).encode()


@attempt
def a_copy_of_the_view(a: Attacker) -> str:
    """Somewhere else it is the view of the same role still."""
    import shutil  # noqa: PLC0415

    copy = a.folder / "copy"
    shutil.copytree(a.view, copy)
    said = a.run("sql", copy, "SELECT * FROM cohorts", "--format", "json")
    return said + a.run("query", copy, "--table", "samples") + a.run("describe", copy)


@attempt
def a_mirror_of_the_view(a: Attacker) -> bytes:
    """What a push to a bucket would carry is the folder of the view."""
    found = a.run("store", "push", a.view, "s3://bucket/x", "--dry-run", "--to", "inside")
    return found.encode()


# --- Python ---


@attempt
def python_attributes(a: Attacker) -> str:
    opened = varhouse.open(a.store, audience=a.role)
    seen: set[int] = set()
    said: list[str] = []

    def walk(thing: object, depth: int) -> None:
        if depth < 0 or id(thing) in seen:
            return
        seen.add(id(thing))
        said.append(repr(thing)[:20_000])
        values = vars(thing).values() if hasattr(thing, "__dict__") else ()
        for value in [*values, *(thing.values() if isinstance(thing, dict) else ())]:
            walk(value, depth - 1)

    walk(opened, 4)
    for name in opened.tables:
        said.append(str(opened.scan(name).collect().to_dicts()))
    return "".join(said)


@attempt
def a_pickle(a: Attacker) -> bytes:
    opened = varhouse.open(a.store, audience=a.role)
    try:
        return pickle.dumps(opened)
    except Exception as error:
        return str(error).encode()


@attempt
def python_asks_for_more(a: Attacker) -> str:
    opened = varhouse.open(a.store, audience=a.role)
    said = []
    for ask in (
        lambda: opened.scan("samples").collect(),
        lambda: opened.seen_by("controlled").scan("cohorts").collect().to_dicts(),
        lambda: opened.carriers("chr2").collect(),
        lambda: opened.group_frequencies("sex = 'unknown'"),
        lambda: opened.paths("cohorts"),
        lambda: opened.meta,
        lambda: opened.record.to_json(),
    ):
        try:
            said.append(str(ask()))
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")
    return "\n".join(said).replace(str(a.store), "")


@attempt
def the_view_opened_as_its_keeper(a: Attacker) -> str:
    """A view shows no more to whoever calls himself `controlled`."""
    opened = varhouse.open(a.view, audience="controlled")
    return str([opened.scan(t).collect().to_dicts() for t in opened.tables]) + str(opened.meta)


BETWEEN = ("all_rows", "slips_in_names", "every_file_of_the_view", "a_copy_of_the_view",
           "python_asks_for_more", "sql_of_subqueries")  # fmt: skip
"""Ways that are tried as `registered`, too, which is between the other two."""


@pytest.mark.parametrize(
    ("way", "attacker"),
    [
        (way, role)
        for way in sorted(attempts)
        for role in ROLES
        if role != "registered" or way in BETWEEN
    ],
    indirect=["attacker"],
)
def test_no_secret_comes_out(way: str, attacker: Attacker) -> None:
    got = attempts[way](attacker)
    told = got.encode() if isinstance(got, str) else got
    assert [s.decode() for s in secrets_of(attacker.role) if s in told] == []


def test_there_are_ways_enough_and_the_secrets_can_be_found(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert len(attempts) + len(counts) >= 40
    wanted = [s.decode() for s in secrets_of("public")]
    found = {t.needle for t in search(store, wanted)}
    places = {str(OWN[c] + d) for c in OWN for d in (0, 7)}
    assert [s for s in wanted if s not in found and s not in places] == []
    hidden = open_store(store).scan("variants").select("pos").collect()["pos"].to_list()
    assert {int(p) for p in places} <= set(hidden)
    # What the role may have comes out of the same ways.
    a = Attacker(store, "public", tmp_path, capfd)
    assert "alphaq" in all_rows(a)
    assert str(OWN["alphaq"]) in all_rows(a)
    assert "alphaq" in sql_of_each_table(a)
    assert b"alphaq" in a_published_folder(a)


# --- counts ---


@counting
def ratios_times_numbers(a: Attacker) -> list[float]:
    return a.numbers("SELECT round(af * an, 6) FROM frequencies") + a.numbers(
        "SELECT round(af * an, 6) FROM totals"
    )


@counting
def counts_as_they_are(a: Attacker) -> list[float]:
    names = ("ac", "n_het", "n_hom_alt", "n_het + n_hom_alt + n_hemi", "an - ac")
    return [
        n for name in names for t in ("frequencies", "totals")
        for n in a.numbers(f"SELECT {name} FROM {t}")
    ]  # fmt: skip


@counting
def strata_subtracted(a: Attacker) -> list[float]:
    rest = "max(ac) FILTER (stratum_by = 'all') - sum(ac) FILTER (stratum_by = 'province')"
    key = "contig, pos, ref, alt"
    return a.numbers(f"SELECT {rest} FROM frequencies GROUP BY cohort, {key}") + a.numbers(
        f"SELECT {rest} FROM totals GROUP BY {key}"
    )


@counting
def cohorts_subtracted(a: Attacker) -> list[float]:
    return a.numbers(
        "SELECT min(t.ac) - sum(f.ac) FROM totals t JOIN frequencies f USING "
        "(contig, pos, ref, alt, stratum_by, stratum) "
        "GROUP BY contig, pos, ref, alt, stratum_by, stratum"
    )


@counting
def all_sums_of_a_view(a: Attacker) -> list[float]:
    """Gauss over every equation of every allele (attack.smallcells)."""
    found = find_small(rows_of(open_store(a.store, None, a.role)), K)
    return [float(v) for v in found["value"].to_list()]


@counting
def a_role_less_another(a: Attacker) -> list[float]:
    """Who is of a role sees the views of more open ones, too."""
    from varhouse.attack.differencing import rest_of  # noqa: PLC0415

    own = rows_of(open_store(a.store, None, a.role))
    out: list[float] = []
    for other in ROLES[: ROLES.index(a.role)]:
        rest = rest_of(own, rows_of(open_store(a.store, None, other)))
        found = find_small(rest, K).filter(how="shown")
        out += [float(v) for v in found["value"].to_list()]
    return out


@counting
def people_of_small_strata(a: Attacker) -> list[float]:
    return a.numbers("SELECT n_samples FROM frequencies") + a.numbers(
        "SELECT n_samples FROM cohorts"
    )


@pytest.mark.parametrize("attacker", ROLES, indirect=True)
@pytest.mark.parametrize("way", sorted(counts))
def test_no_small_count_comes_out(way: str, attacker: Attacker) -> None:
    found = counts[way](attacker)
    assert [n for n in found if 0 < abs(n) < K] == []


def test_counts_come_out_at_all(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    a = Attacker(store, "inside", tmp_path, capfd)
    assert max(ratios_times_numbers(a)) >= K
    assert max(counts_as_they_are(a)) >= K


# --- past the gate ---


def ways_past(store: Path, folder: Path) -> dict[str, list[object]]:
    """Commands that would take something out of the store, were the gate not there."""
    inside = view_folder(store, "inside")
    link, view_link = folder / "link", folder / "viewlink"
    link.symlink_to(store)
    view_link.symlink_to(inside)
    out = folder / "out.tsv"
    query = ["--region", "chr2", "-o", out]
    return {
        "a link to the store": ["query", link, *query],
        "a link to the view": ["query", view_link, *query],
        "dots in the path": ["query", store / "open" / "..", *query],
        "dots in the path of the view": ["query", inside / ".." / "inside", *query],
        "the view by its folder": ["query", inside, *query],
        "as inside": ["query", store, *query, "--audience", "inside"],
        "to a device": ["query", store, "--region", "chr2", "-o", "/dev/stdout"],
        "to a descriptor": ["query", store, "--region", "chr2", "-o", "/dev/fd/1"],
        "without -o, to a pipe": ["query", store, "--region", "chr2"],
        "SQL that copies": ["sql", store, f"COPY samples TO '{out}'"],
        "SQL that attaches": ["sql", store, f"ATTACH '{out}' AS o"],
        "an older release": ["query", store, *query, "--release", "2"],
        "a published folder": ["publish", store, folder / "out.d"],
        "a bucket": ["store", "push", store, "s3://bucket/x"],
        "names of people": ["query", store, "--table", "samples", "-o", out],
        "a group of one": ["frequencies", store, "--people", "sample = 'OMEGAQ-P000'",
                           "--region", "chr2", "-o", out],
        "what differs": ["store", "diff", store, "1", "2", "--counts"],
        "the log": ["store", "log", store, "--json"],
        "a report": ["report", store, "-o", folder / "out.html"],
    }  # fmt: skip


WAYS_PAST = sorted([
    "a link to the store", "a link to the view", "dots in the path",
    "dots in the path of the view", "the view by its folder", "as inside", "to a device",
    "to a descriptor", "without -o, to a pipe", "SQL that copies", "SQL that attaches",
    "an older release", "a published folder", "a bucket", "names of people", "a group of one",
    "what differs", "the log", "a report",
])  # fmt: skip


@pytest.mark.parametrize("way", WAYS_PAST)
def test_nothing_passes_the_gate_without_a_recipient(
    way: str, store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ways_past(store, tmp_path)
    assert sorted(words) == WAYS_PAST
    before = {p.name for p in tmp_path.iterdir()}
    code = main([str(w) for w in words[way]])
    assert code in (1, 2)
    assert capfd.readouterr().out == ""
    assert {p.name for p in tmp_path.iterdir()} == before


def test_a_terminal_is_no_way_to_write_files(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal nothing is asked; so SQL must not write beside it."""
    for query in (
        "COPY samples TO '{x}'", "EXPORT DATABASE '{x}'", "ATTACH '{x}' AS o",
        "COPY (SELECT * FROM read_parquet('{s}/controlled/**/*.parquet')) TO '{x}'",
    ):  # fmt: skip
        monkeypatch.setattr("sys.stdout", Terminal())
        text = query.format(x=tmp_path / "x", s=store)
        assert main(["sql", str(store), text]) in (1, 2), query
        assert not list(tmp_path.iterdir()), query


def test_a_store_without_its_ledger_gives_nothing(
    store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    import shutil  # noqa: PLC0415

    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    (copy / "_store" / "governance" / "ledger.jsonl").unlink()
    assert main(["query", str(copy), "--region", "chr2"]) == 1
    assert capfd.readouterr().out == ""


def test_what_is_private_is_for_the_owner(store: Path) -> None:
    folder = private_folder(store)
    assert folder.stat().st_mode & 0o777 == 0o700
    open_to_others = [p for p in folder.rglob("*") if p.is_file() and p.stat().st_mode & 0o077]
    # The folder keeps others out; the key and the log are closed by themselves, too.
    assert [p.name for p in open_to_others if p.name in ("key", "audit.jsonl")] == []
