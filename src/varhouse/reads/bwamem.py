"""A lane's reads to aligned records: `python -m varhouse.reads.bwamem JOB.json`.

A process of its own: bwa tells the insert sizes of a batch on stderr of the whole process,
ends the process where it cannot go on, and holds the index in memory.

What is aligned does not depend on the number of threads, as `bwa mem -K` has it: batches have
a fixed number of bases, and hits of equal score are told apart by the number of the read.
"""

import json
import os
import struct
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from isal import igzip

from varhouse.errors import InputError, VarhouseError
from varhouse.reads.alignedpairs import ReadArray, proper_bounds
from varhouse.reads.bwalibrary import SOFT_CLIP, BwaLibrary
from varhouse.reads.fastqtext import FastqText, check_ends, classify, match_files
from varhouse.reads.threads import Ahead, Behind
from varhouse.reads.tool import end_with_parent
from varhouse.textfile import DAMAGED

BATCH = 10_000_000
"""Bases of a batch: bwa's own (-K of one thread). Insert sizes are told from each batch; text,
structures and records of one take some 100 MB."""


@dataclass
class Job:
    """What is to be aligned.

    Attributes
    ----------
    prefix
        Of the index.
    files
        One or two FASTQ files, plain or gzip; none: interleaved text on stdin.
    form
        `pairs` (two files), `interleaved`, `single`, or `mixed`: neighbours of one name are a
        pair, others single reads.
    header
        Text of the SAM header.
    read_group
        ID, which each record gets.
    """

    prefix: str
    form: str
    header: str
    read_group: str
    files: list[str] = field(default_factory=list)
    quality_base: int = 33
    threads: int = 1
    batch: int = BATCH

    def argv(self, path: Path) -> list[str]:
        """Write the job to a file, and give the command that does it.

        The header of a genome with thousands of contigs is too long for an argument.
        """
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return [sys.executable, "-m", __name__, str(path)]


def align(job: Job, sink: BinaryIO) -> None:
    """Write an uncompressed BAM, in the order of the reads.

    Raises
    ------
    InputError
        If the text is no FASTQ, or mates do not match.
    """
    library = BwaLibrary()
    library.options.flag |= SOFT_CLIP
    library.options.n_threads = job.threads
    library.set_read_group(job.read_group)
    library.load(Path(job.prefix))
    done = 0
    # Never closed: after an error a thread may still be reading.
    stack = ExitStack()
    sources = [(name, opened(Path(name), stack)) for name in job.files]
    texts = [
        FastqText(Ahead(read).read, name, job.quality_base)
        for name, read in sources or [("the reads", _from_stdin)]
    ]
    with Behind(sink) as behind:
        behind.write(_bam_header(job.header))

        def run(reads: ReadArray) -> None:
            nonlocal done
            n = len(reads.words)
            if n:
                said = library.align(reads.address, n, done, paired=reads.paired)
                behind.write(reads.records(library.destroy, proper_bounds(said)).data)
                done += n

        if len(texts) == 2:
            _align_files(texts[0], texts[1], job.batch, run)
        else:
            _align_text(texts[0], job, run)


def opened(path: Path, stack: ExitStack) -> Callable[[int], bytes]:
    """Open a FASTQ file, plain or gzip, until the stack ends; gives its `read`."""
    file = stack.enter_context(path.open("rb"))
    if file.peek(2)[:2] != b"\x1f\x8b":
        return file.read
    unpacked: Any = stack.enter_context(igzip.open(file, "rb"))  # type: ignore[no-untyped-call]

    def read(size: int) -> bytes:
        try:
            return bytes(unpacked.read(size))
        except DAMAGED as error:
            raise InputError(
                f"{path}: cut off or damaged ({error})", "copy it again"
            ) from None

    return read


def _from_stdin(size: int) -> bytes:
    return sys.stdin.buffer.read(size)


def _align_files(
    first: FastqText, second: FastqText, batch: int, run: Callable[[ReadArray], None]
) -> None:
    while True:
        for text in (first, second):
            text.more(batch)
        n = match_files(first, second, batch)
        if n == 0:
            break
        reads = ReadArray(2 * n, paired=True)
        reads.put(first.text, first.rows[:n], 0, 2)
        reads.put(second.text, second.rows[:n], 1, 2)
        run(reads)
        for text in (first, second):
            text.drop(n)
    check_ends(first, second)


def _align_text(text: FastqText, job: Job, run: Callable[[ReadArray], None]) -> None:
    while True:
        text.more(job.batch)
        if job.form == "single":
            total = np.cumsum(text.rows[:, 3])
            used = min(len(total), int(np.searchsorted(total, job.batch)) + 1)
            pairs, singles = np.empty(0, np.int64), np.arange(used)
        else:
            pairs, singles, used = classify(text, job.batch, marked=job.form != "mixed")
        if used == 0:
            break
        if len(singles) and job.form == "interleaved":
            raise InputError(
                f"{text.name}: a read without its mate behind it, near record "
                f"{text.n_before + int(singles[0]) + 1:,}",
                "give an interleaved file in which mates stand in turn",
            )
        single = ReadArray(len(singles), paired=False)
        single.put(text.text, text.rows[singles])
        run(single)
        paired = ReadArray(2 * len(pairs), paired=True)
        paired.put(text.text, text.rows[pairs], 0, 2)
        paired.put(text.text, text.rows[pairs + 1], 1, 2)
        run(paired)
        text.drop(used)


def _bam_header(text: str) -> bytes:
    """Give the header of a BAM: the text, and names and lengths of its @SQ lines."""
    raw = text.encode()
    parts = [b"BAM\x01", struct.pack("<i", len(raw)), raw]
    contigs = []
    for line in text.splitlines():
        if line.startswith("@SQ\t"):
            tags = dict(field.split(":", 1) for field in line.split("\t")[1:])
            name = tags["SN"].encode() + b"\0"
            contigs.append(
                struct.pack("<i", len(name)) + name + struct.pack("<i", int(tags["LN"]))
            )
    return b"".join([*parts, struct.pack("<i", len(contigs)), *contigs])


def main() -> int:
    """Do the job that the command line names; its result goes to stdout."""
    end_with_parent()
    # What bwa or a library prints must not get between the records.
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        with sink:
            align(Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))), sink)
    except BrokenPipeError:
        return 141
    except VarhouseError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # A thread that reads ahead of an error is not waited for.
    os._exit(code)
