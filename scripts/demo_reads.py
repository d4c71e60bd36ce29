#!/usr/bin/env python3
"""Make the reads of two people of the demo genome, and compare what was called with the truth.

    python scripts/demo_reads.py make demo/data            -> demo/data/reads/
    python scripts/demo_reads.py compare demo/data demo/reads-store

The two have the genotypes of two people of the demo's cohort zhejiang, a woman and a man.
She was read on two lanes of an Illumina machine, he on one lane of an MGI machine. No
person in it is real.
"""

import argparse
import gzip
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

import varhouse

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from simreads import Variant, read_fasta, read_truth, simulate

PEOPLE = {"SAMC004001": ("SAMC001001", "female"), "SAMC004002": ("SAMC001002", "male")}
"""Whose genotypes somebody has, and the sex."""
DEPTH = 30.0
DEPTH_OF = {"chrM": 200.0}
COPIES = {
    "female": {"chrM": [(0, 16_500, 1)]},
    "male": {"chrX": [(8_000, 56_000, 1)], "chrM": [(0, 16_500, 1)]},
}
CONFIG = """\
# Two people from FASTQ to a store: varhouse ingest STORE --config FILE
assembly:
  name: DEMO1
  reference: ../demo.fa
  par: ../par.bed
  aliases: ../aliases.tsv
genes: ../demo.gff3
reads: reads.tsv
calling:
  folder: calls
"""


def _truth(data: Path, name: str, folder: Path) -> list[Variant]:
    """Take the genotypes of somebody of zhejiang; what contradicts the genome is left out."""
    genome = read_fasta(data / "demo.fa")
    found: list[Variant] = []
    for file in sorted(data.glob("zhejiang.*.vcf.gz")):
        alone = folder / f"{name}.vcf"
        with gzip.open(file, "rt") as lines, alone.open("w") as out:
            for line in lines:
                cells = line.rstrip("\n").split("\t")
                if line.startswith("#CHROM"):
                    column = cells.index(name)
                own = cells if line.startswith("##") else [*cells[:9], cells[column]]
                out.write("\t".join(own) + "\n")
        found += read_truth(alone, np.random.default_rng(1))
        alone.unlink()
    return [
        v
        for v in found
        if genome[v.contig][v.start : v.end].tobytes().decode().upper() == v.ref
    ]


def make(data: Path) -> None:
    """Write FASTQ, the reads sheet, the configuration and the truth."""
    folder = data / "reads"
    folder.mkdir(parents=True, exist_ok=True)
    sheet = ["cohort\tsample\tsex\tlane\tlibrary\tfastq_1\tfastq_2"]
    truth: list[tuple[str, str, int, str, str, str]] = []
    n_bases = 0
    for number, (person, (name, sex)) in enumerate(PEOPLE.items()):
        variants = _truth(data, name, folder)
        for v in variants:
            genotype = "/".join(map(str, sorted(v.genotype)))
            truth.append((person, v.contig, v.start + 1, v.ref, ",".join(v.alts), genotype))
        lanes = (1, 2) if sex == "female" else (1,)
        for lane in lanes:
            reads = simulate(
                data / "demo.fa",
                variants,
                folder,
                depth=DEPTH / len(lanes),
                platform="hiseq" if sex == "female" else "mgi",
                names="illumina" if sex == "female" else "mgi",
                seed=20261129 + number,
                adapters=0.02,
                copies=COPIES[sex],
                depth_of={c: d / len(lanes) for c, d in DEPTH_OF.items()},
                lane=lane,
                stem=f"{person}_L{lane:03d}",
            )
            n_bases += reads.n_bases
            files = "\t".join(f.name for f in reads.files)
            sheet.append(f"shanghai\t{person}\t{sex}\tL{lane:03d}\tlib{number}\t{files}")
    (folder / "reads.tsv").write_text("\n".join(sheet) + "\n")
    (folder / "config.yaml").write_text(CONFIG)
    columns = ["sample", "contig", "pos", "ref", "alt", "genotype"]
    pl.DataFrame(truth, columns, orient="row").write_csv(folder / "truth.tsv", separator="\t")
    print(f"{len(PEOPLE)} people, {n_bases / 1e6:.0f} million bases of FASTQ in {folder}")


def _alleles(
    genome: Mapping[str, str], person: str, contig: str, pos: int, ref: str, alt: str, gt: str
) -> Iterator[str]:
    """Name each ALT somebody has, leftmost and base by base, with the copies.

    `pos` is 1-based.
    """
    alleles = [ref, *alt.split(",")]
    called = [int(g) for g in gt.replace("|", "/").split("/") if g != "."]
    for k in sorted(set(called) - {0}):
        a, b, at = ref, alleles[k], pos
        if b == "<*>":
            continue
        while a[-1:] == b[-1:] and a and b:
            a, b = a[:-1], b[:-1]
            if not a or not b:
                at -= 1
                a, b = genome[contig][at - 1] + a, genome[contig][at - 1] + b
                if a[-1] != b[-1]:
                    break
        while len(a) != len(b) and min(len(a), len(b)) > 1 and a[0] == b[0]:
            a, b, at = a[1:], b[1:], at + 1
        pairs = zip(a, b, strict=True) if len(a) == len(b) else [(a, b)]
        for i, (x, y) in enumerate(pairs):
            if x != y:
                yield f"{person} {contig}:{at + i} {x}>{y} x{called.count(k)}"


def compare(data: Path, store: Path) -> None:
    """Say how many alleles of the truth stand in the store as they are, and what else does."""
    codes = read_fasta(data / "demo.fa")
    genome = {name: c.tobytes().decode().upper() for name, c in codes.items()}
    truth = pl.read_csv(data / "reads" / "truth.tsv", separator="\t")
    known = {text for row in truth.rows() for text in _alleles(genome, *row)}
    calls = varhouse.open(store).sql(
        "SELECT sample, c.contig, c.pos, c.ref, c.alt, gt FROM calls c "
        "JOIN sites s USING (cohort, file, record, contig) "
        "WHERE cohort = 'shanghai' AND s.filter = 'PASS'"
    )
    called = {text for row in calls.rows() for text in _alleles(genome, *row)}
    print(
        f"{len(known & called):,} of {len(known):,} differences of two people from the "
        f"reference were called as they are, {len(called - known):,} calls are others"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["make", "compare"])
    parser.add_argument("data", type=Path)
    parser.add_argument("store", type=Path, nargs="?")
    args = parser.parse_args()
    if args.what == "make":
        make(args.data)
    else:
        compare(args.data, args.store)


if __name__ == "__main__":
    main()
