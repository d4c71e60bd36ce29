# mypy: disable-error-code="arg-type,assignment,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""How far records reach: from REF, INFO/END and SVLEN, and the sample fields' LEN.

In VCF 4.5 INFO/END is a computed field: "when present, must be set to the maximum end
reference position (1-based) of: the position of the final base of the REF allele, the end
position corresponding to the SVLEN of a symbolic SV allele, and the end positions
calculated from FORMAT LEN for the <*> symbolic allele" (section 1.6.1). POS of a symbolic
structural allele is the base before it (section 3), that of a block its first base (5.5).
"""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.infovalue import END as END
from varhouse.infovalue import find_info as find_info
from varhouse.vcf.account.problems import Account
from varhouse.vcf.fields.alts import is_unspecified
from varhouse.vcf.text.columns import list_column, number_column
from varhouse.vcf.text.decimals import INT_MISSING
from varhouse.vcf.text.lines import POS_LIMIT, RecordBatch

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_PLAIN, _MEASURED, _BLOCK, _OTHER = 0, 1, 2, 3
_NO_SVLEN, _NO_LEN, _NO_RULE = np.uint8(1), np.uint8(2), np.uint8(4)
_LONGEST = 2**40


@nb.njit(cache=True, nogil=True)
def _kind(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Say what an ALT allele's length is told by: SVLEN, LEN, REF or nothing that is known."""
    if b - a < 3 or text[a] != 60 or text[b - 1] != 62:
        return _PLAIN
    if is_unspecified(text, a, b):
        return _BLOCK
    if b - a > 4 and (text[a + 4] == 62 or text[a + 4] == 58):
        word = np.int64(text[a + 1]) << 16 | np.int64(text[a + 2]) << 8 | text[a + 3]
        # DEL, DUP, INV, CNV
        if word == 0x44454C or word == 0x445550 or word == 0x494E56 or word == 0x434E56:
            return _MEASURED
        if word == 0x494E53:
            # INS takes no base of the reference.
            return _PLAIN
    return _OTHER


@nb.njit(cache=True, nogil=True)
def number_at(text, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read the whole number at `i`: (value, -1 where there is none; where it ends)."""
    value = np.int64(-1)
    while i < e and 48 <= text[i] <= 57:
        value = min(max(value, 0) * 10 + (text[i] - 48), _LONGEST)
        i += 1
    return value, i


@nb.njit(cache=True, nogil=True)
def _svlen(text, a, b, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the largest SVLEN of measured alleles text[a:b], and whether one has none.

    The values of SVLEN stand from `i` on; -1 if there are none.
    """
    longest = np.int64(0)
    lacks = False
    while a < b:
        j = a
        while j < b and text[j] != 44:
            j += 1
        size = np.int64(-1)
        if 0 <= i < e:
            # Negative lengths are of old files: "the absolute value should be taken".
            size, _ = number_at(text, i + (text[i] == 45), e)
            while i < e and text[i] != 44 and text[i] != 59:
                i += 1
            i = i + 1 if i < e and text[i] == 44 else e
        if _kind(text, a, j) == _MEASURED:
            lacks = lacks or size < 0
            longest = max(longest, size)
        a = j + 1
    return longest, lacks


@nb.njit(cache=True, nogil=True)
def largest_len(text, i, format_end, at, e):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the largest LEN of the sample columns from `at`, 0 if none has one."""
    place = np.int64(0)
    while True:
        j = i
        while j < format_end and text[j] != 58:
            j += 1
        if j - i == 3 and text[i] == 76 and text[i + 1] == 69 and text[i + 2] == 78:
            break
        if j >= format_end:
            return np.int64(0)
        place += 1
        i = j + 1
    longest = np.int64(0)
    field = np.int64(0)
    while at < e:
        if field == place:
            size, at = number_at(text, at, e)
            longest = max(longest, size)
        while at < e and text[at] != 58 and text[at] != 9:
            at += 1
        if at < e:
            field = 0 if text[at] == 9 else field + 1
            at += 1
    return longest


_SVLEN = np.frombuffer(b"SVLEN", np.uint8)


@nb.njit(cache=True, nogil=True)
def _measure(text, start, end, end_name, svlen_name):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Measure records: [bases of REF, stated END or -1, SVLEN or 0, LEN or 0].

    The second array says what is not known (bits _NO_SVLEN, _NO_LEN, _NO_RULE).
    """
    n = end.size
    found = np.zeros((n, 4), np.int64)
    lacks = np.zeros(n, np.uint8)
    for k in range(n):
        found[k, 0] = max(start[k, 4] - 1 - start[k, 3], 1)
        i, e = start[k, 7], min(start[k, 8] - 1, end[k])
        at = find_info(text, i, e, end_name)
        found[k, 1] = number_at(text, at, e)[0] if at >= 0 else -1
        a, b = start[k, 4], min(start[k, 5] - 1, end[k])
        measured = block = False
        j = a
        while j < b:
            begin = j
            while j < b and text[j] != 44:
                j += 1
            if text[begin] == 60:
                kind = _kind(text, begin, j)
                measured = measured or kind == _MEASURED
                block = block or kind == _BLOCK
                if kind == _OTHER:
                    lacks[k] |= _NO_RULE
            j += 1
        if measured:
            at = find_info(text, i, e, svlen_name)
            found[k, 2], missing = _svlen(text, a, b, at, e)
            if missing:
                lacks[k] |= _NO_SVLEN
        if block:
            stop = min(start[k, 9] - 1, end[k])
            found[k, 3] = largest_len(text, start[k, 8], stop, start[k, 9], end[k])
            if found[k, 3] == 0:
                lacks[k] |= _NO_LEN
    return found, lacks


def record_ends(batch: RecordBatch) -> Ints:
    """Give the last position (1-based) that each record covers, as tabix 1.24 has it.

    The largest of: REF's last base, END, POS + |SVLEN| - 1 of <DEL>, <DUP>, <INV> and
    <CNV> alleles, and POS + LEN - 1 of reference blocks (<*> or <NON_REF>). By the
    specification an SVLEN reaches one base further (`compute_ends`); for a BCF htslib has
    it so, too.

    Returns
    -------
    int64[n]
    """
    found, _ = _measure(batch.text, batch.start, batch.end, END, _SVLEN)
    length = np.maximum(found[:, 0], np.maximum(found[:, 2], found[:, 3]))
    last: Ints = np.maximum(batch.pos + length - 1, found[:, 1])
    return last


class Ends(NamedTuple):
    """What INFO/END of records is, and what it must be in VCF 4.5.

    Attributes
    ----------
    stated
        int64[n]: the number that the file gives (1-based), -1 where it gives none.
    computed
        int64[n]: the largest of POS + len(REF) - 1, POS + |SVLEN| of <DEL>, <DUP>, <INV>
        and <CNV> alleles, and POS + LEN - 1 of <*>; -1 where it is not known: POS is no
        number, such an allele has no SVLEN, or a symbolic allele is of a kind of its own.
    open
        bool[n]: something that END is computed from is missing, and inferred from END
        where it is stated: an SVLEN (section 3), or LEN of all samples (section 5.5).
    by_len
        bool[n]: LEN reaches furthest.
    """

    stated: Ints
    computed: Ints
    open: Flags
    by_len: Flags


def compute_ends(batch: RecordBatch) -> Ends:
    """Compute INFO/END of records by the rule of VCF 4.5 (section 1.6.1)."""
    found, lacks = _measure(batch.text, batch.start, batch.end, END, _SVLEN)
    by_svlen = np.where(found[:, 2] > 0, found[:, 2] + 1, 0)
    length = np.maximum(np.maximum(found[:, 0], by_svlen), found[:, 3])
    known = (batch.pos >= 0) & (lacks & (_NO_SVLEN | _NO_RULE) == 0)
    computed = np.where(known, batch.pos + length - 1, -1)
    return Ends(found[:, 1], computed, lacks != 0, found[:, 3] == length)


def check_ends(batch: RecordBatch, account: Account) -> None:
    """Tell where END is not what it is computed to be (VH-V-013) in a VCF 4.5 file."""
    ends = compute_ends(batch)
    differs = ~ends.open & (ends.computed >= 0) & (ends.stated != ends.computed)
    before = ends.open & (ends.stated < batch.pos)
    rows = np.flatnonzero((ends.stated >= 0) & (differs | before))
    # The example of section 5.5 has blocks whose END is the first base after LEN.
    mild = before | (ends.by_len & (ends.stated == ends.computed + 1))
    room = max(0, account.room("VH-V-013"))
    for k in rows[:room].tolist():
        message = (
            "END is before POS"
            if before[k]
            else f"END is computed from REF, SVLEN and LEN: {ends.computed[k]}"
        )
        contig = batch.values("chrom", np.array([k]))[0]
        account.add(
            "VH-V-013",
            message,
            line=batch.line + k,
            contig=contig,
            pos=int(batch.pos[k]),
            name="INFO/END",
            value=str(ends.stated[k]),
            severity="warning" if mild[k] else "error",
        )
    for severity in ("error", "warning"):
        more = int((mild[rows[room:]] == (severity == "warning")).sum())
        if more:
            account.more("VH-V-013", more, severity=severity)


def fill_ends(batch: RecordBatch, column: pa.Array) -> pa.Array:
    """Put the computed END where a column of END (int32, or lists of it) is null."""
    if not column.null_count:
        return column
    ends = compute_ends(batch).computed
    known = (ends >= 0) & (ends <= POS_LIMIT)
    values = np.where(known, ends, INT_MISSING).astype(np.int32)
    n = batch.size
    if pa.types.is_list(column.type):
        many = np.where(known, 1, -1).astype(np.int32)
        computed = list_column(values, np.arange(n), many, real=False)
    else:
        computed = number_column(values, real=False)
    places = np.arange(n, dtype=np.int32)
    places[column.is_null().to_numpy(zero_copy_only=False)] += n
    return pa.concat_arrays([column, computed]).take(number_column(places, real=False))
