"""The FORMAT fields of some records but GT, as they come out of the walk over the samples.

A `FieldTape` holds one value after another, field by field and person by person, with
nothing between them: what a field has is found by where it is cut. So a record with 2,504
people costs no object a person, a field may have any number of values in each cell, and
whoever checks, counts or stores the fields reads the same arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.genotypes.calls import Bools, Int32, Int64

Bytes = npt.NDArray[np.uint8]

INT_MISSING = -(2**31)
"""A number that is `.`, on the tape and in decoded fields."""


class Field(NamedTuple):
    """A FORMAT field of a record.

    `name` is the key; one that stands twice in FORMAT has two fields of one name.
    `is_number` of Integer fields: their values are the numbers themselves; of Float, String,
    Character and undeclared fields the value is the place of their text.
    """

    name: str
    is_number: bool


def name_keys(keys: Sequence[str]) -> list[str]:
    """Name fields by their FORMAT keys, in their order.

    A key that stands twice is `KEY:2` the second time, which no key can be.
    """
    seen: dict[str, int] = {}
    names = []
    for key in keys:
        seen[key] = seen.get(key, 0) + 1
        names.append(key if seen[key] == 1 else f"{key}:{seen[key]}")
    return names


def field_names(text: str) -> list[str | None]:
    """Name the stored fields of a FORMAT text, in its order; None for GT.

    Of a GT that stands twice the first one is the genotype.
    """
    keys = text.split(":") if text else []
    if "GT" not in keys:
        return [*name_keys(keys)]
    gt = keys.index("GT")
    others = name_keys(keys[:gt] + keys[gt + 1 :])
    return [*others[:gt], None, *others[gt:]]


class TapeArrays(NamedTuple):
    """The arrays of a tape, in the form that compiled code takes (see `FieldTape`)."""

    text: Bytes
    values: Int32
    cut: Int32
    begin: Int64
    layout: Int32
    odd: Int64


@nb.njit(cache=True, nogil=True)
def _picked(values, cut, begin, keep, new_values, new_cut, moved):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the fields of kept records; `moved` gets the new place of each field, or -1."""
    f = v = 0
    for r in range(keep.size):
        if not keep[r]:
            continue
        for p in range(begin[r], begin[r + 1]):
            moved[p] = f
            new_cut[f] = v
            f += 1
            for i in range(cut[p], cut[p + 1]):
                new_values[v] = values[i]
                v += 1
    new_cut[f] = v


@nb.njit(cache=True, nogil=True)
def _kept(values, cut, begin, layout, width, keep, new_values, new_cut, moved):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy the fields that `keep` (by layout and number) says; `moved` as of `_picked`.

    Returns the values that were copied.
    """
    f = v = 0
    for r in range(layout.size):
        shape = layout[r]
        j = 0
        for p in range(begin[r], begin[r + 1]):
            if keep[shape, j]:
                moved[p] = f
                new_cut[f] = v
                f += 1
                for i in range(cut[p], cut[p + 1]):
                    new_values[v] = values[i]
                    v += 1
            j = j + 1 if j + 1 < width[shape] else 0
    new_cut[f] = v
    return v


@dataclass(frozen=True)
class FieldTape:
    """Values of the FORMAT fields but GT, of n records x S sample columns.

    The fields of record r are places `begin[r]` to `begin[r + 1]`: those of one sample
    together, in FORMAT order, so field number j of sample s is place
    `begin[r] + s * len(layouts[layout[r]]) + j`.

    Attributes
    ----------
    text
        uint8[bytes]: the text that spans point into.
    values
        int32[v]: numbers as they are, `INT_MISSING` for `.`; of a text field two values, begin
        and end of its span in `text` (a `.` has its span too).
    cut
        int32[f + 1]: the values of place p are `values[cut[p]:cut[p + 1]]`; none at all: the
        field was dropped with its colon, as VCF allows at the end of a cell.
    begin
        int64[n + 1]: first place of each record.
    layout
        int32[n]: which of `layouts` each record has.
    layouts
        The kept fields of each layout, in FORMAT order, without GT; a record without other
        fields has an empty one.
    odd
        int64[m, 3], ascending: (place, begin, end) of number fields of which the text is not
        what the numbers say (no integer, `007`, `+1`): the text counts. Such a place has
        at least one value, so that it is not taken for a dropped field.
    """

    text: Bytes
    values: Int32
    cut: Int32
    begin: Int64
    layout: Int32
    layouts: tuple[tuple[Field, ...], ...]
    odd: Int64

    @classmethod
    def nothing(cls, n: int) -> "FieldTape":
        """Make the tape of n records without fields."""
        return cls(
            # Read-only, as the text of a batch: compiled code is the same for both.
            np.frombuffer(b"", np.uint8),
            np.zeros(0, np.int32),
            np.zeros(1, np.int32),
            np.zeros(n + 1, np.int64),
            np.zeros(n, np.int32),
            ((),),
            np.zeros((0, 3), np.int64),
        )

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.layout.size)

    @property
    def arrays(self) -> TapeArrays:
        """The arrays, for compiled code."""
        return TapeArrays(self.text, self.values, self.cut, self.begin, self.layout, self.odd)

    def _odd_between(self, a: int, b: int) -> Int64:
        i, j = np.searchsorted(self.odd[:, 0], [a, b])
        odd = self.odd[i:j].copy()
        odd[:, 0] -= a
        return odd

    def part(self, a: int, b: int) -> "FieldTape":
        """Give the fields of records a to b, without a copy of the values."""
        i, j = int(self.begin[a]), int(self.begin[b])
        return FieldTape(
            self.text,
            self.values,
            self.cut[i : j + 1],
            self.begin[a : b + 1] - i,
            self.layout[a:b],
            self.layouts,
            self._odd_between(i, j),
        )

    def pick(self, keep: Bools) -> "FieldTape":
        """Give the fields of some records only (bool[n])."""
        if keep.all():
            return self
        first, last = self.cut[self.begin[:-1]], self.cut[self.begin[1:]]
        places = np.diff(self.begin)
        begin = np.concatenate([[0], np.cumsum(places[keep])]).astype(np.int64)
        values = np.empty(int((last - first)[keep].sum()), np.int32)
        cut = np.empty(int(begin[-1]) + 1, np.int32)
        moved = np.full(int(self.begin[-1]), -1, np.int64)
        _picked(self.values, self.cut, self.begin, keep, values, cut, moved)
        odd = self.odd[moved[self.odd[:, 0]] >= 0]
        odd[:, 0] = moved[odd[:, 0]]
        layout = self.layout[keep]
        return FieldTape(self.text, values, cut, begin, layout, self.layouts, odd)

    def only(self, names: Sequence[str] | None) -> "FieldTape":
        """Give some of the fields of all records, by their keys; None: all of them."""
        if names is None or all(f.name in names for fields in self.layouts for f in fields):
            return self
        width = np.array([len(x) for x in self.layouts], np.int64)
        keep = np.zeros((width.size, max(int(width.max()), 1)), np.bool_)
        for row, fields in zip(keep, self.layouts, strict=True):
            row[: len(fields)] = [f.name in names for f in fields]
        people = np.diff(self.begin) // np.maximum(width, 1)[self.layout]
        places = people * keep.sum(axis=1)[self.layout]
        begin = np.concatenate([[0], np.cumsum(places)]).astype(np.int64)
        values = np.empty(int(self.cut[-1] - self.cut[0]), np.int32)
        cut = np.empty(int(begin[-1]) + 1, np.int32)
        moved = np.full(int(self.begin[-1]), -1, np.int64)
        size = _kept(
            self.values, self.cut, self.begin, self.layout, width, keep, values, cut, moved
        )
        odd = self.odd[moved[self.odd[:, 0]] >= 0]
        odd[:, 0] = moved[odd[:, 0]]
        layouts = tuple(tuple(f for f in x if f.name in names) for x in self.layouts)
        return FieldTape(self.text, values[:size], cut, begin, self.layout, layouts, odd)
