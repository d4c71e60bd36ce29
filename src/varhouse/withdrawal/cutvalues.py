"""Values of INFO and of sample cells of a record of which some ALTs go, compiled.

Lists with a value for each ALT, each allele or each genotype keep those of the alleles that
stay. A list that is not as long as its Number says tells nothing of any allele: it becomes
missing, and is counted.
"""

import numpy as np
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
    Rules,
    copy_span,
    count_values,
    find_rule,
    make_rules,
)
from varhouse.normalise.samplecells import PLAIN, ploidy_of
from varhouse.normalise.split import local_fields
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.reserved import all_reserved

_TAB, _COMMA, _DOT, _COLON, _SLASH, _BAR = 9, 44, 46, 58, 47, 124
_ZERO, _NINE = 48, 57
_NO_ALLELE = 1 << 40
_OF_ALLELES = "A", "R", "G"
_OF_COPIES = "CNL", "CNP"
"""Likelihoods of copy numbers, Number=G in VCF 4.3 and later: of no allele (section 4)."""
MISSING = 9
"""Kind of a field beside those of `normalise.info`: made missing."""


def rules_of(header: Header, field: str) -> Rules:
    """Make the table of the keys of `INFO` or `FORMAT` whose values belong to alleles.

    The header decides; where it says nothing or any number (`.`) the reserved keys do, those
    of VCF 4.3 in older files, too.
    """
    known = all_reserved(field, max(header.version or 3, 3))
    found = {name: key.number for name, key in known.items()}
    found |= {n: x for (kind, n), x in header.numbers.items() if kind == field and x != "."}
    of_alleles = {n: x for n, x in found.items() if x in _OF_ALLELES and n not in _OF_COPIES}
    rows = [(name.encode(), number, False) for name, number in of_alleles.items()]
    if field == "INFO":
        return make_rules(rows)
    special = [(b"GT", "GT", False), *local_fields(header.numbers), (b"BCSQ", "A", False)]
    own = {key for key, _, _ in special}
    rules = make_rules([*special, *(r for r in rows if r[0] not in own)])
    # Its bits are places among the entries of INFO/BCSQ, which goes (see `cutentries`).
    rules.number[len(special) - 1] = MISSING
    return rules


@njit(cache=True, nogil=True)
def _write_kept(text, a, b, first, flags, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the values of a list for which a flag stands; value `first` has the first flag."""
    begin, k = w, -first
    i = a
    while i <= b:
        j = i
        while j < b and text[j] != _COMMA:
            j += 1
        if k < 0 or flags[k]:
            if w > begin:
                out[w] = _COMMA
                w += 1
            w = copy_span(text, i, j, out, w)
        k += 1
        i = j + 1
    if w == begin:
        out[w] = _DOT
        w += 1
    return w


@njit(cache=True, nogil=True)
def _kept_genotypes(ploidy, n_values, flags):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell which genotypes have alleles that stay only: bool[n_values].

    In the order of VCF 4.3, section 1.6.2: the alleles of a genotype ascend, and the last
    changes least.
    """
    kept = np.empty(n_values, np.bool_)
    alleles = np.zeros(ploidy, np.int64)
    for v in range(n_values):
        stays = True
        for allele in alleles:
            stays &= allele == 0 or flags[allele - 1]
        kept[v] = stays
        j = 0
        alleles[0] += 1
        while j < ploidy - 1 and alleles[j] > alleles[j + 1]:
            alleles[j] = 0
            j += 1
            alleles[j] += 1
    return kept


@njit(cache=True, nogil=True)
def write_list(text, a, b, kind, flags, out, w, lost):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the values text[a:b] of the alleles that stay, from `w` of `out` on.

    Parameters
    ----------
    kind
        OF_ALT, OF_ALL or OF_GENOTYPES.
    flags
        bool[ALTs]: those that stay.
    lost
        int64[1]: lists that became missing.
    """
    if b == a or (b - a == 1 and text[a] == _DOT):
        return copy_span(text, a, b, out, w)
    n_values = count_values(text, a, b)
    if kind == OF_ALT and n_values == flags.size:
        return _write_kept(text, a, b, 0, flags, out, w)
    if kind == OF_ALL and n_values == flags.size + 1:
        return _write_kept(text, a, b, 1, flags, out, w)
    if kind == OF_GENOTYPES:
        ploidy = ploidy_of(n_values, flags.size) if flags.size else int(n_values == 1)
        if ploidy > 0:
            kept = _kept_genotypes(ploidy, n_values, flags)
            return _write_kept(text, a, b, 0, kept, out, w)
    lost[0] += 1
    out[w] = _DOT
    return w + 1


@njit(cache=True, nogil=True)
def _write_gt(text, a, b, number, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy a GT, the ALTs by their new numbers; what is no number of an ALT stays."""
    i = a
    while i <= b:
        j, allele, is_number = i, 0, True
        while j < b and text[j] != _SLASH and text[j] != _BAR:
            if _ZERO <= text[j] <= _NINE:
                if allele < _NO_ALLELE:
                    allele = allele * 10 + int(text[j]) - _ZERO
            else:
                is_number = False
            j += 1
        if is_number and 0 < allele <= number.size:
            w = _write_number(number[allele - 1], out, w)
        else:
            w = copy_span(text, i, j, out, w)
        if j < b:
            out[w] = text[j]
            w += 1
        i = j + 1
    return w


@njit(cache=True, nogil=True)
def _write_number(value, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a new number of an ALT; 0, of one that goes, is missing."""
    if value == 0:
        out[w] = _DOT
        return w + 1
    return write_int(value, out, w)


@njit(cache=True, nogil=True)
def write_int(value, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a number that is not negative."""
    size, rest = 1, value // 10
    while rest:
        size += 1
        rest //= 10
    for j in range(size - 1, -1, -1):
        out[w + j] = _ZERO + value % 10
        value //= 10
    return w + size


@njit(cache=True, nogil=True)
def _local_alts(text, a, b, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read LAA text[a:b]: the numbers of the local ALTs; 0 for what is none."""
    if b == a or (b - a == 1 and text[a] == _DOT):
        return np.zeros(0, np.int64)
    out = np.zeros(count_values(text, a, b), np.int64)
    k, value = 0, 0
    for j in range(a, b + 1):
        if j == b or text[j] == _COMMA:
            out[k] = value if 0 < value <= n_alt else 0
            k += 1
            value = 0
        elif _ZERO <= text[j] <= _NINE and value >= 0:
            value = min(value * 10 + int(text[j]) - _ZERO, _NO_ALLELE)
        else:
            value = -1
    return out


@njit(cache=True, nogil=True)
def _write_laa(text, a, b, local, number, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy LAA: those ALTs that stay, by their new numbers."""
    begin, i = w, a
    for k in range(local.size):
        j = i
        while j < b and text[j] != _COMMA:
            j += 1
        if local[k] == 0 or number[local[k] - 1] > 0:
            if w > begin:
                out[w] = _COMMA
                w += 1
            if local[k] == 0:
                w = copy_span(text, i, j, out, w)
            else:
                w = write_int(number[local[k] - 1], out, w)
        i = j + 1
    if w == begin:
        out[w] = _DOT
        w += 1
    return w


@njit(cache=True, nogil=True)
def read_form(text, a, b, rules):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Look up the keys of FORMAT text[a:b]: int64[keys] of their rules, -1 for none."""
    n = 1
    for j in range(a, b):
        n += text[j] == _COLON
    form = np.empty(n, np.int64)
    k, start = 0, a
    for j in range(a, b + 1):
        if j == b or text[j] == _COLON:
            form[k] = find_rule(rules, text, start, j)
            k += 1
            start = j + 1
    return form


@njit(cache=True, nogil=True)
def _laa_of(text, a, b, form, rules, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the local ALTs of the cell text[a:b], wherever LAA stands in it."""
    i = a
    for k in range(form.size):
        j = i
        while j < b and text[j] != _COLON:
            j += 1
        if form[k] >= 0 and rules.number[form[k]] == LOCAL:
            return _local_alts(text, i, j, n_alt)
        i = j + 1
        if i > b:
            break
    return np.zeros(0, np.int64)


@njit(cache=True, nogil=True)
def write_cell(text, a, b, form, rules, flags, number, has_local, out, w, lost):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the sample cell text[a:b] with the values of the alleles that stay.

    Parameters
    ----------
    form
        See `read_form`.
    flags, number
        bool[ALTs], int64[ALTs]: those that stay, and their new numbers from 1 (0: goes).
    has_local
        Whether FORMAT has LAA.
    """
    local = _laa_of(text, a, b, form, rules, flags.size) if has_local else number[:0]
    near = np.empty(local.size, np.bool_)
    for k in range(local.size):
        near[k] = local[k] == 0 or flags[local[k] - 1]
    i, k = a, 0
    while i <= b:
        j = i
        while j < b and text[j] != _COLON:
            j += 1
        rule = form[k] if k < form.size else -1
        kind = rules.number[rule] if rule >= 0 else PLAIN
        if kind == GENOTYPE:
            w = _write_gt(text, i, j, number, out, w)
        elif kind == LOCAL:
            w = _write_laa(text, i, j, local, number, out, w) if j > i else w
        elif kind == OF_LOCAL_ALT:
            w = write_list(text, i, j, OF_ALT, near, out, w, lost)
        elif kind == OF_LOCAL:
            w = write_list(text, i, j, OF_ALL, near, out, w, lost)
        elif kind == OF_LOCAL_GENOTYPES:
            w = write_list(text, i, j, OF_GENOTYPES, near, out, w, lost)
        elif kind == PLAIN or j == i:
            w = copy_span(text, i, j, out, w)
        elif kind == MISSING:
            out[w] = _DOT
            w += 1
        else:
            w = write_list(text, i, j, kind, flags, out, w, lost)
        if j < b:
            out[w] = _COLON
            w += 1
        i = j + 1
        k += 1
    return w
