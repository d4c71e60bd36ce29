"""Counts of a person's records, in the one pass in which they are written.

The figures are those of `samtools stats` (its SN section) and `flagstat`: reads are primary
records, whether they are mapped or not.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import njit

from varhouse.reads.bamstream import Block

LONGEST_INSERT = 10_000
"""Bases: pairs farther apart are no fragment of a library; bwa leaves them out, too."""

_NAMES = (
    "reads",
    "paired",
    "mapped",
    "proper",
    "duplicates",
    "secondary",
    "supplementary",
    "bases",
    "quality_sum",
    "mapped_bases",
    "mismatches",
    "failed",
)
_READS, _PAIRED, _MAPPED, _PROPER, _DUPLICATES, _SECONDARY = range(6)
_SUPPLEMENTARY, _BASES, _QUALITY_SUM, _MAPPED_BASES, _MISMATCHES, _FAILED = range(6, 12)


@njit(cache=True, nogil=True)
def _int32(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    value = np.uint32(0)
    for k in range(4):
        value |= np.uint32(block[at + k]) << np.uint32(8 * k)
    return np.int64(np.int32(value))


@njit(cache=True, nogil=True)
def _int16(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    return np.int64(block[at]) | (np.int64(block[at + 1]) << 8)


@njit(cache=True, nogil=True)
def find_tag(block, at, end, first, second):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find a tag among those of a record: the place of its type, or -1."""
    while at + 3 <= end:
        if block[at] == first and block[at + 1] == second:
            return at + 2
        kind = block[at + 2]
        at += 3
        if kind == 90 or kind == 72:
            while at < end and block[at] != 0:
                at += 1
            at += 1
        elif kind == 66:
            width = 4
            if block[at] == 99 or block[at] == 67:
                width = 1
            elif block[at] == 115 or block[at] == 83:
                width = 2
            at += 5 + width * _int32(block, at + 1)
        elif kind == 65 or kind == 99 or kind == 67:
            at += 1
        elif kind == 115 or kind == 83:
            at += 2
        else:
            at += 4
    return -1


@njit(cache=True, nogil=True)
def _integer(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read the integer of a tag whose type stands at `at`; of another type 0."""
    kind = block[at]
    if kind == 67 or kind == 99:
        return np.int64(block[at + 1])
    if kind == 83 or kind == 115:
        return _int16(block, at + 1)
    if kind == 73 or kind == 105:
        return _int32(block, at + 1)
    return 0


@njit(cache=True, nogil=True)
def tags_of(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find where the tags of the record at `at` begin."""
    n_cigar, length = _int16(block, at + 16), _int32(block, at + 20)
    return at + 36 + block[at + 12] + 4 * n_cigar + (length + 1) // 2 + length


@njit(cache=True, nogil=True)
def _count(block, counts, contigs, inserts):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    at = 0
    while at < block.size:
        end = at + 4 + _int32(block, at)
        flag = _int16(block, at + 18)
        if flag & 0x100:
            counts[_SECONDARY] += 1
            at = end
            continue
        n_cigar, length = _int16(block, at + 16), _int32(block, at + 20)
        cigar = at + 36 + block[at + 12]
        bases = cigar + 4 * n_cigar
        qualities = bases + (length + 1) // 2
        if not flag & 4:
            for k in range(n_cigar):
                operation = _int32(block, cigar + 4 * k) & 0xFFFFFFFF
                # M, I, = and X: bases mapped (cigar) of samtools stats.
                if operation & 15 in (0, 1, 7, 8):
                    counts[_MAPPED_BASES] += operation >> 4
            tag = find_tag(block, qualities + length, end, 78, 77)
            if tag >= 0:
                counts[_MISMATCHES] += _integer(block, tag)
        if flag & 0x800:
            counts[_SUPPLEMENTARY] += 1
            at = end
            continue
        counts[_READS] += 1
        counts[_PAIRED] += flag & 1
        counts[_BASES] += length
        counts[_FAILED] += (flag >> 9) & 1
        if length and block[qualities] != 255:
            total = 0
            for k in range(qualities, qualities + length):
                total += block[k]
            counts[_QUALITY_SUM] += total
        if not flag & 4:
            counts[_MAPPED] += 1
            counts[_DUPLICATES] += (flag >> 10) & 1
            contig = _int32(block, at + 4)
            if contig >= 0:
                contigs[contig] += 1
            if flag & 1 and not flag & 8:
                counts[_PROPER] += (flag >> 1) & 1
                insert = _int32(block, at + 32)
                if (
                    contig == _int32(block, at + 24)
                    and 0 < insert < inserts.size
                    and flag & 2
                    and not flag & 0x400
                ):
                    inserts[insert] += 1
        at = end


@dataclass
class BamCounts:
    """What a person's records come to.

    Attributes
    ----------
    contigs
        Names, in the order of the header.
    """

    contigs: list[str]
    _counts: Any = field(init=False)
    _by_contig: Any = field(init=False)
    _inserts: Any = field(init=False)

    def __post_init__(self) -> None:
        self._counts = np.zeros(len(_NAMES), np.int64)
        self._by_contig = np.zeros(len(self.contigs), np.int64)
        self._inserts = np.zeros(LONGEST_INSERT + 1, np.int64)

    def add(self, block: Block) -> None:
        """Count the records of a block."""
        _count(block, self._counts, self._by_contig, self._inserts)

    def as_json(self) -> dict[str, Any]:
        """Give the counts.

        Returns
        -------
        dict
            Of primary records: `reads`, `paired`, `mapped`, `proper`, `duplicates`, `failed`
            (by the sequencer), `bases`, `quality_sum`. `secondary` and `supplementary`
            records. Of primary and supplementary ones `mapped_bases` (M, I, = and X of CIGAR)
            and `mismatches` (sum of NM). `contigs`: mapped reads by contig. `insert_sizes`:
            proper pairs that are no duplicates, by the distance of their outer ends.
        """
        values = {name: int(n) for name, n in zip(_NAMES, self._counts, strict=True)}
        sizes = np.flatnonzero(self._inserts)
        return {
            **values,
            "contigs": {
                name: int(n) for name, n in zip(self.contigs, self._by_contig, strict=True)
            },
            "insert_sizes": {str(size): int(self._inserts[size]) for size in sizes},
        }
