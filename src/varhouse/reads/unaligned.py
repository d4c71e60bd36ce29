"""Reads of a BAM or CRAM on their way to the aligner: mates find each other, none is lost.

samtools groups records by their whole name, so mates called x/1 and x/2 never meet; and of
several reads that have one name and one place in the pair `samtools fastq` writes one. Both
would go by without a word.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numba import njit

from varhouse.errors import InputError
from varhouse.reads import fastqscan as fq
from varhouse.reads.bamstream import BamStream, Block
from varhouse.reads.pipeline import Function, Samtools, Stage

_PRIMARY, _PAIRED = range(2)
_LONGEST_NAME = 256
"""Bytes: a BAM holds the length of a name in one."""


class Counts:
    """Primary records that went by, and those that are of pairs."""

    def __init__(self) -> None:
        self._counts = np.zeros(2, np.int64)

    @property
    def reads(self) -> int:
        """All."""
        return int(self._counts[_PRIMARY])

    @property
    def paired(self) -> int:
        """Those that are flagged as one of a pair."""
        return int(self._counts[_PAIRED])

    def add(self, block: Block) -> None:
        """Count the records of a block."""
        _count(block, self._counts)

    def stage(self) -> Function:
        """Give the stage that counts a BAM's records, and passes its bytes on."""

        def count(source: BinaryIO, sink: BinaryIO) -> None:
            stream = BamStream(source)
            sink.write(stream.header)
            for block in stream.blocks():
                sink.write(block.data)
                self.add(block)

        return Function(count, "the count of records")


def unaligned_reads(path: Path, folder: Path, fasta: Path, counts: Counts) -> list[Stage]:
    """Give the stages that write a BAM's or CRAM's reads as FASTQ, mates in turn.

    Grouping by name comes first: mates are apart in a sorted file, and in an unsorted one
    nothing says that they are not.

    Parameters
    ----------
    folder
        For what is too much for memory.
    counts
        Gets what is in the file.
    """
    collate = ["collate", "--no-PG", "-u", "-O", "-T", str(folder / "mates"), "-"]
    return [
        Samtools(["view", "--no-PG", "-u", "-T", str(fasta), str(path)]),
        Function(_marks_cut(counts), "names of mates"),
        Samtools(collate),
        Function(_names_checked(path), "names of reads"),
        Samtools(["fastq", "-N", "-F", "0x900", "-"]),
    ]


def check_counts(path: Path, found: Counts, aligned: Counts) -> list[str]:
    """Compare what a file holds with what came out of the aligner.

    Returns
    -------
    list of str
        Notes: reads without their mate.

    Raises
    ------
    InputError
        If reads were lost, or no read of a pair has found its mate.
    """
    if found.reads != aligned.reads:
        raise InputError(
            f"{path}: {found.reads:,} reads, of which {aligned.reads:,} were aligned",
            "give the FASTQ files that it was made of",
        )
    alone = found.paired - aligned.paired
    if found.paired and not aligned.paired:
        raise InputError(
            f"{path}: {found.paired:,} reads are flagged as mates, and no two have one name",
            "give mates one name, or one that ends in /1 and /2; or take off the flags of "
            "pairs: samtools view --remove-flags 0xeb",
        )
    return [f"{alone:,} reads of pairs have no mate in the file: single"] if alone > 0 else []


@njit(cache=True, nogil=True)
def _size_of(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    size = np.int64(4)
    for k in range(4):
        size += np.int64(block[at + k]) << (8 * k)
    return size


@njit(cache=True, nogil=True)
def _flag_of(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    return np.int64(block[at + 18]) | np.int64(block[at + 19]) << 8


@njit(cache=True, nogil=True)
def _count(block, counts):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    at = 0
    while at < block.size:
        flag = _flag_of(block, at)
        if not flag & 0x900:
            counts[_PRIMARY] += 1
            counts[_PAIRED] += flag & 1
        at += _size_of(block, at)


@njit(cache=True, nogil=True)
def _fits(block, mode):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether marks of all names agree: 1, with the flags of pairs; 2, with no flags."""
    at, marked, first, second, flagged = 0, 0, 0, 0, 0
    while at < block.size:
        flag = _flag_of(block, at)
        name = at + 36
        if not flag & 0x900:
            _, mate = fq.mark_of(block, name, name + block[at + 12] - 1, mode)
            own = 1 if flag & 0xC0 == 0x40 else 2 if flag & 0xC0 == 0x80 else 0
            if mate == 0 or (own and (mate > 1) != (own > 1)):
                return 0
            marked += 1
            first += mate == 1
            second += mate > 1
            flagged += own > 0
        at += _size_of(block, at)
    if marked and flagged == marked:
        return 1
    return 2 if flagged == 0 and first and second and mode != fq.LAST else 0


@njit(cache=True, nogil=True)
def _cut(block, mode, is_new, out):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Copy records without the marks of their names; gives the bytes.

    `is_new`: the flags of pairs are made by the marks.
    """
    at, n = 0, 0
    while at < block.size:
        end = at + _size_of(block, at)
        flag = _flag_of(block, at)
        name, stop = at + 36, at + 35 + block[at + 12]
        size, mate = fq.mark_of(block, name, stop, mode)
        own = 1 if flag & 0xC0 == 0x40 else 2 if flag & 0xC0 == 0x80 else 0
        if mate == 0 or (own and (mate > 1) != (own > 1)) or (own == 0 and not is_new):
            size = stop - name
        elif is_new:
            flag |= 0x49 if mate == 1 else 0x89
        start = n
        for k in range(at, name + size):
            out[n] = block[k]
            n += 1
        for k in range(stop, end):
            out[n] = block[k]
            n += 1
        length = n - start - 4
        for k in range(4):
            out[start + k] = (length >> (8 * k)) & 255
        out[start + 12] = size + 1
        out[start + 18], out[start + 19] = flag & 255, flag >> 8
        at = end
    return n


def _marks_cut(counts: Counts) -> Callable[[BinaryIO, BinaryIO], None]:
    """Give the function that takes the marks of mates off names, if all of the start have one.

    A number at the end of a name is a mark if it agrees with the flags of all the first
    reads: a running number does not. Where reads have no flags of pairs, `/1` and `/2` give
    them.
    """

    def write(source: BinaryIO, sink: BinaryIO) -> None:
        stream = BamStream(source)
        sink.write(stream.header)
        mode, is_new, is_first = -1, False, True
        for block in stream.blocks():
            if is_first:
                for each in (fq.MIDDLE, fq.PLAIN, fq.LAST):
                    if fits := _fits(block, each):
                        mode, is_new = each, fits == 2
                        break
                is_first = False
            if mode < 0:
                counts.add(block)
                sink.write(block.data)
                continue
            out: Block = np.empty(block.size, np.uint8)
            n = _cut(block, mode, is_new, out)
            counts.add(out[:n])
            sink.write(out[:n].data)

    return write


@njit(cache=True, nogil=True)
def _twice(block, last, state):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find a record whose name and place in the pair another one has: its start, or -1.

    `last` holds the name before, `state` its length and the places that it has.
    """
    at = 0
    while at < block.size:
        flag = _flag_of(block, at)
        if not flag & 0x900:
            size = np.int64(block[at + 12]) - 1
            same = size == state[0]
            for k in range(size):
                same = same and block[at + 36 + k] == last[k]
                last[k] = block[at + 36 + k]
            place = np.int64(1) << ((flag >> 6) & 3)
            if not same:
                state[0], state[1] = size, 0
            # A single read beside a mate would be taken for the other one.
            if state[1] & place or (state[1] and (state[1] | place) & 9):
                return at
            state[1] |= place
        at += _size_of(block, at)
    return -1


def _names_checked(path: Path) -> Callable[[BinaryIO, BinaryIO], None]:
    """Give the function that ends at reads that `samtools fastq` would leave out."""

    def check(source: BinaryIO, sink: BinaryIO) -> None:
        stream = BamStream(source)
        sink.write(stream.header)
        last, state = np.zeros(_LONGEST_NAME, np.uint8), np.array([-1, 0], np.int64)
        for block in stream.blocks():
            at: Any = _twice(block, last, state)
            if at >= 0:
                name = bytes(block[at + 36 : at + 35 + int(block[at + 12])]).decode("latin-1")
                raise InputError(
                    f"{path}: two reads are called {name}, and their flags do not say that "
                    "they are mates",
                    "flag mates (77 and 141), or give other reads other names",
                )
            sink.write(block.data)

    return check
