"""SHA-512 of many short messages in compiled code (FIPS 180-4, sections 4 to 6).

`hashlib` takes most of its time for a message of 150 bytes to make a Python object of it;
here the messages are built and digested in place.
"""

from math import isqrt

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]

BLOCK = 128
"""Bytes of a block; a message ends with a byte 128, zeros, and its bits in 16 bytes."""

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


@njit(cache=True, nogil=True)
def _rotate(x: np.uint64, n: int) -> np.uint64:
    return (x >> np.uint64(n)) | (x << np.uint64(64 - n))


@njit(cache=True, nogil=True)
def _first(e: np.uint64, f: np.uint64, g: np.uint64, h: np.uint64, k: np.uint64) -> np.uint64:
    s1 = _rotate(e, 14) ^ _rotate(e, 18) ^ _rotate(e, 41)
    return h + s1 + (g ^ (e & (f ^ g))) + k


@njit(cache=True, nogil=True)
def _second(a: np.uint64, b: np.uint64, c: np.uint64) -> np.uint64:
    s0 = _rotate(a, 28) ^ _rotate(a, 34) ^ _rotate(a, 39)
    return s0 + ((a & b) | (c & (a | b)))


@njit(cache=True, nogil=True)
def _block(message: Bytes, at: int, state: Words, w: Words) -> None:
    """Take one block into the state; `w` is room for 80 words."""
    one = np.uint64(1)
    for k in range(16):
        x = np.uint64(0)
        for j in range(8):
            x = (x << np.uint64(8)) | np.uint64(message[np.uint64(at + 8 * k + j)])
        w[np.uint64(k)] = x
    # Unsigned indices: no test for those that count from the end.
    for k in range(16, 80):
        t = np.uint64(k)
        x, y = w[t - np.uint64(15)], w[t - np.uint64(2)]
        s0 = _rotate(x, 1) ^ _rotate(x, 8) ^ (x >> np.uint64(7))
        s1 = _rotate(y, 19) ^ _rotate(y, 61) ^ (y >> np.uint64(6))
        w[t] = w[t - np.uint64(16)] + s0 + w[t - np.uint64(7)] + s1
    a, b, c, d = state[0], state[1], state[2], state[3]
    e, f, g, h = state[4], state[5], state[6], state[7]
    for r in range(10):
        # Eight rounds a turn: the words move by name, not by value.
        t = np.uint64(8 * r)
        x = _first(e, f, g, h, _K[t] + w[t])
        d, h = d + x, x + _second(a, b, c)
        t += one
        x = _first(d, e, f, g, _K[t] + w[t])
        c, g = c + x, x + _second(h, a, b)
        t += one
        x = _first(c, d, e, f, _K[t] + w[t])
        b, f = b + x, x + _second(g, h, a)
        t += one
        x = _first(b, c, d, e, _K[t] + w[t])
        a, e = a + x, x + _second(f, g, h)
        t += one
        x = _first(a, b, c, d, _K[t] + w[t])
        h, d = h + x, x + _second(e, f, g)
        t += one
        x = _first(h, a, b, c, _K[t] + w[t])
        g, c = g + x, x + _second(d, e, f)
        t += one
        x = _first(g, h, a, b, _K[t] + w[t])
        f, b = f + x, x + _second(c, d, e)
        t += one
        x = _first(f, g, h, a, _K[t] + w[t])
        e, a = e + x, x + _second(b, c, d)
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e
    state[5] += f
    state[6] += g
    state[7] += h


@njit(cache=True, nogil=True)
def sha512t24u(message: Bytes, n: int, out: Bytes, at: int, state: Words, w: Words) -> None:
    """Write the digest of a message as 32 letters: base64url of its first 24 bytes.

    Parameters
    ----------
    message
        The message in the first `n` bytes, and room behind it for the end of the last
        block: (n + 17 rounded up to whole blocks) bytes in all.
    out, at
        The letters go to `out[at : at + 32]`.
    state, w
        Room for 8 and 80 words.
    """
    last = (n + 16) // BLOCK * BLOCK
    message[n] = 128
    for j in range(n + 1, last + BLOCK):
        message[j] = 0
    bits = 8 * n
    for j in range(8):
        message[last + BLOCK - 1 - j] = (bits >> (8 * j)) & 255
    for j in range(8):
        state[j] = _START[j]
    for first in range(0, last + BLOCK, BLOCK):
        _block(message, first, state, w)
    # 24 bytes are three words: each group of three bytes is four letters.
    for g in range(8):
        three = 0
        for j in range(3 * g, 3 * g + 3):
            byte = (state[j // 8] >> np.uint64(56 - 8 * (j % 8))) & np.uint64(255)
            three = (three << 8) | int(byte)
        for j in range(4):
            out[at + 4 * g + j] = _LETTERS[(three >> (18 - 6 * j)) & 63]
