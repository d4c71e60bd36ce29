"""What a report says of gVCFs: bases called against a count base by base, growth, splits."""

import json
import random
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from builders import make_fasta
from inprocess import ingest_here
from test_ingest_callable import built, some_genome
from test_states import some_gvcf

from varhouse.report import find_ingest, make_page
from varhouse.report.assessed import assessed, summary
from varhouse.report.find import Ingest
from varhouse.report.words import headline
from varhouse.store.reader import open_store


def one_variant(genome: dict[str, str]) -> str:
    """Make a VCF of one record of S6, which is no gVCF."""
    ref = genome["c1"][4]
    lines = [
        "##fileformat=VCFv4.2",
        *(f"##contig=<ID={c},length={len(b)}>" for c, b in genome.items()),
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS6",
        "\t".join(["c1", "5", ".", ref, "C" if ref == "A" else "A", *"...", "GT", "0/1"]),
    ]
    return "\n".join(lines) + "\n"


def slow(rows: pl.DataFrame, width: int) -> dict[tuple[str, str, int], Counter[str]]:
    """Count base by base, one row of the table `callable` after the other."""
    out: dict[tuple[str, str, int], Counter[str]] = {}
    for row in rows.filter(stratum_by="all").iter_rows(named=True):
        for pos in range(row["start"], row["end"] + 1):
            found = out.setdefault(
                (row["cohort"], row["contig"], (pos - 1) // width), Counter()
            )
            found["assessed"] += row["n_samples"]
            found["called"] += row["n_samples"] - row["n_missing"]
            found["adj"] += (row["n_samples_adj"] or 0) - (row["n_missing_adj"] or 0)
    return out


@pytest.mark.parametrize("width", [1, 7, 50, 1000])
def test_bases_called_are_those_of_each_base(tmp_path: Path, width: int) -> None:
    rng = random.Random(width)
    genome = some_genome(rng)
    cohorts = {
        "a": [some_gvcf(rng, genome, [f"S{k}"]) for k in (1, 2, 3)],
        "b": [some_gvcf(rng, genome, ["S4", "S5"])],
        "plain": [one_variant(genome)],
    }
    built(tmp_path, genome, cohorts)
    store = open_store(tmp_path / "store")
    found = assessed(store, list(cohorts), width)
    wanted = slow(store.scan("callable").collect(), width)
    told = {(c, x, b): (n, m, q) for c, x, b, n, m, q in found.rows() if n}
    assert told == {k: (v["assessed"], v["called"], v["adj"]) for k, v in wanted.items()}
    assert len(told) > 1
    people = {"a": 3, "b": 2, "plain": 1}
    rows = summary(found, people, sum(map(len, genome.values())))
    assert [r[:2] for r in rows] == [("a", 3), ("b", 2)]
    total = sum(v["called"] for (c, _, _), v in wanted.items() if c == "a")
    assert rows[0][3] == round(total / 3)
    assert rows[0][5] == pytest.approx(100 * total / 3 / sum(map(len, genome.values())))
    page = make_page(find_ingest(tmp_path / "store", "latest", "public"))
    assert "1 cohort without gVCFs and BED" in page
    assert f">{rows[0][3]:,}</td>" in page


def test_a_page_without_gvcfs_has_no_such_part(tmp_path: Path) -> None:
    genome = some_genome(random.Random(1))
    built(tmp_path, genome, {"plain": [one_variant(genome)]})
    assert 'id="assessed"' not in make_page(find_ingest(tmp_path / "store", "latest"))


@pytest.mark.parametrize(
    ("grown", "words"),
    [
        ([False], "1 cohort came in with 2 people: 10 records gave 4 alleles"),
        ([True], "1 cohort grew with 2 people: 10 records read, now 4 alleles"),
        (
            [True, False],
            "1 cohort came in and 1 cohort grew with 4 people: 20 records read, now",
        ),
    ],
)
def test_headline_says_that_a_cohort_grew(grown: list[bool], words: str) -> None:
    cohorts = [
        {"cohort": f"c{i}", "n_samples": 2, "n_records": 10, "n_alleles": 4}
        | ({"grown": {"came": 2, "kept": 3}} if g else {})
        for i, g in enumerate(grown)
    ]
    row = {"release": 3, "operation": "ingest", "summary": {"cohorts": cohorts}}
    assert headline(Ingest(row, None, own_release=True)).startswith(words)  # type: ignore[arg-type]


def test_an_unspecified_allele_makes_no_record_one_of_several(tmp_path: Path) -> None:
    make_fasta(tmp_path / "ref.fa", {"1": "ACGTACGTAC"})
    rows = ["1 1 A <NON_REF> 0/0 END=2", "1 3 G T,<NON_REF> 0/1 .",
            "1 5 A C,G,<NON_REF> 1/2 .", "1 6 C <NON_REF> 0/0 END=10"]  # fmt: skip
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=1>",
             '##INFO=<ID=END,Number=1,Type=Integer,Description="e">',
             '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
             "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1"]  # fmt: skip
    for row in rows:
        contig, pos, ref, alt, gt, info = row.split()
        lines.append("\t".join([contig, pos, ".", ref, alt, ".", ".", info, "GT", gt]))
    (tmp_path / "a.vcf").write_text("\n".join(lines) + "\n")
    (tmp_path / "cohorts.tsv").write_text("cohort\tfiles\na\ta.vcf\n")
    config = {"assembly": {"name": "toy", "reference": "ref.fa"}, "cohorts": "cohorts.tsv",
              "policy": {"unlisted_samples": "unknown"}}  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    account = ingest_here(tmp_path / "store", tmp_path / "config.json")
    assert account["cohorts"][0]["n_split"] == 2
    assert account["cohorts"][0]["n_alleles"] == 3
