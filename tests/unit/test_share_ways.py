"""Every way out of a governed store goes through the gate; nothing is decided by accident."""

import argparse
import io
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import make_small_inputs
from governedstores import papers
from inprocess import ingest_here

from varhouse.cli import build_parser, main
from varhouse.cli.ways import WAYS, describe_ways, way_of
from varhouse.cli.waysout import leaves
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.rules import load_rules
from varhouse.sharing import people
from varhouse.sharing.gate import ask
from varhouse.sharing.given import FAILED, READ, REFUSED, SHARE, SHARED
from varhouse.sharing.request import Request

ROOT = Path(__file__).parents[2]
ABROAD, HOME = "Demo Abroad", "Demo University"


def govern(store: Path, *entries: Entry) -> None:
    """Give a store of the cohorts a and b a ledger."""
    made = [
        Entry("cohort", c, {"tier": "T1", "is_pedigree": False, "is_specific_region": False})
        for c in "ab"
    ]
    made += [
        Entry("paper", "", {"kind": k, "number": "1", "cohorts": ("a", "b")})
        for k in ("ethics", "consent")
    ]
    made += [
        Entry("recipient", ABROAD, {"kind": "foreign", "country": "DE"}),
        Entry("recipient", HOME, {"kind": "domestic", "country": "CN"}),
        Entry("rules", "", {"file": "builtin", "digest": load_rules().digest}),
        *papers(ABROAD, ["a"]),
    ]
    Ledger.open(store).add_all([*made, *entries])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A governed store of two cohorts with calls, which tests only read."""
    folder = tmp_path_factory.mktemp("governed")
    make_small_inputs(folder)
    ingest_here(folder / "store", folder / "config.json")
    govern(folder / "store")
    return folder / "store"


def events(store: Path) -> list[dict[str, Any]]:
    return [x.body for x in Audit(store).events() if x.body["event"] != "ledger"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


# --- what is decided ---


def commands() -> dict[str, argparse.ArgumentParser]:
    return dict(leaves(build_parser()))


def test_every_command_is_decided() -> None:
    assert [name for name in commands() if way_of(name) is None] == []


def test_a_way_that_takes_something_out_has_the_options() -> None:
    lacking = [
        name
        for name, parser in commands().items()
        if (way := way_of(name)) and way.tells and "--to" not in parser._option_string_actions
    ]
    assert lacking == []


@pytest.mark.parametrize(("page", "code"), [("sharing.md", "en"), ("zh/sharing.md", "zh")])
def test_the_page_lists_every_way(page: str, code: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    listed = re.findall(r"^\| `varhouse [a-z ]+` \| .+ \|$", text, re.M)
    assert listed == describe_ways(code).splitlines()


def test_the_pages_have_one_form_in_both_languages() -> None:
    pages = [(ROOT / "docs" / p).read_text() for p in ("sharing.md", "zh/sharing.md")]
    for mark in (r"^#+ ", r"^```", r"^\|", r"^varhouse share .*$"):
        found = [re.findall(mark, page, re.M) for page in pages]
        assert found[0] == found[1]


def test_a_command_that_nobody_decided_is_refused(
    whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(WAYS, "describe")
    assert main(["describe", str(whole)]) == 1
    assert "nobody has decided" in capsys.readouterr().err


# --- ways out ---

WAYS_OUT = [
    ["query", "STORE", "--region", "c1"],
    ["query", "STORE", "--region", "c1", "-o", "OUT.tsv"],
    ["query", "STORE", "--region", "c1", "--carriers", "-o", "OUT.parquet"],
    ["query", "STORE", "--table", "samples"],
    ["query", "STORE", "--region", "c1", "--explain"],
    ["describe", "STORE"],
    ["genotypes", "STORE", "--cohort", "a", "-o", "OUT.vcf.gz"],
    ["genotypes", "STORE", "--cohort", "a"],
    ["sql", "STORE", "SELECT count(*) FROM totals"],
    ["sql", "STORE", "SELECT * FROM samples", "-o", "OUT.tsv"],
    ["export", "STORE", "--cohort", "a", "-o", "OUT.vcf"],
    ["people", "qc", "STORE"],
    ["people", "related", "STORE", "--cohort", "a", "-o", "OUT.tsv"],
    ["publish", "STORE", "OUT"],
    ["report", "STORE", "-o", "OUT.html"],
    ["frequencies", "STORE", "--people", "sex == 'female'", "--region", "c1", "-o", "OUT.tsv"],
    ["annotate", "a.vcf", "--store", "STORE", "-o", "OUT.vcf"],
    ["store", "log", "STORE", "--json"],
    ["store", "show", "STORE"],
]

GROUPS = ("store", "people")
"""Commands of which two words name one."""


def words(way: list[str], store: Path, out: Path) -> list[str]:
    inputs = {"a.vcf": str(store.parent / "a.vcf")}
    return [
        inputs.get(w, w.replace("STORE", str(store)).replace("OUT", str(out / "out")))
        for w in way
    ]


@pytest.mark.parametrize("way", WAYS_OUT, ids=" ".join)
def test_nothing_leaves_without_the_gate(
    way: list[str], whole: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    command = words(way, whole, tmp_path)
    assert main(command) == 2
    assert b"--to RECIPIENT" in capfdbinary.readouterr().err
    assert main([*command, "--to", "Demo Nobody"]) == 1
    captured = capfdbinary.readouterr()
    assert captured.out == b""
    assert b"gate.unknown-recipient" in captured.err
    assert list(tmp_path.iterdir()) == []
    assert events(whole)[-1]["event"] == REFUSED
    assert main([*command, "--to", "inside", "--purpose", "a test"]) == 0
    share, shared = events(whole)[-2:]
    assert (share["event"], shared["event"]) == (SHARE, SHARED)
    assert share["what"] == f"varhouse {' '.join(way[: 2 if way[0] in GROUPS else 1])}"
    assert share["recipient"] == "inside"
    assert share["people"]["now"] == sum(share["people"]["by_cohort"].values()) > 0
    told = shared["output"]
    assert re.fullmatch("[0-9a-f]{64}", (told.get("stdout") or told)["sha256"])


def test_what_is_asked_decides_who_is_touched(whole: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "x.tsv")

    def last(*command: str) -> tuple[str, dict[str, int]]:
        words = [command[0], str(whole), *command[1:], "-o", out, "--to", "inside"]
        assert main(words) == 0
        found = events(whole)[-2]
        return found["content"], found["people"]["by_cohort"]

    both = {"a": 2, "b": 2}
    assert last("query", "--region", "c1") == ("aggregate", both)
    assert last("query", "--by", "cohort", "--cohort", "a", "--region", "c1") == (
        "aggregate", {"a": 2},
    )  # fmt: skip
    counted = ("--where", "af_b > 0")
    assert last("genotypes", "--cohort", "a", "--sample", "a1") == ("individual", {"a": 1})
    assert last("genotypes", "--cohort", "a", *counted)[1] == both
    assert last("query", "--carriers", "--cohort", "b") == ("individual", {"b": 2})
    assert last("query", "--table", "genotypes")[0] == "individual"
    assert last("query", "--table", "totals")[0] == "aggregate"
    assert last("sql", 'SELECT 1 FROM "Samples"')[0] == "individual"
    assert last("sql", "SELECT ac FROM totals")[0] == "aggregate"
    assert last("frequencies", "--people", 'sample == "a1"', "--all") == (
        "individual", {"a": 1},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "content"),
    [
        ("SELECT ac FROM totals", "aggregate"),
        ('SELECT 1 FROM "SAMPLES"', "individual"),
        ("SELECT * FROM query_table('sam' || 'ples')", "individual"),
        ("SELECT * FROM read_parquet('x/c*/s*/**')", "individual"),
        ("SELECT * FROM 'x/c*/s*/f.parquet'", "individual"),
        ("SELECT count(*) FROM calls", "individual"),
        ('SELECT 1 FROM U&"s\\0061mples"', "individual"),
    ],
)
def test_a_query_that_can_reach_people_is_about_people(query: str, content: str) -> None:
    told = WAYS["sql"].tells
    assert told is not None
    assert told(argparse.Namespace(query=query)).content == content


def test_a_refused_answer_leaves_what_was_there(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    out.write_text("mine")
    command = ["export", str(whole), "--cohort", "b", "-o", str(out), "--to", ABROAD]
    assert main(command) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["out.vcf"]
    assert out.read_text() == "mine"
    assert main([*command[:3], "a", *command[4:]]) == 0
    assert out.read_text().startswith("##fileformat")


def test_a_failed_export_does_not_count(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "no" / "folder.vcf"
    command = ["export", str(whole), "--cohort", "a", "-o", str(out), "--to", ABROAD]
    assert main(command) != 0
    assert events(whole)[-1]["event"] == FAILED


def test_who_reads_on_a_terminal_is_noted(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["query", str(whole), "--region", "c1", "--carriers"]) == 0
    assert terminal.getvalue()
    read = events(whole)[-1]
    assert (read["event"], read["what"]) == (READ, "varhouse query")
    assert read["options"] == ["carriers", "region"]


def test_a_bucket_is_for_the_own_house_alone(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push = ["store", "push", str(whole), "s3://bucket/x"]
    assert main(push) == 2
    assert main([*push, "--to", HOME]) == 2
    assert "bucket of your own" in capsys.readouterr().err


def test_a_ledger_that_is_gone_stops_all(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    make_small_inputs(folder)
    ingest_here(folder / "store", folder / "config.json")
    out = str(tmp_path / "x.tsv")
    command = ["query", str(folder / "store"), "--region", "c1", "-o", out]
    assert main(command) == 0
    assert main([*command, "--to", "inside"]) == 2
    govern(folder / "store")
    (folder / "store/_store/governance/ledger.jsonl").unlink()
    assert main(command) == 1
    assert main(["describe", str(folder / "store")]) == 1


def test_people_with_few_alleles_are_told_by_them(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "_known", {})
    found = ask(Request(whole)).found.people
    assert found["person"].n_unique() == 4
    monkeypatch.setattr(people, "_known", {})
    assert found.equals(ask(Request(whole)).found.people)

    def read_again(*_: object) -> None:
        raise AssertionError

    # Of a release calls are read once, however often the gate is asked.
    monkeypatch.setattr("varhouse.query.callrows.iter_carriers", read_again)
    assert found.equals(ask(Request(whole)).found.people)
    monkeypatch.setattr(people, "_known", {})
    with pytest.raises(AssertionError):
        ask(Request(whole))


def test_what_is_kept_of_calls_is_bounded_by_people(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[tuple[object, ...], dict[str, int]] = {
        ("another",): {f"S{i}": i for i in range(9)}
    }
    monkeypatch.setattr(people, "_known", kept)
    monkeypatch.setattr(people, "_MOST_KNOWN", 9)
    found = ask(Request(whole)).found.people
    assert found["person"].n_unique() == 4
    # Nine people, and at least one more.
    assert ("another",) not in kept
    assert 0 < sum(map(len, kept.values())) <= 9
