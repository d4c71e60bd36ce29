"""Views of roles: a store of its own holds what a role may see, and nothing else."""

import shutil
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from bytesearch import search
from view_builders import People, govern, make_people, put_cohorts

import varhouse
from varhouse.cli import main
from varhouse.disclosure.policy import SmallCounts
from varhouse.errors import AccessError, UsageError
from varhouse.governance import days
from varhouse.governance.audit import Audit
from varhouse.governance.ledger import Ledger
from varhouse.governed import private_folder, view_folder
from varhouse.report.find import find_ingest
from varhouse.report.page import make_page
from varhouse.sharing import viewprotect
from varhouse.sharing.viewpeople import PEOPLE, too_few
from varhouse.sharing.views import Released, Wanted, release_view
from varhouse.sharing.viewstore import open_view
from varhouse.store.commit import commit
from varhouse.store.drop import drop_cohort
from varhouse.store.releases import list_releases
from varhouse.tables.schema import KEY
from varhouse.verify.whole import verify

SHARED = [f"chr1-{100 + 10 * i}-A-T" for i in range(8)] + ["chr2-50-C-G", "chr2-50-C-T"]
TIERS = {"alpha": "T0", "beta": "T1", "gamma": "T2", "omega": "T3"}
SEES = {
    "public": {"alpha"},
    "registered": {"alpha", "beta"},
    "inside": {"alpha", "beta", "gamma"},
}
PRIVATE = {c: 1000 + 7 * i for i, c in enumerate((*TIERS, "early", "gone", "unnamed"))}
"""Position of the allele that each cohort alone has, and many of it."""


def cohort(name: str, n: int = 30) -> People:
    """Make a cohort with shared alleles, one that it alone has, and a singleton."""
    people = make_people(name, n, SHARED, PRIVATE[name])
    own = {
        f"chr2-{PRIVATE[name]}-G-A": [1] * 14 + [0] * (n - 14),
        f"chr2-{PRIVATE[name] + 2000}-G-C": [1] + [0] * (n - 1),
    }
    return People(people.names, {**people.copies, **own})


def more(people: People, n: int, name: str = "NEW") -> People:
    """Give people with n more, who carry what the first ones carry."""
    copies = {a: [*c, *c[:n]] for a, c in people.copies.items()}
    places = [people.province(i) for i in range(len(people.names))]
    return People([*people.names, *(f"{name}-{i}" for i in range(n))], copies,
                  [*places, *places[:n]])  # fmt: skip


@pytest.fixture(scope="module")
def cohorts() -> dict[str, People]:
    return {c: cohort(c) for c in PRIVATE}


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory, cohorts: dict[str, People]) -> Path:
    """A governed store of all tiers, a cohort under embargo, one withdrawn, one unnamed."""
    store = tmp_path_factory.mktemp("views") / "store"
    put_cohorts(store, cohorts)
    ledger = govern(store, {**TIERS, "early": "T0", "gone": "T0"})
    ledger.add("cohort", "early", {"embargo_until": "2027-06-30"})
    ledger.add("withdraw", "gone", {"from": "2026-11-01", "reason": "test"})
    return store


def release(store: Path, role: str, **more: object) -> Released:
    day = date(2026, 12, 1)
    return release_view(Wanted(store, role, **{"on": day, **more}))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def made(governed: Path) -> Path:
    for role in SEES:
        assert release(governed, role).is_new
    return governed


# --- what is in it ---


@pytest.mark.parametrize("role", sorted(SEES))
def test_a_view_holds_nothing_that_the_role_may_not_see(
    made: Path, role: str, cohorts: dict[str, People]
) -> None:
    hidden = set(cohorts) - SEES[role]
    needles = [n for c in hidden for n in (c, f"cohort={c}")]
    needles += [f"g.chr2-{PRIVATE[c]}-G-A" for c in hidden]
    needles += [f"g.chr2-{PRIVATE[c] + 2000}-G-C" for c in cohorts]
    needles += [cohorts[c].names[0] for c in cohorts]
    needles += [f"F-{c}" for c in cohorts]
    if role != "inside":
        needles += [f"PERMIT-{c}" for c in cohorts]
    assert search(view_folder(made, role), needles) == []
    # The search can find: names of those who are shown are there.
    shown = [f"cohort={c}" for c in SEES[role]]
    shown += [f"g.chr2-{PRIVATE[c]}-G-A" for c in SEES[role]]
    found = {t.needle for t in search(view_folder(made, role), shown)}
    assert found == set(shown)


@pytest.mark.parametrize("role", sorted(SEES))
def test_totals_are_sums_over_the_cohorts_that_are_shown(
    made: Path, role: str, cohorts: dict[str, People]
) -> None:
    totals = open_view(view_folder(made, role)).scan("totals").collect()
    whole = totals.filter(pl.col("stratum_by") == "all")
    assert whole["ac"].null_count() == 0
    at_site: dict[int, set[str]] = {}
    for c in SEES[role]:
        for allele, copies in cohorts[c].copies.items():
            if any(copies):
                at_site.setdefault(int(allele.split("-")[1]), set()).add(c)
    for row in whole.iter_rows(named=True):
        name = "-".join(str(row[k]) for k in KEY[:4])
        copies = [c for s in SEES[role] for c in cohorts[s].copies.get(name, [])]
        assert row["ac"] == sum(copies), name
        holding = at_site[row["pos"]]
        assert row["an"] == 2 * sum(len(cohorts[c].names) for c in holding), name
        assert row["n_cohorts"] == len(holding)


@pytest.mark.parametrize("role", sorted(SEES))
def test_a_view_is_a_store_that_verifies_and_answers(made: Path, role: str) -> None:
    path = view_folder(made, role)
    assert [p for p in verify(path) if not p.is_note] == []
    store = varhouse.open(made, audience=role)
    assert set(store.cohorts().collect()["cohort"]) == SEES[role]
    assert store.query("chr1:100-100").height == 1


@pytest.mark.parametrize(
    ("config", "preset", "used"),
    [
        ({"k": 10}, "uk_biobank", {"k": 10}),
        ({"preset": "uk_biobank", "k": 10}, "uk_biobank", {"preset": "uk_biobank", "k": 10}),
        ({"k": 10}, "all_of_us", "all_of_us"),
        ({"k": 10}, "", {"k": 10}),
        (None, "none", "none"),
    ],
)
def test_what_is_configured_counts_beside_the_same_preset(
    monkeypatch: pytest.MonkeyPatch, config: Any, preset: str, used: Any
) -> None:
    """A configuration that names no preset is about the default one."""
    monkeypatch.setattr(viewprotect, "_of_newest_ingest", lambda _: config)
    ledger = SimpleNamespace(small_counts=lambda: {"preset": preset} if preset else None)
    assert viewprotect._settings(None, ledger) == used


@pytest.mark.parametrize(
    ("kinds", "level"), [(["province"], "region"), (["province", "region"], "")]
)
def test_regions_that_a_store_counts_itself_are_not_mixed_with_ours(
    kinds: list[str], level: str
) -> None:
    rows = pl.LazyFrame({"stratum_by": kinds, "stratum": ["110000"] * len(kinds)})
    store = SimpleNamespace(values=lambda *_: ["all", *kinds], scan=lambda _: rows)
    found = viewprotect._levels(store, SmallCounts())
    assert found.finer == ({"province": level} if level else {})


def test_why_a_cohort_is_not_in_it(made: Path) -> None:
    reasons = release(made, "public").reasons
    assert set(reasons) == {"beta", "gamma", "omega", "early", "gone", "unnamed"}
    assert "2027-06-30" in reasons["early"]
    assert "T3" in reasons["omega"]


def test_an_embargo_ends(made: Path, tmp_path: Path) -> None:
    for day, there in (("2027-06-30", False), ("2027-07-01", True)):
        would = release(made, "public", on=date.fromisoformat(day), dry_run=True)
        assert ("early" in would.account.cohorts) is there


@pytest.mark.parametrize("role", sorted(SEES))
def test_no_other_day_opens_what_is_closed_today(
    made: Path, tmp_path: Path, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gate lets a cohort under embargo go to `inside`: the view is not for that."""
    monkeypatch.setattr(days, "now", lambda: datetime(2026, 12, 1, tzinfo=UTC))
    store = Path(shutil.copytree(made, tmp_path / "store"))
    done = release(store, role, on=date(2027, 7, 1))
    assert not done.is_new
    assert "early" not in done.account.cohorts
    assert "2027-06-30" in done.reasons["early"]


def test_the_account_tells_the_makers_and_the_release_only_sizes(made: Path) -> None:
    done = release(made, "public")
    assert done.account.out["omega"]
    files = list((private_folder(made) / "views" / "public").iterdir())
    assert len(files) == 2
    assert private_folder(made).stat().st_mode & 0o077 == 0
    told = open_view(view_folder(made, "public")).record.meta
    assert told["role"] == "public"
    assert told["shows"]["n_cohorts"] == 1
    assert "out" not in told["shows"]


# --- again, and other orders ---


def test_the_same_command_again_makes_no_release(made: Path) -> None:
    path = view_folder(made, "registered")
    before = list_releases(path)
    done = release(made, "registered")
    assert (done.release, done.is_new) == (before[-1], False)
    assert list_releases(path) == before


def test_the_digest_does_not_depend_on_order_or_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = set()
    for i, order in enumerate((["alpha", "beta"], ["beta", "alpha"])):
        store = tmp_path / f"s{i}"
        put_cohorts(store, {c: cohort(c) for c in order})
        govern(store, dict.fromkeys(order, "T0"))
        if i:
            monkeypatch.setattr("varhouse.sharing.viewtables.ROWS_AT_ONCE", 20)
        release(store, "public")
        view = open_view(view_folder(store, "public"))
        tables = view.table_digests()
        # A cohort's row names the release that brought it, in no column that counts.
        digests.add(str(sorted(tables.items())))
    assert len(digests) == 1


def test_what_has_not_changed_keeps_its_files(tmp_path: Path) -> None:
    store = tmp_path / "store"
    alpha = cohort("alpha")
    put_cohorts(store, {"alpha": alpha})
    govern(store, {"alpha": "T0"})
    release(store, "public")
    path = view_folder(store, "public")
    before = open_view(path)
    # Six people more, who carry the allele of chr2 alone.
    grown = more(alpha, 6)
    for allele, copies in grown.copies.items():
        if allele.startswith("chr1"):
            grown.copies[allele][30:] = [0] * 6  # type: ignore[index]
        del copies
    put_cohorts(store, {"alpha": grown})
    assert release(store, "public").is_new
    after = open_view(path)
    kept = set(before.file_frame("variants")["path"]) & set(
        after.file_frame("variants")["path"]
    )
    assert kept
    changed = set(after.file_frame("frequencies")["path"])
    assert not changed & set(before.file_frame("frequencies")["path"])


# --- between releases ---


@pytest.fixture(scope="module")
def small_one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("small") / "store"
    put_cohorts(store, {"alpha": cohort("alpha"), "beta": cohort("beta")})
    govern(store, {"alpha": "T0", "beta": "T0"})
    release(store, "public")
    return store


@pytest.fixture
def small(small_one: Path, tmp_path: Path) -> Path:
    """A store with a view of two cohorts, to be changed."""
    return Path(shutil.copytree(small_one, tmp_path / "store"))


@pytest.mark.parametrize(("n", "is_made"), [(1, False), (4, False), (5, True)])
def test_a_change_is_explained_by_at_least_k_people(
    small: Path, n: int, is_made: bool
) -> None:
    put_cohorts(small, {"alpha": more(cohort("alpha"), n), "beta": cohort("beta")})
    if is_made:
        assert release(small, "public").release == 2
        return
    with pytest.raises(AccessError, match="alpha") as refused:
        release(small, "public")
    assert str(n) in refused.value.message
    assert "--hold alpha" in refused.value.fix
    assert list_releases(view_folder(small, "public")) == [1]


def test_a_held_cohort_is_as_it_was(small: Path) -> None:
    before = open_view(view_folder(small, "public"))
    old = before.scan("frequencies", cohort="alpha").collect().sort(*KEY, "stratum")
    put_cohorts(
        small, {"alpha": more(cohort("alpha"), 1), "beta": more(cohort("beta"), 20, "B")}
    )
    with pytest.raises(AccessError):
        release(small, "public")
    assert release(small, "public", hold=("alpha",)).release == 2
    after = open_view(view_folder(small, "public"))
    new = after.scan("frequencies", cohort="alpha").collect().sort(*KEY, "stratum")
    both = old.join(new, on=[*KEY, "stratum_by", "stratum"], suffix="_new")
    assert both.height > 20
    same = (
        (pl.col("ac") == pl.col("ac_new"))
        | pl.col("ac_new").is_null()
        | pl.col("ac").is_null()
    )
    assert both.select(same.all()).item()
    assert dict(after.scan("cohorts").select("cohort", "n_samples").collect().rows()) == {
        "alpha": 30, "beta": 50,
    }  # fmt: skip


def test_who_left_does_not_stay(small: Path) -> None:
    alpha = cohort("alpha")
    put_cohorts(small, {"alpha": alpha.without(alpha.names[3]), "beta": cohort("beta")})
    with pytest.raises(AccessError) as refused:
        release(small, "public")
    assert "--leave-out alpha" in refused.value.fix
    assert "--hold" not in refused.value.fix
    with pytest.raises(UsageError, match="1 of its people have left"):
        release(small, "public", hold=("alpha",))
    assert release(small, "public", leave_out=("alpha",)).account.cohorts.keys() == {"beta"}
    # Nor by a release of the store in which he was.
    older = open_view(view_folder(small, "public"), 1).meta["shows"]["release"]
    with pytest.raises(UsageError, match=f"--release {older}: cohort alpha: 1 of its people"):
        release(small, "public", release=older)
    drop_cohort(small, "alpha")
    with pytest.raises(UsageError, match="cohort alpha: 30 of its people have left"):
        release(small, "public", release=older)
    assert release(small, "public", release=older, leave_out=("alpha",)).account.cohorts


def test_a_purge_reaches_the_releases_of_views(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = view_folder(small, "public")
    alpha = cohort("alpha")
    assert main(["store", "gc", str(small), "--purge-withdrawn"]) == 0
    assert "view public" not in capsys.readouterr().out
    private = f"g.chr2-{PRIVATE['alpha']}-G-A"
    assert search(path, [private])
    put_cohorts(small, {"alpha": alpha.without(alpha.names[3]), "beta": cohort("beta")})
    assert main(["store", "gc", str(small), "--purge-withdrawn"]) == 0
    assert "release 1 of the view public" in capsys.readouterr().out
    # Nothing of release 1 is left but its record, until the next one is made.
    assert search(path, [private, "g.chr1-100-A-T"]) == []
    assert open_view(path).scan("totals").collect().is_empty()
    with pytest.raises(AccessError, match="left since"):
        release(small, "public")
    assert release(small, "public", leave_out=("alpha",)).release == 3
    assert [p for p in verify(path) if not p.is_note] == []
    assert open_view(path).scan("totals").collect().height


def test_a_view_may_be_compacted(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = view_folder(small, "public")
    # As if somebody had joined its files: a release of the same rows.
    base = list_releases(path)[-1]
    commit(path, [], ingest_id="compact-1", operation="compact", base_release=base)
    put_cohorts(small, {"alpha": more(cohort("alpha"), 1), "beta": cohort("beta")})
    with pytest.raises(AccessError, match="release 2"):
        release(small, "public")
    put_cohorts(small, {"alpha": more(cohort("alpha"), 6), "beta": cohort("beta")})
    assert release(small, "public").release == 3


def test_a_cohort_of_another_name_is_known_by_its_people(small: Path) -> None:
    ledger = Ledger.open(small)
    fields = {"tier": "T0", "people.WGS": 30, "is_pedigree": False, "us_people": 0,
              "is_specific_region": False, "foreign_share": 0}  # fmt: skip
    ledger.add("cohort", "again", fields)
    put_cohorts(small, {"again": more(cohort("alpha"), 1), "beta": cohort("beta")})
    with pytest.raises(AccessError, match="again"):
        release(small, "public")


def test_cohorts_that_share_people_refuse_no_later_release() -> None:
    """People who were read twice stand in two cohorts; that was told by the first release."""

    def people(**cohorts: range) -> pl.DataFrame:
        rows = [(c, "all", "all", f"P{i}") for c, of in cohorts.items() for i in of]
        return pl.DataFrame(rows, schema=PEOPLE, orient="row")

    def told(now: pl.DataFrame, then: pl.DataFrame) -> set[str]:
        return {d.cohort for d in too_few(now, then, 5, "public", 1)}

    both = people(wgs=range(30), array=range(28))
    assert told(both, both) == set()
    assert told(people(wgs=range(30), array=range(28), new=range(50, 80)), both) == set()
    # A name that goes, or that two cohorts exchange, hides nobody.
    assert "chip" in told(people(wgs=range(30), chip=range(28)), people(array=range(30)))
    apart = people(one=range(30), two=range(50, 80))
    assert "one" in told(people(one=range(50, 79), two=range(30)), apart)


def test_views_of_other_roles_count(tmp_path: Path) -> None:
    # Whoever reads inside reads public, too: a person between both would be told.
    store = tmp_path / "store"
    put_cohorts(store, {"alpha": cohort("alpha")})
    govern(store, {"alpha": "T0"})
    release(store, "public")
    put_cohorts(store, {"alpha": more(cohort("alpha"), 1)})
    with pytest.raises(AccessError, match="public"):
        release(store, "inside")


# --- what is refused ---


def test_nothing_is_shown_without_papers(tmp_path: Path) -> None:
    store = tmp_path / "store"
    put_cohorts(store, {"alpha": cohort("alpha")})
    ledger = Ledger.open(store)
    ledger.add("rules", "", {"file": "builtin"})
    ledger.add("cohort", "alpha", {"tier": "T0", "people.WGS": 30})
    with pytest.raises(AccessError, match="CN-HGR"):
        release(store, "public")
    assert not view_folder(store, "public").exists()


def test_a_store_without_a_ledger_needs_no_view(tmp_path: Path) -> None:
    store = tmp_path / "store"
    put_cohorts(store, {"alpha": cohort("alpha")})
    with pytest.raises(UsageError, match="no ledger"):
        release(store, "public")


# --- killed ---


class _KilledError(BaseException):
    pass


@pytest.mark.parametrize("place", ["linked totals", "committed frequencies"])
def test_a_killed_making_leaves_the_old_release_and_is_made_again(
    small: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(at: str) -> None:
        if at == place:
            raise _KilledError

    path = view_folder(small, "public")
    old = open_view(path).digest()
    put_cohorts(small, {"alpha": more(cohort("alpha"), 20), "beta": cohort("beta")})
    with monkeypatch.context() as patch:
        patch.setattr("varhouse.store.commit._reached", die)
        with pytest.raises(_KilledError):
            release(small, "public")
    assert list_releases(path) == [1]
    assert open_view(path).digest() == old
    assert release(small, "public").release == 2
    assert [p for p in verify(path) if not p.is_note] == []


# --- as a command ---


def test_the_command_and_a_question(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["share", "release", str(made), "--role", "public", "--on", "2026-12-01"]) == 0
    assert capsys.readouterr().out.strip() == "1"
    words = ["query", str(made), "--audience", "registered", "--region", "chr1"]
    columns = "pos,ac,ac_beta,af_beta,n_hom_alt_beta"
    assert main([*words, "--format", "table", "--columns", columns]) == 0
    out = capsys.readouterr().out
    assert "masked" in out
    assert "not assessed" not in out
    assert main([*words, "--format", "tsv", "--columns", "pos,af_beta", "--where",
                 "af_beta < 2"]) == 0  # fmt: skip
    assert "masked" not in capsys.readouterr().out


def test_a_view_does_not_say_that_nobody_was_assessed(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["query", str(made), "--audience", "registered", "--region", "chr1:100-100"]
    assert main([*words, "--callable"]) != 0
    assert "tells of no single bases" in capsys.readouterr().err
    alone = f"chr2:{PRIVATE['beta']}-{PRIVATE['beta']}"
    words[-1] = alone
    assert main([*words, "--format", "table", "--columns", "pos,af,af_alpha"]) == 0
    out = capsys.readouterr().out
    assert "not shown" in out
    assert "not assessed" not in out


def test_the_status_says_that_a_view_is_behind(
    small: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", str(small)]) in (0, 3)
    assert "the view public" not in capsys.readouterr().out
    put_cohorts(small, {"alpha": cohort("alpha"), "beta": more(cohort("beta"), 6)})
    main(["status", str(small)])
    assert "the view public shows release 2, the newest is 4" in capsys.readouterr().out


def test_without_a_view_the_command_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    put_cohorts(store, {"alpha": cohort("alpha")})
    govern(store, {"alpha": "T0"})
    assert main(["query", str(store), "--audience", "public", "--region", "chr1"]) != 0
    assert "varhouse share release" in capsys.readouterr().err


def test_a_release_tells_what_attacks_measured(made: Path) -> None:
    """In its meta and its report; the log of what left has its digest."""
    view = varhouse.open(made, audience="public")
    found = view.meta["shows"]["attack"]
    assert found["small_cells"] == found["differences"] == found["genotypes"] == 0
    assert set(found["membership"]) == {"", "alpha"}
    assert "examples" not in found
    page = make_page(find_ingest(made, "latest", "public"))
    assert "What could be learned of people" in page
    ends = [x.body for x in Audit(made).events() if x.body["event"] == "shared"]
    assert view.digest() in {e["output"].get("digest") for e in ends}


def test_a_release_that_tells_too_much_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its protection fails, or membership is told with more power than is allowed."""
    store = tmp_path / "store"
    put_cohorts(store, {"alpha": cohort("alpha")})
    govern(store, {"alpha": "T0"})
    bound = {"roles": {"public": {"attack": {"power": 0.001}}}}
    with monkeypatch.context() as patch:
        patch.setattr(viewprotect, "_settings", lambda *_: bound)
        with pytest.raises(AccessError, match="power"):
            release(store, "public")
    with monkeypatch.context() as patch:
        no_protection = replace(SmallCounts(), k=1)
        real = viewprotect.protect_tables
        patch.setattr(
            viewprotect, "protect_tables", lambda a, b, _, *c: real(a, b, no_protection, *c)
        )
        with pytest.raises(AccessError, match="small counts follow"):
            release(store, "public")
    assert list_releases(view_folder(store, "public")) == []
    assert release(store, "public").is_new
