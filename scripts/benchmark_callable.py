#!/usr/bin/env python3
"""Measure how fast a store says who is assessed at a base, answers compared with a slow count.

usage: scripts/benchmark_callable.py STORE --region R [--cohort C] [--people EXPR]
       [--copies N --make NEW] [--runs N] [--bases N]

Prints one JSON line a task: the least wall and CPU milliseconds of N runs with the store open
(warm): one base at random places of the region, the region, both also for everybody alone, and
with --people for a group. Some bases are counted again, by a walk over the runs of all people.

--copies makes a store NEW first, of N people who have the runs of people of STORE, each moved
by some bases: so that few of them begin at one base, which is the most rows there can be.
"""

import argparse
import json
import random
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import varhouse
from varhouse.callability.build import rows_of
from varhouse.callability.codes import ADJ, EMPTY, LOW, unpack
from varhouse.callability.runs import take_apart
from varhouse.callability.tally import Groups, Places, tally_runs
from varhouse.frequencies.strata import make_strata
from varhouse.genome.contigs import parse_region
from varhouse.genome.haploid import HaploidRegions
from varhouse.query.opened import OpenStore
from varhouse.store.commit import commit, init_store
from varhouse.tables.labels import Labels
from varhouse.tables.schema import TABLES, Table
from varhouse.tables.shards import Manifest, write_shard

Runs = tuple[Any, Any, Any, Any]
"""Person, start, end and code of runs on one contig: int32[n] each."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--region", required=True)
    parser.add_argument("--cohort")
    parser.add_argument("--people")
    parser.add_argument("--copies", type=int)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--bases", type=int, default=50)
    args = parser.parse_args()
    store = varhouse.open(args.store)
    cohort = args.cohort or store.cohorts().collect()["cohort"][0]
    region = parse_region(args.region, store.assembly_contigs)
    assert region.end is not None
    runs = read_runs(store, cohort, region.contig)
    if args.copies:
        runs = moved(runs, args.copies, region.start, region.end)
        store = make_store(args.make, store, region.contig, runs, args.copies)
        cohort = "copies"
    rng = random.Random(1)
    bases = [rng.randint(region.start, region.end) for _ in range(args.bases)]
    compare(store, cohort, region.contig, bases, runs)
    asks: dict[str, dict[str, Any]] = {"every stratum": {}, "all": {"stratum_by": "all"}}
    if args.people:
        asks["people"] = {"people": varhouse.choose_people(store, args.people)}
    for name, ask in asks.items():
        of_base = iter(bases * args.runs)
        best(
            len(bases) * args.runs - 1,
            f"one base, {name}",
            lambda ask=ask, of=of_base: store.callability(
                f"{region.contig}:{next(of)}", cohort=cohort, **ask
            ),
        )
        best(
            args.runs,
            f"{args.region}, {name}",
            lambda ask=ask: store.callability(args.region, cohort=cohort, **ask),
        )
    return 0


def say(task: str, **values: object) -> None:
    print(json.dumps({"task": task, **values}), flush=True)


def best(runs: int, task: str, work: Callable[[], pl.DataFrame]) -> None:
    """Run a task, and tell the times."""
    found = work()
    wall, cpu = [], []
    for _ in range(runs):
        began, used = time.perf_counter(), time.process_time()
        found = work()
        wall.append(time.perf_counter() - began)
        cpu.append(time.process_time() - used)
    middle = sorted(wall)[len(wall) // 2]
    say(task, rows=found.height, wall_ms=ms(min(wall)), cpu_ms=ms(min(cpu)),
        median_wall_ms=ms(middle), median_cpu_ms=ms(sorted(cpu)[len(cpu) // 2]))  # fmt: skip


def ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def read_runs(store: OpenStore, cohort: str, contig: str) -> Runs:
    """Read the runs of everybody on a contig."""
    rows = store.scan("runs", contig=contig, cohort=cohort).collect()
    runs = take_apart(rows)
    return rows["sample"].to_numpy()[runs.row], runs.start, runs.end, runs.code


def compare(store: OpenStore, cohort: str, contig: str, bases: list[int], runs: Runs) -> None:
    """Count some bases again, one by one; no contig on which males have one copy."""
    who, start, end, code = runs
    state = unpack(code)
    different = 0
    for base in bases:
        over = (start <= base) & (end >= base)
        level, alleles = state.level[over], state.alleles[over].astype(np.int64)
        own, asked = ~state.is_span[over], ~(state.is_span | state.is_unknown)[over]
        counts = {
            "n_samples": np.unique(who[over]).size,
            "an": alleles[level >= LOW].sum(),
            "an_written": alleles[(level >= EMPTY) & own].sum(),
            "n_missing": ((level < LOW) | (alleles < state.ploidy[over])).sum(),
        }
        if asked.any():
            counts |= {
                "n_samples_adj": asked.sum(),
                "an_adj": alleles[asked & (level == ADJ)].sum(),
            }
        ask = {"cohort": cohort, "stratum_by": "all"}
        row = store.callability(f"{contig}:{base}", **ask).row(0, named=True)
        different += any(row[name] != count for name, count in counts.items())
    say("compared", bases=len(bases), different=different)


def moved(runs: Runs, copies: int, low: int, high: int) -> Runs:
    """Give so many people the runs of those of a store, moved; what leaves the region goes."""
    rng = random.Random(2)
    people = np.unique(runs[0])
    pieces = []
    for k in range(copies):
        mine = runs[0] == people[k % people.size]
        by = rng.randint(-5_000, 5_000) if k >= people.size else 0
        start, end = runs[1][mine] + by, runs[2][mine] + by
        inside = (start >= low) & (end <= high)
        who = np.full(int(inside.sum()), k, np.int32)
        pieces.append((who, start[inside], end[inside], runs[3][mine][inside]))
    joined = [np.concatenate(columns) for columns in zip(*pieces, strict=True)]
    return joined[0], joined[1], joined[2], joined[3]


def make_store(path: Path, base: OpenStore, contig: str, runs: Runs, people: int) -> OpenStore:
    """Make a store of what tells who is assessed: half of the people are women."""
    init_store(path, base.assembly, base.assembly_contigs)
    sexes = pl.DataFrame({"sex": ["male", "female"] * (people // 2 + 1)}).head(people)
    strata = make_strata(sexes, ["sex"])
    groups = Groups.of(strata.cell, strata.member, strata.male, strata.female)
    places = Places.of(HaploidRegions.from_json(None), contig)
    names = pl.DataFrame({"stratum_by": strata.by, "stratum": strata.value})
    rows = rows_of(tally_runs(*runs, groups, places), contig, names)
    account = json.dumps({"strata": ["sex"]})
    tables = {
        "callable": rows.with_columns(
            cohort=pl.lit("copies"), part=pl.lit(base.assembly_contigs.part(contig))
        ),
        "cohorts": filled(
            TABLES["cohorts"],
            [{"cohort": "copies", "n_samples": people, "ingest_id": "i", "attributes": "{}"}],
        ),
        "accounts": filled(TABLES["accounts"], [{"ingest_id": "i", "account": account}]),
        "samples": filled(
            TABLES["samples"],
            (
                {"cohort": "copies", "sample": f"p{k}", "ordinal": k, "sex": sex,
                 "attributes": "{}"}
                for k, sex in enumerate(sexes["sex"])
            ),
        ),
    }  # fmt: skip
    numbered = enumerate(tables["samples"]["sample"])
    labels = Labels({0: ("", [])}, dict(numbered))
    shards = []
    for name, frame in tables.items():
        table = TABLES[name]
        partition = {c: frame[c][0] for c in table.partition}
        work = path / "_staging" / "copies"
        rows = frame.select(table.names)
        shards.append(write_shard(rows, table, work, name, partition, labels=labels))
    manifest = Manifest([s for s in shards if s is not None])
    commit(path, [manifest], ingest_id="copies", operation="ingest", base_release=1)
    return varhouse.open(path)


def filled(table: Table, rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Make rows of a table, what they leave out null or empty."""
    empty: dict[Any, Any] = {pl.String: ""}
    whole = [
        {
            c.name: row.get(c.name, None if c.nullable else empty.get(c.dtype, 0))
            for c in table.columns
        }
        for row in rows
    ]
    return pl.DataFrame(whole, schema=table.polars_schema)


if __name__ == "__main__":
    raise SystemExit(main())
