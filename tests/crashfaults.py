"""Calls of a command that fail: a full disk, lost permission, a broken or read-only disk.

A library in C (`crashfaults.c`) stands between a process and the system's calls. It lets the
n-th call that changes the disk below a folder fail, that one alone or all from there on. The
command runs as a person would call it, in a process that does nothing else, one fault after
the other (`python crashfaults.py`, started by `try_faults`).
"""

import contextlib
import ctypes
import errno
import io
import json
import os
import shutil
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import kills
import pytest
from crashcases import command
from crashchecks import STORE, left_over
from crashdisk import lay_out, load
from crashes import Recording

from varhouse.cli import main
from varhouse.ingest import driver

SPACE, NAMES, FLUSH, BYTES = 1, 2, 4, 8


@dataclass(frozen=True)
class Fault:
    """How calls fail: which of them, with which error, one alone or all from there on."""

    name: str
    number: int
    kinds: int
    lasting: bool


FAULTS = [
    Fault("full", errno.ENOSPC, SPACE, True),
    Fault("full for a moment", errno.ENOSPC, SPACE, False),
    Fault("no permission", errno.EACCES, NAMES, True),
    Fault("read only", errno.EROFS, NAMES | BYTES | FLUSH, True),
    Fault("broken", errno.EIO, NAMES | BYTES | FLUSH, False),
]


@dataclass
class FaultResult:
    """How many calls failed, and what was wrong then."""

    hit: int = 0
    failures: list[str] = field(default_factory=list)


def needs_compiler() -> None:
    """Skip a test where no C compiler is."""
    if shutil.which("cc") is None:
        pytest.skip("needs cc, a C compiler")


def try_faults(recording: Recording, number: int) -> FaultResult:
    """Let some calls of a command fail, evenly spread, with each kind of fault.

    What must hold: the command tells in one line what is wrong and what to do, or does its
    work all the same; the store is as before, or as after; the same command then completes.
    """
    library = recording.folder / "faults.so"
    source = Path(__file__).with_name("crashfaults.c")
    words = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(words, check=True)
    given = [
        sys.executable,
        __file__,
        recording.command.name,
        str(recording.here),
        str(number),
    ]
    paths = [*sys.path, str(Path(__file__).parent), str(Path(__file__).parent / "unit")]
    environment = {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": ":".join(paths)}
    worker = subprocess.Popen(
        given, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    result = FaultResult()
    assert worker.stdin is not None
    assert worker.stdout is not None
    with worker:
        lay_out(recording.start, recording.here)
        for line in worker.stdout:
            told: dict[str, Any] = json.loads(line)
            problem = _judge(recording, told)
            result.hit += bool(told["where"])
            if problem:
                result.failures.append(
                    f"{recording.command.name}, {told['fault']} at {told['at']}, "
                    f"{told['where']}: {problem}"
                )
            lay_out(recording.start, recording.here)
            worker.stdin.write("\n")
            worker.stdin.flush()
    if worker.returncode:
        result.failures.append(f"the worker ended with {worker.returncode}")
    return result


def _judge(recording: Recording, told: dict[str, Any]) -> str:
    """Say what is wrong with how a command met a fault; empty if nothing is."""
    here, is_new = recording.here, kills.digest(recording.here / STORE) == recording.digest
    if told["stage"] == "again":
        # Some commands refuse what is done already, as a drop does.
        if told["code"] != 0 and not is_new:
            return f"exit code {told['code']}: {told['said']}"
        if not is_new:
            return "another digest"
        return left_over(here / STORE) if told["code"] == 0 else ""
    if problem := recording.truth.wrong(here, load(here).tree(), made_again=True):
        return problem
    if told["code"] == 0:
        return recording.truth.lost_release(here)
    if told["code"] < 0:
        return f"no error of ours: {told['said'][-700:]}"
    errors = [x for x in told["said"].splitlines() if x.startswith("error: ")]
    if len(errors) != 1 or "fix: " not in told["said"]:
        return f"not one error with a fix: {told['said']}"
    return "" if str(here) in errors[0] else f"names no place: {errors[0]}"


# --- the process whose calls fail ---


class _Library:
    def __init__(self, folder: str) -> None:
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"])
        self._library.fault_where.restype = ctypes.c_char_p
        self._folder = os.fsencode(folder)

    @contextlib.contextmanager
    def armed(self, fault: Fault, at: int) -> Iterator[None]:
        arm = self._library.fault_arm
        arm(self._folder, ctypes.c_long(at), fault.number, fault.kinds, fault.lasting)
        try:
            yield
        finally:
            self.count = int(self._library.fault_count())
            self.where = os.fsdecode(self._library.fault_where())
            arm(self._folder, ctypes.c_long(-1), 0, 0, 0)


def _run(words: list[str]) -> tuple[int, str]:
    """Run a command; a negative code where it ended by an exception that nobody expected."""
    said = io.StringIO()
    with (
        contextlib.redirect_stderr(said),
        contextlib.redirect_stdout(io.StringIO()),
        mock.patch.object(driver, "run_snakemake", kills.run_steps),
    ):
        try:
            code = main(words)
        except BaseException:
            return -1, said.getvalue() + traceback.format_exc()
    return code, said.getvalue()


def _work(name: str, here: str, number: int) -> None:
    library, words = _Library(here), command(name).words(Path(here))
    tell = os.fdopen(os.dup(1), "w")

    def say(stage: str, fault: str, at: int, code: int, said: str) -> None:
        told = {"stage": stage, "fault": fault, "at": at, "code": code, "said": said}
        tell.write(json.dumps({**told, "where": library.where}) + "\n")
        tell.flush()
        sys.stdin.readline()

    for fault in FAULTS:
        with library.armed(fault, -1):
            code, said = _run(words)
        say("again", f"no fault, {fault.name}", -1, code, said)
        calls = library.count
        for at in sorted({calls * i // number for i in range(number)}):
            with library.armed(fault, at):
                code, said = _run(words)
            say("fault", fault.name, at, code, said)
            # The caller has laid the start out again: fail once more, and go on.
            with library.armed(fault, at):
                _run(words)
            where = library.where
            code, said = _run(words)
            library.where = where
            say("again", f"after {fault.name}", at, code, said)


if __name__ == "__main__":
    _work(sys.argv[1], sys.argv[2], int(sys.argv[3]))
