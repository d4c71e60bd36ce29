# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Binary records of a BCF: where each starts, and where the fields of its samples are.

VCF 4.5 section 6.3. Every length is compared with what is there before it is used: a
damaged record is found here, and left to htslib to name.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.vcf.bcf.htslib import raw_header
from varhouse.vcf.text.bgzf import BATCH_BYTES, read_pieces

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

INT8, INT16, INT32, FLOAT32, TEXT = 1, 2, 3, 5, 7
"""Types of values."""

RECORD_BYTES = 1 << 28
"""Bytes of a record that is read; a longer one is left to htslib."""

_FIXED = 24
_WIDTHS = np.zeros(16, np.int64)
_WIDTHS[[INT8, INT16, INT32, FLOAT32, TEXT]] = 1, 2, 4, 4, 1
_DEFINES = re.compile(r"##(FILTER|INFO|FORMAT|contig)=<ID=([^,>]+)[,>]")
_IDX = re.compile(r",IDX=([0-9]{1,6})>\Z")


class Fields(NamedTuple):
    """The sample fields of some records; those of record k are `first[k]:first[k + 1]`.

    Attributes
    ----------
    data
        uint8[bytes]: the records.
    first
        int64[n + 1].
    key, kind, count, at
        int64[m]: number of the key in the header's dictionary, type, values of each
        sample, and where in `data` the first of them is.
    """

    data: Bytes
    first: Ints
    key: Ints
    kind: Ints
    count: Ints
    at: Ints


NO_FIELDS = Fields(np.zeros(0, np.uint8), *(np.zeros(1, np.int64) for _ in range(5)))
"""The fields of samples that are not looked at."""


@nb.njit(cache=True, nogil=True)
def u32(data, i):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read a number of four bytes, little-endian, without sign."""
    return (
        np.int64(data[i])
        | np.int64(data[i + 1]) << 8
        | np.int64(data[i + 2]) << 16
        | np.int64(data[i + 3]) << 24
    )


@nb.njit(cache=True, nogil=True)
def _find_starts(data):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find the whole records at the front.

    Returns (their starts and the end of the last, bytes that the next one needs).
    """
    n = 0
    i = 0
    need = np.int64(8)
    while i + 8 <= data.size:
        need = 8 + u32(data, i) + u32(data, i + 4)
        if i + need > data.size:
            break
        i += need
        n += 1
        need = np.int64(8)
    starts = np.zeros(n + 1, np.int64)
    for k in range(n):
        i = starts[k]
        starts[k + 1] = i + 8 + u32(data, i) + u32(data, i + 4)
    return starts, need


@nb.njit(cache=True, nogil=True)
def read_integer(data, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read one typed whole number: (value, -1 where there is none; where it ends)."""
    if i >= e or data[i] >> 4 != 1:
        return np.int64(-1), i
    kind = data[i] & 15
    i += 1
    if kind == INT8 and i + 1 <= e and data[i] < 128:
        return np.int64(data[i]), i + 1
    if kind == INT16 and i + 2 <= e and data[i + 1] < 128:
        return np.int64(data[i]) | np.int64(data[i + 1]) << 8, i + 2
    if kind == INT32 and i + 4 <= e and data[i + 3] < 128:
        return u32(data, i), i + 4
    return np.int64(-1), i


@nb.njit(cache=True, nogil=True)
def _locate(data, starts, n_samples, widths, first, fields):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find the sample fields of records, and count ALT: (sound records at the front, ALT).

    Fills `first` and `fields` (key, type, count, place) as in `Fields`.
    """
    n = starts.size - 1
    n_alts = np.zeros(n, np.int64)
    m = 0
    for k in range(n):
        first[k] = m
        i, e = starts[k] + 8, starts[k + 1]
        shared = u32(data, starts[k])
        n_alts[k] = max((np.int64(data[i + 18]) | np.int64(data[i + 19]) << 8) - 1, 0)
        samples = u32(data, i + 20)
        if samples & 0xFFFFFF != n_samples:
            return k, n_alts
        i += shared
        for _ in range(samples >> 24):
            key, i = read_integer(data, i, e)
            if key < 0 or i >= e:
                return k, n_alts
            kind, count = np.int64(data[i] & 15), np.int64(data[i] >> 4)
            i += 1
            if count == 15:
                count, i = read_integer(data, i, e)
            size = widths[kind] * count * n_samples
            if count < 1 or size == 0 or i + size > e:
                return k, n_alts
            fields[0, m], fields[1, m], fields[2, m], fields[3, m] = key, kind, count, i
            m += 1
            i += size
        if i != e:
            return k, n_alts
        first[k + 1] = m
    return n, n_alts


def find_fields(data: Bytes, starts: Ints, n_samples: int) -> tuple[int, Fields, Ints]:
    """Find the sample fields of records (of `iter_records`).

    A record is sound if it is of so many samples and its fields fill it.

    Returns
    -------
    tuple
        How many records at the front are sound; their fields; and int64[n]: ALT alleles
        of each.
    """
    n = starts.size - 1
    # A record says in a byte how many fields it has.
    first = np.zeros(n + 1, np.int64)
    room = int(data[starts[:-1] + 31].sum(dtype=np.int64))
    fields = np.zeros((4, room), np.int64)
    sound, n_alts = _locate(data, starts, n_samples, _WIDTHS, first, fields)
    return int(sound), Fields(data, first, *fields), n_alts


class Dictionaries(NamedTuple):
    """The names that records give by number (section 6.2.1)."""

    contigs: dict[int, str]
    strings: dict[int, str]


def read_dictionaries(path: Path) -> Dictionaries | None:
    """Read the dictionaries of a BCF's header.

    Returns
    -------
    Dictionaries or None
        None if some lines say their number (IDX) and others do not, or two say the same.
    """
    names: dict[bool, dict[str, int]] = {True: {}, False: {"PASS": 0}}
    said: dict[bool, dict[str, int]] = {True: {}, False: {"PASS": 0}}
    for line in raw_header(path):
        if not line.startswith(("##FILTER=", "##INFO=", "##FORMAT=", "##contig=")):
            continue
        match = _DEFINES.match(line)
        if match is None:
            return None
        contig = match[1] == "contig"
        names[contig].setdefault(match[2], len(names[contig]))
        if number := _IDX.search(line):
            said[contig][match[2]] = int(number[1])
    out = []
    for contig in (True, False):
        numbers = names[contig]
        if len(said[contig]) > (not contig):
            if said[contig].keys() != numbers.keys():
                return None
            numbers = said[contig]
        by_number = {number: name for name, number in numbers.items()}
        if len(by_number) < len(numbers):
            return None
        out.append(by_number)
    return Dictionaries(*out)


def iter_records(path: Path, batch_bytes: int = BATCH_BYTES) -> Iterator[tuple[Bytes, Ints]]:
    """Yield the binary records of a BCF in batches: bytes, and where each record starts.

    The last of the starts is the end.

    Raises
    ------
    InputError
        If the file cannot be read, or a record is cut off, very long or too short: after
        those before it.
    """
    with path.open("rb") as f:
        kind = "text" if f.read(3) == b"BCF" else "bgzf"
    pieces: list[bytes] = []
    size = 0
    skip, need = -1, 9
    for _, piece in read_pieces(path, kind):
        pieces.append(piece)
        size += len(piece)
        if skip < 0 and size >= need:
            joined = b"".join(pieces)
            pieces, skip = [joined], 9 + int.from_bytes(joined[5:9], "little")
            need = skip + batch_bytes
        if size < need:
            continue
        data = np.frombuffer(b"".join(pieces), np.uint8)[skip:]
        starts, wanted = _find_starts(data)
        end = int(starts[-1])
        if starts.size > 1:
            yield _checked(data[:end], starts), starts
        if wanted > RECORD_BYTES:
            raise InputError(f"{path}: a record of {wanted:,} bytes")
        pieces, size, skip = [data[end:].tobytes()], data.size - end, 0
        need = max(batch_bytes, int(wanted))
    data = np.frombuffer(b"".join(pieces), np.uint8)[max(skip, 0) :]
    starts, _ = _find_starts(data)
    if starts.size > 1:
        yield _checked(data[: int(starts[-1])], starts), starts
    if starts[-1] != data.size:
        raise InputError(f"{path}: cut off")


def _checked(data: Bytes, starts: Ints) -> Bytes:
    """Check that each record holds its fixed part, which is looked at without a question."""
    shared = data[starts[:-1, None] + np.arange(4)] @ (256 ** np.arange(4))
    if (shared < _FIXED).any() or (np.diff(starts) < 8 + shared).any():
        raise InputError("a record is shorter than its fixed part")
    return data
