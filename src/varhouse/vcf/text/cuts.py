"""Where to cut a file: runs of records that jobs read alone, and their places in it."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

CHUNK_BYTES = 64 << 20
"""Text of one chunk: some seconds of work for a job, and its memory."""


@dataclass
class Chunk:
    """A run of records that one job reads: they start at POS `low` to `high` (1-based).

    `begin` and `end` are virtual offsets; `record` and `line` those of the first record.
    """

    part: str
    begin: int
    end: int
    record: int
    line: int
    n_records: int
    contigs: list[str]
    low: int
    high: int


@dataclass
class Cutter:
    """Cuts records into chunks at a change of partition or between two positions."""

    limit_bytes: int
    limit_records: int
    opened: list[tuple[int, str]] = field(default_factory=list)
    """Of every chunk the ordinal of its first record, and its partition."""
    cuts: list[tuple[str, int, int, int, int, int, set[str], int, int]] = field(
        default_factory=list
    )
    part: str | None = None
    begin: int = 0
    record: int = 0
    line: int = 0
    contigs: set[str] = field(default_factory=set)
    low: int = 0
    last_pos: int = -1
    high: int = 0
    end: int = 0

    def close(self, position: int, record: int) -> None:
        """End the open chunk before the record that starts at a text position."""
        if self.part is not None and record > self.record:
            self.cuts.append(
                (
                    self.part,
                    self.begin,
                    position,
                    self.record,
                    self.line,
                    record - self.record,
                    self.contigs,
                    self.low,
                    self.high,
                )
            )
        self.part = None

    def add(
        self,
        part: str,
        contig: str,
        at: npt.NDArray[np.int64],
        end: int,
        pos: npt.NDArray[np.int64],
        record: int,
        line: int,
    ) -> None:
        """Add consecutive records of one contig; `at` are their text positions."""
        i, n = 0, at.size
        self.end = end
        while i < n:
            if self.part != part:
                self.close(int(at[i]), record + i)
            if self.part is None:
                self.part, self.begin = part, int(at[i])
                self.record, self.line = record + i, line + i
                self.opened.append((record + i, part))
                self.contigs, self.low, self.high = set(), int(pos[i]), int(pos[i])
            self.contigs.add(contig)
            # The first record at which the chunk is full, then the next new position.
            by_bytes = int(np.searchsorted(at, self.begin + self.limit_bytes))
            by_count = self.record + self.limit_records - record
            j = max(i, min(by_bytes, by_count))
            while j < n and (pos[j - 1] if j else self.last_pos) == pos[j]:
                j += 1
            if j < n:
                if j > i:
                    self.high = max(self.high, int(pos[j - 1]))
                self.close(int(at[j]), record + j)
            else:
                self.high = max(self.high, int(pos[n - 1]))
            i = j
        self.last_pos = int(pos[-1])


class Offsets:
    """Virtual offsets of text positions in a BGZF file that is read as it is."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.bytes: list[int] = []
        self.end = (0, 0)

    def extend(self, members: list[tuple[int, int]]) -> None:
        """Add members: (text position, byte in file), ascending."""
        known = self.starts[-1] if self.starts else -1
        for text, byte in members:
            if text > known:
                self.starts.append(text)
                self.bytes.append(byte)

    def virtual_offset(self, position: int) -> int:
        """Virtual offset of a text position."""
        k = int(np.searchsorted(self.starts, position, "right")) - 1
        return self.bytes[k] << 16 | (position - self.starts[k])
