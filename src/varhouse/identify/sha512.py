"""SHA-512 of many short messages, several at once (FIPS 180-4, sections 4 to 6).

`hashlib` takes most of its time for a message of 150 bytes to make a Python object of it;
here messages are built and digested in place, `LANES` of them in the lanes of vectors, which
the compiler turns into the widest instructions that the processor has.
"""

from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit
from numba.core import types
from numba.extending import intrinsic

from varhouse.tables.loads import load8

Bytes = npt.NDArray[np.uint8]
Longs = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

BLOCK = 128
"""Bytes of a block; a message ends with a byte 128, zeros, and its bits in 16 bytes."""

LANES = 8
"""Messages that are digested at once."""

_MASK = (1 << 64) - 1


def _primes(n: int) -> list[int]:
    found: list[int] = []
    k = 2
    while len(found) < n:
        if all(k % p for p in found):
            found.append(k)
        k += 1
    return found


def _cube_root(n: int) -> int:
    """Give the whole part of the cube root."""
    low, high = 0, 1 << (n.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= n else (low, middle - 1)
    return low


# First 64 bits of the fractions of the cube and square roots of the first primes.
_K = np.array([_cube_root(p << 192) & _MASK for p in _primes(80)], np.uint64)
_START = np.array([isqrt(p << 128) & _MASK for p in _primes(8)], np.uint64)

_LETTERS = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", np.uint8
)
_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, LANES)


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_VECTOR, [int(value)] * LANES)


def _turned(b: Any, x: Any, *steps: int) -> Any:
    """Combine rotations of a vector to the right by exclusive or."""
    parts = [b.or_(b.lshr(x, _splat(n)), b.shl(x, _splat(64 - n))) for n in steps]
    found = parts[0]
    for part in parts[1:]:
        found = b.xor(found, part)
    return found


def _rounds(b: Any, state: list[Any], w: list[Any]) -> list[Any]:
    """Take a block into the state: sections 6.4.2 and 4.1.3, all rounds in a row."""
    a, b_, c, d, e, f, g, h = state
    for t in range(80):
        if t >= 16:
            x, y = w[(t - 15) % 16], w[(t - 2) % 16]
            s0 = b.xor(_turned(b, x, 1, 8), b.lshr(x, _splat(7)))
            s1 = b.xor(_turned(b, y, 19, 61), b.lshr(y, _splat(6)))
            w[t % 16] = b.add(b.add(w[t % 16], s0), b.add(w[(t - 7) % 16], s1))
        choice = b.xor(g, b.and_(e, b.xor(f, g)))
        first = b.add(b.add(h, _turned(b, e, 14, 18, 41)), choice)
        first = b.add(first, b.add(_splat(_K[t]), w[t % 16]))
        most = b.or_(b.and_(a, b_), b.and_(c, b.or_(a, b_)))
        second = b.add(_turned(b, a, 28, 34, 39), most)
        a, b_, c, d, e, f, g, h = b.add(first, second), a, b_, c, b.add(d, first), e, f, g
    after = (a, b_, c, d, e, f, g, h)
    return [b.add(old, new) for old, new in zip(state, after, strict=True)]


@intrinsic
def _compress(_context: Any, state: Any, words: Any) -> Any:
    """Take a block of each lane into the states: uint64[8, LANES] and [16, LANES].

    Both are given by the address of their first word.
    """

    def code(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        def place(address: Any, k: int) -> Any:
            pointer = builder.inttoptr(address, _VECTOR.as_pointer())
            return builder.gep(pointer, [ir.Constant(ir.IntType(32), k)])

        old = [builder.load(place(args[0], k), align=8) for k in range(8)]
        w = [builder.load(place(args[1], k), align=8) for k in range(16)]
        for k, value in enumerate(_rounds(builder, old, w)):
            builder.store(value, place(args[0], k), align=8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), code


@njit(cache=True, nogil=True)
def _swapped(x: np.uint64) -> np.uint64:
    """Turn the bytes of a word around."""
    odd, pair = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0000FFFF0000FFFF)
    x = ((x >> np.uint64(8)) & odd) | ((x & odd) << np.uint64(8))
    x = ((x >> np.uint64(16)) & pair) | ((x & pair) << np.uint64(16))
    return (x >> np.uint64(32)) | (x << np.uint64(32))


@njit(cache=True, nogil=True)
def _put_letters(state: Words, lane: int, out: Bytes, at: int) -> None:
    """Write base64url of the first 24 bytes of a digest: three bytes are four letters."""
    for g in range(8):
        three = 0
        for j in range(3 * g, 3 * g + 3):
            word = state[j // 8, lane]
            three = (three << 8) | int((word >> np.uint64(56 - 8 * (j % 8))) & np.uint64(255))
        for j in range(4):
            out[at + 4 * g + j] = _LETTERS[(three >> (18 - 6 * j)) & 63]


@njit(cache=True, nogil=True)
def sha512t24u(
    messages: Bytes, sizes: Longs, out: Bytes, at: Longs, state: Words, w: Words
) -> None:
    """Write the digests of LANES messages as 32 letters each.

    Parameters
    ----------
    messages
        uint8[LANES, room]: each message in the first bytes of its row, and room behind it
        for the end of the last block: (size + 17 rounded up to whole blocks) bytes in all.
    sizes
        int64[LANES]: bytes of each.
    out, at
        The letters of message k go to `out[at[k] : at[k] + 32]`.
    state, w
        Room for uint64[8, LANES] and uint64[16, LANES].
    """
    most = 0
    for lane in range(LANES):
        n = sizes[lane]
        last = (n + 16) // BLOCK * BLOCK
        most = max(most, last)
        messages[lane, n] = 128
        for j in range(n + 1, last + BLOCK):
            messages[lane, j] = 0
        for j in range(8):
            messages[lane, last + BLOCK - 1 - j] = ((8 * n) >> (8 * j)) & 255
            state[j, lane] = _START[j]
    base, room = messages.ctypes.data, messages.shape[1]
    for first in range(0, most + BLOCK, BLOCK):
        for lane in range(LANES):
            if first < sizes[lane] + 17:
                for t in range(16):
                    w[t, lane] = _swapped(load8(base, lane * room + first + 8 * t))
        _compress(state.ctypes.data, w.ctypes.data)  # type: ignore[call-arg]
        for lane in range(LANES):
            if first == (sizes[lane] + 16) // BLOCK * BLOCK:
                _put_letters(state, lane, out, at[lane])
