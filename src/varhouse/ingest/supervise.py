"""Run a command; what it started ends with it, and all when the asking process ends.

    python supervise.py SECONDS COMMAND...

Standard input is a pipe that the asking process holds open: its end is the end of that
process, however it died. The command is then interrupted and given SECONDS to take its jobs
back from a cluster, and whatever is left of it on this host is killed. Otherwise jobs would
go on writing, without the lock, into a work folder that the next ingest takes up.

It is run as a file, so that nothing of the package is imported.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    # Linux only (prctl(2)); elsewhere children of dead children are not found.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """List the processes that a process started, and those that they started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir() if Path("/proc").is_dir() else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if fields[0] not in "ZX":
                    children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    todo = [pid]
    while todo:
        more = children.get(todo.pop(), [])
        found += more
        todo += more
    return found


def _end(child: "subprocess.Popen[bytes]", seconds: float) -> None:
    deadline = time.monotonic() + seconds
    if seconds:
        child.send_signal(signal.SIGINT)
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    child.kill()
    _end_rest()
    os._exit(1)


def _end_rest() -> None:
    """Kill all that this process started, and what was handed to it (as a subreaper)."""
    for _ in range(500):
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        # A list of processes may miss one whose parent ended while it was made: only the
        # system knows that none is left.
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.02)


def main(argv: list[str]) -> int:
    """Run the command of `argv[1:]` and return its exit code."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # An interrupt from the terminal reaches the command, too: it is the one to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A terminal that goes away ends the asking process: that is seen below.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    child = subprocess.Popen(
        argv[1:],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=_as_child,
    )
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())

    asked = threading.Event()

    def watch() -> None:
        while os.read(0, 1):
            pass
        asked.set()
        _end(child, float(argv[0]))

    def tidy() -> None:
        child.wait()
        # Jobs whose shell, or Snakemake itself, was killed: nobody waits for them, and they
        # hold the pipe that is read below.
        if not asked.is_set():
            _end_rest()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    threading.Thread(target=tidy, daemon=True).start()
    _pass_on(child)
    code = child.wait()
    if asked.is_set():
        # What the command leaves behind is being ended; that ends this process.
        watcher.join()
    return code if code >= 0 else 128 - code


def _pass_on(child: "subprocess.Popen[bytes]") -> None:
    """Pass on what the command writes.

    Nobody reads it once the asking process is dead. The command may not notice: Snakemake
    says that it ends before it takes its jobs back, and a broken pipe would end it there.
    """
    assert child.stdout is not None
    while text := os.read(child.stdout.fileno(), 1 << 16):
        with contextlib.suppress(OSError):
            while text:
                text = text[os.write(1, text) :]


def _as_child() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
