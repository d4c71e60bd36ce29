"""What the sheets say to rules: columns of the sheet of cohorts, assays of people.

A column is understood by the name of a field of the ledger, in English or Chinese; what a cell
says is read as the ledger reads it.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from varhouse.governance.fieldkinds import ASSAYS, COHORT, PAPER_KIND
from varhouse.governance.fields import DATE, DESCRIBED, NUMBER, PAPER_NUMBER, Form, FormError
from varhouse.governance.model import Assay, Paper, PaperKind
from varhouse.language import Text
from varhouse.sheetcolumns import folded

NOT_READ = Text(
    "the sheet of cohorts: {column} {value!r} is not understood ({why})",
    "队列表: 无法识别 {column} {value!r} ({why})",
)

_SHEET_ONLY = re.compile(r"people\.|people_total\Z")
"""Fields of the ledger that are not taken from the sheet: files tell how many there are."""

_MORE: dict[str, tuple[str, ...]] = {
    "permit_people": ("approved_people", "批准人数", "批准例数", "permit_n"),
    "permit_valid_from": ("批准日期", "有效期起"),
    "ethics_date": ("伦理批准日期",),
    "ethics_valid_until": ("ethics_expiry", "伦理有效期至"),
}
"""Columns of the sheet of cohorts that only rules ask for, and their other names."""


@dataclass(frozen=True)
class Said:
    """What a sheet says of a cohort: facts by field of the ledger, papers, doubts."""

    fields: dict[str, Any] = field(default_factory=dict)
    papers: tuple[Paper, ...] = ()
    assays: tuple[Assay, ...] = ()
    doubts: tuple[str, ...] = ()


def _columns() -> dict[str, str]:
    """Give names of columns, folded, to fields of the ledger that a sheet may say."""
    out: dict[str, str] = {}
    for f in COHORT.fields.values():
        if not _SHEET_ONLY.match(f.name):
            out |= {folded(n): f.name for n in (f.name, f.title.zh, *f.others)}
    return out


_COLUMNS = _columns()
_FACTS = {
    "is_pedigree", "generations_affected", "disease", "is_specific_region", "us_people",
    "foreign_share", "tier", "taxon",
}  # fmt: skip


def read_sheet_row(metadata: Mapping[str, str | None]) -> Said:
    """Read what a row of the sheet of cohorts says to the rules.

    Parameters
    ----------
    metadata
        Column to cell, as it was read.
    """
    cells = {folded(k): v.strip() for k, v in metadata.items() if v and v.strip()}
    more = {folded(o): k for k, names in _MORE.items() for o in (k, *names)}
    cells |= {more[k]: v for k, v in cells.items() if k in more}
    doubts: list[str] = []

    def take(column: str, form: Form) -> Any:
        if column not in cells:
            return None
        try:
            return form.give(form.take(cells[column]))
        except FormError as error:
            why = error.say()
            doubts.append(NOT_READ.say(column=column, value=cells[column], why=why))
            return None

    fields = {}
    for column in cells:
        name = _COLUMNS.get(column)
        if name in _FACTS:
            n_doubts = len(doubts)
            value = take(column, COHORT.fields[name].form)
            if name == "tier":
                # In this sheet it may be any word.
                del doubts[n_doubts:]
            if value is not None:
                fields[name] = getattr(value, "value", value)
    papers: list[Paper] = []

    def add(
        kind: PaperKind, column: str, form: Form, more: Mapping[str, tuple[str, Form]]
    ) -> None:
        # A limit that nobody can read is not none: such a paper does not count.
        n_doubts = len(doubts)
        name = take(column, form)
        limits = {key: take(*where) for key, where in more.items()}
        if name and len(doubts) == n_doubts:
            papers.append(Paper(kind, name, **limits))

    add(
        PaperKind.ETHICS,
        "ethics_approval",
        PAPER_NUMBER,
        {"valid_from": ("ethics_date", DATE), "valid_until": ("ethics_valid_until", DATE)},
    )
    add(PaperKind.CONSENT, "consent_scope", DESCRIBED, {})
    kind = take("permit_kind", PAPER_KIND)
    if kind is not None:
        add(
            kind,
            "permit_number",
            PAPER_NUMBER,
            {
                "valid_from": ("permit_valid_from", DATE),
                "valid_until": ("permit_valid_until", DATE),
                "people": ("permit_people", NUMBER),
            },
        )
    assays = take("assay", ASSAYS) or ()
    return Said(fields, tuple(papers), tuple(assays), tuple(doubts))


def stored_metadata(row: Mapping[str, Any]) -> dict[str, str | None]:
    """Give the cells of a sheet of cohorts as the row of the table `cohorts` keeps them."""
    further = json.loads(row.get("attributes") or "{}")
    own = {k: v for k, v in row.items() if isinstance(v, str) and k != "attributes"}
    return {**own, **{k: str(v) for k, v in further.items() if v is not None}}


def sheet_assays(sheet: pl.DataFrame, names: Iterable[str]) -> dict[Assay, int]:
    """Count people by the column `assay` of the sample sheet; empty without one."""
    if "assay" not in sheet.columns:
        return {}
    some = sheet.filter(pl.col("sample").is_in(list(names)))
    out: dict[Assay, int] = {}
    for text, n in some.group_by("assay").agg(pl.len()).rows():
        try:
            found = ASSAYS.give(ASSAYS.take(text or ""))
        except FormError:
            continue
        if len(found) == 1:
            out[found[0]] = out.get(found[0], 0) + n
    return out
