"""The keys of a file's INFO or FORMAT in the form that compiled code looks them up.

A table holds the declared keys first, in the order of the header, then the keys that the
specification reserves and the header does not declare, then keys that a caller adds.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.header.deviations import joins_lists, known_count, known_deviation
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.reserved import ANY, all_reserved, reserved

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_PRIME = np.uint64(0x9E3779B97F4A7C15)
_NAME = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")


class Kind(IntEnum):
    """Type of a key's values."""

    FLAG = 0
    INTEGER = 1
    FLOAT = 2
    CHARACTER = 3
    STRING = 4


class Number(IntEnum):
    """How many values a key has; FIXED keys have `KeyArrays.fixed` of them."""

    FIXED = 0
    ANY = 1
    """Number=., and whatever a header says that means nothing."""
    A = 2
    R = 3
    G = 4
    LA = 5
    LR = 6
    LG = 7
    P = 8
    M = 9


NO_OTHER, JOINED, TOLD = -1, -2, -10
"""`KeyArrays.also` of keys whose Number holds, and of those that hold a list by habit;
TOLD - n where n values will do and are told of."""


_KINDS = {
    "Flag": Kind.FLAG,
    "Integer": Kind.INTEGER,
    "Float": Kind.FLOAT,
    "Character": Kind.CHARACTER,
    "String": Kind.STRING,
}
_NUMBERS = {n.name: n for n in Number if n not in (Number.FIXED, Number.ANY)}
_BY_TABLE = {
    ("INFO", "AC"),
    ("INFO", "AF"),
    ("INFO", "AD"),
    ("FORMAT", "AD"),
    ("FORMAT", "GL"),
    ("FORMAT", "PL"),
    ("FORMAT", "GP"),
}
"""Keys whose Number is that of the specification's tables, whatever a header says."""

_SINCE = {Number.P: 4, Number.LA: 5, Number.LR: 5, Number.LG: 5, Number.M: 5}
"""Minor version that brought a Number; before, it means nothing."""


class KeyArrays(NamedTuple):
    """A key table for kernels.

    Attributes
    ----------
    names
        uint8[bytes + 8]: the names one after another, and eight zeros.
    offset
        int64[n + 1]: name k is `names[offset[k]:offset[k + 1]]`.
    slot
        int32[2 ** m]: open addressing by `hash_name`; number of a key, or -1.
    kind, number
        int8[n]: `Kind` and `Number` of each key.
    fixed
        int32[n]: how many values a FIXED key has.
    also
        int32[n]: how many values will do, too, because a tool's habit is known
        (`deviations`): 0 for any, NO_OTHER for none, JOINED and TOLD - n
        where it is told of.
    low, high
        float64[n]: inclusive bounds of a value; infinite when there are none.
    declared
        bool[n]: the header declares the key.
    legal
        bool[n]: the name is legal in this version of VCF.
    """

    names: Bytes
    offset: Ints
    slot: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    number: npt.NDArray[np.int8]
    fixed: npt.NDArray[np.int32]
    also: npt.NDArray[np.int32]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    declared: npt.NDArray[np.bool_]
    legal: npt.NDArray[np.bool_]


@nb.njit(cache=True, nogil=True)
def hash_name(text, a, b):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Hash text[a:b] (FNV-1a)."""
    key = np.uint64(14695981039346656037)
    for j in range(a, b):
        key = (key ^ np.uint64(text[j])) * np.uint64(1099511628211)
    return key


@nb.njit(cache=True, nogil=True)
def find_key(text, a, b, table):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give the number of the key text[a:b], or -1; names are compared byte by byte."""
    mask = np.int64(table.slot.size - 1)
    h = np.int64((hash_name(text, a, b) * _PRIME) >> np.uint64(33)) & mask
    while table.slot[h] >= 0:
        k = table.slot[h]
        at = table.offset[k]
        if table.offset[k + 1] - at == b - a:
            same = True
            for j in range(b - a):
                if text[a + j] != table.names[at + j]:
                    same = False
                    break
            if same:
                return k
        h = (h + 1) & mask
    return np.int32(-1)


@dataclass
class KeyTable:
    """The keys of INFO or FORMAT.

    Attributes
    ----------
    field
        `INFO` or `FORMAT`.
    names
        All keys; the number of a key is its place here.
    n_declared
        The first so many are declared by the header.
    strict_names
        Names are limited to letters, digits, `_` and `.` (VCF 4.3 and later).
    arrays
        The same for kernels.
    """

    field: str
    names: list[str]
    n_declared: int
    strict_names: bool
    arrays: KeyArrays

    def __post_init__(self) -> None:
        self._places = {name: k for k, name in enumerate(self.names)}

    def number_of(self, name: str) -> int:
        """Place of a key in the table, -1 if it is not there."""
        return self._places.get(name, -1)

    def is_legal(self, name: str) -> bool:
        """Tell whether a name may be a key in this version of VCF."""
        return _legal(name, self.field, strict=self.strict_names)

    def is_list(self, k: int) -> bool:
        """Tell whether a key has other than one value (flags have none)."""
        number, fixed = self.arrays.number[k], self.arrays.fixed[k]
        return bool(number != Number.FIXED or fixed > 1)


def key_table(header: Header, field: str, extra: Iterable[str] = ()) -> KeyTable:
    """Make the table of a file's INFO or FORMAT keys.

    Of a key that is declared twice the first declaration holds, as in htslib. A key that
    is often declared with a wrong Number (`_BY_TABLE`) gets the one of VCF 4.3. A key of an
    unknown Type is a String.

    Parameters
    ----------
    field
        `INFO` or `FORMAT`.
    extra
        Names to add as undeclared strings when they are in neither list.
    """
    declared = tuple(
        (name, number, header.types[group, name])
        for (group, name), number in header.numbers.items()
        if group == field and name
    )
    return _key_table(field, header.version, declared, tuple(extra))


# The files of a cohort declare the same keys.
@lru_cache(maxsize=64)
def _key_table(
    field: str,
    version: int | None,
    declared: tuple[tuple[str, str, str], ...],
    extra: tuple[str, ...],
) -> KeyTable:
    """Make a table of keys that are declared: name, Number, Type."""
    rows: dict[str, tuple[str, str, bool]] = {}
    also: dict[str, int] = {}
    for name, number, type_ in declared:
        also[name] = _other_count(field, name, number, type_)
        if (field, name) in _BY_TABLE and (known := reserved(field, name, 3)):
            number = known.number
        rows[name] = number, _read_as(field, name, number, type_, version), True
    n_declared = len(rows)
    for name, key in all_reserved(field, 3 if version is None else version).items():
        if key.strict:
            rows.setdefault(name, (key.number, key.type, False))
    for name in extra:
        rows.setdefault(name, (".", "String", False))
    strict = version is None or version >= 3
    arrays = _pack(field, rows, version, also)
    return KeyTable(field, list(rows), n_declared, strict, arrays)


def text_table(keys: Mapping[str, bool]) -> KeyTable:
    """Make a table of INFO keys that are text of any length, or flags where that is said."""
    rows = {name: (".", "Flag" if flag else "String", True) for name, flag in keys.items()}
    # Version 4.2: every name is legal that cannot be split.
    return KeyTable("INFO", list(rows), len(rows), False, _pack("INFO", rows, 2, {}))


def _also(field: str, name: str, also: dict[str, int]) -> int:
    """Give `KeyArrays.also` of a key.

    Copy number likelihoods are declared with Number=G and have a value "for each potential
    copy number, starting from zero" (section 4): any count.
    """
    if field == "FORMAT" and name in ("CNL", "CNP"):
        return 0
    return also.get(name, NO_OTHER)


def _other_count(field: str, name: str, number: str, type_: str) -> int:
    """Give `KeyArrays.also` of a key that is declared."""
    if joins_lists(field, name, type_):
        return JOINED
    if habit := known_count(field, name, number, type_):
        return TOLD - habit.values
    if known_deviation(field, name, "Number", number) is None:
        return NO_OTHER
    return int(number) if number.isascii() and number.isdigit() else 0


def _read_as(field: str, name: str, number: str, type_: str, version: int | None) -> str:
    """Give the Type by which a key is read: numbers are not cut down to whole ones."""
    if habit := known_count(field, name, number, type_):
        return habit.type
    if (field, name) == ("FORMAT", "GT"):
        return "String"
    known = reserved(field, name, version)
    widened = known is not None and known.type == "Float" and type_ == "Integer"
    return "Float" if widened and known_deviation(field, name, "Type", type_) else type_


def _legal(name: str, field: str, *, strict: bool) -> bool:
    """Tell whether a key's name is legal; before 4.3 only what would split it is not."""
    if strict:
        return _NAME.fullmatch(name) is not None or (field, name) == ("INFO", "1000G")
    return name.isprintable() and not set(name) & set(" ;=,")


def _pack(
    field: str,
    rows: dict[str, tuple[str, str, bool]],
    version: int | None,
    also: dict[str, int],
) -> KeyArrays:
    n = len(rows)
    encoded = [name.encode("utf-8", "surrogateescape") for name in rows]
    offset = np.zeros(n + 1, np.int64)
    offset[1:] = np.cumsum([len(e) for e in encoded])
    names = np.frombuffer(b"".join(encoded) + bytes(8), np.uint8)
    low, high = np.full(n, -np.inf), np.full(n, np.inf)
    kind, number = np.empty(n, np.int8), np.empty(n, np.int8)
    fixed = np.zeros(n, np.int32)
    for k, (name, (how_many, type_, _)) in enumerate(rows.items()):
        kind[k] = _KINDS.get(type_, Kind.STRING)
        if kind[k] == Kind.FLAG:
            number[k] = Number.FIXED
        elif re.fullmatch("0*[1-9][0-9]{0,8}", how_many, re.ASCII):
            number[k], fixed[k] = Number.FIXED, int(how_many)
        else:
            number[k] = _NUMBERS.get(how_many, Number.ANY)
            if _SINCE.get(Number(number[k]), 0) > (3 if version is None else version):
                number[k] = Number.ANY
        known = reserved(field, name, version)
        if known is None or (not known.strict and known.type not in (ANY, type_)):
            # Another key under the same name, such as the score SB of GATK 3.
            continue
        if kind[k] in (Kind.INTEGER, Kind.FLOAT):
            low[k], high[k] = known.low, known.high
            if (field, name) == ("FORMAT", "CN"):
                # Delly writes -1 for what it does not know: `walk_values` tells of it.
                low[k] = -1.0
    strict = version is None or version >= 3
    return KeyArrays(
        names,
        offset,
        _slots(names, offset),
        kind,
        number,
        fixed,
        np.array([_also(field, name, also) for name in rows], np.int32),
        low,
        high,
        np.array([declared for _, _, declared in rows.values()], np.bool_),
        np.array([_legal(name, field, strict=strict) for name in rows], np.bool_),
    )


def _slots(names: Bytes, offset: Ints) -> npt.NDArray[np.int32]:
    n = offset.size - 1
    slot: npt.NDArray[np.int32] = np.full(1 << max(4, (4 * n).bit_length()), -1, np.int32)
    _fill(names, offset, slot)
    return slot


@nb.njit(cache=True, nogil=True)
def _fill(names, offset, slot):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    mask = np.int64(slot.size - 1)
    for k in range(offset.size - 1):
        name = hash_name(names, offset[k], offset[k + 1])
        h = np.int64((name * _PRIME) >> np.uint64(33)) & mask
        while slot[h] >= 0:
            h = (h + 1) & mask
        slot[h] = k
