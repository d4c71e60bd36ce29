#!/usr/bin/env python3
"""Measure what `varhouse store compact` costs on the tables of a store.

    python scripts/benchmark_compact.py STORE --tables variants,genotypes --parts chr22

Makes a copy of some tables in which every partition has so many files whose rows lie among
each other, as nights leave them, joins them, and prints CPU seconds, bytes and peak memory.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

import varhouse
from varhouse.store.commit import commit, init_store
from varhouse.store.reader import Store
from varhouse.tables.labels import Labels
from varhouse.tables.shards import Manifest, Shard, write_shard

COMPACT = """
import json, sys, time
from pathlib import Path
from varhouse.store.compact import compact_store
began = time.process_time()
out = compact_store(Path(sys.argv[1]))
took = time.process_time() - began
peak = [x for x in open("/proc/self/status") if x.startswith("VmHWM")][0].split()[1]
print(json.dumps([took, int(peak) / 1024, out.release, *out.files, out.bytes]))
"""


def compact(path: Path) -> list[float]:
    """Compact a store in a process of its own: CPU s, peak MB, release, files, bytes."""
    words = [sys.executable, "-c", COMPACT, str(path)]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    found: list[float] = json.loads(done.stdout)
    return found


def scatter(store: Store, name: str, parts: list[str], pieces: int, work: Path) -> list[Shard]:
    """Write the rows of a table so that each file has every so manieth row of a partition."""
    table, shards = store.declaration(name), []
    files = store.file_frame(name)
    columns = [f"partition.{c}" for c in table.partition]
    for mine in files.partition_by(columns, maintain_order=True) if columns else [files]:
        partition = {c: mine[f"partition.{c}"][0] for c in table.partition}
        if parts and partition.get("part", parts[0]) not in parts:
            continue
        labels = None
        if table.labelled:
            own = (store.scan(t, cohort=partition["cohort"]).collect()
                   for t in ("files", "samples"))  # fmt: skip
            labels = Labels.of_tables(*own)
        rows = store.scan(name, **partition).collect()
        for k in range(pieces):
            frame = rows.gather_every(pieces, k)
            where = work / f"{name}-{len(shards)}"
            made = write_shard(frame, table, where, "x", partition, labels)
            shards += [made] if made else []
    return shards


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", type=Path)
    parser.add_argument("--tables", required=True)
    parser.add_argument("--parts", default="")
    parser.add_argument("--pieces", type=int, default=20)
    args = parser.parse_args()
    store = varhouse.open(args.store)
    parts = [p for p in args.parts.split(",") if p]
    with tempfile.TemporaryDirectory(prefix="varhouse-compact-") as name:
        path = Path(name) / "store"
        init_store(path, store.assembly, store.assembly_contigs)
        # Once on nothing much: what is compiled is no cost of compaction.
        shards = scatter(store, "contigs", [], 2, Path(name) / "w0")
        commit(path, [Manifest(shards)], ingest_id="a", operation="x", base_release=1)
        for table in [t for t in ("files", "samples") if t in store.tables]:
            shards += scatter(store, table, [], 1, Path(name) / "w1")
        shards = [s for s in shards if s.table != "contigs"]
        commit(path, [Manifest(shards)], ingest_id="b", operation="x", base_release=2)
        compact(path)
        release = varhouse.open(path).release
        for number, table in enumerate(args.tables.split(",")):
            work = Path(name) / f"t{number}"
            shards = scatter(store, table, parts, args.pieces, work)
            release = commit(path, [Manifest(shards)], ingest_id=f"t{number}",
                             operation="x", base_release=release)  # fmt: skip
            took, peak, made, before, files, size = compact(path)
            release = int(made)
            after = varhouse.open(path).file_frame(table)["size_bytes"].sum()
            rows = varhouse.open(path).record.tables[table].rows
            print(
                f"{table:<20} {rows:>12,} rows  {before} -> {files} files  "
                f"{size / 1e6:.1f} -> {after / 1e6:.1f} MB  {took:.1f} CPU s  "
                f"{took / size * 1e9:.0f} CPU s/GB  peak {peak:.0f} MB",
                flush=True,
            )
            assert pl.scan_parquet(varhouse.open(path).paths(table)).select(
                pl.len()
            ).collect().item() == rows  # fmt: skip


if __name__ == "__main__":
    main()
