"""The compiled walk over INFO: finds keys and values, types them, notes faults."""

from typing import Any, NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from varhouse.tables.loads import address_of, load1
from varhouse.vcf.account.faults import Fault, note_fault
from varhouse.vcf.fields.info_values import (
    CHECK,
    FLAG,
    LIST,
    SCALAR,
    TEXT,
    characters,
    count_unquoted,
    find_text,
    floats,
    integers,
)
from varhouse.vcf.header.keys import JOINED, KeyArrays, Kind, find_key
from varhouse.vcf.samples.counts import fits_number
from varhouse.vcf.text.decimals import ROOM, quick_float, quick_integer
from varhouse.vcf.text.simd import find_byte

WIDTH = 32
"""Bytes of a name (and its `=`) that are compared at once."""

_EMPTY, _KEY, _TWICE = int(Fault.INFO_EMPTY), int(Fault.INFO_KEY), int(Fault.INFO_TWICE)
_UNDECLARED, _NO_VALUE = int(Fault.INFO_UNDECLARED), int(Fault.INFO_NO_VALUE)
_FLAG_VALUE, _NUMBER = int(Fault.INFO_FLAG_VALUE), int(Fault.INFO_NUMBER)
_TYPE, _SPACE = int(Fault.INFO_TYPE), int(Fault.INFO_SPACE)
_DIGIT, _JOINED = int(Fault.INFO_FLAG_DIGIT), int(Fault.INFO_JOINED)
_IS_FLAG, _IS_INTEGER, _IS_FLOAT = int(Kind.FLAG), int(Kind.INTEGER), int(Kind.FLOAT)
_IS_CHARACTER, _IS_STRING = int(Kind.CHARACTER), int(Kind.STRING)
_QUOTED, _END_BEFORE = int(Fault.INFO_QUOTED), int(Fault.END_BEFORE)
_SEMICOLON = np.uint8(59)


class Plan(NamedTuple):
    """What to do with each key; the row after the last stands for the start of a line."""

    table: KeyArrays
    packed: npt.NDArray[np.uint8]  # [(n + 1) * WIDTH]: the name and its `=`
    need: npt.NDArray[np.uint64]  # [n + 1]: bytes of it that must agree, as bits
    role: npt.NDArray[np.int8]  # [n]
    row: npt.NDArray[np.int32]  # [n]: row in the outputs of that role
    end: int  # number of END, -1 without
    strict: bool


class Out(NamedTuple):
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
        kind = ir.VectorType(ir.IntType(8), WIDTH)
        loaded = []
        for k in (0, 2):
            part = type(signature)(signature.return_type, signature.args[k : k + 2], None)
            address = address_of(context, builder, part, args[k : k + 2])
            pointer = builder.bitcast(address, kind.as_pointer())
            loaded.append(builder.load(pointer, align=1))
        same = builder.icmp_unsigned("==", *loaded)
        return builder.zext(builder.bitcast(same, ir.IntType(WIDTH)), ir.IntType(64))

    return types.uint64(text, types.int64, other, types.int64), code


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
        note_fault(count, first, fault, r, i, j, -1, -1)
        return np.int64(-1), j
    k = np.int64(find_key(text, i, j, table))
    if k < 0:
        fault = _UNDECLARED if _legal_name(text, i, j, strict) else _KEY
        note_fault(count, first, fault, r, i, j, -1, -1)
        return k, j
    if not table.legal[k]:
        note_fault(count, first, _KEY, r, i, j, k, -1)
    if not table.declared[k]:
        note_fault(count, first, _UNDECLARED, r, i, j, k, -1)
    return k, j


@nb.njit(cache=True, nogil=True)
def _count_alts(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    if b <= a or (b - a == 1 and load1(text, a) == 46):
        return 0
    n = 1
    for j in range(a, b):
        n += load1(text, j) == 44
    return n


@nb.njit(cache=True, nogil=True)
def _is_before(text, a, b, pos):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Tell whether text[a:b] is a whole number below `pos`, which is -1 where it is none."""
    i = a + (a < b and text[a] == 45)
    if i == b or pos < 0:
        return False
    value = np.int64(0)
    for j in range(i, b):
        if text[j] < 48 or text[j] > 57:
            return False
        value = min(value * 10 + text[j] - 48, np.int64(2**40))
    return i > a or value < pos


@nb.njit(cache=True, nogil=True, error_model="numpy")
def walk_info(text, start, end, pos, plan, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Read the INFO of all records."""
    table, packed, need, roles, rows, end_key, strict = plan
    cells, cell_floats, tape, tape_floats, at, many, flags, near, used, count, first = out
    kinds, numbers, fixed, offset = table.kind, table.number, table.fixed, table.offset
    also = table.also
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
            note_fault(count, first, _EMPTY, r, i, e, -1, -1)
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
                    same = _same32(base, i, names, guess * WIDTH)  # type: ignore[call-arg, var-annotated]
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
                    note_fault(count, first, _TWICE, r, i, j, k, -1)
                    role = CHECK
                seen[k] = r
                if kind == _IS_FLAG:
                    i = j
                    if valued:
                        i = find_byte(text, j, e, _SEMICOLON)
                        digit = i - j == 2 and (text[j + 1] == 48 or text[j + 1] == 49)
                        note_fault(
                            count, first, _DIGIT if digit else _FLAG_VALUE, r, j + 1, i, k, -1
                        )
                    if role == FLAG:
                        flags[row, r] = True
                elif not valued or j + 1 == e or text[j + 1] == 59:
                    note_fault(count, first, _NO_VALUE, r, i, j, k, -1)
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
                            if role == LIST:
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
                            if role == SCALAR and n == 1:
                                if real:
                                    cell_floats[row, r] = value
                                else:
                                    cells[row, r] = whole
                        elif real:
                            i, n, dot = floats(
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
                            i, n, dot = integers(
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
                        if role == LIST and not dot:
                            at[row, r] = w
                            many[row, r] = n
                            w += n
                    else:
                        i, n, blanks = find_text(base, size, a, e)
                        n += 1
                        dot = i - a == 1 and text[a] == 46
                        if blanks:
                            note_fault(count, first, _SPACE, r, a, i, k, -1)
                        if kind == _IS_CHARACTER and not characters(text, a, i):
                            note_fault(count, first, _TYPE, r, a, i, k, -1)
                        if role == TEXT and not dot:
                            at[row, r] = a
                            many[row, r] = i - a
                    if not dot and not fits_number(numbers[k], fixed[k], n, n_alt):
                        if also[k] == JOINED:
                            note_fault(count, first, _JOINED, r, a, i, k, -1)
                        elif also[k] != 0 and also[k] != n:
                            fault = _NUMBER
                            if kind == _IS_STRING and fits_number(
                                numbers[k], fixed[k], count_unquoted(text, a, i), n_alt
                            ):
                                fault = _QUOTED
                            note_fault(count, first, fault, r, a, i, k, -1)
                if k == end_key and valued and _is_before(text, j + 1, i, pos[r]):
                    note_fault(count, first, _END_BEFORE, r, j + 1, i, k, -1)
            if i >= e:
                break
            i += 1
            if i == e:
                note_fault(count, first, _EMPTY, r, i, e, -1, -1)
                break
