"""INFO: one walk over the text of each record that reads typed values and finds faults.

Keys stand in nearly the same order on every line, so the walk first compares the text
with the key that followed the last time, 32 bytes at once; only another key is looked
up. What a value means is the key's declaration (`keys.KeyTable`). A missing value is
null, never 0, and so is a value that is not of its type, which is a fault too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from varhouse.source.columns import flag_column, list_column, number_column, text_array
from varhouse.source.decimals import (
    BAD,
    FLOAT_MISSING,
    INT_MISSING,
    NEAR,
    ROOM,
    bits_of,
    exact_floats,
    parse_float,
    parse_integer,
    quick_float,
    quick_integer,
)
from varhouse.source.faults import Fault, Faults, note
from varhouse.source.keys import KeyArrays, KeyTable, Kind, Number, find_key
from varhouse.source.lines import RecordBatch
from varhouse.source.words import _address, find_byte, load1, lowest, ones, same64

_WIDTH = 32
"""Bytes of a name (and its `=`) that are compared at once."""

# What becomes of a key's values; plain numbers, because kernels compare them.
_CHECK, _SCALAR, _LIST, _TEXT, _FLAG = 0, 1, 2, 3, 4

_EMPTY, _KEY, _TWICE = int(Fault.INFO_EMPTY), int(Fault.INFO_KEY), int(Fault.INFO_TWICE)
_UNDECLARED, _NO_VALUE = int(Fault.INFO_UNDECLARED), int(Fault.INFO_NO_VALUE)
_FLAG_VALUE, _NUMBER = int(Fault.INFO_FLAG_VALUE), int(Fault.INFO_NUMBER)
_TYPE, _RANGE, _SPACE = int(Fault.INFO_TYPE), int(Fault.INFO_RANGE), int(Fault.INFO_SPACE)
_IS_FLAG, _IS_INTEGER, _IS_FLOAT = int(Kind.FLAG), int(Kind.INTEGER), int(Kind.FLOAT)
_IS_CHARACTER = int(Kind.CHARACTER)
_FIXED, _A, _R, _G = int(Number.FIXED), int(Number.A), int(Number.R), int(Number.G)
_SEMICOLON, _COMMA, _BLANK = np.uint8(59), np.uint8(44), np.uint8(32)
_ONE, _ALL = np.uint64(1), np.uint64(2**64 - 1)
_NEVER = np.uint64(1) << np.uint64(63)


class _Plan(NamedTuple):
    """What to do with each key; the row after the last stands for the start of a line."""

    table: KeyArrays
    packed: npt.NDArray[np.uint8]  # [(n + 1) * _WIDTH]: the name and its `=`
    need: npt.NDArray[np.uint64]  # [n + 1]: bytes of it that must agree, as bits
    role: npt.NDArray[np.int8]  # [n]
    row: npt.NDArray[np.int32]  # [n]: row in the outputs of that role
    strict: bool


class _Out(NamedTuple):
    """Buffers that the walk fills, for n records."""

    cells: npt.NDArray[np.int32]  # [scalar keys, n]
    cell_floats: npt.NDArray[np.float32]  # the same memory
    tape: npt.NDArray[np.int32]  # values of lists, in the order of the text
    tape_floats: npt.NDArray[np.float32]  # the same memory
    at: npt.NDArray[np.int64]  # [list and text keys, n]: start on the tape or in the text
    many: npt.NDArray[np.int32]  # [list and text keys, n]: values or bytes, -1 for none
    flags: npt.NDArray[np.bool_]  # [flag keys, n]
    near: npt.NDArray[np.int64]  # [m, 3]: place and span of Floats to convert exactly
    used: npt.NDArray[np.int64]  # [2]: rows of `near`; values that are near, all keys
    counts: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]


@intrinsic
def _same32(_context: Any, text: Any, at: Any, other: Any, other_at: Any) -> Any:
    """Compare 32 bytes with 32 others: bit j is set where bytes j are the same."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(ir.IntType(8), _WIDTH)
        loaded = []
        for k in (0, 2):
            part = type(signature)(signature.return_type, signature.args[k : k + 2], None)
            address = _address(context, builder, part, args[k : k + 2])
            pointer = builder.bitcast(address, kind.as_pointer())
            loaded.append(builder.load(pointer, align=1))
        same = builder.icmp_unsigned("==", *loaded)
        return builder.zext(builder.bitcast(same, ir.IntType(_WIDTH)), ir.IntType(64))

    return types.uint64(text, types.int64, other, types.int64), code


@nb.njit(cache=True, nogil=True)
def _value_end(text, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    while i < e and text[i] != 44 and text[i] != 59:
        i += 1
    return i


@nb.njit(cache=True, nogil=True)
def _integers(  # type: ignore[no-untyped-def]
    text, i, e, r, k, role, row, low, high, cells, tape, w, count, first
):  # pragma: no cover - compiled
    """Read the Integers of a key from `i`: (their end, how many, whether just a dot).

    Values go to `cells` (role _SCALAR) or to the tape from place `w` on (_LIST).
    """
    n = 0
    value = np.int64(INT_MISSING)
    dot = False
    while True:
        n += 1
        j = _value_end(text, i, e)
        dot = j - i == 1 and text[i] == 46
        value = np.int64(INT_MISSING)
        if not dot:
            state, found = parse_integer(text, i, j)
            if state == BAD:
                note(count, first, _TYPE, r, i, j, k, -1)
            else:
                value = found
                if value < low or value > high:
                    note(count, first, _RANGE, r, i, j, k, -1)
        if role == _LIST:
            tape[w + n - 1] = value
        i = j
        if i >= e or text[i] != 44:
            break
        i += 1
    if role == _SCALAR and n == 1:
        cells[row, r] = value
    return i, n, dot and n == 1


@nb.njit(cache=True, nogil=True)
def _floats(  # type: ignore[no-untyped-def]
    text, i, e, r, k, role, row, low, high, cells, tape, w, count, first, near, used
):  # pragma: no cover - compiled
    """Read the Floats of a key, as `_integers` does.

    Those that are not exact go to `near`; `used` counts these, and all of the kind.
    """
    n = 0
    n_near = used[0]
    value = FLOAT_MISSING
    dot = False
    while True:
        n += 1
        j = _value_end(text, i, e)
        dot = j - i == 1 and text[i] == 46
        value = FLOAT_MISSING
        if not dot:
            state, found = parse_float(text, i, j)
            if state == BAD:
                note(count, first, _TYPE, r, i, j, k, -1)
            else:
                value = bits_of(found)  # type: ignore[call-arg]
                if found < low or found > high:
                    note(count, first, _RANGE, r, i, j, k, -1)
                used[1] += state == NEAR
                if state == NEAR and (role in (_SCALAR, _LIST)):
                    cell = row * cells.shape[1] + r
                    near[n_near, 0] = w + n - 1 if role == _LIST else -1 - cell
                    near[n_near, 1] = i
                    near[n_near, 2] = j
                    n_near += 1
        if role == _LIST:
            tape[w + n - 1] = value
        i = j
        if i >= e or text[i] != 44:
            break
        i += 1
    if role == _SCALAR and n == 1:
        cells[row, r] = value
    if role == _LIST or n == 1:
        # Several values where one is declared are not kept.
        used[0] = n_near
    return i, n, dot and n == 1


@nb.njit(cache=True, nogil=True)
def _find_text(text, size, i, e):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Find the end of a string value from `i`, and count commas and blanks in it."""
    commas = blanks = 0
    while i < e:
        if i + 64 > size:
            if load1(text, i) == 59:
                break
            commas += load1(text, i) == 44
            blanks += load1(text, i) == 32
            i += 1
            continue
        step = min(e - i, 64)
        inside = _ALL if step == 64 else (_ONE << np.uint64(step)) - _ONE
        stop = same64(text, i, _SEMICOLON) & inside
        if stop:
            step = lowest(stop)
            inside = (_ONE << np.uint64(step)) - _ONE
        commas += ones(same64(text, i, _COMMA) & inside)
        blanks += ones(same64(text, i, _BLANK) & inside)
        i += step
        if stop:
            break
    return i, commas, blanks


@nb.njit(cache=True, nogil=True)
def _characters(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Check that each value is one character; those beyond ASCII take several bytes."""
    n = 0
    for j in range(a, b + 1):
        if j == b or text[j] == 44:
            if n != 1:
                return False
            n = 0
        elif text[j] & 0xC0 != 0x80:
            n += 1
    return True


@nb.njit(cache=True, nogil=True)
def fits_number(number, fixed, n, n_alt):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether a key may have `n` values in a record with `n_alt` ALT alleles.

    A record whose ALT is `.` may give one value for it. The ploidy of Number=G is that of
    the samples, which INFO does not tell: any up to 16 will do.
    """
    if number == _FIXED:
        return n == fixed
    if number == _A:
        return n == max(n_alt, 1)
    if number == _R:
        return n == n_alt + 1 or (n_alt == 0 and n == 2)
    if number == _G:
        ways = 1
        for ploidy in range(1, 17):
            ways = ways * (n_alt + ploidy) // ploidy
            if ways >= n:
                return ways == n
        return False
    return True


@nb.njit(cache=True, nogil=True)
def _legal_name(text, a, b, strict):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Tell whether text[a:b] may be a key (`keys.KeyArrays.legal` of unknown names)."""
    if not strict:
        legal = True
        for j in range(a, b):
            legal = legal and text[j] > 32 and text[j] != 44
        return legal
    for j in range(a, b):
        c = text[j]
        letter = 65 <= (c & 0xDF) <= 90 or c == 95
        if not letter and (j == a or not (48 <= c <= 57 or c == 46)):
            # 1000G is the one name that begins with a digit; it is reserved.
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _other_key(text, i, e, r, table, strict, count, first):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Look up the key at `i`: (its number or -1, where its name ends)."""
    j = i
    while j < e and text[j] != 61 and text[j] != 59:
        j += 1
    if j == i:
        fault = _KEY if j < e and text[j] == 61 else _EMPTY
        note(count, first, fault, r, i, j, -1, -1)
        return np.int64(-1), j
    k = np.int64(find_key(text, i, j, table))
    if k < 0:
        fault = _UNDECLARED if _legal_name(text, i, j, strict) else _KEY
        note(count, first, fault, r, i, j, -1, -1)
        return k, j
    if not table.legal[k]:
        note(count, first, _KEY, r, i, j, k, -1)
    if not table.declared[k]:
        note(count, first, _UNDECLARED, r, i, j, k, -1)
    return k, j


@nb.njit(cache=True, nogil=True)
def _count_alts(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    if b <= a or (b - a == 1 and load1(text, a) == 46):
        return 0
    n = 1
    for j in range(a, b):
        n += load1(text, j) == 44
    return n


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _walk(text, start, end, plan, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the INFO of all records."""
    table, packed, need, roles, rows, strict = plan
    cells, cell_floats, tape, tape_floats, at, many, flags, near, used, count, first = out
    kinds, numbers, fixed, offset = table.kind, table.number, table.fixed, table.offset
    lows, highs, plain = table.low, table.high, table.declared & table.legal
    n_keys = kinds.size
    seen = np.full(n_keys, -1, np.int64)
    after = np.full(n_keys + 1, n_keys, np.int32)
    base, names, size = text.ctypes.data, packed.ctypes.data, text.size
    w = np.int64(0)
    whole = np.int64(0)
    for r in range(end.size):
        i = start[r, 7]
        e = min(start[r, 8] - 1, end[r])
        if i > e:
            continue
        if i == e:
            note(count, first, _EMPTY, r, i, e, -1, -1)
            continue
        if e - i == 1 and text[i] == 46:
            continue
        n_alt = _count_alts(base, start[r, 4], min(start[r, 5] - 1, end[r]))
        before = n_keys
        while True:
            k = np.int64(-1)
            j = i
            if i + ROOM <= size:
                guess = after[before]
                for _ in range(2):
                    same = _same32(base, i, names, guess * _WIDTH)  # type: ignore[call-arg, var-annotated]
                    if same & need[guess] == need[guess]:
                        # The `=` of a key with a value was compared too.
                        j = i + offset[guess + 1] - offset[guess]
                        if j <= e and (kinds[guess] != _IS_FLAG or j == e or text[j] == 59):
                            k = np.int64(guess)
                            break
                    guess = after[guess]
            if k < 0:
                k, j = _other_key(text, i, e, r, table, strict, count, first)
                if k >= 0 and plain[k]:
                    after[before] = k
            valued = j < e and text[j] == 61
            if k < 0:
                i = find_byte(text, j, e, _SEMICOLON)
            else:
                before = k
                role, row, kind = roles[k], rows[k], kinds[k]
                if seen[k] == r:
                    note(count, first, _TWICE, r, i, j, k, -1)
                    role = _CHECK
                seen[k] = r
                if kind == _IS_FLAG:
                    i = j
                    if valued:
                        i = find_byte(text, j, e, _SEMICOLON)
                        note(count, first, _FLAG_VALUE, r, j + 1, i, k, -1)
                    if role == _FLAG:
                        flags[row, r] = True
                elif not valued or j + 1 == e or text[j + 1] == 59:
                    note(count, first, _NO_VALUE, r, i, j, k, -1)
                    i = j + 1 if valued else j
                else:
                    a = j + 1
                    real = kind == _IS_FLOAT
                    dot = False
                    n = 0
                    if real or kind == _IS_INTEGER:
                        low, high = lows[k], highs[k]
                        i = a
                        quick = False
                        while i + ROOM <= size:
                            if real:
                                i, value = quick_float(base, i, e)
                            else:
                                i, whole = quick_integer(base, i, e)
                                value = np.float64(whole)
                            if i < 0 or value < low or value > high:
                                break
                            if role == _LIST:
                                if real:
                                    tape_floats[w + n] = value
                                else:
                                    tape[w + n] = whole
                            n += 1
                            if i == e or text[i] == 59:
                                quick = True
                                break
                            if text[i] != 44:
                                break
                            i += 1
                        if quick:
                            if role == _SCALAR and n == 1:
                                if real:
                                    cell_floats[row, r] = value
                                else:
                                    cells[row, r] = whole
                        elif real:
                            i, n, dot = _floats(
                                text,
                                a,
                                e,
                                r,
                                k,
                                role,
                                row,
                                low,
                                high,
                                cells,
                                tape,
                                w,
                                count,
                                first,
                                near,
                                used,
                            )
                        else:
                            i, n, dot = _integers(
                                text,
                                a,
                                e,
                                r,
                                k,
                                role,
                                row,
                                low,
                                high,
                                cells,
                                tape,
                                w,
                                count,
                                first,
                            )
                        if role == _LIST and not dot:
                            at[row, r] = w
                            many[row, r] = n
                            w += n
                    else:
                        i, n, blanks = _find_text(base, size, a, e)
                        n += 1
                        dot = i - a == 1 and text[a] == 46
                        if blanks:
                            note(count, first, _SPACE, r, a, i, k, -1)
                        if kind == _IS_CHARACTER and not _characters(text, a, i):
                            note(count, first, _TYPE, r, a, i, k, -1)
                        if role == _TEXT and not dot:
                            at[row, r] = a
                            many[row, r] = i - a
                    if not dot and not fits_number(numbers[k], fixed[k], n, n_alt):
                        note(count, first, _NUMBER, r, a, i, k, -1)
            if i >= e:
                break
            i += 1
            if i == e:
                note(count, first, _EMPTY, r, i, e, -1, -1)
                break


@dataclass
class InfoColumns:
    """What was read from the INFO of a batch.

    Attributes
    ----------
    names, columns
        The columns in the order asked for: bool for flags, int32, float32 or string for
        keys with one value, lists of these for others; null where the key is missing.
    fallback
        Numbers that compiled code could not convert exactly: they took the slow way.
    """

    names: list[str]
    columns: list[pa.Array]
    fallback: int


class InfoReader:
    """Reads and checks the INFO of batches.

    Parameters
    ----------
    table
        The keys (of `keys.key_table(header, "INFO", names)`).
    names
        Keys to give columns for. All others are checked only.
    lists
        Give lists also for numbers of keys with one value. Otherwise such a key is null
        where a record gives it several values (and the fault INFO_NUMBER is noted).
    """

    def __init__(
        self, table: KeyTable, names: Sequence[str] = (), *, lists: bool = False
    ) -> None:
        self.table, self.names = table, list(names)
        n = len(table.names)
        role, row = np.zeros(n, np.int8), np.zeros(n, np.int32)
        self._rows = {_SCALAR: 0, _LIST: 0, _FLAG: 0}
        for name in self.names:
            k = table.number_of(name)
            if k < 0:
                raise KeyError(name)
            kind = table.arrays.kind[k]
            if kind == Kind.FLAG:
                role[k] = _FLAG
            elif kind not in (Kind.INTEGER, Kind.FLOAT):
                role[k] = _TEXT
            else:
                role[k] = _LIST if lists or table.is_list(k) else _SCALAR
            group = _LIST if role[k] == _TEXT else int(role[k])
            row[k] = self._rows[group]
            self._rows[group] += 1
        self._plan = _Plan(table.arrays, *_pack_names(table), role, row, table.strict_names)

    def read(self, batch: RecordBatch, faults: Faults) -> InfoColumns:
        """Read the INFO of a batch, and note its faults."""
        out = self._buffers(batch, faults)
        _walk(batch.text, batch.start, batch.end, self._plan, out)
        used = int(out.used[0])
        if used:
            where, start, end = (np.ascontiguousarray(c) for c in out.near[:used].T)
            with np.errstate(over="ignore"):
                # Beyond float32 is infinite, as the cast of htslib has it.
                values = exact_floats(batch.text, start, end).astype(np.float32)
            on_tape = where >= 0
            out.tape_floats[where[on_tape]] = values[on_tape]
            out.cell_floats.reshape(-1)[-1 - where[~on_tape]] = values[~on_tape]
        columns = [self._column(batch, self.table.number_of(name), out) for name in self.names]
        return InfoColumns(self.names, columns, int(out.used[1]))

    def _buffers(self, batch: RecordBatch, faults: Faults) -> _Out:
        n, rows = batch.size, self._rows
        plan = self._plan
        length = np.minimum(batch.start[:, 8] - 1, batch.end) - batch.start[:, 7]
        size = int(np.maximum(length, 0).sum()) + 1 if n else 1
        cells = np.empty((rows[_SCALAR], n), np.int32)
        scalar = plan.role == _SCALAR
        real = plan.table.kind == Kind.FLOAT
        cells[plan.row[scalar & real]] = FLOAT_MISSING
        cells[plan.row[scalar & ~real]] = INT_MISSING
        # A value takes a byte of text at least, one that is near takes four: room that is
        # not used is never touched, and so costs nothing.
        tape = np.empty(size if (plan.role == _LIST).any() else 1, np.int32)
        near = np.empty((size // 3 + 1 if self.names else 1, 3), np.int64)
        return _Out(
            cells, cells.view(np.float32), tape, tape.view(np.float32),
            np.zeros((rows[_LIST], n), np.int64), np.full((rows[_LIST], n), -1, np.int32),
            np.zeros((rows[_FLAG], n), np.bool_), near, np.zeros(2, np.int64),
            faults.count, faults.first,
        )  # fmt: skip

    def _column(self, batch: RecordBatch, k: int, out: _Out) -> pa.Array:
        role, row = self._plan.role[k], self._plan.row[k]
        real = self._plan.table.kind[k] == Kind.FLOAT
        if role == _FLAG:
            return flag_column(out.flags[row])
        if role == _SCALAR:
            return number_column(out.cells[row], real=real)
        if role == _LIST:
            return list_column(out.tape, out.at[row], out.many[row], real=real)
        split = "," if self.table.is_list(k) else None
        return text_array(batch.text, out.at[row], out.many[row], split=split)


def _pack_names(
    table: KeyTable,
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]:
    """Pack the names of keys that have no fault of their own for `_same32`."""
    arrays = table.arrays
    n = len(table.names)
    packed = np.zeros((n + 1, _WIDTH), np.uint8)
    need = np.full(n + 1, _NEVER)
    for k in range(n):
        name = arrays.names[arrays.offset[k] : arrays.offset[k + 1]].tobytes()
        name += b"" if arrays.kind[k] == Kind.FLAG else b"="
        if len(name) <= _WIDTH and arrays.legal[k] and arrays.declared[k]:
            packed[k, : len(name)] = np.frombuffer(name, np.uint8)
            need[k] = (1 << len(name)) - 1
    return packed.reshape(-1), need
