"""Is the index beside a file the index of this file? (VH-F-020, VH-F-021).

A TBI or CSI (SAM specification, section 5.2, and the tabix and CSI notes) names the
contigs, counts the records of each and holds virtual offsets: all three must fit the
file. An index that is of another file silently gives the wrong records. Here are the
names and counts, `varhouse.vcf.text.index` looks at the places.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from varhouse.vcf.account.problems import Account
from varhouse.vcf.text import index as by_place

INDEX_LIMIT = 512 << 20
"""Bytes of an unpacked index; a larger one is hostile."""

_TBI_COUNTS = 37_450
"""Number of the bin that holds the counts of a contig in a TBI."""


@dataclass
class IndexFacts:
    """What an index says: contigs with their records (None: no count), farthest offset."""

    names: list[str]
    counts: list[int | None] = field(default_factory=list)
    last_offset: int = 0


def read_index(path: Path) -> IndexFacts:
    """Read what a TBI or CSI says of its file.

    Raises
    ------
    ValueError
        If it is damaged or no index.
    """
    unpacker = zlib.decompressobj(31)
    packed, data = path.read_bytes(), b""
    if not packed:
        raise ValueError("it is empty")
    while packed and len(data) <= INDEX_LIMIT:
        data += unpacker.decompress(packed, INDEX_LIMIT)
        packed = unpacker.unused_data
        unpacker = zlib.decompressobj(31)
    try:
        if data[:4] == b"TBI\x01":
            (n,) = struct.unpack_from("<i", data, 4)
            names, at = _names(data, 8)
            return _bins(data, at, n, names, _TBI_COUNTS, is_csi=False)
        if data[:4] == b"CSI\x01":
            _, depth, size = struct.unpack_from("<3i", data, 4)
            names = _names(data, 16)[0] if size else []
            (n,) = struct.unpack_from("<i", data, 16 + size)
            counts = ((1 << 3 * (depth + 1)) - 1) // 7 + 1
            return _bins(data, 20 + size, n, names, counts, is_csi=True)
    except (struct.error, OverflowError) as error:
        raise ValueError("cut off or damaged") from error
    raise ValueError("not a TBI or CSI")


def _names(data: bytes, at: int) -> tuple[list[str], int]:
    (size,) = struct.unpack_from("<i", data, at + 24)
    text = data[at + 28 : at + 28 + size]
    return [n.decode("utf-8", "replace") for n in text.split(b"\0")[:-1]], at + 28 + size


def _bins(
    data: bytes, at: int, n: int, names: list[str], counts_bin: int, *, is_csi: bool
) -> IndexFacts:
    out = IndexFacts(names)
    for _ in range(n):
        (n_bins,) = struct.unpack_from("<i", data, at)
        at += 4
        count: int | None = 0 if n_bins == 0 else None
        for _ in range(n_bins):
            (number,) = struct.unpack_from("<I", data, at)
            at += 12 if is_csi else 4
            (n_chunks,) = struct.unpack_from("<i", data, at)
            at += 4
            if n_chunks < 0:
                raise ValueError("damaged")
            chunks = struct.unpack_from(f"<{2 * n_chunks}Q", data, at)
            at += 16 * n_chunks
            if number == counts_bin and n_chunks == 2:
                count = chunks[2] + chunks[3]
                chunks = chunks[:2]
            out.last_offset = max(out.last_offset, *chunks, 0)
        if not is_csi:
            (n_linear,) = struct.unpack_from("<i", data, at)
            at += 4 + 8 * n_linear
        out.counts.append(count)
    return out


def check_index(path: Path, kind: str, contigs: Mapping[str, int], account: Account) -> None:
    """Compare the index beside a file, if there is one, with what the file holds.

    Parameters
    ----------
    kind
        Kind of the file (`varhouse.vcf.text.bgzf.file_kind`).
    contigs
        Contig to its records, of the whole file, in its order.
    """
    for ending in (".tbi", ".csi"):
        index = path.with_name(path.name + ending)
        if not index.is_file():
            continue
        if index.stat().st_mtime_ns < path.stat().st_mtime_ns:
            account.add("VH-F-020", f"{index.name} is older than the file", value=index.name)
        why = _misfit(index, path, kind, contigs)
        if why:
            account.add("VH-F-021", f"{index.name}: {why}", value=index.name)
    if kind == "bgzf" and contigs and not account.counts.keys() & {"VH-F-020", "VH-F-021"}:
        place = by_place.check_index(path)
        if place:
            account.add("VH-F-021", place)


def _misfit(index: Path, path: Path, kind: str, contigs: Mapping[str, int]) -> str | None:
    """Say why an index cannot be of a file; None if it may be."""
    if kind not in ("bgzf", "bcf"):
        return f"the file is {kind}, which has no index"
    try:
        facts = read_index(index)
    except (ValueError, zlib.error) as error:
        return f"cannot be read ({error})"
    if facts.last_offset >> 16 > path.stat().st_size:
        return f"points to byte {facts.last_offset >> 16:,}, past the end of the file"
    found = dict(zip(facts.names, facts.counts, strict=False))
    if not facts.names:
        # A BCF's index has no names: contigs are those of the header, by number.
        known = [c for c in facts.counts if c is not None]
        total = sum(contigs.values())
        if len(known) == len(facts.counts) and sum(known) != total:
            return f"counts {sum(known):,} records; the file has {total:,}"
        return None
    for name, n in contigs.items():
        if name not in found:
            return f"has no contig {name}, on which the file has {n:,} records"
        count = found[name]
        if count is not None and count != n:
            return f"counts {count:,} records on {name}; the file has {n:,}"
    strange = [name for name, n in found.items() if n and name not in contigs]
    return f"has records on {strange[0]}, the file has none" if strange else None
