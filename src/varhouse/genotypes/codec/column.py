"""A field of a block, as it is after reading: numbers, texts, and where text counts."""

import dataclasses
from typing import NamedTuple

import numba as nb
import numpy as np

from varhouse.genotypes.calls import Bools, Int32, Int64
from varhouse.genotypes.codec.cells import Cells
from varhouse.genotypes.codec.decimals import WHOLE, Scale, format_numbers
from varhouse.genotypes.codec.dictionary import Texts
from varhouse.genotypes.codec.digest import cell_seed, name_digest, numbers_hash, text_hash
from varhouse.genotypes.fields import Bytes, Field

DROPPED, LACKING, ODD = -1, -2, -3
"""A cell that ends before the field; a record whose FORMAT does not name it; a cell of an
Integer field that holds no plain numbers, of which there is only the text."""


class Spans(NamedTuple):
    """Texts of the cells of a field: those of cell [record, person] are `text[begin:end]`.

    `begin` is DROPPED or LACKING where there is none.
    """

    text: Bytes
    begin: Int64
    end: Int64


class Numbers(NamedTuple):
    """Numbers of the cells of a field: those of cell [record, person] are `values[begin:end]`.

    `INT_MISSING` is `.`. `begin` and `end` are DROPPED, LACKING or ODD where there are none.
    Cells lie one behind another, so one of very many values costs no room in the others.
    """

    values: Int32
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

    def _none(self) -> tuple[Bools, Int64]:
        """Tell which cells have no value, and for each cell why it would have none."""
        cut = self.cells.cut
        why = np.where(np.repeat(self.cells.has, self.people), DROPPED, LACKING)
        return cut[1:] == cut[:-1], why

    def numbers(self) -> Numbers:
        """Give the numbers of each cell; `values` are the column's own, not to be changed."""
        values, cut, _ = self.cells
        dropped, none = self._none()
        begin, end = cut[:-1].astype(np.int64), cut[1:].astype(np.int64)
        begin[dropped] = end[dropped] = none[dropped]
        begin[self.odd.cells] = end[self.odd.cells] = ODD
        shape = self.size, self.people
        return Numbers(values, begin.reshape(shape), end.reshape(shape))

    def spans(self) -> Spans:
        """Give the exact text of each cell."""
        values, cut, _ = self.cells
        dropped, none = self._none()
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
