"""Stages joined by pipes: what goes through, and that every failure is found and named."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pysam
import pytest

from varhouse.errors import InputError
from varhouse.reads.pipeline import (
    Bcftools,
    Command,
    Function,
    PipelineError,
    Samtools,
    run_pipeline,
)

SAM = "@HD\tVN:1.6\n@SQ\tSN:c\tLN:9000\n"


@pytest.fixture
def sam(tmp_path: Path) -> Path:
    """Make 5,000 reads in falling order of positions: more bytes than a pipe holds."""
    path = tmp_path / "in.sam"
    with path.open("w") as out:
        out.write(SAM)
        for i in range(5000, 0, -1):
            out.write(f"r{i}\t0\tc\t{i}\t60\t200M\t*\t0\t0\t{'ACGTA' * 40}\t{'I' * 200}\n")
    return path


def copy(source: BinaryIO, sink: BinaryIO) -> None:
    """Pass everything on."""
    while block := source.read(1 << 16):
        sink.write(block)


def test_stages_read_what_the_one_before_writes(tmp_path: Path, sam: Path) -> None:
    """Two tools, a program and two functions in turn; the last one fills a variable."""
    out = tmp_path / "out.bam"
    seen: list[int] = []

    def count(source: BinaryIO, sink: BinaryIO) -> None:
        while block := source.read(1 << 16):
            seen.append(len(block))
            sink.write(block)

    stages = [
        Samtools(["view", "-u", str(sam)]),
        Function(count),
        Command(["cat"]),
        Function(copy),
        Samtools(["sort", "-o", str(out), "-"]),
    ]
    run_pipeline(stages)
    with pysam.AlignmentFile(str(out)) as file:
        assert [r.reference_start for r in file] == list(range(5000))
    assert sum(seen) > 1_000_000


@pytest.mark.parametrize("command", ["flagstat", "stats", "idxstats", "coverage", "head"])
def test_commands_that_print_are_heard(tmp_path: Path, sam: Path, command: str) -> None:
    """pysam prints these to a stream of its own, and nothing came out of a pipe."""
    out = tmp_path / "out.txt"
    bam = tmp_path / "in.bam"
    run_pipeline([Samtools(["sort", "--write-index", "-o", str(bam), str(sam)])])
    run_pipeline([Samtools([command, str(bam)]), Function(copy)], out=out)
    assert "5000" in out.read_text() or command == "head"
    assert out.stat().st_size > 20


def test_bcftools_query_prints(tmp_path: Path) -> None:
    """It aborted at its end without an output of its own."""
    vcf = tmp_path / "a.vcf"
    vcf.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=c>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        "c\t7\t.\tA\tC\t.\t.\t.\n"
    )
    out = tmp_path / "out.txt"
    view = Bcftools(["view", "-Ou", str(vcf)])
    run_pipeline([view, Bcftools(["query", "-f", "%POS %ALT\\n", "-"])], out=out)
    assert out.read_text() == "7 C\n"


def test_a_failed_tool_is_named_with_its_words(tmp_path: Path, sam: Path) -> None:
    """The stages before and after it fail as well, and are not the cause."""
    log = tmp_path / "log"
    stages = [
        Samtools(["view", "-u", str(sam)]),
        Samtools(["sort", "-o", str(tmp_path / "no" / "x.bam"), "-"]),
    ]
    with pytest.raises(PipelineError, match=r"samtools sort failed: (?s:.*)No such file"):
        run_pipeline(stages, log=log)
    assert "[samtools sort]" in log.read_text()
    stages = [Samtools(["view", "-u", str(tmp_path / "none")]), Samtools(["sort", "-"])]
    with pytest.raises(PipelineError, match=r"samtools view failed: (?s:.*)No such file"):
        run_pipeline(stages)


def test_a_signal_is_a_failure() -> None:
    """What the stage had written looked whole to the next one."""
    with pytest.raises(PipelineError, match="sh failed: ended by SIGKILL"):
        run_pipeline([Command(["sh", "-c", "echo a; kill -9 $$"]), Command(["cat"])])


def test_an_error_of_a_function_is_raised_as_it_is(sam: Path) -> None:
    """Not as a failure of the tools around it."""

    def fail(source: BinaryIO, sink: BinaryIO) -> None:
        source.read(100)
        raise InputError("read 7 is odd", "mend it")

    with pytest.raises(InputError, match="read 7 is odd"):
        run_pipeline(
            [Samtools(["view", "-u", str(sam)]), Function(fail), Samtools(["view", "-"])]
        )


def test_a_broken_pipe_is_no_cause(tmp_path: Path) -> None:
    """Neither a function's, nor that of a program that tells of it and exits."""

    def write(_source: BinaryIO, sink: BinaryIO) -> None:
        while True:
            sink.write(b"x" * 65536)

    python = "import sys\nwhile 1: sys.stdout.write('x' * 65536)"
    for first in (Function(write), Command(["yes"]), Command([sys.executable, "-c", python])):
        with pytest.raises(PipelineError, match="sh failed: exit status 3"):
            run_pipeline([first, Command(["sh", "-c", "exit 3"])])


def test_a_stage_that_is_not_read_to_its_end_is_a_failure() -> None:
    """Else what was left over would be lost in silence."""
    with pytest.raises(PipelineError, match="yes failed: the stage after it ended"):
        run_pipeline([Command(["yes"]), Function(lambda _source, _sink: None)])


def test_a_missing_program_is_named_and_the_others_end() -> None:
    """The one before it was started already."""
    before = threading.active_count()
    with pytest.raises(PipelineError, match="no-such-program cannot be started"):
        run_pipeline([Function(copy), Command(["yes"]), Command(["no-such-program"])])
    assert threading.active_count() == before


def test_an_interrupt_ends_all() -> None:
    """A stage that neither reads nor writes is ended, too."""
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_pipeline([Command(["sleep", "60"]), Function(copy)])
    assert time.monotonic() - start < 5


def test_messages_of_a_call_that_went_well_are_kept(tmp_path: Path, sam: Path) -> None:
    """pysam swallows them."""
    log = tmp_path / "log"
    run_pipeline([Command(["sh", "-c", "echo odd >&2; cat"]), Function(copy)], log=log)
    assert log.read_text() == "[sh]\nodd\n"


def test_stages_end_with_a_killed_caller(tmp_path: Path) -> None:
    """Also one that waits for a file, and hears nothing of its pipes."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = (
        "import sys\n"
        "from varhouse.reads.pipeline import Samtools, run_pipeline\n"
        "run_pipeline([Samtools(['view', sys.argv[1]])])\n"
    )
    caller = subprocess.Popen([sys.executable, "-c", code, str(fifo)])
    # It opens once there is a reader: the stage has begun.
    with fifo.open("wb"):
        assert stages_with(fifo)
        caller.kill()
        caller.wait()
        until = time.monotonic() + 10
        while stages_with(fifo) and time.monotonic() < until:
            time.sleep(0.05)
        assert not stages_with(fifo)


def stages_with(path: Path) -> list[str]:
    """List processes that have a path among their arguments."""
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(path).encode() in each.read_bytes():
                found.append(each.parent.name)
    return found
