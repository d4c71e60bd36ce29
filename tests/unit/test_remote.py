"""A store on S3-compatible storage: read through a mirror, written by conditional puts."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from buckets import make_bucket, serve
from store_builders import COHORT_A, COHORT_B, COHORT_C, add_cohort, new_store
from verifying import verify
from view_builders import govern

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError, StoreError, UsageError
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Ledger
from varhouse.governance.mark import read_mark
from varhouse.store.bucket import Bucket
from varhouse.store.drop import drop_cohort
from varhouse.store.gc import collect
from varhouse.store.leftovers import clear
from varhouse.store.lock import store_lock
from varhouse.store.mirror import Mirror, is_metadata, local_path
from varhouse.store.push import pull, push, push_mirror
from varhouse.store.reader import fetch_release, open_store
from varhouse.store.releases import delete_tag, write_tag
from varhouse.store.retention import parse_policy
from varhouse.verify.whole import recompute_digests

pytest.importorskip("obstore", reason="needs obstore")
pytest.importorskip("moto.server", reason="needs moto")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with serve() as address:
        yield address


@pytest.fixture
def url(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder in a bucket of its own, and a folder for mirrors."""
    bucket = f"b{abs(hash(str(tmp_path)))}"
    make_bucket(endpoint, bucket, tmp_path / "mirrors of stores", monkeypatch)
    return f"s3://{bucket}/data centre/store"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with cohorts a and b, release 3."""
    path = new_store(tmp_path / "on disk" / "store")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    add_cohort(path, "b", COHORT_B, "ingest-b")
    return path


def names(url: str) -> set[str]:
    return {o.name for o in Bucket(url).objects()}


def test_a_store_reads_as_on_its_disk(store: Path, url: str) -> None:
    assert push(store, Bucket(url)).releases == [1, 2, 3]
    here, there = open_store(store), varhouse.open(url)
    assert there.digest() == here.digest()
    assert there.release == 3
    for table in here.tables:
        ours, theirs = (s.scan(table).collect() for s in (here, there))
        assert ours.equals(theirs), table
    assert main(["store", "verify", url]) == 0
    assert open_store(url, 2).digest() == open_store(store, 2).digest()
    # By one slash, too, as a path has it.
    assert open_store(Path(url)).digest() == here.digest()


def test_only_what_is_asked_for_is_read(store: Path, url: str) -> None:
    push(store, Bucket(url))
    mirror = local_path(url)

    def data() -> set[str]:
        found = (p for p in mirror.rglob("*.parquet") if "_delta_log" not in p.parts)
        return {str(p.relative_to(mirror)) for p in found}

    assert data() == set()
    open_store(url).scan("frequencies", cohort="a").collect()
    wanted = {p for p in data() if p.startswith("open/frequencies/cohort=a/")}
    assert wanted
    assert not {p for p in data() if "cohort=b" in p}
    with mock.patch.object(Bucket, "read", side_effect=AssertionError("read again")):
        Mirror(mirror).fetch((p, 0) for p in wanted)
    assert (mirror.stat().st_mode & 0o077) == 0


def test_pushing_again_writes_nothing_that_is_there(store: Path, url: str) -> None:
    push(store, Bucket(url))
    seen: list[str] = []
    write = Bucket.write

    def noted(self: Bucket, path: Path, name: str) -> None:
        seen.append(name)
        write(self, path, name)

    with mock.patch.object(Bucket, "write", noted):
        assert push(store, Bucket(url)).releases == []
        assert not [n for n in seen if n.endswith(".parquet")]
        add_cohort(store, "c", COHORT_C, "ingest-c")
        assert push(store, Bucket(url)).releases == [4]
    fresh = [n for n in seen if n.endswith(".parquet")]
    assert fresh
    assert all("ingest-c" in n for n in fresh)
    assert open_store(url).digest() == open_store(store).digest()


def test_an_ingest_into_a_mirror_is_seen_when_it_was_pushed(store: Path, url: str) -> None:
    push(store, Bucket(url))
    mirror = Mirror.of(url, writing=True)
    with mirror.hold():
        mirror.update()
        add_cohort(mirror.path, "c", COHORT_C, "ingest-c")
        assert open_store(url).release == 3
        assert push_mirror(mirror).releases == [4]
    add_cohort(store, "c", COHORT_C, "ingest-c")
    assert open_store(url).digest() == open_store(store).digest()
    assert not [p for p in verify(fetch_release(url)) if not p.is_note]


def test_of_two_writers_one_goes_through(store: Path, url: str, tmp_path: Path) -> None:
    push(store, Bucket(url))
    first = Mirror.of(url, writing=True)
    with first.hold():
        first.update()
    with mock.patch.dict("os.environ", {"VARHOUSE_MIRRORS": str(tmp_path / "elsewhere")}):
        second = Mirror.of(url, writing=True)
        with second.hold():
            second.update()
    add_cohort(first.path, "c", COHORT_C, "ingest-c")
    add_cohort(second.path, "d", COHORT_C, "ingest-d")
    digest = open_store(first.path).digest()
    push_mirror(first)
    with pytest.raises(StoreError):
        push_mirror(second)
    assert open_store(url).digest() == digest
    # Its release goes with the next look, and it can be made anew.
    with second.hold():
        second.update()
    assert open_store(second.path).digest() == digest
    add_cohort(second.path, "d", COHORT_C, "ingest-d")
    assert push_mirror(second).releases == [5]
    assert not [p for p in verify(fetch_release(url)) if not p.is_note]


@pytest.mark.parametrize("kind", ["write", "write_new"])
def test_a_push_that_is_killed_is_seen_by_nobody(store: Path, url: str, kind: str) -> None:
    """At every object that it writes; the same push completes it."""
    push(store, Bucket(url))
    before = open_store(url).digest()
    add_cohort(store, "c", COHORT_C, "ingest-c")
    after = open_store(store).digest()
    real = getattr(Bucket, kind)
    for allowed in range(200):
        left = allowed

        def dying(self: Bucket, path: Path, name: str) -> object:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return real(self, path, name)

        with mock.patch.object(Bucket, kind, dying):
            try:
                push(store, Bucket(url))
                break
            except KeyboardInterrupt:
                pass
        found = open_store(url)
        assert found.digest() == before
        found.scan("frequencies").collect()
    assert open_store(url).digest() == after
    assert allowed > 2


def test_storage_without_conditions_is_refused(store: Path, url: str) -> None:
    def careless(self: Bucket, path: Path, name: str) -> bool:
        self.write(path, name)
        return True

    ignored = pytest.raises(StoreError, match="ignores If-None-Match")
    with mock.patch.object(Bucket, "write_new", careless), ignored:
        push(store, Bucket(url))
    assert not [n for n in names(url) if n.startswith("_store/releases/")]
    assert not [n for n in names(url) if "probe" in n]


def test_another_store_is_refused(store: Path, url: str, tmp_path: Path) -> None:
    push(store, Bucket(url))
    other = new_store(tmp_path / "other")
    with pytest.raises(StoreError, match="has a release"):
        push(other, Bucket(url))
    add_cohort(other, "x", COHORT_A, "ingest-x")
    add_cohort(other, "y", COHORT_B, "ingest-y")
    with pytest.raises(StoreError, match=r"another store|has a release"):
        push(other, Bucket(url))


def test_what_is_no_store_or_no_url_is_said(url: str) -> None:
    with pytest.raises(StoreError, match="no varhouse store"):
        open_store(url)
    with pytest.raises(UsageError, match="no place on S3"):
        open_store("s3://B!/x")
    with pytest.raises(StoreError, match="no-such-bucket"):
        open_store("s3://no-such-bucket-here/x")


def test_commands_take_urls(store: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "push", str(store), url]) == 0
    assert capsys.readouterr().out.split() == ["1", "2", "3"]
    assert main(["store", "digest", url]) == 0
    assert capsys.readouterr().out.strip() == open_store(store).digest()
    assert main(["store", "drop", url, "--cohort", "a"]) == 2
    assert "needs a store on a disk" in capsys.readouterr().err


def test_what_was_sealed_goes_with_prune(store: Path, url: str) -> None:
    push(store, Bucket(url))
    drop_cohort(store, "a")
    collect(store, policy=parse_policy("last 1"), grace=0.0)
    done = push(store, Bucket(url))
    assert done.removed == 0
    assert done.left > 0
    assert push(store, Bucket(url), prune=True).removed >= 1
    assert not [n for n in names(url) if "cohort=a" in n and n.endswith(".parquet")]
    with pytest.raises(StoreError, match="sealed"):
        open_store(url, 2)


def test_which_objects_are_read_with_the_store() -> None:
    assert is_metadata("_store/releases/00000001.json")
    assert is_metadata("open/frequencies/_delta_log/00000000000000000000.json")
    assert not is_metadata("open/frequencies/cohort=a/part=1/x.parquet")
    assert not is_metadata("_store/lock.json")
    assert not is_metadata("_staging/x/_store/y")


def die_at_record(self: Bucket, path: Path, name: str) -> bool:
    if name.startswith("_store/releases/"):
        raise KeyboardInterrupt
    return REAL_NEW(self, path, name)


REAL_NEW = Bucket.write_new


def ingest_there(url: str, cohort: str, rows: Any, ingest: str, *, dies: bool = False) -> None:
    """Add a cohort through the URL, as an ingest does; or die before its record."""
    mirror = Mirror.of(url, writing=True)
    with mirror.hold():
        mirror.update()
        with store_lock(mirror.path):
            clear(mirror.path, was_killed=True)
        add_cohort(mirror.path, cohort, rows, ingest)
        if not dies:
            push_mirror(mirror)
            return
        dying = mock.patch.object(Bucket, "write_new", die_at_record)
        with dying, pytest.raises(KeyboardInterrupt):
            push_mirror(mirror)


def check(url: str) -> None:
    store = fetch_release(url)
    assert recompute_digests(store.path, store.release) == store.table_digests()


def test_an_ingest_goes_on_behind_one_that_died(tmp_path: Path, url: str) -> None:
    push(new_store(tmp_path / "empty"), Bucket(url))
    ingest_there(url, "a", COHORT_A, "ingest-a", dies=True)
    assert open_store(url).release == 1
    ingest_there(url, "b", COHORT_B, "ingest-b")
    assert open_store(url).release == 2
    check(url)


def test_a_disk_goes_on_where_an_ingest_there_died(store: Path, url: str) -> None:
    push(store, Bucket(url))
    # The storage tells times in seconds.
    time.sleep(1.1)
    ingest_there(url, "c", COHORT_C, "ingest-c", dies=True)
    add_cohort(store, "d", COHORT_C, "ingest-d")
    with pytest.raises(StoreError, match="or died doing so"):
        push(store, Bucket(url))
    check(url)
    assert push(store, Bucket(url), take_over=True).releases == [4]
    check(url)
    assert open_store(url).digest() == open_store(store).digest()


def test_the_ledger_is_for_who_writes(store: Path, url: str) -> None:
    (store / "_store" / "ledger").mkdir(mode=0o700)
    (store / "_store" / "ledger" / "key").write_bytes(b"k" * 32)
    (store / "_store" / "receipts").mkdir(mode=0o700)
    (store / "_store" / "receipts" / "00000003.json").write_text("{}")
    push(store, Bucket(url))
    for name in ("ledger", "receipts"):
        assert not (local_path(url) / "_store" / name).exists()
    mirror = Mirror.of(url, writing=True)
    with mirror.hold():
        mirror.update()
    assert (mirror.path / "_store" / "ledger" / "key").read_bytes() == b"k" * 32


def test_a_mirror_forgets_what_the_storage_has_no_more(store: Path, url: str) -> None:
    push(store, Bucket(url))
    fetch_release(url)
    drop_cohort(store, "b")
    collect(store, policy=parse_policy("last 1"), grace=0.0)
    push(store, Bucket(url), prune=True)
    assert not [n for n in names(url) if "cohort=b" in n and n.endswith(".parquet")]
    mirror = local_path(url)
    left = [str(p) for p in mirror.rglob("*.parquet") if "_delta_log" not in p.parts]
    assert left
    assert not [p for p in left if "cohort=b" in p]
    check(url)


def test_who_may_not_read_controlled_reads_the_rest(store: Path, url: str) -> None:
    push(store, Bucket(url))
    read = Bucket.read

    def refused(self: Bucket, name: str, path: Path) -> bool:
        if name.startswith("controlled/"):
            raise AccessError("no permission", "")
        return read(self, name, path)

    with mock.patch.object(Bucket, "read", refused):
        there = open_store(url)
        assert there.scan("frequencies").collect().height
        with pytest.raises(AccessError):
            there.scan("samples")
    assert open_store(url).scan("samples").collect().height


def test_tags_follow_the_disk(store: Path, url: str) -> None:
    write_tag(store, "paper", 2)
    push(store, Bucket(url))
    assert open_store(url, "paper").release == 2
    delete_tag(store, "paper")
    push(store, Bucket(url))
    with pytest.raises(StoreError):
        open_store(url, "paper")


def test_an_ingest_there_undoes_nothing_that_was_said_meanwhile(store: Path, url: str) -> None:
    push(store, Bucket(url))
    mirror = Mirror.of(url, writing=True)
    with mirror.hold():
        mirror.update()
        collect(store, policy=parse_policy("last 1"), grace=0.0)
        push(store, Bucket(url), prune=True)
        kept = names(url)
        add_cohort(mirror.path, "c", COHORT_C, "ingest-c")
        push_mirror(mirror)
    assert not [n for n in names(url) - kept if "ingest-a" in n or "ingest-b" in n]
    with pytest.raises(StoreError, match="sealed"):
        open_store(url, 2)
    check(url)


def test_who_is_late_is_told_to_run_again(store: Path, url: str) -> None:
    push(store, Bucket(url))
    mirror = Mirror.of(url, writing=True)
    with mirror.hold():
        mirror.update()
        add_cohort(mirror.path, "c", COHORT_C, "ingest-c")
        add_cohort(store, "d", COHORT_C, "ingest-d")
        push(store, Bucket(url))
        with pytest.raises(StoreError, match="somebody else wrote") as told:
            push_mirror(mirror)
    assert told.value.fix == "run again"


def test_an_object_that_was_lost_is_written_again(store: Path, url: str) -> None:
    push(store, Bucket(url))
    lost = next(n for n in sorted(names(url)) if n.endswith(".parquet") and "cohort=a" in n)
    Bucket(url).remove([lost])
    assert push(store, Bucket(url)).files == 1
    check(url)


def test_a_folder_may_lie_on_another_disk(store: Path, url: str, tmp_path: Path) -> None:
    (store / "open" / "frequencies").rename(tmp_path / "elsewhere")
    (store / "open" / "frequencies").symlink_to(tmp_path / "elsewhere")
    push(store, Bucket(url))
    check(url)


def test_what_may_not_be_listed_is_not_taken_for_gone(store: Path, url: str) -> None:
    push(store, Bucket(url))
    before = names(url)
    walk = os.walk

    def refused(top: Path, onerror: Any = None, **more: Any) -> Any:
        if Path(top).name == "controlled":
            onerror(PermissionError(13, "Permission denied", str(top)))
        return walk(top, onerror=onerror, **more)

    with mock.patch.object(os, "walk", refused), pytest.raises(AccessError):
        push(store, Bucket(url), prune=True)
    assert names(url) == before


def test_a_reader_at_work_has_his_log_until_the_new_one_is_there(
    store: Path, url: str
) -> None:
    push(store, Bucket(url))
    there = open_store(url, 3)
    write_tag(store, "kept", 3)
    add_cohort(store, "c", COHORT_C, "ingest-c")
    collect(store, policy=parse_policy("tagged"), grace=0.0)
    push(store, Bucket(url), prune=True)
    read = Bucket.read

    def lost(self: Bucket, name: str, path: Path) -> bool:
        if "checkpoint" in name:
            raise StoreError("the connection was lost", "")
        return read(self, name, path)

    with mock.patch.object(Bucket, "read", lost), pytest.raises(StoreError):
        local_path(url)
    assert there.scan("frequencies", cohort="a").collect().height


def test_a_store_is_pulled_worked_on_and_pushed(store: Path, url: str, tmp_path: Path) -> None:
    push(store, Bucket(url))
    ingest_there(url, "c", COHORT_C, "ingest-c")
    folder = tmp_path / "a folder"
    assert main(["store", "pull", str(folder), url]) == 0
    assert (folder / "controlled").stat().st_mode & 0o077 == 0
    assert open_store(folder).digest() == open_store(url).digest()
    assert not [p for p in verify(open_store(folder)) if not p.is_note]
    drop_cohort(folder, "a")
    collect(folder, policy=parse_policy("last 1"), grace=0.0)
    assert main(["store", "push", str(folder), url, "--prune"]) == 0
    assert open_store(url).digest() == open_store(folder).digest()
    check(url)
    # Again: nothing but what may have changed is read.
    assert main(["store", "pull", str(folder), url]) == 0
    assert open_store(folder).digest() == open_store(url).digest()


def test_a_pull_undoes_nothing(store: Path, url: str, tmp_path: Path) -> None:
    push(store, Bucket(url))
    (store / "_store" / "receipts").mkdir()
    drop_cohort(store, "a")
    collect(store, policy=parse_policy("last 1"), grace=0.0)
    with pytest.raises(StoreError, match="would be undone"):
        pull(Bucket(url), store)
    with pytest.raises(StoreError, match="sealed"):
        open_store(store, 2)
    push(store, Bucket(url), prune=True)
    assert main(["store", "pull", str(tmp_path / "other"), url]) == 0
    modes = [
        (tmp_path / "other" / "_store" / n).stat().st_mode for n in ("ledger", "receipts")
    ]
    assert [m & 0o077 for m in modes] == [0, 0]


def test_a_governed_store_is_as_closed_as_on_its_disk(store: Path, url: str) -> None:
    ledger = Ledger.open(store)
    for cohort, tier in (("a", "T0"), ("b", "T3")):
        ledger.add("cohort", cohort, {"tier": tier})
    push(store, Bucket(url))
    there = varhouse.open(url)
    assert set(there.scan("samples").collect()["cohort"]) == {"a"}
    assert set(there.scan("frequencies").collect()["cohort"]) == {"a", "b"}
    with pytest.raises(AccessError, match="no grant for you"):
        there.scan("samples", cohort="b").collect()
    # Keys of people and the audit log are for who writes.
    read = [str(p.relative_to(there.path)) for p in there.path.rglob("*") if p.is_file()]
    assert "_store/governance/ledger.jsonl" in read
    assert not [n for n in read if "private" in n]
    with pytest.raises(AccessError) as caught:
        varhouse.open(url, audience="public")
    assert "at its own URL" in str(caught.value.fix)
    # A permit that was entered here is not undone by what is there.
    ledger.add("cohort", "a", {"tier": "T3"})
    with pytest.raises(StoreError, match="would be undone"):
        pull(Bucket(url), store)
    push(store, Bucket(url))
    assert varhouse.open(url).scan("samples").collect().is_empty()


@pytest.fixture
def governed(store: Path) -> Path:
    ledger = Ledger.open(store)
    for cohort in ("a", "b"):
        ledger.add("cohort", cohort, {"tier": "T0"})
    return store


def test_a_pull_of_a_governed_store_is_closed(
    governed: Path, url: str, tmp_path: Path
) -> None:
    push(governed, Bucket(url))
    other = tmp_path / "other"
    assert main(["store", "pull", str(other), url]) == 0
    private = other / "_store" / "governance" / "private"
    closed = [private, *private.iterdir(), other / "open", other / "_store" / "releases"]
    assert len(closed) > 4
    assert {str(p): p.stat().st_mode & 0o077 for p in closed} == dict.fromkeys(
        map(str, closed), 0
    )
    assert (private.parent / "ledger.jsonl").stat().st_mode & 0o007 == 0
    assert Ledger.open(other).head == Ledger.open(governed).head


def test_a_push_carries_the_note_of_its_end(store: Path, url: str, tmp_path: Path) -> None:
    """Else what lies there is a line shorter than the store, and no pull is ever let in."""
    govern(store, {"a": "T0", "b": "T0"})
    assert main(["store", "push", str(store), url, "--to", "inside"]) == 0
    last = Audit(store).head()
    assert main(["store", "pull", str(store), url]) == 0
    assert Audit(store).head() == last
    other = tmp_path / "other"
    assert main(["store", "pull", str(other), url]) == 0
    assert Audit(other).head() == last
    assert read_mark(other) == read_mark(store)


def test_what_is_noted_during_a_push_is_not_marked_before_it_is_there(
    store: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the log that lies there looks as if it had been cut off."""
    govern(store, {"a": "T0", "b": "T0"})
    write, log = Bucket.write, "_store/governance/private/audit.jsonl"

    def write_and_note(bucket: Bucket, what: Path | bytes, name: str) -> None:
        write(bucket, what, name)
        if name == log:
            Audit(store).note("read")

    monkeypatch.setattr(Bucket, "write", write_and_note)
    assert main(["store", "push", str(store), url, "--to", "inside"]) == 0
    other = tmp_path / "other"
    assert main(["store", "pull", str(other), url]) == 0
    mark = read_mark(other)
    assert mark is not None
    assert mark.audit <= Audit(other).head() < Audit(store).head()
    assert Audit(other).check() is not None


def test_a_governed_store_is_read_from_its_url(
    governed: Path,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    push(governed, Bucket(url))
    query = ["query", url, "--region", "chr1:1-100000", "--format", "tsv"]
    assert main([*query, "--to", "inside"]) == 1
    assert "is a mirror" in capsys.readouterr().err
    monkeypatch.setattr("varhouse.cli.wayoutput.leaves_here", lambda out: False)
    assert main(query) == 0
    assert "this read is not noted" in capsys.readouterr().err
    # Nothing of a log was begun in the mirror.
    assert not (local_path(url) / "_store" / "governance" / "private").exists()
