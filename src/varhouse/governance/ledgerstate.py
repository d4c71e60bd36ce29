"""What a ledger says: its entries summed up, and the model that follows.

The state is, of each kind and subject, the last value of each field. A later entry names what
it corrects; null takes a value away. Days are asked of the model (`Paper.is_valid`), but for
what ends by itself: a withdrawal, a grant.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from varhouse.governance.chain import Link
from varhouse.governance.fieldkinds import KINDS, PEOPLE
from varhouse.governance.model import (
    INSIDE,
    OPEN,
    Assay,
    CohortRecord,
    Consent,
    Grant,
    Paper,
    Recipient,
)

State = dict[tuple[str, str], dict[str, Any]]
"""(kind, subject) to fields as entries keep them."""

ALL = "*"
"""Cohort of a paper that covers all."""


def sum_up(links: Iterable[Link]) -> State:
    """Sum entries up, in their order.

    Raises
    ------
    KeyError
        If a kind is not known: the entry is of a newer varhouse.
    """
    state: State = {}
    for link in links:
        body = link.body
        kind = KINDS[body["kind"]].name
        known = state.setdefault((kind, body["subject"]), {})
        for name, value in body["fields"].items():
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value
    return state


def given(kind: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Give fields as the model holds them; such as a newer varhouse knows are left out."""
    fields = KINDS[kind].fields
    return {n: fields[n].form.give(v) for n, v in kept.items() if n in fields}


def subjects(state: State, *kinds: str) -> list[str]:
    """List what entries of some kinds are about, sorted."""
    return sorted({subject for kind, subject in state if kind in kinds})


def cohort_names(state: State) -> list[str]:
    """List the cohorts of which something is said."""
    of_papers = {
        name
        for (kind, _), kept in state.items()
        if kind == "paper"
        for name in kept.get("cohorts", ())
        if name != ALL
    }
    return sorted(of_papers | set(subjects(state, "cohort", "consent", "withdraw")))


def papers_of(state: State, names: Iterable[str]) -> dict[str, Paper]:
    """Give all papers by their subject; one that covers all names the cohorts, instead."""
    everyone = tuple(names)
    out = {}
    for (kind, subject), kept in sorted(state.items()):
        if kind != "paper" or "kind" not in kept or "number" not in kept:
            continue
        fields = given(kind, kept)
        if ALL in fields.get("cohorts", ()):
            fields["cohorts"] = everyone
        out[subject] = Paper(**fields)
    return out


def cohorts_of(state: State, on: date) -> dict[str, CohortRecord]:
    """Give what is known of each cohort, on a day."""
    names = cohort_names(state)
    of_cohort: dict[str, list[Paper]] = {n: [] for n in names}
    for paper in papers_of(state, names).values():
        for name in paper.cohorts:
            of_cohort[name].append(paper)
    return {n: _cohort(state, n, tuple(of_cohort[n]), on) for n in names}


def _cohort(state: State, name: str, papers: tuple[Paper, ...], on: date) -> CohortRecord:
    fields = given("cohort", state.get(("cohort", name), {}))
    people = {
        Assay(k.removeprefix(PEOPLE)): fields.pop(k) for k in list(fields) if PEOPLE in k
    }
    consent = state.get(("consent", name))
    withdrawn = given("withdraw", state.get(("withdraw", name), {})).get("from")
    return CohortRecord(
        cohort=name,
        papers=papers,
        people=people,
        consent=Consent(**given("consent", consent)) if consent else None,
        is_withdrawn=withdrawn is not None and withdrawn <= on,
        **fields,
    )


def recipients_of(state: State) -> dict[str, Recipient]:
    """Give the recipients by name, `inside` and `open` among them."""
    out = {INSIDE.name: INSIDE, OPEN.name: OPEN}
    for (kind, name), kept in state.items():
        if kind == "recipient" and "kind" in kept:
            out[name] = Recipient(name=name, **given(kind, kept))
    return out


def grants_of(state: State, on: date) -> list[Grant]:
    """List the grants that have not ended on a day."""
    found = [
        Grant(**given(kind, kept))
        for (kind, _), kept in sorted(state.items())
        if kind == "grant" and "principal" in kept and "cohort" in kept
    ]
    return [g for g in found if g.until is None or on <= g.until]
