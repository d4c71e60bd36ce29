# mypy: disable-error-code="assignment,call-arg,no-untyped-def,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""How many values a field has: by its Number, the ALT alleles and the ploidy (1.4.2)."""

import numba as nb
import numpy as np

from varhouse.vcf.account.faults import Fault, note_fault
from varhouse.vcf.header.keys import TOLD, Number
from varhouse.vcf.samples.layout import GENOTYPE

_NUMBER = int(Fault.SAMPLE_NUMBER)
_COUNT = int(Fault.SAMPLE_COUNT)
_LAA, _LAA_ORDER = int(Fault.LAA_VALUE), int(Fault.LAA_ORDER)
_LAA_CALLED = int(Fault.LAA_CALLED)
_FIXED, _A, _R, _G = int(Number.FIXED), int(Number.A), int(Number.R), int(Number.G)
_LA, _LR, _LG = int(Number.LA), int(Number.LR), int(Number.LG)
_P = int(Number.P)
_NO_LIMIT, _FAR = 2**62, np.int64(2**40)


@nb.njit(cache=True, nogil=True)
def fits_number(number, fixed, n, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a key may have `n` values in a record with `n_alt` ALT alleles.

    A record whose ALT is `.` may give one value for it. The ploidy of Number=G is that of
    the samples, which INFO does not tell: any up to 16 will do.
    """
    if number == _FIXED:
        return n == fixed
    if number == _A:
        return n == max(n_alt, 1)
    if number == _R:
        return n == n_alt + 1 or (n_alt == 0 and n == 2)
    if number == _G:
        ways = 1
        for ploidy in range(1, 17):
            ways = ways * (n_alt + ploidy) // ploidy
            if ways >= n:
                return ways == n
        return False
    return True


@nb.njit(cache=True, nogil=True)
def _ways(alleles, ploidy):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count genotypes of a ploidy (VCF 4.5 section 1.6.2, at GL)."""
    ways = 1
    for j in range(1, ploidy + 1):
        ways = ways * (alleles - 1 + j) // j
        if ways > 2**40:
            break
    return ways


@nb.njit(cache=True, nogil=True)
def _check_laa(text, a, e, n_alt, gt, gt_end, k, s, key, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Check the values text[a:e] of LAA against ALT, and against the GT text[gt:gt_end].

    "A list of n distinct integers, giving the 1-based indices of the ALT alleles that are
    observed in the sample", which also gives "the order in which they are interpreted"
    (VCF 4.5, section 1.6.2): any order is legal. What is no number is a fault of its own.
    """
    listed = np.zeros(n_alt + 1, np.bool_)
    last = np.int64(0)
    rises = True
    i = a
    while i < e and not (e - a == 1 and text[a] == 46):
        value = np.int64(0)
        digits = 0
        while i < e and 48 <= text[i] <= 57:
            value = min(value * 10 + text[i] - 48, _FAR)
            digits += 1
            i += 1
        if digits == 0 or (i < e and text[i] != 44):
            return
        if value < 1 or value > n_alt or listed[value]:
            note_fault(count, first, _LAA, k, a, e, key, s)
            return
        rises = rises and value > last
        listed[value] = True
        last = value
        i += 1
    if not rises:
        note_fault(count, first, _LAA_ORDER, k, a, e, key, s)
    value = np.int64(0)
    for j in range(gt, gt_end + 1):
        if j < gt_end and 48 <= text[j] <= 57:
            value = min(value * 10 + text[j] - 48, _FAR)
            continue
        if 0 < value <= n_alt and not listed[value]:
            note_fault(count, first, _LAA_CALLED, k, a, e, key, s)
            return
        value = np.int64(0)


@nb.njit(cache=True, nogil=True)
def check_numbers(
    text, a, e, k, s, n_alt, ploidy, f0, nf, layouts, local, local_ref, count, first
):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Check how many values each field of the cell from `a` has, and note those at fault."""
    own = np.int64(-1)
    gt = gt_end = np.int64(0)
    has_gt = False
    for f in range(nf):
        has_gt = has_gt or layouts.kind[f0 + f] == GENOTYPE
    for turn in range(0 if local >= 0 else 1, 2):
        i = a
        f = 0
        while f < nf:
            begin = i
            n = 1
            while i < e and text[i] != 9 and text[i] != 58:
                n += text[i] == 44
                i += 1
            missing = i - begin == 0 or (i - begin == 1 and text[begin] == 46)
            if turn == 0:
                if layouts.kind[f0 + f] == GENOTYPE:
                    gt, gt_end = begin, i
                if f == local:
                    own = np.int64(0) if missing else np.int64(max(n - local_ref, 0))
                    if local_ref == 0:
                        _check_laa(
                            text,
                            begin,
                            i,
                            n_alt,
                            gt,
                            gt_end,
                            k,
                            s,
                            layouts.key[f0 + f],
                            count,
                            first,
                        )
            elif not missing:
                number, fixed = layouts.number[f0 + f], layouts.fixed[f0 + f]
                good = True
                if number == _LA:
                    good = own < 0 or n == own
                elif number == _LR:
                    good = own < 0 or n == own + 1
                elif number == _LG:
                    good = own < 0 or (
                        fits_number(_G, fixed, n, own)
                        if ploidy == 0
                        else n == _ways(own + 1, ploidy)
                    )
                elif number == _P:
                    good = not has_gt or ploidy == 0 or n == ploidy
                elif number == _G and ploidy:
                    # Without GT two are assumed (section 1.6.2). Where ALT is missing,
                    # callers give what they had for one.
                    good = n == _ways(n_alt + 1, ploidy) or (
                        n_alt == 0 and n == _ways(2, ploidy)
                    )
                else:
                    good = fits_number(number, fixed, n, n_alt)
                also = layouts.also[f0 + f]
                good = good or also == 0 or also == n
                if not good and layouts.kind[f0 + f] != GENOTYPE:
                    fault = _COUNT if also == TOLD - n else _NUMBER
                    note_fault(count, first, fault, k, begin, i, layouts.key[f0 + f], s)
            if i >= e or text[i] == 9:
                break
            i += 1
            f += 1


@nb.njit(cache=True, nogil=True)
def wanted_counts(layouts, f0, nf, n_alt, local, wanted, lows, highs):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Fill in how many values each field of a record has when all is plain: -1 for any.

    -2 asks for a look at each cell. Returns whether the ploidy matters.
    """
    by_ploidy = False
    for f in range(nf):
        number = layouts.number[f0 + f]
        by_ploidy = by_ploidy or number in (_G, _P, _LG)
        if number == _FIXED:
            wanted[f] = layouts.fixed[f0 + f]
        elif number == _A:
            wanted[f] = max(n_alt, 1)
        elif number == _R:
            wanted[f] = n_alt + 1
        elif number == _G:
            wanted[f] = (n_alt + 1) * (n_alt + 2) // 2
        elif number == _P:
            wanted[f] = 2
        elif number in (_LA, _LR, _LG):
            wanted[f] = -2
        else:
            wanted[f] = -1
        if layouts.kind[f0 + f] == GENOTYPE:
            wanted[f] = -1
        if f == local:
            wanted[f] = -2
        low, high = layouts.low[f0 + f], layouts.high[f0 + f]
        lows[f] = np.int64(low) if low > -1e15 else -_NO_LIMIT
        highs[f] = np.int64(high) if high < 1e15 else _NO_LIMIT
    return by_ploidy
