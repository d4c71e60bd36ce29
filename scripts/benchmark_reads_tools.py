#!/usr/bin/env python3
"""Compare the tools that may do a step of `varhouse call`: what they find, what they cost.

    python scripts/benchmark_reads_tools.py WORK [--only hiseq30 mgi30]

Makes reads of made people (tests/simreads.py), calls them by each path of which the programs
are there, compares the calls with what is true (tests/calls_compare.py) and prints a row a
path; docs/reads-tools.md has the rows. CPU seconds are those of all processes.
"""

import argparse
import resource
import shutil
import sys
from pathlib import Path

import numpy as np
import pysam

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from calls_compare import compare
from simgenome import make_genome, make_truth, write_fasta, write_truth
from simreads import CALIBRATED, CONTEXT, simulate

from varhouse.reads import othertools, tools
from varhouse.reads.align import AlignSettings, Other, align_lane, read_group
from varhouse.reads.callregion import CallSettings, call_region
from varhouse.reads.finish import finish_person
from varhouse.reads.gvcf import join_regions
from varhouse.reads.index import Index, make_index
from varhouse.reads.model import Filters, Lane, LaneFacts, Span
from varhouse.reads.othercallers import call_region_with
from varhouse.reads.pipeline import Command

BASES = 400_000
SETS = {
    "hiseq30": (501, "hiseq", 30.0, CALIBRATED),
    "mgi30": (502, "mgi", 30.0, CONTEXT),
    "hiseq15": (503, "hiseq", 15.0, CONTEXT),
}
"""Seed, machine, depth, errors."""
PATHS = (
    ("pybwa", "cutadapt", "bcftools"),
    ("pybwa", "cutadapt", "freebayes"),
    ("bwa", "cutadapt", "bcftools"),
    ("minimap2", "cutadapt", "bcftools"),
    ("minimap2", "cutadapt", "freebayes"),
    ("pybwa", "fastp", "bcftools"),
)


def cpu() -> float:
    """Give the CPU seconds of this process and of those that it started."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def open_index(fasta: Path, aligner: str) -> Index:
    """Make the index of an aligner."""
    if aligner == "pybwa":
        return make_index(fasta, fasta.parent / "index")
    program = tools.resolve(aligner)
    return make_index(
        fasta,
        fasta.parent / "index",
        aligner=aligner,
        build=lambda own: Command(othertools.index_argv(program, own)),
        suffixes=othertools.INDEXES[aligner].suffixes,
    )


def align(lane: Lane, facts: LaneFacts, index: Index, aligner: str, trim: str) -> Path:
    """Align a lane and mark duplicates."""
    out, other, trimmer = index.fasta.parent.parent / "p.bam", None, None
    if aligner != "pybwa":
        program = tools.resolve(aligner)
        stage = othertools.align_command(program, index.fasta, read_group(lane), 1)
        other = Other(stage, othertools.tool_of(program, "align", []))
    if trim == "fastp":
        fastp, report = tools.resolve("fastp"), out.with_name("fastp.json")
        stage = othertools.trim_command(fastp, lane.files, "pairs", report)
        trimmer = Other(stage, othertools.tool_of(fastp, "trim", []))
    lanes = out.with_name("lane.bam")
    settings = AlignSettings()
    align_lane(lane, facts, index, lanes, settings=settings, aligner=other, trimmer=trimmer)
    finish_person([lanes], out, fasta=index.fasta, sample=lane.sample)
    return out


def call(bam: Path, fasta: Path, caller: str, filters: Filters) -> Path:
    """Call the contig, and give the gVCF."""
    part, out = bam.with_name("part"), bam.with_name("calls.g.vcf.gz")
    shutil.rmtree(part, ignore_errors=True)
    span, keywords = Span("chr1", 0, BASES), {"sample": "S", "copies": [], "panel": None}
    if caller == "bcftools":
        call_region(bam, fasta, span, part, settings=CallSettings(), **keywords)
    else:
        program = tools.resolve(caller)
        call_region_with(program, bam, fasta, span, part, settings=CallSettings(), **keywords)
    join_regions([part], out, fasta=fasta, sample="S", header=[], filters=filters)
    return out


def measure(name: str, work: Path) -> None:
    """Print a row for each path of a set."""
    seed, platform, depth, errors = SETS[name]
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    genome = make_genome(seed, {"chr1": BASES})
    fasta = write_fasta(work / "ref.fa", genome)
    pysam.faidx(str(fasta))
    rng = np.random.default_rng(seed + 1)
    truth = make_truth(rng, genome, snvs=1 / 500, indels=1 / 1_500)
    true = write_truth(work / "truth.vcf.gz", truth, genome)
    reads = simulate(
        *(genome, truth, work / "reads"),
        depth=depth,
        platform=platform,
        names="mgi" if platform == "mgi" else "illumina",
        seed=seed,
        errors=errors,
        adapters=0.05,
        ending=".fastq",
    )
    files = [str(f) for f in reads.files]
    machine = "DNBSEQ" if platform == "mgi" else "ILLUMINA"
    lane = Lane("c", "S", "L1", "lib", machine, "pairs", files)
    facts = LaneFacts("pairs", 2 * reads.n_pairs, reads.n_bases, 150)
    for aligner, trim, caller in PATHS:
        index, start = open_index(fasta, aligner), cpu()
        bam = align(lane, facts, index, aligner, trim)
        aligned = cpu()
        calls = call(bam, index.fasta, caller, Filters())
        seconds = [
            (b - a) / reads.n_bases * 1e9 for a, b in ((start, aligned), (aligned, cpu()))
        ]
        found = compare(fasta, true, calls)
        print(
            f"{name} {aligner} {trim} {caller}: SNV {found.snv}; indel {found.indel};", end=""
        )
        print(" CPU s a gigabase: {:.0f} aligned, {:.0f} called".format(*seconds), flush=True)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("work", type=Path, help="folder for reads and calls; removed")
    parser.add_argument("--only", nargs="*", choices=SETS, default=list(SETS))
    said = parser.parse_args()
    for name in said.only:
        measure(name, said.work / name)
        shutil.rmtree(said.work / name)


if __name__ == "__main__":
    main()
