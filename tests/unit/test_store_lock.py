"""The writer's lock: named holder, waiting, take-over of the dead, way in for children."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from store_builders import new_store

from varhouse.errors import StoreError
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
