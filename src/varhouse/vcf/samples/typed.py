"""FORMAT: one walk over the sample columns that reads typed values and finds faults.

The walk finds tabs, colons and commas 64 bytes at a time, so that it knows where each
value ends before it looks at it; a whole number of up to eight digits is then read
without a loop. Values go to a tape in the order of the text, and where each field ends on
the tape says how many it has: nothing is padded, and `varhouse.vcf.samples.cells` makes
columns of the keys that are asked for. A missing value is null, never 0, and so is a
value that is not of its type, which is a fault too.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.fields import FieldTape
from varhouse.vcf.account.faults import Faults
from varhouse.vcf.header.keys import KeyTable, Kind
from varhouse.vcf.samples.cells import SampleColumns, Tape
from varhouse.vcf.samples.gt import (
    count_alts,
    note_genotypes,
    read_genotypes,
    scan_genotypes,
)
from varhouse.vcf.samples.layout import FormatReader, Layout, Layouts, pack_layouts
from varhouse.vcf.samples.walk import Out, walk
from varhouse.vcf.text.decimals import exact_floats
from varhouse.vcf.text.gt_first import gt_places, with_gt_first
from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]

FIELDS_AT_ONCE = 1 << 24
"""Fields that a batch may have before `SampleReader.pieces` cuts it."""

FIELD_LIMIT = 1 << 26
"""Sample fields of one call that are kept: their places take four bytes each."""


class SampleReader:
    """Reads and checks the sample columns of batches.

    Parameters
    ----------
    table
        The keys (of `keys.key_table(header, "FORMAT", names)`).
    n_samples
        Sample columns that the #CHROM line has.
    names
        Keys whose values are kept. All others are checked only.
    """

    def __init__(self, table: KeyTable, n_samples: int, names: Sequence[str] = ()) -> None:
        for name in names:
            if table.number_of(name) < 0:
                raise KeyError(name)
        self.table, self.n_samples, self.names = table, n_samples, list(names)
        self._format = FormatReader(table, self.names)
        self._spans = 0

    @classmethod
    def of_calls(
        cls, table: KeyTable, n_samples: int, names: Sequence[str] | None
    ) -> "SampleReader":
        """Make a reader for `check_calls`, which loses nothing.

        Parameters
        ----------
        names
            FORMAT keys that are kept beside GT, whether the header has them or not; None for
            all.
        """
        reader = cls(table, n_samples)
        if names is None or names:
            reader._format, reader._spans = FormatReader(table, names), 1
        return reader

    def check(self, batch: RecordBatch, faults: Faults, rows: Ints | None = None) -> None:
        """Check the sample columns, and keep nothing.

        Raises
        ------
        InputError
            If the batch holds more than 32,768 distinct genotypes.
        """
        rows = in_text(batch) if rows is None else rows
        if not self.n_samples or not rows.size:
            return
        number, _, packed, alone = self._layouts(batch, rows)
        n_alts = count_alts(batch.text, batch.start, batch.end)
        if not alone.any():
            self._walk(batch, faults, rows, number, packed, n_alts)
            return
        found = scan_genotypes(batch, rows[alone], self.n_samples)
        self._check_both(batch, faults, rows, number, packed, alone, n_alts, found)

    def check_calls(self, batch: RecordBatch, faults: Faults) -> tuple[Genotypes, FieldTape]:
        """Check the sample columns, and keep the genotypes and the other fields.

        Returns
        -------
        tuple
            The genotypes of all records of the batch (nobody is called in a record without
            GT), and their other fields as far as they are asked for (`of_calls`).

        Raises
        ------
        InputError
            As `check`.
        """
        if not self.n_samples or not batch.size:
            return Genotypes.nobody(batch.size), FieldTape.nothing(batch.size)
        rows = np.arange(batch.size)
        number, layouts, packed, alone = self._layouts(batch, rows)
        n_alts = count_alts(batch.text, batch.start, batch.end)
        place = gt_places(batch)
        if (place > 0).any():
            # Texts that were moved are no places in the file to tell a fault of.
            tape = self._walk(batch, faults, rows, number, packed, n_alts)
            genotypes = read_calls(batch, self.n_samples)
            return genotypes, self._fields(batch, number, layouts, tape)
        has_gt = place == 0
        found = genotypes, spans, plain = scan_genotypes(batch, rows[has_gt], self.n_samples)
        if alone.any():
            among = alone[has_gt]
            found = genotypes.pick(among), spans, plain[among]
            tape = self._check_both(batch, faults, rows, number, packed, alone, n_alts, found)
        else:
            tape = self._walk(batch, faults, rows, number, packed, n_alts)
        return genotypes.spread(has_gt), self._fields(batch, number, layouts, tape)

    def pieces(self, batch: RecordBatch) -> Iterator[tuple[int, int]]:
        """Cut a batch so that the fields of a piece do not take much more than its text.

        Dropped fields take no text: `.` in 14 million cells of ten fields each would.
        """
        if not self._spans or not batch.size:
            yield 0, batch.size
            return
        # A key takes two bytes of FORMAT, its colon counted.
        most = (batch.start[:, 9] - batch.start[:, 8]) // 2 + 1
        held = np.cumsum(most * self.n_samples)
        a = 0
        while a < batch.size:
            before = int(held[a - 1]) if a else 0
            b = max(int(np.searchsorted(held, before + FIELDS_AT_ONCE, "right")), a + 1)
            yield a, b
            a = b

    def read_again(self, batch: RecordBatch) -> tuple[Genotypes, FieldTape]:
        """Read what `check_calls` gave of a batch that was checked before."""
        if not self._spans:
            return read_calls(batch, self.n_samples), FieldTape.nothing(batch.size)
        return self.check_calls(batch, Faults.empty())

    def _fields(
        self,
        batch: RecordBatch,
        number: npt.NDArray[np.int32],
        layouts: list[Layout],
        tape: Tape,
    ) -> FieldTape:
        """Give what a walk kept as the fields of all records; those not walked have none."""
        fields = tuple(x.fields for x in layouts)
        begin = np.zeros(batch.size + 1, np.int64)
        begin[1:] = np.cumsum(np.array([len(f) for f in fields])[number] * self.n_samples)
        return FieldTape(batch.text, tape.values, tape.cut, begin, number, fields, tape.odd)

    def _layouts(
        self, batch: RecordBatch, rows: Ints
    ) -> tuple[npt.NDArray[np.int32], list[Layout], Layouts, npt.NDArray[np.bool_]]:
        """Give each record's layout, all layouts twice, and which records have GT alone."""
        number, layouts = self._format.read(batch, rows)
        packed = pack_layouts(layouts)
        alone = packed.gt_only[number] & (batch.tabs[rows] == 8 + self.n_samples)
        return number, layouts, packed, alone

    def _check_both(
        self,
        batch: RecordBatch,
        faults: Faults,
        rows: Ints,
        number: npt.NDArray[np.int32],
        packed: Layouts,
        alone: npt.NDArray[np.bool_],
        n_alts: Ints,
        found: tuple[Genotypes, Ints, npt.NDArray[np.bool_]],
    ) -> Tape:
        """Check records with GT alone by their genotypes, and walk over the others."""
        key = self.table.number_of("GT")
        mine, other = Faults.empty(faults.marks.size), Faults.empty(faults.marks.size)
        # A record with sub-fields that FORMAT does not name goes the slow way.
        odd = note_genotypes(batch, rows[alone], *found, n_alts, key, mine)
        slow = ~alone
        slow[np.flatnonzero(alone)[odd]] = True
        tape = self._walk(batch, other, rows[slow], number[slow], packed, n_alts)
        join_faults(faults, mine, other)
        return tape

    def read(
        self, batch: RecordBatch, faults: Faults, rows: Ints | None = None
    ) -> SampleColumns:
        """Read the keys asked for, and check all.

        Raises
        ------
        InputError
            If samples and keys are so many that their places alone would take more than
            256 MB: read fewer records at once, or fewer keys.
        """
        rows = in_text(batch) if rows is None else rows
        number, layouts = self._format.read(batch, rows)
        packed = pack_layouts(layouts)
        n_alts = count_alts(batch.text, batch.start, batch.end)
        tape = self._walk(batch, faults, rows, number, packed, n_alts)
        return SampleColumns(
            batch.text, self.table, self.n_samples, number, packed, tape, rows
        )

    def _walk(
        self,
        batch: RecordBatch,
        faults: Faults,
        rows: Ints,
        number: npt.NDArray[np.int32],
        packed: Layouts,
        n_alts: Ints,
    ) -> Tape:
        fields = packed.kept[number] * self.n_samples
        total = int(fields.sum())
        if total > FIELD_LIMIT:
            raise InputError(
                f"lines {batch.line:,}-{batch.line + batch.size:,}: {total:,} sample fields "
                f"at once; the limit is {FIELD_LIMIT:,}"
            )
        length = np.maximum(batch.end[rows] - batch.start[rows, 9], 0) + 2
        # A value takes a byte of text at least, a span with its colon too: an empty one has
        # two values of one byte. What is not used is never touched.
        room = (1 + self._spans) * int(length.sum()) + 8 if packed.kept.any() else 8
        real = bool(((packed.kind == Kind.FLOAT) & (packed.keep > 0)).any())
        tape = np.empty(room, np.int32)
        cut = np.zeros(total + 2, np.int32)
        near = np.empty((room // 3 + 1 if real and not self._spans else 1, 3), np.int64)
        odd = np.empty((total + 1 if self._spans else 1, 3), np.int64)
        used = np.zeros(3, np.int64)
        floats = tape.view(np.float32)
        out = Out(tape, floats, cut, near, odd, used, faults.tally, faults.first)
        walk(
            batch.text,
            batch.start,
            batch.end,
            n_alts,
            rows,
            number,
            packed,
            self.n_samples,
            self._spans,
            out,
        )
        n_near = int(used[1])
        if n_near:
            where, begin, end = (np.ascontiguousarray(c) for c in near[:n_near].T)
            with np.errstate(over="ignore"):
                # Beyond float32 is infinite, as the cast of htslib has it.
                floats[where] = exact_floats(batch.text, begin, end).astype(np.float32)
        begin = np.zeros(rows.size + 1, np.int64)
        begin[1:] = np.cumsum(fields)
        # What is noted of odd texts is little of what there is room for.
        noted = odd[: int(used[2])].copy()
        return Tape(tape[: int(used[0])], cut[: total + 1], begin, n_near, noted)


def in_text(batch: RecordBatch) -> Ints:
    """Give the records whose samples stand in the text."""
    return np.arange(batch.size) if batch.samples is None else batch.samples.others


def read_calls(batch: RecordBatch, n_samples: int) -> Genotypes:
    """Read the genotypes of a batch that was checked; as `SampleReader.check_calls`."""
    if not n_samples or not batch.size:
        return Genotypes.nobody(batch.size)
    place = gt_places(batch)
    moved, has_gt = with_gt_first(batch, place), place >= 0
    return read_genotypes(moved, np.flatnonzero(has_gt), n_samples).spread(has_gt)


def join_faults(faults: Faults, one: Faults, two: Faults) -> None:
    """Add the faults that two walks over different records of a batch noted."""
    shown = faults.first.shape[1]
    faults.marks[:] |= one.marks | two.marks
    for fault in np.flatnonzero(one.count + two.count).tolist():
        both = np.concatenate([one.first[fault], two.first[fault]])
        both = both[both[:, 0] >= 0]
        both = both[np.argsort(both[:, 0], kind="stable")][:shown]
        n = min(int(faults.count[fault]), shown)
        both = both[: shown - n]
        faults.first[fault, n : n + len(both)] = both
        faults.count[fault] += one.count[fault] + two.count[fault]
