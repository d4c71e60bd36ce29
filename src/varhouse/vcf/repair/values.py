"""Do the values of a key fit another declaration? Else mending the header is a guess."""

from collections.abc import Iterable, Mapping

import numba as nb
import numpy as np

from varhouse.vcf.text.lines import RecordBatch

Declaration = tuple[str, str]
"""Number and Type."""

_TYPES = {"Integer": 0, "Float": 1, "Flag": 2}
_NUMBERS = {"A": -1, "R": -2, "G": -3}
_FREE = -9


@nb.njit(cache=True, nogil=True)
def _alleles(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Count the alleles of an ALT column text[a:b]."""
    if b <= a or (b - a == 1 and text[a] == 46):
        return 0
    n = 1
    for j in range(a, b):
        n += text[j] == 44
    return n


@nb.njit(cache=True, nogil=True)
def _is_typed(text, a, b, kind):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether one value is an Integer (0), a Float (1) or of another type."""
    if kind > 1 or (b - a == 1 and text[a] == 46) or b <= a:
        return True
    j = a
    if text[j] == 45 or text[j] == 43:
        j += 1
    if kind == 1 and b - j >= 3 and (text[j] | 32 == 105 or text[j] | 32 == 110):
        return True
    digits = 0
    while j < b:
        c = text[j]
        if 48 <= c <= 57:
            digits += 1
        elif kind == 0 or c not in (43, 45, 46, 69, 101):
            return False
        j += 1
    return digits > 0


@nb.njit(cache=True, nogil=True)
def _fits(text, a, b, n_alt, number, kind):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a list of values text[a:b] has the type and the number."""
    if b <= a or (b - a == 1 and text[a] == 46):
        return True
    n, first = 1, a
    for j in range(a, b):
        if text[j] == 44:
            if not _is_typed(text, first, j, kind):
                return False
            n += 1
            first = j + 1
    if not _is_typed(text, first, b, kind):
        return False
    if number == -1:
        return n == n_alt
    if number == -2:
        return n == n_alt + 1
    if number == -3:
        return n in (n_alt + 1, (n_alt + 1) * (n_alt + 2) // 2)
    return number < 0 or n == number


@nb.njit(cache=True, nogil=True)
def _info_fits(text, start, end, key, number, kind):  # type: ignore[no-untyped-def]  # pragma: no cover
    for k in range(start.shape[0]):
        a, stop = start[k, 7], min(start[k, 8] - 1, end[k])
        while a < stop:
            b = a
            while b < stop and text[b] != 59:
                b += 1
            same = b - a >= key.size
            for j in range(key.size):
                if not same or text[a + j] != key[j]:
                    same = False
                    break
            at = a + key.size
            if same and at < b and text[at] == 61:
                if kind == 2:
                    return False
                n_alt = _alleles(text, start[k, 4], start[k, 5] - 1)
                if not _fits(text, at + 1, b, n_alt, number, kind):
                    return False
            a = b + 1
    return True


@nb.njit(cache=True, nogil=True)
def _position(text, a, b, key):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the place of a key in a FORMAT column text[a:b], -1 if it is not there."""
    place = 0
    while a < b:
        stop = a
        while stop < b and text[stop] != 58:
            stop += 1
        if stop - a == key.size:
            same = True
            for j in range(key.size):
                if text[a + j] != key[j]:
                    same = False
                    break
            if same:
                return place
        a = stop + 1
        place += 1
    return -1


@nb.njit(cache=True, nogil=True)
def _format_fits(text, start, end, key, number, kind):  # type: ignore[no-untyped-def]  # pragma: no cover
    for k in range(start.shape[0]):
        wanted = _position(text, start[k, 8], min(start[k, 9] - 1, end[k]), key)
        if wanted < 0:
            continue
        n_alt = _alleles(text, start[k, 4], start[k, 5] - 1)
        place, a = 0, start[k, 9]
        for j in range(start[k, 9], end[k] + 1):
            last = j == end[k] or text[j] == 9
            if last or text[j] == 58:
                if place == wanted and not _fits(text, a, j, n_alt, number, kind):
                    return False
                place = 0 if last else place + 1
                a = j + 1
    return True


def unfit_keys(
    batches: Iterable[RecordBatch], wanted: Mapping[tuple[str, str], Declaration]
) -> set[tuple[str, str]]:
    """Find the keys with a value that would break a declaration.

    Parameters
    ----------
    batches
        All records, each with all its columns.
    wanted
        (`INFO` or `FORMAT`, key) to (Number, Type).
    """
    open_keys = {
        key: (
            np.frombuffer(key[1].encode(), np.uint8),
            int(number)
            if number.isascii() and number.isdigit()
            else _NUMBERS.get(number, _FREE),
            _TYPES.get(type_, 3),
        )
        for key, (number, type_) in wanted.items()
    }
    unfit: set[tuple[str, str]] = set()
    for batch in batches:
        for key in list(open_keys):
            name, number, kind = open_keys[key]
            test = _info_fits if key[0] == "INFO" else _format_fits
            if not test(batch.text, batch.start, batch.end, name, number, kind):
                unfit.add(key)
                del open_keys[key]
        if not open_keys:
            break
    return unfit
