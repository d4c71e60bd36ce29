"""Collect a store of many small releases by rules, and say what it cost.

Run: python scripts/benchmark_gc.py --releases 365 --folder /tmp/bench-gc
Prints CPU and wall seconds of the two runs (sealing; collecting), files and bytes before and
after, and checks that each release that is kept has the digest that its rows give.
"""

import argparse
import random
import resource
import shutil
import sys
import time
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "unit")]

from quick_releases import add_releases, made_on  # noqa: E402
from store_builders import new_store  # noqa: E402

from varhouse.store.gc import collect  # noqa: E402
from varhouse.store.reader import open_store  # noqa: E402
from varhouse.store.releases import read_open_releases, write_tag  # noqa: E402
from varhouse.store.retention import parse_policy  # noqa: E402
from varhouse.verify.whole import recompute_digests  # noqa: E402


def lying(store: Path) -> str:
    sizes = [f.stat().st_size for f in store.rglob("*") if f.is_file()]
    return f"{len(sizes):,} files, {sum(sizes) / 2**20:.1f} MiB"


def measured(what: str, store: Path, grace: float, policy: str) -> None:
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    found = collect(store, policy=parse_policy(policy), grace=grace)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    wall = time.monotonic() - begin
    print(
        f"{what}: CPU {cpu:.1f} s, wall {wall:.1f} s; sealed {len(found.sealed)}, "
        f"gone {len(found.gone):,}, {found.bytes / 2**20:.1f} MiB; then {lying(store)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=365)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--keep", default="tagged, last 30, monthly")
    args = parser.parse_args()
    store = args.folder / "store"
    shutil.rmtree(store, ignore_errors=True)
    with made_on(date(2025, 1, 1)):
        new_store(store)
    add_releases(store, args.releases - 1, random.Random(1))
    write_tag(store, "paper", 7)
    shutil.rmtree(store / "_staging", ignore_errors=True)
    digests = {r.number: r.digest for r in read_open_releases(store)}
    print(f"{args.releases} releases: {lying(store)}")
    measured("sealing", store, 3600, args.keep)
    measured("collecting", store, 0, args.keep)
    measured("again", store, 0, args.keep)
    kept = read_open_releases(store)
    for release in kept:
        found = open_store(store, release.number)
        assert found.digest() == digests[release.number]
        assert recompute_digests(store, found.release) == found.table_digests()
    print(f"{len(kept)} releases are kept, and have their digests")


if __name__ == "__main__":
    main()
