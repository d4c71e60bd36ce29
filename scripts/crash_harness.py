#!/usr/bin/env python3
"""Cut commands off at every system call that changes the disk, and look at what is left.

    nice -n 10 python scripts/crash_harness.py --all
    nice -n 10 python scripts/crash_harness.py --command commit --runs 50 --verify

Each command is recorded once with strace. Then the store is opened in the state after each of
its calls (and inside long writes), and in the states that a power failure may leave, in which
up to three calls that were not flushed are lost (`tests/crashorders.py` has the model). In
some of these states, evenly spread, the same command or another one is run. `--faults` makes
its calls fail instead: no space left, no permission, a file system that is read only, a
broken disk (`tests/crashfaults.py`). Prints a table; exit code 1 if anything went wrong.
"""

import argparse
import contextlib
import logging
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "unit"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from crashcases import COMMANDS, Command, command
from crashes import Recording, Result, place, spread
from crashfaults import FaultResult, try_faults
from crashorders import UNSEEN

HEADS = ("command", "calls", "flushes", "states", "distinct", "lost", "distinct", "runs",
         "refused", "faults", "failed", "CPU s")  # fmt: skip


def try_command(of: Command, args: argparse.Namespace) -> tuple[list[object], list[str]]:
    """Give the row of a command, and its failures."""
    began = time.process_time()
    with place() as folder:
        recording = Recording(of, folder)
        looked = recording.look(recording.prefixes())
        lost = recording.look(recording.lost(args.lost, args.seed), without=UNSEEN)
        runs = recording.go_on(
            spread(list(recording.prefixes()), args.runs), verify=args.verify
        )
        power = Result()
        if args.power:
            some = spread(list(recording.lost(args.lost, args.seed)), args.power)
            power = recording.go_on(some, verify=args.verify, refusals=True)
        faults = try_faults(recording, args.faults) if args.faults else FaultResult()
    failures = [
        *looked.failures, *lost.failures, *recording.lasts(), *runs.failures,
        *power.failures, *faults.failures,
    ]  # fmt: skip
    flushes = sum(c.name == "sync" for c in recording.calls)
    row = [
        of.name, looked.calls, flushes, looked.states, looked.distinct, lost.states,
        lost.distinct, runs.runs + power.runs, power.refused, faults.hit, len(failures),
        round(time.process_time() - began, 1),
    ]  # fmt: skip
    return row, failures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [c.name for c in COMMANDS]
    parser.add_argument("--command", action="append", choices=names, help="one of them")
    parser.add_argument("--all", action="store_true", help="all commands")
    parser.add_argument("--runs", type=int, default=30, help="states to go on from")
    parser.add_argument("--power", type=int, default=0, help="and after power failures")
    parser.add_argument("--lost", type=int, default=100, help="ways at a moment, at most")
    parser.add_argument("--faults", type=int, default=0, help="calls that fail, each errno")
    parser.add_argument("--verify", action="store_true", help="and `verify` after each run")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if not (args.all or args.command):
        parser.error("--command NAME, or --all")
    logging.disable(logging.CRITICAL)
    print("\t".join(HEADS), flush=True)
    wrong = 0
    for name in names if args.all else args.command:
        row, failures = try_command(command(name), args)
        print("\t".join(map(str, row)), flush=True)
        wrong += len(failures)
        for failure in failures[:20]:
            print(f"FAILED  {failure}", file=sys.stderr, flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
