"""The egress gate: answers at boundaries and on days; the meter of people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from builders import add_tables, make_contigs, make_rows
from governedstores import make_governed, papers, sample_rows

from varhouse.cli import main
from varhouse.errors import AccessError, StoreError, UsageError
from varhouse.governance.audit import Audit
from varhouse.governance.chain import this_user
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.rules import load_rules
from varhouse.governed import private_folder
from varhouse.language import CHINESE, ENGLISH
from varhouse.sharing.answertext import answer_json, answer_lines
from varhouse.sharing.gate import Decision, ask, way_out
from varhouse.sharing.given import FAILED, REFUSED, SHARE, SHARED
from varhouse.sharing.request import EXIT_CODES, Answer, Content, Request
from varhouse.tables.schema import TABLES

ON = date(2026, 11, 30)
ABROAD, OVERSEAS, HOME = "Demo Abroad", "Demo Overseas", "Demo University"
ALLOW, REPORT, REVIEW, DENY = Answer


def names(n: int, first: int = 0) -> list[str]:
    return [f"S{i}" for i in range(first, first + n)]


def asked(store: Path, to: str = ABROAD, **more: Any) -> Decision:
    on = more.pop("on", ON)
    drafts = more.pop("drafts", False)
    cohorts = more.pop("cohorts", None)
    request = Request(store, cohorts=cohorts, recipient=to, **more)
    return ask(request, on, drafts=drafts)


def give(store: Path, to: str = ABROAD, **more: Any) -> None:
    """Let something out; the papers must be there."""
    decision = asked(store, to, **more)
    with way_out(decision.request, decision=decision):
        pass


def store_of(path: Path, sizes: Mapping[str, Any], *entries: Entry, **more: Any) -> Path:
    people = {
        c: sample_rows(c, names(n)) if isinstance(n, int) else n for c, n in sizes.items()
    }
    return make_governed(path / "store", people, entries, **more)


def of_cohort(cohort: str, **fields: Any) -> Entry:
    return Entry("cohort", cohort, fields)


@pytest.mark.parametrize(
    ("n", "to", "content", "answer"),
    [
        (500, ABROAD, Content.INDIVIDUAL, REPORT),
        (501, ABROAD, Content.INDIVIDUAL, REVIEW),
        (501, ABROAD, Content.AGGREGATE, REPORT),
        (501, "inside", Content.INDIVIDUAL, ALLOW),
        (501, HOME, Content.AGGREGATE, ALLOW),
        (10, HOME, Content.INDIVIDUAL, DENY),
        (10, "open", Content.INDIVIDUAL, DENY),
        (10, "Demo Nobody", Content.AGGREGATE, DENY),
    ],
)
def test_who_gets_what_of_how_many(
    tmp_path: Path, n: int, to: str, content: Content, answer: Answer
) -> None:
    store = store_of(tmp_path, {"a": n})
    assert asked(store, to, content=content).answer is answer
    assert (
        main(["share", "check", str(store), "--to", to, "--content", content])
        == (EXIT_CODES[answer])
    )


def test_papers_turn_the_answer_and_a_check_writes_nothing(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 501}, *papers(ABROAD, ["a"]))
    before = sorted((p, p.stat().st_mtime_ns) for p in store.rglob("*"))
    decision = asked(store)
    assert decision.answer is REVIEW
    assert [k.value for k in decision.missing] == ["security_review"]
    assert sorted((p, p.stat().st_mtime_ns) for p in store.rglob("*")) == before
    review = {"kind": "security_review", "number": "R1", "cohorts": ("a",)}
    Ledger.open(store).add("paper", "", {**review, "people": 500})
    assert asked(store).answer is REVIEW
    Ledger.open(store).add("paper", "", {**review, "number": "R2", "people": 501})
    assert asked(store).answer is ALLOW
    assert asked(store, OVERSEAS).answer is REPORT


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({}, ALLOW),
        ({"recipients": (OVERSEAS,)}, REPORT),
        ({"purposes": ("drug research",)}, REPORT),
        ({"purposes": ("Population Genetics",)}, ALLOW),
        ({"assays": ("WES",)}, REPORT),
        ({"people": 99}, REPORT),
        ({"people": 100}, ALLOW),
        ({"valid_until": "2026-11-29"}, REPORT),
        ({"valid_until": "2026-11-30"}, ALLOW),
        ({"valid_from": "2026-12-01"}, REPORT),
    ],
)
def test_a_paper_counts_for_what_it_says(
    tmp_path: Path, fields: dict[str, Any], answer: Answer
) -> None:
    store = store_of(tmp_path, {"a": 100}, *papers(ABROAD, ["a"], **fields))
    assert asked(store, purpose="population genetics").answer is answer


@pytest.mark.parametrize(
    ("fields", "to", "content", "on", "rule"),
    [
        ({"embargo_until": "2026-11-30"}, HOME, Content.AGGREGATE, ON, "gate.embargo"),
        ({"embargo_until": "2026-11-30"}, HOME, Content.AGGREGATE, date(2026, 12, 1), None),
        ({"embargo_until": "2026-11-30"}, "inside", Content.INDIVIDUAL, ON, None),
        ({"tier": "T3"}, HOME, Content.AGGREGATE, ON, "gate.tier-3"),
        ({"tier": "T2"}, HOME, Content.AGGREGATE, ON, "gate.tier"),
        ({"tier": "T1"}, "open", Content.AGGREGATE, ON, "gate.tier-open"),
    ],
)
def test_the_gate_has_rules_of_its_own(
    tmp_path: Path, fields: dict[str, Any], to: str, content: Content, on: date,
    rule: str | None,
) -> None:  # fmt: skip
    store = store_of(tmp_path, {"a": 10}, of_cohort("a", **fields), *papers("open", ["a"]))
    decision = asked(store, to, content=content, on=on)
    assert decision.answer is (ALLOW if rule is None else DENY)
    assert rule is None or rule in decision.rule_ids


def test_a_withdrawn_cohort_is_for_nobody(tmp_path: Path) -> None:
    store = store_of(
        tmp_path, {"a": 10, "b": 5}, Entry("withdraw", "a", {"from": "2026-11-30"})
    )
    assert "gate.withdrawn" in asked(store, "inside").rule_ids
    assert asked(store, "inside", cohorts=("b",)).answer is ALLOW


def test_a_decision_opens_tier_3_to_nobody_at_large(tmp_path: Path) -> None:
    """Whatever the book says: one that lets all pass, too."""
    until = {"principal": this_user(), "cohort": "a", "until": "2026-12-31"}
    dac = {"kind": "dac_decision", "number": "D-1", "cohorts": ("a",), "recipients": ("open",)}
    store = store_of(
        tmp_path, {"a": 10}, of_cohort("a", tier="T3"), *papers("open", ["a"]),
        Entry("grant", "", until), Entry("paper", "", dac),
    )  # fmt: skip
    mild = replace(load_rules(), rules=())
    request = Request(store, recipient="open", content=Content.AGGREGATE)
    for book in (None, mild):
        decision = ask(request, ON, book)
        assert decision.answer is DENY
        assert "gate.tier-open" in decision.rule_ids


@pytest.mark.parametrize(
    ("purposes", "purpose", "is_met"),
    [((), "", True), (("research",), "Research", True), (("research",), "commercial", False),
     (("research",), "", False)],
)  # fmt: skip
@pytest.mark.parametrize("tier", ["T2", "T3"])
def test_a_decision_for_another_purpose_lets_nothing_out(
    tmp_path: Path, tier: str, purposes: tuple[str, ...], purpose: str, is_met: bool
) -> None:
    dac = {"kind": "dac_decision", "number": "D-1", "cohorts": ("a",), "recipients": (HOME,),
           "purposes": purposes}  # fmt: skip
    until = {"principal": this_user(), "cohort": "a", "until": "2026-12-31"}
    store = store_of(
        tmp_path, {"a": 10}, of_cohort("a", tier=tier), Entry("paper", "", dac),
        Entry("grant", "", until),
    )  # fmt: skip
    decision = asked(store, HOME, purpose=purpose)
    assert (decision.answer is ALLOW) == is_met


def test_a_grant_lets_its_holder_take_a_cohort_of_tier_3(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 10}, of_cohort("a", tier="T3"))
    assert asked(store, "inside").answer is DENY
    until = {"principal": this_user(), "cohort": "a", "until": "2026-12-31"}
    Ledger.open(store).add("grant", "", until)
    assert asked(store, "inside").answer is ALLOW
    assert asked(store, "inside", on=date(2027, 1, 1)).answer is DENY


def test_without_rules_nothing_leaves(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 1}, rules=False)
    decision = asked(store, "inside")
    assert (decision.answer, decision.rule_ids) == (DENY, ("gate.no-rules",))
    assert "varhouse share rules" in decision.findings[0].text.say("en")
    assert f"varhouse share rules {store} builtin" in decision.refusal().fix


def test_a_cohort_that_the_ledger_does_not_know_is_denied(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 3})
    rows = {
        "cohorts": make_rows(TABLES["cohorts"], [{"cohort": "z", "attributes": "{}"}]),
        "samples": make_rows(TABLES["samples"], sample_rows("z", names(3))),
    }
    add_tables(store, rows, make_contigs())
    assert "gate.unknown-cohort" in asked(store, "inside", cohorts=("z",)).rule_ids


@pytest.mark.parametrize(
    ("share", "answer"), [(0.49, ALLOW), (0.5, REPORT), (0.51, REPORT), (None, ALLOW)]
)
def test_a_domestic_party_that_is_half_foreign(
    tmp_path: Path, share: float | None, answer: Answer
) -> None:
    fields = {"kind": "domestic"} | ({} if share is None else {"foreign_share": share})
    store = store_of(tmp_path, {"a": 10}, Entry("recipient", "Demo Venture", fields))
    assert asked(store, "Demo Venture", content=Content.AGGREGATE).answer is answer


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"is_specific_region": True}, REVIEW),
        ({"is_specific_region": None}, REVIEW),
        ({"is_pedigree": True, "generations_affected": 3, "disease": "x"}, REVIEW),
        ({"is_pedigree": True, "generations_affected": 2, "disease": "x"}, REPORT),
        ({"is_pedigree": None}, REVIEW),
    ],
)
def test_flags_of_a_cohort(tmp_path: Path, fields: dict[str, Any], answer: Answer) -> None:
    store = store_of(tmp_path, {"a": 10}, of_cohort("a", **fields))
    assert asked(store).answer is answer


# --- the meter ---


def test_many_small_exports_add_up(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 501}, *papers(ABROAD, ["a"]))
    for first in range(0, 500, 125):
        give(store, samples=tuple(names(125, first)))
    decision = asked(store, samples=("S500",))
    assert (decision.now.total, decision.before.total, decision.after.total) == (1, 500, 501)
    assert decision.answer is REVIEW
    assert asked(store, samples=("S499",)).answer is ALLOW
    assert asked(store, OVERSEAS, samples=("S500",)).answer is REPORT


def test_the_same_people_again_add_nothing(tmp_path: Path) -> None:
    rows = sample_rows("a", names(300))
    renamed = [{**r, "cohort": "b"} for r in rows]
    both = {"a": rows, "b": renamed, "c": sample_rows("c", names(300, 200))}
    store = store_of(tmp_path, both, *papers(ABROAD, ["a", "b", "c"]))
    for cohort in ("a", "a", "b"):
        give(store, cohorts=(cohort,))
        assert asked(store, cohorts=("a", "b")).after.total == 300
    assert asked(store, cohorts=("c",)).after.total == 500
    assert asked(store).answer is ALLOW


def test_two_who_are_called_the_same_are_two(tmp_path: Path) -> None:
    people = {
        "a": sample_rows("a", names(3)),
        "b": sample_rows("b", names(3), ["x", "y", "z"]),
        "c": sample_rows("c", ["T1"], accession="SAMC000001"),
        "d": sample_rows("d", ["U7"], ["else"], accession="samc000001"),
        "e": [{**r, **dict.fromkeys(r.keys() & {"n_snv", "n_indel", "n_het", "n_hom_alt",
               "n_hemi", "n_ti", "n_tv"}, 0)} for r in sample_rows("e", names(3))],
    }  # fmt: skip
    people["f"] = [{**r, "cohort": "f"} for r in people["e"]]
    store = store_of(tmp_path, people)
    found = {
        c: asked(store, cohorts=c).now.total for c in (("a", "b"), ("c", "d"), ("e", "f"))
    }
    assert found == {("a", "b"): 6, ("c", "d"): 1, ("e", "f"): 6}


def test_the_ledger_links_cohorts_of_the_same_people(tmp_path: Path) -> None:
    people = {"a": 3, "b": sample_rows("b", names(3), ["x", "y", "z"])}
    store = store_of(tmp_path, people, of_cohort("b", same_people_as=("a",)))
    assert asked(store).now.total == 3


def test_what_is_open_counts_for_each_foreign_party(tmp_path: Path) -> None:
    open_papers = papers("open", ["a"])
    store = store_of(
        tmp_path, {"a": 300, "b": sample_rows("b", names(300, 300))},
        *(of_cohort(c, tier="T0") for c in "ab"), *open_papers, *papers(ABROAD, ["a", "b"]),
    )  # fmt: skip
    give(store, "open", cohorts=("a",), content=Content.AGGREGATE)
    decision = asked(store, cohorts=("b",), content=Content.AGGREGATE)
    assert (decision.before.total, decision.after.total) == (300, 600)
    # Counts give nobody's calls away.
    assert asked(store, cohorts=("b",)).before.total == 0
    give(store, cohorts=("b",))
    opened = asked(store, "open", cohorts=("a",), content=Content.AGGREGATE)
    assert opened.after.total == 600
    assert asked(store, HOME, cohorts=("b",), content=Content.AGGREGATE).before.total == 300


def test_what_failed_does_not_count_and_what_was_cut_off_does(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 10}, *papers(ABROAD, ["a"]))
    decision = asked(store)
    with pytest.raises(OSError, match="full"), way_out(decision.request, decision=decision):
        raise OSError("disk full")
    assert asked(store).before.total == 0
    context = way_out(decision.request, decision=decision)
    passage = context.__enter__()  # and the process is killed
    assert asked(store).before.total == 10
    other = way_out(decision.request, decision=decision)
    other.__enter__().leaked = lambda: True
    assert not other.__exit__(OSError, OSError("disk full"), None)
    events = [x.body["event"] for x in Audit(store).events()]
    assert events[-5:] == [SHARE, FAILED, SHARE, SHARE, SHARED]
    assert passage.link.n == Audit(store).events()[-3].n


def test_a_refusal_names_what_to_do(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 3})
    abroad, inside = asked(store).refusal(), asked(store, "inside").refusal()
    assert "CN-HGR-REPORT-BACKUP; missing: " in abroad.message
    assert "--to 'Demo Abroad' --content individual" in abroad.fix
    assert "--audience registered" in abroad.fix
    assert "--audience" not in inside.fix
    some = ask(Request(store, cohorts=("a",), recipient="open")).refusal()
    assert f"varhouse share check {store} --to open --cohort a --content" in some.fix
    assert "--audience public" in some.fix


def test_an_answer_in_chinese_names_the_law_in_chinese(tmp_path: Path) -> None:
    decision = asked(store_of(tmp_path, {"a": 3}))
    for code, law in (
        (CHINESE, "《人类遗传资源管理条例》"),
        (ENGLISH, "Regulation (Decree 717)"),
    ):
        assert law in "\n".join(answer_lines(decision, code))
        told = answer_json(decision)["findings"][code]
        assert any(law in f["source"] for f in told)


def test_the_log_tells_who_what_and_to_whom_and_names_nobody(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": sample_rows("a", ["secret-person"])})
    give(store, "inside")
    with (
        pytest.raises(AccessError, match="CN-HGR-REPORT-BACKUP"),
        way_out(Request(store, recipient=ABROAD, what="a test")),
    ):
        raise AssertionError
    shared, done, refused = (x.body for x in Audit(store).events()[-3:])
    assert (shared["recipient"], shared["people"]["now"], done["of"]) == (
        "inside", 1, Audit(store).events()[-3].n,
    )  # fmt: skip
    assert (refused["event"], refused["answer"]) == (REFUSED, REPORT)
    kept = b"".join(p.read_bytes() for p in private_folder(store).rglob("*") if p.is_file())
    assert b"secret-person" not in kept


def test_a_meter_that_was_touched_is_found(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 10, "b": 4})
    give(store, "inside")
    file = next(private_folder(store).glob("given/*.parquet"))
    other = asked(store, "inside", cohorts=("b",))
    other.found.people.select("person", "assay").write_parquet(file)
    with pytest.raises(StoreError, match="not there as they were noted"):
        asked(store, "inside")
    file.unlink()
    with pytest.raises(StoreError, match="not there as they were noted"):
        asked(store, "inside")


def test_people_without_samples_count_by_the_ledger(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": []}, of_cohort("a", **{"people.WGS": 700}))
    assert asked(store, content=Content.AGGREGATE).now.sequenced == 700
    assert asked(store).answer is REVIEW
    (tmp_path / "other").mkdir()
    unknown = store_of(tmp_path / "other", {"a": []})
    assert "gate.nobody" in asked(unknown, "inside").rule_ids


def test_an_assay_of_the_sheet_goes_before_that_of_the_cohort(tmp_path: Path) -> None:
    rows = sample_rows("a", names(400)) + [
        {**r, "ordinal": 400 + i}
        for i, r in enumerate(sample_rows("a", names(200, 400), assay="array"))
    ]
    store = store_of(tmp_path, {"a": rows}, *papers(ABROAD, ["a"]))
    decision = asked(store)
    assert (decision.now.total, decision.now.sequenced, decision.answer) == (600, 400, ALLOW)
    (tmp_path / "other").mkdir()
    unknown = store_of(tmp_path / "other", {"a": 501}, assay=None)
    found = asked(unknown)
    assert (found.now.unknown, found.now.by_assay["array"], found.answer) == (501, 501, REVIEW)


def test_who_is_not_there_is_told(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"north": 3})
    with pytest.raises(UsageError, match="no sample 'S9'"):
        asked(store, samples=("S9",))
    with pytest.raises(UsageError, match="no cohort 'nort'; nearest: north"):
        asked(store, cohorts=("nort",))


# --- what is said ---


def test_the_answer_is_said_in_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(tmp_path, {"a": 501})
    monkeypatch.setenv("VARHOUSE_LANGUAGE", "zh")
    assert main(["share", "check", str(store), "--to", ABROAD]) == 4
    told = capsys.readouterr().out
    assert "须先通过安全审查" in told
    assert "不构成法律意见" in told
    english = "\n".join(answer_lines(asked(store), "en"))
    assert "CN-HGR-REVIEW-500" in english
    assert "501" in english
    assert "no legal advice" in english
    found = json.loads(json.dumps(answer_json(asked(store))))
    assert (found["answer"], found["people"]["after"]["sequenced"]) == ("security_review", 501)
    assert next(m["paper"] for m in found["missing"]) == "security_review"
    assert found["ledger"]["n"] == Ledger.open(store).head[0]
    assert "S1" not in json.dumps(found)


OF_INGEST = """\
version: ours
rules:
  - id: TEST-1
    jurisdiction: house
    action: ingest
    when: {fact: action, known: true}
    needs: [ethics]
    effect: hold
    source: {law: test}
    certainty: seen
    title: {en: of what comes in, zh: 入库}
    text: {en: of what comes in, zh: 入库}
"""
"""A book that says nothing of what leaves."""


def test_another_day_and_drafts_and_other_rules_are_what_if(tmp_path: Path) -> None:
    venture = Entry("recipient", "Demo Held", {"kind": "foreign", "foreign_share": 0.4,
                                               "country": "CN"})  # fmt: skip
    store = store_of(tmp_path, {"a": 501}, venture)
    to = {"to": "Demo Held", "content": Content.AGGREGATE}
    assert asked(store, **to).answer is REPORT
    assert asked(store, **to, drafts=True).answer is ALLOW
    assert asked(store, on=date(2023, 6, 30)).answer is REPORT
    assert asked(store, on=date(2023, 7, 1)).answer is REVIEW
    check = ["share", "check", str(store), "--to", ABROAD]
    assert main([*check, "--on", "2023-06-30"]) == 3
    with pytest.raises(SystemExit, match="2"):
        main([*check, "--on", "30.6.2023"])
    other = tmp_path / "rules.yaml"
    other.write_text(OF_INGEST)
    assert main([*check, "--content", "aggregate", "--rules", str(other)]) == 0


def test_a_store_without_a_ledger_is_told_so(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 1})
    for file in sorted(store.rglob("_store/governance/**/*"), reverse=True):
        file.unlink() if file.is_file() else file.rmdir()
    (store / "_store/governance").rmdir()
    assert main(["share", "check", str(store), "--to", "open"]) == 1


def test_people_of_a_person_count_once_whatever_the_order(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 5})
    frame = asked(store).found.people
    rows: Sequence[bytes] = frame["person"].to_list()
    assert len(set(rows)) == 5
    assert {len(r) for r in rows} == {16}
    assert isinstance(frame, pl.DataFrame)


# --- rules of a store, the same house under another name, two at once ---


def test_rules_are_entered_with_a_copy_that_nobody_changes_unseen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = store_of(tmp_path, {"a": 3}, rules=False)
    assert main(["share", "rules", str(store)]) == 0
    assert "no rules" in capsys.readouterr().out
    own = tmp_path / "own.yaml"
    own.write_text(OF_INGEST)
    assert main(["share", "rules", str(store), str(own)]) == 0
    assert "version ours, 1 rules" in capsys.readouterr().out
    assert asked(store, "inside").answer is ALLOW
    entries = Ledger.open(store).head[0]
    copy = next((store / "_store/governance").glob("rules-*.yaml"))
    for text in (None, OF_INGEST.replace("ethics", "consent")):
        copy.unlink()
        if text is not None:
            copy.write_text(text)
        with pytest.raises(AccessError, match="not those of the ledger") as refused:
            asked(store, "inside")
        # The fix that it names: the same book again, of which the ledger has its entry.
        assert "varhouse share rules STORE FILE" in str(refused.value.fix)
        assert main(["share", "rules", str(store), str(own)]) == 0
        assert asked(store, "inside").answer is ALLOW
    assert Ledger.open(store).head[0] == entries
    own.unlink()
    copy.write_text(OF_INGEST.replace("ethics", "consent"))
    assert main(["share", "rules", str(store), "builtin"]) == 0
    assert main(["share", "rules", str(store), "builtin"]) == 0
    assert Ledger.open(store).head[0] == entries + 1
    assert asked(store, "inside").answer is ALLOW


def test_the_same_house_under_another_name_goes_on_counting(tmp_path: Path) -> None:
    key = "A" * 43 + "="
    twins = [
        Entry("recipient", name, {"kind": "foreign", "country": "DE", "crypt4gh_key": key})
        for name in ("Demo One", "Demo Two")
    ]
    store = store_of(tmp_path, {"a": 30}, *twins, *papers("Demo One", ["a"]))
    give(store, "Demo One")
    assert asked(store, "Demo Two").before.total == 30
    assert asked(store, OVERSEAS).before.total == 0


def test_of_two_who_ask_at_once_one_sees_the_other(tmp_path: Path) -> None:
    store = store_of(tmp_path, {"a": 501}, *papers(ABROAD, ["a"]))
    give(store, samples=tuple(names(499)))
    one, two = asked(store, samples=("S499",)), asked(store, samples=("S500",))
    assert one.is_allowed
    assert two.is_allowed
    with way_out(one.request, decision=one):
        pass
    with (
        pytest.raises(AccessError, match="CN-HGR-REVIEW-500"),
        way_out(two.request, decision=two),
    ):
        raise AssertionError


def test_a_review_of_one_cohort_lets_no_other_go(tmp_path: Path) -> None:
    people: dict[str, int | list[Any]] = {"a": 300, "b": sample_rows("b", names(300, 300))}

    def review(cohort: str) -> Entry:
        number = f"R-{cohort}"
        fields = {"kind": "security_review", "number": number, "cohorts": (cohort,)}
        return Entry("paper", "", fields)

    store = store_of(tmp_path, people, *papers(ABROAD, ["a", "b"]), review("a"))
    assert asked(store, cohorts=("a",)).answer is ALLOW
    assert asked(store, cohorts=("b",)).answer is ALLOW
    assert asked(store).answer is REVIEW
    give(store, cohorts=("a",))
    assert asked(store, cohorts=("b",)).answer is REVIEW
    Ledger.open(store).add_all([review("b")])
    assert asked(store).answer is ALLOW
