"""Reports of what left a governed store, answers about a person, chains that were changed."""

import io
import json
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from governedstores import make_governed, papers, sample_rows

from varhouse.cli import main
from varhouse.errors import AccessError, InputError
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governed import audit_file, ledger_file, private_folder, view_folder
from varhouse.language import CHINESE, ENGLISH
from varhouse.sharing import audits
from varhouse.sharing.auditevents import Asked, read_passed
from varhouse.sharing.auditperson import ASKED, find_person, letter, remaining
from varhouse.sharing.audits import make_report, verify
from varhouse.sharing.gate import way_out
from varhouse.sharing.request import Content, Request
from varhouse.store.ledger import Entry as Withdrawal
from varhouse.store.ledger import Ledger as Withdrawals
from varhouse.store.releases import list_releases, read_release

SECRET = "SECRET-7"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    north = [f"N{i}" for i in range(6)] + [SECRET]
    people = {
        "north": sample_rows("north", north),
        "south": sample_rows("south", ["S1", "S2"]),
    }
    decision = {"kind": "dac_decision", "number": "D-1", "cohorts": ("north", "south"),
                "recipients": ("Demo University",)}  # fmt: skip
    entries = [*papers("Demo Abroad", ["south"]), Entry("paper", "", decision)]
    return make_governed(tmp_path / "store", people, entries)


def give(store: Path, recipient: str = "Demo University", **more: Any) -> None:
    """Let something out, with a digest of an output."""
    asked = {"cohorts": ("north",), "content": Content.INDIVIDUAL, "what": "export",
             "purpose": "research", **more}  # fmt: skip
    with way_out(Request(store, recipient=recipient, **asked)) as passage:
        passage.output["sha256"] = "ab" * 32


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    try:
        code = main([str(w) for w in words])
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    told = capsys.readouterr()
    return code, told.out, told.err


# --- reports ---


def test_what_left_is_reported_by_cohort_and_recipient(store: Path) -> None:
    give(store)
    give(store, samples=("N1", "N2"))
    give(store, "Demo Abroad", cohorts=("south",))
    with pytest.raises(AccessError):
        give(store, "Demo Abroad")  # north has no report and backup
    report = make_report(store, Asked())
    assert [(x.cohort, x.recipient, x.givings, x.refused, x.people) for x in report.lines] == [
        ("north", "Demo Abroad", 0, 1, 0),
        ("north", "Demo University", 2, 0, 7),
        ("south", "Demo Abroad", 1, 0, 2),
    ]
    assert report.people == {"Demo Abroad": 2, "Demo University": 7}
    assert {p.output.get("sha256") for p in report.passed if p.counts} == {"ab" * 32}
    refused = next(p for p in report.passed if not p.counts)
    assert refused.rules
    assert refused.by


def test_a_giving_that_was_killed_counts_and_one_that_failed_does_not(store: Path) -> None:
    with pytest.raises(RuntimeError), way_out(Request(store, what="export")):
        raise RuntimeError
    give(store)
    passed = read_passed(Audit(store).events())
    assert [p.outcome for p in passed] == ["failed", "left"]
    links = Audit(store).events()
    killed = [x for x in links if x.body["event"] != "shared"]
    assert [p.outcome for p in read_passed(killed)] == ["failed", "may_have_left"]
    assert read_passed(killed)[1].counts


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, 2), ({"since": "2020-01-01"}, 2), ({"since": "2999-01-01"}, 0),
        ({"until": "2020-01-01"}, 0), ({"recipients": ("Demo Abroad",)}, 1),
        ({"cohorts": ("north",)}, 1), ({"cohorts": ("west",)}, 0), ({"rules": ("none",)}, 0),
    ],
)  # fmt: skip
def test_reports_are_of_what_is_asked_for(store: Path, asked: Any, found: int) -> None:
    from datetime import date  # noqa: PLC0415

    give(store)
    give(store, "Demo Abroad", cohorts=("south",))
    days = {k: date.fromisoformat(v) if isinstance(v, str) else v for k, v in asked.items()}
    assert len(make_report(store, Asked(**days)).passed) == found


def test_the_command_reports(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "audit", "report", store)[0] == 0
    give(store)
    code, out, _ = run(capsys, "audit", "report", store)
    assert code == 0
    assert "north\tDemo University\t1\t0\t7\tindividual" in out
    code, out, _ = run(capsys, "audit", "report", store, "--json", "--recipient", "x")
    assert json.loads(out) == {"lines": [], "people": {}, "events": []}
    code, out, _ = run(capsys, "audit", "log", store, "--json")
    assert json.loads(out)["output"] == {"sha256": "ab" * 32}
    assert SECRET not in out
    code, out, _ = run(capsys, "audit", "log", store, "--all")
    assert [x.split("\t")[3] for x in out.splitlines()][-2:] == ["share", "shared"]
    assert run(capsys, "audit", "log", store, "--all", "--since", "2999-01-01")[:2] == (0, "")
    assert run(capsys, "audit", "log", store, "--all", "--until", "2999-01-01")[1] == out
    assert run(capsys, "audit", "log", store, "--all", "--rule", "x")[0] == 2
    code, _, err = run(capsys, "audit", "log", store, "--since", "31.1.2026")
    assert code == 2
    assert "--since: '31.1.2026' is no day as 2027-01-31" in err


def test_a_store_without_ledger_has_no_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from builders import make_small_store  # noqa: PLC0415

    plain = make_small_store(tmp_path / "plain")
    for words in (
        ["report", plain],
        ["log", plain],
        ["verify", plain],
        ["person", plain, "x"],
    ):
        code, _, err = run(capsys, "audit", *words)
        assert code == 1
        assert "not governed" in err


# --- one person ---


def test_what_became_of_a_person_is_told(store: Path) -> None:
    give(store)
    give(store, samples=("N1",))
    give(store, "Demo Abroad", cohorts=("south",))
    person = find_person(store, SECRET)
    assert person.cohorts == ("north",)
    assert [p.recipient for p in person.given] == ["Demo University"]
    assert len(person.given) == 1
    assert len(find_person(store, "N1").given) == 2
    assert find_person(store, "S1", "south").given[0].recipient == "Demo Abroad"
    assert not find_person(store, "S1", "north").is_known
    assert not find_person(store, "nobody").is_known
    asked = [x.body["person"] for x in Audit(store).events() if x.body["event"] == ASKED]
    assert asked[:1] == [person.hash]


def test_a_cell_of_the_sheet_is_nobodys_name(tmp_path: Path) -> None:
    store = make_governed(
        tmp_path / "store", {"north": sample_rows("north", ["1", "2"], batch="1")}
    )
    give(store, "inside", samples=("2",))
    assert not find_person(store, "1").given
    assert not find_person(store, "batch").is_known
    assert find_person(store, "2").given


def test_by_the_accession_all_is_found_that_the_name_finds(tmp_path: Path) -> None:
    rows = [
        *sample_rows("north", ["N1"], BioSample="SAMC000001"),
        *sample_rows("north", ["N2"], BioSample="SAMC000002"),
    ]
    rows[1]["ordinal"] = 1
    store = make_governed(tmp_path / "store", {"north": rows})
    give(store, "inside", samples=("N1",))
    newest = max(list_releases(store))
    withdrawals = Withdrawals.open(store)
    withdrawals.keep_key()
    made = read_release(store, newest).ingest_id
    people = (withdrawals.hash("N1"),)
    withdrawals.add(Withdrawal(newest, made, "north", True, people, "2026-11-30T00:00:00", ""))
    view = view_folder(store, "public")
    shutil.copytree(store / "_store", view / "_store")
    accounts = private_folder(store) / "views" / "public"
    accounts.mkdir(parents=True)
    pl.DataFrame(
        {"cohort": ["north"], "person": [Audit(store).hash_person("N1")]}
    ).write_parquet(accounts / f"{made}.people.parquet")
    for word in ("N1", "SAMC000001", "samc000001"):
        found = find_person(store, word)
        assert (len(found.given), len(found.withdrawn)) == (1, 1)
        assert found.views == {"public": (newest,)}
        assert found.cohorts == ("north",)
    other = find_person(store, "SAMC000002")
    assert other.cohorts == ("north",)
    assert (other.given, other.withdrawn, other.views) == ((), (), {})


def test_who_asked_is_noted_and_no_name_is_written(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    give(store)
    monkeypatch.setattr("sys.stdin", io.StringIO(SECRET + "\n"))
    code, out, err = run(capsys, "audit", "person", store, "-", "--json")
    assert code == 0
    assert json.loads(out)["given"][0]["recipient"] == "Demo University"
    assert SECRET not in out + err
    written = [f for f in private_folder(store).rglob("*") if f.is_file()]
    assert written
    assert not [f.name for f in written if SECRET.encode() in f.read_bytes()]
    assert run(capsys, "audit", "person", store, "nobody")[0] == 1


def test_a_request_for_erasure_is_answered_in_both_languages(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give(store)
    give(store, "inside", purpose="own work")
    file = tmp_path / "answer.md"
    code, out, _ = run(capsys, "audit", "erasure", store, SECRET, "-o", file)
    assert (code, out) == (0, "")
    text = file.read_text()
    assert SECRET not in text
    for said in ("请 Demo University 删除", "Ask Demo University to delete", "store withdraw"):
        assert said in text
    chinese, english = text.split("\n---\n")
    heads = [[x.count("#") for x in re.findall(r"^#+", t, re.M)] for t in (chinese, english)]
    assert heads[0] == heads[1] == [1, 2, 2, 2, 2]
    assert chinese.count("\n- ") == english.count("\n- ")
    found = json.loads(run(capsys, "audit", "erasure", store, SECRET, "--json")[1])
    assert len(found["remaining"]) == 4  # withdraw, purge, inside, the university


def test_what_was_opened_to_anybody_cannot_be_called_back(store: Path) -> None:
    from dataclasses import replace  # noqa: PLC0415
    from datetime import date  # noqa: PLC0415

    give(store)
    person = find_person(store, SECRET)
    opened = replace(person, given=(replace(person.given[0], recipient="open"),))
    assert any("cannot be called back" in x for x in remaining(opened, ENGLISH))
    assert any("无法收回" in x for x in remaining(opened, CHINESE))
    nobody = find_person(store, "nobody")
    assert "Nothing is left" in letter(nobody, date(2026, 11, 30), ENGLISH)


# --- chains ---


def edit(file: Path, line: int, old: str, new: str) -> None:
    lines = file.read_text().splitlines(keepends=True)
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new)
    file.write_text("".join(lines))


def test_a_store_as_it_was_written_is_verified(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give(store)
    code, out, _ = run(capsys, "audit", "verify", store)
    assert code == 0
    anchors = re.findall(r"(--\S+) (\d+:\w{64})", out)
    assert [a[0] for a in anchors] == ["--anchor", "--audit-anchor"]
    words = [w for pair in anchors for w in pair]
    give(store)
    assert run(capsys, "audit", "verify", store, *words)[0] == 0
    told = json.loads(run(capsys, "audit", "verify", store, "--json")[1])
    assert told["problems"] == []
    assert told["anchors"] > 0
    n, digest = anchors[0][1].split(":")
    for kept, code in ((digest[:8].upper(), 0), (digest[:7], 2), ("0" * 8, 1)):
        assert run(capsys, "audit", "verify", store, "--anchor", f"{n}:{kept}")[0] == code
    assert run(capsys, "audit", "verify", store, "--anchor", "7")[0] == 2


@pytest.mark.parametrize("chain", ["ledger", "audit"])
def test_an_edited_line_is_found(store: Path, chain: str) -> None:
    give(store)
    file = {"ledger": ledger_file, "audit": audit_file}[chain](store)
    words = {"ledger": ("Demo University", "Demo Unicersity"), "audit": ("export", "expert")}
    line = next(i for i, t in enumerate(file.read_text().splitlines()) if words[chain][0] in t)
    edit(file, line, *words[chain])
    assert any(f"line {line + 1}" in p for p in verify(store).problems)


def rebuild(file: Path, lines: list[str]) -> None:
    """Write a chain anew, so that it fits itself."""
    from varhouse.governance.chain import FIRST, digest_of  # noqa: PLC0415

    previous, out = FIRST, []
    for n, text in enumerate(lines, 1):
        line = json.loads(text) | {"n": n, "previous": previous}
        line["digest"] = previous = digest_of(line)
        out.append(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n")
    file.write_text("".join(out))


@pytest.mark.parametrize("chain", ["ledger", "audit"])
@pytest.mark.parametrize("way", ["changed", "cut", "without"])
def test_a_chain_that_was_made_anew_is_found_by_the_other(
    store: Path, chain: str, way: str
) -> None:
    give(store)
    Ledger.open(store).add("cohort", "north", {"title": "of the north"})
    file = {"ledger": ledger_file, "audit": audit_file}[chain](store)
    lines = file.read_text().splitlines()
    if way == "changed":
        lines[0] = json.dumps(json.loads(lines[0]) | {"by": "x"})
    elif way == "cut":
        lines = lines[:-1] if chain == "ledger" else lines[:2]
    else:
        del lines[2 if chain == "ledger" else 1]
    rebuild(file, lines)
    assert verify(store).problems


def test_both_made_anew_show_against_what_was_kept_elsewhere(store: Path) -> None:
    give(store)
    kept = verify(store)
    rebuild(audit_file(store), audit_file(store).read_text().splitlines()[:1])
    rebuild(ledger_file(store), ledger_file(store).read_text().splitlines()[:1])
    assert verify(store, [kept.head], [kept.audit_head]).problems


def test_persons_that_were_changed_are_found(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give(store)
    file = next((private_folder(store) / "given").glob("*.parquet"))
    raw = file.read_bytes()
    for new in (raw[:-1] + bytes([raw[-1] ^ 1]), None):
        if new is None:
            file.unlink()
        else:
            file.write_bytes(new)
        assert [p for p in verify(store).problems if "persons" in p]
        # One check under both commands.
        for command in ("audit", "ledger"):
            code, out, err = run(capsys, command, "verify", store)
            assert code == 1
            assert "persons" in out + err


def test_the_ledger_is_verified_by_who_may_read_nothing_else(
    store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As its first entry closes the records of releases, too."""
    give(store)

    def closed(root: Path) -> list[int]:
        if root != store:
            return []
        raise PermissionError(13, "Permission denied", str(root / "_store" / "releases"))

    def secret(_: Audit) -> list[Any]:
        raise AccessError("secret")

    monkeypatch.setattr(audits, "list_releases", closed)
    monkeypatch.setattr(Audit, "events", secret)
    code, out, err = run(capsys, "ledger", "verify", store)
    assert code == 0
    notes = [line for line in (out + err).splitlines() if "may not be read by you" in line]
    assert len(notes) == 2
    assert f"{store}/_store/releases" in notes[1]
    assert run(capsys, "audit", "verify", store)[0] == 1


def test_receipts_are_anchors(store: Path, tmp_path: Path) -> None:
    give(store)
    head = Ledger.open(store).head
    line = Audit(store).head()
    receipt = tmp_path / "receipt.json"
    told: dict[str, Any] = {
        "decision": {"ledger": dict(zip(("n", "digest"), head, strict=True))},
        "planned": None,
        "audit": dict(zip(("n", "digest"), line, strict=True)),
    }
    receipt.write_text(json.dumps(told))
    assert not verify(store, receipts=[receipt]).problems
    for own in (told["audit"], told["decision"]["ledger"]):
        right, own["digest"] = own["digest"], "0" * 64
        receipt.write_text(json.dumps(told))
        assert str(receipt) in verify(store, receipts=[receipt]).problems[0]
        own["digest"] = right
    receipt.write_text(json.dumps([told]))
    with pytest.raises(InputError, match="is no receipt"):
        verify(store, receipts=[receipt])


def test_an_entry_can_be_added_and_all_fits(store: Path) -> None:
    Ledger.open(store).add_all([Entry("cohort", "north", {"title": "x"})])
    assert not verify(store).problems
