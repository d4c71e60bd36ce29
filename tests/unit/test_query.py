"""Regions, genes, ids, the overview and the tables."""

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from builders import (
    add_tables,
    counts,
    make_contigs,
    make_rows,
    make_small_store,
    make_store,
    names_of,
    variant,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import varhouse
from varhouse.errors import StoreError, UsageError, VarhouseError
from varhouse.genome.regions import Region
from varhouse.query import Answer, Question, Selection, select
from varhouse.query.select import merge_spans
from varhouse.query.vcf import VcfWriter
from varhouse.store.reader import Store
from varhouse.tables.schema import KEY, TABLES


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return varhouse.open(make_small_store(tmp_path_factory.mktemp("query") / "store"))


def ask(store: Store, question: Question) -> pl.DataFrame:
    answer = Answer(store, question)
    return pl.concat([pl.DataFrame(schema=answer.schema), *answer.frames()])


def keys(store: Store, *, table: str | None = None, **selection: list[str]) -> list[str]:
    found = ask(store, Question(Selection(**selection), columns=KEY, table=table))
    return names_of(found)


# --- what is chosen ---


@pytest.mark.parametrize(
    ("regions", "expected"),
    [
        (["chr1:100-100"], ["chr1-95-ATTTTTTTTT-A", "chr1-100-A-C", "chr1-100-A-T"]),
        (["1:104"], ["chr1-95-ATTTTTTTTT-A"]),
        (["chr1:105-199"], []),
        (["chr1:48,000-49,000 NC_000002.1:50"], ["chr1-48210-C-T", "chr2-50-C-G"]),
        (["chr10", "chr2:60-"], ["chr2-60-G-GA", "chr10-5-T-C"]),
        (["chr1:96-97", "chr1:103-300"], ["chr1-95-ATTTTTTTTT-A", "chr1-200-G-A"]),
        (["chrX"], []),
    ],
)
def test_regions(store: Store, regions: list[str], expected: list[str]) -> None:
    assert keys(store, regions=regions) == expected
    assert keys(store, table="variants", regions=regions) == expected


def test_rows_are_in_the_order_of_the_assembly(store: Store) -> None:
    found = ask(store, Question(columns=KEY))
    assert found["contig"].unique(maintain_order=True).to_list() == ["chr1", "chr2", "chr10"]
    assert found.rows() == sorted(
        found.rows(), key=lambda r: (["chr1", "chr2", "chr10"].index(r[0]), *r[1:])
    )


def test_genes(store: Store) -> None:
    own = ["chr1-95-ATTTTTTTTT-A", "chr1-100-A-C", "chr1-100-A-T"]
    assert keys(store, genes=["demo1"]) == own
    assert keys(store, genes=["g1"]) == own
    assert keys(store, genes=["DEMO1", "DEMO7"]) == [*own, "chr1-48210-C-T"]
    assert keys(store, genes=["DEMO2"], regions=["chr1:150-250"]) == ["chr1-200-G-A"]
    assert keys(store, genes=["DEMO7"], regions=["chr2"]) == []
    with pytest.raises(StoreError, match=r"no gene 'DEM07'.*nearest: DEMO7"):
        Answer(store, Question(Selection(genes=["DEM07"])))


def test_an_allele_must_reach_both_the_gene_and_the_region(store: Store) -> None:
    # The deletion 95-104 reaches gene G1 (98-150) and the region, which do not meet.
    assert keys(store, genes=["G1"], regions=["chr1:90-96"]) == ["chr1-95-ATTTTTTTTT-A"]
    assert keys(store, genes=["G2"], regions=["chr1:90-96"]) == ["chr1-95-ATTTTTTTTT-A"]
    assert keys(store, genes=["G7"], regions=["chr1:90-96"]) == []


@pytest.mark.parametrize(
    "id_",
    ["rs7", "rs33", "ga4gh:VA.1", "NC_000001.1:99:A:T", "chr1:99:A:T", "NC_000001.1:g.100A>T",
     "chr1:g.100A>T", "chr1-100-A-T", "1-100-a-t", "NC_000001.1-100-A-T", " rs7 "],
)  # fmt: skip
def test_ids(store: Store, id_: str) -> None:
    assert keys(store, ids=[id_]) == ["chr1-100-A-T"]


def test_ids_that_nothing_has(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    for id_ in ("rs999", "chr1-100-A-G", "ga4gh:VA.x", "NC_000001.1:g.100A>G", "nonsense"):
        assert keys(store, ids=[id_]) == []
    with pytest.raises(UsageError, match="no contig 'chr99'"):
        keys(store, ids=["chr99-1-A-T"])
    text = caplog.text
    assert text.count("rs999: no such id in release 3") == 1
    assert text.count("ga4gh:VA.x: no such id") == 1
    assert text.count("chr1-100-A-G: no such allele") == 1
    assert text.count("nonsense: no id in release 3, and no name of an allele; forms: rs") == 1
    assert keys(store, ids=["rs8", "rs7"]) == ["chr1-100-A-T", "chr2-50-C-G"]
    assert keys(store, ids=["rs8", "rs7"], regions=["chr2"]) == ["chr2-50-C-G"]
    assert keys(store, ids=["rs7"], genes=["DEMO7"]) == []


def test_a_vrs_id_is_found_without_the_table_ids(store: Store) -> None:
    assert keys(store, ids=["ga4gh:VA.3"]) == ["chr1-200-G-A"]


def test_hgvs_shifted_far_from_the_key(tmp_path: Path) -> None:
    far = variant("chr1-10-CA-C", hgvs_g="NC_000001.1:g.30000del")
    made = varhouse.open(make_store(tmp_path / "s", {"variants": [far]}))
    assert keys(made, ids=["NC_000001.1:g.30000del"]) == ["chr1-10-CA-C"]


def test_spans_are_merged() -> None:
    regions = [Region("a", 5, 9), Region("a", 1, 4), Region("b", 3), Region("a", 20, 30),
               Region("b", 9, 10), Region("a", 25, 26)]  # fmt: skip
    assert merge_spans(regions) == {"a": [(1, 9), (20, 30)], "b": [(3, None)]}


# --- the overview ---


def test_the_default_overview(store: Store) -> None:
    found = ask(store, Question(Selection(ids=["rs7"]))).to_dicts()
    assert found == [
        {
            "contig": "chr1",
            "pos": 100,
            "ref": "A",
            "alt": "T",
            "extent": "",
            "id": "rs7;rs33",
            "type": "snv",
            "gene": "DEMO1;DEMO2",
            "consequence": "stop_gained",
            "impact": "HIGH",
            "hgvs_g": "NC_000001.1:g.100A>T",
            "ac": 2,
            "an": 1100,
            "af": 2 / 1100,
            "af_east-1": 0.01,
            "af_north": 0.0025,
            "af_south": 0.0,
        }
    ]


def test_not_assessed_is_null_and_reference_is_zero(store: Store) -> None:
    columns = ["af_north", "af_south", "an_south", "af"]
    found = ask(store, Question(columns=[*KEY, *columns]))
    by_key = {"-".join(map(str, r[:4])): r[5:] for r in found.rows()}
    assert by_key["chr1-100-A-T"] == (0.0025, 0.0, 600, 2 / 1100)
    assert by_key["chr2-50-C-G"] == (None, 0.5, 10, 0.5)
    assert by_key["chr2-60-G-GA"] == (None, None, 0, None)
    assert by_key["chr10-5-T-C"] == (None, None, None, None)


def test_the_worst_transcript_is_canonical_first(store: Store) -> None:
    columns = [
        "transcript_id",
        "amino_acids",
        "codons",
        "exon",
        "gene_name",
        "n_het",
        "vrs_id",
    ]
    found = ask(store, Question(Selection(ids=["rs7"]), columns=columns))
    assert found.rows() == [("T2", "K/*", "Aag/Tag", "1/2", "DEMO1", 1, "ga4gh:VA.1")]


def test_annotations_are_columns(store: Store) -> None:
    question = Question(
        Selection(genes=["DEMO1"]), ["clinvar.stars > 1"], ["pos", "alt", "clinvar.clnsig"]
    )
    assert ask(store, question).rows() == [(100, "T", "Pathogenic;Benign")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (['impact == "HIGH" and af < 0.01'], [100, 48210]),
        (["impact = 'HIGH'", "`af_east-1` > 0"], [100]),
        (["af is null"], [60, 5]),
        (["an = 0"], [60]),
        (["gene like '%DEMO2%'"], [100, 200]),
        (["id is not null and type = 'snv'"], [100, 50]),
    ],
)
def test_conditions(store: Store, where: list[str], expected: list[int]) -> None:
    found = ask(store, Question(where=where, columns=["pos"]))
    assert found["pos"].to_list() == expected


def test_limit(store: Store) -> None:
    for limit, cut in ((0, True), (3, True), (7, True), (8, False), (9, False)):
        answer = Answer(store, Question(columns=["pos"], limit=limit))
        assert sum(f.height for f in answer.frames()) == min(limit, 8)
        assert answer.cut == cut


def test_an_empty_store(tmp_path: Path) -> None:
    empty = varhouse.open(make_store(tmp_path / "s", {}))
    assert ask(empty, Question()).columns == list(varhouse.query.overview.DEFAULT)
    assert ask(empty, Question(Selection(regions=["chr1:1-5"]))).is_empty()
    with pytest.raises(StoreError, match="knows no genes"):
        ask(empty, Question(Selection(genes=["X"])))


# --- tables ---


def test_tables_with_a_key(store: Store) -> None:
    assert ask(store, Question(table="frequencies")).height == 11
    found = ask(
        store,
        Question(
            Selection(regions=["chr1:100"]), ["stratum_by = 'province'"], table="frequencies"
        ),
    )
    assert found.select("stratum", "ac", "an").rows() == [("11", 1, 300), ("33", 0, 100)]
    assert "part" not in found.columns
    own = ask(store, Question(Selection(genes=["DEMO1"]), table="consequences"))
    assert own["transcript_id"].to_list() == ["T1", "T2"]
    assert ask(store, Question(Selection(ids=["rs7"]), table="ids")).height == 5
    assert (
        ask(store, Question(Selection(ids=["rs7"]), table="annotations_clinvar")).height == 2
    )


def test_tables_without_a_key(store: Store) -> None:
    names = ask(store, Question(table="cohorts", columns=["cohort"]))["cohort"].to_list()
    assert names == ["east-1", "north", "south"]
    assert ask(store, Question(table="contigs"))["contig"].to_list()[:2] == ["chr1", "chr2"]
    genes = ask(store, Question(Selection(regions=["chr1:299-48,000"]), table="genes"))
    assert genes["gene_name"].to_list() == ["DEMO2", "DEMO7"]
    assert ask(store, Question(Selection(genes=["G7"]), table="genes")).height == 1


@pytest.mark.parametrize(
    ("question", "error", "message"),
    [
        (Question(table="frequencis"), StoreError, "nearest: frequencies"),
        (Question(columns=["gnee"]), UsageError, "no column 'gnee' here; nearest: gene"),
        (Question(columns=["af_norht"]), UsageError, "nearest: af_north"),
        (Question(where=["af_norht > 0"]), UsageError, "nearest: af_north"),
        (
            Question(Selection(regions=["chr1"]), table="cohorts"),
            UsageError,
            "--region cannot",
        ),
        (Question(Selection(ids=["rs7"]), table="genes"), UsageError, "--id cannot"),
        (Question(Selection(ids=["rs7"]), table="sites"), UsageError, "as they stood"),
        (Question(Selection(regions=["chr3"])), UsageError, "no contig 'chr3'"),
        (Question(Selection(regions=[""])), UsageError, "no contig ''"),
        (Question(Selection(regions=["chr1:9-5"])), UsageError, "is empty"),
    ],
)
def test_mistakes(
    store: Store, question: Question, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        Answer(store, question)
    assert message in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("question", "fix"),
    [
        (Question(columns=["zzz"]), "`varhouse describe STORE query` lists them"),
        (Question(columns=["zzz"], table="ids"), "`varhouse describe STORE ids` lists them"),
        (Question(where=['source == "x" and zz > 1'], table="ids"), "one of id, kind, contig"),
        (Question(where=['stratum == "nope"'], table="totals"), "one of 11, all"),
        (Question(where=['contig == "chr9"']), "one of chr1, chr2"),
        (Question(Selection(regions=["chr9:1"])), "one of chr1, chr2"),
        (Question(table="zzz"), "`varhouse describe STORE` lists the tables"),
    ],
)
def test_the_fix_of_a_wrong_name_says_the_right_ones(
    store: Store, question: Question, fix: str
) -> None:
    with pytest.raises(VarhouseError) as caught:
        Answer(store, question)
    assert caught.value.fix.startswith(fix)


# --- pieces ---


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Build a contig of 400 alleles with REFs of 1-40 bases in three files, one cohort."""
    names = [f"chr1-{(i * 37) % 1999 + 1}-{'A' * (1 + i % 40)}T-A" for i in range(400)]
    rows = [counts(n, i, 1000, cohort="c") for i, n in enumerate(names)]
    path = tmp_path_factory.mktemp("dense") / "s"
    tables = {
        "variants": [variant(n) for n in names],
        "frequencies": rows,
        "totals": [{k: v for k, v in r.items() if k != "cohort"} for r in rows],
        "cohorts": [{"cohort": "c"}],
    }
    return varhouse.open(make_store(path, tables, pieces=3))


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 2100), st.integers(0, 300)), min_size=1, max_size=4),
    st.sampled_from(["variants", "frequencies", None]),
    st.sampled_from([20, 150, 10**6]),
)
def test_pieces_give_each_row_once(
    dense: Store, spans: list[tuple[int, int]], table: str | None, size: int
) -> None:
    regions = [f"chr1:{a}-{a + n}" for a, n in spans]
    every = dense.scan("variants").collect().select(KEY).rows()
    expected = sorted(
        r for r in every if any(r[1] <= a + n and r[1] + len(r[2]) > a for a, n in spans)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(select, "PIECE_ROWS", size)
        found = ask(dense, Question(Selection(regions=regions), columns=KEY, table=table))
        assert found.rows() == expected


def test_regions_agree_with_bcftools(dense: Store, tmp_path: Path) -> None:
    answer = Answer(dense, Question())
    assert answer.overview is not None
    with (tmp_path / "all.vcf").open("wb") as file:
        writer = VcfWriter(file, answer.overview)
        for frame in answer.frames(writer.columns):
            writer.write(frame)
    code = """if True:
        import sys, pysam.bcftools as b
        b.view("-Oz", "-o", "all.vcf.gz", "all.vcf", catch_stdout=False)
        b.index("all.vcf.gz", catch_stdout=False)
        for region in sys.argv[1:]:
            print(region, *b.query("-f", "%POS-%REF ", "-r", region, "all.vcf.gz").split())
    """
    regions = ["chr1:500-520", "chr1:1-1", "chr1:1999-", "chr1:777", "chr1:300-900"]
    made = subprocess.run(
        [sys.executable, "-c", code, *regions],
        check=True, capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    for line in made.stdout.splitlines():
        region, *expected = line.split()
        found = ask(dense, Question(Selection(regions=[region]), columns=KEY)).rows()
        assert sorted(f"{r[1]}-{r[2]}" for r in found) == sorted(expected)
        assert expected


# --- the Python interface ---


def test_what_an_analyst_writes(tmp_path: Path) -> None:
    path = make_small_store(tmp_path / "store")
    (path / "_store" / "tags").mkdir()
    (path / "_store" / "tags" / "2026.11").write_text("3\n")
    store = varhouse.open(path, release="2026.11")
    rare = (
        store.variants(region="chr1:1-49,000")
        .join(store.frequencies(stratum_by="province"), on=store.key)
        .filter(pl.col("af") < 0.001)
    )
    assert rare.collect().select("pos", "stratum", "ac", "an").rows() == [(100, "33", 0, 100)]
    assert "files" in store.explain("variants", "chr1:1-49,000")
    described = store.schema("frequencies")
    assert described.columns == ["name", "type", "nullable", "meaning"]
    assert dict(described.select("name", "meaning").rows())["ac"] == "called copies of alt"


def test_contigs_in_one_partition(tmp_path: Path) -> None:
    contigs = make_contigs([f"s{i}" for i in range(300)])
    path = tmp_path / "s"
    make_store(path, {"variants": [variant(f"s{i}-5-A-T") for i in (299, 250, 3)]}, contigs)
    more = make_rows(TABLES["variants"], [variant("s250-9-A-T")])
    add_tables(path, {"variants": more}, contigs)
    found = varhouse.open(path)
    assert keys(found) == ["s3-5-A-T", "s250-5-A-T", "s250-9-A-T", "s299-5-A-T"]
    assert keys(found, regions=["s250:6-"]) == ["s250-9-A-T"]
