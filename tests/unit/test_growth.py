"""Cohorts that grow: the same as one build, and only what came is read."""

import io
import json
from pathlib import Path

import polars as pl
import pytest
from gvcf_people import BASES, CONTIGS, People, without_blocks
from inprocess import ingest_here
from verifying import check_callable, verify

import varhouse
from varhouse.ingest.account import print_account
from varhouse.ingest.driver import _exit_code
from varhouse.ingest.jobs import compaction, growcallable, growcounts, intake, joinfiles
from varhouse.ingest.setup.run import Run


@pytest.fixture
def people(tmp_path: Path) -> People:
    return People(tmp_path)


def _grown(account: dict) -> dict | None:
    assert not account["held_back"]
    told = io.StringIO()
    print_account({**account, "seconds": 0}, Path("s"), told)
    files = account["cohorts"][0].get("grown")
    assert ("as they were" in told.getvalue()) is (files is not None)
    return files


def _carried(store) -> list[tuple]:
    """Give what people hold, by their names."""
    rows = store.carried().join(
        store.samples().select("sample", "ordinal"), left_on="sample", right_on="ordinal"
    )
    return sorted(rows.drop("sample").collect().rows())


def _same(people: People, store: Path, files: list[str], who: list[str] | None = None) -> None:
    """Compare a store with one build of what it holds, table by table."""
    whole = store.with_name(f"whole-{len(list(store.parent.iterdir()))}")
    people.ingest(whole, files, who)
    one, other = varhouse.open(store), varhouse.open(whole)
    digests, wanted = one.record.table_digests(), other.record.table_digests()
    assert {n for n in wanted if digests.get(n) != wanted[n]} == set()
    assert one.digest() == other.digest()
    assert [str(p) for p in verify(one)] == []
    assert _carried(one) == _carried(other)
    # Not of the content, as it follows from it: rows of people add up to the same.
    for part in CONTIGS:
        at = one.callability(f"{part}:1-700").rows()
        assert at == other.callability(f"{part}:1-700").rows()


@pytest.mark.parametrize("plain", [(), range(8), (0, 2, 5, 6)], ids=["gvcf", "vcf", "both"])
def test_people_come_one_by_one_leave_and_are_replaced(people: People, plain) -> None:
    people.plain = plain
    store = people.folder / "s"
    names = [people.write(k) for k in range(8)]
    people.ingest(store, names[:3])
    steps = [
        (names[:4], {"came": 1, "replaced": 0, "gone": 0, "kept": 3}),
        (names[:7], {"came": 3, "replaced": 0, "gone": 0, "kept": 4}),
        (names[1:7], {"came": 0, "replaced": 0, "gone": 1, "kept": 6}),
        # In the freed number comes another one; and somebody with two who leave.
        (names[3:], {"came": 1, "replaced": 0, "gone": 2, "kept": 4}),
    ]
    for files, told in steps:
        assert _grown(people.ingest(store, files)) == told
        if told["came"] != 3:
            _same(people, store, files)
    people.write(4, seed=1)
    assert _grown(people.ingest(store, names[3:])) == {
        "came": 0, "replaced": 1, "gone": 0, "kept": 4,
    }  # fmt: skip
    _same(people, store, names[3:])
    assert people.ingest(store, names[3:])["up_to_date"]


def test_only_what_came_is_read(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    store = people.folder / "s"
    names = [people.write(k) for k in range(5)]
    people.ingest(store, names[:4])
    read: list[str] = []
    own = intake.take_in

    def take_in(run: Run, cohort: str, number: int, folder: Path) -> None:
        read.append(Path(run.cohort(cohort).files[number]).name)
        own(run, cohort, number, folder)

    monkeypatch.setattr(intake, "take_in", take_in)
    before = varhouse.open(store)
    kept = {t: set(before.file_frame(t)["path"]) for t in ("sites", "runs", "genotypes")}
    people.ingest(store, names)
    assert read == ["p4.g.vcf"]
    after = varhouse.open(store)
    for table, files in kept.items():
        assert files < set(after.file_frame(table)["path"])
    # People keep their numbers.
    rows = [s.samples().select("sample", "ordinal", "file").collect() for s in (before, after)]
    assert set(rows[0].rows()) < set(rows[1].rows())


def test_a_file_that_is_called_otherwise(people: People) -> None:
    """Its name is content, it is read again; its folder is not: two may have such a file."""
    store = people.folder / "s"
    names = [people.write(k) for k in range(3)]
    who = ["P0", "P1", "P2"]
    people.ingest(store, names, who)
    (people.folder / "a").mkdir()
    for old, new in ((names[0], f"a/{names[1]}"), (names[2], f"a/{names[2]}")):
        (people.folder / old).rename(people.folder / new)
    files = [f"a/{names[1]}", names[1], f"a/{names[2]}"]
    told = _grown(people.ingest(store, files, who))
    assert told == {"came": 0, "replaced": 1, "gone": 0, "kept": 2}
    _same(people, store, files, who)


def test_a_file_of_several_comes_for_those_of_one(people: People) -> None:
    store = people.folder / "s"
    names = [people.write(k) for k in range(3)]
    people.ingest(store, names)
    files, who = [people.write(8, names=["P0", "P2"]), names[1]], ["P0", "P1", "P2"]
    told = _grown(people.ingest(store, files, who))
    assert told == {"came": 0, "replaced": 1, "gone": 0, "kept": 1}
    _same(people, store, files, who)


def test_strata_are_columns_of_the_sheet(people: People) -> None:
    """Also where the table samples has a column of that name, which is another."""
    store = people.folder / "s"
    names = [people.write(k) for k in range(3)]
    for files in (names, names[1:]):
        people.configure(files)
        sheet, config = people.folder / "samples.tsv", people.folder / "config.json"
        sheet.write_text(sheet.read_text().replace("\tbatch\n", "\tfile\n"))
        config.write_text(config.read_text().replace("batch", "file"))
        told = _grown(ingest_here(store, config))
    assert told == {"came": 0, "replaced": 0, "gone": 1, "kept": 2}
    ingest_here(people.folder / "whole", config)
    one, other = (varhouse.open(s) for s in (store, people.folder / "whole"))
    assert one.digest() == other.digest()
    rows = one.callability("c1")
    assert rows.equals(other.callability("c1"))
    counted = one.scan("callable").select("stratum").unique().collect()["stratum"]
    assert set(rows["stratum"]) == set(counted)
    assert rows["n_people"].null_count() == 0
    assert list(check_callable(one)) == []


def test_files_are_joined_and_windows_cut(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few files a partition, few rows at once: the same rows."""
    for module in (compaction, joinfiles):
        monkeypatch.setattr(module, "FILES", 4)
    monkeypatch.setattr(growcounts, "FILES", 4)
    monkeypatch.setattr(growcounts, "MERGE_ROWS", 50)
    monkeypatch.setattr(growcallable, "ROWS_AT_ONCE", 40)
    store = people.folder / "s"
    names = [people.write(k) for k in range(7)]
    people.ingest(store, names[:2])
    for n in range(3, 8):
        people.ingest(store, names[:n])
        found = varhouse.open(store)
        for table in ("sites", "runs", "carried"):
            by_part = found.file_frame(table).group_by("partition.part").len()
            assert by_part["len"].max() <= 4
    people.ingest(store, names[2:])
    _same(people, store, names[2:])


def test_a_bad_new_file_leaves_the_cohort_as_it_was(people: People) -> None:
    store = people.folder / "s"
    names = [people.write(k) for k in range(4)]
    people.ingest(store, names[:3])
    content = varhouse.open(store).digest()
    path = people.folder / names[3]
    path.write_text(
        path.read_text().replace("\t50\t", "\tfifty five\t").replace("#CHROM", "CHROM")
    )
    for _ in range(2):
        account = people.ingest(store, names)
        assert account["held_back"][0]["stays"] == 3
        assert varhouse.open(store).digest() == content
    people.write(3)
    assert _grown(people.ingest(store, names))["came"] == 1
    _same(people, store, names)


def _without_records(path: Path) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(x for x in lines if x.startswith("#")))


def test_a_file_without_records_comes_and_leaves(people: People) -> None:
    """Its person is assessed nowhere, as in one build: it is of no kind of file."""
    # Of one-sample files all have runs, but one that stands alone and has no record.
    store = people.folder / "s"
    names = [people.write(k) for k in range(5)]
    for k in (2, 3):
        _without_records(people.folder / names[k])
    # Of two that have none one stands alone at first.
    people.ingest(store, names[2:3])
    for files, told in (
        (names[1:3], None),
        (names[:4], {"came": 2, "replaced": 0, "gone": 0, "kept": 2}),
        ([*names[:2], *names[3:]], {"came": 1, "replaced": 0, "gone": 1, "kept": 3}),
    ):
        assert _grown(people.ingest(store, files)) == told
        _same(people, store, files)
    rows = varhouse.open(store).callability("c1", stratum_by="all", cohort="c")
    assert set(rows["n_people"]) == {4}
    assert rows["n_not_assessed"].min() == 1
    people.write(3)
    assert _grown(people.ingest(store, [*names[:2], *names[3:]]))["replaced"] == 1
    _same(people, store, [*names[:2], *names[3:]])


@pytest.mark.parametrize("why", ["setting", "vcf", "shared"])
def test_a_cohort_that_does_not_grow_and_has_a_bad_file(people: People, why: str) -> None:
    """Read as a whole it is held back, and stays as it was: exit 3, as if it grew."""
    store = people.folder / "s"
    names = [people.write(k) for k in range(4)]
    people.ingest(store, names[:3])
    content = varhouse.open(store).digest()
    path = people.folder / people.write(3, names=["P2" if why == "shared" else "P3"])
    lines = path.read_text().splitlines()
    if why == "vcf":
        lines = [x.replace(",<NON_REF>", "") for x in lines if "\t<NON_REF>" not in x]
    # Cut off inside a record.
    path.write_text("\n".join(lines)[:-40])
    people.configure(names, ["P0", "P1", "P2", *(["P3"] if why != "shared" else [])])
    config = people.folder / "config.json"
    if why == "setting":
        config.write_text(
            json.dumps(json.loads(config.read_text()) | {"policy": {"pass_only": True}})
        )
    for _ in range(2):
        none: dict = {"unchanged": [], "cohorts": [], "seconds": 0}
        account = none | ingest_here(store, config)
        (held,) = account["held_back"]
        assert held["stays"] == 3
        assert _exit_code(account) == 3
        told = io.StringIO()
        print_account(account, store, told)
        assert "it stays as it was, of 3 files" in told.getvalue()
        assert varhouse.open(store).digest() == content
    assert [str(p) for p in verify(varhouse.open(store))] == []


@pytest.mark.parametrize("what", ["setting", "vcf", "shared", "several leave", "sex"])
def test_what_does_not_grow_is_replaced(people: People, what: str) -> None:
    """Another setting, a VCF of several people, people in two files: all is read."""
    store = people.folder / "s"
    names = [people.write(k) for k in range(3)]
    others = [f"P{k}" for k in range(3)]
    if what == "several leave":
        names.append(people.write(3, names=["P3", "P4"]))
        people.ingest(store, names, [*others, "P3", "P4"])
        assert _grown(people.ingest(store, names[:3])) is None
        _same(people, store, names[:3])
        return
    people.ingest(store, names)
    if what == "vcf":
        path = people.folder / people.write(3, names=["P3", "P4"])
        path.write_text(without_blocks(path.read_text()))
    elif what == "shared":
        people.write(3, names=["P2"], seed=3)
    elif what == "setting":
        people.write(3)
        assert _grown(people.ingest(store, names[:2])) is not None
        config = json.loads((people.folder / "config.json").read_text())
        config["policy"] = {"pass_only": True}
        (people.folder / "config.json").write_text(json.dumps(config))
        account = ingest_here(store, people.folder / "config.json")
        assert _grown(account) is None
        return
    elif what == "sex":
        # The sheet says something else of a person: only this one is read again.
        sheet = people.folder / "samples.tsv"
        sheet.write_text(sheet.read_text().replace("c\tP1\tmale", "c\tP1\tfemale"))
        account = ingest_here(store, people.folder / "config.json")
        assert _grown(account) == {"came": 0, "replaced": 1, "gone": 0, "kept": 2}
        assert [str(p) for p in verify(varhouse.open(store))] == []
        return
    listed = [*others, *(["P3", "P4"] if what == "vcf" else [])]
    account = people.ingest(store, [*names, "p3.g.vcf"], listed)
    assert _grown(account) is None


def test_a_cohort_grows_beside_others(people: People) -> None:
    """Alleles of others stay when the last of this cohort leaves; totals are of all."""
    store = people.folder / "s"
    names = [people.write(k) for k in range(4)]
    vcf = people.folder / "other.vcf"
    text = without_blocks((people.folder / names[0]).read_text())
    vcf.write_text(text.replace("\tP0", "\tQ0"))

    def ingest(where: Path, files: list[str]) -> dict:
        people.ingest(people.folder / "unused", files[:1])
        (people.folder / "list.txt").write_text("\n".join(files) + "\n")
        (people.folder / "cohorts.tsv").write_text(
            "cohort\tfiles\nc\t@list.txt\no\tother.vcf\n"
        )
        sexes = ["c\tP0\tfemale\tnorth\t1", "o\tQ0\tfemale\tnorth\t"] + [
            f"c\tP{k}\tmale\tsouth\t{k}" for k in (1, 2, 3)
        ]
        listed = {f[1] for f in files}
        rows = [s for s in sexes if s.startswith("o") or s[3] in listed]
        (people.folder / "samples.tsv").write_text(
            "\n".join(["cohort\tsample\tsex\tpopulation\tbatch", *rows])
        )
        return ingest_here(where, people.folder / "config.json", chunk_records=25)

    ingest(store, names[:3])
    for files in (names[1:3], names[1:], names[2:]):
        ingest(store, files)
        whole = people.folder / f"whole-{'-'.join(files)}"
        ingest(whole, files)
        one, other = varhouse.open(store), varhouse.open(whole)
        digests, wanted = one.record.table_digests(), other.record.table_digests()
        assert {n for n in wanted if digests.get(n) != wanted[n]} == set()
        assert [str(p) for p in verify(one)] == []


def test_files_of_one_person_each_grow_and_others_do_not(people: People) -> None:
    """The second file, and one of two people, make a cohort of VCFs go in anew."""
    people.plain = range(8)
    store = people.folder / "s"
    names = [people.write(k) for k in range(4)]
    two = people.write(7, names=["P4", "P5"])
    steps = [
        (names[:1], None, False),
        # Alone it brought no runs.
        (names[:2], None, True),
        (names[:3], {"came": 1, "replaced": 0, "gone": 0, "kept": 2}, True),
        ([*names[:3], two], None, False),
        (names[:3], None, True),
        (names[2:3], None, False),
    ]
    for files, told, has_runs in steps:
        who = [f"P{f[1]}" for f in files if f != two] + (["P4", "P5"] if two in files else [])
        assert _grown(people.ingest(store, files, who)) == told
        found = varhouse.open(store)
        assert found.scan("files").select("has_runs").collect()["has_runs"].all() is has_runs
        _same(people, store, files, who)


@pytest.mark.parametrize("grows", [False, True])
def test_a_genotype_of_many_alleles_goes_in_by_records(people: People, grows: bool) -> None:
    """A state tells 7 alleles: such a cohort has no runs, one that grows waits."""
    people.plain = range(8)
    store = people.folder / "s"
    names = [people.write(k) for k in range(3)]
    path = people.folder / names[2]
    path.write_text(path.read_text().replace("\t0/1:", "\t0/1/1/1/1/1/1/1:", 1))
    if grows:
        people.ingest(store, names[:2])
        account = people.ingest(store, names)
        assert "more than 7 alleles in 1 record(s)" in account["held_back"][0]["reasons"][0]
        assert account["held_back"][0]["stays"] == 2
        return
    people.ingest(store, names)
    found = varhouse.open(store)
    assert not found.scan("files").select("has_runs").collect()["has_runs"].any()
    assert found.frequencies().collect()["ac"].max() >= 7
    assert [str(p) for p in verify(found)] == []


def test_alleles_that_nobody_is_called_with_go_with_their_last_record(people: People) -> None:
    """In VCFs such alleles are kept: of two people who have one, the second takes it along."""
    people.plain = range(3)
    store = people.folder / "s"
    names = [people.write(k) for k in range(3)]
    alt = "ACGT"["ACGT".index(BASES[0]) - 1]
    for name in names[:2]:
        path = people.folder / name
        head, _, body = path.read_text().partition("FORMAT\t")
        first, _, rows = body.partition("\n")
        row = f"c1\t1\t.\t{BASES[0]}\t{alt}\t50\t.\t.\tGT:DP:GQ:AD\t0/0:30:99:30,0\n"
        path.write_text(f"{head}FORMAT\t{first}\n{row}{rows}")
    assert not people.ingest(store, names)["held_back"]
    for files, n, an in ((names[1:], 1, 2), (names[2:], 0, None)):
        who = [f"P{f[1]}" for f in files]
        people.ingest(store, files, who)
        rows = varhouse.open(store).frequencies("c1:1-1").collect()
        rows = rows.filter((pl.col("stratum_by") == "all") & (pl.col("stratum") == "all"))
        assert rows.select("ac", "an").rows() == [(0, an)] * n
        _same(people, store, files, who)


@pytest.mark.parametrize("plain", [(), range(8)], ids=["gvcf", "vcf"])
def test_a_file_without_records_stays_when_the_kind_of_cohort_changes(
    people: People, plain
) -> None:
    """Whether it has runs follows from the others: it does not stay as it was then."""
    people.plain = plain
    store = people.folder / "s"
    names = [people.write(k) for k in range(2)]
    _without_records(people.folder / names[1])
    two = people.write(7, names=["P4", "P5"])
    for files in (names, [*names, two], names, names[1:]):
        who = [f"P{f[1]}" for f in files if f != two] + (["P4", "P5"] if two in files else [])
        assert not people.ingest(store, files, who)["held_back"]
        _same(people, store, files, who)
