"""Numbers in text, for compiled loops: exact, and most of them without a loop.

A Float is the double that is nearest to the text, then the float32 that is nearest to
the double: what htslib's strtod and cast give. A decimal of at most 15 digits is exact as
one whole number divided by a power of ten, both below 2^53 (Clinger 1990: the quotient is
correctly rounded). The few others are left to the caller, who converts them together.
"""

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from varhouse.tables.loads import address_of, load1, load8
from varhouse.vcf.text.simd import lowest
from varhouse.vcf.text.spans import copy_spans

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

INT_MISSING = np.int32(-(2**31))
"""Marks a missing Integer in a buffer, as in BCF; no Integer has this value."""

FLOAT_MISSING = np.int32(0x7F800001)
"""Bits of a missing Float, as in BCF: a NaN that no text gives."""

INT_LOW, INT_HIGH = -(2**31) + 8, 2**31 - 1
"""Bounds of an Integer (VCF 4.3 and later, section 1.3: eight values are reserved)."""

BAD, EXACT, NEAR = 0, 1, 2
"""What a text is: no number, a number whose value is exact, or one whose value is near."""

ROOM = 48
"""Bytes that must follow the start of a number for the fast way to look at it."""

_TENS = 10.0 ** np.arange(23)
_WHOLE_TENS = 10 ** np.arange(16, dtype=np.int64)
_DIGITS = np.uint64(0x0F0F0F0F0F0F0F0F)
_PAIRS, _FOURS = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
_BY_10, _BY_100 = np.uint64(10 * 2**8 + 1), np.uint64(100 * 2**16 + 1)
_BY_10000 = np.uint64(10000 * 2**32 + 1)
_8, _16, _32 = np.uint64(8), np.uint64(16), np.uint64(32)
_LOW16, _BIT16, _ONE = np.uint64(0xFFFF), np.uint64(0x10000), np.uint64(1)
_EXACT_LIMIT = 2**53


@intrinsic
def _classes16(_context: Any, text: Any, at: Any) -> Any:
    """Tell what each of text[at:at + 16] is.

    Bit j of the result: byte j ends a number (`,` `;` `:` or a control character); bit
    16 + j: it is a point; bit 32 + j: it is a digit.
    """

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = address_of(context, builder, signature, args)
        kind = ir.VectorType(ir.IntType(8), 16)
        v = builder.load(builder.bitcast(address, kind.as_pointer()), align=1)

        def all_of(value: int) -> Any:
            return ir.Constant(kind, [value] * 16)

        def bits(found: Any, shift: int) -> Any:
            word = builder.zext(builder.bitcast(found, ir.IntType(16)), ir.IntType(64))
            return builder.shl(word, ir.Constant(ir.IntType(64), shift))

        stop = builder.icmp_unsigned("<", v, all_of(32))
        for byte in b",;:":
            stop = builder.or_(stop, builder.icmp_unsigned("==", v, all_of(byte)))
        point = builder.icmp_unsigned("==", v, all_of(46))
        digit = builder.icmp_unsigned("<", builder.sub(v, all_of(48)), all_of(10))
        return builder.or_(builder.or_(bits(stop, 0), bits(point, 16)), bits(digit, 32))

    return types.uint64(text, types.int64), code


@intrinsic
def bits_of(_context: Any, value: Any) -> Any:
    """Round a double to float32 and give its bits as an int32."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.fptrunc(args[0], ir.FloatType()), ir.IntType(32))

    return types.int32(types.float64), code


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _eight(word):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read a word of eight digits; zero bytes at its low end count as zeros."""
    word = word & _DIGITS
    word = ((word * _BY_10) >> _8) & _PAIRS
    word = ((word * _BY_100) >> _16) & _FOURS
    return np.int64((word * _BY_10000) >> _32)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _leading(text, at, n):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read text[at:at + n], 1 to 8 digits."""
    return _eight(load8(text, at) << np.uint64(64 - 8 * n))


@nb.njit(cache=True, nogil=True, error_model="numpy")
def quick_integer(text, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read an Integer of at most 8 digits at text[i:], which goes no further than `e`.

    Returns (where it ends, its value); the end is -1 if it takes more than a look. The
    caller proves that i + ROOM <= text.size, and gives the address of the text.
    """
    negative = load1(text, i) == 45
    a = i + 1 if negative else i
    classes = _classes16(text, a)  # type: ignore[call-arg, var-annotated]
    n = lowest((classes & _LOW16) | _BIT16)
    below = (_ONE << np.uint64(n)) - _ONE
    if n < 1 or n > 8 or ((classes >> _32) & below) != below or a + n > e:
        return np.int64(-1), np.int64(0)
    value = _leading(text, a, n)
    return np.int64(a + n), -value if negative else value


@nb.njit(cache=True, nogil=True, error_model="numpy")
def quick_float(text, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read a Float of at most 15 characters and no exponent, as `quick_integer` does."""
    negative = load1(text, i) == 45
    a = i + 1 if negative else i
    classes = _classes16(text, a)  # type: ignore[call-arg, var-annotated]
    n = lowest((classes & _LOW16) | _BIT16)
    below = (_ONE << np.uint64(n)) - _ONE
    point = (classes >> _16) & below
    before = min(lowest(point | _BIT16), n)
    after = n - before - 1 if before < n else 0
    if (
        n > 15
        or before + after < 1
        or before > 8
        or after > 14
        or (((classes >> _32) & below) | (_ONE << np.uint64(before))) & below != below
        or a + n > e
    ):
        return np.int64(-1), 0.0
    number = _leading(text, a, before) if before else np.int64(0)
    if after > 8:
        b = a + before + 1
        number = number * _WHOLE_TENS[after] + (
            _eight(load8(text, b)) * _WHOLE_TENS[after - 8] + _leading(text, b + 8, after - 8)
        )
    elif after:
        number = number * _WHOLE_TENS[after] + _leading(text, a + before + 1, after)
    value = number / _TENS[after]
    return np.int64(a + n), -value if negative else value


@nb.njit(cache=True, nogil=True)
def parse_integer(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read text[a:b] as an Integer: (BAD or EXACT, its value)."""
    i = a
    negative = i < b and text[i] == 45
    if i < b and (text[i] == 45 or text[i] == 43):
        i += 1
    if i == b:
        return BAD, np.int64(0)
    value = np.int64(0)
    while i < b:
        c = np.int64(text[i]) - 48
        if c < 0 or c > 9:
            return BAD, np.int64(0)
        value = min(value * 10 + c, np.int64(2**40))
        i += 1
    if negative:
        value = -value
    if value < INT_LOW or value > INT_HIGH:
        return BAD, np.int64(0)
    return EXACT, value


@nb.njit(cache=True, nogil=True)
def _same_word(text, a, b, word):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Compare text[a:b] with a lower-case word, whatever its case."""
    if b - a != len(word):
        return False
    same = True
    for j in range(b - a):
        same = same and (text[a + j] | 32) == word[j]
    return same


_NAN, _INF, _INFINITY = (np.frombuffer(w, np.uint8) for w in (b"nan", b"inf", b"infinity"))


@nb.njit(cache=True, nogil=True)
def parse_float(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Read text[a:b] as a Float: (BAD, EXACT or NEAR, its value).

    VCF 4.3, section 1.3: decimals with or without an exponent, and INF, INFINITY or NAN
    in any case; before or after the point the digits may lack, as strtod has it.
    """
    i = a
    negative = i < b and text[i] == 45
    if i < b and (text[i] == 45 or text[i] == 43):
        i += 1
    number, exponent, digits, dropped = np.int64(0), np.int64(0), 0, False
    point = False
    while i < b:
        c = np.int64(text[i])
        if 48 <= c <= 57:
            digits += 1
            if number < 10**17:
                number = number * 10 + (c - 48)
                exponent -= 1 if point else 0
            else:
                dropped = dropped or c != 48
                exponent += 0 if point else 1
        elif c == 46 and not point:
            point = True
        else:
            break
        i += 1
    if digits == 0:
        value = np.nan
        if not point and (_same_word(text, i, b, _INF) or _same_word(text, i, b, _INFINITY)):
            value = np.inf
        elif point or not _same_word(text, i, b, _NAN):
            return BAD, 0.0
        return EXACT, -value if negative else value
    if i < b:
        if text[i] | 32 != 101 or i + 1 == b:
            return BAD, 0.0
        i += 1
        down = text[i] == 45
        if text[i] == 45 or text[i] == 43:
            i += 1
        if i == b:
            return BAD, 0.0
        power = np.int64(0)
        while i < b:
            c = np.int64(text[i]) - 48
            if c < 0 or c > 9:
                return BAD, 0.0
            power = min(power * 10 + c, np.int64(10**9))
            i += 1
        exponent += -power if down else power
    if number == 0:
        return EXACT, -0.0 if negative else 0.0
    state = NEAR
    if -22 <= exponent <= 22:
        value = number / _TENS[-exponent] if exponent < 0 else number * _TENS[exponent]
        if number <= _EXACT_LIMIT and not dropped:
            state = EXACT
    else:
        value = number * 10.0**exponent if exponent > -300 else 0.0
    return state, -value if negative else value


def exact_floats(text: Bytes, start: Ints, end: Ints) -> npt.NDArray[np.float64]:
    """Convert spans that `parse_float` found NEAR to the nearest doubles."""
    offset, data, _ = copy_spans(text, start, (end - start).astype(np.int32))
    array = pa.StringArray.from_buffers(start.size, pa.py_buffer(offset), pa.py_buffer(data))
    # Arrow wants no plus before a number.
    array = pc.utf8_ltrim(array, "+")
    try:
        cast = pc.cast(array, pa.float64())
        return np.frombuffer(cast.buffers()[1], np.float64, len(cast)).copy()
    except pa.ArrowInvalid:
        # A value beyond the doubles: infinity, as strtod gives.
        return np.array([float(v) for v in array.to_pylist()])
