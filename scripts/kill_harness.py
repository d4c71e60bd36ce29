#!/usr/bin/env python3
"""Kill ingests and drops at many points, run them again, and look at what is left.

    nice -n 10 python scripts/kill_harness.py --steps 200 --real 20

A store must come out that has the content digest of a run that nobody killed; `verify` must
find nothing; no file that a release holds may change, in bytes or inode; and nothing of the
killed may be left. `--steps` kills in this process, at changes of the file system that are
spread evenly over a first ingest, a further ingest and a drop; half of the retries are
killed, too. `--real` sends SIGKILL to the real command after delays that are spread over its
run, in turn to its process group and to the main process alone. `tests/kills.py` says how.
`--fire` hits the whole workflow with many jobs of every kind (main process, a job, its shell,
Snakemake, who supervises it, all; SIGKILL, SIGTERM, SIGINT, SIGSTOP), one run after the other,
at random moments of CPU time, on cohorts of every kind: see `tests/underfire.py`.
Prints a line for each kill and the numbers; exit code 1 if anything went wrong.
"""

import argparse
import contextlib
import logging
import pickle
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from kills import Scenario, kill_and_retry, kill_for_real, many_jobs, points, scenarios
from underfire import BLOWS, Blow, Fire, fires, kill_and_go_on, nothing


def attempt(name: str, act: Callable[[], object]) -> bool:
    """Run one case; tell how it ended."""
    began = time.monotonic()
    try:
        told = act()
    except Exception:
        traceback.print_exc()
        print(f"FAILED  {name}", flush=True)
        return False
    print(f"ok  {time.monotonic() - began:5.1f} s  {name}  {told}", flush=True)
    return True


def steps(number: int, rng: random.Random, folder: Path, until: float) -> list[bool]:
    """Kill in this process."""
    done: list[bool] = []
    every = scenarios()
    for scenario in every:
        scenario.prepare(folder / scenario.name)
        print(f"{scenario.name}: {scenario.changes} changes of the file system", flush=True)
    total = sum(s.changes for s in every)
    cases: list[tuple[Scenario, int]] = []
    for scenario in every:
        wanted = max(1, round(number * scenario.changes / total))
        cases += [(scenario, p) for p in points(scenario.changes, wanted, rng)]
    rng.shuffle(cases)
    for scenario, point in cases:
        if time.monotonic() > until:
            break
        kills = [point]
        if rng.random() < 0.5:
            kills.append(rng.randrange(scenario.changes))
        name = f"{scenario.name} at {kills}"
        place = folder / "case"
        done.append(
            attempt(name, lambda s=scenario, k=kills, p=place: kill_and_retry(s, p, k))  # type: ignore[misc]
        )
    return done


def real(
    number: int, rng: random.Random, folder: Path, until: float, span: float | None
) -> list[bool]:
    """Kill the real command, in turn of each scenario."""
    done: list[bool] = []
    every = scenarios()[:2]
    spans = {}
    for scenario in every:
        scenario.prepare(folder / f"real {scenario.name}")
        began = time.monotonic()
        if span is None:
            kill_for_real(scenario, folder / "case", [], alone=False)
        spans[scenario.name] = span or time.monotonic() - began
        print(f"{scenario.name}: {spans[scenario.name]:.1f} s", flush=True)
    order = list(range(number))
    rng.shuffle(order)
    for i in order:
        if time.monotonic() > until:
            break
        scenario, alone = every[i % 2], bool(i // 2 % 2)
        seconds = spans[scenario.name]
        kills = [seconds * (i + rng.random()) / number]
        if i % 5 == 4:
            kills.append(seconds * rng.random())
        whom = "main process" if alone else "group"
        name = f"real: {scenario.name}, {whom} after {', '.join(f'{k:.1f} s' for k in kills)}"
        done.append(
            attempt(
                name,
                lambda s=scenario, k=kills, a=alone: kill_for_real(  # type: ignore[misc]
                    s, folder / "case", k, alone=a
                ),
            )
        )
    return done


def fire(
    number: int, rng: random.Random, folder: Path, until: float, keep: Path | None
) -> list[bool]:
    """Hit the whole workflow; a case takes several blows. Give how each blow ended."""
    every = [_prepared(f, keep or folder) for f in fires()]
    order: list[Blow] = []
    done: list[bool] = []
    while len(done) < number and time.monotonic() < until:
        if len(order) < 4:
            order += rng.sample(BLOWS, len(BLOWS))
        fallen: list[str] = []
        of, blows = rng.choice(every), [order.pop(0) for _ in range(rng.randrange(1, 5))]

        def case(of: Fire = of, blows: list[Blow] = blows, told: list[str] = fallen) -> str:
            told += kill_and_go_on(of, folder / "fire", blows, rng)
            return "".join(f"\n    {line}" for line in told)

        fine = attempt(f"{of.scenario.name}: {', '.join(b.name for b in blows)}", case)
        done += [fine] * max(1, len(fallen))
    return done


def _prepared(of: Fire, folder: Path) -> Fire:
    """Make the inputs of a scenario, or take those of an earlier run of this script."""
    file = folder / f"{of.scenario.name}.pickle"
    if not file.exists():
        of.prepare(folder / of.scenario.name)
        of.scenario.make = of.scenario.act = nothing
        file.write_bytes(pickle.dumps(of))
    made: Fire = pickle.loads(file.read_bytes())
    print(f"{of.scenario.name}: {made.cpu:.1f} s CPU, {made.jobs} jobs", flush=True)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200, help="kills in this process")
    parser.add_argument("--real", type=int, default=20, help="kills of the real command")
    parser.add_argument(
        "--apart", action="store_true", help="kill in this process between many jobs"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no kill after that")
    parser.add_argument("--span", type=float, help="seconds of a real run [measured]")
    parser.add_argument("--fire", type=int, default=0, help="blows to the whole workflow")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="inputs of --fire, kept")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    rng, until = random.Random(args.seed), time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory(prefix="varhouse-kills-") as name:
        folder = Path(name)
        with many_jobs() if args.apart else contextlib.nullcontext():
            in_process = steps(args.steps, rng, folder, until) if args.steps else []
        for_real = real(args.real, rng, folder, until, args.span) if args.real else []
        blows = fire(args.fire, rng, folder, until, args.keep) if args.fire else []
    wrong = [*in_process, *for_real, *blows].count(False)
    print(
        f"{len(in_process)} in one process, {len(for_real)} real, {len(blows)} blows to the"
        f" whole workflow, {wrong} failed"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
