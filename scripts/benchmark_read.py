#!/usr/bin/env python3
"""Measure reading and checking of whole files against `bcftools view -Ou`.

usage: scripts/benchmark_read.py FILE... [--runs N]

For each FILE three processes a run, one after another: V (`bcftools view -Ou -o /dev/null`
of pysam), `check` (all rules of header and records; genotypes of GT-only records as lists
of carriers, counted) and `typed` (the same rules, every INFO key as an Arrow column, every
FORMAT value typed). Prints one JSON line a file with the medians of the CPU seconds of
whole processes (user and system, start included), their ratios to V, the peak memory, and
whether the counts agree with bcftools' own: the ALT alleles that were read are compared
with the sum of INFO/AC.
"""

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

from varhouse.genome.contigs import AnyContigs
from varhouse.vcf.account.faults import Faults
from varhouse.vcf.account.problems import Account
from varhouse.vcf.blocks import iter_text
from varhouse.vcf.check.scanner import Scanner
from varhouse.vcf.fields.info import InfoReader
from varhouse.vcf.header.keys import key_table
from varhouse.vcf.samples.typed import SampleReader
from varhouse.vcf.text.bgzf import file_kind
from varhouse.vcf.text.cuts import Cutter
from varhouse.vcf.text.limits import DEFAULTS
from varhouse.vcf.text.lines import RecordBatch, read_batch

V = "import sys, pysam.bcftools as b; b.view('-Ou', '-o', '/dev/null', sys.argv[1], catch_stdout=False)"  # noqa: E501


def read(path: Path, *, typed: bool) -> dict[str, int | str]:
    """Read and check a file; gives records, values, verdict and called ALT alleles."""
    account = Account(path.name)
    cutter = Cutter(1 << 62, 1 << 62)
    scanner = Scanner(path, AnyContigs(), None, account, cutter, DEFAULTS)
    readers: list = []
    values = alts = 0

    def walk(batch: RecordBatch, faults: Faults) -> None:
        nonlocal values, alts
        info, samples = readers
        values += sum(map(len, info.read(batch, faults).columns))
        if typed and scanner.header.samples:
            values += samples.read(batch, faults).tape.values.size
        else:
            found = samples.check_calls(batch, faults)
            alts += _count_alts(found, len(scanner.header.samples)) if found else 0

    for block in iter_text(path, file_kind(path)):
        scanner.text.take(block.data)
        data = block.data
        if scanner.rules is None:
            data = scanner.take_header(data)
            header = scanner.header
            info, form = key_table(header, "INFO"), key_table(header, "FORMAT")
            keys = [n for k, n in enumerate(form.names) if form.arrays.declared[k]]
            readers += [
                InfoReader(info, info.names[: info.n_declared] if typed else ()),
                SampleReader(form, len(header.samples), keys if typed else ()),
            ]
            scanner.rules.walk = walk
        if data:
            line = scanner.n_lines + 1
            scanner.take_records(read_batch(data, scanner.n_records, line), 0)
    scanner.finish()
    return {
        "records": scanner.n_records,
        "values": values,
        "alts": alts,
        "verdict": account.verdict,
        "problems": sum(account.counts.values()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _count_alts(found, n_samples: int) -> int:
    """Count called ALT alleles, as a check that nobody was lost."""
    copies = (found.alleles > 0).sum(1)
    others = n_samples - np.diff(found.pointer)
    return int((copies[found.default] * others).sum() + copies[found.what].sum())


def sum_of_ac(path: Path) -> int:
    """Add up INFO/AC of a file, by bcftools."""
    code = (
        "import sys, pysam.bcftools as b; "
        "b.query('-f', '%INFO/AC\\n', '-o', sys.argv[2], sys.argv[1], catch_stdout=False)"
    )
    out = Path(f"/dev/shm/ac.{os.getpid()}")
    subprocess.run([sys.executable, "-c", code, str(path), str(out)], check=True)
    total = sum(int(n) for n in re.findall(r"\d+", out.read_text()))
    out.unlink()
    return total


def timed(command: list[str]) -> tuple[float, str]:
    """Run a process; gives its CPU seconds and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout)


def measure(path: Path, runs: int) -> dict[str, object]:
    """Measure a file: V and our ways in turn, `runs` times."""
    ways = {"V": [sys.executable, "-c", V, str(path)]}
    for mode in ("check", "typed"):
        ways[mode] = [sys.executable, __file__, str(path), "--mode", mode]
        subprocess.run(ways[mode], check=True, capture_output=True)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    answers = {}
    for _ in range(runs):
        for name, command in ways.items():
            cpu, text = timed(command)
            seconds[name].append(cpu)
            if name != "V":
                answers[name] = json.loads(text)
    medians = {name: statistics.median(s) for name, s in seconds.items()}
    row: dict[str, object] = {"file": path.name}
    row.update({f"{name}_cpu_s": round(s, 2) for name, s in medians.items()})
    row.update({f"{n}_by_V": round(medians[n] / medians["V"], 3) for n in answers})
    row["answers"] = answers
    if answers["check"]["alts"]:
        row["alts_agree"] = answers["check"]["alts"] == sum_of_ac(path)
    return row


def main() -> int:
    # The processes timed start as a user's do: their modules were compiled by an earlier run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--mode", choices=("check", "typed"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    for path in args.files:
        if args.mode:
            print(json.dumps(read(path, typed=args.mode == "typed")))
        else:
            print(json.dumps(measure(path, args.runs)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
