"""Columns of FORMAT keys, made from the tape that the walk over the samples fills.

The tape holds all values of a batch in the order of the text. Columns are only made of
the keys that are asked for: lists without padding, or a dense array as cyvcf2 gives it.
"""

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.vcf.header.keys import KeyTable, Kind
from varhouse.vcf.samples.genotype_text import LEAD, write_genotypes
from varhouse.vcf.samples.layout import Layouts
from varhouse.vcf.text.columns import list_column, number_column, text_array
from varhouse.vcf.text.decimals import FLOAT_MISSING, INT_MISSING

Ints = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]

INT_END, FLOAT_END = np.int32(-(2**31) + 1), np.int32(0x7F800002)
"""Fill a dense array behind the last value of a sample, as in BCF (bits of a float)."""


@dataclass
class Tape:
    """Values as the walk left them.

    Attributes
    ----------
    values
        int32[v]: Integers, bits of Floats (float32), genotypes, or start and end in the
        text of strings, in the order of the text.
    cut
        int32[f + 1]: the values of kept field p are `values[cut[p]:cut[p + 1]]`.
    begin
        int64[n + 1]: the fields of record r are `begin[r]:begin[r + 1]`, those of one
        sample together, in the order of FORMAT.
    fallback
        Floats that compiled code could not convert exactly: they took the slow way.
    odd
        int64[m, 3]: see `FieldTape.odd`; of a walk that loses nothing.
    """

    values: Int32s
    cut: Int32s
    begin: Ints
    fallback: int
    odd: Ints


@nb.njit(cache=True, nogil=True)
def _places(begin, number, kept, place, n_samples, cut):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Find a key's fields: (records that have it, start and number of their values)."""
    n = 0
    for r in range(number.size):
        n += place[number[r]] >= 0
    rows = np.empty(n, np.int64)
    at = np.empty(n * n_samples, np.int64)
    many = np.empty(n * n_samples, np.int32)
    n = 0
    x = 0
    for r in range(number.size):
        j = place[number[r]]
        if j < 0:
            continue
        rows[n] = r
        n += 1
        step = kept[number[r]]
        p = begin[r] + j
        for _ in range(n_samples):
            at[x] = cut[p]
            many[x] = cut[p + 1] - cut[p]
            x += 1
            p += step
    return rows, at, many


@nb.njit(cache=True, nogil=True)
def _fill(values, at, many, width, missing, end):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Copy values into rows of one width; a field without values is missing."""
    out = np.empty((at.size, width), np.int32)
    for x in range(at.size):
        n = many[x]
        a = at[x]
        if n == 0:
            out[x, 0] = missing
            n = 1
        else:
            for j in range(n):
                out[x, j] = values[a + j]
        for j in range(n, width):
            out[x, j] = end
    return out


@nb.njit(cache=True, nogil=True)
def _null_lone(values, at, many, missing):  # type: ignore[no-untyped-def]  # pragma: no cover
    """Mark fields without values, or with a single missing one, by -1."""
    for x in range(at.size):
        if many[x] == 0 or (many[x] == 1 and values[at[x]] == missing):
            many[x] = -1


@nb.njit(cache=True, nogil=True)
def _spans(values, at, many):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Turn places on the tape into spans of the text; -1 bytes where there is none."""
    start = np.zeros(at.size, np.int64)
    size = np.full(at.size, -1, np.int32)
    for x in range(at.size):
        if many[x] == 2:
            start[x] = values[at[x]]
            size[x] = values[at[x] + 1] - values[at[x]]
    return start, size


@dataclass
class SampleColumns:
    """The values of the keys that were asked for, of some records of a batch.

    Attributes
    ----------
    text
        uint8[bytes]: the text of the batch.
    number, layouts
        int32[n]: layout of each record, and the layouts.
    rows
        int64[n]: the records' numbers in the batch.
    """

    text: npt.NDArray[np.uint8]
    table: KeyTable
    n_samples: int
    number: npt.NDArray[np.int32]
    layouts: Layouts
    tape: Tape
    rows: Ints

    @property
    def fallback(self) -> int:
        """Floats that compiled code could not convert exactly."""
        return self.tape.fallback

    def _places(self, name: str) -> tuple[int, Ints]:
        """Give a key's number, and which kept field it is in each layout (-1: none)."""
        k = self.table.number_of(name)
        if k < 0:
            raise KeyError(name)
        lay = self.layouts
        place = np.full(lay.kept.size, -1, np.int64)
        for c in range(lay.kept.size):
            fields = slice(lay.begin[c], lay.begin[c + 1])
            keep = lay.keep[fields]
            its_fields = np.flatnonzero((lay.key[fields] == k) & (keep > 0))
            if its_fields.size:
                place[c] = keep[: its_fields[0]].sum()
        return k, place

    def _find(self, name: str) -> tuple[int, Ints, Ints, Int32s]:
        k, place = self._places(name)
        lay = self.layouts
        rows, at, many = _places(
            self.tape.begin, self.number, lay.kept, place, self.n_samples, self.tape.cut
        )
        return k, rows, at, many

    def _is_real(self, k: int) -> bool:
        return bool(self.table.arrays.kind[k] == Kind.FLOAT)

    def _is_text(self, k: int) -> bool:
        kind = self.table.arrays.kind[k]
        return self.table.names[k] != "GT" and kind not in (Kind.INTEGER, Kind.FLOAT)

    def dense(self, name: str) -> tuple[Ints, npt.NDArray[Any]]:
        """Give a key as an array padded to the widest field of the batch.

        Returns
        -------
        tuple
            int64[r]: records (numbers in the batch) whose FORMAT has the key; and
            int32 or float32[r, samples, width]. Missing values are INT_MISSING or the NaN
            of the bits FLOAT_MISSING, places behind a sample's last value INT_END or
            FLOAT_END, as in BCF. GT is (allele + 1) << 1 | phased, 0 or 1 for a missing
            allele; the first allele counts as phased only after a leading `|`.

        Raises
        ------
        TypeError
            If the key is text: see `arrow`.
        """
        k, rows, at, many = self._find(name)
        if self._is_text(k):
            raise TypeError(f"{name} is text")
        width = max(1, int(many.max(initial=1)))
        real = self._is_real(k)
        missing, end = (FLOAT_MISSING, FLOAT_END) if real else (INT_MISSING, INT_END)
        if name == "GT":
            missing = np.int32(0)
        out = _fill(self.tape.values, at, many, width, missing, end)
        if name == "GT":
            # Of INT_END and INT_MISSING the bit is not set either.
            out &= np.int32(~LEAD)
        shaped = out.reshape(rows.size, self.n_samples, width)
        return self.rows[rows], shaped.view(np.float32) if real else shaped

    def strings(self, name: str) -> tuple[Ints, pa.Array]:
        """Give a text key as it stands, lists not cut.

        Returns
        -------
        tuple
            int64[r]: records (numbers in the batch) whose FORMAT has the key; and a
            fixed_size_list[samples] of strings, null where the field is `.` or dropped.
        """
        k, rows, at, many = self._find(name)
        if not self._is_text(k):
            raise TypeError(f"{name} is no text")
        return self.rows[rows], self._per_record(self._cut_strings(at, many, None), rows.size)

    def genotypes(self) -> tuple[Ints, pa.Array]:
        """Give GT as text: `arrow`, but with a string for each sample, null without one."""
        _, place = self._places("GT")
        rows = np.flatnonzero(place[self.number] >= 0)
        number = self.number[rows]
        cells = write_genotypes(
            self.tape.values,
            self.tape.cut,
            self.tape.begin[rows],
            self.layouts.kept[number],
            place[number],
            self.n_samples,
        )
        return self.rows[rows], self._per_record(cells, rows.size)

    def _cut_strings(self, at: Ints, many: Int32s, split: str | None) -> pa.Array:
        start, size = _spans(self.tape.values, at, many)
        return text_array(self.text, start, size, split=split)

    def _per_record(self, cells: pa.Array, n: int) -> pa.Array:
        if not self.n_samples:
            return pa.array([[]] * n, pa.list_(cells.type, 0))
        return pa.FixedSizeListArray.from_arrays(cells, self.n_samples)

    def arrow(self, name: str, *, lists: bool = False) -> tuple[Ints, pa.Array]:
        """Give a key as Arrow: for each record the values of its samples.

        Parameters
        ----------
        lists
            Give lists also for a key with one value.

        Returns
        -------
        tuple
            int64[r]: records (numbers in the batch) whose FORMAT has the key; and a
            fixed_size_list[samples] of int32, float32 or string, or of lists of these for
            keys with other than one value. What is missing is null: a field that is `.`
            or was dropped, and a value that is `.` in a list. Of a key with one value a
            field with several is null, for there is no telling which is meant.
        """
        k, rows, at, many = self._find(name)
        several = lists or self.table.is_list(k) or name == "GT"
        if self._is_text(k):
            cells = self._cut_strings(at, many, "," if several else None)
        else:
            real = self._is_real(k)
            missing = FLOAT_MISSING if real else INT_MISSING
            if several:
                _null_lone(self.tape.values, at, many, missing)
                cells = list_column(self.tape.values, at, many, real=real)
            else:
                values = np.full(many.size, missing, np.int32)
                one = many == 1
                values[one] = self.tape.values[at[one]]
                cells = number_column(values, real=real)
        return self.rows[rows], self._per_record(cells, rows.size)
