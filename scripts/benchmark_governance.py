#!/usr/bin/env python3
"""Measure what governance costs: ledger, gate, releases of views, masking, attacks, questions.

usage: scripts/benchmark_governance.py FOLDER [--alleles N] [--people N] [--given N]
       [--entries N] [--runs N] [--only TASK,...]

Draws three cohorts of `--people` people and `--alleles` alleles, with a genome, takes them in
and enters their papers; and a store of one cohort of `--given` people, whose data a recipient
has. Both stay in FOLDER, and are not made again. Each task is a process of its own, and what
it starts is counted with it. Prints one JSON line a task: CPU and wall seconds (the least of
`--runs`, where a task can be done again), MB of the greatest process, and what its answer was
compared with. Exit code 1 if an answer is not what it is compared with.

Tasks: import, verify, check, given, release, mask, attack, query.
"""

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "unit")]

from builders import make_store  # noqa: E402
from governedstores import make_governed, sample_rows  # noqa: E402

from varhouse.disclosure.policy import parse  # noqa: E402
from varhouse.disclosure.protect import protect_tables  # noqa: E402
from varhouse.governance.ledger import Entry, Ledger  # noqa: E402
from varhouse.governed import ledger_file  # noqa: E402
from varhouse.sharing.gate import way_out  # noqa: E402
from varhouse.sharing.request import Content, Request  # noqa: E402
from varhouse.store.reader import open_store  # noqa: E402

COHORTS = ("north", "south", "west")
POPULATIONS = ("P1", "P2", "P3")
SPACE = 100
"""Bases between alleles."""

K = 5
_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT"
TASKS = ("import", "verify", "check", "given", "release", "mask", "attack", "query")


@dataclass
class Done:
    """What a process cost, and what it said."""

    cpu: float
    wall: float
    mb: float
    out: bytes


class Comparison:
    """Answers that are not what they are compared with."""

    def __init__(self) -> None:
        self.wrong: list[str] = []

    def say(self, task: str, done: Done, *, agrees: bool, **values: Any) -> None:
        """Print a line of a task."""
        told = {
            "cpu_s": round(done.cpu, 2),
            "wall_s": round(done.wall, 2),
            "mb": round(done.mb),
        }
        print(json.dumps({"task": task, **told, **values, "agrees": agrees}), flush=True)
        if not agrees:
            self.wrong.append(task)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--alleles", type=int, default=40_000)
    parser.add_argument("--people", type=int, default=400, help="of a cohort")
    parser.add_argument("--given", type=int, default=100_000, help="people given before")
    parser.add_argument("--entries", type=int, default=10_000, help="of the ledger")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(TASKS), help="these tasks")
    parser.add_argument("--mask", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.mask:
        mask(args.mask)
        return 0
    folder, wanted = args.folder, args.only.split(",")
    folder.mkdir(parents=True, exist_ok=True)
    told = Comparison()
    if {"import", "verify"} & set(wanted):
        measure_ledger(folder, args.entries, args.runs, told)
    if "given" in wanted:
        measure_given(folder, args.given, args.runs, told)
    if set(TASKS[2:]) - {"given"} & set(wanted):
        measure_store(folder, args, wanted, told)
    return 1 if told.wrong else 0


LAUNCH = """
import ctypes, os, subprocess, sys, time
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: none goes uncounted
began, cpu, peak, code = time.monotonic(), 0.0, 0, 1
process = subprocess.Popen([sys.executable, *sys.argv[2:]])
while True:
    try:
        pid, status, used = os.wait4(-1, 0)
    except ChildProcessError:
        break
    cpu, peak = cpu + used.ru_utime + used.ru_stime, max(peak, used.ru_maxrss)
    if pid == process.pid:
        code = process.returncode = os.waitstatus_to_exitcode(status)
wall = time.monotonic() - began
os.write(int(sys.argv[1]), f"{cpu} {wall} {peak / 1024} {code}".encode())
"""
"""Starts a process: a small one does, as the peak of a child begins with its parent's size."""


def run(words: Sequence[object], *, fails: bool = False) -> Done:
    """Run Python with words; give the cost of the process and of all that it started."""
    told, tells = os.pipe()
    command = [sys.executable, "-I", "-S", "-c", LAUNCH, str(tells), *map(str, words)]
    env = {**os.environ, "POLARS_MAX_THREADS": "1"}
    out = subprocess.run(
        command, stdout=subprocess.PIPE, env=env, pass_fds=[tells], check=True
    ).stdout
    os.close(tells)
    with os.fdopen(told) as pipe:
        cpu, wall, peak, code = map(float, pipe.read().split())
    if code and not fails:
        raise SystemExit(f"{' '.join(map(str, words))}: exit code {code:.0f}")
    return Done(cpu, wall, peak, out)


def varhouse(*words: object, fails: bool = False) -> Done:
    return run(["-m", "varhouse", *words], fails=fails)


def least(runs: int, *words: object, fails: bool = False) -> Done:
    """Run a command that changes nothing several times, and give the cheapest."""
    return min((varhouse(*words, fails=fails) for _ in range(runs)), key=lambda d: d.cpu)


def write_sheet(path: Path, rows: Sequence[dict[str, object]]) -> Path:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text(out.getvalue())
    return path


# --- the ledger ---


def measure_ledger(folder: Path, entries: int, runs: int, told: Comparison) -> None:
    """Take a sheet of papers in, once more, and verify what came of it."""
    store = folder / "ledgered"
    shutil.rmtree(store, ignore_errors=True)
    make_store(store, {})
    rows = [
        {"kind": "collection", "number": f"BENCH-{i}", "issuer": "NHC",
         "cohorts": f"c{i % 500}", "valid_from": "2026-01-01", "valid_until": "2029-12-31",
         "people": 3000}
        for i in range(entries)
    ]  # fmt: skip
    sheet = write_sheet(folder / "papers.tsv", rows)
    done = varhouse("ledger", "import", store, sheet)
    found = varhouse("ledger", "log", store, "--json").out.count(b"\n")
    told.say("import", done, agrees=found == entries, entries=found)
    again = varhouse("ledger", "import", store, sheet)
    told.say("import again", again, agrees=b"entered" not in again.out)
    done = least(runs, "ledger", "verify", store)
    ledger = ledger_file(store)
    told.say("verify", done, agrees=damage_is_found(store, ledger))


def damage_is_found(store: Path, ledger: Path) -> bool:
    """Change one letter in the middle of the ledger: `verify` has to refuse."""
    raw = ledger.read_bytes()
    at = raw.index(b"BENCH-", len(raw) // 2)
    ledger.write_bytes(raw[:at] + b"BENCX-" + raw[at + 6 :])
    try:
        return code_of("ledger", "verify", store) != os.EX_OK
    finally:
        ledger.write_bytes(raw)


def code_of(*words: object) -> int:
    command = [sys.executable, "-m", "varhouse", *map(str, words)]
    return subprocess.run(command, capture_output=True, check=False).returncode


# --- the gate ---


def measure_given(folder: Path, people: int, runs: int, told: Comparison) -> None:
    """Ask for one person more of a recipient who was given so many."""
    store, to = folder / "given", "Demo University"
    if not store.exists():
        cohorts = {
            "many": sample_rows("many", [f"M{i}" for i in range(people)]),
            "more": sample_rows("more", ["N1", "M1"]),
        }
        paper = {"kind": "dac_decision", "number": "D-1", "cohorts": tuple(cohorts),
                 "recipients": (to,)}  # fmt: skip
        make_governed(store, cohorts, [Entry("paper", "", paper)])
        request = Request(store, cohorts=("many",), recipient=to, content=Content.INDIVIDUAL)
        with way_out(request):
            pass
    words = ["share", "check", store, "--to", to, "--cohort", "more", "--json"]
    done = least(runs, *words, "--content", "individual", fails=True)
    answer = json.loads(done.out)
    counted = answer["people"]["after"]["total"]
    told.say(
        "given", done, agrees=counted == people + 1, answer=answer["answer"], after=counted
    )


# --- a store with views ---


def measure_store(
    folder: Path, args: argparse.Namespace, wanted: Sequence[str], told: Comparison
) -> None:
    """Make the store, release its public view, mask, attack and ask it."""
    store = folder / "store"
    if not store.exists():
        draw(folder, args.alleles, args.people)
    if "check" in wanted:
        words = ["share", "check", store, "--to", "open", "--content", "aggregate", "--json"]
        done = least(args.runs, *words, fails=True)
        answer = json.loads(done.out)["answer"]
        told.say("check", done, agrees=answer == "allow", answer=answer)
    view = store / "_views" / "public"
    if "release" in wanted or not view.exists():
        shutil.rmtree(view, ignore_errors=True)
        measure_release(store, view, told)
    if "mask" in wanted:
        measure_mask(store, view, told)
    if "attack" in wanted:
        done = least(args.runs, "audit", "attack", view, "--least", K, "--json")
        found = json.loads(done.out)
        kept = meta_of(view)
        agrees = all(found[n] == kept[n] for n in ("power", "small_cells", "membership"))
        told.say("attack", done, agrees=agrees, power=found["power"], of="the release's own")
    if "query" in wanted:
        measure_query(store, args.alleles, args.runs, told)


def draw(folder: Path, alleles: int, people: int) -> None:
    """Draw genome and cohorts, take them in, and enter what the rules ask for."""
    rng = np.random.default_rng(7)
    genome = rng.choice(np.frombuffer(b"ACGT", np.uint8), SPACE * (alleles + 2))
    text = genome.tobytes().decode()
    fasta = "".join(f"{text[i : i + 60]}\n" for i in range(0, len(text), 60))
    (folder / "genome.fa").write_text(f">chr1\n{fasta}")
    of = len(COHORTS) * people
    p = np.where(rng.random(alleles) < 0.5, np.exp(rng.uniform(np.log(0.5 / of), 0, alleles)),
                 rng.uniform(0.05, 0.95, alleles))  # fmt: skip
    samples: list[dict[str, object]] = []
    for cohort in COHORTS:
        names = [f"{cohort}-{i}" for i in range(people)]
        samples += [
            {"cohort": cohort, "sample": n, "sex": ("male", "female")[i % 2],
             "population": str(rng.choice(POPULATIONS, p=[0.5, 0.4, 0.1]))}
            for i, n in enumerate(names)
        ]  # fmt: skip
        write_vcf(
            folder / f"{cohort}.vcf",
            text,
            names,
            rng.binomial(2, p[:, None], (alleles, people)),
        )
    write_sheet(folder / "samples.tsv", samples)
    rows: list[dict[str, object]] = [
        {"cohort": c, "files": f"{c}.vcf", "assay": "WGS"} for c in COHORTS
    ]
    write_sheet(folder / "cohorts.tsv", rows)
    (folder / "config.yaml").write_text(
        "assembly: {name: BENCH, reference: genome.fa}\ncohorts: cohorts.tsv\n"
        "samples: samples.tsv\nstrata: [sex, population]\n"
    )
    store = folder / "store"
    done = varhouse("ingest", store, "--config", folder / "config.yaml", "--cores", 1)
    print(json.dumps({"task": "ingest", "cpu_s": round(done.cpu, 1)}), flush=True)
    enter_papers(store)


def enter_papers(store: Path) -> None:
    fields = {"tier": "T0", "people.WGS": 1000, "is_pedigree": False,
              "is_specific_region": False, "us_people": 0, "foreign_share": 0.0}  # fmt: skip
    entries = [Entry("rules", "", {"file": "builtin"})]
    entries += [Entry("cohort", c, fields) for c in COHORTS]
    for kind in ("ethics", "consent", "report", "backup"):
        paper: dict[str, Any] = {"kind": kind, "number": f"{kind}-1", "cohorts": COHORTS}
        if kind in ("report", "backup"):
            paper["recipients"] = ("open",)
        entries.append(Entry("paper", "", paper))
    Ledger.open(store).add_all(entries)


def write_vcf(path: Path, genome: str, names: Sequence[str], copies: Any) -> None:
    """Write genotypes (alleles x people of copies) at every SPACE bases."""
    cells = np.frombuffer(b"\t0/0\t0/1\t1/1", np.uint8).reshape(3, 4)
    other = {"A": "G", "G": "A", "C": "T", "T": "C"}
    head = ["##fileformat=VCFv4.2", '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">',
            f"##contig=<ID=chr1,length={len(genome)}>",
            "\t".join([_COLUMNS, *names])]  # fmt: skip
    with path.open("wb") as out:
        out.write(("\n".join(head) + "\n").encode())
        for i, row in enumerate(copies):
            pos = SPACE * (i + 1)
            ref = genome[pos - 1]
            out.write(f"chr1\t{pos}\t.\t{ref}\t{other[ref]}\t50\tPASS\t.\tGT".encode())
            out.write(cells[row].tobytes() + b"\n")


def meta_of(view: Path) -> dict[str, Any]:
    """Give what the attack on the newest release of a view measured."""
    shows: Any = open_store(view).meta["shows"]
    found: dict[str, Any] = shows["attack"]
    return found


def measure_release(store: Path, view: Path, told: Comparison) -> None:
    """Make the first release of a view: no count that is shown differs from the store's."""
    done = varhouse("share", "release", store, "--role", "public")
    key = ["contig", "pos", "ref", "alt", "extent", "stratum_by", "stratum"]
    shown, whole = (open_store(s).scan("totals") for s in (view, store))
    both = shown.filter(pl.col("ac").is_not_null()).join(
        whole, on=key, how="left", suffix="_of"
    )
    frame = both.select("ac", "ac_of").collect()
    agrees = frame.height > 0 and frame["ac"].eq_missing(frame["ac_of"]).all()
    told.say("release", done, agrees=agrees, shown=frame.height, of="the store's totals")


def tables_of(store: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    opened = open_store(store)
    return opened.scan("frequencies").collect(), opened.scan("totals").collect()


def measure_mask(store: Path, view: Path, told: Comparison) -> None:
    """Mask all rows in a process of its own: as many are masked as in the view."""
    own = run([Path(__file__).resolve(), store, "--mask", store])
    found = json.loads(own.out)
    tables = tables_of(view)
    masked = sum(t["ac"].null_count() for t in tables)
    agrees = found["null"] == masked and found["left"] == sum(t.height for t in tables)
    told.say("mask", own, agrees=agrees, **found, of="the view's rows")


def mask(store: Path) -> None:
    """Mask the rows of a store, site by site in pieces, and say how many."""
    frequencies, totals = tables_of(store)
    key = ["cohort", "stratum_by", "stratum"]
    sizes = frequencies.group_by(key).agg(people=pl.col("n_samples").max().cast(pl.UInt32))
    policy, rows, left, null, used = parse(None)["public"], 0, 0, 0, 0.0
    last = int(str(totals["pos"].max()))
    for first in range(0, last + 1, 4000 * SPACE):
        piece = [t.filter(pl.col("pos").is_between(first, first + 4000 * SPACE - 1))
                 for t in (frequencies, totals)]  # fmt: skip
        began = time.process_time()
        kept = protect_tables(*piece, policy, sizes=sizes)
        used += time.process_time() - began
        rows += sum(p.height for p in piece)
        for table in (kept.frequencies, kept.totals):
            left, null = left + table.height, null + table["ac"].null_count()
    print(
        json.dumps(
            {"rows": rows, "left": left, "null": null, "rows_a_cpu_s": round(rows / used)}
        )
    )


def measure_query(store: Path, alleles: int, runs: int, told: Comparison) -> None:
    """Ask the view and the whole store for the same region: what both show is equal."""
    middle = alleles // 2 * SPACE
    region = f"chr1:{middle}-{middle + 100_000}"
    words = ["query", store, "--region", region, "--format", "json"]
    view = least(runs, *words, "--audience", "public")
    whole = least(runs, *words, "--to", "inside", "--purpose", "test")
    name = ("contig", "pos", "ref", "alt")
    rows = {tuple(r[n] for n in name): r for r in json.loads(whole.out)}
    shown = json.loads(view.out)
    cells = [(r[c], rows[tuple(r[n] for n in name)][c])
             for r in shown for c in r if c.startswith("af") and r[c] is not None]  # fmt: skip
    agrees = bool(cells) and all(a == b for a, b in cells)
    told.say("query of the view", view, agrees=agrees, alleles=len(shown))
    told.say("query of the store", whole, agrees=agrees, alleles=len(rows))


if __name__ == "__main__":
    sys.exit(main())
