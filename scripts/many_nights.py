#!/usr/bin/env python3
"""Let nights of small deliveries pass, and count the files of the newest release.

    nice -n 15 python scripts/many_nights.py --nights 200

Each night is a release: a person comes into a cohort of gVCFs that grows (one leaves now and
then), cohorts come, one is replaced, a source and the gene model are renewed: see
`tests/manynights.py`. Prints the files of each table every so many nights, all and the most of
one partition, and what the records of the releases cost.
"""

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import polars as pl
from manynights import Centre, count_files, open_newest

from varhouse.status.find import read_status
from varhouse.store.lifecycle import log_releases


def cpu_of(act: object) -> float:
    """Give the CPU seconds of a call."""
    began = time.process_time()
    act()  # type: ignore[operator]
    return time.process_time() - began


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=200)
    parser.add_argument("--every", type=int, default=50, help="nights between two counts")
    parser.add_argument("--folder", type=Path, help="keep the store here")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="varhouse-nights-") as name:
        centre = Centre(args.folder or Path(name))
        store = centre.store
        counts: dict[int, pl.DataFrame] = {}
        for night in range(args.nights):
            took = cpu_of(lambda night=night: centre.pass_night(night))
            if (night + 1) % args.every == 0:
                counts[night + 1] = count_files(open_newest(centre.folder))
                small = sum(1 for _ in (store / "_store").rglob("*.json"))
                log = cpu_of(lambda: log_releases(store))
                status = cpu_of(lambda: read_status(store, 30))
                print(
                    f"night {night + 1}: {took:.2f} CPU s, {small} records, "
                    f"log {log:.3f} s, status {status:.3f} s",
                    flush=True,
                )
                print(f"{'table':<20} " + " ".join(f"{n:>14}" for n in counts))
                for table in counts[night + 1]["table"]:
                    cells = []
                    for frame in counts.values():
                        row = frame.filter(pl.col("table") == table)
                        cells.append(f"{row['files'][0]:>7} ({row['most'][0]:>4})"
                                     if row.height else f"{'-':>14}")  # fmt: skip
                    print(f"{table:<20} " + " ".join(cells), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
