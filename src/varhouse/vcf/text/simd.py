"""Many bytes of text at once: unaligned loads and comparisons for compiled loops.

Each function loads whole words from an array without a check of its bounds: the caller
proves that they lie inside. The comparisons are written as vectors, which the compiler
turns into the widest instructions that the processor has.
"""

from typing import Any

import numba as nb
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from varhouse.tables.loads import address_of, ones

_INT, _LONG = ir.IntType(32), ir.IntType(64)


def _splat(builder: Any, value: Any, count: int) -> Any:
    vector = ir.Constant(ir.VectorType(value.type, count), ir.Undefined)
    vector = builder.insert_element(vector, value, ir.Constant(_INT, 0))
    zeros = ir.Constant(ir.VectorType(_INT, count), [0] * count)
    return builder.shuffle_vector(vector, vector, zeros)


def _differ(builder: Any, address: Any, value: Any, count: int, operator: str) -> Any:
    kind = ir.VectorType(value.type, count)
    loaded = builder.load(builder.bitcast(address, kind.as_pointer()), align=1)
    found = builder.icmp_unsigned(operator, loaded, _splat(builder, value, count))
    bits = builder.bitcast(found, ir.IntType(count))
    return bits if count == 64 else builder.zext(bits, _LONG)


@intrinsic
def _same64(_context: Any, text: Any, at: Any, byte: Any) -> Any:
    """Compare text[at:at + 64] with a byte: bit j is set where byte j is that byte."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = address_of(context, builder, signature, args)
        return _differ(builder, address, args[2], 64, "==")

    return types.uint64(text, types.int64, types.uint8), code


@intrinsic
def _other16(_context: Any, text: Any, at: Any, word: Any) -> Any:
    """Compare sixteen words of four bytes: bit j is set where word j is another."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = address_of(context, builder, signature, args)
        return _differ(builder, address, args[2], 16, "!=")

    return types.uint64(text, types.int64, types.uint32), code


@intrinsic
def _lowest(_context: Any, bits: Any) -> Any:
    """Find the lowest set bit (64 if none is)."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), code


# numba's own annotation of an intrinsic names the arguments of its compiler, not the
# caller's.
same64: Any = _same64
other16: Any = _other16
lowest: Any = _lowest
__all__ = ["find_byte", "lowest", "ones", "other16", "same64"]


@nb.njit(cache=True, nogil=True)
def find_byte(text, at, end, byte):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find a byte in text[at:end]; `end` if it is not there."""
    i = at
    while i + 64 <= end:
        bits = same64(text, i, byte)
        if bits:
            return i + lowest(bits)
        i += 64
    while i < end and text[i] != byte:
        i += 1
    return i
