"""Sentences that need a reference: where a contig begins and ends."""

import pytest

from varhouse.genome.contigs import Contig, Contigs
from varhouse.genome.reference import Reference, compile_reference
from varhouse.vcf.check.scan import scan_file


@pytest.fixture
def assembly(tmp_path):
    (tmp_path / "r.fa").write_text(">c1\nACGTACGTAC\n>c2\nACGTACGTAC\n")
    contigs = Contigs([Contig("c1", [], None, 10), Contig("c2", [], None, 10)])
    return contigs, Reference(compile_reference(tmp_path / "r.fa", tmp_path / "r"), contigs)


def _account(tmp_path, assembly, version, *rows):
    lines = [
        f"##fileformat=VCFv4.{version}",
        "##contig=<ID=c1,length=10>",
        "##contig=<ID=c2,length=10>",
        "#CHROM POS ID REF ALT QUAL FILTER INFO",
        *rows,
    ]
    (tmp_path / "x.vcf").write_text("".join("\t".join(x.split()) + "\n" for x in lines))
    return scan_file(tmp_path / "x.vcf", *assembly, hashes=False).account


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_telomeres_are_legal(tmp_path, assembly, version):
    rows = ("c1 0 . N .[c2:5[ . . .", "c1 3 . G A . . .", "c1 11 . N ]c2:5]. . . .",
            "c2 5 . A ]c1:0]A . . .", "c2 11 . N <DEL> . . SVLEN=1;SVCLAIM=D")  # fmt: skip
    account = _account(tmp_path, assembly, version, *rows)
    assert account.verdict == "valid", [str(p) for p in account.problems()]
    assert "VH-R-005" not in account.counts


@pytest.mark.parametrize("version", [1, 5])
def test_what_lies_further_is_not(tmp_path, assembly, version):
    account = _account(tmp_path, assembly, version, "c1 12 . A C . . .", "c2 9 . ACG A . . .")
    assert account.errors_by_code["VH-R-003"] == 2
