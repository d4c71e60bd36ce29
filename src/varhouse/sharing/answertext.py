"""An answer of the gate in words, and as JSON."""

from typing import Any

from varhouse.governance.facts import FACTS
from varhouse.governance.judge import DRAFT, UNKNOWN
from varhouse.governance.judge import KINDS as PAPERS
from varhouse.language import LANGUAGES, language
from varhouse.sharing.counted import Count
from varhouse.sharing.findings import Judged
from varhouse.sharing.gate import Decision
from varhouse.sharing.gatetexts import (
    ANSWERS,
    CERTAINTIES,
    CONTENTS,
    KINDS,
    LINES,
    NOT_ADVICE,
    OTHERWISE,
    TO_DO,
)
from varhouse.sharing.request import Answer

_COHORTS = 6


def answer_lines(decision: Decision, code: str | None = None) -> list[str]:
    """Write the answer for people: answer, request, people, rules, papers, heads."""
    code = code or language()

    def line(name: str, **values: Any) -> str:
        return LINES[name].say(code, **values)

    request, found = decision.request, decision.found
    kind = KINDS[found.recipient.kind.value].say(code) if found.recipient else "?"
    out = [
        line("answer", answer=ANSWERS[decision.answer].say(code)),
        line(
            "request",
            content=CONTENTS[request.content.value].say(code),
            cohorts=_some(found.cohorts), recipient=request.recipient, kind=kind,
        ),
    ]  # fmt: skip
    if request.purpose:
        out.append(line("purpose", purpose=request.purpose))
    drafts = line("drafts") if decision.drafts else ""
    out.append(line("on", on=found.on.isoformat(), drafts=drafts))
    out += _people_lines(decision, code)
    for judged in decision.findings:
        out += _rule_lines(judged, code)
    for paper in decision.missing:
        do = TO_DO.get(paper, OTHERWISE).say(code)
        out.append(line("missing", paper=PAPERS[paper].say(code), do=do))
    if decision.rules is not None:
        digest = decision.rules["digest"][:12]
        out.append(line("rules", version=decision.rules["version"], digest=digest))
    out.append(line("ledger", n=found.head[0], digest=found.head[1][:12]))
    return [*out, NOT_ADVICE.say(code)]


def _some(cohorts: tuple[str, ...]) -> str:
    more = f", ... ({len(cohorts):,})" if len(cohorts) > _COHORTS else ""
    return ", ".join(cohorts[:_COHORTS]) + more


def _people_lines(decision: Decision, code: str) -> list[str]:
    now, before, after = decision.now, decision.before, decision.after
    year_before, year_after = decision.year
    name = decision.request.recipient
    out = [
        LINES["people"].say(
            code, now=now.total, before=before.total, after=after.total, recipient=name
        ),
        LINES["year"].say(code, before=year_before.total, after=year_after.total),
    ]
    assays = [a for a in after.by_assay if after.by_assay[a] > after.unknown]
    out += [
        LINES["assay"].say(
            code, assay=a, now=now.by_assay[a], before=before.by_assay[a],
            after=after.by_assay[a],
        )
        for a in assays
    ]  # fmt: skip
    if after.unknown:
        out.append(LINES["unknown"].say(code, n=after.unknown))
    return out


def _rule_lines(judged: Judged, code: str) -> list[str]:
    cohort = LINES["of"].say(code, cohort=judged.cohort) if judged.cohort else ""
    effect = ANSWERS[judged.effect].say(code)
    out = [
        LINES["rule"].say(code, rule=judged.rule, effect=effect, cohort=cohort),
        f"            {judged.title.say(code)}",
    ]
    if judged.effect is not Answer.ALLOW:
        out.append(f"            {judged.text.say(code)}")
    out += [f"            {why.say(code)}" for why in judged.why]
    if judged.status == "draft":
        out.append(f"            {DRAFT.say(code)}")
    if judged.unknown:
        facts = ", ".join(FACTS[n].meaning.say(code) for n in judged.unknown)
        out.append(f"            {UNKNOWN.say(code, facts=facts)}")
    out += [
        LINES["found"].say(code, paper=PAPERS[p.kind].say(code), number=p.number)
        for p in judged.found
    ]
    if source := judged.source_said(code):
        certainty = CERTAINTIES.get(judged.certainty)
        told = certainty.say(code) if certainty else judged.certainty
        out.append(LINES["certainty"].say(code, source=source, certainty=told))
    return out


def answer_json(decision: Decision) -> dict[str, Any]:
    """Give the answer for programs; texts in both languages, nobody by name."""
    request, found = decision.request, decision.found

    def counts(now: Count, before: Count, after: Count) -> dict[str, Any]:
        return {"now": now.as_json(), "before": before.as_json(), "after": after.as_json()}

    year_before, year_after = decision.year
    recipient = found.recipient
    return {
        "answer": decision.answer.value,
        "said": {c: ANSWERS[decision.answer].say(c) for c in LANGUAGES},
        "on": found.on.isoformat(),
        "drafts": decision.drafts,
        "request": {
            "store_release": found.release,
            "cohorts": list(found.cohorts),
            "content": request.content.value,
            "recipient": request.recipient,
            "recipient_kind": recipient.kind.value if recipient else None,
            "recipient_country": recipient.country if recipient else None,
            "purpose": request.purpose,
            "what": request.what,
        },
        "people": counts(decision.now, decision.before, decision.after),
        "people_within_12_months": {
            "before": year_before.as_json(), "after": year_after.as_json(),
        },
        "rule_ids": list(decision.rule_ids),
        "findings": {c: [f.as_json(c) for f in decision.findings] for c in LANGUAGES},
        "missing": [
            {
                "paper": k.value,
                "name": {c: PAPERS[k].say(c) for c in LANGUAGES},
                "do": {c: TO_DO.get(k, OTHERWISE).say(c) for c in LANGUAGES},
            }
            for k in decision.missing
        ],
        "ledger": {"n": found.head[0], "digest": found.head[1]},
        "rules": decision.rules,
        "note": {c: NOT_ADVICE.say(c) for c in LANGUAGES},
    }  # fmt: skip
