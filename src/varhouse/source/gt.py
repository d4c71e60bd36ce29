"""Genotypes of a batch: who carries what, as a short list per record.

Nearly all genotypes of a record are the same, so a record is held as its most frequent
GT text, which everybody has who is not listed, and a list of the others. Texts are kept
byte for byte (phase, half-missing calls, any ploidy), so nothing is lost; what a text
means is worked out once per distinct text, not per person.
"""

import re
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.source.lines import RecordBatch

Ints = npt.NDArray[np.int64]

_SLOTS = 1 << 16
_MAX_TEXTS = 1 << 15
_PRIME = np.uint64(0x9E3779B97F4A7C15)
MAX_PLOIDY = 16


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
def _scan_gt(text, start, end, n_samples, max_listed):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Scan the sample columns of records whose FORMAT begins with GT.

    Returns (texts found, span of each [d, 2], default text [n], pointer [n + 1], listed
    people, their text); the number of texts is -1 when there are too many.
    """
    n = start.size
    slot = np.full(_SLOTS, -1, np.int32)
    keys = np.empty(_MAX_TEXTS, np.uint64)
    span = np.empty((_MAX_TEXTS, 2), np.int64)
    count = np.zeros(_MAX_TEXTS, np.int64)
    seen = np.empty(_MAX_TEXTS, np.int32)
    default = np.zeros(n, np.int32)
    pointer = np.zeros(n + 1, np.int64)
    who = np.empty(max_listed, np.int32)
    what = np.empty(max_listed, np.int32)
    codes = np.empty(n_samples, np.int32)
    d = 0
    guess = -1
    guess_key = np.uint64(0)
    w = 0
    for k in range(n):
        n_seen = 0
        matched = 0
        i = start[k]
        e = end[k]
        for s in range(n_samples):
            a = i
            while i < e and text[i] != 9 and text[i] != 58:
                i += 1
            b = i
            while i < e and text[i] != 9:
                i += 1
            i += 1
            key = _key(text, a, b)
            if (
                guess >= 0
                and key == guess_key
                and (b - a <= 7 or _order(text, a, b, span[guess, 0], span[guess, 1]) == 0)
            ):
                codes[s] = guess
                matched += 1
                continue
            code, h = _find(text, a, b, key, slot, keys, span)
            if code < 0:
                if d == _MAX_TEXTS:
                    return -1, span, default, pointer, who, what
                code = d
                slot[h] = d
                keys[d] = key
                span[d, 0] = a
                span[d, 1] = b
                d += 1
            if count[code] == 0:
                seen[n_seen] = code
                n_seen += 1
            count[code] += 1
            codes[s] = code
        # The most frequent text; of two, the one that sorts first: a record is then held
        # in one way only, whatever batch it was in.
        best = guess if matched else -1
        most = matched
        for j in range(n_seen):
            c = seen[j]
            if count[c] > most or (
                count[c] == most
                and _order(text, span[c, 0], span[c, 1], span[best, 0], span[best, 1]) < 0
            ):
                best = c
                most = count[c]
            count[c] = 0
        if most < n_samples:
            for s in range(n_samples):
                if codes[s] != best:
                    who[w] = s
                    what[w] = codes[s]
                    w += 1
        default[k] = best
        pointer[k + 1] = w
        guess = best
        if best >= 0:
            guess_key = keys[best]
    return d, span, default, pointer, who, what


@dataclass
class Genotypes:
    """Genotypes of n records.

    Attributes
    ----------
    texts
        The distinct GT texts of the batch.
    alleles
        int16[d, p]: alleles of each text, -1 missing, -2 beyond its ploidy.
    valid
        bool[d]: the text is a genotype.
    default
        int32[n]: text of everybody who is not listed.
    pointer
        int64[n + 1]: people listed for record k are `who[pointer[k]:pointer[k + 1]]`.
    who, what
        int32[m]: sample column (0-based, ascending in a record) and text.
    """

    texts: list[str]
    alleles: npt.NDArray[np.int16]
    valid: npt.NDArray[np.bool_]
    default: npt.NDArray[np.int32]
    pointer: Ints
    who: npt.NDArray[np.int32]
    what: npt.NDArray[np.int32]


_GT = re.compile(r"[/|]?(\.|\d{1,4})([/|](\.|\d{1,4}))*")


def parse_gt(text: str) -> list[int] | None:
    """Read a GT text: allele numbers, -1 for a missing one; None if it is no genotype.

    VCF 4.5 section 1.6.2: alleles separated by / or |, from 4.4 on with a leading phase.
    """
    if not _GT.fullmatch(text):
        return None
    cells = re.split(r"[/|]", text.lstrip("/|"))
    return None if len(cells) > MAX_PLOIDY else [-1 if c == "." else int(c) for c in cells]


def read_genotypes(batch: RecordBatch, rows: Ints, n_samples: int) -> Genotypes:
    """Read the genotypes of some records of a batch (all with FORMAT beginning with GT).

    Raises
    ------
    InputError
        If a batch holds more than 32,768 distinct genotypes: no real file does.
    """
    start = np.ascontiguousarray(batch.start[rows, 9])
    end = np.ascontiguousarray(batch.end[rows])
    # A listed person takes two bytes of text at least ("0" and a tab).
    most = int(np.minimum((end - start) // 2 + 2, n_samples).sum()) + n_samples + 1
    d, span, default, pointer, who, what = _scan_gt(batch.text, start, end, n_samples, most)
    if d < 0:
        raise InputError(
            f"lines {batch.line:,}-{batch.line + batch.size:,}: more than {_MAX_TEXTS:,} "
            "distinct genotypes"
        )
    texts = [
        batch.text[a:b].tobytes().decode("utf-8", "replace") or "."
        for a, b in span[:d].tolist()
    ]
    alleles = np.full((max(d, 1), MAX_PLOIDY), -2, np.int16)
    valid = np.ones(max(d, 1), np.bool_)
    for k, text in enumerate(texts):
        parsed = parse_gt(text)
        if parsed is None:
            valid[k] = False
        else:
            alleles[k, : len(parsed)] = parsed
    used = int((alleles > -2).any(0).sum())
    listed = int(pointer[-1])
    return Genotypes(
        texts, alleles[:, : max(used, 1)].copy(), valid, default, pointer,
        who[:listed].copy(), what[:listed].copy(),
    )  # fmt: skip
