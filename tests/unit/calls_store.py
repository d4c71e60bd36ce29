"""A small store of two cohorts with calls of every kind, for tests of calls."""

import json
import random
from pathlib import Path

from inprocess import ingest_here

_random = "".join(random.Random(3).choices("ACGT", k=400))
# From base 101 on: G, eight times AC, then G.
GENOME = _random[:100] + "G" + "AC" * 8 + "G" + _random[118:]
HEAD = """##fileformat=VCFv4.4
##contig=<ID=chr1,length=400>
##contig=<ID=chrX,length=400>
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=DS,Number=A,Type=Float,Description="x">
##FORMAT=<ID=XX,Number=.,Type=String,Description="x">
"""
Line = tuple[str, int, str, str, str, list[str]]


def base(pos: int) -> str:
    return GENOME[pos - 1]


def other(pos: int, nth: int = 0) -> str:
    return [b for b in "ACGT" if b != base(pos)][nth]


def snv(contig: str, pos: int, *calls: str) -> Line:
    return (contig, pos, base(pos), other(pos), "GT", list(calls))


FILES: dict[str, tuple[list[str], list[Line]]] = {
    "a1": (
        ["s0", "s1", "s2", "s3"],
        [
            snv("chr1", 10, "0/0", "0/1", "1|1", "./."),
            ("chr1", 20, base(20), f"{other(20)},{other(20, 1)}", "GT:DP",
             ["1/2:3", "0/2:4", "2|0:5", "."]),
            # An SNV of base 31, padded; the same as another spelling of it would be.
            ("chr1", 30, GENOME[29:31], GENOME[29] + other(31), "GT",
             ["0/1", "0/0", "./1", "|0/1"]),
            ("chr1", 40, base(40), other(40), "GT:AD:DP:DS:XX",
             ["0/0:3,1:4:0.25:a", "0/0:.,2:.", "0/0", "0/0:.:7:.:b,c"]),
            # One AC less, written at the right end of the repeat.
            ("chr1", 115, "CAC", "C", "GT", ["0/1", "0|0", "1/1", "0/1"]),
            ("chr1", 200, base(200), other(200), "DP", ["1", "2", "3", "4"]),
            ("chr1", 210, base(210), other(210), "GT", ["0/1|1", "1", "0/1", "1/."]),
            snv("chrX", 50, "1", "0/1", "0", "1/1"),
        ],
    ),
    "b1": (
        ["t0", "t1"],
        [snv("chr1", 10, "0/1", "1/1"), snv("chr1", 31, "1/1", "0/0"),
         ("chr1", 101, "GAC", "G", "GT", ["0/1", "1/1"])],
    ),
    "b2": (["t2"], [snv("chr1", 10, "1|0"), snv("chr1", 60, "0/1"), snv("chrX", 50, "1")]),
}  # fmt: skip
SHEET = [
    ("a", "s0", "male", "north", "11"), ("a", "s1", "female", "south", "12"),
    ("a", "s2", "male", "", "13"), ("a", "s3", "female", "north", ""),
    ("b", "t0", "male", "east", "21"), ("b", "t1", "female", "east", "22"),
    ("b", "t2", "male", "west", "23"),
]  # fmt: skip


def make_calls_store(folder: Path, strata: list[str] | None = None) -> Path:
    """Write the files and sheets and ingest them."""
    for name, (samples, lines) in FILES.items():
        columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]
        text = ["\t".join([*columns, *samples])]
        for contig, pos, ref, alt, form, calls in lines:
            row = [contig, str(pos), ".", ref, alt, ".", ".", ".", form, *calls]
            text.append("\t".join(row))
        (folder / f"{name}.vcf").write_text(HEAD + "\n".join(text) + "\n")
    (folder / "ref.fa").write_text(f">chr1\n{GENOME}\n>chrX\n{GENOME}\n")
    (folder / "cohorts.tsv").write_text("cohort\tfiles\na\ta1.vcf\nb\tb1.vcf,b2.vcf\n")
    rows = ["cohort\tsample\tsex\tpopulation\tprovince", *("\t".join(r) for r in SHEET)]
    (folder / "samples.tsv").write_text("\n".join(rows) + "\n")
    config = {
        "assembly": {"name": "toy", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        **({"strata": strata} if strata is not None else {}),
    }
    (folder / "c.yaml").write_text(json.dumps(config))
    account = ingest_here(folder / "store", folder / "c.yaml")
    assert not account.get("held_back"), account
    return folder / "store"
