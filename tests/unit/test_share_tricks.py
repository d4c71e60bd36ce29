"""Tricks at the gate: people who count as one, houses that are one, clocks, broken reads."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from governedstores import make_governed, papers, sample_rows

from varhouse.cli.wayoutput import state_of
from varhouse.errors import AccessError, UsageError
from varhouse.governance import days
from varhouse.governance.audit import Audit
from varhouse.governance.days import today
from varhouse.governance.ledger import Entry
from varhouse.governance.rules import load_rules
from varhouse.sharing import gate
from varhouse.sharing.gate import ask, way_out
from varhouse.sharing.given import FAILED, SHARED
from varhouse.sharing.request import Answer, Content, Request
from varhouse.store.reader import open_store
from varhouse.submission.packs import Order

ABROAD = "Demo Abroad"


def give(store: Path, to: str = ABROAD, **more: Any) -> None:
    with way_out(Request(store, recipient=to, what="test", **more)):
        pass


def before(store: Path, to: str = ABROAD) -> int:
    return ask(Request(store, recipient=to)).before.total


# --- who counts as one ---


@pytest.mark.parametrize("word", ["SAMC000001", "unknown", "not collected", "HRA000001", "-"])
def test_an_accession_that_several_have_tells_nobody_apart(tmp_path: Path, word: str) -> None:
    people = sample_rows("a", [f"S{i}" for i in range(600)], accession=word)
    store = make_governed(tmp_path / "store", {"a": people})
    decision = ask(Request(store, recipient=ABROAD))
    assert decision.now.total == 600
    assert decision.answer is not Answer.ALLOW


@pytest.mark.parametrize(
    "word",
    ["unknown", "HRA000001", "PRJCA000001", "missing", "SRP000001", "OEP000001",
     "phs000001.v1.p1", "CNPhis0000549", "EGAS00000000001"],
)  # fmt: skip
def test_a_word_or_a_study_is_nobody_in_cohorts_of_one(tmp_path: Path, word: str) -> None:
    people = {c: sample_rows(c, [f"P{c}"], accession=word) for c in ("a", "b", "c")}
    store = make_governed(tmp_path / "store", people)
    assert ask(Request(store, recipient=ABROAD)).now.total == 3


@pytest.mark.parametrize(
    "word", ["SAMC000001", "SAMEA1234567", "HRI000001", "ERS000001", "CNShis00001", "P-0017"]
)
def test_an_accession_of_one_sample_tells_him_in_other_cohorts(
    tmp_path: Path, word: str
) -> None:
    people = {
        "a": sample_rows("a", ["S1"], accession=word),
        "b": sample_rows("b", ["T1"], ["else"], biosample=f" {word.lower()}"),
    }
    store = make_governed(tmp_path / "store", people)
    assert ask(Request(store, recipient=ABROAD)).now.total == 1


# --- houses that are one ---

HOUSES: dict[str, list[Entry]] = {
    "blanks": [Entry("recipient", "Demo  Abroad", {"kind": "foreign", "country": "DE"})],
    "case": [Entry("recipient", "DEMO abroad", {"kind": "foreign", "country": "DE"})],
    "width": [Entry("recipient", "\uff24\uff25\uff2d\uff2f Abroad", {"kind": "foreign"})],
    "a dash": [Entry("recipient", "Demo-Abroad", {"kind": "foreign", "country": "DE"})],
}


@pytest.mark.parametrize("how", ["blanks", "case", "width", "a dash"])
def test_a_name_that_is_written_otherwise_begins_no_new_count(
    tmp_path: Path, how: str
) -> None:
    [other] = HOUSES[how]
    people = {"a": sample_rows("a", [f"S{i}" for i in range(7)])}
    store = make_governed(
        tmp_path / "store",
        people,
        [other, *papers(ABROAD, ["a"]), *papers(other.subject, ["a"])],
    )
    give(store)
    assert before(store, other.subject) == 7
    assert before(store, "Demo Overseas") == 0


def test_houses_that_a_third_joins_are_one() -> None:
    from varhouse.governance.model import Recipient, RecipientKind  # noqa: PLC0415
    from varhouse.sharing.gatefacts import affiliates  # noqa: PLC0415

    def house(name: str, code: str = "", key: str = "") -> Recipient:
        return Recipient(name, RecipientKind.DOMESTIC, "CN", None, "", key, code)

    one, two, three = house("one", code="C"), house("two", "c", "K"), house("three", key="K")
    apart = house("four", key="k")
    every = [three, apart, two, one]
    assert affiliates(one, every) == affiliates(three, every) == {"one", "two", "three"}
    assert affiliates(apart, every) == {"four"}


# --- days and rules of a what-if ---


@pytest.fixture
def expired(tmp_path: Path) -> Path:
    """A store whose papers for abroad ran out yesterday."""
    people = {"a": sample_rows("a", [f"S{i}" for i in range(7)])}
    last = today() - timedelta(days=1)
    return make_governed(
        tmp_path / "store", people, papers(ABROAD, ["a"], valid_until=last.isoformat())
    )


def test_an_answer_for_another_day_lets_nothing_out(expired: Path, tmp_path: Path) -> None:
    then = ask(Request(expired, recipient=ABROAD), date(2024, 1, 1))
    assert then.is_allowed
    with pytest.raises(AccessError, match="REPORT"), way_out(then.request, decision=then):
        raise AssertionError


def test_other_rules_let_nothing_out(expired: Path) -> None:
    mild = replace(load_rules(), rules=())
    request = Request(expired, recipient=ABROAD, content=Content.AGGREGATE)
    told = ask(request, None, mild)
    assert told.is_allowed
    with (
        pytest.raises(AccessError, match="CN-HGR-AGGREGATE"),
        way_out(told.request, decision=told),
    ):
        raise AssertionError


def test_a_clock_that_was_set_back_brings_no_permit_back(
    expired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = today()
    monkeypatch.setattr(days, "now", lambda: datetime(2024, 1, 1, tzinfo=UTC))
    assert not ask(Request(expired, recipient=ABROAD)).is_allowed
    assert gate.day_of(expired) == real


def test_no_pack_is_made_of_a_view(tmp_path: Path) -> None:
    from varhouse.submission.packs import _let_out  # noqa: PLC0415

    store = make_governed(tmp_path / "store", {"a": sample_rows("a", ["S1"])})
    view = store / "_views" / "inside"
    view.mkdir(parents=True)
    order = Order(view, "gvm", "a", tmp_path / "pack", recipient=ABROAD)
    with pytest.raises(UsageError, match="is a view"), _let_out(order, open_store(store)):
        raise AssertionError


# --- reads that are broken off ---


@pytest.mark.parametrize(
    ("error", "event"),
    [
        (KeyboardInterrupt, SHARED), (BrokenPipeError, SHARED), (SystemExit, SHARED),
        (UsageError, FAILED),
    ],
)  # fmt: skip
def test_who_breaks_off_has_what_was_there(
    tmp_path: Path, error: type[BaseException], event: str
) -> None:
    people = {"a": sample_rows("a", [f"S{i}" for i in range(7)])}
    store = make_governed(tmp_path / "store", people, papers(ABROAD, ["a"]))
    with pytest.raises(error), way_out(Request(store, recipient=ABROAD)):
        raise error("gone")
    assert Audit(store).events()[-1].body["event"] == event
    assert before(store) == (7 if event == SHARED else 0)


def test_a_file_that_was_begun_shows_after_it_is_gone(tmp_path: Path) -> None:
    out = tmp_path / "out.tsv"
    first = state_of(out)
    assert state_of(out) == first
    (tmp_path / ".begun.tmp").write_text("secret")
    (tmp_path / ".begun.tmp").unlink()
    assert state_of(out) != first
    assert state_of(Path("/dev/null")) != state_of(Path("/dev/null"))
