"""Genotypes of a batch, read from its text: who carries what, as a short list per record."""

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.genotypes.calls import Genotypes
from varhouse.tables.loads import load8
from varhouse.vcf.account.faults import Fault, Faults, note_fault
from varhouse.vcf.text.lines import ONE, TAB, RecordBatch
from varhouse.vcf.text.simd import find_byte, lowest, other16, same64

Ints = npt.NDArray[np.int64]

_SLOTS = 1 << 16
_MAX_TEXTS = 1 << 15
_PRIME = np.uint64(0x9E3779B97F4A7C15)
OK = -1
_SYNTAX, _ALLELE = int(Fault.GT_SYNTAX), int(Fault.GT_ALLELE)
_NO_ALT = int(Fault.GT_NO_ALT)
_LEADING = int(Fault.GT_LEADING)
_EMPTY = int(Fault.SAMPLE_EMPTY)
COLON = np.uint8(58)
ONE_BYTE, TWO_BYTES = np.uint64(8), np.uint64(16)
ALL_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)


@nb.njit(cache=True, nogil=True)
def _key(text: npt.NDArray[np.uint8], a: int, b: int) -> np.uint64:  # pragma: no cover
    """Pack up to eight bytes; longer texts get a hash with the top bit set."""
    key = np.uint64(0)
    if b - a <= 7:
        for j in range(a, b):
            key = key << np.uint64(8) | np.uint64(text[j])
        return key << np.uint64(3) | np.uint64(b - a)
    key = np.uint64(14695981039346656037)
    for j in range(a, b):
        key = (key ^ np.uint64(text[j])) * np.uint64(1099511628211)
    return key | np.uint64(1) << np.uint64(63)


@nb.njit(cache=True, nogil=True)
def _order(
    text: npt.NDArray[np.uint8], a: int, b: int, c: int, d: int
) -> int:  # pragma: no cover - compiled
    """Compare text[a:b] with text[c:d]: negative, 0 or positive."""
    for j in range(min(b - a, d - c)):
        if text[a + j] != text[c + j]:
            return int(np.int64(text[a + j]) - np.int64(text[c + j]))
    return (b - a) - (d - c)


@nb.njit(cache=True, nogil=True)
def _find(text, a, b, key, slot, keys, span):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find a text in the table: (its code or -1, the slot where it is or belongs)."""
    h = np.int64((key * _PRIME) >> np.uint64(48))
    while slot[h] >= 0:
        c = slot[h]
        if keys[c] == key and (b - a <= 7 or _order(text, a, b, span[c, 0], span[c, 1]) == 0):
            return c, h
        h = (h + 1) & (_SLOTS - 1)
    return -1, h


@nb.njit(cache=True, nogil=True)
def _cell_end(text, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find the tab that ends the cell at `i`, or the end of the line."""
    while i < e:
        if i + 64 <= text.size:
            bits = same64(text, i, TAB)
            if bits:
                return min(i + lowest(bits), e)
            i += 64
        elif text[i] == 9:
            return i
        else:
            i += 1
    return e


@nb.njit(cache=True, nogil=True)
def _code_of(text, a, b, key, tables):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the code of a text, a new one if need be; -1 when there is no room."""
    slot, keys, span, used, quick_key, quick_code = tables
    code, h = _find(text, a, b, key, slot, keys, span)
    if code < 0:
        code = used[0]
        if code == _MAX_TEXTS:
            return -1
        slot[h] = code
        keys[code] = key
        span[code, 0] = a
        span[code, 1] = b
        used[0] = code + 1
    if b - a <= 7:
        q = np.int64((key * _PRIME) >> np.uint64(58))
        quick_key[q] = key
        quick_code[q] = code
    return code


@nb.njit(cache=True, nogil=True)
def _row_of_words(text, i, n, guess, word, w, lists, tables):  # type: ignore[no-untyped-def]  # pragma: no cover
    """List who has another text than the guess, all texts being of three bytes.

    Returns the new end of the list: -1 when a cell is of another shape, -2 when there are
    too many texts.
    """
    who, what, count, seen = lists
    quick_key, quick_code = tables[4], tables[5]
    for s0 in range(0, n, 16):
        at = i + 4 * s0
        bits = other16(text, at, word) if at + 64 <= text.size else ALL_ONES
        if n - s0 <= 16:
            # The last text has no tab behind it and is looked at for itself.
            bits = (bits | ONE << np.uint64(n - 1 - s0)) & ((ONE << np.uint64(n - s0)) - ONE)
        else:
            bits &= np.uint64(0xFFFF)
        while bits:
            s = s0 + lowest(bits)
            bits &= bits - ONE
            a = i + 4 * s
            c0, c1, c2 = np.uint64(text[a]), np.uint64(text[a + 1]), np.uint64(text[a + 2])
            key = (c0 << TWO_BYTES | c1 << ONE_BYTE | c2) << np.uint64(3) | np.uint64(3)
            q = np.int64((key * _PRIME) >> np.uint64(58))
            if s < n - 1 and text[a + 3] != 9:
                return -1
            if quick_key[q] == key:
                code = np.int64(quick_code[q])
            elif c0 == 9 or c1 == 9 or c2 == 9 or c0 == 58 or c1 == 58 or c2 == 58:
                return -1
            else:
                code = _code_of(text, a, a + 3, key, tables)
                if code < 0:
                    return -2
            if code != guess:
                if count[code] == 0:
                    seen[seen[-1]] = code
                    seen[-1] += 1
                count[code] += 1
                who[w] = s
                what[w] = code
                w += 1
    return w


@nb.njit(cache=True, nogil=True)
def _row_of_cells(text, i, e, n, guess, codes, lists, tables):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the code of each sample of a record of any shape.

    Returns how many have the guess, -1 when there are too many texts.
    """
    count, seen = lists[2], lists[3]
    keys, span, quick_key, quick_code = tables[1], tables[2], tables[4], tables[5]
    matched = 0
    size = np.int64(0)
    short = False
    guess_key = pattern = mask = np.uint64(0)
    if guess >= 0:
        guess_key = keys[guess]
        size = span[guess, 1] - span[guess, 0]
        short = 0 < size <= 7
        if short:
            mask = (ONE << np.uint64(8 * size)) - ONE
            for j in range(size):
                pattern |= np.uint64(text[span[guess, 0] + j]) << np.uint64(8 * j)
    for s in range(n):
        a = i
        if short and a + size < e and a + 8 <= text.size:
            word = load8(text, a)
            after = (word >> np.uint64(8 * size)) & np.uint64(255)
            if (word & mask) == pattern and (after == 9 or after == 58):
                codes[s] = guess
                matched += 1
                i = (a + size if after == 9 else _cell_end(text, a + size, e)) + 1
                continue
        while i < e and text[i] != 9 and text[i] != 58:
            i += 1
        b = i
        i = _cell_end(text, i, e) + 1 if i < e else i + 1
        key = _key(text, a, b)
        code = guess
        if (
            guess < 0
            or key != guess_key
            or (b - a > 7 and _order(text, a, b, span[guess, 0], span[guess, 1]) != 0)
        ):
            q = np.int64((key * _PRIME) >> np.uint64(58))
            if b - a <= 7 and quick_key[q] == key:
                code = np.int64(quick_code[q])
            else:
                code = _code_of(text, a, b, key, tables)
                if code < 0:
                    return -1
        codes[s] = code
        if code == guess:
            matched += 1
            continue
        if count[code] == 0:
            seen[seen[-1]] = code
            seen[-1] += 1
        count[code] += 1
    return matched


@nb.njit(cache=True, nogil=True)
def _scan_gt(text, start, end, n_samples, max_listed):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Scan the sample columns of records whose FORMAT begins with GT.

    Returns (texts found, span of each [d, 2], default text [n], pointer [n + 1], listed
    people, their text, which records are of texts of three bytes and nothing else); the
    number of texts is -1 when there are too many.
    """
    n = start.size
    slot = np.full(_SLOTS, -1, np.int32)
    keys = np.empty(_MAX_TEXTS, np.uint64)
    span = np.empty((_MAX_TEXTS, 2), np.int64)
    used = np.zeros(1, np.int64)
    quick_key = np.full(64, ALL_ONES, np.uint64)
    quick_code = np.empty(64, np.int32)
    tables = (slot, keys, span, used, quick_key, quick_code)
    count = np.zeros(_MAX_TEXTS, np.int64)
    # The texts of a record, and how many of them (last).
    seen = np.zeros(_MAX_TEXTS + 1, np.int32)
    default = np.zeros(n, np.int32)
    pointer = np.zeros(n + 1, np.int64)
    plain = np.zeros(n, np.bool_)
    who = np.empty(max_listed, np.int32)
    what = np.empty(max_listed, np.int32)
    lists = (who, what, count, seen)
    codes = np.empty(n_samples, np.int32)
    guess = -1
    word = np.uint32(0)
    w = 0
    for k in range(n):
        i, e = start[k], end[k]
        listed = -1
        matched = 0
        if word and n_samples and e - i == 4 * n_samples - 1:
            listed = _row_of_words(text, i, n_samples, guess, word, w, lists, tables)
            matched = n_samples - (listed - w)
            if listed == -1:
                for j in range(seen[-1]):
                    count[seen[j]] = 0
                seen[-1] = 0
        if listed == -1:
            matched = _row_of_cells(text, i, e, n_samples, guess, codes, lists, tables)
        if listed == -2 or matched < 0:
            return -1, span, default, pointer, who, what, plain
        # The most frequent text; of two, the one that sorts first: a record is then held
        # in one way only, whatever batch it was in.
        best = guess if matched else -1
        most = matched
        for j in range(seen[-1]):
            c = seen[j]
            if count[c] > most or (
                count[c] == most
                and _order(text, span[c, 0], span[c, 1], span[best, 0], span[best, 1]) < 0
            ):
                best = c
                most = count[c]
            count[c] = 0
        seen[-1] = 0
        if listed >= 0 and best == guess:
            w = listed
        elif listed >= 0:
            codes[:] = guess
            for j in range(w, listed):
                codes[who[j]] = what[j]
        if (listed < 0 or best != guess) and most < n_samples:
            for s in range(n_samples):
                if codes[s] != best:
                    who[w] = s
                    what[w] = codes[s]
                    w += 1
        plain[k] = listed >= 0
        default[k] = best
        pointer[k + 1] = w
        if best != guess:
            guess = best
            word = np.uint32(0)
            if best >= 0 and span[best, 1] - span[best, 0] == 3:
                a = span[best, 0]
                word = np.uint32(
                    text[a] | text[a + 1] << 8 | text[a + 2] << 16 | np.uint32(9) << 24
                )
    return used[0], span, default, pointer, who, what, plain


def read_genotypes(batch: RecordBatch, rows: Ints, n_samples: int) -> Genotypes:
    """Read the genotypes of some records of a batch (all with FORMAT beginning with GT).

    Raises
    ------
    InputError
        If a batch holds more than 32,768 distinct genotypes: no real file does.
    """
    return scan_genotypes(batch, rows, n_samples)[0]


def scan_genotypes(
    batch: RecordBatch, rows: Ints, n_samples: int
) -> tuple[Genotypes, Ints, npt.NDArray[np.bool_]]:
    """Read genotypes as `read_genotypes` does, and tell where the texts are.

    Returns
    -------
    tuple
        The genotypes; int64[d, 2] the span of each distinct text; bool[n] records of
        which every sample column is known to be three bytes of a GT and nothing else.
    """
    start = np.ascontiguousarray(batch.start[rows, 9])
    end = np.ascontiguousarray(batch.end[rows])
    # A listed person takes two bytes of text at least ("0" and a tab).
    most = int(np.minimum((end - start) // 2 + 2, n_samples).sum()) + n_samples + 1
    d, span, default, pointer, who, what, plain = _scan_gt(
        batch.text, start, end, n_samples, most
    )
    if d < 0:
        raise InputError(
            f"lines {batch.line:,}-{batch.line + batch.size:,}: more than {_MAX_TEXTS:,} "
            "distinct genotypes"
        )
    texts = [
        batch.text[a:b].tobytes().decode("utf-8", "replace") or "."
        for a, b in span[:d].tolist()
    ]
    listed = int(pointer[-1])
    who, what = who[:listed].copy(), what[:listed].copy()
    return Genotypes(texts, default, pointer, who, what), span[:d], plain


@nb.njit(cache=True, nogil=True)
def count_alts(text, start, end):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count the ALT alleles of each record: int64[n]; `.` is none."""
    out = np.zeros(end.size, np.int64)
    for k in range(end.size):
        a = start[k, 4]
        b = min(start[k, 5] - 1, end[k])
        if b <= a or (b - a == 1 and text[a] == 46):
            continue
        out[k] = 1
        for j in range(a, b):
            out[k] += text[j] == 44
    return out


@nb.njit(cache=True, nogil=True)
def _fault(state, top, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Name the fault of a text: a number that is too high before what it is by itself."""
    if top > n_alt:
        return _NO_ALT if n_alt == 0 and top == 1 else _ALLELE
    return state


@nb.njit(cache=True, nogil=True)
def _note_texts(text, start, end, rows, n_alts, state, top, span, lists, plain, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Note the faults of records by their texts; tells which have sub-fields."""
    default, pointer, who, what = lists
    odd = np.zeros(rows.size, np.bool_)
    key = state[-1]
    for r in range(rows.size):
        k = rows[r]
        a, b = pointer[r], pointer[r + 1]
        if not plain[r] and find_byte(text, start[k, 9], end[k], COLON) < end[k]:
            odd[r] = True
            continue
        c = default[r]
        if c >= 0 and (state[c] != OK or top[c] > n_alts[k]):
            fault = _fault(state[c], top[c], n_alts[k])
            s = 0
            while a + s < b and who[a + s] == s:
                s += 1
            note_fault(count, first, fault, k, span[c, 0], span[c, 1], key, s)
        for i in range(a, b):
            c = what[i]
            if state[c] != OK or top[c] > n_alts[k]:
                fault = _fault(state[c], top[c], n_alts[k])
                note_fault(count, first, fault, k, span[c, 0], span[c, 1], key, who[i])
    return odd


def note_genotypes(
    batch: RecordBatch,
    rows: Ints,
    genotypes: Genotypes,
    spans: Ints,
    plain: npt.NDArray[np.bool_],
    n_alts: Ints,
    key: int,
    faults: Faults,
) -> Ints:
    """Note what is wrong with the genotypes of records whose FORMAT is GT alone.

    Parameters
    ----------
    rows, genotypes, spans, plain
        The records and what `scan_genotypes` gave for them.
    n_alts
        int64[batch]: see `count_alts`.
    key
        Number of GT in the key table, for the account.

    Returns
    -------
    Ints
        Records (numbers in `rows`) with sub-fields that FORMAT does not name: nothing is
        noted of these.
    """
    d = len(genotypes.texts)
    state = np.full(d + 1, key, np.int64)
    state[:d] = np.where(genotypes.valid, OK, _SYNTAX)
    for k, text in enumerate(genotypes.texts):
        if text[0] in "/|" and genotypes.valid[k]:
            state[k] = _LEADING
    state[:d][spans[:, 0] == spans[:, 1]] = _EMPTY
    top = genotypes.alleles.max(1).astype(np.int64)
    odd = _note_texts(
        batch.text,
        batch.start,
        batch.end,
        rows,
        n_alts,
        state,
        top,
        spans,
        genotypes.listed,
        plain,
        faults.tally,
        faults.first,
    )
    return np.flatnonzero(odd)
