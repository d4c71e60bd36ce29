"""What is shown of a night: page, mail, metrics and trends, and what they must not say."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nights import Nights, vcf_text
from page_reader import PageReader
from prometheus_client.parser import text_string_to_metric_families

from varhouse.nightly.account import CohortIn, Delivered, Disk, Fault, Night
from varhouse.nightly.mail import WIDTH, make_text
from varhouse.nightly.metrics import make_metrics
from varhouse.nightly.nightlog import LogLine, append_log, read_log, summary_numbers
from varhouse.nightly.page import make_page
from varhouse.nightly.pages import write_pages
from varhouse.nightly.trends import NIGHTS, Point, draw_trends, read_points
from varhouse.nightly.words import headline

TIB, GIB = 1 << 40, 1 << 30
EVIL = "<script>x</script>\x1b[31m\u202e\n\"&'甲"
SECRET = "SAMC-SECRET"

NEW = Fault(
    "delivery:hospital-b", "delivery", "hospital-b", "hebei",
    [f"MD5 of {SECRET}.vcf.gz differs"],
    ["MD5 of 1 file differs from the manifest; fix: copy it again, then write READY"],
    "2026-11-21T02:00:00Z",
)  # fmt: skip
KNOWN = Fault(
    "cohort:henan", "ingest", "hospital-d", "henan", [f"31 % of REF differ {SECRET}"],
    ["31 % of REF differ from GRCh38"], "2026-11-18T02:00:00Z", 4, False,
)  # fmt: skip
NIGHT = Night(
    "20261121T020000Z-47", "2026-11-21T02:00:00Z", "2026-11-21T04:11:00Z",
    software="0.1.0", host="node3", store="/data/store", seconds=7860.0, cpu_seconds=9000.5,
    peak_mb=6348.8, exit_code=3, base_release=214, release=215, digest="9a0d" * 16,
    n_alleles=18_411_385, n_people=41_632, n_cohorts=31, new_alleles=18_204,
    cohorts=[
        CohortIn("hospital-a", False, 412, 8102, 8377, 12),
        CohortIn("hospital-c", True, 1, 900, 1000, 0),
    ],
    deliveries=[
        Delivered("hospital-a", "in", "d1", "hospital-a", "replace", "2026-11-20", 22,
                  30 * GIB, "2026-11-21T02:00:00Z", True, 215),
        Delivered("hospital-b", "held", "d2", "hebei", "replace", None, None, None,
                  "2026-11-21T02:00:00Z"),
        Delivered("hospital-e", "waiting", since="2026-11-21T02:00:00Z"),
        Delivered("hospital-a again", "duplicate", "d4", since="2026-11-21T02:00:00Z",
                  of="hospital-a"),
    ],
    faults=[KNOWN, NEW],
    notes=[f"{SECRET} stands in both"], public_notes=["1 sample id stands in both"],
    disk=Disk(2 * TIB, 3 * TIB, 3 * TIB, 30 * GIB, 0, 40 * GIB, 76),
)  # fmt: skip

SUBJECT = (
    "varhouse nightly 2026-11-21: Release 215: 2 cohorts with 413 people came in, 18,204 new "
    "alleles. 1 new fault, 1 known."
)
TEXT = f"""\
{SUBJECT}

NEW FAULT    hospital-b (cohort hebei) [new]
               MD5 of 1 file differs from the manifest; fix: copy it again, then write
               READY
known fault  hospital-d (cohort henan) [4 nights, since 2026-11-18]
               31 % of REF differ from GRCh38
in           hospital-a: 412 people, 8,102 records, 8,377 alleles, 12 rejects
             hospital-c: 1 person, 900 records, 1,000 alleles, 0 rejects, replaces what
               was in
waiting      hospital-e: no ready mark yet, since 2026-11-21
duplicate    hospital-a again: duplicate of hospital-a
release      214 -> 215: 31 cohorts, 41,632 people, 18,411,385 alleles, +18,204 alleles,
               digest 9a0d9a0d9a0d9a0d
took         2 h 11 min, CPU 2 h 30 min, peak 6.2 GiB
disk         3.0 TiB left, room for about 76 nights at 40.0 GiB a night
note         1 sample id stands in both
details      accounts/20261121T020000Z-47.json in the nights' folder

exit 3 (new faults; what is good is in)
"""


def points(**numbers: list) -> list[Point]:
    """Make nights, a day each, of columns of numbers."""
    n = len(next(iter(numbers.values())))
    start = datetime(2026, 11, 1, 4, tzinfo=UTC)
    return [
        Point(f"n{k}", start + timedelta(days=k), {name: v[k] for name, v in numbers.items()})
        for k in range(n)
    ]


def empty() -> Night:
    return Night("20261129T020000Z-1", "2026-11-29T02:00:00Z", "2026-11-29T02:00:01Z")


# --- mail ---


def test_the_text_of_a_night() -> None:
    assert make_text(NIGHT) == TEXT


@pytest.mark.parametrize(
    ("night", "said"),
    [
        (empty(), "Nothing came in. No fault."),
        (replace(empty(), exit_code=1, faults=[NEW]),
         "The night failed: the store is as it was, or a whole release further. 1 new fault."),
        (replace(empty(), faults=[KNOWN, KNOWN]),
         "Nothing came in. No new fault; 2 faults known from earlier nights."),
        (replace(empty(), dry_run=True), "Dry run: nothing was done. No fault."),
    ],
)  # fmt: skip
def test_a_night_in_a_sentence(night: Night, said: str) -> None:
    assert headline(night) == said
    assert make_text(night).splitlines()[0] == f"varhouse nightly 2026-11-29: {said}"


def test_what_a_night_does_not_know_is_not_said() -> None:
    text = make_text(empty())
    assert "disk" not in text
    assert "peak" not in text
    assert "release      none yet, as before\n" in text
    assert text.endswith(
        "exit 0 (no new fault: all is in, or nothing is to do; with known "
        "faults too, unless --strict)\n"
    )


def test_nothing_in_a_mail_steers_a_terminal_or_begins_a_line() -> None:
    fault = replace(NEW, delivery=EVIL, public=[EVIL + "x" * 200, "a b " * 60])
    night = replace(NIGHT, faults=[fault], deliveries=[Delivered(EVIL, "waiting", since="")])
    text = make_text(night)
    assert all(c.isprintable() or c == "\n" for c in text)
    lines = text.splitlines()
    # Only a word that is too long makes a longer line.
    (long,) = [line for line in lines[1:] if len(line) > WIDTH]
    assert len(long.split()) == 1
    assert long.endswith("x" * 200)
    assert not any(line.startswith("\"&'") for line in lines)


# --- the page ---


def test_the_page_is_whole_and_alone() -> None:
    page = PageReader(make_page(NIGHT, points(n_people=[1, 2], seconds=[60, 70])))
    page.check_alone()
    assert "Release 215: 2 cohorts with 413 people came in" in page.text
    assert "MD5 of 1 file differs from the manifest" in page.text
    assert "4 nights, since 2026-11-18" in page.text
    assert page.text.index("New faults") < page.text.index("Known faults, still there")
    assert "18,411,385" in page.text
    assert "3.0 TiB" in page.text
    assert make_page(NIGHT, []) == make_page(NIGHT, [])


def test_new_faults_stand_apart_from_known_ones() -> None:
    text = make_page(NIGHT, [])
    new, known = text.index('id="new"'), text.index('id="known"')
    assert new < text.index("MD5 of 1 file") < known < text.index("31 % of REF")
    # Each stands once.
    assert (text.count("MD5 of 1 file"), text.count("31 % of REF")) == (1, 1)
    calm = make_page(replace(NIGHT, faults=[]), [])
    assert 'id="new"' not in calm
    assert 'id="known"' not in calm


def test_no_person_is_named() -> None:
    night = replace(NIGHT, error=f"{SECRET}: no space left", exit_code=1)
    for text in (make_page(night, []), make_text(night), make_metrics(night, [])):
        assert SECRET not in text


def test_hostile_names_are_text() -> None:
    night = replace(
        NIGHT,
        store=EVIL,
        host=EVIL,
        digest=EVIL,
        software=EVIL,
        faults=[replace(NEW, delivery=EVIL, cohort=EVIL, public=[EVIL])],
        deliveries=[Delivered(EVIL, "held", EVIL, EVIL, EVIL, EVIL, since=EVIL, of=EVIL)],
        cohorts=[CohortIn(EVIL, True, 1, 1, 1, 1)],
        public_notes=[EVIL],
    )
    page = PageReader(make_page(night, []))
    page.check_alone()
    assert "<script>x</script>␣[31m␣␣" in page.text
    named = [w for w in page.words if "script" in w]
    assert len(named) >= 6
    assert "\x1b" not in page.text


# --- trends ---


def test_trends_begin_with_the_second_night() -> None:
    assert draw_trends([]) == draw_trends(points(n_people=[3])) == []
    assert "Trends begin with the second night" in make_page(NIGHT, points(n_people=[3]))


def sentences(found: list[Point]) -> dict[str, str]:
    return {figure.name: figure.look_for for figure, _ in draw_trends(found)}


def test_a_sentence_for_each_trend() -> None:
    said = sentences(
        points(
            n_people=[100, 150, None, 140],
            n_alleles=[1000, 1000, 1000, 1000],
            new_faults=[1, 0, 0, 2],
            known_faults=[0, 1, 1, 1],
            held=[1, 1, 1, 3],
            waiting=[0, 0, 0, 1],
            n_records=[1000, 0, 500, 2000],
            n_rejects=[5, 0, 5, 100],
            seconds=[600, 30, 660, 3600],
            store_free=[9 * TIB, 8 * TIB, 7 * TIB, 6 * TIB],
            store_bytes=[TIB, 2 * TIB, 3 * TIB, 4 * TIB],
            bytes_a_night=[None, None, None, TIB],
            nights_left=[None, None, None, 6],
        )
    )
    # The night before is the last one that knew.
    assert said["people"].startswith(
        "140 people now, -10 since the night before, +40 over 4 nights"
    )
    assert said["alleles"].startswith(
        "1,000 alleles now, no change since the night before, no change over"
    )
    assert said["faults"].startswith("2 new and 1 known this night; 2 of 4 nights had a new")
    assert said["held"].startswith("3 held back and 1 without a ready mark this night")
    # 5 in 1000, 5 in 500, 100 in 2000; the night without records counts for nothing.
    assert said["rejects"].startswith("5 in 100 records this night; the median of nights with")
    assert "records is 1." in said["rejects"]
    assert said["seconds"] == (
        "1 h 0 min this night; the median of earlier nights with records is 10 min."
    )
    assert said["disk"] == "6.0 TiB left: room for about 6 nights, at 1.0 TiB a night."


def test_a_slow_night_is_named_when_it_is_known_what_is_usual() -> None:
    many = {"n_records": [9] * 6, "seconds": [600] * 5}
    assert (
        "more than twice that"
        in sentences(points(n_records=many["n_records"], seconds=[600] * 5 + [1201]))[
            "seconds"
        ]
    )
    assert (
        "twice"
        not in sentences(points(n_records=many["n_records"], seconds=[600] * 5 + [1199]))[
            "seconds"
        ]
    )


def test_what_no_night_knew_is_not_drawn() -> None:
    found = sentences(points(n_people=[None, None], seconds=[1, 2], store_free=[5, None]))
    assert set(found) == {"seconds", "disk"}
    assert found["disk"] == "Not known this night."


def test_a_gap_is_no_line_and_no_zero() -> None:
    figure, styles = draw_trends(points(n_people=[5, 6, None, 7, 8, 9]))[0]
    assert styles == {"people": 0}
    curves = re.findall(r'class="line s0" d="([^"]*)"', figure.svg)
    assert [len(c.split("L")) for c in curves] == [2, 3]
    assert figure.svg.count('class="mark s0"') == 5
    assert figure.data is not None
    assert figure.data["people"].to_list() == [5.0, 6.0, None, 7.0, 8.0, 9.0]
    page = PageReader(make_page(NIGHT, points(n_people=[5, None])))
    assert [r["people"] for r in page.data("nightly-people")] == ["5.0", ""]


def test_points_of_a_log(tmp_path: Path) -> None:
    """The end of a night counts, once; what is no number or no time is not known."""
    ends = [f"2026-01-01T{k // 60:02}:{k % 60:02}:00Z" for k in range(NIGHTS + 5)]
    lines = [LogLine(t, f"n{k}", "night", numbers={"held": k}) for k, t in enumerate(ends)]
    append_log(
        tmp_path,
        [
            LogLine(ends[0], "n0", "begin"),
            *lines,
            LogLine("yesterday", "x", "night"),
            LogLine("2026-01-01T09:00:00Z", "f", "failed", numbers={"exit_code": 1}),
            LogLine(
                "2026-01-02T00:00:00", "y", "night", numbers={"held": "3", "seconds": True}
            ),
        ],
    )
    with (tmp_path / "log.jsonl").open("a") as log:
        log.write('{"version": 1, "time": null, "night": "z", "event": "night"}\n')
        log.write('{"version": 1, "time": "2026-01-01", "night": "z", "event": "night", '
                  '"numbers": 5}\n')  # fmt: skip
    found = read_points(read_log(tmp_path))
    assert len(found) == NIGHTS
    assert [p.get("held") for p in found[:2]] == [7, 8]
    assert found[-2].get("exit_code") == 1
    assert (found[-1].night, found[-1].get("held"), found[-1].get("seconds")) == (
        "y", None, None,
    )  # fmt: skip
    assert found[-1].time.tzinfo is not None


# --- metrics ---


def families(text: str) -> dict[str, dict[frozenset, float]]:
    """Read metrics by the parser of Prometheus's own client."""
    out: dict[str, dict[frozenset, float]] = {}
    for family in text_string_to_metric_families(text):
        assert family.name not in out, "each metric stands together"
        assert family.documentation
        assert family.type == "gauge"
        samples = {}
        for sample in family.samples:
            assert sample.name == family.name
            labels = frozenset(sample.labels.items())
            assert labels not in samples
            samples[labels] = sample.value
        out[family.name] = samples
    return out


def value(found: dict, name: str, **labels: str) -> float:
    return found[name][frozenset({"store": "/data/store", **labels}.items())]


def test_metrics_are_read_by_the_client_of_prometheus() -> None:
    found = families(make_metrics(NIGHT, []))
    assert value(found, "varhouse_store_people") == 41632
    assert value(found, "varhouse_store_alleles") == 18411385
    assert value(found, "varhouse_store_release") == 215
    assert value(found, "varhouse_nightly_rejects") == 12
    assert value(found, "varhouse_nightly_peak_memory_bytes") == round(6348.8 * 2**20)
    assert value(found, "varhouse_nightly_cpu_seconds") == 9000.5
    assert value(found, "varhouse_store_free_bytes") == 3 * TIB
    assert value(found, "varhouse_store_full_nights") == 76
    assert value(found, "varhouse_nightly_exit_code") == 3
    # 2026-11-21 04:11 UTC, by date(1).
    assert value(found, "varhouse_nightly_end_timestamp_seconds") == 1795234260
    assert value(found, "varhouse_nightly_success_timestamp_seconds") == 1795234260
    faults = "varhouse_nightly_faults"
    assert value(found, faults, state="new", kind="delivery") == 1
    assert value(found, faults, state="known", kind="ingest") == 1
    assert value(found, faults, state="new", kind="ingest") == 0
    assert sum(found[faults].values()) == 2
    assert value(found, "varhouse_nightly_oldest_fault_nights") == 4
    assert value(found, "varhouse_nightly_deliveries", outcome="waiting") == 1
    assert value(found, "varhouse_nightly_deliveries", outcome="accepted") == 0


def test_metrics_are_named_as_prometheus_asks() -> None:
    """Lower case, base units at the end, no `_total` on what is no counter."""
    for name in families(make_metrics(NIGHT, [])):
        assert re.fullmatch(r"varhouse_(nightly|store)_[a-z_]+", name)
        assert not name.endswith(("_total", "_count", "_sum", "_ms", "_mb", "_minutes"))
    text = make_metrics(NIGHT, [])
    assert text.endswith("\n")
    assert "\n\n" not in text


def test_what_is_not_known_has_no_metric() -> None:
    found = families(make_metrics(empty(), []))
    for name in ("people", "free_bytes", "full_nights", "release", "size_bytes"):
        assert f"varhouse_store_{name}" not in found
    assert "varhouse_nightly_cpu_seconds" not in found
    assert found["varhouse_nightly_exit_code"] == {frozenset({("store", "")}): 0}
    broken = families(make_metrics(replace(empty(), started="x", finished=""), []))
    assert "varhouse_nightly_start_timestamp_seconds" not in broken


@pytest.mark.parametrize("name", ["a\\b", 'say "x"', "two\nlines", "甲 {}", "\\n", "x\udcff"])
def test_any_path_can_be_a_label(name: str) -> None:
    found = families(make_metrics(replace(NIGHT, store=name), []))
    labels = dict(next(iter(found["varhouse_store_people"])))
    assert labels == {"store": name.replace("\udcff", "?")}


def test_a_failed_night_keeps_the_time_of_the_last_good_one() -> None:
    earlier = points(exit_code=[0, 3, 1, 75])
    failed = replace(NIGHT, exit_code=1)
    found = families(make_metrics(failed, earlier))
    good = earlier[1].time.timestamp()
    assert value(found, "varhouse_nightly_success_timestamp_seconds") == good
    assert "varhouse_nightly_success_timestamp_seconds" not in families(
        make_metrics(failed, points(exit_code=[1, None]))
    )


# --- all of them ---


def test_pages_of_a_night_are_written(tmp_path: Path) -> None:
    append_log(tmp_path, [LogLine("2026-11-20T04:00:00Z", "n1", "night",
                                  numbers=summary_numbers(NIGHT))])  # fmt: skip
    append_log(tmp_path, [LogLine("2026-11-21T04:11:00Z", NIGHT.night, "night",
                                  numbers=summary_numbers(NIGHT))])  # fmt: skip
    write_pages(tmp_path, NIGHT)
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"account.html", "account.txt", "varhouse.prom", "log.jsonl"}
    assert (tmp_path / "account.txt").read_text() == TEXT
    assert "The newest 2 nights" in (tmp_path / "account.html").read_text()
    # Somebody else collects.
    assert (tmp_path / "varhouse.prom").stat().st_mode & 0o777 == 0o644
    elsewhere = tmp_path / "collector"
    elsewhere.mkdir()
    write_pages(tmp_path, NIGHT, elsewhere / "warehouse.prom")
    assert [p.name for p in elsewhere.iterdir()] == ["warehouse.prom"]


# --- nights as they run ---


@pytest.fixture(scope="module")
def fx_nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """A centre of two nights: one delivery in, one with a bad sum, one without a mark."""
    nights = Nights(tmp_path_factory.mktemp("nights") / "a centre")
    nights.deliver("first", "a", people=["SECRET1", "SECRET2"])
    nights.run()
    # People without a row are named in the whole reasons.
    nights.deliver("second", "b", files={"calls.vcf": vcf_text(nights.root, ["SECRET3"]),
                                         "samples.tsv": "sample\nSECRET4\n"})  # fmt: skip
    nights.deliver("third", "c", ready=False)
    nights.run()
    return nights


def test_a_night_leaves_its_pages(fx_nights: Nights) -> None:
    folder = fx_nights.folder
    page = PageReader((folder / "account.html").read_text())
    page.check_alone()
    assert "Nothing came in. 1 new fault." in page.text
    assert "The newest 2 nights of the log." in page.text
    assert [r["people"] for r in page.data("nightly-people")] == ["2.0", "2.0"]
    assert [r["new"] for r in page.data("nightly-faults")] == ["0.0", "1.0"]
    text = (folder / "account.txt").read_text()
    assert "NEW FAULT    second" in text
    assert "waiting      third: no ready mark yet, since 2026-11-02" in text
    assert "SECRET" in (folder / "account.json").read_text()
    found = families((folder / "varhouse.prom").read_text())
    store = str(fx_nights.store)
    assert found["varhouse_store_people"] == {frozenset({("store", store)}): 2}
    # Two releases are no history.
    assert "varhouse_store_full_nights" not in found
    for name in ("account.html", "account.txt", "varhouse.prom"):
        assert "SECRET" not in (folder / name).read_text(), name


def test_pages_that_cannot_be_written_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nights = Nights(tmp_path / "centre")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("varhouse.nightly.night.write_pages", full)
    assert nights.run().exit_code == 0
    assert (nights.folder / "account.json").exists()
    assert not (nights.folder / "account.html").exists()
