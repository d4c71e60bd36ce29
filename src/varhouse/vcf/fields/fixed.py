"""The fixed columns of records, checked by compiled code (VCF 4.5 section 1.6.1).

CHROM and FILTER repeat from line to line, and are looked at again only when they change.
"""

from dataclasses import dataclass, field

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.faults import Fault, Faults, note_fault
from varhouse.vcf.fields.alts import IN_WORD, IS_BASE, WINDOW, check_alts, forget
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import hash_name
from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PARTS = 256
"""Names in one ID or FILTER that are compared with each other."""

_CHROM_START, _CHROM = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
_CHROM[
    np.frombuffer(
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&*+./:;=?@^_|~-",
        np.uint8,
    )
] = True
_CHROM_START[:] = _CHROM
_CHROM_START[[ord("*"), ord("=")]] = False
_LOOSE_CHROM = np.ones(256, np.bool_)
_LOOSE_CHROM[:33] = False
_LOOSE_CHROM[np.frombuffer(b",<>", np.uint8)] = False
_LOOSE_START = _LOOSE_CHROM.copy()
_LOOSE_START[[ord("*"), ord("=")]] = False

CHROM_INVALID, POS_INVALID = int(Fault.CHROM_INVALID), int(Fault.POS_INVALID)
ID_INVALID, ID_TWICE = int(Fault.ID_INVALID), int(Fault.ID_TWICE)
QUAL_INVALID, FILTER_INVALID = int(Fault.QUAL_INVALID), int(Fault.FILTER_INVALID)
QUAL_NEGATIVE = int(Fault.QUAL_NEGATIVE)
FILTER_TWICE, FILTER_UNDECLARED = int(Fault.FILTER_TWICE), int(Fault.FILTER_UNDECLARED)

_SEMICOLON, _DOT = 59, 46


@nb.njit(cache=True, nogil=True)
def _same(text, a, b, c, d):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    if b - a != d - c:
        return False
    for j in range(b - a):  # noqa: SIM110 - compiled
        if text[a + j] != text[c + j]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _legal_chrom(text, a, b, first, other):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether CHROM is legal; `<ID>` names a contig of the assembly file."""
    if b - a >= 2 and text[a] == 60 and text[b - 1] == 62:
        a += 1
        b -= 1
    if b <= a or not first[text[a]]:
        return False
    for j in range(a + 1, b):  # noqa: SIM110 - compiled
        if not other[text[j]]:
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _is_number(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether text[a:b] is a Float of section 1.3."""
    if a < b and (text[a] == 45 or text[a] == 43):
        a += 1
    digits = 0
    i = a
    while i < b and 48 <= text[i] <= 57:
        i += 1
        digits += 1
    if i < b and text[i] == _DOT:
        i += 1
        digits = 0
        while i < b and 48 <= text[i] <= 57:
            i += 1
            digits += 1
    if digits:
        if i < b and text[i] | 32 == 101:
            i += 1
            if i < b and (text[i] == 45 or text[i] == 43):
                i += 1
            if i == b:
                return False
            while i < b and 48 <= text[i] <= 57:
                i += 1
        return i == b
    word = np.int64(0)
    if b - a > 8:
        return False
    for j in range(a, b):
        word = word << 8 | np.int64(text[j] | 32)
    # inf, nan, infinity
    return word == 0x696E66 or word == 0x6E616E or word == 0x696E66696E697479


@nb.njit(cache=True, nogil=True)
def _is_negative(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether the number text[a:b] is below 0; -0.0 and NaN are not."""
    if text[a] != 45:
        return False
    for j in range(a + 1, b):
        c = text[j] | 32
        if 49 <= text[j] <= 57 or (j == a + 1 and c == 105):
            return True
        if c == 101:
            break
    return False


@nb.njit(cache=True, nogil=True)
def _check_id(text, a, b, k, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    begin = a
    n = 0
    parts = np.empty((PARTS, 2), np.int64)
    for j in range(a, b + 1):
        if j == b or text[j] == _SEMICOLON:
            if j == begin:
                note_fault(count, first, ID_INVALID, k, a, b, -1, -1)
                return
            for i in range(n):
                if _same(text, parts[i, 0], parts[i, 1], begin, j):
                    note_fault(count, first, ID_TWICE, k, begin, j, -1, -1)
                    break
            if n < PARTS:
                parts[n, 0], parts[n, 1] = begin, j
                n += 1
            begin = j + 1
        elif text[j] <= 32:
            note_fault(count, first, ID_INVALID, k, a, b, -1, -1)
            return


@nb.njit(cache=True, nogil=True)
def _check_filter(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    text, a, b, declared, parts, found
):
    """Judge a FILTER: `found` gets the spans of (invalid, twice, undeclared), -1 for none.

    Returns whether the record passed or was not filtered.
    """
    found[:] = -1
    if b - a == 1 and text[a] == _DOT:
        return True
    if (
        b - a == 4
        and text[a] == 80
        and text[a + 1] == 65
        and text[a + 2] == 83
        and (text[a + 3] == 83)
    ):
        return True
    begin, n, word = a, 0, False
    for j in range(a, b + 1):
        if j < b and text[j] != _SEMICOLON:
            if text[j] <= 32:
                found[0, 0], found[0, 1] = a, b
            word |= IN_WORD[text[j]]
            continue
        size = j - begin
        if not word or (size == 1 and text[begin] == 48):
            found[0, 0], found[0, 1] = a, b
        elif not (
            size == 4
            and text[begin] == 80
            and text[begin + 1] == 65
            and text[begin + 2] == 83
            and text[begin + 3] == 83
        ):
            hashed = hash_name(text, begin, j)
            at = np.searchsorted(declared, hashed)
            if at == declared.size or declared[at] != hashed:
                found[2, 0], found[2, 1] = begin, j
        for i in range(n):
            if size and _same(text, parts[i, 0], parts[i, 1], begin, j):
                found[1, 0], found[1, 1] = begin, j
                break
        if n < PARTS:
            parts[n, 0], parts[n, 1] = begin, j
            n += 1
        begin, word = j + 1, False
    return False


@nb.njit(cache=True, nogil=True)
def _check_fixed(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    text,
    start,
    end,
    pos,
    first_line,
    chrom_first,
    chrom_other,
    base,
    declared,
    window,
    hashes,
    seen,
    count,
    first,
):
    """Check records, each with eight columns at least.

    Returns (CHROM differs from the line before [n], has a structural ALT [n]).
    """
    n = end.size
    change = np.zeros(n, np.bool_)
    structural = np.zeros(n, np.bool_)
    parts = np.empty((PARTS, 2), np.int64)
    found = np.full((3, 2), -1, np.int64)
    passed, legal = True, True
    held = seen[0]
    before, filter_of = -1, -1
    for k in range(n):
        a, b = start[k, 0], start[k, 1] - 1
        if before < 0 or not _same(text, a, b, start[before, 0], start[before, 1] - 1):
            change[k] = True
            legal = _legal_chrom(text, a, b, chrom_first, chrom_other)
            if before >= 0:
                held = 0
        before = k
        if not legal:
            note_fault(count, first, CHROM_INVALID, k, a, b, -1, -1)
        if pos[k] < 0:
            note_fault(count, first, POS_INVALID, k, start[k, 1], start[k, 2] - 1, -1, -1)
        a, b = start[k, 2], start[k, 3] - 1
        if b - a != 1 or text[a] != _DOT:
            _check_id(text, a, b, k, count, first)
        if held and (held > 8 or window[held - 1, 0] < pos[k]):
            held = forget(pos[k], window, hashes, held)
        structural[k], held = check_alts(
            text,
            start[k, 3],
            start[k, 4] - 1,
            start[k, 4],
            start[k, 5] - 1,
            pos[k],
            k,
            first_line + k,
            base,
            window,
            hashes,
            held,
            count,
            first,
        )
        a, b = start[k, 5], start[k, 6] - 1
        if b - a != 1 or text[a] != _DOT:
            if not _is_number(text, a, b):
                note_fault(count, first, QUAL_INVALID, k, a, b, -1, -1)
            elif _is_negative(text, a, b):
                note_fault(count, first, QUAL_NEGATIVE, k, a, b, -1, -1)
        a, b = start[k, 6], min(start[k, 7] - 1, end[k])
        if filter_of < 0 or not _same(
            text, a, b, start[filter_of, 6], min(start[filter_of, 7] - 1, end[filter_of])
        ):
            passed = _check_filter(text, a, b, declared, parts, found)
            filter_of = k
        if not passed:
            shift = a - start[filter_of, 6]
            for i in range(3):
                if found[i, 0] >= 0:
                    fault = FILTER_INVALID
                    if i == 1:
                        fault = FILTER_TWICE
                    elif i == 2:
                        fault = FILTER_UNDECLARED
                    note_fault(
                        count,
                        first,
                        fault,
                        k,
                        found[i, 0] + shift,
                        found[i, 1] + shift,
                        -1,
                        -1,
                    )
    seen[0] = held
    return change, structural


def legal_chrom(name: str, version: int | None) -> bool:
    """Tell whether CHROM may have a name in a file of a version (the x of 4.x)."""
    strict = (version or 3) >= 3
    text = np.frombuffer(name.encode(), np.uint8)
    first, other = (_CHROM_START, _CHROM) if strict else (_LOOSE_START, _LOOSE_CHROM)
    return bool(_legal_chrom(text, 0, text.size, first, other))


@dataclass
class FixedColumns:
    """Checks the fixed columns of a file's records, batch by batch in file order.

    Attributes
    ----------
    header
        Its version says which names a contig may have, its FILTERs what is declared.
    """

    header: Header
    _window: Ints = field(default_factory=lambda: np.zeros((WINDOW, 2), np.int64))
    _hashes: npt.NDArray[np.uint64] = field(
        default_factory=lambda: np.zeros(WINDOW, np.uint64)
    )
    _seen: Ints = field(default_factory=lambda: np.zeros(1, np.int64))
    _last: bytes = b""

    def __post_init__(self) -> None:
        strict = (self.header.version or 3) >= 3
        self._first = _CHROM_START if strict else _LOOSE_START
        self._other = _CHROM if strict else _LOOSE_CHROM
        hashes = []
        for name in self.header.filters:
            text = np.frombuffer(name.encode(), np.uint8)
            hashes.append(int(hash_name(text, 0, text.size)))
        self._declared = np.array(sorted(hashes), np.uint64)

    def check(self, batch: RecordBatch, faults: Faults) -> tuple[Flags, Flags]:
        """Check records that have at least eight columns each.

        Returns
        -------
        tuple
            bool[n] each: CHROM differs from that of the line before in the batch (the
            first always does), and ALT holds a symbolic allele or a breakend (other
            than `<*>` and `<NON_REF>`).
        """
        chrom = batch.text[batch.start[0, 0] : batch.start[0, 1] - 1].tobytes()
        if chrom != self._last:
            self._seen[0] = 0
        change, structural = _check_fixed(
            batch.text,
            batch.start,
            batch.end,
            batch.pos,
            batch.line,
            self._first,
            self._other,
            IS_BASE,
            self._declared,
            self._window,
            self._hashes,
            self._seen,
            faults.tally,
            faults.first,
        )
        k = batch.size - 1
        self._last = batch.text[batch.start[k, 0] : batch.start[k, 1] - 1].tobytes()
        return change, structural
