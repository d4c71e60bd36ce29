"""Under what permits a cohort may come in: the rules of `policy.rules`, asked on a day.

The rules ask facts and papers (`varhouse.governance.judge`). These come from the ledger of
permits; what that does not say, from the sheet of cohorts; how many people there are, and
which ids of foreign databases, from the files. Of a paper the ledger goes before the sheet by
kind: a sheet's collection approval counts where the ledger has none of that kind.

What is in stays in, whatever ends: that it has no basis any more is told every night
(`lapsed`), and nothing new comes in beside it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.governance import days
from varhouse.governance.chain import FIRST
from varhouse.governance.fieldkinds import COHORT
from varhouse.governance.foreign import Hit, find_foreign
from varhouse.governance.judge import Finding, judge
from varhouse.governance.judgefacts import facts_of, papers_for, people_facts
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import Assay, CohortRecord
from varhouse.governance.rules import load_rules
from varhouse.governance.rulesinuse import BUILTIN, enter_book, rules_in_use
from varhouse.governance.rulesmodel import Effect, RuleBook
from varhouse.ingest.setup.permitsheet import Said, read_sheet_row, stored_metadata
from varhouse.ingest.setup.run import FOLDER
from varhouse.ingest.setup.settings import Policy, text_digest
from varhouse.language import Text
from varhouse.store.reader import Store

REASON = Text("rule {what}. {text}; fix: {fix}", "规则 {what}。{text}; fix: {fix}")
"""`; fix:` is what others of varhouse cut a reason at."""

FIX = Text(
    "enter what is missing in the ledger: varhouse ledger import STORE SHEET (docs/rules.md)",
    "在台账中补登所缺内容: varhouse ledger import STORE SHEET (docs/zh/rules.md)",
)
FIX_UNKNOWN = Text(
    "say in the ledger what it is: varhouse ledger add STORE cohort {cohort} {fields} "
    "(docs/rules.md); or enter the paper",
    "在台账中写明该事实: varhouse ledger add STORE cohort {cohort} {fields} "
    "(docs/zh/rules.md);或登记相应批件",
)
NO_RULES = Text(
    "the store has a ledger of permits, and policy.rules names no rules: nothing is asked of "
    "cohorts that come in; fix: policy.rules: builtin",
    "该库已有许可台账,但 policy.rules 未指定规则,入库时不作许可审核; "
    "fix: policy.rules: builtin",
)


@dataclass(frozen=True)
class Came:
    """What files tell of a cohort.

    Attributes
    ----------
    people
        Distinct people, those who are in among them.
    assays
        Of how many the sample sheet tells the assay.
    foreign
        Ids of foreign databases.
    """

    people: int
    assays: Mapping[Assay, int] = field(default_factory=dict)
    foreign: Sequence[Hit] = ()


@dataclass(frozen=True)
class Answer:
    """What the rules say of a cohort: why it is held back, and what is only told."""

    hold: list[str]
    notes: list[str]


class Permits:
    """Asks the rules of a store about cohorts that come in.

    Parameters
    ----------
    store
        Its root folder.
    book
        The rules.
    on
        The day of the ingest, as the ledger counts days.
    """

    def __init__(self, store: Path, book: RuleBook, on: date) -> None:
        self.store, self.book, self.on = store, book, on

    @classmethod
    def of(cls, policy: Policy, store: Path, started: str) -> "Permits | None":
        """Give what asks, on the day that an ingest started; None: nobody does.

        Without `policy.rules` the rules that the ledger names: who leaves a key out of his
        configuration shall not open the door.
        """
        book = book_of(policy, store)
        return None if book is None else cls(store, book, _day(store, started))

    @classmethod
    def of_store(cls, base: Store) -> "Permits | None":
        """Give what asks by the rules that a store goes by, today; None: by none.

        The ledger says which, else the settings of the last ingest.
        """
        book = book_of(Policy(), base.path)
        if book is None and "ingests" in base.tables:
            rows = base.scan("ingests").filter(pl.col("operation") == "ingest")
            last = rows.sort("release").select("config").tail(1).collect()["config"].to_list()
            said = json.loads(last[0]) if last else {}
            name = (said.get("policy") or {}).get("rules")
            folder = Path(said.get(FOLDER) or base.path)
            if name is not None:
                book = load_rules(name if name == BUILTIN else folder / name)
        return None if book is None else cls(base.path, book, _day(base.path, days.now()))

    @cached_property
    def ledger(self) -> Ledger | None:
        """The ledger of permits; None: the store has none."""
        return Ledger.find(self.store)

    def record(self, cohort: str) -> CohortRecord | None:
        """Give what the ledger says of a cohort."""
        return self.ledger.cohort(cohort, self.on) if self.ledger else None

    def state(self, cohort: str, metadata: Mapping[str, str | None]) -> str:
        """Digest what an answer follows from, apart from the files.

        It changes when the rules, what is in force, what ledger or sheet say, or what counts
        on the day change: then a cohort that was held back is looked at again.
        """
        said, record = read_sheet_row(metadata), self.record(cohort)
        papers = [*papers_for(record), *said.papers]
        return text_digest(
            self.book.digest,
            [r.id for r in self.book.on(self.on)],
            sorted((repr(p), p.is_valid(self.on)) for p in papers),
            sorted((k, repr(v)) for k, v in facts_of(record, self.on).items()),
            self._us_people(cohort),
        )

    def judge(
        self, cohort: str, metadata: Mapping[str, str | None], came: Came
    ) -> list[Finding]:
        """Ask the rules about a cohort."""
        record, said = self.record(cohort), read_sheet_row(metadata)
        facts = self._facts(cohort, record, said, came)
        papers = papers_for(record)
        kinds = {p.kind for p in papers}
        papers += tuple(p for p in said.papers if p.kind not in kinds)
        return judge(self.book, facts, papers, self.on)

    def answer(self, cohort: str, metadata: Mapping[str, str | None], came: Came) -> Answer:
        """Say why a cohort is held back, and what else is to be told."""
        findings = self.judge(cohort, metadata, came)
        held = [f for f in findings if f.effect is Effect.HOLD]
        told = [f for f in findings if f.effect is Effect.NOTE or _is_doubt(f)]
        doubts = read_sheet_row(metadata).doubts
        hits = list(dict.fromkeys(h.say() for h in came.foreign)) if held else []
        return Answer(
            [as_reason(f, cohort) for f in held],
            [*(f.say() for f in told), *doubts, *hits],
        )

    def _facts(
        self, cohort: str, record: CohortRecord | None, said: Said, came: Came
    ) -> dict[str, Any]:
        facts: dict[str, Any] = {"action": "ingest", "content": "individual"}
        of_ledger = facts_of(record, self.on)
        of_sheet = {f"cohort.{k}": v for k, v in said.fields.items()}
        facts |= {k: v for k, v in of_ledger.items() if not k.startswith("people.")}
        facts |= {k: v for k, v in of_sheet.items() if facts.get(k) is None}
        if "cohort.taxon" in of_sheet and not self._says(cohort, "taxon"):
            # The ledger takes people for granted.
            facts["cohort.taxon"] = of_sheet["cohort.taxon"]
        people = _by_assay(record, said, came)
        return {
            **facts,
            **people_facts(people, came.people),
            "people.us": self._us_people(cohort, said.fields.get("us_people")),
            "foreign.resources": sorted({h.resource.name for h in came.foreign}),
            "cohorts": (cohort,),
        }

    def _says(self, cohort: str, name: str) -> bool:
        state = self.ledger.state if self.ledger else {}
        return name in state.get(("cohort", cohort), {})

    def _us_people(self, cohort: str, said: int | None = None) -> int | None:
        """Count persons of the United States, those of the other cohorts with these.

        The threshold is one of a collection of data, not of a cohort. A cohort without any
        adds nothing, and is not held up by others.
        """
        record = self.record(cohort)
        own = record.us_people if record and record.us_people is not None else said
        if not own or self.ledger is None:
            return own
        others = self.ledger.cohorts(self.on).values()
        return own + sum(r.us_people or 0 for r in others if r.cohort != cohort)

    def lapsed(self, base: Store) -> list[dict[str, Any]]:
        """List the cohorts of a store whose basis no longer holds: `cohort`, `reasons`."""
        if "cohorts" not in base.tables:
            return []
        rows = base.scan("cohorts").collect()
        people = {}
        if "samples" in base.tables:
            counted = base.scan("samples").group_by("cohort").agg(pl.len()).collect()
            people = dict(counted.rows())
        out = []
        for row in rows.sort("cohort").iter_rows(named=True):
            name = row["cohort"]
            metadata = stored_metadata(row)
            came = Came(people.get(name, 0), foreign=_stored_foreign(base, name, metadata))
            found = self.judge(name, metadata, came)
            reasons = [as_reason(f, name) for f in found if f.effect is Effect.HOLD]
            if reasons:
                out.append({"cohort": name, "reasons": reasons})
        return out


def _day(store: Path, time: datetime | str) -> date:
    ledger = Ledger.find(store)
    return days.day_of(time, ledger.zone if ledger else days.CHINA)


def _stored_foreign(base: Store, cohort: str, metadata: Mapping[str, str | None]) -> list[Hit]:
    """Find ids of foreign databases in what the store keeps of a cohort's files.

    An agreement ends as any permit does, often each year.
    """
    lines: list[str] = []
    paths: list[str] = []
    names = pl.Series("sample", [], pl.String)
    if "files" in base.tables:
        files = base.scan("files", cohort=cohort)
        # One person a file: lines that thousands of headers share are kept once.
        line = pl.col("header").str.split("\n").explode().unique().alias("line")
        lines = (
            files.select(line)
            .filter(pl.col("line").str.starts_with("##"))
            .collect()["line"]
            .to_list()
        )
        paths = files.select("path").collect()["path"].drop_nulls().to_list()
    if "samples" in base.tables:
        names = base.scan("samples", cohort=cohort).select("sample").collect()["sample"]
    return find_foreign(
        headers=["\n".join(sorted(lines))],
        paths=[cohort, *paths],
        samples=names,
        ids=metadata.values(),
    )


def as_reason(finding: Finding, cohort: str) -> str:
    """Say a finding as a reason to hold a cohort back, with the fix."""
    fields = [n.removeprefix("cohort.") for n in finding.unknown if n in _OF_LEDGER]
    fix = FIX.say()
    if fields:
        fix = FIX_UNKNOWN.say(cohort=cohort, fields=" ".join(f"{f}=..." for f in fields))
    text = finding.text.say().rstrip(".。")
    return REASON.say(what=finding.say(), text=text, fix=fix)


_OF_LEDGER = {f"cohort.{name}" for name in COHORT.fields}


def _is_doubt(finding: Finding) -> bool:
    """Tell a finding that is no rule met and satisfied, but something odd about a paper."""
    return not finding.found and not finding.missing and bool(finding.why)


def _by_assay(record: CohortRecord | None, said: Said, came: Came) -> dict[Assay, int]:
    """Give people by assay, as far as anybody says: sample sheet, sheet, ledger."""
    if sum(came.assays.values()) == came.people and came.assays:
        return dict(came.assays)
    of_ledger = {a: n for a, n in record.people.items() if n} if record else {}
    for assays in (said.assays, tuple(of_ledger)):
        if len(assays) == 1:
            return {assays[0]: came.people}
    return of_ledger if sum(of_ledger.values()) == came.people else {}


# --- what the store keeps of it ---


def book_of(policy: Policy, store: Path) -> RuleBook | None:
    """Give the rules of `policy.rules`, else those that the ledger names; None: neither."""
    if policy.rules is not None:
        return load_rules(policy.rules) if policy.rules else None
    return rules_in_use(store, any_builtin=True)


def anchor_of(store: Path, policy: Policy) -> dict[str, Any] | None:
    """Give what a release record keeps: head of the ledger, digest of the rules; or None."""
    ledger, book = Ledger.find(store), book_of(policy, store)
    if ledger is None and book is None:
        return None
    head = ledger.anchor if ledger is not None else {"n": 0, "digest": FIRST}
    return {**head, "rules": book.digest if book else None}


def enter_rules(store: Path, policy: Policy) -> None:
    """Enter in the ledger which rules a store goes by, if it says others; keeps a copy.

    A store without a ledger gets none by that.
    """
    if policy.rules and Ledger.find(store) is not None:
        enter_book(store, policy.rules, "by varhouse ingest, policy.rules")
