"""Records of a BCF in batches, without htslib.

The values of the samples are most of a BCF, and stand there as numbers. Those of plain
records, which have no fault and nothing that text would say otherwise, are left as they
stand; everything else is written as the lines that htslib makes of it. So what a file gives,
and what is told of it, does not hang on how it was read. From the first record on that is
damaged or of another kind than is known here, htslib has to read the file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.vcf.bcf.plain_fields import find_plain
from varhouse.vcf.bcf.records import (
    NO_FIELDS,
    Bytes,
    Dictionaries,
    Fields,
    find_fields,
    iter_records,
    read_dictionaries,
)
from varhouse.vcf.bcf.samples import BcfColumns
from varhouse.vcf.bcf.text import LineWriter, Samples
from varhouse.vcf.header.keys import KeyTable
from varhouse.vcf.samples.layout import FormatReader, pack_layouts
from varhouse.vcf.text.bgzf import has_end_block
from varhouse.vcf.text.limits import DEFAULTS

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_MOST_LAYOUTS = 256
"""Different lists of keys in a batch; where there are more, records are not plain."""

_LETTERS = 8
"""More letters than a byte of a record takes in its line."""

CHECKED_TEXT = frozenset({"CICN", "PSL", "PSO", "PSQ", "LEN"})
"""Keys whose rules look at the text of the samples (`rare.rules`, `fields.ends`)."""


@dataclass(frozen=True)
class PlainSamples:
    """Which sample values of a BCF are left out of the text.

    Attributes
    ----------
    table
        Keys of FORMAT.
    names
        Keys whose values are asked for.
    text_keys
        A record with one of these keys is written whole.
    ascii_only
        Text beyond ASCII is written, so that its encoding is looked at.
    line_bytes
        A record whose line may be longer is written, so that its length is looked at.
    looked_at
        False: the lines end with INFO, and the samples are not looked at at all.
    """

    table: KeyTable
    names: Sequence[str] = ()
    text_keys: frozenset[str] = CHECKED_TEXT
    ascii_only: bool = True
    line_bytes: int = DEFAULTS.line_bytes
    looked_at: bool = True


class BcfBatch(NamedTuple):
    """Some records: their lines, how many, and the sample values that are not in these."""

    text: bytes
    size: int
    samples: BcfColumns | None


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


class BcfReader:
    """Reads the records of a BCF up to the first that htslib has to read.

    Iterate over `batches`; `n_records` is then how many there were, and `whole` whether
    they are all. What is wrong with the file is not told: htslib does.

    Parameters
    ----------
    samples
        Samples of the file.
    version
        The x of the file's VCF version 4.x.
    plain
        Which sample values are left as they stand; None: all are written.
    """

    def __init__(
        self, path: Path, samples: int, version: int | None, plain: PlainSamples | None = None
    ) -> None:
        self._path, self._samples, self._plain = path, samples, plain
        self._implied = version is not None and version >= 4
        self._formats = FormatReader(plain.table, list(plain.names)) if plain else None
        self.n_records, self.whole = 0, False

    def batches(self, batch_bytes: int) -> Iterator[BcfBatch]:
        """Yield the records in batches of so many binary bytes."""
        if not has_end_block(self._path):
            return
        try:
            known = read_dictionaries(self._path)
            if known is not None:
                yield from self._batches(known, batch_bytes)
        except InputError:
            self.whole = False

    def _batches(self, known: Dictionaries, batch_bytes: int) -> Iterator[BcfBatch]:
        writer = LineWriter(known)
        numbers = {name: number for number, name in known.strings.items()}
        for data, starts in iter_records(self._path, batch_bytes):
            n = starts.size - 1
            sound, samples = self._samples_of(data, starts, known, numbers.get("GT", -1))
            done, text = writer.write(data, starts, sound, samples)
            self.n_records += done
            if done:
                found = None
                if self._plain is not None and samples.n_samples:
                    found = BcfColumns(
                        samples.fields,
                        ~samples.whole[:done],
                        self._plain.table,
                        self._samples,
                        numbers,
                    )
                yield BcfBatch(text, done, found)
            if done < n:
                return
        self.whole = True

    def _samples_of(
        self, data: Bytes, starts: Ints, known: Dictionaries, gt: int
    ) -> tuple[int, Samples]:
        """Give how many records of a batch are sound, and what to write of their samples."""
        whole = np.ones(starts.size - 1, np.bool_)
        if self._plain is not None and not self._plain.looked_at:
            return whole.size, Samples(NO_FIELDS, whole, 0, gt, self._implied)
        sound, fields, n_alts = find_fields(data, starts, self._samples)
        if self._plain is not None and self._samples:
            whole[:sound] = ~self._find_plain(sound, fields, n_alts, known.strings)
            whole |= np.diff(starts) > self._plain.line_bytes // _LETTERS
        return sound, Samples(fields, whole, self._samples, gt, self._implied)

    def _find_plain(
        self, sound: int, fields: Fields, n_alts: Ints, strings: dict[int, str]
    ) -> Flags:
        """Tell which of the sound records of a batch have plain samples."""
        assert self._plain is not None
        assert self._formats is not None
        number, examples = _group(fields.first[: sound + 1], fields.key)
        layouts, good = [], []
        for k in examples.tolist():
            keys = fields.key[fields.first[k] : fields.first[k + 1]].tolist()
            names = [strings.get(key, "") for key in keys]
            text = ":".join(names).encode("utf-8", "surrogateescape")
            layout = self._formats.layout(text)
            layouts.append(layout)
            good.append(
                all(names)
                and not layout.faults.size
                and layout.local[0] < 0
                and self._plain.text_keys.isdisjoint(names)
            )
        highest = 127 if self._plain.ascii_only else 255
        plain: Flags = find_plain(
            fields,
            number,
            pack_layouts(layouts),
            np.array(good, np.bool_),
            n_alts,
            self._samples,
            self._implied,
            highest,
        )
        return plain
