"""Faults that compiled code finds in records: all counted, the first few located.

A kernel must say what is wrong without building a Python object per line. It calls
`note_fault` for each fault; what it noted becomes problems with a message afterwards, for the
few that are shown.
"""

from dataclasses import dataclass
from enum import IntEnum, unique

import numba as nb
import numpy as np
import numpy.typing as npt

from varhouse.vcf.account.problems import SHOWN

Ints = npt.NDArray[np.int64]


@unique
class Fault(IntEnum):
    """Kinds of faults that kernels note; `problems.RULES` holds the code of each."""

    INFO_EMPTY = 0
    """An empty field between semicolons, or an INFO column with nothing in it."""
    INFO_KEY = 1
    """A key of illegal characters."""
    INFO_TWICE = 2
    INFO_UNDECLARED = 3
    INFO_NO_VALUE = 4
    """A key that is no flag without a value."""
    INFO_FLAG_VALUE = 5
    INFO_NUMBER = 6
    INFO_TYPE = 7
    INFO_RANGE = 8
    """A value outside the bounds of a reserved key (a negative DP, an AF above 1)."""
    INFO_SPACE = 9
    FORMAT_EMPTY = 10
    FORMAT_KEY = 11
    FORMAT_TWICE = 12
    FORMAT_UNDECLARED = 13
    FORMAT_GT_LATE = 14
    """GT stands in FORMAT, but not first."""
    SAMPLE_FIELDS = 15
    """More sub-fields than FORMAT has keys."""
    SAMPLE_NUMBER = 16
    SAMPLE_TYPE = 17
    SAMPLE_RANGE = 18
    SAMPLE_SPACE = 19
    SAMPLE_EMPTY = 20
    """A sub-field with nothing in it."""
    GT_SYNTAX = 21
    GT_ALLELE = 22
    """A GT number above the count of ALT."""
    LINE_COLUMNS = 23
    """Another number of columns than the #CHROM line has."""
    CHROM_INVALID = 24
    POS_INVALID = 25
    ID_INVALID = 26
    ID_TWICE = 27
    REF_INVALID = 28
    ALT_INVALID = 29
    ALT_REF = 30
    """An ALT that is REF."""
    ALT_TWICE = 31
    QUAL_INVALID = 32
    FILTER_INVALID = 33
    FILTER_TWICE = 34
    FILTER_UNDECLARED = 35
    END_BEFORE = 36
    """INFO/END is before POS. VCF 4.5 computes END (`fields.ends.check_ends`)."""
    DUPLICATE = 37
    """An allele that a record before it has too."""
    GT_NO_ALT = 38
    """A GT names allele 1 where ALT is missing: some callers know of one and hide it."""
    GT_LEADING = 39
    """A GT that begins with / or |, which VCF 4.4 brought."""
    FORMAT_LAA = 40
    """Fields of local alleles, and LAA is not there or not before all fields but GT."""
    FORMAT_NO_GT = 41
    """Base modifications (Number=M) in a record without GT."""
    INFO_FLAG_DIGIT = 42
    """A flag written `DB=1` or `DB=0`."""
    INFO_JOINED = 43
    """A list in a key that is declared as one String, as GATK writes `AS_SB_TABLE`."""
    LAA_VALUE = 44
    """LAA names an ALT that is not there, REF, or one ALT twice."""
    LAA_ORDER = 45
    """LAA does not rise: legal, and unusual."""
    LAA_CALLED = 46
    """GT names an ALT that LAA does not list."""
    QUAL_NEGATIVE = 47
    INFO_QUOTED = 48
    """A number of values that is right when commas between quotes are no separators."""

    SAMPLE_COUNT = 49
    """A number of values that a tool is known to write against its own header."""

    SAMPLE_UNKNOWN = 50
    """A copy number of -1, by which Delly says that it is not known."""

    CONTIG_UNKNOWN = 51
    """CHROM is no contig of the assembly. This and the next are found run by run, not by
    `note_fault`: they are only marked."""
    REF_DIFFERS = 52
    REF_OUTSIDE = 53
    """REF reaches past the end of a contig that the reference holds whole."""
    REF_UNCHECKED = 54
    """The reference does not hold the place, or REF says nothing."""


N_FAULTS = max(Fault) + 1


@dataclass
class Faults:
    """What the kernels of a batch noted.

    Attributes
    ----------
    tally
        int64[faults + n]: how often each kind was found, and then the marks of the records;
        compiled code takes both as one. No marks are kept where there is no room for them.
    first
        int64[faults, SHOWN, 5]: of the first few of each kind the record in the batch,
        the span in the text [start, end), the key (its number in the key table, -1 for
        none) and the 0-based sample (-1 for none).
    """

    tally: Ints
    first: Ints

    @classmethod
    def empty(cls, records: int = 0) -> "Faults":
        """Make an account without faults, with marks of so many records."""
        return cls(
            np.zeros(N_FAULTS + records, np.int64),
            np.full((N_FAULTS, SHOWN, 5), -1, np.int64),
        )

    @property
    def count(self) -> Ints:
        """How often each kind was found: int64[faults]."""
        return self.tally[:N_FAULTS]

    @property
    def marks(self) -> Ints:
        """What was found of each record: int64[n], bit f for the fault of number f."""
        return self.tally[N_FAULTS:]


# Its types are written down: for each number that a caller writes in a call, numba would
# compile it anew, 50 times in all.
@nb.njit("void(i8[::1], i8[:, :, ::1], i8, i8, i8, i8, i8, i8)", cache=True, nogil=True)
def note_fault(  # type: ignore[no-untyped-def]
    count, first, fault, k, start, end, key, sample
):  # pragma: no cover - compiled
    """Count a fault of record `k` at text[start:end], and keep it while there is room.

    `count` is `Faults.tally`: the record is marked, too.
    """
    n = count[fault]
    count[fault] = n + 1
    if count.size > N_FAULTS:
        count[N_FAULTS + k] |= np.int64(1) << np.int64(fault)
    if n < first.shape[1]:
        first[fault, n, 0] = k
        first[fault, n, 1] = start
        first[fault, n, 2] = end
        first[fault, n, 3] = key
        first[fault, n, 4] = sample
