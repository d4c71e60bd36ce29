"""Conditions on what an allele has several of: genes, ids, records of a source."""

from pathlib import Path

import polars as pl
import pytest
from builders import add_tables, counts, key, make_contigs, make_store, variant

import varhouse
from varhouse.cli import main
from varhouse.errors import StoreError, UsageError, VarhouseError
from varhouse.genome.reference import Reference, compile_reference
from varhouse.query import Answer, Question
from varhouse.query.expression import parse_where
from varhouse.query.selection import find_genes, find_keys
from varhouse.query.sql import run_sql
from varhouse.store.reader import Store

BASES = "ACGTTTGCAT"
KEYS = ["chr1-1-A-C", "chr1-2-C-G", "chr1-3-G-A", "chr1-4-T-A", "chr1-9-A-C"]
SCHEMA = {
    "n": pl.List(pl.Int32), "t": pl.List(pl.String), "b": pl.List(pl.Boolean),
    "x": pl.Float64, "w": pl.String,
}  # fmt: skip
LISTS = pl.DataFrame(
    [
        [[1, 9], ["a", "b"], [False, True], 5.0, "b"],
        [[5], ["c"], [False], 5.0, "d"],
        [[], [], [], 5.0, "a"],
        [None, None, None, 5.0, "a"],
        [[None, 20], [None, "a"], [None, True], None, None],
    ],
    schema=SCHEMA,
    orient="row",
)


def rows(text: str) -> list[int]:
    condition = parse_where(text, SCHEMA)
    return (
        LISTS.with_row_index("_").lazy().filter(condition.expression).collect()["_"].to_list()
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n == 9", [0]),
        ("9 == n", [0]),
        ("n != 9", [1, 2, 4]),
        ("not n == 9", [1, 2, 4]),
        ("n > 4", [0, 1, 4]),
        ("4 < n", [0, 1, 4]),
        # One and the same value: row 0 has one below and one above.
        ("n between 4 and 8", [1]),
        ("4 <= n <= 8", [1]),
        ("8 > n > 1", [1]),
        ("n not between 4 and 8", [0, 2, 4]),
        ("n in (5, 20)", [1, 4]),
        ("n not in (5, 20)", [0, 2]),
        ("n == x", [1]),
        ("n != x", [0, 2]),
        ("n < x", [0]),
        ("n >= x", [0, 1]),
        ("n * 2 == 10", [1]),
        ("-n < -8", [0, 4]),
        ("n - x == 4", [0]),
        ("t == 'a'", [0, 4]),
        ("t != 'a'", [1, 2]),
        ("t == w", [0]),
        ("t like 'b%'", [0]),
        ("t not like 'b%'", [1, 2, 4]),
        ("t ~ '[bc]'", [0, 1]),
        ("t in ('c', 'b')", [0, 1]),
        ("b", [0, 4]),
        ("not b", [1, 2]),
        ("b == false", [0, 1]),
        ("t is null", [3]),
        ("n == 9 and t == 'b'", [0]),
    ],
)
def test_one_value_that_fits_is_enough(text: str, expected: list[int]) -> None:
    assert rows(text) == expected


@pytest.mark.parametrize(
    "text", ["t > 3", "n like 'a'", "n", "n + n > 3", "x < n < x", "t between w and 'c'"]
)
def test_what_a_list_cannot_do(text: str) -> None:
    with pytest.raises(UsageError):
        rows(text)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Overlapping genes, several rs ids, and a source that holds an allele twice."""
    folder = tmp_path_factory.mktemp("lists")
    consequences = [
        {
            **key(KEYS[i]), "transcript_id": f"T{gene}", "gene_id": f"ENSG{gene}",
            "gene_name": name, "terms": terms, "most_severe": worst, "strand": 1,
            "consequence": "x", "impact": "HIGH", "biotype": "protein_coding",
        }
        for i, gene, name, terms, worst in [
            (0, 1, "AAA", 8, True), (0, 2, "BBB", 4096, False), (1, 2, "BBB", 8, True),
            (2, 3, None, 8, True), (2, 1, "AAA", 8, True), (3, 4, "A;B", 8, True),
        ]
    ]  # fmt: skip
    genes = [
        {"gene_id": f"ENSG{i}", "gene_name": name, "contig": "chr1", "start": i, "end": i,
         "xrefs": xrefs}
        for i, name, xrefs in [
            (1, "AAA", ["GeneID:79501", "HGNC:5"]), (2, "BBB", []), (3, None, []),
            (4, "A;B", ["GeneID:7"]),
        ]
    ] + [
        {"gene_id": g, "gene_name": None, "contig": "chr1", "start": 9, "end": 9, "xrefs": []}
        for g in ("CHS.7.2", "Y7.1", "Y7.2")
    ]  # fmt: skip
    frequencies = [
        {**key(KEYS[0]), "cohort": "north", "stratum_by": by, "stratum": s, "ac": 1, "an": 2}
        for by, s in (("all", "all"), ("sex", "male"))
    ]
    ids = [
        {"id": i, "kind": "rs", **key(KEYS[k]), "source": "cohort:north"}
        for k, i in [(0, "rs2"), (0, "rs10"), (1, "rs3")]
    ]
    path = make_store(
        folder / "s",
        {
            "variants": [variant(k, ref_checked=True) for k in KEYS],
            "ids": ids,
            "consequences": consequences,
            "genes": genes,
            "frequencies": frequencies,
            "totals": [counts(KEYS[0], 1, 2), counts(KEYS[1], 1, 2)],
            "cohorts": [{"cohort": "north"}, {"cohort": "south"}],
        },
        make_contigs(),
    )
    two = [
        (KEYS[0], 0.1, 1, 4, "x", ["p"], False),
        (KEYS[0], 0.7, 3, 4, "y;z", ["q", "r"], True),
        (KEYS[1], 0.2, 1, 5, None, None, False),
        (KEYS[2], None, None, None, "x", ["p"], None),
        (KEYS[2], 0.6, None, 4, "x", None, None),
    ]
    frame = pl.DataFrame(
        [
            {
                **key(k),
                "AF": af,
                "AC": ac,
                "AN": an,
                "NOTE": n,
                "L": values,
                "F": flag,
                "source_version": "1",
                "licence": None,
                "part": "",
            }
            for k, af, ac, an, n, values, flag in two
        ],
        schema_overrides={"pos": pl.Int32, "licence": pl.String},
    )
    add_tables(path, {"annotations_src": frame}, make_contigs())
    return varhouse.open(path)


def places(store: Store, where: str) -> list[int]:
    answer = Answer(store, Question(where=[where], columns=["pos"]))
    return [p for frame in answer.frames() for p in frame["pos"]]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('gene == "AAA"', [1, 3]),
        ('gene == "BBB"', [1, 2]),
        ('genes == "BBB"', [1, 2]),
        ('gene != "BBB"', [3, 4]),
        ('not gene == "BBB"', [3, 4]),
        ('gene in ("BBB", "ENSG3")', [1, 2, 3]),
        ('gene not in ("BBB", "ENSG3")', [4]),
        ('gene == "A;B"', [4]),
        ('gene == "B"', []),
        ('gene like "A%"', [1, 3, 4]),
        ("gene is null", [9]),
        ('gene == "AAA" and gene == "BBB"', [1]),
        ('id == "rs2"', [1]),
        ('id == "rs10"', [1]),
        ('id in ("rs10", "rs3")', [1, 2]),
        ('id != "rs2"', [2]),
        ("id is null", [3, 4, 9]),
        ("src.AF > 0.5", [1, 3]),
        ("src.AF < 0.15", [1]),
        ("src.AF == 0.7", [1]),
        ("src.AF != 0.7", [2, 3]),
        ("src.AF between 0.2 and 0.65", [2, 3]),
        ("src.AC / src.AN > 0.5", [1]),
        ("src.AF > af", [1]),
        ("src.AF is null", [4, 9]),
        ("src.AF is not null", [1, 2, 3]),
        ("src.AC is null", [3, 4, 9]),
        ('src.NOTE == "y;z"', [1]),
        ('src.NOTE == "z"', []),
        ('src.L == "q"', [1]),
        ('src.L != "p"', []),
        ("src.F", [1]),
        ("src.n_records > 1", [1, 3]),
    ],
)
def test_conditions_are_about_all(store: Store, where: str, expected: list[int]) -> None:
    assert places(store, where) == expected


def test_cells_say_what_the_conditions_mean(store: Store) -> None:
    columns = ["gene", "genes", "id", "src.AF", "src.NOTE", "src.L", "src.F", "src.n_records"]
    answer = Answer(store, Question(columns=columns))
    table = pl.concat(list(answer.frames()))
    assert table.rows()[:3] == [
        ("AAA", ["AAA", "BBB"], "rs2;rs10", 0.1, "x;y;z", ["p", "q", "r"], True, 2),
        ("BBB", ["BBB"], "rs3", 0.2, None, None, False, 1),
        ("AAA;ENSG3", ["AAA", "ENSG3"], None, 0.6, "x", ["p"], None, 2),
    ]
    assert table["gene"].to_list()[3:] == ["A;B", None]
    # A number of several records is told to be the first.
    assert answer.several == {"src": 2}
    assert Answer(store, Question(columns=["src.NOTE"])).several == {}


def test_sql_and_python_find_the_same_alleles(store: Store) -> None:
    query = "SELECT DISTINCT pos FROM consequences WHERE gene_name = 'BBB' ORDER BY pos"
    by_sql = [p for b in run_sql(store, query).batches for p in b["pos"]]
    frame = store.consequences().filter(pl.col("gene_name") == "BBB")
    by_python = frame.select("pos").unique().sort("pos").collect()["pos"].to_list()
    assert by_sql == by_python == places(store, 'gene == "BBB"')
    query = "SELECT DISTINCT pos FROM annotations_src WHERE AF > 0.5 ORDER BY pos"
    by_sql = [p for b in run_sql(store, query).batches for p in b["pos"]]
    assert by_sql == places(store, "src.AF > 0.5")


# --- names of genes ---


@pytest.mark.parametrize(
    ("name", "gene_id"),
    [
        ("aaa", "ENSG1"), ("ENSG1.5", "ENSG1"), ("ensg1.12", "ENSG1"), ("ENSG1", "ENSG1"),
        ("HGNC:5", "ENSG1"), ("hgnc:HGNC:5", "ENSG1"), ("79501", "ENSG1"),
        ("GeneID:79501", "ENSG1"), ("Entrez:79501", "ENSG1"), ("7", "ENSG4"),
        ("CHS.7", "CHS.7.2"), ("Y7.2", "Y7.2"), ("A;B", "ENSG4"),
    ],
)  # fmt: skip
def test_genes_by_any_of_their_ids(store: Store, name: str, gene_id: str) -> None:
    assert find_genes(store, [name])["gene_id"].to_list() == [gene_id]


@pytest.mark.parametrize("name", ["Y7", "Y7.3", "CHS.7.3", "HGNC:79501", "5", "ENSG9.1"])
def test_another_gene_is_never_taken_for_it(store: Store, name: str) -> None:
    with pytest.raises(StoreError, match="no gene"):
        find_genes(store, [name])


# --- bases beside a change ---


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("chr1-8-CA-CC", ""), ("1:8:CAT:CCT", ""), ("chr1-9-AT-CT", ""),
        ("chr1-8-GA-GC", "the reference has C at chr1:8, not G"),
        ("chr1-9-AG-CG", "the reference has T at chr1:10, not G"),
        ("chr1-7-GTA-GTC", "the reference has C at chr1:8, not T"),
        ("NC_000001.1:7:GA:GC", "the reference has C at chr1:8, not G"),
        ("1:g.8_9delGAinsGC", "the reference has C at chr1:8, not G"),
    ],
)  # fmt: skip
def test_a_wrong_base_beside_the_change_is_a_mistake(
    store: Store, tmp_path: Path, name: str, message: str
) -> None:
    fasta = tmp_path / "r.fa"
    fasta.write_text(f">chr1\n{BASES}\n")
    cache = store.path / "_cache" / "reference-1"
    own = varhouse.open(store.path)
    own.meta["reference"] = Reference(compile_reference(fasta, cache)).digest
    if message:
        with pytest.raises(UsageError, match=message):
            find_keys(own, name)
    else:
        assert find_keys(own, name)["pos"].to_list() == [9]


# --- slips ---


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda s: s.frequencies(cohort="nroth"), "no cohort 'nroth'; nearest: north"),
        (lambda s: s.frequencies(cohort=["north", "soth"]), "'soth'; nearest: south"),
        (lambda s: s.frequencies(stratum_by="sxe"), "no strata by 'sxe'; nearest: sex"),
        (lambda s: s.scan("frequencies", cohort="nroth"), "nearest: north"),
        (lambda s: s.scan("files", cohort="nroth"), "nearest: north"),
        (lambda s: s.scan("variants", contig="chrr1"), "no contig 'chrr1'"),
        (lambda s: s.variants("chrr1:1-5"), "no contig 'chrr1'"),
        (lambda s: s.scan("frequency"), "no table 'frequency'; nearest: frequencies"),
        (lambda s: s.frequency(), "no 'frequency'; nearest: frequencies"),
    ],
)
def test_slips_in_python_are_told(store: Store, ask: object, message: str) -> None:
    with pytest.raises((VarhouseError, AttributeError)) as caught:
        ask(store)  # type: ignore[operator]
    assert message in str(caught.value)


def test_right_names_are_taken(store: Store) -> None:
    assert store.frequencies(cohort="north", stratum_by="sex").collect().height == 1
    assert store.frequencies(cohort="south").collect().is_empty()
    assert store.scan("variants", contig="1").collect().height == len(KEYS)
    assert store.values("frequencies", "stratum_by", "all") == ["all", "sex"]


@pytest.mark.parametrize(
    ("table", "where", "message"),
    [
        (
            "frequencies",
            'cohort == "nroth"',
            "no cohort 'nroth' in this release; nearest: north",
        ),
        ("frequencies", '"nroth" != cohort', "nearest: north"),
        ("frequencies", 'cohort in ("north", "x")', "no cohort 'x'"),
        ("frequencies", 'stratum_by = "sxe"', "no stratum_by 'sxe'"),
        ("frequencies", 'stratum = "mole"', "nearest: male"),
        (None, 'contig == "1"', "contig '1' is called 'chr1' in this store"),
        ("variants", 'contig == "chr77"', "no contig 'chr77'"),
    ],
)
def test_slips_in_conditions_are_told(
    store: Store, table: str | None, where: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Answer(store, Question(table=table, where=[where]))
    assert message in str(caught.value)


def test_strata_of_no_cohort_are_none(tmp_path: Path) -> None:
    empty = varhouse.open(make_store(tmp_path / "s", {}, make_contigs()))
    with pytest.raises(StoreError, match="no strata by 'sex'"):
        empty.frequencies(stratum_by="sex")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--cohort", "nroth"], "samples.tsv: no cohort 'nroth' in it; nearest: north"),
        (["--strata", "sxe"], "the sample sheet has no column 'sxe'; nearest: sex"),
    ],
)
def test_slips_in_frequencies_of_a_file_are_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    (tmp_path / "samples.tsv").write_text("cohort\tsample\tsex\nnorth\tS1\tmale\n")
    (tmp_path / "a.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chr1,length=10>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
        "chr1\t1\t.\tA\tC\t.\t.\t.\tGT\t0/1\n"
    )
    sheet = ["--samples", str(tmp_path / "samples.tsv")]
    given = ["frequencies", str(tmp_path / "a.vcf"), "-o", str(tmp_path / "o.tsv"), *sheet]
    assert main([*given, *options]) == 2
    assert message in capfd.readouterr().err
