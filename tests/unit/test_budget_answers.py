"""Answers of a role with a budget: what is paid for, what is left out, what is refused."""

import math
import shutil
from datetime import date
from pathlib import Path

import pytest
from redteam import OWN, TIERS, Attacker, make_cohort
from view_builders import govern, put_cohorts

import varhouse
from varhouse.cli.budgeted import budget_of
from varhouse.governance.audit import Audit
from varhouse.governance.budget import EVENT
from varhouse.governed import private_folder, view_folder
from varhouse.sharing import viewprotect, viewpurge
from varhouse.sharing.views import Wanted, release_view
from varhouse.store.lock import store_lock
from varhouse.store.releases import list_releases

COST = -math.log(1 - (1 - 14 / 60) ** 60)
"""Of an allele that 14 of 30 people have: 1.2e-7."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of which somebody inside may ask for two alleles of that kind."""
    policy = {"roles": {"inside": {"budget": {"chance": math.exp(-2.5 * COST)}}}}
    path = tmp_path_factory.mktemp("budget") / "store"
    put_cohorts(path, {c: make_cohort(c) for c in TIERS})
    govern(path, TIERS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(viewprotect, "_settings", lambda *_: policy)
        for role in ("public", "inside"):
            release_view(Wanted(path, role, on=date(2026, 12, 1)))
    return path


@pytest.fixture
def attacker(store: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Attacker:
    return Attacker(store, "inside", tmp_path, capfd)


def own(attacker: Attacker, cohort: str, *words: str) -> bool:
    """Ask for the allele that a cohort alone has; tell whether it was given."""
    place = f"chr2:{OWN[cohort]}"
    said = attacker.ask("query", "--region", place, "--format", "tsv", *words)
    assert said.endswith("exit 0")
    return f"chr2\t{OWN[cohort]}\tG\tA" in said


def test_rare_alleles_are_answered_until_they_are_spent(attacker: Attacker) -> None:
    assert own(attacker, "alphaq")
    assert own(attacker, "alphaq", "--where", "ac > 3")
    assert own(attacker, "betaq")
    said = attacker.ask("query", "--region", f"chr2:{OWN['gammaq']}", "--format", "tsv")
    assert f"chr2\t{OWN['gammaq']}" not in said
    assert "budget" in said
    # What was paid for, and what is frequent, is answered still.
    assert own(attacker, "alphaq")
    shared = attacker.ask("query", "--region", "chr1:100", "--format", "tsv")
    assert "chr1\t100" in shared
    assert "budget" not in shared
    events = [x.body for x in Audit(attacker.store).events() if x.body["event"] == EVENT]
    assert [e["role"] for e in events] == ["inside"]
    assert len(list((private_folder(attacker.store) / "budget").iterdir())) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--table", "frequencies"], ["--table", "totals"], ["--table", "variants"],
        ["--table", "ids", "--columns", "id"], ["--by", "cohort"], ["--columns", "af"],
        ["--format", "json"], ["--format", "vcf"], ["--where", "ac > 3 and ac < 99"],
    ],
)  # fmt: skip
def test_no_form_of_the_question_goes_around_it(attacker: Attacker, words: list[str]) -> None:
    assert own(attacker, "alphaq")
    assert own(attacker, "betaq")
    place = ["--region", f"chr2:{OWN['gammaq']}"]
    form = [] if "--format" in words else ["--format", "tsv"]
    said = attacker.ask("query", *place, *words, *form)
    out, _, rest = said.partition("\n\n")
    skip = 0 if "json" in words else 1
    rows = [x for x in out.splitlines() if x and x[0] not in "#[]"][skip:]
    assert rows == [] or "vcf" in words
    assert str(OWN["gammaq"]) not in said.replace(" ".join(place), "")
    assert "budget" in rest or "budget" in said


def test_all_at_once_is_refused_and_other_roles_are_not_concerned(attacker: Attacker) -> None:
    for words in (["sql", "SELECT * FROM totals"], ["publish", attacker.folder / "p"]):
        said = attacker.ask(*words)
        assert said.endswith("exit 1")
        assert "allele by allele" in said
    assert not list(attacker.folder.iterdir())
    other = Attacker(attacker.store, "public", attacker.folder, attacker.capfd)
    assert own(other, "alphaq")
    assert other.ask("sql", "SELECT count(*) FROM totals").endswith("exit 0")


def test_a_view_that_a_purge_closed_keeps_its_budget(store: Path, tmp_path: Path) -> None:
    """Older releases, of before somebody came who went again, are read still."""
    copy = Path(shutil.copytree(store, tmp_path / "store"))
    view = view_folder(copy, "inside")
    with store_lock(view) as holder:
        viewpurge._close(copy, "inside", holder.token)
    assert list_releases(view) == [1, 2]
    assert varhouse.open(copy, audience="inside").cohort_names() == set()
    before, after = (budget_of(varhouse.open(s, 1, audience="inside")) for s in (store, copy))
    assert before is not None
    assert after is not None
    assert after.allowance == before.allowance
