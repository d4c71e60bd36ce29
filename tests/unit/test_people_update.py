"""`varhouse people update`: once for each state of a cohort, in one release, restartable."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from calls_store import make_calls_store
from verifying import verify
from withdrawing import Cohorts, random_lines, vcf

import varhouse
from varhouse.errors import StoreError
from varhouse.people import made as making
from varhouse.people import update as updating
from varhouse.people.made import FOLLOWING, make_people
from varhouse.people.settings import AncestrySettings, Limits, PeopleSettings, SiteSettings
from varhouse.people.update import recorded_settings, stale_cohorts, update_people
from varhouse.store.commit import commit
from varhouse.store.compact import compact_store
from varhouse.store.drop import drop_cohort
from varhouse.store.lifecycle import log_releases
from varhouse.store.releases import list_releases
from varhouse.tables.peopletables import ANCESTRY, PEOPLE_MADE, SAMPLE_QC
from varhouse.tables.schema import TABLES, Table
from varhouse.tables.shards import Manifest, write_shard
from varhouse.verify.whole import recompute_digests

ROOT = Path(__file__).parents[2]
PEOPLE = [f"S{k}" for k in range(5)]
NULLABLE = [c.name for c in ANCESTRY.columns if c.nullable]


class KilledError(BaseException):
    """Stands for a kill."""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return make_calls_store(tmp_path / "in")


def test_tables_are_made_once_for_each_state(store: Path) -> None:
    before = varhouse.open(store)
    out = update_people(store)
    assert out.release == 3
    assert out.made.keys() == {"a", "b"}
    after = varhouse.open(store)
    assert after.digest() == before.digest()
    for name in ("sample_qc",):
        rows = after.table(name).select("cohort", "ordinal", "sample").collect()
        wanted = after.samples().select("cohort", "ordinal", "sample").collect()
        assert rows.sort(rows.columns).equals(wanted.sort(wanted.columns))
    told = after.people_made().collect().sort("cohort").to_dicts()
    assert [t["n_samples"] for t in told] == [4, 3]
    assert PeopleSettings.of(json.loads(told[0]["settings"])) == PeopleSettings()
    assert [str(p) for p in verify(after)] == []
    assert recompute_digests(store, 3) == after.table_digests()
    (row,) = [r for r in log_releases(store) if r["release"] == 3]
    assert row["operation"] == "people"
    assert row["event"]["flagged"].endswith("of 7 samples")
    assert row["event"]["changed"] == {}
    again = update_people(store)
    assert (again.release, again.made, again.unchanged) == (None, {}, ["a", "b"])
    assert list_releases(store) == [1, 2, 3]
    # A store as it was before opens as before: the tables are empty.
    assert varhouse.open(store, 2).sample_qc().collect().is_empty()


def test_what_they_follow_from_makes_them_stale(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    update_people(store, ["a"])
    opened = varhouse.open(store)
    settings = PeopleSettings()
    assert stale_cohorts(opened, ["a", "b"], settings) == ["b"]
    other = PeopleSettings(Limits(call_rate=0.5))
    assert stale_cohorts(opened, ["a", "b"], other) == ["a", "b"]
    monkeypatch.setattr(making, "__version__", "99")
    assert stale_cohorts(opened, ["a"], settings) == ["a"]
    monkeypatch.undo()
    assert update_people(store, ["a"], other).made.keys() == {"a"}
    assert update_people(store, ["a"], other).release is None
    assert update_people(store, ["a"], other, again=True).made.keys() == {"a"}
    with pytest.raises(StoreError, match="no cohort 'c'"):
        update_people(store, ["c"])


def test_a_changed_sheet_or_file_makes_them_anew(tmp_path: Path) -> None:
    cohorts = Cohorts(tmp_path / "in")
    lines = random_lines(PEOPLE, 3)
    cohorts.add("north", {"n.vcf": vcf(PEOPLE, lines)}, {n: {"sex": "female"} for n in PEOPLE})
    path = tmp_path / "s"
    cohorts.ingest(path)
    update_people(path)
    cohorts.people[0]["sex"] = "male"
    cohorts.ingest(path)
    assert not varhouse.open(path).sample_qc().collect().height
    assert update_people(path).made.keys() == {"north"}
    assert update_people(path).release is None
    assert [str(p) for p in verify(varhouse.open(path))] == []


@pytest.mark.parametrize("point", ["made", "committed"])
def test_one_that_is_killed_goes_on(
    store: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole: list[str] = []
    own = updating.gather

    def gather(opened: Any, cohort: str, settings: PeopleSettings) -> Any:
        whole.append(cohort)
        return own(opened, cohort, settings)

    def die(at: str) -> None:
        if at == point:
            raise KilledError

    monkeypatch.setattr(updating, "gather", gather)
    monkeypatch.setattr(updating, "_reached", die)
    with pytest.raises(KilledError):
        update_people(store)
    assert whole == ["a", "b"]
    monkeypatch.setattr(updating, "_reached", lambda _: None)
    out = update_people(store)
    # What was made is not made again; what was committed neither.
    assert whole == ["a", "b"]
    assert out.release == (3 if point == "made" else None)
    assert varhouse.open(store).people_made().collect().height == 2
    assert not (store / "_staging").exists()
    assert update_people(store).release is None


def test_drop_and_compaction(store: Path) -> None:
    update_people(store)
    compact_store(store)
    assert update_people(store).release is None
    drop_cohort(store, "a")
    left = varhouse.open(store)
    for name in FOLLOWING:
        assert set(left.table(name).collect()["cohort"]) <= {"b"}
    assert left.people_made().collect()["cohort"].to_list() == ["b"]
    assert [str(p) for p in verify(left)] == []


def test_rows_that_name_a_cohort_go_with_it(store: Path, tmp_path: Path) -> None:
    people = varhouse.open(store).samples(cohort="b").collect().sort("ordinal")
    projected = people.select("ordinal", "sample").with_columns(
        axes=pl.Series(["a", "b", "a"]),
        made_axes=pl.lit(value=False),
        scores=pl.lit([0.5], pl.List(pl.Float64)),
        **{n: pl.lit(None, ANCESTRY.polars_schema[n]) for n in NULLABLE},
    )
    shard = write_shard(projected, ANCESTRY, tmp_path / "w", "x", {"cohort": "b"})
    assert shard is not None
    commit(store, [Manifest([shard], [("ancestry", {"cohort": "b"})])], ingest_id="by-hand",
           operation="people", base_release=2)  # fmt: skip
    drop_cohort(store, "a")
    assert varhouse.open(store).ancestry().collect()["sample"].to_list() == ["t1"]


def test_cohorts_of_nobody_one_and_two(tmp_path: Path) -> None:
    cohorts = Cohorts(tmp_path / "in")
    for n in (0, 1, 2):
        who = PEOPLE[:n]
        lines = random_lines(who, n) if who else [
            "\t".join(line.split("\t")[:8]) for line in random_lines(PEOPLE, 7)
        ]  # fmt: skip
        text = vcf(who, lines)
        text = (
            text
            if who
            else text.replace("\tINFO\tFORMAT\t\n", "\tINFO\n").replace(
                "\tINFO\tFORMAT\n", "\tINFO\n"
            )
        )
        cohorts.add(f"of{n}", {f"f{n}.vcf": text}, {s: {"sex": "male"} for s in who})
    path = tmp_path / "s"
    assert not cohorts.ingest(path)["held_back"]
    assert update_people(path).made.keys() == {"of0", "of1", "of2"}
    opened = varhouse.open(path)
    counts = dict(opened.people_made().select("cohort", "n_samples").collect().rows())
    assert counts == {"of0": 0, "of1": 1, "of2": 2}
    assert opened.sample_qc().collect().height == 3
    assert update_people(path).release is None
    assert [str(p) for p in verify(opened)] == []


def test_shards_of_a_cohort_by_the_contract(store: Path, tmp_path: Path) -> None:
    shards = make_people(varhouse.open(store), "a", PeopleSettings(), tmp_path / "shards")
    assert {s.table for s in shards} <= set(FOLLOWING)
    assert {"sample_qc", "people_made"} <= {s.table for s in shards}
    assert all(s.partition == {"cohort": "a"} for s in shards)


def test_settings_are_those_of_the_last_ingest(tmp_path: Path) -> None:
    cohorts = Cohorts(tmp_path / "in", people={"limits": {"call_rate": None}, "axes": 3})
    lines = random_lines(PEOPLE, 3)
    cohorts.add("north", {"n.vcf": vcf(PEOPLE, lines)}, {n: {"sex": "female"} for n in PEOPLE})
    cohorts.ingest(tmp_path / "s")
    found = recorded_settings(tmp_path / "s")
    assert (found.limits.call_rate, found.axes) == (None, 3)
    assert PeopleSettings.of(json.loads(found.as_json())) == found


def test_the_schema_of_the_configuration_has_all_settings() -> None:
    file = ROOT / "workflow/schemas/config.schema.yaml"
    said = yaml.safe_load(file.read_text())["properties"]["people"]["properties"]
    readme = (ROOT / "config/README.md").read_text()
    for prefix, kind, known in (
        ("", PeopleSettings, said),
        ("limits.", Limits, said["limits"]["properties"]),
        ("sites.", SiteSettings, said["sites"]["properties"]),
        ("ancestry.", AncestrySettings, said["ancestry"]["properties"]),
    ):
        assert set(known) == {f.name for f in fields(kind)}
        for f in fields(kind):
            if f.name in ("limits", "sites", "ancestry"):
                continue
            default = getattr(kind(), f.name)
            assert known[f.name]["default"] == default, f.name
            shown = {None: "null", True: "true", False: "false"}.get(default, default)
            assert f"| `{prefix}{f.name}` | `{shown}` |" in readme, f.name


def test_every_table_of_people_is_below_controlled() -> None:
    assert {TABLES[n].root for n in (*FOLLOWING, "same_people")} == {"controlled"}
    assert not any(TABLES[n].content for n in FOLLOWING)


def _written(store: Path, table: Table, change: pl.Expr, folder: Path) -> list[str]:
    """Write a table of people with another value, and say what is found wrong."""
    rows = varhouse.open(store).table(table.name, cohort="a").collect().with_columns(change)
    shard = write_shard(rows.drop("cohort"), table, folder, "x", {"cohort": "a"})
    assert shard is not None
    manifest = Manifest([shard], [(table.name, {"cohort": "a"})])
    base = list_releases(store)[-1]
    commit(store, [manifest], ingest_id=f"by-hand-{base}", operation="people",
           base_release=base)  # fmt: skip
    return [str(p) for p in verify(varhouse.open(store))]


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        (SAMPLE_QC, pl.lit("zz").alias("sample"), "ordinal 0 is no sample with that id"),
        (SAMPLE_QC, pl.lit("x").alias("flags"), "n_flagged is 0, not 4"),
        (SAMPLE_QC, (pl.col("ordinal") + 1).alias("ordinal"), "1 sample(s) have no row"),
        (PEOPLE_MADE, pl.lit("other").alias("made_from"), "made_from is other, not"),
        (PEOPLE_MADE, pl.lit(9, pl.Int64).alias("n_samples"), "n_samples is 9, not 4"),
    ],
)
def test_the_verifier_finds_rows_of_others(
    store: Path, tmp_path: Path, table: Table, change: pl.Expr, says: str
) -> None:
    update_people(store, settings=PeopleSettings(Limits(call_rate=None, mad=None)))
    assert [str(p) for p in verify(varhouse.open(store))] == []
    found = _written(store, table, change, tmp_path / "w")
    assert any(says in text for text in found), found
    assert not any("zz" in text for text in found)
