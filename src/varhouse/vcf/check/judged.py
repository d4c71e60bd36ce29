"""Records that were checked: what the rules found of each, for those who read on.

What is wrong with a record is found once, by the walks of `varhouse.vcf.check`. Whoever
takes the records of a file in goes by what was found there (`marks`): nothing is held back
for a reason that `varhouse validate` does not count, and nothing that it counts goes in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from varhouse.errors import InputError
from varhouse.genotypes.calls import Genotypes
from varhouse.genotypes.fields import FieldTape
from varhouse.vcf.account.faults import Fault
from varhouse.vcf.header.header import Header
from varhouse.vcf.text.lines import RecordBatch

Ints = npt.NDArray[np.int64]


def bits(*faults: Fault) -> int:
    """Give the mark of some faults."""
    return sum(1 << int(f) for f in faults)


OF_RECORD = bits(
    Fault.POS_INVALID, Fault.CHROM_INVALID, Fault.CONTIG_UNKNOWN, Fault.QUAL_INVALID
)
"""Marks with which a record is rejected as it stands."""

OF_ALLELES = bits(
    Fault.REF_INVALID,
    Fault.ALT_INVALID,
    Fault.ALT_REF,
    Fault.REF_DIFFERS,
    Fault.REF_OUTSIDE,
)
"""Marks with which alleles of a record are rejected, or all of them."""

OF_GENOTYPES = bits(Fault.GT_SYNTAX, Fault.GT_ALLELE, Fault.GT_NO_ALT)
"""Marks with which a record is rejected for a genotype."""

UNCHECKED = bits(Fault.REF_UNCHECKED)
"""The mark of what a policy may reject."""


def slice_batch(batch: RecordBatch, a: int, b: int) -> RecordBatch:
    """Give records a to b of a batch, without a copy."""
    return RecordBatch(
        batch.text,
        batch.start[a:b],
        batch.end[a:b],
        batch.tabs[a:b],
        batch.pos[a:b],
        batch.record + a,
        batch.line + a,
        batch.samples and batch.samples.part(a, b),
    )


@dataclass(frozen=True)
class Judged:
    """Consecutive records of a file, in its order, as they were checked.

    Attributes
    ----------
    batch
        The records.
    marks
        int64[n]: bit f of a record is set where `Fault` f was found in it.
    genotypes
        Its genotypes; nobody is called in a record without GT.
    fields
        The values of its other FORMAT fields, as far as the taker wants them.
    opened
        Chunks that begin in these records: the ordinal of the first record in the file, and
        the partition.
    """

    batch: RecordBatch
    marks: Ints
    genotypes: Genotypes
    fields: FieldTape
    opened: list[tuple[int, str]] = field(default_factory=list)

    def part(self, a: int, b: int) -> "Judged":
        """Give records a to b of these, without a copy, as ones of one chunk."""
        if (a, b) == (0, self.batch.size):
            return self
        return Judged(
            slice_batch(self.batch, a, b),
            self.marks[a:b],
            self.genotypes.part(a, b),
            self.fields.part(a, b),
        )


class TakingError(Exception):
    """What went wrong in a taker (`why`): no fault of the text that is checked."""

    def __init__(self, why: InputError) -> None:
        super().__init__(str(why))
        self.why = why


class Taker(Protocol):
    """Takes records as they are checked.

    Attributes
    ----------
    wants_calls
        Whether it looks at their genotypes; without, nobody is called in any record.
    wants_fields
        FORMAT keys whose values it looks at too, if at genotypes; None for all.
    """

    wants_calls: bool

    @property
    def wants_fields(self) -> Sequence[str] | None:
        """See `Taker`."""

    def begin(self, header: Header) -> None:
        """Take the header, before any record."""

    def __call__(self, judged: Judged) -> None:
        """Take the next records of the file."""


@dataclass
class MarkedRecords:
    """Records that hold something to reject, of a whole file: a taker that keeps the marks.

    Attributes
    ----------
    record, marks
        int64[m]: ordinal in the file, ascending, and marks of each.
    """

    record: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    marks: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    wants_calls: bool = False
    wants_fields: Sequence[str] | None = ()
    _pieces: list[tuple[Ints, Ints]] = field(default_factory=list)

    def begin(self, header: Header) -> None:
        """Take the header: marks need none."""

    def __call__(self, judged: Judged) -> None:
        """Take the next records."""
        k = np.flatnonzero(judged.marks & (OF_RECORD | OF_ALLELES | OF_GENOTYPES | UNCHECKED))
        if k.size:
            self._pieces.append((k + judged.batch.record, judged.marks[k]))

    def close(self) -> "MarkedRecords":
        """Put together what was taken."""
        if self._pieces:
            self.record = np.concatenate([r for r, _ in self._pieces])
            self.marks = np.concatenate([m for _, m in self._pieces])
            self._pieces = []
        return self

    def of(self, first: int, n: int) -> Ints:
        """Give the marks of n records from the ordinal `first` on: int64[n]."""
        out = np.zeros(n, np.int64)
        a, b = np.searchsorted(self.record, [first, first + n])
        out[self.record[a:b] - first] = self.marks[a:b]
        return out
