"""Reads of two made people, and the jobs of `varhouse call` in this process.

The jobs run as Snakemake would run them: those whose outputs are there are not run again.
"""

import argparse
import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from simreads import female, make_genome, make_truth, male, simulate, write_fasta

from varhouse.calling import driver, steps
from varhouse.calling.run import CallRun, load_call_run
from varhouse.ingest.driver import Options

GENOME = {"chr1": 16_000, "chrX": 8_000, "chrY": 6_000, "chrM": 2_000}
HEADER = ("cohort", "sample", "sex", "population", "lane", "fastq_1", "fastq_2")


def make_reads(folder: Path, depth: float = 12) -> Path:
    """Make a reference, two people, the sheet and the configuration; gives the latter."""
    genome = make_genome(1, GENOME)
    write_fasta(folder / "ref.fa", genome)
    rows = ["\t".join(HEADER)]
    for seed, (name, sex, lanes) in enumerate((("ann", "female", 1), ("bob", "male", 2))):
        truth = make_truth(np.random.default_rng(seed), genome)
        for lane in range(lanes):
            reads = simulate(
                genome,
                truth,
                folder / f"{name}{lane}",
                depth=depth,
                platform="hiseq",
                names="illumina",
                copies=male(genome) if sex == "male" else female(genome),
                seed=10 * seed + lane,
            )
            files = [str(Path(f).relative_to(folder)) for f in reads.files]
            rows.append("\t".join(["north", name, sex, "P", f"L{lane + 1}", *files]))
    (folder / "reads.tsv").write_text("\n".join(rows) + "\n")
    config = {"assembly": "toy", "reference": "ref.fa", "reads": "reads.tsv"}
    (folder / "config.yaml").write_text(json.dumps(config))
    return folder / "config.yaml"


class Steps:
    """Runs the jobs of a run in this process, and counts them by rule and name."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def __call__(self, work: Path, token: str, *, run: str = "run.json", **_: Any) -> None:
        loaded = load_call_run(work / run)
        for name, given in jobs_of(loaded):
            output = work / "jobs" / f"{name}.json"
            if output.exists():
                continue
            rule = name.partition("/")[0]
            args = argparse.Namespace(
                run_step=rule,
                run_json=work / run,
                threads=1,
                output=output,
                alone=False,
                **given,
            )
            steps.run_step(args)
            self.ran.append(name)

    def rules(self) -> list[str]:
        """Give the rules of the jobs that ran, and forget them."""
        ran, self.ran = [name.partition("/")[0] for name in self.ran], []
        return ran


def jobs_of(run: CallRun) -> list[tuple[str, dict[str, Any]]]:
    """List the jobs of a run in an order in which they can run: name, options."""
    if run.step == "check":
        return [(f"reads_check/{key}", {"check": key}) for key in run.jobs.check]
    out: list[tuple[str, dict[str, Any]]] = [("reads_index", {})] if run.todo else []
    for p in run.todo:
        if p.whole:
            out.append((f"reads_person/{p.calls}", {"calls": p.calls}))
            continue
        if p.start == "reads":
            out += [(f"reads_align/{key}", {"lane": key}) for key in p.lanes]
        out.append((f"reads_finish/{p.alignment}", {"alignment": p.alignment}))
        out += [
            (f"reads_call/{p.calls}/{k}", {"calls": p.calls, "job": k})
            for k in range(len(p.jobs))
        ]
        out.append((f"reads_gvcf/{p.calls}", {"calls": p.calls}))
    return [*out, (f"reads_batch/{run.batch}", {})]


def call_here(
    config: Path, runner: Steps | None = None, **options: Any
) -> tuple[int, dict[str, Any]]:
    """Run `varhouse call` in this process."""
    with mock.patch.object(driver, "run_snakemake", runner or Steps()):
        return driver.call(config, Options(**options))
