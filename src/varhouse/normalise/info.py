"""Split INFO of multiallelic records, one text for each ALT, compiled.

The rules are those of `split.py`. Fields are looked up by a hash of their key.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Ints = npt.NDArray[np.int32]

_TAB, _COMMA, _DOT, _SEMICOLON, _EQUALS = 9, 44, 46, 59, 61
OF_ALT, OF_ALL, OF_GENOTYPES, GENOTYPE = 1, 2, 3, 4
LOCAL, OF_LOCAL_ALT, OF_LOCAL, OF_LOCAL_GENOTYPES = 5, 6, 7, 8
LEFT_OUT, UNEVEN, NO_PLOIDY, NO_ALLELE = 0, 1, 2, 3
"""What becomes of values that do not fit a record (see `split.Loss`)."""
_NUMBERS = {
    "A": OF_ALT, "R": OF_ALL, "G": OF_GENOTYPES, "GT": GENOTYPE,
    "LAA": LOCAL, "LA": OF_LOCAL_ALT, "LR": OF_LOCAL, "LG": OF_LOCAL_GENOTYPES,
}  # fmt: skip


class Rules(NamedTuple):
    """The fields of INFO, or of FORMAT, that are split; one entry each.

    Attributes
    ----------
    slots
        int32: open hash table of entries, -1: free; a power of 2 long.
    text, at
        Keys end to end, with offsets.
    number
        int32: 1, 2, 3 for Number A, R, G; 4 for FORMAT/GT; 5 for FORMAT/LAA and 6, 7, 8
        for Number LA, LR, LG.
    is_text
        bool: Type String.
    """

    slots: Ints
    text: Bytes
    at: Longs
    number: Ints
    is_text: npt.NDArray[np.bool_]


def make_rules(fields: Sequence[tuple[bytes, str, bool]]) -> Rules:
    """Make the table of (key, Number or `GT` or `LAA`, whether its Type is String)."""
    keys = [f[0] for f in fields]
    text = np.frombuffer(b"".join(keys), np.uint8)
    at = np.append(0, np.cumsum([len(k) for k in keys], dtype=np.int64)).astype(np.int64)
    size = 8
    while size < 2 * len(keys):
        size *= 2
    slots = np.full(size, -1, np.int32)
    for i in range(len(keys)):
        slot = int(_hash(text, at[i], at[i + 1])) & (size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        slots[slot] = i
    return Rules(
        slots,
        text,
        at,
        np.array([_NUMBERS[f[1]] for f in fields], np.int32),
        np.array([f[2] for f in fields], np.bool_),
    )


@njit(cache=True, nogil=True)
def _hash(text: Bytes, start: int, end: int) -> int:
    # FNV-1a, 32 bits.
    h = 2166136261
    for j in range(start, end):
        h = ((h ^ int(text[j])) * 16777619) & 0xFFFFFFFF
    return h


@njit(cache=True, nogil=True)
def find_rule(rules: Rules, text: Bytes, start: int, end: int) -> int:
    """Give the entry of a key, -1 if it has none."""
    mask = rules.slots.size - 1
    slot = _hash(text, start, end) & mask
    while rules.slots[slot] >= 0:
        i = rules.slots[slot]
        a = rules.at[i]
        if rules.at[i + 1] - a == end - start:
            same = True
            for j in range(end - start):
                if rules.text[a + j] != text[start + j]:
                    same = False
                    break
            if same:
                return int(i)
        slot = (slot + 1) & mask
    return -1


@njit(cache=True, nogil=True)
def copy_span(text: Bytes, start: int, end: int, out: Bytes, w: int) -> int:
    """Copy bytes to `out` from `w` on, and give the place behind them."""
    for j in range(end - start):
        out[w + j] = text[start + j]
    return w + end - start


@njit(cache=True, nogil=True)
def count_byte(text: Bytes, start: int, end: int, byte: int) -> int:
    """Count a byte between two places."""
    n = 0
    for j in range(start, end):
        if text[j] == byte:
            n += 1
    return n


@njit(cache=True, nogil=True)
def count_values(text: Bytes, start: int, end: int) -> int:
    """Count the values of a list."""
    return count_byte(text, start, end, _COMMA) + 1


@njit(cache=True, nogil=True)
def no_losses(rules: Rules) -> Longs:
    """Make an empty account: int64[rule, kind of loss, (records, first record)]."""
    return np.zeros((rules.number.size, 4, 2), np.int64)


@njit(cache=True, nogil=True)
def count_loss(losses: Longs, rule: int, kind: int, record: int) -> None:
    """Count one more record that loses something of a field."""
    if losses[rule, kind, 0] == 0:
        losses[rule, kind, 1] = record
    losses[rule, kind, 0] += 1


@njit(cache=True, nogil=True)
def _value(text: Bytes, start: int, end: int, index: int, out: Bytes, w: int) -> int:
    """Copy the value at a place of a list."""
    a = start
    while index > 0:
        while text[a] != _COMMA:
            a += 1
        a += 1
        index -= 1
    b = a
    while b < end and text[b] != _COMMA:
        b += 1
    return copy_span(text, a, b, out, w)


@njit(cache=True, nogil=True)
def _values(text: Bytes, start: int, end: int, number: int, k: int, out: Bytes, w: int) -> int:
    """Copy the values that belong to ALT k (1-based); `.` where the list is too short."""
    # Genotype (j, k) stands at k(k+1)/2 + j (VCF 4.3, section 1.6.2).
    last = k - 1 if number == 1 else k if number == 2 else k * (k + 1) // 2 + k
    if last >= count_values(text, start, end):
        out[w] = _DOT
        return w + 1
    if number > 1:
        w = _value(text, start, end, 0, out, w)
        out[w] = _COMMA
        w += 1
    if number == 3:
        w = _value(text, start, end, last - k, out, w)
        out[w] = _COMMA
        w += 1
    return _value(text, start, end, last, out, w)


@njit(cache=True, nogil=True)
def _wanted(number: int, n_alt: int) -> int:
    """Give the number of values that a list should have."""
    if number == OF_GENOTYPES:
        return (n_alt + 1) * (n_alt + 2) // 2
    return n_alt if number == OF_ALT else n_alt + 1


@njit(cache=True, nogil=True)
def _write(
    rules: Rules,
    text: Bytes,
    start: int,
    end: int,
    n_alt: int,
    k: int,
    record: int,
    losses: Longs,
    out: Bytes,
    w: int,
) -> int:
    """Write INFO for ALT k; count what is lost, once a record."""
    first = w
    a = start
    while a <= end:
        b, eq = a, -1
        while b < end and text[b] != _SEMICOLON:
            if eq < 0 and text[b] == _EQUALS:
                eq = b
            b += 1
        i = find_rule(rules, text, a, eq) if eq >= 0 else -1
        plain = i < 0 or (b - eq == 2 and text[eq + 1] == _DOT)
        fits = plain
        if not plain:
            fits = count_values(text, eq + 1, b) == _wanted(rules.number[i], n_alt)
        # Lists of texts may have another number of values, as in bcftools.
        kept = fits or rules.is_text[i]
        if not fits and k == 1:
            count_loss(losses, i, UNEVEN if kept else LEFT_OUT, record)
        if kept:
            if w > first:
                out[w] = _SEMICOLON
                w += 1
            if plain:
                w = copy_span(text, a, b, out, w)
            else:
                w = copy_span(text, a, eq + 1, out, w)
                w = _values(text, eq + 1, b, rules.number[i], k, out, w)
        a = b + 1
    if w == first:
        out[w] = _DOT
        w += 1
    return w


@njit(cache=True, nogil=True)
def split_info(
    text: Bytes, start: Longs, info: Longs, end: Longs, n_alt: Longs, rules: Rules
) -> tuple[Longs, Bytes, Longs]:
    """Split the text of records from QUAL to INFO.

    Parameters
    ----------
    text
        The lines.
    start, info, end
        int64[n]: first byte of QUAL and of INFO, end of INFO.
    n_alt
        int64[n]: number of ALTs.

    Returns
    -------
    tuple
        `(at, out, losses)`: QUAL, FILTER and INFO, with tabs between, of ALT 1 ... of
        record 0, then of record 1 ... end to end with offsets; and what was lost (see
        `no_losses`).
    """
    total, slots = 0, 0
    for i in range(start.size):
        # A list that is too short becomes `.`: at most one byte more for each field.
        total += n_alt[i] * (2 * (end[i] - start[i]) + 2)
        slots += n_alt[i]
    out = np.empty(total, np.uint8)
    at = np.zeros(slots + 1, np.int64)
    losses = no_losses(rules)
    w, m = 0, 0
    for i in range(start.size):
        for k in range(1, n_alt[i] + 1):
            w = copy_span(text, start[i], info[i], out, w)
            w = _write(rules, text, info[i], end[i], n_alt[i], k, i, losses, out, w)
            m += 1
            at[m] = w
    return at, out[:w], losses
