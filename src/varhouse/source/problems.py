"""What can be wrong with a file: codes, and an account of what was found.

A code means the same for ever. `error` makes a file invalid, `warning` does not.
`holds_back` says what an ingest does with the file; a fault of single records
(`record`) turns these into rejects instead, and the rest of the file goes in.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

SHOWN = 5
"""Problems of one code that are shown; the others are counted."""


@dataclass(frozen=True)
class Rule:
    """One kind of problem."""

    code: str
    name: str
    severity: str
    scope: str
    fix: str


RULES: dict[str, Rule] = {
    r.code: r
    for r in (
        Rule("VH-F-001", "unreadable", "error", "file", "give a VCF or BCF file"),
        Rule("VH-F-002", "cut_off", "error", "file", "copy the file again"),
        Rule("VH-F-003", "no_end_block", "error", "file", "copy the file again"),
        Rule("VH-F-004", "plain_gzip", "warning", "file", "bgzip keeps such files indexable"),
        Rule("VH-F-005", "no_last_newline", "warning", "file",
             "if the file is whole, end it with a newline"),
        Rule("VH-F-006", "no_records", "warning", "file", "check that it is the right file"),
        Rule("VH-H-001", "fileformat", "error", "file", "begin with ##fileformat=VCFv4.x"),
        Rule("VH-H-002", "chrom_line", "error", "file",
             "the columns are #CHROM POS ID REF ALT QUAL FILTER INFO [FORMAT SAMPLE...]"),
        Rule("VH-H-003", "sample_name_empty", "error", "file",
             "name every sample column; remove tabs at the end of the #CHROM line"),
        Rule("VH-H-004", "sample_name_twice", "error", "file", "bcftools reheader -s"),
        Rule("VH-H-005", "contig_length", "warning", "file",
             "check the assembly; REF decides whether it fits"),
        Rule("VH-H-006", "misdeclared", "warning", "file",
             "read as the specification defines it; bcftools reheader mends the file"),
        Rule("VH-H-007", "meta_line", "warning", "file", "write ##key=value"),
        Rule("VH-B-001", "columns", "error", "file", "remove or complete the line"),
        Rule("VH-B-002", "unsorted", "error", "file", "bcftools sort"),
        Rule("VH-B-003", "contig_apart", "error", "file", "bcftools sort"),
        Rule("VH-B-004", "blank_line", "warning", "file", "remove the line"),
        Rule("VH-B-005", "pos_invalid", "error", "record", "POS is a whole number from 0 on"),
        Rule("VH-B-006", "ref_invalid", "error", "record", "REF is of A, C, G, T, N"),
        Rule("VH-B-007", "alt_invalid", "error", "record",
             "ALT is of A, C, G, T, N, *, . or symbolic"),
        Rule("VH-B-008", "alt_equals_ref", "error", "record", "remove the allele"),
        Rule("VH-B-009", "qual_invalid", "error", "record", "QUAL is a number or ."),
        Rule("VH-R-001", "contig_unknown", "error", "record",
             "name the contig in the aliases table, or leave it out"),
        Rule("VH-R-002", "ref_mismatch", "error", "record",
             "check the assembly; bcftools norm -c x drops such records"),
        Rule("VH-R-003", "beyond_contig", "error", "record",
             "check the assembly; policy.partial_reference if the FASTA is a piece"),
        Rule("VH-R-004", "ref_unchecked", "warning", "record",
             "policy.unchecked_ref: store keeps such records"),
        Rule("VH-R-005", "ref_mismatch_rate", "error", "file",
             "the file is of another assembly: give its own reference, or lift it over"),
        Rule("VH-G-001", "gt_invalid", "error", "record",
             "GT is numbers and . by / or |"),
        Rule("VH-G-002", "gt_allele_unknown", "error", "record",
             "GT numbers stop at the ALT count"),
        Rule("VH-S-001", "sample_not_in_file", "error", "file", "correct the sample sheet"),
        Rule("VH-S-002", "sample_not_in_sheet", "warning", "file",
             "add a row, or set policy.unlisted_samples: unknown"),
        Rule("VH-D-001", "duplicate_allele", "error", "record",
             "bcftools norm -d exact; policy.duplicate_alleles decides"),
        Rule("VH-D-002", "not_pass", "warning", "record",
             "policy.pass_only keeps records with FILTER PASS or . only"),
    )
}  # fmt: skip

HELD_BACK = {"VH-F-005"}
"""Warnings that hold a file back from an ingest: it may be cut off."""


@dataclass(frozen=True)
class Problem:
    """One problem, in the form of `varhouse validate --json`."""

    file: str
    line: int | None
    contig: str | None
    pos: int | None
    code: str
    severity: str
    field: str | None
    value: str | None
    message: str
    fix: str

    def __str__(self) -> str:
        where = self.file + (f":{self.line}" if self.line is not None else "")
        if self.contig is not None:
            where += f"  {self.contig}:{self.pos if self.pos is not None else '?'}"
        what = f"{self.severity} {self.code}"
        shown = "" if self.value is None else f"  {self.value[:60]!r}"
        return f"{where}  {what}  {self.field or ''}{shown}  {self.message}"


@dataclass
class Account:
    """Problems of a file, grouped by code: all counted, the first few kept."""

    file: str
    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, list[Problem]] = field(default_factory=dict)

    def add(
        self,
        code: str,
        message: str,
        *,
        line: int | None = None,
        contig: str | None = None,
        pos: int | None = None,
        name: str | None = None,
        value: str | None = None,
        count: int = 1,
        severity: str | None = None,
    ) -> None:
        """Count a problem, and keep it while there are few of its code."""
        rule = RULES[code]
        self.counts[code] = self.counts.get(code, 0) + count
        kept = self.first.setdefault(code, [])
        if len(kept) < SHOWN:
            kept.append(
                Problem(
                    self.file, line, contig, pos, code, severity or rule.severity, name,
                    value, message, rule.fix,
                )
            )  # fmt: skip

    def room(self, code: str) -> int:
        """How many more problems of a code would be kept."""
        return SHOWN - len(self.first.get(code, []))

    def problems(self) -> Iterator[Problem]:
        """Yield the kept problems, by code."""
        for code in sorted(self.first):
            yield from self.first[code]

    def _total(self, severity: str) -> int:
        return sum(
            n for code, n in self.counts.items() if self.first[code][0].severity == severity
        )

    @property
    def errors(self) -> int:
        """Number of errors."""
        return self._total("error")

    @property
    def warnings(self) -> int:
        """Number of warnings."""
        return self._total("warning")

    @property
    def verdict(self) -> str:
        """Say `valid` or `invalid`."""
        return "invalid" if self.errors else "valid"

    def errors_in_file(self) -> int:
        """Count errors that concern the whole file, not single records."""
        return sum(
            n
            for code, n in self.counts.items()
            if self.first[code][0].severity == "error" and RULES[code].scope == "file"
        )

    def reasons_to_hold(self, *, refuse_records: bool) -> list[str]:
        """Say why an ingest holds the file back; empty if it goes in."""
        out = []
        for code, n in sorted(self.counts.items()):
            kept = self.first[code][0]
            fault = kept.severity == "error" and (
                RULES[code].scope == "file" or refuse_records
            )
            if fault or code in HELD_BACK:
                more = f" (and {n - 1:,} more like it)" if n > 1 else ""
                out.append(f"{kept}{more}; fix: {kept.fix}")
        return out

    def as_json(self) -> dict[str, Any]:
        """Give counts and kept problems as plain data."""
        return {"counts": self.counts, "first": [asdict(p) for p in self.problems()]}
