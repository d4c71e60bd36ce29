#!/usr/bin/env python3
"""Measure counting a group of people of a store beside plink2, answers compared.

usage: scripts/benchmark_groups.py STORE --people EXPR --region R [--runs N]
       [--plink PREFIX] [--annotate VCF]

Prints one JSON line a task: the least wall and CPU milliseconds of N runs with the store
open (warm). `one` is an allele by its key in the middle of the store, `region` and `all` what
they say. PREFIX is a .pgen of the store's one cohort, made by `plink2 --make-pgen`: `plink2
--keep --freq counts` is timed, and its counts of alleles that both have are compared. They
differ where a record that came before was left-aligned to the spelling of another one, which
then was rejected as a duplicate.
VCF is annotated with the group: records a second of wall and of CPU.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import varhouse
from varhouse.query import Selection
from varhouse.query.groups import GroupCounter
from varhouse.query.people import People, choose_people
from varhouse.query.rowgroups import Place
from varhouse.store.reader import Store
from varhouse.tables.schema import SPELT


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--people", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--plink", type=Path)
    parser.add_argument("--annotate", type=Path)
    args = parser.parse_args()
    store = varhouse.open(args.store)
    people = choose_people(store, args.people)
    counter = GroupCounter(store, people)
    key = store.variants().select(SPELT).collect()
    contig, pos, *_ = key.row(key.height // 2)
    place = Place(contig, pos, pos, np.array([pos], np.int64))
    best(args.runs, "one", lambda: counter.count(place))
    name = "-".join(map(str, key.row(key.height // 2)))
    best(args.runs, "one by --id", lambda: collect(counter, Selection(ids=[name])))
    best(args.runs, "region", lambda: collect(counter, Selection(regions=[args.region])))
    found = best(args.runs, "all", lambda: collect(counter, Selection()))
    if args.plink:
        plink(args.plink, people, found)
    if args.annotate:
        annotate(args.annotate, store, people)
    return 0


def say(task: str, **values: object) -> None:
    print(json.dumps({"task": task, **values}), flush=True)


def collect(counter: GroupCounter, selection: Selection) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=counter.schema), *counter.frames(selection)])


def best(runs: int, task: str, work: Callable[[], Any]) -> Any:
    """Run a task, and tell the least times."""
    found = work()
    wall, cpu = [], []
    for _ in range(runs):
        began, used = time.perf_counter(), time.process_time()
        found = work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    say(task, alleles=len(found), wall_ms=ms(min(wall)), cpu_ms=ms(min(cpu)))
    return found


def ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def plink(prefix: Path, people: People, found: pl.DataFrame) -> None:
    """Count the same people with plink2, and compare."""
    program = shutil.which("plink2")
    if program is None:
        say("plink2", error="not installed")
        return
    with tempfile.TemporaryDirectory() as folder:
        keep, out = Path(folder) / "keep", Path(folder) / "out"
        keep.write_text("\n".join(["#IID", *people.frame["sample"]]) + "\n")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        began = time.perf_counter()
        subprocess.run(
            [program, "--pfile", str(prefix), "--keep", str(keep), "--freq", "counts",
             "--threads", str(len(os.sched_getaffinity(0))), "--out", str(out)],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        wall = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        counts = pl.read_csv(f"{out}.acount", separator="\t", infer_schema=False)
        places = pl.read_csv(
            prefix.with_suffix(".pvar"), separator="\t", comment_prefix="##",
            schema_overrides={"#CHROM": pl.String},
        )  # fmt: skip
    rows = pl.concat([places.select("POS"), counts], how="horizontal")
    rows = rows.unique(["POS", "REF", "ALT"], keep="none").with_columns(
        pl.col("ALT_CTS", "OBS_CT").cast(pl.Int64, strict=False)
    )
    both = found.join(rows, left_on=["pos", "ref", "alt"], right_on=["POS", "REF", "ALT"])
    different = both.filter(
        (pl.col("ac") != pl.col("ALT_CTS")) | (pl.col("an") != pl.col("OBS_CT"))
    )
    say(
        "plink2 --keep --freq counts",
        wall_ms=ms(wall),
        cpu_ms=ms(cpu),
        compared=both.height,
        different=different.height,
    )


def annotate(vcf: Path, store: Store, people: People) -> None:
    with tempfile.TemporaryDirectory() as folder:
        used, began = time.process_time(), time.perf_counter()
        out = Path(folder) / "out.vcf.gz"
        done = varhouse.annotate_frequencies(vcf, out, store=store, people=people)
        cpu, wall = time.process_time() - used, time.perf_counter() - began
    say(
        "annotate",
        records=done.n_records,
        found=done.n_found,
        records_a_second=round(done.n_records / wall),
        records_a_cpu_second=round(done.n_records / cpu),
    )


if __name__ == "__main__":
    raise SystemExit(main())
