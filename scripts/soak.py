#!/usr/bin/env python3
"""Let nights of small deliveries pass, with random faults, and look at what is in the store.

    nice -n 15 python scripts/soak.py --nights 60 --seed 1

Deliveries are good, cut, of a wrong sum or assembly, late, half copied, sent again or under
another name. Nights are killed at a random change of the file system, once or twice, or find
the disk full from such a change on. Each night must end with the exit code, the faults and
the people that a model of what was sent expects; a second night must do nothing; after the
last one the store must have the digest of one ingest of what should be in. Nights run in one
process, with the steps of the ingest as Snakemake would run them: see `tests/soaking.py`.
Prints a line a night, and how what is measured changes a night (least squares).
"""

import argparse
import logging
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from soaking import Measured, Soak, slope, unsynced

SHOWN = ("opened_files", "opened_bytes", "store_files", "unpinned_files", "beside",
         "open_cpu_s", "quiet_cpu_s")  # fmt: skip


def show(night: Measured) -> None:
    """Print the line of a night."""
    numbers = asdict(night)
    cells = [f"{numbers[k]:.3f}" if k.endswith("_s") else f"{numbers[k]}" for k in SHOWN]
    print(
        "\t".join([f"{night.night}", f"{night.exit_code}", *cells, night.happened]), flush=True
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nights", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--really", action="store_true", help="kill real processes (27 nights at most)"
    )
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="varhouse-soak-") as name, unsynced():
        soak = Soak(Path(name), args.seed, really=args.really)
        print("\t".join(["night", "exit", *SHOWN, "happened"]), flush=True)
        for day in range(args.nights):
            show(soak.pass_night(day))
        same = soak.nights.digest() == soak.clean_digest()
    print(", ".join(f"{n} x {what}" for what, n in sorted(soak.counts.items())))
    half = [asdict(m) for m in soak.done[args.nights // 2 :]]
    for key in SHOWN if len(half) > 1 else ():
        values = [float(m[key]) for m in half]
        print(f"{key}: {sum(values) / len(values):.4g} in the second half of the nights, "
              f"{slope(values):+.4g} a night")  # fmt: skip
    print(
        f"digest of one ingest of what should be in: {'the same' if same else 'ANOTHER ONE'}"
    )
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
