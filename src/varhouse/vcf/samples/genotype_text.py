"""Genotypes as text, straight from the tape of the walk over the samples."""

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]


_MANY = 22
"""Codes below are of one digit, or missing."""

DIGITS = np.frombuffer(b"..00112233445566778899"[:_MANY], np.uint8)
LEAD = 1 << 30
"""Bit of a first allele on the tape that has a phase mark of its own before it (VCF 4.4)."""
MARKS = np.frombuffer(b"/|" * (_MANY // 2), np.uint8)


@nb.njit(cache=True, nogil=True)
def write_allele(out, w, allele):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Write an allele's number (-1: missing) of at most eight digits; gives the new end."""
    if allele < 0:
        out[w] = 46
        return w + 1
    power = 1
    while allele // power > 9 and power < 10_000_000:
        power *= 10
    while power:
        out[w] = 48 + allele // power % 10
        power //= 10
        w += 1
    return w


@nb.njit(cache=True, nogil=True)
def _write(values, cut, begin, steps, places, n_samples, out, end, bits):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write the genotypes of records that have some; gives bytes and nulls.

    Parameters
    ----------
    steps, places
        For each record, how many fields a sample has on the tape, and which is GT.
    """
    w = 0
    x = 0
    nulls = 0
    for r in range(begin.size):
        p, step = begin[r] + places[r], steps[r]
        for _ in range(n_samples):
            a, b = np.int64(cut[p]), np.int64(cut[p + 1])
            p += step
            one = two = np.uint32(_MANY)
            if b - a == 2:
                one, two = np.uint32(values[a]), np.uint32(values[a + 1])
            if one < _MANY and two < _MANY:
                out[w] = DIGITS[one]
                out[w + 1] = MARKS[two]
                out[w + 2] = DIGITS[two]
                w += 3
            elif a == b:
                bits[x >> 3] &= ~np.uint8(1 << (x & 7))
                nulls += 1
            else:
                for j in range(a, b):
                    value = np.int64(values[j])
                    if j > a or value & LEAD:
                        out[w] = 124 if value & 1 else 47
                        w += 1
                    w = write_allele(out, w, ((value & ~LEAD) >> 1) - 1)
            x += 1
            end[x] = w
    return w, nulls


def write_genotypes(
    values: Int32s, cut: Int32s, begin: Ints, steps: Ints, places: Ints, n_samples: int
) -> pa.Array:
    """Write genotypes as text, null where a sample has none.

    Parameters
    ----------
    values, cut
        The tape (`cells.Tape`): for each allele (number + 1) << 1 | phased, as in BCF
        (section 6.3.3 of the specification), and LEAD where a text begins with a mark.
    begin, steps, places
        int64[r]: for each record its first field, how many fields a sample has, and which
        of them is GT.

    Returns
    -------
    string array of r * n_samples cells
    """
    n = begin.size * n_samples
    end = np.zeros(n + 1, np.int32)
    bits = np.full((n + 7) // 8, 255, np.uint8)
    # A number of at most eight digits and a separator for each allele; what is not used
    # is never touched, and so costs nothing.
    out = np.empty(9 * values.size + 3, np.uint8)
    w, nulls = _write(values, cut, begin, steps, places, n_samples, out, end, bits)
    buffers = [pa.py_buffer(bits) if nulls else None, pa.py_buffer(end), pa.py_buffer(out[:w])]
    return pa.Array.from_buffers(pa.string(), n, buffers, nulls)
