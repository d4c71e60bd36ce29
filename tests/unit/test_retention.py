"""Rules of retention: what they say, and which releases they keep."""

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from varhouse.cli.storegc import parse_time
from varhouse.errors import StoreError, UsageError
from varhouse.store.releases import Release
from varhouse.store.retention import choose, parse_policy, read_policy, remember_policy


def releases(*times: str) -> list[Release]:
    return [
        Release(i, i - 1 or None, "ingest", f"i{i}", f"{t}T03:00:00Z", "0", {})
        for i, t in enumerate(times, 1)
    ]


NIGHTS = [(date(2025, 1, 1) + timedelta(days=i)).isoformat() for i in range(365)]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("tagged, last 30, monthly", "tagged, last 30, monthly"),
        ("  Monthly   12 ,ALL", "monthly 12, all"),
        ("since 2026-01-31", "since 2026-01-31"),
        ("last 1,last 1", "last 1"),
    ],
)
def test_rules_are_read(text: str, written: str) -> None:
    assert str(parse_policy(text)) == written
    assert parse_policy(written) == parse_policy(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty rule"),
        ("last 3,,monthly", "an empty rule"),
        ("monthl", "no rule is called 'monthl'; nearest: monthly"),
        ("last", "0 values, not one"),
        ("last 0", "'0' is no number from 1"),
        ("last -1", "no number"),
        ("last 1.5", "no number"),
        ("last ٣", "no number"),
        ("last 3 4", "2 values"),
        ("tagged x", "takes nothing more"),
        ("since 2026-02-30", "is no date"),
        ("since 20260201", "is no date"),
        ("since 2026-W05-1", "is no date"),
        ("monthly twelve", "no number"),
    ],
)
def test_mistakes_in_rules(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_policy(text)
    assert said in error.value.message
    assert error.value.fix


def test_tagged_last_and_monthly_of_a_year() -> None:
    kept = choose(releases(*NIGHTS), {"paper": 7}, parse_policy("tagged, last 30, monthly"))
    ends = {31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365}
    assert kept == {7} | ends | set(range(336, 366))


def test_periods() -> None:
    # 2026-01-04 is a Sunday: the last day of week 1; several releases may be of one day.
    times = ["2025-12-28", "2025-12-29", "2026-01-04", "2026-01-05", "2026-01-05"]
    made = releases(*times)
    assert choose(made, {}, parse_policy("weekly")) == {1, 3, 5}
    assert choose(made, {}, parse_policy("weekly 2")) == {3, 5}
    assert choose(made, {}, parse_policy("daily")) == {1, 2, 3, 5}
    assert choose(made, {}, parse_policy("yearly")) == {2, 5}
    assert choose(made, {}, parse_policy("since 2026-01-05")) == {4, 5}
    assert choose(made, {}, parse_policy("all")) == {1, 2, 3, 4, 5}
    assert choose(made, {"a": 2, "b": 9}, parse_policy("tagged")) == {2, 5}
    assert choose([], {}, parse_policy("last 3")) == set()


def test_withdrawn_release_stands_for_a_period_without_another_alone() -> None:
    made = releases("2026-01-10", "2026-01-20", "2026-02-01", "2026-03-01")
    monthly = parse_policy("monthly")
    assert choose(made, {}, monthly, withdrawn={2}) == {1, 3, 4}
    assert choose(made, {}, monthly, withdrawn={1, 2, 3}) == {2, 3, 4}
    assert choose(made, {}, monthly, withdrawn={4}) == {2, 3, 4}


def test_newest_is_always_kept_and_more_rules_keep_more() -> None:
    rng = random.Random(3)
    rules = ["tagged", "last 2", "daily 3", "weekly 2", "monthly 4", "yearly", "last 9"]
    for _ in range(200):
        days = sorted(rng.randrange(900) for _ in range(rng.randrange(1, 60)))
        start = datetime(2024, 1, 1, tzinfo=UTC)
        made = releases(*[(start + timedelta(days=d)).strftime("%Y-%m-%d") for d in days])
        tags = {"t": rng.randrange(1, 80)}
        one, two = rng.sample(rules, 2)
        kept = [choose(made, tags, parse_policy(r)) for r in (one, two, f"{one},{two}")]
        assert len(made) in kept[0] & kept[1]
        assert kept[2] == kept[0] | kept[1]
        # What goes does not bring other releases back: choosing again changes nothing.
        rest = [r for r in made if r.number in kept[2]]
        assert choose(rest, tags, parse_policy(f"{one},{two}")) == kept[2]


def test_policy_of_a_store(tmp_path: Path) -> None:
    assert read_policy(tmp_path) is None
    remember_policy(tmp_path, parse_policy("last 3, yearly"))
    assert read_policy(tmp_path) == parse_policy("last 3, yearly")
    for damaged in ("[]", '{"keep": 3}', '{"keep": "lats 3"}', "{"):
        (tmp_path / "_store" / "retention.json").write_text(damaged)
        with pytest.raises(StoreError, match=r"retention\.json is damaged"):
            read_policy(tmp_path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("24h", 86400), ("90min", 5400), ("7 d", 604800), ("0", 0), ("1.5h", 5400)],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["-1h", "h", "1w", "", "nan h", "1e3s"])
def test_mistakes_in_times(text: str) -> None:
    with pytest.raises(UsageError, match="no stretch of time"):
        parse_time(text)


def test_a_number_alone_is_asked_for_its_unit() -> None:
    with pytest.raises(UsageError, match="'24' of what") as told:
        parse_time("24")
    assert "24h" in told.value.fix
