#!/usr/bin/env python3
"""Measure how long it takes to open a store and to plan a question, by releases and files.

    scripts/benchmark_plan.py make OUT --releases 1000 --files 3000
    scripts/benchmark_plan.py ask STORE

`make` builds a store with that many releases, of which each brings its share of files to
each of five tables, until there are that many files in all; then each replaces the oldest.
`ask` gives CPU and wall milliseconds, the least of several runs, a row a step.
"""

import argparse
import json
import os
import random
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl

import varhouse
from varhouse.genome.contigs import Contig, Contigs
from varhouse.store.commit import commit, init_store
from varhouse.tables.schema import (
    COHORTS,
    CONSEQUENCES,
    FREQUENCIES,
    IDS,
    TOTALS,
    VARIANTS,
    Table,
    annotation_table,
)
from varhouse.tables.shards import Manifest, Shard, write_shard

CONTIGS = tuple(f"chr{n}" for n in range(1, 23))
BASES = 1_000_000
ROWS = 20
SOURCE = annotation_table("s", {"score": pl.Float64, "redistribute": pl.Boolean})
TABLES = (VARIANTS, IDS, CONSEQUENCES, TOTALS, FREQUENCIES, SOURCE)
COHORT = "c"


def _fill(table: Table, rows: int, **known: Any) -> pl.DataFrame:
    """Make rows of a table; columns that are not given are 0, empty or null."""
    plain: dict[Any, Any] = {pl.String: "", pl.Boolean: True, pl.Binary: b""}
    columns = {}
    for column in table.columns:
        value = None if column.nullable else plain.get(column.dtype, 0)
        if isinstance(column.dtype, pl.List):
            value = []
        value = known.get(column.name, value)
        values = value if isinstance(value, list) and len(value) == rows else [value] * rows
        columns[column.name] = pl.Series(values, dtype=column.dtype)
    return pl.DataFrame(columns)


def _shard(table: Table, number: int, files: int, work: Path) -> Shard:
    """Write file `number` of `files` of a table: rows of its own stretch of a contig."""
    per_contig = -(-files // len(CONTIGS))
    contig = CONTIGS[number // per_contig % len(CONTIGS)]
    width = BASES // per_contig
    first = number % per_contig * width + 1
    pos = [first + i * max(width // ROWS, 1) for i in range(ROWS)]
    partition = {"part": contig} | ({"cohort": COHORT} if table is FREQUENCIES else {})
    frame = _fill(
        table,
        ROWS,
        contig=contig,
        pos=pos,
        ref="A",
        alt="C",
        end=pos,
        id=[f"rs{number * ROWS + i}" for i in range(ROWS)],
        kind="rs",
        transcript_id="T",
        most_severe=True,
        stratum_by="all",
        stratum="all",
        an=8,
        ac=1,
        **partition,
    )
    order = {n: partition[n] for n in table.partition}
    shard = write_shard(frame, table, work, f"{table.name}-{number}", order)
    assert shard is not None
    return shard


def make(out: Path, releases: int, files: int) -> None:
    """Make a store of so many releases (at least 2) and files."""
    shutil.rmtree(out, ignore_errors=True)
    init_store(out, "bench", Contigs([Contig(c, [], length=BASES) for c in CONTIGS]))
    each = max(files // len(TABLES), 1)
    share = -(-each // max(releases - 1, 1))
    work = out / "_staging" / "bench"
    held: dict[str, list[str]] = {t.name: [] for t in TABLES}
    number = 0
    for release in range(2, max(releases, 2) + 1):
        shards, remove = [], []
        names = range(number, number + share)
        number += share
        for table in TABLES:
            shards += [_shard(table, n % each, each, work) for n in names]
            over = len(held[table.name]) + share - each
            remove += [(table.name, f) for f in held[table.name][: max(over, 0)]]
        if release == 2:
            cohort = _fill(COHORTS, 1, cohort=COHORT)
            one = write_shard(cohort, COHORTS, work, "cohorts", {"cohort": COHORT})
            assert one is not None
            shards.append(one)
        ingest = f"bench-{release}"
        commit(
            out,
            [Manifest(shards, [], remove)],
            ingest_id=ingest,
            operation="ingest",
            base_release=release - 1,
        )
        catalogue = json.loads((out / "_store" / "files" / f"{ingest}.json").read_text())
        for name in held:
            gone = {f for t, f in remove if t == name}
            held[name] = [f for f in held[name] if f not in gone] + list(catalogue[name])
        shutil.rmtree(work)


def _least(runs: int, work: Callable[[], Any]) -> tuple[float, float]:
    """Give the least CPU and wall milliseconds of some runs."""
    found = []
    for _ in range(runs):
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        found.append(((time.process_time() - cpu) * 1e3, (time.perf_counter() - wall) * 1e3))
    return min(c for c, _ in found), min(w for _, w in found)


def ask(path: Path, runs: int) -> None:
    """Print a row a step: milliseconds of CPU and of wall time."""
    names = [t.name for t in TABLES]
    chance = random.Random(1)

    def place() -> dict[str, Any]:
        start = chance.randrange(1, BASES - 10_000)
        return {"contig": chance.choice(CONTIGS), "start": start, "end": start + 9_999}

    def open_all() -> None:
        store = varhouse.open(path)
        for name in names:
            store.declaration(name)

    warm = varhouse.open(path)
    found = place()
    region = f"{found['contig']}:{found['start']}-{found['end']}"
    warm.query(region)
    steps: dict[str, Callable[[], Any]] = {
        "open": lambda: varhouse.open(path),
        "open, 6 tables": open_all,
        "plan 10 kb, 6 tables": lambda: [warm.file_frame(n, **place()) for n in names],
        "plan an id": lambda: warm.file_frame("ids", id="rs77"),
        "open public": lambda: varhouse.open(path, audience="public"),
        "open first, public": lambda: varhouse.open(path, 2, "public"),
        "open + query 10 kb": lambda: varhouse.open(path).query(region),
        "query 10 kb": lambda: warm.query(region),
    }
    files = sum(t.files for t in warm.record.tables.values())
    print(f"{warm.release} releases, {files:,} files", file=sys.stderr)
    for name, step in steps.items():
        cpu, wall = _least(runs, step)
        print(f"{warm.release}\t{files}\t{name}\t{cpu:.2f}\t{wall:.2f}")


def main() -> None:
    """Make a store, or ask one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make")
    maker.add_argument("out", type=Path)
    maker.add_argument("--releases", type=int, default=10)
    maker.add_argument("--files", type=int, default=100)
    asker = commands.add_parser("ask")
    asker.add_argument("store", type=Path)
    asker.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    if args.command == "make":
        make(args.out, args.releases, args.files)
    else:
        ask(args.store, args.runs)


if __name__ == "__main__":
    main()
