"""Whole records: what comes out hangs neither on cuts nor on the order of records or ALTs."""

import argparse
import random
from collections import Counter
from itertools import combinations_with_replacement
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from varhouse.cli import normalise

SEQUENCE = "ACACACACTTTTTTGACGACGACGNNACACTGGGGCAGCAGCAGTCAGCAGAGAGAGAGAC" * 2
HEADER = f"""##fileformat=VCFv4.3
##contig=<ID=c1,length={len(SEQUENCE)}>
##INFO=<ID=AC,Number=A,Type=Integer,Description="x">
##INFO=<ID=RL,Number=R,Type=String,Description="x">
##FORMAT=<ID=GT,Number=1,Type=String,Description="x">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts1\ts2
"""


class Record:
    """A record whose values tell which alleles they belong to, whatever their order."""

    def __init__(self, rnd: random.Random, number: int) -> None:
        size = rnd.choice([1, 1, 2, 4, 7])
        self.at = rnd.randrange(len(SEQUENCE) - size)
        self.number = number
        ref = SEQUENCE[self.at : self.at + size]
        self.ref, alts = ref, set()
        for _ in range(rnd.choice([1, 1, 2, 3])):
            i, j = sorted((rnd.randrange(size + 1), rnd.randrange(size + 1)))
            alt = rnd.choice(
                [ref[:i] + ref[j:], ref[:j] + ref[i:], ref[:i] + rnd.choice("ACGT") + ref[j:]]
            )
            alts |= {alt} if alt and alt != ref else {"*"}
        self.alts = sorted(alts)
        alleles = [".", ref, *self.alts]
        # Two alleles of each sample, and its ploidy.
        self.calls = [
            [rnd.choice(alleles) for _ in range(rnd.choice([1, 2, 2, 3]))] for _ in range(2)
        ]

    def value(self, *alleles: str) -> str:
        """Give a number that the alleles determine."""
        return str(sum(map(ord, "/".join(sorted(alleles)))) * 7 + self.number)

    def line(self, alts: list[str]) -> str:
        """Write the record with its ALTs in this order."""
        alleles = [self.ref, *alts]
        places = {a: str(i) for i, a in enumerate(alleles)} | {".": "."}
        ac = ",".join(self.value(a) for a in alts)
        labels = ",".join("n" + self.value(a) for a in alleles)
        cells = []
        for call in self.calls:
            orders = combinations_with_replacement(range(len(alleles)), len(call))
            likely = [
                self.value(*(alleles[i] for i in g))
                for g in sorted(orders, key=lambda g: g[::-1])
            ]
            depth = ",".join(self.value(a, "d") for a in alleles)
            cells.append(
                ":".join(["|".join(places[a] for a in call), depth, ",".join(likely)])
            )
        fixed = ["c1", str(self.at + 1), f"r{self.number}", self.ref, ",".join(alts)]
        return "\t".join([*fixed, ".", ".", f"AC={ac};RL={labels}", "GT:AD:PL", *cells])


def run(folder: Path, lines: list[str], *options: str) -> Counter[str]:
    """Normalise lines with the command; give its lines without their order."""
    (folder / "r.fa").write_text(f">c1\n{SEQUENCE}\n")
    (folder / "in.vcf").write_text(HEADER + "".join(line + "\n" for line in lines))
    parser = argparse.ArgumentParser()
    normalise.add_parser(parser.add_subparsers())
    args = parser.parse_args(
        [
            "normalise",
            str(folder / "in.vcf"),
            "-o",
            str(folder / "out.vcf"),
            "--reference",
            str(folder / "r.fa"),
            *options,
        ]
    )
    assert args.run(args) == 0
    text = (folder / "out.vcf").read_text()
    return Counter(x for x in text.split("\n") if x and x[0] != "#")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("records")


seeds = st.integers(0, 10**9)


def drawn(seed: int) -> tuple[random.Random, list[Record], list[str]]:
    rnd = random.Random(seed)
    records = sorted((Record(rnd, i) for i in range(40)), key=lambda r: r.at)
    return rnd, records, [r.line(r.alts) for r in records]


@given(seeds)
@settings(max_examples=20, derandomize=True, deadline=None)
def test_order_of_alts_and_of_records(folder: Path, seed: int) -> None:
    rnd, records, lines = drawn(seed)
    whole = run(folder, lines)
    assert whole.total() == sum(len(r.alts) for r in records)
    assert run(folder, [r.line(rnd.sample(r.alts, len(r.alts))) for r in records]) == whole
    assert run(folder, rnd.sample(lines, len(lines))) == whole


@given(seeds)
@settings(max_examples=20, derandomize=True, deadline=None)
def test_again_changes_nothing(folder: Path, seed: int) -> None:
    _, _, lines = drawn(seed)
    once = run(folder, lines)
    assert run(folder, list(once.elements())) == once


@given(seeds)
@settings(max_examples=20, derandomize=True, deadline=None)
def test_regions_add_up(folder: Path, seed: int) -> None:
    rnd, records, lines = drawn(seed)
    cut = rnd.randrange(1, len(SEQUENCE))
    left = run(folder, lines, "--region", f"c1:1-{cut}")
    right = run(folder, lines, "--region", f"c1:{cut + 1}-{len(SEQUENCE)}")
    # Those whose REF lies on both sides are in both.
    both = [r.line(r.alts) for r in records if r.at < cut < r.at + len(r.ref)]
    assert left + right == run(folder, lines) + run(folder, both)
