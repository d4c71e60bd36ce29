"""Write the cell of one sample and field as it is for one ALT, compiled.

The rules are those of `split.py`.
"""

from numba import njit

from varhouse.normalise.info import (
    GENOTYPE,
    LOCAL,
    OF_ALL,
    OF_ALT,
    OF_GENOTYPES,
    OF_LOCAL,
    OF_LOCAL_ALT,
    OF_LOCAL_GENOTYPES,
    Bytes,
    Longs,
    copy_span,
)

_COMMA, _DOT, _ZERO, _ONE, _NINE = 44, 46, 48, 49, 57
PLAIN = 0
"""The kind of a field that is copied as it stands."""


@njit(cache=True, nogil=True)
def ploidy_of(n_values: int, n_alt: int) -> int:
    """Give the ploidy at which that many genotypes can be made of REF and the ALTs; or 0."""
    # C(n_alt + p, p) genotypes (VCF 4.3, section 1.6.2); each is a whole number. The two
    # usual ones need no division, which takes longer than all else done to a cell.
    if 2 * n_values == (n_alt + 1) * (n_alt + 2):
        return 2
    if n_values == n_alt + 1:
        return 1
    genotypes, p = 1, 0
    while genotypes < n_values:
        p += 1
        genotypes = genotypes * (n_alt + p) // p
    return p if genotypes == n_values else 0


@njit(cache=True, nogil=True)
def _steps(k: int, m: int) -> int:
    """Give C(k + m - 1, m): the genotypes of m alleles that are all below k."""
    if m <= 2:
        return k if m == 1 else (k * (k + 1)) >> 1
    out = 1
    for i in range(1, m + 1):
        out = out * (k + i - 1) // i
    return out


@njit(cache=True, nogil=True)
def _next_value(text: Bytes, start: int, end: int) -> int:
    """Give the end of the value that starts here."""
    while start < end and text[start] != _COMMA:
        start += 1
    return start


@njit(cache=True, nogil=True)
def _write_genotypes(
    text: Bytes, start: int, end: int, ploidy: int, k: int, out: Bytes, w: int
) -> int:
    """Copy the values of the genotypes of REF and ALT k alone, fewest ALTs first."""
    if ploidy == 0:
        out[w] = _DOT
        return w + 1
    a, at, wanted = start, 0, 0
    for j in range(ploidy + 1):
        if j:
            # One more allele is k: the j last of the sorted alleles (VCF 4.3, 1.6.2).
            wanted += _steps(k, ploidy - j + 1)
            out[w] = _COMMA
            w += 1
        while at < wanted:
            a = _next_value(text, a, end) + 1
            at += 1
        w = copy_span(text, a, _next_value(text, a, end), out, w)
    return w


@njit(cache=True, nogil=True)
def _write_listed(
    text: Bytes, start: int, end: int, kind: int, is_text: bool, k: int, out: Bytes, w: int
) -> int:
    """Copy what belongs to ALT k of a list with Number A or R.

    Lists of numbers that are cut short get missing values, such texts are missing.
    """
    place = k - 1 if kind == OF_ALT else k
    a = start
    for _ in range(place):
        a = _next_value(text, a, end) + 1
        if a > end:
            break
    if a > end and is_text:
        out[w] = _DOT
        return w + 1
    if kind != OF_ALT:
        w = copy_span(text, start, _next_value(text, start, end), out, w)
        out[w] = _COMMA
        w += 1
    if a > end:
        out[w] = _DOT
        return w + 1
    return copy_span(text, a, _next_value(text, a, end), out, w)


@njit(cache=True, nogil=True)
def _write_calls(
    text: Bytes,
    start: int,
    end: int,
    n_alt: int,
    k: int,
    other: int,
    unknown: Longs,
    out: Bytes,
    w: int,
) -> int:
    """Copy a GT: ALT k becomes 1, REF stays, any other allele becomes `other`.

    A number that no ALT has becomes `.`, and is counted in `unknown`.
    """
    j = start
    while j < end:
        c = text[j]
        if c < _ZERO or c > _NINE:
            out[w] = c
            w += 1
            j += 1
            continue
        number = 0
        while j < end and _ZERO <= text[j] <= _NINE:
            # No ALT has a number so large: from there on it only must not come back.
            if number < 1 << 40:
                number = number * 10 + int(text[j]) - _ZERO
            j += 1
        if number == 0:
            out[w] = _ZERO
        elif number > n_alt:
            out[w] = _DOT
            unknown[0] += 1
        else:
            out[w] = _ONE if number == k else other
        w += 1
    return w


@njit(cache=True, nogil=True)
def local_place(text: Bytes, a: int, b: int, k: int) -> tuple[int, int]:
    """Read LAA text[a:b]: (local ALTs, 1-based place of ALT k among them or 0)."""
    n, place, number = 0, 0, 0
    for j in range(a, b + 1):
        if j < b and _ZERO <= text[j] <= _NINE:
            number = min(number * 10 + int(text[j]) - _ZERO, 1 << 40)
        elif j == b or text[j] == _COMMA:
            if number > 0:
                n += 1
                if number == k:
                    place = n
            number = 0
    return n, place


@njit(cache=True, nogil=True)
def write_local(
    text: Bytes,
    a: int,
    b: int,
    n_values: int,
    kind: int,
    n: int,
    place: int,
    bad: Longs,
    out: Bytes,
    w: int,
) -> int:
    """Copy what belongs to REF and to the local ALT at `place` of n (0: to REF alone).

    VCF 4.5, section 1.6.2. A list of another length than LAA says becomes missing and is
    counted in `bad`.
    """
    missing = b == a or (b - a == 1 and text[a] == _DOT)
    fits = not missing
    ploidy = 0
    if kind == LOCAL:
        out[w] = _ONE if place else _DOT
        return w + 1
    if kind == OF_LOCAL_GENOTYPES:
        ploidy = ploidy_of(n_values, n) if n else 1
        fits = fits and ploidy > 0 and (n > 0 or n_values == 1)
    elif kind == OF_LOCAL:
        fits = fits and n_values == n + 1
    else:
        fits = fits and n_values == n
    if not fits or (kind == OF_LOCAL_ALT and place == 0):
        bad[0] += not fits and not missing
        out[w] = _DOT
        return w + 1
    if place == 0:
        # REF, or the genotype of nothing but REF, stands first.
        return copy_span(text, a, _next_value(text, a, b), out, w)
    if kind == OF_LOCAL_GENOTYPES:
        return _write_genotypes(text, a, b, ploidy, place, out, w)
    of = OF_ALT if kind == OF_LOCAL_ALT else OF_ALL
    return _write_listed(text, a, b, of, False, place, out, w)


@njit(cache=True, nogil=True)
def write_cell(
    text: Bytes,
    a: int,
    b: int,
    n_values: int,
    kind: int,
    is_text: bool,
    n_alt: int,
    k: int,
    other: int,
    unknown: Longs,
    out: Bytes,
    w: int,
) -> int:
    """Copy what belongs to REF and ALT k of n_alt in a field of some `kind`; no local one.

    `other` is the byte for any other allele of a GT, `unknown` counts numbers of no ALT.
    """
    if kind == GENOTYPE:
        return _write_calls(text, a, b, n_alt, k, other, unknown, out, w)
    if kind == PLAIN or (kind == OF_GENOTYPES and n_values == 1):
        return copy_span(text, a, b, out, w)
    if kind == OF_GENOTYPES:
        return _write_genotypes(text, a, b, ploidy_of(n_values, n_alt), k, out, w)
    return _write_listed(text, a, b, kind, is_text, k, out, w)
