# mypy: disable-error-code="arg-type,assignment,no-untyped-def,operator,unused-ignore"
# The types of compiled code are numba's: mypy sees a number become another kind of number.
"""Numbers of BCF as text, letter by letter as htslib writes them, and what that text says.

Text has six digits of a Float (`%g`). Whoever reads a BCF as text therefore reads a rounded
value, and so does whoever reads it here: `rounded` gives it without the text.
"""

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.bcf.records import u32

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

FLOAT_MISSING, FLOAT_END = np.int64(0x7F800001), np.int64(0x7F800002)
"""Bits of a Float that is missing, and of the end of a vector."""

GAP = 16
"""Bytes that are left for a number whose text is made later; `%g` takes 13 at most."""

_POWERS = 10 ** np.arange(10, dtype=np.int64)
_TENS = 10.0 ** np.arange(23)
_EXACT_TENS = 22
"""Powers of ten up to this one are doubles."""

_EXACT_PLACES = 12
"""24 bits times 10**12 fit in the 53 of a double: 12 * log2(5) is below 29."""

_SCALES = 2.0 ** (np.arange(255) - 150)
"""Weight of the last digit of a float32 by its exponent."""

_PLACES = np.array([5 - int(np.floor((e - 127) * np.log10(2))) for e in range(255)], np.int64)
"""Decimals of a float32 with six digits by its exponent; one less from 10**n on."""

_QUICK = np.append((_PLACES > 0) & (_PLACES <= _EXACT_PLACES), [False])
_QUICK_TENS = np.where(_QUICK, _TENS[np.append(_PLACES, 0).clip(1, 22)], 0.0)
_QUICK_TENTHS = np.where(_QUICK, _TENS[np.append(_PLACES, 0).clip(1, 22) - 1], 0.0)
"""By exponent 10**`_PLACES`, and a tenth of it, where every product is exact; else 0."""

_MARGIN = 1e-6
"""How near to half a digit a product must not come to be rounded without a doubt.

It is below 10**6 and wrong by less than 2**-50 of that.
"""


@nb.njit(cache=True, nogil=True)
def float_of(bits):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the value of a float32 with these bits."""
    exponent, digits = (bits >> 23) & 255, bits & 0x7FFFFF
    if exponent == 255:
        value = np.nan if digits else np.inf
    elif exponent:
        value = np.float64(digits | 0x800000) * _SCALES[exponent]
    else:
        value = np.float64(digits) * _SCALES[1]
    return -value if bits >> 31 else value


@nb.njit(cache=True, nogil=True)
def _six_digits(size, exponent):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Round a float32 above 0 to six digits, as %g does: (digits, decimals, whether sure).

    Parameters
    ----------
    size, exponent
        The value as a double, and its exponent in the 32 bits.

    Where the product with the power of ten is exact, ties go to even as in the C library;
    elsewhere a product close to a tie is not sure.
    """
    places = _PLACES[exponent]
    for _ in range(2):
        if places > _EXACT_TENS or places < -_EXACT_TENS:
            return np.int64(0), places, False
        scaled = size * _TENS[places] if places >= 0 else size / _TENS[-places]
        if scaled < 1e6:
            break
        places -= 1
    whole = np.rint(scaled)
    sure = 0 <= places <= _EXACT_PLACES or abs(abs(scaled - whole) - 0.5) > _MARGIN
    # What is just below 10**n has its seventh digit rounded up to it.
    sure &= scaled >= 99999.0
    return np.int64(whole), places, sure


@nb.njit(cache=True, nogil=True)
def rounded(bits):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give what the text of a float32 with these bits says: (double, whether sure)."""
    exponent = (bits >> 23) & 255
    value = float_of(bits)
    if exponent == 255 or value == 0:
        return value, True
    whole, places, sure = _six_digits(abs(value), exponent)
    if not sure:
        return value, False
    # Both are doubles, and so their quotient or product is the double nearest to the text.
    size = whole / _TENS[places] if places >= 0 else whole * _TENS[-places]
    return -size if value < 0 else size, True


@nb.njit(cache=True, nogil=True, error_model="numpy")
def round_all(values, bits, unsure):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Put what their text says for float32 numbers that may be missing.

    Parameters
    ----------
    values, bits
        float32[n], int32[n]: the same memory.
    unsure
        int64[m]: gets the places of the first m whose text must be made; these stay as
        they are.

    Returns
    -------
    int
        How many there are.
    """
    n = 0
    for w in range(values.size):
        exponent = np.uint8((bits[w] >> 23) & 255)
        tens = _QUICK_TENS[exponent]
        value = np.float64(values[w])
        # No branch that depends on the digits: half of them would be guessed wrong.
        power = tens if abs(value) * tens < 1e6 else _QUICK_TENTHS[exponent]
        size = np.rint(abs(value) * power) / power
        if tens > 0:
            values[w] = np.copysign(size, value)
            continue
        its_bits = np.int64(bits[w]) & 0xFFFFFFFF
        if its_bits == FLOAT_MISSING:
            continue
        value, sure = rounded(its_bits)
        if sure:
            values[w] = value
        else:
            if n < unsure.size:
                unsure[n] = w
            n += 1
    return n


@nb.njit(cache=True, nogil=True)
def put_integer(out, w, value):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write a whole number; gives where it ends."""
    if value < 0:
        out[w] = 45
        w += 1
        value = -value
    digits = 1
    while digits < 10 and value >= _POWERS[digits]:
        digits += 1
    for j in range(digits - 1, -1, -1):
        out[w + j] = 48 + value % 10
        value //= 10
    return w + digits


@nb.njit(cache=True, nogil=True)
def _put_fraction(out, w, rest, places):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write a point and so many decimals, without zeros at their end; gives where it ends."""
    if rest == 0:
        return w
    out[w] = 46
    w += 1
    while rest % 10 == 0:
        rest //= 10
        places -= 1
    for j in range(places - 1, -1, -1):
        out[w + j] = 48 + rest % 10
        rest //= 10
    return w + places


@nb.njit(cache=True, nogil=True)
def _put_float(out, w, bits):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write a finite float32 with six digits, as %g does; -1 where that is not sure."""
    value = float_of(bits)
    if value == 0:
        if bits >> 31:
            out[w] = 45
            w += 1
        out[w] = 48
        return w + 1
    whole, places, sure = _six_digits(abs(value), (bits >> 23) & 255)
    if not sure:
        return np.int64(-1)
    if whole == 1_000_000:
        whole, places = np.int64(100_000), places - 1
    if bits >> 31:
        out[w] = 45
        w += 1
    # The exponent of the first digit: %g writes it below -4 and from 6 digits on.
    power = 5 - places
    if -5 < power < 6:
        front = whole // _POWERS[places] if places < 10 else np.int64(0)
        w = put_integer(out, w, front)
        return _put_fraction(out, w, whole - front * _POWERS[places], places)
    w = put_integer(out, w, whole // 100_000)
    w = _put_fraction(out, w, whole % 100_000, np.int64(5))
    out[w] = 101
    out[w + 1] = 45 if power < 0 else 43
    power = abs(power)
    out[w + 2] = 48 + power // 10
    out[w + 3] = 48 + power % 10
    return w + 4


@nb.njit(cache=True, nogil=True)
def put_number(data, i, out, w, odd, n_odd):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the float at `i`, or leave a gap for it: (end, -1 for too many gaps; gaps)."""
    bits = u32(data, i)
    if bits == FLOAT_MISSING:
        out[w] = 46
        return w + 1, n_odd
    if (bits >> 23) & 255 == 255:
        if bits >> 31:
            out[w] = 45
            w += 1
        nan = bits & 0x7FFFFF
        out[w] = 110 if nan else 105
        out[w + 1] = 97 if nan else 110
        out[w + 2] = 110 if nan else 102
        return w + 3, n_odd
    end = _put_float(out, w, bits)
    if end < 0:
        if n_odd == odd.shape[0]:
            return np.int64(-1), n_odd
        odd[n_odd, 0] = w
        odd[n_odd, 1] = i
        for j in range(GAP):
            out[w + j] = 0
        return w + GAP, n_odd + 1
    return end, n_odd


def u32s(data: Bytes, at: Ints) -> Ints:
    """Read little-endian numbers of four bytes."""
    parts = data[at[:, None] + np.arange(4)].astype(np.int64)
    numbers: Ints = parts @ (np.int64(1) << np.array([0, 8, 16, 24]))
    return numbers


def fill_gaps(data: Bytes, out: Bytes, odd: Ints) -> bytes:
    """Write the numbers that were not sure into their gaps, and close what is left.

    Parameters
    ----------
    odd
        int64[n, 2]: where each gap is in `out`, and its float in `data`.
    """
    values = u32s(data, odd[:, 1]).astype(np.uint32).view(np.float32)
    texts = [b"%g" % value for value in values.tolist()]
    out[odd[:, :1] + np.arange(GAP)] = (
        np.array(texts, f"S{GAP}").view(np.uint8).reshape(-1, GAP)
    )
    written: bytes = out[out != 0].tobytes()
    return written


def read_back(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give what the text of floats says, the slow way."""
    return np.array([float(b"%g" % value) for value in values.tolist()], np.float32)
