"""A process that is killed takes with it what it started, wherever that has gone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from varhouse.ingest import supervise
from varhouse.ingest.supervise import descendants

# Stands for the main process; what it starts has a child, one in a session of its own, and
# one whose parent has ended.
MAIN = """
import subprocess, sys
command = "sleep 300 & setsid sleep 301 & (sleep 302 &) ; echo up; wait"
process = subprocess.Popen(
    [sys.executable, sys.argv[1], sys.argv[2], "bash", "-c", command],
    stdin=subprocess.PIPE,
)
sys.exit(process.wait())
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def gone(pids: list[int], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(is_alive, pids))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize("seconds", ["0", "0.5"])
def test_main_process_killed_alone(seconds: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, supervise.__file__, seconds],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        deadline = time.monotonic() + 20
        while len(pids := descendants(process.pid)) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(pids) == 5
        os.kill(process.pid, signal.SIGKILL)
        assert gone(pids)


def test_exit_code_is_that_of_the_command() -> None:
    read, write = os.pipe()
    try:
        for script, code in (("exit 7", 7), ("true", 0), ("kill -9 $$", 137)):
            done = subprocess.run(
                [sys.executable, supervise.__file__, "0", "bash", "-c", script],
                stdin=read, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == code
    finally:
        os.close(read)
        os.close(write)


def test_what_the_command_left_ends_with_it() -> None:
    """A job whose shell was killed goes on, and holds the pipe of the command."""
    with subprocess.Popen(
        [sys.executable, supervise.__file__, "0", "bash", "-c", "setsid sleep 300 & exit 3"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "LEFT": "behind 1"},
    ) as process:  # fmt: skip
        assert process.wait(20) == 3
        environs = [p / "environ" for p in Path("/proc").iterdir() if p.name.isdigit()]
        left = []
        for file in environs:
            with contextlib.suppress(OSError):
                left += [file] if b"LEFT=behind 1" in file.read_bytes() else []
        assert not left


SPEAKING = """
import pathlib, sys, time
try:
    print("up", flush=True)
    time.sleep(300)
except KeyboardInterrupt:
    print("taking jobs back", flush=True)
    pathlib.Path(sys.argv[1]).touch()
"""


def test_an_interrupted_command_may_speak_though_nobody_listens(tmp_path: Path) -> None:
    """So does Snakemake, before it takes its jobs back from a cluster."""
    with subprocess.Popen(
        [sys.executable, supervise.__file__, "20", sys.executable, "-c", SPEAKING,
         str(tmp_path / "taken back")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == b"up\n"
        # As when the asking process is killed: both its ends close at once.
        process.stdout.close()
        process.stdin.close()
        process.wait(30)
    assert (tmp_path / "taken back").exists()


INTERRUPTED = """
import sys
from pathlib import Path
from unittest import mock
from varhouse.ingest import supervise, workflow

deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)"
deaf += "; time.sleep(300)"
command = [sys.executable, supervise.__file__, "0", sys.executable, "-c", deaf]
with mock.patch.object(workflow, "_command", lambda *_: command):
    workflow.run_snakemake(Path(sys.argv[1]), "token")
"""


def test_an_interrupt_of_the_main_process_alone_ends_all_at_once(tmp_path: Path) -> None:
    """Snakemake does not end at SIGTERM while a job runs."""
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)], stderr=subprocess.PIPE
    ) as process:
        deadline = time.monotonic() + 60
        log = tmp_path / "snakemake.log"
        while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        started = descendants(process.pid)
        assert len(started) == 2
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
        assert b"KeyboardInterrupt" in said
        assert gone(started, 0.5)


WAITING = """
import sys
from pathlib import Path
import polars
from varhouse.ingest import supervise, workflow
workflow._command = lambda *_: [
    sys.executable, supervise.__file__, "0", "sh", "-c", "echo up > up; exec sleep 300"
]
workflow.run_snakemake(Path(sys.argv[1]), "token")
"""


def test_an_interrupt_of_the_command_alone_ends_it(tmp_path: Path) -> None:
    """Also while nothing is said: polars, once imported, has reading go on after a signal."""
    work = tmp_path / "_staging" / "1"
    work.mkdir(parents=True)
    others = {*descendants(os.getpid())}
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, work], stderr=subprocess.PIPE, text=True
    ) as process:
        deadline = time.monotonic() + 60
        while not (work / "up").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in err
    assert gone([p for p in descendants(os.getpid()) if p not in others])
