"""Where the value of a key stands in the text of INFO, compiled."""

import numba as nb
import numpy as np

END = np.frombuffer(b"END", np.uint8)


@nb.njit(cache=True, nogil=True)
def find_info(text, i, e, name):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Give where the value of an INFO key starts, -1 if the key is not there."""
    n = name.size
    while i + n < e:
        same = text[i + n] == 61
        for j in range(n):
            if not same:
                break
            same = text[i + j] == name[j]
        if same:
            return i + n + 1
        while i < e and text[i] != 59:
            i += 1
        i += 1
    return np.int64(-1)
