"""The coding of numbers in cells: what is as expected is one bit, the rest are residuals.

It is the one coding below `integers`, `decimals` (numbers times a power of ten) and `texts`
(numbers in a dictionary). A cell holds any number of values. Of each record the usual number
of values and, for each of the first four of them, the most frequent value are written; a cell
that has just what is expected costs a bit. Every other cell writes each value as what it
differs from a prediction, of which the writer chooses the kind that costs least.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import StoreError
from varhouse.genotypes.calls import Bools, Int32, Int64
from varhouse.genotypes.codec.streams import Streams
from varhouse.genotypes.codec.varints import (
    DAMAGED,
    get_varint,
    put_varint,
    unzigzag,
    zigzag,
)
from varhouse.genotypes.fields import INT_MISSING, Bytes

CLASSES = 4
"""Values of a cell with streams and predictions of their own; the last is for all further."""

ZERO, RECORD, BEFORE, REST = range(4)
"""Predictions of a value: 0; the record's most frequent; this person's in the record before;
what the last value of a cell lacks to the sum that cells have."""

HEAD, MASK, WIDTH, VALUES = range(4)
STREAMS = VALUES + 2 * CLASSES
"""Streams: heads of records, mask, number of values, and a low and a high byte a class."""

ESCAPE, NOTHING = 254, 255
"""As last byte of a value: a varint follows; it is `.`."""

_HUGE = np.int64(1) << 33


class Cells(NamedTuple):
    """Values of one field: cell c = record * people + person has those from cut[c] on.

    `has`: bool[n], the records whose FORMAT names the field.
    """

    values: Int32
    cut: Int32
    has: Bools


class Plan(NamedTuple):
    """What the writer chose: prediction of each class, whether two bytes a value, the sum."""

    predict: Int64
    wide: Int64
    total: int
    ragged: int


@nb.njit(cache=True, nogil=True)
def _majority(values, cut, first, people, at):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Vote for the most frequent value number `at` of a record, or width of cells (-1)."""
    best, votes = np.int64(0), 0
    for c in range(first, first + people):
        width = np.int64(cut[c + 1] - cut[c])
        if at >= width and at >= 0:
            continue
        v = width if at < 0 else np.int64(values[cut[c] + at])
        if votes == 0:
            best, votes = v, 1
        else:
            votes += 1 if v == best else -1
    return best


@nb.njit(cache=True, nogil=True)
def _heads(values, cut, has, people):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Usual width + 1 (0: no such field), most frequent values: int32[n, 1 + CLASSES]."""
    head = np.zeros((has.size, 1 + CLASSES), np.int32)
    for r in range(has.size):
        if has[r]:
            head[r, 0] = _majority(values, cut, r * people, people, -1) + 1
            for k in range(CLASSES):
                head[r, 1 + k] = _majority(values, cut, r * people, people, k)
    return head


@nb.njit(cache=True, nogil=True, inline="always")
def _expected(kind, i, width, mode, before, rest):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Predict value number i of a cell of `width` values."""
    if kind == ZERO:
        return np.int64(0)
    if kind == BEFORE:
        return np.int64(before)
    if kind == REST and i == width - 1:
        return np.int64(rest)
    return np.int64(mode)


@nb.njit(cache=True, nogil=True)
def _cost(v, p):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Estimate bits of a value v of which p was expected."""
    if v == p:
        return 0.5
    if v == INT_MISSING:
        return 6.0
    d = abs(v) if p == INT_MISSING else abs(v - p)
    return 3.0 + 2.0 * np.log2(1.0 + d) if d < 4 else 4.0 + np.log2(1.0 + d)


@nb.njit(cache=True, nogil=True)
def _costs(values, cut, head, people, step, total):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Estimate what each prediction costs each class, on every step-th person.

    Returns (cost [CLASSES, 4 predictions], values a class, of these far from 0 or the mode).
    """
    cost = np.zeros((CLASSES, 4))
    count = np.zeros(CLASSES, np.int64)
    far = np.zeros((CLASSES, 4), np.int64)
    before = np.zeros((people, CLASSES), np.int64)
    for r in range(head.shape[0]):
        if head[r, 0] == 0:
            continue
        for s in range(r % step, people, step):
            c = r * people + s
            width = cut[c + 1] - cut[c]
            rest = np.int64(total)
            for i in range(min(width, 64)):
                v = np.int64(values[cut[c] + i])
                k = min(i, CLASSES - 1)
                count[k] += 1
                for kind in range(4):
                    p = _expected(kind, i, width, head[r, 1 + k], before[s, k], rest)
                    cost[k, kind] += _cost(v, p)
                    if v != INT_MISSING:
                        d = v if p == INT_MISSING else v - p
                        far[k, kind] += d > 126 or d < -126
                if v != INT_MISSING:
                    rest -= v
                    if i < CLASSES:
                        before[s, i] = v
    return cost, count, far


@nb.njit(cache=True, nogil=True)
def _usual_sum(values, cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Vote for the most frequent sum of the values of a cell."""
    best, votes = np.int64(0), 0
    for c in range(cut.size - 1):
        if cut[c + 1] - cut[c] < 2:
            continue
        v = np.int64(0)
        for i in range(cut[c], cut[c + 1]):
            v += values[i]
        if votes == 0:
            best, votes = v, 1
        else:
            votes += 1 if v == best else -1
    return best


def plan(cells: Cells, head: Int32, people: int) -> Plan:
    """Choose predictions by an estimate on about 4,096 cells of all records and people."""
    total = int(_usual_sum(cells.values, cells.cut))
    total = total if abs(total) < 2**31 - 8 else 0
    step = max(1, people * head.shape[0] // 4096)
    cost, count, far = _costs(cells.values, cells.cut, head, people, min(step, people), total)
    predict = cost.argmin(1).astype(np.int64)
    wide = far[np.arange(CLASSES), predict] * 50 > count
    width = np.diff(cells.cut).reshape(-1, people)
    usual = np.maximum(head[:, :1] - 1, 0)
    return Plan(predict, wide.astype(np.int64), total, int((width != usual).any()))


@nb.njit(cache=True, nogil=True)
def _put_value(out, w, k, wide, v, p):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Write value v of class k as what it differs from p."""
    s = VALUES + 2 * k
    z = np.int64(-1) if v == INT_MISSING else zigzag(v if p == INT_MISSING else v - p)
    byte = NOTHING if z < 0 else (z >> 8 if wide else z)
    if z >= 0 and byte >= ESCAPE:
        out[s, w[s]] = ESCAPE
        w[s] = put_varint(out[s], w[s] + 1, z)
    else:
        out[s, w[s]] = byte
        w[s] += 1
    if wide:
        out[s + 1, w[s + 1]] = 0 if z < 0 or byte >= ESCAPE else z & 255
        w[s + 1] += 1


@nb.njit(cache=True, nogil=True)
def _encode(values, cut, head, people, predict, wide, total, ragged, mask, out, w):  # type: ignore[no-untyped-def]  # pragma: no cover
    before = np.zeros((people, CLASSES), np.int32)
    m = 0
    for r in range(head.shape[0]):
        if head[r, 0] == 0:
            continue
        usual = head[r, 0] - 1
        for s in range(people):
            a, b = cut[r * people + s], cut[r * people + s + 1]
            same = b - a == usual
            rest = np.int64(total)
            for i in range(b - a):
                if not same:
                    break
                k = min(i, CLASSES - 1)
                v = np.int64(values[a + i])
                same = v == _expected(predict[k], i, b - a, head[r, 1 + k], before[s, k], rest)
                rest -= 0 if v == INT_MISSING else v
            mask[m] = same
            m += 1
            if not same and ragged:
                w[WIDTH] = put_varint(out[WIDTH], w[WIDTH], b - a)
            rest = np.int64(total)
            for i in range(b - a):
                k = min(i, CLASSES - 1)
                v = np.int64(values[a + i])
                if not same:
                    p = _expected(predict[k], i, b - a, head[r, 1 + k], before[s, k], rest)
                    _put_value(out, w, k, wide[k], v, p)
                if v != INT_MISSING:
                    rest -= v
                    if i < CLASSES:
                        before[s, i] = v
    return m


def encode_cells(cells: Cells, people: int) -> tuple[Plan, list[Bytes]]:
    """Code the cells of a field.

    Parameters
    ----------
    people
        Cells a record.

    Returns
    -------
    (Plan, list of uint8[])
        What a reader must know, and `STREAMS` streams.
    """
    head = _heads(cells.values, cells.cut, cells.has, people)
    chosen = plan(cells, head, people)
    mask = np.zeros(int(cells.has.sum()) * people, np.bool_)
    room = 6 * max(cells.values.size, cells.cut.size) + 8
    out = np.empty((STREAMS, room), np.uint8)
    w = np.zeros(STREAMS, np.int64)
    _encode(cells.values, cells.cut, head, people, *chosen, mask, out, w)
    streams = [out[k, : w[k]] for k in range(STREAMS)]
    # Numbers of one kind together: records differ less in one than kinds do in a record.
    streams[HEAD] = np.ascontiguousarray(head.T).view(np.uint8).reshape(-1)
    streams[MASK] = np.packbits(mask)
    return chosen, streams


@nb.njit(cache=True, nogil=True)
def _get_value(data, r, end, k, wide, p):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read a value of class k: (value, whether all is well)."""
    s = VALUES + 2 * k
    if r[s] >= end[s] or (wide and r[s + 1] >= end[s + 1]):
        return np.int64(0), False
    z = np.int64(data[r[s]])
    r[s] += 1
    low = np.int64(0)
    if wide:
        low = np.int64(data[r[s + 1]])
        r[s + 1] += 1
    if z == NOTHING:
        return np.int64(INT_MISSING), True
    if z == ESCAPE:
        z, r[s] = get_varint(data, r[s], end[s])
        if r[s] == DAMAGED:
            return z, False
    elif wide:
        z = z * 256 + low
    v = unzigzag(z) + (0 if p == INT_MISSING else p)
    return v, -_HUGE < v < _HUGE


@nb.njit(cache=True, nogil=True)
def _decode(data, at, head, people, predict, wide, total, ragged, mask, values, cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Undo `_encode`; gives the number of values, or DAMAGED."""
    r, end = at[:-1].copy(), at[1:]
    before = np.zeros((people, CLASSES), np.int32)
    m = v_at = np.int64(0)
    c = 0
    for k in range(head.shape[0]):
        for s in range(people):
            cut[c] = v_at
            c += 1
            if head[k, 0] == 0:
                continue
            width = np.int64(head[k, 0] - 1)
            same = mask[m]
            m += 1
            if not same and ragged:
                width, r[WIDTH] = get_varint(data, r[WIDTH], end[WIDTH])
                if r[WIDTH] == DAMAGED:
                    return np.int64(DAMAGED)
            if v_at + width > values.size:
                return np.int64(DAMAGED)
            rest = np.int64(total)
            for i in range(width):
                kind = min(i, CLASSES - 1)
                v = _expected(
                    predict[kind], i, width, head[k, 1 + kind], before[s, kind], rest
                )
                if not same:
                    v, well = _get_value(data, r, end, kind, wide[kind], v)
                    if not well:
                        return np.int64(DAMAGED)
                values[v_at + i] = v
                if v != INT_MISSING:
                    rest -= v
                    if i < CLASSES:
                        before[s, i] = v
            v_at += width
    cut[c] = v_at
    return v_at


def decode_cells(streams: Streams, chosen: Plan, n: int, people: int, n_values: int) -> Cells:
    """Undo `encode_cells`, for a field of n records with `n_values` values.

    Raises
    ------
    StoreError
        The streams are not those of such a field.
    """
    data, at = streams
    if at.size <= STREAMS or at[1] != n * (1 + CLASSES) * 4:
        raise StoreError("a block of FORMAT fields is damaged: heads of its records")
    head = data[: at[1]].view(np.int32).reshape(1 + CLASSES, n).T.copy()
    n_mask = int((head[:, 0] > 0).sum()) * people
    packed = data[at[MASK] : at[MASK + 1]]
    if (head[:, 0] < 0).any() or packed.size != (n_mask + 7) // 8:
        raise StoreError("a block of FORMAT fields is damaged: its mask has another length")
    mask: npt.NDArray[np.bool_] = np.unpackbits(packed, count=n_mask).view(np.bool_)
    values = np.zeros(n_values, np.int32)
    cut = np.zeros(n * people + 1, np.int32)
    found = _decode(data, at[: STREAMS + 1], head, people, *chosen, mask, values, cut)
    if found != n_values:
        raise StoreError("a block of FORMAT fields is damaged: its values are not all there")
    return Cells(values, cut, head[:, 0] > 0)
