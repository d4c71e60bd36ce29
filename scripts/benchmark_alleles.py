#!/usr/bin/env python3
"""Measure normalising and identifying of alleles beside bcftools, answers compared.

usage: scripts/benchmark_alleles.py VCF --reference FASTA [--runs N]

VCF is BGZF, best sites only and large. Prints one JSON line a task, CPU seconds (user and
system, one thread; the least of N runs): `normalise_alleles` from column to column,
`identify` and the VRS ids alone, `varhouse normalise` to VCF and VCF.gz beside
`bcftools norm -m- -c x -f` (in pysam) to the same, in the same run; then whether both
files hold the same alleles.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

from varhouse.genome.reference import OpenedReference
from varhouse.identify import frame as names
from varhouse.identify import identify
from varhouse.normalise import normalise_alleles
from varhouse.sources.text import open_vcf_text, split_lines

_NORM = """
import sys, pysam.bcftools as b
b.norm('-m-', '-c', 'x', '-f', sys.argv[1], sys.argv[2], '-o', sys.argv[3], sys.argv[4],
       catch_stdout=False)
"""


def main() -> int:
    # The processes timed start as a user's do: their modules were compiled by an earlier run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vcf", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    with OpenedReference(args.reference, None) as reference:
        columns(read_alleles(args.vcf), reference, args.runs)
    with tempfile.TemporaryDirectory() as folder:
        commands(args, Path(folder))
    return 0


def say(task: str, **values: object) -> None:
    print(json.dumps({"task": task, **values}), flush=True)


def read_alleles(vcf: Path) -> pl.DataFrame:
    """Read the alleles of a VCF, one a row."""
    frames = [
        split_lines(block).select(
            pl.col("chrom").alias("contig"),
            pl.col("pos").cast(pl.Int32),
            "ref",
            pl.col("alt").str.split(","),
        )
        for block in open_vcf_text(vcf).blocks
    ]
    return pl.concat(frames).explode("alt", empty_as_null=True, keep_nulls=True)


def best(runs: int, task: Callable[[], Any]) -> tuple[float, Any]:
    """Give the least CPU seconds of some runs, and what the task gave."""
    task()
    least = float("inf")
    for _ in range(runs):
        began = time.process_time()
        found = task()
        least = min(least, time.process_time() - began)
    return least, found


def columns(alleles: pl.DataFrame, reference: Any, runs: int) -> None:
    """Measure what works on columns."""
    n = alleles.height
    took, out = best(runs, lambda: normalise_alleles(alleles, reference))
    changed = int((out["status"] == 1).sum())
    say(
        "normalise_alleles",
        alleles=n,
        changed=changed,
        cpu_s=round(took, 3),
        million_per_s=round(n / took / 1e6, 1),
    )
    some = out.select("contig", "pos", "ref", "alt").head(200_000)
    took, _ = best(runs, lambda: identify(some, reference))
    say(
        "identify (type, SPDI, VRS, HGVS)",
        alleles=some.height,
        microseconds_each=round(took / some.height * 1e6, 2),
    )
    kept = names.vrs_ids
    spent = []

    def timed(*given: Any) -> Any:
        began = time.process_time()
        found = kept(*given)
        spent.append(time.process_time() - began)
        return found

    names.vrs_ids = timed
    for _ in range(runs):
        identify(some, reference)
    names.vrs_ids = kept
    say(
        "VRS ids",
        alleles=some.height,
        microseconds_each=round(min(spent) / some.height * 1e6, 2),
    )


def run(*command: str) -> float:
    """Run a command and give its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def commands(args: argparse.Namespace, folder: Path) -> None:
    """Measure the commands, and compare the alleles of their files."""
    fasta, vcf = str(args.reference), str(args.vcf)
    for ending, kind in ((".vcf", "-Ov"), (".vcf.gz", "-Oz")):
        ours, theirs = folder / f"ours{ending}", folder / f"theirs{ending}"
        own, other = [], []
        for _ in range(args.runs):
            own.append(
                run(
                    sys.executable,
                    "-m",
                    "varhouse",
                    "normalise",
                    vcf,
                    "-o",
                    str(ours),
                    "--reference",
                    fasta,
                )
            )
            other.append(run(sys.executable, "-c", _NORM, fasta, kind, str(theirs), vcf))
        key = ["contig", "pos", "ref", "alt"]
        same = read_alleles(ours).sort(key).equals(read_alleles(theirs).sort(key))
        say(
            f"normalise to {ending}",
            ours_cpu_s=round(min(own), 2),
            bcftools_cpu_s=round(min(other), 2),
            ratio=round(min(own) / min(other), 2),
            same_alleles=same,
        )


if __name__ == "__main__":
    sys.exit(main())
