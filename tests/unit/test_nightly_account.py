"""The account of a night and the kept log: read back as written, torn lines survived."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from varhouse.errors import StoreError
from varhouse.nightly.account import (
    CohortIn,
    Delivered,
    Disk,
    Fault,
    Night,
    load_account,
    save_account,
)
from varhouse.nightly.nightlog import LogLine, append_log, read_log, summary_numbers

FAULT = Fault(
    "delivery:甲",
    "delivery",
    "甲",
    "a",
    ["x.vcf: S1 ..."],
    ["a sum differs"],
    "2026-11-29T02:00:00Z",
)
NIGHT = Night(
    "20261129T020000Z-1",
    "2026-11-29T02:00:00Z",
    release=4,
    cohorts=[CohortIn("a", True, 3, 40, 41, 2), CohortIn("b", False, 1, 2, 2, 1)],
    deliveries=[Delivered("甲", "held", cohort="a"), Delivered("b", "in", release=4)],
    faults=[FAULT, replace(FAULT, subject="cohort:c", new=False, nights=3)],
    disk=Disk(10, 20, None, 5, 0),
)


def test_an_account_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert load_account(tmp_path) is None
    file = save_account(tmp_path, NIGHT)
    assert load_account(tmp_path) == NIGHT
    assert Night.from_json(json.loads(file.read_text())) == NIGHT


def test_numbers_of_a_night(tmp_path: Path) -> None:
    numbers = summary_numbers(NIGHT)
    assert (numbers["n_records"], numbers["n_rejects"]) == (42, 3)
    assert (numbers["new_faults"], numbers["known_faults"]) == (1, 1)
    assert (numbers["held"], numbers["in"], numbers["waiting"]) == (1, 1, 0)
    # What is not known is null, never 0.
    assert numbers["folder_free"] is None
    assert numbers["n_people"] is None


@pytest.mark.parametrize("data", [{}, {"version": 1}, {"version": 2, "night": "x"}, []])
def test_what_is_no_account_is_refused(data: object, tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text(json.dumps(data))
    with pytest.raises(StoreError):
        load_account(tmp_path)


@pytest.mark.parametrize("tail", [b"", b'{"time": "2026', b"\xff\xfe", b"[]\n", b"\n"])
def test_a_torn_line_costs_itself_alone(tail: bytes, tmp_path: Path) -> None:
    lines = [LogLine("t1", "n1", "begin"), LogLine("t2", "n1", "night", numbers={"held": 2})]
    append_log(tmp_path, lines[:1])
    with (tmp_path / "log.jsonl").open("ab") as out:
        out.write(tail)
    append_log(tmp_path, lines[1:])
    assert list(read_log(tmp_path)) == lines


def test_the_log_is_only_ever_appended_to(tmp_path: Path) -> None:
    assert list(read_log(tmp_path)) == []
    append_log(tmp_path, [LogLine("t1", "n1", "begin", say="甲\udcff")])
    before = (tmp_path / "log.jsonl").read_bytes()
    append_log(tmp_path, [LogLine("t2", "n2", "begin")])
    assert (tmp_path / "log.jsonl").read_bytes().startswith(before)
    assert [line.time for line in read_log(tmp_path)] == ["t1", "t2"]
