"""The pass over all records of a BAM or CRAM: flags, lengths, qualities, and their order.

A header may say an order that its records have not; those who read by places or by pairs would
stop in the middle, or miss some.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numba import njit

from varhouse.reads.bamstream import BamStream, Block
from varhouse.reads.pipeline import Function, Samtools, run_pipeline

_MOST_ALONE = 1 << 20
"""Reads without their mate beside them whose names are compared: a file that is not grouped
has as many soon, and one in two of them is the mate of another."""

(
    _RECORDS, _PRIMARY, _DUPLICATES, _MAPPED, _PAIRED, _BASES, _LONGEST, _LOWEST, _HIGHEST,
    _CONTIG, _POSITION, _UNORDERED, _NAME, _MATES, _ALONE,
) = range(15)  # fmt: skip
"""Places in the state: counts; the lowest and the highest quality; place of the last record
and number of the first that is out of order; of the last name its hash, the mates seen under
it (bits 1 and 2), and how many reads had none beside them."""

_ENOUGH_QUALITIES = 26, 63
"""Of all qualities the least and the highest from which on they may have been counted from 64
and taken from 33 (`fastqscan`: bytes 59 and 96)."""


@njit(cache=True, nogil=True)
def _word(block, at):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    value = np.uint32(0)
    for k in range(4):
        value |= np.uint32(block[at + k]) << np.uint32(8 * k)
    return np.int64(np.int32(value))


@njit(cache=True, nogil=True)
def _end_name(state, alone):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Keep the name of a read whose mate was not beside it."""
    if state[_MATES] == 1 or state[_MATES] == 2:
        if state[_ALONE] < alone.size:
            alone[state[_ALONE]] = state[_NAME]
        state[_ALONE] += 1
    state[_MATES] = 0


@njit(cache=True, nogil=True)
def _scan(block, state, alone):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    at = 0
    while at < block.size:
        end = at + 4 + _word(block, at)
        contig, position = _word(block, at + 4), _word(block, at + 8)
        flag = np.int64(block[at + 18]) | (np.int64(block[at + 19]) << 8)
        state[_RECORDS] += 1
        if contig < 0:
            # Reads without a place stand at the end.
            contig = np.int64(1) << 40
        ahead = contig < state[_CONTIG]
        ahead |= contig == state[_CONTIG] and position < state[_POSITION]
        if ahead and state[_UNORDERED] == 0:
            state[_UNORDERED] = state[_RECORDS]
        state[_CONTIG], state[_POSITION] = contig, position
        state[_DUPLICATES] += (flag >> 10) & 1
        state[_MAPPED] += not flag & 4
        if not flag & 0x900:
            state[_PRIMARY] += 1
            state[_PAIRED] += flag & 1
            size = _word(block, at + 20)
            state[_BASES] += size
            state[_LONGEST] = max(state[_LONGEST], size)
            # FNV-1a of the name.
            name = np.uint64(14695981039346656037)
            cigar = at + 36 + block[at + 12]
            for k in range(at + 36, cigar):
                name = (name ^ np.uint64(block[k])) * np.uint64(1099511628211)
            number = np.int64(name)
            if number != state[_NAME]:
                _end_name(state, alone)
                state[_NAME] = number
            if flag & 1:
                state[_MATES] |= (flag >> 6) & 3
            n_cigar = np.int64(block[at + 16]) | (np.int64(block[at + 17]) << 8)
            first = cigar + 4 * n_cigar + (size + 1) // 2
            if size and block[first] != 255:
                low, high = np.uint8(255), np.uint8(0)
                for k in range(first, first + size):
                    low = min(low, block[k])
                    high = max(high, block[k])
                state[_LOWEST] = min(state[_LOWEST], np.int64(low))
                state[_HIGHEST] = max(state[_HIGHEST], np.int64(high))
        at = end


@dataclass
class RecordScan:
    """What the records of a file are.

    Attributes
    ----------
    names
        Contigs, as the header has them.
    """

    names: Sequence[str] = ()
    _state: Any = field(init=False)
    _alone: Any = field(init=False)

    def __post_init__(self) -> None:
        self._state = np.zeros(_ALONE + 1, np.int64)
        self._state[_LOWEST] = 255
        self._alone = np.zeros(_MOST_ALONE, np.int64)

    def add(self, block: Block) -> None:
        """Look at the records of a block."""
        _scan(block, self._state, self._alone)

    def end(self) -> None:
        """Close the last pair."""
        _end_name(self._state, self._alone)

    @property
    def counts(self) -> dict[str, int]:
        """Give counts of records.

        Of primary ones `primary`, `paired`, `bases` and `longest` (bases of a read); of all
        `duplicates` and `mapped`.
        """
        places = {
            "primary": _PRIMARY, "duplicates": _DUPLICATES, "mapped": _MAPPED,
            "paired": _PAIRED, "bases": _BASES, "longest": _LONGEST,
        }  # fmt: skip
        return {name: int(self._state[place]) for name, place in places.items()}

    @property
    def unordered(self) -> int:
        """Number of the first record, from 1, that stands behind a later place; 0: none."""
        return int(self._state[_UNORDERED])

    @property
    def has_mates_apart(self) -> bool:
        """Tell whether mates are in the file, but not beside each other."""
        alone = np.sort(self._alone[: self._state[_ALONE]])
        return bool((alone[1:] == alone[:-1]).any())

    @property
    def shifted(self) -> tuple[int, int] | None:
        """Give the lowest and the highest quality if they look 31 too high; else None."""
        low, high = int(self._state[_LOWEST]), int(self._state[_HIGHEST])
        is_so = _ENOUGH_QUALITIES[0] <= low < high and high >= _ENOUGH_QUALITIES[1]
        return (low, high) if is_so else None


def scan_records(path: Path, *, is_cram: bool, threads: int = 1) -> RecordScan:
    """Read a BAM or CRAM to its end.

    Of a CRAM neither bases nor qualities, for which the reference is needed: without lengths.

    Raises
    ------
    PipelineError, InputError
        If it cannot be read.
    """
    found: list[RecordScan] = []

    def scan(source: BinaryIO, _: BinaryIO) -> None:
        stream = BamStream(source)
        own = RecordScan(stream.names)
        for block in stream.blocks():
            own.add(block)
        own.end()
        found.append(own)

    view = ["view", "--no-PG", "-u", "-@", str(max(0, threads - 1))]
    if is_cram:
        # Names, flags, places, CIGAR.
        view += ["--input-fmt-option", "required_fields=0x3f,decode_md=0"]
    run_pipeline([Samtools([*view, str(path)]), Function(scan, "records")])
    return found[0]


def damaged_block(path: Path) -> str:
    """Find the first block of a BGZF that is not as it was written; "": there is none.

    Returns
    -------
    str
        At which byte it begins, and what is wrong.
    """
    with path.open("rb") as file:
        at = 0
        while head := file.read(18):
            where = f"BGZF block at byte {at:,}"
            if len(head) < 18:
                return f"{where}: cut off"
            if head[:4] != b"\x1f\x8b\x08\x04" or head[12:16] != b"BC\x02\x00":
                return f"{where}: no block begins there"
            size = int.from_bytes(head[16:18], "little") + 1
            rest = file.read(size - 18)
            if len(rest) < size - 18:
                return f"{where}: cut off"
            unpacker = zlib.decompressobj(31)
            try:
                unpacker.decompress(head + rest)
            except zlib.error as error:
                return f"{where}: {error}"
            if not unpacker.eof or unpacker.unused_data:
                return f"{where}: its length is wrong"
            at += size
    return ""
