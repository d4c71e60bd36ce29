"""Columns of the sheets of the ledger: to which entry and field each belongs.

Four sheets: cohorts, papers, recipients, grants. A column is called by its field, or by its
title in Chinese or English, or as people often write it. The sheet of cohorts also takes the
columns by which an ingest's `cohorts.tsv` names permits: so the same file may be both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from varhouse.governance.fieldkinds import (
    COHORT,
    CONSENT,
    GRANT,
    PAPER,
    RECIPIENT,
    WITHDRAW,
    Field,
)
from varhouse.governance.fields import TEXT
from varhouse.language import Text
from varhouse.sheetcolumns import COHORT_COLUMNS, SheetKind, folded


@dataclass(frozen=True)
class Column:
    """A column of a sheet.

    Attributes
    ----------
    name
        What it is called in English.
    entry
        Kind of the entry that it is a part of: `cohort`, `consent`, `paper`, ...; papers that
        stand in the sheet of cohorts are `paper ethics` and `paper permit`. Empty: it names
        what the row is about.
    field
        The field of that entry.
    joins
        Whether the value is added to what the ledger has, not put in its place.
    """

    name: str
    entry: str
    field: Field
    joins: bool = False

    @property
    def title(self) -> Text:
        """What it is called."""
        return self.field.title

    @property
    def label(self) -> str:
        """What it is called in the reader's language, and its name."""
        said = self.title.say()
        return self.name if said == self.name else f"{said} ({self.name})"

    @property
    def names(self) -> tuple[str, ...]:
        """Names under which it is read, as `folded` gives them."""
        own = (self.name, self.title.zh, self.title.en, *self.field.others)
        return tuple(dict.fromkeys(map(folded, own)))


@dataclass(frozen=True)
class LedgerSheet:
    """A kind of sheet.

    Attributes
    ----------
    name
        What it is called, also in a workbook.
    title
        What it is called, for people; the Chinese one is a title in a workbook, too.
    about
        What a row of it is.
    subject
        Column that names what a row is about.
    columns
        All columns, that one first.
    needed
        Columns by which the sheet is known.
    """

    name: str
    title: Text
    about: Text
    subject: str
    columns: tuple[Column, ...]
    needed: tuple[str, ...]

    @property
    def kind(self) -> SheetKind:
        """The columns as those who read sheets want them."""
        others = {c.name: c.names for c in self.columns}
        return SheetKind(self.name, self.needed, others, counts=True)

    @property
    def by_name(self) -> Mapping[str, Column]:
        """Columns by their English names."""
        return {c.name: c for c in self.columns}


def _subject(name: str, en: str, zh: str, *others: str) -> Column:
    return Column(name, "", Field(name, TEXT, Text(en, zh), others))


def _of(entry: str, fields: Mapping[str, Field], joins: tuple[str, ...] = ()) -> list[Column]:
    return [Column(f.name, entry, f, f.name in joins) for f in fields.values()]


def _inline(name: str, field: str, en: str, zh: str, entry: str, *others: str) -> Column:
    """Give a column of the sheet of cohorts for a field of a paper."""
    own = replace(PAPER.fields[field], title=Text(en, zh), others=others)
    return Column(name, entry, own)


_CONSENT_COLUMNS = tuple(
    Column(
        {"version": "consent_version", "scope": "consent_scope"}.get(f.name, f.name),
        "consent",
        f,
    )
    for f in CONSENT.fields.values()
)

COHORTS = LedgerSheet(
    "cohorts",
    Text("cohorts", "队列"),
    Text("a row a cohort", "每行一个队列"),
    "cohort",
    (
        _subject("cohort", "cohort", "队列", "cohort_id", "cohort_name", "队列名称",
                 "队列编号", "队列代码", "队列id"),
        *_of("cohort", COHORT.fields),
        *_CONSENT_COLUMNS,
        _inline("ethics_approval", "number", "ethics approval", "伦理批准号",
                "paper ethics", "伦理批件号", "伦理批件编号", "伦理编号", "伦理审查编号",
                "ethics"),
        _inline("ethics_committee", "issuer", "ethics committee", "伦理委员会",
                "paper ethics"),
        _inline("ethics_date", "valid_from", "day of the ethics approval", "伦理批准日期",
                "paper ethics"),
        _inline("ethics_valid_until", "valid_until", "last day of the ethics approval",
                "伦理有效期至", "paper ethics"),
        _inline("permit_kind", "kind", "kind of permit", "许可类型", "paper permit"),
        _inline("permit_number", "number", "number of the permit", "许可编号", "paper permit",
                "许可证号", "许可号"),
        _inline("permit_issuer", "issuer", "issuer of the permit", "许可发文机关",
                "paper permit"),
        _inline("permit_valid_from", "valid_from", "first day of the permit", "许可有效期起",
                "paper permit"),
        _inline("permit_valid_until", "valid_until", "last day of the permit", "许可有效期至",
                "paper permit"),
        _inline("permit_people", "people", "people that the permit covers", "许可人数",
                "paper permit"),
        Column("withdrawn_from", "withdraw", WITHDRAW.fields["from"]),
    ),
    ("cohort",),
)  # fmt: skip

PAPERS = LedgerSheet(
    "papers",
    Text("papers", "批件"),
    Text(
        "a row a permit, filing, review, report or approval",
        "每行一份批件、备案、审查、报告或批准",
    ),
    "paper",
    (
        _subject("paper", "name of its own (default: KIND:NUMBER)", "批件标识"),
        *_of("paper", PAPER.fields),
    ),
    ("kind", "number"),
)  # fmt: skip

RECIPIENTS = LedgerSheet(
    "recipients",
    Text("recipients", "接收方"),
    Text("a row a recipient", "每行一个接收方"),
    "recipient",
    (
        _subject("recipient", "recipient", "接收方", "name", "recipient_name", "接收方名称",
                 "名称"),
        *_of("recipient", RECIPIENT.fields),
    ),
    ("recipient", "kind"),
)  # fmt: skip

GRANTS = LedgerSheet(
    "grants",
    Text("grants", "授权"),
    Text("a row a grant", "每行一项授权"),
    "grant",
    (
        _subject("grant", "name of its own (default: USER@COHORT)", "授权标识"),
        *_of("grant", GRANT.fields),
    ),
    ("principal", "cohort"),
)

SHEETS: dict[str, LedgerSheet] = {s.name: s for s in (PAPERS, RECIPIENTS, GRANTS, COHORTS)}
"""Name to sheet, in the order in which a sheet without a name is compared with them."""

INGEST_ALONE = frozenset(COHORT_COLUMNS) - {
    "cohort", "project", "province", "ethics_approval", "consent_scope", "permit_kind",
    "permit_number", "permit_valid_until", "data_tier",
}  # fmt: skip
"""Columns of an ingest's cohorts.tsv of which the ledger keeps nothing."""
