"""Distinct names in columns of text, found by compiled code: contigs, keys, filters."""

import numba as nb
import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


@nb.njit(cache=True, nogil=True)
def hash_span(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Hash text[a:b] (FNV-1a, 64 bits)."""
    h = np.uint64(14695981039346656037)
    for j in range(a, b):
        h = (h ^ np.uint64(text[j])) * np.uint64(1099511628211)
    return h


@nb.njit(cache=True, nogil=True)
def _find(text, a, b, names, at, slots):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give the number of a name in the table, -1 if it is not there."""
    mask = np.uint64(slots.size - 1)
    slot = hash_span(text, a, b) & mask
    while slots[slot] >= 0:
        k = slots[slot]
        if at[k + 1] - at[k] == b - a:
            same = True
            for j in range(b - a):
                if names[at[k] + j] != text[a + j]:
                    same = False
                    break
            if same:
                return k
        slot = (slot + np.uint64(1)) & mask
    return -1


@nb.njit(cache=True, nogil=True)
def _number(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    text, start, end, begin, ids, names, at, slots
):
    """Give spans from `begin` on their numbers; stop at the first unknown one."""
    for k in range(begin, start.size):
        if k and end[k] - start[k] == end[k - 1] - start[k - 1] and ids[k - 1] >= 0:
            same = True
            for j in range(end[k] - start[k]):
                if text[start[k] + j] != text[start[k - 1] + j]:
                    same = False
                    break
            if same:
                ids[k] = ids[k - 1]
                continue
        ids[k] = _find(text, start[k], end[k], names, at, slots)
        if ids[k] < 0:
            return k
    return start.size


@nb.njit(cache=True, nogil=True)
def _unknown_key(  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    text, start, end, begin, names, at, slots
):
    """Find the first key of INFO columns that is not in the table: (row, start, end)."""
    for k in range(begin, start.size):
        a, i = start[k], start[k]
        key_end = -1
        while i <= end[k]:
            if i == end[k] or text[i] == 59:
                b = key_end if key_end >= 0 else i
                if b > a and _find(text, a, b, names, at, slots) < 0:
                    return k, a, b
                a, key_end = i + 1, -1
            elif text[i] == 61 and key_end < 0:
                key_end = i
            i += 1
    return start.size, 0, 0


class Names:
    """Distinct byte strings in the order of their first appearance."""

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self._text = np.empty(1024, np.uint8)
        self._at = np.zeros(65, np.int64)
        self._slots = np.full(128, -1, np.int64)

    def add(self, name: bytes) -> int:
        """Add a name that is not there yet; give its number."""
        n = len(self.names)
        self.names.append(name)
        end = int(self._at[n]) + len(name)
        if end > self._text.size:
            self._text = np.concatenate([self._text, np.empty(end, np.uint8)])
        self._text[int(self._at[n]) : end] = np.frombuffer(name, np.uint8)
        if n + 2 > self._at.size:
            self._at = np.concatenate([self._at, np.zeros(self._at.size, np.int64)])
        self._at[n + 1] = end
        if 2 * (n + 1) > self._slots.size:
            self._slots = np.full(2 * self._slots.size, -1, np.int64)
            for k in range(n):
                self._place(k)
        self._place(n)
        return n

    def _place(self, k: int) -> None:
        mask = self._slots.size - 1
        slot = int(hash_span(self._text, self._at[k], self._at[k + 1])) & mask
        while self._slots[slot] >= 0:
            slot = (slot + 1) & mask
        self._slots[slot] = k

    def number(self, text: Bytes, start: Ints, end: Ints) -> Ints:
        """Give each span of a text its number, adding new names; int64[n]."""
        ids = np.empty(start.size, np.int64)
        k = 0
        while True:
            k = _number(text, start, end, k, ids, self._text, self._at, self._slots)
            if k >= start.size:
                return ids
            self.add(text[start[k] : end[k]].tobytes())

    def add_keys(self, text: Bytes, start: Ints, end: Ints) -> None:
        """Add the keys of INFO columns."""
        k = 0
        while True:
            k, a, b = _unknown_key(text, start, end, k, self._text, self._at, self._slots)
            if k >= start.size:
                return
            self.add(text[a:b].tobytes())

    def packed(self) -> tuple[Bytes, Ints]:
        """Give all names end to end, and where each starts (n + 1 offsets)."""
        return self._text, self._at
