"""Bytes and words for compiled loops, and how many bits are set in one.

Bounds of arrays are not checked: the caller proves that what is loaded lies inside.
"""

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

_BYTE, _LONG = ir.IntType(8), ir.IntType(64)


def address_of(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Give the address of text[at]; `text` is an array, or the address of its first byte.

    A compiled function that is given an array counts a reference to it on each call,
    which takes longer than a number takes to read; an address is only a number.
    """
    if isinstance(signature.args[0], types.Integer):
        base = builder.inttoptr(args[0], _BYTE.as_pointer())
        return builder.gep(base, [args[1]])
    array = context.make_array(signature.args[0])(context, builder, args[0])
    base = builder.bitcast(array.data, _BYTE.as_pointer())
    return builder.gep(base, [args[1]])


@intrinsic
def _load1(_context: Any, text: Any, at: Any) -> Any:
    """Load the byte text[at], for a text that is given by its address."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(address_of(context, builder, signature, args))

    return types.uint8(text, types.int64), code


@intrinsic
def _load8(_context: Any, text: Any, at: Any) -> Any:
    """Load text[at:at + 8] as one word, the first byte lowest."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address = address_of(context, builder, signature, args)
        return builder.load(builder.bitcast(address, _LONG.as_pointer()), align=1)

    return types.uint64(text, types.int64), code


@intrinsic
def _ones(_context: Any, bits: Any) -> Any:
    """Count the set bits."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(types.uint64), code


# numba's own annotation of an intrinsic names the arguments of its compiler, not the
# caller's.
load1: Any = _load1
load8: Any = _load8
ones: Any = _ones
