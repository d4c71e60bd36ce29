"""What `varhouse status` says of a store, while it is at rest, written, damaged, or full."""

import json
import logging
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from nights import Nights
from store_builders import COHORT_A, COHORT_B, COHORT_C, add_cohort, fill, new_store

from varhouse.cli import main
from varhouse.errors import AccessError
from varhouse.ingest.progress import read_progress
from varhouse.nightly.account import Fault
from varhouse.nightly.settings import read_settings
from varhouse.quantities import plural, size, span
from varhouse.status.find import as_json, read_status
from varhouse.status.nights import Nights as NightsSeen
from varhouse.store import sizes
from varhouse.store.commit import commit
from varhouse.store.drop import drop_cohort
from varhouse.store.lock import file_lock, store_lock
from varhouse.store.releases import list_releases, read_all_releases
from varhouse.store.sizes import Brought, Left, forecast, measure_folder, what_came
from varhouse.tables.schema import ACCOUNTS, HELD_BACK
from varhouse.tables.shards import Manifest, write_shard

GIB = 1 << 30


@pytest.fixture(scope="module")
def fx_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three cohorts and releases after the first."""
    store = new_store(tmp_path_factory.mktemp("status") / "a store")
    for name, alleles in {"a": COHORT_A, "b": COHORT_B, "c": COHORT_C}.items():
        add_cohort(store, name, alleles, f"ingest-{name}")
        shutil.rmtree(store / "_staging")
    return store


def run(*words: str | Path) -> int:
    return main([str(w) for w in words])


def tree(store: Path) -> dict[str, tuple[int, int]]:
    return {
        str(p.relative_to(store)): (p.lstat().st_mtime_ns, p.lstat().st_size)
        for p in store.rglob("*")
    }


def test_sizes_are_those_of_the_files(fx_store: Path) -> None:
    """The catalogues say what a walk over all data files finds."""
    came = what_came(fx_store, read_all_releases(fx_store))
    for root in ("open", "controlled"):
        found = sum(p.stat().st_size for p in (fx_store / root).rglob("*.parquet"))
        assert sum(getattr(b, f"{root}_bytes") for b in came) == found > 0
    assert [b.release for b in came] == [1, 2, 3, 4]
    assert [b.operation for b in came] == ["init", "ingest", "ingest", "ingest"]


def test_a_store_at_rest(fx_store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(fx_store)
    assert run("status", fx_store) == 0
    text = capsys.readouterr().out
    assert "release    4 of 20" in text
    assert len({*COHORT_A, *COHORT_B, *COHORT_C}) == 6
    assert "3 cohorts, 12 people, 6 alleles" in text
    assert "running    nothing\n" in text
    assert "held back  nothing\n" in text
    assert "not enough history" in text
    assert run("status", fx_store, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["release"]["number"] == 4
    assert found["writer"] is None
    assert found["attention"] == []
    assert tree(fx_store) == before


def brought(n: int, *, at: float, size: int = GIB, files: int = 10) -> Brought:
    """Make what a release brought `at` days after the first of January."""
    time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=at)
    operation = "init" if n == 1 else "ingest"
    return Brought(n, time.strftime("%Y-%m-%dT%H:%M:%SZ"), operation, size, 0, files)


def test_nights_until_full() -> None:
    """The first load (1000 GiB) makes no rate; nights without a release count."""
    came = [brought(1, at=0, size=0), brought(2, at=0, size=1000 * GIB)]
    came += [brought(2 + k, at=2 * k) for k in (1, 2, 3, 4)]
    found = forecast(came, Left(50 * GIB + 1, None))
    # 1 GiB every other day.
    assert (found.nights, found.bytes_a_night, found.bytes_a_release) == (
        100, GIB // 2, GIB,
    )  # fmt: skip
    # The number of files may end first: 10 every other day, 50 left.
    assert forecast(came, Left(50 * GIB, 50)).nights == 10
    assert forecast(came, Left(0, None)).nights == 0
    # What was long ago says little: the 14 newest are judged.
    many = came[:2] + [
        brought(3 + k, at=k, size=99 * GIB if k < 9 else GIB) for k in range(30)
    ]
    assert forecast(many, Left(7 * GIB, None)).nights == 7


@pytest.mark.parametrize(
    ("days", "why"),
    [
        ((), "0 release(s) after the first"),
        ((1, 2), "2 release(s) after the first"),
        ((0.1, 0.2, 0.3), "span 0.3 days"),
        ((-5, -6, -7), "span 0.0 days"),
    ],
)
def test_nothing_is_foretold_without_history(days: tuple[float, ...], why: str) -> None:
    """A clock that was set back makes no history either."""
    came = [brought(1, at=0), brought(2, at=0)]
    came += [brought(3 + k, at=day) for k, day in enumerate(days)]
    found = forecast(came, Left(GIB, 1000))
    assert (found.nights, found.bytes_a_night) == (None, None)
    assert why in found.why


def test_no_store_yet_foretells_nothing() -> None:
    assert forecast([], Left(GIB, None)).nights is None


def test_a_full_disk_needs_a_person(
    fx_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    came = [brought(n, at=n) for n in range(1, 9)]
    monkeypatch.setattr("varhouse.status.find.what_came", lambda *_: came)
    monkeypatch.setattr("varhouse.status.find.space_left", lambda _: Left(5 * GIB + 9, 77))
    assert run("status", fx_store) == 3
    text = capsys.readouterr().out
    assert "left 5.0 GiB and 77 files" in text
    assert "grows by 1.0 GiB a night, 1.0 GiB a release (mean of 6): full in about 5" in text
    assert "to do      the disk is full in about 5 night(s); fix: free some space" in text
    assert run("status", fx_store, "--warn-nights", "5") == 0


def test_a_writer_is_named_and_a_dead_one_needs_a_person(
    fx_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = fx_store / "_store" / "lock.json"
    with store_lock(fx_store):
        assert run("status", fx_store) == 0
        assert f"(process {os.getpid()} of " in capsys.readouterr().out
        holder = json.loads(lock.read_text())
    try:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        lock.write_text(json.dumps({**holder, "pid": gone.pid, "started": "1"}))
        assert run("status", fx_store) == 3
        text = capsys.readouterr().out
        assert "it has died" in text
        assert "to do " in text
        assert "run the same command again" in text
        # Of another host nobody can tell from here, so nobody is sent.
        lock.write_text(json.dumps({**holder, "host": "elsewhere"}))
        assert run("status", fx_store) == 0
        assert "can be seen on that host only" in capsys.readouterr().out
        lock.write_text("{")
        assert run("status", fx_store) == 1
        assert "delete it if nobody is writing" in capsys.readouterr().err
    finally:
        lock.unlink(missing_ok=True)


SNAKEMAKE = """\
Job stats:
job       count
------  -------
intake        5
total         6

[Sun Nov 29 15:52:06 2026]
Finished jobid: 4 (Rule: intake)
2 of 6 steps (33%) done
"""


def make_work(folder: Path, *, verdicts: int = 2, of: int = 3) -> Path:
    """Make what the jobs of an ingest leave in its work folder on their way."""
    (folder / "now").mkdir(parents=True)
    (folder / "now" / "intake-2.txt").write_text("intake/x/2")
    (folder / "snakemake.log").write_text(SNAKEMAKE)
    run_json = {"cohorts": [{"name": "x", "files": [f"{k}.vcf" for k in range(of)]}]}
    (folder / "run.json").write_text(json.dumps(run_json))
    for k in range(verdicts):
        (folder / "intake" / "x" / str(k)).mkdir(parents=True)
        (folder / "intake/x" / str(k) / "verdict.json").write_text('{"n_records": 500}')
    # Not whole yet, as `files.whole_folder` names it.
    (folder / "intake" / "x" / ".2.vm.1-2-00000000.tmp").mkdir(parents=True)
    return folder


def test_progress(tmp_path: Path) -> None:
    work = make_work(tmp_path / "w")
    found = read_progress(work)
    assert (found.jobs_done, found.jobs) == (2, 6)
    assert (found.files_done, found.files, found.records) == (2, 3, 1000)
    assert found.now == ["intake/x/2"]
    # Started again: Snakemake counts what is left to do.
    with (work / "snakemake.log").open("a") as log:
        log.write("total         4\n")
    assert read_progress(work).jobs_done == 0
    assert read_progress(work).jobs == 4
    # Of a big run: what stands at the end of the log counts.
    with (work / "snakemake.log").open("a") as log:
        log.write("x" * 80 + "\n3 of 4 steps (75%) done\n" + "y" * 300_000)
    assert read_progress(work).jobs is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cohorts": [{}]}', "\x00"])
def test_a_work_folder_that_is_being_made_says_what_it_can(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    found = read_progress(tmp_path)
    assert found == read_progress(tmp_path / "not there")
    assert (found.jobs, found.files, found.records) == (None, None, 0)


def test_work_goes_on_was_left_kept_or_is_done(
    fx_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    work = make_work(fx_store / "_staging" / "000005-aaaaaaaa")
    try:
        with store_lock(fx_store):
            assert run("status", fx_store) == 0
            text = capsys.readouterr().out
            assert "2 of 6 jobs done, 2 of 3 files read, 1,000 records" in text
            assert "now intake/x/2" in text
        assert run("status", fx_store) == 3
        text = capsys.readouterr().out
        assert "work       ingest 000005-aaaaaaaa failed or was killed, 2 of 6 jobs" in text
        assert "or varhouse store gc removes it" in text
        (work / "kept").touch()
        assert run("status", fx_store) == 0
        assert "kept by --keep-work" in capsys.readouterr().out
        work.rename(fx_store / "_staging" / "ingest-c")
        (fx_store / "_staging" / "ingest-c" / "kept").unlink()
        assert run("status", fx_store) == 0
        assert "has made its release" in capsys.readouterr().out
    finally:
        shutil.rmtree(fx_store / "_staging")


def hold(store: Path, cohort: str, reasons: list[str]) -> None:
    """Make the release of an ingest that held a cohort back, and no more."""
    work = store / "_staging" / f"hold-{cohort}"
    row = {"cohort": cohort, "reasons": json.dumps(reasons), "ingest_id": f"hold-{cohort}"}
    told = {"held_back": [{"cohort": cohort, "reasons": ["VH-F-002"]}]}
    account = {"ingest_id": f"hold-{cohort}", "release": 9, "account": json.dumps(told)}
    shards = [
        write_shard(
            fill(HELD_BACK, [row, row | {"file": 1}]), HELD_BACK, work, "h", {"cohort": cohort}
        ),
        write_shard(fill(ACCOUNTS, [account]), ACCOUNTS, work, "a", {}),
    ]
    commit(
        store,
        [Manifest([s for s in shards if s], [], [])],
        ingest_id=f"hold-{cohort}",
        operation="hold back",
        base_release=list_releases(store)[-1],
        meta={},
    )
    shutil.rmtree(store / "_staging")


def test_what_is_held_back_is_told_with_since_and_fix(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store(tmp_path / "store")
    hold(store, "x", ["x.vcf is cut off; fix: copy it again", "no\x1b[31m red"])
    hold(store, "y", ["no row; fix: add it"])
    assert run("status", store) == 3
    text = capsys.readouterr().out
    time = read_all_releases(store)[1].time
    assert (
        f"held back  x since {time} (release 2)\n"
        "             x.vcf is cut off; fix: copy it again\n"
        "             no␣[31m red\n"
        "           y since "
    ) in text
    assert "to do" not in text
    found = as_json(read_status(store, 14))
    assert [a["kind"] for a in found["attention"]] == ["held back", "held back"]
    assert "copy it again" in found["attention"][0]["text"]

    # Who may not read controlled/ is shown what anybody may know.
    def refuse(*_: object) -> None:
        raise AccessError("no permission")

    monkeypatch.setattr("varhouse.store.delta.check_files", refuse)
    assert run("status", store) == 3
    text = capsys.readouterr().out
    assert "VH-F-002" in text
    assert "cut off" not in text
    assert "whole reasons: no permission for controlled/" in text


def test_a_drop_hides_nothing_that_is_held_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = new_store(tmp_path / "store")
    add_cohort(store, "b", COHORT_B, "ingest-b")
    shutil.rmtree(store / "_staging")
    hold(store, "x", ["x.vcf is cut off; fix: copy it again"])
    drop_cohort(store, "b")

    def refuse(*_: object) -> None:
        raise AccessError("no permission")

    monkeypatch.setattr("varhouse.store.delta.check_files", refuse)
    assert run("status", store) == 3
    assert "held back  x\n             VH-F-002\n" in capsys.readouterr().out
    # Where no account names it, that something is held back is known still.
    monkeypatch.setattr("varhouse.status.find._held_publicly", lambda _: [])
    assert run("status", store) == 3
    text = capsys.readouterr().out
    assert "held back  something: which cohort it is" in text
    assert "nothing\n" not in text.split("held back")[1]
    (needed,) = as_json(read_status(store, 14))["attention"]
    assert needed["kind"] == "held back"


def test_what_a_night_held_back_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = Nights(tmp_path / "centre")
    new_store(nights.store)
    why = "x.vcf is cut off; fix: copy it again"
    hold(nights.store, "x", [why])
    hold(nights.store, "y", ["y.vcf is cut off; fix: copy it again"])
    fault = Fault("delivery:new", "ingest", "new", "x", [why], [], "2026-11-29T02:00:00Z")
    seen = NightsSeen("inbox", "nights", None, [], None, [fault], is_readable=True)
    monkeypatch.setattr("varhouse.status.find.read_nights", lambda _: seen)
    assert run("status", "--config", nights.config) == 3
    text = capsys.readouterr().out
    assert text.count("x.vcf is cut off") == 1
    assert "faults     new (cohort x) [new]: held back, see there\n" in text
    found = as_json(read_status(nights.store, 14, read_settings(nights.config)))
    assert [(a["kind"], a["text"][:3]) for a in found["attention"]] == [
        ("held back", "y: "), ("fault", "new"),
    ]  # fmt: skip


def test_before_the_first_night_the_inbox_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nights = Nights(tmp_path / "centre")
    nights.deliver("first", "a")
    before = tree(nights.root)
    assert run("status", "--config", nights.config) == 0
    text = capsys.readouterr().out
    assert "release    none yet: the first night makes the store\n" in text
    assert "night      none has ended yet\n" in text
    assert "inbox      first: ready since 20" in text
    assert tree(nights.root) == before
    # A folder of something else is no store that is still to come.
    nights.store.mkdir()
    (nights.store / "notes.txt").touch()
    assert run("status", "--config", nights.config) == 1
    assert "is no varhouse store" in capsys.readouterr().err


def test_a_store_that_is_being_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    (store / "_store").mkdir(parents=True)
    with store_lock(store):
        assert run("status", store) == 0
        text = capsys.readouterr().out
        assert "assembly not known yet" in text
        assert "release    none yet: the store is being made" in text
    # Nobody makes it any more.
    assert run("status", store) == 1
    assert "is no varhouse store" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["folder", "file", "nothing"])
def test_what_is_no_store_is_refused(
    tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    if what == "folder":
        place.mkdir()
    elif what == "file":
        place.touch()
    assert run("status", place) == (2 if what == "file" else 1)
    found = capsys.readouterr()
    assert found.out == ""
    assert found.err.startswith(f"error: {place}")
    assert "fix: " in found.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("store.json", "{"),
        ("store.json", '{"format": 3}'),
        ("releases/00000002.json", "{}"),
        ("releases/00000002.json", None),
        ("files/ingest-a.json", "[]"),
        ("files/ingest-a.json", '{"variants": {"x": {}}}'),
        ("files/ingest-a.json", '{"variants": 7}'),
        ("files/ingest-a.json", "{"),
    ],
)
def test_a_damaged_store_is_refused_in_a_line(
    fx_store: Path,
    tmp_path: Path,
    name: str,
    text: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = tmp_path / "store"
    shutil.copytree(fx_store / "_store", store / "_store")
    damaged = store / "_store" / name
    damaged.unlink()
    if text is not None:
        damaged.write_text(text)
    assert run("status", store) == 1
    found = capsys.readouterr()
    assert found.out == ""
    says = "format 3" if text == '{"format": 3}' else damaged.name
    assert says in found.err
    assert "fix: " in found.err


def test_a_folder_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(5):
        (tmp_path / f"f{k}" / "g").mkdir(parents=True)
        (tmp_path / f"f{k}" / "g" / "x").write_bytes(b"x" * 7)
    (tmp_path / "link").symlink_to("/usr")
    # What has another name, as a shard that a release holds, is counted there.
    os.link(tmp_path / "f0/g/x", tmp_path / "f1/y")
    found = measure_folder(tmp_path)
    assert found is not None
    link = (tmp_path / "link").lstat().st_size
    assert (found.bytes, found.is_least) == (4 * 7 + link, False)
    monkeypatch.setattr(sizes, "MOST_FILES", 2)
    found = measure_folder(tmp_path)
    assert found is not None
    assert found.is_least
    assert measure_folder(tmp_path / "none") == sizes.Folder(0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (1536, "1.5 KiB"),
        (1 << 20, "1.0 MiB"), (5 << 40, "5.0 TiB"), (1 << 62, "4,096.0 PiB"),
    ],
)  # fmt: skip
def test_bytes_are_written_in_a_unit_that_fits(value: int, text: str) -> None:
    assert size(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"), (59.4, "59 s"), (60, "1 min"), (3599, "59 min"), (7860, "2 h 11 min"),
        (47 * 3600, "47 h 0 min"), (48 * 3600, "2 days"), (86400 * 1234, "1,234 days"),
    ],
)  # fmt: skip
def test_times_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert span(seconds) == text


def test_counts_have_their_noun() -> None:
    said = [plural(n, noun) for noun in ("delivery", "person", "night") for n in (0, 1, 2000)]
    assert said == [
        "0 deliveries", "1 delivery", "2,000 deliveries", "0 people", "1 person",
        "2,000 people", "0 nights", "1 night", "2,000 nights",
    ]  # fmt: skip


# --- nights ---


@pytest.fixture(scope="module")
def fx_nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Two nights: a good delivery, then one with a bad sum, and three that wait."""
    # Of a command of an earlier test, whose stderr is closed.
    logging.getLogger("varhouse").handlers.clear()
    nights = Nights(tmp_path_factory.mktemp("nights") / "a centre")
    nights.deliver("good", "a")
    nights.run()
    bad = nights.deliver("bad", "b")
    (bad / "calls.vcf").write_text("cut")
    nights.run()
    nights.deliver("new\x1b one", "c")
    nights.deliver("half", "d", ready=False)
    return nights


def test_what_waits_and_what_the_last_night_said(
    fx_nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    before = tree(fx_nights.root)
    assert run("status", "--config", fx_nights.config) == 3
    text = capsys.readouterr().out
    assert "night      last ended 20" in text
    assert "exit 3\n             Nothing came in. 1 new fault.\n" in text
    assert "faults     bad (cohort b) [new]\n             calls.vcf: MD5 " in text
    assert "inbox      bad: held back by the last night, marked 20" in text
    assert "           half: no ready mark yet, last changed 20" in text
    assert "           new␣ one: ready since 20" in text
    # The same, with the store named; and for machines.
    assert run("status", fx_nights.store, "--config", fx_nights.config, "--json") == 3
    found = json.loads(capsys.readouterr().out)
    assert [(w["name"], w["is_ready"], w["held"]) for w in found["nights"]["waiting"]] == [
        ("bad", True, True), ("half", False, False), ("new␣ one", True, False),
    ]  # fmt: skip
    assert [a["kind"] for a in found["attention"]] == ["fault"]
    assert found["nights"]["writer"] is None
    assert tree(fx_nights.root) == before


def test_without_a_configuration_nights_are_not_looked_for(
    fx_nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", fx_nights.store) == 0
    assert "inbox" not in capsys.readouterr().out


def test_another_store_than_that_of_the_configuration_is_refused(
    fx_nights: Nights, fx_store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", fx_store, "--config", fx_nights.config) == 2
    assert f"is not the store of {fx_nights.config}" in capsys.readouterr().err
    assert run("status") == 2
    assert "no STORE" in capsys.readouterr().err


def test_a_night_that_runs_is_missing_or_has_died(
    fx_nights: Nights, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = fx_nights.folder / "lock.json"
    account = fx_nights.folder / "account.json"
    told = account.read_text()
    with file_lock(lock, "worked in"):
        run("status", "--config", fx_nights.config)
        assert re.search(
            rf"^night .*\(process {os.getpid()} of ", capsys.readouterr().out, re.MULTILINE
        )
        holder = json.loads(lock.read_text())
    try:
        lock.write_text(json.dumps({**holder, "pid": 4_194_000, "started": "1"}))
        assert run("status", "--config", fx_nights.config) == 3
        text = capsys.readouterr().out
        assert "the night of process 4194000 has died; fix: start it again" in text
        lock.unlink()
        old = {**json.loads(told), "finished": "2026-01-01T00:00:00Z", "faults": []}
        account.write_text(json.dumps(old))
        assert run("status", "--config", fx_nights.config) == 3
        assert "to do      no night has ended for " in capsys.readouterr().out
        account.unlink()
        assert run("status", "--config", fx_nights.config) == 0
        assert "night      none has ended yet" in capsys.readouterr().out
        account.write_text("{")
        assert run("status", "--config", fx_nights.config) == 1
        assert "account.json is damaged" in capsys.readouterr().err
    finally:
        lock.unlink(missing_ok=True)
        account.write_text(told)


def test_closed_folders_are_said(
    fx_nights: Nights,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("varhouse.status.nights.load_account", refuse)
    monkeypatch.setattr("varhouse.status.nights.list_inbox", refuse)
    assert run("status", "--config", fx_nights.config) == 0
    text = capsys.readouterr().out
    assert f"night      no permission to read {fx_nights.folder}" in text
    assert f"inbox      no permission to look into {fx_nights.inbox}" in text
