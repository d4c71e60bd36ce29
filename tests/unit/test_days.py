"""Days are those of the place of a store: in China from 16:00 UTC on the next one."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import tzset
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from governedstores import make_governed, papers, sample_rows

from varhouse.cli import main
from varhouse.errors import ConfigError
from varhouse.governance import days
from varhouse.governance.audit import Audit
from varhouse.governance.chain import Link
from varhouse.governance.fields import FormError
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.readers import closed_cohorts
from varhouse.ingest.setup.permits import Permits
from varhouse.ingest.setup.settings import Policy
from varhouse.sharing import gate
from varhouse.sharing.auditevents import Asked, choose, read_passed
from varhouse.sharing.audits import make_report
from varhouse.sharing.gate import ask
from varhouse.sharing.given import Meter
from varhouse.sharing.request import Content, Request
from varhouse.store.reader import open_store

ABROAD = "Demo Abroad"
LAST = date(2090, 12, 30)
"""A last day, later than what the clock says when the stores of the tests are made."""

EVES = [
    # The last moment that is of the last day, at each place.
    (None, datetime(2090, 12, 30, 15, 59, 59, tzinfo=UTC)),
    ("UTC", datetime(2090, 12, 30, 23, 59, 59, tzinfo=UTC)),
    ("-05:00", datetime(2090, 12, 31, 4, 59, 59, tzinfo=UTC)),
    ("Europe/London", datetime(2090, 12, 30, 23, 59, 59, tzinfo=UTC)),
]


def set_clock(monkeypatch: pytest.MonkeyPatch, time: datetime) -> None:
    monkeypatch.setattr(days, "now", lambda: time)


def entries(zone: str | None) -> list[Entry]:
    """Papers for abroad and an embargo, both until LAST, and the place of the store."""
    own = [Entry("days", "", {"zone": zone})] if zone else []
    embargo = Entry("cohort", "a", {"embargo_until": LAST.isoformat(), "tier": "T0"})
    return [*papers(ABROAD, ["a"], valid_until=LAST.isoformat()), embargo, *own]


@pytest.fixture(params=EVES, ids=[str(zone) for zone, _ in EVES])
def eve(request: Any, tmp_path: Path) -> tuple[Path, datetime]:
    zone, time = request.param
    people = {"a": sample_rows("a", ["S1", "S2"])}
    return make_governed(tmp_path / "store", people, entries(zone)), time


def test_each_gate_asks_the_day_of_the_place(
    eve: tuple[Path, datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, time = eve
    asked = Request(store, recipient=ABROAD, content=Content.AGGREGATE)
    for seconds, day in ((0, LAST), (1, LAST + timedelta(days=1))):
        now = time + timedelta(seconds=seconds)
        set_clock(monkeypatch, now)
        rules = {f.rule for f in ask(asked).findings if f.effect.rank != 0}
        assert ask(asked).found.on == gate.day_of(store) == day
        assert ("gate.embargo" in rules) == (day == LAST)
        assert ("CN-HGR-AGGREGATE" in rules) == (day > LAST)
        # The embargo closes it to the public on its last day, and no longer.
        assert ("a" in closed_cohorts(store, "public")) == (day == LAST)
        started = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        at_ingest = Permits.of(Policy(rules="builtin"), store, started)
        at_night = Permits.of_store(open_store(store))
        assert at_ingest is not None
        assert at_night is not None
        assert at_ingest.on == at_night.on == day
        assert Ledger.open(store).today() == day


def test_a_paper_begins_with_its_first_day_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {"a": sample_rows("a", ["S1"])}
    of_then = papers(ABROAD, ["a"], valid_from=LAST.isoformat())
    store = make_governed(tmp_path / "store", people, of_then)
    for hour, is_allowed in ((15, False), (16, True)):
        set_clock(monkeypatch, datetime(2090, 12, 29, hour, tzinfo=UTC))
        assert ask(Request(store, recipient=ABROAD)).is_allowed == is_allowed


def test_withdrawals_and_grants_begin_and_end_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_governed(tmp_path / "store", {"a": sample_rows("a", ["S1"])})
    set_clock(monkeypatch, datetime(2090, 12, 29, 16, tzinfo=UTC))
    assert main(["ledger", "add", str(store), "withdraw", "a"]) == 0
    Ledger.open(store).add("grant", "", {"principal": "x", "cohort": "a", "until": LAST})
    state = Ledger.open(store).state
    assert state["withdraw", "a"]["from"] == LAST.isoformat()
    for hour, n in ((15, 1), (16, 0)):
        set_clock(monkeypatch, datetime(2090, 12, 30, hour, tzinfo=UTC))
        assert len(Ledger.open(store).grants()) == n


def at(link: Link, time: str) -> Link:
    return replace(link, time=time)


def test_reports_and_the_meter_count_events_by_the_days_of_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_governed(
        tmp_path / "store", {"a": sample_rows("a", ["S1"])}, papers(ABROAD, ["a"])
    )
    with gate.way_out(Request(store, recipient=ABROAD, what="test")):
        pass
    events = Audit(store).events()
    moved = [at(x, "2026-03-01T16:30:00+00:00") for x in events]
    second = Asked(since=date(2026, 3, 2))
    assert [p.time for p in choose(read_passed(moved), second)] == [moved[-1].time]
    assert choose(read_passed(moved, UTC), second) == []
    monkeypatch.setattr(Audit, "events", lambda *_: moved)
    for zone, n in ((days.CHINA, 1), (UTC, 0)):
        given = Meter(store, zone).given([ABROAD], since=date(2026, 3, 2))
        assert given.height == n
    known = Ledger(store, [at(x, moved[0].time) for x in Ledger.open(store).links])
    assert known.as_known(date(2026, 3, 1)).links == []
    assert known.as_known(date(2026, 3, 2)).links == known.links
    monkeypatch.undo()


@pytest.mark.parametrize(("zone", "day"), [(None, 31), ("UTC", 30), ("-05:00", 30)])
def test_a_giving_is_of_the_day_of_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    zone: str | None, day: int,
) -> None:  # fmt: skip
    own = [Entry("days", "", {"zone": zone})] if zone else []
    people = {"a": sample_rows("a", ["S1"])}
    store = make_governed(tmp_path / "store", people, [*papers(ABROAD, ["a"]), *own])
    set_clock(monkeypatch, datetime(2090, 12, 30, 16, 30, tzinfo=UTC))
    with gate.way_out(Request(store, recipient=ABROAD, what="test")):
        pass
    n = len(Audit(store).events())
    assert Audit(store).events()[-1].time == "2090-12-30T16:30:00+00:00"
    for since, is_there in ((day, True), (day + 1, False)):
        asked = Asked(since=date(2090, 12, 1) + timedelta(days=since - 1))
        assert bool(make_report(store, asked).lines) == is_there
        capsys.readouterr()
        assert main(["audit", "log", str(store), "--all", "--since", str(asked.since)]) == 0
        assert bool(capsys.readouterr().out) == is_there
    assert n == len(Audit(store).events())
    # The clock is set back behind the midnight of Beijing.
    set_clock(monkeypatch, datetime(2090, 12, 30, 15, tzinfo=UTC))
    assert gate.day_of(store).day == day


def test_the_log_of_all_events_goes_by_them_too(
    eve: tuple[Path, datetime], capsys: pytest.CaptureFixture[str]
) -> None:
    store, _ = eve
    last = Audit(store).events()[-1]
    day = days.day_of(last.time, Ledger.open(store).zone)
    for since, n in ((day, 1), (day + timedelta(days=1), 0)):
        capsys.readouterr()
        assert main(["audit", "log", str(store), "--all", "--since", str(since)]) == 0
        assert (len(capsys.readouterr().out.splitlines()) > 0) == bool(n)


def test_the_place_is_of_the_store_whatever_it_is_called(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "_store").mkdir()
    assert Ledger.open(tmp_path).zone is days.CHINA
    assert main(["ledger", "add", str(tmp_path), "days", "London", "zone=+01:00"]) == 0
    assert Ledger.open(tmp_path).zone.utcoffset(None) == timedelta(hours=1)
    capsys.readouterr()
    assert main(["ledger", "show", str(tmp_path)]) == 0
    assert "days  +01:00" in capsys.readouterr().out
    assert main(["ledger", "show", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["zone"] == "UTC+01:00"
    assert main(["ledger", "add", str(tmp_path), "days", "-", "--clear", "zone"]) == 2
    assert "zone" in capsys.readouterr().err


# --- places ---


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("+08:00", 8), ("UTC+8", 8), ("GMT+08:00", 8), ("+0800", 8), ("Asia/Shanghai", 8),
        ("asia/shanghai", 8), ("UTC", 0), ("Z", 0), ("-05:30", -5.5),
        ("+14:00", 14),
    ],
)  # fmt: skip
def test_places_need_no_tzdata(
    text: str, hours: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> ZoneInfo:
        raise AssertionError(name)

    monkeypatch.setattr(days, "ZoneInfo", missing)
    zone = days.zone_of(days.read_zone(text))
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=hours)


def test_a_name_has_the_summer_time_of_its_place() -> None:
    zone = days.zone_of("Europe/London")
    assert days.day_of("2026-07-01T23:30:00Z", zone) == date(2026, 7, 2)
    assert days.day_of("2026-01-01T23:30:00Z", zone) == date(2026, 1, 1)


@pytest.mark.parametrize(
    "text", ["", "Beijing", "+15:00", "+24:00", "8", "EST", "Asia/Nowhere", "../etc/passwd",
             "Europe/", "+08:60", "Asia"],
)  # fmt: skip
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(FormError, match="no place or offset"):
        days.read_zone(text)


def test_a_place_that_this_machine_does_not_know_lets_nothing_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = {"a": sample_rows("a", ["S1"])}
    own = Entry("days", "", {"zone": "Europe/London"})
    store = make_governed(tmp_path / "store", people, [*papers(ABROAD, ["a"]), own])
    monkeypatch.setattr(days, "ZoneInfo", lambda _: {}["no tzdata"])
    for language, said in (("en", "offset from UTC"), ("zh", "台账的日期时区有 1 处错误")):
        monkeypatch.setenv("VARHOUSE_LANGUAGE", language)
        with pytest.raises(ConfigError, match=said):
            ask(Request(store, recipient=ABROAD))


def test_the_zone_of_the_user_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_clock(monkeypatch, datetime(2090, 12, 30, 16, tzinfo=UTC))
    for zone in ("Pacific/Honolulu", "Asia/Tokyo", "UTC"):
        monkeypatch.setenv("TZ", zone)
        tzset()
        assert days.today() == date(2090, 12, 31)
    monkeypatch.undo()
    tzset()
