"""Random access to BGZF files through their index (.tbi or .csi).

An index puts each record into the smallest of nested bins that holds it, and lists for
each bin where in the file its records are, as pairs of virtual offsets (SAM specification
section 5.3, tabix and CSIv1 specifications). What an index says is only where to look:
the records found there are compared with the region.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError, UsageError
from varhouse.genome.regions import parse_span
from varhouse.vcf.text.bgzf import _members, file_kind

Ints = npt.NDArray[np.int64]

INDEX_LIMIT = 1 << 30
"""Bytes of an unpacked index; the index of a human genome has a few million."""

_LAST = 2**31 - 1
_REMAKE = "make the index again: tabix -f -p vcf FILE"


@dataclass
class _Contig:
    """Bins of one contig: bin k holds the chunks `first[k]` to `first[k + 1]`."""

    bins: npt.NDArray[np.uint32]
    first: Ints
    chunks: npt.NDArray[np.uint64]  # [m, 2] virtual offsets
    lowest: npt.NDArray[np.uint64]  # per bin (csi), or per 16,384 bases (tbi)


@dataclass
class Index:
    """An index that was read: where the records of a region are.

    Attributes
    ----------
    path
        The index file.
    names
        Contigs that have records, in the order of the file.
    """

    path: Path
    names: list[str]
    min_shift: int
    depth: int
    linear: bool
    contigs: list[_Contig]

    def ranges(self, contig: str, low: int, high: int) -> list[tuple[int, int]]:
        """Give where the records are that may overlap a region.

        Parameters
        ----------
        contig
            Its name in the file.
        low, high
            First and last position (1-based).

        Returns
        -------
        list of (begin, end)
            Virtual offsets of line starts, ascending, that do not overlap.
        """
        if contig not in self.names or high < 1 or low > high:
            return []
        entry = self.contigs[self.names.index(contig)]
        low0 = max(low - 1, 0)
        high0 = min(high, 1 << (self.min_shift + 3 * self.depth)) - 1
        if high0 < low0 or not entry.bins.size:
            return []
        wanted = np.isin(entry.bins, self._bins(low0, high0))
        floor = self._floor(entry, low0)
        pairs = [
            entry.chunks[entry.first[k] : entry.first[k + 1]]
            for k in np.flatnonzero(wanted).tolist()
        ]
        if not pairs:
            return []
        chunks = np.concatenate(pairs)
        chunks = chunks[chunks[:, 1] > floor]
        return _merge(chunks[np.argsort(chunks[:, 0])])

    def whole(self) -> tuple[int, int]:
        """Give where the first record starts and the last one ends; (0, 0) if none is."""
        chunks = [c.chunks for c in self.contigs if c.chunks.size]
        if not chunks:
            return 0, 0
        every = np.concatenate(chunks)
        return int(every[:, 0].min()), int(every[:, 1].max())

    def _bins(self, low: int, high: int) -> npt.NDArray[np.uint32]:
        """Bins that overlap [low, high], 0-based and inclusive."""
        parts, offset = [], 0
        for level in range(self.depth + 1):
            shift = self.min_shift + 3 * (self.depth - level)
            parts.append(np.arange(offset + (low >> shift), offset + (high >> shift) + 1))
            offset += 1 << 3 * level
        return np.concatenate(parts).astype(np.uint32)

    def _floor(self, entry: _Contig, low: int) -> int:
        """Give an offset before which no record reaches as far as `low`."""
        if self.linear:
            window = min(low >> 14, entry.lowest.size - 1)
            return int(entry.lowest[window]) if window >= 0 else 0
        # The smallest bin around `low` that exists knows its first overlapping record.
        number = ((1 << 3 * self.depth) - 1) // 7 + (low >> self.min_shift)
        while True:
            place = np.flatnonzero(entry.bins == number)
            if place.size:
                return int(entry.lowest[place[0]])
            if number == 0:
                return 0
            number = (number - 1) >> 3


def _merge(chunks: npt.NDArray[np.uint64]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for begin, end in chunks.tolist():
        if out and begin <= out[-1][1]:
            out[-1] = out[-1][0], max(out[-1][1], end)
        elif begin < end:
            out.append((begin, end))
    return out


class _Cursor:
    """Takes numbers off the front of an index."""

    def __init__(self, path: Path, data: bytes) -> None:
        self.path, self.data, self.at = path, data, 0

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > len(self.data):
            raise InputError(f"{self.path}: the index is cut off or damaged", _REMAKE)
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self) -> int:
        return int(struct.unpack("<i", self.take(4))[0])

    def count(self, smallest: int) -> int:
        """Take the number of things of some bytes each that follow."""
        n = self.number()
        if n < 0 or n * smallest > len(self.data) - self.at:
            raise InputError(f"{self.path}: the index is cut off or damaged", _REMAKE)
        return n


def find_index(path: Path) -> Path | None:
    """Give the index of a file, `.csi` before `.tbi` as htslib does; None without one."""
    for suffix in (".csi", ".tbi"):
        index = path.with_name(path.name + suffix)
        if index.is_file():
            return index
    return None


def read_index(path: Path) -> Index:
    """Read a .tbi or .csi file.

    Raises
    ------
    InputError
        If it is not an index of a VCF, or damaged.
    """
    if file_kind(path) != "bgzf":
        raise InputError(f"{path}: not an index: not BGZF", _REMAKE)
    pieces, total = [], 0
    with path.open("rb") as f:
        for _, text in _members(f, path):
            total += len(text)
            if total > INDEX_LIMIT:
                raise InputError(
                    f"{path}: the index unpacks to more than {INDEX_LIMIT:,} bytes"
                )
            pieces.append(text)
    cursor = _Cursor(path, b"".join(pieces))
    magic = cursor.take(4)
    if magic == b"TBI\x01":
        n_contigs = cursor.number()
        names = _tabix_names(cursor)
        return _contigs(cursor, names, n_contigs, 14, 5, linear=True)
    if magic != b"CSI\x01":
        raise InputError(f"{path}: neither a .tbi nor a .csi index", _REMAKE)
    min_shift, depth = cursor.number(), cursor.number()
    if not (0 < min_shift <= 30 and 0 < depth <= 10 and min_shift + 3 * depth <= 60):
        raise InputError(f"{path}: a CSI index of impossible bins", _REMAKE)
    auxiliary = _Cursor(path, cursor.take(cursor.count(1)))
    names = _tabix_names(auxiliary)
    return _contigs(cursor, names, cursor.number(), min_shift, depth, linear=False)


def _tabix_names(cursor: _Cursor) -> list[str]:
    preset, *_ = struct.unpack("<6i", cursor.take(24))
    if preset & 0xFFFF != 2:
        raise InputError(f"{cursor.path}: not the index of a VCF", _REMAKE)
    text = cursor.take(cursor.count(1))
    return [n.decode("utf-8", "replace") for n in text.removesuffix(b"\0").split(b"\0")]


def _contigs(
    cursor: _Cursor, names: list[str], n: int, min_shift: int, depth: int, *, linear: bool
) -> Index:
    if n != len(names) and not (n == 0 and names == [""]):
        raise InputError(
            f"{cursor.path}: an index of {n:,} contigs, {len(names):,} named", _REMAKE
        )
    # The bin after the last one holds counts, not records.
    last = ((1 << 3 * (depth + 1)) - 1) // 7
    contigs = []
    for _ in range(n):
        bins, first, lowest, chunks = [], [0], [], []
        for _ in range(cursor.count(8 if linear else 16)):
            number = int(struct.unpack("<I", cursor.take(4))[0])
            offset = 0 if linear else int(struct.unpack("<Q", cursor.take(8))[0])
            n_chunks = cursor.count(16)
            body = cursor.take(16 * n_chunks)
            if number < last:
                bins.append(number)
                lowest.append(offset)
                chunks.append(body)
                first.append(first[-1] + n_chunks)
        if linear:
            windows = np.frombuffer(cursor.take(8 * cursor.count(8)), "<u8")
        contigs.append(
            _Contig(
                np.array(bins, np.uint32),
                np.array(first, np.int64),
                np.frombuffer(b"".join(chunks), "<u8").reshape(-1, 2),
                windows if linear else np.array(lowest, np.uint64),
            )
        )
    return Index(cursor.path, names if n else [], min_shift, depth, linear, contigs)


@dataclass(frozen=True)
class Region:
    """A piece of a contig: first and last position, 1-based."""

    contig: str
    low: int = 1
    high: int = _LAST


def parse_region(text: str, names: list[str]) -> Region:
    """Read `contig`, `contig:pos`, `contig:low-high` or `contig:low-`, as bcftools does.

    A name that has a colon itself is taken whole when the file has such a contig.

    Raises
    ------
    InputError
        If the text is no region.
    """
    contig, colon, span = text.rpartition(":")
    if not colon or text in names:
        return Region(text)
    if not span[:1].isdigit():
        raise InputError(f"region {text!r}: not CONTIG, CONTIG:POS or CONTIG:LOW-HIGH")
    try:
        first, last = parse_span(text, span)
    except UsageError as error:
        raise InputError(error.message, error.fix) from None
    return Region(contig, first, _LAST if last is None else last)


def region_ranges(index: Index, regions: list[Region]) -> list[tuple[int, int]]:
    """Give where the records of several regions of one contig are, each place once."""
    pairs = [p for r in regions for p in index.ranges(r.contig, r.low, r.high)]
    pairs.sort()
    return _merge(np.array(pairs, np.uint64).reshape(-1, 2))


def check_index(path: Path) -> str | None:
    """Say what is wrong with the index of a BGZF file; None if nothing is, or none is there.

    An index belongs to another file when a contig's first record is not where it says, or
    when the file does not end with the last record that it knows.
    """
    place = find_index(path)
    if place is None or file_kind(path) != "bgzf":
        return None
    if place.stat().st_mtime_ns < path.stat().st_mtime_ns:
        return f"{place.name} is older than the file"
    other = f"{place.name} is of another file"
    try:
        index = read_index(place)
    except InputError as error:
        return error.message.removeprefix(f"{place}: ")
    size = path.stat().st_size
    begin, end = index.whole()
    if max(begin, end) >> 16 >= size:
        return f"{other}: it names places after the end"
    try:
        for name, contig in zip(index.names, index.contigs, strict=True):
            if contig.chunks.size:
                first = int(contig.chunks[:, 0].min())
                line = next(_text_from(path, first), b"")
                if not line.startswith(name.encode() + b"\t"):
                    return f"{other}: the records of {name} are not where it says"
        if any(text.strip() for text in _text_from(path, end)):
            return f"{other}: there are records after the last that it knows"
    except InputError:
        return f"{other}: it names places that are no starts of blocks"
    return None


def _text_from(path: Path, begin: int) -> Iterator[bytes]:
    """Yield text from a virtual offset on, a block of 64 KiB at a time."""
    with path.open("rb") as f:
        f.seek(begin >> 16)
        skip = begin & 0xFFFF
        for _, text in _members(f, path):
            if text[skip:]:
                yield text[skip:]
            skip = max(0, skip - len(text))
