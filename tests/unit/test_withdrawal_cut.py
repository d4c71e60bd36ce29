"""A file without some people."""

from pathlib import Path

from varhouse.withdrawal.cut import CutFacts, cut_file

HEADER = """\
##fileformat=VCFv4.2
##SAMPLE=<ID=B>
##caller=--bam /data/B.bam
##INFO=<ID=AC,Number=A,Type=Integer,Description="Copies, also of B">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Format: Allele|Consequence|Gene">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depth">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
"""
FIXED = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
RECORDS = """\
1 10 . A C,G . . AC=1,1;AF=0.2,0.2;AN=6;CSQ=C|x|y,G|a|b GT:AD:PL \
0/1:1,2,3:1,2,3,4,5,6 0/2:1,2,3:1,2,3,4,5,6 0/0:1,2,3:1,2,3,4,5,6
1 11 . A C,G . . AC=1,1;AN=6 GT:AD:PL \
0/2:1,2,3:1,2,3,4,5,6 0/1:1,2,3:1,2,3,4,5,6 2:1,2,3:1,2,3
1 12 . A C . . AC=1 GT 0/0 0/1 0/0
"""


def test_a_person_leaves_with_what_only_they_have(tmp_path: Path) -> None:
    source, out = tmp_path / "a.vcf", tmp_path / "b.vcf"
    source.write_text(f"{HEADER}{FIXED}\tA\tB\tC\n{RECORDS.replace(' ', chr(9))}")
    facts = cut_file(source, out, ["B"])
    assert facts == CutFacts(2, 1, 3, 1, 2, 2, 0)
    lines = out.read_text().replace("\t", " ").splitlines()
    assert lines[1].endswith('Description="Copies, also of removed">')
    assert lines[-3:] == [
        f"{FIXED} A C".replace("\t", " "),
        "1 10 . A C . . AC=1;AF=0.25;AN=4;CSQ=C|x|y GT:AD:PL 0/1:1,2:1,2,3 0/0:1,2:1,2,3",
        "1 11 . A G . . AC=2;AN=3 GT:AD:PL 0/1:1,3:1,4,6 1:1,3:1,3",
    ]
