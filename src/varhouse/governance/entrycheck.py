"""What is checked of an entry before the ledger takes it, all mistakes at once."""

from collections.abc import Mapping
from typing import Any

from varhouse.errors import ConfigError
from varhouse.governance.fieldkinds import KINDS, OF_THE_STORE, PEOPLE
from varhouse.governance.fields import FormError, near, read_text
from varhouse.governance.ledgerstate import State
from varhouse.governance.model import INSIDE, OPEN
from varhouse.language import Text

_NO_KIND = Text(
    "no kind of entry is called {kind!r}{near}; fix: one of {known}",
    "没有名为 {kind!r} 的记录类型{near};请使用: {known}",
)
_NO_SUBJECT = Text(
    "{kind}: an entry without a {what}; fix: name it",
    "{kind}: 记录缺少{what};请写明名称",
)
_NO_FIELD = Text(
    "{kind} {subject!r}: no field is called {name!r}{near}; fix: one of {known}",
    "{kind} {subject!r}: 没有名为 {name!r} 的字段{near};请使用: {known}",
)
_WRONG_VALUE = Text(
    "{kind} {subject!r}: {name}: {why}", "{kind} {subject!r}: 字段 {name}: {why}"
)
_NEEDED = Text(
    "{kind} {subject!r}: the field {name} is missing; fix: give it",
    "{kind} {subject!r}: 缺少字段 {name};请填写",
)
_ORDER = Text(
    "{kind} {subject!r}: valid_until {until} is before valid_from {first}; fix: correct it",
    "{kind} {subject!r}: 有效期止 {until} 早于有效期起 {first};请更正",
)
_FIXED = Text(
    "recipient {subject!r} is always of kind {subject}; fix: give the other one another name",
    "接收方 {subject!r} 的类型固定为 {subject};请为该接收方另取名称",
)


_NO_DIGEST = Text(
    "rules: {file!r} has no digest: nobody could tell if it was changed; fix: varhouse share "
    "rules STORE FILE, which reads it and keeps a copy",
    "规则: {file!r} 未登记摘要值,改动后无从察觉;请用 varhouse share rules STORE FILE,"
    "该命令检查规则文件并留存副本",
)
_ABROAD = Text(
    "recipient {subject!r} is domestic and of the country {country}; fix: the kind foreign, "
    "or the country CN",
    "接收方 {subject!r} 标为境内,国家却是 {country};请改类型为外方,或改国家为 CN",
)
_MORE = Text(
    "cohort {subject!r}: {name} is {n}, more than people_total, {total}; fix: correct one",
    "队列 {subject!r}: {name} 为 {n},多于总人数 {total};请更正",
)


_MISTAKES = Text("{n} mistake(s) {where}\n{lines}", "{where}有 {n} 处错误\n{lines}")

_AND_MORE = Text("... and {n:,} more", "……另有 {n:,} 处")

_MOST_SHOWN = 200
"""Mistakes that are printed; a whole sheet in another column is thousands."""


class MistakesError(ConfigError):
    """All mistakes of what was to be entered, one line each."""

    def __init__(self, problems: list[str], where: Text) -> None:
        super().__init__(problems, where.en)
        shown = [f"  - {p}" for p in problems[:_MOST_SHOWN]]
        if len(problems) > _MOST_SHOWN:
            shown.append("  - " + _AND_MORE.say(n=len(problems) - _MOST_SHOWN))
        lines = "\n".join(shown)
        self.message = _MISTAKES.say(n=len(problems), where=where.say(), lines=lines)


def subject_of(kind: str, subject: str, fields: Mapping[str, Any]) -> str:
    """Give what an entry is about; of papers and grants it follows from the fields.

    What is of the store as a whole has one name: by another nobody would find it.
    """
    if kind in {k.name for k in OF_THE_STORE}:
        return kind
    if subject:
        return subject
    if kind == "paper" and {"kind", "number"} <= fields.keys():
        return f"{fields['kind']}:{fields['number']}"
    if kind == "grant" and {"principal", "cohort"} <= fields.keys():
        return f"{fields['principal']}@{fields['cohort']}"
    return ""


def check_entry(
    kind: str, subject: str, fields: Mapping[str, Any], state: State
) -> tuple[dict[str, Any], list[str]]:
    """Check an entry against its kind and what is known.

    Returns
    -------
    tuple
        Its fields as they are kept, and mistakes.
    """
    if kind not in KINDS:
        known = ", ".join(KINDS)
        return {}, [_NO_KIND.say(kind=kind, near=near(kind, KINDS), known=known)]
    declared, word = KINDS[kind].fields, KINDS[kind].word
    kept: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in fields.items():
        if name not in declared:
            said = {"near": near(name, declared), "known": ", ".join(declared)}
            problems.append(_NO_FIELD.say(kind=word, subject=subject, name=name, **said))
            continue
        try:
            kept[name] = None if value is None else declared[name].form.take(value)
        except FormError as wrong:
            problems.append(
                _WRONG_VALUE.say(kind=word, subject=subject, name=name, why=wrong.say())
            )
    try:
        about = read_text(subject_of(kind, subject, kept))
    except FormError as wrong:
        return kept, [*problems, wrong.say()]
    if problems:
        return kept, problems
    if not about:
        what = KINDS[kind].subject.say()
        return kept, [_NO_SUBJECT.say(kind=word, what=what)]
    now = {**state.get((kind, about), {}), **kept}
    if kind == "withdraw" and "from" in kept and kept["from"] is None:
        # Taken back: it had been somebody's mistake.
        return kept, []
    return kept, _as_a_whole(kind, about, {k: v for k, v in now.items() if v is not None})


def _as_a_whole(kind: str, subject: str, now: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with a subject as the entry leaves it."""
    problems = [
        _NEEDED.say(kind=KINDS[kind].word, subject=subject, name=name)
        for name in KINDS[kind].needed
        if now.get(name) in (None, "", [])
    ]
    first, until = now.get("valid_from"), now.get("valid_until")
    if first and until and until < first:
        days = {"kind": KINDS[kind].word, "first": first}
        problems.append(_ORDER.say(**days, subject=subject, until=until))
    fixed = {r.name: r.kind.value for r in (INSIDE, OPEN)}
    if kind == "recipient" and now.get("kind") != fixed.get(subject, now.get("kind")):
        problems.append(_FIXED.say(subject=subject))
    country = now.get("country", "CN")
    if kind == "recipient" and now.get("kind") == "domestic" and country != "CN":
        problems.append(_ABROAD.say(subject=subject, country=country))
    if kind == "rules" and now.get("file") not in (None, "builtin") and not now.get("digest"):
        problems.append(_NO_DIGEST.say(file=now["file"]))
    if kind == "cohort":
        total = now.get("people_total")
        for name, value in now.items():
            if total is not None and name.startswith((PEOPLE, "us_people")) and value > total:
                said = {"subject": subject, "name": name, "n": value, "total": total}
                problems.append(_MORE.say(**said))
    return problems
