#!/usr/bin/env python3
"""Measure how fast questions to a large store are answered, answers compared with pysam's.

usage: scripts/benchmark_ask.py STORE [--alleles N] [--runs N] [--jobs N] [--seed N]

STORE is made by `scripts/benchmark_ask_store.py` if it is not there. Prints one JSON line a
kind of question: p50 and p95 of wall and CPU milliseconds of random questions, with the store
open and asked before, new places each time. Beside 10 kb of all columns of `variants` the same
columns as a VCF of one contig, by pysam's tabix in the same process, in turn; rows and values
are compared. Last, the command, cold: whole processes.
"""

import argparse
import json
import logging
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pysam
from benchmark_ask_store import MEGABASES, make_store, name_of

import varhouse
from varhouse.query.opened import OpenStore

COLUMNS = ("end", "type", "spdi", "vrs_id", "hgvs_g")
HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID={}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--alleles", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-cold", action="store_true", help="leave out the command")
    args = parser.parse_args()
    if not args.store.exists():
        say("store", **make_store(args.store, args.alleles, jobs=args.jobs, seed=args.seed))
    logging.getLogger("varhouse").setLevel(logging.ERROR)
    store = varhouse.open(args.store)
    ask_all(store, args.runs, random.Random(args.seed))
    with tempfile.TemporaryDirectory() as folder:
        beside_tabix(store, args.runs, random.Random(args.seed), Path(folder))
    if not args.no_cold:
        cold(args.store, random.Random(args.seed))
    return 0


def say(question: str, **values: object) -> None:
    print(json.dumps({"question": question, **values}), flush=True)


def spread(question: str, asks: Sequence[Callable[[], Any]], **more: object) -> None:
    """Ask once each, and say how long it took."""
    wall, cpu, rows = [], [], 0
    for ask in asks:
        began, spent = time.perf_counter(), time.process_time()
        found = ask()
        wall.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.process_time() - spent) * 1e3)
        rows += found.height
    say(question, **ranks("wall_ms", wall), **ranks("cpu_ms", cpu), rows=rows, **more)


def ranks(name: str, values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    p95 = ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)]
    return {f"{name}_p50": round(statistics.median(ordered), 2), f"{name}_p95": round(p95, 2)}


def places(rng: random.Random, n: int, width: int) -> list[str]:
    """Choose places, each contig as often as it is long."""
    chosen = []
    for contig in rng.choices(range(len(MEGABASES)), MEGABASES, k=n):
        start = rng.randrange(1, MEGABASES[contig] * 1_000_000 - width)
        chosen.append(f"{name_of(contig)}:{start}-{start + width - 1}")
    return chosen


def ask_all(store: OpenStore, n: int, rng: random.Random) -> None:
    """Ask questions of every kind; as many go before, so that files are open."""

    def both(question: str, make: Callable[[int], list[Callable[[], Any]]]) -> None:
        asks = make(2 * n)
        for ask in asks[: len(asks) // 2]:
            ask()
        spread(question, asks[len(asks) // 2 :])

    def overviews(width: int, **more: Any) -> Callable[[int], list[Callable[[], Any]]]:
        return lambda k: [
            lambda p=p: store.query(p, **more) for p in places(rng, k, width)
        ]  # fmt: skip

    both("10 kb, all columns of variants", lambda k: [
        lambda p=p: store.variants(p).collect() for p in places(rng, k, 10_000)
    ])  # fmt: skip
    both("10 kb, overview", overviews(10_000))
    # As who browses: 2 Mb of one contig, of which the pages have room.
    at = [rng.randrange(20_000_000, 22_000_000) for _ in range(2 * n)]
    near = [f"chr1:{start}-{start + 9_999}" for start in at]
    both("10 kb of 2 Mb, all columns of variants", lambda k: [
        lambda p=p: store.variants(p).collect() for p in near[:k]
    ])  # fmt: skip
    both("10 kb of 2 Mb, overview", lambda k: [lambda p=p: store.query(p) for p in near[:k]])
    alleles = [
        row
        for p in places(rng, 50, 100_000)
        for row in store.variants(p).select("contig", "pos", "ref", "alt").collect().rows()
    ]
    chosen = rng.sample(alleles, min(2 * n, len(alleles)))
    names = [f"{c}-{p}-{r}-{a}" for c, p, r, a in chosen]
    both("one allele by its key", lambda k: [
        lambda a=a: store.query(ids=a) for a in rng.choices(names, k=k)
    ])  # fmt: skip
    ids = [
        i
        for p in places(rng, 50, 100_000)
        for i in store.query(p, columns=["id"])["id"].drop_nulls().to_list()
    ]
    both("rs id", lambda k: [lambda i=i: store.query(ids=i) for i in rng.choices(ids, k=k)])
    genes = store.genes().collect()["gene_name"].to_list()
    both("gene, impact HIGH and af < 0.01", lambda k: [
        lambda g=g: store.query(genes=g, where='impact == "HIGH" and af < 0.01')
        for g in rng.choices(genes, k=k)
    ])  # fmt: skip
    both("1 Mb, alleles by consequence", lambda k: [
        lambda p=p: store.query(p, columns=["consequence"]).group_by("consequence").len()
        for p in places(rng, k // 4 or 1, 1_000_000)
    ])  # fmt: skip
    both("1 Mb, spectrum of af", lambda k: [
        lambda p=p: store.query(p, columns=["af"])["af"].hist(bin_count=20)
        for p in places(rng, k // 4 or 1, 1_000_000)
    ])  # fmt: skip
    many = places(rng, 1_000, 1)
    spread("1,000 positions at once", [lambda: store.query(many)])


def beside_tabix(store: OpenStore, n: int, rng: random.Random, folder: Path) -> None:
    """Read 10 kb here and by pysam, in turn: of a whole contig, and of 2 Mb of it."""
    contig = name_of(len(MEGABASES) - 1)
    path = write_vcf(store, contig, folder)
    tabix = pysam.TabixFile(str(path))
    width = MEGABASES[-1] * 1_000_000 - 10_000
    starts = [rng.randrange(1, width) for _ in range(2 * n)]
    near = [20_000_000 + start % 2_000_000 for start in starts]
    for case, chosen in (("new places", starts), ("10 kb of 2 Mb", near)):
        times: dict[str, list[float]] = {"ours": [], "tabix": []}
        rows = 0
        for k, start in enumerate(chosen):
            began = time.process_time()
            own = store.variants(f"{contig}:{start}-{start + 9_999}").collect()
            middle = time.process_time()
            lines = list(tabix.fetch(contig, start - 1, start + 9_999))
            end = time.process_time()
            if [tuple(line.split("\t")) for line in lines] != text_rows(own):
                raise SystemExit(f"{contig}:{start}: other rows than tabix")
            if k >= n:
                times["ours"].append((middle - began) * 1e3)
                times["tabix"].append((end - middle) * 1e3)
                rows += own.height
        ratio = statistics.median(times["ours"]) / statistics.median(times["tabix"])
        say(
            f"10 kb beside tabix, {case}",
            **ranks("ours_cpu_ms", times["ours"]),
            **ranks("tabix_cpu_ms", times["tabix"]),
            ratio=round(ratio, 2),
            rows=rows,
        )


def text_rows(rows: pl.DataFrame) -> list[tuple[str, ...]]:
    """Write rows of `variants` as the fields of lines."""
    info = pl.concat_str(
        [pl.concat_str(pl.lit(f"{n.upper()}="), pl.col(n)) for n in COLUMNS], separator=";"
    )
    dot = pl.lit(".")
    fields = rows.select(
        "contig", pl.col("pos").cast(pl.String), dot.alias("id"), "ref", "alt",
        dot.alias("qual"), dot.alias("filter"), info.alias("info"),
    )  # fmt: skip
    return fields.rows()


def write_vcf(store: OpenStore, contig: str, folder: Path) -> Path:
    """Write the alleles of a contig with all columns of `variants`, and an index."""
    path = folder / "site.vcf"
    rows = store.scan("variants", contig=contig).collect().sort("pos", "ref", "alt")
    with path.open("w") as out:
        out.write(HEADER.format(contig))
        out.writelines("\t".join(row) + "\n" for row in text_rows(rows))
    packed = Path(f"{path}.gz")
    pysam.tabix_compress(str(path), str(packed), force=True)
    pysam.tabix_index(str(packed), preset="vcf", force=True)
    return packed


def cold(path: Path, rng: random.Random, runs: int = 7) -> None:
    """Ask by the command: whole processes."""
    wall, cpu = [], []
    for place in places(rng, runs, 10_000):
        command = [sys.executable, "-m", "varhouse", "query", str(path), "--region", place]
        began = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        wall.append(time.perf_counter() - began)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    say(
        "10 kb, overview, cold shell",
        wall_s_least=round(min(wall), 3),
        wall_s_median=round(statistics.median(wall), 3),
        cpu_s_median=round(statistics.median(cpu), 3),
    )


if __name__ == "__main__":
    raise SystemExit(main())
