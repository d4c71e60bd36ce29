"""Copies of spans of a text, one after another: what a column of strings is made of."""

from typing import Any

import numba as nb
import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from varhouse.tables.loads import address_of, load8

_HIGH = np.uint64(0x8080808080808080)


@intrinsic
def _store8(_context: Any, text: Any, at: Any, word: Any) -> Any:
    """Store a word at text[at:at + 8], for a text that is given by its address."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = address_of(context, builder, signature, args)
        pointer = builder.bitcast(address, ir.IntType(64).as_pointer())
        builder.store(args[2], pointer, align=1)
        return context.get_dummy_value()

    return types.void(text, types.int64, types.uint64), code


@nb.njit(cache=True, nogil=True)
def copy_spans(text, start, size):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Copy spans of a text one after another; a negative size is an empty span.

    Returns (int32[n + 1] offsets, uint8 bytes, whether all are surely ASCII).
    """
    n = start.size
    offset = np.zeros(n + 1, np.int32)
    for k in range(n):
        offset[k + 1] = offset[k] + max(0, size[k])
    # Eight bytes are copied at once; what is too many is overwritten by the next span.
    out = np.empty(offset[n] + 8, np.uint8)
    source, target = text.ctypes.data, out.ctypes.data
    seen = np.uint64(0)
    for k in range(n):
        w, a, left = np.int64(offset[k]), start[k], size[k]
        while left > 0:
            if a + 8 <= text.size:
                word = load8(source, a)
                seen |= word
                _store8(target, w, word)  # type: ignore[call-arg]
            else:
                for j in range(min(left, 8)):
                    out[w + j] = text[a + j]
                    seen |= np.uint64(text[a + j])
            w += 8
            a += 8
            left -= 8
    return offset, out[: offset[n]], seen & _HIGH == np.uint64(0)
