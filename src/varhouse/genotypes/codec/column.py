"""A field of a block, as it is after reading: numbers, texts, and where text counts."""

import dataclasses
from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.genotypes.calls import Int32, Int64
from varhouse.genotypes.codec.cells import Cells
from varhouse.genotypes.codec.decimals import WHOLE, Scale, format_numbers
from varhouse.genotypes.codec.dictionary import Texts
from varhouse.genotypes.codec.digest import cell_seed, name_digest, numbers_hash, text_hash
from varhouse.genotypes.fields import INT_END, Bytes, Field

DROPPED, LACKING = -1, -2
"""A cell that ends before the field; a record whose FORMAT does not name it."""


class Spans(NamedTuple):
    """Texts of the cells of a field: those of cell [record, person] are `text[begin:end]`.

    `begin` is DROPPED or LACKING where there is none.
    """

    text: Bytes
    begin: Int64
    end: Int64


class Odd(NamedTuple):
    """Cells of which the text counts, not the numbers: ordinals of the cells, texts."""

    cells: Int64
    texts: Texts

    @classmethod
    def none(cls) -> "Odd":
        """Give no odd cells."""
        return cls(np.zeros(0, np.int64), Texts(np.zeros(0, np.uint8), np.zeros(1, np.int64)))


@nb.njit(cache=True, nogil=True)
def _dense(values, cut, width):  # type: ignore[no-untyped-def]  # pragma: no cover
    out = np.full((cut.size - 1, width), INT_END, np.int32)
    for c in range(cut.size - 1):
        for i in range(cut[c + 1] - cut[c]):
            out[c, i] = values[cut[c] + i]
    return out


@nb.njit(cache=True, nogil=True)
def _digest_numbers(values, cut, odd, name, first, people, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    o = 0
    for c in range(cut.size - 1):
        if o < odd.size and odd[o] == c:
            o += 1
        elif cut[c + 1] > cut[c]:
            seed = cell_seed(name, first + c % people)
            out[c // people] += numbers_hash(seed, values, cut[c], cut[c + 1])


@nb.njit(cache=True, nogil=True)
def _digest_texts(text, begin, end, cells, name, first, people, out):  # type: ignore[no-untyped-def]  # pragma: no cover
    for k in range(cells.size):
        if begin[k] >= 0:
            seed = cell_seed(name, first + cells[k] % people)
            out[cells[k] // people] += text_hash(seed, text, begin[k], end[k])


@dataclasses.dataclass(frozen=True)
class Column:
    """A field of the records and people of a block.

    Attributes
    ----------
    field
        Its name, and whether its values are numbers.
    people
        Sample columns of the block.
    cells
        Numbers: of an Integer field as they are, of decimals times 10**digits, of other texts
        their number in `dictionary`. Those of an odd cell are what
        the reader of the file made of it.
    odd
        Cells that are not what their numbers say.
    scale
        How decimals are written.
    dictionary
        The distinct texts; None of numbers.
    """

    field: Field
    people: int
    cells: Cells
    odd: Odd = dataclasses.field(default_factory=Odd.none)
    scale: Scale = WHOLE
    dictionary: Texts | None = None

    @property
    def size(self) -> int:
        """Number of records."""
        return int(self.cells.has.size)

    def given(self) -> Int32:
        """Count the values of each cell: 0 dropped, -1 not in FORMAT; int32[n, people]."""
        given: Int32 = np.diff(self.cells.cut).reshape(-1, self.people)
        given[~self.cells.has] = -1
        return given

    def numbers(self) -> Int32:
        """Give the numbers: int32[n, people, most values], `INT_END` behind the last."""
        width = int(np.diff(self.cells.cut).max(initial=0))
        if width == 1 and self.cells.values.size == self.size * self.people:
            return self.cells.values.reshape(self.size, self.people, 1)
        dense: Int32 = _dense(self.cells.values, self.cells.cut, width)
        return dense.reshape(self.size, self.people, width)

    def spans(self) -> Spans:
        """Give the exact text of each cell."""
        values, cut, has = self.cells
        none = np.where(np.repeat(has, self.people), DROPPED, LACKING)
        dropped = cut[1:] == cut[:-1]
        if self.dictionary is None:
            text, ends = format_numbers(values, cut, self.scale)
            begin, end = ends[:-1].copy(), ends[1:].copy()
        else:
            text, ends = self.dictionary
            code = np.zeros(dropped.size, np.int32)
            code[~dropped] = values
            begin, end = np.append(ends[:-1], 0)[code], np.append(ends[1:], 0)[code]
        begin[dropped] = end[dropped] = none[dropped]
        if self.odd.cells.size:
            begin[self.odd.cells] = self.odd.texts.cut[:-1] + text.size
            end[self.odd.cells] = self.odd.texts.cut[1:] + text.size
            text = np.concatenate([text, self.odd.texts.data])
        shape = self.size, self.people
        return Spans(text, begin.reshape(shape), end.reshape(shape))

    def digest(self, first: int) -> Int64:
        """Digest the values of each record, as `digest_fields` does of a tape: int64[n].

        `first` is the first sample column of the block.
        """
        out = np.zeros(self.size, np.uint64)
        name = np.uint64(name_digest(self.field))
        if self.field.is_number:
            values, cut, _ = self.cells
            _digest_numbers(values, cut, self.odd.cells, name, first, self.people, out)
            cells, (data, ends) = self.odd
            _digest_texts(data, ends[:-1], ends[1:], cells, name, first, self.people, out)
        else:
            text, begin, end = self.spans()
            cells = np.arange(begin.size)
            _digest_texts(
                text, begin.ravel(), end.ravel(), cells, name, first, self.people, out
            )
        return out.view(np.int64)
