"""Genotypes of high quality through an ingest: files, cohorts, sexes, configuration."""

from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here
from verifying import verify

import varhouse
from varhouse.ingest.setup.sheets import read_cohorts
from varhouse.onefile.frequencies import frequencies
from varhouse.store.reader import Store

GENOME = "ACGT" * 30
HEAD = """##fileformat=VCFv4.3
##contig=<ID=c1>
##contig=<ID=X>
##contig=<ID=Y>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">
"""
ADJ = ("n_samples_adj", "ac_adj", "an_adj", "n_het_adj", "n_hom_alt_adj", "n_hemi_adj",
       "n_missing_adj")  # fmt: skip
FORM = "GT:GQ:DP:AD"
FILES = {
    "a1": (
        ["man", "woman"],
        [
            ("c1", 1, "A", "C", FORM, ["0/1:30:20:10,10", "0/0:30:20:20,0"]),
            # One has no fields, the other too few reads of ALT.
            ("c1", 5, "A", "C", FORM, ["1/1", "0/1:30:20:17,3"]),
            ("c1", 9, "A", "C", "GT", ["1/1", "0/1"]),
            # A man's homozygote is one copy, his heterozygote is none.
            ("X", 1, "A", "C", FORM, ["1/1:30:20:0,20", "1/1:30:20:0,20"]),
            ("X", 5, "A", "C", FORM, ["0/1:30:20:10,10", "1/1:30:20:0,20"]),
            # Haploid calls need fewer reads; a woman is not asked for on Y.
            ("Y", 1, "A", "C", FORM, ["1:30:5:0,5", "0/1:30:20:10,10"]),
        ],
    ),
    "a2": (["other"], [("c1", 1, "A", "G", FORM, ["1/1:30:10:0,10"])]),
    "b": (["her"], [("c1", 1, "A", "C", "GT", ["1/1"])]),
}
WANTED = {
    # The people of a2 passed at the site, with another allele.
    ("a", "c1", 1, "C"): (3, 1, 6, 1, 0, 0, 0),
    ("a", "c1", 1, "G"): (3, 2, 6, 0, 1, 0, 0),
    ("a", "c1", 5, "C"): (2, 0, 0, 0, 0, 0, 2),
    ("a", "c1", 9, "C"): (None,) * 7,
    ("a", "X", 1, "C"): (2, 3, 3, 0, 1, 1, 0),
    ("a", "X", 5, "C"): (2, 2, 2, 0, 1, 0, 1),
    ("a", "Y", 1, "C"): (1, 1, 1, 0, 0, 1, 0),
    ("b", "c1", 1, "C"): (None,) * 7,
}


def write(path: Path, people: list[str], records: list[tuple]) -> None:
    columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(people)
    rows = [
        f"{c}\t{p}\t.\t{r}\t{a}\t.\tPASS\t.\t{form}\t" + "\t".join(cells)
        for c, p, r, a, form, cells in records
    ]
    path.write_text(HEAD + "\n".join([columns, *rows]) + "\n")


def found_in(rows: pl.DataFrame) -> dict[tuple, tuple]:
    whole = rows.filter(pl.col("stratum_by") == "all")
    names = [c for c in ("cohort", "contig", "pos", "alt") if c in whole.columns]
    return {r[: len(names)]: r[len(names) :] for r in whole.select(*names, *ADJ).iter_rows()}


def make(folder: Path, config: str = "") -> Store:
    make_fasta(folder / "ref.fa", {"c1": GENOME, "X": GENOME, "Y": GENOME})
    for name, (people, records) in FILES.items():
        write(folder / f"{name}.vcf", people, records)
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta1.vcf,a2.vcf\nb\tb.vcf\n")
    (folder / "samples.tsv").write_text(
        "cohort\tsample\tsex\na\tman\tmale\na\twoman\tfemale\na\tother\tfemale\nb\ther\tfemale\n"
    )
    (folder / "config.yaml").write_text(
        "assembly: {name: toy, reference: ref.fa}\n"
        f"cohorts: cohorts.tsv\nsamples: samples.tsv\nstrata: [sex]\n{config}"
    )
    ingest_here(folder / "store", folder / "config.yaml")
    return varhouse.open(folder / "store")


@pytest.fixture(scope="module")
def fx_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make(tmp_path_factory.mktemp("adj"))


def test_adj_of_cohorts(fx_store: Store) -> None:
    rows = fx_store.scan("frequencies").collect()
    assert found_in(rows) == WANTED
    assert verify(fx_store) == []
    # Nobody who could be asked for: null, not 0.
    women = rows.filter((pl.col("contig") == "Y") & (pl.col("stratum") == "female"))
    assert women["n_samples"].to_list() == [1]
    assert women.select(ADJ).row(0) == (None,) * 7
    assert women.select("af_adj", "faf95_adj", "call_rate_adj").row(0) == (None,) * 3


def test_totals_are_of_those_who_have_the_fields(fx_store: Store) -> None:
    rows = fx_store.scan("totals").collect()
    assert found_in(rows) == {k[1:]: v for k, v in WANTED.items() if k[0] == "a"}
    both = rows.filter((pl.col("stratum") == "all") & (pl.col("alt") == "C"))
    assert both.filter(contig="c1", pos=1).select("an", "an_adj", "n_samples").row(0) == (
        8,
        6,
        4,
    )


def test_thresholds_are_those_of_the_configuration(tmp_path: Path) -> None:
    store = make(tmp_path, "policy: {adj: {ab: 0.15, dp_haploid: 6}}\n")
    found = found_in(store.scan("frequencies").collect())
    assert found["a", "c1", 5, "C"] == (2, 1, 2, 1, 0, 0, 1)
    assert found["a", "Y", 1, "C"] == (1, 0, 0, 0, 0, 0, 1)


def test_fields_that_are_not_kept_are_not_known(tmp_path: Path) -> None:
    store = make(tmp_path, "genotype_fields: [DP]\n")
    assert set(found_in(store.scan("frequencies").collect()).values()) == {(None,) * 7}


def test_one_file_gives_the_same(tmp_path: Path) -> None:
    write(tmp_path / "a1.vcf", *FILES["a1"])
    (tmp_path / "samples.tsv").write_text(
        "cohort\tsample\tsex\na\tman\tmale\na\twoman\tfemale\n"
    )
    done = frequencies(tmp_path / "a1.vcf", samples=tmp_path / "samples.tsv")
    found = found_in(done.frame)
    for place in (("a", "X", 1, "C"), ("a", "Y", 1, "C"), ("a", "c1", 5, "C")):
        assert found[place] == WANTED[place]


@pytest.mark.parametrize(
    ("name", "is_taken"), [("adj", True), ("not_diploid", True), ("a", False)]
)
def test_no_cohort_has_the_name_of_a_kind_of_count(tmp_path: Path, name: str, is_taken: bool):
    """`af_adj` would be of all cohorts and of that one."""
    sheet = tmp_path / "cohorts.tsv"
    sheet.write_text(f"cohort\tfiles\n{name}\ta.vcf\n")
    problems = read_cohorts(sheet).problems
    assert [f"end in _{name} have these names" in p for p in problems] == [True] * is_taken
