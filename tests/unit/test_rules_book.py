"""Books of rules: conditions in three values, and mistakes that are told all at once."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from varhouse.errors import ConfigError, InputError
from varhouse.governance import lists
from varhouse.governance.conditions import Fulfilled, check_condition, judge_condition
from varhouse.governance.judge import judge, worst
from varhouse.governance.judgefacts import facts_of, papers_for
from varhouse.governance.model import Assay, CohortRecord, Consent, Paper, PaperKind, Tier
from varhouse.governance.rules import load_rules
from varhouse.governance.rulesmodel import Effect

DAY = date(2026, 11, 30)
YES = {"fact": "people.total", "more_than": 1}
NO = {"fact": "people.total", "more_than": 5}
WHO = {"fact": "people.us", "more_than": 1}
FACTS = {"people.total": 5, "people.us": None, "purpose": " AI Training ", "cohort.duo": [],
         "cohort.disease": "", "foreign.resources": ["UKB"], "cohort.is_pedigree": False,
         "recipient.foreign_share": 0.5}  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "truth", "unknown"),
    [
        (YES, True, ()),
        (NO, False, ()),
        (WHO, None, ("people.us",)),
        ({"not": YES}, False, ()),
        ({"not": WHO}, None, ("people.us",)),
        ({"all": [YES, YES]}, True, ()),
        ({"all": [YES, WHO]}, None, ("people.us",)),
        ({"all": [WHO, NO]}, False, ()),
        ({"any": [NO, NO]}, False, ()),
        ({"any": [NO, WHO]}, None, ("people.us",)),
        ({"any": [WHO, YES]}, True, ()),
        ({"all": [WHO, {"any": [NO, WHO]}]}, None, ("people.us",)),
        ({"defined": "who"}, None, ("people.us",)),
        ({"fact": "people.total", "at_least": 5}, True, ()),
        ({"fact": "people.total", "less_than": 5}, False, ()),
        ({"fact": "people.total", "at_most": 5}, True, ()),
        ({"fact": "people.total", "equals": 5}, True, ()),
        ({"fact": "people.total", "in": [4, 5]}, True, ()),
        ({"fact": "recipient.foreign_share", "at_least": 0.5}, True, ()),
        ({"fact": "purpose", "equals": "ai training"}, True, ()),
        ({"fact": "purpose", "in": ["x", "AI TRAINING"]}, True, ()),
        # A part of a name is not the name.
        ({"fact": "purpose", "in": ["training"]}, False, ()),
        ({"fact": "cohort.disease", "equals": "x"}, None, ("cohort.disease",)),
        ({"fact": "cohort.disease", "known": False}, True, ()),
        ({"fact": "people.us", "known": True}, False, ()),
        ({"fact": "cohort.is_pedigree", "is": False}, True, ()),
        ({"fact": "cohort.duo", "is_empty": True}, True, ()),
        ({"fact": "foreign.resources", "has": "ukb"}, True, ()),
        ({"fact": "foreign.resources", "has": ["ega", "ukb"]}, True, ()),
        ({"fact": "foreign.resources", "has": ["ega"]}, False, ()),
        ({"fact": "cohort.tier", "equals": "T0"}, None, ("cohort.tier",)),
    ],
)
def test_conditions(condition: Any, truth: bool | None, unknown: tuple[str, ...]) -> None:
    assert check_condition(condition, {"who": WHO}) == []
    assert judge_condition(condition, FACTS, {"who": WHO}) == Fulfilled(truth, unknown)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (None, "a condition is"),
        ({}, "a condition is"),
        ({"all": []}, "a list of conditions"),
        ({"any": YES}, "a list of conditions"),
        ({"not": []}, "a condition is"),
        ({"defined": "whom"}, "nearest: who"),
        ({"fact": "people.totl", "more_than": 1}, "nearest: people.total"),
        ({"fact": "people.total"}, "one operator, not 0"),
        ({"fact": "people.total", "more_than": 1, "less_than": 3}, "one operator, not 2"),
        ({"fact": "people.total", "more_then": 1}, "nearest: more_than"),
        ({"fact": "people.total", "more_than": "1"}, "takes no '1'"),
        ({"fact": "people.total", "more_than": True}, "takes no True"),
        ({"fact": "people.total", "has": "x"}, "of which has is not asked"),
        ({"fact": "purpose", "more_than": 1}, "of which more_than is not asked"),
        ({"fact": "purpose", "in": "x"}, "takes no 'x'"),
        ({"fact": "purpose", "in": []}, "takes no []"),
        ({"fact": "cohort.is_pedigree", "is": "yes"}, "takes no 'yes'"),
        ({"fact": "people.us", "known": 1}, "known is true or false"),
        ({"all": [YES, {"not": {"fact": "x", "is": True}}]}, "no fact is called 'x'"),
        # What can never be makes a rule that never counts.
        ({"fact": "people.total", "more_than": float("nan")}, "is never nan"),
        ({"fact": "people.total", "more_than": float("inf")}, "is never inf"),
        ({"fact": "people.total", "at_most": -1}, "is never -1"),
        ({"fact": "recipient.foreign_share", "at_least": 50}, "from 0 to 1"),
        ({"fact": "recipient.country", "equals": "China"}, "is never 'China'"),
        ({"fact": "recipient.kind", "in": ["open", "foreigner"]}, "nearest: foreign"),
        ({"fact": "cohort.tier", "equals": "T4"}, "is never 'T4'"),
        ({"fact": "cohort.duo", "has": "DUO:0000099"}, "is never 'DUO:0000099'"),
        ({"fact": "cohort.papers", "has": ["colection"]}, "nearest: collection"),
        ({"fact": "foreign.resources", "has": ["db-gap"]}, "nearest: dbgap"),
        ({"fact": "content", "equals": "summary"}, "is never 'summary'"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(condition: Any, said: str) -> None:
    (problem,) = check_condition(condition, {"who": WHO})
    assert said in problem


def rule(**more: Any) -> dict[str, Any]:
    return {
        "id": "A-1", "jurisdiction": "house", "action": "share", "when": YES,
        "effect": "deny", "source": {"law": "x"}, "certainty": "seen",
        "title": {"en": "t", "zh": "题"}, "text": {"en": "t", "zh": "文"}, **more,
    }  # fmt: skip


def book(folder: Path, *rules: dict[str, Any], **more: Any) -> Path:
    file = folder / "book.yaml"
    said = {"version": "1", "rules": list(rules), **more}
    file.write_text(yaml.safe_dump(said, allow_unicode=True, sort_keys=False))
    return file


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"id": ""}, "no id"),
        ({"action": "sahre"}, "no action is called 'sahre'"),
        ({"action": "ingest"}, "effect deny is none of ingest"),
        ({"effect": "refuse"}, "effect is 'refuse'"),
        ({"needs": ["collektion"]}, "nearest: collection"),
        ({"needs": [{"paper": "ethics", "names": ["people"]}]}, "names is ['people']"),
        ({"needs": [{"paper": "ethics", "persons": 3}]}, "no key 'persons'"),
        ({"needs": [{"paper": "ethics", "people": "people.all"}]}, "no fact is called"),
        ({"needs": [{"paper": "ethics", "people": "cohort.disease"}]}, "is no number"),
        ({"needs": [{"paper": "ethics", "each": "people.us"}]}, "is no list"),
        ({"needs": [3]}, "needs: 3"),
        ({"from": "2026-02-30"}, "is no date"),
        ({"from": "2026-02-01", "until": "2026-01-31"}, "lies before from"),
        ({"status": "planned"}, "status is 'planned'"),
        ({"certainty": "sure"}, "certainty is 'sure'"),
        ({"source": {}}, "no source"),
        ({"source": {"law": "x", "page": "3"}}, "source: no key 'page'"),
        ({"source": {"law": {"en": "x"}}}, "law is not said in both languages"),
        ({"title": {"en": "t"}}, "title is not said in both languages"),
        ({"text": {"en": "{n}", "zh": "文"}}, "text has a brace"),
        ({"guards": "no"}, "guards is 'no'"),
        ({"replaces": ["B-1"]}, "replaces 'B-1', which is no rule"),
        ({"replaces": ["A-1"]}, "replaces itself"),
        ({"whn": YES}, "no key 'whn'"),
    ],
)
def test_a_mistake_is_told_with_file_line_and_rule(
    tmp_path: Path, more: dict[str, Any], said: str
) -> None:
    file = book(tmp_path, rule(id="OK-1"), rule(**more))
    line = 2 + next(
        i for i, text in enumerate(file.read_text().splitlines()) if "OK-1" in text
    )
    with pytest.raises(ConfigError) as found:
        load_rules(file)
    (problem,) = found.value.problems
    assert said in problem
    assert "; fix: " in problem
    where, _, number = problem.split(": ")[0].rpartition(":")
    assert (where, int(number) >= line) == (str(file), True)


def test_a_book_of_nothing_and_a_word_that_is_defined_twice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="without a rule lets everything pass"):
        load_rules(book(tmp_path))
    assert load_rules(book(tmp_path, extends="builtin")).rules == load_rules().rules
    one: dict[str, Any] = {"name": "many", "when": YES, "until": "2026-06-01"}
    other: dict[str, Any] = {"name": "many", "when": NO, "from": "2026-06-01"}
    with pytest.raises(ConfigError, match=r":\d+: many: is defined twice"):
        load_rules(book(tmp_path, rule(), definitions=[one, other]))
    other["from"] = "2026-06-02"
    assert load_rules(book(tmp_path, rule(), definitions=[one, other])).definitions


def test_a_day_that_never_was_is_told_with_its_line(tmp_path: Path) -> None:
    file = book(tmp_path, rule(until="LAST"))
    file.write_text(file.read_text().replace("LAST", "2026-02-30"))
    line = next(i for i, t in enumerate(file.read_text().splitlines(), 1) if "02-30" in t)
    with pytest.raises(InputError, match=f"'2026-02-30' is no day.*line {line}"):
        load_rules(file)


@pytest.mark.parametrize(
    ("effect", "ingest", "share"),
    [
        ("hold", Effect.HOLD, Effect.DENY),
        ("security_review", Effect.HOLD, Effect.REVIEW),
        ("deny", Effect.HOLD, Effect.DENY),
        ("note", Effect.NOTE, Effect.ALLOW),
        ("allow", Effect.NOTE, Effect.ALLOW),
    ],
)
def test_a_rule_of_both_actions_stands_in_the_way_of_both(
    tmp_path: Path, effect: str, ingest: Effect, share: Effect
) -> None:
    read = load_rules(book(tmp_path, rule(action=["ingest", "share"], effect=effect)))
    for action, wanted in (("ingest", ingest), ("share", share)):
        (found,) = judge(read, FACTS | {"action": action}, (), DAY)
        assert (found.effect, found.demands) == (wanted, wanted)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    wrong = rule(effect="x", certainty="y")
    file = book(tmp_path, wrong, wrong, definitions=[{"name": "d", "when": {"fact": "x"}}])
    with pytest.raises(ConfigError) as found:
        load_rules(file)
    assert len(found.value.problems) == 6
    assert sum("stands twice" in p for p in found.value.problems) == 1


@pytest.mark.parametrize("text", ["[]", "rules: 3", "x", "version: 1\nrules: [1]"])
def test_what_is_no_book_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b.yaml").write_text(text)
    with pytest.raises(ConfigError):
        load_rules(tmp_path / "b.yaml")


def test_a_definition_replaces_none_but_that_of_its_name(tmp_path: Path) -> None:
    own = {"name": "one", "when": NO, "replaces": ["two"]}
    with pytest.raises(ConfigError, match="one: no key 'replaces' is known"):
        load_rules(book(tmp_path, rule(), definitions=[own]))


def test_no_yaml_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("a: [")
    with pytest.raises(InputError, match="not YAML"):
        load_rules(tmp_path / "b.yaml")
    with pytest.raises(InputError, match="no such file of rules"):
        load_rules(tmp_path / "c.yaml")


def test_the_digest_is_that_of_what_is_said_not_of_how(tmp_path: Path) -> None:
    file = book(tmp_path, rule())
    first = load_rules(file).digest
    file.write_text("# a comment\n" + file.read_text())
    assert load_rules(file).digest == first
    book(tmp_path, rule(effect="security_review"))
    assert load_rules(file).digest != first


def test_guards_and_the_strictest_effect(tmp_path: Path) -> None:
    file = book(
        tmp_path,
        rule(id="A", when=WHO, effect="security_review"),
        rule(id="B", when=WHO, effect="deny", guards=False),
        rule(id="C", effect="report_and_backup", needs=["report"]),
    )
    facts = FACTS | {"action": "share", "recipient.name": "x"}
    found = judge(load_rules(file), facts, (), DAY)
    assert [(f.rule, f.effect) for f in found] == [("A", Effect.REVIEW), ("C", Effect.REPORT)]
    assert found[0].unknown == ("people.us",)
    assert found[1].missing == (PaperKind.REPORT,)
    assert worst(found) is Effect.REVIEW
    assert worst([]) is Effect.ALLOW


def test_a_draft_of_a_definition_changes_all_rules_that_say_it(tmp_path: Path) -> None:
    defined = [
        {"name": "many", "when": YES, "from": "2026-01-01"},
        {"name": "many", "when": NO, "status": "draft", "from": "2026-06-01"},
    ]
    read = load_rules(book(tmp_path, rule(when={"defined": "many"}), definitions=defined))
    facts = {"action": "share", "people.total": 3}

    def met(day: str, **how: bool) -> bool:
        return bool(judge(read, facts, (), date.fromisoformat(day), **how))

    assert not met("2025-12-31")
    assert met("2026-01-01")
    assert met("2026-05-31", drafts=True)
    assert met("2026-06-01")
    assert not met("2026-06-01", drafts=True)


def test_what_the_ledger_says_as_facts() -> None:
    record = CohortRecord(
        "a", consent=Consent("2", "research", ("DUO:0000042",)), tier=Tier.T2,
        people={Assay.WGS: 30, Assay.ARRAY: 5}, embargo_until=DAY, is_pedigree=True,
        papers=(Paper(PaperKind.ETHICS, "E"),),
    )  # fmt: skip
    facts = facts_of(record, DAY)
    assert facts["people.sequenced"] == 30
    assert (facts["people.total"], facts["people.WES"]) == (35, 0)
    assert (facts["cohort.is_embargoed"], facts["cohort.tier"]) == (True, "T2")
    assert facts["cohort.is_specific_region"] is None
    # A consent that is described is a paper.
    assert [(p.kind, p.number) for p in papers_for(record)] == [
        (PaperKind.ETHICS, "E"), (PaperKind.CONSENT, "2"),
    ]  # fmt: skip
    assert (facts_of(None, DAY), papers_for(None)) == ({}, ())


@pytest.mark.parametrize(
    "more",
    [
        {"when": {"all": 3}, "needs": {"any": 3}, "action": [3], "effect": ["x"], "title": 3,
         "source": 3, "certainty": {}, "status": [], "from": [1], "replaces": 3},
        {"when": {"fact": [1], "is": True}, "needs": [{"any": [{"paper": [1]}, 3, [2]]}]},
        {"when": {"defined": [1]}, "needs": [{"paper": "ethics", "names": [[1]]}],
         "replaces": [[1]], "source": {1: 2, "law": "x"}, 3: 4},
        {"when": {"fact": "people.us", 3: 4}, "needs": [{"paper": "ethics", "people": [1]}]},
        {"needs": [[]], "action": [], "jurisdiction": {}, "text": ["x"]},
        {"needs": [{}], "source": {"law": {"en": 1, "zh": 2}}},
    ],
)  # fmt: skip
def test_whatever_stands_in_a_book_it_is_a_mistake_and_no_crash(
    tmp_path: Path, more: dict[Any, Any]
) -> None:
    file = book(tmp_path, rule() | more, definitions=3, issuers=[{"kinds": 3}, 4])
    with pytest.raises(ConfigError) as found:
        load_rules(file)
    assert all("; fix: " in p for p in found.value.problems)


def test_a_book_may_be_ours_and_more(tmp_path: Path) -> None:
    ours = load_rules()
    few = rule(id="CN-HGR-REVIEW-500", when={"fact": "people.sequenced", "more_than": 300})
    other = rule(
        id="OUR-1", replaces=["HOUSE-AI-TRAINING"], when={"defined": "important_family"}
    )
    read = load_rules(book(tmp_path, few, other, extends="builtin"))
    assert {r.id for r in read.rules} == {r.id for r in ours.rules} | {"OUR-1"}
    assert read.rule("CN-HGR-REVIEW-500").effect is Effect.DENY
    assert "HOUSE-AI-TRAINING" not in {r.id for r in read.on(DAY)}
    # A draft stands for ours where drafts are asked, and opens no door before.
    later = rule(id="HOUSE-AI-TRAINING", status="draft", effect="allow")
    who = {"name": "foreign_party", "when": NO, "status": "draft"}
    draft = load_rules(book(tmp_path, later, extends="builtin", definitions=[who]))
    for drafts, effect in ((False, Effect.DENY), (True, Effect.ALLOW)):
        found = {r.id: r.effect for r in draft.on(DAY, drafts=drafts)}
        assert found["HOUSE-AI-TRAINING"] is effect
        assert (draft.defined(DAY, drafts=drafts)["foreign_party"] == NO) is drafts
    assert read.definitions == ours.definitions
    assert read.digest not in (ours.digest, load_rules(book(tmp_path, few)).digest)
    for wrong in ("other.yaml", ["builtin"]):
        with pytest.raises(ConfigError, match="extends"):
            load_rules(book(tmp_path, few, extends=wrong))


def test_a_folder_is_no_book(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file of rules"):
        load_rules(tmp_path)


def test_a_list_is_put_in_by_name_and_covered_by_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    when = {"fact": "cohort.disease", "in": {"list": "common_diseases"}}
    read = load_rules(book(tmp_path, rule(when=when)))
    assert "红绿色盲" in read.rules[0].when["in"]
    monkeypatch.setitem(lists.LISTS, "common_diseases", lambda: ("gout",))
    (tmp_path / "other").mkdir()
    other = load_rules(book(tmp_path / "other", rule(when=when)))
    assert other.rules[0].when["in"] == ["gout"]
    assert other.digest != read.digest
    wrong = {"fact": "cohort.disease", "in": {"list": "rare_diseases"}}
    with pytest.raises(ConfigError, match="in takes no"):
        load_rules(book(tmp_path, rule(when=wrong)))
