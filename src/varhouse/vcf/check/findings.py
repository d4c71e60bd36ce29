"""From the faults that compiled code noted to problems with a message.

Only the few faults that are shown are looked at; the others are counted. Which are shown
does not depend on how a file is cut into batches: always the first in the file.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from varhouse.vcf.account.faults import Fault, Faults
from varhouse.vcf.account.problems import SHOWN, Account
from varhouse.vcf.header.deviations import count_habit
from varhouse.vcf.header.header import Header
from varhouse.vcf.header.keys import KeyTable, Kind, Number
from varhouse.vcf.text.lines import COLUMNS, RecordBatch

_LONGEST = 200
"""Characters of a value that are kept."""


class _Case(NamedTuple):
    """A fault that is shown: where it is and what stands there."""

    batch: RecordBatch
    record: int
    value: str
    table: KeyTable | None
    key: int
    sample: str | None

    @property
    def name(self) -> str:
        """`INFO/DP`, or the column alone."""
        assert self.table is not None
        return f"{self.table.field}/{self.table.names[self.key]}" if self.key >= 0 else (
            self.table.field
        )  # fmt: skip

    @property
    def kind(self) -> str:
        assert self.table is not None
        return Kind(int(self.table.arrays.kind[self.key])).name.capitalize()

    def tool(self) -> str:
        """Name the tool that writes another count of values than its header says."""
        assert self.table is not None
        return count_habit(self.table.names[self.key])

    def n_alt(self) -> int:
        """Count the ALT alleles of the record."""
        start = self.batch.start[self.record]
        alt = self.batch.text[start[4] : start[5] - 1].tobytes()
        return 0 if alt in (b"", b".") else alt.count(b",") + 1

    def wanted(self) -> str:
        """Say how many values the key has."""
        assert self.table is not None
        number = Number(int(self.table.arrays.number[self.key]))
        if number == Number.FIXED:
            return str(self.table.arrays.fixed[self.key])
        n = self.n_alt()
        plain = {Number.A: n, Number.R: n + 1}
        of = f"Number={number.name} with {n} ALT"
        return f"{plain[number]} ({of})" if number in plain else of

    def bounds(self) -> str:
        assert self.table is not None
        low, high = self.table.arrays.low[self.key], self.table.arrays.high[self.key]
        if high == float("inf"):
            return f"below {max(low, 0):g}"
        return f"not from {low:g} to {high:g}"


def _values(case: _Case) -> int:
    return case.value.count(",") + 1


_MESSAGES: dict[Fault, tuple[str, str, Callable[[_Case], str]]] = {
    Fault.INFO_EMPTY: ("VH-I-001", "INFO", lambda c: "an empty field in INFO"),
    Fault.INFO_KEY: ("VH-I-002", "INFO", lambda c: "no legal INFO key"),
    Fault.INFO_TWICE: ("VH-I-003", "INFO", lambda c: f"{c.name} stands twice"),
    Fault.INFO_UNDECLARED: ("VH-I-004", "INFO", lambda c: "the INFO key is not declared"),
    Fault.INFO_NO_VALUE: (
        "VH-I-005", "INFO", lambda c: f"{c.name} is of Type {c.kind} and has no value",
    ),
    Fault.INFO_FLAG_VALUE: ("VH-I-006", "INFO", lambda c: f"{c.name} is a Flag with a value"),
    Fault.INFO_FLAG_DIGIT: (
        "VH-I-012", "INFO",
        lambda c: f"{c.name}={c.value}: a flag has no value; it is read as set",
    ),
    Fault.INFO_JOINED: (
        "VH-I-013", "INFO",
        lambda c: f"{c.name} holds a list of its own inside a String, as GATK writes it",
    ),
    Fault.INFO_QUOTED: (
        "VH-I-014", "INFO",
        lambda c: f"{c.name} has commas between quotes: readers part values there",
    ),
    Fault.INFO_NUMBER: (
        "VH-I-007", "INFO",
        lambda c: f"{c.name} has {_values(c)} value(s), not {c.wanted()}",
    ),
    Fault.INFO_TYPE: ("VH-I-008", "INFO", lambda c: f"{c.name} is no {c.kind}"),
    Fault.INFO_RANGE: ("VH-I-009", "INFO", lambda c: f"{c.name} is {c.bounds()}"),
    Fault.INFO_SPACE: ("VH-I-010", "INFO", lambda c: f"white space in {c.name}"),
    Fault.END_BEFORE: ("VH-V-013", "INFO", lambda c: "END is before POS"),
    Fault.FORMAT_EMPTY: ("VH-M-001", "FORMAT", lambda c: "an empty key in FORMAT"),
    Fault.FORMAT_KEY: ("VH-M-002", "FORMAT", lambda c: "no legal FORMAT key"),
    Fault.FORMAT_TWICE: ("VH-M-003", "FORMAT", lambda c: "a FORMAT key stands twice"),
    Fault.FORMAT_UNDECLARED: (
        "VH-M-004", "FORMAT", lambda c: "the FORMAT key is not declared",
    ),
    Fault.FORMAT_GT_LATE: ("VH-M-005", "FORMAT", lambda c: "GT is not the first FORMAT key"),
    Fault.SAMPLE_FIELDS: (
        "VH-M-006", "FORMAT", lambda c: "a sample has more fields than FORMAT has keys",
    ),
    Fault.SAMPLE_NUMBER: (
        "VH-M-007", "FORMAT",
        lambda c: f"{c.name} has {_values(c)} value(s), not {c.wanted()}",
    ),
    Fault.SAMPLE_COUNT: (
        "VH-M-018", "FORMAT",
        lambda c: f"{c.name} has {_values(c)} value(s), not {c.wanted()}, as {c.tool()} "
        "writes it",
    ),
    Fault.SAMPLE_TYPE: ("VH-M-008", "FORMAT", lambda c: f"{c.name} is no {c.kind}"),
    Fault.SAMPLE_RANGE: ("VH-M-009", "FORMAT", lambda c: f"{c.name} is {c.bounds()}"),
    Fault.SAMPLE_UNKNOWN: (
        "VH-M-019", "FORMAT", lambda c: f"{c.name} is -1, as Delly writes what is not known",
    ),
    Fault.SAMPLE_SPACE: ("VH-M-010", "FORMAT", lambda c: "white space in a sample's fields"),
    Fault.SAMPLE_EMPTY: ("VH-M-011", "FORMAT", lambda c: "a sample's field is empty"),
    Fault.GT_SYNTAX: ("VH-G-001", "GT", lambda c: "GT is no genotype"),
    Fault.GT_ALLELE: (
        "VH-G-002", "GT",
        lambda c: f"GT names an allele that is not there: the record has {c.n_alt()} ALT",
    ),
    Fault.GT_NO_ALT: (
        "VH-G-003", "GT", lambda c: "GT names allele 1, and ALT is missing",
    ),
    Fault.GT_LEADING: (
        "VH-G-004", "GT", lambda c: "GT begins with / or |, which is new in VCF 4.4",
    ),
    Fault.FORMAT_LAA: (
        "VH-M-012", "FORMAT",
        lambda c: f"{c.name} is of local alleles, and LAA does not stand before all but GT",
    ),
    Fault.LAA_VALUE: (
        "VH-M-014", "FORMAT",
        lambda c: f"LAA numbers ALT from 1 on, each once: the record has {c.n_alt()} ALT",
    ),
    Fault.LAA_ORDER: ("VH-M-015", "FORMAT", lambda c: "LAA does not rise"),
    Fault.LAA_CALLED: (
        "VH-M-016", "FORMAT", lambda c: "GT names an ALT that LAA does not list",
    ),
    Fault.FORMAT_NO_GT: (
        "VH-M-013", "FORMAT",
        lambda c: f"{c.name} is of base modifications, and there is no GT",
    ),
    Fault.CHROM_INVALID: ("VH-B-010", "CHROM", lambda c: "CHROM is no legal contig name"),
    Fault.POS_INVALID: (
        "VH-B-005", "POS", lambda c: "POS is no whole number from 0 to 2,147,483,647",
    ),
    Fault.ID_INVALID: ("VH-B-011", "ID", lambda c: "ID is empty in part or has white space"),
    Fault.ID_TWICE: ("VH-B-012", "ID", lambda c: "an identifier stands twice in ID"),
    Fault.REF_INVALID: ("VH-B-006", "REF", lambda c: "REF is not of A, C, G, T, N alone"),
    Fault.ALT_INVALID: (
        "VH-B-007", "ALT",
        lambda c: "the ALT allele is neither bases nor *, <ID> or a breakend",
    ),
    Fault.ALT_REF: ("VH-B-008", "ALT", lambda c: "the ALT allele is REF"),
    Fault.ALT_TWICE: ("VH-B-017", "ALT", lambda c: "the ALT allele stands twice"),
    Fault.QUAL_INVALID: ("VH-B-009", "QUAL", lambda c: "QUAL is no number"),
    Fault.QUAL_NEGATIVE: (
        "VH-B-018", "QUAL", lambda c: "QUAL is negative: a probability cannot be above 1",
    ),
    Fault.FILTER_INVALID: (
        "VH-B-013", "FILTER",
        lambda c: "FILTER has white space, 0, or a name that is empty or of punctuation",
    ),
    Fault.FILTER_TWICE: ("VH-B-014", "FILTER", lambda c: "a filter stands twice"),
    Fault.FILTER_UNDECLARED: ("VH-B-015", "FILTER", lambda c: "the filter is not declared"),
    Fault.DUPLICATE: (
        "VH-D-001", "ALT", lambda c: f"the same allele stands on line {c.key:,}",
    ),
}  # fmt: skip
"""Fault to its code, its column and its message. Columns are checked before all this."""

CODES = {fault: code for fault, (code, _, _) in _MESSAGES.items()}
"""Fault to its code."""

_LATER = {Fault.INFO_TWICE, Fault.FORMAT_TWICE, Fault.ID_TWICE, Fault.FILTER_TWICE}
"""Faults that are errors from VCF 4.3 on; before, nothing forbids them."""

_VERSIONS = {
    Fault.INFO_SPACE: (1, 2), Fault.GT_LEADING: (1, 3), Fault.END_BEFORE: (1, 4),
    Fault.FORMAT_LAA: (5, 5), Fault.FORMAT_NO_GT: (5, 5),
}  # fmt: skip
"""First and last version (the x of 4.x) that forbid what only some do."""


@dataclass
class Findings:
    """Turns what was noted in batches into problems of an account.

    Attributes
    ----------
    header
        Its version decides how grave some faults are, its samples have names.
    info, format
        The key tables whose numbers the faults hold.
    """

    account: Account
    header: Header
    info: KeyTable
    format: KeyTable
    _taken: dict[Fault, int] = field(default_factory=dict)

    def take(self, batch: RecordBatch, faults: Faults) -> None:
        """Add the faults of the next batch of the file to the account."""
        for number in faults.count.nonzero()[0].tolist():
            fault = Fault(number)
            if fault in _MESSAGES:
                self._take(batch, fault, int(faults.count[number]), faults)

    def _take(self, batch: RecordBatch, fault: Fault, count: int, faults: Faults) -> None:
        version = 3 if self.header.version is None else self.header.version
        first, last = _VERSIONS.get(fault, (1, 5))
        if not first <= version <= last:
            return
        severity = "warning" if fault in _LATER and version < 3 else None
        if fault == Fault.LAA_VALUE and version < 5:
            # The key is reserved from 4.5 on; DRAGEN writes it in older versions, too.
            severity = "warning"
        if fault == Fault.SAMPLE_EMPTY and ("FORMAT", "LAA") in self.header.numbers:
            # VCF 4.5, section 1.6.2, itself writes `0/0::30:0` for a sample without ALT.
            severity = "warning"
        taken = self._taken.get(fault, 0)
        shown = min(count, SHOWN - taken)
        code, column, message = _MESSAGES[fault]
        for row in faults.first[fault, :shown].tolist():
            case = self._case(batch, row, column)
            name = case.name if case.table and case.key >= 0 else column
            if case.sample is not None:
                name = f"{name} of {case.sample}"
            k = case.record
            self.account.add(
                code, message(case), line=batch.line + k, contig=_contig(batch, k),
                pos=int(batch.pos[k]) if batch.pos[k] >= 0 else None, name=name,
                value=case.value, severity=severity,
            )  # fmt: skip
        if count > shown:
            self.account.more(code, count - shown, severity=severity)
        self._taken[fault] = taken + shown

    def _case(self, batch: RecordBatch, row: list[int], column: str) -> _Case:
        record, start, end, key, sample = row
        if end <= start:
            # Nothing stands there: the whole column shows where.
            k = COLUMNS.index("format" if column == "GT" else column.lower())
            span = batch.start[record, [k, k + 1]]
            start, end = int(span[0]), min(int(span[1]) - 1, int(batch.end[record]))
        raw = batch.text[start : min(end, start + 4 * _LONGEST)].tobytes()
        value = raw.decode("utf-8", "replace")[:_LONGEST]
        table = {"INFO": self.info, "FORMAT": self.format}.get(column)
        who = self.header.samples[sample] if 0 <= sample < len(self.header.samples) else None
        return _Case(batch, record, value, table, key, who)


def _contig(batch: RecordBatch, k: int) -> str:
    return (
        batch.text[batch.start[k, 0] : batch.start[k, 1] - 1]
        .tobytes()[:_LONGEST]
        .decode("utf-8", "replace")
    )
