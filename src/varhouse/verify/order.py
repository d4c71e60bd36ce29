"""Whether rows ascend by some columns, each compared only where those before it are equal."""

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.verify.rowhash import bytes_of, ends_of, is_text, numbers_of, validity

Steps = npt.NDArray[np.int8]
"""Of each row but the first: 1 behind the one before, 0 equal so far, -1 before it."""


@nb.njit(cache=True, nogil=True)
def _compare_texts(text, ends, place, steps):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(steps.size):
        if steps[i] != 0:
            continue
        p, q = place[i], place[i + 1]
        if p == q:
            continue
        a, b = ends[p], ends[q]
        size_a, size_b = ends[p + 1] - a, ends[q + 1] - b
        step = np.sign(size_b - size_a)
        for k in range(min(size_a, size_b)):
            if text[a + k] != text[b + k]:
                step = 1 if text[a + k] < text[b + k] else -1
                break
        steps[i] = step


@nb.njit(cache=True, nogil=True)
def _compare_numbers(values, valid, steps):  # type: ignore[no-untyped-def]  # pragma: no cover
    for i in range(steps.size):
        if steps[i] != 0:
            continue
        # Nulls come first.
        if valid.size and not (valid[i] and valid[i + 1]):
            steps[i] = np.int8(valid[i + 1]) - np.int8(valid[i])
            continue
        if values[i] != values[i + 1]:
            steps[i] = 1 if values[i] < values[i + 1] else -1


def _compare(array: Any, steps: Steps) -> None:
    if pa.types.is_dictionary(array.type):
        place = numbers_of(array.indices).astype(np.int64)
        texts = array.dictionary
        _compare_texts(bytes_of(texts), ends_of(texts), place, steps)
    elif is_text(array.type):
        place = np.arange(len(array), dtype=np.int64)
        _compare_texts(bytes_of(array), ends_of(array), place, steps)
    else:
        _compare_numbers(numbers_of(array), validity(array), steps)


def compare_rows(columns: list[Any]) -> Steps:
    """Compare each row with the one before, by columns of arrow arrays.

    Returns
    -------
    int8[rows - 1]
        1 where a row is behind the one before it, 0 where they are equal, -1 where it
        should have come first.
    """
    steps = np.zeros(max(len(columns[0]) - 1, 0), np.int8)
    for array in columns:
        if (steps == 0).any():
            _compare(array, steps)
    return steps


def scalar_key(columns: list[Any], row: int) -> tuple[tuple[bool, Any], ...]:
    """Give the values of a row in a form that sorts as rows do: nulls first, text by bytes."""
    values = [array[row].as_py() for array in columns]
    return tuple(
        (v is not None, v.encode() if isinstance(v, str) else v if v is not None else 0)
        for v in values
    )
