"""FASTQ text to places of reads: name, bases and qualities of each, where they stand.

Nothing is copied: bwa reads names, bases and qualities in the block of text itself. So names
are ended in it by a zero byte, and qualities are turned to the base that bwa expects.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from varhouse.errors import InputError
from varhouse.reads.fastqscan import PLAIN, mark_of, shared_name

Rows = npt.NDArray[np.int64]
"""A row a read: start of the name, its length, start of the bases, their number, start of the
qualities; offsets into the text."""
NAME, NAME_SIZE, BASES, SIZE, QUALITIES = range(5)

_NO_NAME, _NO_PLUS, _LENGTHS, _QUALITY = range(1, 5)
_FAULTS = {
    _NO_NAME: "a line that should begin with @",
    _NO_PLUS: "a line that should begin with +",
    _LENGTHS: "not as many qualities as bases",
    _QUALITY: "a quality outside of the printable characters",
}

LONGEST_READ = 1 << 20
"""Bases: longer ones are no short reads, and a text without lines is no FASTQ."""

_BLOCK = 4 << 20


@njit(cache=True, nogil=True)
def _index(text, at, end, is_last, shift, rows):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find records; gives their number, the place after the last whole one, and a fault.

    A record that the text does not hold to its end is left to the next call, unless it is the
    last of the file.
    """
    n = 0
    while n < rows.shape[0]:
        # Blank lines at the end of a file belong to nobody.
        while at < end and text[at] == 10:
            at += 1
        if at >= end:
            break
        if text[at] != 64:
            return n, at, 1
        p = at + 1
        while p < end and text[p] != 10:
            p += 1
        if p >= end and not is_last:
            break
        name, stop = at + 1, at + 1
        while stop < p and text[stop] != 32 and text[stop] != 9 and text[stop] != 13:
            stop += 1
        stop = name + mark_of(text, name, stop, PLAIN)[0]
        bases = p + 1
        p = bases
        while p < end and text[p] != 10:
            p += 1
        if p >= end and not is_last:
            break
        size = p - bases
        if size > 0 and text[p - 1] == 13:
            size -= 1
        p += 1
        if p >= end:
            if is_last:
                return n, at, 2
            break
        if text[p] != 43:
            return n, at, 2
        while p < end and text[p] != 10:
            p += 1
        qualities = p + 1
        p = qualities + size
        if p > end or (p == end and not is_last):
            if is_last:
                return n, at, 3
            break
        if p < end and text[p] == 13:
            p += 1
            if p == end and not is_last:
                break
        if p < end and text[p] != 10:
            return n, at, 3
        for k in range(qualities, qualities + size):
            quality = text[k] - shift
            if quality < 33 or quality > 126:
                return n, at, 4
        if shift:
            for k in range(qualities, qualities + size):
                text[k] -= shift
        rows[n, 0], rows[n, 1], rows[n, 2] = name, stop - name, bases
        rows[n, 3], rows[n, 4] = size, qualities
        text[stop] = 0
        n += 1
        at = min(p + 1, end)
    return n, at, 0


class FastqText:
    """Reads of a stream of FASTQ text, as many at a time as are asked for.

    Parameters
    ----------
    read
        Gives up to so many bytes; none at the end.
    name
        Of the file, for messages.
    quality_base
        33 or 64: what stands for quality 0; it is 33 in `text` afterwards.
    """

    def __init__(self, read: Callable[[int], bytes], name: str, quality_base: int) -> None:
        self._read = read
        self.name = name
        self._shift = quality_base - 33
        self._size = 0
        self._is_last = False
        self._at = 0
        self.text: npt.NDArray[np.uint8] = np.zeros(2 * _BLOCK, np.uint8)
        self.rows: Rows = np.zeros((0, 5), np.int64)
        self.n_before = 0

    @property
    def is_over(self) -> bool:
        """Whether there are no reads behind those of `rows`."""
        return self._is_last and self._at >= self._size

    def more(self, bases: int) -> None:
        """Have reads of at least so many bases in `rows`, if there are as many.

        Raises
        ------
        InputError
            Names the file and the record, where the text is no FASTQ.
        """
        have = int(self.rows[:, SIZE].sum())
        while have < bases and not self.is_over:
            if not self._is_last:
                self._fill()
            have += self._find()

    def _fill(self) -> None:
        if self._size + _BLOCK > self.text.size:
            self.text = np.concatenate((self.text, np.zeros(self.text.size, np.uint8)))
        block = self._read(_BLOCK)
        self.text[self._size : self._size + len(block)] = np.frombuffer(block, np.uint8)
        self._size += len(block)
        self._is_last = not block

    def _find(self) -> int:
        """Index what is there; gives the bases found."""
        found = 0
        while True:
            # A record of the shortest reads has some 20 bytes; of more there are more rounds.
            rows = np.zeros((max(16, (self._size - self._at) // 64), 5), np.int64)
            n, at, fault = _index(
                self.text, self._at, self._size, self._is_last, self._shift, rows
            )
            if fault:
                number = self.n_before + len(self.rows) + n + 1
                raise InputError(
                    f"{self.name}: record {number:,}: {_FAULTS[fault]}", "copy the file again"
                )
            self._at = at
            self.rows = np.concatenate((self.rows, rows[:n]))
            found += int(rows[:n, SIZE].sum())
            if n < len(rows):
                break
        if self._size - self._at > 4 * LONGEST_READ and not self._is_last:
            raise InputError(
                f"{self.name}: record {self.n_before + len(self.rows) + 1:,} has more than "
                f"{LONGEST_READ:,} bases",
                "is this FASTQ of short reads?",
            )
        return found

    def drop(self, n: int) -> None:
        """Forget the first n reads; what stays moves to the start of the text."""
        self.n_before += n
        rest = self.rows[n:]
        start = int(rest[0, NAME]) - 1 if len(rest) else self._at
        size = self._size - start
        self.text[:size] = self.text[start : self._size].copy()
        self.rows = rest.copy()
        self.rows[:, [NAME, BASES, QUALITIES]] -= start
        self._size, self._at = size, self._at - start


@njit(cache=True, nogil=True)
def _same_names(text1, row1, text2, row2):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Compare names of mates: how many of their bytes name the fragment; -1: they differ.

    /1 and /2 are off already.
    """
    a, b = row1[0], row2[0]
    return shared_name(text1, a, a + row1[1], text2, b, b + row2[1])


@njit(cache=True, nogil=True)
def _shorten(text, row, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    if size < row[1]:
        row[1] = size
        text[row[0] + size] = 0


@njit(cache=True, nogil=True)
def _match(text1, rows1, text2, rows2, bases):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count pairs up to so many bases; the number of one whose names differ, from 1, or 0."""
    total = 0
    n = min(rows1.shape[0], rows2.shape[0])
    for i in range(n):
        same = _same_names(text1, rows1[i], text2, rows2[i])
        if same < 0:
            return i, i + 1
        _shorten(text1, rows1[i], same)
        _shorten(text2, rows2[i], same)
        total += rows1[i, 3] + rows2[i, 3]
        if total >= bases:
            return i + 1, 0
    return n, 0


def match_files(first: FastqText, second: FastqText, bases: int) -> int:
    """Count the pairs of the next batch, the reads of two texts in turn.

    Raises
    ------
    InputError
        If mates have different names.
    """
    n, wrong = _match(first.text, first.rows, second.text, second.rows, bases)
    if wrong:
        a, b = (_name(each, wrong - 1) for each in (first, second))
        number = first.n_before + wrong
        raise InputError(
            f"{first.name}, {second.name}: read {number:,}: mates have different names, "
            f"{a} and {b}",
            "give the two files of one lane, complete and in the same order",
        )
    return int(n)


def check_ends(first: FastqText, second: FastqText) -> None:
    """Refuse two files of which one has reads left when the other one has ended."""
    for text, other in ((first, second), (second, first)):
        if len(text.rows):
            raise InputError(
                f"{text.name} has more reads than {other.name}, which ends after "
                f"{other.n_before:,}",
                "give the two files of one lane, both complete",
            )


def _name(text: FastqText, i: int) -> str:
    start, size = text.rows[i, NAME], text.rows[i, NAME_SIZE]
    return text.text[start : start + size].tobytes().decode(errors="replace")


@njit(cache=True, nogil=True)
def _classify(text, rows, bases, is_over, marked, pairs, singles):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Sort reads into pairs and singles, as bwa mem -p; gives how many of each, and of all."""
    n_pairs, n_singles, i, total = 0, 0, 0, 0
    n = rows.shape[0]
    while i < n and total < bases:
        if i + 1 < n:
            same = _same_names(text, rows[i], text, rows[i + 1])
            if same >= 0 and (marked or same == rows[i, 1]):
                _shorten(text, rows[i], same)
                _shorten(text, rows[i + 1], same)
                pairs[n_pairs] = i
                n_pairs += 1
                total += rows[i, 3] + rows[i + 1, 3]
                i += 2
                continue
        elif not is_over:
            # Its mate may come with the next block.
            break
        singles[n_singles] = i
        n_singles += 1
        total += rows[i, 3]
        i += 1
    return n_pairs, n_singles, i


def classify(text: FastqText, bases: int, *, marked: bool = True) -> tuple[Any, Any, int]:
    """Find neighbours of one name in the next batch.

    Parameters
    ----------
    marked
        Whether names of mates may have a mark beside /1 and /2. Where there are reads without
        mates, too, it would be their running number: SRR1.1 and SRR1.2.

    Returns
    -------
    tuple
        int64 row numbers of the first mates, of the single reads, and the number of rows that
        belong to the batch.
    """
    pairs = np.empty(len(text.rows), np.int64)
    singles = np.empty(len(text.rows), np.int64)
    n, m, used = _classify(text.text, text.rows, bases, text.is_over, marked, pairs, singles)
    return pairs[:n], singles[:m], int(used)
