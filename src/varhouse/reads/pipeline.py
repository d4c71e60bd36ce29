"""Stages joined by pipes: samtools and bcftools of pysam, other programs, and own functions.

samtools and bcftools keep state between calls, so each runs in a process of its own. That
process is a new interpreter and no fork: polars and numba have threads, and a lock that one of
them holds stays locked in a fork for ever. Starting one costs 0.04 s (`reads.tool`).

Own functions run in threads of the calling process. They may fill variables of the caller, and
share its memory; each other stage is a process, so a function waits for nobody's lock but that
of another function.
"""

import fcntl
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from varhouse.errors import VarhouseError

_BUFFER = 1 << 20
"""Bytes of a pipe, and of what a function reads or writes at a time: an unprivileged process
may ask for as much. With the 64 KiB that Linux gives by itself, stages wait for each other."""

_TOOL = Path(__file__).with_name("tool.py")

_GRACE = 5.0
"""Seconds that a stage has to end by itself, after another one failed, before it is killed."""

_TAIL = 2000
"""Bytes of what a failed stage said last that go into the message."""

_IS_STOPPED = "stopped, as another stage failed"
_BROKEN_PIPE = "the stage after it ended before it had read everything"


class PipelineError(VarhouseError):
    """A stage that failed: which one, and what it said."""


@dataclass(frozen=True)
class Samtools:
    """A samtools command of pysam: `Samtools(["sort", "-u", "-"])`."""

    args: Sequence[str]

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"samtools {self.args[0]}"


@dataclass(frozen=True)
class Bcftools:
    """A bcftools command of pysam: `Bcftools(["call", "-m", "-"])`."""

    args: Sequence[str]

    @property
    def name(self) -> str:
        """How messages call it."""
        return f"bcftools {self.args[0]}"


@dataclass(frozen=True)
class Command:
    """Another program, with its arguments; `name` is how messages call it."""

    argv: Sequence[str]
    label: str = ""

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.label or Path(self.argv[0]).name


@dataclass(frozen=True)
class Function:
    """A function of two streams: what the stage before writes, and what the next one reads.

    The first stage's input is empty, and what the last one writes goes nowhere unless
    `run_pipeline` is told a file.
    """

    call: Callable[[BinaryIO, BinaryIO], object]
    label: str = ""

    @property
    def name(self) -> str:
        """How messages call it."""
        return self.label or getattr(self.call, "__name__", "function")


Stage = Samtools | Bcftools | Command | Function


@dataclass
class _Running:
    """A stage that has been started."""

    stage: Stage
    process: subprocess.Popen[bytes] | None = None
    thread: threading.Thread | None = None
    said: IO[bytes] | None = None
    error: BaseException | None = None
    stopped: bool = False
    streams: list[BinaryIO] = field(default_factory=list)

    def is_over(self) -> bool:
        if self.process is not None:
            return self.process.poll() is not None
        return self.thread is None or not self.thread.is_alive()

    def words(self) -> str:
        """Give what the stage said on stderr."""
        if self.said is None:
            return ""
        self.said.seek(0)
        return self.said.read().decode(errors="replace").strip()

    def fault(self) -> str:
        """Say why the stage failed; empty: it did not, or is not over."""
        if self.process is None:
            return _in_words(self.error) if self.error is not None else ""
        code = self.process.returncode
        if not code:
            return ""
        if self.stopped:
            return _IS_STOPPED
        if code == -signal.SIGPIPE:
            return _BROKEN_PIPE
        tail = self.words().encode()[-_TAIL:].decode(errors="ignore").strip()
        if code < 0:
            how = f"ended by {signal.Signals(-code).name}"
            if -code == signal.SIGKILL:
                how += " (is there enough memory?)"
            return f"{how}: {tail}" if tail else how
        return tail or f"exit status {code}"

    def is_cause(self) -> bool:
        """Tell whether the stage failed by itself, and not because another one had ended."""
        fault = self.fault()
        if not fault or fault in (_IS_STOPPED, _BROKEN_PIPE):
            return False
        # Programs that do not die of SIGPIPE say so and exit.
        return (
            not isinstance(self.error, BrokenPipeError) and "broken pipe" not in fault.lower()
        )


def run_pipeline(
    stages: Sequence[Stage], *, log: Path | None = None, out: Path | None = None
) -> None:
    """Run stages that read each other's output, and wait until all have ended.

    All are ended when one fails, is killed, or when the call is interrupted.

    Parameters
    ----------
    stages
        In order. The first one's input is empty.
    log
        File to which is added what the stages say on stderr, each below its name.
    out
        File for what the last stage writes to its output; its caller gives it its final name
        (`varhouse.files.new_file`).

    Raises
    ------
    PipelineError
        Names the stage that failed first of itself, with its own words.
    Exception
        What a function raised, if that is the cause.
    """
    running = [_Running(stage) for stage in stages]
    try:
        _start(running, out)
        _wait(running)
    finally:
        _stop(running)
        if log is not None:
            _write_log(log, running)
        fault = _find_fault(running)
        for each in running:
            if each.said is not None:
                each.said.close()
    if fault is not None:
        raise fault


def _start(running: list[_Running], out: Path | None) -> None:
    """Start each stage with its ends of the pipes; nobody else keeps those open."""
    source = os.open(os.devnull, os.O_RDONLY)
    following = -1
    try:
        for i, each in enumerate(running):
            if i + 1 < len(running):
                following, sink = os.pipe()
                # Pipes of a user are limited in all, and other systems have none so large:
                # what there is has to do.
                with suppress(OSError, AttributeError):
                    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, _BUFFER)
            elif out is not None:
                sink = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            else:
                sink = os.open(os.devnull, os.O_WRONLY)
            try:
                if isinstance(each.stage, Function):
                    each.streams = [_reader(os.dup(source)), _writer(os.dup(sink))]
                else:
                    _start_process(each, source, sink)
            finally:
                os.close(sink)
                os.close(source)
                source, following = following, -1
    finally:
        for handle in (source, following):
            if handle >= 0:
                os.close(handle)
    # Functions last: what a started process inherits is decided before they open files.
    for each in running:
        if isinstance(each.stage, Function):
            each.thread = threading.Thread(target=_call, args=(each,), name=each.stage.name)
            each.thread.start()


def _reader(handle: int) -> BinaryIO:
    return io.BufferedReader(io.FileIO(handle, "rb"), _BUFFER)


def _writer(handle: int) -> BinaryIO:
    return io.BufferedWriter(io.FileIO(handle, "wb"), _BUFFER)


def _start_process(each: _Running, source: int, sink: int) -> None:
    stage = each.stage
    if isinstance(stage, Command):
        argv = list(stage.argv)
    else:
        assert not isinstance(stage, Function)
        program = "samtools" if isinstance(stage, Samtools) else "bcftools"
        # -P: the folder of tool.py is none to import from.
        argv = [sys.executable, "-P", str(_TOOL), program, *stage.args]
    each.said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by run_pipeline
    try:
        each.process = subprocess.Popen(argv, stdin=source, stdout=sink, stderr=each.said)
    except OSError as error:
        raise PipelineError(
            f"{stage.name} cannot be started: {argv[0]}: {error.strerror}",
            "install it, or name the program in the configuration",
        ) from None


def _call(each: _Running) -> None:
    """Run a function, and close its ends of the pipes whatever becomes of it."""
    stage = each.stage
    assert isinstance(stage, Function)
    source, sink = each.streams
    try:
        stage.call(source, sink)
        sink.flush()
    except BaseException as error:
        # Raised again by run_pipeline.
        each.error = error
    finally:
        _close(each)


def _close(each: _Running) -> None:
    for stream in each.streams:
        try:
            stream.close()
        except (OSError, ValueError) as error:
            # What could not be written any more; the handle is closed all the same.
            each.error = each.error or error


def _wait(running: list[_Running]) -> None:
    """Wait until all stages are over or one has failed."""
    pause = 0.001
    while not all(each.is_over() for each in running):
        if any(each.is_over() and each.fault() for each in running):
            return
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)


def _stop(running: list[_Running]) -> None:
    """End what still runs: by itself, as its pipes are closed, else by a signal.

    A stage that another one's failure ends within the grace says what it has to say; which of
    them is the cause is told from that.
    """
    for each in running:
        # A function that was never started.
        if each.streams and each.thread is None:
            _close(each)
    interrupted = sys.exc_info()[0] is not None
    until = time.monotonic() + (0 if interrupted else _GRACE)
    while time.monotonic() < until and not all(each.is_over() for each in running):
        time.sleep(0.01)
    for signal_ in (signal.SIGTERM, signal.SIGKILL):
        for each in running:
            if each.process is not None and each.process.poll() is None:
                each.stopped = True
                each.process.send_signal(signal_)
        until = time.monotonic() + _GRACE
        while time.monotonic() < until and not all(
            each.is_over() for each in running if each.process is not None
        ):
            time.sleep(0.01)
    for each in running:
        if each.process is not None:
            each.process.wait()
        if each.thread is not None:
            # It ends at its next read or write: both ends of its pipes are closed.
            each.thread.join()


def _find_fault(running: list[_Running]) -> BaseException | None:
    """Find the failure that is the cause: the first one in the pipe that is one of itself."""
    failed = [each for each in running if each.fault()]
    if not failed:
        return None
    causes = [each for each in failed if each.is_cause()]
    first = (causes or failed)[0]
    if first.error is not None and causes:
        return first.error
    return PipelineError(f"{first.stage.name} failed: {first.fault()}")


def _in_words(error: BaseException) -> str:
    return str(error) or type(error).__name__


def _write_log(log: Path, running: list[_Running]) -> None:
    with log.open("a", encoding="utf-8") as file:
        for each in running:
            words, fault = each.words(), each.fault()
            # The fault is mostly the end of the words.
            words = words if fault in words else f"{words}\n{fault}".strip()
            if words:
                file.write(f"[{each.stage.name}]\n{words}\n")
