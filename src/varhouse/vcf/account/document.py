"""Write `docs/problem-codes.md` from the rules: they alone say what a code means.

`python -m varhouse.vcf.account.document > docs/problem-codes.md`
"""

import sys
from dataclasses import dataclass

from varhouse.vcf.account.problems import RULES, SHOWN, Rule

GROUPS = {
    "F": "the file as a whole",
    "H": "the header",
    "B": "lines and fixed columns",
    "I": "INFO",
    "M": "FORMAT and the fields of samples",
    "G": "genotypes",
    "V": "structural variants",
    "R": "contigs and the reference",
    "S": "samples and the sample sheet",
    "D": "what a policy decides",
}
"""Letter of a code to what its codes are about."""

_DIFFERENT = {
    "VH-F-005": ("error (4.1, 4.2 with records: warning)", "cohort held back"),
    "VH-F-007": ("warning (from 4.4 on: error)", "goes in, noted"),
    "VH-F-008": ("warning (CR inside a line from 4.3 on: error)", "goes in, noted"),
    "VH-F-016": ("error (4.1, 4.2 without NUL: warning)", "goes in, noted"),
    "VH-F-030": (
        "warning",
        "goes in with its blocks; `policy.gvcf`: `variants` leaves them out, `refuse` all",
    ),
    "VH-B-004": ("warning, error", "between records: cohort held back; at the end: goes in"),
    "VH-B-012": ("error (4.1, 4.2: warning)", "goes in, noted"),
    "VH-B-014": ("error (4.1, 4.2: warning)", "goes in, noted"),
    "VH-H-014": ("error (Description of ALT and FILTER by version)", "goes in, noted"),
    "VH-H-015": ("error (before 4.3 warning for what is advised)", "goes in, noted"),
    "VH-H-017": ("error (no scheme: warning)", "goes in, noted"),
    "VH-H-021": ("error (4.1, 4.2: warning)", "goes in, noted"),
    "VH-I-003": ("error (4.1, 4.2: warning)", "goes in, noted"),
    "VH-M-003": ("error (4.1, 4.2: warning)", "goes in, noted"),
    "VH-M-014": ("error (before 4.5: warning)", "goes in, noted"),
    "VH-V-016": ("error (4.1, 4.2: warning)", "goes in, noted"),
    "VH-M-011": ("error (with LAA: warning)", "goes in, noted"),
    "VH-G-003": ("warning", "record rejected"),
    "VH-G-005": ("error (GT 1 where ALT is `.`: warning)", "goes in, not called there"),
    "VH-G-004": ("error (from 4.4 on: none)", "goes in, noted"),
    "VH-R-001": ("error", "record rejected; cohort held back if no record fits"),
    "VH-R-004": ("warning", "record rejected; `policy.unchecked_ref: store` keeps it"),
    "VH-S-001": ("error", "exit 2, no job starts"),
    "VH-S-002": (
        "warning",
        "cohort held back; `policy.unlisted_samples: unknown` takes it in",
    ),
    "VH-D-001": (
        "error",
        "later allele rejected; `policy.duplicate_alleles: refuse` holds back",
    ),
    "VH-D-002": ("not reported by `validate`", "`policy.pass_only: true` rejects the record"),
}
"""Code to (severity, effect on an ingest) where the rule alone does not say it."""

_EFFECT = {
    "refuse": "cohort held back",
    "reject": "record rejected",
    "note": "goes in, noted",
}


@dataclass(frozen=True)
class Reason:
    """A word of the column `reason` of the table rejects.

    `what` is `record` or `allele`: what is held back, with a null or a set `alt_index`.
    """

    word: str
    code: str
    what: str
    meaning: str


REASONS = tuple(
    Reason(*row)
    for row in (
        ("pos_invalid", "VH-B-005", "record", "POS is no whole number from 0 to 2^31 - 1"),
        ("chrom_invalid", "VH-B-010", "record", "CHROM is no legal name"),
        ("contig_unknown", "VH-R-001", "record", "CHROM is no contig of the assembly"),
        ("qual_invalid", "VH-B-009", "record", "QUAL is neither a number nor `.`"),
        ("not_pass", "VH-D-002", "record",
         "FILTER is neither PASS nor `.`, and `policy.pass_only` is true"),
        ("ref_invalid", "VH-B-006", "record", "REF is empty or has a letter that is no base"),
        ("ref_mismatch", "VH-R-002", "record", "REF differs from the reference"),
        ("beyond_contig", "VH-R-003", "record", "REF reaches past the end of the contig"),
        ("ref_unchecked", "VH-R-004", "record",
         "the FASTA does not hold the place, or REF is N of an allele that is no sequence, "
         "and `policy.unchecked_ref` is `reject`"),
        ("alt_invalid", "VH-B-007", "allele", "ALT is neither bases nor a notation of VCF"),
        ("alt_equals_ref", "VH-B-008", "allele", "ALT is REF"),
        ("gt_invalid", "VH-G-001", "record",
         "a GT that is no genotype, or of more than 16 alleles"),
        ("gt_allele_unknown", "VH-G-002", "record", "a GT names an ALT that is not there"),
        ("gt_without_alt", "VH-G-003", "record", "a GT names allele 1, and ALT is `.`"),
        ("duplicate_allele", "VH-D-001", "allele",
         "the same allele, once normalised, stands before in files of these people"),
    )
)  # fmt: skip


def _effect(rule: Rule) -> tuple[str, str]:
    """Say the severity of a code and what an ingest does with it."""
    return _DIFFERENT.get(rule.code, (rule.severity, _EFFECT[rule.ingest]))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


_INTRODUCTION = f"""\
# Problem codes

This file is written by `python -m varhouse.vcf.account.document` from
`src/varhouse/vcf/account/rules.py`; a test compares them. A code means the same for ever.

`varhouse validate` prints them, and `--json` gives each problem as one JSON object: `file`,
`line`, `contig`, `pos`, `code`, `severity`, `field`, `value`, `message`, `fix`. An error
makes a file invalid, a warning does not. Of each code and file the first {SHOWN} are shown and
all are counted.

`varhouse ingest` makes the same pass over each file, but what it does is another question
than the verdict. What makes a file untrustworthy as a whole holds its cohort back (a cohort
goes in whole or not at all; the other cohorts go in). What makes single records unusable
sends them to the table `rejects`, and the rest of the file goes in; `policy.record_fault:
refuse` holds the cohort back instead. The rest is noted in the account and goes in: an AC
declared with the wrong Number makes a file invalid, and is read as the specification has it.
VH-R-005 is the limit: too many records that do not fit the reference mean another assembly. It
takes five of them, or more than half of the file; fewer are rejected by themselves.

*Section* is that of the VCF 4.5 specification, unless it says otherwise. Where the text and
the test files of others disagree, [disputed verdicts](disputed-verdicts.md) says which holds.
"""


def _codes() -> list[str]:
    lines = []
    for letter, about in GROUPS.items():
        lines += [
            f"## VH-{letter}: {about}",
            "",
            "| code | name | severity | in an ingest | section | fix |",
            "|---|---|---|---|---|---|",
        ]
        for rule in RULES.values():
            if rule.code[3] != letter:
                continue
            severity, effect = _effect(rule)
            lines.append(
                f"| {rule.code} | `{rule.name}` | {severity} | {_cell(effect)} "
                f"| {rule.section} | {_cell(rule.fix)} |"
            )
        lines.append("")
    return lines


def _reasons() -> list[str]:
    lines = [
        "## Words in `rejects.reason`",
        "",
        "*Record*: nothing of the line is stored, `alt_index` is null. *Allele*: that ALT is",
        "not stored, the record and its genotypes are; if all ALTs are invalid the record is",
        "rejected as a whole. `detail` holds the offending values, `text` the whole",
        "original line.",
        "",
        "| reason | code | held back | meaning |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{r.word}` | {r.code} | {r.what} | {_cell(r.meaning)} |" for r in REASONS]
    return [*lines, ""]


def document() -> str:
    """Write the whole page as Markdown."""
    return "\n".join([_INTRODUCTION, *_codes(), *_reasons()])


if __name__ == "__main__":
    sys.stdout.write(document())
