"""Reading: pruned to the region and the partition, pinned, typed, whatever is missing."""

import inspect
import shutil
from pathlib import Path

import polars as pl
import pytest
from builders import make_store
from hypothesis import given, settings
from hypothesis import strategies as st
from store_builders import COHORT_A, COHORT_B, CONTIGS, add_cohort, fill, new_store

import varhouse
from varhouse.errors import StoreError, UsageError
from varhouse.genome.contigs import Contig, Contigs
from varhouse.store.commit import commit, init_store
from varhouse.store.layout import write_json
from varhouse.store.reader import Store, open_store
from varhouse.tables.schema import CONSEQUENCES, TABLES, VARIANTS
from varhouse.tables.shards import Manifest, write_shard


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of two cohorts: release 2 holds a, release 3 both."""
    path = new_store(tmp_path_factory.mktemp("reader") / "store")
    add_cohort(path, "a", COHORT_A, "ingest-a")
    add_cohort(path, "b", COHORT_B, "ingest-b")
    write_json(path / "_store" / "tags" / "first", 2, replace=True)
    return path


@pytest.fixture
def store(path: Path) -> Store:
    return varhouse.open(path)


def test_a_release_by_number_and_tag(path: Path) -> None:
    assert open_store(path).release == open_store(path, "latest").release == 3
    assert open_store(path, "first").release == open_store(path, 2).release == 2
    assert open_store(path, "2").frequencies().collect()["cohort"].unique().to_list() == ["a"]
    with pytest.raises(StoreError, match=r"no release 7; it has 1 to 3"):
        open_store(path, 7)
    with pytest.raises(StoreError, match="nearest: first"):
        open_store(path, "frist")


def test_what_is_no_store(tmp_path: Path, path: Path) -> None:
    with pytest.raises(StoreError, match=r"is no varhouse store.*\n.*varhouse ingest"):
        open_store(tmp_path)
    newer = shutil.copytree(path, tmp_path / "newer")
    write_json(newer / "_store" / "store.json", {"format": 99}, replace=True)
    with pytest.raises(StoreError, match="format 99"):
        open_store(newer)
    (newer / "_store" / "store.json").write_text("{")
    with pytest.raises(StoreError, match="is damaged"):
        open_store(newer)


def test_every_declared_table_can_be_scanned(store: Store) -> None:
    for name, table in TABLES.items():
        frame = store.scan(name).collect()
        assert dict(frame.schema) == dict(table.polars_schema), name
        if "part" in table.partition:
            assert store.scan(name, part="none").collect().schema == frame.schema
    assert store.scan("genes").collect().is_empty()
    with pytest.raises(StoreError, match="no table 'variant'; nearest: variants"):
        store.scan("variant")
    with pytest.raises(StoreError, match="not partitioned by cohort"):
        store.scan("variants", cohort="a")
    with pytest.raises(StoreError, match="no positions"):
        store.scan("cohorts", start=3)
    with pytest.raises(AttributeError, match="no 'varients'; nearest: variants"):
        store.varients  # noqa: B018


def test_methods_for_analysts(store: Store) -> None:
    assert store.key == ["contig", "pos", "ref", "alt", "extent"]
    assert store.variants("chr1:15-25").collect()["pos"].to_list() == [20]
    assert set(store.frequencies("1", cohort="b").collect()["cohort"]) == {"b"}
    both = store.frequencies("1:10", cohort=["a", "b"], stratum_by="all").collect()
    assert sorted(both.select("cohort", "ac").rows()) == [("a", 1), ("b", 3)]
    assert store.consequences("HLA-A*01:01:5-5").collect().height == 2
    assert store.scan("ids", id="rs30").collect()["pos"].to_list() == [30]
    assert store.meta["assembly"] == store.assembly == "demo1"
    assert store.assembly_contigs.canonical("chr1") == "1"
    assert store.schema("variants").columns == ["name", "type", "nullable", "meaning"]
    assert "meaning" in store.schema("annotations_demo").columns
    with pytest.raises(UsageError, match="no contig 'chr9'"):
        store.variants("chr9")


def test_only_files_that_can_hold_the_region(store: Store) -> None:
    assert len(store.paths("variants")) == 4
    assert len(store.paths("variants", contig="1")) == 2
    assert len(store.paths("variants", contig="1", start=25)) == 1
    assert len(store.paths("variants", contig="1", start=21, end=21)) == 1
    assert store.paths("variants", contig="1", start=22, end=29) == []
    assert len(store.paths("frequencies", cohort="a", part="1")) == 1
    assert store.paths("ids", id="zz") == []
    assert all(f.exists() for t in store.tables for f in store.paths(t))


def test_a_region_opens_few_files_of_any_table(tmp_path: Path) -> None:
    """Only a symbolic allele reaches over, and of variants the log says how far."""
    spots = range(100, 1000, 100)
    at = [{"contig": "chr1", "pos": p, "ref": "A", "alt": "C"} for p in spots]
    own = [{**r, "cohort": "a"} for r in at]
    symbolic = {"contig": "chr1", "pos": 150, "ref": "A", "alt": "<DEL>"}
    far, near = {**symbolic, "extent": "700"}, {**symbolic, "extent": "20"}
    spans = [{"contig": "chr1", "start": p, "end": p + 50} for p in spots]
    variants = [{**r, "end": r["pos"], "extent": ""} for r in at]
    rows = {
        "variants": [*variants, {**far, "end": 850}, {**near, "end": 170}],
        "frequencies": [{**r, "extent": ""} for r in own] + [{**far, "cohort": "a"}],
        "sites": own,
        "genotypes": own,
        "genes": spans,
        "transcripts": spans,
    }
    store = open_store(make_store(tmp_path / "s", rows, pieces=12))
    region = {"contig": "chr1", "start": 800, "end": 810}
    opened = {t: len(store.paths(t, **region)) for t in rows}
    assert opened == {
        "variants": 2,
        "frequencies": 2,
        "sites": 1,
        "genotypes": 1,
        "genes": 1,
        "transcripts": 1,
    }
    assert store.scan("variants", **region).collect()["pos"].sort().to_list() == [150, 800]
    assert store.scan("frequencies", **region).collect()["pos"].sort().to_list() == [150, 800]


def test_a_source_may_call_a_field_end(tmp_path: Path) -> None:
    """What a source says of an allele is not how far the allele reaches."""
    row = {"contig": "chr1", "pos": 150, "ref": "A", "alt": "<DEL>", "extent": "700"}
    fixed = {"source_version": "1", "licence": ""}
    said = pl.DataFrame([{**row, "end": 3, **fixed}], schema_overrides={"pos": pl.Int32})
    store = open_store(make_store(tmp_path / "s", {"annotations_demo": said}))
    assert store.scan("annotations_demo", contig="chr1", start=800).collect().height == 1


def test_a_public_message_does_not_give_the_path(path: Path) -> None:
    public = open_store(path, audience="public")
    for wrong in (
        lambda: public.scan("frequencies", cohort="nobody"),
        lambda: public.frequencies(stratum_by="nothing"),
        lambda: public.scan("variant"),
    ):
        with pytest.raises(StoreError) as told:
            wrong()
        assert str(path) not in str(told.value)
        assert "of store has no" in str(told.value)


def test_explain(store: Store) -> None:
    assert store.explain("variants").startswith("4 of 4 files, 4 of 4 row groups, ")
    assert store.explain("variants", "1:30").startswith("1 of 4 files, ")
    total = len(store.paths("frequencies"))
    assert total == store.record.tables["frequencies"].files > 2
    said = store.explain("frequencies", "chr1:30", cohort="b")
    assert said.startswith(f"1 of {total} files, ")
    assert store.explain("genes").startswith("0 of 0 files, ")


def test_every_table_is_a_method(store: Store) -> None:
    assert set(TABLES) <= set(dir(Store))
    for name, table in TABLES.items():
        parameters = inspect.signature(getattr(Store, name)).parameters
        by_place = "contig" in table.names and bool({"pos", "start"} & set(table.names))
        wanted = {"self", *table.partition, *(["region"] if by_place else [])}
        assert set(parameters) - {"stratum_by"} == wanted, name
        frame = getattr(store, name)()
        assert frame.collect_schema() == store.scan(name).collect_schema(), name
    assert store.files().collect().height == store.scan("files").collect().height
    assert store.contigs().collect()["contig"].to_list() == store.assembly_contigs.names
    rows = store.annotations("demo", "1:1-20").collect()
    assert rows.equals(store.table("annotations_demo", "1:1-20").collect())


def test_digest(path: Path) -> None:
    store = open_store(path)
    assert len(store.digest()) == 64
    assert store.digest() != open_store(path, 2).digest()
    assert "ingests" in store.tables
    assert "ingests" not in store.table_digests()


def test_a_store_in_a_folder_named_like_a_partition(path: Path, tmp_path: Path) -> None:
    """Polars would otherwise take `species=x`, or worse `part=x`, for its partitions."""
    for folder in ("species=x", "part=x [1]"):
        copy = shutil.copytree(path, tmp_path / folder / "store")
        rows = open_store(copy).frequencies().collect()
        expected = open_store(path).frequencies().collect()
        assert rows.columns == expected.columns
        assert sorted(rows.rows()) == sorted(expected.rows())


ALLELES = st.lists(
    st.tuples(st.integers(1, 60), st.integers(1, 12)), min_size=1, max_size=12, unique=True
)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(ALLELES, st.integers(1, 70), st.integers(0, 30))
def test_a_region_holds_what_overlaps_it(
    tmp_path_factory: pytest.TempPathFactory, alleles: list, start: int, length: int
) -> None:
    """Long deletions that begin before the region are found, through several files."""
    path = new_store(tmp_path_factory.mktemp("region") / "s")
    shards = [
        write_shard(
            fill(
                VARIANTS,
                [
                    {"contig": "1", "pos": p, "ref": "A" * n, "alt": "A", "end": p + n - 1}
                    for p, n in alleles[k::3]
                ],
            ),
            VARIANTS,
            path / "_staging",
            f"v{k}",
            {"part": "1"},
        )
        for k in range(3)
    ]
    made = Manifest([s for s in shards if s])
    commit(path, [made], ingest_id="i", operation="i", base_release=1)
    end = start + length
    store = open_store(path)
    found = store.scan("variants", contig="1", start=start, end=end).collect()
    expected = [(p, n) for p, n in alleles if p <= end and p + n - 1 >= start]
    lengths = found.select("pos", pl.col("ref").str.len_bytes().cast(pl.Int64))
    assert sorted(lengths.rows()) == sorted(expected)
    assert store.scan("variants", contig="HLA-A*01:01", start=start).collect().is_empty()


def test_many_short_contigs_share_a_partition(tmp_path: Path) -> None:
    contigs = Contigs(
        [Contig("big", length=10**6), *(Contig(f"s{i}", length=1000 - i) for i in range(300))]
    )
    init_store(tmp_path / "s", "many", contigs)
    shard = write_shard(
        fill(CONSEQUENCES, [{"contig": f"s{i}", "pos": 5, "ref": "A"} for i in (250, 280)]),
        CONSEQUENCES,
        tmp_path / "w",
        "c",
        {"part": contigs.part("s280")},
    )
    commit(tmp_path / "s", [Manifest([shard])], ingest_id="i", operation="i", base_release=1)
    store = open_store(tmp_path / "s")
    assert store.assembly_contigs.part("s280") == "other"
    assert store.assembly_contigs.part("big") == "big"
    assert store.consequences("s280").collect()["contig"].to_list() == ["s280"]
    assert store.paths("consequences", contig="big") == []
    assert store.paths("consequences", contig="s200") == []


def test_contigs_come_back_as_they_were(store: Store) -> None:
    assert [(c.name, c.aliases, c.length) for c in store.assembly_contigs.contigs] == [
        (c.name, c.aliases, c.length) for c in CONTIGS.contigs
    ]
