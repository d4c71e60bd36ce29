"""The rules that come with varhouse: each fires where it should and nowhere else."""

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from varhouse.governance.conditions import facts_of
from varhouse.governance.facts import FACTS
from varhouse.governance.judge import judge, worst
from varhouse.governance.model import Assay, Paper, PaperKind
from varhouse.governance.rules import BUILTIN, load_rules
from varhouse.governance.rulesdocument import BEGIN, PAGES, written_into
from varhouse.governance.rulesmodel import Effect

ROOT = Path(__file__).parents[2]
BOOK = load_rules()
TODAY = date(2026, 11, 30)

PLAIN: dict[str, Any] = {
    "content": "individual", "cohorts": ("a",), "people.total": 100, "people.WGS": 100,
    "people.us": 0, "cohort.is_pedigree": False, "cohort.generations_affected": 0,
    "cohort.disease": "none", "cohort.is_specific_region": False, "cohort.foreign_share": 0.0,
    "cohort.tier": "T1", "cohort.duo": [], "cohort.ai_training": False,
    "cohort.is_embargoed": False, "cohort.is_withdrawn": False, "cohort.taxon": 9606,
    "foreign.resources": [],
}  # fmt: skip
INGEST = PLAIN | {"action": "ingest"}
ABROAD = PLAIN | {
    "action": "share", "recipient.kind": "foreign", "recipient.name": "Demo Abroad",
    "recipient.country": "DE", "recipient.foreign_share": 1.0, "purpose": "research",
}  # fmt: skip
HOME = ABROAD | {
    "recipient.kind": "domestic", "recipient.name": "Demo Hospital", "recipient.country": "CN",
    "recipient.foreign_share": 0.0,
}  # fmt: skip
OPEN = ABROAD | {
    "recipient.kind": "open", "recipient.name": "open", "recipient.country": None,
    "recipient.foreign_share": None, "cohort.tier": "T0",
}  # fmt: skip
INSIDE = HOME | {"recipient.kind": "inside", "recipient.name": "inside"}
FAMILY = {"cohort.is_pedigree": True, "cohort.generations_affected": 3,
          "cohort.disease": "long QT syndrome"}  # fmt: skip

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # rule: (facts with which it is met, facts with which it is not)
    "CN-HGR-ETHICS": (INGEST, ABROAD),
    "CN-HGR-CONSENT": (INGEST, ABROAD),
    "CN-HGR-COLLECT-FAMILY": (
        INGEST | FAMILY, INGEST | FAMILY | {"cohort.disease": "Hypertension"}),
    "CN-HGR-COLLECT-REGION": (INGEST | {"cohort.is_specific_region": True}, INGEST),
    "CN-HGR-COLLECT-3000": (
        INGEST | {"people.total": 3001}, INGEST | {"people.total": 3000}),
    "CN-HGR-COLLECT-500-DRAFT-2022": (
        INGEST | {"people.total": 500}, INGEST | {"people.total": 499}),
    "CN-HGR-APPROVED": (INGEST | {"cohort.papers": ["collection"]}, INGEST),
    "CN-HGR-FOREIGN-HOLDER": (
        INGEST | {"cohort.foreign_share": 0.5}, INGEST | {"cohort.foreign_share": 0.49}),
    "CN-HGR-DECLARE": (
        INGEST | FAMILY, INGEST | FAMILY | {"cohort.generations_affected": 2}),
    "CN-HGR-CONSENT-SHARE": (HOME, INSIDE),
    "CN-HGR-REPORT-BACKUP": (ABROAD, HOME),
    "CN-HGR-AGGREGATE": (OPEN | {"content": "aggregate"}, OPEN),
    "CN-HGR-REVIEW-FAMILY": (ABROAD | FAMILY, HOME | FAMILY),
    "CN-HGR-REVIEW-REGION": (
        OPEN | {"cohort.is_specific_region": True},
        INSIDE | {"cohort.is_specific_region": True}),
    "CN-HGR-REVIEW-500": (ABROAD | {"people.WGS": 501}, ABROAD | {"people.WGS": 500}),
    "CN-HGR-FOREIGN-PROVIDER": (
        ABROAD | {"cohort.foreign_share": 0.5}, ABROAD | {"cohort.foreign_share": None}),
    "CN-HGR-SCOPE-DRAFT-2026": (ABROAD | {"content": "aggregate"}, ABROAD),
    "CN-PIPL-SEPARATE-CONSENT": (ABROAD, ABROAD | {"content": "aggregate"}),
    "CN-CAC-10000": (ABROAD | {"people.total": 10_000}, ABROAD | {"people.total": 9_999}),
    "US-DOJ-202": (INGEST | {"people.us": 101}, INGEST | {"people.us": 100}),
    "US-NIH-CONTROLLED": (
        INGEST | {"foreign.resources": ["dbgap"]}, INGEST | {"foreign.resources": ["ega"]}),
    "INT-CONTROLLED": (INGEST | {"foreign.resources": ["ega"]}, INGEST),
    "INT-ONWARD": (
        HOME | {"foreign.resources": ["ega"]}, INSIDE | {"foreign.resources": ["ega"]}),
    "INT-GISAID": (
        OPEN | {"foreign.resources": ["gisaid"]},
        OPEN | {"foreign.resources": ["gisaid"], "content": "aggregate"}),
    "UK-BIOBANK": (
        INGEST | {"foreign.resources": ["ukb"]}, INGEST | {"foreign.resources": ["jga"]}),
    "HOUSE-WITHDRAWN-INGEST": (INGEST | {"cohort.is_withdrawn": True}, INGEST),
    "HOUSE-AI-TRAINING": (
        HOME | {"purpose": "AI training"},
        HOME | {"purpose": "AI training", "cohort.ai_training": True}),
    "HOUSE-DUO-REGION": (ABROAD | {"cohort.duo": ["DUO:0000022"]},
                         HOME | {"cohort.duo": ["DUO:0000022"]}),
    "HOUSE-DUO-PROFIT": (HOME | {"cohort.duo": ["DUO:0000018"], "purpose": "商业"},
                         HOME | {"cohort.duo": ["DUO:0000018"]}),
}  # fmt: skip


def day_of(rule: str) -> date:
    """Give a day on which a rule counts."""
    dated = BOOK.rule(rule).dated
    return min(TODAY, dated.until or TODAY)


def met(
    facts: dict[str, Any], on: date, papers: Sequence[Paper] = (), **how: bool
) -> set[str]:
    return {f.rule for f in judge(BOOK, facts, papers, on, **how)}


def test_each_rule_has_a_case() -> None:
    assert set(CASES) == {r.id for r in BOOK.rules}


@pytest.mark.parametrize("rule", CASES)
def test_each_rule_fires_where_it_should_and_nowhere_else(rule: str) -> None:
    fires, silent = CASES[rule]
    on, drafts = day_of(rule), BOOK.rule(rule).dated.status == "draft"
    assert rule in met(fires, on, drafts=drafts)
    assert rule not in met(silent, on, drafts=drafts)
    found = {f.rule: f for f in judge(BOOK, fires, (), on, drafts=drafts)}[rule]
    assert found.effect is BOOK.rule(rule).effect
    assert found.unknown == ()
    for code in ("en", "zh"):
        assert rule in found.say(code)


@pytest.mark.parametrize("rule", [r.id for r in BOOK.rules if r.dated.since])
def test_each_rule_begins_and_ends_on_its_days(rule: str) -> None:
    fires, drafts = CASES[rule][0], BOOK.rule(rule).dated.status == "draft"
    dated, day = BOOK.rule(rule).dated, timedelta(days=1)
    assert dated.since is not None
    assert rule in met(fires, dated.since, drafts=drafts)
    assert rule not in met(fires, dated.since - day, drafts=drafts)
    if dated.until:
        assert rule in met(fires, dated.until, drafts=drafts)
        assert rule not in met(fires, dated.until + day, drafts=drafts)


@pytest.mark.parametrize("rule", [r.id for r in BOOK.rules if r.human])
def test_rules_about_people_are_asked_of_people_alone(rule: str) -> None:
    fires, drafts = CASES[rule][0], BOOK.rule(rule).dated.status == "draft"
    wheat = fires | {"cohort.taxon": 4565}
    assert rule not in met(wheat, day_of(rule), drafts=drafts)


def test_drafts_are_asked_only_on_demand_and_then_take_the_place_of_others() -> None:
    facts = OPEN | {"content": "aggregate"}
    assert "CN-HGR-SCOPE-DRAFT-2026" not in met(facts, TODAY)
    asked = met(facts, TODAY, drafts=True)
    assert "CN-HGR-SCOPE-DRAFT-2026" in asked
    assert "CN-HGR-AGGREGATE" not in asked


@pytest.mark.parametrize(
    ("kind", "share", "country", "now", "draft"),
    [
        ("domestic", 0.49, "CN", False, False),
        ("domestic", 0.5, "CN", True, True),
        ("domestic", None, "CN", False, False),
        # Controlled by other means: one by the rules in force, none by the draft.
        ("foreign", 0.49, "CN", True, False),
        ("foreign", 0.49, None, True, False),
        ("foreign", 0.51, "CN", True, True),
        ("foreign", None, "CN", True, True),
        ("foreign", 0.1, "DE", True, True),
    ],
)
def test_who_is_a_foreign_party(
    kind: str, share: float | None, country: str | None, now: bool, draft: bool
) -> None:
    facts = ABROAD | {
        "recipient.kind": kind, "recipient.foreign_share": share, "recipient.country": country,
    }  # fmt: skip
    assert ("CN-HGR-REPORT-BACKUP" in met(facts, TODAY)) is now
    assert ("CN-HGR-REPORT-BACKUP" in met(facts, TODAY, drafts=True)) is draft


BASE = (Paper(PaperKind.ETHICS, "E"), Paper(PaperKind.CONSENT, "C"))
FILED = (*BASE, Paper(PaperKind.REPORT, "R"), Paper(PaperKind.BACKUP, "B"))
REVIEWED = (*FILED, Paper(PaperKind.REVIEW, "S", people=501))


@pytest.mark.parametrize(
    ("people", "on", "papers", "effect"),
    [
        (500, "2026-11-30", BASE, Effect.REPORT),
        (501, "2026-11-30", BASE, Effect.REVIEW),
        (501, "2023-06-30", BASE, Effect.REPORT),
        (501, "2023-07-01", BASE, Effect.REVIEW),
        (501, "2019-06-30", BASE, Effect.ALLOW),
        (500, "2026-11-30", FILED, Effect.ALLOW),
        (501, "2026-11-30", FILED, Effect.REVIEW),
        (501, "2026-11-30", REVIEWED, Effect.ALLOW),
        (502, "2026-11-30", REVIEWED, Effect.REVIEW),
        (500, "2026-11-30", (), Effect.DENY),
    ],
)
def test_what_may_go_abroad(
    people: int, on: str, papers: tuple[Paper, ...], effect: Effect
) -> None:
    facts = ABROAD | {"people.WGS": 0, "people.WES": people, "people.total": people}
    assert worst(judge(BOOK, facts, papers, date.fromisoformat(on))) is effect


@pytest.mark.parametrize(
    ("paper", "satisfied"),
    [
        ({}, True),
        ({"people": 3001}, True),
        ({"people": 3000}, False),
        ({"valid_until": TODAY}, True),
        ({"valid_until": TODAY - timedelta(days=1)}, False),
        ({"valid_from": TODAY}, True),
        ({"valid_from": TODAY + timedelta(days=1)}, False),
        ({"revoked": TODAY}, False),
        ({"revoked": TODAY + timedelta(days=1)}, True),
        ({"cohorts": ("a", "b")}, True),
        ({"cohorts": ("b",)}, False),
        ({"assays": (Assay.WGS,)}, True),
        ({"assays": (Assay.WES,)}, False),
        # Recipients and purposes say nothing of what comes in.
        ({"recipients": ("x",), "purposes": ("y",)}, True),
    ],
)
def test_what_a_paper_has_to_cover(paper: dict[str, Any], satisfied: bool) -> None:
    facts = INGEST | {"people.total": 3001, "people.WGS": 3001}
    papers = (Paper(PaperKind.COLLECTION, "HGR-1", **paper),)
    found = {f.rule: f for f in judge(BOOK, facts, papers, TODAY)}["CN-HGR-COLLECT-3000"]
    assert found.is_satisfied is satisfied
    assert bool(found.why) is not satisfied
    assert "HGR-1" in found.say("en")


def test_assays_may_be_covered_by_different_papers_which_are_not_added_up() -> None:
    facts = INGEST | {"people.total": 4000, "people.WGS": 2000, "people.WES": 2000}

    def holds(*papers: Paper) -> bool:
        found = {f.rule: f for f in judge(BOOK, facts, papers, TODAY)}
        return not found["CN-HGR-COLLECT-3000"].is_satisfied

    def paper(number: str, people: int, *assays: Assay) -> Paper:
        return Paper(PaperKind.COLLECTION, number, people=people, assays=assays)

    wgs, wes = paper("1", 2000, Assay.WGS), paper("2", 2000, Assay.WES)
    assert not holds(wgs, wes)
    assert holds(wgs)
    assert holds(wgs, paper("2", 1999, Assay.WES))
    assert holds(paper("1", 2000), paper("2", 2000))
    assert not holds(paper("1", 4000, Assay.WGS, Assay.WES))
    # Of some nobody says how they were read: a paper for an assay does not cover them.
    facts |= {"people.WES": None}
    assert holds(wgs)
    assert not holds(paper("1", 4000))


@pytest.mark.parametrize(
    ("paper", "effect"),
    [
        ({"recipients": ("demo abroad",)}, Effect.ALLOW),
        ({"recipients": ("Demo Overseas",)}, Effect.REPORT),
        ({"purposes": ("research",)}, Effect.ALLOW),
        ({"purposes": ("diagnostics",)}, Effect.REPORT),
    ],
)
def test_a_report_for_others_does_not_count(paper: dict[str, Any], effect: Effect) -> None:
    papers = (*BASE, Paper(PaperKind.BACKUP, "B"), Paper(PaperKind.REPORT, "R", **paper))
    assert worst(judge(BOOK, ABROAD, papers, TODAY)) is effect


def test_a_cooperation_stands_for_a_report_only_where_it_names_the_recipient() -> None:
    backup = (*BASE, Paper(PaperKind.BACKUP, "B"))
    named = Paper(PaperKind.RESEARCH, "I", recipients=("Demo Abroad",))
    assert worst(judge(BOOK, ABROAD, (*backup, named), TODAY)) is Effect.ALLOW
    anybody = Paper(PaperKind.RESEARCH, "I")
    assert worst(judge(BOOK, ABROAD, (*backup, anybody), TODAY)) is Effect.REPORT


def test_a_basis_has_to_name_each_database() -> None:
    facts = INGEST | {"foreign.resources": ["ega", "ukb"]}
    held = "INT-CONTROLLED"

    def holds(*resources: str) -> bool:
        papers = [Paper(PaperKind.BASIS, r, resources=(r,)) for r in resources]
        found = {f.rule: f for f in judge(BOOK, facts, papers, TODAY)}[held]
        return not found.is_satisfied

    assert holds()
    assert holds("ega")
    assert not holds("ega", "UKB")
    assert not holds("EGA", "UK-Biobank")
    assert holds("ega", "ukb23155")
    whole = judge(BOOK, facts, [Paper(PaperKind.BASIS, "x")], TODAY)
    assert held in {f.rule for f in whole if not f.is_satisfied}


@pytest.mark.parametrize(
    ("fact", "rule"),
    [
        ("cohort.is_specific_region", "CN-HGR-COLLECT-REGION"),
        ("cohort.is_pedigree", "CN-HGR-COLLECT-FAMILY"),
        ("people.total", "CN-HGR-COLLECT-3000"),
    ],
)
def test_what_is_not_known_counts_as_met_and_is_named(fact: str, rule: str) -> None:
    facts = INGEST | FAMILY | {"cohort.is_specific_region": True, fact: None}
    found = {f.rule: f for f in judge(BOOK, facts, (), TODAY)}[rule]
    assert found.effect is Effect.HOLD
    assert fact in found.unknown
    assert fact in found.say("zh")


def test_a_paper_of_another_time_names_who_gave_it_then() -> None:
    def doubts(issuer: str, since: str) -> set[str]:
        paper = Paper(PaperKind.COLLECTION, "1", issuer, valid_from=date.fromisoformat(since))
        return {f.rule for f in judge(BOOK, INGEST, (paper,), TODAY) if "ISSUER" in f.rule}

    assert doubts("科学技术部", "2024-04-30") == set()
    assert doubts("国家卫生健康委员会", "2024-05-01") == set()
    assert doubts("国家卫生健康委员会", "2024-04-30") == {"CN-HGR-ISSUER-MOST"}
    assert doubts("MOST", "2024-05-01") == {"CN-HGR-ISSUER-NHC"}
    assert doubts("", "2024-05-01") == set()


def test_every_rule_says_where_it_is_from_in_both_languages() -> None:
    for rule in BOOK.rules:
        assert rule.source.law, rule.id
        assert rule.source.checked, rule.id
        assert facts_of(rule.when, BOOK.defined(TODAY)) <= set(FACTS)
        for text in (rule.title, rule.text):
            assert text.en.isascii(), rule.id
            assert any("\u4e00" <= c <= "\u9fff" for c in text.zh), rule.id


@pytest.mark.parametrize("code", PAGES)
def test_the_pages_are_up_to_date(code: str) -> None:
    page = (ROOT / PAGES[code]).read_text(encoding="utf-8")
    assert BEGIN in page
    assert page == written_into(page, code), "python -m varhouse.governance.rulesdocument"


def test_the_pages_say_the_same_in_both_languages() -> None:
    pages = [(ROOT / PAGES[code]).read_text(encoding="utf-8") for code in PAGES]
    begins = ("#", "```", "|")
    shapes = [
        [ln.split(" ")[0] for ln in p.splitlines() if ln.startswith(begins)] for p in pages
    ]
    assert shapes[0] == shapes[1]


def test_common_diseases_are_those_of_the_declaration_of_pedigrees() -> None:
    file = BUILTIN.parent / "pedigrees.yaml"
    for entry in yaml.safe_load(file.read_text(encoding="utf-8"))["excluded"]:
        for name in (entry["names"]["en"], entry["names"]["zh"], *entry["synonyms"]):
            facts = INGEST | FAMILY | {"cohort.disease": f" {name.upper()} "}
            assert "CN-HGR-COLLECT-FAMILY" not in met(facts, TODAY), name
    for name in ("diabetes insipidus", "MODY", "monogenic diabetes", "肺动脉高压", "全色盲"):
        assert "CN-HGR-COLLECT-FAMILY" in met(
            INGEST | FAMILY | {"cohort.disease": name}, TODAY
        )
