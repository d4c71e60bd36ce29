"""Records of a BCF without htslib, while they are plain.

The values of the samples are most of a BCF, and stand there as numbers. They are read as
they are while records are plain: no fault, and nothing that text would say otherwise; the
other columns are written as the text that htslib makes of them. From the first record on
that is not plain, htslib makes text of all: what a file gives, and what is told of it, does
not hang on how it was read.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.vcf.bcf.kernels import count_plain
from varhouse.vcf.bcf.records import (
    Dictionaries,
    Fields,
    find_fields,
    iter_records,
    read_dictionaries,
)
from varhouse.vcf.bcf.samples import BcfColumns
from varhouse.vcf.bcf.text import SiteText
from varhouse.vcf.header.keys import KeyTable, Kind
from varhouse.vcf.samples.layout import FormatReader, pack_layouts
from varhouse.vcf.text.bgzf import has_end_block
from varhouse.vcf.text.lines import RecordBatch, read_batch

Ints = npt.NDArray[np.int64]

_MOST_LAYOUTS = 256
"""Different lists of keys in a batch; where there are more, records are not plain."""


@nb.njit(cache=True, nogil=True)
def _group(first, key):  # type: ignore[no-untyped-def]  # pragma: no cover - compiled
    """Give each different list of keys a number: (number of each record, a record of each)."""
    n = first.size - 1
    number = np.full(n, -1, np.int32)
    example = np.empty(_MOST_LAYOUTS, np.int64)
    d = 0
    last = 0
    for k in range(n):
        for turn in range(d + 1):
            # The list of the record before first.
            g = last if turn == 0 else turn - 1
            if g >= d:
                break
            a, b = first[k], first[example[g]]
            same = first[k + 1] - a == first[example[g] + 1] - b
            for j in range(first[k + 1] - a):
                if not same:
                    break
                same = key[a + j] == key[b + j]
            if same:
                number[k] = g
                break
        if number[k] < 0:
            if d == _MOST_LAYOUTS:
                break
            example[d] = k
            number[k] = d
            d += 1
        last = number[k]
    return number, example[:d]


class PlainRecords:
    """Reads the plain records at the front of a BCF.

    Iterate over `batches`; `n_records` is then how many there were, and `whole` whether
    they are all. What is wrong with the file is not told: reading it as text from there
    on does.

    Parameters
    ----------
    table
        Keys of FORMAT.
    names
        Those to give values of; without any the samples are not looked at.
    samples
        Samples of the file.
    first_line
        Line of the first record in the text.
    version
        The x of the file's VCF version 4.x.
    """

    def __init__(
        self, path: Path, table: KeyTable, names: Sequence[str], samples: int, first_line: int,
        version: int | None,
    ) -> None:  # fmt: skip
        self._implied = version is not None and version >= 4
        self._path, self._table, self._samples = path, table, samples
        self._line, self._wanted = first_line, bool(names)
        self._formats = FormatReader(table, list(names))
        self.n_records, self.whole = 0, False
        kinds = {table.arrays.kind[table.number_of(n)] for n in names if n != "GT"}
        # Text has six digits of a Float, and a Character may be several bytes of it.
        self._possible = kinds <= {int(Kind.INTEGER), int(Kind.STRING)}

    def batches(self, batch_bytes: int) -> Iterator[RecordBatch]:
        """Yield the records in batches of so many bytes."""
        if not self._possible or not has_end_block(self._path):
            return
        try:
            known = read_dictionaries(self._path)
            if known is not None:
                yield from self._batches(known, batch_bytes)
        except InputError:
            self.whole = False

    def _batches(self, known: Dictionaries, batch_bytes: int) -> Iterator[RecordBatch]:
        sites = SiteText(known.contigs, known.strings)
        numbers = {name: number for number, name in known.strings.items()}
        for data, starts in iter_records(self._path, batch_bytes):
            fields = None
            plain = starts.size - 1
            if self._wanted:
                sound, fields, n_alts = find_fields(data, starts, self._samples)
                plain = self._plain(sound, fields, n_alts, known.strings)
            plain, text = sites.write(data, starts, plain)
            if plain:
                batch = read_batch(text, self.n_records, self._line + self.n_records)
                self.n_records += plain
                if fields is not None:
                    batch.samples = BcfColumns(
                        fields, plain, self._table, self._samples, numbers
                    )
                yield batch
            if plain < starts.size - 1:
                return
        self.whole = True

    def _plain(self, sound: int, fields: Fields, n_alts: Ints, strings: dict[int, str]) -> int:
        """Count the records at the front of a batch whose samples are plain."""
        number, examples = _group(fields.first[: sound + 1], fields.key)
        layouts, good = [], []
        for k in examples.tolist():
            keys = fields.key[fields.first[k] : fields.first[k + 1]].tolist()
            known = all(key in strings for key in keys)
            text = ":".join(strings.get(key, "") for key in keys)
            layouts.append(self._formats.layout(text.encode("utf-8", "surrogateescape")))
            good.append(known and not layouts[-1].faults.size)
        odd = np.flatnonzero(~np.append(np.array(good, np.bool_), False)[number])
        n = int(odd[0]) if odd.size else sound
        return int(
            count_plain(
                fields, number[:n], pack_layouts(layouts), n_alts, self._samples, self._implied
            )
        )
