"""Sample columns of a batch of BCF records, from the numbers as they stand there."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from varhouse.vcf.bcf.kernels import find_texts, read_integers, write_genotypes
from varhouse.vcf.bcf.records import Fields
from varhouse.vcf.header.keys import KeyTable, Kind
from varhouse.vcf.samples.genotype_text import DIGITS, MARKS
from varhouse.vcf.text.columns import join_lists, number_column, text_array

Ints = npt.NDArray[np.int64]


@dataclass
class BcfColumns:
    """The samples' values of a batch of plain records; gives what `cells.SampleColumns` does.

    Attributes
    ----------
    numbers
        Number of each key in the dictionary of strings.
    """

    fields: Fields
    n_records: int
    table: KeyTable
    n_samples: int
    numbers: dict[str, int]
    fallback: int = 0

    def _find(self, name: str) -> tuple[Ints, Ints, Ints, Ints]:
        """Give the records that have a key, and type, count and place of its values."""
        first = self.fields.first[: self.n_records + 1]
        mine = np.flatnonzero(self.fields.key[: first[-1]] == self.numbers.get(name, -1))
        rows = np.searchsorted(first, mine, "right") - 1
        f = self.fields
        return rows, f.kind[mine], f.count[mine], f.at[mine]

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
        held = [None, pa.py_buffer(end), pa.py_buffer(out[:w])]
        return rows, self._per_record(pa.Array.from_buffers(pa.string(), n, held, 0))

    def arrow(self, name: str) -> tuple[Ints, pa.Array]:
        """Give a key's values: records that have it, and their cells."""
        k = self.table.number_of(name)
        several = self.table.is_list(k)
        rows, types, counts, places = self._find(name)
        data, n = self.fields.data, rows.size * self.n_samples
        if self.table.arrays.kind[k] != Kind.INTEGER:
            at, many = np.empty(n, np.int64), np.empty(n, np.int32)
            find_texts(data, counts, places, self.n_samples, at, many)
            cells = text_array(data, at, many, split="," if several else None)
            return rows, self._per_record(cells)
        values = np.empty(int(counts.sum()) * self.n_samples if several else n, np.int32)
        offset, many = np.zeros(n + 1, np.int32), np.empty(n if several else 0, np.int32)
        w = read_integers(data, types, counts, places, self.n_samples, values, offset, many)
        cells = number_column(values[:w], real=False)
        return rows, self._per_record(join_lists(offset, cells, many) if several else cells)
