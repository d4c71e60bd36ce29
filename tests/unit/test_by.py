"""`varhouse query --by` against sums over genotypes, and `--carriers`."""

import json
from pathlib import Path

import polars as pl
import pytest
from builders import make_small_store
from calls_store import FILES, SHEET, make_calls_store

import varhouse
from varhouse.cli import main
from varhouse.errors import AccessError, UsageError
from varhouse.query.opened import OpenStore
from varhouse.tables.schema import KEY

GROUP = ["stratum_by", "stratum"]
COUNTS = ["ac", "an", "n_het", "n_hom_alt", "n_samples"]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    strata = ["sex", "population", "population+sex"]
    return make_calls_store(tmp_path_factory.mktemp("by"), strata=strata)


@pytest.fixture(scope="module")
def store(path: Path) -> OpenStore:
    return varhouse.open(path)


@pytest.mark.parametrize("kind", ["sex", "population", "population+sex", "all"])
def test_the_rows_are_those_of_totals(store: OpenStore, kind: str) -> None:
    names = [*KEY, *GROUP, *COUNTS, "af", "is_grpmax"]
    found = store.query(by=kind, columns=names)
    stored = store.query(table="totals", where=f'stratum_by == "{kind}"', columns=names)
    assert found.height >= 10
    assert found.equals(stored)


def test_counts_of_a_group_by_hand(store: OpenStore) -> None:
    """Site chr1:10: a has 0/0 0/1 1|1 ./. of male female male female; b 0/1 1/1 and 1|0."""
    at_10 = [line[5] for n in ("a1", "b1", "b2") for line in FILES[n][1] if line[1] == 10]
    assert at_10 == [["0/0", "0/1", "1|1", "./."], ["0/1", "1/1"], ["1|0"]]
    assert [row[2][0] for row in SHEET] == list("mfmfmfm")
    asked = {"region": "chr1:10", "columns": ["sex", "ac", "an", "n_samples"]}
    assert store.query(by="sex", **asked).rows() == [("female", 3, 4, 3), ("male", 4, 8, 4)]
    assert store.query(by="sex", cohort="a", **asked).rows() == [
        ("female", 1, 2, 2), ("male", 2, 4, 2),
    ]  # fmt: skip
    by_cohort = store.query(
        "chr1:10", by="cohort", columns=["cohort", "ac", "an", "n_samples"]
    )
    assert by_cohort.rows() == [("a", 3, 6, 4), ("b", 4, 6, 3)]


@pytest.mark.parametrize("kind", ["sex", "population", "population+sex"])
def test_cohorts_add_up_to_all(store: OpenStore, kind: str) -> None:
    each = store.query(by=kind, cohort=["a", "b"], columns=[*KEY, "cohort", *GROUP, *COUNTS])
    assert set(each["cohort"]) == {"a", "b"}
    added = each.group_by(*KEY, *GROUP).agg(pl.sum(*COUNTS).cast(pl.Int32)).sort(*KEY, *GROUP)
    whole = store.query(by=kind, columns=[*KEY, *GROUP, *COUNTS])
    assert added.equals(whole.sort(*KEY, *GROUP))


def test_by_cohort_is_what_the_columns_of_cohorts_say(store: OpenStore) -> None:
    rows = store.query(by="cohort", columns=[*KEY, "cohort", "ac", "an", "af"])
    wide = store.query(columns=[*KEY, *(f"{n}_{c}" for c in "ab" for n in ("ac", "an", "af"))])
    for cohort in "ab":
        own = wide.select(
            *KEY, *(pl.col(f"{n}_{cohort}").alias(n) for n in ("ac", "an", "af"))
        )
        assessed = own.filter(pl.col("ac").is_not_null())
        assert rows.filter(cohort=cohort).drop("cohort").equals(assessed)
    # Not assessed is no row, never 0.
    assert rows.height < 2 * wide.height


def test_several_kinds(store: OpenStore) -> None:
    both = store.query(by=["sex", "cohort"], columns=[*KEY, *GROUP, "cohort", "ac"])
    assert set(both["stratum_by"]) == {"sex", "cohort"}
    assert both.equals(store.query(by="sex,cohort", columns=[*KEY, *GROUP, "cohort", "ac"]))
    assert both.filter(stratum_by="sex")["cohort"].null_count() == (
        both.filter(stratum_by="sex").height
    )
    one = store.query(by="sex", columns=[*KEY, *GROUP, "ac"])
    assert both.filter(stratum_by="sex").select(one.columns).equals(one)
    default = store.query(by="sex,cohort", limit=1).columns
    assert default[-6:] == ["stratum_by", "stratum", "ac", "an", "af", "n_samples"]


def test_conditions_on_groups_and_alleles(store: OpenStore) -> None:
    every = store.query(by="sex")
    assert every.columns[-5:] == ["sex", "ac", "an", "af", "n_samples"]
    women = store.query(by="sex", where='sex == "female" and af > 0.2 and type == "snv"')
    snvs = store.query(where='type == "snv"', columns=KEY)
    assert women.equals(
        every.filter(sex="female")
        .filter(pl.col("af") > 0.2)
        .join(snvs, on=KEY, how="semi", maintain_order="left")
    )
    split = store.query(by="sex", where=['sex == "female"', 'type == "snv"', "af > 0.2"])
    assert split.equals(women)
    assert store.query("chr1:10-20", by="sex", limit=3).height == 3


def test_names_of_kinds(store: OpenStore) -> None:
    assert store.query(by="Sex+Population").equals(store.query(by="population+sex"))
    assert "sex" in store.query(by="SEX").columns


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"by": "sx"}, r"nobody is counted by 'sx'.*nearest: sex(.|\n)*this store has all, "
         r"population, population\+sex, sex, cohort;"),
        ({"by": ","}, "--by names nothing"),
        ({"by": "sex", "where": 'sex == "femal"'}, "no sex 'femal'.*nearest: female"),
        ({"by": "sex", "cohort": "c"}, "no cohort 'c'"),
        ({"by": "sex", "table": "totals"}, "does not go with --table totals"),
        ({"by": "sex", "columns": "province"}, "no column 'province'"),
        ({"cohort": "a"}, "cohorts are chosen for groups"),
    ],
)  # fmt: skip
def test_mistakes(store: OpenStore, asked: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        store.query(**asked)


def test_what_is_public_has_groups_too(path: Path, store: OpenStore) -> None:
    public = varhouse.open(path, audience="public")
    assert public.query(by="sex").equals(store.query(by="sex"))
    assert public.query(by="sex", cohort="b").equals(store.query(by="sex", cohort="b"))
    with pytest.raises(AccessError, match="not public"):
        public.carriers(where="af > 0.5")


def test_a_cohort_without_the_stratum(tmp_path: Path) -> None:
    made = varhouse.open(make_small_store(tmp_path / "s"))
    with pytest.raises(UsageError, match="nobody is counted: east-1 by province"):
        made.query(by="province", cohort="east-1")


def test_a_cohort_that_the_answer_lacks_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Province is counted in north alone: an answer without south says so."""
    made = varhouse.open(make_small_store(tmp_path / "s"))
    north = made.query(by="province", cohort="north")
    assert not caplog.messages
    both = made.query(by="province", cohort=["north", "south", "east-1"])
    assert both.equals(north)
    (message,) = caplog.messages
    assert "nobody is counted: south by province, east-1 by province;" in message


def test_carriers_of_the_alleles_that_fit(
    path: Path, store: OpenStore, capfd: pytest.CaptureFixture[str]
) -> None:
    where = 'af >= 0.5 and type == "snv"'
    fit = store.query(where=where, columns=KEY)
    assert 0 < fit.height < store.query().height
    carriers = store.carriers(where=where)
    every = store.carriers()
    assert carriers.equals(every.join(fit, on=KEY, how="semi", maintain_order="left"))
    ask = ["query", str(path), "--carriers", "--where", where, "--format", "json"]
    assert main(ask) == 0
    shown = json.loads(capfd.readouterr().out)
    assert [(r["pos"], r["sample"], r["gt"]) for r in shown] == (
        carriers.select("pos", "sample", "gt").rows()
    )
    assert main([*ask, "--cohort", "a", "--people", 'sex == "male"', "--region", "chr1"]) == 0
    men = json.loads(capfd.readouterr().out)
    asked = {"region": "chr1", "cohort": "a", "people": 'sex == "male"', "where": where}
    assert len(men) == store.carriers(**asked).height > 0
    none = store.carriers(where="af > 2")
    assert none.schema == every.schema
    assert none.is_empty()
    genotypes = [
        "genotypes",
        str(path),
        "--where",
        where,
        "--fields",
        "GT",
        "--format",
        "json",
    ]
    assert main(genotypes) == 0
    calls = {(r["pos"], r["sample"]) for r in json.loads(capfd.readouterr().out)}
    assert len(calls) > len(shown), "records of those alleles, a row a person"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--carriers", "nothing says whose carriers"),
        ("--carriers --by sex --region chr1", "--carriers and --by are two questions"),
        ("--carriers --callable --region chr1", "--callable and --carriers are two questions"),
        ("--by sex --people x", "--people goes with --callable or --carriers"),
        ("--by sex --stratum-by all", "--stratum-by goes with --callable"),
        ("--by sex --format vcf", "--by is of groups: a VCF"),
        ("--callable --region chr1 --by sex,all", "one kind of stratum"),
    ],
)
def test_options_that_do_not_go_together(
    path: Path, options: str, says: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", str(path), *options.split()]) == 2
    assert says in capfd.readouterr().err


def test_callable_takes_by(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    ask = ["query", str(path), "--callable", "--region", "chr1:10"]
    assert main([*ask, "--by", "sex"]) == 0
    by = capfd.readouterr().out
    assert main([*ask, "--stratum-by", "sex"]) == 0
    assert capfd.readouterr().out == by
    assert "female" in by
