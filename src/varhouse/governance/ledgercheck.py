"""What a ledger lacks, and what runs out, cohort by cohort.

This is no judgement by rules (`judge.py`): it tells what is not said yet, and whose days are
counted, so that somebody sees to it in time.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from varhouse.governance.duo import DISEASE_SPECIFIC, is_disease, is_modifier
from varhouse.governance.fields import near
from varhouse.governance.judgetexts import PAPER_NAMES
from varhouse.governance.ledger import Ledger
from varhouse.governance.model import CohortRecord, Consent, Paper, PaperKind, Tier
from varhouse.language import Text

SOON_DAYS = 90
"""Days before its last one from which a paper is said to run out."""


class Concern(StrEnum):
    """How much it matters."""

    MISSING = "missing"
    """Not said, or not there: rules and packs ask for it."""
    EXPIRED = "expired"
    SOON = "soon"
    NOTE = "note"


CONCERNS = {
    Concern.MISSING: Text("missing", "缺少"),
    Concern.EXPIRED: Text("expired", "已过期"),
    Concern.SOON: Text("runs out", "将到期"),
    Concern.NOTE: Text("note", "提示"),
}

_FIELDS = {
    "holder": Text("legal holder", "法人单位的统一社会信用代码"),
    "tier": Text("tier", "数据分级"),
    "consent": Text("consent: version, scope or DUO codes", "知情同意: 版本、范围或 DUO 代码"),
    "provinces": Text("provinces of collection", "采集省份"),
    "ethnic_groups": Text("ethnic groups", "民族"),
    "people": Text("people by assay", "各检测类型的人数"),
    "is_pedigree": Text("whether it is of important families", "是否重要遗传家系"),
    "is_specific_region": Text("whether it is of a specific region", "是否特定地区人群"),
    "us_people": Text("number of people of the United States", "美国人人数"),
}
"""Fields that are asked of each cohort of people."""

_ETHICS = Text("ethics approval that is valid", "有效的伦理审查批件")
_UNKNOWN = Text("the store has it, the ledger does not know it", "数据库中有该队列,台账中没有")
_NOT_STORED = Text("the store has no such cohort{near}", "数据库中没有该队列{near}")
_NO_RECIPIENT = Text(
    "{kind} {number} names the recipient {recipient!r}, whom the ledger does not know{near}",
    "{kind} {number} 中的接收方 {recipient!r} 不在台账中{near}",
)
_NO_SUCH = Text(
    "{what} names the cohort {cohort!r}, of which nothing is known{near}",
    "{what} 中的队列 {cohort!r} 没有任何记录{near}",
)
_PAPER = Text("{kind} {number}: last day {day}", "{kind} {number}: 有效期至 {day}")
_REVOKED = Text("{kind} {number}: revoked on {day}", "{kind} {number}: {day} 撤销")
_GRANT = Text("grant to {principal}: last day {day}", "对 {principal} 的授权: 有效期至 {day}")
_FEWER = Text(
    "{kind} {number} covers {n:,} people, the cohort has {people:,}",
    "{kind} {number} 批准 {n:,} 人,队列有 {people:,} 人",
)
_OTHER_NUMBER = Text(
    "the ledger says {said:,} people, the store has {n:,}",
    "台账记 {said:,} 人,数据库中为 {n:,} 人",
)
_NO_PERMISSION = Text(
    "the DUO codes only limit: no permission such as GRU, HMB or DS is among them",
    "DUO 代码只有限制条件,缺少 GRU、HMB、DS 等许可条件",
)
_WHICH_DISEASE = Text(
    "DS (disease specific research), and the scope of the consent names no disease",
    "DUO 代码为 DS (特定疾病研究),知情同意范围未写明疾病",
)
_EMBARGO = Text("embargo until {day}", "禁发期至 {day}")
_WITHDRAWN = Text("withdrawn: it may be used no more", "已撤回,不得再用")
_NOBODY = Text("tier T3, and nobody has a grant", "T3 级数据,尚无人获得授权")


@dataclass(frozen=True)
class Open:
    """Something to see to.

    Attributes
    ----------
    cohort
        Whose.
    concern
        How much it matters.
    what
        In the reader's language.
    """

    cohort: str
    concern: Concern
    what: str


def check(
    ledger: Ledger, on: date, soon: int = SOON_DAYS, stored: Mapping[str, int] | None = None
) -> list[Open]:
    """List what a ledger lacks and what runs out.

    Parameters
    ----------
    on
        The day that counts.
    soon
        Days before its last one from which a paper is named.
    stored
        Cohorts that the store has, with their people.
    """
    stored = stored or {}
    cohorts = ledger.cohorts(on)
    out = [Open(n, Concern.MISSING, _UNKNOWN.say()) for n in sorted({*stored} - {*cohorts})]
    if stored:
        for name in sorted({*cohorts} - {*stored}):
            out.append(Open(name, Concern.NOTE, _NOT_STORED.say(near=near(name, stored))))
    granted = {g.cohort for g in ledger.grants(on)}
    for name, record in cohorts.items():
        n = stored.get(name, 0)
        out += [Open(name, c, what) for c, what in _of_cohort(record, on, soon, n)]
        out += [Open(name, Concern.NOTE, what) for what in _unknown_names(record, ledger)]
        if record.tier is Tier.T3 and name not in granted:
            out.append(Open(name, Concern.NOTE, _NOBODY.say()))
    for grant in ledger.grants(on):
        if grant.until is not None and grant.until <= on + timedelta(days=soon):
            said = _GRANT.say(principal=grant.principal, day=grant.until)
            out.append(Open(grant.cohort, Concern.SOON, said))
    return sorted(out, key=lambda o: (o.cohort, list(Concern).index(o.concern)))


def _unknown_names(record: CohortRecord, ledger: Ledger) -> Iterator[str]:
    """Say which recipients and cohorts a cohort's record names that the ledger has not."""
    recipients = ledger.recipients()
    for paper in record.papers:
        said = {"kind": PAPER_NAMES[paper.kind].say(), "number": paper.number}
        for name in paper.recipients:
            if name not in recipients:
                close = near(name, recipients)
                yield _NO_RECIPIENT.say(**said, recipient=name, near=close)
    for name in record.same_people_as:
        if name not in ledger.cohorts():
            close = near(name, ledger.cohorts())
            yield _NO_SUCH.say(what="same_people_as", cohort=name, near=close)


def _of_cohort(
    record: CohortRecord, on: date, soon: int, n: int
) -> Iterator[tuple[Concern, str]]:
    """Yield what is open of a cohort that has `n` people in the store."""
    if record.is_withdrawn:
        yield Concern.NOTE, _WITHDRAWN.say()
        return
    if record.taxon == 9606:
        for name, title in _FIELDS.items():
            if getattr(record, name) in (None, "", (), {}):
                yield Concern.MISSING, title.say()
        if not record.valid(PaperKind.ETHICS, on):
            yield Concern.MISSING, _ETHICS.say()
    for paper in record.papers:
        yield from _of_paper(paper, record, on, soon, n)
    if record.people_total is not None and n and n != record.people_total:
        yield Concern.NOTE, _OTHER_NUMBER.say(said=record.people_total, n=n)
    yield from ((Concern.NOTE, what) for what in _of_consent(record.consent))
    if record.is_embargoed(on):
        yield Concern.NOTE, _EMBARGO.say(day=record.embargo_until)


def _of_consent(consent: Consent | None) -> Iterator[str]:
    codes = consent.duo if consent else ()
    if codes and all(map(is_modifier, codes)):
        yield _NO_PERMISSION.say()
    is_named = bool(consent and consent.scope) or any(map(is_disease, codes))
    if DISEASE_SPECIFIC in codes and not is_named:
        yield _WHICH_DISEASE.say()


def _of_paper(
    paper: Paper, record: CohortRecord, on: date, soon: int, n: int
) -> Iterator[tuple[Concern, str]]:
    said = {"kind": PAPER_NAMES[paper.kind].say(), "number": paper.number}
    if paper.revoked is not None and paper.revoked <= on:
        yield Concern.NOTE, _REVOKED.say(**said, day=paper.revoked)
        return
    if paper.valid_until is not None and paper.valid_until < on:
        # One that a later paper of its kind follows is history.
        if not record.valid(paper.kind, on):
            yield Concern.EXPIRED, _PAPER.say(**said, day=paper.valid_until)
        return
    later = [p for p in record.papers if p.kind is paper.kind and p is not paper]
    end = on + timedelta(days=soon)
    if (
        paper.valid_until is not None
        and paper.valid_until <= end
        and not any(p.is_valid(end + timedelta(days=1)) for p in later)
    ):
        yield Concern.SOON, _PAPER.say(**said, day=paper.valid_until)
    people = max(record.people_total or 0, n, *record.people.values())
    if paper.assays and any(m for a, m in record.people.items() if a not in paper.assays):
        # One for each assay will do (`judge`): it need not cover who was read otherwise.
        people = min(people, sum(record.people.get(a, 0) for a in paper.assays))
    if paper.people is not None and paper.people < people:
        yield Concern.MISSING, _FEWER.say(**said, n=paper.people, people=people)
