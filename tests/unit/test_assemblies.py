"""Known assemblies are named from lengths, digests and words."""

from pathlib import Path

import pytest

from varhouse.genome.assemblies import (
    BUILDS,
    build_of_header,
    build_of_lengths,
    build_of_words,
    chromosome_of,
    same_build,
)
from varhouse.genome.contigs import read_aliases

ROOT = Path(__file__).parents[2]


def test_no_two_chromosomes_have_one_length():
    lengths = [n for chromosomes in BUILDS.values() for n in chromosomes.values()]
    assert len(set(lengths)) == len(lengths)


@pytest.mark.parametrize("name", ["GRCh37", "GRCh38", "T2T-CHM13v2.0"])
def test_lengths_are_those_of_the_shipped_tables(name):
    table = read_aliases(ROOT / "resources" / f"{name}.tsv")
    build = next(b for b in BUILDS if same_build(b, name))
    shipped = {c.name.removeprefix("chr"): c.length for c in table.contigs}
    del shipped["M"]
    assert BUILDS[build] == shipped
    claim = build_of_lengths({c.name: c.length for c in table.contigs})
    assert claim is not None
    assert claim.build == build


def test_a_length_names_the_chromosome_whatever_it_is_called():
    assert chromosome_of(249_250_621) == ("GRCh37 (hg19)", "1")
    claim = build_of_lengths({"GWHXXXX01": 248_956_422, "other": 7})
    assert claim is not None
    assert claim.build == "GRCh38 (hg38)"
    assert "GWHXXXX01 = 248,956,422" in claim.why
    assert build_of_lengths({"a": 249_250_621, "b": 242_193_529}) is None
    assert build_of_lengths({"MT": 16569}) is None


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("file:///humgen/1kg/reference/human_g1k_v37.fasta", "GRCh37 (hg19)"),
        ("GRCh37.p13", "GRCh37 (hg19)"),
        ("ftp://x/phase2_reference_assembly_sequence/hs37d5.fa.gz", "GRCh37 (hg19)"),
        ("GCA_000001405.5", "GRCh37 (hg19)"),
        ("GCA_000001405.15", "GRCh38 (hg38)"),
        ("GCF_000001405.25", "GRCh37 (hg19)"),
        ("GCF_000001405.26", "GRCh38 (hg38)"),
        ("1000GenomesPilot-NCBI36", "NCBI36 (hg18)"),
        ("Homo_sapiens_assembly38.fasta", "GRCh38 (hg38)"),
        ("chm13v2.0.fa", "T2T-CHM13v2.0"),
        ("hg19 lifted to hg38", None),
        ("/data/tiny.fa", None),
    ],
)
def test_words(text, build):
    assert build_of_words(text) == build


def test_header_digests_go_before_lengths_before_words():
    words = "##reference=hg18\n##contig=<ID=1,assembly=b36>"
    assert build_of_header(words, {"1": None}).build == "NCBI36 (hg18)"
    assert build_of_header(words, {"1": 249_250_621}).build == "GRCh37 (hg19)"
    digest = words + "\n##contig=<ID=1,md5=6aef897c3d6ff0c78aff06ac189178dd>"
    assert build_of_header(digest, {"1": 249_250_621}).build == "GRCh38 (hg38)"
    assert build_of_header("##source=made on hg19", {}) is None
    assert build_of_header("##reference=hg19\n##contig=<ID=1,assembly=hg38>", {}) is None
