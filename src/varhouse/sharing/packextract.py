"""What a pack tells of the ledger and of its columns: only what concerns what is in it."""

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.governance.model import CohortRecord, Paper, allows
from varhouse.language import Text
from varhouse.sharing.gate import Decision

_FOR_RECIPIENTS = (
    "cohort", "accessions", "title", "holder", "holder_name", "consent", "tier", "licence",
    "dac", "embargo_until", "taxon",
)  # fmt: skip
"""What a recipient is told of a cohort; a backup has all."""


VCF_COLUMNS: dict[str, Text] = {
    "CHROM": Text("contig, as in the file that came", "染色体(重叠群)名称,与来源文件一致"),
    "POS": Text("1-based position of the first base of REF", "REF 首碱基的位置,从 1 起"),
    "ID": Text("names of the record; .: none", "记录的标识; . 表示没有"),
    "REF": Text("bases of the reference", "参考序列碱基"),
    "ALT": Text("alleles other than the reference", "非参考等位基因"),
    "QUAL": Text("quality of the record, phred scale", "记录的质量值 (Phred)"),
    "FILTER": Text("filters that the record failed, or PASS", "未通过的过滤条件,或 PASS"),
    "INFO": Text("fields of the record, see below", "记录的字段,见下"),
    "FORMAT": Text("fields of each person, see below", "每个个体的字段,见下"),
    "SAMPLE": Text(
        "a column a person; GT ./.: not called", "每个个体一列; GT 为 ./. 表示未检出"
    ),
}
"""The columns of a VCF."""

_FIELD = re.compile(r"^##(INFO|FORMAT|FILTER)=<ID=([^,>]+)(.*)>\Z")
_DESCRIPTION = re.compile(r'Description="((?:[^"\\]|\\.)*)"')
_ATTRIBUTE = re.compile(r"(Number|Type)=([^,>]+)")


def extract(decision: Decision, planned: Decision | None = None) -> dict[str, Any]:
    """Write what the ledger says of the cohorts of a decision, and of no other.

    Parameters
    ----------
    planned
        Of a backup for the authority: then all fields of the cohorts are told.
    """
    found = decision.found
    records = [r for r in found.records.values() if r is not None]
    cohorts = {r.cohort for r in records}
    recipient = (planned or decision).request.recipient
    return {
        "ledger": {"n": found.head[0], "digest": found.head[1]},
        "cohorts": [_cohort(r, whole=planned is not None) for r in records],
        "papers": [
            _paper(p, cohorts, recipient)
            for p in _papers(records)
            if allows(p.recipients, recipient)
        ],
        "recipient": recipient,
    }


def _papers(records: Iterable[CohortRecord]) -> list[Paper]:
    papers = dict.fromkeys(p for r in records for p in r.papers)
    return sorted(papers, key=lambda p: (p.kind.value, p.number))


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    return value


def _cohort(record: CohortRecord, *, whole: bool) -> dict[str, Any]:
    fields = dataclasses.asdict(record)
    fields.pop("papers")
    # Other cohorts' names are no business of who gets this one.
    fields.pop("same_people_as")
    names = [n for n in fields if whole or n in _FOR_RECIPIENTS]
    return {n: _plain(fields[n]) for n in names}


def _paper(paper: Paper, cohorts: set[str], recipient: str) -> dict[str, Any]:
    fields = _plain(dataclasses.asdict(paper))
    fields["cohorts"] = sorted(cohorts & set(paper.cohorts)) or sorted(cohorts)
    fields["recipients"] = [recipient] if paper.recipients else []
    return dict(fields)


def vcf_dictionary(header: Sequence[str]) -> pl.DataFrame:
    """Make the dictionary of a VCF: its columns in both languages, its fields as it says.

    Returns
    -------
    pl.DataFrame
        where (column, INFO, FORMAT, FILTER), name, number, type, meaning, meaning_zh.
    """
    rows = [
        ("column", name, None, None, text.en, text.zh) for name, text in VCF_COLUMNS.items()
    ]
    for line in header:
        if (found := _FIELD.match(line)) is None:
            continue
        kind, name, rest = found.groups()
        about = dict(_ATTRIBUTE.findall(rest))
        told = _DESCRIPTION.search(rest)
        meaning = told[1] if told else ""
        # What a file says of its own fields is in its own language.
        rows.append((kind, name, about.get("Number"), about.get("Type"), meaning, meaning))
    names = ("where", "name", "number", "type", "meaning", "meaning_zh")
    return pl.DataFrame(rows, dict.fromkeys(names, pl.String), orient="row").unique(
        maintain_order=True
    )


def write_dictionary(frame: pl.DataFrame, file: Path) -> None:
    """Write a dictionary as TSV."""
    frame.write_csv(file, separator="\t", quote_style="necessary")


def as_text(data: Any) -> str:
    """Write JSON as packs have it: the same data gives the same bytes."""
    return json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
