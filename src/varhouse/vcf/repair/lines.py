"""Lines on their way into a repaired file: names of contigs, order, identical lines.

Lines stay bytes from the input to the output. Beside them run arrays: the rank of the
contig, POS and the line's number in the input. Sorting is external: runs of bounded size
are sorted in memory, written to a folder and merged, so that memory does not grow with
the file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.repair.names import hash_span

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

RUN_BYTES = 96 << 20
"""Text of a run that is sorted in memory."""

MERGE_BYTES = 48 << 20
"""Text that a merge holds of all runs together."""


@dataclass
class Lines:
    """Lines with what they are sorted by.

    Attributes
    ----------
    text
        uint8[bytes].
    start, end
        int64[n]: spans of the lines in `text`, without line end.
    rank, pos, line
        int64[n]: rank of the contig, POS, 1-based line in the input.
    """

    text: Bytes
    start: Ints
    end: Ints
    rank: Ints
    pos: Ints
    line: Ints

    @property
    def size(self) -> int:
        """Number of lines."""
        return int(self.line.size)

    def rows(self, rows: Ints | slice) -> "Lines":
        """Give some of the lines; the text is shared."""
        return Lines(
            self.text,
            self.start[rows],
            self.end[rows],
            self.rank[rows],
            self.pos[rows],
            self.line[rows],
        )

    def packed(self) -> "Lines":
        """Copy the lines into a text of their own, each ended by a newline."""
        text, start = _pack(self.text, self.start, self.end)
        end = start + (self.end - self.start)
        return Lines(text, start, end, self.rank, self.pos, self.line)


@nb.njit(cache=True, nogil=True)
def _pack(text, start, end):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    n = start.size
    at = np.empty(n, np.int64)
    size = 0
    for k in range(n):
        at[k] = size
        size += end[k] - start[k] + 1
    out = np.empty(size, np.uint8)
    for k in range(n):
        w, length = at[k], end[k] - start[k]
        out[w : w + length] = text[start[k] : end[k]]
        out[w + length] = 10
    return out, at


@nb.njit(cache=True, nogil=True)
def rename(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    text, start, rest, end, ids, names, at
):
    """Write lines anew with other contig names: text[rest:end] follows name `ids`.

    Returns the new text and the start and end of each line in it.
    """
    n = start.size
    new_start, new_end = np.empty(n, np.int64), np.empty(n, np.int64)
    size = 0
    for k in range(n):
        i = ids[k]
        new_start[k] = size
        size += at[i + 1] - at[i] + end[k] - rest[k]
        new_end[k] = size
    out = np.empty(size, np.uint8)
    for k in range(n):
        i = ids[k]
        w = new_start[k]
        m = w + at[i + 1] - at[i]
        out[w:m] = names[at[i] : at[i + 1]]
        out[m : new_end[k]] = text[rest[k] : end[k]]
    return out, new_start, new_end


def join(parts: list[Lines]) -> Lines:
    """Put lines of several texts one after the other."""
    if len(parts) == 1:
        return parts[0]
    shifts = np.cumsum([0, *(p.text.size for p in parts[:-1])])
    return Lines(
        np.concatenate([p.text for p in parts]),
        np.concatenate([p.start + s for p, s in zip(parts, shifts, strict=True)]),
        np.concatenate([p.end + s for p, s in zip(parts, shifts, strict=True)]),
        np.concatenate([p.rank for p in parts]),
        np.concatenate([p.pos for p in parts]),
        np.concatenate([p.line for p in parts]),
    )


Take = Callable[[Lines], None]


@dataclass
class LineSorter:
    """Sorts lines by contig and POS, stable; bounded in memory.

    `take` is called with sorted lines. Lines of one contig and POS may come in two calls
    only if one call cannot hold them.
    """

    folder: Path
    take: Take
    run_bytes: int = RUN_BYTES
    merge_bytes: int = MERGE_BYTES
    _held: list[Lines] = field(default_factory=list)
    _size: int = 0
    _runs: list["_Run"] = field(default_factory=list)

    def add(self, lines: Lines) -> None:
        """Add lines in the order of the input."""
        self._held.append(lines.packed())
        self._size += self._held[-1].text.size
        if self._size >= self.run_bytes:
            self._runs.append(_Run.write(self.folder, len(self._runs), self._sorted()))

    def _sorted(self) -> Lines:
        lines = join(self._held)
        self._held, self._size = [], 0
        return lines.rows(np.lexsort((lines.pos, lines.rank)))

    def finish(self) -> None:
        """Hand on everything in order."""
        if not self._runs:
            if self._held:
                self.take(self._sorted())
            return
        if self._held:
            self._runs.append(_Run.write(self.folder, len(self._runs), self._sorted()))
        step = max(16, self.merge_bytes // len(self._runs))
        while any(not r.done for r in self._runs):
            blocks = [r.peek(step) for r in self._runs]
            open_ends = [
                b.last for r, b in zip(self._runs, blocks, strict=True) if b.rows < r.left
            ]
            limit = min(open_ends) if open_ends else None
            parts = [r.read(b.below(limit)) for r, b in zip(self._runs, blocks, strict=True)]
            parts = [p for p in parts if p.size]
            if not parts:
                # More lines at one position than a block holds.
                step *= 2
                continue
            lines = join(parts)
            self.take(lines.rows(np.lexsort((lines.pos, lines.rank))))
        for run in self._runs:
            run.close()


@dataclass
class _Block:
    rank: Ints
    pos: Ints

    @property
    def rows(self) -> int:
        return int(self.pos.size)

    @property
    def last(self) -> tuple[int, int]:
        return (int(self.rank[-1]), int(self.pos[-1]))

    def below(self, limit: tuple[int, int] | None) -> int:
        if limit is None:
            return self.rows
        rank, pos = limit
        a = int(np.searchsorted(self.rank, rank))
        b = int(np.searchsorted(self.rank, rank, "right"))
        return a + int(np.searchsorted(self.pos[a:b], pos))


@dataclass
class _Run:
    """A sorted run on disk: its text, and the keys and ends of its lines."""

    path: Path
    keys: npt.NDArray[np.int64]
    n: int
    at: int = 0

    @classmethod
    def write(cls, folder: Path, number: int, lines: Lines) -> "_Run":
        packed = lines.packed()
        path = folder / f"run{number}"
        packed.text.tofile(path)
        keys = np.stack([packed.rank, packed.pos, packed.line, packed.start, packed.end])
        np.save(path.with_suffix(".npy"), keys)
        mapped = np.load(path.with_suffix(".npy"), mmap_mode="r")
        return cls(path, mapped, packed.size)

    @property
    def left(self) -> int:
        return self.n - self.at

    @property
    def done(self) -> bool:
        return self.at >= self.n

    def peek(self, size: int) -> _Block:
        """Give the keys of the next lines: as many as fit into `size` bytes, or one."""
        if self.done:
            empty = np.empty(0, np.int64)
            return _Block(empty, empty)
        first = int(self.keys[3, self.at])
        n = int(np.searchsorted(self.keys[4, self.at :], first + size)) or 1
        span = slice(self.at, self.at + n)
        return _Block(np.array(self.keys[0, span]), np.array(self.keys[1, span]))

    def read(self, n: int) -> Lines:
        """Take the next `n` lines."""
        keys = np.array(self.keys[:, self.at : self.at + n])
        self.at += n
        if not n:
            empty = np.empty(0, np.int64)
            return Lines(np.empty(0, np.uint8), empty, empty, empty, empty, empty)
        first, last = int(keys[3, 0]), int(keys[4, -1])
        text = np.fromfile(self.path, np.uint8, last - first, offset=first)
        return Lines(text, keys[3] - first, keys[4] - first, keys[0], keys[1], keys[2])

    def close(self) -> None:
        """Remove the run."""
        self.path.unlink()
        self.path.with_suffix(".npy").unlink()


@nb.njit(cache=True, nogil=True)
def _hash_lines(text, start, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.empty(start.size, np.int64)
    for k in range(start.size):
        out[k] = np.int64(hash_span(text, start[k], end[k]))
    return out


@nb.njit(cache=True, nogil=True)
def _same_as_before(text, start, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell for each line whether it has the bytes of the line before."""
    out = np.zeros(start.size, np.bool_)
    for k in range(1, start.size):
        n = end[k] - start[k]
        if end[k - 1] - start[k - 1] != n:
            continue
        same = True
        for j in range(n):
            if text[start[k] + j] != text[start[k - 1] + j]:
                same = False
                break
        out[k] = same
    return out


def identical_lines(lines: Lines) -> tuple[Ints, Ints]:
    """Find lines that repeat an earlier one of the same contig and POS byte by byte.

    Parameters
    ----------
    lines
        Sorted lines; groups of one contig and POS are whole.

    Returns
    -------
    tuple[Ints, Ints]
        Rows to remove, ascending, and for each the row that it repeats.
    """
    beside = (lines.rank[1:] == lines.rank[:-1]) & (lines.pos[1:] == lines.pos[:-1])
    none = np.empty(0, np.int64)
    if not beside.any():
        return none, none
    grouped = np.zeros(lines.size, np.bool_)
    grouped[1:] |= beside
    grouped[:-1] |= beside
    rows = np.flatnonzero(grouped)
    some = lines.rows(rows)
    marks = _hash_lines(some.text, some.start, some.end)
    order = np.lexsort((rows, marks, some.pos, some.rank))
    some, marks = some.rows(order), marks[order]
    same = _same_as_before(some.text, some.start, some.end)
    same[1:] &= (some.rank[1:] == some.rank[:-1]) & (some.pos[1:] == some.pos[:-1])
    first = np.maximum.accumulate(np.where(same, 0, np.arange(same.size)))
    repeats = np.flatnonzero(same)
    drop, kept = rows[order][repeats], rows[order][first[repeats]]
    back = np.argsort(drop)
    return drop[back], kept[back]
