#!/usr/bin/env python3
"""Measure what it costs to add, replace and remove people of a cohort of a file each.

usage: scripts/benchmark_growth.py FOLDER [--people 38 380] [--add 1 38] [--bases 100000]
       [--plain] [--skip-build]

Makes a reference and a gVCF of one person each in FOLDER (--plain: a VCF of the variants
alone; seeded: the same again), builds a store of each size at once, and adds people to it.
Prints one JSON line a task: CPU and wall seconds of `varhouse ingest` with its jobs, and
whether the digest is that of one build.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import varhouse

CONTIG = "chr1"
HEADER = """##fileformat=VCFv4.2
##ALT=<ID=NON_REF,Description="Any other allele">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths by allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Least depth">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base">
##contig=<ID={contig},length={length}>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}
"""
BANDS = ((5, 3), (15, 8), (30, 14), (60, 25), (99, 35))
"""GQ and DP of blocks."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, nargs="+", default=[38, 380])
    parser.add_argument("--add", type=int, nargs="+", default=[1, 38])
    parser.add_argument("--bases", type=int, default=100_000)
    parser.add_argument("--plain", action="store_true", help="VCFs without blocks")
    parser.add_argument("--skip-build", action="store_true", help="no build to compare with")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    bases = make_reference(args.folder, args.bases)
    sites = make_sites(bases)
    most = max(args.people) + max(args.add)
    for k in range(most):
        make_person(args.folder / "files", bases, sites, k, plain=args.plain)
    for n in args.people:
        store = args.folder / f"store-{n}"
        shutil.rmtree(store, ignore_errors=True)
        say("build", n, n, ingest(args.folder, store, range(n)))
        for more in args.add:
            measure(args, store, n, "add", list(range(n + more)), more)
        measure(args, store, n, "replace", [*range(n - 1), most - 1], 1)
        measure(args, store, n, "remove", list(range(n - 1)), 1)
    return 0


def measure(
    args: argparse.Namespace, store: Path, n: int, task: str, people: list[int], k: int
) -> None:
    """Change a copy of a store to hold some people, and compare it with one build."""
    copy, whole = store.with_name("changed"), store.with_name("whole")
    for folder in (copy, whole):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(store, copy)
    cost = ingest(args.folder, copy, people)
    if not args.skip_build:
        ingest(args.folder, whole, people)
        cost["same"] = varhouse.open(copy).digest() == varhouse.open(whole).digest()
    say(task, n, k, cost)


def say(task: str, people: int, changed: int, cost: dict[str, object]) -> None:
    print(json.dumps({"task": task, "people": people, "files": changed, **cost}), flush=True)


def ingest(folder: Path, store: Path, people: list[int] | range) -> dict[str, object]:
    """Run an ingest of people in a process of its own; give what it cost."""
    names = "".join(f"files/p{k:05d}.vcf\n" for k in people)
    (folder / "files.txt").write_text(names)
    (folder / "cohorts.tsv").write_text("cohort\tfiles\ngrown\t@files.txt\n")
    sexes = ("male", "female")
    rows = "".join(f"grown\tP{k:05d}\t{sexes[k % 2]}\n" for k in people)
    (folder / "samples.tsv").write_text("cohort\tsample\tsex\n" + rows)
    config = {
        "assembly": {"name": "bench", "reference": "ref.fa"},
        "cohorts": "cohorts.tsv",
        "samples": "samples.tsv",
        "strata": ["sex"],
    }
    (folder / "config.json").write_text(json.dumps(config))
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "varhouse", "ingest", str(store)]
    subprocess.run([*command, "--config", str(folder / "config.json")], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": round(cpu, 2), "wall": round(time.perf_counter() - began, 2)}


def make_reference(folder: Path, size: int) -> str:
    """Write a reference of one contig of random bases; give the bases."""
    bases = "".join(np.random.default_rng(1).choice(list("ACGT"), size))
    lines = "".join(f"{bases[i : i + 60]}\n" for i in range(0, size, 60))
    (folder / "ref.fa").write_text(f">{CONTIG}\n{lines}")
    return bases


def make_sites(bases: str) -> list[tuple[int, str, str, float]]:
    """Choose alleles that people share: (pos, ref, alt, frequency), ascending."""
    rng = np.random.default_rng(2)
    size = len(bases)
    out = []
    for pos in sorted(rng.choice(np.arange(100, size - 100), size // 100, replace=False)):
        ref = bases[pos - 1 : pos + 2] if pos % 10 == 0 else bases[pos - 1]
        alt = bases[pos - 1] if len(ref) > 1 else "ACGT"[("ACGT".index(ref) + pos % 3 + 1) % 4]
        # Most alleles are rare.
        out.append((int(pos), ref, alt, float(0.5 / (1 + rng.pareto(0.5)))))
    return out


def make_person(
    folder: Path,
    bases: str,
    sites: list[tuple[int, str, str, float]],
    number: int,
    *,
    plain: bool,
) -> None:
    """Write the gVCF of a person; of a `plain` one the variants alone."""
    path = folder / f"p{number:05d}.vcf"
    if path.exists():
        return
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(1000 + number)
    chosen = rng.random((2, len(sites)))
    held = [
        (*sites[i][:3], int(copies))
        for i, copies in enumerate((chosen < [s[3] for s in sites]).sum(0))
        if copies
    ]
    out = [HEADER.format(contig=CONTIG, length=len(bases), sample=f"P{number:05d}")]
    at = 1
    for pos, ref, alt, copies in [*held, (len(bases) + 1, "", "", 0)]:
        if pos < at:
            continue
        while at < pos:
            end = min(at + int(rng.exponential(60)), pos - 1)
            gq, dp = BANDS[rng.integers(len(BANDS))]
            # Some bases have no reads.
            if rng.random() < 0.97 and not plain:
                out.append(
                    f"{CONTIG}\t{at}\t.\t{bases[at - 1]}\t<NON_REF>\t.\t.\tEND={end}\t"
                    f"GT:DP:GQ:MIN_DP\t0/0:{dp}:{gq}:{dp}\n"
                )
            at = end + 1
        if copies:
            gt, ad = ("0/1", "12,11") if copies == 1 else ("1/1", "0,23")
            more, ad = ("", ad) if plain else (",<NON_REF>", ad + ",0")
            out.append(
                f"{CONTIG}\t{pos}\t.\t{ref}\t{alt}{more}\t50\t.\t.\t"
                f"GT:AD:DP:GQ\t{gt}:{ad}:23:{rng.integers(10, 99)}\n"
            )
            at = pos + len(ref)
    path.write_text("".join(out))


if __name__ == "__main__":
    sys.exit(main())
