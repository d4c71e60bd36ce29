"""`varhouse ledger show`, `log`, `verify` and `check`: what only looks at the ledger."""

import argparse
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from varhouse.cli.storeparts import add_command
from varhouse.cli.values import read_day, read_head
from varhouse.errors import StoreError, UsageError
from varhouse.language import Text

if TYPE_CHECKING:
    from varhouse.governance.ledger import Entry, Ledger
    from varhouse.governance.model import CohortRecord, Paper

_EMPTY = Text(
    "{store} has no ledger: it is not governed, and nothing in it is held back",
    "{store} 没有台账: 不受管理,数据的使用不受限制",
)
_NO_COHORT = Text(
    "the ledger knows no cohort {cohort!r}{near}", "台账中没有队列 {cohort!r}{near}"
)
_NOT_STORED = Text(
    "the store has no cohort {cohort!r} yet{near}", "数据库中尚无队列 {cohort!r}{near}"
)
_VALID = Text("valid", "有效")
_NOT_VALID = Text("not valid", "无效")
_AS_WRITTEN = Text(
    "as written: {entries:,} entries, {events:,} events of the audit log, {anchors:,} heads",
    "完整: 台账 {entries:,} 条,审计日志 {events:,} 条,核对摘要 {anchors:,} 个",
)
_NOTHING = Text("nothing is missing or runs out", "没有缺少或将到期的内容")
LABELS = {
    "note": Text("note", "提示"),
    "changed": Text("changed", "已改动"),
    "entered": Text("entered", "已写入"),
    "would": Text("would be", "将写入"),
    "unchanged": Text("unchanged", "未变"),
    "head": Text("head", "末条"),
    "wrote": Text("wrote", "已生成"),
}
_KINDS = {
    "inside": Text("inside", "本单位"),
    "domestic": Text("domestic", "境内"),
    "foreign": Text("foreign", "外方"),
    "open": Text("open", "公开"),
}
_WORDS = {True: Text("yes", "是"), False: Text("no", "否")}
_TITLES = {
    "papers": Text("papers", "批件"),
    "is_withdrawn": Text("withdrawn", "已撤回"),
    "cohort": Text("cohort", "队列"),
    "people": Text("people", "人数"),
    "tier": Text("tier", "分级"),
    "recipient": Text("recipient", "接收方"),
    "grant": Text("grant", "授权"),
}


def add_parsers(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    show = add_command(
        steps,
        "show",
        _show,
        "what the ledger says, of all or of a cohort",
        "examples:\n"
        "  varhouse ledger show demo/store zhejiang\n"
        "  varhouse ledger show demo/store zhejiang --on 2027-06-30 --json",
        "--on asks what holds on a day; --known shows the ledger as it was at a day's end.",
    )
    show.add_argument("cohort", nargs="?", metavar="COHORT", help="one alone (default: all)")
    show.add_argument("--on", type=read_day, metavar="DATE", help="the day (default: today)")
    show.add_argument(
        "--known", type=_known, metavar="DATE|N", help="as it was on a day, or with N entries"
    )
    show.add_argument("--json", action="store_true", help="print it as JSON")
    log = add_command(
        steps,
        "log",
        _log,
        "its entries, oldest first",
        "example:\n  varhouse ledger log demo/store --subject zhejiang",
        "Each entry with its number, time, who made it, and the fields that it names.",
    )
    log.add_argument("--subject", metavar="NAME", help="of this cohort, paper, ... alone")
    log.add_argument("--json", action="store_true", help="a line of JSON each, as stored")
    _add_checks(steps)


def _add_checks(steps: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    verify = add_command(
        steps,
        "verify",
        _verify,
        "whether ledger and audit log are as they were written",
        "examples:\n"
        "  varhouse ledger verify demo/store\n"
        "  varhouse ledger verify demo/store --anchor 3:77f1a0c4",
        "As varhouse audit verify, for who may not read the audit log, too: compares the two\n"
        "files with each other, with the heads in release records and in the store's mark,\n"
        "and with those given. Exit code 1 if anything was changed.",
    )
    verify.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=read_head,
        metavar="N:DIGEST",
        help="a head that was noted elsewhere; its first digits will do; may be repeated",
    )
    verify.add_argument("--json", action="store_true", help="print it as JSON")
    check = add_command(
        steps,
        "check",
        _check,
        "what is missing or runs out, by cohort",
        "example:\n  varhouse ledger check demo/store --days 180",
        "Exit code 1 if anything is missing or has expired. What the rules say of it:\n"
        "varhouse share check, varhouse ingest --dry-run.",
    )
    check.add_argument("--on", type=read_day, metavar="DATE", help="the day (default: today)")
    check.add_argument(
        "--days", type=int, default=90, metavar="N", help="what ends within (default: 90)"
    )
    check.add_argument("--json", action="store_true", help="print it as JSON")


def _known(text: str) -> int | date:
    return int(text) if re.fullmatch(r"\d{1,7}", text) else read_day(text)


def label(name: str) -> str:
    """Give the word that a line begins with, as wide as the others."""
    return f"{LABELS[name].say():10s}"


def _open(store: Path) -> "Ledger":
    from varhouse.governance.ledger import Ledger

    ledger = Ledger.find(store)
    if ledger is None:
        Ledger.open(store)
        raise StoreError(_EMPTY.say(store=store), "varhouse ledger template, ledger import")
    return ledger


def _show(args: argparse.Namespace) -> int:
    from varhouse.governance.fields import near
    from varhouse.governance.ledgerjson import as_json
    from varhouse.masking import say

    ledger = _open(args.store)
    if args.known is not None:
        ledger = ledger.as_known(args.known)
    on = args.on or ledger.today()
    cohorts = ledger.cohorts(on)
    if args.cohort is not None:
        if args.cohort not in cohorts:
            close = near(args.cohort, cohorts)
            raise UsageError(_NO_COHORT.say(cohort=args.cohort, near=close))
        cohorts = {args.cohort: cohorts[args.cohort]}
    if args.json:
        told: dict[str, Any] = {"head": ledger.anchor, "on": on.isoformat()}
        told["zone"] = str(ledger.zone)
        told["cohorts"] = {n: as_json(r, on) for n, r in cohorts.items()}
        if args.cohort is None:
            told["recipients"] = {n: as_json(r, on) for n, r in ledger.recipients().items()}
            told["grants"] = [as_json(g, on) for g in ledger.grants(on)]
        print(json.dumps(told, indent=1, ensure_ascii=False))
        return 0
    for line in (
        _lines(ledger, cohorts, on)
        if args.cohort is None
        else _of_cohort(cohorts[args.cohort], on)
    ):
        say(line)
    return 0


def _lines(ledger: "Ledger", cohorts: Mapping[str, "CohortRecord"], on: date) -> Iterator[str]:
    """Give a line a cohort, recipient and grant."""
    from varhouse.governance.codes import provinces
    from varhouse.governance.fieldkinds import DAYS

    title = {n: t.say() for n, t in _TITLES.items()}
    for name, record in cohorts.items():
        tier = record.tier or "-"
        people = record.people_total or max(record.people.values(), default=0) or "-"
        places = ",".join(provinces().name(p) for p in record.provinces) or "-"
        valid = sum(p.is_valid(on) for p in record.papers)
        gone = f"  {title['is_withdrawn']}" if record.is_withdrawn else ""
        yield (
            f"{title['cohort']}  {name}  {title['tier']} {tier}  {title['people']} {people}  "
            f"{places}  {title['papers']} {valid}/{len(record.papers)}{gone}"
        )
    for recipient in ledger.recipients().values():
        country = f" {recipient.country}" if recipient.country else ""
        kind = _KINDS[recipient.kind].say()
        yield f"{title['recipient']}  {recipient.name}  {kind}{country}"
    for grant in ledger.grants(on):
        until = f" - {grant.until}" if grant.until else ""
        yield f"{title['grant']}  {grant.principal}  {grant.cohort}{until}"
    if ledger.place:
        yield f"{DAYS.word}  {ledger.place}"
    yield f"{LABELS['head'].say()}  {ledger.head[0]}:{ledger.head[1]}"


def _of_cohort(record: "CohortRecord", on: date) -> Iterator[str]:
    """Give a line a field of a cohort that is said, and a line a paper."""
    from varhouse.governance.fieldkinds import COHORT, CONSENT, PEOPLE
    from varhouse.governance.model import Assay

    yield f"{_TITLES['cohort'].say()}: {record.cohort}"
    for name, field in COHORT.fields.items():
        value: Any
        if name.startswith(PEOPLE):
            value = record.people.get(Assay(name.removeprefix(PEOPLE)))
        else:
            value = getattr(record, name)
        if value not in (None, "", ()):
            yield f"{field.title.say()}: {_value(name, value)}"
    for name, field in CONSENT.fields.items() if record.consent else ():
        if (value := getattr(record.consent, name)) not in (None, "", ()):
            yield f"{field.title.say()}: {_value(name, value)}"
    if record.is_withdrawn:
        yield _TITLES["is_withdrawn"].say()
    for paper in record.papers:
        yield _paper(paper, on)


def _paper(paper: "Paper", on: date) -> str:
    from varhouse.governance.judgetexts import PAPER_NAMES

    state = (_VALID if paper.is_valid(on) else _NOT_VALID).say()
    days = f"{paper.valid_from or ''} - {paper.valid_until or ''}".strip(" -")
    parts = [paper.issuer, days and f"({days})", f"n={paper.people}" if paper.people else ""]
    said = " ".join(p for p in parts if p)
    return f"{PAPER_NAMES[paper.kind].say()} {paper.number}: {state} {said}".rstrip()


def _value(name: str, value: Any) -> str:
    from varhouse.governance.codes import ethnic_groups, provinces
    from varhouse.governance.duo import duo_terms

    lists = {"provinces": provinces, "ethnic_groups": ethnic_groups, "duo": duo_terms}
    if name in lists:
        # A code that the list does not have, as of a disease, is its own name.
        named = ((v, lists[name]().name(v)) for v in value)
        return ", ".join(code if code == said else f"{code} {said}" for code, said in named)
    if isinstance(value, bool):
        return _WORDS[value].say()
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _log(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from varhouse.masking import say

    for link in _open(args.store).links:
        body = link.body
        if args.subject not in (None, body["subject"]):
            continue
        if args.json:
            print(json.dumps(asdict(link), ensure_ascii=False, sort_keys=True))
            continue
        fields = "; ".join(f"{k}={_cell(v)}" for k, v in body["fields"].items())
        note = f"  # {body['note']}" if body.get("note") else ""
        what = f"{body['kind']} {body['subject']}"
        say(f"{link.n}  {link.time}  {link.by}  {what}: {fields}{note}")
    return 0


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _verify(args: argparse.Namespace) -> int:
    from dataclasses import asdict

    from varhouse.governed import is_governed
    from varhouse.masking import say
    from varhouse.sharing.audits import verify

    if not is_governed(args.store):
        _open(args.store)
    found = verify(args.store, args.anchor, needs_log=False)
    if args.json:
        print(json.dumps(asdict(found), indent=1, ensure_ascii=False))
        return 1 if found.problems else 0
    for note in found.notes:
        say(f"{label('note')} {note}")
    for problem in found.problems:
        say(f"{label('changed')} {problem}")
    if not found.problems:
        entries, events = found.entries, found.events
        say(_AS_WRITTEN.say(entries=entries, events=events, anchors=found.anchors))
    say(f"{label('head')} {found.head[0]}:{found.head[1]}")
    return 1 if found.problems else 0


def _check(args: argparse.Namespace) -> int:
    from varhouse.governance.ledgercheck import CONCERNS, Concern, check
    from varhouse.masking import say

    ledger = _open(args.store)
    found = check(ledger, args.on or ledger.today(), args.days, _stored(args.store))
    if args.json:
        told = [{"cohort": o.cohort, "concern": o.concern, "what": o.what} for o in found]
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        for one in found:
            say(f"{one.cohort}  {CONCERNS[one.concern].say()}: {one.what}")
        if not found:
            say(_NOTHING.say())
    bad = (Concern.MISSING, Concern.EXPIRED)
    return 1 if any(o.concern in bad for o in found) else 0


def not_stored(store: Path, entries: "Sequence[Entry]") -> Iterator[str]:
    """Say which cohorts of entries the store does not have: not yet, or by a slip."""
    from varhouse.governance.fields import near

    named = {e.subject for e in entries if e.kind in ("cohort", "consent", "withdraw")}
    named |= {c for e in entries if e.kind == "paper" for c in e.fields.get("cohorts", ())}
    named |= {e.fields["cohort"] for e in entries if e.fields.get("cohort")}
    stored = _stored(store)
    for name in sorted(named - {*stored, "*"}) if stored else ():
        yield _NOT_STORED.say(cohort=name, near=near(name, stored))


def _stored(store: Path) -> dict[str, int]:
    """Give the cohorts of the newest release with their people; none in one without."""
    from varhouse.store.reader import open_store
    from varhouse.store.releases import list_releases

    if not list_releases(store):
        return {}
    rows = open_store(store).cohorts().select("cohort", "n_samples").collect().rows()
    return dict(sorted(rows))
