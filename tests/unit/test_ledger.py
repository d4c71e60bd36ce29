"""The ledger of permits: what it says follows from its entries, and no change is unseen."""

import json
import os
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ledgers import filled_ledger, make_ledger

from varhouse.errors import AccessError, ConfigError, StoreError
from varhouse.governance.audit import Audit
from varhouse.governance.chain import FIRST, Chain, digest_of
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.ledgerverify import verify
from varhouse.governance.model import Assay, PaperKind, RecipientKind, Tier
from varhouse.governed import audit_file, is_governed, ledger_file, mark_file


def test_a_store_without_entries_is_not_governed(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    assert (ledger.head, ledger.cohorts(), ledger.grants()) == ((0, FIRST), {}, [])
    assert Ledger.find(tmp_path) is None
    with pytest.raises(ConfigError):
        ledger.add("cohort", "zj", {"tier": "T9"})
    assert ledger.change(lambda _: []) == []
    # A mistake, or nothing, leaves no trace that would govern it.
    assert not is_governed(tmp_path)
    assert list((tmp_path / "_store").iterdir()) == []
    with pytest.raises(StoreError, match="no store"):
        Ledger.open(tmp_path / "nowhere")


def test_what_holds_is_the_sum_of_the_entries(tmp_path: Path) -> None:
    filled_ledger(tmp_path)
    ledger = Ledger.find(tmp_path)
    assert ledger is not None
    ledger.add("cohort", "zj", {"tier": "T2"})
    ledger.add("cohort", "zj", {"people.WGS": None, "people.WES": "1,200"})
    record = Ledger.open(tmp_path).cohort("zj")
    assert record is not None
    assert (record.tier, record.provinces) == (Tier.T2, ("330000",))
    assert record.people == {Assay.WES: 1200}
    assert [p.number for p in record.papers] == ["E1"]
    assert ledger.cohort("nobody") is None
    before = ledger.as_known(1).cohort("zj")
    assert before is not None
    assert (before.tier, before.papers) == (Tier.T1, ())
    assert ledger.as_known(date(2000, 1, 1)).cohorts() == {}
    assert ledger.as_known(date(9000, 1, 1)).cohort("zj") == record


@pytest.mark.parametrize(
    ("day", "is_valid"),
    [("2025-12-31", False), ("2026-01-01", True), ("2027-01-01", True), ("2027-01-02", False)],
)
def test_papers_count_from_their_first_day_to_their_last(
    tmp_path: Path, day: str, is_valid: bool
) -> None:
    ledger = filled_ledger(tmp_path)
    ledger.add("paper", "ethics:E1", {"valid_from": "2026-01-01"})
    record = ledger.cohort("zj")
    assert record is not None
    assert bool(record.valid(PaperKind.ETHICS, date.fromisoformat(day))) == is_valid


def test_a_revoked_paper_counts_no_more_from_that_day(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    ledger.add("paper", "ethics:E1", {"revoked": date(2026, 6, 1)})
    [paper] = ledger.papers().values()
    assert paper.is_valid(date(2026, 5, 31))
    assert not paper.is_valid(date(2026, 6, 1))


def test_a_paper_of_all_cohorts_names_them(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    ledger.add("cohort", "bj")
    ledger.add("paper", fields={"kind": "preservation", "number": "P", "cohorts": "*"})
    assert ledger.papers()["preservation:P"].cohorts == ("bj", "zj")
    record = ledger.cohort("bj")
    assert record is not None
    assert [p.kind for p in record.papers] == [PaperKind.PRESERVATION]


def test_what_ends_by_itself_is_asked_of_a_day(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    ledger.add("grant", fields={"principal": "li", "cohort": "zj", "until": "2026-06-30"})
    ledger.add("withdraw", "zj", {"from": "2026-07-01"})
    assert [g.principal for g in ledger.grants(date(2026, 6, 30))] == ["li"]
    assert ledger.grants(date(2026, 7, 1)) == []
    told = [ledger.cohort("zj", date(2026, m, 1)) for m in (6, 7)]
    assert [r.is_withdrawn for r in told if r] == [False, True]
    ledger.add("withdraw", "zj", {"from": None}, note="entered by mistake")
    later = ledger.cohort("zj", date(2026, 8, 1))
    assert later is not None
    assert not later.is_withdrawn


def test_two_recipients_are_always_there(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    ledger.add("recipient", "Demo Institute", {"kind": "外方", "country": "美国"})
    found = ledger.recipients()
    assert {n: r.kind for n, r in found.items()} == {
        "inside": RecipientKind.INSIDE,
        "open": RecipientKind.OPEN,
        "Demo Institute": RecipientKind.FOREIGN,
    }
    assert found["Demo Institute"].country == "US"
    assert ledger.recipient("nobody") is None


@pytest.mark.parametrize(
    ("kind", "subject", "fields", "says"),
    [
        ("cohrt", "x", {}, "no kind of entry is called 'cohrt'; nearest: cohort"),
        ("cohort", "", {}, "without a cohort"),
        ("cohort", "x", {"teir": "T1"}, "no field is called 'teir'; nearest: tier"),
        ("cohort", "x", {"tier": "T4"}, "none of T0, T1, T2, T3"),
        ("cohort", "x", {"people_total": 5, "people.WGS": 6}, "more than people_total"),
        ("cohort", "x\u202e", {}, "letters that are not shown"),
        ("paper", "", {"kind": "ethics", "number": "1"}, "field cohorts is missing"),
        ("paper", "", {"kind": "ethics", "cohorts": "x"}, "without a permit"),
        (
            "paper",
            "",
            {
                "kind": "ethics", "number": "1", "cohorts": "x",
                "valid_from": "2026-02-01", "valid_until": "2026-01-31",
            },
            "2026-01-31 is before valid_from 2026-02-01",
        ),
        ("recipient", "open", {"kind": "domestic"}, "always of kind open"),
        ("recipient", "x", {"kind": "domestic", "country": "US"}, "and of the country US"),
        ("recipient", "x", {}, "field kind is missing"),
        ("withdraw", "x", {}, "field from is missing"),
        ("grant", "", {"principal": "x"}, "without a grant"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    tmp_path: Path, kind: str, subject: str, fields: dict, says: str
) -> None:
    ledger = make_ledger(tmp_path)
    with pytest.raises(ConfigError, match=says):
        ledger.add_all([Entry("cohort", "good"), Entry(kind, subject, fields)])
    assert Ledger.open(tmp_path).links == []


def test_a_correction_is_checked_with_what_is_known(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    with pytest.raises(ConfigError, match="before valid_from"):
        ledger.add("paper", "ethics:E1", {"valid_from": "2027-01-02"})
    with pytest.raises(ConfigError, match="cohorts is missing"):
        ledger.add("paper", "ethics:E1", {"cohorts": None})


def test_entries_of_a_newer_varhouse_are_not_passed_over(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    ledger.chain.append({"kind": "suspend", "subject": "zj", "fields": {}})
    with pytest.raises(StoreError, match="newer varhouse"):
        Ledger.open(tmp_path)


@pytest.mark.parametrize("file", ["ledger", "audit"])
@pytest.mark.parametrize("change", ["edited", "removed", "inserted", "moved", "cut off"])
@pytest.mark.parametrize("line", range(3))
def test_one_changed_line_is_found(tmp_path: Path, file: str, change: str, line: int) -> None:
    ledger = filled_ledger(tmp_path)
    ledger.add("recipient", "Demo University", {"kind": "domestic"})
    path = ledger_file(tmp_path) if file == "ledger" else audit_file(tmp_path)
    assert verify(tmp_path).problems == []
    lines = path.read_text().splitlines()
    if change == "edited":
        # A letter of what it says, in the one form that JSON has for it.
        lines[line] = (
            lines[line]
            .replace('"kind":"', '"kind":"x', 1)
            .replace('"event":"', '"event":"x', 1)
        )
    elif change == "removed":
        del lines[line]
    elif change == "inserted":
        lines.insert(line, lines[line - 1])
    elif change == "moved":
        lines.append(lines.pop(line - 1 if line else 0))
    else:
        lines = lines[:line]
    path.write_text("".join(x + "\n" for x in lines))
    found = verify(tmp_path)
    # Not only by what the log did not note: the last events of the log the mark knows.
    assert [p for p in found.problems if "not in the audit log" not in p]


def rebuilt(file: Path, change: dict) -> None:
    """Make a chain anew with another first body, as who can write the file may."""
    previous, lines = FIRST, []
    for n, text in enumerate(file.read_text().splitlines()):
        line = {**json.loads(text), "previous": previous}
        if n == 0:
            line["body"] = {**line["body"], **change}
        previous = line["digest"] = digest_of(line)
        lines.append(json.dumps(line, sort_keys=True, separators=(",", ":")))
    file.write_text("".join(x + "\n" for x in lines))


def test_a_ledger_made_anew_shows_in_the_audit_log_and_the_other_way(tmp_path: Path) -> None:
    for name, file in (("a", ledger_file), ("b", audit_file)):
        store = tmp_path / name
        filled_ledger(store)
        rebuilt(file(store), {"note": "other"})
        if file is ledger_file:
            with pytest.raises(StoreError, match="is not the line of digest"):
                Ledger.open(store)
        # The other chain knows it, and the mark.
        assert ["made anew" in p for p in verify(store).problems] == [True, True]


def test_a_ledger_that_was_cut_off_decides_nothing(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    ledger.add("withdraw", "zj", {"from": "2026-01-01"})
    lines = ledger_file(tmp_path).read_bytes().splitlines(keepends=True)
    ledger_file(tmp_path).write_bytes(b"".join(lines[:-1]))
    for ask in (Ledger.open, Ledger.find):
        with pytest.raises(StoreError, match="line 3: is not the line of digest"):
            ask(tmp_path)


@pytest.mark.parametrize("of", ["ledger", "audit"])
def test_what_is_written_while_it_is_verified_is_no_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, of: str
) -> None:
    filled_ledger(tmp_path)
    file = ledger_file(tmp_path) if of == "ledger" else audit_file(tmp_path)
    read, made = Chain.read, []

    def read_then_write(chain: Chain, *anchors: Any) -> Any:
        links = read(chain, *anchors)
        if chain.file == file and not made:
            made.append(True)
            Ledger.open(tmp_path).add("cohort", "late", {"tier": "T1"})
            Audit(tmp_path).note("read")
        return links

    monkeypatch.setattr(Chain, "read", read_then_write)
    found = verify(tmp_path)
    assert made
    assert found.problems == []


def test_both_made_anew_show_against_a_head_that_was_noted(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    head = ledger.head
    for file in (ledger_file, audit_file, mark_file):
        file(tmp_path).unlink()
    filled_ledger(tmp_path, title="another")
    assert verify(tmp_path).problems == []
    found = verify(tmp_path, [("a receipt", *head)])
    assert ["a receipt" in p for p in found.problems] == [True]
    with pytest.raises(StoreError, match="is not the line of digest"):
        Ledger.open(tmp_path, [head])
    assert verify(tmp_path, [("beyond", 9, head[1])]).problems


def test_a_ledger_that_was_taken_away_opens_nothing(tmp_path: Path) -> None:
    filled_ledger(tmp_path)
    ledger_file(tmp_path).unlink()
    assert is_governed(tmp_path)
    with pytest.raises(StoreError, match="missing: the store had a ledger"):
        Ledger.find(tmp_path)
    assert verify(tmp_path).problems


def test_a_crash_between_ledger_and_audit_log_is_made_good_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = filled_ledger(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Audit, "note", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ledger.add("cohort", "zj", {"tier": "T3"})
    # The entry counts: it is on the disk.
    record = Ledger.open(tmp_path).cohort("zj")
    assert record is not None
    assert record.tier is Tier.T3
    [problem] = verify(tmp_path).problems
    assert "entries 3 to 3" in problem
    Audit(tmp_path).note("share", to="inside")
    found = verify(tmp_path)
    assert found.problems == []
    assert ["noted late (3 to 3)" in n for n in found.notes] == [True]
    events = [(e.body["event"], e.body.get("late")) for e in Audit(tmp_path).events()]
    assert events == [("ledger", None), ("ledger", None), ("ledger", 1), ("share", None)]


def test_a_crash_is_made_good_by_the_next_entry_too(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    body = {"kind": "cohort", "subject": "bj", "fields": {}}
    Chain(ledger_file(tmp_path)).append(body)
    link = ledger.add("cohort", "bj", {"tier": "T1"})
    assert link.n == 4
    last = Audit(tmp_path).events()[-1].body
    assert (last["first"], last["n"], last["late"]) == (3, 4, 1)
    assert verify(tmp_path).problems == []


def test_two_writers_wait_for_one_another_and_see_what_the_other_did(tmp_path: Path) -> None:
    store = tmp_path
    make_ledger(store)

    def count() -> None:
        for _ in range(5):
            Ledger.open(store).change(
                lambda now: [Entry("cohort", "c", {"people_total": _next(now)})]
            )

    def _next(now: Ledger) -> int:
        record = now.cohort("c")
        return (record.people_total or 0) + 1 if record else 1

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    record = Ledger.open(store).cohort("c")
    assert record is not None
    assert record.people_total == 20
    assert verify(store).problems == []
    assert [e.body.get("late") for e in Audit(store).events()] == [None] * 20


def test_entries_that_belong_together_count_together(tmp_path: Path) -> None:
    ledger = filled_ledger(tmp_path)
    before = {f: f.read_bytes() for f in (audit_file(tmp_path), mark_file(tmp_path))}
    ledger.add_all([Entry("cohort", f"c{i}") for i in range(5)])
    whole = ledger_file(tmp_path).read_bytes()
    for file, text in before.items():
        file.write_bytes(text)
    ends = [i + 1 for i, b in enumerate(whole) if b == 10]
    # Killed while it wrote: some whole lines, and a piece.
    for cut in (ends[2], ends[3], ends[5] + 7, len(whole) - 1):
        ledger_file(tmp_path).write_bytes(whole[:cut])
        assert list(Ledger.open(tmp_path).cohorts()) == ["zj"]
    link = Ledger.open(tmp_path).add("cohort", "last")
    assert link.n == 3
    assert list(Ledger.open(tmp_path).cohorts()) == ["last", "zj"]


def test_without_permission_to_read_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled_ledger(tmp_path)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(AccessError, match="no permission"):
        Audit(tmp_path).events()
    # The ledger is compared with what else is known.
    found = verify(tmp_path)
    assert (found.problems, len(found.notes)) == ([], 1)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    for ask in (Ledger.open, Ledger.find, verify):
        with pytest.raises(AccessError, match="no permission"):
            ask(tmp_path)


@pytest.mark.parametrize(
    ("number", "says"), [(13, "no permission"), (1, "no permission"), (30, "read-only disk")]
)
def test_what_the_disk_refuses_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    ledger = filled_ledger(tmp_path)
    before = ledger_file(tmp_path).read_bytes()
    true_open = os.open

    def refuse(path: object, flags: int, *more: object, **named: object) -> int:
        if flags & (os.O_RDWR | os.O_WRONLY):
            raise OSError(number, os.strerror(number), str(path))
        return true_open(path, flags, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AccessError, match=says):
        ledger.add("cohort", "bj")
    with pytest.raises(AccessError, match=says):
        Audit(tmp_path).note("share")
    monkeypatch.undo()
    assert ledger_file(tmp_path).read_bytes() == before
    # Who may read it still does.
    assert Ledger.open(tmp_path).head == ledger.head


def test_a_full_disk_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = filled_ledger(tmp_path)
    before = ledger_file(tmp_path).read_bytes()

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            ledger.add_all([Entry("cohort", f"c{i}") for i in range(3)])
    assert ledger_file(tmp_path).read_bytes() == before
    assert Ledger.open(tmp_path).add("cohort", "c0").n == 3


def test_many_entries_are_read_in_no_time(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path)
    fields = {"provinces": ["330000"], "title": "a cohort of many", "people.WGS": 1000}
    body = {"kind": "cohort", "fields": fields, "audit": {"n": 0, "digest": FIRST}}
    with ledger.chain.writing() as writer:
        writer.append([{**body, "subject": f"c{i}"} for i in range(10_000)])
    best = min(_seconds(tmp_path) for _ in range(3))
    assert best < 0.3
    began = time.process_time()
    for i in range(20):
        Audit(tmp_path).note("query", number=i)
    assert time.process_time() - began < 0.3


def _seconds(store: Path) -> float:
    began = time.process_time()
    assert Ledger.open(store).head[0] == 10_000
    return time.process_time() - began


def test_rules_of_a_file_are_entered_with_their_digest(tmp_path: Path) -> None:
    """By `ledger add rules - file=X` anybody could change X, and nobody would know."""
    ledger = make_ledger(tmp_path)
    with pytest.raises(ConfigError, match="varhouse share rules"):
        ledger.add("rules", "", {"file": "own.yaml"})
    ledger.add("rules", "", {"file": "builtin"})
    ledger.add("rules", "", {"file": "own.yaml", "digest": "ab12"})
    assert (ledger.rules() or {})["file"] == "own.yaml"
