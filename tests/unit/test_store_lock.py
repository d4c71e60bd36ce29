"""The writer's lock: named holder, waiting, take-over of the dead, way in for children."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import pytest
from store_builders import new_store

from varhouse.errors import InUseError, StoreError
from varhouse.store import lock
from varhouse.store.lock import read_holder, store_lock

HOLD = """
import os, sys, time
from pathlib import Path
from varhouse.store.lock import store_lock
with store_lock(Path(sys.argv[1])):
    print("held", flush=True)
    if sys.argv[2] == "die":
        os._exit(9)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return new_store(tmp_path / "s")


def hold(store: Path, how: str = "") -> subprocess.Popen:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store), how],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_the_refusal_names_the_holder(store: Path) -> None:
    with hold(store) as other:
        with pytest.raises(StoreError) as refused, store_lock(store):
            pass
        assert f"process {other.pid} of " in str(refused.value)
        assert os.uname().nodename in str(refused.value)
        assert "since 20" in str(refused.value)
        other.communicate()
    with store_lock(store) as me:
        assert read_holder(store) == me
    assert read_holder(store) is None


def test_a_second_writer_waits(store: Path) -> None:
    with hold(store) as other:
        threading.Timer(0.5, other.stdin.close).start()
        start = time.monotonic()
        with store_lock(store, wait=30):
            assert 0.3 < time.monotonic() - start < 20


def test_the_lock_of_a_dead_process_is_taken_over(
    store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = hold(store, "die")
    # Not yet waited for, it is a zombie: dead all the same.
    with store_lock(store, 5.0), caplog.at_level("WARNING"):
        pass
    other.communicate()
    assert "has died" in caplog.text
    hold(store, "die").communicate()
    with store_lock(store, 5.0):
        pass
    assert not list((store / "_store").glob("*lock*"))


def held_by(store: Path) -> int | None:
    found = read_holder(store)
    return found.pid if found else None


def change(store: Path, **values: object) -> None:
    file = store / "_store" / "lock.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_a_process_id_that_was_given_again(store: Path) -> None:
    with hold(store) as other:
        change(store, started="1")
        with store_lock(store):
            assert held_by(store) == os.getpid()
        other.communicate()


def test_before_the_last_boot(store: Path) -> None:
    with hold(store) as other:
        change(store, boot="another")
        with store_lock(store):
            assert held_by(store) == os.getpid()
        other.communicate()


def test_another_host(store: Path) -> None:
    with hold(store) as other:
        change(store, host="elsewhere", pid=1)
        message = r"look on elsewhere\), delete .*lock.json"
        with pytest.raises(StoreError, match=message), store_lock(store, wait=0.3):
            pass
        (store / "_store" / "lock.json").unlink()
        other.communicate()


def test_children_of_the_holder_pass(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with store_lock(store) as holder:
        with pytest.raises(StoreError, match="being written to"), store_lock(store):
            pass
        monkeypatch.setenv(lock.TOKEN, holder.token)
        with store_lock(store) as same:
            assert same == holder
        assert read_holder(store) == holder
    assert read_holder(store) is None


def test_a_damaged_lock(store: Path) -> None:
    (store / "_store" / "lock.json").write_text("")
    with pytest.raises(StoreError, match="delete it if nobody"), store_lock(store):
        pass


def test_many_at_once(store: Path) -> None:
    """Threads stand for processes: never two inside, everyone gets in."""
    inside, most, done = [0], [0], []

    def work(i: int) -> None:
        with store_lock(store, wait=60):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            inside[0] -= 1
            done.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert most == [1]
    assert sorted(done) == list(range(6))


WATCH = """
import sys, time
from pathlib import Path
from varhouse.store import lock
lock.WATCH_SECONDS = 0.1
lock.end_with_lock(Path(sys.argv[1]), sys.argv[2])
print("works", flush=True)
time.sleep(60)
"""


def watcher(store: Path, token: str) -> subprocess.Popen:
    job = subprocess.Popen(
        [sys.executable, "-c", WATCH, str(store), token],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert job.stdout is not None
    assert job.stdout.readline() == "works\n"
    return job


def test_a_job_ends_when_the_lock_is_given_back_or_taken_over(store: Path) -> None:
    with store_lock(store) as holder:
        jobs = [watcher(store, holder.token)]
        time.sleep(0.5)
        assert jobs[0].poll() is None
    with store_lock(store):
        jobs.append(watcher(store, holder.token))
        for job in jobs:
            _, said = job.communicate(timeout=20)
            assert job.returncode == 1
            assert said.startswith("error: who started this no longer holds the lock of ")


def test_a_step_passes_by_its_token_alone(store: Path) -> None:
    """Else what outlived the holder would commit under a lock of its own."""
    with store_lock(store) as holder, store_lock(store, token=holder.token) as same:
        assert same == holder
    for lock_is_taken in (False, True):
        with contextlib.ExitStack() as stack:
            if lock_is_taken:
                stack.enter_context(store_lock(store))
            with pytest.raises(StoreError, match="no longer holds the lock"):
                stack.enter_context(store_lock(store, token=holder.token))


def test_a_lock_that_the_disk_did_not_let_go_hides_no_error_and_is_taken_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "_store").mkdir()
    denied = PermissionError(13, "Permission denied", "lock.guard")
    with pytest.raises(ValueError, match="the cause"), store_lock(tmp_path):  # noqa: PT012
        held = mock.patch.object(Path, "unlink", side_effect=denied)
        held.start()
        raise ValueError("the cause")
    held.stop()
    assert "the lock stays" in caplog.text
    # The process lives on, as a notebook does, and nobody works under the lock.
    with store_lock(tmp_path) as holder:
        assert read_holder(tmp_path) == holder
        with pytest.raises(InUseError), store_lock(tmp_path):
            pass
    assert read_holder(tmp_path) is None
