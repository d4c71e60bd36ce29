"""Sample columns of a batch of BCF records, from the numbers as they stand there."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.vcf.bcf.numbers import read_back, round_all
from varhouse.vcf.bcf.read_fields import (
    find_texts,
    read_floats,
    read_integers,
    write_genotypes,
)
from varhouse.vcf.bcf.records import Fields
from varhouse.vcf.header.keys import KeyTable, Kind
from varhouse.vcf.samples.genotype_text import DIGITS, MARKS
from varhouse.vcf.text.columns import join_lists, number_column, text_array

Ints = npt.NDArray[np.int64]

_UNSURE = 1 << 12
"""Floats of a batch whose text is looked for; there is room for more when there are more."""


@dataclass
class BcfColumns:
    """The samples' values of plain records of a batch; gives what `cells.SampleColumns` does.

    Attributes
    ----------
    plain
        bool[n]: these records are plain. The samples of the others stand in the text.
    numbers
        Number of each key in the dictionary of strings.
    fallback
        Floats that compiled code could not convert exactly.
    """

    fields: Fields
    plain: npt.NDArray[np.bool_]
    table: KeyTable
    n_samples: int
    numbers: dict[str, int]
    fallback: int = 0

    @property
    def others(self) -> Ints:
        """int64[m]: the records whose samples stand in the text."""
        return np.flatnonzero(~self.plain)

    def part(self, a: int, b: int) -> "BcfColumns":
        """Give those of the records `a` to `b`."""
        fields = self.fields._replace(first=self.fields.first[a : b + 1])
        return replace(self, fields=fields, plain=self.plain[a:b])

    def _find(self, name: str) -> tuple[Ints, Ints, Ints, Ints]:
        """Give the records that have a key, and type, count and place of its values."""
        first = self.fields.first[: self.plain.size + 1]
        keys = self.fields.key[first[0] : first[-1]]
        found = first[0] + np.flatnonzero(keys == self.numbers.get(name, -1))
        rows = np.searchsorted(first, found, "right") - 1
        found, rows = found[self.plain[rows]], rows[self.plain[rows]]
        f = self.fields
        return rows, f.kind[found], f.count[found], f.at[found]

    def _per_record(self, cells: pa.Array) -> pa.Array:
        return pa.FixedSizeListArray.from_arrays(cells, self.n_samples)

    def genotypes(self) -> tuple[Ints, pa.Array]:
        """Give GT as text for each sample."""
        rows, types, counts, places = self._find("GT")
        n = rows.size * self.n_samples
        end = np.zeros(n + 1, np.int32)
        # As in `genotype_text`: what is not used is never touched.
        out = np.empty(9 * int(counts.sum()) * self.n_samples + 3, np.uint8)
        w = write_genotypes(
            self.fields.data, types, counts, places, self.n_samples, DIGITS, MARKS, out, end
        )
        buffers = [None, pa.py_buffer(end), pa.py_buffer(out[:w])]
        return rows, self._per_record(pa.Array.from_buffers(pa.string(), n, buffers, 0))

    def arrow(self, name: str) -> tuple[Ints, pa.Array]:
        """Give a key's values: records that have it, and their cells."""
        k = self.table.number_of(name)
        several = self.table.is_list(k)
        rows, types, counts, places = self._find(name)
        data, n = self.fields.data, rows.size * self.n_samples
        if self.table.arrays.kind[k] not in (Kind.INTEGER, Kind.FLOAT):
            at, many = np.empty(n, np.int64), np.empty(n, np.int32)
            find_texts(data, counts, places, self.n_samples, at, many)
            cells = text_array(data, at, many, split="," if several else None)
            return rows, self._per_record(cells)
        if self.table.arrays.kind[k] == Kind.FLOAT:
            return rows, self._per_record(self._floats(counts, places, several=several))
        values = np.empty(int(counts.sum()) * self.n_samples if several else n, np.int32)
        offset, many = np.zeros(n + 1, np.int32), np.empty(n if several else 0, np.int32)
        w = read_integers(data, types, counts, places, self.n_samples, values, offset, many)
        cells = number_column(values[:w], real=False)
        return rows, self._per_record(join_lists(offset, cells, many) if several else cells)

    def _floats(self, counts: Ints, places: Ints, *, several: bool) -> pa.Array:
        """Give the cells of a key of Floats."""
        n = counts.size * self.n_samples
        bits = np.empty(int(counts.sum()) * self.n_samples if several else n, np.int32)
        offset, many = np.zeros(n + 1, np.int32), np.empty(n if several else 0, np.int32)
        bits = bits[
            : read_floats(self.fields.data, counts, places, self.n_samples, bits, offset, many)
        ]
        unsure = np.empty(_UNSURE, np.int64)
        found = round_all(bits.view(np.float32), bits, unsure)
        if found > unsure.size:
            # What is rounded already stays so.
            unsure = np.empty(found, np.int64)
            round_all(bits.view(np.float32), bits, unsure)
        at = unsure[:found]
        bits.view(np.float32)[at] = read_back(bits.view(np.float32)[at])
        self.fallback += int(found)
        cells = number_column(bits, real=True)
        return join_lists(offset, cells, many) if several else cells
