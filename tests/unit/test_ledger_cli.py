"""`varhouse ledger`: what each command prints, in both languages, and its exit code."""

import json
import shutil
from pathlib import Path

import pytest
from builders import make_small_store

from varhouse.cli import main
from varhouse.governed import audit_file, ledger_file, mark_file
from varhouse.store.reader import open_store


@pytest.fixture(scope="module")
def small_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_store(tmp_path_factory.mktemp("small") / "store")


@pytest.fixture
def store(small_store: Path, tmp_path: Path) -> str:
    shutil.copytree(small_store, tmp_path / "store")
    return str(tmp_path / "store")


def run(capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capfd.readouterr()
    return code, out, err


def filled(capfd: pytest.CaptureFixture[str], store: str) -> None:
    for words in (
        ("cohort", "north", "tier=T1", "provinces=北京", "people.WGS=60"),
        (
            "paper",
            "-",
            "kind=伦理审查",
            "number=E1",
            "cohorts=north",
            "valid_until=2027-01-01",
        ),
    ):
        assert run(capfd, "ledger", "add", store, *words)[0] == 0


def people_of(store: str, cohort: str) -> int:
    """Count the people that a cohort has in a store."""
    rows = open_store(store).cohorts().select("cohort", "n_samples").collect().rows()
    return int(dict(rows)[cohort])


def test_entries_from_the_command_line(store: str, capfd: pytest.CaptureFixture[str]) -> None:
    filled(capfd, store)
    code, out, _ = run(capfd, "ledger", "log", store)
    assert code == 0
    assert [x.split()[0] for x in out.splitlines()] == ["1", "2"]
    assert "provinces=110000" in out
    code, out, _ = run(capfd, "ledger", "log", store, "--json", "--subject", "ethics:E1")
    assert json.loads(out)["body"]["fields"]["cohorts"] == ["north"]
    assert run(capfd, "ledger", "add", store, "cohort", "north", "--clear", "tier")[0] == 0
    code, out, _ = run(capfd, "ledger", "show", store, "north", "--json", "--on", "2027-01-02")
    told = json.loads(out)["cohorts"]["north"]
    assert told["tier"] is None
    assert told["people"] == {"WGS": 60}
    assert [p["is_valid"] for p in told["papers"]] == [False]
    code, out, _ = run(capfd, "ledger", "show", store, "north", "--json", "--known", "1")
    told = json.loads(out)["cohorts"]["north"]
    assert (told["tier"], told["papers"]) == ("T1", [])


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        ("en", ["tier: T1", "110000 Beijing", "ethics approval E1: valid"]),
        ("zh", ["数据分级: T1", "110000 北京市", "伦理审查 E1: 有效"]),
    ],
)
def test_a_cohort_is_shown_in_the_reader_s_language(
    store: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    language: str, parts: list[str],
) -> None:  # fmt: skip
    filled(capfd, store)
    monkeypatch.setenv("VARHOUSE_LANGUAGE", language)
    code, out, _ = run(capfd, "ledger", "show", store, "north", "--on", "2026-12-01")
    assert code == 0
    assert [p for p in parts if p not in out] == []
    code, out, _ = run(capfd, "ledger", "show", store)
    assert code == 0
    assert out.count("\n") == 4


def test_check_names_what_is_missing_and_what_runs_out(
    store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    filled(capfd, store)

    def told(*more: str) -> tuple[int, set[tuple[str, str, str]]]:
        code, out, _ = run(capfd, "ledger", "check", store, "--json", *more)
        return code, {(x["cohort"], x["concern"], x["what"]) for x in json.loads(out)}

    code, found = told("--on", "2026-09-01")
    assert code == 1
    unknown = "the store has it, the ledger does not know it"
    assert {x for x in found if x[0] != "north"} == {
        ("south", "missing", unknown), ("east-1", "missing", unknown),
    }  # fmt: skip
    assert ("north", "missing", "legal holder") in found
    assert ("north", "missing", "tier") not in found
    assert not [x for x in found if x[1] in ("soon", "expired")]
    soon = ("north", "soon", "ethics approval E1: last day 2027-01-01")
    assert soon in told("--on", "2026-11-30")[1]
    assert soon not in told("--on", "2026-11-30", "--days", "10")[1]
    found = told("--on", "2027-01-02")[1]
    assert ("north", "expired", "ethics approval E1: last day 2027-01-01") in found
    # A new approval makes the old one history.
    words = ("kind=ethics", "number=E2", "cohorts=north", "valid_from=2026-12-01")
    assert run(capfd, "ledger", "add", store, "paper", "-", *words)[0] == 0
    for day in ("2026-11-30", "2027-01-02"):
        assert not [x for x in told("--on", day)[1] if x[1] in ("soon", "expired")]
    run(capfd, "ledger", "add", store, "paper", "ethics:E2", "people=59")
    n = max(60, people_of(store, "north"))
    fewer = f"ethics approval E2 covers 59 people, the cohort has {n}"
    assert ("north", "missing", fewer) in told("--on", "2027-01-02")[1]
    # Of another assay: nobody of the cohort is missing in it.
    run(capfd, "ledger", "add", store, "paper", "ethics:E2", "assays=WES")
    assert not any("covers" in x[2] for x in told("--on", "2027-01-02")[1])
    run(capfd, "ledger", "add", store, "paper", "ethics:E2", "assays=WES;WGS")
    assert ("north", "missing", fewer) in told("--on", "2027-01-02")[1]
    # More people came in than are said.
    run(capfd, "ledger", "add", store, "cohort", "north", "people_total=60")
    other = f"the ledger says 60 people, the store has {people_of(store, 'north')}"
    assert ("north", "note", other) in told("--on", "2027-01-02")[1]
    run(capfd, "ledger", "add", store, "consent", "north", "duo=NCU")
    assert any("only limit" in x[2] for x in told()[1])
    run(capfd, "ledger", "add", store, "consent", "north", "duo=DS;NCU")
    assert any("names no disease" in x[2] for x in told()[1])
    run(capfd, "ledger", "add", store, "consent", "north", "duo=DS-MONDO:0001134;NCU")
    assert not any("names no disease" in x[2] for x in told()[1])
    assert run(capfd, "ledger", "show", store, "north")[1].count("MONDO:0001134") == 1
    run(capfd, "ledger", "add", store, "consent", "north", "duo=DS;NCU")
    run(capfd, "ledger", "add", store, "consent", "north", "scope=hypertension")
    assert not any("disease" in x[2] and "DS" in x[2] for x in told()[1])
    run(capfd, "ledger", "add", store, "withdraw", "north", "from=2027-01-01")
    found = told("--on", "2027-01-02")[1]
    assert [x[1] for x in found if x[0] == "north"] == ["note"]


def test_verify_finds_one_letter(store: str, capfd: pytest.CaptureFixture[str]) -> None:
    filled(capfd, store)
    code, out, _ = run(capfd, "ledger", "verify", store)
    assert code == 0
    head = out.splitlines()[-1].split()[-1]
    assert run(capfd, "ledger", "verify", store, "--anchor", head)[0] == 0
    assert run(capfd, "ledger", "verify", store, "--anchor", f"2:{head[2:12]}")[0] == 0
    code, out, _ = run(capfd, "ledger", "verify", store, "--anchor", "1:0123456789")
    assert code == 1
    assert "--anchor" in out
    file = ledger_file(Path(store))
    file.write_text(file.read_text().replace('"T1"', '"T0"'))
    code, out, _ = run(capfd, "ledger", "verify", store)
    assert code == 1
    assert "line 1: was changed" in out
    code, _, err = run(capfd, "ledger", "show", store)
    assert (code, "was changed after it was written" in err) == (1, True)


def test_heads_in_release_records_are_anchors(
    store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    filled(capfd, store)
    head = json.loads(run(capfd, "ledger", "show", store, "--json")[1])["head"]
    record = max((Path(store) / "_store" / "releases").glob("*.json"))
    told = json.loads(record.read_text())
    told["meta"]["governance"] = head
    record.write_text(json.dumps(told))
    assert run(capfd, "ledger", "verify", store)[0] == 0
    for file in (ledger_file, audit_file, mark_file):
        file(Path(store)).unlink()
    run(capfd, "ledger", "add", store, "cohort", "north", "tier=T2")
    filled(capfd, store)
    code, out, _ = run(capfd, "ledger", "verify", store, "--json")
    assert code == 1
    assert any("release" in p for p in json.loads(out)["problems"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show"], "has no ledger"),
        (["check"], "has no ledger"),
        (["verify"], "has no ledger"),
        (["log"], "has no ledger"),
        (["add", "cohort", "north", "teir=T1"], "nearest: tier"),
        (["add", "cohort", "north", "tier"], "is no FIELD=VALUE"),
    ],
)
def test_mistakes_are_a_line_and_leave_nothing(
    store: str, capfd: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    code, _, err = run(capfd, "ledger", words[0], store, *words[1:])
    assert code in (1, 2)
    assert says in err
    assert not ledger_file(Path(store)).parent.exists()


def test_an_unknown_cohort_is_told_with_the_nearest(
    store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    filled(capfd, store)
    code, _, err = run(capfd, "ledger", "show", store, "nroth")
    assert (code, "nearest: north" in err) == (2, True)


def test_templates_and_import(
    store: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "sheets"
    code, out, _ = run(capfd, "ledger", "template", str(folder))
    assert (code, out.count("wrote")) == (0, 4)
    sheet = folder / "cohorts.tsv"
    sheet.write_text("cohort\ttier\nnorth\tT1\n")
    for more, n in ((["--dry-run"], 1), ([], 1), ([], 0)):
        words = ["ledger", "import", store, str(sheet), *more, "--json"]
        code, out, _ = run(capfd, *words)
        told = json.loads(out)
        assert (code, len(told["entries"])) == (0, n)
        assert (told["head"] is not None) == (not more and n == 1)
    code, out, _ = run(capfd, "ledger", "import", store, str(sheet))
    assert (code, out.split()) == (0, ["unchanged", "1"])
