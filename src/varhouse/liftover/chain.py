"""Chain files: the blocks of two assemblies that correspond, as arrays.

The format is UCSC's (genome.ucsc.edu/goldenPath/help/chain.html). A header line

    chain score tName tSize tStrand tStart tEnd qName qSize qStrand qStart qEnd id

is followed by lines `size dt dq` and a last line `size`: a block of `size` bases without
gap, then `dt` bases only in t and `dq` only in q. In a lift-over t is the *source* and q
the *target*. Coordinates are 0-based and half-open; where qStrand is `-`, q counts from
the end of the target contig. Here every block has its target place on the plus strand.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.genome.contigs import Contigs
from varhouse.textfile import LONGEST_ROW, line_blocks, split_lines

Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]

MAX_LENGTH = 2**31 - 1
"""Longest contig (POS is a 32-bit number in VCF and in the store)."""

_BLOCK = 1 << 20
"""Bytes of a chain file read at once."""

_FIX = "give a chain file (UCSC or Ensembl), plain or gzip"


END, START, PLACE, SIGN, TARGET, BLOCK, N_HITS, TIED = range(8)
"""Columns of `Segments.table`."""


class Segments(NamedTuple):
    """The source axis cut wherever the set of blocks above it changes.

    Attributes
    ----------
    first
        int64[contigs + 1]: rows of contig c are `first[c] : first[c + 1]`.
    table
        int64[n, 8], ascending and disjoint within a contig; a row is one cache line.
        END and START (0-based half-open); a position p goes to PLACE + SIGN * p of
        contig TARGET; BLOCK is the best block there (highest score; of equal ones the
        first in the file), N_HITS the number of blocks, TIED 1 if another block has
        the best score as well.
    shift, bucket_first, bucket
        An index: `bucket[bucket_first[c] + (pos >> shift[c])]` is the first row that
        ends behind the beginning of the bucket of `pos`. int64[contigs],
        int64[contigs + 1], int32.
    """

    first: Longs
    table: npt.NDArray[np.int64]
    shift: Longs
    bucket_first: Longs
    bucket: Ints


@dataclass(frozen=True)
class Chain:
    """A chain file in memory.

    Attributes
    ----------
    sources, targets
        Contig names as the file has them.
    source_sizes, target_sizes
        int64: their lengths in bases.
    source, target
        int32[n]: contigs of each block, indices into the names.
    start, end
        int64[n]: the block in the source, 0-based half-open.
    target_start
        int64[n]: its first base in the target, 0-based, on the plus strand.
    reverse
        bool[n]: the target has the block on the minus strand.
    score
        int64[n]: score of its chain.
    number
        int64[n]: 0-based number of its chain in the file; blocks of a chain ascend in the
        source.
    forward, backward
        Lookup of places in the source, and in the target. A contig that the other side has
        under two names counts once.
    """

    sources: list[str]
    targets: list[str]
    source_sizes: Longs
    target_sizes: Longs
    source: Ints
    target: Ints
    start: Longs
    end: Longs
    target_start: Longs
    reverse: Flags
    score: Longs
    number: Longs
    forward: Segments
    backward: Segments


def read_chain(path: Path) -> Chain:
    """Read a chain file, plain or gzip.

    Raises
    ------
    InputError
        With the line number: not a chain file, numbers that do not add up, a contig
        with two lengths, a source on the minus strand, or a file that is cut off.
    """
    reader = _Reader(path)
    reader.read(_lines(path))
    rows = np.array(reader.rows, np.int64).reshape(-1, 8).T.copy()
    source, start, size, target, target_start, reverse, score, number = rows
    sides = (source, start, start + size), (target, target_start, target_start + size)
    of_targets = _without_second_names(reader.targets, target, rows[[0, 1, 2, 4, 5]])
    of_sources = _without_second_names(reader.sources, source, rows[[1, 2, 3, 4, 5]])
    return Chain(
        sources=list(reader.sources),
        targets=list(reader.targets),
        source_sizes=np.array(list(reader.sources.values()), np.int64),
        target_sizes=np.array(list(reader.targets.values()), np.int64),
        source=source.astype(np.int32),
        target=target.astype(np.int32),
        start=start,
        end=start + size,
        target_start=target_start,
        reverse=reverse == 1,
        score=score,
        number=number,
        forward=_segments(of_targets, *sides, reverse == 1, score, len(reader.sources)),
        backward=_segments(of_sources, *sides[::-1], reverse == 1, score, len(reader.targets)),
    )


def _without_second_names(sizes: Mapping[str, int], contig: Longs, blocks: Longs) -> Longs:
    """Give the blocks without those of contigs that are there under another name.

    Ensembl's chain files have each chromosome twice, as `20` and as `chr20`. Two contigs
    are one if their names are spellings of the same, and their sizes and blocks are equal.
    """
    order = np.argsort(contig, kind="stable")
    edges = np.searchsorted(contig[order], np.arange(len(sizes) + 1))
    seen: dict[tuple[str, int], list[Longs]] = {}
    again = np.zeros(contig.size, np.bool_)
    for c, (name, size) in enumerate(sizes.items()):
        rows = order[edges[c] : edges[c + 1]]
        others = seen.setdefault((_plain(name), size), [])
        mine = blocks[:, rows]
        mine = mine[:, np.lexsort(mine)]
        if any(np.array_equal(mine, other) for other in others):
            again[rows] = True
        others.append(mine)
    return np.flatnonzero(~again)


def match_names(
    wanted: Iterable[str], known: Sequence[str], contigs: Contigs | None = None
) -> dict[str, int]:
    """Find contigs by name: as it is written, by the aliases, or with `chr` added or cut.

    Parameters
    ----------
    wanted
        Names to look for.
    known
        Names that there are.
    contigs
        Aliases that both may use.

    Returns
    -------
    dict
        Index into `known` for each name that is found.
    """
    exact = {name: i for i, name in enumerate(known)}
    by_alias: dict[str, int] = {}
    by_spelling: dict[str, int] = {}
    for i, name in enumerate(known):
        if contigs is not None and (owner := contigs.canonical(name)) is not None:
            by_alias.setdefault(owner, i)
        by_spelling.setdefault(_plain(name), i)
    found = {}
    for name in wanted:
        owner = contigs.canonical(name) if contigs is not None else None
        place = exact.get(name)
        if place is None and owner is not None:
            place = by_alias.get(owner)
        if place is None:
            place = by_spelling.get(_plain(name))
        if place is not None:
            found[name] = place
    return found


def _plain(name: str) -> str:
    bare = name[3:] if name[:3].lower() == "chr" else name
    return "MT" if bare in ("M", "MT") else bare


def _lines(path: Path) -> Iterator[str]:
    for block in line_blocks(path, _BLOCK, LONGEST_ROW):
        yield from split_lines(block.decode("utf-8", "replace"))


class _Reader:
    """Reads the lines of a chain file into rows, and checks that they add up.

    A row: source contig, start, size, target contig, target start (plus strand),
    reverse (0 or 1), score, number of the chain.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0
        self.sources: dict[str, int] = {}
        self.targets: dict[str, int] = {}
        self.rows: list[tuple[int, ...]] = []
        self._number = -1
        self._source_code: dict[str, int] = {}
        self._target_code: dict[str, int] = {}
        self._open = False

    def read(self, lines: Iterable[str]) -> None:
        n_chains = 0
        for line in lines:
            self.line += 1
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "chain":
                if self._open:
                    raise self._wrong("a chain begins before the one above has ended")
                self._begin(words)
                n_chains += 1
            elif self._open:
                self._block(words)
            else:
                raise self._wrong("a line outside of a chain")
        if self._open:
            raise self._wrong("the file ends inside a chain", "copy it again")
        if not n_chains:
            raise InputError(f"{self.path}: no chain in it", _FIX)

    def _wrong(self, what: str, fix: str = _FIX) -> InputError:
        return InputError(f"{self.path}: line {self.line}: {what}", fix)

    def _numbers(self, words: Sequence[str]) -> list[int]:
        try:
            return [int(w) for w in words]
        except ValueError:
            raise self._wrong(f"not a number among {' '.join(words)[:60]!r}") from None

    def _begin(self, w: Sequence[str]) -> None:
        if len(w) not in (12, 13):
            raise self._wrong(f"{len(w)} fields in a chain line, not 12 or 13")
        if w[4] != "+":
            raise self._wrong(f"the source strand is {w[4]!r}, only + is defined")
        if w[9] not in ("+", "-"):
            raise self._wrong(f"the target strand is {w[9]!r}, not + or -")
        score, t_size, t0, t1, q_size, q0, q1 = self._numbers(
            [w[1], w[3], w[5], w[6], w[8], w[10], w[11]]
        )
        for name, size, first, last in ((w[2], t_size, t0, t1), (w[7], q_size, q0, q1)):
            if not 0 <= first <= last <= size:
                raise self._wrong(f"{name}:{first}-{last} does not lie in {size} bases")
            if size > MAX_LENGTH:
                raise self._wrong(f"{name} has {size:,} bases, the limit is {MAX_LENGTH:,}")
        if not -(2**62) < score < 2**62:
            raise self._wrong(f"the score {score} is out of range")
        for name, size, sizes in ((w[2], t_size, self.sources), (w[7], q_size, self.targets)):
            if sizes.setdefault(name, size) != size:
                raise self._wrong(f"{name} has {size:,} bases here, {sizes[name]:,} above")
        self._source = self._source_code.setdefault(w[2], len(self._source_code))
        self._target = self._target_code.setdefault(w[7], len(self._target_code))
        self._reverse, self._q_size, self._score = w[9] == "-", q_size, score
        self._t, self._t_end, self._q, self._q_end = t0, t1, q0, q1
        self._number += 1
        self._open = True

    def _block(self, words: Sequence[str]) -> None:
        if len(words) not in (1, 3):
            raise self._wrong(f"{len(words)} fields in a block line, not 1 or 3")
        size, *gaps = self._numbers(words)
        dt, dq = gaps or (0, 0)
        if min(size, dt, dq) < 0:
            raise self._wrong("a negative number of bases")
        t, q = self._t, self._q
        if size:
            place = self._q_size - q - size if self._reverse else q
            self.rows.append(
                (
                    self._source,
                    t,
                    size,
                    self._target,
                    place,
                    self._reverse,
                    self._score,
                    self._number,
                )
            )
        self._t, self._q = t + size + dt, q + size + dq
        if self._t > self._t_end or self._q > self._q_end:
            raise self._wrong("the blocks reach beyond the end of their chain")
        if not gaps:
            if (self._t, self._q) != (self._t_end, self._q_end):
                raise self._wrong("the blocks do not add up to the end of their chain")
            self._open = False


Side = tuple[Longs, Longs, Longs]


def _segments(
    blocks: Longs, side: Side, other: Side, reverse: Flags, score: Longs, n: int
) -> Segments:
    """Cut the axis of each of `n` contigs where some of the blocks begin and end.

    A side is (contig, start, end) of each block.
    """
    contig, start, end = side
    order = blocks[np.lexsort((start[blocks], contig[blocks]))]
    edges = np.searchsorted(contig[order], np.arange(n + 1))
    parts = []
    for c in range(n):
        mine = order[edges[c] : edges[c + 1]]
        if (start[mine][1:] >= end[mine][:-1]).all():
            one = np.ones(mine.size, np.int64)
            parts.append(np.stack([end[mine], start[mine], mine, one, 0 * one], 1))
        else:
            parts.append(_sweep(mine, start, end, score))
    first = np.cumsum([0, *(p.shape[0] for p in parts)]).astype(np.int64)
    ends, starts, block, n_hits, tied = np.concatenate(parts).T
    sign = np.where(reverse[block], -1, 1)
    place = np.where(
        reverse[block], other[2][block] - 1 + start[block], other[1][block] - start[block]
    )
    table = np.stack([ends, starts, place, sign, other[0][block], block, n_hits, tied], 1)
    return Segments(first, np.ascontiguousarray(table), *_index(first, ends))


def _index(first: Longs, ends: Longs) -> tuple[Longs, Longs, Ints]:
    """Make the index: four buckets a block, so that nearly every search ends at once."""
    n = first.size - 1
    shift, bucket_first = np.zeros(n, np.int64), np.zeros(n + 1, np.int64)
    buckets = [np.zeros(0, np.int32)]
    for c in range(n):
        mine = ends[first[c] : first[c + 1]]
        reach = int(mine[-1]) if mine.size else 0
        shift[c] = max(0, (reach // max(4 * mine.size, 1)).bit_length() - 1)
        edge = np.arange((reach >> int(shift[c])) + 1, dtype=np.int64) << shift[c]
        buckets.append((np.searchsorted(mine, edge, "right") + first[c]).astype(np.int32))
        bucket_first[c + 1] = bucket_first[c] + edge.size
    return shift, bucket_first, np.concatenate(buckets)


def _sweep(blocks: Longs, start: Longs, end: Longs, score: Longs) -> npt.NDArray[np.int64]:
    """Cut overlapping blocks of one contig: n log n, with the best one on a heap.

    Returns rows (end, start, best block, number of blocks, tied).
    """
    starts = blocks[np.argsort(start[blocks], kind="stable")].tolist()
    ends = blocks[np.argsort(end[blocks], kind="stable")].tolist()
    cuts = np.unique(np.concatenate([start[blocks], end[blocks]])).tolist()
    heap: list[tuple[int, int]] = []
    alive: set[int] = set()
    scores: Counter[int] = Counter()
    rows: list[tuple[int, int, int, int, bool]] = []
    i = j = 0
    for here, following in zip(cuts, [*cuts[1:], cuts[-1]], strict=True):
        while j < len(ends) and end[ends[j]] == here:
            alive.remove(ends[j])
            scores[int(score[ends[j]])] -= 1
            j += 1
        while i < len(starts) and start[starts[i]] == here:
            alive.add(starts[i])
            scores[int(score[starts[i]])] += 1
            heapq.heappush(heap, (-int(score[starts[i]]), starts[i]))
            i += 1
        while heap and heap[0][1] not in alive:
            heapq.heappop(heap)
        if alive:
            best = heap[0][1]
            rows.append((following, here, best, len(alive), scores[int(score[best])] > 1))
    return np.array(rows, np.int64).reshape(-1, 5)
