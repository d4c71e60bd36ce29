"""Arrow columns from the buffers that kernels fill."""

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.vcf.text.decimals import FLOAT_MISSING, INT_MISSING
from varhouse.vcf.text.spans import copy_spans

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]


@nb.njit(cache=True, nogil=True)
def _validity(values, missing):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give Arrow's validity bits of values that may be `missing`, and how many are."""
    n = values.size
    bits = np.zeros((n + 7) // 8, np.uint8)
    nulls = 0
    for b in range(n // 8):
        byte = np.uint8(0)
        for j in range(8):
            byte |= np.uint8(values[8 * b + j] != missing) << np.uint8(j)
        bits[b] = byte
        if byte != 255:
            for j in range(8):
                nulls += values[8 * b + j] == missing
    for k in range(n // 8 * 8, n):
        if values[k] == missing:
            nulls += 1
        else:
            bits[k >> 3] |= np.uint8(1 << (k & 7))
    return bits, nulls


def _bits(values: Int32s, missing: int) -> tuple[pa.Buffer | None, int]:
    bits, nulls = _validity(values, np.int32(missing))
    return (pa.py_buffer(bits) if nulls else None), nulls


def flag_column(flags: npt.NDArray[np.bool_]) -> pa.Array:
    """Make a bool column."""
    bits = np.packbits(flags, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), flags.size, [None, pa.py_buffer(bits)], 0)


def number_column(values: Int32s, *, real: bool) -> pa.Array:
    """Make a column of int32, or of float32 from its bits, without a copy.

    Missing values hold `decimals.INT_MISSING` or `FLOAT_MISSING`.
    """
    missing = int(FLOAT_MISSING if real else INT_MISSING)
    bits, nulls = _bits(values, missing)
    kind = pa.float32() if real else pa.int32()
    return pa.Array.from_buffers(kind, values.size, [bits, pa.py_buffer(values)], nulls)


def double_column(values: npt.NDArray[np.float64], valid: npt.NDArray[np.bool_]) -> pa.Array:
    """Make a column of float64, null where a value is not valid."""
    # From buffers, because `pa.array` of a numpy array imports pandas where there is one.
    bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(pa.float64(), values.size, [bits, pa.py_buffer(values)])


@nb.njit(cache=True, nogil=True)
def _collect(tape, at, many):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Bring the values of one key together: (offsets, values)."""
    n = at.size
    offset = np.zeros(n + 1, np.int32)
    for k in range(n):
        offset[k + 1] = offset[k] + max(many[k], 0)
    out = np.empty(offset[n], np.int32)
    for k in range(n):
        w, a = offset[k], at[k]
        for j in range(many[k]):
            out[w + j] = tape[a + j]
    return offset, out


def join_lists(offset: Int32s, values: pa.Array, many: Int32s) -> pa.Array:
    """Make lists of values that stand one after another; `many` is -1 for none."""
    bits, nulls = _bits(many, -1)
    return pa.Array.from_buffers(
        pa.list_(values.type),
        many.size,
        [bits, pa.py_buffer(offset)],
        nulls,
        children=[values],
    )


def list_column(tape: Int32s, at: Ints, many: Int32s, *, real: bool) -> pa.Array:
    """Make a column of lists; `many` is -1 where there is none."""
    offset, values = _collect(tape, at, many)
    return join_lists(offset, number_column(values, real=real), many)


@nb.njit(cache=True, nogil=True)
def _split(text, at, many, separator):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Cut spans at a separator: (offsets of the lists, starts and sizes of the pieces).

    The size of a missing piece (`.`) is -1.
    """
    n = at.size
    offset = np.zeros(n + 1, np.int32)
    for k in range(n):
        pieces = 0
        if many[k] >= 0:
            pieces = 1
            for j in range(at[k], at[k] + many[k]):
                pieces += text[j] == separator
        offset[k + 1] = offset[k] + pieces
    start = np.empty(offset[n], np.int64)
    size = np.empty(offset[n], np.int32)
    w = 0
    for k in range(n):
        if many[k] < 0:
            continue
        a = at[k]
        end = a + many[k]
        for j in range(a, end + 1):
            if j == end or text[j] == separator:
                start[w] = a
                size[w] = -1 if j - a == 1 and text[a] == 46 else j - a
                w += 1
                a = j + 1
    return offset, start, size


def _is_utf8(offset: Int32s, data: Bytes) -> bool:
    """Tell whether every string is UTF-8: all of them together, and none begun in another."""
    try:
        data.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return False
    begins = data[offset[:-1][np.diff(offset) > 0]]
    return not bool((begins & 0xC0 == 0x80).any())


def text_array(text: Bytes, at: Ints, many: Int32s, *, split: str | None = None) -> pa.Array:
    """Copy spans of a text into a column of strings, or of lists of strings.

    Parameters
    ----------
    text
        uint8[bytes].
    at, many
        int64[n], int32[n]: start and bytes of each span; -1 bytes are null.
    split
        A character to cut the spans at; a piece that is `.` is null.

    Bytes that are not UTF-8 become U+FFFD.
    """
    if split is not None:
        offset, start, size = _split(text, at, many, ord(split))
        return join_lists(offset, text_array(text, start, size), many)
    bits, nulls = _bits(many, -1)
    offset, data, ascii_only = copy_spans(text, at, many)
    buffers = [bits, pa.py_buffer(offset), pa.py_buffer(data)]
    if not ascii_only and not _is_utf8(offset, data):
        array = pa.Array.from_buffers(pa.binary(), at.size, buffers, nulls)
        return pa.array(
            [None if v is None else v.decode("utf-8", "replace") for v in array.to_pylist()],
            pa.string(),
        )
    return pa.Array.from_buffers(pa.string(), at.size, buffers, nulls)
