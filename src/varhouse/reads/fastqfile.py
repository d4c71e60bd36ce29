"""A FASTQ that is read a few MB at a time: records, checksums, and what ends it early."""

import hashlib
import io
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import numpy as np
from isal import igzip

from varhouse.reads import fastqscan as fq
from varhouse.reads.fastqsum import add_reads
from varhouse.textfile import DAMAGED

BLOCK = 4 << 20
"""Bytes of text of a file that are held: some 10,000 short reads."""

_MOST_SPANS = 1 << 16


class _Hashed(io.RawIOBase):
    """A file that is read through, and hashed as it is."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb", buffering=0)
        self.md5 = hashlib.md5(usedforsecurity=False)
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        n = self._file.readinto(into) or 0
        part = memoryview(into)[:n]
        self.md5.update(part)
        self.sha256.update(part)
        return n

    def close(self) -> None:
        self._file.close()
        super().close()


class FastqFile:
    """A FASTQ that is read a block at a time; its records stand in `spans`.

    Attributes
    ----------
    rows
        Records of the block, of which those from `row` on are still to be looked at.
    counts
        See `fastqscan`.
    content
        Of the reads so far: see `fastqsum`.
    problem
        Why it cannot be read to its end; "": nothing yet.
    """

    def __init__(self, path: Path, *, ahead: bool = False) -> None:
        self.path = path
        self.buf: fq.Bytes = np.empty(BLOCK + 1, np.uint8)
        self.spans: fq.Ints = np.empty((_MOST_SPANS, 4), np.int64)
        self.counts = fq.new_counts()
        self.row = self.rows = 0
        self.problem = ""
        self.first = self.last = b""
        self.content = np.uint64(0)
        self._at = self._end = 0
        self._is_over = self._is_ended = False
        self._raw = _Hashed(path)
        with path.open("rb") as file:
            self._is_gzip = file.read(2) == b"\x1f\x8b"
        self._text: IO[bytes]
        if self._is_gzip:
            packed = igzip.IGzipFile(fileobj=self._raw, mode="rb")  # type: ignore[no-untyped-call]
            self._text = cast(IO[bytes], packed)
        else:
            self._text = io.BufferedReader(self._raw, 1 << 20)
        self._pool = ThreadPoolExecutor(1) if ahead else None
        self._next: Future[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._raw.close()

    @property
    def is_read(self) -> bool:
        """Tell whether it has been read to its end, without a problem."""
        return self._is_over and not self.problem and self.row == self.rows

    @property
    def left(self) -> fq.Ints:
        """Spans of the records that are still to be looked at."""
        return self.spans[self.row : self.rows]

    def fill(self) -> bool:
        """Read on if every record has been looked at; False: there are no more."""
        while self.row == self.rows:
            if self.problem:
                return False
            self._at, self.rows, fault, where = fq.scan(
                self.buf, self._at, self._end, self.spans, self.counts
            )
            self.row = 0
            if self.rows:
                self.first = self.first or self.name(0)
                self.last = self.name(self.rows - 1)
                self.content = np.uint64(add_reads(self.buf, self.left, self.content))
            if fault:
                self._say(fault, where)
                self._look_for_damage()
            elif not self.rows:
                if self._is_over:
                    if self._at < self._end:
                        self._cut_off()
                    return False
                self._read_more()
        return True

    def name(self, row: int) -> bytes:
        """Give the first word of a record's name."""
        return self.buf[self.spans[row, fq.NAME] : self.spans[row, fq.WORD_END]].tobytes()

    def line(self, row: int) -> bytes:
        """Give the whole name line of a record, without its `@`."""
        begin, end = self.spans[row, fq.NAME], self.spans[row, fq.BASES]
        return self.buf[begin:end].tobytes().rstrip(b"\r\n")

    def bases(self, row: int) -> bytes:
        """Give the bases of a record."""
        begin = self.spans[row, fq.BASES]
        return self.buf[begin : begin + self.spans[row, fq.LENGTH]].tobytes()

    @property
    def at_read(self) -> int:
        """Number of the next record that is to be looked at, 1-based."""
        return int(self.counts[fq.N_READS]) - (self.rows - self.row) + 1

    def digests(self) -> dict[str, Any]:
        """Give size and checksums of the file's bytes, once it has been read to its end."""
        while self._raw.read(1 << 20):
            pass
        return {
            "name": self.path.name,
            "bytes": self.path.stat().st_size,
            "md5": self._raw.md5.hexdigest(),
            "sha256": self._raw.sha256.hexdigest(),
            "n_reads": int(self.counts[fq.N_READS]),
            "n_bases": int(self.counts[fq.N_BASES]),
            "content": f"{int(self.content):016x}",
        }

    def _read(self, size: int) -> bytes:
        return self._text.read(size)

    def _chunk(self, size: int) -> bytes:
        """Read text; with a pool, what comes next is unpacked meanwhile."""
        if self._pool is None:
            return self._read(size)
        data = (self._next or self._pool.submit(self._read, BLOCK // 2)).result()
        self._next = self._pool.submit(self._read, BLOCK // 2) if data else None
        return data

    def _read_more(self) -> None:
        rest = self._end - self._at
        room = BLOCK - rest
        if room < BLOCK // 2:
            self.problem = (
                f"{self.path}: read {self.at_read:,} is longer than {BLOCK // 2:,} bytes: no "
                "short reads; fix: name FASTQ of short reads"
            )
            return
        self.buf[:rest] = self.buf[self._at : self._end].copy()
        self._at, self._end = 0, rest
        try:
            data = self._chunk(room)
        except EOFError:
            self.problem = (
                f"{self.path}: the gzip is cut off behind read {self.counts[fq.N_READS]:,}; "
                "fix: copy it again"
            )
            return
        except DAMAGED as error:
            self.problem = (
                f"{self.path}: the gzip is damaged behind read {self.counts[fq.N_READS]:,} "
                f"({error}); fix: copy it again"
            )
            return
        if data:
            self.buf[rest : rest + len(data)] = np.frombuffer(data, np.uint8)
            self._end += len(data)
            return
        self._is_over = True
        if rest and self.buf[rest - 1] != 10:
            # The last line may lack its end.
            self.buf[rest] = 10
            self._end += 1
            self._is_ended = True

    def _look_for_damage(self) -> None:
        """Read a gzip on to its end, where its checksum is: wrong text may come of damage.

        A fault of the first read is the text's: of another kind of file.
        """
        n = int(self.counts[fq.N_READS])
        if not self._is_gzip or not n:
            return
        try:
            while self._chunk(BLOCK // 2):
                pass
        except DAMAGED as error:
            self.problem = (
                f"{self.path}: the gzip is damaged ({error}), and gives wrong text from read "
                f"{n + 1:,} on; fix: copy it again"
            )

    def _cut_off(self) -> None:
        n = int(self.counts[fq.N_READS])
        self.problem = (
            f"{self.path}: ends in the middle of read {n + 1:,} (line {4 * n + 1:,} and "
            "following); fix: copy it again"
        )

    def _say(self, fault: int, where: int) -> None:
        """Say what is wrong with the record behind the last good one."""
        n = int(self.counts[fq.N_READS])
        ended = self._is_ended and where == self._end - 1
        if fault == fq.QUALITY_LENGTH and ended:
            self._cut_off()
            return
        line = 4 * n + _LINES[fault]
        at = f"{self.path}: read {n + 1:,} (line {line:,})"
        text = self.buf[where : min(where + 40, self._end)].tobytes()
        shown = text.split(b"\n")[0].rstrip(b"\r").decode(errors="replace")
        if fault == fq.NO_AT and not self.buf[where : self._end].tobytes().strip():
            told = "a blank line; fix: take the blank lines at the end off"
        elif fault == fq.NO_AT:
            told = (
                f"{shown!r} where a name after @ must stand; fix: four lines a read; copy the "
                "file again, or mend the reads before"
            )
        elif fault == fq.NO_NAME:
            told = "a read without a name; fix: name it behind the @"
        elif fault == fq.BAD_NAME:
            told = (
                "a name that SAM cannot have (letters, digits and marks of ASCII, 254 at "
                "most); fix: copy the file again, or rename the reads"
            )
        elif fault == fq.OTHER_NAME:
            told = (
                f"{shown!r} is not the read's name: lines were lost or mixed; fix: copy the "
                "file again, or take all names behind + out"
            )
        elif fault == fq.NO_PLUS:
            told = (
                f"{shown!r} where + must stand: a lost line, or bases over several lines; "
                "fix: four lines a read"
            )
        elif fault == fq.QUALITY_LENGTH:
            told = "as many qualities as bases must stand; fix: copy the file again"
        elif fault == fq.BAD_QUALITY:
            told = (
                f"byte {self.buf[where]} is no quality (33 to 126: ! to ~); fix: copy the "
                "file again"
            )
        else:
            told = _base_problem(shown[:1], self.buf[max(0, where - 1) : where].tobytes())
        self.problem = f"{at}: {told}"


_LINES = {
    fq.NO_AT: 1, fq.NO_NAME: 1, fq.BAD_NAME: 1, fq.BAD_BASE: 2, fq.NO_PLUS: 3,
    fq.OTHER_NAME: 3, fq.QUALITY_LENGTH: 4, fq.BAD_QUALITY: 4,
}  # fmt: skip
"""In which line of a record a fault is."""


def _base_problem(letter: str, before: bytes) -> str:
    if letter and letter in "0123" and before.upper() in (b"A", b"C", b"G", b"T"):
        return "colours of SOLiD, not bases; fix: name FASTQ of bases"
    if letter and letter in "uU":
        return "U: RNA; fix: write T for U, if these are reads of DNA"
    if letter and letter in "EFIJLOPQXZefijlopqxz*":
        return f"{letter!r} is no base, but a letter of proteins; fix: name FASTQ of DNA"
    return f"{letter!r} is no base (A, C, G, T, N, IUPAC codes); fix: copy the file again"
