"""Read groups of a person's files in one: names that do not meet, libraries, the sample.

A read group has a name within its file. Where files are put together a name may stand for two
groups, of two libraries even; samtools gives one of them a name drawn by lot, and what was
known of it by name is wrong. So groups get names of their own before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numba import njit

from varhouse.reads.bamcounts import find_tag, tags_of
from varhouse.reads.bamstream import BamStream, Block

Fields = Mapping[str, str]
"""Of an @RG line: ID, SM, LB, PL, ..."""


@dataclass(frozen=True)
class Groups:
    """Read groups of a file.

    Attributes
    ----------
    lines
        As they are to be.
    names
        ID in the file to ID in the result.
    default
        ID for records without one; "": they stay without.
    is_new
        Whether a line or an ID is other than in the file.
    """

    lines: list[dict[str, str]]
    names: dict[str, str]
    default: str
    is_new: bool

    @property
    def changes_records(self) -> bool:
        """Whether records name a group that they did not name before."""
        return bool(self.default) or any(a != b for a, b in self.names.items())


def plan_groups(
    found: Sequence[Sequence[Fields]], said: Sequence[Fields] | None, sample: str
) -> list[Groups]:
    """Say what the read groups of some files are in the file that they go into.

    The sample is the sheet's. LB and PL are those of the file, and where it has none, those of
    the sheet. A name that an earlier file has gets a number: `1`, `1.2`.

    Parameters
    ----------
    found
        @RG of each file.
    said
        Of each file, what the sheet says; a file without @RG gets it as its only group.
    """
    if said is None:
        said = [{"ID": sample, "SM": sample}] * len(found)
    known = {line["ID"] for lines in found for line in lines}
    taken: set[str] = set()
    out = []
    for lines, own in zip(found, said, strict=True):
        names: dict[str, str] = {}
        made = []
        for line in lines or [own]:
            name = _free(line["ID"], taken, known)
            taken.add(name)
            if lines:
                names[line["ID"]] = name
            more = {k: own[k] for k in ("LB", "PL") if own.get(k) and not line.get(k)}
            made.append({**line, **more, "ID": name, "SM": sample})
        is_new = made != [dict(line) for line in lines]
        out.append(Groups(made, names, "" if lines else made[0]["ID"], is_new))
    return out


def _free(name: str, taken: set[str], known: set[str]) -> str:
    """Give a name that no group before has: the same one, or with a number."""
    if name not in taken:
        return name
    number = 2
    while (own := f"{name}.{number}") in taken or own in known:
        number += 1
    return own


def library_of(line: Fields) -> str:
    """Give the library of a read group; one without LB has that of its sample."""
    return line.get("LB") or line.get("SM") or ""


@njit(cache=True, nogil=True)
def _index_of(block, at, names, ends):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find which of some names, ended by zero bytes, stands at `at`; -1: none."""
    for g in range(ends.size):
        low = ends[g - 1] if g else 0
        same = at + ends[g] - low <= block.size
        for k in range(ends[g] - low):
            if not same or block[at + k] != names[low + k]:
                same = False
                break
        if same:
            return g
    return -1


@njit(cache=True, nogil=True)
def _append(parts, ends, g, out, n):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Put the g-th of some texts into `out` at n; gives the place behind it."""
    for k in range(ends[g - 1] if g else 0, ends[g]):
        out[n] = parts[k]
        n += 1
    return n


@njit(cache=True, nogil=True)
def _regroup(block, old, old_ends, new, new_ends, tags, tag_ends, default, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy records with the names of their groups, and tags of these; gives the bytes."""
    at, n = 0, 0
    while at < block.size:
        size = 0
        for k in range(4):
            size |= block[at + k] << (8 * k)
        end = at + 4 + size
        start, first = n, tags_of(block, at)
        place = find_tag(block, first, end, 82, 71)
        group = _index_of(block, place + 1, old, old_ends) if place >= 0 else -1
        has_library = find_tag(block, first, end, 76, 66) >= 0
        here = at
        if group >= 0:
            while here <= place:
                out[n] = block[here]
                n, here = n + 1, here + 1
            n = _append(new, new_ends, group, out, n)
            here += old_ends[group] - (old_ends[group - 1] if group else 0)
        while here < end:
            out[n] = block[here]
            n, here = n + 1, here + 1
        if place < 0 and default >= 0:
            group = default
            # RG:Z
            out[n], out[n + 1], out[n + 2] = 82, 71, 90
            n = _append(new, new_ends, group, out, n + 3)
        if group >= 0 and tag_ends.size and not has_library:
            n = _append(tags, tag_ends, group, out, n)
        for k in range(4):
            out[start + k] = ((n - start - 4) >> (8 * k)) & 255
        at = end
    return n


def _texts(parts: Sequence[bytes]) -> tuple[Any, Any]:
    """Join texts; gives the bytes, and where each ends."""
    ends = np.cumsum([len(p) for p in parts]).astype(np.int64)
    return np.frombuffer(b"".join(parts), np.uint8), ends


def regroup(
    groups: Sequence[Groups], *, names: bool, libraries: bool
) -> Callable[[BinaryIO, BinaryIO], None]:
    """Give the function that writes a BAM with other read groups.

    Parameters
    ----------
    groups
        Of the files that the BAM is of: their lines are those of its header.
    names
        Whether records have the old names of the groups, of a single file.
    libraries
        Whether each record gets the tag LB (SAM tags), which samtools markdup can compare.
    """
    lines = [line for each in groups for line in each.lines]
    own = groups[0]
    after = [line["ID"] for line in lines]
    before = list(own.names) if names else after
    default = 0 if names and own.default else -1
    longest = 3 + max((len(name.encode()) + 1 for name in after), default=0)
    tags = [f"LBZ{library_of(line)}\0".encode() for line in lines] if libraries else []
    longest += max(map(len, tags), default=0)
    tables = [_texts([f"{name}\0".encode() for name in each]) for each in (before, after)]
    tables.append(_texts(tags))
    changes = bool(tags) or (names and own.changes_records)

    def write(source: BinaryIO, sink: BinaryIO) -> None:
        stream = BamStream(source)
        sink.write(_header(stream, lines))
        for block in stream.blocks():
            if not changes:
                sink.write(block.data)
                continue
            # A record has 36 bytes at least.
            out: Block = np.empty(block.size + (block.size // 36 + 1) * longest, np.uint8)
            (old, old_ends), (new, new_ends), (tag, tag_ends) = tables
            n = _regroup(block, old, old_ends, new, new_ends, tag, tag_ends, default, out)
            sink.write(out[:n].data)

    return write


def _header(stream: BamStream, lines: Sequence[Fields]) -> bytes:
    """Give the header of a BAM with other @RG lines."""
    text = [
        line for line in stream.text.rstrip("\n").split("\n") if not line.startswith("@RG\t")
    ]
    place = 1 + max(
        (i for i, line in enumerate(text) if line.startswith(("@HD\t", "@SQ\t"))), default=-1
    )
    text[place:place] = [
        "\t".join(["@RG", f"ID:{line['ID']}", *(f"{k}:{line[k]}" for k in line if k != "ID")])
        for line in lines
    ]
    raw = "".join(f"{line}\n" for line in text).encode()
    size = int.from_bytes(stream.header[4:8], "little")
    return stream.header[:4] + len(raw).to_bytes(4, "little") + raw + stream.header[8 + size :]
