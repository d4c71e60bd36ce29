#!/usr/bin/env python3
"""Measure an ingest: wall, CPU and peak memory per stage, records/s, genotypes/s.

usage: scripts/benchmark.py WORKDIR FILE... --reference FASTA [--genes GFF3] [--cores N]

Each FILE is taken into a new store of its own as one cohort, its samples spread over
four made-up populations. Prints one JSON line a file and, for several, the ratio of
the peaks: memory must not grow with the length of a file.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from varhouse.onefile.validate import header_of

VARHOUSE = [sys.executable, "-m", "varhouse"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--genes", type=Path)
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    peaks = []
    for k, file in enumerate(args.files):
        row = measure(args.work / str(k), file, args)
        peaks.append(row["peak_mb"])
        print(json.dumps(row), flush=True)
    if len(peaks) > 1:
        print(json.dumps({"peak_ratio": round(max(peaks) / min(peaks), 3)}))
    return 0


def measure(work: Path, file: Path, args: argparse.Namespace) -> dict[str, object]:
    """Ingest one file into a new store and account for it."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    samples = header_of(file).samples
    rows = [f"one\t{s}\tunknown\tP{i % 4}" for i, s in enumerate(samples)]
    (work / "samples.tsv").write_text(
        "\n".join(["cohort\tsample\tsex\tpopulation", *rows, ""])
    )
    (work / "cohorts.tsv").write_text(f"cohort\tfiles\none\t{file.resolve()}\n")
    config = {
        "assembly": {"name": "bench", "reference": str(args.reference.resolve())},
        "genes": str(args.genes.resolve()) if args.genes else None,
        "cohorts": "cohorts.tsv", "samples": "samples.tsv", "strata": ["population"],
    }  # fmt: skip
    (work / "config.yaml").write_text(json.dumps(config))
    started = time.monotonic()
    done = subprocess.run(
        [*VARHOUSE, "ingest", str(work / "store"), "--config", str(work / "config.yaml"),
         "--cores", str(args.cores), "--json"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    wall = time.monotonic() - started
    if done.returncode != 0:
        sys.exit(done.stderr)
    account = json.loads(done.stdout)
    cohort = account["cohorts"][0]
    calls = cohort["n_records"] * cohort["n_samples"]
    size = sum(f.stat().st_size for f in (work / "store").rglob("*.parquet"))
    return {
        "file": file.name, "records": cohort["n_records"], "samples": cohort["n_samples"],
        "alleles": cohort["n_alleles"], "wall_s": round(wall, 1),
        "cpu_s": round(sum(s["cpu_s"] for s in account["stages"]), 1),
        "records_per_s": round(cohort["n_records"] / wall),
        "genotypes_per_s": round(calls / wall),
        "peak_mb": max(s["peak_mb"] for s in account["stages"]),
        "parquet_mb": round(size / 1e6, 1),
        "stages": {s["stage"]: [s["jobs"], s["wall_s"], s["cpu_s"], s["peak_mb"]]
                   for s in account["stages"]},
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
