#!/usr/bin/env python3
"""Measure annotation beside bcftools csq and snpEff, answers compared.

usage: scripts/benchmark_annotate.py VCF --reference FASTA --genes GFF3 [--runs N] [--snpeff]

VCF is normalised and biallelic, best sites only and large. Prints one JSON line a way, CPU
seconds (user and system, children included; the least of N runs):

arrays     alleles as columns to terms and positions as arrays, without names and files
annotate   `varhouse annotate` to Parquet, whole process: reading, all columns, HGVS c. and p.
csq        `bcftools csq -l` (in pysam) to VCF, whole process; reads the GFF3
csq_bcf    the same to uncompressed BCF, which is given away
snpeff     snpEff (Debian's package) to VCF, whole process; its database is made before

The gene model of `annotate` is compiled before, and how long that takes is told. Then the
answers on SNVs: the share of csq's (allele, transcript, term) that we give too, and of
snpEff's. VEP has no package: 2,900 variants/s a core with --hgvs, measured on another day,
stand for it.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from varhouse.cli import main as varhouse
from varhouse.consequence.alleles import pack_alleles
from varhouse.consequence.interval import annotate_intervals
from varhouse.consequence.snv import annotate_snvs
from varhouse.genes import load_genes
from varhouse.sources.text import open_vcf_text, split_lines

VEP_PER_SECOND = 2_900
CHUNK = 100_000
CSQ = """
import sys, pysam.bcftools as b
b.csq('-l', '-f', sys.argv[1], '-g', sys.argv[2], '-O' + sys.argv[3], '-o', sys.argv[4],
      sys.argv[5], catch_stdout=False)
"""
VARHOUSE = "import sys; from varhouse.cli import main; sys.exit(main(sys.argv[1:]))"
TERMS = {
    "missense": "missense_variant", "synonymous": "synonymous_variant",
    "stop_gained": "stop_gained", "stop_lost": "stop_lost", "start_lost": "start_lost",
    "stop_retained": "stop_retained_variant", "splice_donor": "splice_donor_variant",
    "splice_acceptor": "splice_acceptor_variant", "intron": "intron_variant",
    "5_prime_utr": "5_prime_UTR_variant", "3_prime_utr": "3_prime_UTR_variant",
}  # fmt: skip
"""Terms that mean the same to csq and to us (its region and order of others differ)."""


def say(way: str, **values: object) -> None:
    print(json.dumps({"way": way, **values}), flush=True)


def cpu_of(command: list[str], runs: int, folder: Path) -> float:
    """Run a process several times; gives the least CPU seconds."""
    least = float("inf")
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


def read_alleles(vcf: Path) -> pl.DataFrame:
    """Read the alleles of a VCF, one a row."""
    return pl.concat(
        split_lines(block).select(
            pl.col("chrom").alias("contig"), pl.col("pos").cast(pl.Int32), "ref", "alt"
        )
        for block in open_vcf_text(vcf).blocks
    )


def time_arrays(alleles: pl.DataFrame, genes: Path, runs: int) -> tuple[float, int]:
    """Time terms and positions, arrays in and arrays out; gives seconds and pairs."""
    model, least, pairs = load_genes(genes), float("inf"), 0
    chunks = [
        pack_alleles(alleles.slice(start, CHUNK), model)
        for start in range(0, alleles.height, CHUNK)
    ]
    for _ in range(runs + 1):  # the first one compiles
        pairs, began = 0, time.process_time()
        for packed in chunks:
            snv = (packed.end - packed.start == 1) & (packed.alt_length == 1)
            if snv.any():
                pairs += len(annotate_snvs(model, packed, np.flatnonzero(snv)))
            if not snv.all():
                pairs += len(annotate_intervals(model, packed, np.flatnonzero(~snv)))
        least = min(least, time.process_time() - began)
    return least, pairs


def ours(parquet: Path) -> pl.DataFrame:
    """Read terms of SNVs: pos, alt, transcript, term."""
    return (
        pl.scan_parquet(parquet)
        .filter(pl.col("ref").str.len_bytes() == 1, pl.col("alt").str.len_bytes() == 1)
        .select("pos", "alt", "transcript_id", term=pl.col("consequence").str.split("&"))
        .explode("term")
        .collect()
    )


def theirs(vcf: Path, tag: str, place: tuple[int, int]) -> pl.DataFrame:
    """Read terms of SNVs from an INFO field: pos, alt, transcript, term."""
    term, transcript = place
    rows = []
    with vcf.open() as file:
        for line in file:
            f = line.split("\t", 8)
            if line[0] == "#" or len(f) < 8:
                continue
            found = re.search(rf"(?:^|;){tag}=([^;\s]*)", f[7])
            if found is None or len(f[3]) > 1 or len(f[4]) > 1:
                continue
            for entry in found[1].split(","):
                y = entry.split("|")
                # csq names no transcript for introns and UTRs of several.
                if len(y) > transcript and y[transcript]:
                    name = y[transcript].removeprefix("transcript:")
                    rows += [(int(f[1]), f[4], name, t) for t in y[term].split("&")]
    schema = {"pos": pl.Int32, "alt": pl.String, "transcript_id": pl.String, "term": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def compare(way: str, other: pl.DataFrame, mine: pl.DataFrame) -> None:
    """Say how many of another's terms we give too."""
    wanted = other.filter(pl.col("term").is_in(list(TERMS.values()))).unique()
    missing = wanted.join(mine, on=wanted.columns, how="anti")
    say(
        f"answers of {way}",
        terms=wanted.height,
        not_ours=missing.height,
        examples=[list(r) for r in missing.head(3).iter_rows()],
    )


def write_gtf(gff: Path, out: Path) -> None:
    """Write Ensembl's GFF3 as GTF: snpEff 5.1 finds no parents of its exons."""
    gene_of: dict[str, str] = {}
    with gff.open() as file, out.open("w") as gtf:
        for line in file:
            f = line.rstrip("\n").split("\t")
            if len(f) < 9:
                continue
            about = dict(a.split("=", 1) for a in f[8].split(";") if "=" in a)
            parent = about.get("Parent", "").removeprefix("transcript:")
            if "transcript_id" in about:
                parent = about["transcript_id"]
                gene_of[parent] = about["Parent"].removeprefix("gene:")
                f[2] = "transcript"
            elif f[2] not in ("exon", "CDS"):
                continue
            biotype = (
                f'; transcript_biotype "{about["biotype"]}"' if "biotype" in about else ""
            )
            f[8] = f'gene_id "{gene_of[parent]}"; transcript_id "{parent}"{biotype};'
            gtf.write("\t".join(f) + "\n")


def make_snpeff(args: argparse.Namespace, folder: Path) -> list[str]:
    """Make snpEff's database; gives the command that annotates."""
    data = folder / "data" / "bench"
    data.mkdir(parents=True)
    write_gtf(args.genes, data / "genes.gtf")
    (data / "sequences.fa").write_bytes(args.reference.read_bytes())
    (folder / "snp.config").write_text(f"data.dir = {folder}/data\nbench.genome : bench\n")
    subprocess.run(
        [
            "snpEff",
            "-Xmx6g",
            "build",
            "-gtf22",
            "-noCheckCds",
            "-noCheckProtein",
            "-c",
            "snp.config",
            "bench",
        ],
        check=True,
        cwd=folder,
        capture_output=True,
    )
    return ["snpEff", "-Xmx6g", "ann", "-noStats", "-c", "snp.config", "bench",
            str(args.vcf.resolve())]  # fmt: skip


def time_snpeff(args: argparse.Namespace, folder: Path, mine: pl.DataFrame) -> float:
    command = make_snpeff(args, folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = folder / "snpeff.vcf"
    with out.open("wb") as file:
        subprocess.run(command, check=True, cwd=folder, stdout=file, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    compare("snpeff", theirs(out, "ANN", (1, 6)), mine)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    # The processes timed start as a user's do: their modules were compiled by an earlier run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vcf", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--genes", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--snpeff", action="store_true", help="beside snpEff too")
    args = parser.parse_args()
    vcf, fasta, gff = (str(p.resolve()) for p in (args.vcf, args.reference, args.genes))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, parquet, text = folder / "genes", folder / "out.parquet", folder / "csq.vcf"
        began = time.process_time()
        if code := varhouse(["genes", gff, "--reference", fasta, "-o", str(model)]):
            return code
        say("genes", cpu_s=round(time.process_time() - began, 2))
        alleles = read_alleles(args.vcf)
        seconds, pairs = time_arrays(alleles, model, args.runs)
        csq = [sys.executable, "-c", CSQ, fasta, gff]
        annotate = [sys.executable, "-c", VARHOUSE, "annotate", vcf, "-o", str(parquet),
                    "--genes", str(model), "--reference", fasta]  # fmt: skip
        cpu_of(annotate, 1, folder)
        times = {
            "arrays": seconds,
            "annotate": cpu_of(annotate, args.runs, folder),
            "csq": cpu_of([*csq, "v", str(text), vcf], args.runs, folder),
            "csq_bcf": cpu_of([*csq, "u", "/dev/null", vcf], args.runs, folder),
        }
        mine = ours(parquet)
        compare(
            "csq",
            theirs(text, "BCSQ", (0, 2)).with_columns(pl.col("term").replace(TERMS)),
            mine,
        )
        if args.snpeff:
            times["snpeff"] = time_snpeff(args, folder, mine)
        times["vep (stands for it)"] = alleles.height / VEP_PER_SECOND
        for way, cpu in times.items():
            say(
                way,
                alleles=alleles.height,
                cpu_s=round(cpu, 2),
                by_csq=round(cpu / times["csq"], 3),
                by_annotate=round(cpu / times["annotate"], 2),
                **({"pairs": pairs} if way == "arrays" else {}),
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
