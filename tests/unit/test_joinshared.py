"""Nights do not add up: small files of the tables that cohorts share are joined."""

import json
import shutil
from pathlib import Path
from unittest import mock

import polars as pl
import pytest
from builders import make_fasta, make_vcf
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.ingest.jobs import joinfiles, joinshared
from varhouse.store import commit
from varhouse.store.diff import compare_releases
from varhouse.store.drop import drop_cohort
from varhouse.tables.alleletables import annotation_table
from varhouse.tables.shards import Manifest, write_shard

BASES = "ACGTTGCAAC" * 30
NIGHTS = 8
MOST = 3
SHARED = ("variants", "ids", "consequences", "annotations_s", "accounts", "ingests")
GENES = """##gff-version 3
c1\tt\tgene\t11\t280\t.\t+\t.\tID=gene:G1;Name=TOY1;biotype=protein_coding
c1\tt\tmRNA\t11\t280\t.\t+\t.\tID=transcript:T1;Parent=gene:G1;biotype=protein_coding
c1\tt\texon\t11\t280\t.\t+\t.\tParent=transcript:T1
c1\tt\tCDS\t11\t280\t.\t+\t0\tParent=transcript:T1
"""
SOURCE = """##fileformat=VCFv4.3
##INFO=<ID=AF,Number=A,Type=Float,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def other(base: str) -> str:
    return "ACGT"["ACGT".index(base) - 1]


def night(folder: Path, k: int) -> None:
    """A cohort more: alleles of its own and some that are there, with ids and a source."""
    places = sorted({11 + k, 31 + 7 * k, 201, 100 + k})
    rows = [f"c1 {p} rs{p} {BASES[p - 1]} {other(BASES[p - 1])} . . . GT 0/1" for p in places]
    make_vcf(folder / f"n{k}.vcf", rows, [f"P{k}"])


def config(folder: Path, nights: int) -> Path:
    (folder / "cohorts.tsv").write_text(
        "cohort\tfiles\n" + "".join(f"n{k}\tn{k}.vcf\n" for k in range(nights))
    )
    raw = {
        "assembly": {"name": "toy", "reference": "r.fa"},
        "genes": "genes.gff3",
        "cohorts": "cohorts.tsv",
        "policy": {"unlisted_samples": "unknown"},
        "sources": [{"name": "s", "path": "s.vcf", "kind": "allele", "fields": ["AF"]}],
    }
    path = folder / "config.json"
    path.write_text(json.dumps(raw))
    return path


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A store of some nights, and one of a single build."""
    folder = tmp_path_factory.mktemp("nights")
    make_fasta(folder / "r.fa", {"c1": BASES})
    (folder / "genes.gff3").write_text(GENES)
    source = [
        f"c1\t{p}\t.\t{BASES[p - 1]}\t{other(BASES[p - 1])}\t.\t.\tAF=0.{p}"
        for p in range(10, 250, 3)
    ]
    (folder / "s.vcf").write_text(SOURCE + "\n".join(source) + "\n")
    for k in range(NIGHTS):
        night(folder, k)
    with mock.patch.object(joinshared, "MOST", MOST):
        for k in range(NIGHTS):
            ingest_here(folder / "many", config(folder, k + 1))
    ingest_here(folder / "one", config(folder, NIGHTS))
    return folder / "many", folder / "one"


def test_what_is_joined_holds_the_same(stores: tuple[Path, Path]) -> None:
    many, one = map(varhouse.open, stores)
    assert many.release == NIGHTS + 1
    assert many.digest() == one.digest()
    assert [str(p) for p in verify(many)] == []
    for id_ in ("rs201", "rs14"):
        assert many.query(ids=id_).height == one.query(ids=id_).height == 1


def test_files_stay_few(stores: tuple[Path, Path]) -> None:
    store = varhouse.open(stores[0])
    files = {name: store.file_frame(name).height for name in SHARED}
    # Of ids each kind is joined by itself: rs, spdi, vrs.
    assert all(n <= 3 * MOST if name == "ids" else n <= MOST for name, n in files.items()), (
        files
    )
    rows = {name: store.file_frame(name)["num_records"].sum() for name in SHARED}
    assert rows["ingests"] == rows["accounts"] == NIGHTS
    for path in store.paths("ids"):
        kinds = pl.scan_parquet(path, hive_partitioning=False).select("kind").unique()
        assert kinds.collect().height == 1


def test_older_releases_keep_their_files(stores: tuple[Path, Path]) -> None:
    for release in range(2, NIGHTS + 2):
        store = varhouse.open(stores[0], release=release)
        assert store.scan("cohorts").collect().height == release - 1
        assert store.scan("variants").collect().height > 0


def test_what_is_joined_at_once_is_bounded(stores: tuple[Path, Path]) -> None:
    base = varhouse.open(stores[0])
    table = base.declaration("variants")
    small = joinshared._small_files(base, table, (("part", "c1"),), [])
    assert 1 < len(small) <= MOST
    with mock.patch.object(joinshared, "MOST", 1):
        assert [len(g) for g in joinshared._groups(table, small)] == [len(small)]
        with mock.patch.object(joinfiles, "JOINED_BYTES", 1):
            assert joinshared._groups(table, small) == []
    with mock.patch.object(joinshared, "SMALL_BYTES", 1):
        assert joinshared._small_files(base, table, (("part", "c1"),), []) == []


# --- what may not be joined, and what comes between ---


@pytest.fixture
def fx_store(stores: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the store of some nights, and a night that has not come yet."""
    shutil.copytree(stores[0].parent, tmp_path / "site")
    night(tmp_path / "site", NIGHTS)
    return tmp_path / "site" / "many"


def one_more(store: Path) -> None:
    with mock.patch.object(joinshared, "MOST", 1):
        ingest_here(store, config(store.parent, NIGHTS + 1))


def test_what_is_damaged_is_not_joined(
    fx_store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Joined, rows that nobody wrote would have a digest of their own."""
    before = varhouse.open(fx_store)
    changed, cut = before.paths("consequences")[0], before.paths("annotations_s")[0]
    rows = pl.read_parquet(changed, hive_partitioning=False)
    rows.with_columns(consequence=pl.lit("stop_gained")).write_parquet(changed)
    cut.write_bytes(cut.read_bytes()[:-40])
    one_more(fx_store)
    after = varhouse.open(fx_store)
    for table, path in (("consequences", changed), ("annotations_s", cut)):
        assert path in after.paths(table)
        assert path.name in caplog.text
        assert any(path.name in str(p) for p in verify(after))
    assert len(after.paths("variants")) == 1
    assert len(after.paths("ids")) < len(before.paths("ids")) + 3


def test_a_commit_that_was_killed_is_made_again(
    fx_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def reached(point: str) -> None:
        if point == "committed ids":
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(commit, "_reached", reached)
        with pytest.raises(Killed):
            one_more(fx_store)
    assert varhouse.open(fx_store).release == NIGHTS + 1
    one_more(fx_store)
    store = varhouse.open(fx_store)
    assert store.release == NIGHTS + 2
    assert [str(p) for p in verify(store)] == []
    ingest_here(fx_store.parent / "fresh", config(fx_store.parent, NIGHTS + 1))
    assert store.digest() == varhouse.open(fx_store.parent / "fresh").digest()
    # Of the files that were joined older releases tell the same.
    old = varhouse.open(fx_store, release=NIGHTS + 1)
    moved = pl.concat(compare_releases(old, store))
    assert moved["change"].unique().to_list() == ["added"]
    assert moved.height == store.scan("variants").collect().height - (
        old.scan("variants").collect().height
    )
    drop_cohort(fx_store, "n0")
    assert [str(p) for p in verify(varhouse.open(fx_store))] == []


def test_cohort_and_source_that_change_are_as_in_a_store_of_one_build(fx_store: Path) -> None:
    """Alleles that go take files with them; the source has another column and another type."""
    site = fx_store.parent
    rows = [
        f"c1 {p} rs{p} {BASES[p - 1]} {other(BASES[p - 1])} . . . GT 0/1" for p in (14, 77)
    ]
    make_vcf(site / "n3.vcf", rows, ["P3"])
    lines = [
        f"c1\t{p}\t.\t{BASES[p - 1]}\t{other(BASES[p - 1])}\t.\t.\tAF=x{p};AC={p}"
        for p in range(10, 250, 3)
    ]
    head = SOURCE.replace("Type=Float", "Type=String").replace(
        "#CHROM", '##INFO=<ID=AC,Number=A,Type=Integer,Description="x">\n#CHROM'
    )
    (site / "s.vcf").write_text(head + "\n".join(lines) + "\n")
    path = config(site, NIGHTS + 1)
    path.write_text(path.read_text().replace('"AF"', '"AF", "AC"'))
    before = varhouse.open(fx_store).paths("variants")
    with mock.patch.object(joinshared, "MOST", 1):
        ingest_here(fx_store, path)
        store = varhouse.open(fx_store)
        assert len(store.paths("variants")) == 1 < len(before)
        assert [str(p) for p in verify(store)] == []
        ingest_here(site / "fresh", path)
        assert store.digest() == varhouse.open(site / "fresh").digest()
        assert store.scan("annotations_s").collect_schema()["AF"] == pl.String


def test_what_a_source_says_in_another_type_is_left_as_it_is(
    stores: tuple[Path, Path], tmp_path: Path
) -> None:
    base = varhouse.open(stores[0])
    was = base.declaration("annotations_s")
    fixed = annotation_table("s", {}).names
    fields = {c.name: c.dtype for c in was.columns if c.name not in fixed}
    table = annotation_table("s", {**fields, "AF": pl.String()})
    rows = pl.read_parquet(base.paths("annotations_s")[0], hive_partitioning=False)
    rows = rows.with_columns(AF=pl.lit("x"))
    assert {*table.file_schema} == {*was.file_schema}
    shards = [write_shard(rows, table, tmp_path, f"s{k}", {"part": "c1"}) for k in range(3)]
    made = Manifest([s for s in shards if s is not None], [(table.name, {})], [])
    with mock.patch.object(joinshared, "MOST", 1):
        assert joinshared.join_shared(base, [made], tmp_path / "joined") == [made]
