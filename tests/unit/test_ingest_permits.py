"""Rules at the door of a store: who is held back, for how long, and what stays."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from unittest import mock

import inprocess
import pytest
import yaml
from builders import make_fasta, make_vcf
from inprocess import ingest_here
from nights import Nights

import varhouse
from varhouse.account import public_reason
from varhouse.cli import main
from varhouse.errors import AccessError, ConfigError
from varhouse.governance.ledger import Entry, Ledger
from varhouse.governance.rules import load_rules
from varhouse.ingest.driver import Options, ingest
from varhouse.ingest.setup.config import read_config
from varhouse.ingest.setup.fromfiles import FromFiles, config_of_files
from varhouse.ingest.setup.permits import Permits, book_of, enter_rules
from varhouse.ingest.setup.permitsheet import read_sheet_row
from varhouse.ingest.setup.prepare import prepare
from varhouse.ingest.setup.settings import Policy
from varhouse.status.find import read_status

BASES = "ACGT" * 30
NO = {"is_pedigree": "no", "is_specific_region": "no"}
PAPERS = {"ethics_approval": "E-1", "consent_scope": "research"}
GOOD = {**NO, **PAPERS}


def make_inputs(
    folder: Path,
    files: Mapping[str, Sequence[str]],
    row: Mapping[str, str] = {},
    *,
    meta: Sequence[str] = (),
    policy: Mapping[str, Any] = {"rules": "builtin"},
    sheet: Mapping[str, Sequence[str]] = {},
) -> Path:
    """Write a configuration of one cohort `a`: files with their people, cells of its row."""
    make_fasta(folder / "ref.fa", {"c1": BASES})
    for name, people in files.items():
        cells = " ".join("0/1" for _ in people)
        make_vcf(
            folder / name, [f"c1 6 . {BASES[5]} G . PASS . GT {cells}"], people, meta=meta
        )
    columns = {"cohort": "a", "files": ",".join(files), **row}
    (folder / "cohorts.tsv").write_text(
        "\t".join(columns) + "\n" + "\t".join(columns.values()) + "\n"
    )
    numbers = {p: i for i, p in enumerate(p for names in files.values() for p in names)}
    rows = ["\t".join(["cohort", "sample", "sex", *sheet])]
    rows += [
        "\t".join(["a", p, "female", *(v[i] for v in sheet.values())])
        for p, i in numbers.items()
    ]
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
        "samples": "samples.tsv", "policy": dict(policy),
    }  # fmt: skip
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return folder / "config.yaml"


def ingest_on(folder: Path, day: str = "2026-11-30") -> dict[str, Any]:
    """Take in what the configuration of a folder says, on a day."""

    def prepared(store: Path, config: Any, _: str) -> Any:
        return prepare(store, config, f"{day}T02:00:00Z")

    with mock.patch.object(inprocess, "prepare", prepared):
        account: dict[str, Any] = ingest_here(folder / "store", folder / "config.yaml")
    return account


def held(account: Mapping[str, Any]) -> str:
    """Give the reasons of what is held back, in one text."""
    return "\n".join(r for h in account["held_back"] for r in h["reasons"])


def rule_ids(account: Mapping[str, Any]) -> set[str]:
    return {r.split(" ")[1].rstrip(":") for h in account["held_back"] for r in h["reasons"]}


def enter(store: Path, *entries: Entry) -> None:
    Ledger.open(store).add_all(entries)


def paper(kind: str, **fields: Any) -> Entry:
    number = fields.pop("number", f"{kind}-1")
    return Entry("paper", "", {"kind": kind, "number": number, "cohorts": ["a"], **fields})


def small_book(folder: Path, **more: Any) -> dict[str, str]:
    """Write a book of one rule: more than two people need a collection approval."""
    rule = {
        "id": "TEST-2", "jurisdiction": "house", "action": "ingest",
        "when": {"fact": "people.total", "more_than": 2}, "needs": ["collection"],
        "effect": "hold", "source": {"law": "test"}, "certainty": "seen",
        "title": {"en": "more than two", "zh": "多于两人"},
        "text": {"en": "more than two", "zh": "多于两人"}, **more,
    }  # fmt: skip
    (folder / "own.yaml").write_text(yaml.safe_dump({"version": "1", "rules": [rule]}))
    return {"rules": "own.yaml"}


def test_a_cohort_without_papers_is_held_back_until_the_ledger_has_them(
    tmp_path: Path,
) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1", "p2"]})
    store = tmp_path / "store"
    first = ingest_on(tmp_path)
    assert first["release"] is None
    assert {"CN-HGR-ETHICS", "CN-HGR-CONSENT", "CN-HGR-COLLECT-REGION"} <= rule_ids(first)
    assert "variants" not in varhouse.open(store).tables
    rows = varhouse.open(store).scan("held_back").select("reasons").collect()
    assert "CN-HGR-ETHICS" in rows.item()
    # Nothing is looked at again while nothing has changed, nor on another day.
    assert ingest_on(tmp_path, "2026-12-01")["held_back"][0]["before"]
    enter(store, Entry("cohort", "a", NO), paper("ethics"))
    assert rule_ids(ingest_on(tmp_path)) == {"CN-HGR-CONSENT"}
    enter(store, Entry("consent", "a", {"version": "2", "duo": ["DUO:0000042"]}))
    last = ingest_on(tmp_path)
    assert (last["held_back"], [c["cohort"] for c in last["cohorts"]]) == ([], ["a"])
    anchor = varhouse.open(store).record.meta["governance"]
    n, digest = Ledger.open(store).head
    assert anchor == {"n": n, "digest": digest, "rules": load_rules().digest}


def test_the_sheet_of_cohorts_is_enough_where_there_is_no_ledger(tmp_path: Path) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, GOOD)
    account = ingest_on(tmp_path)
    assert account["held_back"] == []
    meta = varhouse.open(tmp_path / "store").record.meta
    assert meta["governance"]["n"] == 0
    assert not Ledger.find(tmp_path / "store")


def test_without_rules_nothing_is_asked(tmp_path: Path) -> None:
    make_inputs(tmp_path, {"a.vcf": ["TCGA-02-0001-01C"]}, policy={})
    account = ingest_on(tmp_path)
    assert account["held_back"] == []
    assert "governance" not in varhouse.open(tmp_path / "store").record.meta


@pytest.mark.parametrize(
    ("cells", "ids"),
    [
        ({}, set()),
        ({"is_specific_region": "yes"}, {"CN-HGR-COLLECT-REGION"}),
        ({"特定地区": "是", "is_specific_region": ""}, {"CN-HGR-COLLECT-REGION"}),
        ({"is_pedigree": "yes", "generations_affected": "3", "disease": "Huntington"},
         {"CN-HGR-COLLECT-FAMILY"}),
        ({"is_pedigree": "yes", "generations_affected": "3", "disease": "红绿色盲"}, set()),
        ({"is_specific_region": "yes", "permit_kind": "采集审批", "permit_number": "1"},
         set()),
        ({"permit_kind": "collection", "permit_number": "1", "permit_people": "1"},
         {"CN-HGR-APPROVED"}),
        ({"permit_kind": "collection", "permit_number": "1",
          "permit_valid_until": "2026-11-29"}, {"CN-HGR-APPROVED"}),
        ({"permit_kind": "collection", "permit_number": "1",
          "permit_valid_until": "2026-11-30"}, set()),
        ({"ethics_valid_until": "2026-11-29"}, {"CN-HGR-ETHICS"}),
        ({"us_people": "101"}, {"US-DOJ-202"}),
        ({"us_people": "100"}, set()),
        ({"foreign_share": "50%"}, {"CN-HGR-FOREIGN-HOLDER"}),
        ({"taxon": "4565", "ethics_approval": "", "consent_scope": ""}, set()),
    ],
)  # fmt: skip
def test_what_a_row_of_the_sheet_brings(
    tmp_path: Path, cells: dict[str, str], ids: set[str]
) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1", "p2"]}, {**GOOD, **cells})
    assert rule_ids(ingest_on(tmp_path)) == ids


def test_a_dry_run_foresees_it(tmp_path: Path) -> None:
    config = make_inputs(tmp_path, {"ukb23155_c1.vcf": ["p1"]}, NO)
    code, account = ingest(tmp_path / "store", config, Options(dry_run=True))
    assert code == 1
    assert rule_ids(account) == {
        "CN-HGR-ETHICS", "CN-HGR-CONSENT", "INT-CONTROLLED", "UK-BIOBANK",
    }  # fmt: skip
    assert "UK Biobank" in "".join(account["held_back"][0]["notes"])
    assert not (tmp_path / "store").exists()


def test_a_cell_that_is_not_understood_is_said(tmp_path: Path) -> None:
    said = read_sheet_row({"permit_kind": "a permit", "permit_number": "1", **PAPERS})
    assert [p.kind.value for p in said.papers] == ["ethics", "consent"]
    assert "permit_kind 'a permit'" in said.doubts[0]


@pytest.mark.parametrize(
    ("people", "approved", "comes_in"),
    [(2, None, True), (3, None, False), (3, 3, True), (3, 2, False)],
)
def test_as_many_people_as_were_approved(
    tmp_path: Path, people: int, approved: int | None, *, comes_in: bool
) -> None:
    cells = {"permit_kind": "collection", "permit_number": "X-1"}
    row = cells | {"permit_people": str(approved)} if approved else {}
    names = [f"p{i}" for i in range(people)]
    make_inputs(tmp_path, {"a.vcf": names}, row, policy=small_book(tmp_path))
    account = ingest_on(tmp_path)
    assert (account["held_back"] == []) is comes_in
    if approved == 2:
        assert "X-1 covers 2 people, there are 3" in held(account)


def test_a_person_too_many_holds_back_what_comes_and_not_what_is_in(tmp_path: Path) -> None:
    policy, row = small_book(tmp_path), {"is_pedigree": "no"}
    two = {"1.vcf": ["p1"], "2.vcf": ["p2"]}
    make_inputs(tmp_path, two, row, policy=policy)
    assert ingest_on(tmp_path)["held_back"] == []
    make_inputs(tmp_path, two | {"3.vcf": ["p3"]}, row, policy=policy)
    account = ingest_on(tmp_path)
    assert rule_ids(account) == {"TEST-2"}
    assert account["held_back"][0]["stays"] == 2
    people = varhouse.open(tmp_path / "store").scan("samples").collect()["sample"]
    assert sorted(people) == ["p1", "p2"]


def test_what_is_in_stays_when_its_paper_ends_and_nothing_new_comes_in(tmp_path: Path) -> None:
    until = {"ethics_valid_until": "2026-11-30"}
    make_inputs(tmp_path, {"1.vcf": ["p1"]}, GOOD | until)
    assert ingest_on(tmp_path, "2026-11-30")["held_back"] == []
    config = read_config(tmp_path / "config.yaml")
    for day, lapsed in (("2026-11-30", []), ("2026-12-01", ["a"])):
        run = prepare(tmp_path / "store", config, f"{day}T02:00:00Z")
        assert not run.has_work
        assert [c["cohort"] for c in run.lapsed] == lapsed
        assert any("E-1 expired on 2026-11-30" in w for w in run.warnings) is bool(lapsed)
    make_inputs(tmp_path, {"1.vcf": ["p1"], "2.vcf": ["p2"]}, GOOD | until)
    account = ingest_on(tmp_path, "2026-12-01")
    assert rule_ids(account) == {"CN-HGR-ETHICS"}
    assert account["lapsed"][0]["cohort"] == "a"
    assert varhouse.open(tmp_path / "store").scan("samples").collect().height == 1


def test_what_is_held_back_is_looked_at_again_on_the_day_that_a_paper_begins(
    tmp_path: Path,
) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, NO | {"consent_scope": "research"})
    store = tmp_path / "store"
    ingest_on(tmp_path, "2026-11-29")
    enter(store, paper("ethics", valid_from="2026-12-01"))
    assert rule_ids(ingest_on(tmp_path, "2026-11-29")) == {"CN-HGR-ETHICS"}
    assert ingest_on(tmp_path, "2026-11-30")["held_back"][0]["before"]
    assert ingest_on(tmp_path, "2026-12-01")["held_back"] == []


@pytest.mark.parametrize(
    ("files", "how"),
    [
        ({"a.vcf": ["TCGA-02-0001-01C-01D-0182-01", "p2"]}, {}),
        ({"ukb23155_c1_b0_v1.vcf": ["1", "2"]}, {}),
        ({"a.vcf": ["p1"]}, {"meta": ["##study=phs000178.v11.p8.c1"]}),
        (
            {"a.vcf": ["p1"]},
            {"meta": ["##viewCommand=view /d/EGAD00001000001/x.bcf"]},
        ),
        ({"a.vcf": ["p1"]}, {"row": {"source": "JGAS000114"}}),
        ({"a.vcf": ["p1"]}, {"sheet": {"other_accession": ["EPI_ISL_402124"]}}),
    ],
)
def test_foreign_data_needs_a_basis_that_names_its_database(
    tmp_path: Path, files: dict[str, list[str]], how: dict[str, Any]
) -> None:
    row = GOOD | how.pop("row", {})
    make_inputs(tmp_path, files, row, **how)
    account = ingest_on(tmp_path)
    assert "INT-CONTROLLED" in rule_ids(account)
    name = next(
        n
        for n in ("tcga", "ukb", "dbgap", "ega", "jga", "gisaid")
        if f"database {n}" in held(account)
    )
    store = tmp_path / "store"
    other = "jga" if name != "jga" else "ega"
    enter(store, paper("foreign_data_basis", resources=[other]))
    assert "INT-CONTROLLED" in rule_ids(ingest_on(tmp_path))
    enter(store, paper("foreign_data_basis", number="2", resources=[name]))
    assert ingest_on(tmp_path)["held_back"] == []


def test_the_ledger_goes_before_the_sheet_by_kind_of_paper(tmp_path: Path) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, GOOD)
    ingest_on(tmp_path, "2026-01-01")
    store = tmp_path / "store"
    enter(store, paper("ethics", valid_until="2026-06-30"), Entry("cohort", "a", NO))
    config = read_config(tmp_path / "config.yaml")
    run = prepare(store, config, "2026-07-01T00:00:00Z")
    assert "ethics-1 expired on 2026-06-30" in run.lapsed[0]["reasons"][0]


def test_people_of_the_united_states_are_counted_over_all_cohorts(tmp_path: Path) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, GOOD)
    ingest_on(tmp_path)
    store, config = tmp_path / "store", read_config(tmp_path / "config.yaml")
    enter(store, Entry("cohort", "b", {"us_people": 100}), Entry("cohort", "a", NO))
    assert prepare(store, config, "2026-11-30T00:00:00Z").lapsed == []
    enter(store, Entry("cohort", "a", {"us_people": 1}))
    run = prepare(store, config, "2026-11-30T00:00:00Z")
    assert "US-DOJ-202" in run.lapsed[0]["reasons"][0]


def test_mistakes_in_rules_are_told_with_the_configuration(tmp_path: Path) -> None:
    small_book(tmp_path, effect="perhaps", when={"fact": "people.totl", "more_than": 2})
    config = make_inputs(
        tmp_path, {"a.vcf": ["p1"]}, policy={"rules": "own.yaml", "small_counts": "nobody"}
    )
    with pytest.raises(ConfigError) as found:
        read_config(config)
    text = str(found.value)
    for part in ("own.yaml:2: TEST-2", "people.totl", "nearest: people.total", "perhaps",
                 "nobody"):  # fmt: skip
        assert part in text
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, policy={"rules": "none.yaml"})
    with pytest.raises(ConfigError, match=r"policy\.rules: no such file of rules.*none\.yaml"):
        read_config(config)


def test_the_store_remembers_its_rules(tmp_path: Path, monkeypatch: Any) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, policy=small_book(tmp_path))
    ingest_on(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    make_vcf(
        tmp_path / "b.vcf", [f"c1 6 . {BASES[5]} G . PASS . GT 0/1 0/1 0/1"], ["x", "y", "z"]
    )
    asked = FromFiles([str(tmp_path / "b.vcf")], cohort="b")
    made = config_of_files(tmp_path / "store", asked)
    assert made.policy.rules == str(tmp_path / "own.yaml")
    assert rule_ids(ingest_here(tmp_path / "store", made)) == {"TEST-2"}


def test_a_governed_store_notes_which_rules_it_goes_by(tmp_path: Path) -> None:
    config = make_inputs(tmp_path, {"a.vcf": ["p1"]}, policy=small_book(tmp_path))
    ingest_on(tmp_path)
    store, policy = tmp_path / "store", read_config(config).policy
    enter_rules(store, policy)
    assert Ledger.find(store) is None
    enter(store, Entry("cohort", "a", NO))
    for _ in range(2):
        enter_rules(store, policy)
    assert Ledger.open(store).head[0] == 2
    said = Ledger.open(store).rules()
    assert said is not None
    copy = load_rules(store / said["file"])
    assert copy.digest == said["digest"] == load_rules(tmp_path / "own.yaml").digest


def test_rules_that_were_changed_behind_the_ledger_let_nothing_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = make_inputs(tmp_path, {"1.vcf": ["p1"]}, policy=small_book(tmp_path))
    ingest_on(tmp_path)
    store = tmp_path / "store"
    enter(store, Entry("cohort", "a", NO))
    enter_rules(store, read_config(config).policy)
    said = Ledger.open(store).rules()
    assert said is not None
    copy = store / said["file"]
    copy.write_text(copy.read_text().replace("more than two", "more"))
    make_inputs(tmp_path, {"1.vcf": ["p1"], "2.vcf": ["p2"]}, policy={})
    with pytest.raises(AccessError, match="not those of the ledger"):
        ingest_on(tmp_path)
    # Whoever looks at the store hears of it.
    assert "rules" in {a.kind for a in read_status(store, 1).attention}


def test_a_governed_store_whose_configuration_names_no_rules_says_so(tmp_path: Path) -> None:
    config = make_inputs(tmp_path, {"a.vcf": ["p1"]}, policy={})
    ingest_on(tmp_path)
    enter(tmp_path / "store", Entry("cohort", "a", NO))
    run = prepare(tmp_path / "store", read_config(config), "2026-11-30T00:00:00Z")
    assert any("policy.rules" in w for w in run.warnings)


def test_the_open_account_has_the_id_of_a_rule_and_no_number(tmp_path: Path) -> None:
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, GOOD | {"ethics_valid_until": "2020-01-01"})
    reason = held(ingest_on(tmp_path))
    assert "E-1" in reason
    assert public_reason(reason) == "rule CN-HGR-ETHICS"
    told = varhouse.open(tmp_path / "store").scan("accounts").select("account").collect()
    account = json.loads(told["account"][-1])
    assert account["held_back"][0]["reasons"] == ["rule CN-HGR-ETHICS"]


def test_reasons_are_said_in_the_language_of_the_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VARHOUSE_LANGUAGE", "zh")
    make_inputs(tmp_path, {"a.vcf": ["p1"]}, NO | {"consent_scope": "x"})
    reason = held(ingest_on(tmp_path))
    assert "台账中没有伦理审查批件" in reason
    assert public_reason(reason) == "rule CN-HGR-ETHICS"


def test_a_night_makes_a_fault_of_a_basis_that_ended(tmp_path: Path) -> None:
    nights = Nights(tmp_path, policy={"rules": "builtin"})
    nights.deliver("d1")
    assert nights.run().faults[0].kind == "ingest"
    enter(nights.store, Entry("cohort", "a", NO), paper("ethics"), paper("consent"))
    night = nights.run()
    assert (night.faults, nights.people()) == ([], {"a": ["a1", "a2"]})
    enter(nights.store, paper("ethics", revoked="2026-01-01"))
    night = nights.run()
    assert [(f.kind, f.cohort, f.new) for f in night.faults] == [("basis", "a", True)]
    assert night.faults[0].public == ["rule CN-HGR-ETHICS"]
    assert night.exit_code == 3
    assert nights.run().exit_code == 0
    assert nights.people() == {"a": ["a1", "a2"]}


def test_status_names_what_is_in_without_a_basis(tmp_path: Path) -> None:
    until = {"ethics_valid_until": "2020-12-31"}
    make_inputs(tmp_path, {"1.vcf": ["p1"]}, GOOD | until)
    ingest_on(tmp_path, "2020-12-31")
    found = read_status(tmp_path / "store", 1).attention
    (about,) = [a for a in found if a.kind == "no basis"]
    assert "a: rule CN-HGR-ETHICS" in about.text
    assert "E-1 expired on 2020-12-31" in about.text
    enter(tmp_path / "store", Entry("cohort", "a", NO), paper("ethics"))
    assert "no basis" not in {a.kind for a in read_status(tmp_path / "store", 1).attention}


def test_who_leaves_the_key_out_goes_by_the_rules_of_the_ledger(tmp_path: Path) -> None:
    config = make_inputs(tmp_path, {"1.vcf": ["p1"]}, policy=small_book(tmp_path))
    ingest_on(tmp_path)
    enter(tmp_path / "store", Entry("cohort", "a", NO))
    enter_rules(tmp_path / "store", read_config(config).policy)
    files = {"1.vcf": ["p1"], "2.vcf": ["p2"], "3.vcf": ["p3"]}
    make_inputs(tmp_path, files, policy={})
    (tmp_path / "own.yaml").unlink()
    assert rule_ids(ingest_on(tmp_path)) == {"TEST-2"}


def test_people_may_go_whatever_has_become_of_the_permits(tmp_path: Path) -> None:
    policy = small_book(tmp_path, when={"fact": "people.total", "more_than": 0})
    row = {
        "permit_kind": "collection",
        "permit_number": "1",
        "permit_valid_until": "2020-01-01",
    }
    config = make_inputs(tmp_path, {"1.vcf": ["p1"], "2.vcf": ["p2"]}, row, policy=policy)
    ingest_on(tmp_path, "2020-01-01")
    store = tmp_path / "store"
    enter(store, Entry("cohort", "a", NO))
    enter_rules(store, read_config(config).policy)
    (tmp_path / "own.yaml").unlink()
    assert main(["store", "withdraw", str(store), "--cohort", "a", "--sample", "p1"]) == 0
    people = varhouse.open(store).scan("samples").collect()["sample"].to_list()
    assert people == ["p2"]


def test_a_link_hides_no_name(tmp_path: Path) -> None:
    make_inputs(tmp_path, {"ukb23155_c1.vcf": ["p1"]}, GOOD)
    (tmp_path / "cohorts.tsv").write_text(
        (tmp_path / "cohorts.tsv").read_text().replace("ukb23155_c1", "plain")
    )
    (tmp_path / "plain.vcf").symlink_to(tmp_path / "ukb23155_c1.vcf")
    assert rule_ids(ingest_on(tmp_path)) == {"INT-CONTROLLED", "UK-BIOBANK"}


@pytest.mark.parametrize(
    ("more", "held"),
    [
        ({}, False),
        ({"permit_valid_until": "2026-11-31"}, True),
        ({"permit_valid_from": "soon"}, True),
        ({"permit_people": "about 3000"}, True),
        ({"permit_number": "待批"}, True),
        ({"permit_number": "None"}, True),
    ],
)
def test_a_permit_with_a_limit_that_nobody_can_read_does_not_count(
    more: dict[str, str], held: bool
) -> None:
    row = {"permit_kind": "collection", "permit_number": "HGR-1", **more}
    said = read_sheet_row(row)
    assert bool(said.papers) is not held
    assert bool(said.doubts) is held


@pytest.mark.parametrize("word", ["无", "暂无", "-", "/", "pending", "申请中", "N/A", "是"])
def test_an_approval_that_is_not_there_is_none(tmp_path: Path, word: str) -> None:
    assert read_sheet_row({"ethics_approval": word}).papers == ()
    assert read_sheet_row({"ethics_approval": f"EC {word} 2026-1"}).papers != ()
    # A consent is described, not numbered.
    assert bool(read_sheet_row({"consent_scope": word}).papers) is (word == "是")


def test_what_goes_in_is_told_of_whatever_it_lacks(tmp_path: Path) -> None:
    row = {**GOOD, "us_people": "a few", "tier": "yellow", "is_specific_region": "yes"}
    permit = {"permit_kind": "collection", "permit_number": "HGR-1"}
    make_inputs(tmp_path, {"a.vcf": ["P1"]}, {**row, **permit})
    account = ingest_on(tmp_path)
    assert account["held_back"] == []
    (notes,) = ["\n".join(c["notes"]) for c in account["cohorts"]]
    assert "CN-HGR-DECLARE" in notes
    assert "us_people 'a few' is not understood" in notes
    # In this sheet the tier may be any word.
    assert "yellow" not in notes


def test_a_copy_of_rules_that_was_changed_opens_no_door(tmp_path: Path) -> None:
    make_inputs(tmp_path, {"a.vcf": ["P1"]}, GOOD, policy={})
    ingest_on(tmp_path)
    Ledger.open(tmp_path / "store").add("cohort", "a", {"tier": "T1"})
    ours = load_rules()
    rules = yaml.safe_load(Path(ours.path).read_text())
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(rules, allow_unicode=True))
    store = tmp_path / "store"
    enter_rules(store, Policy(rules=str(tmp_path / "own.yaml")))
    (copy,) = store.glob("_store/governance/rules-*.yaml")
    assert book_of(Policy(), store) is not None
    copy.write_text(copy.read_text().replace("effect: hold", "effect: note"))
    with pytest.raises(AccessError, match="not those of the ledger"):
        book_of(Policy(), store)


@pytest.mark.parametrize(
    ("people", "meta"), [(["TCGA-02-0001"], []), (["P1"], ["##center=TCGA-02-0001"])]
)
def test_an_agreement_that_ends_between_two_nights_is_told(
    tmp_path: Path, people: list[str], meta: list[str]
) -> None:
    make_inputs(tmp_path, {"a.vcf": people}, GOOD, meta=meta)
    assert "INT-CONTROLLED" in rule_ids(ingest_on(tmp_path))
    basis = paper("foreign_data_basis", resources="TCGA", valid_until="2026-12-01")
    enter(tmp_path / "store", basis)
    assert rule_ids(ingest_on(tmp_path, "2026-12-01")) == set()
    store = varhouse.open(tmp_path / "store")
    book = load_rules()
    assert Permits(store.path, book, date(2026, 12, 1)).lapsed(store) == []
    (told,) = Permits(store.path, book, date(2026, 12, 2)).lapsed(store)
    assert told["cohort"] == "a"
    assert any("INT-CONTROLLED" in r for r in told["reasons"])
