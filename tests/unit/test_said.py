"""What the sheets say: by what people are counted, and what is only text."""

import json
import random
from pathlib import Path

import polars as pl
import pytest
from gvcf_people import People
from inprocess import ingest_here
from slow_sites import random_files, write_cohort
from test_ingest_lift import _config
from test_kits import CONTIGS, with_kits
from test_liftover_command import CHAIN, SOURCE, TARGET
from verifying import verify

import varhouse
from varhouse.ingest.jobs import intake
from varhouse.ingest.setup.fingerprints import SheetRows, counted_columns


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that ingests read."""
    names: list[str] = []
    own = intake.take_in

    def take_in(run, cohort, number, folder):
        names.append(Path(run.cohort(cohort).files[number]).name)
        own(run, cohort, number, folder)

    monkeypatch.setattr(intake, "take_in", take_in)
    return names


def add_column(sheet: Path, name: str, cell: str) -> None:
    """Give a sheet one more column."""
    head, *rows = sheet.read_text().splitlines()
    rows = [f"{row}\t{cell}{k}" for k, row in enumerate(rows)]
    sheet.write_text("\n".join([f"{head}\t{name}", *rows]) + "\n")


def same_as_one_build(store: Path, config: Path) -> None:
    whole = store.with_name(f"whole-{len(list(store.parent.iterdir()))}")
    ingest_here(whole, config)
    one, other = varhouse.open(store), varhouse.open(whole)
    digests, wanted = one.record.table_digests(), other.record.table_digests()
    assert {n for n in wanted if digests.get(n) != wanted[n]} == set()
    assert [str(p) for p in verify(one)] == []


def joint(folder: Path) -> Path:
    """Write a cohort of files of several people, and two of the same."""
    files = random_files(random.Random(5), [["a", "b"], ["c"]], CONTIGS)
    people = {"a": ("male", "P1"), "b": ("female", "P2"), "c": ("unknown", "P1")}
    return write_cohort(folder, files, people, contigs=CONTIGS)


def plain(folder: Path) -> Path:
    """Write a cohort of files of one person each, which have runs though they are no gVCFs."""
    rng = random.Random(9)
    files = [random_files(rng, [[s]], CONTIGS)[0] for s in "abc"]
    people = {"a": ("male", "P1"), "b": ("female", "P2"), "c": ("unknown", "P1")}
    return write_cohort(folder, files, people, contigs=CONTIGS)


def kits(folder: Path) -> Path:
    """Write a cohort with capture kits."""
    files = random_files(random.Random(6), [["a"], ["b"], ["c"]], CONTIGS)
    people = {"a": ("male", "P1", "A"), "b": ("female", "P2", "B"), "c": ("male", "P1", "B")}
    return with_kits(write_cohort(folder, files, people, contigs=CONTIGS, columns=["kit"]))


def gvcfs(folder: Path) -> Path:
    """Write a cohort of gVCFs."""
    folder.mkdir()
    people = People(folder)
    people.configure([people.write(k) for k in range(3)])
    return folder / "config.json"


def lifted(folder: Path) -> Path:
    """Write a cohort of another assembly."""
    folder.mkdir()
    for name, text in (("a.fa", SOURCE), ("b.fa", TARGET), ("c.chain", CHAIN)):
        (folder / name).write_text(text)
    config = _config(folder)
    (folder / "samples.tsv").write_text("cohort\tsample\tsex\nold\ts1\tmale\nold\ts2\tmale\n")
    config.write_text(json.dumps(json.loads(config.read_text()) | {"samples": "samples.tsv"}))
    return config


@pytest.mark.parametrize("make", [joint, plain, kits, gvcfs, lifted])
def test_what_is_only_said_costs_its_rows(make, tmp_path: Path, read: list[str]) -> None:
    folder, store = tmp_path / "c", tmp_path / "s"
    config = make(folder)
    ingest_here(store, config)
    n_files = len(read)
    said = {"samples.tsv": ("age", "4"), "cohorts.tsv": ("permit_number", "HX")}
    for sheet, (column, cell) in said.items():
        before = varhouse.open(store)
        add_column(folder / sheet, column, cell)
        account = ingest_here(store, config)
        (cohort,) = account["cohorts"]
        assert cohort["grown"] == {"came": 0, "replaced": 0, "gone": 0, "kept": n_files}
        assert len(read) == n_files
        after = varhouse.open(store)
        renewed = {
            t
            for t in after.tables
            if set(after.file_frame(t)["path"]) != set(before.file_frame(t)["path"])
        }
        told = {"cohorts", "ingests", "accounts"}
        assert renewed == told | ({"samples"} if sheet == "samples.tsv" else set())
        assert ingest_here(store, config)["up_to_date"]
    same_as_one_build(store, config)
    rows = varhouse.open(store).samples().select("attributes").collect()["attributes"]
    assert sorted(json.loads(r)["age"] for r in rows) == [f"4{k}" for k in range(len(rows))]


def test_somebody_comes_leaves_and_more_is_said_of_the_others(
    tmp_path: Path, read: list[str]
) -> None:
    people = People(tmp_path)
    names = [people.write(k) for k in range(5)]
    store, config = tmp_path / "s", tmp_path / "config.json"
    people.ingest(store, names[:4])
    read.clear()
    people.configure(names[1:])
    add_column(tmp_path / "samples.tsv", "age", "5")
    (cohort,) = ingest_here(store, config)["cohorts"]
    assert cohort["grown"] == {"came": 1, "replaced": 0, "gone": 1, "kept": 3}
    assert read == names[4:]
    same_as_one_build(store, config)


@pytest.mark.parametrize(
    ("make", "old", "new", "expected"),
    [
        # Sex, and a column of a stratum: of gVCFs one person's file, else all are read.
        (gvcfs, "c\tP1\tmale", "c\tP1\tfemale", ["p1.g.vcf"]),
        (gvcfs, "c\tP1\tmale\tsouth\t2", "c\tP1\tmale\tsouth\t1", ["p1.g.vcf"]),
        (joint, "a\tmale", "a\tfemale", []),
        (plain, "a\tmale", "a\tfemale", ["f0.vcf"]),
        (kits, "\tP1\tA", "\tP1\tB", []),
    ],
)
def test_what_people_are_counted_by_is_counted(
    make, old: str, new: str, expected: list[str], tmp_path: Path, read: list[str]
) -> None:
    config = make(tmp_path / "c")
    ingest_here(tmp_path / "s", config)
    sheet = tmp_path / "c" / "samples.tsv"
    assert sheet.read_text().count(old) == 1
    sheet.write_text(sheet.read_text().replace(old, new))
    n_files = len(set(read))
    read.clear()
    ingest_here(tmp_path / "s", config)
    assert read == expected or (not expected and len(read) == n_files)
    same_as_one_build(tmp_path / "s", config)


def test_who_is_no_longer_listed_holds_the_cohort_back(tmp_path: Path) -> None:
    config = joint(tmp_path / "c")
    ingest_here(tmp_path / "s", config)
    digest = varhouse.open(tmp_path / "s").digest()
    sheet = tmp_path / "c" / "samples.tsv"
    rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join(r for r in rows if "\ta\t" not in r) + "\n")
    (held,) = ingest_here(tmp_path / "s", config)["held_back"]
    assert "1 sample(s) have no row" in held["reasons"][0]
    assert varhouse.open(tmp_path / "s").digest() == digest


def test_columns_that_count() -> None:
    assert counted_columns([], kits=False) == {"sex"}
    assert counted_columns(["a+sex", "b"], kits=True) == {"sex", "a", "b", "kit"}
    sheet = pl.DataFrame({"cohort": ["c"], "line": [2], "sample": ["s"], "sex": ["male"]})
    # A column that is empty says what one says that is not there.
    empty = sheet.with_columns(kit=pl.lit(None, pl.String))
    columns = {"sex", "kit"}
    assert SheetRows(sheet, columns).digest() == SheetRows(empty, columns).digest()
    assert SheetRows(sheet).digest() != SheetRows(empty).digest()
    assert SheetRows(sheet, columns).digest(["s"]) != SheetRows(sheet, columns).digest(["t"])
