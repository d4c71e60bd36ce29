"""The sentences of the VCF specification, each with files that keep it and files that do not.

`rulebook_header.py`, `rulebook_lines.py` and `rulebook_columns.py` hold the sentences on the
file, its header and the fixed columns, `rulebook_fields.py` those on INFO, FORMAT, genotypes
and structural variants. The tests of `unit/test_vcf_rules.py` read every file in every
version; the page is written from here:

    python tests/rulebook.py > docs/vcf-rules.md
"""

import re
import sys
from dataclasses import dataclass

COLUMNS = "#CHROM POS ID REF ALT QUAL FILTER INFO"
ROW = "1 5 . A C . . ."
VERSIONS = (1, 2, 3, 4, 5)
V = "@V@"
"""Stands for the minor version in the text of an example."""


def vcf(*meta: str, rows: tuple[str, ...] = (ROW,), samples: str = "", end: str = "\n") -> str:
    """Write an example: meta lines, the #CHROM line, rows with cells split by blanks.

    `samples` are the names split by blanks; `~` in a row stands for a blank in a cell.
    """
    columns = [*COLUMNS.split(), *(["FORMAT", *samples.split()] if samples else [])]
    lines = [f"##fileformat=VCFv4.{V}", *meta, "\t".join(columns)]
    lines += ["\t".join(row.split()).replace("~", " ") for row in rows]
    return "\n".join(lines) + end


def row(*rows: str, meta: tuple[str, ...] = (), samples: str = "") -> str:
    """Write an example of some rows."""
    return vcf(*meta, rows=rows, samples=samples)


@dataclass(frozen=True)
class Sentence:
    """A sentence of the specification and what becomes of files that keep or break it.

    Attributes
    ----------
    name
        Names the row in the page and in the tests.
    section
        Section of VCF 4.5, or of the versions that have the sentence.
    text
        The sentence, shortened by ....
    verdict
        What a file that breaks it gets, by minor version: `1-2 warning, 3-5 error`. In
        versions that are not named the files of `bad` are not refused by `code`.
    code
        Problem code; empty where the sentence permits something or says nothing that a
        file could break.
    good, bad
        Texts of files that keep and break it, `@V@` for the minor version. Each of `good`
        is valid in every version that `verdict` names (in all if it names none).
    note
        What else has to be said: why a warning, what real tools write, why unchecked.
    test
        `file.py::test` that checks it instead of, or besides, examples.
    """

    name: str
    section: str
    text: str
    verdict: str = ""
    code: str = ""
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    note: str = ""
    test: str = ""

    def severities(self) -> dict[int, str]:
        """Give the severity by minor version."""
        out = {}
        for part in filter(None, self.verdict.split(", ")):
            span, severity = part.split()
            first, _, last = span.partition("-")
            out.update(dict.fromkeys(range(int(first), int(last or first) + 1), severity))
        return out

    def versions(self) -> tuple[int, ...]:
        """Give the minor versions in which its good files are valid."""
        return tuple(self.severities()) or VERSIONS


def sentences() -> dict[str, tuple[Sentence, ...]]:
    """Give all sentences by the heading of their part of the page."""
    import rulebook_fields  # noqa: PLC0415 - both import this module
    import rulebook_header  # noqa: PLC0415

    return {**rulebook_header.GROUPS, **rulebook_fields.GROUPS}


_INTRODUCTION = """\
# The specification, sentence by sentence

Written by `python tests/rulebook.py`; `tests/unit/test_vcf_rules.py` compares the page, and
reads for each row files that keep the sentence and files that break it, in every version.

*Reported* says what a file that breaks the sentence gets, by version of VCF (the x of 4.x): an
error makes it invalid, a warning does not, and versions that are not named let it pass. Only
what the text demands ("must", "required", "not allowed") is an error; what it recommends, or
what real tools write against the text without any reader tripping over it, is a warning. A
row without a code permits something: its files are valid. *Files* counts valid and invalid
examples. Sections are those of VCF 4.5 unless the row names other versions.
[problem-codes.md](problem-codes.md) says what each code does to an ingest,
[disputed-verdicts.md](disputed-verdicts.md) where others judge otherwise.
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _told(sentence: Sentence) -> str:
    return re.sub(r"(\d)(?:-(\d))? (\w+)", r"\1-\2: \3", sentence.verdict).replace("-:", ":")


def document() -> str:
    """Write the page as Markdown."""
    lines = [_INTRODUCTION]
    for heading, rows in sentences().items():
        head = "| name | section | sentence | reported | code | files | note |"
        lines += [f"## {heading}", "", head, "|---|---|---|---|---|---|---|"]
        for s in rows:
            note = "; ".join(filter(None, (s.note, s.test and f"`{s.test}`")))
            files = f"{len(s.good)} + {len(s.bad)}" if s.good or s.bad else "-"
            lines.append(
                f"| {s.name} | {s.section} | {_cell(s.text)} | {_told(s) or '-'} "
                f"| {s.code or '-'} | {files} | {_cell(note)} |"
            )
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(document())
