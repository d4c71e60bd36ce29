#!/usr/bin/env python3
"""Measure what it costs to withdraw a person from a cohort of a file of many people.

usage: scripts/benchmark_withdraw.py FOLDER --reference FASTA --vcf FILE [--sample ID]
       [--skip-build]

Builds a store of the file in FOLDER, withdraws a person (the first, if none is named), and
builds a store of the file without the person, made by `varhouse.withdrawal.cut`. Prints one
JSON line a task: CPU and wall seconds, those of the parts of a withdrawal, and whether the
digests of all tables but `files` are those of the build without the person.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import varhouse
from varhouse.vcf.header.header import read_sample_names
from varhouse.vcf.peek import peek_header
from varhouse.vcf.text.limits import Limits
from varhouse.withdrawal.cut import cut_file


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--vcf", type=Path, required=True)
    parser.add_argument("--sample")
    parser.add_argument("--skip-build", action="store_true", help="no build to compare with")
    args = parser.parse_args()
    folder, name = args.folder, args.vcf.name
    folder.mkdir(parents=True, exist_ok=True)
    store = folder / "store"
    if not store.exists():
        say("build", *ingest(store, args.vcf, args.reference))
    sample = args.sample or read_sample_names(peek_header(args.vcf))[0]
    own = folder / "withdrawn"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(store, own, copy_function=os.link)
    # What is written again is a file of its own: links of names alone do no harm.
    told = folder / "receipt.json"
    command = ["store", "withdraw", str(own), "--cohort", "c", "--sample", sample, "--json"]
    say("withdraw", *timed(command, told))
    print(json.dumps({"receipt": json.loads(told.read_text())["rows"]}))
    if args.skip_build:
        return 0
    made, whole = folder / "without" / name, folder / "whole"
    made.parent.mkdir(exist_ok=True)
    began = time.process_time(), time.monotonic()
    cut_file(args.vcf, made, {sample}, limits=Limits())
    say("cut alone", time.process_time() - began[0], time.monotonic() - began[1])
    shutil.rmtree(whole, ignore_errors=True)
    say("build without", *ingest(whole, made, args.reference))
    one, other = (varhouse.open(s).record.table_digests() for s in (own, whole))
    differ = sorted({t for t in other if one.get(t) != other[t]} - {"files"})
    print(json.dumps({"tables that differ": differ}))
    return bool(differ)


def ingest(store: Path, vcf: Path, reference: Path) -> tuple[float, float]:
    command = ["ingest", str(store), str(vcf), "--cohort", "c", "--cores", "1"]
    return timed([*command, "--reference", str(reference)])


def timed(command: list[str], out: Path | None = None) -> tuple[float, float]:
    """Run varhouse, and give CPU and wall seconds of it and all that it started."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "varhouse", *command], check=True, stdout=subprocess.PIPE
    )
    if out is not None:
        out.write_bytes(done.stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.monotonic() - began


def say(task: str, cpu: float, wall: float) -> None:
    told = {"task": task, "cpu_s": round(cpu, 1), "wall_s": round(wall, 1)}
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    sys.exit(main())
